"""Files that are CSV by the RFC, however odd: all of their records must be read."""

from __future__ import annotations

import random

from tests.attack.corpus import Encoded, exact, kind, line, text
from tests.attack.files import Cells, Record
from tests.attack.rows import Rows

TEXTS: dict[str, tuple[str, ...]] = {
    "commas": ("a,b", ",", ",,,"),
    "quotes": ('5" wide', '"', '""', 'say "yes", please'),
    "newlines": ("two\nlines", "\n\n", "crlf\r\nwithin", 'all,"\n'),
    "apostrophes": ("O'Brien", "''", "it's"),
    "formulas": ("=1+1", "+CMD|' /C calc'!A0", "@SUM(A1)", "-2", '=HYPERLINK("http://x")'),
    "escapes": ("\\", "\\\\", "\\n", "c:\\temp", "\\N"),
    "terminal escapes": ("\x1b[31m", "\x1b]0;title\x07", "\x08\x08"),
    "control characters": ("\x01", "\x1f", "\x7f", "\x0b", "\x0c"),
    "line separators": ("\u2028", "\u2029", "\x85", "\x1c", "\x1d"),
    "right to left": ("\u202egnp.exe", "\u200f", "\u2067x\u2069", "עברית"),
    "zero width": ("\u200b", "\u200d", "\ufeff", "\u00ad"),
    "scripts": ("größe", "日本語", "Ελλάδα", "😀👩‍👩‍👧", "नमस्ते"),
    "composition": ("e\u0301", "\u00e9", "ﬁ", "Å"),
    "markup": ("<script>alert(1)</script>", "<!--", "]]>", "&amp;", "<img src=x onerror=alert(1)>"),
    "sql": ("'; DROP TABLE orders; --", "1 OR 1=1", "${jndi:ldap://x}", "{{7*7}}"),
    "null words": ("NULL", "None", "nan", "N/A", "undefined"),
    "numbers": ("1e309", "0x1F", "007", "1,234.50", "٣"),
    "blanks": ("   ", "\t\t", "\u00a0", "\u3000"),
    "comments": ("#", "//", "--", ";"),
    "paths": ("../../etc/passwd", "C:\\x", "file:///etc/passwd", "%2e%2e%2f"),
}


def _of_texts(name: str) -> None:
    @kind(name, plain=True)
    def made(rng: random.Random, given: Rows) -> Encoded:
        texts = list(TEXTS[name])
        rng.shuffle(texts)
        said = given.with_text(tuple(texts))
        return text(said, rng.choice(("\n", "\r\n")), always=rng.random() < 0.3).encode(), said.header, exact(said)


for _name in TEXTS:
    _of_texts(_name)


@kind("lf", plain=True)
def lf(_: random.Random, given: Rows) -> Encoded:
    return text(given).encode(), given.header, exact(given)


@kind("crlf", plain=True)
def crlf(_: random.Random, given: Rows) -> Encoded:
    return text(given, "\r\n").encode(), given.header, exact(given)


@kind("mixed line ends", plain=True)
def mixed_line_ends(rng: random.Random, given: Rows) -> Encoded:
    lines = (line(cells) + rng.choice(("\n", "\r\n")) for cells in (given.header, *given.cells))
    return "".join(lines).encode(), given.header, exact(given)


@kind("all quoted", plain=True)
def all_quoted(_: random.Random, given: Rows) -> Encoded:
    return text(given, always=True).encode(), given.header, exact(given)


@kind("byte order mark", plain=True)
def byte_order_mark(rng: random.Random, given: Rows) -> Encoded:
    return b"\xef\xbb\xbf" + text(given, always=rng.random() < 0.5).encode(), given.header, exact(given)


@kind("blank lines", plain=True)
def blank_lines(rng: random.Random, given: Rows) -> Encoded:
    blank = ("", "\n", "\n\n\n", " \n", "\t \r\n")
    lines = (rng.choice(blank) + line(cells) + "\n" for cells in (given.header, *given.cells))
    return ("".join(lines) + rng.choice(blank)).encode(), given.header, exact(given)


@kind("columns in another order", plain=True)
def columns_in_another_order(rng: random.Random, given: Rows) -> Encoded:
    order = rng.sample(range(len(given.header)), len(given.header))
    header, cells = _picked(given.header, order), [_picked(row, order) for row in given.cells]
    records = tuple(_with_mark(row, picked) for row, picked in zip(given.cells, cells, strict=True))
    return "".join(line(row) + "\n" for row in (header, *cells)).encode(), header, records


@kind("names in capitals", plain=True)
def names_in_capitals(_: random.Random, given: Rows) -> Encoded:
    header = tuple(f" {name.upper()} " for name in given.header)
    said = Rows(given.source, header, given.cells)
    return text(said).encode(), header, exact(said)


@kind("unknown columns", plain=True)
def unknown_columns(rng: random.Random, given: Rows) -> Encoded:
    more = ("Größe", "价格", "Gift Note", "select", "x" * 128, "a.b", "__proto__", "Größe (cm)")
    return _widened(given, tuple(rng.sample(more, rng.randrange(1, len(more)))))


@kind("150 unknown columns", plain=True)
def many_unknown_columns(_: random.Random, given: Rows) -> Encoded:
    return _widened(given, tuple(f"attribute {n}x" for n in range(150)))


@kind("names twice", plain=True)
def names_twice(_: random.Random, given: Rows) -> Encoded:
    return _widened(given, ("notes", "notes", "Notes"))


@kind("a column without a name", plain=True)
def column_without_name(_: random.Random, given: Rows) -> Encoded:
    return _widened(given, ("", "notes"))


@kind("a long cell", plain=True)
def long_cell(rng: random.Random, given: Rows) -> Encoded:
    said = given.with_text((rng.choice("xé\n") * rng.choice((70_000, 140_000, 400_000)), "short"))
    return text(said).encode(), said.header, exact(said)


@kind("many rows", plain=True)
def many_rows(rng: random.Random, given: Rows) -> Encoded:
    copies = [(f"{row[0]}{n}X", *row[1:]) for n in range(rng.randrange(20, 60)) for row in given.cells]
    said = Rows(given.source, given.header, tuple(copies))
    return text(said, always=rng.random() < 0.5).encode(), said.header, exact(said)


@kind("only a header", plain=True)
def only_a_header(rng: random.Random, given: Rows) -> Encoded:
    said = Rows(given.source, given.header, ())
    return text(said, rng.choice(("\n", "\r\n"))).encode(), said.header, ()


def _picked(cells: Cells, order: list[int]) -> Cells:
    return tuple(cells[at] for at in order)


def _with_mark(row: Cells, said: Cells) -> Record:
    return Record(row[0], (said,))


def _widened(given: Rows, names: Cells) -> Encoded:
    cells = [(*row, *(f"v{n}" for n in range(len(names)))) for row in given.cells]
    said = Rows(given.source, (*given.header, *names), tuple(cells))
    return text(said).encode(), said.header, exact(said)
