"""Delta tables as files: what `deltalake` does for the engines that cannot (create, alter, restore, look up).

Both Sail and a local Spark lack a part of this, and what one of them creates the other reads with surprises
(NOT NULL, lost comments), so every table in folders is created and altered here.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Field, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.schema import ArrayType, MapType, PrimitiveType, StructType
from deltalake.transaction import AddAction, RemoveAction

from ecomm import contract
from ecomm.engines import filelocks
from ecomm.errors import LockedError, StorageError

held, hold = filelocks.held, filelocks.hold  # who works on a warehouse is asked here too

DeltaType = PrimitiveType | ArrayType | MapType | StructType
_NAMES = {"string": "string", "bigint": "long", "int": "integer", "date": "date", "timestamp": "timestamp"}
_REMEMBERED = "delta.deletedFileRetentionDuration"
_PROPERTIES = {
    "delta.logRetentionDuration": "interval 3650 days",
    _REMEMBERED: "interval 30 days",
    "delta.checkpointInterval": "1000",
}


def delta_type(spark_type: str) -> DeltaType:
    """The Delta type of a Spark type's name."""
    if spark_type.startswith("array<"):
        return ArrayType(delta_type(spark_type[6:-1]), contains_null=True)
    if spark_type.startswith("map<string,"):
        return MapType(PrimitiveType("string"), delta_type(spark_type[11:-1]), value_contains_null=True)
    if spark_type.startswith("struct<"):
        fields = (part.split(":", 1) for part in parts(spark_type[7:-1]))
        return StructType([Field(name, delta_type(of), nullable=True) for name, of in fields])
    return PrimitiveType(_NAMES.get(spark_type, spark_type))


def parts(text: str) -> list[str]:
    """What stands between the commas that no bracket encloses."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return found


def delta_field(field: contract.Field) -> Field:
    """A nullable Delta column with its comment."""
    return Field(field.name, delta_type(field.type), nullable=True, metadata={"comment": field.comment})


def create(
    path: Path,
    fields: Sequence[contract.Field],
    comment: str,
    partition_by: Sequence[str] = (),
    statistics: Sequence[str] = (),
) -> None:
    """Create an empty table. statistics: the columns whose least and greatest values the log may hold."""
    DeltaTable.create(
        path,
        Schema([delta_field(f) for f in fields]),
        partition_by=list(partition_by) or None,
        description=comment,
        configuration=_PROPERTIES | {"delta.dataSkippingStatsColumns": ",".join(statistics)},
    )


def statistics(path: Path) -> list[str]:
    """The columns whose least and greatest values a table's log may hold, as it was created."""
    return _table(path).metadata().configuration["delta.dataSkippingStatsColumns"].split(",")


def identity(path: Path) -> str:
    """The id that a table was given at random when it was made; it is in its log alone."""
    return str(_table(path).metadata().id)


def exists(path: Path) -> bool:
    """There is a Delta table in this folder."""
    return (path / "_delta_log").is_dir() and version(path) >= 0


def version(path: Path) -> int:
    """The newest version of a table: the greatest number among its commits; -1 if there is none."""
    with os.scandir(path / "_delta_log") as log:
        return max((int(entry.name[:20]) for entry in log if entry.name.endswith(".json")), default=-1)


def _table(path: Path, at: int | None = None) -> DeltaTable:
    """A table at a version, default the newest, which is opened once: a run asks a table many things between writes.

    Raises StorageError if its log cannot be read.
    """
    try:
        if at is not None or (newest := version(path)) < 0:
            return DeltaTable(path, version=at)
        commit = (path / "_delta_log" / f"{newest:020d}.json").stat()
        return _opened(path, newest, commit.st_ino, commit.st_mtime_ns)
    except DeltaError as error:
        raise StorageError(
            f"{path}: the table's log is damaged; `ecomm doctor` says what is, and `ecomm restore` makes it again."
        ) from error


@lru_cache(maxsize=100)
def _opened(path: Path, _newest: int, _inode: int, _mtime_ns: int) -> DeltaTable:
    """A table as it is after a commit, which is told by its file: its folder may be another warehouse's since."""
    return DeltaTable(path)


def extent(path: Path, at: int | None = None) -> tuple[int, int]:
    """How many rows a version of a table has, and how many bytes its files, by its log."""
    actions = pa.table(_table(path, at).get_add_actions(flatten=True))
    return sum(actions["num_records"].to_pylist()), sum(actions["size_bytes"].to_pylist())


def written(path: Path, version: int) -> int:
    """How many bytes of files a version added."""
    return sum(size for _, size in _added(path, version))


def _added(path: Path, version: int) -> list[tuple[str, int]]:
    """The files that a version added, by their path in the table's folder, and their bytes."""
    adds = (action["add"] for action in _commit(path, version) if "add" in action)
    return [(unquote(add["path"]), add["size"]) for add in adds]


def _commit(path: Path, version: int) -> list[dict[str, Any]]:
    """What a version's commit says."""
    # Lines of bytes: a text would also break at U+2028.
    lines = (path / "_delta_log" / f"{version:020d}.json").read_bytes().splitlines()
    return [json.loads(line) for line in lines]


def files(path: Path, at: int | None = None) -> list[str]:
    """The files of a version of a table, default the newest, by its log."""
    return [unquote(file) for file in pa.table(_table(path, at).get_add_actions())["path"].to_pylist()]


def data_files(path: Path) -> list[tuple[str, int, int, dict[str, str]]]:
    """The files of a table's newest version: path in its folder, bytes, rows, values of the partition columns."""
    table = _table(path)
    parts = table.metadata().partition_columns
    found = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return [
        (f["path"], f["size_bytes"], f["num_records"], {c: _partition(f[f"partition.{c}"]) for c in parts})
        for f in found
    ]


def _partition(value: object) -> str:
    """A partition's value as a log writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def holds(path: Path, column: str, value: object) -> bool:
    """Some row has this value."""
    found: int = _table(path).to_pyarrow_dataset().count_rows(filter=pc.field(column) == value)
    return found > 0


def count_files(path: Path) -> int:
    """Of how many files the newest version of a table is."""
    return len(files(path))


def table(path: Path, at: int | None = None, since: tuple[str, int] | None = None) -> tuple[int, pa.Table]:
    """A small table: its version, default the newest, and its rows. Raises StorageError if it cannot be read.

    since: only those with at least this number in this column; files that by the log have none are not opened.
    """
    try:
        found = DeltaTable(path, version=at)
        return found.version(), found.to_pyarrow_table(filters=pc.field(since[0]) >= since[1] if since else None)
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise StorageError(f"{path}: cannot be read ({' '.join(str(error).split())[:200]}).") from error


def missing(path: Path, at: int | None = None) -> list[str]:
    """Those files of a version that are not there."""
    return [file for file in files(path, at) if not (path / file).exists()]


def columns(path: Path) -> list[str]:
    """The names of a table's columns."""
    return [f.name for f in _table(path).schema().fields]


def fields(path: Path) -> list[contract.Field]:
    """A table's columns, as they were created or added."""
    found = _table(path).schema().fields
    return [contract.Field(f.name, _spark_type(f.type), str(f.metadata.get("comment", ""))) for f in found]


def _spark_type(there: object) -> str:
    """The name of a Delta type as a Spark type: what `delta_type` was given."""
    if isinstance(there, ArrayType):
        return f"array<{_spark_type(there.element_type)}>"
    if isinstance(there, MapType):
        return f"map<string,{_spark_type(there.value_type)}>"
    name = there.type if isinstance(there, PrimitiveType) else str(there)
    return next((spark for spark, delta in _NAMES.items() if delta == name), name)


def add_columns(path: Path, fields: Sequence[contract.Field]) -> None:
    """Add columns to a table: one new version."""
    DeltaTable(path).alter.add_columns([delta_field(f) for f in fields])


def add_columns_at(path: Path, fields: Sequence[contract.Field], before: int, said: Mapping[str, str]) -> None:
    """Add columns to a version of a table: the next one, which changes no row. said, Raises: as `commit`."""
    with _next_only(path):
        DeltaTable(path, version=before).alter.add_columns(
            [delta_field(f) for f in fields],
            commit_properties=CommitProperties(max_commit_retries=0, custom_metadata=dict(said)),
        )


def commit(
    path: Path,
    adds: Sequence[tuple[str, int, Mapping[str, str], str]],
    removes: Sequence[tuple[str, int, Mapping[str, str]]],
    before: int,
    said: Mapping[str, str],
    *,
    changes_rows: bool = True,
) -> Callable[[], None]:
    """Make ready the next version of a table: files that lie in its folder enter it, files leave it.

    Gives what commits it, in a millisecond or two: several tables are made ready before the first one is committed. It
    raises LockedError if another version follows `before`, StorageError if it cannot be written.
    adds: path in the folder, bytes, values of the partition columns, statistics. removes: the same without statistics.
    before: the version that it is made of. said: what the commit says besides. changes_rows: False if the files that
    enter hold the rows of those that leave.
    """
    now = int(time.time() * 1000)
    entering = [
        AddAction(name, size, dict(values), now, changes_rows, statistics) for name, size, values, statistics in adds
    ]
    leaving = [RemoveAction(name, changes_rows, now, size, dict(values)) for name, size, values in removes]
    with _next_only(path):
        table = DeltaTable(path, version=before)
        schema, partition_by = table.schema(), table.metadata().partition_columns

    def write() -> None:
        with _next_only(path):
            table.create_write_transaction(
                [*entering, *leaving],
                mode="append",
                schema=schema,
                partition_by=partition_by,
                commit_properties=CommitProperties(max_commit_retries=0, custom_metadata=dict(said)),
            )

    return write


@contextmanager
def _next_only(path: Path) -> Iterator[None]:
    """A commit that makes exactly the next version: nothing is retried, for that would let a stale writer through."""
    try:
        yield
    except CommitFailedError as error:
        raise LockedError(
            f"{path.parent}: another program wrote to this warehouse meanwhile; run the command again."
        ) from error
    except (DeltaError, OSError) as error:
        raise StorageError(f"{path}: cannot be written ({error}); check permissions and disk space.") from error


def commit_info(path: Path, version: int) -> dict[str, Any]:
    """What a version's commit says of itself."""
    return next((action["commitInfo"] for action in _commit(path, version) if "commitInfo" in action), {})


def changes_no_row(path: Path, version: int) -> bool:
    """A version holds the same rows as the one before: it was written by an upkeep, or it changes properties only."""
    moved = (action[kind] for action in _commit(path, version) for kind in ("add", "remove") if kind in action)
    return not any(action.get("dataChange", True) for action in moved)


def sync_commit(path: Path, version: int) -> None:
    """Force a version's commit onto the disk."""
    log = path / "_delta_log"
    fsync(log / f"{version:020d}.json")
    fsync(log)


def compact(path: Path) -> None:
    """Make few files of many, by a version of its own: of the ledger, by whose entries other tables' are published."""
    before = version(path)
    sizes = sorted(pa.table(_table(path).get_add_actions(flatten=True))["size_bytes"].to_pylist())
    if number := worth_rewriting(sizes):
        DeltaTable(path).optimize.compact(target_size=sum(sizes[:number]))
    sync(path, before)


def worth_rewriting(sizes: Sequence[int]) -> int:
    """How many of some files, from the smallest on, are worth putting together. sizes: their bytes, in ascending order.

    To rewrite a large file for a few new rows would cost more than it gives: it is, once the smaller ones together hold
    half as much.
    """
    sums = list(accumulate(sizes))  # of the smallest one, two, three ...
    return max((n + 1 for n in range(1, len(sums)) if sizes[n] <= 2 * sums[n - 1]), default=0)


def forget_removed(path: Path) -> None:
    """Leave the files that were removed out of a checkpoint from now on, if the last one has many of them.

    Every command on a table reads of them, and nobody asks for them.
    """
    last = _last_checkpoint(path)
    if last is not None and last["size"] - count_files(path) > _MANY:
        DeltaTable(path).alter.set_table_properties({_REMEMBERED: "interval 0 seconds"})
        _checkpoint(path)
    if _table(path).metadata().configuration.get(_REMEMBERED) != _PROPERTIES[_REMEMBERED]:  # also after a kill
        DeltaTable(path).alter.set_table_properties({_REMEMBERED: _PROPERTIES[_REMEMBERED]})


_MANY = 100  # files; the forgetting takes two versions


def vacuum(path: Path, older_than: timedelta, keep: Collection[int]) -> int:
    """Delete the files that are older than that and that no version needs which is to be kept; how many there were."""
    before, hours = version(path), int(older_than.total_seconds() // 3600)
    said: dict[str, Any] = {
        "retention_hours": hours,
        "enforce_retention_duration": False,
        "full": True,
        "keep_versions": sorted(keep),
    }
    found = DeltaTable(path).vacuum(dry_run=True, **said)
    if found:  # a vacuum of nothing would be two versions more
        DeltaTable(path).vacuum(dry_run=False, **said)
        sync(path, before)
    return len(found)


def shorten_log(path: Path, keep: Collection[int]) -> None:
    """Write the newest version's state down (a checkpoint), and delete what the log says before those to be kept.

    Each command on a table lists its log, and reads it from the last checkpoint on; to read a checkpoint takes as long
    as to read ten versions, so nothing is done before. The last but one stays, for who has just begun to read there.
    """
    drop_bad_hint(path)
    log, last = path / "_delta_log", _last_checkpoint(path)
    before: int = last["version"] if last is not None else 0
    if version(path) - before < _CHECKPOINT:
        return
    _checkpoint(path)
    least = min([before, *keep])
    whole = (int(file.name[:20]) for file in log.glob("*.checkpoint.parquet"))
    first = max((at for at in whole if at <= least), default=0)
    _cut(log, first)


def _cut(log: Path, first: int) -> None:
    """Delete what a log says before a version."""
    for file in log.iterdir():
        if file.name[:20].isdigit() and int(file.name[:20]) < first:
            file.unlink(missing_ok=True)


_CHECKPOINT = 10  # versions


def _last_checkpoint(path: Path) -> dict[str, Any] | None:
    """What is said of a table's last checkpoint: its version, and the size of its state; None if nothing is of use."""
    try:
        found = json.loads(_hint(path).read_bytes())
        version, _ = found["version"], found["size"]
        is_there = any((path / "_delta_log").glob(f"{version:020d}.checkpoint*"))
    except (OSError, ValueError, TypeError, LookupError):
        return None
    return dict(found) if is_there else None


def _hint(path: Path) -> Path:
    return path / "_delta_log" / "_last_checkpoint"


def has_bad_hint(path: Path) -> bool:
    """The file that says which checkpoint of a table is the last is damaged, or names one that is not there."""
    return os.path.lexists(_hint(path)) and _last_checkpoint(path) is None


def drop_bad_hint(path: Path) -> None:
    """Delete that file if it is of no use: it only spares readers a listing. Raises StorageError if it cannot be."""
    if has_bad_hint(path):
        try:
            _hint(path).unlink()
        except OSError as error:
            raise StorageError(f"{_hint(path)}: it is damaged and cannot be deleted; delete it by hand.") from error


def _checkpoint(path: Path, at: int | None = None) -> None:
    """Write down the state of a version, default the newest."""
    log, now = path / "_delta_log", version(path) if at is None else at
    DeltaTable(path, version=at).create_checkpoint()  # one that is there already is left, and no hint is written
    for file in (*log.glob(f"{now:020d}.checkpoint*"), *log.glob(_hint(path).name), log):
        fsync(file)


def purge(path: Path, at: int) -> None:
    """Delete every file that a version of a table does not need, and the log before it.

    The version is written down first, so that its readers need nothing of what goes. No later version may change rows.
    """
    _checkpoint(path, at)
    _cut(path / "_delta_log", at)
    fsync(path / "_delta_log")
    vacuum(path, timedelta(0), [at])
    remove_empty_folders(path)


def remove_empty_folders(path: Path) -> None:
    """Remove the folders of attempts whose files were deleted."""
    for folder in path.glob("*-*"):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def append_rows(path: Path, data: pa.Table) -> None:
    """Append a few rows from memory, and force them onto the disk. Raises LockedError, StorageError."""
    append_next(path, data, version(path))


def append_next(path: Path, data: pa.Table, at: int) -> int:
    """Append a few rows from memory to a version of a table, and force them onto the disk; the version that they make.

    Raises LockedError if another version stands there: nothing is retried, for a retry would let a stale writer
    through. StorageError if it cannot be written.
    """
    with _next_only(path):
        table = DeltaTable(path, version=at)
        write_deltalake(table, data, mode="append", commit_properties=CommitProperties(max_commit_retries=0))
    sync(path, at)
    return table.version()


def sync(path: Path, since: int) -> None:
    """Force every file that the versions after `since` added onto the disk, and their folders."""
    log = path / "_delta_log"
    folders = {log, path}
    for at in range(since + 1, version(path) + 1):
        for name, _ in _added(path, at):
            fsync(path / name)
            folders.add((path / name).parent)
        fsync(log / f"{at:020d}.json")
    for folder in folders:
        fsync(folder)


def write_whole(place: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, whatever happens."""
    part = place.with_suffix(".part")
    try:
        part.write_bytes(content)
        fsync(part)
        part.rename(place)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    fsync(place.parent)


def fsync(path: Path) -> None:
    """Force one file or folder onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
