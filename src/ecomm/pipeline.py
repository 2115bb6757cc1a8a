"""The way of a batch, from its trigger to its publication.

    trigger --> OPEN an attempt: recover, claim (copy + sha256) all files, check all headers
            --> 01-05 land text > cast > judge > stage + errors > change set  (five sources, side by side)
            --> 06 validate --> gate --> 07 enrich
            --> 08 merge change sets into targets, analytics, check, PUBLISH, archive

The functions stand in this order. What a batch writes becomes visible by its PUBLISH entry and not before; whatever
breaks off earlier is taken back by the next OPEN. A batch whose score is too low is held: a person accepts it, and it
goes on from its change sets, or rejects it (`revise`, where batches are also undone and replayed).
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from ecomm.attempt import (
    Attempt,
    Listener,
    Origin,
    Session,
    TaskResult,
    journal,
    left_behind,
    recover,
    side_by_side,
    silent,
    working,
)
from ecomm.batches import archive, corrections, landing
from ecomm.batches.corrections import Correction
from ecomm.batches.ledger import Entry, FileEntry, Ledger, accepted, held, kept, live
from ecomm.batches.trigger import Candidate, State, parsed, scan
from ecomm.contract import Source, match_header
from ecomm.errors import EcommError, LockedError, SourceChangedError, UsageError, sentence
from ecomm.maintain import maintain_if_due
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
    now = datetime.now(UTC)
    ledger = Ledger(settings.warehouse)
    if replacing is not None:
        only = replacing
        if replacing not in {e.batch_id for e in kept(ledger.entries)}:
            raise UsageError(
                f"{replacing} is neither published nor held, so nothing is replaced; run without --replace."
            )

    def chosen(entries: Sequence[Entry]) -> list[Candidate]:
        found = scan(settings, entries, list(SOURCES), now, replacing)
        return [c for c in found if only is None or c.name == only]

    candidates = chosen(ledger.entries)
    if dry_run:
        said = [_said(c, "would publish" if c.state is State.PENDING else c.state.value) for c in candidates]
        return [Outcome(e.batch_id or "", "would publish") for e in _agreed(ledger, only)] + said
    work = any(c.state in (State.PENDING, State.DUPLICATE) for c in candidates) or _agreed(ledger, only)
    if not work and not left_behind(settings, ledger):
        return [_said(c, c.state.value) for c in candidates]
    with working(settings, listener) as session:
        candidates = chosen(session.ledger.entries)
        going_on = [publish_held(session, e) for e in _agreed(session.ledger, only)]
        outcomes = going_on + [_dispatch(session, c) for c in candidates]
        maintain_if_due(session)
        return outcomes


def _agreed(ledger: Ledger, only: str | None) -> list[Entry]:
    """The held batches that were accepted but not published since."""
    return [e for e in accepted(ledger.entries) if only in (None, e.batch_id)]


def publish_held(session: Session, entry: Entry) -> Outcome:
    """Publish a held batch that was accepted: from its change sets on, against the targets of now.

    If it was judged by another contract than that of now, it is read once more.
    """
    stands = all(entry.is_by(source) for source in session.sources.values())
    return run_batch(session, known_batch(entry), Origin.STAGE if stands else Origin.ARCHIVE, entry)


def known_batch(entry: Entry) -> Candidate:
    """A batch whose trigger the ledger has, and no longer lies in landing."""
    assert entry.trigger is not None
    trigger = parsed(Path(f"trigger of {entry.batch_id}"), entry.trigger, list(SOURCES))
    return Candidate(trigger.path, State.PENDING, trigger)


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


def run_batch(
    session: Session,
    candidate: Candidate,
    origin: Origin = Origin.LANDING,
    of: Entry | None = None,
    why: str | None = None,
    new: Sequence[Correction] = (),
) -> Outcome:
    """One batch, from OPEN to PUBLISH, HOLD or UNDO; if it fails, everything is as it was, and the outcome says why.

    origin: where its rows come from, and, unless that is landing, of: the entry about the revision that they are of.
    new: corrections of its records that a person has just made.
    Raises LockedError when another program took the warehouse over: then nothing of it is touched.
    """
    started = time.monotonic()
    for tries in range(1, _TRIES + 1):
        attempt: Attempt | None = None
        try:
            attempt = open_batch(session, candidate, origin, of, why, new)
            side_by_side(_each(attempt))
            if attempt.claimed:
                _task(attempt, "data_validation", data_validation)
            if _is_too_low(attempt):
                _hold(attempt)
                break
            _task(attempt, "data_enrichment", data_enrichment)
            _task(attempt, "final_merge_operation", final_merge_operation)
            break
        except LockedError:
            raise
        except Exception as error:  # whatever it is, the batch must not stay half done
            log.debug("batch_failed", batch_id=candidate.name, exc_info=True)
            failure = sentence(error, session.settings.warehouse)
            if _give_up(session, candidate, attempt, failure):
                break
            if not isinstance(error, SourceChangedError) or tries == _TRIES:
                code = error.exit_code if isinstance(error, EcommError) else 1
                return Outcome(candidate.name, "failed", failure, code, time.monotonic() - started)
    assert attempt is not None
    # The files of other batches were archived before: what lies in landing under their names came later.
    left, reason = _settle(session, candidate) if origin is Origin.LANDING else ([], None)
    shutil.rmtree(attempt.folder, ignore_errors=True)
    too_low = _is_too_low(attempt)
    if origin is Origin.NOWHERE:
        archive.settle_offers(session.settings, session.ledger.entries)
    return Outcome(
        attempt.batch_id,
        "held" if too_low else "undone" if origin is Origin.NOWHERE else "published",
        _why_held(attempt) + (f"; {reason}" if reason else "") if too_low else reason,
        3 if too_low else 0,
        seconds=time.monotonic() - started,
        revision=attempt.revision,
        files=tuple(attempt.files),
        tasks=tuple(attempt.results.values()),
        left=tuple(left),
    )


def _settle(session: Session, candidate: Candidate) -> tuple[list[str], str | None]:
    """Archive a batch that was published or held; what cannot be archived now is archived by the next run."""
    entry = max((e for e in kept(session.ledger.entries) if e.batch_id == candidate.name), key=lambda e: e.seq)
    landed = candidate.trigger if candidate.trigger is not None and candidate.trigger.path.is_file() else None
    try:
        return archive.settle(session.settings, entry, landed), None
    except (OSError, EcommError) as error:
        why = sentence(error, session.settings.landing)
        return [], f"its files are not archived yet ({why}); the next run goes on with it"


def _give_up(session: Session, candidate: Candidate, attempt: Attempt | None, reason: str) -> bool:
    """End a failed attempt: tables as they were, copies gone, a RECOVER entry with the reason.

    True if the attempt was published or held all the same: the entry stands, what failed came after it.
    """
    assert candidate.trigger is not None
    try:
        session.ledger.refresh()
        if attempt is not None and any(
            e.entry in ("PUBLISH", "REDRIVE", "HOLD", "UNDO")
            and e.batch_id == candidate.name
            and e.seq > attempt.opened
            for e in session.ledger.entries
        ):
            return True
        archive.release(session.settings, candidate.trigger, list(SOURCES))
        archive.settle_offers(session.settings, session.ledger.entries)
        recover(session, reason)
        if attempt is not None:
            journal(attempt)
    except Exception as error:  # on a full disk, say: the next OPEN takes everything back, and the reason must be told
        log.info("recovery_deferred", batch_id=candidate.name, reason=sentence(error, session.settings.warehouse))
    return False


# --- the gate -----------------------------------------------------------------------------------------------------


def _is_too_low(attempt: Attempt) -> bool:
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


def _hold(attempt: Attempt) -> None:
    """Keep a batch for a person to decide on: its error rows are seen, its stage rows are not; targets stay."""
    journal(attempt)
    said = {"revision": attempt.revision, "files": tuple(attempt.files), "score": attempt.score}
    attempt.session.entry_of(
        "HOLD", attempt.trigger, reason=f"score below {attempt.session.settings.min_score}", **said
    )


# --- OPEN ---------------------------------------------------------------------------------------------------------


def open_batch(
    session: Session,
    candidate: Candidate,
    origin: Origin,
    of: Entry | None,
    why: str | None,
    new: Sequence[Correction],
) -> Attempt:
    """OPEN an attempt: claim the batch's files and check all headers, before anything is written to a table.

    new: corrections that come with this attempt.
    """
    trigger = candidate.trigger
    assert trigger is not None
    before = live(session.ledger.entries).get(trigger.batch_id)
    opened = session.entry_of("OPEN", trigger).seq
    waiting = of if origin is Origin.STAGE else None
    revision = waiting.revision if waiting is not None else opened
    assert revision is not None
    attempt = Attempt(session, candidate, revision, opened, origin, waiting, before, why)
    if origin is Origin.LANDING:
        attempt.claimed = archive.claim(session.settings, trigger, candidate.files)
    elif of is not None and origin is Origin.ARCHIVE:
        attempt.claimed = archive.ingested(session.settings, of)
    elif of is not None and origin is Origin.NOWHERE:
        archive.lay_out(session.settings, of)
    session.expect(sum(claimed.bytes for claimed in attempt.claimed) or sum(f.bytes for f in (of.files if of else ())))
    for claimed in attempt.claimed:
        source = session.sources[claimed.file.source]
        names, offset = landing.read_header(claimed.copy, source.delivery.delimiter)
        attempt.headers[claimed.copy] = (
            match_header(source, names, str(claimed.file.path), reserved(source.name)),
            offset,
        )
    if new:
        session.store.record("corrections", [asdict(replace(made, revision=opened)) for made in new])
    if (made := session.store.state["corrections"]).rows:
        known = corrections.of_table(session.store.path("corrections"), made.version)
        attempt.corrections = corrections.in_force(c for c in known if c.batch_id == trigger.batch_id)
    return attempt


# --- the tasks ----------------------------------------------------------------------------------------------------


def _each(attempt: Attempt) -> Iterable[Callable[[], None]]:
    """01-05: a piece of work for each source of the batch."""

    def piece(source: Source) -> Callable[[], None]:
        return lambda: _task(attempt, f"{source.name}_stage_load", lambda a, r: stage_load(a, r, source))

    return [piece(source) for source in attempt.sources()]


def _task(attempt: Attempt, name: str, work: Callable[[Attempt, TaskResult], None]) -> None:
    """Do a task, time it, tell the listener, and keep its result."""
    now = datetime.now(UTC)
    result = TaskResult(name, now, now)
    attempt.results[name] = result
    attempt.session.store.usage.set(result.usage)
    attempt.session.listener(attempt.batch_id, name, None)
    try:
        work(attempt, result)
    except BaseException as error:
        result.status, result.error = "FAILED", sentence(error, attempt.session.settings.warehouse)
        raise
    finally:
        result.end(attempt.session.engine)
        attempt.session.listener(attempt.batch_id, name, result)
        log.info(
            "task",
            batch_id=attempt.batch_id,
            task=name,
            status=result.status,
            seconds=round(result.seconds, 3),
        )
