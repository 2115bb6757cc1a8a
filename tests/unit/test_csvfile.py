"""A CSV file as text columns: every record there is, with its number, whatever the bytes are.

The oracle's reader says what must come out; it was written from the documents and knows no chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from ecomm.batches import csvfile as ours
from ecomm.batches.dialect import dialect
from ecomm.batches.reading.tables import land as land_table
from ecomm.batches.reading.tables import open_table
from ecomm.delivery import Shape
from ecomm.errors import FileError, HeaderError
from tests.oracle import csvfile

WHOLE = 4 << 20  # landing's own chunk
LIMIT = 1_048_576  # a record of more bytes is malformed


class Record(NamedTuple):
    """What landing says of a record: its number, and its cells or its raw line."""

    line: int
    cells: list[str] | None
    raw: str | None


class File(NamedTuple):
    header: list[str]
    records: list[Record]


def land(content: bytes, folder: Path, chunk: int = WHOLE, delimiter: str = ",") -> File:
    """A file's content through landing, in chunks of so many bytes."""
    path, into = folder / "x.csv", folder / "x.parquet"
    path.write_bytes(content)
    opened = open_table(path, Shape(delimiter=delimiter))
    names = opened.names
    try:
        with patch.object(ours, "CHUNK", chunk):
            count = land_table(opened, into)
    except FileError as error:  # the oracle does not ask whether a record is several
        if "is several, for their lines end with" not in str(error):
            raise
        reject()
    table = pq.read_table(into)
    assert table.column_names == ["source_line", "raw_line", *(f"c{i}" for i in range(len(names)))]
    assert table.num_rows == count, "the number that is reported is the number of rows"
    return File(names, [_record(row, len(names)) for row in table.to_pylist()])


def _record(row: dict[str, object], width: int) -> Record:
    cells = [row[f"c{i}"] for i in range(width)]
    if row["raw_line"] is not None:
        assert cells == [None] * width, "a malformed record has no cells"
        return Record(int(str(row["source_line"])), None, str(row["raw_line"]))
    assert None not in cells, "an empty cell is empty text"
    return Record(int(str(row["source_line"])), [str(c) for c in cells], None)


def expected(content: bytes) -> File:
    """The same by the oracle."""
    parsed = csvfile.parse(content)
    return File(parsed.header, [Record(r.source_line, r.fields, r.raw_line) for r in parsed.records])


@contextmanager
def long_is(limit: int) -> Iterator[None]:
    """A record of more than `limit` bytes is too long, here and in the oracle."""
    with patch.object(ours, "MAX_RECORD", limit), patch.object(csvfile, "MAX_RECORD_BYTES", limit):
        yield


def good(*cells: str) -> list[str]:
    return list(cells)


# -- the corpus: content below `a,b`, then what must come out -----------------------------------------

Said = list[str] | str  # the cells of a record, or the raw line of a malformed one

CORPUS: dict[str, tuple[bytes, list[Said]]] = {
    "plain": (b"1,2\n3,4\n", [good("1", "2"), good("3", "4")]),
    "no final newline": (b"1,2\n3,4", [good("1", "2"), good("3", "4")]),
    "crlf": (b"1,2\r\n3,4\r\n", [good("1", "2"), good("3", "4")]),
    "crlf and lf": (b"1,2\r\n3,4\n5,6\r\n", [good("1", "2"), good("3", "4"), good("5", "6")]),
    "blank lines": (b"\n \t\n1,2\n\n\r\n  \r\n3,4\n\t", [good("1", "2"), good("3", "4")]),
    "empty cells": (b",\n,2\n1,\n", [good("", ""), good("", "2"), good("1", "")]),
    "blanks stay": (b" 1 ,\t2\t\n", [good(" 1 ", "\t2\t")]),
    "quoted": (b'"1","2"\n"",""\n', [good("1", "2"), good("", "")]),
    "comma in quotes": (b'"1,1",2\n', [good("1,1", "2")]),
    "newline in quotes": (b'"1\n1",2\n3,"4\r\n\n4"\n', [good("1\n1", "2"), good("3", "4\r\n\n4")]),
    "doubled quote": (b'"1""1",""""\n"""",2\n', [good('1"1', '"'), good('"', "2")]),
    "blanks around quotes": (b' "1"\t,\t"2"  \n', [good("1", "2")]),
    "blanks before crlf": (b'"1","2" \r\n3,4\r\n', [good("1", "2"), good("3", "4")]),
    "bare quote": (b'5" screen,2\n1,x"y"\n', [good('5" screen', "2"), good("1", 'x"y"')]),
    "lone cr inside": (b"1\r1,2\n3,4\n", [good("1\r1", "2"), good("3", "4")]),
    "two crs before lf": (b"1,2\r\r\n3,4\n", [good("1", "2\r"), good("3", "4")]),
    "cr in quotes": (b'"1\r","2\r"\n"3","4\r"\r\n', [good("1\r", "2\r"), good("3", "4\r")]),
    "nul": (b"1,\x002\n\x00,4\n", [good("1", "\x002"), good("\x00", "4")]),
    "unicode": ("é,日本\n😀,\u2028\n".encode(), [good("é", "日本"), good("😀", "\u2028")]),
    "a cell that begins with a bom": ("1,2\n\ufeff3,4\n".encode(), [good("1", "2"), good("\ufeff3", "4")]),
    "first cell begins with a bom": ("\ufeff1,2\n3,4\n".encode(), [good("\ufeff1", "2"), good("3", "4")]),
    "a cell that looks like null": (b"NULL,NA\nnull,nan\n", [good("NULL", "NA"), good("null", "nan")]),
    "leading zeros and signs": (b"007,+1\n1e3,0x1F\n", [good("007", "+1"), good("1e3", "0x1F")]),
    "comment sign": (b"#1,2\n", [good("#1", "2")]),
    "backslash": (b'1\\,2\n"3\\",4\n', [good("1\\", "2"), good("3\\", "4")]),
    "too few": (b"1\n3,4\n", ["1", good("3", "4")]),
    "too many": (b"1,2,3\n3,4\n", ["1,2,3", good("3", "4")]),
    "trailing comma": (b"1,2,\n3,4,\n5,6\n", ["1,2,", "3,4,", good("5", "6")]),
    "one quoted empty cell": (b'""\n3,4\n', ['""', good("3", "4")]),
    "text after a quote": (b'"1"x,2\n3,4\n', ['"1"x,2', good("3", "4")]),
    "text after a quote, resync": (b'1,"x"y\n"3",4\n', ['1,"x"y', good("3", "4")]),
    "a quote after blanks is a quote": (b'1, "x" y\n3,4\n', ['1, "x" y', good("3", "4")]),
    "never closed": (b'1,"x\n3,4\n5,6\n', ['1,"x', good("3", "4"), good("5", "6")]),
    "never closed, at the end": (b'1,2\n3,"', [good("1", "2"), '3,"']),
    "two that swallow each other": (
        b'1,"x\n3,4\n5,"y\n7,8\n',
        ['1,"x', good("3", "4"), '5,"y', good("7", "8")],
    ),
    "broken over lines, first line only": (
        b'1,"x\ny"z\n3,4\n',
        ['1,"x', 'y"z', good("3", "4")],
    ),
    "wrong number over lines, whole": (b'1,"x\ny",3\n3,4\n', ['1,"x\ny",3', good("3", "4")]),
    "not utf-8": (b"1,\xe9\n3,4\n", ["1,\\xe9", good("3", "4")]),
    "not utf-8 over lines, whole": (b'"\xff\n",2\n3,4\n', ['"\\xff\n",2', good("3", "4")]),
    "not utf-8, surrogate": (b"\xed\xa0\x80,2\n3,4\n", ["\\xed\\xa0\\x80,2", good("3", "4")]),
    "cut short in a character": (b"1,2\n3,\xe6\x97", [good("1", "2"), "3,\\xe6\\x97"]),
    "malformed with crlf": (b"1\r\n3,4\r\n", ["1", good("3", "4")]),
    "only commas": (b",,\n,\n", [",,", good("", "")]),
    "a line of crs is a record": (b"\r\r\n3,4\n", ["\r", good("3", "4")]),
    "a lone cr at the end": (b"1,2\n\r", [good("1", "2"), "\r"]),
    "a cell that ends in a lone cr": (b"1,2\r", [good("1", "2\r")]),
    "nothing": (b"", []),
    "only blank lines": (b"\n\n \n", []),
}


@pytest.mark.parametrize("chunk", [WHOLE, 64, 7, 1], ids=lambda c: f"chunk {c}")
@pytest.mark.parametrize("name", CORPUS)
def test_corpus(name: str, chunk: int, tmp_path: Path) -> None:
    """Each oddity gives its records, numbered without a gap, however the file is cut for reading."""
    content, said = CORPUS[name]
    records = [
        Record(n, one, None) if isinstance(one, list) else Record(n, None, one) for n, one in enumerate(said, start=1)
    ]
    assert land(b"a,b\n" + content, tmp_path, chunk) == File(["a", "b"], records)
    assert expected(b"a,b\n" + content).records == records, "the oracle says otherwise"


# -- the header --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"a,b\n", ["a", "b"]),
        (b"a,b", ["a", "b"]),
        (b"a,b\r\n", ["a", "b"]),
        (b"\xef\xbb\xbfa,b\n", ["a", "b"]),
        (b'\xef\xbb\xbf"a","b"\n', ["a", "b"]),
        (b"\n \n\r\na,b\n", ["a", "b"]),
        (b'"a\nz", "b" \n', ["a\nz", "b"]),
        (b"a,,\n", ["a", "", ""]),
        (b" a ,b\t\n", [" a ", "b\t"]),
        ("größe,価格\n".encode(), ["größe", "価格"]),
    ],
)
def test_header(content: bytes, names: list[str], tmp_path: Path) -> None:
    """The first record that is not blank names the columns; what stands below begins behind it."""
    assert land(content, tmp_path) == File(names, [])
    row = ",".join(str(i) for i in range(len(names)))
    ended = content if content.endswith(b"\n") else content + b"\n"
    assert land(ended + row.encode(), tmp_path).records == [Record(1, row.split(","), None)]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"\n \n\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b'a,"b\n1,2\n', "broken quote"),
        (b'"a"x,b\n', "broken quote"),
        (b"a,\xe9\n", "not UTF-8"),
    ],
)
def test_header_that_cannot_be_read(content: bytes, fault: str, tmp_path: Path) -> None:
    """Without a header nothing has a name: one sentence that names the file and the fault."""
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(HeaderError, match=rf"orders\.csv.*{fault}"):
        open_table(path, Shape())
    with pytest.raises(csvfile.HeaderError):
        csvfile.parse(content)


@pytest.mark.parametrize("chunk", [WHOLE, 7, 1])
def test_one_column(chunk: int, tmp_path: Path) -> None:
    """A file of one column: blank lines are still none, a quoted empty cell is a record."""
    content = b'id\n1\n\n \n""\n" "\n2,\n3\n'
    said = [good("1"), good(""), good(" "), "2,", good("3")]
    got = land(content, tmp_path, chunk)
    assert [r.cells or r.raw for r in got.records] == said
    assert got == expected(content)


def test_many_malformed_records_are_never_held_at_once(tmp_path: Path) -> None:
    """Two bytes a record, and a quote at the end that lets none of them be read by the vectorised reader."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"x\n" * 200_000 + b'"')
    rows = [table.num_rows for table in open_table(path, Shape()).stretches()]
    assert (sum(rows), max(rows)) == (200_001, 1 << 16)


# -- too long ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [WHOLE, 1 << 19], ids=["whole", "cut"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_record_of_a_mebibyte_is_read(end: bytes, chunk: int, tmp_path: Path) -> None:
    """1,048,576 bytes without the line end are a record; one more is a malformed one, and the next ones are read."""
    longest = b"1," + b"x" * (LIMIT - 2)
    got = land(b"a,b\n0,0\n" + longest + end, tmp_path, chunk)
    assert [r.raw is None for r in got.records] == [True, True]
    assert got.records[1].cells == ["1", "x" * (LIMIT - 2)]

    rest = b"8,9\n" if end else b""
    got = land(b"a,b\n0,0\n" + longest + b"y" + end + rest, tmp_path, chunk)
    assert [r.raw is None for r in got.records] == [True, False, True][: 2 + bool(end)]
    assert (got.records[1].raw or "").startswith("1,xxx")


def test_a_quoted_field_that_is_too_long_costs_one_line(tmp_path: Path) -> None:
    """Its first physical line is malformed, and each of its other lines is read as what it is."""
    content = b'a,b\n1,"x\n' + b"3,4\n" * 300 + b'",2\n5,6\n'
    with long_is(1_000):
        got = land(content, tmp_path)
    assert got.records[0] == Record(1, None, '1,"x')
    assert got.records[1] == Record(2, ["3", "4"], None)
    assert [r.cells or r.raw for r in got.records[-2:]] == ['",2', ["5", "6"]]
    assert len(got.records) == 303
    with long_is(2_000):
        assert len(land(content, tmp_path).records) == 2


@pytest.mark.parametrize("behind", [b",2\n", b"\n", b'",2\n', b"\r\n", b"", b",\n", b'"\r\n'])
@pytest.mark.parametrize("size", range(6, 12))
@pytest.mark.parametrize("chunk", [WHOLE, 3])
def test_a_field_that_ends_near_the_limit(behind: bytes, size: int, chunk: int, tmp_path: Path) -> None:
    """Wherever the limit falls within a field, its quote or its line end: the same records, and those behind it.

    Of a raw line as many bytes are kept as a record may have.
    """
    opens = b'"' if b'"' in behind else b""
    content = b"a,b\n1,2\n" + opens + b"x" * size + behind + b"3,4\n"
    with long_is(8):
        got, wanted = land(content, tmp_path, chunk), expected(content)
    assert got.records == [Record(r.line, r.cells, r.raw and r.raw[:8]) for r in wanted.records]


# -- chunks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", range(7, 65))
def test_a_field_across_the_border_of_a_chunk(chunk: int, tmp_path: Path) -> None:
    """Quotes, line ends and characters of several bytes may lie across every border."""
    content = 'a,b\r\n"x\r\n""y""\n",é日😀\r\n1, "2"\t\r\n\r\n5" tv,"""\n"""\n"z"z,1\n1,2,3\n"😀","\n\n"\n4,"o'.encode()
    assert land(content, tmp_path, chunk) == land(content, tmp_path) == expected(content)


def test_many_chunks(tmp_path: Path) -> None:
    """A file of several chunks has each record once, and its numbers run through."""
    rows = [f'{i},"line\n{i}"' if i % 7 == 0 else f"{i},{i}" for i in range(5_000)]
    rows[1_234] = '1234,"never closed'
    content = ("a,b\n" + "\n".join(rows) + "\n").encode()
    got = land(content, tmp_path, 4_096)
    assert [r.line for r in got.records] == list(range(1, 5_001))
    assert got.records[1_234].raw == '1234,"never closed'
    assert got == expected(content)


# -- anything ----------------------------------------------------------------------------------------

PIECES = [b",", b"\n", b"\r\n", b"\r", b'"', b'""', b" ", b"\t", b"x", b"1", b"\xc3\xa9", b"\xff", b"\x00"]
PIECES += [b"\xef\xbb\xbf", b'","', b'"\n', b"yyyyyyyy", b"2,3\n", b'"4","5"\r\n', b"\xf0\x9f\x98\x80"]
ANYTHING = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
HEADERS = st.sampled_from([b"a,b\n", b"a\n", b"a,b,c\r\n", b'\xef\xbb\xbf"a",b\n'])
CHUNKS = st.sampled_from([WHOLE, 1, 2, 3, 5, 7, 11, 16, 64])
RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@RELAXED
@given(header=HEADERS, body=ANYTHING, chunk=CHUNKS)
def test_any_bytes(header: bytes, body: bytes, chunk: int, tmp_path: Path) -> None:
    """Whatever the bytes: the oracle's records, with its numbers, cells and raw lines."""
    assert land(header + body, tmp_path, chunk) == expected(header + body)


@RELAXED
@given(body=ANYTHING, chunk=CHUNKS, limit=st.integers(3, 24))
def test_any_bytes_with_a_low_limit(body: bytes, chunk: int, limit: int, tmp_path: Path) -> None:
    """The same records when almost every one is too long."""
    content = b"a,b\n" + body
    with long_is(limit):
        got, wanted = land(content, tmp_path, chunk), expected(content)
    assert [(r.line, r.cells) for r in got.records] == [(r.line, r.cells) for r in wanted.records]


TAME = st.lists(
    st.sampled_from([b"1,2\n", b'"3","4"\n', b'"5,\n""5",6\r\n', b"\n", b"\xc3\xa9,\n", b'"",7\n', b"8,NULL\n"])
    | st.sampled_from([b"\xef\xbb\xbf9,9\n", b' "1",2\n', b"1,2,3\n", b'1,"2', b"1\r,2\n", b"1,2\r\n", b" \n"]),
    min_size=1,
    max_size=12,
).map(b"".join)


@RELAXED
@given(body=TAME, eof=st.booleans(), width=st.integers(1, 3))
def test_fast_is_slow(body: bytes, eof: bool, width: int) -> None:
    """Where the fast reader vouches for a stretch it gives what the scanner gives, up to the same byte."""
    fast = ours._plain(body, width, eof)
    if fast is None:
        return
    table, used = fast
    slow, _ = ours.scan(body[:used], width, True)
    assert _said(table.to_pylist()) == [r.cells or r.raw_line for r in slow]
    assert eof is False or used == len(body)


def _said(rows: list[dict[str, Any]]) -> list[Said]:
    return [row["raw_line"] or [cell for name, cell in row.items() if name != "raw_line"] for row in rows]


def test_fast_is_used() -> None:
    """An ordinary file goes the fast way, quotes and line ends in quotes too; malformed lines without quotes do."""
    for body in (b"1,2\n3,4\n", b'1,"x,\n""y"""\r\n3,4\r\n', "é,日\n".encode(), b"x\n1,2\r\n1,2,3\n"):
        fast = ours._plain(body, 2, True)
        assert fast is not None
        assert fast[1] == len(body)


# -- other delimiters ----------------------------------------------------------------------------------


def turned(content: bytes, delimiter: str) -> bytes:
    """Comma and delimiter change places."""
    return content.translate(bytes.maketrans(b"," + delimiter.encode(), delimiter.encode() + b","))


def by_comma(content: bytes, delimiter: str) -> File:
    """What the oracle, which knows commas, says of a file with another delimiter."""

    def back(text: str) -> str:
        return text.translate({ord(","): delimiter, ord(delimiter): ","})

    said = expected(turned(content, delimiter))
    return File(
        [back(n) for n in said.header],
        [Record(r.line, r.cells and [back(c) for c in r.cells], r.raw and back(r.raw)) for r in said.records],
    )


@pytest.mark.parametrize("delimiter", [";", "|", ":", "^", "]", "-"])
@pytest.mark.parametrize("name", CORPUS)
def test_corpus_with_another_delimiter(name: str, delimiter: str, tmp_path: Path) -> None:
    """What is true of commas is true of any character that is no blank, comma and delimiter changing places."""
    content = turned(b"a,b\n" + CORPUS[name][0], delimiter)
    for chunk in (WHOLE, 7):
        assert land(content, tmp_path, chunk, delimiter) == by_comma(content, delimiter)


@RELAXED
@given(header=HEADERS, body=ANYTHING, chunk=CHUNKS, delimiter=st.sampled_from(";|1"))
def test_any_bytes_with_another_delimiter(
    header: bytes, body: bytes, chunk: int, delimiter: str, tmp_path: Path
) -> None:
    """Whatever the bytes, commas among them: the oracle's records."""
    content = turned(header + body, delimiter)
    assert land(content, tmp_path, chunk, delimiter) == by_comma(content, delimiter)


@RELAXED
@given(body=ANYTHING, chunk=CHUNKS)
def test_any_bytes_with_tabs(body: bytes, chunk: int, tmp_path: Path) -> None:
    """A tab that delimits is no blank: the oracle's records for commas, in files that have no other tab."""
    content = b"a,b\n" + body.replace(b"\t", b" ")
    assert land(turned(content, "\t"), tmp_path, chunk, "\t") == by_comma(turned(content, "\t"), "\t")


@pytest.mark.parametrize("chunk", [WHOLE, 7, 1])
def test_tabs(chunk: int, tmp_path: Path) -> None:
    """A line of tabs is a record, a blank stays one, and a comma is a character like any other."""
    content = b'a\tb\n\t\n \n1\t\n\t"2"\n "3" \t4,5\n'
    said = [good("", ""), good("1", ""), good("", "2"), good("3", "4,5")]
    assert [r.cells for r in land(content, tmp_path, chunk, "\t").records] == said
    content = b'a b\n \n1 \n\t\n"2 2" 3\n'
    assert [r.cells for r in land(content, tmp_path, chunk, " ").records] == [
        good("", ""),
        good("1", ""),
        good("2 2", "3"),
    ]


@RELAXED
@given(body=TAME, eof=st.booleans(), delimiter=st.sampled_from(";\t| "))
def test_fast_is_slow_with_another_delimiter(body: bytes, eof: bool, delimiter: str) -> None:
    """Both readers agree on it, up to the same byte."""
    body, form = turned(body, delimiter), dialect(delimiter)
    fast = ours._plain(body, 2, eof, form)
    if fast is None:
        return
    table, used = fast
    slow, _ = ours.scan(body[:used], 2, True, form)
    assert _said(table.to_pylist()) == [r.cells or r.raw_line for r in slow]
    assert eof is False or used == len(body)


@pytest.mark.parametrize("delimiter", ";\t| ")
def test_fast_is_used_with_another_delimiter(delimiter: str) -> None:
    """An ordinary file goes the fast way, whatever its delimiter."""
    for body in (b"1,2\n3,4\n", b'1,"x,\n""y"""\r\n3,4\r\n', "é,日\n".encode()):
        fast = ours._plain(turned(body, delimiter), 2, True, dialect(delimiter))
        assert fast is not None
        assert fast[1] == len(body)
