"""Corrections: what people write in place of the cells of a rejected record, and the CSV file in which they do so.

A correction is made for one record of one file as it was ingested. From then on the record is read with its cells,
whenever that batch's file with those very bytes is read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ecomm.batches import handwritten
from ecomm.engines import Lake
from ecomm.errors import StorageError, UsageError

Cells = Mapping[str, str | None]
# Where a record stands: its source, its batch, its file's SHA-256, its number in the file.
Place = tuple[str, str, str, int]
RAW = "(line)"
"""The name under which a record that could not be split into cells keeps its line."""
PLACE = ("_source", "_batch_id", "_source_file", "_file_sha256", "_source_line", "_reasons", "_line")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile("[0-9]{1,18}")
SHEET_CELL = 32_767
"""Characters of a cell that Excel keeps."""


@dataclass(frozen=True)
class Correction:
    """What stands in place of a record: header name -> cell. original: as in the file, or its whole line."""

    batch_id: str
    source: str
    file_sha256: str
    source_line: int
    original: Cells
    fixed: Cells
    by: str
    reason: str
    at: datetime
    revision: int

    @property
    def place(self) -> Place:
        """Where the record stands."""
        return self.source, self.batch_id, self.file_sha256, self.source_line


def of_file(corrections: Mapping[Place, Correction], source: str, sha256: str) -> dict[int, Correction]:
    """Those of a file's records: record number -> what is read in its place."""
    return {line: one for (of, _, digest, line), one in corrections.items() if (of, digest) == (source, sha256)}


@dataclass(frozen=True)
class Rejected:
    """A rejected record as it is offered to a person: where it stands, why it was rejected, and its cells."""

    place: Place
    source_file: str
    reasons: Sequence[str]
    cells: Cells
    raw_line: str | None = None


@dataclass(frozen=True)
class Mended:
    """Mended records, each with its cells by header name; and what is wrong with others, a sentence each."""

    records: Mapping[Place, Mapping[str, str]]
    problems: tuple[str, ...] = ()


def of_table(lake: Lake, path: Path, version: int) -> list[Correction]:
    """All corrections, in the order in which they were made: the table `corrections` at a version."""
    rows: list[dict[str, Any]] = lake.table(path, version)[1].to_pylist()
    made = [Correction(**row | {n: dict(row[n]) for n in ("original", "fixed")}) for row in rows]
    return sorted(made, key=lambda c: c.revision)


def in_force(corrections: Iterable[Correction]) -> dict[Place, Correction]:
    """For each record the correction that was made last."""
    return {c.place: c for c in corrections}


def write(path: Path, records: Sequence[Rejected]) -> None:
    """Write records for a person to correct: where each stands, why it was rejected, and its cells by header name.

    No cell is a spreadsheet's formula: one that looks so has a `'` before it, which `read` takes away.
    """
    names = list(dict.fromkeys(name for record in records for name in record.cells))
    text = io.StringIO(newline="")
    out = csv.writer(text)
    out.writerow([*PLACE, *map(_safe, names)])
    for record in records:
        source, batch, digest, line = record.place
        said = [source, batch, record.source_file, digest, str(line), ", ".join(record.reasons), record.raw_line or ""]
        out.writerow(map(_safe, [*said, *(record.cells.get(name) or "" for name in names)]))
    try:
        path.write_bytes(text.getvalue().encode("utf-8-sig"))  # with the mark, spreadsheets read it as UTF-8
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); check the folder's permissions.") from error


def read(path: Path) -> Mended:
    """What a person has made of such a file. Raises UsageError if it is none; a record that is wrong is a problem."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8; save it as CSV UTF-8.") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name a file of `quarantine export`.") from error
    if "\r" in text.partition("\n")[0].removesuffix("\r"):
        raise UsageError(f"{path}: its lines end with CR alone, as of old Macs; save it as CSV UTF-8.")
    delimiter = next((d for d in ",;\t" if text.lstrip('"').startswith((f"{PLACE[0]}{d}", f'{PLACE[0]}"{d}'))), ",")
    lines = handwritten.records(text, delimiter)
    header = next(lines, (1, None))[1] or []
    if tuple(header[: len(PLACE)]) != PLACE:
        raise UsageError(
            f"{path}: its first columns must be {', '.join(PLACE)}, as `ecomm quarantine export` writes them."
        )
    return _mended(path, [_plain(name) for name in header], lines)


def _mended(path: Path, header: Sequence[str], lines: Iterator[tuple[int, list[str] | None]]) -> Mended:
    """The records below the header; of those that stand there twice none."""
    found: dict[Place, dict[str, str]] = {}
    twice: set[Place] = set()
    problems = []
    for number, said in lines:
        if said is not None and not any(said):
            continue
        where = f"{path}, line {number}"
        if said is None:
            problems.append(f"{where}: its quotes are broken; put a quote around the cell, and double those in it.")
            continue
        cells = [_plain(cell) for cell in said]
        if len(cells) != len(header) or not _NUMBER.fullmatch(cells[4]):
            problems.append(f"{where}: it has {len(cells)} cells, not {len(header)}, or no number in _source_line.")
            continue
        place = (cells[0], cells[1], cells[3], int(cells[4]))
        if place in found:
            twice.add(place)
            problems.append(f"{where}: the record stands twice in the file; leave one of them.")
        found[place] = dict(zip(header[len(PLACE) :], cells[len(PLACE) :], strict=True))
    return Mended({place: cells for place, cells in found.items() if place not in twice}, tuple(problems))


def is_same(one: str | None, other: str | None) -> bool:
    """A cell is as it was: spreadsheets write the line ends within a cell in their own way."""
    return _with_newlines(one) == _with_newlines(other)


def is_cut(was: str | None, cell: str) -> bool:
    """The cell is the beginning of a longer one, as much of it as a spreadsheet keeps."""
    return len(cell) == SHEET_CELL < len(was or "") and (was or "").startswith(cell)


def _with_newlines(cell: str | None) -> str:
    return (cell or "").replace("\r\n", "\n").replace("\r", "\n")


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell
