"""Of which format a file is: by its settings, by its name in any case, and by its first bytes, which must agree."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from ecomm.batches.reading import streams
from ecomm.delivery import Shape
from ecomm.errors import FileError, StorageError

SUFFIXES = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
}
_PACKED = {".gz": "gzip", ".zip": "zip"}
_AS_TABLE = "open it and save it as .xlsx or CSV"
_UNREAD = {
    ".xls": f"an old Excel workbook; {_AS_TABLE}",
    ".xlsb": f"a binary Excel workbook; {_AS_TABLE}",
    ".ods": f"an OpenDocument sheet; {_AS_TABLE}",
    ".numbers": f"a Numbers sheet; {_AS_TABLE}",
    ".pdf": "a PDF; export the table as CSV or .xlsx",
    ".xml": "XML; export the table as CSV, .xlsx or JSON",
    ".html": "a web page; export the table as CSV or .xlsx",
    ".htm": "a web page; export the table as CSV or .xlsx",
    ".docx": "a text document; export the table as CSV or .xlsx",
    ".rar": "a RAR archive; pack one file as .zip or .gz",
    ".7z": "a 7-Zip archive; pack one file as .zip or .gz",
    ".tar": "a tar archive; pack one file as .zip or .gz",
    ".tgz": "a tar archive; pack one file as .zip or .gz",
    ".bz2": "packed by bzip2; pack it as .zip or .gz",
    ".xz": "packed by xz; pack it as .zip or .gz",
    ".zst": "packed by Zstandard; pack it as .zip or .gz",
    ".avro": "Avro; export it as Parquet or NDJSON",
    ".orc": "ORC; export it as Parquet or NDJSON",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PAR1", "parquet"),
    (_OLE, "ole"),
    (b"%PDF", ".pdf"),
    (b"BZh", ".bz2"),
    (b"\xfd7zXZ\x00", ".xz"),
    (b"\x28\xb5\x2f\xfd", ".zst"),
    (b"7z\xbc\xaf\x27\x1c", ".7z"),
    (b"Rar!\x1a\x07", ".rar"),
    (b"Obj\x01", ".avro"),
)
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_HEAD = 4096


@dataclass(frozen=True)
class Kind:
    """Of which format a file is, and how it is packed: `gzip`, `zip` or not at all. member: of a zip file."""

    format: str
    packed: str = ""
    member: str = ""


def kind_of(path: Path, where: Path, shape: Shape) -> Kind:
    """Of which kind a file is. where: the landed file, whose name counts and which messages name.

    Raises FileError with what the file is and what to do where its bytes are not what its name or format says, or where
    nothing reads it.
    """
    named, packed = _by_name(where.name)
    head = _head(path)
    found = _magic(head)
    format_ = shape.format or named
    if not shape.format and named in _UNREAD:
        raise FileError(f"{where}: nothing reads this kind of file: it is {_UNREAD[named]}.")
    if not format_ and not packed and found in ("gzip", "zip"):
        packed = "" if found == "zip" and _is_workbook(path) else found
    if packed:
        if found != packed:
            raise FileError(f"{where}: {_other_than(path, found, head, packed)}")
        return _inside(path, where, shape, Kind(format_, packed))
    format_ = format_ or _format_of(found, path) or "csv"
    _agree(path, where, format_, found, head)
    return Kind(format_)


def unread(path: Path, shape: Shape) -> str | None:
    """What to do about a file that nothing reads, by its name and first bytes, one sentence; None if it is read."""
    try:
        kind_of(path, path, shape)
    except FileError as error:
        return str(error).removeprefix(f"{path}: ")
    except StorageError:
        return None
    return None


@contextmanager
def content(path: Path, where: Path, kind: Kind) -> Iterator[BinaryIO]:
    """A file's content from its beginning on, unpacked."""
    if kind.packed == "gzip":
        with streams.ungzipped(path, str(where)) as file:
            yield file
    elif kind.packed == "zip":
        with streams.unzipped(path, str(where), kind.member) as file:
            yield file
    else:
        with path.open("rb") as plain:
            yield cast("BinaryIO", plain)


@contextmanager
def whole(path: Path, where: Path, kind: Kind) -> Iterator[BinaryIO]:
    """A file's content, to be read in any order."""
    with content(path, where, kind) as file:
        if kind.packed:
            with streams.unpacked(file) as copy:
                yield copy
        else:
            yield file


def _by_name(name: str) -> tuple[str, str]:
    """The format (or a suffix that nothing reads) and the packing that a name states; each empty if it does not."""
    bare = PurePosixPath(name.lower())
    packed = _PACKED.get(bare.suffix, "")
    suffix = PurePosixPath(bare.stem).suffix if packed else bare.suffix
    return (suffix if suffix in _UNREAD else SUFFIXES.get(suffix, "")), packed


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from error


def _magic(head: bytes) -> str:
    """What the first bytes say: `gzip`, `zip`, `parquet`, `ole`, a suffix that nothing reads, or nothing."""
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")


def _format_of(found: str, path: Path) -> str:
    if found == "parquet":
        return found
    return "xlsx" if found == "zip" and _is_workbook(path) else ""


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as packed:
            return "[Content_Types].xml" in packed.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def _inside(path: Path, where: Path, shape: Shape, outer: Kind) -> Kind:
    """The kind of what a packed file holds."""
    member = streams.member_of(path, str(where)) if outer.packed == "zip" else ""
    inner = Path(f"{where}/{PurePosixPath(member).name}") if member else where
    named, again = _by_name(PurePosixPath(member).name) if member else (outer.format, "")
    if again or (not shape.format and named in _UNREAD):
        raise FileError(f"{where}: it holds {PurePosixPath(member).name}, which is not read from within a zip file.")
    format_ = shape.format or named or outer.format
    with content(path, where, Kind("", outer.packed, member)) as file:
        head = file.read(_HEAD)
    found = _magic(head)
    format_ = format_ or ("parquet" if found == "parquet" else "csv")
    _agree(None, inner, format_, found, head)
    return Kind(format_, outer.packed, member)


def _agree(path: Path | None, where: Path, format_: str, found: str, head: bytes) -> None:
    """Raises FileError if a file's first bytes are not what its format says. path: None within a packed file."""
    wanted = {"xlsx": "zip", "parquet": "parquet"}.get(format_, "")
    is_json = format_ in ("csv", "tsv") and _looks_like_json(head)
    if found != wanted or is_json:
        raise FileError(f"{where}: {_other_than(path, found, head, format_)}")


def _looks_like_json(head: bytes) -> bool:
    start = b"".join(head.removeprefix(b"\xef\xbb\xbf").split()[:2])[:2]
    return start in (b"[{", b'{"', b"[]")


_NAMES = {"csv": "CSV", "tsv": "tab-separated text", "xlsx": "an Excel workbook", "ndjson": "NDJSON", "json": "JSON"}
_NAMES |= {"parquet": "Parquet", "gzip": "a gzip file", "zip": "a zip file"}
_INSTEAD = {
    "gzip": "this is a gzip file, not {}; end its name in .gz (such as orders.csv.gz), or unpack it",
    "zip": "this is a zip file, not {}; end its name in .zip, or unpack it",
    "workbook": "this is an Excel workbook, not {}; end its name in .xlsx, or save the sheet as CSV",
    "parquet": "this is a Parquet file, not {}; end its name in .parquet",
    "password": "this is a workbook with a password, not {}; save it without one",
    "ole": f"this is {_UNREAD['.xls']}",
    "json": "this is JSON, not {}; end its name in .json (or .ndjson), or set format",
    "empty": "the file is empty, not {}; export it again",
    "": "this is not {}, or its beginning is lost; name it as what it is, or export it again",
}


def _other_than(path: Path | None, found: str, head: bytes, wanted: str) -> str:
    """What a file is instead of what it should be, and what to do about it."""
    if found == "zip" and path is not None and _is_workbook(path):
        found = "workbook"
    elif found == "ole" and path is not None and _holds(path, _ENCRYPTED):
        found = "password"
    elif not found:
        found = "empty" if not head else "json" if wanted in ("csv", "tsv") else ""
    said = _INSTEAD.get(found) or f"this is {_UNREAD[found]}"
    return f"{said.format(_NAMES[wanted])}."


def _holds(path: Path, text: bytes) -> bool:
    """A file of at most 64 MiB, or its first 64 MiB, holds these bytes."""
    with path.open("rb") as file:
        return text in file.read(64 << 20)
