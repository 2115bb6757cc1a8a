"""The way of a batch, from its trigger to its publication.

    trigger --> OPEN an attempt: recover, claim (copy + sha256) all files, check all headers
            --> 01-05 land text > cast > judge > stage + errors > change set  (five sources, side by side)
            --> 06 validate --> 07 enrich --> 08 merge change sets into targets, analytics, check, PUBLISH, archive

The functions stand in this order. What a batch writes becomes visible by its PUBLISH entry and not before; whatever
breaks off earlier is taken back by the next OPEN.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from ecomm.attempt import (
    Attempt,
    Listener,
    Session,
    TaskResult,
    journal,
    left_behind,
    recover,
    side_by_side,
    silent,
    working,
)
from ecomm.batches import archive, landing
from ecomm.batches.ledger import FileEntry, Ledger, live
from ecomm.batches.trigger import Candidate, State, scan
from ecomm.contract import match_header
from ecomm.errors import EcommError, LockedError, SourceChangedError, sentence
from ecomm.settings import Settings
from ecomm.sources import SOURCES
from ecomm.tables import reserved
from ecomm.tasks.data_enrichment import data_enrichment
from ecomm.tasks.data_validation import data_validation
from ecomm.tasks.final_merge_operation import final_merge_operation
from ecomm.tasks.stage_load import stage_load

log = structlog.get_logger()
_TRIES = 3


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
    if not work and not left_behind(settings, ledger):
        return [_said(c, c.state.value) for c in candidates]
    with working(settings, listener) as session:
        candidates = _chosen(scan(settings, session.ledger.entries, list(SOURCES), now), only)
        return [_dispatch(session, c) for c in candidates]


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
            why = sentence(error, session.settings.warehouse)
            if _give_up(session, candidate, attempt, why):
                break
            if not isinstance(error, SourceChangedError) or tries == _TRIES:
                code = error.exit_code if isinstance(error, EcommError) else 1
                return Outcome(candidate.name, "failed", why, code, time.monotonic() - started)
    assert attempt is not None
    left, reason = _settle(session, candidate)
    shutil.rmtree(attempt.folder, ignore_errors=True)
    return Outcome(
        attempt.batch_id,
        "published",
        reason,
        seconds=time.monotonic() - started,
        revision=attempt.revision,
        files=tuple(attempt.files),
        tasks=tuple(attempt.results.values()),
        left=tuple(left),
    )


def _settle(session: Session, candidate: Candidate) -> tuple[list[str], str | None]:
    """Archive a published batch; what cannot be archived now is archived by the next run, and the batch stays."""
    entry = live(session.ledger.entries)[candidate.name]
    try:
        return archive.settle(session.settings, entry, candidate.trigger), None
    except (OSError, EcommError) as error:
        why = sentence(error, session.settings.landing)
        return [], f"its files are not archived yet ({why}); the next run goes on with it"


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
        archive.release(session.settings, candidate.trigger, list(SOURCES))
        recover(session, reason)
        if attempt is not None:
            journal(attempt)
    except Exception as error:  # on a full disk, say: the next OPEN takes everything back, and the reason must be told
        log.info("recovery_deferred", batch_id=candidate.name, reason=sentence(error, session.settings.warehouse))
    return False


# --- OPEN ---------------------------------------------------------------------------------------------------------


def open_batch(session: Session, candidate: Candidate) -> Attempt:
    """OPEN an attempt: claim the batch's files and check all headers, before anything is written to a table."""
    trigger = candidate.trigger
    assert trigger is not None
    attempt = Attempt(session, candidate, session.entry_of("OPEN", trigger).seq)
    session.store.bytes_written = 0
    attempt.claimed = archive.claim(session.settings, trigger, candidate.files)
    for claimed in attempt.claimed:
        names, offset = landing.read_header(claimed.copy)
        source = session.sources[claimed.file.source]
        attempt.headers[claimed.copy] = (
            match_header(source, names, str(claimed.file.path), reserved(source.name)),
            offset,
        )
    return attempt


# --- the tasks ----------------------------------------------------------------------------------------------------


def _stage_loads(attempt: Attempt) -> None:
    """The five sources side by side; the first error is raised when all have ended."""
    side_by_side(
        partial(_task, attempt, f"{source.name}_stage_load", partial(stage_load, source=source))
        for source in attempt.sources()
    )


def _task(attempt: Attempt, name: str, work: Callable[[Attempt, TaskResult], None]) -> None:
    """Do a task, time it, tell the listener, and keep its result."""
    now = datetime.now(UTC)
    result = TaskResult(name, now, now)
    attempt.results[name] = result
    attempt.session.listener(attempt.batch_id, name, None)
    try:
        work(attempt, result)
    except BaseException as error:
        result.status, result.error = "FAILED", sentence(error, attempt.session.settings.warehouse)
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
