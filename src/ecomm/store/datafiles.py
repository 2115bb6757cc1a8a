"""The Parquet files of a table: what an engine has written, described as a Delta log describes it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ecomm.batches.trigger import sha256
from ecomm.engines import deltafiles
from ecomm.errors import InvariantError

_LONGEST = 200
"""Characters of the longest text of which a log keeps the least or the greatest."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table.

    path: below the table's folder. partition: the values of the partition columns, as a log writes them. statistics:
    as a log has them (JSON). sha256: of its bytes; empty for a file that was there before this program hashed them.
    """

    path: str
    bytes: int
    rows: int
    partition: Mapping[str, str] = field(default_factory=dict)
    statistics: str = ""
    sha256: str = ""


def by_partition(files: Sequence[DataFile]) -> dict[tuple[tuple[str, str], ...], list[DataFile]]:
    """Files by the values of their partition columns."""
    alike: dict[tuple[tuple[str, str], ...], list[DataFile]] = {}
    for file in files:
        alike.setdefault(tuple(sorted(file.partition.items())), []).append(file)
    return alike


def described(
    table: Path, folder: Path, partition: Mapping[str, str], types: Mapping[str, pa.DataType], columns: Collection[str]
) -> list[DataFile]:
    """The files that an engine has just written into a folder of a table, forced onto the disk; empty ones are deleted.

    partition: see `DataFile`. types: the table's columns, which the files must have. columns: those whose least and
    greatest values the log may hold. Raises InvariantError if the files have other columns.
    """
    found = []
    for file in sorted(folder.rglob("*")):
        if file.is_dir():
            continue
        if file.suffix != ".parquet" or file.name.startswith("."):  # markers and checksums that engines leave
            file.unlink()
            continue
        footer = pq.read_metadata(file)
        if not footer.num_rows:
            file.unlink()
            continue
        if wrong := _other_columns(footer.schema.to_arrow_schema(), types):
            raise InvariantError(f"{table.name}: the rows do not have the table's columns: {', '.join(wrong)}")
        deltafiles.fsync(file)
        said = json.dumps(_statistics(footer, columns))
        name = file.relative_to(table).as_posix()
        found.append(DataFile(name, file.stat().st_size, footer.num_rows, partition, said, sha256(file)))
    if found:
        for place in {folder, folder.parent}:
            deltafiles.fsync(place)
    return found


def _other_columns(found: pa.Schema, types: Mapping[str, pa.DataType]) -> list[str]:
    """What is not as a table has it, with the types: columns that are missing, of another type, or not the table's."""
    there = {field.name: _plain(field.type) for field in found}
    names = [*types, *(name for name in there if name not in types)]
    return [
        f"{n} {there.get(n)} (not {types.get(n)})" for n in names if n not in types or there.get(n) != _plain(types[n])
    ]


def _plain(of: pa.DataType) -> pa.DataType:
    """A type without what readers do not tell apart: how long texts are, and what a list calls its elements."""
    if pa.types.is_large_string(of) or pa.types.is_string_view(of):
        return pa.string()
    if pa.types.is_list(of) or pa.types.is_large_list(of):
        return pa.list_(_plain(of.value_type))
    if pa.types.is_map(of):
        return pa.map_(_plain(of.key_type), _plain(of.item_type))
    return of


def _statistics(footer: pq.FileMetaData, columns: Collection[str]) -> dict[str, Any]:
    """How many rows a file has, and of some columns the least and greatest value and how many are NULL."""
    groups = [footer.row_group(n) for n in range(footer.num_row_groups)]
    places = {footer.schema.column(n).path: n for n in range(footer.num_columns)}
    least, greatest, nulls = dict[str, Any](), dict[str, Any](), dict[str, int]()
    for name in columns:
        if name not in places:
            continue
        of_groups = [group.column(places[name]).statistics for group in groups]
        if any(one is None or not one.has_null_count for one in of_groups):
            continue
        nulls[name] = sum(one.null_count for one in of_groups)
        bounds = [one for one, group in zip(of_groups, groups, strict=True) if one.null_count < group.num_rows]
        if bounds and all(one.has_min_max for one in bounds):
            low, high = min(one.min for one in bounds), max(one.max for one in bounds)
            if not any(isinstance(one, str) and len(one) > _LONGEST for one in (low, high)):
                least[name], greatest[name] = _written(low), _written(high, up=True)
    return {"numRecords": footer.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls}


def _written(value: Any, *, up: bool = False) -> Any:
    """A value as a log writes it: instants in whole milliseconds, rounded down, or up."""
    if isinstance(value, datetime):
        instant = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        whole = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
        if up and whole != instant:
            whole += timedelta(milliseconds=1)
        return f"{whole:%Y-%m-%dT%H:%M:%S}.{whole.microsecond // 1000:03d}Z"
    return value.isoformat() if isinstance(value, date) else value


def holding(table: Path, files: Sequence[DataFile], rows: Sequence[Path], key: Sequence[str]) -> list[DataFile]:
    """Those files that hold one of some rows, told apart by a key. rows: Parquet files with columns of these names.

    What the log says of least and greatest values is asked first, so a file that lies elsewhere is not opened.
    """
    if len(files) <= 1:
        return list(files)
    import duckdb

    columns = ", ".join(f'"{name}"' for name in key)
    same = " AND ".join(f'there."{name}" = gone."{name}"' for name in key)
    places = {str(table / file.path): file for file in files}
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            f"SELECT DISTINCT there.filename FROM read_parquet(?, filename = true, hive_partitioning = false) there "
            f"SEMI JOIN (SELECT {columns} FROM read_parquet(?, hive_partitioning = false) WHERE change = 'LEAVE') gone "
            f"ON {same}",
            [list(places), [str(file) for file in rows]],
        ).fetchall()
    return [places[name] for (name,) in sorted(found)]
