"""The bytes of a landed file: unpacked, within bounds that no header can lie about, and as UTF-8.

Every stream gives exactly as many bytes as it is asked for, fewer only at its end.
"""

from __future__ import annotations

import codecs
import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from ecomm.batches.dialect import UNDECODABLE, marked
from ecomm.delivery import codec_of
from ecomm.errors import FileError

MAX_UNPACKED = 4 << 30
"""Bytes that a packed file may unpack to: some 20 million orders, and a disk of any size takes it."""
MAX_RATIO = 200
"""How many times its size a packed file may unpack to: tables pack 3 to 40 times, deflate's greatest is 1,032."""
FREE = 64 << 20
"""Bytes that may be unpacked whatever the ratio: a small file of equal lines is no bomb."""
_BLOCK = 1 << 20
_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32-le",
    b"\x00\x00\xfe\xff": "utf-32-be",
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
# What a zip file holds beside its data.
_CLUTTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


class Unpacking:
    """The content of a packed file, read within bounds. Raises FileError beyond them, or where the file is damaged."""

    def __init__(self, packed: BinaryIO, size: int, where: str, kind: str) -> None:
        self._packed, self._where, self._kind = packed, where, kind
        self._most = min(MAX_UNPACKED, max(FREE, size * MAX_RATIO))
        self._read = 0

    def read(self, number: int) -> bytes:
        """The next bytes."""
        try:
            data = self._packed.read(number)
        except _DAMAGED as error:
            cut = isinstance(error, EOFError)
            raise FileError(
                f"{self._where}: the {self._kind} file is {'cut short' if cut else 'damaged'}; copy it to landing once "
                "more, or pack it again."
            ) from error
        self._read += len(data)
        if self._read > self._most:
            raise FileError(
                f"{self._where}: the {self._kind} file unpacks to more than {self._most >> 20:,} MiB, too much for its "
                "size; split it, or unpack it first, if it is an export."
            )
        return data


class Decoding:
    """A stream of text in some encoding, as UTF-8; a byte that is no text there is no UTF-8 here either."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)(UNDECODABLE)
        self._ready, self._ended = b"", False

    def read(self, number: int) -> bytes:
        """The next bytes."""
        parts, have = [self._ready], len(self._ready)
        while have < number and not self._ended:
            block = self._file.read(_BLOCK)
            self._ended = len(block) < _BLOCK
            parts.append(marked(self._decoder.decode(block, self._ended)))
            have += len(parts[-1])
        whole = b"".join(parts)
        self._ready = whole[number:]
        return whole[:number]


@contextmanager
def ungzipped(path: Path, where: str) -> Iterator[BinaryIO]:
    """The content of a gzip file."""
    with gzip.open(path, "rb") as packed:
        yield cast("BinaryIO", Unpacking(cast("BinaryIO", packed), path.stat().st_size, where, "gzip"))


def member_of(path: Path, where: str) -> str:
    """The name of the one data file in a zip file. Raises FileError if there is not exactly one, or it is locked."""
    try:
        with zipfile.ZipFile(path) as packed:
            inside = [one for one in packed.infolist() if not one.is_dir() and _is_data(one.filename)]
    except _DAMAGED as error:
        raise FileError(f"{where}: the zip file is damaged or cut short; copy it to landing once more.") from error
    if len(inside) != 1:
        names = ", ".join(one.filename for one in inside[:5])
        held = f"{len(inside):,} files ({names}{' ...' if len(inside) > 5 else ''})" if inside else "no file"
        raise FileError(f"{where}: the zip file holds {held}; pack exactly one file into it.")
    if inside[0].flag_bits & 1:
        raise FileError(f"{where}: the zip file is protected by a password; pack it without one.")
    return inside[0].filename


def _is_data(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return not any(part in _CLUTTER or part.startswith("._") for part in parts)


@contextmanager
def unzipped(path: Path, where: str, member: str) -> Iterator[BinaryIO]:
    """The content of a file in a zip file."""
    try:
        with zipfile.ZipFile(path) as packed, packed.open(member) as inside:
            yield cast("BinaryIO", Unpacking(cast("BinaryIO", inside), path.stat().st_size, where, "zip"))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise FileError(f"{where}: the zip file is damaged, or packed in a way that is not read; pack it again.") from (
            error
        )


@contextmanager
def unpacked(file: BinaryIO) -> Iterator[BinaryIO]:
    """A stream as a temporary file, for formats that are not read from their beginning to their end."""
    with tempfile.TemporaryFile() as copy:
        while block := file.read(_BLOCK):
            copy.write(block)
        copy.seek(0)
        yield cast("BinaryIO", copy)


def resolved(encoding: str, head: bytes, where: str) -> tuple[str, int]:
    """The codec that a file with these first bytes is decoded by, and how many of them are its mark.

    Raises FileError if the mark is that of another encoding, or UTF-16 shows no order of its bytes.
    """
    codec = codec_of(encoding)
    mark, marks = next(((m, of) for m, of in _MARKS.items() if head.startswith(m)), (b"", ""))
    wide = codec.startswith(("utf-16", "utf-32"))
    if marks and (marks.startswith(codec) or (codec == "utf-16" and head.startswith((b"\xff\xfe", b"\xfe\xff")))):
        return marks if marks.startswith(codec) else "utf-16-le", len(mark)
    if marks.startswith(("utf-16", "utf-32")) and not wide:
        raise FileError(
            f'{where}: the file is {marks[:6].upper()}, by its first bytes; set encoding = "{marks[:6]}" in the '
            "settings of its source, or save it as UTF-8."
        )
    if marks == "utf-8" and codec != "utf-8":
        raise FileError(
            f'{where}: the file is UTF-8, by its first bytes, and the settings say encoding = "{encoding}"; set '
            'encoding = "utf-8", or give files of this name a shape of their own.'
        )
    if codec == "utf-16":
        even, odd = head[:4096:2].count(0), head[1:4096:2].count(0)
        if even == odd:
            raise FileError(
                f"{where}: the bytes do not show that the file is UTF-16, nor in which order; set encoding to "
                '"utf-16-le", "utf-16-be", or what it is in.'
            )
        return ("utf-16-le" if odd > even else "utf-16-be"), 0
    return codec, 0
