"""Packed files: bombs, nested ones, paths that lead out, and what is damaged."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import zipfile
from collections.abc import Callable

from tests.attack.corpus import exact, text
from tests.attack.files import CANARY, HostileFile, Record
from tests.attack.rows import HEADERS, Rows

Made = Callable[[int], HostileFile]
ROWS = Rows(
    "orders",
    HEADERS["orders"],
    tuple((f"F0000R{n}E", "C1", "P1", "2025-01-01", "5.00", f"{CANARY} {n}") for n in range(3)),
)
CSV = text(ROWS).encode()
FILLER = b"X1,C1,P1,2025-01-01,5.00,x\n"


def file(
    kind: str,
    suffix: str,
    content: bytes | Callable[[], bytes],
    *,
    fine: bool = False,
    records: tuple[Record, ...] | None = None,
) -> Made:
    """A file of this content; what is large is made when it is its turn. fine: all of its rows must be read."""
    found = exact(ROWS) if records is None else records

    def made(number: int) -> HostileFile:
        data = content if isinstance(content, bytes) else content()
        return HostileFile(number, kind, "orders", data, ROWS.header, found, {}, suffix, fine)

    return made


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file of these members."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return made.getvalue()


def bomb(mebibytes: int) -> bytes:
    """A gzip of a table of so many MiB of blanks."""
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", mtime=0) as packed:
        packed.write(CSV)
        block = b"," * (1 << 20)
        for _ in range(mebibytes):
            packed.write(block)
    return made.getvalue()


def _link() -> bytes:
    """A member that is a link to another file."""
    info = zipfile.ZipInfo("link.csv")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return zipped((info, b"/etc/passwd"))


def _locked() -> bytes:
    """A member whose headers say that it is encrypted."""
    data = bytearray(zipped(("x.csv", CSV)))
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _lying(field: int, value: int) -> bytes:
    """A member whose size in the directory is another than its own."""
    data = bytearray(zipped(("x.csv", CSV)))
    at = data.index(b"PK\x01\x02") + field
    data[at : at + 4] = struct.pack("<I", value)
    return bytes(data)


def _overlapping() -> bytes:
    """A directory in which two names have the same bytes."""
    data = zipped(("x.csv", CSV))
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[start:end]
    tail = bytearray(data[end:])
    struct.pack_into("<HHII", tail, 8, 2, 2, 2 * len(entry), start)
    return data[:start] + entry + entry.replace(b"x.csv", b"y.csv") + bytes(tail)


def _twice() -> bytes:
    """Two members of one name."""
    return zipped(("x.csv", CSV), ("y.csv", CSV)).replace(b"y.csv", b"x.csv")


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


_PLAIN, _ZIP = gzip.compress(CSV, mtime=0), zipped(("x.csv", CSV))
_NO = ()
PACKED: tuple[Made, ...] = (
    file("gzip", ".csv.gz", _PLAIN, fine=True),
    file("gzip of two parts", ".csv.gz", _PLAIN + gzip.compress(b"", mtime=0), fine=True),
    file("gzip with zeros behind", ".csv.gz", _PLAIN + b"\0" * 512),
    file("gzip with text behind", ".csv.gz", _PLAIN + b"PK garbage"),
    file("gzip bomb", ".csv.gz", lambda: bomb(400)),
    file("gzip bomb of many lines", ".csv.gz", lambda: gzip.compress(CSV + FILLER * 6_000_000, mtime=0)),
    file("gzip of a gzip", ".csv.gz", gzip.compress(_PLAIN, mtime=0)),
    file("gzip of gzips", ".csv.gz.gz", gzip.compress(_PLAIN, mtime=0)),
    file("gzip of nothing", ".csv.gz", gzip.compress(b"", mtime=0), records=_NO),
    file("gzip without a byte", ".csv.gz", b"", records=_NO),
    file("gzip that is text", ".csv.gz", CSV),
    *(file(f"gzip cut at {at}", ".csv.gz", _PLAIN[:at]) for at in (1, 5, 12, len(_PLAIN) // 2, len(_PLAIN) - 1)),
    *(file(f"gzip flipped at {at}", ".csv.gz", _flipped(_PLAIN, at)) for at in (3, 14, 40, len(_PLAIN) - 6)),
    file("zip", ".zip", _ZIP, fine=True),
    file("zip of lzma", ".zip", zipped(("x.csv", CSV), method=zipfile.ZIP_LZMA)),
    file("zip of bzip2", ".zip", zipped(("x.csv", CSV), method=zipfile.ZIP_BZIP2)),
    file("zip of nothing", ".zip", zipped(), records=_NO),
    file("zip of a folder", ".zip", zipped(("x/", b"")), records=_NO),
    file("zip of two", ".zip", zipped(("x.csv", CSV), ("y.csv", CSV))),
    file("zip of one name twice", ".zip", _twice()),
    file("zip of many", ".zip", lambda: zipped(*((f"{n}.csv", b"") for n in range(20_000)))),
    file("zip of a zip", ".zip", zipped(("x.zip", _ZIP))),
    file("zip of zips", ".zip", zipped(("x.zip", zipped(("x.zip", _ZIP))))),
    file("zip of a workbook name", ".zip", zipped(("x.xlsx", CSV))),
    file("zip that leads out", ".zip", zipped(("../../out.csv", CSV))),
    file("zip that begins at the root", ".zip", zipped(("/tmp/out.csv", CSV))),
    file("zip with backslashes", ".zip", zipped(("..\\..\\out.csv", CSV))),
    file("zip with an escape in its name", ".zip", zipped(("\x1b[31m.csv", CSV))),
    file("zip of a link", ".zip", _link(), records=_NO),
    file("zip with a password", ".zip", _locked()),
    file("zip bomb", ".zip", lambda: zipped(("x.csv", CSV + b"," * (200 << 20)))),
    file("zip that says it is small", ".zip", _lying(24, 3)),
    file("zip that says it is large", ".zip", _lying(24, 0xFFFFFFF0)),
    file("zip that says it is packed small", ".zip", _lying(20, 3)),
    file("zip with another sum", ".zip", _lying(16, 7)),
    file("zip whose members overlap", ".zip", _overlapping()),
    file("zip with text before", ".zip", b"#!/bin/sh\n" + _ZIP),
    file("zip that is text", ".zip", CSV),
    *(file(f"zip cut at {at}", ".zip", _ZIP[:at]) for at in (4, 30, len(_ZIP) // 2, len(_ZIP) - 1)),
    *(file(f"zip flipped at {at}", ".zip", _flipped(_ZIP, at)) for at in (8, 45, 60, len(_ZIP) - 8)),
)
