"""What tasks that run in processes of their own leave for each other, and how one joins the attempt of its run.

An attempt's folder holds `opened.json` once its files are claimed, and `<task>.json` for each task that has ended: with
it, the task is done; without it, the task's tables are taken back and it starts again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path

from pydantic import TypeAdapter

from ecomm.attempt import Attempt, ChangeSet, Origin
from ecomm.batches import archive, locks
from ecomm.batches.ledger import Entry, live
from ecomm.batches.trigger import Candidate, parsed
from ecomm.batches.trigger import State as Standing
from ecomm.engines import deltafiles
from ecomm.errors import WaitingError
from ecomm.opening import read_headers, take_corrections
from ecomm.session import FAILURE, Session, TaskResult, attempts_dir
from ecomm.settings import Settings
from ecomm.sources import SOURCES
from ecomm.store.publication import Left, intended
from ecomm.tables import CATALOGUE, State, errors_name, stage_name, target_name
from ecomm.transforms.quality import Tally

_LOADED = {f"{s}_stage_load": (stage_name(s), errors_name(s), target_name(s)) for s in SOURCES}
_ENRICHED = ("enriched_orders", "customer_analytics", "product_analytics")
_BEFORE = {*chain(*(tables[:2] for tables in _LOADED.values())), *_ENRICHED, "corrections"}
WRITES = {
    **_LOADED,
    "data_validation": ("validation_results",),
    "data_enrichment": _ENRICHED,
    "final_merge_operation": tuple(t.name for t in CATALOGUE.values() if not t.journal and t.name not in _BEFORE),
}
"""The tables that each task writes; a stage load adds columns to its target."""


@dataclass(frozen=True)
class _Opened:
    """An attempt as it was opened: the trigger's place, and the claimed files."""

    trigger: Path
    claimed: tuple[archive.Claimed, ...]


@dataclass(frozen=True)
class _Change:
    """What is in a change set (see `ChangeSet`)."""

    entering: int
    leaving: int
    closed: int
    current: int
    since: datetime | None


@dataclass(frozen=True)
class _Ended:
    """A task that has ended: its result, its tables, and what later tasks need of it."""

    result: TaskResult
    left: Left
    change: _Change | None
    tallies: tuple[Tally, ...]
    score: Decimal | None


_OPENED, _ENDED = TypeAdapter(_Opened), TypeAdapter(_Ended)


def _folder(settings: Settings, opened: Entry) -> Path:
    return attempts_dir(settings) / str(opened.seq)


def open_to_others(attempt: Attempt) -> None:
    """Let the tasks of this run join the attempt: its files are claimed."""
    attempt.folder.mkdir(parents=True, exist_ok=True)
    opened = _Opened(attempt.trigger.path, tuple(attempt.claimed))
    deltafiles.write_whole(attempt.folder / "opened.json", _OPENED.dump_json(opened))


def is_open(settings: Settings, opened: Entry) -> bool:
    """The attempt's files are claimed, so that tasks may join it."""
    return (_folder(settings, opened) / "opened.json").is_file()


def is_publishing(settings: Settings, opened: Entry) -> bool:
    """The attempt has begun to commit: it can only be finished."""
    return intended(_folder(settings, opened)) is not None


def join(session: Session, opened: Entry) -> Attempt:
    """The attempt of a run as its tasks have left it, for one more of them."""
    assert opened.batch_id is not None
    folder = _folder(session.settings, opened)
    said = _OPENED.validate_json((folder / "opened.json").read_bytes())
    trigger = parsed(said.trigger, opened.trigger or "", list(SOURCES))
    candidate = Candidate(said.trigger, Standing.PENDING, trigger, tuple(claimed.file for claimed in said.claimed))
    before = live(session.ledger.entries).get(opened.batch_id)
    attempt = Attempt(session, candidate, opened.seq, opened.seq, Origin.LANDING, replaces=before)
    attempt.claimed = list(said.claimed)
    session.store.assume({name: State(*said) for name, said in session.ledger.last.tables.items()})
    session.store.begin(opened.seq, folder)
    for task in locks.TASKS:
        if (marker := folder / f"{task}.json").is_file():
            _take(attempt, _ENDED.validate_json(marker.read_bytes()))
    read_headers(attempt)
    take_corrections(attempt)
    return attempt


def _take(attempt: Attempt, ended: _Ended) -> None:
    """Take what a task has left into the attempt."""
    session, task = attempt.session, ended.result.task
    attempt.results[task] = ended.result
    session.store.take(ended.left)
    if ended.score is not None:
        attempt.score = ended.score
    if task in locks.STAGE_LOADS:
        source = locks.source_of(task)
        attempt.tallies[source] = list(ended.tallies)
        attempt.changes[source] = ChangeSet()
        if (made := ended.change) is not None:
            rows = session.engine.spark.read.parquet(session.engine.uri(attempt.folder / f"{source}_changes"))
            attempt.changes[source] = ChangeSet(rows, **asdict(made))


def check_order(attempt: Attempt, task: str) -> None:
    """Raises WaitingError if a task that this one builds on has not ended."""
    if task in locks.STAGE_LOADS:
        return
    mine, earlier = attempt.stage_loads, locks.TASKS[: locks.TASKS.index(task)]
    missing = [t for t in earlier if t not in attempt.results and (t in mine or t not in locks.STAGE_LOADS)]
    if missing:
        raise WaitingError(
            f"{task} waits for {', '.join(missing)} of batch {attempt.batch_id}; run them with the same run id, then "
            "this again."
        )


def begin(attempt: Attempt, task: str) -> None:
    """Take back what this task wrote when it was broken off."""
    (attempt.folder / FAILURE).unlink(missing_ok=True)
    attempt.session.store.restart(WRITES[task])


def end(attempt: Attempt, task: str) -> None:
    """Leave what the other tasks need."""
    store, source = attempt.session.store, locks.source_of(task)
    made = attempt.changes.get(source)
    change = None
    if made is not None and made.rows is not None:
        change = _Change(made.entering, made.leaving, made.closed, made.current, made.since)
        for file in (attempt.folder / f"{source}_changes").iterdir():
            deltafiles.fsync(file)
    ended = _Ended(
        attempt.results[task],
        store.left(WRITES[task]),
        change,
        tuple(attempt.tallies.get(source, ())),
        attempt.score if task == "data_validation" else None,
    )
    deltafiles.write_whole(attempt.folder / f"{task}.json", _ENDED.dump_json(ended))


def note_nothing(settings: Settings, run_id: str) -> None:
    """Note that nothing was pending when a run began: its other tasks find the same, whatever has come since."""
    (settings.warehouse / "locks" / "nothing").write_text(run_id, encoding="utf-8")


def found_nothing(settings: Settings, run_id: str) -> bool:
    """Nothing was pending when this run began."""
    note = settings.warehouse / "locks" / "nothing"
    return note.is_file() and note.read_text(encoding="utf-8") == run_id


def fail(attempt: Attempt, task: str, reason: str) -> None:
    """Leave why a task failed, for the one who ends the attempt if the task is not done again."""
    deltafiles.write_whole(attempt.folder / FAILURE, f"{task}: {reason}".encode())
