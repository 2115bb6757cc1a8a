"""Upkeep: tables of a few large files instead of many small ones, and nothing kept that nobody can ask for.

No row changes. What the last entries of the ledger name stays readable, for who reads it now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import structlog

from ecomm.attempt import open_attempt
from ecomm.batches import locks
from ecomm.batches.entry import NAME as LEDGER
from ecomm.batches.entry import Entry
from ecomm.batches.ledger import Ledger
from ecomm.engines import deltafiles, lake_of
from ecomm.errors import UsageError, sentence
from ecomm.session import Session, recover, working
from ecomm.settings import Settings
from ecomm.tasks.reconcile import check_same_rows

log = structlog.get_logger()
EVERY = 24
"""So many ledger entries after the last upkeep a run does it by itself: a dozen batches."""
RETENTION = timedelta(hours=168)
_PINNED = 20


@dataclass(frozen=True)
class Upkeep:
    """What the upkeep of a table did: of so many files of the table so many were made; deleted: old ones."""

    table: str
    before: int
    after: int
    deleted: int


def maintain(settings: Settings, listener: Callable[[str], None] = lambda _: None) -> list[Upkeep]:
    """Do the upkeep of every table. listener: hears of each table. Raises UsageError, LockedError, StorageError."""
    if lake_of(settings) is deltafiles and settings.warehouse.is_dir():
        with locks.of(settings):  # a hint that names what is not there would keep the ledger from being read
            for log in settings.warehouse.glob("*/_delta_log"):
                deltafiles.drop_bad_hint(log.parent)
    if not Ledger.of(settings).log:
        raise UsageError(f"{settings.warehouse}: there is no warehouse here; --warehouse names another.")
    with working(settings) as session:
        return upkeep(session, listener)


def maintain_if_due(session: Session) -> None:
    """Do the upkeep if enough entries were written since the last one, else only keep logs short.

    Old files are looked for once a day, for that takes longer than all the rest. What fails is tried again after the
    next run.
    """
    entries = session.log
    last = next((e for e in reversed(entries) if e.entry == "MAINTAIN"), entries[0])
    try:
        if entries[-1].seq - last.seq >= EVERY:
            upkeep(session, older_than=RETENTION if _day(last) < _day(entries[-1]) else None)
        else:
            for name in (*session.store.catalogue, LEDGER):
                session.store.lake.shorten_log(session.store.path(name), _pinned(entries, name))
    except Exception as error:  # what was published stays published
        reason = sentence(error, session.settings.warehouse)
        log.warning("maintenance_failed", reason=reason)
        recover(session, reason)


def _day(entry: Entry) -> date:
    assert entry.at is not None
    return entry.at.date()


def upkeep(
    session: Session, listener: Callable[[str], None] = lambda _: None, older_than: timedelta | None = RETENTION
) -> list[Upkeep]:
    """Do the upkeep of every table, and append the entry that names the versions after it.

    older_than: files that no version to be kept needs are deleted when they are older than this; None: no file is.
    """
    store, entries = session.store, session.log
    last = next((e.tables for e in reversed(entries) if e.entry == "MAINTAIN"), {})
    unchanged = {name for name, state in store.state.items() if last.get(name, (None, 0))[0] == state.version}
    names = [name for name in store.catalogue if name not in unchanged]
    before, deleted = dict[str, int](), dict[str, int]()
    for name in (*names, LEDGER):
        before[name] = store.lake.count_files(store.path(name))
        deleted[name] = store.tidy(name, older_than, _pinned(entries, name))
    for name in unchanged:
        store.lake.shorten_log(store.path(name), _pinned(entries, name))
    session.look()
    attempt = open_attempt(session)
    for name in names:
        listener(name)
        store.compact(name)
        check_same_rows(store, name)
    session.entry("MAINTAIN")
    session.forget(attempt.work.folder)
    return [Upkeep(n, before[n], store.lake.count_files(store.path(n)), deleted[n]) for n in (*names, LEDGER)]


def _pinned(entries: Sequence[Entry], name: str) -> set[int]:
    """The versions of a table that the last entries name; none of a journal or the ledger: their newest is read."""
    return {e.tables[name][0] for e in entries[-_PINNED:] if name in e.tables}
