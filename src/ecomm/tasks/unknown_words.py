"""06: what a finding about unknown words says: the settings that mend it, and how much revenue the words bring."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pyspark.sql import functions as F

from ecomm.batch import Batch
from ecomm.contract import Rule, Shop, Source
from ecomm.sources.rules import among
from ecomm.tables import stage_name
from ecomm.transforms import valuation

_ENDING = "_known"
_VOCABULARY = {"category": "categories"}
_SHOWN = 5
# A status is no personal value; what does not look like a word is not shown all the same.
_WORD = r"\A[a-z_]{1,30}\z"


def column_of(rule: Rule, source: Source) -> str | None:
    """The column whose words a rule knows; None if it is no such rule."""
    column = rule.name.removesuffix(_ENDING)
    words = {c.name for c in source.columns if c.word} | set(_VOCABULARY)
    return column if rule.name.endswith(_ENDING) and column in words else None


def meaning(source: Source, rule: Rule, batch: Batch | None = None) -> str:
    """What a rule says that rows break: with the settings, if it is about words; with the revenue of the batch that a
    batch brings.
    """
    column = column_of(rule, source)
    if column is None:
        return rule.meaning
    vocabulary = _VOCABULARY.get(column, column)
    ways = [
        f"add the right ones to [vocabularies] {vocabulary}",
        f"map them to known ones in [sources.{source.name}.values.{column}]",
    ]
    brings = "" if batch is None or source.name != "orders" else _brings(batch, column)
    if column == "order_status":
        ways.append("add those that are no revenue to [shop] non_revenue_statuses")
    return f"{rule.meaning}{brings}; {', '.join(ways[:-1])} or {ways[-1]}"


def _brings(batch: Batch, column: str) -> str:
    """How much of the batch's revenue the rows with unknown words bring; of order_status also which words bring what.

    Reporting currency, of the batch's accepted rows; an amount without a rate is in no sum.
    """
    shop, store = batch.reading.shop, batch.store
    rows = store.fresh(stage_name("orders"), batch.revision).filter(F.col("op") == "U")
    valued = valuation.valued(rows, shop)
    known = F.coalesce(among(F.col(column), getattr(shop.vocabularies, column)), F.lit(True))
    word = F.when(known, F.lit("")).when(F.col(column).rlike(_WORD), F.col(column)).otherwise(F.lit("?"))
    revenue = F.coalesce(F.sum(F.when(F.col("is_revenue"), F.col("amount"))), F.lit("0").cast("decimal(28,3)"))
    found = valued.groupBy(known.alias("known"), word.alias("word")).agg(revenue.alias("revenue")).collect()
    total = sum((row["revenue"] for row in found), Decimal(0))
    unknown = [row for row in found if not row["known"]]
    doubtful = sum((row["revenue"] for row in unknown), Decimal(0))
    of_all = f"{doubtful:.{shop.places}f} of the batch's revenue of {total:.{shop.places}f} {shop.reporting_currency}"
    said = f"; they count as revenue: {of_all}"
    return f"{said} ({_words(unknown, shop)})" if column == "order_status" and unknown else said


def _words(unknown: Sequence[Any], shop: Shop) -> str:
    """The words with the revenue of each, the most first; at most five."""
    ordered = sorted(unknown, key=lambda row: (row["word"] == "?", -row["revenue"], row["word"]))
    shown = [row for row in ordered if row["word"] != "?"][:_SHOWN]
    rest = [row for row in ordered if row not in shown]
    said = [
        f"{row['word']} {row['revenue']:.{shop.places}f}"
        + (", no revenue" if row["word"] in shop.non_revenue_statuses else "")
        for row in shown
    ]
    if rest:
        said.append(f"others {sum((row['revenue'] for row in rest), Decimal(0)):.{shop.places}f}")
    return ", ".join(said)
