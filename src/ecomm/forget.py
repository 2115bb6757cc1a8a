"""Customers are forgotten: what tells about them goes from all tables and from the archive, and from what comes later.

The tables change by one publication, as for a batch. What lies outside them (archived files, offers of undone batches,
copies of corrections, earlier versions) follows by a plan that is on the disk before (`batches/erasures`); a run that
finds one unfinished carries it out first.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ecomm.attempt import Attempt, open_attempt
from ecomm.batch import OpenedFile
from ecomm.batches import copies, erasures, leftovers, people
from ecomm.batches.entry import JUDGES, Entry, FileEntry
from ecomm.batches.erasures import Copy, Plan
from ecomm.batches.landing import Claimed
from ecomm.batches.ledger import Ledger
from ecomm.batches.log import Log
from ecomm.batches.people import People
from ecomm.contract import Reading
from ecomm.erasing import SOURCES, Named, Records, named, orders_of, records_of, rewritten
from ecomm.errors import StorageError, UsageError
from ecomm.keys import compared
from ecomm.opening import open_files, settings_of
from ecomm.revise import user
from ecomm.session import Session, finish_forgetting, recover, sources_of, working
from ecomm.settings import Settings
from ecomm.tasks import forget as tables
from ecomm.tasks.forget import Rows

Told = Callable[[str], None]


@dataclass(frozen=True)
class Forgotten:
    """A customer who is forgotten, by the id in the tables: since when, by which ledger entry, and why.

    is_done: nothing is left to do. is_lifted: what comes later is kept again. receipt: the file with what was done.
    """

    customer: str
    since: datetime
    seq: int
    reason: str
    is_done: bool
    is_lifted: bool
    receipt: Path


def forget(
    settings: Settings,
    customers: Sequence[str],
    why: str,
    *,
    replace_ids: bool = False,
    search: Sequence[Path] = (),
    listener: Told = lambda _: None,
) -> Forgetting:
    """Forget customers, by their ids as files state them; what was done.

    replace_ids: ids are replaced also where they do not look personal. search: further folders in which files are
    looked for that still hold something. listener: hears of each step. Raises UsageError if there is no record of a
    customer, LockedError, FormatError, StorageError.
    """
    if not Ledger.of(settings).log:
        raise UsageError(f"{settings.warehouse}: there is no warehouse here; --warehouse names another.")
    customers = [compared(customer) for customer in customers]
    with working(settings) as session:
        rows = _rows(session, customers)
        attempt = open_attempt(session)
        try:
            ids, who = _who(session, customers, rows, replace_ids=replace_ids)
            plan = _prepare(attempt, ids, who, rows, search, listener)
            files = _entries(session.log, plan)
            said = f"{why} ({user()})"
            session.entry("FORGET", revision=attempt.opened, reason=said, customers=plan.customers, files=files)
        except Exception as error:
            # An id may be personal, and what is in the ledger stays there.
            recover(session, f"nobody was forgotten: {type(error).__name__}")
            erasures.unfinished(settings, session.log)
            raise
        shutil.rmtree(attempt.work.folder, ignore_errors=True)
        listener("archived files, and earlier versions of tables")
        (done,) = finish_forgetting(session)
        return Forgetting(done, erasures.receipt_file(settings, session.log, done.opened))


@dataclass(frozen=True)
class Forgetting:
    """What was done, and the file that says it."""

    done: Plan
    receipt: Path


def lift(settings: Settings, customers: Sequence[str], why: str) -> list[str]:
    """Keep again what comes later of customers; their ids in the tables. Raises UsageError if one is not forgotten."""
    with working(settings) as session:
        who = people.forgotten(settings, session.log)
        found = {customer: who.stored_as(customer) for customer in customers}
        if strangers := [customer for customer, stored in found.items() if stored is None]:
            raise UsageError(f"{strangers[0]} is not forgotten; `ecomm forget --list` shows who is.")
        stored = tuple(sorted({stored for stored in found.values() if stored is not None}))
        session.entry("LIFT", reason=f"{why} ({user()})", customers=stored)
        return [*stored]


def listed(settings: Settings) -> list[Forgotten]:
    """All customers who were ever forgotten, in the order in which they were."""
    log = Ledger.of(settings).log
    return [one for entry in log if entry.entry == "FORGET" for one in _of(settings, log, entry)]


def _of(settings: Settings, log: Log, entry: Entry) -> Iterator[Forgotten]:
    assert entry.at is not None
    assert entry.revision is not None
    receipt = erasures.receipt_file(settings, log, entry.revision)
    for customer in entry.customers:
        lifted = any(e.entry == "LIFT" and customer in e.customers for e in log[entry.seq + 1 :])
        why = entry.reason or ""
        yield Forgotten(customer, entry.at, entry.seq, why, receipt.is_file(), lifted, receipt)


# --- prepared -------------------------------------------------------------------------------------------------------


def _rows(session: Session, customers: Sequence[str]) -> Rows:
    """The rows of customers in the tables. Raises UsageError if one is forgotten already, or has none."""
    before = people.forgotten(session.settings, session.log)
    if known := [customer for customer in customers if before.stored_as(customer)]:
        raise UsageError(f"{known[0]} is forgotten already; `ecomm forget --list` shows since when and why.")
    rows = tables.rows_of(session, customers)
    if missing := [c for c in customers if c not in rows.customers and not _is_held(session, c)]:
        raise UsageError(f"there is no record of the customer {missing[0]!r}; `ecomm show customers_target` shows ids.")
    return rows


def _is_held(session: Session, customer: str) -> bool:
    """A batch that waits for a person names a customer; its rows are in no table."""
    held = [(entry, file) for entry in session.log.held.values() for file in entry.files if file.source in SOURCES]
    claimed = (_claimed(session, entry, file) for entry, file in held)
    return any(one is not None and leftovers.holds(one.copy, {customer}) for one in claimed)


def _who(session: Session, customers: Sequence[str], rows: Rows, *, replace_ids: bool) -> tuple[dict[str, str], People]:
    """The ids under which customers stay in the tables, and who they are."""
    personal = {c for c in customers if replace_ids or people.is_personal(c) or c in rows.values}
    ids = {customer: "" if customer in personal else customer for customer in customers}
    who = people.remember(session.settings, session.log, ids, rows.reached_by)
    who = replace(who, orders=rows.orders, values=rows.values)
    return {customer: str(who.stored_as(customer)) for customer in customers}, who


def _prepare(
    attempt: Attempt, ids: Mapping[str, str], who: People, rows: Rows, search: Sequence[Path], listener: Told
) -> Plan:
    """Write all that the publication and the plan need; the plan."""
    session = attempt.session
    replaced = {customer: stored for customer, stored in ids.items() if stored != customer}
    who, theirs = _search(attempt, [*ids], who, rows, listener)
    copied = [_copied(attempt, number, one) for number, one in enumerate(theirs)]
    listener("tables")
    changed = tables.erase(attempt, replaced, who, rows, copied)
    journals = copies.journal_copies(session.settings, session.log, "validation_results") if replaced else []
    batches = {one.entry.batch_id for one in theirs}
    held = [e.revision for e in session.log.held.values() if e.batch_id in batches and e.revision is not None]
    texts = {*rows.values, *replaced}
    left = [str(file) for file in leftovers.holding(session.settings, texts, search)] if texts else []
    left += [f"ledger entry {e.seq} ({said})" for e in session.log for said in _naming(e, texts)]
    plan = Plan(
        attempt.opened,
        tuple(sorted(ids.values())),
        tuple(copied),
        tuple(changed),
        tuple(held),
        tuple(map(str, journals)),
        tuple(left),
        records=Counter(copy.source for copy in copied for _ in copy.records),
    )
    erasures.intend(session.settings, session.log, plan)
    return plan


def _naming(entry: Entry, texts: Collection[str]) -> list[str]:
    """Which of the texts that people write into the ledger hold one of some texts. An entry cannot change."""
    return [name for name in ("reason", "trigger") if any(text in (getattr(entry, name) or "") for text in texts)]


def _entries(log: Log, plan: Plan) -> tuple[FileEntry, ...]:
    """The archived files that change, as the FORGET entry has them."""
    known = {(str(e.batch_id), f.source, f.name, f.sha256): (e, f) for e in log if e.entry in JUDGES for f in e.files}
    found = []
    for copy in plan.copies:
        entry, file = known[copy.batch_id, copy.source, copy.name, copy.sha256]
        erased = {*log.as_archived(entry, file).erased, *copy.records}
        found.append(replace(file, batch_id=copy.batch_id, archived=copy.archived, erased=tuple(sorted(erased))))
    return tuple(found)


# --- the archive ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Theirs:
    """People's records in an archived file. entry: one that has the file."""

    entry: Entry
    file: OpenedFile
    records: Records


def _search(
    attempt: Attempt, customers: Sequence[str], who: People, rows: Rows, listener: Told
) -> tuple[People, list[_Theirs]]:
    """Their records in all archived files, and the orders that are known of them then."""
    session, entries = attempt.session, _having(attempt.log)
    for entry, files in entries:  # an order that was rejected is in no stage row
        rejecting = [f for f in files if f.source == "orders" and f.rows_rejected + f.rows_superseded]
        if any(_may_hold(session, entry, file, {*customers, *who.values}, rows) for file in rejecting):
            who = who.with_orders(order for one in _named(attempt, entry) for order in orders_of(one, who))
    found, texts = list[_Theirs](), {*customers, *who.values, *who.orders}
    for entry, files in entries:
        if not any(_may_hold(session, entry, file, texts, rows) for file in files):
            continue
        listener(f"archived files of {entry.batch_id}")
        new = {(file.name, file.sha256) for file in files}
        for one in _named(attempt, entry):
            digest = one.files[0].claimed.sha256
            if (one.files[0].name, digest) not in new:
                continue
            mine = {n for source in one.views for sha, n in rows.records[source] if sha == digest}
            if records := records_of(one, who, mine):
                found += [_Theirs(entry, file, records) for file in one.files]
    return who, found


def _having(log: Log) -> list[tuple[Entry, list[FileEntry]]]:
    """For each archived file that may tell about people the last entry that has it, with its files."""
    seen: set[tuple[str, ...]] = set()
    found = []
    for entry in reversed(log):
        if entry.entry in JUDGES:
            mine = {(str(entry.batch_id), f.source, f.name, f.sha256): f for f in entry.files if f.source in SOURCES}
            if new := [file for place, file in mine.items() if place not in seen]:
                found.append((entry, new))
            seen |= {*mine}
    return found


def _may_hold(session: Session, entry: Entry, file: FileEntry, texts: set[str], rows: Rows) -> bool:
    """An archived file has a row in the tables that is theirs, or holds one of some texts."""
    if any(sha == file.sha256 for sha, _ in rows.records[file.source]):
        return True
    claimed = _claimed(session, entry, file)
    return claimed is not None and leftovers.holds(claimed.copy, texts)


def _claimed(session: Session, entry: Entry, file: FileEntry) -> Claimed | None:
    """A file as it is archived; None if it was replaced and is gone."""
    try:
        return session.landing.ingested_file(str(entry.batch_id), session.log.as_archived(entry, file))
    except StorageError:
        if entry in session.log.kept:
            raise
        return None


def _named(attempt: Attempt, entry: Entry) -> Iterator[Named]:
    """Whom the records name of the files of an entry, which are read as they were then."""
    session = attempt.session
    assert entry.as_of is not None
    read_by = settings_of(session, entry)
    contracts, reading = sources_of(read_by), Reading(entry.as_of, read_by.shop)
    claimed = [found for file in entry.files if (found := _claimed(session, entry, file)) is not None]
    return named(attempt.work, contracts, open_files(contracts, claimed), reading)


def _copied(attempt: Attempt, number: int, one: _Theirs) -> Copy:
    """Write the copy that takes the place of an archived file."""
    session, claimed, names = attempt.session, one.file.claimed, one.file.header.names
    place = erasures.place_of(session.settings, session.log, attempt.opened, number)
    place.parent.mkdir(parents=True, exist_ok=True)
    now = rewritten(claimed, one.file, one.records, place)
    records = {n: {names[cell]: text for cell, text in cells.items()} for n, cells in one.records.items()}
    batch, before = str(one.entry.batch_id), claimed.archived or claimed.sha256
    return Copy(batch, one.file.source, one.file.name, claimed.sha256, before, now.archived, records)
