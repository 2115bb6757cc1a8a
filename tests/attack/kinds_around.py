"""Files whose header, line ends or format are not what they should be: mostly they must be refused."""

from __future__ import annotations

import gzip
import json
import random

from tests.attack.corpus import Encoded, exact, kind, line, text
from tests.attack.files import Record
from tests.attack.rows import REQUIRED, Rows


def _rejected(given: Rows) -> tuple[Record, ...]:
    """None of the rows is a record as it stands; who takes other line ends may read them."""
    return tuple(Record(row[0], lenient=(row,)) for row in given.cells)


def _of_line_end(name: str, end: str) -> None:
    @kind(f"line ends are {name}")
    def made(rng: random.Random, given: Rows) -> Encoded:
        return text(given, end, always=rng.random() < 0.3).encode(), given.header, _rejected(given)


for _name, _end in {
    "cr": "\r",
    "nel": "\x85",
    "line separators": "\u2028",
    "paragraph separators": "\u2029",
    "vertical tabs": "\v",
    "form feeds": "\f",
    "record separators": "\x1e",
    "nul": "\x00",
    "lf cr": "\n\r",
}.items():
    if _name != "lf cr":
        _of_line_end(_name, _end)


@kind("line ends are lf cr")
def lf_cr(_: random.Random, given: Rows) -> Encoded:
    """The wrong way round: each row begins with a carriage return, which is a blank at its first cell's end."""
    rows = [("\r" + row[0], *row[1:]) for row in given.cells]
    records = [Record(row[0], (said, row)) for row, said in zip(given.cells, rows, strict=True)]
    return text(given, "\n\r").encode(), given.header, tuple(records)


@kind("no line end behind the header")
def no_end_behind_the_header(rng: random.Random, given: Rows) -> Encoded:
    glue = rng.choice(("", " ", "\r", "\x00", "\x85"))
    return text(given).replace("\n", glue, 1).encode(), given.header, _rejected(given)


@kind("no header")
def no_header(_: random.Random, given: Rows) -> Encoded:
    lines = "".join(line(row) + "\n" for row in given.cells)
    return lines.encode(), given.header, exact(given)


@kind("a required column is missing")
def required_column_missing(rng: random.Random, given: Rows) -> Encoded:
    gone = given.header.index(rng.choice(REQUIRED[given.source]))
    rows = [tuple(c for n, c in enumerate(row) if n != gone) for row in (given.header, *given.cells)]
    return "".join(line(row) + "\n" for row in rows).encode(), given.header, exact(given)


@kind("a required column twice")
def required_column_twice(rng: random.Random, given: Rows) -> Encoded:
    twice = given.header.index(rng.choice(REQUIRED[given.source]))
    rows = [(*row, row[twice]) for row in (given.header, *given.cells)]
    said = Rows(given.source, rows[0], tuple(rows[1:]))
    return text(said).encode(), said.header, exact(said)


@kind("another delimiter")
def another_delimiter(rng: random.Random, given: Rows) -> Encoded:
    return text(given, delimiter=rng.choice(";|\t:^~")).encode(), given.header, exact(given)


@kind("a preamble")
def preamble(rng: random.Random, given: Rows) -> Encoded:
    above = rng.choice(("Orders of our shop\n\n", "Shop,Oslo\nDay,2025\n", "# made by hand\n", ",,,,,\n", '"Export"\n'))
    return (above + text(given)).encode(), given.header, exact(given)


@kind("a header over two lines")
def header_over_two_lines(_: random.Random, given: Rows) -> Encoded:
    names = tuple(name.replace("_", "\n") for name in given.header)
    said = Rows(given.source, names, given.cells)
    return text(said).encode(), said.header, exact(said)


@kind("a header with a broken quote")
def header_with_a_broken_quote(rng: random.Random, given: Rows) -> Encoded:
    broken = rng.choice(('"', '"x"y')) + line(given.header)
    return (broken + "\n" + "".join(line(row) + "\n" for row in given.cells)).encode(), given.header, exact(given)


@kind("5,000 columns")
def very_many_columns(rng: random.Random, given: Rows) -> Encoded:
    count = rng.choice((300, 5_000))
    rows = [(*row, *(f"v{n}x" for n in range(count))) for row in (given.header, *given.cells)]
    said = Rows(given.source, rows[0], tuple(rows[1:]))
    return text(said).encode(), said.header, exact(said)


@kind("a header of a mebibyte")
def header_of_a_mebibyte(rng: random.Random, given: Rows) -> Encoded:
    names = (*given.header, rng.choice("xé") * (1 << rng.choice((20, 21, 22))))
    said = Rows(given.source, names, tuple((*row, "v") for row in given.cells))
    return text(said).encode(), said.header, exact(said)


@kind("two byte order marks")
def two_marks(_: random.Random, given: Rows) -> Encoded:
    return b"\xef\xbb\xbf" * 2 + text(given).encode(), given.header, exact(given)


@kind("utf-16 that nobody set")
def utf16_unset(rng: random.Random, given: Rows) -> Encoded:
    return text(given).encode(rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32"))), given.header, exact(given)


@kind("cp1252 that nobody set")
def cp1252_unset(_: random.Random, given: Rows) -> Encoded:
    said = given.with_text(("Straße", "€"))
    records = [Record(row[0], (row,) if row[-1].isascii() else ()) for row in said.cells]
    return text(said).encode("cp1252"), said.header, tuple(records)


@kind("a header in cp1252")
def header_in_cp1252(_: random.Random, given: Rows) -> Encoded:
    said = Rows(given.source, (*given.header, "Größe"), tuple((*row, "ü") for row in given.cells))
    return text(said).encode("cp1252"), said.header, exact(said)


@kind("nothing at all")
def nothing(rng: random.Random, given: Rows) -> Encoded:
    return rng.choice((b"", b"\n\n \n", b"\xef\xbb\xbf", b"\x00" * 100, b"\r\n")), given.header, ()


@kind("of another format")
def another_format(rng: random.Random, given: Rows) -> Encoded:
    said = text(given).encode()
    objects = json.dumps([dict(zip(given.header, row, strict=True)) for row in given.cells])
    cells = "".join(f"<td>{cell}</td>" for row in given.cells for cell in row)
    others: tuple[bytes, ...] = (
        gzip.compress(said, mtime=0),
        objects.encode(),
        f"<html><table>{cells}</table>".encode(),
        b"PK\x03\x04" + said,
    )
    others += (b"%PDF-1.7\n" + said, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + said, b"PAR1" + said, b"SQLite format 3\0")
    return rng.choice(others), given.header, exact(given)


@kind("random bytes")
def random_bytes(rng: random.Random, given: Rows) -> Encoded:
    return rng.randbytes(rng.choice((1, 100, 10_000))), given.header, ()
