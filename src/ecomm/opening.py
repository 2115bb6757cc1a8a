"""OPEN: an attempt at a batch begins; its files are claimed, and all headers checked, before a table is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from ecomm.attempt import Attempt, Origin
from ecomm.batches import archive, copies, corrections
from ecomm.batches.corrections import Correction
from ecomm.batches.ledger import Entry, live
from ecomm.batches.reading.tables import open_table
from ecomm.batches.trigger import Candidate
from ecomm.contract import match_header, match_parts
from ecomm.session import Session
from ecomm.shop_settings import ShopSettings
from ecomm.tables import reserved


def open_batch(
    session: Session,
    candidate: Candidate,
    origin: Origin = Origin.LANDING,
    of: Entry | None = None,
    why: str | None = None,
    new: Sequence[Correction] = (),
    *,
    as_then: bool = True,
) -> Attempt:
    """OPEN an attempt: claim the batch's files and check all headers.

    origin: where its rows come from, and, unless that is landing, of: the entry about the revision that they are of.
    new: corrections that come with this attempt. as_then: files of the archive are read and judged by the
    settings by which they were read before, not by the current ones.
    """
    trigger = candidate.trigger
    assert trigger is not None
    before = live(session.ledger.entries).get(trigger.batch_id)
    opened = session.entry_of("OPEN", trigger).seq
    waiting = of if origin is Origin.STAGE else None
    revision, score = (opened, None) if waiting is None else (waiting.revision, waiting.score)
    assert revision is not None
    attempt = Attempt(session, candidate, revision, opened, origin, waiting, before, why, score=score)
    session.store.begin(opened, attempt.folder)
    if origin is Origin.STAGE:
        session.store.take_up(revision)
    if origin is Origin.LANDING:
        attempt.claimed = archive.claim(session.settings, trigger, candidate.files)
    elif of is not None and origin is Origin.ARCHIVE:
        attempt.claimed = archive.ingested(session.settings, of)
        attempt.then = settings_of(session, of) if as_then and of.files else None
    elif of is not None and origin is Origin.NOWHERE:
        archive.lay_out(session.settings, of, settings_of(session, of).deliveries if of.files else {})
    session.expect(sum(claimed.bytes for claimed in attempt.claimed) or sum(f.bytes for f in (of.files if of else ())))
    if attempt.claimed:
        copies.keep(session.settings, session.ledger.entries, attempt.read_by)
    read_headers(attempt)
    if new:
        copies.note(session.settings, session.ledger.entries, opened, [replace(made, revision=opened) for made in new])
        session.store.record("corrections", [asdict(replace(made, revision=opened)) for made in new])
    take_corrections(attempt, [replace(made, revision=opened) for made in new])
    return attempt


def settings_of(session: Session, entry: Entry) -> ShopSettings:
    """The settings by which the files of a batch were read. Raises StorageError if they are gone."""
    (digest,) = {file.settings for file in entry.files}
    return copies.settings_of(session.settings, session.ledger.entries, digest)


def read_headers(attempt: Attempt) -> None:
    """Match the header of each claimed file with its contract. Raises HeaderError, FileError."""
    for claimed in attempt.claimed:
        source = attempt.contracts[claimed.file.source]
        shape = source.delivery.shape_of(claimed.file.name)
        table = open_table(claimed.copy, shape, claimed.file.path)
        header = match_header(source, shape, table.names, str(claimed.file.path), reserved(source.name))
        if attempt.borrows(claimed):  # its other columns are those of the source for which it comes
            header = replace(header, extras={})
        attempt.headers[claimed.copy] = (header, table)
    for source in attempt.delivered():
        claimed_of = attempt.claimed_of(source)
        match_parts(source, {str(c.file.path): attempt.headers[c.copy][0] for c in claimed_of})


def take_corrections(attempt: Attempt, new: Sequence[Correction] = ()) -> None:
    """Read what is to be read in place of records of the batch. new: what comes with this attempt."""
    store = attempt.session.store
    version, rows = attempt.session.ledger.last.tables.get("corrections", (0, 0))
    known = corrections.of_table(store.lake, store.path("corrections"), version) if rows else []
    attempt.corrections = corrections.in_force(c for c in (*known, *new) if c.batch_id == attempt.batch_id)
