"""A sheet of an Excel workbook as a table of texts.

python-calamine reads the cells, but it builds the rectangle that the outermost of them span, and says nothing of a cell
with an error. So the sheets' XML is looked over before: how far their cells reach, and which hold `#N/A` and the like.
"""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO, cast
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from ecomm.batches import csvfile
from ecomm.batches.reading import kinds, place
from ecomm.batches.reading.kinds import Kind
from ecomm.batches.reading.place import Table
from ecomm.batches.reading.streams import Unpacking
from ecomm.canonical import BLANKS
from ecomm.delivery import Shape
from ecomm.errors import FileError

MAX_XML = 2 << 30
"""Bytes of all parts of a workbook: a full sheet of 1,048,576 rows and 40 columns takes about that."""
MAX_CELLS = 50_000_000
"""Cells of the rectangle that a sheet's cells span: each takes 32 bytes of memory."""
BATCH = 1 << 16
_BLOCK = 4 << 20
# The reader of the cells takes more than Excel writes; what is not seen here is allocated there.
_ODD = tuple(map(re.compile, (rb"r='", rb"t='", rb"r=\s", rb"t=\s", rb"r\s+=", rb"t\s+=")))  # faster than one
_ATTRIBUTE = re.compile(rb"""([rt])\s*=\s*["']""")
_LETTERS = re.compile(rb'r="([A-Za-z]+)[0-9]')
_DIGITS = re.compile(rb'r="[A-Za-z]*([0-9]+)')
_PLACE = re.compile(rb'r="([A-Za-z]+)([0-9]{1,10})')
_ROW = re.compile(rb"<(?:\w+:)?row(?=[\s/>])")
_CELL = re.compile(rb"<(?:\w+:)?c(?=[\s/>])")
_MOST = 1 << 24
"""More rows or columns than this are not told apart."""
_ERROR = re.compile(
    rb'<(?:\w+:)?c\b([^>]*\bt="e"[^>]*)>(?:<(?:\w+:)?f\b[^>]*?(?:/>|>[^<]*</(?:\w+:)?f>))?<(?:\w+:)?v>([^<]*)<'
)
# A place in the list of texts that is no number is read as the first one.
_NO_PLACE = re.compile(rb"""t="s["'][^>]*>\s*<(?:\w+:)?v>(?!\s*[0-9]+\s*<)""")
_OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


@dataclass
class _Reach:
    """How far the cells of a sheet reach, and the errors in them by row and column, from 0."""

    rows: int = 0
    columns: int = 0
    cells: int = 0
    errors: dict[tuple[int, int], str] = field(default_factory=dict)


def table(path: Path, where: Path, shape: Shape, kind: Kind) -> Table:
    """A sheet as a table. Raises FileError if the workbook cannot be read, HeaderError if the sheet has no header.

    A workbook cannot be opened without reading all of it, so its records are kept in a temporary file from then on.
    """
    with kinds.whole(path, where, kind) as file:
        found = sheet_rows(file, str(where), shape.sheet)
        names, _ = place.header_of(found, shape, str(where))
        kept = tempfile.TemporaryFile()  # noqa: SIM115 (it goes with the table)
        schema = csvfile.text_table([], len(names)).schema
        with pa.ipc.new_stream(kept, schema) as writer:
            while batch := list(islice(found, BATCH)):
                writer.write_table(_records(batch, len(names)))

    def pieces() -> Iterator[pa.Table]:
        kept.seek(0)
        for batch in pa.ipc.open_stream(kept):
            yield pa.Table.from_batches([batch])

    return Table(names, pieces, lambda line: str(json.loads(line)[0]), shape.footers)


def _records(rows: Sequence[Sequence[str]], width: int) -> pa.Table:
    """Rows as records: one without a cell is none, one with a cell beyond the header is malformed."""
    rows = [row for row in rows if any(cell.strip(BLANKS) for cell in row)]
    raw: list[str | None] = [None] * len(rows)
    for number, row in enumerate(rows):
        if any(cell.strip(BLANKS) for cell in row[width:]):
            raw[number] = json.dumps(place.trimmed(row), ensure_ascii=False)[: csvfile.MAX_RECORD]
    whole = pa.array([line is None for line in raw])
    columns = {"raw_line": pa.array(raw, pa.string())}
    for i in range(width):
        cells = pa.array([row[i] if i < len(row) else "" for row in rows], pa.string())
        columns[f"c{i}"] = pc.if_else(whole, cells, pa.scalar(None, pa.string()))
    return pa.table(columns)


def sheet_rows(file: BinaryIO, where: str, wanted: str) -> Iterator[list[str]]:
    """The rows of the sheet that is read, the empty ones above the first too."""
    reaches = _looked_over(file, where)
    file.seek(0)
    try:
        book = CalamineWorkbook.from_filelike(file)
        sheet = _chosen(book, wanted, where)
        if (start := sheet.start) is None:
            return
        errors = reaches.get(sheet.name, _Reach()).errors
        # The rows come from the sheet's very first on, their cells from the first column that has any.
        for number, row in enumerate(sheet.iter_rows()):
            cells = [value if isinstance(value, str) else _text(value) for value in row]
            if errors:
                cells = [errors.get((number, start[1] + n), cell) for n, cell in enumerate(cells)]
            yield cells
    except CalamineError as error:
        raise _damaged(where) from error


def _damaged(where: str) -> FileError:
    return FileError(f"{where}: the Excel workbook is damaged or cut short; save it in Excel once more, or as CSV.")


def _chosen(book: CalamineWorkbook, wanted: str, where: str) -> CalamineSheet:
    """The sheet that the settings name, else the only visible one that is not empty. Raises FileError."""
    if wanted:
        named = [name for name in book.sheet_names if place.bare(name) == place.bare(wanted)]
        if not named:
            raise FileError(f"{where}: there is no sheet {wanted!r}; set sheet to one of: {_list(book.sheet_names)}.")
        return book.get_sheet_by_name(named[0])
    visible = [s.name for s in book.sheets_metadata if s.visible == SheetVisibleEnum.Visible]
    full = [name for name in visible if book.get_sheet_by_name(name).start is not None]
    if len(full) > 1:
        raise FileError(f"{where}: several sheets have data; set sheet to one of: {_list(full)}.")
    if not visible:
        raise FileError(f"{where}: the workbook has no visible sheet; set sheet to one of: {_list(book.sheet_names)}.")
    return book.get_sheet_by_name((full or visible)[0])


def _list(names: list[str]) -> str:
    return ", ".join(map(repr, names[:20]))


def _text(value: Any) -> str:
    """A cell's value: not a text: numbers by their shortest exact text, days and instants as ISO."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and isfinite(value):
        return str(int(value)) if value == int(value) else f"{Decimal(repr(value)):f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds" if value.microsecond else "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return str(value)


def _looked_over(file: BinaryIO, where: str) -> dict[str, _Reach]:
    """How far the cells of each sheet reach. Raises FileError if a part is damaged, or too large to be one."""
    try:
        with zipfile.ZipFile(file) as packed:
            size, total, reaches = file.seek(0, 2), 0, {}
            sheets = {path: name for name, path in _sheets(packed, where, size).items()}
            for part in packed.infolist():
                with packed.open(part) as opened:
                    inside = Unpacking(cast("BinaryIO", opened), size, where, "Excel")
                    reach = _Reach()
                    for stretch in _stretches(inside):
                        total += len(stretch)
                        if total > MAX_XML:
                            raise FileError(
                                f"{where}: the workbook unpacks to more than {MAX_XML >> 20:,} MiB; save the sheet as "
                                "CSV."
                            )
                        if part.filename in sheets:
                            _look(stretch, reach, where)
                if part.filename in sheets:
                    reaches[sheets[part.filename]] = reach
            return reaches
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ElementTree.ParseError, KeyError) as error:
        raise _damaged(where) from error


def _stretches(part: Unpacking) -> Iterator[bytes]:
    """A part in stretches that cut no cell."""
    rest = b""
    while block := part.read(_BLOCK):
        data = rest + block
        cut = max(data.rfind(b"<c "), data.rfind(b":c "), len(data) - _BLOCK)
        yield data[:cut]
        rest = data[cut:]
    yield rest


def _look(stretch: bytes, reach: _Reach, where: str) -> None:
    if any(odd.search(stretch) for odd in _ODD):
        stretch = _ATTRIBUTE.sub(rb'\1="', stretch)
    letters = _LETTERS.findall(stretch)
    cells = stretch.count(b"<c") + stretch.count(b":c")
    if cells > len(letters) and (cells := len(_CELL.findall(stretch))) > len(letters):
        # Some do not say where they are: they stand behind the one before.
        in_rows = [len(_CELL.findall(row)) for row in _ROW.split(stretch)]
        reach.rows += len(in_rows)
        reach.columns += max(in_rows)
    reach.rows = max(reach.rows, *(_least(digits) for digits in {*_DIGITS.findall(stretch)}), 0)
    reach.columns = max(reach.columns, *(_number(one) for one in {*letters}), 0)
    reach.cells += cells
    if reach.rows * max(reach.columns, 1) > MAX_CELLS or reach.cells > MAX_CELLS:
        raise FileError(
            f"{where}: a sheet claims {reach.rows:,} rows and {reach.columns:,} columns, more than can be read; delete "
            "the rows and columns that only look empty, or save the table as CSV."
        )
    if _NO_PLACE.search(stretch):
        raise _damaged(where)
    if b't="e"' in stretch:
        for attributes, text in _ERROR.findall(stretch):
            at = _PLACE.search(attributes)
            if at is None:
                raise _damaged(where)
            reach.errors[int(at[2]) - 1, _number(at[1]) - 1] = text.decode("ascii", "replace")


def _least(digits: bytes) -> int:
    """A number, or `_MOST` if it is more."""
    return min(int(digits), _MOST) if len(digits.lstrip(b"0")) <= 10 else _MOST


def _number(letters: bytes) -> int:
    """The number of a column by its letters: A is 1, AA is 27; `_MOST` if it is more."""
    number = 0
    for letter in letters.upper()[:8]:
        number = number * 26 + letter - 64
    return min(number, _MOST)


def _sheets(packed: zipfile.ZipFile, where: str, size: int) -> dict[str, str]:
    """The sheets of a workbook, each with the name of its part."""
    book = _parsed(packed, "xl/workbook.xml", where, size)
    links = _parsed(packed, "xl/_rels/workbook.xml.rels", where, size)
    targets = {link.get("Id"): str(link.get("Target")) for link in links}
    found = {}
    for element in book.iter():
        if element.tag.rpartition("}")[2] == "sheet":
            target = targets.get(element.get(_OFFICE) or element.get(_STRICT), "")
            found[str(element.get("name"))] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return found


def _parsed(packed: zipfile.ZipFile, name: str, where: str, size: int) -> ElementTree.Element:
    """A small part of a workbook."""
    with packed.open(name) as part:
        data = Unpacking(cast("BinaryIO", part), size, where, "Excel").read(16 << 20)
    return ElementTree.fromstring(data)
