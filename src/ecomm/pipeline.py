"""The way of a batch, from its trigger to its publication.

    trigger --> OPEN an attempt: recover, claim (copy + sha256) all files, check all headers
            --> 01-05 land text > cast > judge > stage + errors > change set  (five sources, side by side)
            --> 06 validate --> 07 enrich --> 08 merge change sets into targets, analytics, check, PUBLISH, archive

The functions stand in this order. What a batch writes becomes visible by its PUBLISH entry and not before; whatever
breaks off earlier is taken back by the next OPEN.
"""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial, reduce
from pathlib import Path

import structlog
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import __version__
from ecomm.analytics import analytics_summary
from ecomm.batches import archive, landing, locks
from ecomm.batches.ledger import Entry, FileEntry, Ledger, dead_revisions, live, open_attempt
from ecomm.batches.trigger import Candidate, State, Trigger, scan
from ecomm.contract import Header, Reading, Rule, Severity, Source, match_header
from ecomm.engines import Engine, deltafiles
from ecomm.engines import start as start_engine
from ecomm.errors import EcommError, InvariantError, LockedError, StorageError, UsageError
from ecomm.settings import Settings
from ecomm.sources import SOURCES
from ecomm.tables import CATALOGUE, Store, create_all, errors_name, reserved, stage_name, target_name
from ecomm.tables import State as TableState
from ecomm.transforms import enrich, quality, relations
from ecomm.transforms import fold as folding
from ecomm.transforms import stage as staging
from ecomm.transforms.relations import LEAVE

log = structlog.get_logger()
_TRIES = 3
_NO_DAY = datetime(1970, 1, 1, tzinfo=UTC)  # what "today" is for tables without a row


@dataclass
class TaskResult:
    """What a task did: its part of processing_log, and what later tasks need of it."""

    task: str
    started_at: datetime
    ended_at: datetime
    status: str = "OK"
    error: str | None = None
    files: list[FileEntry] = field(default_factory=list)
    rows: int = 0

    @property
    def seconds(self) -> float:
        """How long the task took."""
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True)
class ChangeSet:
    """A source's materialised change set and what is in it.

    rows: None if nothing changes. closed: how many of the leaving versions are closed ones. since: the least instant
    at which the old and the new state differ.
    """

    rows: DataFrame | None = None
    entering: int = 0
    leaving: int = 0
    closed: int = 0
    since: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a trigger in a run."""

    batch_id: str
    status: str
    reason: str | None = None
    exit_code: int = 0
    seconds: float = 0.0
    revision: int | None = None
    files: tuple[FileEntry, ...] = ()
    tasks: tuple[TaskResult, ...] = ()
    left: tuple[str, ...] = ()

    def summary(self) -> dict[str, object]:
        """For machines."""
        return {
            "batch_id": self.batch_id,
            "status": self.status,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
            "revision": self.revision,
            "files": [asdict(f) for f in self.files],
            "tasks": [{"task": t.task, "status": t.status, "seconds": round(t.seconds, 3)} for t in self.tasks],
            "left_in_landing": list(self.left),
        }


Listener = Callable[[str, str, TaskResult | None], None]


def silent(_batch: str, _task: str, _result: TaskResult | None) -> None:
    """Nobody listens to a run's progress."""


class SourceChangedError(EcommError):
    """A landed file got other bytes while its batch was worked on: the attempt starts anew."""


@dataclass
class Session:
    """A warehouse opened for work: its engine, ledger and tables, under its locks."""

    settings: Settings
    engine: Engine
    ledger: Ledger
    store: Store
    run_id: str
    listener: Listener = silent

    def entry(self, kind: str, **said: object) -> Entry:
        """Append a ledger entry that names the tables as they are now, once their files are on the disk."""
        self.store.sync()
        tables = {name: (state.version, state.rows) for name, state in self.store.state.items()}
        entry = Entry(
            kind,
            run_id=self.run_id,
            tables=tables,
            engine=self.engine.name,
            program_version=__version__,
            contract_hash=contract_hash(),
            settings_hash=self.settings.shop_hash,
        )
        return self.ledger.append(replace(entry, **said))  # type: ignore[arg-type]


def contract_hash() -> str:
    """A hash of all contracts: which columns, of which type, tracked or not."""
    said = {
        s.name: [[c.name, c.type, c.key, c.tracked, c.required, c.default, c.aliases] for c in s.stored]
        for s in SOURCES.values()
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def open_warehouse(settings: Settings, engine: Engine, listener: Listener = silent) -> Session:
    """Open a warehouse for work, set it up if it is new, and take back what a broken-off attempt left.

    The caller holds the locks. Raises FormatError, StorageError.
    """
    root = settings.warehouse
    ledger = Ledger(root)
    store = Store(engine, root, {})
    session = Session(settings, engine, ledger, store, uuid.uuid4().hex, listener)
    if not ledger.entries:
        written = [n for n in CATALOGUE if deltafiles.exists(root / n) and deltafiles.version(root / n) > 0]
        if written:
            raise StorageError(
                f"{ledger.path}: the ledger is gone, but {written[0]} holds rows; bring the ledger back from a backup, "
                "nothing was touched."
            )
        store.state = create_all(root)
        ledger.create()
        session.entry("GENESIS")
    else:
        # A table that came with a newer program is made now; the ledger names it from its next entry on.
        store.state = create_all(root) if any(not deltafiles.exists(root / name) for name in CATALOGUE) else {}
        recover(session)
    archive.settle_all(settings, ledger.entries, list(SOURCES))
    return session


def recover(session: Session, reason: str | None = None) -> None:
    """Take every table back to what the ledger says, and end an attempt that nothing has ended."""
    broken = open_attempt(session.ledger.entries)
    ahead = session.store.restore(_stated(session.ledger))
    if broken is not None or ahead:
        session.entry(
            "RECOVER",
            batch_id=broken.batch_id if broken else None,
            revision=broken.seq if broken else None,
            reason=reason or "broken off",
        )
    shutil.rmtree(_attempts(session.settings), ignore_errors=True)


def _stated(ledger: Ledger) -> dict[str, TableState]:
    """What the ledger says that each table is."""
    return {name: TableState(version, rows) for name, (version, rows) in ledger.last.tables.items()}


def _attempts(settings: Settings) -> Path:
    """Where attempts keep what they work with; empty between runs."""
    return settings.warehouse / "attempts"


@dataclass
class Attempt:
    """One try at a batch: its claimed files, and what its tasks have done so far. A rebuild is one without a batch."""

    session: Session
    candidate: Candidate | None
    revision: int
    claimed: list[archive.Claimed] = field(default_factory=list)
    headers: dict[Path, tuple[Header, int]] = field(default_factory=dict)
    results: dict[str, TaskResult] = field(default_factory=dict)
    changes: dict[str, ChangeSet] = field(default_factory=dict)
    exceptions: dict[str, DataFrame] = field(default_factory=dict)
    checks: list[dict[str, object]] = field(default_factory=list)
    journaled: bool = False

    @property
    def trigger(self) -> Trigger:
        """The batch's trigger."""
        assert self.candidate is not None
        assert self.candidate.trigger is not None
        return self.candidate.trigger

    @property
    def batch_id(self) -> str:
        """The batch."""
        return self.trigger.batch_id

    @property
    def as_of(self) -> datetime:
        """The batch's instant."""
        return self.trigger.as_of

    @property
    def folder(self) -> Path:
        """Where the attempt keeps what it works with."""
        return _attempts(self.session.settings) / str(self.revision)

    @property
    def reading(self) -> Reading:
        """What the batch's rows are judged with."""
        return Reading(self.as_of, self.session.settings.shop)

    @property
    def lineage(self) -> dict[str, Column]:
        """The columns that say which batch and attempt wrote a row."""
        return {
            "batch_id": F.lit(self.batch_id),
            "revision": F.lit(self.revision).cast("bigint"),
            "as_of": F.lit(self.as_of).cast("timestamp"),
        }

    def materialise(self, name: str, frame: DataFrame) -> DataFrame | None:
        """Compute a frame once: write it as Parquet in the attempt's folder and read it from there; None if empty."""
        place = self.folder / name
        frame.write.mode("overwrite").parquet(self.session.engine.uri(place))
        if not any(place.glob("*.parquet")):
            return None
        return self.session.engine.spark.read.parquet(self.session.engine.uri(place))

    def sources(self) -> list[Source]:
        """The sources that the batch has files of."""
        return [s for name, s in SOURCES.items() if any(c.file.source == name for c in self.claimed)]

    @property
    def is_latest(self) -> bool:
        """The batch lies after every other live batch. (No statement can end a key yet; else this must ask for it.)"""
        return all(as_of < self.as_of for batch, (as_of, _) in self.live().items() if batch != self.batch_id)

    def live(self) -> dict[str, tuple[datetime, int]]:
        """The live log as it will be once this attempt is published: batch -> (as-of, revision)."""
        alive: dict[str, tuple[datetime, int]] = {}
        for batch, entry in live(self.session.ledger.entries).items():
            assert entry.as_of is not None
            assert entry.revision is not None
            alive[batch] = (entry.as_of, entry.revision)
        if self.candidate is not None:
            alive[self.batch_id] = (self.as_of, self.revision)
        return alive


def run(
    settings: Settings, *, only: str | None = None, dry_run: bool = False, listener: Listener = silent
) -> list[Outcome]:
    """Publish every complete pending batch, in the order of their as-of; say what became of each trigger.

    only: this batch alone. dry_run: say what would be done, and do nothing. Raises UsageError, LockedError,
    FormatError, StorageError; what concerns one batch is in its Outcome, and the others go on.
    """
    now = datetime.now(UTC)
    ledger = Ledger(settings.warehouse)
    candidates = _chosen(scan(settings, ledger.entries, list(SOURCES), now), only)
    if dry_run:
        return [_said(c, "would publish" if c.state is State.PENDING else c.state.value) for c in candidates]
    work = any(c.state in (State.PENDING, State.DUPLICATE) for c in candidates)
    if not work and not _left_behind(settings, ledger):
        return [_said(c, c.state.value) for c in candidates]
    with locks.all_tasks(settings.warehouse):
        engine = start_engine(settings)
        try:
            session = open_warehouse(settings, engine, listener)
            candidates = _chosen(scan(settings, session.ledger.entries, list(SOURCES), now), only)
            return [_dispatch(session, c) for c in candidates]
        finally:
            engine.stop()


def _left_behind(settings: Settings, ledger: Ledger) -> bool:
    """A broken-off attempt, or one that was published but not archived, is to be finished."""
    if not ledger.entries:
        return False
    working = _attempts(settings).is_dir() and any(_attempts(settings).iterdir())
    return working or open_attempt(ledger.entries) is not None or archive.unsettled(settings, list(SOURCES))


def _chosen(candidates: Sequence[Candidate], only: str | None) -> list[Candidate]:
    return [c for c in candidates if only is None or c.name == only]


def _said(candidate: Candidate, status: str) -> Outcome:
    code = candidate.error.exit_code if candidate.error else 0
    return Outcome(candidate.name, status, candidate.reason, code)


def _dispatch(session: Session, candidate: Candidate) -> Outcome:
    if candidate.state is State.PENDING:
        return run_batch(session, candidate)
    if candidate.state is State.DUPLICATE:
        _, reason = _settle(session, candidate)
        if reason is not None:
            return Outcome(candidate.name, "failed", f"published before, but {reason}", 1)
    return _said(candidate, candidate.state.value)


def run_batch(session: Session, candidate: Candidate) -> Outcome:
    """One batch, from OPEN to PUBLISH; if it fails, everything is as it was, and the outcome says why.

    Raises LockedError when another program took the warehouse over: then nothing of it is touched.
    """
    started = time.monotonic()
    for tries in range(1, _TRIES + 1):
        attempt: Attempt | None = None
        try:
            attempt = open_batch(session, candidate)
            _stage_loads(attempt)
            _task(attempt, "data_validation", data_validation)
            _task(attempt, "data_enrichment", data_enrichment)
            _task(attempt, "final_merge_operation", final_merge_operation)
            break
        except LockedError:
            raise
        except Exception as error:  # whatever it is, the batch must not stay half done
            log.debug("batch_failed", batch_id=candidate.name, exc_info=True)
            if _give_up(session, candidate, attempt, sentence(error)):
                break
            if not isinstance(error, SourceChangedError) or tries == _TRIES:
                code = error.exit_code if isinstance(error, EcommError) else 1
                return Outcome(candidate.name, "failed", sentence(error), code, time.monotonic() - started)
    assert attempt is not None
    left, reason = _settle(session, candidate)
    shutil.rmtree(attempt.folder, ignore_errors=True)
    return Outcome(
        attempt.batch_id,
        "published",
        reason,
        seconds=time.monotonic() - started,
        revision=attempt.revision,
        files=tuple(_files(attempt)),
        tasks=tuple(attempt.results.values()),
        left=tuple(left),
    )


def _settle(session: Session, candidate: Candidate) -> tuple[list[str], str | None]:
    """Archive a published batch; what cannot be archived now is archived by the next run, and the batch stays."""
    entry = live(session.ledger.entries)[candidate.name]
    try:
        return archive.settle(session.settings, entry, candidate.path), None
    except (OSError, EcommError) as error:
        return [], f"its files are not archived yet ({sentence(error)}); the next run goes on with it"


def sentence(error: BaseException) -> str:
    """What to tell a person about an error: its own sentence, or its kind and first line."""
    if isinstance(error, EcommError):
        return str(error)
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if "No space left on device" in str(error):
        return "the disk is full; free some space, then run the command again."
    return f"{type(error).__name__}: {text[:300]}; run with --verbose for the whole story."


def _give_up(session: Session, candidate: Candidate, attempt: Attempt | None, reason: str) -> bool:
    """End a failed attempt: tables as they were, copies gone, a RECOVER entry with the reason.

    True if the attempt was published all the same: the entry stands, what failed came after it.
    """
    assert candidate.trigger is not None
    try:
        session.ledger.refresh()
        ended = live(session.ledger.entries).get(candidate.name)
        if attempt is not None and ended is not None and ended.revision == attempt.revision:
            return True
        recover(session, reason)
        archive.release(session.settings, candidate.trigger, list(SOURCES))
        if attempt is not None:
            _journal(attempt)
    except Exception as error:  # on a full disk, say: the next OPEN takes everything back, and the reason must be told
        log.warning("recovery_deferred", batch_id=candidate.name, reason=sentence(error))
    return False


# --- OPEN ---------------------------------------------------------------------------------------------------------


def open_batch(session: Session, candidate: Candidate) -> Attempt:
    """OPEN an attempt: claim the batch's files and check all headers, before anything is written to a table."""
    trigger = candidate.trigger
    assert trigger is not None
    entry = session.entry(
        "OPEN",
        batch_id=trigger.batch_id,
        as_of=trigger.as_of,
        batch_date=trigger.batch_date,
        client_name=trigger.client_name,
        trigger=trigger.text,
    )
    attempt = Attempt(session, candidate, entry.seq)
    session.store.bytes_written = 0
    attempt.claimed = archive.claim(session.settings, trigger, candidate.files)
    for claimed in attempt.claimed:
        names, offset = landing.read_header(claimed.copy)
        source = SOURCES[claimed.file.source]
        attempt.headers[claimed.copy] = (
            match_header(source, names, str(claimed.file.path), reserved(source.name)),
            offset,
        )
    return attempt


# --- 01-05 --------------------------------------------------------------------------------------------------------


def _stage_loads(attempt: Attempt) -> None:
    """The five sources side by side; the first error is raised when all have ended."""
    _side_by_side(
        partial(_task, attempt, f"{source.name}_stage_load", partial(stage_load, source=source))
        for source in attempt.sources()
    )


def _side_by_side(work: Iterable[Callable[[], None]]) -> None:
    """Do all of it at once; when all has ended, the first error is raised."""
    with ThreadPoolExecutor(max_workers=len(SOURCES)) as pool:
        waiting = [pool.submit(piece) for piece in work]
    for future in waiting:
        future.result()


def stage_load(attempt: Attempt, result: TaskResult, source: Source) -> None:
    """01-05: a source's files become stage rows, error rows and a change set."""
    files = [c for c in attempt.claimed if c.file.source == source.name]
    landed = land(attempt, source, files)
    rows = attempt.materialise(f"{source.name}_rows", read(attempt, source, landed))
    exceptions = None if rows is None else judge(attempt, source, rows)
    verdicts = [] if exceptions is None else exceptions.groupBy("source_file", "verdict").count().collect()
    counts = {(r["source_file"], r["verdict"]): r["count"] for r in verdicts}
    result.files = [_file_entry(file.claimed, file.records, counts) for file in landed]
    write_stage(attempt, source, rows, exceptions, result)
    if exceptions is not None:
        attempt.exceptions[source.name] = exceptions
        if any(f.rows_rejected or f.rows_superseded for f in result.files):
            write_errors(attempt, source, exceptions, landed)
    attempt.changes[source.name] = change_set(attempt, source)


@dataclass(frozen=True)
class Landed:
    """A file of a batch as text columns: where it was claimed, its header, its frame and how many records it has."""

    claimed: archive.Claimed
    header: Header
    frame: DataFrame
    records: int


def land(attempt: Attempt, source: Source, files: Sequence[archive.Claimed]) -> list[Landed]:
    """Land the files of a source in the attempt's folder."""
    engine, landed = attempt.session.engine, []
    for i, claimed in enumerate(files):
        header, offset = attempt.headers[claimed.copy]
        place = attempt.folder / f"{source.name}_landed_{i}.parquet"
        records = landing.land(claimed.copy, len(header.names), offset, place)
        landed.append(Landed(claimed, header, engine.spark.read.parquet(engine.uri(place)), records))
    return landed


def read(attempt: Attempt, source: Source, landed: Sequence[Landed]) -> DataFrame:
    """The typed rows of all files of a source, each with the rules that it breaks by itself."""
    frames = [staging.as_text(f.frame, source, f.header, f.claimed.file.name, f.claimed.sha256) for f in landed]
    extras = sorted({e for f in landed for e in f.header.extras})
    rows = staging.with_key(staging.together(frames, extras), source)
    reasons = quality.broken(quality.quarantining(source, among_rivals=False), attempt.reading)
    return staging.typed(rows, source, attempt.reading, reasons)


def judge(attempt: Attempt, source: Source, rows: DataFrame) -> DataFrame | None:
    """The rows of which something is to be said, None if all are simply accepted."""
    sharing = attempt.materialise(f"{source.name}_rivals", quality.rivals(rows, source, attempt.reading))
    return attempt.materialise(f"{source.name}_exceptions", quality.judge(rows, sharing, source))


def write_errors(attempt: Attempt, source: Source, exceptions: DataFrame, landed: Sequence[Landed]) -> None:
    """Append what was rejected or superseded, as it stands in its file."""
    store, name = attempt.session.store, errors_name(source.name)
    frames = [staging.as_it_stands(f.frame, f.header, f.claimed.file.name) for f in landed]
    standing = reduce(lambda a, b: a.unionByName(b), frames)
    store.append(name, quality.errors(exceptions, standing, attempt.lineage).select(*store.columns(name)))


def _file_entry(claimed: archive.Claimed, read: int, counts: Mapping[tuple[str, str], int]) -> FileEntry:
    rejected, duplicate, superseded = (
        counts.get((claimed.file.name, verdict), 0) for verdict in ("rejected", "duplicate", "superseded")
    )
    return FileEntry(
        source=claimed.file.source,
        name=claimed.file.name,
        sha256=claimed.sha256,
        bytes=claimed.bytes,
        rows_read=read,
        rows_accepted=read - rejected - duplicate - superseded,
        rows_rejected=rejected,
        rows_duplicate=duplicate,
        rows_superseded=superseded,
    )


def write_stage(
    attempt: Attempt, source: Source, rows: DataFrame | None, exceptions: DataFrame | None, result: TaskResult
) -> None:
    """Append the accepted rows to stage; a column that no contract names becomes one of stage and target."""
    store, name = attempt.session.store, stage_name(source.name)
    extras = sorted({e for c, (h, _) in attempt.headers.items() for e in h.extras if _is_of(attempt, c, source)})
    for table in (name, target_name(source.name)):
        store.evolve(table, extras)
    if rows is None or not sum(f.rows_accepted for f in result.files):
        return
    accepted = staging.stage(rows, exceptions, source, attempt.reading, attempt.lineage)
    store.append(name, staging.with_extras(accepted, store.extras(name)).select(*store.columns(name)))


def _is_of(attempt: Attempt, copy: Path, source: Source) -> bool:
    return any(c.copy == copy and c.file.source == source.name for c in attempt.claimed)


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


# --- 06 -----------------------------------------------------------------------------------------------------------


def data_validation(attempt: Attempt, _: TaskResult) -> None:
    """06: what every rule found in this batch, and the batch's score."""
    penalties, judged = Decimal(0), 0
    for source in attempt.sources():
        files = attempt.results[f"{source.name}_stage_load"].files
        checked = sum(f.rows_accepted + f.rows_rejected for f in files)
        found = _broken(attempt, source)
        for rule in (quality.MALFORMED, *source.rules, quality.CONFLICT):
            failed, keys = found.get(rule.name, (0, []))
            attempt.checks.append(_check(attempt, source.name, rule, checked, failed, keys))
        rejected = sum(f.rows_rejected for f in files)
        conflicts = found.get(quality.SEQUENCE_CONFLICT, (0, []))[0]
        penalties += rejected * quality.PENALTY[Severity.HIGH] + conflicts * quality.PENALTY[Severity.MEDIUM]
        judged += checked
    score = quality.score(penalties, judged)
    worst = max((str(c["severity"]) for c in attempt.checks), key=_LOUDNESS.index, default="NONE")
    batch = Rule("batch_score", Severity.NONE, lambda _: F.lit(True), "100 x (1 - sum of row penalties / rows judged)")
    attempt.checks.append(_check(attempt, "batch", batch, judged, 0, []) | {"score": score, "severity": worst})
    attempt.session.store.journal("validation_results", attempt.checks)


_LOUDNESS = [str(s) for s in (Severity.NONE, Severity.LOW, Severity.MEDIUM, Severity.HIGH)]


def _broken(attempt: Attempt, source: Source) -> dict[str, tuple[int, list[str]]]:
    """rule name -> (rows that break it, at most five of their keys)."""
    exceptions = attempt.exceptions.get(source.name)
    if exceptions is None:
        return {}
    return {r["reason"]: (r["rows"], r["sample"]) for r in quality.summary(exceptions).collect()}


def _check(
    attempt: Attempt, table: str, rule: Rule, checked: int, failed: int, keys: Sequence[str]
) -> dict[str, object]:
    return {
        "batch_id": attempt.batch_id,
        "revision": attempt.revision,
        "table_name": table,
        "check_name": rule.name,
        "category": quality.category(rule.name),
        "rule_severity": str(rule.severity),
        "severity": str(rule.severity if failed else Severity.NONE),
        "rows_checked": checked,
        "failed_rows": failed,
        "failed_share": (Decimal(failed) / checked).quantize(Decimal("0.0001"), ROUND_HALF_UP) if checked else None,
        "description": rule.meaning,
        "sample_keys": list(keys),
        "score": None,
    }


# --- 07 -----------------------------------------------------------------------------------------------------------


def data_enrichment(attempt: Attempt, result: TaskResult) -> None:
    """07: enriched_orders, computed from the targets with the change sets laid over them."""
    targets = enrich.Targets(**{name: view(attempt, source) for name, source in SOURCES.items()})
    result.rows = write_enriched(attempt, targets)


def view(attempt: Attempt, source: Source) -> DataFrame:
    """A target as it will be."""
    target = attempt.session.store.read(target_name(source.name))
    changes = attempt.changes.get(source.name)
    if changes is None or changes.rows is None:
        return target
    return relations.with_changes(target, changes.rows, CATALOGUE[target_name(source.name)].key)


def write_enriched(attempt: Attempt, targets: enrich.Targets) -> int:
    """Bring enriched_orders to what the targets say; how many rows it has, 0 if it had them all before."""
    today = max((as_of for as_of, _ in attempt.live().values()), default=_NO_DAY).date()
    new = enrich.enriched_orders(targets, attempt.session.settings.shop, today)
    return write_whole(attempt, "enriched_orders", new)


def write_whole(attempt: Attempt, name: str, new: DataFrame) -> int:
    """Make a table hold exactly these rows, in one commit, if it does not already; how many rows were written."""
    store = attempt.session.store
    if not store.state[name].rows:
        return store.append(name, new)
    rows = attempt.materialise(name, new)
    if rows is None:
        rows = new.limit(0)
    elif relations.equal(rows, store.read(name), CATALOGUE[name].key, store.columns(name)):
        return 0
    return store.overwrite(name, rows)


# --- 08 -----------------------------------------------------------------------------------------------------------


def final_merge_operation(attempt: Attempt, result: TaskResult) -> None:
    """08: the change sets enter the targets, analytics follow, everything is checked, and the batch is published."""
    _side_by_side(partial(merge_target, attempt, source) for source in attempt.sources())
    summarise(attempt)
    check(attempt)
    if changed := archive.changed(attempt.claimed):
        raise SourceChangedError(f"{', '.join(str(f.path) for f in changed)} changed while it was being read")
    publish(attempt, result)


def merge_target(attempt: Attempt, source: Source) -> None:
    """Apply a source's change set to its target."""
    changes = attempt.changes[source.name]
    if changes.rows is not None:
        attempt.session.store.apply(
            target_name(source.name), changes.rows, changes.entering, changes.leaving, changes.closed
        )


def summarise(attempt: Attempt, *, everything: bool = False) -> int:
    """analytics_summary: the rows of the batches from whose instant on anything differs, computed anew."""
    store, name, alive = attempt.session.store, "analytics_summary", attempt.live()
    old = store.read(name)
    there = {r["batch_id"] for r in old.select("batch_id").collect()}
    sinces = [c.since for n, c in attempt.changes.items() if n in analytics_summary.SOURCES and c.since]
    since = min(sinces, default=None)
    anew = {b for b, (as_of, _) in alive.items() if b not in there or (since is not None and as_of >= since)}
    if attempt.candidate is not None:
        anew.add(attempt.batch_id)
    if everything or _counts_otherwise(attempt):
        anew = set(alive)
    batches = attempt.session.engine.spark.createDataFrame(
        [(b, alive[b][0]) for b in sorted(anew)], "batch_id string, as_of timestamp"
    )
    revisions = [alive[b][1] for b in sorted(anew)]
    stated = store.read(stage_name("orders")).filter(F.col("revision").isin(revisions)).select("batch_id", "order_id")
    targets = enrich.Targets(**{n: store.read(target_name(n)) for n in SOURCES})
    new = analytics_summary.analytics_summary(batches, targets, stated, attempt.session.settings.shop)
    kept = old.filter(F.col("batch_id").isin(sorted(set(alive) - anew)))
    return write_whole(attempt, name, new.unionByName(kept))


def _counts_otherwise(attempt: Attempt) -> bool:
    """The settings that the tables depend on are not those of the last publication."""
    before = [e for e in attempt.session.ledger.entries if e.entry in ("PUBLISH", "REBUILD")]
    return bool(before) and before[-1].settings_hash != attempt.session.settings.shop_hash


def check(attempt: Attempt) -> None:
    """Rows are conserved in every file, and the histories of the touched keys hold together. Raises InvariantError.

    read = accepted + rejected + duplicate + superseded, counted in the tables as they were written.
    """
    store, mine = attempt.session.store, F.col("revision") == attempt.revision
    tables = [name(s.name) for s in attempt.sources() for name in (stage_name, errors_name)]
    written = [store.read(t).filter(mine).select(F.lit(t).alias("table"), "source_file") for t in tables]
    rows = reduce(lambda a, b: a.unionByName(b), written).groupBy("table", "source_file").count().collect()
    counted = {(r["table"], r["source_file"]): r["count"] for r in rows}
    for file in _files(attempt):
        accepted, lost = (counted.get((t(file.source), file.name), 0) for t in (stage_name, errors_name))
        there = accepted + lost + file.rows_duplicate
        if there != file.rows_read or accepted != file.rows_accepted:
            raise InvariantError(
                f"{file.name}: {file.rows_read} records were read, but {accepted} accepted + {lost} rejected or "
                f"superseded + {file.rows_duplicate} duplicate is {there}; nothing was published."
            )
    for source in attempt.sources():
        changes = attempt.changes[source.name].rows
        if changes is not None:
            keys = changes.select(*source.key).distinct()
            touched = store.read(target_name(source.name)).join(keys, list(source.key), "left_semi")
            _check_histories(source, touched)


def _check_histories(source: Source, versions: DataFrame) -> None:
    wrong = folding.contradictions(versions, source.key).limit(3).collect()
    if wrong:
        raise InvariantError(
            f"{target_name(source.name)}: the versions of {', '.join('/'.join(r) for r in wrong)} overlap or are "
            "current twice; nothing was published."
        )


def publish(attempt: Attempt, result: TaskResult) -> None:
    """Force every written file onto the disk, then make the batch visible by one entry."""
    session = attempt.session
    session.store.sync()
    result.ended_at = datetime.now(UTC)
    _journal(attempt)
    trigger = attempt.trigger
    score = next((c["score"] for c in attempt.checks if c["check_name"] == "batch_score"), None)
    session.entry(
        "PUBLISH",
        batch_id=trigger.batch_id,
        as_of=trigger.as_of,
        batch_date=trigger.batch_date,
        client_name=trigger.client_name,
        revision=attempt.revision,
        files=tuple(_files(attempt)),
        score=score,
        trigger=trigger.text,
    )


def _files(attempt: Attempt) -> list[FileEntry]:
    return [file for result in attempt.results.values() for file in result.files]


def _journal(attempt: Attempt) -> None:
    """One row a task in processing_log, once; a source without a file is a task that was skipped."""
    if attempt.journaled:
        return
    attempt.journaled = True
    rows = []
    for task in locks.TASKS:
        done = attempt.results.get(task)
        if done is None and not task.endswith("_stage_load"):
            continue
        files = done.files if done else []
        rows.append(
            {
                "batch_id": attempt.batch_id,
                "revision": attempt.revision,
                "task": task,
                "started_at": done.started_at if done else None,
                "ended_at": done.ended_at if done else None,
                "seconds": Decimal(str(round(done.seconds, 4))) if done else None,
                "rows_read": sum(f.rows_read for f in files),
                "rows_accepted": sum(f.rows_accepted for f in files),
                "rows_rejected": sum(f.rows_rejected for f in files),
                "rows_duplicate": sum(f.rows_duplicate for f in files),
                "rows_superseded": sum(f.rows_superseded for f in files),
                "files": len(files),
                "bytes_written": attempt.session.store.bytes_written if task == locks.TASKS[-1] else None,
                "peak_memory_mb": peak_memory_mb(),
                "status": done.status if done else "SKIPPED",
                "error": done.error if done else None,
            }
        )
    attempt.session.store.journal("processing_log", rows)


def peak_memory_mb() -> int:
    """The greatest resident memory of this process so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)


def _task(attempt: Attempt, name: str, work: Callable[[Attempt, TaskResult], None]) -> None:
    """Do a task, time it, tell the listener, and keep its result."""
    now = datetime.now(UTC)
    result = TaskResult(name, now, now)
    attempt.results[name] = result
    attempt.session.listener(attempt.batch_id, name, None)
    try:
        work(attempt, result)
    except BaseException as error:
        result.status, result.error = "FAILED", sentence(error)
        raise
    finally:
        result.ended_at = datetime.now(UTC)
        attempt.session.listener(attempt.batch_id, name, result)
        log.info(
            "task",
            batch_id=attempt.batch_id,
            task=name,
            status=result.status,
            seconds=round(result.seconds, 3),
        )


# --- the whole at once --------------------------------------------------------------------------------------------


def rebuild(settings: Settings, listener: Listener = silent) -> dict[str, int]:
    """Fold the whole live log anew, and compute every table from it; how many rows of each table had to change.

    All zero if all is well: a target is a function of the log. Raises UsageError, LockedError, FormatError.
    """
    if not Ledger(settings.warehouse).entries:
        raise UsageError(f"{settings.warehouse}: there is no warehouse here to rebuild; --warehouse names another.")
    with locks.all_tasks(settings.warehouse):
        engine = start_engine(settings)
        try:
            return _rebuild(open_warehouse(settings, engine, listener))
        finally:
            engine.stop()


def _rebuild(session: Session) -> dict[str, int]:
    attempt = Attempt(session, None, session.entry("OPEN").seq)
    store, rows = session.store, {}
    dead = dead_revisions(session.ledger.entries)
    try:
        for source in SOURCES.values():
            name = target_name(source.name)
            statements = store.read(stage_name(source.name)).filter(~F.col("revision").isin(dead))
            columns = store.columns(name)
            difference = fold_difference(store, source, statements, store.read(name), columns)
            written = attempt.materialise(f"{source.name}_changes", difference)
            attempt.changes[source.name] = ChangeSet() if written is None else measured(written, source, columns)
            merge_target(attempt, source)
            rows[name] = attempt.changes[source.name].entering + attempt.changes[source.name].leaving
            _check_histories(source, store.read(name))
        targets = enrich.Targets(**{name: store.read(target_name(name)) for name in SOURCES})
        rows["enriched_orders"] = write_enriched(attempt, targets)
        rows["analytics_summary"] = summarise(attempt, everything=True)
        session.entry("REBUILD")
    except Exception as error:
        recover(session, sentence(error))
        raise
    shutil.rmtree(attempt.folder, ignore_errors=True)
    return rows


@dataclass(frozen=True)
class Finding:
    """What one of doctor's checks found; fix is empty where all is well."""

    check: str
    found: str
    fix: str = ""


def scan_invariants(settings: Settings) -> list[Finding]:
    """Look through all published tables: rows against the ledger, every file's rows, every key's history."""
    with locks.all_tasks(settings.warehouse):
        engine = start_engine(settings)
        try:
            session = open_warehouse(settings, engine)
            return list(_scan(session))
        finally:
            engine.stop()


def _scan(session: Session) -> Iterable[Finding]:
    store, entries = session.store, session.ledger.entries
    again = "run `ecomm rebuild`; if it stays, keep the warehouse as it is and report it"
    lost = "bring it back from a backup"
    for name, state in store.state.items():
        rows, gone = deltafiles.rows(store.path(name)), deltafiles.missing(store.path(name))
        if rows != state.rows:
            yield Finding(name, f"{rows} rows, the ledger says {state.rows}", again)
        if gone:
            yield Finding(name, f"{len(gone)} of its files are not there, {gone[0]} among them", lost)
            return
    for source in SOURCES.values():
        try:
            _check_histories(source, store.read(target_name(source.name)))
        except InvariantError as error:
            yield Finding(target_name(source.name), str(error), again)
        counted = {
            table: {
                (r["revision"], r["source_file"]): r["count"]
                for r in store.read(table).groupBy("revision", "source_file").count().collect()
            }
            for table in (stage_name(source.name), errors_name(source.name))
        }
        for entry in live(entries).values():
            for file in (f for f in entry.files if f.source == source.name):
                place = (entry.revision, file.name)
                accepted, lost = (counted[t].get(place, 0) for t in (stage_name(source.name), errors_name(source.name)))
                if accepted + lost + file.rows_duplicate != file.rows_read:
                    found = f"{accepted} + {lost} + {file.rows_duplicate} rows of {file.rows_read}"
                    yield Finding(f"{entry.batch_id}/{file.name}", found, again)
