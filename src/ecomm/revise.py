"""What a person decides about a batch that has run: one that is held is accepted or rejected, others undone, replayed.

Nothing is deleted in stage: an entry says which revision of a batch counts from now on, and the keys that it touches
are folded anew. So whatever is decided, in whatever order, the tables are those of a shop in which it was never
otherwise.
"""

from __future__ import annotations

import getpass
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

from ecomm.attempt import Origin
from ecomm.batches import archive
from ecomm.batches.ledger import Entry, Ledger, held, live, published_last, undone
from ecomm.errors import UsageError
from ecomm.session import Listener, silent, working
from ecomm.settings import Settings
from ecomm.transaction import Outcome, known_batch, publish_held, run_batch


def decide(settings: Settings, batch_id: str, verdict: str, why: str, listener: Listener = silent) -> Outcome:
    """ACCEPT a held batch, which is then published, or REJECT it: its rows stay unseen, and its id may come again.

    Raises UsageError if the batch is not held, LockedError, FormatError, StorageError.
    """
    _held(Ledger.of(settings).entries, batch_id)
    with working(settings, listener) as session:
        entry = _held(session.ledger.entries, batch_id)
        trigger = known_batch(entry).trigger
        assert trigger is not None
        session.entry_of(verdict, trigger, revision=entry.revision, score=entry.score, reason=_said(why))
        if verdict == "ACCEPT":
            return publish_held(session, entry)
        return Outcome(batch_id, "rejected", why, revision=entry.revision, files=entry.files)


def undo(settings: Settings, batch_id: str, why: str, listener: Listener = silent) -> Outcome:
    """Take a published batch out of all tables, as if it had never run; its files are offered in a folder of landing.

    Raises UsageError if the batch is not published, LockedError, FormatError, StorageError.
    """
    _published(Ledger.of(settings).entries, batch_id)
    with working(settings, listener) as session:
        entry = _published(session.ledger.entries, batch_id)
        outcome = run_batch(session, known_batch(entry), Origin.NOWHERE, entry, _said(why))
        if outcome.status != "undone":
            return outcome
        offered = f"its files are offered in {archive.offer(settings, entry)}"
        return replace(outcome, reason=offered, revision=entry.revision, files=entry.files)


def replay(settings: Settings, since: str, listener: Listener = silent, *, as_then: bool = True) -> list[Outcome]:
    """Read the archived files of batches once more, by the rules of now: a new revision of each.

    as_then: each file is read in the shape in which its batch was read, and a key that it does not mention ends or not
    as it did then; else by the settings of now. since: a batch, also one that was undone, or a day or instant: it and
    all live batches behind it. Raises UsageError, LockedError, FormatError, StorageError; what concerns one batch is in
    its Outcome, and the others go on.
    """
    _from(Ledger.of(settings).entries, since)
    with working(settings, listener) as session:
        chosen = _from(session.ledger.entries, since)
        return [run_batch(session, known_batch(entry), Origin.ARCHIVE, entry, as_then=as_then) for entry in chosen]


def _from(entries: Sequence[Entry], since: str) -> list[Entry]:
    """The publications that are replayed, in the order of their positions."""
    known = live(entries)
    if since in undone(entries):
        before = published_last(entries, since)
        assert before is not None
        known |= {since: before}
    begin = position(known[since]) if since in known else (_instant(since), b"")
    chosen = sorted((e for e in known.values() if position(e) >= begin), key=position)
    if not chosen:
        raise UsageError(f"no batch is published from {since} on; `ecomm status` shows what is.")
    if waiting := [e.batch_id for e in chosen if e.batch_id in held(entries)]:
        name = shlex.quote(str(waiting[0]))
        raise UsageError(f"{waiting[0]} is held: `ecomm accept {name}` or `ecomm reject {name}` decides on it first.")
    return chosen


def position(entry: Entry) -> tuple[datetime, bytes]:
    """Where a batch stands in the log."""
    assert entry.as_of is not None
    return entry.as_of, str(entry.batch_id).encode()


def _instant(said: str) -> datetime:
    try:
        if len(said) == len("2025-01-31"):
            return datetime.combine(date.fromisoformat(said), time(), UTC)
        instant = datetime.fromisoformat(said)
    except ValueError as error:
        raise UsageError(
            f"--from {said}: there is no such batch, and no such day; name a batch of `ecomm status`, or a day as "
            "2025-01-31."
        ) from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _held(entries: Sequence[Entry], batch_id: str) -> Entry:
    waiting = held(entries)
    if batch_id not in waiting:
        others = f"held are: {', '.join(waiting)}" if waiting else "no batch is held"
        raise UsageError(f"{batch_id} is not held, so there is nothing to decide; {others}.")
    return waiting[batch_id]


def _published(entries: Sequence[Entry], batch_id: str) -> Entry:
    name = shlex.quote(batch_id)
    if batch_id in held(entries):
        raise UsageError(
            f"{batch_id} is held: `ecomm reject {name} --why ...` ends what waits; undo what is published."
        )
    if batch_id in undone(entries):
        raise UsageError(f"{batch_id} was undone before; `ecomm replay --from {name}` brings it back.")
    if batch_id not in live(entries):
        raise UsageError(f"{batch_id} is not published, so there is nothing to undo; `ecomm status` shows what is.")
    return live(entries)[batch_id]


def _said(why: str) -> str:
    return f"{why} ({user()})"


def user() -> str:
    """Who runs this program."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return "unknown user"
