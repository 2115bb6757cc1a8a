"""Exchange rates: each row beside the rate of its currency on its day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Shop


def rated(rows: DataFrame, day: Column, shop: Shop) -> DataFrame:
    """The rows with `rate`: what one of their `currency` is worth in the reporting currency on a day; NULL: no rate.

    The rates are looked up once a currency and day, and come to the rows by equality: a join of all rows with the days
    from which rates hold would look at each rate for each row.
    """
    own = F.when(F.col("currency") == F.lit(shop.reporting_currency), F.lit(1)).cast("decimal(18,8)")
    spans = list(_spans(shop))
    if not spans:
        return rows.withColumn("rate", own)
    dated = rows.withColumn("_day", day)
    days = dated.select(F.col("currency").alias("_currency"), F.col("_day").alias("_on")).distinct()
    known = rows.sparkSession.createDataFrame(spans, "_code string, _from date, _until date, _foreign decimal(18,8)")
    holds = (
        (F.col("_currency") == F.col("_code"))
        & (F.col("_from") <= F.col("_on"))
        & (F.col("_until").isNull() | (F.col("_on") < F.col("_until")))
    )
    found = days.join(F.broadcast(known), holds, "inner").select("_currency", "_on", "_foreign")
    same = (F.col("currency") == F.col("_currency")) & (F.col("_day") == F.col("_on"))
    joined = dated.join(F.broadcast(found), same, "left").withColumn("rate", F.coalesce(own, F.col("_foreign")))
    return joined.drop("_day", "_currency", "_on", "_foreign")


def converted(money: Column, shop: Shop) -> Column:
    """An amount of a row with `rate` in the reporting currency, rounded half up once; NULL without a rate.

    Nearly all rows are in the reporting currency: the amount itself is rounded in half the time of a product.
    """
    product = canonical.published(money * F.col("rate"), shop.places)
    return F.when(F.col("rate") == F.lit(1), canonical.published(money, shop.places)).otherwise(product)


def _spans(shop: Shop) -> Iterator[tuple[str, date, date | None, Decimal]]:
    """Each foreign rate with the days that it holds for, half-open; the last of a currency holds for ever."""
    foreign = [r for r in shop.rates if r.currency != shop.reporting_currency]
    for code, group in groupby(foreign, key=lambda r: r.currency):
        rates = list(group)
        ends = [*(r.valid_from for r in rates[1:]), None]
        for rate, end in zip(rates, ends, strict=True):
            yield code, rate.valid_from, end, rate.rate.quantize(Decimal("0.00000001"))
