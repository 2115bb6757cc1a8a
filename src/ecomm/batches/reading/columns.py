"""A Parquet file as a table of texts, each value in the form that is read back as the same value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ecomm.batches.reading import kinds
from ecomm.batches.reading.kinds import Kind
from ecomm.batches.reading.place import Table
from ecomm.batches.reading.streams import MAX_UNPACKED
from ecomm.delivery import Shape
from ecomm.errors import FileError, HeaderError

BATCH = 1 << 16
PIECE = 64 << 20
"""Bytes of text that are made at once: a file of kilobytes can say a long text a million times."""
_SHARED = 64
"""Rows read at once where texts share their beginnings, for then nothing says how long they are."""
_INSTANT = "%Y-%m-%dT%H:%M:%S"


def table(path: Path, where: Path, shape: Shape, kind: Kind) -> Table:
    """A Parquet file as a table. Raises FileError if it is damaged or too large, HeaderError if it has no column."""
    names = _schema(path, where, kind)
    if not names:
        raise HeaderError(f"{where}: the Parquet file has no columns.")

    def pieces() -> Iterator[pa.Table]:
        with kinds.whole(path, where, kind) as file:
            try:
                yield from _pieces(file, where)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(where) from error

    return Table(names, pieces, str, shape.footers)


def _pieces(file: BinaryIO, where: Path) -> Iterator[pa.Table]:
    """The records as texts, not too many at once. Raises FileError if they are too many in all."""
    opened, total = _compact(file), 0
    shared = any("DELTA_BYTE_ARRAY" in column.encodings for column in _chunks(opened))
    for batch in opened.iter_batches(batch_size=_SHARED if shared else BATCH):
        found = flat(pa.Table.from_batches([batch]))
        weight = sum(map(_weight, found.columns))
        total += weight
        if total > MAX_UNPACKED:
            raise _too_large(where)
        rows = max(1, found.num_rows * PIECE // max(PIECE, weight))
        for start in range(0, found.num_rows, rows):
            yield _as_text(found.slice(start, rows), str(where))


def _compact(file: BinaryIO) -> pq.ParquetFile:
    """A file that gives texts which it states once, and refers to, in the same way."""
    opened = pq.ParquetFile(file)
    referred = {c.path_in_schema for c in _chunks(opened) if c.has_dictionary_page and c.physical_type == "BYTE_ARRAY"}
    file.seek(0)
    return pq.ParquetFile(file, read_dictionary=sorted(referred))


def _chunks(opened: pq.ParquetFile) -> Iterator[Any]:
    groups = (opened.metadata.row_group(n) for n in range(opened.metadata.num_row_groups))
    return (group.column(n) for group in groups for n in range(group.num_columns))


def _weight(column: pa.ChunkedArray) -> int:
    """The bytes of a column's values, each as often as it is there."""
    if not pa.types.is_dictionary(column.type) or not pa.types.is_string(column.type.value_type):
        return int(column.nbytes)
    said = (pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() for chunk in column.chunks)
    return sum(one or 0 for one in said)


def _too_large(where: Path) -> FileError:
    return FileError(f"{where}: the file unpacks to more than {MAX_UNPACKED >> 20:,} MiB; split it.")


def _schema(path: Path, where: Path, kind: Kind) -> list[str]:
    with kinds.whole(path, where, kind) as file:
        try:
            opened = pq.ParquetFile(file)
            groups = [opened.metadata.row_group(i) for i in range(opened.metadata.num_row_groups)]
            if sum(group.total_byte_size for group in groups) > MAX_UNPACKED:
                raise _too_large(where)
            return list(flat(opened.schema_arrow.empty_table()).column_names)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(where) from error


def _damaged(where: Path) -> FileError:
    return FileError(f"{where}: the Parquet file is damaged or cut short; copy it to landing once more.")


def flat(found: pa.Table) -> pa.Table:
    """A table whose nested columns have the names joined by dots."""
    while any(pa.types.is_struct(column.type) for column in found.schema):
        found = found.flatten()
    return found


def _as_text(found: pa.Table, where: str) -> pa.Table:
    columns = {"raw_line": pa.nulls(found.num_rows, pa.string())}
    for i, (name, column) in enumerate(zip(found.column_names, found.columns, strict=True)):
        try:
            columns[f"c{i}"] = pc.fill_null(texts(column).cast(pa.string()), "")
        except (pa.ArrowException, ValueError) as error:
            raise FileError(f"{where}: the values of {name} ({column.type}) are no text; export it as text.") from error
    return pa.table(columns)


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as texts."""
    of = column.type
    if pa.types.is_dictionary(of):
        return texts(column.cast(of.value_type))
    if pa.types.is_timestamp(of):
        zone = "Z" if of.tz else ""
        utc = column.cast(pa.timestamp(of.unit, "UTC")) if of.tz else column
        return _instants(utc, zone)
    if pa.types.is_floating(of) or pa.types.is_decimal(of):
        return pa.chunked_array([pa.array([_number(v, of) for v in column.to_pylist()], pa.string())])
    if pa.types.is_nested(of):
        return pa.chunked_array([pa.array([_json(v) for v in column.to_pylist()], pa.string())])
    return column


def _instants(column: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """ISO with as many decimals of a second as there are."""
    texts = pc.strftime(column, format=_INSTANT)
    plain = pc.replace_substring_regex(texts, r"(\.[0-9]*?)0+$", r"\1")
    return pc.binary_join_element_wise(pc.replace_substring_regex(plain, r"\.$", ""), zone, "")


def _number(value: Any, of: pa.DataType) -> str | None:
    """The shortest text of a number, without an exponent: a whole one has no decimals."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return f"{value:f}"
    if not isfinite(value):
        return str(value)
    short = pa.scalar(value, of).cast(pa.string()).as_py() if of != pa.float64() else repr(value)
    text = f"{Decimal(short):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)
