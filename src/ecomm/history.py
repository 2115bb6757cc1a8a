"""A source's history: what its live batches say of each key, and the versions that follow from it.

A history is a function of the ledger and of the log of statements, whatever a target holds: a run asks for the one that
will be live once it has published, a reader for the one that was live after any entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import reduce
from operator import and_
from pathlib import Path

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical, engines
from ecomm.batches.entry import Entry
from ecomm.batches.log import Log
from ecomm.batches.moments import end_of
from ecomm.contract import Severity, Source
from ecomm.delivery import Delivery
from ecomm.engines import Engine, deltafiles
from ecomm.errors import UsageError
from ecomm.settings import Settings
from ecomm.sources import SOURCES
from ecomm.tables import CATALOGUE, errors_name, key_of, late_columns, stage_name, target_name
from ecomm.transforms import absences, keys
from ecomm.transforms import fold as folding
from ecomm.transforms.absences import Snapshot


@dataclass(frozen=True)
class History:
    """All that the live batches say of a source.

    entries: the live batches with files of the source. stage, errors: its tables, with rows of other
    batches too; alive: which rows of stage count. extras: stage's columns besides the contract; late: gives the
    contract's that came to stage after it was made. keep: gives a frame under a name back, such that reading it again
    does not compute it again, or None if it is empty.
    """

    source: Source
    entries: Sequence[Entry]
    stage: DataFrame
    errors: DataFrame
    alive: Column
    extras: Sequence[str]
    late: Callable[[], Sequence[str]] = tuple
    keep: Callable[[str, DataFrame], DataFrame | None] = lambda _, frame: frame


def with_files(entries: Iterable[Entry], source: str) -> list[Entry]:
    """Those of some batches that have files of a source."""
    return [e for e in entries if any(f.source == source for f in e.files)]


def versions(history: History, touched: DataFrame | None = None) -> DataFrame:
    """The versions that follow from a history, complete snapshots by their silence too: as `fold` gives them.

    touched: the keys that it is about (`key`); None: all.
    """
    statements = _by_contract(history, history.stage.filter(history.alive))
    if touched is not None:
        statements = statements.join(touched.select("key"), "key", "left_semi")
    carried = sorted(r["name"] for r in folding.lacking(statements, history.extras).collect())
    silent = _endings(history, statements, touched)
    if silent is not None:
        statements = statements.unionByName(absences.as_deletes(silent, statements))
    return folding.fold(statements, history.source, history.extras, carried)


def _by_contract(history: History, statements: DataFrame) -> DataFrame:
    """The statements as the contract of now reads them: what it tracks, and that an older one lacked a column."""
    older = [entry.revision for entry in history.entries if not entry.is_by(history.source)]
    if not older:
        return statements
    is_older = F.col("revision").isin(older)
    late = F.array(*map(F.lit, history.late())).cast("array<string>")
    lacked = F.array_union("absent_columns", F.array_except(late, F.col("extra_columns")))
    return statements.withColumns(
        {
            "absent_columns": F.when(is_older, lacked).otherwise(F.col("absent_columns")),
            "row_hash": F.when(is_older, canonical.row_hash(history.source.tracked)).otherwise(F.col("row_hash")),
        }
    )


def snapshots(history: History) -> list[Snapshot]:
    """The snapshots of a source, `complete` or not. A batch is one if all its files say so and have a record."""
    return [s for entry in history.entries for s in snapshot_of(entry, history.source.name)]


def snapshot_of(entry: Entry, source: str) -> list[Snapshot]:
    """The snapshot that a batch is with its files of a source, if it is one."""
    files = [f for f in entry.files if f.source == source]
    if not all(f.scope is not None for f in files) or not any(f.rows_read for f in files):
        return []
    assert entry.as_of is not None
    assert entry.batch_id is not None
    assert entry.revision is not None
    return [Snapshot(entry.as_of, entry.batch_id, entry.revision, files[0].scope or ())]


def complete(history: History, among: Sequence[Snapshot]) -> list[Snapshot]:
    """Those snapshots in which the key of every record is readable, with the parts that they mention."""
    name = history.source.name
    rejected = {e.revision for e in history.entries if any(f.rows_rejected and f.source == name for f in e.files)}
    if doubtful := [s.revision for s in among if s.revision in rejected]:
        rejected_rows = history.errors.filter(F.col("revision").isin(doubtful))
        unread = rejected_rows.filter(absences.unreadable(history.source))
        incomplete = {r["revision"] for r in unread.select("revision").distinct().collect()}
        among = [s for s in among if s.revision not in incomplete]
    return with_parts(history, among)


def with_parts(history: History, among: Sequence[Snapshot]) -> list[Snapshot]:
    """The snapshots with the parts that they mention, of those that have a scope."""
    found: dict[str, set[str]] = {s.batch_id: set() if s.scope else {""} for s in among}
    for scope in {s.scope for s in among if s.scope}:
        of_scope = [s for s in among if s.scope == scope]
        stated = history.stage.filter(F.col("revision").isin([s.revision for s in of_scope]))
        both = (rows.select("key", "batch_id") for rows in (stated, rejected_in(history, of_scope)))
        for row in absences.parts(reduce(DataFrame.unionByName, both), history.source, scope).collect():
            found[row["batch_id"]].add(row["part"])
    return [replace(s, parts=frozenset(found[s.batch_id])) for s in among]


def rejected_in(history: History, among: Sequence[Snapshot]) -> DataFrame:
    """The rejected records of these snapshots whose key is readable, with `key` as stage has it."""
    rejected = history.errors.filter((F.col("severity") == str(Severity.HIGH)) & F.col("key").isNotNull())
    rejected = rejected.filter(F.col("revision").isin([s.revision for s in among]))
    return rejected.withColumn("key", keys.prefixed(history.source.key))


def _endings(history: History, statements: DataFrame, touched: DataFrame | None) -> DataFrame | None:
    """Where complete snapshots end these keys by their silence, None if nowhere."""
    among = complete(history, snapshots(history))
    if not among:
        return None
    rejected = rejected_in(history, among)
    if touched is not None:
        rejected = rejected.join(touched.select("key"), "key", "left_semi")
    place = ("key", "as_of", "batch_id")
    mentions = statements.select(*place).unionByName(rejected.select(*place))
    batches = [(e.as_of, e.batch_id) for e in history.entries if e.as_of and e.batch_id]
    ends = absences.endings(mentions, batches, among, history.source)
    return history.keep(f"{history.source.name}_endings", ends)


# --- as of an instant, as known after an entry --------------------------------------------------------------------


def asof(
    warehouse: Path,
    log: Log,
    source: str,
    at: date | datetime,
    key: Sequence[str] = (),
    engine: Engine | None = None,
) -> pa.Table:
    """The versions that hold at an instant, by what was known after the last entry of a log.

    Grain: one key that has a version then; the target's columns, in the order of the key. They are folded from the log,
    so it does not matter which versions of the target are still there. expiry_date and untracked values are what was
    known then, be it of later instants.

    at: a day means its end (UTC), an instant without a zone is UTC. key: its first parts; the others may be anything.
    engine: what computes, default one of its own by the environment's settings. Raises UsageError.
    """
    if source not in SOURCES:
        raise UsageError(f"there is no source {source}; use {', '.join(SOURCES)}.")
    ours = SOURCES[source].of_shop(Delivery(key=key_of(deltafiles, warehouse, source)), {})
    if len(key) > len(ours.key):
        raise UsageError(f"the key of {source} is {' '.join(ours.key)}: {len(ours.key)} parts, not {len(key)}.")
    with ExitStack() as stack:
        if engine is None:
            engine = engines.start(Settings(warehouse=warehouse))
            stack.callback(engine.stop)
        history = known(warehouse, log, ours, engine)
        touched = None
        if key:
            named = [F.col(name) == part for name, part in zip(ours.key, key, strict=False)]
            touched = history.stage.filter(history.alive & reduce(and_, named)).select("key").distinct()
        instant = F.lit(end_of(at)).cast("timestamp")
        holds = (F.col("effective_date") <= instant) & F.coalesce(instant < F.col("expiry_date"), F.lit(True))
        columns = engine.lake.columns(warehouse / target_name(source))
        found: pa.Table = versions(history, touched).filter(holds).select(*columns).toArrow()
    return found.sort_by([(name, "ascending") for name in ours.key])


def known(warehouse: Path, log: Log, source: Source, engine: Engine) -> History:
    """The history of a source as it was known after the last entry of a log.

    What later attempts append to stage does not matter, so that its newest version may be read, without a lock.
    """
    alive = log.live
    stage, errors = stage_name(source.name), errors_name(source.name)
    contract = {f.name for f in CATALOGUE[stage].fields}
    extras = [c for c in engine.lake.columns(warehouse / stage) if c not in contract]
    return History(
        source,
        with_files(alive.values(), source.name),
        engine.rows.read(warehouse / stage),
        engine.rows.read(warehouse / errors),
        F.col("revision").isin([e.revision for e in alive.values()]),
        extras,
        lambda: late_columns(engine.lake, warehouse / stage, CATALOGUE[stage]),
    )
