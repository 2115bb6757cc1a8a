"""What tasks that run in processes of their own leave for each other, and how one joins the attempt of its run.

An attempt's folder holds `opened.json` once its files are claimed, and `<task>.json` for each task that has ended: with
it, the task is done; without it, the task's tables are taken back and it starts again.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pydantic import TypeAdapter

from ecomm.attempt import Attempt
from ecomm.batch import Batch, Plan
from ecomm.batches import locks
from ecomm.batches.entry import Entry
from ecomm.batches.landing import Claimed
from ecomm.batches.trigger import parsed
from ecomm.driver import Progress
from ecomm.engines import deltafiles
from ecomm.errors import WaitingError
from ecomm.opening import corrections_of, opened_batch
from ecomm.progress import TaskResult
from ecomm.session import FAILURE, Session, attempts_dir
from ecomm.settings import SOURCE_NAMES, Settings
from ecomm.store.publication import Left, intended
from ecomm.tables import CATALOGUE, State, errors_name, stage_name, target_name
from ecomm.tasks.found import StageLoaded, Validated

_LOADED = {f"{s}_stage_load": (stage_name(s), errors_name(s), target_name(s)) for s in SOURCE_NAMES}
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
    claimed: tuple[Claimed, ...]


@dataclass(frozen=True)
class _Ended:
    """A task that has ended: how it went, its tables, and what it found."""

    result: TaskResult
    left: Left
    loaded: StageLoaded | None = None
    validated: Validated | None = None


_OPENED, _ENDED = TypeAdapter(_Opened), TypeAdapter(_Ended)


def _folder(settings: Settings, opened: Entry) -> Path:
    return attempts_dir(settings) / str(opened.seq)


def open_to_others(batch: Batch) -> None:
    """Let the tasks of this run join the attempt: its files are claimed."""
    folder = batch.work.folder
    folder.mkdir(parents=True, exist_ok=True)
    opened = _Opened(batch.trigger.path, tuple(file.claimed for file in batch.files))
    deltafiles.write_whole(folder / "opened.json", _OPENED.dump_json(opened))


def is_open(settings: Settings, opened: Entry) -> bool:
    """The attempt's files are claimed, so that tasks may join it."""
    return (_folder(settings, opened) / "opened.json").is_file()


def is_publishing(settings: Settings, opened: Entry) -> bool:
    """The attempt has begun to commit: it can only be finished."""
    return intended(_folder(settings, opened)) is not None


def join(session: Session, opened: Entry) -> tuple[Batch, Progress]:
    """The batch of a run and what its tasks have left, for one more of them."""
    assert opened.batch_id is not None
    folder = _folder(session.settings, opened)
    found = _OPENED.validate_json((folder / "opened.json").read_bytes())
    plan = Plan(parsed(found.trigger, opened.trigger or "", SOURCE_NAMES))
    alive = {**session.log.positions, plan.trigger.batch_id: (plan.trigger.as_of, opened.seq)}
    session.store.assume({name: State(*state) for name, state in session.log.last.tables.items()})
    session.store.begin(opened.seq, folder)
    progress = Progress()
    for task in locks.TASKS:
        if (marker := folder / f"{task}.json").is_file():
            _take(session, progress, _ENDED.validate_json(marker.read_bytes()))
    attempt = Attempt(session, opened.seq, session.log, alive)
    replaces = session.log.live.get(opened.batch_id)
    known = corrections_of(session, opened.batch_id)
    return opened_batch(attempt, plan, replaces, found.claimed, session.counting, known), progress


def _take(session: Session, progress: Progress, ended: _Ended) -> None:
    """Take what a task has left."""
    session.store.take(ended.left)
    progress.results[ended.result.task] = ended.result
    if ended.loaded is not None:
        progress.loaded[locks.source_of(ended.result.task)] = ended.loaded
    if ended.validated is not None:
        progress.validated = ended.validated


def check_order(batch: Batch, progress: Progress, task: str) -> None:
    """Raises WaitingError if a task that this one builds on has not ended."""
    if task in locks.STAGE_LOADS:
        return
    mine, earlier = batch.stage_loads, locks.TASKS[: locks.TASKS.index(task)]
    missing = [t for t in earlier if t not in progress.results and (t in mine or t not in locks.STAGE_LOADS)]
    if missing:
        raise WaitingError(
            f"{task} waits for {', '.join(missing)} of batch {batch.batch_id}; run them with the same run id, then "
            "this again."
        )


def begin(batch: Batch, task: str) -> None:
    """Take back what this task wrote when it was broken off."""
    (batch.work.folder / FAILURE).unlink(missing_ok=True)
    batch.store.restart(WRITES[task])


def end(batch: Batch, progress: Progress, task: str) -> None:
    """Leave what the other tasks need."""
    source, folder = locks.source_of(task), batch.work.folder
    loaded = progress.loaded[source] if task in locks.STAGE_LOADS else None
    if loaded is not None and not loaded.changes.is_empty:
        for file in (folder / f"{source}_changes").iterdir():
            deltafiles.fsync(file)
    validated = progress.validated if task == locks.VALIDATION else None
    ended = _Ended(progress.results[task], batch.store.left(WRITES[task]), loaded, validated)
    deltafiles.write_whole(folder / f"{task}.json", _ENDED.dump_json(ended))


def note_nothing(settings: Settings, run_id: str) -> None:
    """Note that nothing was pending when a run began: its other tasks find the same, whatever has come since."""
    (settings.warehouse / "locks" / "nothing").write_text(run_id, encoding="utf-8")


def found_nothing(settings: Settings, run_id: str) -> bool:
    """Nothing was pending when this run began."""
    note = settings.warehouse / "locks" / "nothing"
    return note.is_file() and note.read_text(encoding="utf-8") == run_id


def fail(batch: Batch, task: str, reason: str) -> None:
    """Leave why a task failed, for the one who ends the attempt if the task is not done again."""
    deltafiles.write_whole(batch.work.folder / FAILURE, f"{task}: {reason}".encode())
