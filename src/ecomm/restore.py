"""Damaged tables made again: from the archive, the corrections and the copies of ledger entries in landing.

A table is damaged if it is not what the ledger says: its log or a file of it is gone, cut or changed, or another
program wrote it. It is set aside and made again, which also works if the whole warehouse is gone.
"""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ecomm import damage
from ecomm.attempt import Attempt, open_attempt
from ecomm.batch import Origin, Plan
from ecomm.batches import copies, corrections, erasures, locks
from ecomm.batches.corrections import Correction
from ecomm.batches.entry import NAME as LEDGER
from ecomm.batches.entry import PUBLISHES, Entry, FileEntry
from ecomm.batches.landing import Claimed
from ecomm.batches.ledger import Ledger, write_all
from ecomm.contract import Severity, Source
from ecomm.erasing import SOURCES
from ecomm.errors import EcommError, InvariantError, StorageError, UsageError, sentence
from ecomm.opening import opened_batch, settings_of
from ecomm.progress import silent
from ecomm.rebuild import refold
from ecomm.session import Session, attempts_dir, forget_attempts, running, session_of
from ecomm.settings import Settings
from ecomm.tables import State, create_all, errors_name, stage_name, target_name
from ecomm.tasks.stage_load import load
from ecomm.transaction import trigger_of

_DAMAGED = "damaged"


@dataclass(frozen=True)
class Restored:
    """A table that was made again: what was wrong with it, and how many rows it has now; None of the ledger."""

    table: str
    fault: str
    rows: int | None


def restore(
    settings: Settings, wanted: Collection[str] = (), listener: Callable[[str], None] = lambda _: None
) -> list[Restored]:
    """Make every damaged table again, and those that are wanted; which these were.

    listener: hears of each batch that is read from the archive. Raises UsageError, LockedError, FormatError,
    StorageError if landing has not what it takes, InvariantError if the archive gives other rows than the ledger says.
    """
    with locks.of(settings), running(settings) as engine:
        restored = _restore_ledger(settings)
        session = session_of(settings, engine, silent, secrets.token_hex(16), damaged=True)
        return [*restored, *_restore(session, wanted, listener)]


# --- the ledger -----------------------------------------------------------------------------------------------------


def _restore_ledger(settings: Settings) -> list[Restored]:
    """Write the ledger again from the copies in landing, if it is damaged or lacks entries."""
    path = settings.warehouse / LEDGER
    try:
        here = [*Ledger(settings.warehouse).log]
        fault = "" if here else "it is gone"
    except StorageError as error:
        here, fault = [], str(error)
    known = copies.read(settings, here)
    if not known and not here:
        raise UsageError(
            f"{settings.warehouse}: there is no ledger here, and {settings.landing} has no copy of one; name the "
            "landing folder that the warehouse was made from."
        )
    if len(known) > len(here):
        fault = fault or f"it ends with entry {len(here) - 1}, and landing knows of entry {len(known) - 1}"
        _set_aside(settings, LEDGER)
        write_all(settings.warehouse, known)
        return [Restored(LEDGER, fault, None)]
    if fault:
        raise StorageError(f"{path}: {fault}")
    return []


def _set_aside(settings: Settings, name: str) -> Path | None:
    """Move a table's folder away; where to, None if there is none."""
    path = settings.warehouse / name
    if not path.exists():
        return None
    place = settings.warehouse / _DAMAGED / f"{name}-{secrets.token_hex(4)}"
    place.parent.mkdir(parents=True, exist_ok=True)
    path.rename(place)
    return place


# --- the tables -----------------------------------------------------------------------------------------------------


def _restore(session: Session, wanted: Collection[str], listener: Callable[[str], None]) -> list[Restored]:
    settings, store = session.settings, session.store
    session.landing.settle_all(session.log)
    if unknown := [name for name in wanted if name not in store.catalogue]:
        raise UsageError(f"there is no table {unknown[0]}; there are: {', '.join(store.catalogue)}.")
    try:
        store.recover(session.ledger, attempts_dir(settings))
        forget_attempts(session)
    except (EcommError, OSError) as error:  # what was being published may be damaged as well
        listener(sentence(error, settings.warehouse))
    found = damage.find(settings.warehouse, store.catalogue, session.log, deep=True)
    wrong = dict.fromkeys(wanted, "it was asked for") | {one.table: one.fault for one in found}
    for name in session.sources:  # one reading of the archive gives both
        pair = (stage_name(name), errors_name(name))
        if any(table in wrong for table in pair):
            wrong = dict.fromkeys(pair, f"it is read together with {pair[0]}") | wrong
    if not wrong:
        return []
    store.assume({name: State(*said) for name, said in session.log.last.tables.items()})
    attempt = open_attempt(session)
    aside = {name: _set_aside(settings, name) for name in wrong}
    try:
        create_all(store.lake, settings.warehouse, {name: store.catalogue[name] for name in wrong})
        store.assume({name: State(0, 0) for name in wrong if not store.catalogue[name].journal})
        made = copies.corrections_of(settings, session.log)
        if "corrections" in wrong:
            store.record("corrections", [asdict(one) for one in made])
        for name in [n for n in wrong if store.catalogue[n].journal]:
            rows, missing = copies.journal_rows(settings, session.log, name)
            store.record(name, rows)
            wrong[name] += f"; landing has no copy of {missing} of its files" if missing else ""
        _read_archive(attempt, [s for s in session.sources.values() if stage_name(s.name) in wrong], made, listener)
        for source in session.sources.values():
            store.evolve(target_name(source.name), store.extras(stage_name(source.name)))
        refold(attempt)
        session.entry("REBUILD", reason=f"restored: {', '.join(sorted(wrong))}")
    except BaseException:
        for name, place in aside.items():
            shutil.rmtree(settings.warehouse / name, ignore_errors=True)
            if place is not None:
                place.rename(settings.warehouse / name)
        raise
    session.forget(attempt.work.folder)
    counts = {name: state.rows for name, state in store.state.items()}
    return [Restored(name, fault, counts.get(name)) for name, fault in sorted(wrong.items())]


def _read_archive(
    attempt: Attempt, sources: Sequence[Source], made: Sequence[Correction], listener: Callable[[str], None]
) -> None:
    """Write the stage and error rows of some sources: of every revision whose files the archive has.

    Of a revision that was held and never published only the error rows: accepted, its batch is read from the archive.
    """
    held, others = list[Entry](), list[Entry]()
    for entry in _revisions(attempt.log):
        (held if entry.entry == "HOLD" else others).append(entry)
    for entry in held:
        _read_revision(attempt, sources, entry, made, listener)
        attempt.store.hold_back(None)
    for entry in others:
        _read_revision(attempt, sources, entry, made, listener)


def _read_revision(
    attempt: Attempt,
    sources: Sequence[Source],
    entry: Entry,
    made: Sequence[Correction],
    listener: Callable[[str], None],
) -> None:
    for source in sources:
        files = [file for file in entry.files if file.source == source.name]
        if not files:
            continue
        listener(f"{source.name} of {entry.batch_id}")
        again = _load(attempt, source, entry, made)
        if again is not None:
            found, is_whole = _with_erased(attempt, source, entry, again)
            if is_whole or entry.entry != "HOLD":
                _compare(entry, files, found)


def _revisions(entries: Sequence[Entry]) -> list[Entry]:
    """The entry of each revision of each batch that has rows: the one that published it, else the one that held it."""
    found = {e.revision: e for kind in (("HOLD",), PUBLISHES) for e in entries if e.entry in kind}
    return sorted(found.values(), key=lambda e: e.seq)


def _load(attempt: Attempt, source: Source, entry: Entry, made: Sequence[Correction]) -> tuple[FileEntry, ...] | None:
    """Read a revision's files of a source once more, as they were read; None if they were replaced and are gone."""
    session = attempt.session
    try:
        claimed = session.landing.ingested(session.log, entry)
    except StorageError:
        if entry in attempt.log.kept:
            raise
        return None
    assert entry.revision is not None
    claimed = [_as_then(one, entry) for one in claimed]
    plan = Plan(trigger_of(entry), Origin.ARCHIVE, of=entry)
    mine = (one for one in made if one.batch_id == entry.batch_id and one.revision <= entry.seq)
    known = corrections.in_force(mine)
    batch = opened_batch(attempt, plan, None, claimed, settings_of(session, entry), known)
    of_then = replace(batch, revision=entry.revision)
    files, _ = load(of_then, of_then.contracts[source.name])
    return files


def _as_then(claimed: Claimed, entry: Entry) -> Claimed:
    """A file without the records that were erased since: the archive does not say any more what became of them.

    It does of what a file says about products: no cell of these was taken out.
    """
    if claimed.file.source not in SOURCES:
        return claimed
    before = next(f.erased for f in entry.files if (f.source, f.name) == (claimed.file.source, claimed.file.name))
    return replace(claimed, erased=before, unread=tuple(sorted({*claimed.erased} - {*before})))


def _with_erased(
    attempt: Attempt, source: Source, entry: Entry, again: Sequence[FileEntry]
) -> tuple[Sequence[FileEntry], bool]:
    """Append the rows of records that were erased since; the files with these, and whether there were none.

    Of a batch that is held only its error rows are kept.
    """
    settings, log = attempt.session.settings, attempt.log
    erased = {f.name: {*log.as_archived(entry, f).erased} - {*f.erased} for f in entry.files if f.source == source.name}
    if source.name not in SOURCES or not any(erased.values()):
        return again, True
    counts = Counter[tuple[str, str]]()
    for name in (stage_name(source.name), errors_name(source.name)):
        kept = [row for row in erasures.kept_rows(settings, log, name) if row["revision"] == entry.revision]
        rows = [row for row in kept if row["source_line"] in erased.get(row["source_file"], ())]
        for row in rows:
            counts[row["source_file"], _kind(row)] += 1
        if rows:
            attempt.store.append(name, attempt.store.of_rows(name, rows))
    was = {f.name: f for f in entry.files if f.source == source.name}
    return tuple(_counted(file, was[file.name], len(erased[file.name]), counts) for file in again), False


def _kind(row: Mapping[str, object]) -> str:
    """What became of a record: its row of stage, or of the error table, says it."""
    if "severity" not in row:
        return "accepted"
    return "rejected" if row["severity"] == str(Severity.HIGH) else "superseded"


def _counted(file: FileEntry, was: FileEntry, erased: int, counts: Counter[tuple[str, str]]) -> FileEntry:
    """A file with its records that were erased. Those that have no row were duplicates, or none of the source's."""
    accepted, rejected, superseded = (counts[file.name, kind] for kind in ("accepted", "rejected", "superseded"))
    others = erased - accepted - rejected - superseded
    read = file.rows_read + erased - others
    duplicates = min(max(was.rows_read - read, 0), others)
    return replace(
        file,
        rows_read=read + duplicates,
        rows_accepted=file.rows_accepted + accepted,
        rows_rejected=file.rows_rejected + rejected,
        rows_superseded=file.rows_superseded + superseded,
        rows_duplicate=file.rows_duplicate + duplicates,
    )


def _compare(entry: Entry, files: Sequence[FileEntry], again: Sequence[FileEntry]) -> None:
    """Raises InvariantError if the archive gives other rows than the ledger says."""
    for was, now in zip(files, again, strict=True):
        for name in ("rows_read", "rows_accepted", "rows_rejected", "rows_duplicate", "rows_superseded"):
            before, after = getattr(was, name), getattr(now, name)
            if before != after:
                raise InvariantError(
                    f"{was.name} of {entry.batch_id} has {after} {name}, and the ledger says {before}: this version of "
                    f"ecomm reads it otherwise than {entry.program_version} did. Install that version to restore. "
                    "Nothing was changed."
                )
