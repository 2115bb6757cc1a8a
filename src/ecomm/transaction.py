"""One batch as one transaction: from OPEN to PUBLISH, HOLD or UNDO, or, if it fails, everything as it was before.

What a batch writes becomes visible by its PUBLISH entry and not before. A batch whose score is too low is held: a
person accepts it, and it goes on from its change sets, or rejects it (`revise`).
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from ecomm.attempt import Attempt, Origin, journal, side_by_side
from ecomm.batches import archive, locks
from ecomm.batches.corrections import Correction
from ecomm.batches.ledger import JUDGES, Entry, FileEntry, accepted, held, kept
from ecomm.batches.trigger import Candidate, State, parsed
from ecomm.errors import EcommError, LockedError, SourceChangedError, StorageError, sentence
from ecomm.opening import open_batch
from ecomm.session import Session, TaskResult, recover
from ecomm.sources import SOURCES
from ecomm.tasks.data_enrichment import data_enrichment
from ecomm.tasks.data_validation import data_validation
from ecomm.tasks.final_merge_operation import final_merge_operation
from ecomm.tasks.stage_load import stage_load

log = structlog.get_logger()
_TRIES = 3


@dataclass(frozen=True)
class Outcome:
    """What became of a trigger in a run. notes: what a person should hear of the batch at once."""

    batch_id: str
    status: str
    reason: str | None = None
    exit_code: int = 0
    seconds: float = 0.0
    revision: int | None = None
    files: tuple[FileEntry, ...] = ()
    tasks: tuple[TaskResult, ...] = ()
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

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
            "notes": list(self.notes),
        }


def publish_held(session: Session, entry: Entry) -> Outcome:
    """Publish a held batch that was accepted: from its change sets on, against the targets of now.

    If it was judged by another contract than that of now, or its rows are gone, it is read once more.
    """
    stands = session.store.has_aside(entry) and all(entry.is_by(source) for source in session.sources.values())
    return run_batch(session, known_batch(entry), Origin.STAGE if stands else Origin.ARCHIVE, entry)


def known_batch(entry: Entry) -> Candidate:
    """A batch whose trigger the ledger has, and no longer lies in landing."""
    assert entry.trigger is not None
    trigger = parsed(Path(f"trigger of {entry.batch_id}"), entry.trigger, list(SOURCES))
    return Candidate(trigger.path, State.PENDING, trigger)


def run_batch(
    session: Session,
    candidate: Candidate,
    origin: Origin = Origin.LANDING,
    of: Entry | None = None,
    why: str | None = None,
    new: Sequence[Correction] = (),
    *,
    as_then: bool = True,
) -> Outcome:
    """One batch, from OPEN to PUBLISH, HOLD or UNDO; if it fails, everything is as it was, and the outcome says why.

    origin: where its rows come from, and, unless that is landing, of: the entry about the revision that they are of.
    new: corrections of its records that a person has just made. as_then: archived files are read as they were before.
    Raises LockedError when another program took the warehouse over: then nothing of it is touched.
    """
    started = time.monotonic()
    for tries in range(1, _TRIES + 1):
        attempt: Attempt | None = None
        try:
            attempt = open_batch(session, candidate, origin, of, why, new, as_then=as_then)
            side_by_side(partial(do, attempt, task) for task in attempt.stage_loads)
            if attempt.claimed:
                do(attempt, "data_validation")
            if is_too_low(attempt):
                hold(attempt)
                break
            do(attempt, "data_enrichment")
            do(attempt, "final_merge_operation")
            break
        except LockedError:
            raise
        except Exception as error:  # whatever it is, the batch must not stay half done
            log.debug("batch_failed", batch_id=candidate.name, run_id=session.run_id, exc_info=True)
            failure = sentence(error, session.settings.warehouse)
            if give_up(session, candidate, attempt, failure):
                break
            if not isinstance(error, SourceChangedError) or tries == _TRIES:
                code = error.exit_code if isinstance(error, EcommError) else 1
                return _logged(session, Outcome(candidate.name, "failed", failure, code, time.monotonic() - started))
    assert attempt is not None
    return ended(attempt, started)


def ended(attempt: Attempt, started: float) -> Outcome:
    """What became of a batch that was published, held or undone; its files are archived, and its folder goes.

    started: by the monotonic clock.
    """
    assert attempt.candidate is not None
    session, origin = attempt.session, attempt.origin
    # The files of other batches were archived before: what lies in landing under their names came later.
    left, reason = settle(session, attempt.candidate) if origin is Origin.LANDING else ([], None)
    shutil.rmtree(attempt.folder, ignore_errors=True)
    too_low = is_too_low(attempt)
    if origin is Origin.NOWHERE:
        archive.settle_offers(session.settings, session.ledger.entries)
    outcome = Outcome(
        attempt.batch_id,
        "held" if too_low else "undone" if origin is Origin.NOWHERE else "published",
        _why_held(attempt) + (f"; {reason}" if reason else "") if too_low else reason,
        3 if too_low else 0,
        seconds=time.monotonic() - started,
        revision=attempt.revision,
        files=tuple(attempt.files),
        tasks=tuple(attempt.results.values()),
        left=tuple(left),
        notes=tuple(attempt.notes),
    )
    return _logged(session, outcome)


def _logged(session: Session, outcome: Outcome) -> Outcome:
    """The outcome, noted in the log; its reason is not, for a header may hold what a person would not have read."""
    seconds = round(outcome.seconds, 3)
    log.info("batch", batch_id=outcome.batch_id, run_id=session.run_id, status=outcome.status, seconds=seconds)
    return outcome


def settle(session: Session, candidate: Candidate) -> tuple[list[str], str | None]:
    """Archive a batch that was published or held; what cannot be archived now is archived by the next run."""
    entry = max((e for e in kept(session.ledger.entries) if e.batch_id == candidate.name), key=lambda e: e.seq)
    landed = candidate.trigger if candidate.trigger is not None and candidate.trigger.path.is_file() else None
    try:
        return archive.settle(session.settings, entry, landed), None
    except (OSError, EcommError) as error:
        why = sentence(error, session.settings.landing)
        return [], f"its files are not archived yet ({why}); the next run goes on with it"


def give_up(session: Session, candidate: Candidate, attempt: Attempt | None, reason: str) -> bool:
    """End a failed attempt: nothing of it is published, its copies go, and a RECOVER entry has the reason.

    True if the attempt was published or held all the same: the entry stands, what failed came after it. Raises
    LockedError if another run has taken over, StorageError if it has begun to publish and cannot end it.
    """
    assert candidate.trigger is not None
    try:
        session.look()
        if attempt is not None and (_is_ended(session, attempt) or _finished(session, attempt)):
            return True
        archive.release(session.settings, candidate.trigger, list(SOURCES))
        archive.settle_offers(session.settings, session.ledger.entries)
        if attempt is None:
            recover(session, reason)
        else:
            session.store.abandon(session.ledger)
            for place in attempt.folder.iterdir():  # first, for the disk may be full
                shutil.rmtree(place) if place.is_dir() else place.unlink()
            journal(attempt)
            session.entry_of("RECOVER", attempt.trigger, revision=attempt.opened, reason=reason)
            shutil.rmtree(attempt.folder, ignore_errors=True)
    except (LockedError, _UnfinishedError):
        raise
    except Exception as error:  # on a full disk, say: the next OPEN takes everything back, and the reason must be told
        log.info(
            "recovery_deferred",
            batch_id=candidate.name,
            run_id=session.run_id,
            reason=sentence(error, session.settings.warehouse),
        )
    return False


class _UnfinishedError(StorageError):
    """What was being published can only be finished, and could not be: no other batch may be opened before."""


def _is_ended(session: Session, attempt: Attempt) -> bool:
    """The attempt was published, held or undone."""
    return any(
        e.entry in (*JUDGES, "UNDO") and e.batch_id == attempt.batch_id and e.seq > attempt.opened
        for e in session.ledger.entries
    )


def _finished(session: Session, attempt: Attempt) -> bool:
    """An attempt that had begun to commit is published now."""
    if not session.store.is_publishing():
        return False
    try:
        recover(session)
    except Exception as error:
        raise _UnfinishedError(
            f"{attempt.batch_id} is being published, and that could not be ended "
            f"({sentence(error, session.settings.warehouse)}); the next run finishes it."
        ) from error
    return _is_ended(session, attempt)


# --- the gate -----------------------------------------------------------------------------------------------------


def is_too_low(attempt: Attempt) -> bool:
    """Only what comes from landing is held, and what was held and is corrected: for the rest a person has asked."""
    entries = attempt.session.ledger.entries
    undecided = held(entries).keys() - {entry.batch_id for entry in accepted(entries)}
    waits = attempt.origin is Origin.ARCHIVE and attempt.batch_id in undecided
    score = attempt.score if waits or attempt.origin is Origin.LANDING else None
    return score is not None and score < attempt.session.settings.min_score


def _why_held(attempt: Attempt) -> str:
    batch = shlex.quote(attempt.batch_id)
    return (
        f"its score {attempt.score} is below min_score {attempt.session.settings.min_score}; `ecomm quality {batch}` "
        f"says why, `ecomm accept {batch} --why ...` publishes it, `ecomm reject {batch} --why ...` ends it"
    )


def hold(attempt: Attempt) -> None:
    """Keep a batch for a person to decide on: its error rows are seen, its stage rows are not; targets stay."""
    journal(attempt)
    attempt.session.store.hold_back(attempt.revision)
    said = {"revision": attempt.revision, "files": tuple(attempt.files), "score": attempt.score}
    attempt.session.entry_of(
        "HOLD", attempt.trigger, reason=f"score below {attempt.session.settings.min_score}", **said
    )


# --- the tasks ----------------------------------------------------------------------------------------------------


def _work(task: str) -> Callable[[Attempt, TaskResult], None]:
    """What a task does."""
    if task in locks.STAGE_LOADS:
        return lambda attempt, result: stage_load(attempt, result, attempt.session.sources[locks.source_of(task)])
    return {
        "data_validation": data_validation,
        "data_enrichment": data_enrichment,
        "final_merge_operation": final_merge_operation,
    }[task]


def do(attempt: Attempt, task: str) -> None:
    """Do a task, time it, tell the listener, and keep its result."""
    now = datetime.now(UTC)
    result = TaskResult(task, now, now)
    attempt.results[task] = result
    attempt.session.store.usage.set(result.usage)
    attempt.session.listener(attempt.batch_id, task, None)
    try:
        _work(task)(attempt, result)
    except BaseException as error:
        result.status, result.error = "FAILED", sentence(error, attempt.session.settings.warehouse)
        raise
    finally:
        result.end(attempt.session.engine)
        attempt.session.listener(attempt.batch_id, task, result)
        log.info(
            "task",
            batch_id=attempt.batch_id,
            run_id=attempt.session.run_id,
            task=task,
            status=result.status,
            seconds=round(result.seconds, 3),
        )
