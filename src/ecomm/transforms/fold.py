"""The fold: from a key's statements to its versions. The one mechanism behind every target.

A batch states something of a key, or nothing. The statements of a key are walked in the order of their position
(as_of, then batch_id bytewise): D ends the key's life, U sets its state, and a column that the statement's header
lacked keeps the value that it had in this life. There is one state an instant: the last position's. Neighbouring
states that are equal in the tracked columns, without a gap between them, are one version.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Before, Source
from ecomm.transforms.relations import ENTER, LEAVE, several


def lacking(statements: DataFrame, extras: Sequence[str]) -> DataFrame:
    """The columns that at least one upsert's header lacked: one row a column (`name`)."""
    upserts = statements.filter(F.col("op") == "U")
    lacked = F.array_except(F.array(*[F.lit(e) for e in extras]).cast("array<string>"), F.col("extra_columns"))
    return upserts.select(F.explode(F.array_union("absent_columns", lacked)).alias("name")).distinct()


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
    of_versions = Window.partitionBy("key").orderBy("effective_date")
    said = source.version_values(lambda name: F.lag(name).over(of_versions))
    return versions.withColumns(said) if said else versions


def first_versions(statements: DataFrame, source: Source) -> DataFrame:
    """The fold of keys that have one statement each: it is their version. Equal to `fold`, without its windows."""
    opened = statements.filter(F.col("op") == "U").withColumns(
        {"effective_date": F.col("as_of"), "expiry_date": F.lit(None).cast("timestamp"), "is_current": F.lit(True)}
    )
    types = {c.name: c.type for c in source.stored}
    said = source.version_values(lambda name: F.lit(None).cast(types[name]))
    return opened.withColumns(said) if said else opened


def advance(statements: DataFrame, current: DataFrame, source: Source, columns: Sequence[str]) -> DataFrame:
    """The change set of statements that come after all others, one a key: equal to that of `fold`, from less.

    What a later statement changes shows beside the key's current version: it opens the first version, ends the current
    one and opens the next, or only brings untracked values. So neither stage nor closed history is read.
    statements: stage rows, all with one as_of that lies after every other statement's; without deletes, and without the
    keys of `refolding`. current: the current versions of the target. columns: its own. Gives them and `change`.
    """
    joined, before = _beside_current(statements, current, source, columns)
    extras = [c for c in columns if c not in {f.name for f in source.stored} | _VERSION | _names(source)]
    known = before("effective_date").isNotNull()

    def merged(name: str) -> Column:
        lacks = (
            ~F.coalesce(F.array_contains("extra_columns", name), F.lit(False))
            if name in extras
            else F.coalesce(F.array_contains("absent_columns", name), F.lit(False))
        )
        return F.when(known & lacks, before(name)).otherwise(F.col(name))

    lackable = [*source.carried, *extras]
    values = {name: merged(name) for name in lackable}
    advanced = joined.withColumns(
        values | {k: F.when(known, v).otherwise(F.col(k)) for k, v in source.continued(before).items()}
    )
    complete = F.size("absent_columns") == 0
    rehashed = F.when(complete, F.col("row_hash")).otherwise(canonical.row_hash(source.tracked))
    advanced = advanced.withColumn("row_hash", rehashed)

    same = before("row_hash") == F.col("row_hash")
    untracked = [c.name for c in source.stored if not c.tracked] + extras
    differs = F.exists(F.array(*[~F.col(c).eqNullSafe(before(c)) for c in untracked]), lambda x: x)
    steps = (
        F.when(~known, F.array(F.lit("OPEN")))
        .when(~same, F.array(F.lit(LEAVE), F.lit("CLOSE"), F.lit("OPEN")))
        .when(differs, F.array(F.lit(LEAVE), F.lit("GO_ON")))
        .otherwise(F.array().cast("array<string>"))
    )
    stepped = advanced.withColumns(source.version_values(before)) if source.version_fields else advanced
    stepped = stepped.withColumn("step", F.explode(steps))
    step = F.col("step")
    was, opens = step.isin(LEAVE, "CLOSE"), step == "OPEN"
    kept = _names(source)  # what a version says of the one before stays what it was when it goes on

    def value(name: str) -> Column:
        match name:
            case "effective_date":
                return F.when(opens, F.col("as_of")).otherwise(before(name))
            case "expiry_date":
                return F.when(step == "CLOSE", F.col("as_of"))
            case "is_current":
                return step != "CLOSE"
            case "batch_id":
                return F.when(opens, F.col(name)).otherwise(before(name))
        return F.when(was | ((step == "GO_ON") if name in kept else F.lit(False)), before(name)).otherwise(F.col(name))

    change = F.when(step == LEAVE, F.lit(LEAVE)).otherwise(F.lit(ENTER)).alias("change")
    return stepped.select(*[value(c).alias(c) for c in columns], change)


def refolding(statements: DataFrame, target: DataFrame, source: Source, *, ended: bool) -> DataFrame | None:
    """The statements that `advance` cannot judge, None if the source has none such.

    ended: keys may have ended. What a version says of the one before is then beyond the current versions.
    """
    current, found = target.filter(F.col("is_current")), []
    if source.refolded is not None:
        joined, before = _beside_current(statements, current, source, current.columns)
        found.append(joined.filter(F.coalesce(source.refolded(before), F.lit(False))))
    if ended and source.version_fields:
        closed = target.filter(~F.col("is_current")).select(*source.key)
        again = statements.join(closed, list(source.key), "left_semi")
        found.append(again.join(current.select(*source.key), list(source.key), "left_anti"))
    return reduce(lambda a, b: a.unionByName(b), [f.select(*statements.columns) for f in found]) if found else None


def ended(versions: DataFrame, at: Column, columns: Sequence[str]) -> DataFrame:
    """The change set that ends current versions at an instant. columns: the target's. Gives them and `change`."""
    both = versions.withColumn("change", F.explode(F.array(F.lit(LEAVE), F.lit(ENTER))))
    enters = F.col("change") == ENTER
    return both.withColumns({"expiry_date": F.when(enters, at), "is_current": ~enters}).select(*columns, "change")


def _beside_current(
    statements: DataFrame, current: DataFrame, source: Source, columns: Sequence[str]
) -> tuple[DataFrame, Before]:
    """Each statement beside its key's current version, whose columns are reached by the function that comes with it."""
    versions = current.select(*[F.col(c).alias(f"_current_{c}") for c in columns])
    same_key = [F.col(k) == F.col(f"_current_{k}") for k in source.key]
    return statements.join(versions, same_key, "left"), lambda name: F.col(f"_current_{name}")


_VERSION = frozenset(("effective_date", "expiry_date", "is_current", "row_hash", "batch_id"))


def _names(source: Source) -> frozenset[str]:
    return frozenset(f.name for f in source.version_fields)


def _carry(name: str, is_extra: bool, up_to_here: WindowSpec, source: Source) -> Column:
    """A column's value after a statement: its own if its header had the column, else the last one of this life.

    An array of one value tells "stated as NULL" from "not stated"; the end of a life, which states NULL, has two.
    """
    stated = F.array_contains("extra_columns", name) if is_extra else ~F.array_contains("absent_columns", F.lit(name))
    ended = F.col("op") == "D"
    value = F.when(~ended, F.col(name))
    said = F.when(ended, F.array(value, value)).when(F.coalesce(stated, F.lit(True)), F.array(value))
    carried = F.last(said, ignorenulls=True).over(up_to_here)
    last = F.get(carried, F.lit(0))
    if any(c.name == name and c.default is not None for c in source.columns):
        # NULL was stated for a text that cannot be read, and is no default.
        return F.when(F.size(carried) == 1, last).when(~ended, F.col(name))
    # Nothing stated yet in this life: what the row itself shows, which is the column's default or NULL.
    return F.coalesce(last, F.when(~ended, F.col(name)))


def contradictions(versions: DataFrame, key: Sequence[str]) -> DataFrame:
    """Keys whose versions contradict each other: one row a wrong version, its key.

    A version begins before it ends, ends before the next begins, and is current exactly if it has no end; so at most
    one version of a key is current, and no two hold at one instant.
    """
    begun, end = F.col("effective_date"), F.col("expiry_date")
    alone = begun.isNotNull() & F.coalesce(begun < end, F.lit(True)) & (F.col("is_current") == end.isNull())
    # Only keys with several versions need their neighbours looked at.
    following = F.lead("effective_date").over(Window.partitionBy(*key).orderBy("effective_date"))
    beside = F.coalesce(end <= following, following.isNull()) & F.coalesce(begun < following, F.lit(True))
    neighbours = versions.join(several(versions, key), list(key), "left_semi").withColumn("_right", beside)
    wrong = neighbours.filter(~F.coalesce(F.col("_right"), F.lit(False))).select(*key)
    return versions.filter(~F.coalesce(alone, F.lit(False))).select(*key).unionByName(wrong)


def reached(versions: DataFrame, changes: DataFrame, key: Sequence[str]) -> DataFrame:
    """Those versions of a changed target that may contradict each other, if those before the change did not.

    All that a key's change set holds begins at its least `effective_date` or later, so nothing new meets a version that
    began before and ended by then.
    """
    since = changes.groupBy(*key).agg(F.min("effective_date").alias("_since"))
    apart = (F.col("effective_date") < F.col("_since")) & (F.col("expiry_date") <= F.col("_since"))
    return versions.join(since, list(key)).filter(~F.coalesce(apart, F.lit(False))).drop("_since")
