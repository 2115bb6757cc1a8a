"""The fold: from a key's statements to its versions. The one mechanism behind every target.

A batch states something of a key, or nothing. The statements of a key are walked in the order of their position
(as_of, then batch_id bytewise): D ends the key's life, U sets its state, and a column that the statement's header
lacked keeps the value that it had in this life. There is one state an instant: the last position's. Neighbouring
states that are equal in the tracked columns, without a gap between them, are one version.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Source


def lacking(statements: DataFrame, extras: Sequence[str]) -> DataFrame:
    """The columns that at least one statement's header lacked: one row a column (`name`)."""
    lacked = F.array_except(F.array(*[F.lit(e) for e in extras]).cast("array<string>"), F.col("extra_columns"))
    return statements.select(F.explode(F.array_union("absent_columns", lacked)).alias("name")).distinct()


def fold(statements: DataFrame, source: Source, extras: Sequence[str], carried: Sequence[str]) -> DataFrame:
    """All versions of the keys in `statements`: grain = one version of a key.

    statements: every live stage row of the keys (one per key and batch). extras: the stage table's extra columns.
    carried: those columns that some header lacked (`lacking`). Gives the contract's and the extra columns, the
    source's version_fields, effective_date, expiry_date (half-open instants, open end NULL), is_current, row_hash,
    batch_id (of the statement that opened the version).
    """
    of_key = Window.partitionBy("key").orderBy("as_of", "batch_id")
    up_to_here = of_key.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    before = of_key.rowsBetween(Window.unboundedPreceding, -1)
    ended = F.col("op") == "D"

    walked = statements.withColumns(
        {
            "life": F.coalesce(F.sum(F.when(ended, 1).otherwise(0)).over(before), F.lit(0)).cast("bigint"),
            "next_as_of": F.lead("as_of").over(of_key),
            **{name: _carry(name, name in extras, up_to_here, source) for name in carried if name not in source.key},
        }
    )
    tracked_lack = [name for name, _ in source.tracked if name in carried and name not in source.key]
    if tracked_lack:
        untouched = ~F.coalesce(F.arrays_overlap("absent_columns", F.array(*map(F.lit, tracked_lack))), F.lit(False))
        rehashed = F.when(untouched, F.col("row_hash")).otherwise(canonical.row_hash(source.tracked))
        walked = walked.withColumn("row_hash", rehashed)
    walked = source.statements(walked)
    states = walked.filter(F.col("next_as_of").isNull() | (F.col("next_as_of") != F.col("as_of")))

    def differs(neighbour: Column, neighbour_hash: Column) -> Column:
        return neighbour.isNull() | (neighbour != F.col("op")) | (~ended & (neighbour_hash != F.col("row_hash")))

    states = states.withColumns(
        {
            "opens": differs(F.lag("op").over(of_key), F.lag("row_hash").over(of_key)),
            "closes": differs(F.lead("op").over(of_key), F.lead("row_hash").over(of_key)),
            "expiry_date": F.lead("as_of").over(of_key),
        }
    )
    versions = states.withColumns(
        {
            "effective_date": F.last(F.when(F.col("opens"), F.col("as_of")), ignorenulls=True).over(up_to_here),
            "opened_by": F.last(F.when(F.col("opens"), F.col("batch_id")), ignorenulls=True).over(up_to_here),
        }
    )
    versions = versions.filter(~ended & F.col("closes")).withColumns(
        {"is_current": F.col("expiry_date").isNull(), "batch_id": F.col("opened_by")}
    )
    return source.versions(versions)


def _carry(name: str, is_extra: bool, up_to_here: WindowSpec, source: Source) -> Column:
    """A column's value after a statement: its own if its header had the column, else the last one of this life.

    An array of one value tells "stated as NULL" from "not stated"; the end of a life states NULL.
    """
    stated = F.array_contains("extra_columns", name) if is_extra else ~F.array_contains("absent_columns", F.lit(name))
    ended = F.col("op") == "D"
    value = F.when(~ended, F.col(name))
    carried = F.last(F.when(F.coalesce(stated, F.lit(True)) | ended, F.array(value)), ignorenulls=True)
    # Nothing stated yet in this life: what the row itself shows, which is the column's default or NULL.
    return F.coalesce(F.get(carried.over(up_to_here), F.lit(0)), F.when(~ended, F.col(name)))


def contradictions(versions: DataFrame, key: Sequence[str]) -> DataFrame:
    """Keys whose versions contradict each other: one row a wrong version, its key.

    A version begins before it ends, ends before the next begins, and is current exactly if it has no end; so at most
    one version of a key is current, and no two hold at one instant.
    """
    of_key = Window.partitionBy(*key).orderBy("effective_date")
    following = F.lead("effective_date").over(of_key)
    begun, end = F.col("effective_date"), F.col("expiry_date")
    right = (
        begun.isNotNull()
        & F.coalesce(begun < end, F.lit(True))
        & (F.col("is_current") == end.isNull())
        & F.coalesce(end <= following, following.isNull())
        & F.coalesce(begun < following, F.lit(True))
    )
    return versions.withColumn("_right", right).filter(~F.coalesce(F.col("_right"), F.lit(False))).select(*key)
