"""Files outside the tables and the archive that hold something of people who are forgotten."""

from __future__ import annotations

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ecomm.settings import Settings

_OURS = ("archive", "_delta_log", "attempts", "held", "damaged", "locks", ".ledger", "undone")
"""Folders whose files are rewritten or deleted anyhow."""
_ENCODINGS = ("utf-8", "utf-16-le", "cp1252")


def holding(settings: Settings, texts: Collection[str], further: Sequence[Path] = ()) -> list[Path]:
    """The files in landing, in the warehouse and in further folders that hold one of some texts, but for what is
    rewritten: tables and the archive.
    """
    tables = {log.parent for log in settings.warehouse.glob("*/_delta_log")}
    found = []
    for folder in dict.fromkeys((settings.landing, settings.warehouse, *further)):
        for file in sorted(folder.rglob("*")):
            ours = tables & {*file.parents} or any(part in _OURS for part in file.relative_to(folder).parts)
            if not ours and file.is_file() and not file.is_symlink() and holds(file, texts):
                found.append(file)
    return found


def holds(file: Path, texts: Collection[str]) -> bool:
    """A file holds one of some texts, also packed, in a workbook, or as a value of a Parquet file."""
    wanted = {text.encode(encoding, "ignore") for text in texts for encoding in _ENCODINGS} - {b""}
    return any(text in content for content in _contents(file) for text in wanted)


def _contents(file: Path) -> Iterator[bytes]:
    data = file.read_bytes()
    yield data
    try:
        if data.startswith(b"\x1f\x8b"):
            yield gzip.decompress(data)
        elif data.startswith(b"PK"):
            with zipfile.ZipFile(file) as packed:
                for name in packed.namelist():
                    yield packed.read(name)
        elif data.startswith(b"PAR1"):
            yield from _values(file)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, pa.ArrowException):
        return  # what is damaged was looked at as it is


def _values(file: Path) -> Iterator[bytes]:
    for batch in pq.ParquetFile(file).iter_batches():
        for column in batch.columns:
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                yield "\n".join(pc.unique(column).drop_null().to_pylist()).encode()


def delete(folder: Path) -> list[str]:
    """Delete a folder; the files that were in it."""
    files = sorted(str(file) for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    return files
