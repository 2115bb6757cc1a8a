r"""Delimited text: CSV, tab-separated text and their kin, in any encoding.

It is read as UTF-8 by the scanner of `csvfile`. A file that is UTF-8 by itself and has no setting of its own takes the
same way, byte by byte, as it always did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc

from ecomm.batches import csvfile
from ecomm.batches.dialect import Dialect, dialect
from ecomm.batches.reading import kinds, place, streams
from ecomm.batches.reading.kinds import Kind
from ecomm.batches.reading.place import Table
from ecomm.canonical import BLANKS
from ecomm.column_names import LINE_ENDS, line_end_in
from ecomm.delivery import Shape
from ecomm.errors import FileError, HeaderError

_FIRST_RECORDS = 20
"""Lines that are read to find the first records, for some may be blank."""
_WIDE = 5
HEAD = 2 * csvfile.MAX_RECORD
"""Bytes from the beginning in which the header must be."""
_LONG = "is this the right file? Its first line must end before."
_OTHER_END = f"[{''.join(LINE_ENDS)}]"
_SEPARATOR = re.compile(rb"[ \t\r\n]*\"?sep=([\x20-\x7e\t])\"?[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How a delimited file is cut into records.

    names: of the header. offset: where the data begins in the file as UTF-8. encoding: its codec, and how many bytes
    its mark has. separator: a first line says what the delimiter is.
    """

    names: list[str]
    offset: int
    form: Dialect
    encoding: tuple[str, int]
    separator: bool


def table(path: Path, where: Path, shape: Shape, kind: Kind) -> Table:
    """A delimited file as a table. Raises HeaderError if it has no header, FileError if it cannot be unpacked."""
    found = layout(path, where, shape, kind)

    def pieces() -> Iterator[pa.Table]:
        with content(path, where, kind, found.encoding) as file:
            _pass(file, found.offset)
            first = 1
            for piece in csvfile.pieces(file, len(found.names), found.form):
                _check_line_ends(piece, first, len(found.names), found.form, str(where))
                first += piece.num_rows
                yield piece

    ordinary = not kind.packed and not found.form.decoded and not found.separator and _is_ordinary(shape)
    return Table(
        found.names,
        pieces,
        lambda line: _first_cell(line, found.form),
        shape.footers,
        (found.offset, found.form.delimiter.decode()) if ordinary else None,
    )


def layout(path: Path, where: Path, shape: Shape, kind: Kind) -> Layout:
    """How a delimited file is cut. Raises as `table`."""
    with kinds.content(path, where, kind) as file:
        encoding = streams.resolved(shape.encoding, file.read(8192), str(where))
    with content(path, where, kind, encoding) as file:
        data = file.read(HEAD)
        eof = not file.read(1)
    decoded = encoding[0] != "utf-8"
    said = _SEPARATOR.match(data.removeprefix(csvfile.BOM))
    delimiter = "\t" if kind.format == "tsv" and shape.delimiter == "," else shape.delimiter
    if said is not None and said[1].decode() != shape.quote:
        delimiter = said[1].decode()
    form = dialect(
        delimiter,
        shape.quote,
        shape.escape,
        blank_rows=shape.ignore_blank_rows,
        surplus=shape.ignore_surplus_cells,
        decoded=decoded,
    )
    start = len(csvfile.BOM) if data.startswith(csvfile.BOM) else 0
    if said is not None and not shape.skip_lines:
        start += said.end()
    names, offset = _header(data, _below(data, start, shape.skip_lines), eof, form, shape, str(where))
    _check_end(names, data, offset, eof, form, str(where))
    return Layout(names, offset, form, encoding, said is not None)


def _is_ordinary(shape: Shape) -> bool:
    """Any reader of CSV finds the records of such a file: only its delimiter may be another."""
    usual = Shape()
    settings = "quote escape skip_lines header_starts_with footers ignore_blank_rows ignore_surplus_cells".split()
    return all(getattr(shape, name) == getattr(usual, name) for name in settings)


@contextmanager
def content(path: Path, where: Path, kind: Kind, encoding: tuple[str, int]) -> Iterator[BinaryIO]:
    """A file's content as UTF-8."""
    codec, mark = encoding
    with kinds.content(path, where, kind) as file:
        if codec == "utf-8":
            yield file
        else:
            file.read(mark)
            yield cast("BinaryIO", streams.Decoding(file, codec))


def _pass(file: BinaryIO, number: int) -> None:
    """Go to where the data begins."""
    file.read(number)


def _below(data: bytes, start: int, lines: int) -> int:
    """Where the line begins that has so many above it."""
    for _ in range(lines):
        start = data.find(b"\n", start) + 1 or len(data)
    return start


def _header(data: bytes, at: int, eof: bool, form: Dialect, shape: Shape, where: str) -> tuple[list[str], int]:
    """The names in the header, and where the data begins."""
    while at < len(data):
        taken = csvfile.take(data, at, eof, form)
        if taken is None or len(taken[2]) > csvfile.MAX_RECORD:
            ends = line_end_in([data[at:].decode("utf-8", "replace")])
            raise HeaderError(
                f"{where}: the header is longer than {csvfile.MAX_RECORD >> 20} MiB; "
                + (f"does it end with {ends}? Save the file with the line ends of Unix or Windows." if ends else _LONG)
            )
        at, cells, raw = taken
        if not raw.strip(form.blank):
            continue
        if cells is None and not shape.header_starts_with:
            raise HeaderError(f"{where}: the header line has a broken quote; look at the file's first line.")
        names = [cell.decode("utf-8", "replace") for cell in cells or ()]
        if not place.is_header(names, shape) and (shape.header_starts_with or shape.ignore_blank_rows):
            continue
        _check_text(raw, form, shape, where)
        return place.trimmed(names) if shape.ignore_surplus_cells else names, at
    raise place.no_header(shape, where)


def _check_end(names: Sequence[str], data: bytes, at: int, eof: bool, form: Dialect, where: str) -> None:
    """Raise HeaderError if the header contains the first record, which shows by the shorter records that follow.

    A narrow header is not checked: its records may as well lack a cell each.
    """
    if len(names) < _WIDE or len(names) % 2 == 0:
        return
    width = len(names) // 2 + 1
    end = at
    for _ in range(_FIRST_RECORDS):
        if (taken := csvfile.take(data, end, eof, form)) is None:
            break
        end = taken[0]
    records, _ = csvfile.scan(data[at:end], width, True, form)
    if records and all(record.cells is not None for record in records[:2]):
        raise HeaderError(
            f"{where}: the header has {len(names)} columns and the records have {width}; is the line end "
            "behind the header missing? Correct the file."
        )


def _check_line_ends(piece: pa.Table, first: int, width: int, form: Dialect, where: str) -> None:
    """Raise FileError if a record is several, with line ends of another kind than the header's.

    Two in one line are a malformed record as any other, unless it is the file's first one. first: the number of the
    first record.
    """
    column = piece["raw_line" if width > 1 else "c0"]
    suspects = pc.fill_null(pc.match_substring_regex(column, _OTHER_END), False)
    for at in pc.indices_nonzero(suspects).to_pylist():
        text, least = column[at].as_py(), 2 if first + at == 1 else 3
        for end, said in LINE_ENDS.items():
            lines = [line for line in text.split(end) if line.strip(BLANKS + form.delimiter.decode())]
            # The last line may be cut: of a malformed record only its beginning is kept.
            whole = sum(_is_record(line, width, form) for line in lines)
            if whole >= max(least, len(lines) - 1):
                raise FileError(
                    f"{where}: record {first + at} is several, for their lines end with {said}; save the file with the "
                    "line ends of Unix or Windows."
                )


def _is_record(line: str, width: int, form: Dialect) -> bool:
    data = line.encode("utf-8", "surrogatepass")
    taken = csvfile.take(data, 0, True, form, len(data))
    return taken is not None and len(taken[1] or ()) == width


def _check_text(raw: bytes, form: Dialect, shape: Shape, where: str) -> None:
    """Raises HeaderError if a header is in another encoding than the settings say."""
    if b"\x00" in raw:
        raise HeaderError(
            f'{where}: the header is full of NUL characters, as UTF-16 looks; set encoding = "utf-16" in the settings '
            "of its source, or save it as UTF-8."
        )
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if form.decoded:
            raise HeaderError(
                f"{where}: the header is not {shape.encoding}, as the settings say; set encoding to what it is in."
            ) from error
        raise HeaderError(
            f'{where}: the header is not UTF-8; set encoding to what it is in, such as "cp1252" for a file of Excel or '
            "an older system in Western Europe, or save the file as UTF-8."
        ) from error


def _first_cell(line: str, form: Dialect) -> str:
    """The first cell of a malformed record."""
    data = line.encode("utf-8", "surrogatepass")
    quoted = form.quoted.match(data)
    if quoted is not None:
        return form.quoted_cell(quoted[1]).decode("utf-8", "replace")
    plain = form.plain.match(data)
    return "" if plain is None else form.plain_cell(plain[0]).decode("utf-8", "replace")
