"""A copy of a file with other cells in some of its records, for people who are forgotten; all else stays as it is.

In delimited text and in NDJSON every other byte stays. A JSON document, a Parquet file and a workbook are written
again: each other value stays, the layout may not; of a workbook only the sheet that is read remains.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ecomm.batches import csvfile
from ecomm.batches.dialect import Dialect
from ecomm.batches.reading import columns, delimited, kinds, objects, place, sheets
from ecomm.batches.reading.kinds import Kind
from ecomm.canonical import BLANKS
from ecomm.delivery import Shape

Cells = Mapping[int, str]
"""What is written in some cells of a record: number of the cell -> its text."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def rewrite(path: Path, into: Path, where: Path, shape: Shape, records: Mapping[int, Cells]) -> None:
    """Write a copy of a file. records: number of a record -> its new cells; a malformed one is masked as a whole.

    where: the landed file, whose name states the format. Raises FileError, HeaderError, StorageError as `open_table`.
    """
    kind = kinds.kind_of(path, where, shape)
    with into.open("wb") as file:
        if kind.format == "parquet":
            _packed(file, kind, lambda out: _parquet(path, where, kind, records, out))
        elif kind.format == "xlsx":
            _packed(file, kind, lambda out: _workbook(path, where, shape, kind, records, out))
        else:
            pieces = _text if kind.format in ("csv", "tsv") else _objects
            _packed(file, kind, lambda out: out.writelines(pieces(path, where, shape, kind, records)))


def masked(text: str, kept: str = "") -> str:
    """A text with an x for each character but blanks, quotes, delimiters and those to be kept."""
    return re.sub(rf"[^\s\"',;|{re.escape(kept)}]", "x", text)


def _packed(file: BinaryIO, kind: Kind, write: Any) -> None:
    """Write a file's content, packed as it was."""
    if kind.packed == "gzip":
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as out:
            write(out)
    elif kind.packed == "zip":
        member = zipfile.ZipInfo(kind.member, _LONG_AGO)
        member.compress_type = zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(file, "w") as archive, archive.open(member, "w", force_zip64=True) as out:
            write(out)
    else:
        write(file)


# --- delimited text -------------------------------------------------------------------------------------------------


def _text(path: Path, where: Path, shape: Shape, kind: Kind, records: Mapping[int, Cells]) -> Iterator[bytes]:
    found = delimited.layout(path, where, shape, kind)
    codec, mark = found.encoding
    if codec != "utf-8":
        with kinds.content(path, where, kind) as file:
            yield file.read(mark)
    with delimited.content(path, where, kind, found.encoding) as file:
        yield _encoded(file.read(found.offset), codec)
        for piece in _with_cells(file, len(found.names), found.form, records):
            yield _encoded(piece, codec)


def _encoded(data: bytes, codec: str) -> bytes:
    """UTF-8 in the file's own encoding; bytes that are no text there become what they were."""
    return data if codec == "utf-8" else data.decode("utf-8", "surrogatepass").encode(codec, "surrogateescape")


def _with_cells(file: BinaryIO, width: int, form: Dialect, records: Mapping[int, Cells]) -> Iterator[bytes]:
    """The data of a file, stretch by stretch; one without a record that changes is not looked at closely."""
    numbers, rest, first = np.array(sorted(records), dtype=np.int64), b"", 1
    while True:
        block = file.read(csvfile.CHUNK)
        eof = len(block) < csvfile.CHUNK
        data = rest + block
        count, used = csvfile.count(data, width, eof, form)
        if np.searchsorted(numbers, first) == np.searchsorted(numbers, first + count):
            yield data[:used]
        else:
            yield from _stretch(data[:used], width, form, records, first)
        rest, first = data[used:], first + count
        if eof:
            yield rest
            return


def _stretch(data: bytes, width: int, form: Dialect, records: Mapping[int, Cells], first: int) -> Iterator[bytes]:
    number = first
    for start, end, record, raw in csvfile.cut(data, width, True, form):
        if record is None or number not in records:
            yield data[start:end]
        elif record.cells is None:
            yield _masked(raw, form) + data[start + len(raw) : end]
        else:
            yield _changed(raw, form, records[number]) + data[start + len(raw) : end]
        number += record is not None


def _masked(raw: bytes, form: Dialect) -> bytes:
    """A malformed record with an x in place of each byte; it is malformed in the same way."""
    kept = b" \t\r\n" + form.delimiter + form.quote + form.escape
    return bytes(byte if byte in kept else ord("x") for byte in raw)


def _changed(raw: bytes, form: Dialect, cells: Cells) -> bytes:
    """A record with some cells replaced; the others stay byte for byte."""
    parts, at, number = [], 0, 0
    while True:
        match = form.quoted.match(raw, at) if form.opens.match(raw, at) else form.plain.match(raw, at)
        assert match is not None  # the record could be split
        parts.append(cells[number].encode() if number in cells else raw[at : match.end()])
        at, number = match.end() + 1, number + 1
        if raw[match.end() : at] != form.delimiter:
            return form.delimiter.join(parts)


# --- objects --------------------------------------------------------------------------------------------------------


def _objects(path: Path, where: Path, shape: Shape, kind: Kind, records: Mapping[int, Cells]) -> Iterator[bytes]:
    names = objects.table(path, where, shape, kind).names
    named = {number: {names[cell]: text for cell, text in cells.items()} for number, cells in records.items()}
    codec, mark, text = objects.content(path, where, shape, kind)
    yield mark
    if kind.format == "ndjson":
        lines = text.split(b"\n")
        yield _encoded(b"\n".join(_lines(lines, named)), codec)
    else:
        yield _encoded(_document(text, named, str(where)), codec)


def _lines(lines: Sequence[bytes], named: Mapping[int, Mapping[str, str]]) -> Iterator[bytes]:
    number = 0
    for line in lines:
        number += bool(line.strip())
        yield _line(line, named[number]) if line.strip() and number in named else line


def _line(line: bytes, cells: Mapping[str, str]) -> bytes:
    said = objects.parsed_or_none(line)
    if not isinstance(said, dict):
        return masked(line.decode("utf-8", "replace"), "{}[]:").encode()
    _replace(said, cells)
    return objects.written(said).encode("utf-8", "surrogatepass") + (b"\r" if line.endswith(b"\r") else b"")


def _document(text: bytes, named: Mapping[int, Mapping[str, str]], where: str) -> bytes:
    said, elements = objects.document(text, where)
    for number, cells in named.items():
        if isinstance(elements[number - 1], dict):
            _replace(elements[number - 1], cells)
        else:
            elements[number - 1] = None
    return objects.written(said).encode("utf-8", "surrogatepass")


def _replace(said: dict[str, Any], cells: Mapping[str, str], before: str = "") -> None:
    """Replace values of an object by the names of their cells: those of nested ones are joined by dots."""
    for name, value in said.items():
        if isinstance(value, dict):
            _replace(value, cells, f"{before}{name}.")
        elif before + name in cells:
            said[name] = cells[before + name] or None


# --- Parquet and workbooks ------------------------------------------------------------------------------------------


def _parquet(path: Path, where: Path, kind: Kind, records: Mapping[int, Cells], out: BinaryIO) -> None:
    """Nested columns become columns of their own, with the names by which they are read."""
    with kinds.whole(path, where, kind) as file:
        found = columns.flat(pq.read_table(file))
    for cell, name in enumerate(found.column_names):
        new = {number - 1: cells[cell] for number, cells in records.items() if cell in cells}
        if new:
            found = found.set_column(cell, name, _values(found[name], new))
    pq.write_table(found, out)


def _values(column: pa.ChunkedArray, new: Mapping[int, str]) -> pa.ChunkedArray:
    """A column with other values at some places; it becomes a column of texts if one of these is a text."""
    if any(new.values()):
        column = columns.texts(column).cast(pa.string())
    elif pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    is_new = np.zeros(len(column), dtype=bool)
    is_new[list(new)] = True
    values = pa.array([new.get(at) or None for at in range(len(column))], pa.string()) if any(new.values()) else None
    return pc.if_else(pa.array(is_new), pa.scalar(None, column.type) if values is None else values, column)


def _workbook(path: Path, where: Path, shape: Shape, kind: Kind, records: Mapping[int, Cells], out: BinaryIO) -> None:
    """The sheet that is read, each cell as the text that it is read as."""
    import xlsxwriter

    with kinds.whole(path, where, kind) as file:
        rows = list(sheets.sheet_rows(file, str(where), shape.sheet))
    names, above = place.header_of(iter(rows), shape, str(where))
    made = io.BytesIO()  # a workbook is not written from its beginning to its end
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_urls": False, "strings_to_formulas": False})
    sheet = book.add_worksheet(shape.sheet or None)
    number = 0
    for at, row in enumerate(rows):
        is_record = at >= above and any(cell.strip(BLANKS) for cell in row)
        number += is_record
        now = _row(row, len(names), records[number]) if is_record and number in records else row
        for column, cell in enumerate(now):
            if cell:
                sheet.write_string(at, column, cell)
    book.close()
    out.write(made.getvalue())


def _row(row: Sequence[str], width: int, cells: Cells) -> list[str]:
    if any(cell.strip(BLANKS) for cell in row[width:]):  # malformed
        return [masked(cell) for cell in row]
    return [cells.get(number, cell) for number, cell in enumerate(row)]
