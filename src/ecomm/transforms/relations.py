"""How tables are laid over and beside each other: change sets over targets, facts beside the version of their time."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

ENTER, LEAVE = "ENTER", "LEAVE"


def changes(new: DataFrame, old: DataFrame | None, columns: Sequence[str]) -> DataFrame:
    """The change set that makes `new` of `old`: which rows enter and which leave (`change`).

    old: None if there is nothing yet. A row that differs in any column leaves and enters; rows that are equal in all
    columns are in neither. Rows are told apart by all their columns, NULL equal to NULL: one grouping, no join.
    """
    after = new.select(*columns)
    if old is None:
        return after.withColumn("change", F.lit(ENTER))
    sided = after.withColumn("side", F.lit(1)).unionByName(old.select(*columns).withColumn("side", F.lit(-1)))
    net = sided.groupBy(*columns).agg(F.sum("side").alias("side")).filter(F.col("side") != 0)
    return net.withColumn("change", F.when(F.col("side") > 0, ENTER).otherwise(LEAVE)).drop("side")


def contained(new: DataFrame, old: DataFrame, key: Sequence[str], columns: Sequence[str]) -> bool:
    """All rows of one table are in the other; both have unique keys, so they are equal if they have as many rows.

    Rows of one key are compared by a 64-bit hash of all columns, so that a wide table need not be held in memory. The
    hash is compared within one engine and never stored.
    """

    def printed(frame: DataFrame) -> DataFrame:
        texts = [F.coalesce(F.col(c).cast("string"), F.lit("\0")) for c in columns]
        return frame.select(*key, F.xxhash64(*texts).alias("print"))

    return not printed(new).join(printed(old), [*key, "print"], "left_anti").limit(1).collect()


def with_changes(target: DataFrame, changes: DataFrame, key: Sequence[str], columns: Sequence[str]) -> DataFrame:
    """A target as it will be: without the versions that leave, with those that enter.

    key: the columns that identify a row of the target. columns: those of the target.
    """
    stays = target.join(changes.filter(F.col("change") == LEAVE).select(*key), list(key), "left_anti")
    return stays.select(*columns).unionByName(entering(changes).select(*columns))


def entering(changes: DataFrame) -> DataFrame:
    """The rows of a change set that enter."""
    return changes.filter(F.col("change") == ENTER)


def several(rows: DataFrame, key: Sequence[str]) -> DataFrame:
    """The keys that more than one row has. Windows cost about 5 us a row and expression, so they are kept to these."""
    return rows.groupBy(*key).count().filter(F.col("count") > 1).select(*key)


def timeline(versions: DataFrame, key: str, before: Sequence[str] = ()) -> DataFrame:
    """Versions with `_from` and `_until` so that exactly one version of a key answers for any instant.

    The version valid then, else the nearest earlier one, else the first: so the first reaches back for ever (`_from`
    NULL), and each reaches to the start of the next, across a gap too (`_until` NULL for the last).
    before: columns whose value in the key's version before is added as `<name>_before`.
    """
    repeated = several(versions, [key])
    of_key = Window.partitionBy(key).orderBy("effective_date")
    first = F.row_number().over(of_key) == 1
    ever = F.lit(None).cast("timestamp")
    none = {f"{name}_before": F.when(F.lit(False), F.col(name)) for name in before}
    alone = versions.join(repeated, key, "left_anti").withColumns({"_from": ever, "_until": ever, **none})
    neighbours = versions.join(repeated, key, "left_semi").withColumns(
        {
            "_from": F.when(~first, F.col("effective_date")),
            "_until": F.lead("effective_date").over(of_key),
            **{f"{name}_before": F.lag(name).over(of_key) for name in before},
        }
    )
    return alone.unionByName(neighbours)


def as_of_join(facts: DataFrame, line: DataFrame, key: str, at: Column) -> DataFrame:
    """Each fact beside the one version of its `key` that answers for the instant `at`; no fact is lost or doubled.

    line: a `timeline`, whose columns but the key, `_from` and `_until` do not occur in the facts.
    """
    right = line.withColumnRenamed(key, "_key")
    here = (
        (F.col(key) == F.col("_key"))
        & (F.col("_from").isNull() | (F.col("_from") <= at))
        & (F.col("_until").isNull() | (at < F.col("_until")))
    )
    return facts.join(right, here, "left").drop("_key", "_from", "_until")
