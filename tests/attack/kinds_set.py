"""Files that are read by settings: other delimiters, quotes, escapes, encodings, and lines around the table."""

from __future__ import annotations

import random

from tests.attack.corpus import Encoded, exact, kind, line, text
from tests.attack.files import Cells, Record
from tests.attack.rows import Rows

ODD = ("a,b", "5; 6", "x|y", 'say "yes"', "it's", "tab\there", "two\nlines", "a:b^c")


def _of_delimiter(name: str, delimiter: str) -> None:
    @kind(f"delimiter {name}", plain=True, delimiter=delimiter)
    def made(rng: random.Random, given: Rows) -> Encoded:
        said = given.with_text(tuple(rng.sample(ODD, len(ODD))))
        end = rng.choice(("\n", "\r\n"))
        return text(said, end, delimiter=delimiter, always=rng.random() < 0.3).encode(), said.header, exact(said)


for _name, _delimiter in {"semicolon": ";", "pipe": "|", "tab": "\t", "caret": "^", "colon": ":"}.items():
    _of_delimiter(_name, _delimiter)


@kind("apostrophes quote", plain=True, quote="'")
def apostrophes_quote(rng: random.Random, given: Rows) -> Encoded:
    said = given.with_text(tuple(rng.sample(ODD, len(ODD))))
    return text(said, quote="'").encode(), said.header, exact(said)


@kind("nothing quotes", plain=True, quote="")
def nothing_quotes(rng: random.Random, given: Rows) -> Encoded:
    said = given.with_text(('5" wide', '"', "it's", '""'))
    return text(said, rng.choice(("\n", "\r\n")), quote="").encode(), said.header, exact(said)


@kind("backslashes escape", plain=True, escape="\\")
def backslashes_escape(rng: random.Random, given: Rows) -> Encoded:
    """As MySQL writes: what is special has a backslash before it, within quotes and without."""
    said = given.with_text(('5" wide', "a,b", "back\\slash", "two\nlines", 'all "\\",\n'))
    quoted = rng.random() < 0.5
    lines = [line(said.header)]
    for row in said.cells:
        cells = ["".join(f"\\{c}" if c in '\\"\n,' else c for c in cell) for cell in row]
        lines.append(",".join(f'"{cell}"' if quoted else cell for cell in cells))
    return "".join(f"{one}\n" for one in lines).encode(), said.header, exact(said)


_ENCODINGS: dict[str, tuple[str, ...]] = {
    "cp1252": ("Straße", "€ 5", "São", "naïve"),
    "latin-1": ("Straße", "São", "Å"),
    "cp1251": ("Москва", "рубль"),
    "cp1253": ("Αθήνα",),
    "cp437": ("Größe", "é", "½"),
    "gbk": ("上海", "价格"),
    "big5": ("台北",),
    "shift_jis": ("東京", "ソ", "表"),
    "euc_kr": ("서울",),
    "utf-16": ("Straße", "😀", "日本"),
    "utf-16-be": ("Straße", "😀"),
    "utf-32": ("Straße", "😀"),
}


def _of_encoding(encoding: str) -> None:
    @kind(f"encoding {encoding}", plain=True, encoding=encoding)
    def made(rng: random.Random, given: Rows) -> Encoded:
        said = given.with_text((*_ENCODINGS[encoding], "a,b", '"'))
        return text(said, rng.choice(("\n", "\r\n"))).encode(encoding), said.header, exact(said)


for _name in _ENCODINGS:
    _of_encoding(_name)


@kind("lines above the header", plain=True, skip_lines=3)
def lines_above(rng: random.Random, given: Rows) -> Encoded:
    above = rng.choice(('Export "of" orders,,\n\nmade today\n', "a;b\nc\n;;;\n", ",,,\n,,,\n,,,\n"))
    return (above + text(given)).encode(), given.header, exact(given)


@kind("header somewhere below", plain=True, header_starts_with="HERE")
def header_below(rng: random.Random, given: Rows) -> Encoded:
    """Its first name says where it is; the rest is as always."""
    header: Cells = ("HERE", *given.header)
    cells = tuple(("x", *row) for row in given.cells)
    above = "".join(rng.choice(("Export\n", "\n", 'a,"b",c\n', ",,\n")) for _ in range(rng.randrange(5)))
    lines = "".join(line(row) + "\n" for row in (header, *cells))
    records = tuple(_marked(mark, row) for mark, row in zip(given.marks, cells, strict=True))
    return (above + lines).encode(), header, records


@kind("footers", plain=True, footers=["Total", "* record(s)"])
def footers(rng: random.Random, given: Rows) -> Encoded:
    below = rng.choice(("Total,,,,,9\n", "total\n", '"5 record(s)"\n', "Total,1,2,3,4,5\nmore,,,,,\n"))
    return (text(given) + below).encode(), given.header, exact(given)


@kind("rows of empty cells", plain=True, ignore_blank_rows=True)
def rows_of_empty_cells(rng: random.Random, given: Rows) -> Encoded:
    blank = ("", ",,,,,\n", ",\n", ' , ,"",,,\n')
    lines = (line(cells) + "\n" + rng.choice(blank) for cells in (given.header, *given.cells))
    return "".join(lines).encode(), given.header, exact(given)


@kind("surplus cells", plain=True, ignore_surplus_cells=True)
def surplus_cells(rng: random.Random, given: Rows) -> Encoded:
    more = rng.choice(((",",) * 3, (",", ",,,", ', ,""')))
    lines = (line(cells) + rng.choice(more) + "\n" for cells in given.cells)
    return (line(given.header) + "\n" + "".join(lines)).encode(), given.header, exact(given)


@kind("tabs by name", plain=True, suffix=".tsv")
def tabs_by_name(_: random.Random, given: Rows) -> Encoded:
    said = given.with_text(("a,b", '"', "tab\there"))
    return text(said, delimiter="\t").encode(), said.header, exact(said)


@kind("sep line", plain=True, delimiter=";")
def sep_line(rng: random.Random, given: Rows) -> Encoded:
    end = rng.choice(("\n", "\r\n"))
    said = given.with_text(ODD)
    return (f"sep=;{end}" + text(said, end, delimiter=";")).encode(), said.header, exact(said)


def _marked(mark: str, row: Cells) -> Record:
    return Record(mark, (row,))
