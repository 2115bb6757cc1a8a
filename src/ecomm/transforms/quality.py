"""Which rows of a batch are accepted: one pass over all rules, then duplicates, then the winner of each key."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Reading, Rule, Severity, Source
from ecomm.transforms.relations import several
from ecomm.transforms.stage import strings

SUPERSEDED = "superseded"
SEQUENCE_CONFLICT = "sequence_conflict"
LINE_MALFORMED = "line_malformed"
# What is found before a row has columns, and between rows: named like rules, found elsewhere.
MALFORMED = Rule(
    LINE_MALFORMED,
    Severity.HIGH,
    lambda _: F.lit(True),
    "too many or few fields, broken quote, too long, undecodable",
)
CONFLICT = Rule(SEQUENCE_CONFLICT, Severity.MEDIUM, lambda _: F.lit(True), "same key and time, other content")
PENALTY = {Severity.HIGH: Decimal(1), Severity.MEDIUM: Decimal("0.3"), Severity.LOW: Decimal("0.1")}
_CATEGORIES = {
    "completeness": ("_present", "_complete", "_assumed"),
    "format": ("line_malformed", "_format", "_readable", "_well_formed"),
    "referential": ("_exists",),
    "consistency": ("_agrees", "sequence_conflict", "email_unique"),
}


def category(rule_name: str) -> str:
    """What kind of check a name is, by its ending."""
    return next((c for c, endings in _CATEGORIES.items() if rule_name.endswith(endings)), "business_rule")


def score(penalties: Decimal, rows: int) -> Decimal:
    """100 x (1 - penalties / rows judged), two decimals, half up; no rows are perfect."""
    share = penalties / rows if rows else Decimal(0)
    return (100 * (1 - share)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def broken(rules: Iterable[Rule], reading: Reading) -> Column:
    """The names of the rules that a row breaks, as an array; malformed records break only `line_malformed`."""
    names = [F.when(~F.coalesce(rule.holds(reading), F.lit(True)), F.lit(rule.name)) for rule in rules]
    failed = F.filter(F.array(*names).cast("array<string>"), lambda name: name.isNotNull())
    return F.when(F.col("malformed"), strings([LINE_MALFORMED])).otherwise(failed)


def quarantining(source: Source, *, among_rivals: bool) -> list[Rule]:
    """The rules of a source that reject a row: those that look at the row alone, or those that look at its rivals."""
    return [r for r in source.rules if r.severity is Severity.HIGH and r.among_rivals is among_rivals]


def rivals(rows: DataFrame, source: Source, reading: Reading) -> DataFrame:
    """The rows that share their key with another, with the rules added to `reasons` that look at rivals."""
    repeated = several(rows.filter(F.col("key").isNotNull()), ["key"])
    among = quarantining(source, among_rivals=True)
    sharing = rows.join(repeated, "key", "left_semi")
    return sharing.withColumn("reasons", F.concat("reasons", broken(among, reading))) if among else sharing


def judge(rows: DataFrame, sharing: DataFrame | None, source: Source) -> DataFrame:
    """The rows of which something is to be said: grain = one record that is not simply accepted.

    rows: a batch's typed rows of a source, with the `reasons` of the rules that look at a row alone. sharing: its
    `rivals`, None if there are none. Gives source_file, source_line, key, verdict (rejected, duplicate, superseded, or
    flagged: accepted, but won against a rival of the same time), reasons, severity.
    Order: reject; then rows equal in all columns; then the winner of a key, which is the one with the greatest
    created_timestamp (missing lowest), then the greatest hashes, then the first in the files.
    """
    rejected = rows.filter(F.size("reasons") > 0).select(*_SAID_OF)
    if sharing is None:
        return _rejected(rejected)
    alone = rejected.join(sharing.select("source_file", "source_line"), ["source_file", "source_line"], "left_anti")
    together = alone.unionByName(sharing.filter(F.size("reasons") > 0).select(*_SAID_OF))
    return _rejected(together).unionByName(_losers(sharing.filter(F.size("reasons") == 0), source))


def _rejected(frame: DataFrame) -> DataFrame:
    return _verdict(frame, F.lit("rejected"), F.lit(str(Severity.HIGH)))


_SAID_OF = ("source_file", "source_line", "key", "reasons")


def _verdict(frame: DataFrame, verdict: Column, severity: Column) -> DataFrame:
    return frame.select(*_SAID_OF, verdict.alias("verdict"), severity.alias("severity"))


def _losers(sharing: DataFrame, source: Source) -> DataFrame:
    """Of accepted rows that share their key: all but the winners, and the winners that had a rival of their time."""
    contract = [(c.name, c.type) for c in source.stored]
    computed = [c.name for c in source.computed]
    known = {c.name for c in source.stored} | _JUDGED
    extras = [c for c in sharing.columns if c not in known]
    hashed = sharing.withColumns(
        {
            "all_hash": canonical.row_hash(contract),
            "published_hash": canonical.row_hash(source.published),
            "header": F.concat_ws(",", "absent_columns", F.lit("|").cast("string"), "extra_columns"),
        }
    )
    first = [F.col("source_file").asc(), F.col("source_line").asc()]
    same = Window.partitionBy("key", "all_hash", "header", *computed, *extras).orderBy(*first)
    by_time = Window.partitionBy("key").orderBy(
        F.col("created_timestamp").desc_nulls_last(),
        F.col("published_hash").desc(),
        F.col("all_hash").desc(),
        *first,
    )
    ranked = hashed.withColumn("copy", F.row_number().over(same))
    duplicates = _verdict(ranked.filter(F.col("copy") > 1), F.lit("duplicate"), F.lit(str(Severity.NONE)))

    whole = by_time.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    placed = ranked.filter(F.col("copy") == 1).withColumns(
        {
            "place": F.row_number().over(by_time),
            "rivals": F.count(F.lit(1)).over(whole),
            "winning_time": F.first("created_timestamp").over(whole),
        }
    )
    of_its_time = F.col("created_timestamp").eqNullSafe(F.col("winning_time"))
    placed = placed.withColumn("at_the_top", F.sum(F.when(of_its_time, 1).otherwise(0)).over(whole))
    won = F.col("place") == 1
    reason = F.when(of_its_time, strings([SEQUENCE_CONFLICT])).otherwise(strings([SUPERSEDED]))
    lost_or_flagged = placed.filter(~won | (F.col("at_the_top") > 1)).withColumn("reasons", reason)
    return duplicates.unionByName(
        _verdict(
            lost_or_flagged,
            F.when(won, F.lit("flagged")).otherwise(F.lit("superseded")),
            F.when(of_its_time, F.lit(str(Severity.MEDIUM))).otherwise(F.lit(str(Severity.NONE))),
        )
    )


_JUDGED = frozenset(
    (
        "source_file",
        "file_sha256",
        "source_line",
        "malformed",
        "absent_columns",
        "extra_columns",
        "key",
        "reasons",
    )
)


def errors(exceptions: DataFrame, standing: DataFrame, lineage: dict[str, Column]) -> DataFrame:
    """The rejected and superseded records as `<source>_errors` stores them. standing: the records as they stand."""
    lost = exceptions.filter(F.col("verdict").isin("rejected", "superseded"))
    return lost.join(standing, ["source_file", "source_line"]).withColumns(lineage)


def summary(exceptions: DataFrame) -> DataFrame:
    """What was found how often: one row a reason (`reason`, `rows`, and `sample`: at most five of the keys).

    Of a sequence conflict the winner counts, which is in stage; losers lie beside the batch's figures.
    """
    told = exceptions.filter(F.col("verdict").isin("rejected", "flagged"))
    each = told.select("source_file", "source_line", "key", F.explode("reasons").alias("reason"))
    first = Window.partitionBy("reason").orderBy("source_file", "source_line")
    numbered = each.withColumn("place", F.row_number().over(first))
    sample = F.collect_list(F.when((F.col("place") <= 5) & F.col("key").isNotNull(), F.col("key")))
    return numbered.groupBy("reason").agg(F.count(F.lit(1)).alias("rows"), F.sort_array(sample).alias("sample"))
