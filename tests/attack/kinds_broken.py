"""Files in which records are broken: those must be rejected with their text, and the others read."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.attack import rfc4180
from tests.attack.corpus import Encoded, kind, line, text
from tests.attack.files import Cells, Record
from tests.attack.rows import Rows

Broken = dict[int, bytes]
"""Rows by their number, and what stands in the file instead."""
Repaired = Callable[[Cells], tuple[Cells, ...]]
"""What a reader that repairs may make of a broken row."""


def _not(_: Cells) -> tuple[Cells, ...]:
    return ()


def _of(given: Rows, broken: Broken, end: bytes = b"\n", repaired: Repaired = _not) -> Encoded:
    """A file in which some lines are others, none of which can be a record."""
    lines = [broken.get(n, line(row).encode()) for n, row in enumerate(given.cells)]
    records = tuple(
        Record(row[0], lenient=repaired(row)) if n in broken else Record(row[0], (row,))
        for n, row in enumerate(given.cells)
    )
    return b"".join(one + end for one in (line(given.header).encode(), *lines)), given.header, records


def _last(row: Cells, *texts: str) -> tuple[Cells, ...]:
    """The row with each of these texts in its last cell."""
    return tuple((*row[:-1], text) for text in texts)


def _unquoted(row: Cells) -> tuple[Cells, ...]:
    """A row whose last cell lacks its closing quote, as a reader may repair it."""
    return _last(row, row[-1], f'"{row[-1]}', f"{row[-1]}\n", f"{row[-1]}\r\n")


def _some(rng: random.Random, given: Rows) -> list[int]:
    return rng.sample(range(len(given.cells)), rng.randrange(1, len(given.cells) + 1))


def _end(rng: random.Random) -> bytes:
    return rng.choice((b"\n", b"\r\n"))


@kind("too few cells")
def too_few_cells(rng: random.Random, given: Rows) -> Encoded:
    broken = {n: line(given.cells[n][: rng.randrange(1, len(given.header))]).encode() for n in _some(rng, given)}
    return _of(given, broken, _end(rng))


@kind("too many cells")
def too_many_cells(rng: random.Random, given: Rows) -> Encoded:
    more = rng.choice((",", ",,,", ",x", ',"x,y"', "," * 5_000))
    return _of(given, {n: (line(given.cells[n]) + more).encode() for n in _some(rng, given)}, _end(rng))


@kind("every row ends in a comma")
def every_row_ends_in_a_comma(rng: random.Random, given: Rows) -> Encoded:
    broken = {n: (line(row) + ",").encode() for n, row in enumerate(given.cells)}
    return _of(given, broken, _end(rng), lambda row: (row,))


@kind("an unquoted comma")
def unquoted_comma(rng: random.Random, given: Rows) -> Encoded:
    """A decimal comma in a file whose delimiter is one, for example."""
    return _of(given, {n: (",".join(given.cells[n]) + ",50").encode() for n in _some(rng, given)}, _end(rng))


@kind("text behind a quote")
def text_behind_a_quote(rng: random.Random, given: Rows) -> Encoded:
    broken = {n: f'{",".join(given.cells[n][:-1])},"{given.cells[n][-1]}"tail'.encode() for n in _some(rng, given)}
    return _of(given, broken, _end(rng), lambda row: _last(row, f"{row[-1]}tail", f'"{row[-1]}"tail'))


@kind("escaped by a backslash")
def escaped_by_a_backslash(rng: random.Random, given: Rows) -> Encoded:
    r"""A \" where the quote should be doubled."""
    broken = {n: f'{",".join(given.cells[n][:-1])},"5\\" {given.cells[n][-1]}"'.encode() for n in _some(rng, given)}
    return _of(given, broken, _end(rng), lambda row: _last(row, f'5" {row[-1]}', f'5\\" {row[-1]}', f'5\\ {row[-1]}"'))


@kind("a quote that is never closed")
def quote_never_closed(rng: random.Random, given: Rows) -> Encoded:
    """In the last row, and so that no later quote ends it."""
    last = len(given.cells) - 1
    broken = {last: f'{",".join(given.cells[last][:-1])},"{given.cells[last][-1]}'.encode()}
    content, header, records = _of(given, broken, _end(rng), _unquoted)
    return content.rstrip(b"\r\n") if rng.random() < 0.5 else content, header, records


@kind("a quote that is never closed, with rows behind")
def quote_never_closed_before_others(rng: random.Random, given: Rows) -> Encoded:
    at = rng.randrange(len(given.cells))
    broken = {at: f'{",".join(given.cells[at][:-1])},"{given.cells[at][-1]}'.encode()}
    return _of(given, broken, _end(rng), _unquoted)


@kind("bytes that are no utf-8")
def no_utf8(rng: random.Random, given: Rows) -> Encoded:
    bad = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"caf\xe9", b"\xc0\xaf", b"\xe6\x97")
    return _of(given, {n: line(given.cells[n]).encode() + rng.choice(bad) for n in _some(rng, given)}, _end(rng))


@kind("a line longer than a mebibyte")
def line_too_long(rng: random.Random, given: Rows) -> Encoded:
    at, more = rng.randrange(len(given.cells)), rng.choice((1 << 20, 3 << 20))
    broken = {at: line(given.cells[at]).encode() + b"x" * more}
    return _of(given, broken, _end(rng), lambda row: _last(row, row[-1] + "x" * more))


@kind("a row of another delimiter")
def row_of_another_delimiter(rng: random.Random, given: Rows) -> Encoded:
    other = rng.choice((";", "|", "\t"))
    return _of(given, {n: other.join(given.cells[n]).encode() for n in _some(rng, given)}, _end(rng))


@kind("carriage returns between some rows")
def carriage_returns_between_rows(rng: random.Random, given: Rows) -> Encoded:
    r"""Where `\r` alone should end a row, two rows run together: they are one record of too many cells."""
    first = line(given.header).encode() + b"\n"
    body = b"\r".join(line(row).encode() for row in given.cells) + b"\n"
    alone = len(given.cells) == 1
    records = (Record(row[0], (row,) if alone else (), lenient=(row,)) for row in given.cells)
    return first + body, given.header, tuple(records)


@kind("nul bytes", plain=True)
def nul_bytes(rng: random.Random, given: Rows) -> Encoded:
    """In a text; it is a character like any other."""
    said = given.with_text(rng.choice((("\x00",), ("a\x00b", "\x00\x00\x00"))))
    return text(said).encode(), said.header, tuple(Record(row[0], (row,)) for row in said.cells)


@kind("the header once more")
def header_once_more(rng: random.Random, given: Rows) -> Encoded:
    """Two exports, one behind the other: the second header is no row of the shop's, and the reader keeps it as one."""
    half = rng.randrange(len(given.cells) + 1)
    mark = rng.choice(("", "\ufeff"))
    again: Cells = (mark + given.header[0], *given.header[1:])
    lines = [given.header, *given.cells[:half], again, *given.cells[half:]]
    records = [Record(row[0], (row,)) for row in given.cells]
    records.append(Record(given.header[0], (again,)))
    return "".join(line(row) + "\n" for row in lines).encode(), given.header, tuple(records)


@kind("a total below the table")
def total_below(rng: random.Random, given: Rows) -> Encoded:
    below = rng.choice(("TOTALMARK,,9.99\n", "TOTALMARK\n", '"TOTALMARK, 5 records"\n'))
    records = (*(Record(row[0], (row,)) for row in given.cells), Record("TOTALMARK"))
    return (text(given) + below).encode(), given.header, records


@kind("cut in the middle")
def cut_in_the_middle(rng: random.Random, given: Rows) -> Encoded:
    """Within the last row's last cell but one: the row lacks a cell."""
    whole = text(given).encode()
    last = line(given.cells[-1]).encode()
    keep = len(given.cells[-1][0]) + rng.randrange(
        0, len(last) - len(given.cells[-1][0]) - len(given.cells[-1][-1]) - 1
    )
    records = (*(Record(row[0], (row,)) for row in given.cells[:-1]), Record(given.cells[-1][0]))
    return whole[: len(whole) - 1 - len(last) + keep], given.header, records


@kind("without a last line end")
def without_a_last_line_end(rng: random.Random, given: Rows) -> Encoded:
    content = text(given, rng.choice(("\n", "\r\n")), always=rng.random() < 0.5).rstrip("\r\n")
    return content.encode(), given.header, tuple(Record(row[0], (row,)) for row in given.cells)


@kind("a control Z at the end")
def control_z(_: random.Random, given: Rows) -> Encoded:
    r"""As DOS ended files: a line of its own, which is not of the table."""
    return text(given).encode() + b"\x1a", given.header, tuple(Record(row[0], (row,)) for row in given.cells)


EDITS = (b'"', b",", b"\n", b"\r", b" ", b"\\", b"\xff", b"\x00", b"'", b";", b"\t", b'""')


@kind("random edits")
def random_edits(rng: random.Random, given: Rows) -> Encoded:
    """Characters come, go, and are doubled, but never within a mark. What is right then the RFC's grammar says."""
    content = bytearray(text(given.with_text(("a,b", '5"', "two\nlines"))).encode())
    begin = content.index(b"\n") + 1
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(begin, len(content))
        if any(start - 1 < at <= start + len(mark) for start, mark in _places(content, given)):
            continue
        if rng.random() < 0.4:
            del content[at]
        else:
            content[at:at] = rng.choice(EDITS)
    return bytes(content), given.header, _by_grammar(bytes(content), given)


def _places(content: bytearray, given: Rows) -> list[tuple[int, bytes]]:
    marks = [mark.encode() for mark in given.marks]
    return [(content.find(mark), mark) for mark in marks]


def _by_grammar(content: bytes, given: Rows) -> tuple[Record, ...]:
    """The records by the grammar, if the whole file is of it; else each mark must be somewhere."""
    try:
        found = rfc4180.records(content.decode())[1:]
    except (rfc4180.BrokenError, UnicodeDecodeError):
        return tuple(Record(mark, anywhere=True) for mark in given.marks)
    if any(len(cells) != len(given.header) and "\n" in "".join(cells) for cells in found) or b'"' not in content:
        return tuple(Record(mark, anywhere=True) for mark in given.marks)
    records = []
    for cells in found:
        mark = next((m for m in given.marks if any(m in cell for cell in cells)), None)
        readings = (cells,) if len(cells) == len(given.header) else ()
        records.append(Record(mark or next((c for c in cells if c.strip()), ","), readings))
    return tuple(records)
