"""Workbooks: macros, external entities, links, bombs, and sheets that say they are larger than anything."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import xlsxwriter

from tests.attack.files import CANARY, Record
from tests.attack.formats_packed import ROWS, Made, file, zipped

_NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def _book() -> bytes:
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    sheet = book.add_worksheet()
    for y, row in enumerate((ROWS.header, *ROWS.cells)):
        for x, cell in enumerate(row):
            sheet.write_string(y, x, cell)
    book.close()
    return made.getvalue()


BOOK = _book()
with zipfile.ZipFile(io.BytesIO(BOOK)) as _opened:
    PARTS: Mapping[str, bytes] = {name: _opened.read(name) for name in _opened.namelist()}
_SHEET, _TEXTS, _MAIN = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"


def book(**parts: bytes | None) -> bytes:
    """The workbook with other parts: named by what stands before their `.xml`."""
    places = {"sheet": _SHEET, "texts": _TEXTS, "main": _MAIN, "types": "[Content_Types].xml"}
    places |= {"links": "xl/_rels/workbook.xml.rels", "macros": "xl/vbaProject.bin", "more": "xl/media/image1.xml"}
    said = {places[name]: content for name, content in parts.items()}
    whole = {**PARTS, **said}
    return zipped(*((name, content) for name, content in whole.items() if content is not None))


def entity(part: str, declaration: str, use: str = "&x;") -> bytes:
    """A part with a document type before it, and an entity in its first text."""
    content = PARTS[part].decode()
    begin = content.index("?>") + 2
    root = content[begin:].lstrip()[1:].split()[0].split(">")[0]
    changed = content[begin:].replace(ROWS.cells[0][5], use or ROWS.cells[0][5], 1)
    return f"{content[:begin]}<!DOCTYPE {root} [{declaration}]>{changed}".encode()


_LAUGHS = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
_FILE, _WEB = '<!ENTITY x SYSTEM "file:///etc/passwd">', '<!ENTITY x SYSTEM "http://127.0.0.1:9/x">'
_PARAMETER = '<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;'


def sheet(rows: str, dimension: str = "A1:F4") -> bytes:
    """A sheet of this XML."""
    said = f'<worksheet xmlns="{_NS}"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{said}'.encode()


def _inline(cells: tuple[str, ...], row: int, quote: str = '"') -> str:
    q = quote
    said = "".join(
        f"<c r={q}{'ABCDEF'[n]}{row}{q} t={q}inlineStr{q}><is><t>{cell}</t></is></c>" for n, cell in enumerate(cells)
    )
    return f"<row r={q}{row}{q}>{said}</row>"


_ALL = "".join(_inline(row, n + 1) for n, row in enumerate((ROWS.header, *ROWS.cells)))
_APOSTROPHES = "".join(_inline(row, n + 1, "'") for n, row in enumerate((ROWS.header, *ROWS.cells)))
_FAR = "<row r={0}1048576{0}><c r={0}XFD1048576{0} t={0}inlineStr{0}><is><t>x</t></is></c></row>"
_NO = ()
SHEETS: tuple[Made, ...] = (
    file("workbook", ".xlsx", BOOK, fine=True),
    file("workbook of inline texts", ".xlsx", book(sheet=sheet(_ALL)), fine=True),
    file("workbook in apostrophes", ".xlsx", book(sheet=sheet(_APOSTROPHES))),
    file("workbook with macros", ".xlsm", book(macros=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096), fine=True),
    file("workbook that says it is a macro", ".xlsm", BOOK, fine=True),
    *(
        file(f"workbook with {name} in {part}", ".xlsx", book(**{part: entity(place, said, use)}))
        for part, place in (
            ("texts", _TEXTS),
            ("sheet", _SHEET),
            ("main", _MAIN),
            ("links", "xl/_rels/workbook.xml.rels"),
        )
        for name, said, use in (
            ("a file entity", _FILE, "&x;"),
            ("a web entity", _WEB, "&x;"),
            ("a parameter entity", _PARAMETER, ""),
            ("a billion laughs", _LAUGHS, "&a9;"),
        )
    ),
    file(
        "workbook with a link to a file",
        ".xlsx",
        book(
            links=PARTS["xl/_rels/workbook.xml.rels"].replace(
                b'Target="worksheets/sheet1.xml"', b'Target="../../../../etc/passwd"'
            )
        ),
    ),
    file(
        "workbook with a link to the web",
        ".xlsx",
        book(
            links=PARTS["xl/_rels/workbook.xml.rels"].replace(
                b'Target="worksheets/sheet1.xml"', b'TargetMode="External" Target="http://127.0.0.1:9/x"'
            )
        ),
    ),
    file("workbook with a bomb beside", ".xlsx", lambda: book(more=b" " * (700 << 20))),
    file("workbook with a bomb in its sheet", ".xlsx", lambda: book(sheet=sheet(_ALL + " " * (300 << 20)))),
    file("workbook with a bomb in its texts", ".xlsx", lambda: book(texts=PARTS[_TEXTS] + b" " * (300 << 20))),
    file("workbook that says it is large", ".xlsx", book(sheet=sheet(_ALL, "A1:XFD1048576"))),
    file("workbook with a cell far away", ".xlsx", book(sheet=sheet(_ALL + _FAR.format('"')))),
    file("workbook with a cell far away in apostrophes", ".xlsx", book(sheet=sheet(_ALL + _FAR.format("'")))),
    file(
        "workbook with a cell far away in lines",
        ".xlsx",
        book(sheet=sheet(_ALL + _FAR.format('"').replace(" r=", "\n r\n=\n"))),
    ),
    file(
        "workbook with a cell far away in capitals",
        ".xlsx",
        book(sheet=sheet(_ALL + _FAR.format('"').replace("XFD", "xfd"))),
    ),
    file(
        "workbook with a row far away",
        ".xlsx",
        book(sheet=sheet(_ALL + '<row r="99999999999999"><c><v>1</v></c></row>')),
    ),
    file("workbook with cells nowhere", ".xlsx", book(sheet=sheet(_ALL.replace(' r="A2"', "")))),
    file(
        "workbook with a text that is not there",
        ".xlsx",
        book(sheet=sheet(_inline(ROWS.header, 1) + '<row r="2"><c r="A2" t="s"><v>99</v></c></row>')),
        records=_NO,
    ),
    file(
        "workbook with an index below zero",
        ".xlsx",
        book(sheet=sheet(_inline(ROWS.header, 1) + '<row r="2"><c r="A2" t="s"><v>-1</v></c></row>')),
        records=_NO,
    ),
    file(
        "workbook with an index of letters",
        ".xlsx",
        book(sheet=sheet(_inline(ROWS.header, 1) + "<row r='2'><c r='A2' t = 's' ><v>1x</v></c></row>")),
        records=_NO,
    ),
    file(
        "workbook with rows without places",
        ".xlsx",
        book(sheet=sheet(_ALL + "<row/>" * 3 + '<row r="900000"/>' + "<row><c/><c/></row>" * 200_000)),
    ),
    file(
        "workbook with days out of range",
        ".xlsx",
        book(
            sheet=sheet(
                _inline(ROWS.header, 1)
                + '<row r="2"><c r="A2" t="d"><v>9999-99-99</v></c><c r="B2"><v>1e999</v></c></row>'
            )
        ),
        records=(Record("9999-99-99", (("9999-99-99", "inf", "", "", "", ""),)),),
    ),
    file("workbook without a sheet", ".xlsx", book(sheet=None)),
    file("workbook without texts", ".xlsx", book(texts=None)),
    file("workbook without a book", ".xlsx", book(main=None)),
    file("workbook of broken XML", ".xlsx", book(sheet=PARTS[_SHEET][:-40])),
    file("workbook in UTF-16", ".xlsx", book(sheet=sheet(_ALL).decode().replace("UTF-8", "UTF-16").encode("utf-16"))),
    file(
        "workbook of a text of 40 MB", ".xlsx", lambda: book(sheet=sheet(_inline(("x" * (40 << 20),), 1))), records=_NO
    ),
    file("workbook of deep XML", ".xlsx", book(sheet=sheet("<a>" * 200_000 + "</a>" * 200_000)), records=_NO),
    *(file(f"workbook cut at {at}", ".xlsx", BOOK[:at]) for at in (4, 100, len(BOOK) // 2, len(BOOK) - 1)),
    file(
        "workbook with a password",
        ".xlsx",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512 + "EncryptedPackage".encode("utf-16-le"),
    ),
    file("workbook that is text", ".xlsx", f"{CANARY}\n".encode(), records=_NO),
)
