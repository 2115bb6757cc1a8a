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
from datetime import datetime

from ecomm.batch import Origin, Plan
from ecomm.batches import copies, moments, rates
from ecomm.batches.entry import Entry
from ecomm.batches.ledger import Ledger
from ecomm.batches.log import Log
from ecomm.errors import UsageError
from ecomm.progress import Listener, silent
from ecomm.session import working
from ecomm.settings import Settings
from ecomm.transaction import Outcome, publish_held, run_batch, trigger_of


def decide(settings: Settings, batch_id: str, verdict: str, why: str, listener: Listener = silent) -> Outcome:
    """ACCEPT a held batch, which is then published, or REJECT it: its rows stay unseen, and its id may come again.

    Raises UsageError if the batch is not held, LockedError, FormatError, StorageError.
    """
    _held(Ledger.of(settings).log, batch_id)
    with working(settings, listener) as session:
        entry = _held(session.log, batch_id)
        session.entry_of(verdict, trigger_of(entry), revision=entry.revision, score=entry.score, reason=_said(why))
        if verdict == "ACCEPT":
            return publish_held(session, entry)
        return Outcome(batch_id, "rejected", why, revision=entry.revision, files=entry.files)


def undo(settings: Settings, batch_id: str, why: str, listener: Listener = silent) -> Outcome:
    """Take a published batch out of all tables, as if it had never run; its files are offered in a folder of landing.

    Raises UsageError if the batch is not published, LockedError, FormatError, StorageError.
    """
    _published(Ledger.of(settings).log, batch_id)
    with working(settings, listener) as session:
        entry = _published(session.log, batch_id)
        outcome = run_batch(session, Plan(trigger_of(entry), Origin.NOWHERE, of=entry, why=_said(why)))
        if outcome.status != "undone":
            return outcome
        offered = f"its files are offered in {session.landing.offer_of(entry)}"
        return replace(outcome, reason=offered, revision=entry.revision, files=entry.files)


def replay(
    settings: Settings, since: str, listener: Listener = silent, *, as_then: bool | None = None
) -> list[Outcome]:
    """Read the archived files of batches once more: a new revision of each.

    as_then: each batch is read and judged by the settings by which it was read before; False: by the current ones;
    None: only if these are the same, but for exchange rates. since: a batch, also one that was undone, or a day or
    instant: it and all live batches behind it. Raises UsageError, LockedError, FormatError, StorageError; what concerns
    one batch is in its Outcome, and the others go on.
    """
    log = Ledger.of(settings).log
    chosen = _from(log, since)
    if as_then is None:
        _check_settings(settings, log, chosen)
        as_then = True
    with working(settings, listener) as session:
        chosen = _from(session.log, since)
        plans = [Plan(trigger_of(entry), Origin.ARCHIVE, of=entry, as_then=as_then) for entry in chosen]
        return [run_batch(session, plan) for plan in plans]


def _check_settings(settings: Settings, log: Log, chosen: Sequence[Entry]) -> None:
    """Raises UsageError if a batch was read by other settings than the current ones."""
    current = settings.counting(rates.read(settings))
    for entry in chosen:
        digests = {file.settings for file in entry.files} - {current.digest}
        differing = {n for d in digests for n in current.differing(copies.settings_of(settings, log, d))}
        if names := sorted(differing - {"rates"}):
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            changed = f"{', '.join(names[:_SHOWN])}{more}"
            raise UsageError(
                f"{entry.batch_id} was read by other settings; not the same now: {changed}. Say "
                "--settings then to read each batch by its own again, or --settings now for the current ones."
            )


_SHOWN = 5


def _from(log: Log, since: str) -> list[Entry]:
    """The publications that are replayed, in the order of their positions."""
    known = dict(log.live)
    meant = moments.batch_or_day({*known, *log.undone}, since, "--from")
    if isinstance(meant, str):
        before = log.published_last(meant)
        assert before is not None
        known[meant] = before
        begin = position(before)
    else:
        begin = moments.start_of(meant), b""
    chosen = sorted((e for e in known.values() if position(e) >= begin), key=position)
    if not chosen:
        raise UsageError(f"no batch is published from {since} on; `ecomm status` shows what is.")
    if waiting := [e.batch_id for e in chosen if e.batch_id in log.held]:
        name = shlex.quote(str(waiting[0]))
        raise UsageError(f"{waiting[0]} is held: `ecomm accept {name}` or `ecomm reject {name}` decides on it first.")
    return chosen


def position(entry: Entry) -> tuple[datetime, bytes]:
    """Where a batch stands in the log."""
    assert entry.as_of is not None
    return entry.as_of, str(entry.batch_id).encode()


def _held(log: Log, batch_id: str) -> Entry:
    waiting = log.held
    if batch_id not in waiting:
        others = f"held are: {', '.join(waiting)}" if waiting else "no batch is held"
        raise UsageError(f"{batch_id} is not held, so there is nothing to decide; {others}.")
    return waiting[batch_id]


def _published(log: Log, batch_id: str) -> Entry:
    name = shlex.quote(batch_id)
    if batch_id in log.held:
        raise UsageError(
            f"{batch_id} is held: `ecomm reject {name} --why ...` ends what waits; undo what is published."
        )
    if batch_id in log.undone:
        raise UsageError(f"{batch_id} was undone before; `ecomm replay --from {name}` brings it back.")
    if batch_id not in log.live:
        raise UsageError(f"{batch_id} is not published, so there is nothing to undo; `ecomm status` shows what is.")
    return log.live[batch_id]


def _said(why: str) -> str:
    return f"{why} ({user()})"


def user() -> str:
    """Who runs this program."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return "unknown user"
