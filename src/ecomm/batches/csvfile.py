r"""A CSV file becomes text columns, record by record, and nothing of it is lost.

A record is what lies between line ends (`\n`, `\r\n`) outside quotes; lines of blanks are none. What cannot be
split is kept as it stands, with its number. Most of a file is plain, and a vectorised reader takes it; only a stretch
that the quick checks do not vouch for is read by the slow, exact scanner. Both give the same records: the quick path is
taken where quotes stand only around whole fields, line ends are regular, the bytes are UTF-8, no record is too long,
and the reader found the header's number of fields in every record.

DuckDB's reader was the first choice and is not used: it dropped the rows behind an unclosed quote, and a trailing empty
field, without an error (docs/decisions/0001-csv-landing.md).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from ecomm.batches import unquoted
from ecomm.batches.dialect import Dialect, dialect

MAX_RECORD = 1 << 20
CHUNK = 4 << 20
_AT_ONCE = 1 << 16
"""Lines that the exact scanner holds at once: each takes a hundred times the memory of its bytes."""
BOM = b"\xef\xbb\xbf"
_BLANK = b" \t"


COMMA = dialect(",")


@dataclass(frozen=True)
class Record:
    """One record: its cells, or, if it is malformed, only its line as it stands (at most MAX_RECORD bytes of it)."""

    cells: list[str] | None
    raw_line: str | None


def take(
    data: bytes, start: int, eof: bool, form: Dialect, longest: int | None = None
) -> tuple[int, list[bytes] | None, bytes] | None:
    """The record at `start`: (where the next begins, its cells or None, its bytes); None: more data is needed.

    A record with broken quotes is its first physical line only: reading starts again at the next line. longest: bytes
    of a record, if not MAX_RECORD.
    """
    longest = MAX_RECORD if longest is None else longest
    limit = min(len(data), start + longest + 2)  # two more for a line end
    undecided = not eof and limit == len(data)
    cells: list[bytes] = []
    at = start
    while at <= limit:
        if form.opens.match(data, at, limit):
            match = form.quoted.match(data, at, limit)
            if undecided and (match is None or match.end() == limit or data[match.end() :] == b"\r"):
                return None
            if match is None:
                break
            end = match.end()
            stop = end + (data[end : end + 2] == b"\r\n")
            cell = form.quoted_cell(match[1])
        else:
            match = form.plain.match(data, at, limit)
            assert match is not None  # it matches the empty text
            stop = match.end()
            if stop == limit and undecided:
                return None
            ends_line = data[stop : stop + 1] == b"\n"
            cell = form.plain_cell(match[0].removesuffix(b"\r") if ends_line else match[0])
        if data[stop : stop + 1] not in (form.delimiter, b"\n", b""):
            break
        cells.append(cell)
        if data[stop : stop + 1] == form.delimiter:
            at = stop + 1
            continue
        ended = data[stop : stop + 1] == b"\n"  # an escaped newline is none
        raw = data[start:stop].removesuffix(b"\r") if ended else data[start:stop]
        if len(raw) > longest:
            break
        return min(stop + 1, len(data)), cells, raw
    return _first_line(data, start, eof)


def _simple(data: bytes, start: int, eof: bool, form: Dialect) -> tuple[int, list[bytes] | None, bytes] | None:
    """`take` in a stretch without quotes and escapes, where every line is a record."""
    end = data.find(b"\n", start)
    if end < 0 and not eof:
        return None if len(data) - start < MAX_RECORD + 2 else take(data, start, eof, form)
    raw = data[start:end].removesuffix(b"\r") if end >= 0 else data[start:]
    cells = None if len(raw) > MAX_RECORD else raw.split(form.delimiter)
    return (end + 1 if end >= 0 else len(data)), cells, raw


def _without_end(line: bytes) -> bytes:
    return line[:-1].removesuffix(b"\r") if line.endswith(b"\n") else line


def _first_line(data: bytes, start: int, eof: bool) -> tuple[int, None, bytes] | None:
    end = data.find(b"\n", start)
    if end < 0:
        return (len(data), None, data[start:]) if eof else None
    return end + 1, None, _without_end(data[start : end + 1])


def scan(data: bytes, width: int, eof: bool, form: Dialect = COMMA) -> tuple[list[Record], int]:
    """The records of a stretch that begins at a record's start, exactly; and how many bytes they take."""
    lines = [*cut(data, width, eof, form)]
    records = [record for _, _, record, _ in lines if record is not None]
    return records, lines[-1][1] if lines else 0


def cut(data: bytes, width: int, eof: bool, form: Dialect = COMMA) -> Iterator[tuple[int, int, Record | None, bytes]]:
    """The lines of a stretch: where each begins and ends, its record, and its bytes without the line end.

    The record is None of a line that is none: of blanks, or where the dialect has no blank rows.
    """
    at = 0
    is_simple = not (form.quote and form.quote in data) and not (form.escape and form.escape in data)
    read = _simple if is_simple else take
    while at < len(data) and (taken := read(data, at, eof, form)) is not None:
        start = at
        at, cells, raw = taken
        yield start, at, _record(cells, raw, width, form), raw


def _record(cells: list[bytes] | None, raw: bytes, width: int, form: Dialect) -> Record | None:
    if not raw.strip(form.blank):
        return None
    if form.blank_rows and cells is not None and not any(cell.strip(_BLANK) for cell in cells):
        return None
    if form.surplus and cells is not None and not any(cell.strip(_BLANK) for cell in cells[width:]):
        cells = cells[:width]
    try:
        if cells is None or len(cells) != width:
            raise ValueError
        return Record([cell.decode("utf-8") for cell in cells], None)
    except ValueError:
        return Record(None, form.text(raw[:MAX_RECORD]))


def _plain(data: bytes, width: int, eof: bool, form: Dialect = COMMA) -> tuple[pa.Table, int] | None:
    """The same by a vectorised reader, as a table; None where a check does not vouch for the stretch."""
    if data.startswith(BOM):  # the reader drops the mark
        return None
    looked = look(data, eof, form)
    if looked is None:
        return None
    stretch = data[: looked.end]
    table = _read(stretch, width, form) if width > 1 else None  # it takes a line of blanks for a record of one cell
    if table is None and form.surplus:
        table = _without_surplus(stretch, width, eof, form)
    if table is not None:
        table = without_blank_rows(table) if form.blank_rows else table
        return table.add_column(0, "raw_line", pa.nulls(table.num_rows, pa.string())), looked.end
    table = None if looked.quotes else unquoted.records(stretch, width, form, MAX_RECORD)
    return None if table is None else (table, looked.end)


def _read(stretch: bytes, width: int, form: Dialect) -> pa.Table | None:
    """The records of a stretch by the vectorised reader; None if one has another number of fields."""
    names = [f"c{i}" for i in range(width)]
    try:
        return pcsv.read_csv(
            io.BytesIO(stretch),
            read_options=pcsv.ReadOptions(column_names=names, block_size=4 * MAX_RECORD),
            parse_options=pcsv.ParseOptions(
                delimiter=form.delimiter.decode(),
                quote_char=form.quote.decode() or False,
                newlines_in_values=True,
                ignore_empty_lines=True,
            ),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None


def _without_surplus(stretch: bytes, width: int, eof: bool, form: Dialect) -> pa.Table | None:
    """The same where every record has as many more cells than the header as the first one, and all are empty."""
    first = take(stretch, 0, eof, form)
    if first is None or first[1] is None or len(first[1]) <= width:
        return None
    table = _read(stretch, len(first[1]), form)
    if table is None or not all(pc.all(_is_blank(column)).as_py() for column in table.columns[width:]):
        return None
    return table.select(range(width))


def _is_blank(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.equal(pc.utf8_trim(column, _BLANK.decode()), "")


def without_blank_rows(table: pa.Table) -> pa.Table:
    """The records of which a cell is not empty."""
    empty = [_is_blank(column) for column in table.columns if pa.types.is_string(column.type)]
    blank = empty[0]
    for column in empty[1:]:
        blank = pc.and_(blank, column)
    return table.filter(pc.invert(blank)) if pc.any(blank).as_py() else table


class Look(NamedTuple):
    """A stretch that the quick checks vouch for: where its last whole record ends, and its newlines.

    ends: those that end a record. quoted: whether there are others, within quotes. quotes: whether it has any.
    """

    end: int
    ends: np.ndarray
    quoted: bool
    quotes: bool


def look(data: bytes, eof: bool, form: Dialect) -> Look | None:
    """What is regular in a stretch that begins at a record's start; None if something is not."""
    if form.escape and form.escape in data:
        return None
    buffer = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(buffer == ord(form.quote)) if form.quote else np.array([], dtype=np.int64)
    newlines = np.flatnonzero(buffer == ord("\n"))
    ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0] if len(quotes) else newlines
    end = len(data) if eof else int(ends[-1]) + 1 if len(ends) else 0
    if end == 0 or not _vouched(buffer[:end], quotes[quotes < end], ends, form):
        return None
    return Look(end, ends, bool(np.searchsorted(newlines, end) > len(ends)), len(quotes) > 0)


def _vouched(buffer: np.ndarray, quotes: np.ndarray, newlines: np.ndarray, form: Dialect) -> bool:
    """Quotes only around whole fields, every carriage return before a newline, no NUL, no record too long."""
    returns = np.flatnonzero(buffer == ord("\r"))
    if len(returns) and (returns[-1] + 1 >= len(buffer) or np.any(buffer[returns + 1] != ord("\n"))):
        return False
    if np.any(buffer == 0):
        return False
    ends = np.concatenate(([-1], newlines, [len(buffer)]))
    if np.max(np.diff(ends)) > MAX_RECORD:
        return False
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening > 0, buffer[opening - 1], ord("\n"))
    doubled = np.zeros(len(opening), dtype=bool)
    doubled[1:] = opening[1:] == closing[:-1] + 1  # "" inside a field: closes and opens again
    after = np.where(closing + 1 < len(buffer), buffer[np.minimum(closing + 1, len(buffer) - 1)], ord("\n"))
    again = np.zeros(len(closing), dtype=bool)
    again[:-1] = doubled[1:]
    starts = doubled | np.isin(before, list(form.delimiter + b"\n"))
    stops = again | np.isin(after, list(form.delimiter + b"\r\n"))
    return bool(np.all(starts) and np.all(stops))


def text_table(records: list[Record], width: int) -> pa.Table:
    """Records as columns: raw_line, c0, c1, ..."""
    columns = {"raw_line": pa.array([r.raw_line for r in records], pa.string())}
    for i in range(width):
        columns[f"c{i}"] = pa.array([None if r.cells is None else r.cells[i] for r in records], pa.string())
    return pa.table(columns)


def numbered(table: pa.Table, first: int) -> pa.Table:
    """Records with their numbers, from `first` on."""
    lines = pa.array(np.arange(first, first + table.num_rows, dtype=np.int64))
    return table.add_column(0, "source_line", lines)


def pieces(file: BinaryIO, width: int, form: Dialect) -> Iterator[pa.Table]:
    """The records of a file from where it stands, stretch by stretch: raw_line (only of a malformed record), c0, ..."""
    rest = b""
    while True:
        block = file.read(CHUNK)
        eof = len(block) < CHUNK
        data = rest + block
        plain = _plain(data, width, eof, form)
        if plain is not None:
            table, used = plain
            if table.num_rows:
                yield table
        else:
            used, lines = 0, cut(data, width, eof, form)
            while some := [*islice(lines, _AT_ONCE)]:
                used = some[-1][1]
                records = [record for _, _, record, _ in some if record is not None]
                if records:
                    yield text_table(records, width)
        rest = data[used:]
        if eof:
            return


def count(data: bytes, width: int, eof: bool, form: Dialect) -> tuple[int, int]:
    """How many records a stretch has that begins at a record's start, and how many bytes they take."""
    plain = _plain(data, width, eof, form)
    if plain is not None:
        return plain[0].num_rows, plain[1]
    records, used = scan(data, width, eof, form)
    return len(records), used


def write(tables: Iterator[pa.Table], width: int, into: Path, besides: Sequence[str] = ()) -> int:
    """Write the records of a file as a Parquet file of text columns; give their number.

    Columns: source_line (1 = the first record after the header), raw_line (only of a malformed record), c0, c1, ...
    (NULL in a malformed record; `width` of them, an empty cell is empty text), and those that stand besides.
    """
    schema = pa.schema(
        [
            ("source_line", pa.int64()),
            ("raw_line", pa.string()),
            *[(f"c{i}", pa.string()) for i in range(width)],
            *[(name, pa.string()) for name in besides],
        ]
    )
    rows = 0
    into.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(into, schema, compression="lz4", use_dictionary=False) as writer:
        for table in tables:
            writer.write_table(table.cast(schema))
            rows += table.num_rows
    return rows
