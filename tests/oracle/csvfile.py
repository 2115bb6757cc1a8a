"""A CSV file as bytes -> its header and its records, by the section "CSV records" of decisions.md.

The scan works on bytes: quote, comma, CR, LF, blank and tab are ASCII, so they never occur inside a longer
UTF-8 sequence, and a record that is not UTF-8 can still be delimited."""

from __future__ import annotations

from dataclasses import dataclass

QUOTE, CR, LF = b'"', b"\r", b"\n"
BLANK = b" \t"
MAX_RECORD_BYTES = 1_048_576
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Record:
    """One record. `source_line` = the record's number, first record after the header = 1, malformed ones
    count too."""

    source_line: int
    fields: list[str] | None
    """The untrimmed texts, one per header field; None = malformed."""
    raw_line: str | None
    """Malformed only: its text without the line end; undecodable bytes as backslash escapes."""


@dataclass(frozen=True)
class CsvFile:
    header: list[str]
    """The untrimmed header texts."""
    records: list[Record]


class HeaderError(ValueError):
    """The header itself cannot be split: nothing in the file has a name."""


class _QuoteError(Exception):
    """Text after a closing quote, or a quote that is never closed."""


def parse(content: bytes, delimiter: str = ",") -> CsvFile:
    """UTF-8 (optional BOM). The first record is the header, the others are data."""
    data = content.removeprefix(BOM)
    header: list[str] | None = None
    records: list[Record] = []
    comma = delimiter.encode()
    at = _skip_blank_lines(data, 0, comma)
    while at < len(data):
        fields, raw, following = _record(data, at, comma)
        if header is None:
            if fields is None:
                raise HeaderError(_escaped(raw))
            header = fields
        elif fields is None or len(fields) != len(header):  # a trailing comma is one more field
            records.append(Record(len(records) + 1, None, _escaped(raw)))
        else:
            records.append(Record(len(records) + 1, fields, None))
        at = _skip_blank_lines(data, following, comma)
    if header is None:
        raise HeaderError("no header")
    return CsvFile(header, records)


def _record(data: bytes, start: int, comma: bytes) -> tuple[list[str] | None, bytes, int]:
    """The record at `start`: its fields (None = cannot be used), its bytes, where reading goes on.

    "A record whose quoting is broken (text after closing quote, never closed, or too long) is ONE malformed
    record made of its first physical line only; reading starts again at the next physical line. A record
    whose quoting is fine but ... that is not UTF-8, is one malformed record whole, with all its physical
    lines." """
    try:
        fields, end, following = _split(data, start, comma)
    except _QuoteError:
        return _first_physical_line(data, start)
    if end - start > MAX_RECORD_BYTES:  # line end not counted
        return _first_physical_line(data, start)
    try:
        return [field.decode("utf-8") for field in fields], data[start:end], following
    except UnicodeDecodeError:
        return None, data[start:end], following


def _split(data: bytes, start: int, comma: bytes) -> tuple[list[bytes], int, int]:
    r"""The fields of the record at `start`, its end, and where the next one begins.

    "A record ends at `\n` or `\r\n` outside quotes."
    """
    fields: list[bytes] = []
    at = start
    while True:
        field, at = _field(data, at, comma)
        fields.append(field)
        if data[at : at + 1] == comma:
            at += 1
            continue
        return fields, at, at + _line_end_length(data, at)


def _field(data: bytes, start: int, comma: bytes) -> tuple[bytes, int]:
    """The field at `start` and the position of the comma, line end or end of data that ends it.

    "A field may be quoted: optional blanks/tabs, `"`, anything (`""` = one quote, newlines allowed), `"`,
    optional blanks/tabs, then `,` or record end. An unquoted field may contain a bare `"` in its middle:
    literal." """
    at = _skip_blanks(data, start, comma)
    if data[at : at + 1] != QUOTE:
        while not _ends_field(data, at, comma):
            at += 1
        return data[start:at], at

    content = b""
    at += 1
    while True:
        closing = data.find(QUOTE, at)
        if closing < 0:
            raise _QuoteError("never closed")
        content += data[at:closing]
        at = closing + 1
        if data[at : at + 1] != QUOTE:
            break
        content += QUOTE  # "" = one quote
        at += 1
    at = _skip_blanks(data, at, comma)
    if not _ends_field(data, at, comma):
        raise _QuoteError("text after a closing quote")
    return content, at


def _first_physical_line(data: bytes, start: int) -> tuple[None, bytes, int]:
    at = start
    while at < len(data) and not _line_end_length(data, at):
        at += 1
    return None, data[start:at], at + _line_end_length(data, at)


def _skip_blank_lines(data: bytes, at: int, comma: bytes) -> int:
    """A line with nothing but blanks/tabs (or nothing) is blank: not a record, not counted."""
    while True:
        end = _skip_blanks(data, at, comma)
        length = _line_end_length(data, end)
        if end == len(data) or not length:
            return end if end == len(data) else at
        at = end + length


def _skip_blanks(data: bytes, at: int, comma: bytes) -> int:
    """A tab that is the delimiter is no blank."""
    while data[at : at + 1] and data[at : at + 1] in BLANK and data[at : at + 1] != comma:
        at += 1
    return at


def _ends_field(data: bytes, at: int, comma: bytes) -> bool:
    return at == len(data) or data[at : at + 1] == comma or _line_end_length(data, at) > 0


def _line_end_length(data: bytes, at: int) -> int:
    r"""2 at `\r\n`, 1 at `\n`, else 0 (a lone `\r` is a character like any other)."""
    if data[at : at + 1] == LF:
        return 1
    return 2 if data[at : at + 2] == CR + LF else 0


def _escaped(raw: bytes) -> str:
    r"""raw_line: undecodable bytes as backslash escapes like `\xe9`."""
    return raw.decode("utf-8", "backslashreplace")
