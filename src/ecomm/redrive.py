"""Rejected records go out to a person and come back corrected, at the place where they stood.

Nothing is edited: a correction is a row of `corrections`, and the batch is read once more from its archived bytes with
the corrected cells in place of the record's, by the same rules. So a record that is still wrong is rejected again, and
one that is accepted counts from its batch's instant on, however late it was mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ecomm import delivery
from ecomm.batch import Origin, Plan
from ecomm.batches import corrections
from ecomm.batches.corrections import RAW, Cells, Correction, Mended, Place, Rejected
from ecomm.batches.entry import Entry, FileEntry
from ecomm.batches.landing import Landing
from ecomm.batches.log import Log
from ecomm.batches.reading.tables import open_table
from ecomm.engines import deltafiles
from ecomm.errors import FileError, HeaderError, StorageError, UsageError
from ecomm.headers import distinct
from ecomm.progress import Listener, silent
from ecomm.revise import position, user
from ecomm.session import working
from ecomm.settings import Settings
from ecomm.trace import quarantined
from ecomm.transaction import Outcome, run_batch, trigger_of
from ecomm.warehouse import Warehouse


@dataclass(frozen=True)
class Redriven:
    """What became of the records of a file: corrected ones are accepted, or rejected again and why; the rest as it was.

    unchanged: how many records were left as they stand, or had been corrected so before. problems: why records of the
    file could not be applied, a sentence each; the others were.
    """

    outcomes: tuple[Outcome, ...]
    corrected: int
    unchanged: int
    rejected: tuple[Rejected, ...]
    problems: tuple[str, ...] = ()


def export(settings: Settings, source: str, out: Path, batch: str | None = None, *, force: bool = False) -> int:
    """Write the rejected records of a source as CSV, for a person to correct; how many there are.

    Raises UsageError if there is no such source or the file is there already, StorageError.
    """
    if out.exists() and not force:
        raise UsageError(f"{out}: this file is there already; --force writes it anew.")
    records = rejected(settings, Warehouse(settings.warehouse), source, batch)
    corrections.write(out, [*records.values()])
    return len(records)


def rejected(settings: Settings, warehouse: Warehouse, source: str, batch: str | None = None) -> dict[Place, Rejected]:
    """The records that are rejected now, by their place; each with a cell for every column of its file's header."""
    kept = {entry.revision: entry for entry in warehouse.log.kept}
    files: dict[tuple[int, str], tuple[FileEntry, tuple[str, ...]]] = {}
    found: dict[Place, Rejected] = {}
    for row in quarantined(warehouse, source, batch):
        if row["severity"] != "HIGH":
            continue
        named = row["revision"], row["source_file"]
        if named not in files:
            entry = kept[named[0]]
            file = next(f for f in entry.files if (f.source, f.name) == (source, named[1]))
            files[named] = file, _header(settings, row["batch_id"], warehouse.log.as_archived(entry, file))
        file, names = files[named]
        place = (source, row["batch_id"], file.sha256, row["source_line"])
        cells = {name: (row["raw"] or {}).get(name) for name in names}
        found[place] = Rejected(place, file.name, row["reasons"], cells, row["raw_line"])
    return found


def _header(settings: Settings, batch_id: str, file: FileEntry) -> tuple[str, ...]:
    """The names of a file's columns, as `raw` has them. file: as it is archived now."""
    copy = Landing(settings).copy_of(batch_id, file)
    return distinct(open_table(copy, delivery.read(file.shape), copy.with_name(file.name)).names)


def redrive(settings: Settings, file: Path, why: str, listener: Listener = silent) -> Redriven:
    """Bring corrected records in, each at its own place: a new revision of each of their batches.

    What cannot be applied is a problem, and stops no other: a record that is not in quarantine, has a cell in a column
    that its file does not have, or one that was cut. Raises UsageError if the file cannot be read, LockedError,
    FormatError, StorageError.
    """
    read = corrections.read(file)
    said = _made(settings, read, why)
    if not said.made:  # no engine is started for nothing
        return Redriven((), 0, said.unchanged, (), said.problems)
    with working(settings, listener) as session:
        said, outcomes = _made(settings, read, why), []
        for entry in _batches(session.log, said.made):
            new = [one for one in said.made if one.batch_id == entry.batch_id]
            plan = Plan(trigger_of(entry), Origin.ARCHIVE, of=entry, why=f"{why} ({user()})", corrections=tuple(new))
            outcomes.append(run_batch(session, plan))
    again, _ = _current(settings, Warehouse(settings.warehouse), [one.place for one in said.made])
    still = tuple(again[one.place] for one in said.made if one.place in again)
    return Redriven(tuple(outcomes), len(said.made), said.unchanged, still, said.problems)


def _current(
    settings: Settings, warehouse: Warehouse, places: Iterable[Place]
) -> tuple[dict[Place, Rejected], dict[tuple[str, str], str]]:
    """The rejected records of the sources and batches of some places; and of which they cannot be read, and why."""
    found: dict[Place, Rejected] = {}
    failed: dict[tuple[str, str], str] = {}
    for source, batch in sorted({(source, batch) for source, batch, _, _ in places}):
        try:
            found |= rejected(settings, warehouse, source, batch)
        except (UsageError, StorageError, HeaderError, FileError) as error:
            failed[source, batch] = str(error)
    return found, failed


@dataclass(frozen=True)
class _Said:
    """What a file of mended records says: corrections, how many records are as they were, and what is wrong."""

    made: list[Correction]
    unchanged: int
    problems: tuple[str, ...]


def _made(settings: Settings, read: Mended, why: str) -> _Said:
    """The corrections that a person has made: records left as they were exported, or as they are read now, are none."""
    warehouse, by, now = Warehouse(settings.warehouse), user(), datetime.now(UTC)
    current, failed = _current(settings, warehouse, read.records)
    kept = {(f.source, str(e.batch_id), f.sha256): (e, f) for e in warehouse.log.kept for f in e.files}
    erased = {place: warehouse.log.as_archived(entry, file).erased for place, (entry, file) in kept.items()}
    version, _ = warehouse.entry.tables.get("corrections", (None, 0))
    known = [] if version is None else corrections.of_table(deltafiles, warehouse.path / "corrections", version)
    before = corrections.in_force(known)
    made: list[Correction] = []
    unchanged, problems = 0, [*read.problems, *failed.values()]
    for place, cells in read.records.items():
        record, earlier = current.get(place), before.get(place)
        if place[:2] in failed:
            continue
        if record is not None:
            stands = record.cells
        elif earlier is not None and place[:3] in kept:
            stands = earlier.fixed
        else:
            problems.append(f"{_where(place)} is not in quarantine; `ecomm quarantine export` writes what is.")
            continue
        if place[3] in erased.get(place[:3], ()):
            problems.append(f"{_where(place)} is of a customer who is forgotten, so nothing is brought in for it.")
            continue
        if problem := _problem(cells, stands):
            problems.append(f"{_where(place)} {problem}")
            continue
        original = earlier.original if earlier else _original(record)
        fixed = {name: _fixed(was, cells.get(name, was or "")) for name, was in stands.items()}
        if any(_same(fixed, others) for others in (stands, original)):
            unchanged += 1
        else:
            made.append(Correction(place[1], place[0], place[2], place[3], original, fixed, by, why, now, -1))
    return _Said(made, unchanged, tuple(problems))


def _where(place: Place) -> str:
    return f"record {place[3]} of {place[0]} in {place[1]}"


def _problem(cells: Mapping[str, str], stands: Cells) -> str | None:
    """Why the cells cannot be those of a record, as the end of a sentence; None if they can."""
    if strange := [at for at, (name, cell) in enumerate(cells.items(), 1) if cell and name not in stands]:
        column = len(corrections.PLACE) + strange[0]
        return f"has a cell in column {column}, which its own file does not have; empty it."
    if cut := [at for at, (name, cell) in enumerate(cells.items(), 1) if corrections.is_cut(stands.get(name), cell)]:
        return (
            f"has lost the end of its cell in column {len(corrections.PLACE) + cut[0]}, as a spreadsheet keeps "
            f"{corrections.SHEET_CELL:,} characters; mend this record in a text editor."
        )
    return None


def _fixed(was: str | None, cell: str) -> str | None:
    """What is read in place of a cell; one that is as it was keeps its line ends."""
    return (was if corrections.is_same(was, cell) else cell) or None


def _original(record: Rejected | None) -> Cells:
    assert record is not None
    return record.cells if record.raw_line is None else {RAW: record.raw_line}


def _same(some: Cells, others: Cells) -> bool:
    return all(corrections.is_same(some.get(name), others.get(name)) for name in {*some, *others})


def _batches(log: Log, made: Iterable[Correction]) -> list[Entry]:
    """The entries of the batches that have the corrected files, in the order of their positions."""
    files = {(one.batch_id, one.source, one.file_sha256) for one in made}
    having = [e for e in log.kept if files & {(e.batch_id, f.source, f.sha256) for f in e.files}]
    latest = {e.batch_id: e for e in sorted(having, key=lambda e: e.seq)}
    return sorted(latest.values(), key=position)
