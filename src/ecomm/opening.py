"""OPEN: an attempt at a batch begins; its files are claimed, and all headers checked, before a table is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from ecomm.attempt import Attempt
from ecomm.batch import Batch, OpenedFile, Origin, Plan
from ecomm.batches import copies, corrections
from ecomm.batches.corrections import Correction, Place
from ecomm.batches.entry import Entry
from ecomm.batches.landing import Claimed
from ecomm.batches.log import Positions
from ecomm.batches.people import forgotten
from ecomm.batches.reading.tables import open_table
from ecomm.batches.trigger import LandedFile
from ecomm.contract import Reading, Source
from ecomm.erasing import in_place, records_in, their_orders
from ecomm.headers import match_header, match_parts
from ecomm.session import Session, published_corrections, sources_of
from ecomm.shop_settings import ShopSettings
from ecomm.tables import reserved


def open_batch(session: Session, plan: Plan) -> Batch:
    """OPEN an attempt: claim the batch's files and check all headers.

    Raises LockedError, FileError, HeaderError, StorageError.
    """
    replaces = session.log.live.get(plan.trigger.batch_id)
    opened = session.entry_of("OPEN", plan.trigger).seq
    attempt = Attempt(session, opened, session.log, _alive(session, plan, opened))
    session.store.begin(opened, attempt.work.folder)
    if plan.origin is Origin.STAGE:
        session.store.take_up(_revision(plan, opened))
    claimed = _claim(session, plan)
    session.expect(sum(c.bytes for c in claimed) or sum(f.bytes for f in (plan.of.files if plan.of else ())))
    read_by = session.counting
    if plan.origin is Origin.LANDING and session.log.forgotten:
        claimed = _without_forgotten(attempt, plan, claimed)
    if plan.origin is Origin.ARCHIVE and plan.as_then and plan.of is not None and plan.of.files:
        read_by = settings_of(session, plan.of)
    if claimed:
        copies.keep(session.settings, session.log, read_by)
    known = corrections_of(session, plan.trigger.batch_id)
    if not plan.corrections:
        return opened_batch(attempt, plan, replaces, claimed, read_by, known)
    new = [replace(made, revision=opened) for made in plan.corrections]
    copies.note(session.settings, session.log, opened, new)
    session.store.record("corrections", [asdict(made) for made in new])
    return opened_batch(attempt, plan, replaces, claimed, read_by, {**known, **corrections.in_force(new)})


def opened_batch(
    attempt: Attempt,
    plan: Plan,
    replaces: Entry | None,
    claimed: Sequence[Claimed],
    read_by: ShopSettings,
    known: Mapping[Place, Correction],
) -> Batch:
    """A batch whose files are claimed, with their headers. known: its corrections. Raises FileError, HeaderError."""
    session = attempt.session
    contracts = session.sources if read_by is session.counting else sources_of(read_by)
    files = open_files(contracts, claimed)
    return Batch(attempt, plan, _revision(plan, attempt.opened), replaces, files, read_by, contracts, known)


def _revision(plan: Plan, opened: int) -> int:
    """The revision that the batch's rows bear."""
    if plan.origin is not Origin.STAGE:
        return opened
    assert plan.of is not None
    assert plan.of.revision is not None
    return plan.of.revision


def _alive(session: Session, plan: Plan, opened: int) -> Positions:
    """The live batches as they will be."""
    trigger = plan.trigger
    others = {batch: place for batch, place in session.log.positions.items() if batch != trigger.batch_id}
    if plan.origin is Origin.NOWHERE:
        return others
    return {**others, trigger.batch_id: (trigger.as_of, _revision(plan, opened))}


def _claim(session: Session, plan: Plan) -> list[Claimed]:
    """The files whose bytes are read; those of a batch that is undone are laid out to be offered."""
    if plan.origin is Origin.LANDING:
        return session.landing.claim(plan.trigger, plan.files)
    if plan.of is not None and plan.origin is Origin.ARCHIVE:
        return session.landing.ingested(session.log, plan.of)
    if plan.of is not None and plan.origin is Origin.NOWHERE:
        session.landing.lay_out(session.log, plan.of, settings_of(session, plan.of).deliveries if plan.of.files else {})
    return []


def _without_forgotten(attempt: Attempt, plan: Plan, claimed: Sequence[Claimed]) -> list[Claimed]:
    """The claimed files without the cells of people who are forgotten."""
    session = attempt.session
    files = open_files(session.sources, claimed)
    people = forgotten(session.settings, session.log)
    people = people.with_orders(their_orders(session.store, people))
    found = records_in(attempt.work, session.sources, files, Reading(plan.trigger.as_of, session.shop), people)
    theirs = {file.claimed: records for one, records in found for file in one.files if records}
    return [in_place(one, theirs[one.claimed]) if one.claimed in theirs else one.claimed for one in files]


def settings_of(session: Session, entry: Entry) -> ShopSettings:
    """The settings by which the files of a batch were read. Raises StorageError if they are gone."""
    (digest,) = {file.settings for file in entry.files}
    return copies.settings_of(session.settings, session.log, digest)


def open_files(contracts: Mapping[str, Source], claimed: Sequence[Claimed]) -> tuple[OpenedFile, ...]:
    """Match the header of each claimed file with its contract. Raises HeaderError, FileError."""
    opened = []
    for one in claimed:
        source = contracts[one.file.source]
        shape = source.delivery.shape_of(one.file.name)
        table = open_table(one.copy, shape, one.file.path)
        header = match_header(source, shape, table.names, str(one.file.path), reserved(source.name))
        borrowed = is_borrowed(contracts, one, claimed)
        if borrowed:  # its other columns are those of the source for which it comes
            header = replace(header, extras={})
        opened.append(OpenedFile(one, header, table, borrowed))
    for source in contracts.values():
        headers = {str(file.claimed.file.path): file.header for file in opened if file.source == source.name}
        match_parts(source, headers)
    return tuple(opened)


def check_headers(contracts: Mapping[str, Source], files: Sequence[LandedFile]) -> None:
    """Raises HeaderError or FileError if a file in landing cannot be what its contract says."""
    open_files(contracts, [Claimed(file, file.path, "", 0) for file in files])


def is_borrowed(contracts: Mapping[str, Source], claimed: Claimed, all_files: Sequence[Claimed]) -> bool:
    """A file is read for its source though it comes for another one (`read_from`)."""
    lends = contracts[claimed.file.source].delivery.read_from
    same = (lends, claimed.file.name, claimed.sha256)
    return bool(lends) and any((c.file.source, c.file.name, c.sha256) == same for c in all_files)


def corrections_of(session: Session, batch_id: str) -> dict[Place, Correction]:
    """What was published of corrections for records of a batch."""
    return corrections.in_force(made for made in published_corrections(session) if made.batch_id == batch_id)
