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
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from ecomm.errors import HeaderError

MAX_RECORD = 1 << 20
CHUNK = 16 << 20
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Dialect:
    """How a file's fields stand apart: what ends one, what is a blank, and how a quoted and a plain one look."""

    delimiter: bytes
    blank: bytes
    opens: re.Pattern[bytes]
    quoted: re.Pattern[bytes]
    plain: re.Pattern[bytes]


@cache
def dialect(delimiter: str) -> Dialect:
    """The dialect of a delimiter, one ASCII character; a blank that delimits is no blank."""
    end = delimiter.encode("ascii")
    blank = b" \t".replace(end, b"")
    some = b"[" + blank + b"]*"
    return Dialect(
        end,
        blank,
        opens=re.compile(some + b'"'),
        quoted=re.compile(some + rb'"([^"]*+(?:""[^"]*+)*+)"' + some + b"+"),
        plain=re.compile(b"[^\n" + re.escape(end) + b"]*+"),
    )


COMMA = dialect(",")


@dataclass(frozen=True)
class Record:
    """One record: its cells, or, if it is malformed, only its line as it stands (at most MAX_RECORD bytes of it)."""

    cells: list[str] | None
    raw_line: str | None


def _text(raw: bytes) -> str:
    return raw[:MAX_RECORD].decode("utf-8", "backslashreplace")


def _take(data: bytes, start: int, eof: bool, form: Dialect) -> tuple[int, list[bytes] | None, bytes] | None:
    """The record at `start`: (where the next begins, its cells or None, its bytes); None: more data is needed.

    A record with broken quotes is its first physical line only: reading starts again at the next line.
    """
    limit = min(len(data), start + MAX_RECORD + 2)  # two more for a line end
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
            cell = match[1].replace(b'""', b'"')
        else:
            match = form.plain.match(data, at, limit)
            assert match is not None  # it matches the empty text
            stop = match.end()
            if stop == limit and undecided:
                return None
            ends_line = data[stop : stop + 1] == b"\n"
            cell = match[0].removesuffix(b"\r") if ends_line else match[0]
        if data[stop : stop + 1] not in (form.delimiter, b"\n", b""):
            break
        cells.append(cell)
        if data[stop : stop + 1] == form.delimiter:
            at = stop + 1
            continue
        raw = _without_end(data[start : stop + 1])
        if len(raw) > MAX_RECORD:
            break
        return min(stop + 1, len(data)), cells, raw
    return _first_line(data, start, eof)


def _without_end(line: bytes) -> bytes:
    return line[:-1].removesuffix(b"\r") if line.endswith(b"\n") else line


def _first_line(data: bytes, start: int, eof: bool) -> tuple[int, None, bytes] | None:
    end = data.find(b"\n", start)
    if end < 0:
        return (len(data), None, data[start:]) if eof else None
    return end + 1, None, _without_end(data[start : end + 1])


def scan(data: bytes, width: int, eof: bool, form: Dialect = COMMA) -> tuple[list[Record], int]:
    """The records of a stretch that begins at a record's start, exactly; and how many bytes they take."""
    records: list[Record] = []
    at = 0
    while at < len(data):
        taken = _take(data, at, eof, form)
        if taken is None:
            break
        at, cells, raw = taken
        if not raw.strip(form.blank):
            continue
        try:
            if cells is None or len(cells) != width:
                raise ValueError
            records.append(Record([cell.decode("utf-8") for cell in cells], None))
        except ValueError:
            records.append(Record(None, _text(raw)))
    return records, at


def _plain(data: bytes, width: int, eof: bool, form: Dialect = COMMA) -> tuple[pa.Table, int] | None:
    """The same by the vectorised reader; None where a check does not vouch for the stretch."""
    if width < 2 or data.startswith(BOM):  # the reader takes a line of blanks for a record, and drops the mark
        return None
    looked = look(data, eof, form)
    if looked is None:
        return None
    stretch = data[: looked.end]
    names = [f"c{i}" for i in range(width)]
    try:
        table = pcsv.read_csv(
            io.BytesIO(stretch),
            read_options=pcsv.ReadOptions(column_names=names, block_size=4 * MAX_RECORD),
            parse_options=pcsv.ParseOptions(
                delimiter=form.delimiter.decode(), newlines_in_values=True, ignore_empty_lines=True
            ),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table, looked.end


class Look(NamedTuple):
    """A stretch that the quick checks vouch for: where its last whole record ends, and its newlines.

    ends: those that end a record. quoted: whether there are others, within quotes.
    """

    end: int
    ends: np.ndarray
    quoted: bool


def look(data: bytes, eof: bool, form: Dialect) -> Look | None:
    """What is regular in a stretch that begins at a record's start; None if something is not."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(buffer == ord('"'))
    newlines = np.flatnonzero(buffer == ord("\n"))
    ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0] if len(quotes) else newlines
    end = len(data) if eof else int(ends[-1]) + 1 if len(ends) else 0
    if end == 0 or not _vouched(buffer[:end], quotes[quotes < end], ends, form):
        return None
    return Look(end, ends, bool(np.searchsorted(newlines, end) > len(ends)))


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


def _table(records: list[Record], first: int, width: int) -> pa.Table:
    columns = {"source_line": pa.array(range(first, first + len(records)), pa.int64())}
    columns["raw_line"] = pa.array([r.raw_line for r in records], pa.string())
    for i in range(width):
        columns[f"c{i}"] = pa.array([None if r.cells is None else r.cells[i] for r in records], pa.string())
    return pa.table(columns)


def _numbered(table: pa.Table, first: int) -> pa.Table:
    lines = pa.array(np.arange(first, first + table.num_rows, dtype=np.int64))
    table = table.add_column(0, "source_line", lines)
    return table.add_column(1, "raw_line", pa.nulls(table.num_rows, pa.string()))


def read_header(path: Path, delimiter: str = ",") -> tuple[list[str], int]:
    """The names in a file's first record, and where the data begins. Raises HeaderError if there is none."""
    form = dialect(delimiter)
    with path.open("rb") as file:
        data = file.read(2 * MAX_RECORD)
        eof = not file.read(1)
    at = len(BOM) if data.startswith(BOM) else 0
    while at < len(data):
        taken = _take(data, at, eof, form)
        if taken is None:
            break
        at, cells, raw = taken
        if not raw.strip(form.blank):
            continue
        if cells is None:
            raise HeaderError(f"{path.name}: the header line has a broken quote: {_text(raw)[:100]}")
        try:
            return [cell.decode("utf-8") for cell in cells], at
        except UnicodeDecodeError as error:
            raise HeaderError(f"{path.name}: the header is not UTF-8; save the file as UTF-8.") from error
    raise HeaderError(f"{path.name}: the file is empty; it needs at least a header line.")


def stretches(path: Path, width: int, offset: int, form: Dialect) -> Iterator[pa.Table]:
    """The records of a file, stretch by stretch, with the columns that `land` writes."""
    first, rest = 1, b""
    with path.open("rb") as file:
        file.seek(offset)
        while True:
            block = file.read(CHUNK)
            eof = len(block) < CHUNK
            data = rest + block
            plain = _plain(data, width, eof, form)
            if plain is not None:
                table, used = _numbered(plain[0], first), plain[1]
            else:
                records, used = scan(data, width, eof, form)
                table = _table(records, first, width)
            first += table.num_rows
            rest = data[used:]
            if table.num_rows:
                yield table
            if eof:
                return


def land(path: Path, width: int, offset: int, into: Path, delimiter: str = ",") -> int:
    """Write the records of a CSV file as a Parquet file of text columns; give their number.

    Columns: source_line (1 = the first record after the header), raw_line (only of a malformed record), c0, c1, ...
    (NULL in a malformed record; `width` of them, an empty cell is empty text).
    """
    schema = pa.schema(
        [
            ("source_line", pa.int64()),
            ("raw_line", pa.string()),
            *[(f"c{i}", pa.string()) for i in range(width)],
        ]
    )
    rows = 0
    into.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(into, schema, compression="lz4", use_dictionary=False) as writer:
        for table in stretches(path, width, offset, dialect(delimiter)):
            writer.write_table(table.cast(schema))
            rows += table.num_rows
    return rows
