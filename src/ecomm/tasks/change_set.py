"""Change sets: which versions enter a source's target and which leave it, and the target as it will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.analytics import analytics_summary
from ecomm.attempt import Attempt, ChangeSet
from ecomm.batches.ledger import Entry, dead_revisions
from ecomm.contract import Severity, Source
from ecomm.errors import InvariantError
from ecomm.tables import errors_name, stage_name, target_name
from ecomm.transforms import absences, relations
from ecomm.transforms import fold as folding
from ecomm.transforms.absences import Snapshot
from ecomm.transforms.relations import LEAVE


def change_set(attempt: Attempt, source: Source) -> ChangeSet:
    """Which versions of a source enter its target and which leave it, for the keys that this batch touches.

    Three ways to one result: the first statements of all keys are their versions; a batch that lies after all others is
    told from the current versions; any other is folded from all statements of the keys that it touches.
    """
    store, columns = attempt.session.store, attempt.session.store.columns(target_name(source.name))
    stage, target = store.read(stage_name(source.name)), store.read(target_name(source.name))
    mine = stage.filter(F.col("revision") == attempt.revision)
    declared = snapshots(attempt, source)
    own = [s for s in declared if s.revision == attempt.revision]
    first = not attempt.session.ledger.last.tables.get(stage_name(source.name), (0, 0))[1]
    if first and declared == own:
        rows = relations.changes(folding.first_versions(mine, source), None, columns)
    elif not attempt.is_latest:
        touched = _touched(attempt, source, stage, target, own)
        if touched is None:
            return ChangeSet()
        rows = fold_difference(attempt, source, touched, columns)
    elif declared or _deletes(attempt, source, stage):
        rows = _latest(attempt, source, mine.filter(F.col("op") == "U"), target, columns, ended=True)
        rows = rows.unionByName(_ending(attempt, source, mine, target, columns))
    else:
        rows = _latest(attempt, source, mine, target, columns, ended=False)
    written = attempt.materialise(f"{source.name}_changes", rows)
    return ChangeSet() if written is None else measured(written, source)


def _touched(
    attempt: Attempt, source: Source, stage: DataFrame, target: DataFrame, own: Sequence[Snapshot]
) -> DataFrame | None:
    """The keys that a late batch touches, or one that is replaced or undone; None if there are none.

    Gives `key` and the key's columns: what the batch states, or has stated; and of a snapshot what it may have ended.
    """
    before = attempt.replaces
    revisions = [attempt.revision, *(e.revision for e in (before,) if e is not None)]
    touched = stage.filter(F.col("revision").isin(revisions)).select("key", *source.key)
    reaching = complete(attempt, source, own) + _with_parts(attempt, source, _snapshots(source, before))
    if not reaching and before is None:
        return touched
    for snapshot in reaching:
        # Of a life that began and ended within its instant there is no version to reach it by.
        at_once = stage.filter(F.col("as_of") == F.lit(snapshot.as_of).cast("timestamp")).select("key", *source.key)
        touched = touched.unionByName(at_once).unionByName(absences.within_reach(target, snapshot, source))
    # What the fold reads thrice is written down once: planning it thrice takes longer.
    return attempt.materialise(f"{source.name}_touched", touched.distinct())


def _latest(
    attempt: Attempt, source: Source, upserts: DataFrame, target: DataFrame, columns: Sequence[str], *, ended: bool
) -> DataFrame:
    """The change set of upserts that lie after all others; a few keys may have to be folded all the same."""
    current = target.filter(F.col("is_current"))
    refolding = folding.refolding(upserts, target, source, ended=ended)
    again = None if refolding is None else attempt.materialise(f"{source.name}_refolding", refolding)
    if again is None:
        return folding.advance(upserts, current, source, columns)
    others = upserts.join(again.select("key"), "key", "left_anti")
    return folding.advance(others, current, source, columns).unionByName(
        fold_difference(attempt, source, again.select("key", *source.key), columns)
    )


def _ending(attempt: Attempt, source: Source, mine: DataFrame, target: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The change set of the keys that a batch ends which lies after all others, by a delete or by its silence."""
    current, at = target.filter(F.col("is_current")), attempt.lineage["as_of"]
    deleted = mine.filter(F.col("op") == "D").select(*source.key)
    rows = folding.ended(current.join(deleted, list(source.key), "left_semi"), at, columns)
    own = [s for s in snapshots(attempt, source) if s.revision == attempt.revision]
    for snapshot in complete(attempt, source, own):
        mentions = (mine, _rejected(attempt, source, own))
        silent = absences.unmentioned(current, mentions, snapshot, source)
        rows = rows.unionByName(folding.ended(silent, at, columns))
    return rows


def _deletes(attempt: Attempt, source: Source, stage: DataFrame) -> bool:
    """A statement deletes a key. The table is asked only if the settings, of now or of another time, may say so."""
    session = attempt.session
    other = any(e.settings_hash != session.settings_hash for e in session.ledger.entries)
    if source.delivery.delete_column is None and not other:
        return False
    return bool(stage.filter(F.col("op") == "D").select("key").limit(1).collect())


def snapshots(attempt: Attempt, source: Source) -> list[Snapshot]:
    """The snapshots of a source, `complete` or not, in the live log as it will be once this attempt is published.

    A batch is one if all its files say so and at least one record was read.
    """
    return [s for e in attempt.told(source.name) for s in _snapshots(source, e)]


def _snapshots(source: Source, entry: Entry | None) -> list[Snapshot]:
    """The snapshot of a source that a batch is, if it is one."""
    files = [f for f in entry.files if f.source == source.name] if entry else []
    if entry is None or not all(f.scope is not None for f in files) or not any(f.rows_read for f in files):
        return []
    assert entry.as_of is not None
    assert entry.batch_id is not None
    assert entry.revision is not None
    return [Snapshot(entry.as_of, entry.batch_id, entry.revision, files[0].scope or ())]


def complete(attempt: Attempt, source: Source, among: Sequence[Snapshot]) -> list[Snapshot]:
    """Those snapshots in which the key of every record is readable, with the parts that they mention."""
    rejected = {e.revision for e in attempt.told(source.name) if any(f.rows_rejected for f in e.files)}
    if doubtful := [s.revision for s in among if s.revision in rejected]:
        errors = attempt.session.store.read(errors_name(source.name))
        unread = errors.filter(F.col("key").isNull() & F.col("revision").isin(doubtful)).select("revision").distinct()
        incomplete = {r["revision"] for r in unread.collect()}
        among = [s for s in among if s.revision not in incomplete]
    return _with_parts(attempt, source, among)


def _with_parts(attempt: Attempt, source: Source, among: Sequence[Snapshot]) -> list[Snapshot]:
    """The snapshots with the parts that they mention, of those that have a scope."""
    found: dict[str, set[str]] = {s.batch_id: set() if s.scope else {""} for s in among}
    for scope in {s.scope for s in among if s.scope}:
        of_scope = [s for s in among if s.scope == scope]
        stated = attempt.session.store.read(stage_name(source.name))
        stated = stated.filter(F.col("revision").isin([s.revision for s in of_scope])).select("key", "batch_id")
        mentions = stated.unionByName(_rejected(attempt, source, of_scope).select("key", "batch_id"))
        for row in absences.parts(mentions, source, scope).collect():
            found[row["batch_id"]].add(row["part"])
    return [replace(s, parts=frozenset(found[s.batch_id])) for s in among]


def _rejected(attempt: Attempt, source: Source, among: Sequence[Snapshot]) -> DataFrame:
    """The rejected records of these snapshots."""
    errors = attempt.session.store.read(errors_name(source.name))
    rejected = errors.filter((F.col("severity") == str(Severity.HIGH)) & F.col("key").isNotNull())
    return rejected.filter(F.col("revision").isin([s.revision for s in among]))


def fold_difference(attempt: Attempt, source: Source, touched: DataFrame | None, columns: Sequence[str]) -> DataFrame:
    """The change set that makes a target the fold of what the live log says, complete snapshots by their silence too.

    touched: the keys that it is about (`key` and the key's columns); None: all.
    """
    store = attempt.session.store
    dead = dead_revisions(attempt.session.ledger.entries, {revision for _, revision in attempt.live().values()})
    statements = store.read(stage_name(source.name)).filter(~F.col("revision").isin(dead))
    target = store.read(target_name(source.name))
    if touched is not None:
        statements = statements.join(touched.select("key"), "key", "left_semi")
        target = target.join(touched.select(*source.key), list(source.key), "left_semi")
    extras = store.extras(stage_name(source.name))
    carried = sorted(r["name"] for r in folding.lacking(statements, extras).collect())
    silent = _endings(attempt, source, statements, touched)
    if silent is not None:
        statements = statements.unionByName(absences.as_deletes(silent, statements))
    return relations.changes(folding.fold(statements, source, extras, carried), target, columns)


def _endings(attempt: Attempt, source: Source, statements: DataFrame, touched: DataFrame | None) -> DataFrame | None:
    """Where complete snapshots end these keys by their silence, None if nowhere."""
    among = complete(attempt, source, snapshots(attempt, source))
    if not among:
        return None
    rejected = _rejected(attempt, source, among)
    if touched is not None:
        rejected = rejected.join(touched.select("key"), "key", "left_semi")
    place = ("key", "as_of", "batch_id")
    mentions = statements.select(*place).unionByName(rejected.select(*place))
    batches = [(e.as_of, e.batch_id) for e in attempt.told(source.name) if e.as_of and e.batch_id]
    return attempt.materialise(f"{source.name}_endings", absences.endings(mentions, batches, among, source))


def measured(rows: DataFrame, source: Source) -> ChangeSet:
    """A materialised change set of versions, with what is in it.

    since: the least instant from which analytics_summary differs, None if it does not. A version that leaves and comes
    back differs for it in the columns that it uses, from its beginning on, or in its end, from the lesser end on.
    """
    leaves = F.col("change") == LEAVE
    said = rows.agg(
        F.sum(F.when(leaves, 0).otherwise(1)).alias("entering"),
        F.sum(F.when(leaves, 1).otherwise(0)).alias("leaving"),
        F.sum(F.when(leaves & ~F.col("is_current"), 1).otherwise(0)).alias("closed"),
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
