"""The way of a batch, from its trigger to its publication.

    trigger --> OPEN an attempt: recover, claim (copy + sha256) all files, check all headers
            --> 01-05 land text > cast > judge > stage + errors > change set  (five sources, side by side)
            --> 06 validate --> gate --> 07 enrich
            --> 08 merge change sets into targets, analytics, check, PUBLISH, archive

`run` goes it whole, for every complete batch. `run_task` does one of the eight tasks in a process of its own, as a
workflow calls them; `handover` is what they leave for each other.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ecomm import handover
from ecomm.batch import Plan
from ecomm.batches import failures, locks, quiet
from ecomm.batches.entry import Entry
from ecomm.batches.landing import Landing
from ecomm.batches.ledger import Ledger
from ecomm.batches.log import Log
from ecomm.batches.trigger import Candidate, State
from ecomm.driver import Progress, carry_out, is_too_low
from ecomm.engines import Engine
from ecomm.errors import (
    Cause,
    EcommError,
    FileError,
    HeaderError,
    LockedError,
    SourceChangedError,
    UsageError,
    sentence,
)
from ecomm.maintain import maintain_if_due
from ecomm.opening import check_headers, open_batch
from ecomm.progress import Listener, silent
from ecomm.session import Session, left_behind, open_warehouse, recover, running, session_of, working
from ecomm.settings import Settings, of_parameters
from ecomm.transaction import Outcome, ended, give_up, publish_held, run_batch, settle

_PATIENCE = 3600.0  # seconds
_PAUSE, _SILENCE = 0.2, 3.0  # seconds; the tasks of a run wait for a moment for the one that opens the attempt
_RUN_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def run(
    settings: Settings,
    *,
    only: str | None = None,
    replacing: str | None = None,
    dry_run: bool = False,
    listener: Listener = silent,
) -> list[Outcome]:
    """Publish every complete pending batch, in the order of their as-of; say what became of each trigger.

    only: this batch alone. replacing: this batch alone, whose trigger has come again, in place of what was published or
    held under its id. dry_run: say what would be done, and do nothing. Raises UsageError, LockedError, FormatError,
    StorageError; what concerns one batch is in its Outcome, and the others go on.
    """
    ledger, landing = Ledger.of(settings), Landing(settings)
    foreseen = [] if only or replacing else take_quiet(landing, ledger.log, dry_run=dry_run)
    if replacing is not None:
        only = replacing
        if replacing not in {e.batch_id for e in ledger.log.kept}:
            raise UsageError(
                f"{replacing} is neither published nor held, so nothing is replaced; run without --replace."
            )

    def wanted(batch: str) -> bool:
        return only in (None, batch)

    candidates = [c for c in look(landing, ledger.log, replacing) if wanted(c.name)]
    if dry_run:
        agreed = [str(e.batch_id) for e in ledger.log.accepted]
        said = [_said(c, "would publish" if c.state is State.PENDING else c.state.value) for c in candidates]
        agreed += foreseen
        return [Outcome(batch, "would publish") for batch in agreed if wanted(batch)] + said
    if not is_work(landing, ledger.log, candidates):
        return [_said(c, c.state.value) for c in candidates]
    with working(settings, listener, known=ledger.log) as session:
        return list(publish(session, wanted, replacing))


def look(landing: Landing, log: Log, replacing: str | None = None) -> list[Candidate]:
    """The triggers in landing as they are now, in the order of their as-of. replacing: see `run`.

    Raises UsageError.
    """
    return landing.scan(log, datetime.now(UTC), replacing)


def take_quiet(
    landing: Landing,
    log: Log,
    still_for: Mapping[Path, float] | None = None,
    *,
    dry_run: bool = False,
    locked: bool = False,
) -> list[str]:
    """Write triggers for files that are a batch without one (`batches = "quiet"` or `"daily"`); the batches' ids.

    still_for: how many seconds each file has stood still, if that is known. dry_run: write nothing. locked: the caller
    holds all locks. Raises LockedError, StorageError, UsageError.
    """
    settings = landing.settings
    if settings.batches == "triggers":
        return []
    candidates, now = look(landing, log), datetime.now(UTC)
    if still_for is None:
        still_for = quiet.seconds_still(settings, [file.path for file in quiet.readable(settings, candidates)])
    if not (found := quiet.planned(settings, candidates, log, still_for, now)) or dry_run:
        return [one.batch_id for one in found]
    with nullcontext() if locked else locks.of(settings):  # of two programs one writes the trigger; the other finds it
        found = quiet.planned(settings, look(landing, log), log, still_for, now)
        quiet.announce(settings, found, now)
    return [one.batch_id for one in found]


def is_work(landing: Landing, log: Log, candidates: Sequence[Candidate]) -> bool:
    """Something is to be published, archived or taken back."""
    work = any(c.state in (State.PENDING, State.DUPLICATE) for c in candidates) or log.accepted
    return bool(work) or left_behind(landing, log)


def publish(
    session: Session, wanted: Callable[[str], bool] = lambda _: True, replacing: str | None = None
) -> Iterator[Outcome]:
    """Publish what was accepted and what is complete; what became of each, as it ends. Upkeep is done when due.

    wanted: asked before each batch, by its id, whether it is to be worked on. replacing: see `run`. Raises LockedError.
    """
    if (ended_now := session.finished) is not None and ended_now.batch_id is not None:
        session.finished = None
        yield _finished(ended_now)
    candidates = look(session.landing, session.log, replacing)
    for entry in session.log.accepted:
        if wanted(str(entry.batch_id)):
            yield publish_held(session, entry)
            maintain_if_due(session)
    for candidate in candidates:
        if wanted(candidate.name):
            before, stamps = len(session.log), failures.stamps_of(failures.files_of(candidate))
            outcome = _failing_as_before(session, candidate, stamps) or _dispatch(session, candidate)
            _remember(session, candidate, stamps, outcome)
            yield outcome
            if len(session.log) > before:  # the backlog of a month must not get slower from day to day
                maintain_if_due(session)


def _failing_as_before(session: Session, candidate: Candidate, stamps: Mapping[str, failures.Stamp]) -> Outcome | None:
    """A batch whose headers are as wrong as when it failed, with the same files: no attempt is opened for it again."""
    known = failures.load(session.settings).get(candidate.name)
    if candidate.state is not State.PENDING or known is None or known.cause is not Cause.FILES:
        return None
    if not known.is_of(failures.by_of(session.settings_hash), stamps):
        return None
    try:
        check_headers(session.sources, candidate.files)
    except (HeaderError, FileError) as error:
        reason = sentence(error, session.settings.warehouse)
        return Outcome(candidate.name, "failed", reason, error.exit_code, cause=Cause.FILES)
    return None


def _remember(session: Session, candidate: Candidate, stamps: Mapping[str, failures.Stamp], outcome: Outcome) -> None:
    """Keep that a batch failed, and with what, or that it does not any more."""
    if outcome.status == "failed" and candidate.state is State.PENDING:
        by, said = failures.by_of(session.settings_hash), outcome.reason or ""
        failures.note(session.settings, candidate.name, by, stamps, said, outcome.cause)
    elif outcome.status != "failed":
        failures.forget(session.settings, candidate.name)


def _finished(entry: Entry) -> Outcome:
    """What became of a batch whose publication an earlier run had begun."""
    status = {"UNDO": "undone", "HOLD": "held"}.get(entry.entry, "published")
    said = "an earlier run had begun to publish it, and this one has finished"
    code = 3 if status == "held" else 0
    return Outcome(str(entry.batch_id), status, said, code, revision=entry.revision, files=entry.files)


def _said(candidate: Candidate, status: str) -> Outcome:
    code = candidate.error.exit_code if candidate.error else 0
    return Outcome(candidate.name, status, candidate.reason, code)


def _dispatch(session: Session, candidate: Candidate) -> Outcome:
    if candidate.trigger is not None and candidate.state is State.PENDING:
        return run_batch(session, Plan(candidate.trigger, files=candidate.files))
    if candidate.trigger is not None and candidate.state is State.DUPLICATE:
        _, reason = settle(session, candidate.trigger)
        if reason is not None:
            return Outcome(candidate.name, "failed", f"published before, but {reason}", 1, cause=Cause.OUTSIDE)
    return _said(candidate, candidate.state.value)


# --- one task in a process of its own -----------------------------------------------------------------------------


def run_task(
    settings: Settings,
    task: str,
    run_id: str,
    listener: Listener = silent,
    notify: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Do one task of the batch that a run works on; the first task of a run opens the attempt, the others join it.

    The batch is the first complete one. A task that has ended returns at once, also after the batch was published; one
    that was broken off takes back what it wrote and starts again. While a task of another run works, it waits; between
    tasks it takes over, and the other run stops. 06 holds the batch if its score is too low, 08 publishes it; when that
    is done, or was done before, 08 publishes every other complete batch, whole.

    run_id: which tasks belong together: the id of a workflow's run. notify: hears a sentence about what it waits for.
    Raises UsageError, WaitingError if tasks are missing that this one builds on, LockedError if another run has taken
    over, FormatError, StorageError; what concerns the batch is in its Outcome.
    """
    if task not in locks.TASKS:
        raise UsageError(f"there is no task {task}; there are: {', '.join(locks.TASKS)}.")
    if not _RUN_ID.fullmatch(run_id):
        raise UsageError(f"--run-id {run_id!r}: take up to 128 letters, digits, dots, dashes and underscores.")
    known = _standing(settings, run_id)
    if known.outcomes is not None and not (known.outcomes and task == locks.FINAL_MERGE):
        return known.outcomes
    with running(settings) as engine:
        mine = _Task(settings, engine, task, run_id, listener)
        if known.outcomes is not None:
            return known.outcomes + _others(mine.session())
        return _when_its_turn_comes(mine, notify)


@dataclass(frozen=True)
class _Task:
    """One task of a run, in a process of its own."""

    settings: Settings
    engine: Engine
    name: str
    run_id: str
    listener: Listener

    def session(self) -> Session:
        """The run's session in the warehouse as it is."""
        return session_of(self.settings, self.engine, self.listener, self.run_id)


@dataclass(frozen=True)
class _Standing:
    """Where a run is: its attempt that is open, or what became of it if it has ended; neither if it has not begun."""

    opened: Entry | None = None
    outcomes: list[Outcome] | None = None


def _when_its_turn_comes(mine: _Task, notify: Callable[[str], None]) -> list[Outcome]:
    """Do a task once its attempt is open, or open it; wait while other tasks work. Raises LockedError after an hour."""
    began, told = time.monotonic(), False
    while (waited := time.monotonic() - began) < _PATIENCE:
        for step in (_join_and_do, _open_if_nobody_works, _join_and_do):
            if (outcomes := step(mine)) is not None:
                return outcomes
        if waited > _SILENCE and not told and (busy := locks.held(mine.settings)):
            notify(f"{mine.name} waits, for another run works on this warehouse: {', '.join(busy)}.")
            told = True
        time.sleep(_PAUSE)
    warehouse = mine.settings.warehouse
    raise LockedError(f"{warehouse}: other tasks have worked on this warehouse for an hour; try again later.")


def _join_and_do(mine: _Task) -> list[Outcome] | None:
    """Do the task if its lock is free and its attempt is open; None if not."""
    with ExitStack() as ours:
        if not _take(ours, mine.settings, [mine.name]):
            return None
        known = _standing(mine.settings, mine.run_id)
        if known.outcomes is not None:
            return known.outcomes
        if known.opened is None or not handover.is_open(mine.settings, known.opened):
            return None
        session = mine.session()
        outcomes = _one_of(session, known.opened, mine.name)
    if mine.name == locks.FINAL_MERGE and outcomes[-1].status == "published":
        outcomes = outcomes + _others(session)
    return outcomes


def _open_if_nobody_works(mine: _Task) -> list[Outcome] | None:
    """Open the run's attempt if all locks are free and it is not open; what became of all if there is none to open."""
    with ExitStack() as ours:
        if not _take(ours, mine.settings, locks.TASKS):
            return None
        known = _standing(mine.settings, mine.run_id)  # another task of this run may have opened it meanwhile
        if known.outcomes is not None:
            return known.outcomes
        if known.opened is not None and handover.is_open(mine.settings, known.opened):
            return None
        return _open_next(mine)


def run_notebook(task: str, said: Mapping[str, str]) -> list[dict[str, object]]:
    """Do one task as `run_task` does, with the run id and the settings of a notebook's parameters; what came of it.

    said: `run_id`, and what `settings.of_parameters` knows. Raises what `run_task` raises, and EcommError if a batch
    has failed, so that the notebook fails too.
    """
    run_id = said.get("run_id", "")
    if not run_id:
        raise UsageError("run_id is empty: give all eight notebooks the same one, and each batch another.")
    outcomes = run_task(of_parameters(said), task, run_id, notify=print)
    if failed := [o for o in outcomes if o.exit_code not in (0, 3)]:
        raise EcommError("; ".join(f"{o.batch_id} {o.status}: {o.reason}" for o in failed))
    return [outcome.summary() for outcome in outcomes]


def _take(ours: ExitStack, settings: Settings, tasks: Sequence[str]) -> bool:
    """Take these locks until the stack is closed, if nobody holds one."""
    try:
        ours.enter_context(locks.of(settings, tasks))
    except LockedError:
        return False
    return True


def _standing(settings: Settings, run_id: str) -> _Standing:
    """Where a run is. Raises LockedError if another run has taken over."""
    if handover.found_nothing(settings, run_id):
        return _Standing(outcomes=[])
    log = Ledger.of(settings).log
    mine = [e for e in log if e.entry == "OPEN" and e.run_id == run_id]
    if not mine:
        return _Standing()
    opened = mine[-1]
    if opened is log.last:
        return _Standing(opened)
    end = log[opened.seq + 1]
    batch = str(opened.batch_id)
    if end.run_id != run_id:
        raise LockedError(
            f"another run has taken over from {run_id}, which had opened batch {batch}; look at `ecomm status`, and "
            "start a new run if it is still pending."
        )
    outcome = Outcome(batch, "failed", end.reason, 1)
    if end.entry == "HOLD":
        outcome = Outcome(batch, "held", end.reason, 3, revision=opened.seq, files=end.files)
    if end.entry == "PUBLISH":
        outcome = Outcome(batch, "done before", "this run has published it", revision=opened.seq, files=end.files)
    return _Standing(opened, [outcome])


def _open_next(mine: _Task) -> list[Outcome] | None:
    """Open an attempt at the first batch that can be; if there is none, say what became of the triggers.

    A batch that failed before comes after the others. The caller holds all locks.
    """
    settings, run_id = mine.settings, mine.run_id
    ledger, landing = Ledger.of(settings), Landing(settings)
    take_quiet(landing, ledger.log, locked=True)
    candidates = look(landing, ledger.log)
    if not is_work(landing, ledger.log, candidates):
        handover.note_nothing(settings, run_id)
        return [_said(c, c.state.value) for c in candidates]
    session = open_warehouse(settings, mine.engine, mine.listener, known=ledger.log, landing=landing, run_id=run_id)
    candidates = look(landing, session.log)  # once more: a publication that was broken off may have been finished
    outcomes = [publish_held(session, e) for e in session.log.accepted]
    failed = {e.batch_id for e in session.log if e.entry == "RECOVER"}
    pending = [Plan(c.trigger, files=c.files) for c in candidates if c.trigger and c.state is State.PENDING]
    for plan in sorted(pending, key=lambda p: p.trigger.batch_id in failed):
        try:
            handover.open_to_others(open_batch(session, plan))
        except LockedError:
            raise
        except Exception as error:  # whatever it is, the next batch is not held up by it
            reason = sentence(error, settings.warehouse)
            give_up(session, plan.trigger, None, Progress(), reason)
            outcomes.append(Outcome(plan.trigger.batch_id, "failed", reason, 1))
        else:
            return None
    outcomes += [_dispatch(session, c) for c in candidates if c.state is not State.PENDING]
    if not pending:
        handover.note_nothing(settings, run_id)
    return outcomes


def _one_of(session: Session, opened: Entry, task: str) -> list[Outcome]:
    """One task of the attempt that is open, under its lock."""
    if handover.is_publishing(session.settings, opened):  # 08 was broken off between two commits
        recover(session)
        session.landing.settle_all(session.log)
        return _standing(session.settings, session.run_id).outcomes or []
    started = time.monotonic()
    batch, progress = handover.join(session, opened)
    name = batch.batch_id
    if task in progress.results:
        return [Outcome(name, "done before", f"{task} has ended", revision=opened.seq)]
    if task in locks.STAGE_LOADS and task not in batch.stage_loads:
        return [Outcome(name, "skipped", "the batch has no file of it", revision=opened.seq)]
    handover.check_order(batch, progress, task)
    handover.begin(batch, task)
    try:
        carry_out(batch, progress, [task])
        if task == locks.FINAL_MERGE or is_too_low(batch, progress):
            return [ended(batch, progress, started)]
        handover.end(batch, progress, task)
    except LockedError:
        raise
    except Exception as error:  # it may be done again
        reason = sentence(error, session.settings.warehouse)
        if isinstance(error, SourceChangedError):
            give_up(session, batch.trigger, batch, progress, reason)
            files = tuple(file.claimed.file for file in batch.files)
            return [run_batch(session, Plan(batch.trigger, files=files))]
        handover.fail(batch, task, reason)
        code = error.exit_code if isinstance(error, EcommError) else 1
        return [Outcome(name, "failed", reason, code, time.monotonic() - started, opened.seq)]
    result = progress.results[task]
    notes = progress.validated.notes if task == locks.VALIDATION and progress.validated else ()
    seconds = time.monotonic() - started
    return [Outcome(name, "done", task, 0, seconds, opened.seq, result.files, (result,), notes=notes)]


def _others(session: Session) -> list[Outcome]:
    """After a run's last task: every other complete batch, whole, in this process; none if another run works now."""
    settings = session.settings
    with ExitStack() as ours:
        if not _take(ours, settings, locks.TASKS):
            return []
        return list(publish(open_warehouse(settings, session.engine, session.listener)))
