"""Change sets: which versions enter a source's target and which leave it, and the target as it will be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm import history as histories
from ecomm.analytics import analytics_summary
from ecomm.attempt import Attempt, Workspace
from ecomm.batch import Batch
from ecomm.batches.entry import Entry, FileEntry
from ecomm.contract import Source
from ecomm.errors import InvariantError
from ecomm.history import History
from ecomm.tables import errors_name, stage_name, target_name
from ecomm.tasks.found import Changes, ChangeSet
from ecomm.transforms import absences, relations
from ecomm.transforms import fold as folding
from ecomm.transforms.absences import Snapshot
from ecomm.transforms.relations import LEAVE


def change_set(batch: Batch, source: Source, files: Sequence[FileEntry]) -> ChangeSet:
    """Which versions of a source enter its target and which leave it, for the keys that this batch touches.

    files: the batch's of this source, as they were read; none of what is undone.

    Three ways to one result: the first statements of all keys are their versions; a batch that lies after all others is
    told from the current versions; any other is folded from all statements of the keys that it touches.
    """
    attempt, store = batch.attempt, batch.store
    history = history_of(attempt, source, live_with(batch, source, files))
    target = store.read(target_name(source.name))
    mine = store.fresh(stage_name(source.name), batch.revision)
    declared = histories.snapshots(history)
    own = [s for s in declared if s.revision == batch.revision]
    _, rows_before = attempt.log.last.tables.get(stage_name(source.name), (0, 0))
    if not rows_before and declared == own:
        rows = relations.changes(folding.first_versions(mine, source), None, target.columns)
    elif not batch.is_latest:
        touched = _touched(batch, history, target, own)
        if touched is None:
            return ChangeSet()
        rows = fold_difference(attempt, history, touched)
    elif declared or _deletes(attempt, history):
        rows = _latest(attempt, history, mine.filter(F.col("op") == "U"), target, ended=True)
        rows = rows.unionByName(_ending(batch, history, mine, target, own))
    else:
        rows = _latest(attempt, history, mine, target, ended=False)
    return written(attempt.work, source, rows)


def written(work: Workspace, source: Source, rows: DataFrame) -> ChangeSet:
    """Compute the rows of a source's change set into the workspace; what is in it."""
    found = work.materialise(_name(source), rows)
    return ChangeSet() if found is None else measured(found, source)


def rows_of(work: Workspace, source: Source, changes: ChangeSet) -> DataFrame | None:
    """The rows of a source's change set: those of the target, with `change`; None if nothing changes."""
    return None if changes.is_empty else work.read(_name(source))


def _name(source: Source) -> str:
    return f"{source.name}_changes"


def live_with(batch: Batch, source: Source, files: Sequence[FileEntry]) -> list[Entry]:
    """The live batches with files of a source, as they will be once this one is published with these files."""
    log = batch.attempt.log
    others = [entry for name, entry in log.live.items() if name != batch.batch_id]
    mine = Entry(
        "PUBLISH",
        batch_id=batch.batch_id,
        as_of=batch.as_of,
        revision=batch.revision,
        files=tuple(files),
        contract_hash=log.last.contract_hash,
    )
    return histories.with_files([*others, mine], source.name)


def history_of(attempt: Attempt, source: Source, entries: Sequence[Entry]) -> History:
    """The history of a source as it will be once an attempt is published. entries: the live batches with its files."""
    store, stage = attempt.store, stage_name(source.name)
    dead = attempt.log.dead_revisions({revision for _, revision in attempt.alive.values()})
    return History(
        source,
        entries,
        store.read(stage),
        store.read(errors_name(source.name)),
        ~F.col("revision").isin(dead),
        store.extras(stage),
        lambda: store.late(stage),
        attempt.work.materialise,
    )


def _touched(batch: Batch, history: History, target: DataFrame, own: Sequence[Snapshot]) -> DataFrame | None:
    """The keys that a late batch touches, or one that is replaced or undone; None if there are none.

    Gives `key` and the key's columns: what the batch states, or has stated; and of a snapshot what it may have ended.
    """
    source, stage, before = history.source, history.stage, batch.replaces
    revisions = [batch.revision, *(e.revision for e in (before,) if e is not None)]
    touched = stage.filter(F.col("revision").isin(revisions)).select("key", *source.key)
    ended = [] if before is None else histories.snapshot_of(before, source.name)
    reaching = histories.complete(history, own) + histories.with_parts(history, ended)
    if not reaching and before is None:
        return touched
    for snapshot in reaching:
        # Of a life that began and ended within its instant there is no version to reach it by.
        at_once = stage.filter(F.col("as_of") == F.lit(snapshot.as_of).cast("timestamp")).select("key", *source.key)
        touched = touched.unionByName(at_once).unionByName(absences.within_reach(target, snapshot, source))
    # What the fold reads thrice is written down once: planning it thrice takes longer.
    return batch.work.materialise(f"{source.name}_touched", touched.distinct())


def _latest(attempt: Attempt, history: History, upserts: DataFrame, target: DataFrame, *, ended: bool) -> DataFrame:
    """The change set of upserts that lie after all others; a few keys may have to be folded all the same."""
    source, columns = history.source, attempt.store.columns(target_name(history.source.name))
    current = target.filter(F.col("is_current"))
    refolding = folding.refolding(upserts, target, source, ended=ended)
    again = None if refolding is None else attempt.work.materialise(f"{source.name}_refolding", refolding)
    if again is None:
        return folding.advance(upserts, current, source, columns)
    others = upserts.join(again.select("key"), "key", "left_anti")
    return folding.advance(others, current, source, columns).unionByName(
        fold_difference(attempt, history, again.select("key", *source.key))
    )


def _ending(batch: Batch, history: History, mine: DataFrame, target: DataFrame, own: Sequence[Snapshot]) -> DataFrame:
    """The change set of the keys that a batch ends which lies after all others, by a delete or by its silence."""
    source, current, at = history.source, target.filter(F.col("is_current")), batch.lineage["as_of"]
    deleted = mine.filter(F.col("op") == "D").select(*source.key)
    rows = folding.ended(current.join(deleted, list(source.key), "left_semi"), at, target.columns)
    for snapshot in histories.complete(history, own):
        mentions = (mine, histories.rejected_in(history, own))
        silent = absences.unmentioned(current, mentions, snapshot, source)
        rows = rows.unionByName(folding.ended(silent, at, target.columns))
    return rows


def _deletes(attempt: Attempt, history: History) -> bool:
    """A statement deletes a key. The table is asked only if the settings, of now or of another time, may say so."""
    now = attempt.session.settings_hash
    other = any(e.settings_hash != now for e in attempt.log)
    if history.source.delivery.delete_column is None and not other:
        return False
    return bool(history.stage.filter(F.col("op") == "D").select("key").limit(1).collect())


def fold_difference(attempt: Attempt, history: History, touched: DataFrame | None = None) -> DataFrame:
    """The change set that makes a target what its history says.

    touched: the keys that it is about (`key` and the key's columns); None: all.
    """
    source = history.source
    target = attempt.store.read(target_name(source.name))
    held = target if touched is None else target.join(touched.select(*source.key), list(source.key), "left_semi")
    return relations.changes(histories.versions(history, touched), held, target.columns)


def measured(rows: DataFrame, source: Source) -> ChangeSet:
    """What is in a materialised change set of versions.

    since: the least instant from which analytics_summary differs, None if it does not. A version that leaves and comes
    back differs for it in the columns that it uses, from its beginning on, or in its end, from the lesser end on.
    """
    leaves = F.col("change") == LEAVE
    said = rows.agg(
        F.sum(F.when(leaves, 0).otherwise(1)).alias("entering"),
        F.sum(F.when(leaves, 1).otherwise(0)).alias("leaving"),
        F.sum(F.when(leaves & ~F.col("is_current"), 1).otherwise(0)).alias("closed"),
        F.sum(F.when(F.col("is_current"), 1).otherwise(0)).alias("current"),
        F.min(F.unix_micros("effective_date")).alias("since"),
    ).collect()[0]
    since = said["since"]
    if source.name not in analytics_summary.USES:
        since = None
    elif said["leaving"]:
        same = dict.fromkeys([*source.key, "effective_date", *analytics_summary.USES[source.name]])
        alike = rows.groupBy(*same).agg(
            F.count(F.lit(1)).alias("_rows"),
            F.count("expiry_date").alias("_ended"),
            F.min("expiry_date").alias("_end"),
            F.max("expiry_date").alias("_last_end"),
        )
        one_end = (F.col("_ended") == 0) | ((F.col("_ended") == 2) & (F.col("_end") == F.col("_last_end")))
        differs = F.when(F.col("_rows") == 1, F.col("effective_date")).when(~one_end, F.col("_end"))
        since = alike.agg(F.min(F.unix_micros(differs)).alias("since")).collect()[0]["since"]
    instant = None if since is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=since)
    return ChangeSet(said["entering"], said["leaving"], said["closed"], said["current"], instant)


def view(attempt: Attempt, source: Source, changes: Changes) -> DataFrame:
    """A target as it will be once these change sets have entered it."""
    target = attempt.store.read(target_name(source.name))
    rows = rows_of(attempt.work, source, changes.get(source.name, ChangeSet()))
    if rows is None:
        return target
    store, name = attempt.store, target_name(source.name)
    return relations.with_changes(target, rows, store.catalogue[name].key, store.columns(name))


def check_histories(source: Source, versions: DataFrame) -> None:
    """Raises InvariantError if versions of a key overlap, or two of them are current."""
    wrong = folding.contradictions(versions, source.key).limit(3).collect()
    if wrong:
        raise InvariantError(
            f"{target_name(source.name)}: the versions of {', '.join('/'.join(r) for r in wrong)} overlap or are "
            "current twice; nothing was published."
        )
