"""Change sets: which versions enter a source's target and which leave it, and the target as it will be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.attempt import Attempt, ChangeSet
from ecomm.batches.ledger import dead_revisions
from ecomm.contract import Source
from ecomm.errors import InvariantError
from ecomm.tables import Store, stage_name, target_name
from ecomm.transforms import fold as folding
from ecomm.transforms import relations
from ecomm.transforms.relations import LEAVE


def change_set(attempt: Attempt, source: Source) -> ChangeSet:
    """Which versions of a source enter its target and which leave it, for the keys that this batch states.

    Three ways to one result: the first statements of all keys are their versions; a batch that lies after all others is
    told from the current versions; any other is folded from all statements of the keys that it touches.
    """
    store, columns = attempt.session.store, attempt.session.store.columns(target_name(source.name))
    stage, target = store.read(stage_name(source.name)), store.read(target_name(source.name))
    mine = stage.filter(F.col("revision") == attempt.revision)
    if not attempt.session.ledger.last.tables.get(stage_name(source.name), (0, 0))[1]:
        rows = relations.changes(folding.first_versions(mine, source), None, columns)
    elif attempt.is_latest:
        rows = _latest(attempt, source, mine, target, columns)
    else:
        rows = _folded(attempt, source, mine, target, columns)
    written = attempt.materialise(f"{source.name}_changes", rows)
    return ChangeSet() if written is None else measured(written, source, columns)


def _latest(attempt: Attempt, source: Source, mine: DataFrame, target: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The change set of a batch that lies after all others; a few keys may have to be folded all the same."""
    current = target.filter(F.col("is_current"))
    refolding = folding.refolding(mine, current, source)
    again = None if refolding is None else attempt.materialise(f"{source.name}_refolding", refolding)
    if again is None:
        return folding.advance(mine, current, source, columns)
    others = mine.join(again.select("key"), "key", "left_anti")
    return folding.advance(others, current, source, columns).unionByName(
        _folded(attempt, source, again, target, columns)
    )


def _folded(attempt: Attempt, source: Source, mine: DataFrame, target: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The change set by the fold of all live statements of the keys in `mine`."""
    store, touched = attempt.session.store, mine.select("key", *source.key)
    dead = [r for r in dead_revisions(attempt.session.ledger.entries) if r != attempt.revision]
    alive = store.read(stage_name(source.name)).filter(~F.col("revision").isin(dead))
    statements = alive.join(touched.select("key"), "key", "left_semi")
    current = target.join(touched.select(*source.key), list(source.key), "left_semi")
    return fold_difference(store, source, statements, current, columns)


def fold_difference(
    store: Store, source: Source, statements: DataFrame, current: DataFrame, columns: Sequence[str]
) -> DataFrame:
    """The change set that makes these versions of a target the fold of these statements."""
    extras = store.extras(stage_name(source.name))
    carried = sorted(r["name"] for r in folding.lacking(statements, extras).collect())
    return relations.changes(folding.fold(statements, source, extras, carried), current, columns)


def measured(rows: DataFrame, source: Source, columns: Sequence[str]) -> ChangeSet:
    """A materialised change set of versions, with what is in it.

    Versions that differ in their end alone differ from the lesser end on; all others from their beginning on.
    """
    leaves = F.col("change") == LEAVE
    said = rows.agg(
        F.sum(F.when(leaves, 0).otherwise(1)).alias("entering"),
        F.sum(F.when(leaves, 1).otherwise(0)).alias("leaving"),
        F.sum(F.when(leaves & ~F.col("is_current"), 1).otherwise(0)).alias("closed"),
        F.min(F.unix_micros("effective_date")).alias("since"),
    ).collect()[0]
    since = said["since"]
    if said["leaving"]:
        gone = rows.filter(leaves).select(*source.key, "effective_date")
        paired = rows.join(gone, [*source.key, "effective_date"], "left_semi")
        same = [c for c in columns if c not in ("expiry_date", "is_current")]
        alike = paired.groupBy(*same).agg(F.count(F.lit(1)).alias("_rows"), F.min("expiry_date").alias("_end"))
        begun = F.when(F.col("_rows") > 1, F.col("_end")).otherwise(F.col("effective_date"))
        fresh = rows.join(gone, [*source.key, "effective_date"], "left_anti").select("effective_date")
        instants = alike.select(begun.alias("effective_date")).unionByName(fresh)
        since = instants.agg(F.min(F.unix_micros("effective_date")).alias("since")).collect()[0]["since"]
    instant = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=since)
    return ChangeSet(rows, said["entering"], said["leaving"], said["closed"], instant)


def view(attempt: Attempt, source: Source) -> DataFrame:
    """A target as it will be."""
    target = attempt.session.store.read(target_name(source.name))
    changes = attempt.changes.get(source.name)
    if changes is None or changes.rows is None:
        return target
    return relations.with_changes(target, changes.rows, attempt.session.store.catalogue[target_name(source.name)].key)


def check_histories(source: Source, versions: DataFrame) -> None:
    """Raises InvariantError if versions of a key overlap, or two of them are current."""
    wrong = folding.contradictions(versions, source.key).limit(3).collect()
    if wrong:
        raise InvariantError(
            f"{target_name(source.name)}: the versions of {', '.join('/'.join(r) for r in wrong)} overlap or are "
            "current twice; nothing was published."
        )
