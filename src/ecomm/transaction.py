"""One batch as one transaction: from OPEN to PUBLISH, HOLD or UNDO, or, if it fails, everything as it was before.

What a batch writes becomes visible by its PUBLISH entry and not before. A batch whose score is too low is held: a
person accepts it, and it goes on from its change sets, or rejects it (`revise`).
"""

from __future__ import annotations

import shlex
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from ecomm.batch import Batch, Origin, Plan
from ecomm.batches.entry import JUDGES, Entry, FileEntry
from ecomm.batches.trigger import Trigger, parsed
from ecomm.driver import Progress, carry_out, is_too_low, journal, score_of
from ecomm.errors import Cause, EcommError, LockedError, SourceChangedError, StorageError, cause_of, sentence
from ecomm.opening import open_batch
from ecomm.progress import TaskResult
from ecomm.session import Session, recover
from ecomm.settings import SOURCE_NAMES
from ecomm.tasks.found import files_of

log = structlog.get_logger()
_TRIES = 3


@dataclass(frozen=True)
class Outcome:
    """What became of a trigger in a run. notes: what a person should hear of the batch at once. cause: of a failure."""

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
    cause: Cause = Cause.UNKNOWN

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
    """Publish a held batch that was accepted: from its stage rows on, against the current targets.

    If it was judged by another contract than the current one, or its rows are gone, it is read once more.
    """
    is_there = session.store.has_aside(entry) and all(entry.is_by(source) for source in session.sources.values())
    return run_batch(session, Plan(trigger_of(entry), Origin.STAGE if is_there else Origin.ARCHIVE, of=entry))


def trigger_of(entry: Entry) -> Trigger:
    """The trigger of a batch as the ledger has it; it is no longer in landing."""
    assert entry.trigger is not None
    return parsed(Path(f"trigger of {entry.batch_id}"), entry.trigger, SOURCE_NAMES)


def run_batch(session: Session, plan: Plan) -> Outcome:
    """One batch, from OPEN to PUBLISH, HOLD or UNDO; if it fails, everything is as it was, and the outcome says why.

    Raises LockedError when another program took the warehouse over: then nothing of it is touched.
    """
    started, name = time.monotonic(), plan.trigger.batch_id
    for tries in range(1, _TRIES + 1):
        batch, progress = None, Progress()
        try:
            batch = open_batch(session, plan)
            carry_out(batch, progress)
            break
        except LockedError:
            raise
        except Exception as error:  # whatever it is, the batch must not stay half done
            log.debug("batch_failed", batch_id=name, run_id=session.run_id, exc_info=True)
            failure = sentence(error, session.settings.warehouse)
            if give_up(session, plan.trigger, batch, progress, failure):
                break
            if not isinstance(error, SourceChangedError) or tries == _TRIES:
                code = error.exit_code if isinstance(error, EcommError) else 1
                seconds, cause = time.monotonic() - started, cause_of(error)
                return _logged(session, Outcome(name, "failed", failure, code, seconds, cause=cause))
    assert batch is not None
    return ended(batch, progress, started)


def ended(batch: Batch, progress: Progress, started: float) -> Outcome:
    """What became of a batch that was published, held or undone; its files are archived, and its folder goes.

    started: by the monotonic clock.
    """
    session, origin = batch.session, batch.origin
    # The files of other batches were archived before: what lies in landing under their names came later.
    left, reason = settle(session, batch.trigger) if origin is Origin.LANDING else ([], None)
    session.forget(batch.work.folder)
    status, code = "undone" if origin is Origin.NOWHERE else "published", 0
    if origin is Origin.NOWHERE:
        session.landing.settle_offers(session.log)
    if is_too_low(batch, progress):
        status, code = "held", 3
        reason = "; ".join(filter(None, [_why_held(batch, progress), reason]))
    outcome = Outcome(
        batch.batch_id,
        status,
        reason,
        code,
        seconds=time.monotonic() - started,
        revision=batch.revision,
        files=files_of(progress.loaded),
        tasks=tuple(progress.results.values()),
        left=tuple(left),
        notes=() if progress.validated is None else progress.validated.notes,
    )
    return _logged(session, outcome)


def _why_held(batch: Batch, progress: Progress) -> str:
    name, least = shlex.quote(batch.batch_id), batch.session.settings.min_score
    return (
        f"its score {score_of(batch, progress)} is below min_score {least}; `ecomm quality {name}` says why, "
        f"`ecomm accept {name} --why ...` publishes it, `ecomm reject {name} --why ...` ends it"
    )


def _logged(session: Session, outcome: Outcome) -> Outcome:
    """The outcome, noted in the log; its reason is not, for a header may hold what a person would not have read."""
    seconds = round(outcome.seconds, 3)
    log.info("batch", batch_id=outcome.batch_id, run_id=session.run_id, status=outcome.status, seconds=seconds)
    return outcome


def settle(session: Session, trigger: Trigger) -> tuple[list[str], str | None]:
    """Archive a batch that was published or held; what cannot be archived now is archived by the next run.

    Gives the names of landed files that stay, and why nothing could be archived, if it could not.
    """
    entry = max((e for e in session.log.kept if e.batch_id == trigger.batch_id), key=lambda e: e.seq)
    try:
        return session.landing.settle(session.log, entry, trigger if trigger.path.is_file() else None), None
    except (OSError, EcommError) as error:
        why = sentence(error, session.settings.landing)
        return [], f"its files are not archived yet ({why}); the next run goes on with it"


def give_up(session: Session, trigger: Trigger, batch: Batch | None, progress: Progress, reason: str) -> bool:
    """End a failed attempt: nothing of it is published, its copies go, and a RECOVER entry has the reason.

    batch: None if it could not be opened. True if the attempt was published or held all the same: the entry stands,
    what failed came after it. Raises LockedError if another run has taken over, StorageError if it has begun to publish
    and cannot end it.
    """
    try:
        session.look()
        if batch is not None and (_is_ended(batch) or _finished(batch)):
            return True
        session.landing.release(trigger)
        session.landing.settle_offers(session.log)
        if batch is None:
            recover(session, reason)
        else:
            _take_back(batch, progress, reason)
    except (LockedError, _UnfinishedError):
        raise
    except Exception as error:  # on a full disk, say: the next OPEN takes everything back, and the reason must be told
        log.info(
            "recovery_deferred",
            batch_id=trigger.batch_id,
            run_id=session.run_id,
            reason=sentence(error, session.settings.warehouse),
        )
    return False


def _take_back(batch: Batch, progress: Progress, reason: str) -> None:
    """Forget what an attempt has prepared, but for what its validation found; note how its tasks went."""
    folder = batch.work.folder
    batch.store.abandon(batch.session.ledger)
    for place in folder.iterdir():  # first, for the disk may be full
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    journal(batch, progress)
    batch.session.entry_of("RECOVER", batch.trigger, revision=batch.attempt.opened, reason=reason)
    shutil.rmtree(folder, ignore_errors=True)


class _UnfinishedError(StorageError):
    """What was being published can only be finished, and could not be: no other batch may be opened before."""


def _is_ended(batch: Batch) -> bool:
    """The attempt was published, held or undone."""
    return any(
        e.entry in (*JUDGES, "UNDO") and e.batch_id == batch.batch_id and e.seq > batch.attempt.opened
        for e in batch.session.log
    )


def _finished(batch: Batch) -> bool:
    """An attempt that had begun to commit is published now."""
    session = batch.session
    if not batch.store.is_publishing():
        return False
    try:
        recover(session)
    except Exception as error:
        raise _UnfinishedError(
            f"{batch.batch_id} is being published, and that could not be ended "
            f"({sentence(error, session.settings.warehouse)}); the next run finishes it."
        ) from error
    return _is_ended(batch)
