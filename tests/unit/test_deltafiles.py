"""A table's log stays short, what is to be kept stays readable, and one table is never taken for another."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecomm.contract import Field
from ecomm.engines import deltafiles

FIELDS = [Field("n", "bigint", "A number.")]


def made(path: Path, versions: int = 0) -> Path:
    """A table whose version v holds the row v alone."""
    deltafiles.create(path, FIELDS, "Numbers.", statistics=["n"])
    for n in range(1, versions + 1):
        write_deltalake(path, pa.table({"n": [n]}), mode="overwrite")
    return path


def commits(path: Path) -> list[int]:
    """The versions that the log still has a file of."""
    return sorted({int(file.name[:20]) for file in (path / "_delta_log").iterdir() if file.name[:20].isdigit()})


def readable(path: Path, said: Sequence[int] = range(100)) -> list[int]:
    """The versions that can still be read, each with its own row. said: the row of each version, default its number."""
    found = []
    for version in range(deltafiles.version(path) + 1):
        try:
            rows = DeltaTable(path, version=version).to_pyarrow_table()["n"].to_pylist()
        except (DeltaError, OSError):
            continue
        assert rows == ([said[version]] if version else [])
        found.append(version)
    return found


def test_a_short_log_stays_as_it_is(tmp_path: Path) -> None:
    """A checkpoint takes as long to read as ten versions."""
    table = made(tmp_path / "t", 9)
    before = sorted((table / "_delta_log").iterdir())
    deltafiles.shorten_log(table, [])
    assert sorted((table / "_delta_log").iterdir()) == before


@pytest.mark.long
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_is_kept_can_be_read_and_no_more_than_needed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    table, kept = made(tmp_path_factory.mktemp("log") / "t"), set[int]()
    for n in range(1, 46):
        write_deltalake(table, pa.table({"n": [n]}), mode="overwrite")
        if n % 5:
            deltafiles.shorten_log(table, kept)
            continue
        kept = data.draw(st.sets(st.integers(max(n - 8, min(kept, default=0)), n), max_size=3))
        deltafiles.shorten_log(table, kept)
        there = readable(table)
        assert {*kept, n} <= {*there}
        assert there == [*range(there[0], n + 1)]
    # The two last checkpoints, and what is before the first of them down to the one before what is kept.
    assert len(commits(table)) <= 20 + 8 + 10
    assert DeltaTable(table).to_pyarrow_table()["n"].to_pylist() == [45]


def test_who_began_to_read_before_goes_on(tmp_path: Path) -> None:
    """A reader that has been told of a checkpoint finds it, although another one has come since."""
    table = made(tmp_path / "t", 10)
    deltafiles.shorten_log(table, [])
    told = (table / "_delta_log" / "_last_checkpoint").read_bytes()
    for n in range(11, 21):
        write_deltalake(table, pa.table({"n": [n]}), mode="overwrite")
    deltafiles.shorten_log(table, [])
    (table / "_delta_log" / "_last_checkpoint").write_bytes(told)
    assert DeltaTable(table).to_pyarrow_table()["n"].to_pylist() == [20]
    assert readable(table) == [*range(10, 21)]


@pytest.mark.parametrize(
    "said", ["", "\0garbage", "[1]", "{}", '{"version": 999, "size": 1}', '{"version": "x", "size": 1}']
)
def test_a_damaged_hint_is_dropped_and_written_again(tmp_path: Path, said: str) -> None:
    """The file says which checkpoint is the last, and spares a listing; without it all is read."""
    table = made(tmp_path / "t", 12)
    deltafiles.shorten_log(table, [])
    hint = table / "_delta_log" / "_last_checkpoint"
    assert not deltafiles.has_bad_hint(table)
    hint.write_text(said)
    assert deltafiles.has_bad_hint(table)
    deltafiles.shorten_log(table, [])
    assert not deltafiles.has_bad_hint(table)
    write_deltalake(table, pa.table({"n": [13]}), mode="overwrite")
    deltafiles.shorten_log(table, [])
    assert json.loads(hint.read_text())["version"] == 13
    assert DeltaTable(table).to_pyarrow_table()["n"].to_pylist() == [13]


@pytest.mark.parametrize("keep", [[], [12, 19]])
def test_files_besides_the_log_are_left_alone(tmp_path: Path, keep: Collection[int]) -> None:
    """What it deletes has a version's number, and lies in the log's folder."""
    table = made(tmp_path / "t", 20)
    data = sorted(table.glob("*.parquet"))
    (table / "_delta_log" / "README").write_text("mine")
    for _ in range(2):
        deltafiles.shorten_log(table, keep)
        for n in range(21, 31):
            write_deltalake(table, pa.table({"n": [n]}), mode="overwrite")
    assert (table / "_delta_log" / "README").read_text() == "mine"
    assert {*data} <= {*table.glob("*.parquet")}


def test_another_table_in_its_folder(tmp_path: Path) -> None:
    """Tables are opened once for a process and a version; a folder that was made anew is another table."""
    table = made(tmp_path / "t", 1)
    assert (deltafiles.columns(table), deltafiles.extent(table)[0]) == (["n"], 1)
    shutil.rmtree(table)
    deltafiles.create(table, [Field("other", "string", "A text.")], "Texts.", statistics=["other"])
    write_deltalake(table, pa.table({"other": ["a", "b"]}), mode="append")
    assert (deltafiles.columns(table), deltafiles.extent(table)[0]) == (["other"], 2)
    assert deltafiles.statistics(table) == ["other"]
    write_deltalake(table, pa.table({"other": ["c"]}), mode="append")
    assert (deltafiles.extent(table)[0], deltafiles.extent(table, 1)[0]) == (3, 2)


def test_a_missing_commit_is_no_silence(tmp_path: Path) -> None:
    """What was written must be on the disk before it is published: a commit that cannot be read is an error."""
    table = made(tmp_path / "t", 2)
    deltafiles.sync(table, 0)
    (table / "_delta_log" / f"{1:020d}.json").unlink()
    with pytest.raises(FileNotFoundError):
        deltafiles.sync(table, 0)


def test_a_large_file_is_rewritten_when_the_smaller_ones_hold_half_as_much(tmp_path: Path) -> None:
    table = made(tmp_path / "t")

    def add(rows: int, files: int) -> None:
        """Numbers that cannot be packed: the bytes of a file follow its rows."""
        for _ in range(files):
            write_deltalake(table, pa.table({"n": [rng.getrandbits(63) for _ in range(rows)]}), mode="append")

    rng = random.Random(1)
    add(20_000, 1)
    (large,) = deltafiles.files(table)
    add(1_000, 5)
    deltafiles.compact(table)
    assert len(deltafiles.files(table)) == 2
    assert large in deltafiles.files(table)
    add(1_000, 9)
    deltafiles.compact(table)
    assert len(deltafiles.files(table)) == 1
    assert deltafiles.extent(table)[0] == 34_000
    now = deltafiles.version(table)
    deltafiles.compact(table)
    assert deltafiles.version(table) == now


def test_removed_files_are_forgotten(tmp_path: Path) -> None:
    """Every command on a table reads of them; who reads an old version still finds its files."""
    table = made(tmp_path / "t", 130)
    deltafiles.shorten_log(table, [125])
    assert remembered(table) > 100
    deltafiles.forget_removed(table)
    assert remembered(table) == 0
    assert DeltaTable(table).metadata().configuration["delta.deletedFileRetentionDuration"] == "interval 30 days"
    before = deltafiles.version(table)
    assert {125, 130} <= {*readable(table, said=[*range(131), *[130] * 9])}
    deltafiles.forget_removed(table)
    assert deltafiles.version(table) == before  # there is nothing to forget: no version for nothing
    DeltaTable(table).alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 0 seconds"})
    deltafiles.forget_removed(table)  # killed half-way
    assert DeltaTable(table).metadata().configuration["delta.deletedFileRetentionDuration"] == "interval 30 days"


def remembered(path: Path) -> int:
    """How many removed files the last checkpoint tells of."""
    last = json.loads((path / "_delta_log" / "_last_checkpoint").read_text())["version"]
    return sum(
        row is not None
        for row in pq.read_table(path / "_delta_log" / f"{last:020d}.checkpoint.parquet")["remove"].to_pylist()
    )


def test_upkeep_is_on_the_disk_before_what_it_stands_for_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger too is kept so: a machine that stops at any moment must not lose it."""
    table, done = made(tmp_path / "t"), list[Path]()
    for n in range(1, 4):
        write_deltalake(table, pa.table({"n": [n]}), mode="append")
    monkeypatch.setattr(deltafiles, "fsync", done.append)
    deltafiles.compact(table)
    commit = table / "_delta_log" / f"{4:020d}.json"
    assert {commit, commit.parent, table, *(table / file for file in deltafiles.files(table))} <= {*done}
