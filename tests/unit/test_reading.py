"""Files of every format and encoding become the records that they hold, or one sentence says why not."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from ecomm import delivery
from ecomm.batches import csvfile as ours
from ecomm.batches.reading import columns, objects, sheets, streams
from ecomm.batches.reading.kinds import unread
from ecomm.batches.reading.tables import open_table
from ecomm.delivery import Computed, Delivery, Shape
from ecomm.errors import FileError, HeaderError, UsageError
from ecomm.settings import load
from tests.oracle import csvfile

RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Said = tuple[list[str], list[list[str] | str]]
GOOD = b"a,b\n1,x\n2,y\n"
READ: Said = (["a", "b"], [["1", "x"], ["2", "y"]])


def read(folder: Path, name: str, content: bytes, shape: Shape | None = None) -> Said:
    """A file's header, and of each record its cells, or its raw line if it is malformed."""
    path = folder / name
    path.write_bytes(content)
    table = open_table(path, shape or Shape())
    said: list[list[str] | str] = []
    for stretch in table.stretches():
        for row in stretch.to_pylist():
            line, raw, *cells = row.values()
            assert line == len(said) + 1, "records are numbered without a gap"
            said.append(cells if raw is None else raw)
            assert (raw is None) == (None not in cells)
    return table.names, said


def read_any(folder: Path, name: str, content: bytes, shape: Shape | None = None) -> Said:
    """`read` where the oracle says what must come out: it does not ask whether a record is several."""
    try:
        return read(folder, name, content, shape)
    except FileError as error:
        if "is several, for their lines end with" not in str(error):
            raise
        reject()


def fault(folder: Path, name: str, content: bytes, shape: Shape | None = None) -> str:
    """The one sentence about a file that is not read."""
    with pytest.raises((FileError, HeaderError)) as error:
        read(folder, name, content, shape)
    text = str(error.value)
    assert text.startswith(f"{folder / name}"), text
    assert text.count("\n") == 0
    assert text.endswith(".")
    return text.removeprefix(f"{folder / name}")


def zipped(*members: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return made.getvalue()


def workbook(rows: Sequence[Sequence[object]], *, name: str = "Sheet1", top: int = 0) -> bytes:
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_urls": False})
    fill(book, name, rows, top)
    book.close()
    return made.getvalue()


def fill(
    book: xlsxwriter.Workbook, name: str, rows: Sequence[Sequence[object]], top: int = 0
) -> xlsxwriter.worksheet.Worksheet:
    day, instant = (book.add_format({"num_format": n}) for n in ("dd.mm.yyyy", "yyyy-mm-dd hh:mm"))
    sheet = book.add_worksheet(name)
    for y, row in enumerate(rows, start=top):
        for x, value in enumerate(row):
            if isinstance(value, datetime):
                sheet.write_datetime(y, x, value, instant)
            elif isinstance(value, date):
                sheet.write_datetime(y, x, value, day)
            elif isinstance(value, str) and value.startswith("#"):
                sheet.write_formula(y, x, "=NA()", None, value)
            elif isinstance(value, str):
                sheet.write_string(y, x, value)
            elif value is not None:
                sheet.write(y, x, value)
    return sheet


def parquet(table: pa.Table) -> bytes:
    made = io.BytesIO()
    pq.write_table(table, made)
    return made.getvalue()


# -- names and formats -------------------------------------------------------------------------------

AB = [["a", "b"], ["1", "x"], ["2", "y"]]
WAYS: dict[str, bytes] = {
    "o.csv": GOOD,
    "O.CSV": GOOD,
    "o.txt": GOOD,
    "o": GOOD,
    "o.2026-01-01": GOOD,
    "o.tsv": GOOD.replace(b",", b"\t"),
    "O.TAB": GOOD.replace(b",", b"\t"),
    "o.csv.gz": gzip.compress(GOOD),
    "O.CSV.GZ": gzip.compress(GOOD),
    "o.gz": gzip.compress(GOOD),
    "o.tsv.gz": gzip.compress(GOOD.replace(b",", b"\t")),
    "two members.csv.gz": gzip.compress(GOOD[:5]) + gzip.compress(GOOD[5:]),
    "o.zip": zipped(("orders.csv", GOOD)),
    "o.csv.zip": zipped(("whatever", GOOD), ("__MACOSX/._whatever", b"x"), (".DS_Store", b"x")),
    "O.ZIP": zipped(("in/A.TSV", GOOD.replace(b",", b"\t"))),
    "packed without a suffix": gzip.compress(GOOD),
    "o.json": b'[{"a": 1, "b": "x"}, {"b": "y", "a": 2}]',
    "o.json.gz": gzip.compress(b'{"rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "n": 2}'),
    "o.ndjson": b'{"a": 1, "b": "x"}\n\n{"a": 2, "b": "y"}',
    "o.JSONL": b'{"a": 1, "b": "x"}\r\n{"a": 2, "b": "y"}\r\n',
    "json.zip": zipped(("o.ndjson", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n')),
    "o.xlsx": workbook(AB),
    "o.xlsx.gz": gzip.compress(workbook(AB)),
    "xlsx.zip": zipped(("o.xlsx", workbook(AB))),
    "a workbook without a suffix": workbook(AB),
    "o.parquet": parquet(pa.table({"a": [1, 2], "b": ["x", "y"]})),
    "parquet.zip": zipped(("o.parquet", parquet(pa.table({"a": [1, 2], "b": ["x", "y"]})))),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_table_in_every_form(name: str, tmp_path: Path) -> None:
    """The same two records, however they are written and packed, whatever the case of the name."""
    assert read(tmp_path, name, WAYS[name]) == READ
    assert unread(tmp_path / name, Shape()) is None


def test_the_setting_decides_over_the_name(tmp_path: Path) -> None:
    assert read(tmp_path, "o.txt", GOOD.replace(b",", b"\t"), Shape(format="tsv")) == READ
    assert read(tmp_path, "o.csv", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}', Shape(format="ndjson")) == READ
    assert read(tmp_path, "o.xls", workbook(AB), Shape(format="xlsx")) == READ
    assert read(tmp_path, "o.dat.gz", gzip.compress(GOOD), Shape(format="csv")) == READ


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
OTHERS = {
    "gzip as csv": ("o.csv", gzip.compress(GOOD), "this is a gzip file, not CSV"),
    "xlsx as csv": ("o.csv", workbook(AB), "this is an Excel workbook, not CSV"),
    "zip as csv": ("o.csv", zipped(("a", b"x")), "this is a zip file, not CSV"),
    "zip as xlsx": ("o.xlsx", zipped(("a.csv", GOOD)), "damaged"),
    "parquet as csv": ("o.csv", WAYS["o.parquet"], "this is a Parquet file, not CSV"),
    "json as csv": ("o.csv", WAYS["o.json"], "this is JSON, not CSV"),
    "csv as gzip": ("o.csv.gz", GOOD, "this is not a gzip file"),
    "csv as zip": ("o.zip", GOOD, "this is not a zip file"),
    "csv as xlsx": ("o.xlsx", GOOD, "this is not an Excel workbook"),
    "csv as parquet": ("o.parquet", GOOD, "this is not Parquet"),
    "csv as json": ("o.json", GOOD, "not valid JSON"),
    "ndjson as json": ("o.json", WAYS["o.ndjson"], 'set format = "ndjson"'),
    "old excel": ("o.xls", OLE, "old Excel workbook"),
    "old excel as xlsx": ("o.xlsx", OLE, "old Excel workbook"),
    "a password": ("o.xlsx", OLE + "EncryptedPackage".encode("utf-16-le"), "a workbook with a password"),
    "pdf": ("o.pdf", b"%PDF-1.7", "a PDF; export"),
    "pdf as csv": ("o.csv", b"%PDF-1.7", "a PDF; export"),
    "numbers": ("o.numbers", zipped(("a", b"x")), "a Numbers sheet"),
    "xls in a zip": ("o.zip", zipped(("o.xls", OLE)), "o.xls, which is not read"),
    "zip in a zip": ("o.zip", zipped(("o.zip", zipped(("a.csv", GOOD)))), "o.zip, which is not read"),
    "two in a zip": ("o.zip", zipped(("a.csv", GOOD), ("b.csv", GOOD)), "holds 2 files (a.csv, b.csv)"),
    "none in a zip": ("o.zip", zipped(), "holds no file"),
    "gzip in a zip": ("o.zip", zipped(("a.csv", gzip.compress(GOOD))), "this is a gzip file, not CSV"),
    "an empty gzip": ("o.csv.gz", b"", "not a gzip file"),
    "an empty workbook file": ("o.xlsx", b"", "the file is empty"),
    "a gzip cut short": ("o.csv.gz", gzip.compress(GOOD * 500)[:-20], "cut short"),
    "a gzip that is damaged": ("o.csv.gz", gzip.compress(GOOD)[:-6] + b"123456", "damaged"),
    "a zip cut short": ("o.zip", zipped(("a.csv", GOOD * 99))[:-30], "damaged or cut short"),
    "a workbook cut short": ("o.xlsx", workbook(AB)[:-90], "damaged or cut short"),
    "a Parquet cut short": ("o.parquet", WAYS["o.parquet"][:-20], "damaged or cut short"),
    "JSON of no records": ("o.json", b"[]", "no object with a name"),
    "JSON of a number": ("o.json", b"1", "no array of objects"),
    "JSON of two tables": ("o.json", b'{"a": [{"x": 1}], "b": [{"y": 1}]}', "2 arrays of objects (a, b)"),
    "JSON cut short": ("o.json", b'[{"a": 1}, {"a"', "not valid JSON (line 1"),
    "JSON nested deeply": ("o.json", b"[" * 100_000, "nested too deeply"),
    "JSON with a name twice": ("o.json", b'[{"a": 1, "a": 2}]', "a name twice"),
    "NDJSON of nothing": ("o.ndjson", b"\n\n", "no object with a name"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_a_file_is_instead(what: str, tmp_path: Path) -> None:
    """One sentence says what the file is and what to do; never that it should be saved as UTF-8."""
    name, content, said = OTHERS[what]
    text = fault(tmp_path, name, content)
    assert said in text
    assert "UTF-8" not in text
    assert ".part" not in text


def test_a_copy_bears_the_name_of_the_landed_file(tmp_path: Path) -> None:
    """The archive's copy is read; the landed file's name says the format, and is the one that is named."""
    copy = tmp_path / "o.csv.gz.part"
    copy.write_bytes(gzip.compress(GOOD))
    assert open_table(copy, Shape(), Path("landing/o.csv.gz")).names == ["a", "b"]
    copy.write_bytes(GOOD)
    with pytest.raises(FileError, match=r"\Alanding/o\.csv\.gz: this is not a gzip file"):
        open_table(copy, Shape(), Path("landing/o.csv.gz"))


@pytest.mark.parametrize(
    ("name", "said"), [("o.pdf", "a PDF"), ("o.xls", "old Excel"), ("o.ods", "OpenDocument"), ("o.numbers", "Numbers")]
)
def test_what_to_do_about_a_file_that_nothing_reads(name: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"whatever")
    assert said in str(unread(path, Shape()))
    assert str(path) not in str(unread(path, Shape()))


# -- bounds ------------------------------------------------------------------------------------------


def test_bombs(tmp_path: Path) -> None:
    """What unpacks to too much is read up to the bound and not further, whatever its headers claim."""
    bomb = b"a,b\n" + b"1,2\n" * 4_000_000
    with patch.object(streams, "FREE", 1 << 20), patch.object(streams, "MAX_RATIO", 20):
        for name, content in {"o.csv.gz": gzip.compress(bomb), "o.zip": zipped(("o.csv", bomb))}.items():
            assert "unpacks to more than 1 MiB" in fault(tmp_path, name, content)
        assert "unpacks to more than 1 MiB" in fault(
            tmp_path, "o.parquet.gz", gzip.compress(b"PAR1" + b"0" * 9_999_999)
        )
    with patch.object(streams, "MAX_UNPACKED", 1 << 20):
        assert "unpacks to more than 1 MiB" in fault(tmp_path, "o.csv.gz", gzip.compress(bomb))
        assert len(read(tmp_path, "o.csv.gz", gzip.compress(bomb[: 1 << 20]))[1]) > 200_000


def test_a_zip_whose_header_lies(tmp_path: Path) -> None:
    """The size that a zip file claims is not believed."""
    honest = zipped(("o.csv", GOOD * 100_000))
    size = (len(GOOD) * 100_000).to_bytes(4, "little")
    for claimed in (10, 1 << 31):
        lying = honest.replace(size, claimed.to_bytes(4, "little"))
        assert lying != honest
        with patch.object(streams, "FREE", 1 << 10), patch.object(streams, "MAX_RATIO", 2):
            assert "damaged" in (said := fault(tmp_path, "o.zip", lying)) or "unpacks to more" in said


def sheet_xml(content: bytes, cells: bytes, dimension: bytes = b"A1:B2") -> bytes:
    """A workbook with other cells in its first sheet."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            data = old.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                head, _, rest = data.partition(b"<sheetData>")
                tail = rest.partition(b"</sheetData>")[2]
                claimed = head[head.find(b"<dimension") :].partition(b"/>")[0]
                head = head.replace(claimed, b'<dimension ref="' + dimension + b'"')
                data = head + b"<sheetData>" + cells + b"</sheetData>" + tail
            new.writestr(part, data)
    return made.getvalue()


def test_a_sheet_that_claims_too_much(tmp_path: Path) -> None:
    """A dimension is only a claim; a cell far out is refused before anything makes room for it."""
    book = workbook(AB)
    with zipfile.ZipFile(io.BytesIO(book)) as opened:
        xml = opened.read("xl/worksheets/sheet1.xml")
    cells = xml.partition(b"<sheetData>")[2].partition(b"</sheetData>")[0]
    assert read(tmp_path, "o.xlsx", sheet_xml(book, cells, b"A1:XFD1048576")) == READ
    far = cells + b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert "claims 1,048,576 rows and 16,384 columns" in fault(tmp_path, "o.xlsx", sheet_xml(book, far))
    odd = (
        b"<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>",
        b'<row\tr\n=\n"1048576"><c r = "XFD1048576"><v>1</v></c></row>',
        b'<row r="1048576"><c r="xfd1048576"><v>1</v></c></row>',
        b'<row r="99999999999999"><c><v>1</v></c></row>',
        b'<row r="1048570"/>' + b"<row>" + b"<c/>" * 100 + b"</row>",
    )
    for written in odd:  # none of which Excel writes, and all of which are read
        assert "more than can be read" in fault(tmp_path, "o.xlsx", sheet_xml(book, cells + written))
    with patch.object(sheets, "MAX_XML", 1_000):
        assert "the workbook unpacks to more than" in fault(tmp_path, "o.xlsx", book)


@pytest.mark.parametrize("place", [b"-1", b"+0", b"0x", b"99", b""])
def test_a_text_that_is_not_in_the_list_of_texts(place: bytes, tmp_path: Path) -> None:
    """The library reads the first text in its place."""
    for cell in (b'<c r="A1" t="s"><v>%b</v></c>', b"<c r='A1' t = 's' ><v>%b</v></c>"):
        found = sheet_xml(workbook(AB), b'<row r="1">' + cell % place + b"</row>")
        assert "damaged" in fault(tmp_path, "o.xlsx", found)


def test_a_number_that_is_none(tmp_path: Path) -> None:
    cells = b'<row r="1"><c r="A1" t="str"><v>a</v></c></row><row r="2"><c r="A2"><v>1e999</v></c></row>'
    assert read(tmp_path, "o.xlsx", sheet_xml(workbook(AB), cells)) == (["a"], [["inf"]])


def test_other_bounds(tmp_path: Path) -> None:
    with patch.object(objects, "MAX_JSON", 10):
        assert "deliver it as NDJSON" in fault(tmp_path, "o.json", WAYS["o.json"])
    with patch.object(objects, "MAX_NAMES", 1):
        assert "more than 1 names" in fault(tmp_path, "o.json", WAYS["o.json"])
    with patch.object(columns, "MAX_UNPACKED", 10):
        assert "unpacks to more than" in fault(tmp_path, "o.parquet", WAYS["o.parquet"])


# -- workbooks ---------------------------------------------------------------------------------------


def test_cells_of_a_sheet(tmp_path: Path) -> None:
    """Each kind of cell is the text that a person would write for it, exactly."""
    values: dict[object, str] = {
        17850: "17850",
        17850.5: "17850.5",
        0.1 + 0.2: "0.3",  # as Excel writes it: with 16 digits
        -3: "-3",
        123456789012: "123456789012",
        1e15: "1000000000000000",
        0.000012: "0.000012",
        True: "true",
        "00123": "00123",
        " x ": " x ",
        "1e5": "1e5",
        "#N/A": "#N/A",
        "#REF!": "#REF!",
        date(2026, 9, 1): "2026-09-01",
        datetime.fromisoformat("2026-09-01T08:05"): "2026-09-01 08:05:00",
        "é\n€": "é\n€",
    }
    names, records = read(tmp_path, "o.xlsx", workbook([["x", "y"], *([v, "."] for v in values)]))
    assert names == ["x", "y"]
    assert records == [[text, "."] for text in values.values()]


def test_rows_of_a_sheet(tmp_path: Path) -> None:
    """Rows and cells that are empty are none, above the header too; a cell beyond the header makes a row malformed."""
    rows: Sequence[Sequence[object]] = [
        ["a", "b", None],
        [None, None],
        [1, None],
        [None, 2],
        ["", " "],
        [1, 2, 3],
        [4, 5, ""],
    ]
    assert read(tmp_path, "o.xlsx", workbook(rows, top=3)) == (
        ["a", "b"],
        [["1", ""], ["", "2"], '["1", "2", "3"]', ["4", "5"]],
    )
    above: Sequence[Sequence[object]] = [
        ["Report"],
        [None],
        ["from", 2026],
        ["A ", "b"],
        [1, 2],
        ["Total", 2],
        ["by", "hand"],
    ]
    for shape in (Shape(skip_lines=3, footers=("total",)), Shape(header_starts_with="a", footers=("TOT*",))):
        assert read(tmp_path, "o.xlsx", workbook(above), shape) == (["A ", "b"], [["1", "2"]])


def test_sheets_of_a_workbook(tmp_path: Path) -> None:
    """The one that is named, else the only visible one with data; otherwise it says which there are."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    fill(book, "Notes", [])
    fill(book, "Orders", AB)
    fill(book, "Old", [["c"], ["3"]]).hide()
    book.close()
    assert read(tmp_path, "o.xlsx", made.getvalue()) == READ
    assert read(tmp_path, "o.xlsx", made.getvalue(), Shape(sheet=" OLD ")) == (["c"], [["3"]])
    assert "'Notes', 'Orders', 'Old'" in fault(tmp_path, "o.xlsx", made.getvalue(), Shape(sheet="Neu"))
    two = io.BytesIO()
    book = xlsxwriter.Workbook(two, {"in_memory": True})
    fill(book, "May", AB)
    fill(book, "June", AB)
    book.close()
    assert "several sheets have data; set sheet to one of: 'May', 'June'" in fault(tmp_path, "o.xlsx", two.getvalue())
    assert read(tmp_path, "o.xlsx", two.getvalue(), Shape(sheet="june")) == READ
    assert "is empty" in fault(tmp_path, "o.xlsx", workbook([]))


# -- JSON and Parquet --------------------------------------------------------------------------------


def test_values_of_objects(tmp_path: Path) -> None:
    """Numbers as they are written; names that only some have; what is nested has its names joined."""
    first = '{"id": 12345678901234567890, "t": 17850.00, "e": 1e3, "f": null, "g": true,'
    first += ' "c": {"id": "C1", "n": {"x": 0}}}'
    second = '{"id": "A", "new": " é ", "l": [1.50, {"a": "b"}], "c": {}}'
    names, records = read(tmp_path, "o.ndjson", f"{first}\n{second}".encode())
    assert names == ["id", "t", "e", "f", "g", "c.id", "c.n.x", "new", "l"]
    assert records == [
        ["12345678901234567890", "17850.00", "1e3", "", "true", "C1", "0", "", ""],
        ["A", "", "", "", "", "", "", " é ", '[1.50, {"a": "b"}]'],
    ]


@pytest.mark.parametrize(("end", "said"), [("\r", "CR, as of old Macs"), ("\x85", "NEL"), ("\u2028", "U+2028")])
@pytest.mark.parametrize(
    ("header", "records"),
    [("a,b", ["1,x", "2,y"]), ("a,b", ["1,x"] * 300_000), ("a", ["1", "2"]), ("a,b", ['"1","x, z"', '"2",y'])],
    ids=["two", "more than a record may be", "one column", "quoted"],
)
def test_records_with_other_line_ends_than_the_header(
    end: str, said: str, header: str, records: list[str], tmp_path: Path
) -> None:
    """The cause is named once: they would be one malformed record, or one whose cells hold others."""
    told = fault(tmp_path, "o.csv", f"{header}\n{end.join(records)}{end}".encode())
    assert told.startswith(f": record 1 is several, for their lines end with {said}")
    mixed = "a,b\n1,x\n2,y\r3,z\n4,v\n"  # two in one line are one malformed record
    assert read(tmp_path, "o.csv", mixed.encode())[1] == [["1", "x"], "2,y\r3,z", ["4", "v"]]


def test_a_header_that_is_too_long_is_said_to_be(tmp_path: Path) -> None:
    for content in (b"a," + b"x" * (1 << 20) + b"\n1,2\n", b"a," + b"x" * (3 << 20)):
        assert fault(tmp_path, "o.csv", content).startswith(": the header is longer than 1 MiB; is this the right file")
    told = fault(tmp_path, "o.csv", b"a,b\r" * 600_000)
    assert told.startswith(": the header is longer than 1 MiB; does it end with CR, as of old Macs?")


@pytest.mark.parametrize("name", ["o.csv", "o.xlsx"])
def test_a_second_header_with_the_names_in_another_order(name: str, tmp_path: Path) -> None:
    """The records below it would be read in the wrong columns; the same header once more is a record."""
    rows = [["id", "name"], ["1", "x"], ["ID", "name"], ["name", "3"], ["\ufeffname", "id"], ["y", "2"]]
    content = workbook(rows) if name == "o.xlsx" else "".join(f"{a},{b}\n" for a, b in rows).encode()
    assert fault(tmp_path, name, content).startswith(": record 4 is another header, with the same names in another")
    content = workbook(rows[:4]) if name == "o.xlsx" else "".join(f"{a},{b}\n" for a, b in rows[:4]).encode()
    assert read(tmp_path, name, content) == (rows[0], rows[1:4])


def test_records_that_are_no_objects(tmp_path: Path) -> None:
    """They are malformed, with their number and text; the others are read."""
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    lines = [b'{"a": 1}', b"{a: 2}", b"3", b'{"a": 4, "a": 5}', b'{"a": {"b": 1}, "a.b": 2}', b'{"a": "\xff"}', deep]
    names, records = read(tmp_path, "o.ndjson", b"\n".join([*lines, b'{"a": 8}']))
    assert names == ["a"]
    assert [one if isinstance(one, str) and len(one) < 99 else len(one) for one in records] == [
        1,
        "{a: 2}",
        "3",
        '{"a": 4, "a": 5}',
        '{"a": {"b": 1}, "a.b": 2}',
        '{"a": "\\xff"}',
        len(deep),
        1,
    ]
    assert read(tmp_path, "o.json", b'[{"a": 1}, 2, [3], {"a": "4"}]') == (["a"], [["1"], "2", "[3]", ["4"]])


def test_half_a_character(tmp_path: Path) -> None:
    """JSON can say one, and no text can hold it: the record is malformed, be it in a value or in a name."""
    lines = [b'{"a": "\\ud800"}', b'{"\\udfff": 1}', b'["\\ud800"]', b'{"a": "\\ud83d\\ude00"}']
    assert read(tmp_path, "o.ndjson", b"\n".join(lines))[1] == [*(one.decode() for one in lines[:3]), ["😀"]]
    assert read(tmp_path, "o.json", b"[" + b",".join(lines) + b"]")[1] == [
        '{"a": "\\ud800"}',
        '{"\\udfff": 1}',
        '["\\ud800"]',
        ["😀"],
    ]
    assert "has a name twice" in fault(tmp_path, "o.json", b'[{"\\ud800": 1, "\\ud800": 2}]')


def test_a_long_line_of_objects_costs_itself(tmp_path: Path) -> None:
    with patch.object(ours, "MAX_RECORD", 100):
        long = b'{"a": "' + b"x" * 300 + b'"}'
        _, records = read(tmp_path, "o.ndjson", b'{"a": 1}\n' + long + b'\n{"a": 2}')
    assert [r if isinstance(r, list) else len(r) for r in records] == [["1"], 100, ["2"]]


def test_values_of_parquet(tmp_path: Path) -> None:
    """Days and instants as ISO, decimals as they are, numbers without an exponent, an absent value as an empty cell."""
    instant = datetime(2026, 9, 1, 8, 5, 0, tzinfo=UTC)
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int64()),
            "f": pa.array([17850.0, 1e-7], pa.float64()),
            "s": pa.array([12.5, 1e20], pa.float32()),
            "d": pa.array([Decimal("5.10"), Decimal("-0.01")], pa.decimal128(18, 2)),
            "day": pa.array([date(2026, 9, 1), None], pa.date32()),
            "z": pa.array([instant, instant + timedelta(microseconds=120_000)], pa.timestamp("us", "Europe/Berlin")),
            "n": pa.array([datetime.fromisoformat("2026-09-01"), None], pa.timestamp("ns")),
            "b": pa.array([True, False]),
            "t": pa.array(["x", None]).dictionary_encode(),
            "o": pa.array([{"id": 1, "k": {"v": "x"}}, None]),
            "l": pa.array([[1, 2], None], pa.list_(pa.int64())),
        }
    )
    names, records = read(tmp_path, "o.parquet", parquet(table))
    assert names == ["i", "f", "s", "d", "day", "z", "n", "b", "t", "o.id", "o.k.v", "l"]
    first = ["1", "17850", "12.5", "5.10", "2026-09-01", "2026-09-01T08:05:00Z", "2026-09-01T00:00:00", "true", "x"]
    assert records[0] == [*first, "1", "x", "[1, 2]"]
    second = ["", "0.0000001", "100000000000000000000", "-0.01", "", "2026-09-01T08:05:00.12Z", "", "false", ""]
    assert records[1] == [*second, "", "", ""]


def test_long_texts_that_parquet_states_once(tmp_path: Path) -> None:
    """They are bounded as what they unpack to, and are not made all at once."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0, 0, 1] * 500, pa.int32()), pa.array(["x" * 1_000, "y"]))
    once = parquet(pa.table({"a": texts, "b": texts.cast(pa.string())}))
    shared = io.BytesIO()
    rows = pa.table({"a": [f"{'x' * 1_000}{n}" for n in range(1_500)]})
    pq.write_table(rows, shared, use_dictionary=False, column_encoding={"a": "DELTA_BYTE_ARRAY"})
    for content in (once, shared.getvalue()):
        with patch.object(columns, "PIECE", 10_000):
            _, records = read(tmp_path, "o.parquet", content)
        assert [len(record[0]) for record in records] in ([1_000, 1_000, 1] * 500, [*map(len, rows["a"].to_pylist())])
        with patch.object(columns, "MAX_UNPACKED", 500_000):
            assert "unpacks to more than" in fault(tmp_path, "o.parquet", content)


# -- encodings ---------------------------------------------------------------------------------------

ENCODINGS = [
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "cp1252",
    "latin-1",
    "gbk",
    "shift_jis",
    "cp037",
    "utf-8-sig",
]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings(encoding: str, tmp_path: Path) -> None:
    """What is in the file is in the records, packed or not."""
    word = {"gbk": "中文", "shift_jis": "日本"}.get(encoding, "Zürich")
    content = f'a,b\r\n1,{word}\r\n2,"{word}\n"\r\n'.encode(encoding)
    said = (["a", "b"], [["1", word], ["2", f"{word}\n"]])
    assert read(tmp_path, "o.csv", content, Shape(encoding=encoding)) == said
    assert read(tmp_path, "o.csv.gz", gzip.compress(content), Shape(encoding=encoding)) == said


TEXTS = st.text(st.sampled_from('ab1,;"\n\r\t €äß日😀'), max_size=40)


@RELAXED
@given(body=TEXTS, encoding=st.sampled_from(["utf-16", "utf-16-be", "utf-16-le", "gb18030"]), block=st.integers(1, 9))
def test_any_text_in_another_encoding(body: str, encoding: str, block: int, tmp_path: Path) -> None:
    """The records of the same text in UTF-8, wherever the file is cut for reading."""
    text = f"a,b\n{body}"
    parsed = csvfile.parse(text.encode())
    wanted = [r.fields if r.raw_line is None else r.raw_line for r in parsed.records]
    with patch.object(streams, "_BLOCK", block):
        assert read_any(tmp_path, "o.csv", text.encode(encoding), Shape(encoding=encoding)) == (parsed.header, wanted)


@RELAXED
@given(body=st.lists(st.sampled_from([b"x", b",", b"\n", b"\x81", b"\xe9", b'"', b"1,2\n", b"\r\n"]), max_size=30))
def test_bytes_that_are_no_text(body: list[bytes], tmp_path: Path) -> None:
    r"""0x81 is none in cp1252: its record is malformed, and its raw line shows it as \x81; no character replaces it."""
    content = b"a,b\n" + b"".join(body)
    parsed = csvfile.parse(content.replace(b"\xe9", "é".encode()))  # in UTF-8 a lone 0x81 is no text either
    wanted = [r.fields if r.raw_line is None else r.raw_line for r in parsed.records]
    assert read_any(tmp_path, "o.csv", content, Shape(encoding="cp1252")) == (parsed.header, wanted)


def test_halves_of_characters(tmp_path: Path) -> None:
    """An odd byte at the end of UTF-16, half a surrogate, two lead bytes that would be UTF-8 together."""
    content = "a,b\n1,2\n3,".encode("utf-16-le") + b"\x00\xd8" + ",\n5,6".encode("utf-16-le") + b"7"
    assert read(tmp_path, "o.csv", content, Shape(encoding="utf-16-le"))[1] == [["1", "2"], "3,\\x00\\xd8,", "5,6\\x37"]
    said = read(tmp_path, "o.csv", b"a,b\n1,\xff\xff\n3,4\n", Shape(encoding="gbk"))[1]
    assert said == ["1,\\xff\\xff", ["3", "4"]]


WRONG = {
    "a UTF-16 mark": ("utf-8", "a,b\n1,2\n".encode("utf-16"), 'set encoding = "utf-16"'),
    "UTF-16 without a mark": ("utf-8", "a,b\n1,2\n".encode("utf-16-le"), 'set encoding = "utf-16"'),
    "UTF-16 as cp1252": ("cp1252", "a,b\n1,2\n".encode("utf-16-be"), 'set encoding = "utf-16"'),
    "a UTF-16 mark as cp1252": ("cp1252", "a,b\n1,2\n".encode("utf-16"), 'set encoding = "utf-16"'),
    "cp1252 as UTF-8": ("utf-8", "Bestellung,Käufer\n".encode("cp1252"), 'such as "cp1252"'),
    "UTF-8 with a mark as cp1252": ("cp1252", "a,b\n".encode("utf-8-sig"), 'set encoding = "utf-8"'),
    "cp1252 as UTF-16": ("utf-16", b"a,b\n1,2\n", "do not show that the file is UTF-16"),
}


@pytest.mark.parametrize("what", WRONG)
def test_another_encoding_than_the_settings_say(what: str, tmp_path: Path) -> None:
    """The sentence names the setting and its value."""
    encoding, content, said = WRONG[what]
    assert said in fault(tmp_path, "o.csv", content, Shape(encoding=encoding))


# -- where the table is ------------------------------------------------------------------------------

READ_ONE: Said = (["a", "b"], [["1", "x"]])
PLACES: dict[str, tuple[bytes, Shape, Said, int]] = {
    "sep": (b"sep=;\na;b\n1;x\n", Shape(), (["a", "b"], [["1", "x"]]), 0),
    "sep with a mark, crlf": (b"\xef\xbb\xbfSEP=\t\r\na\tb\r\n1\tx\r\n", Shape(), (["a", "b"], [["1", "x"]]), 0),
    "sep quoted": (b'"sep=|"\na|b\n1|x\n', Shape(), (["a", "b"], [["1", "x"]]), 0),
    "sep is over the setting": (b"sep=,\na,b\n1,x\n", Shape(delimiter=";"), (["a", "b"], [["1", "x"]]), 0),
    "sep is one of the lines": (b"sep=;\n\na;b\n1;x\n", Shape(skip_lines=2), (["a", "b"], [["1", "x"]]), 0),
    "a column called sep": (b"sep=x,b\n1,x\n", Shape(), (["sep=x", "b"], [["1", "x"]]), 0),
    "lines": (b"Report\n\n1,2,3\na,b\n1,x\n", Shape(skip_lines=3), (["a", "b"], [["1", "x"]]), 0),
    "lines with a quote": (b'He said "\n"\na,b\n1,x\n', Shape(skip_lines=2), (["a", "b"], [["1", "x"]]), 0),
    "begins": (b'Report\n"x"y\n\n A ,b\n1,x\n', Shape(header_starts_with="a"), ([" A ", "b"], [["1", "x"]]), 0),
    "begins, below lines": (b"a,c\nz\na,b\n1,x\n", Shape(skip_lines=1, header_starts_with="A"), READ_ONE, 0),
    "blank rows": (b",,\na,b\n1,x\n,\n , \n,,,\n\n", Shape(ignore_blank_rows=True), READ_ONE, 0),
    "blank rows are records": (b"a,b\n1,x\n,\n", Shape(), (["a", "b"], [["1", "x"], ["", ""]]), 0),
    "surplus": (
        b"a,b,\n1,x\n2,y,\n3,z,,\n4,w,v\n",
        Shape(ignore_surplus_cells=True),
        (["a", "b"], [["1", "x"], ["2", "y"], ["3", "z"], "4,w,v"]),
        0,
    ),
    "all surplus": (b"a,b\n1,x,\n2,y, \n", Shape(ignore_surplus_cells=True), READ, 0),
    "surplus is malformed": (b"a,b\n1,x,\n", Shape(), (["a", "b"], ["1,x,"]), 0),
    "footer": (b"a,b\n1,x\nTotal,\n2,y\n", Shape(footers=("total",)), READ_ONE, 2),
    "footer of another width": (
        b"a,b\n1,x\n2 record(s) downloaded\n\nx\n",
        Shape(footers=("*record(s)*",)),
        READ_ONE,
        2,
    ),
    "footer in quotes": (b'a,b\n1,x\n" TOTAL: 5",,,\n', Shape(footers=("x", "total*")), READ_ONE, 1),
    "footer filled up": (
        b"a,b,c,d,e,f\n1,2,3,4,5,6\n2,record(s) downloaded,,,,\n",
        Shape(footers=("*record(s)*",)),
        (list("abcdef"), [list("123456")]),
        1,
    ),
    "a word of a footer in a record": (
        b"a,b,c,d,e,f\n1,record(s),,4,,\n,record(s),,,,\n",
        Shape(footers=("*record(s)*",)),
        (list("abcdef"), [["1", "record(s)", "", "4", "", ""], ["", "record(s)", "", "", "", ""]]),
        0,
    ),
    "no footer": (
        b"a,b\n1,x\nTotals,y\n",
        Shape(footers=("total", "?otals")),
        (["a", "b"], [["1", "x"], ["Totals", "y"]]),
        0,
    ),
    "another quote": (
        b"a,b\n'1',x\n2,'it''s, \"y\"'\n",
        Shape(quote="'"),
        (["a", "b"], [["1", "x"], ["2", 'it\'s, "y"']]),
        0,
    ),
    "no quote": (b'a,b\n"1,x"\n2,"y\n', Shape(quote=""), (["a", "b"], [['"1', 'x"'], ["2", '"y']]), 0),
    "escape": (
        b'a,b\n"1\\"","x\\\\"\n\\N,a\\,b\n3,c\\\nd\n4,\\e\n',
        Shape(escape="\\"),
        (["a", "b"], [['1"', "x\\"], ["\\N", "a,b"], ["3", "c\nd"], ["4", "\\e"]]),
        0,
    ),
    "escape, doubled": (
        b'a,b\n"1""",x\n"2\\\r\n",\\"y\n',
        Shape(escape="\\"),
        (["a", "b"], [['1"', "x"], ["2\r\n", '"y']]),
        0,
    ),
    "escape without quotes": (
        b"a\tb\n1\t\\\t\n",
        Shape(delimiter="\t", quote="", escape="\\"),
        (["a", "b"], [["1", "\t"]]),
        0,
    ),
}


@pytest.mark.parametrize("chunk", [1 << 24, 7, 1])
@pytest.mark.parametrize("what", PLACES)
def test_where_the_table_is(what: str, chunk: int, tmp_path: Path) -> None:
    """Above, below and beside the table nothing is read, and it is counted; record 1 is the first below the header."""
    content, shape, said, below = PLACES[what]
    with patch.object(ours, "CHUNK", chunk):
        assert read(tmp_path, "o.csv", content, shape) == said
        table = open_table(tmp_path / "o.csv", shape)
        list(table.stretches())
    assert table.unread == below


def test_a_header_that_is_not_there(tmp_path: Path) -> None:
    assert "no line begins with a cell 'Order'" in fault(tmp_path, "o.csv", GOOD, Shape(header_starts_with="Order"))
    assert "no line begins with a cell 'Order'" in fault(
        tmp_path, "o.xlsx", workbook(AB), Shape(header_starts_with="Order")
    )
    assert "below the first 9 lines" in fault(tmp_path, "o.csv", GOOD, Shape(skip_lines=9))
    assert "is empty" in fault(tmp_path, "o.csv.gz", gzip.compress(b"\n\n"))


ESCAPING = st.lists(
    st.sampled_from(["\\", '"', ",", "\n", "\r\n", "\r", "N", "x", " ", '\\"', "\\\\", "\\,", "\\\n", '""', "1,2\n"]),
    max_size=30,
).map("".join)


@RELAXED
@given(body=ESCAPING, chunk=st.sampled_from([1 << 24, 1, 2, 3, 7]))
def test_any_text_with_escapes(body: str, chunk: int, tmp_path: Path) -> None:
    """The records that a plain reader finds, character by character."""
    with patch.object(ours, "CHUNK", chunk):
        got = read_any(tmp_path, "o.csv", b"a,b\n" + body.encode(), Shape(escape="\\"))
    assert got == (["a", "b"], escaped_records(body, 2))


def escaped_records(text: str, width: int) -> list[list[str] | str]:
    """docs/files.md, "quote" and "escape", in plain Python."""
    found: list[list[str] | str] = []
    at = 0
    while at < len(text):
        cells, end, after = escaped_record(text, at)
        raw = text[at:end]
        at = after
        if raw.strip(" \t"):
            found.append(cells if cells is not None and len(cells) == width else raw)
    return found


def escaped_record(text: str, at: int) -> tuple[list[str] | None, int, int]:
    """The cells of a record (None if its quotes are broken), where it ends, and where the next one begins."""
    start, cells = at, []
    while True:
        quoted = text[at:].lstrip(" \t").startswith('"')
        cell = ""
        if quoted:
            at = text.index('"', at) + 1
            while True:
                if at >= len(text):
                    return first_line(text, start)
                if text[at : at + 2] == '""':
                    cell, at = cell + '"', at + 2
                elif text[at] == '"':
                    at += 1
                    break
                else:
                    piece, at = escaped_character(text, at)
                    cell += piece
            while text[at : at + 1] in (" ", "\t") and at < len(text):
                at += 1
        else:
            while at < len(text) and text[at] not in ",\n" and text[at : at + 2] != "\r\n":
                piece, at = escaped_character(text, at)
                cell += piece
        end = at
        after = at + 2 if text[at : at + 2] == "\r\n" else at + 1
        if at < len(text) and text[at] not in ",\n" and text[at : at + 2] != "\r\n":
            return first_line(text, start)
        cells.append(cell)
        if at >= len(text) or text[at] != ",":
            return cells, end, after
        at += 1


def escaped_character(text: str, at: int) -> tuple[str, int]:
    if text[at] != "\\":
        return text[at], at + 1
    if text[at + 1 : at + 3] == "\r\n":
        return "\r\n", at + 3
    if text[at + 1 : at + 2] in ("\r", "\n", '"', ",", "\\") and at + 1 < len(text):
        return text[at + 1], at + 2
    return text[at : at + 2], at + 2


def first_line(text: str, start: int) -> tuple[None, int, int]:
    newline = text.find("\n", start)
    if newline < 0:
        return None, len(text), len(text)
    return None, newline - (text[newline - 1] == "\r" and newline > start), newline + 1


# -- the settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"format": "xls"}, "format is 'xls'; use csv, tsv, xlsx, ndjson, json, parquet"),
        ({"encoding": "utf-9"}, "encoding is 'utf-9'; use a name such as utf-8, utf-16, cp1252"),
        ({"encoding": "rot13"}, "encoding is 'rot13'"),
        ({"quote": "''"}, "quote is \"''\"; use one character"),
        ({"escape": "\n"}, "escape is '\\n'; use one character"),
        ({"escape": '"'}, "one character as two of delimiter, quote and escape"),
        ({"skip_lines": -1}, "skip_lines is -1"),
        ({"shapes": {"pos": {"files": "p*", "format": "doc"}}}, "sources.orders.shapes.pos.format is 'doc'"),
    ],
)
def test_a_setting_that_cannot_be(said: dict[str, object], sentence: str) -> None:
    """One sentence names the setting."""
    with pytest.raises(UsageError) as error:
        load(sources={"orders": said})
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "shape",
    [
        Shape(),
        Shape(delimiter=";", encoding="cp1252", footers=("Total", "*x"), skip_lines=2, quote="", escape="\\"),
        Shape(
            columns={"a": "A", "b": ("B", "C"), "c": Computed(product=("D", "E")), "d": Computed(constant="EUR")},
            values={"order_status": {"paid": "completed"}},
            line_id=("A", "B"),
            date_format=("dd.MM.yyyy", "M/d/yyyy"),
            null_values=("NULL", ""),
        ),
        Shape(line_id="position", date_format="dd.MM.yyyy"),
    ],
)
def test_a_shape_is_kept_as_text(shape: Shape) -> None:
    """What the ledger keeps of a shape is the shape without its file patterns; of the default it keeps nothing."""
    text = delivery.written(replace(shape, files=("pos*",)))
    assert delivery.read(text) == shape
    assert (text == "") == (shape == Shape())
    assert (
        delivery.written(Delivery(**{f.name: getattr(shape, f.name) for f in fields(Shape)}, absence="close")) == text
    )
