"""The ledger: of several writers one gets the next entry; the entries say what is live, what is dead, what is open."""

from __future__ import annotations

import itertools
import random
import shutil
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from ecomm.batches.entry import FORMAT_VERSION, SCHEMA, Entry, FileEntry, digest
from ecomm.batches.ledger import Ledger
from ecomm.batches.log import Log
from ecomm.errors import FormatError, LockedError, StorageError, UsageError
from ecomm.warehouse import Warehouse

AT = datetime(2025, 1, 15, 6, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger with its first entry."""
    made = Ledger(tmp_path)
    assert not made.log
    made.create()
    made.append(Entry("GENESIS"), AT)
    return made


def test_an_entry_is_read_as_it_was_written(ledger: Ledger) -> None:
    """Every column, to the last digit and microsecond, by another reader too."""
    said = Entry(
        "PUBLISH",
        batch_id="é/1",
        run_id="r",
        as_of=AT - timedelta(microseconds=1),
        batch_date=date(2025, 1, 14),
        client_name="Ann's",
        revision=7,
        files=(FileEntry("orders", "o.csv", "ab", 5, 9, 4, 3, 1, 1), FileEntry("customers", "c.csv", "cd", 2)),
        tables={"orders_target": (3, 10), "orders_stage": (2, 12)},
        score=Decimal("97.50"),
        reason="because\n",
        engine="sail",
        program_version="1",
        contract_hash="c",
        settings_hash="s",
        trigger='{"a": "ü"}',
    )
    written = ledger.append(said, AT + timedelta(hours=1))
    assert written == Entry(
        **{**said.__dict__, "seq": 1, "at": AT + timedelta(hours=1), "previous": digest(ledger.log[0])}
    )
    assert Ledger(ledger.path.parent).log.last == written


def test_numbers_have_no_gap_and_times_never_run_backwards(ledger: Ledger) -> None:
    """Also when the clock is put back, stands still, or an entry is written by another reader."""
    clock = [AT + timedelta(seconds=1), AT - timedelta(days=400), AT + timedelta(seconds=1), AT + timedelta(seconds=2)]
    for now in clock:
        Ledger(ledger.path.parent).append(Entry("OPEN", batch_id="b"), now)
    entries = Ledger(ledger.path.parent).log
    assert [e.seq for e in entries] == list(range(5))
    times = [e.at for e in entries if e.at is not None]
    assert len(times) == 5
    assert all(a < b for a, b in itertools.pairwise(times))
    assert times[1] == clock[0]
    assert times[-1] == clock[-1]
    assert DeltaTable(ledger.path).version() == 5


def test_a_stale_writer_is_refused(ledger: Ledger) -> None:
    """Who read before another one wrote writes nothing; after reading anew it can."""
    stale = Ledger(ledger.path.parent)
    ledger.append(Entry("OPEN", batch_id="a"))
    with pytest.raises(LockedError, match="another program") as caught:
        stale.append(Entry("OPEN", batch_id="b"))
    assert caught.value.exit_code == 4
    assert str(ledger.path.parent) in str(caught.value)
    assert [e.batch_id for e in Ledger(ledger.path.parent).log] == [None, "a"]
    stale.refresh()
    assert stale.append(Entry("OPEN", batch_id="b")).seq == 2


def test_of_racers_exactly_one_wins(ledger: Ledger) -> None:
    """Eight that read the same entry and write at once, three times over: one entry each time."""
    for lap in range(1, 4):
        racers = [Ledger(ledger.path.parent) for _ in range(8)]
        start = threading.Barrier(len(racers))
        won: list[int] = []
        lost: list[int] = []

        def race(
            number: int,
            racers: list[Ledger] = racers,
            start: threading.Barrier = start,
            won: list[int] = won,
            lost: list[int] = lost,
            lap: int = lap,
        ) -> None:
            start.wait()
            try:
                racers[number].append(Entry("OPEN", batch_id=f"{lap}/{number}"))
                won.append(number)
            except LockedError:
                lost.append(number)

        threads = [threading.Thread(target=race, args=(n,)) for n in range(len(racers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, 7)
        entries = Ledger(ledger.path.parent).log
        assert [e.seq for e in entries] == list(range(lap + 1))
        assert entries[-1].batch_id == f"{lap}/{won[0]}"


def test_an_entry_is_read_once(ledger: Ledger) -> None:
    """Entries never change, so who knows some reads those that have come; who knows none reads all of them."""
    for n in range(3):
        ledger.append(Entry("OPEN", run_id=str(n)))
    assert Ledger(ledger.path.parent).log == ledger.log
    for file in DeltaTable(ledger.path).file_uris():
        if 3 not in pq.read_table(file)["seq"].to_pylist():
            Path(file).unlink()
    known = ledger.log
    ledger.append(Entry("RECOVER"))
    assert Ledger(ledger.path.parent, known=known).log == ledger.log
    with pytest.raises(StorageError, match="the ledger is lost or damaged"):
        Ledger(ledger.path.parent)


@pytest.mark.parametrize("name", ["shop [1]", "shop]", "my%20shop", "a\\b"])
def test_a_folder_in_which_no_table_can_lie(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Delta tables cannot lie in a folder with"):
        Ledger(tmp_path / name)


def test_a_warehouse_without_a_ledger(tmp_path: Path) -> None:
    """Several first runs at once, without locks, leave tables of a later version, and no row: it is as good as new."""
    rows = pa.table({"a": [1]})
    write_deltalake(tmp_path / "orders_stage", rows.slice(0, 0))
    DeltaTable(tmp_path / "orders_stage").alter.set_table_properties({"delta.checkpointInterval": "7"})
    assert not Ledger(tmp_path).log
    write_deltalake(tmp_path / "orders_stage", rows, mode="append")
    with pytest.raises(StorageError, match="the ledger is gone, but orders_stage holds rows"):
        Ledger(tmp_path)


def test_a_flipped_bit_is_seen_or_changes_nothing(ledger: Ledger) -> None:
    """Whatever a damaged file makes of a library: there is one kind of error, and no entry is another."""
    files = (FileEntry("orders", "o.csv", "0" * 64, 5, rows_read=3, columns=("order_id",)),)
    for n in range(3):
        ledger.append(Entry("PUBLISH", batch_id=f"b{n}", files=files, tables={"orders_stage": (n, n)}))
    known, rng, seen = ledger.log, random.Random(0), 0
    for file in map(Path, DeltaTable(ledger.path).file_uris()):
        content = file.read_bytes()
        for _ in range(60):
            at = rng.randrange(len(content))
            file.write_bytes(content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :])
            try:
                found = Ledger(ledger.path.parent).log
            except (StorageError, FormatError):
                seen += 1
            else:  # no entry has the last one's hash yet, so landing's copy of it is what is compared
                assert found[:-1] == known[:-1]
            file.write_bytes(content)
    assert seen > 60


@pytest.mark.parametrize("more", [0, 1, 5])
def test_another_ledger_in_its_folder(ledger: Ledger, more: int) -> None:
    """A warehouse that was made anew, or brought back from a backup, is read as it is."""
    kept = ledger.path.parent / "backup"
    shutil.copytree(ledger.path, kept)
    for n in range(3):
        ledger.append(Entry("OPEN", run_id=str(n)))
    known = ledger.log
    assert len(known) == 4
    shutil.rmtree(ledger.path)
    shutil.copytree(kept, ledger.path)
    again = Ledger(ledger.path.parent, known=known)
    assert [e.entry for e in again.log] == ["GENESIS"]
    for n in range(more):
        again.append(Entry("HOLD", run_id=str(n)))
        assert Ledger(ledger.path.parent, known=known).log == again.log
    assert [e.entry for e in again.log] == ["GENESIS", *["HOLD"] * more]


def test_create_is_safe_to_repeat(ledger: Ledger) -> None:
    """A ledger that is there stays as it is."""
    before = ledger.log
    again = Ledger(ledger.path.parent)
    again.create()
    assert again.log == before
    assert [f.metadata["comment"] != "" for f in DeltaTable(ledger.path).schema().fields] == [True] * len(SCHEMA)


# -- other formats ------------------------------------------------------------------------------------


def test_a_newer_format_is_refused(ledger: Ledger) -> None:
    """By writers and readers, with the folder, both numbers and what to do."""
    ledger.append(Entry("MAINTAIN", format_version=FORMAT_VERSION))
    table = pa.Table.from_pylist([{"seq": 2, "entry": "OPEN", "format_version": FORMAT_VERSION + 1}], schema=SCHEMA)
    write_deltalake(DeltaTable(ledger.path), table, mode="append")
    for reader in (Ledger, Warehouse):
        with pytest.raises(FormatError) as caught:
            reader(ledger.path.parent)
        refused_with_sense(caught.value, ledger.path.parent)


def test_an_older_format_is_refused(tmp_path: Path) -> None:
    """Its tables are others: with the folder, both numbers and what to do."""
    ledger = Ledger(tmp_path)
    ledger.create()
    table = pa.Table.from_pylist([{"seq": 0, "entry": "GENESIS", "format_version": FORMAT_VERSION - 1}], schema=SCHEMA)
    write_deltalake(DeltaTable(ledger.path), table, mode="append")
    for reader in (Ledger, Warehouse):
        with pytest.raises(FormatError, match=f"format {FORMAT_VERSION - 1}.*writes {FORMAT_VERSION}.*--warehouse"):
            reader(tmp_path)


def test_a_newer_format_may_have_other_columns(ledger: Ledger) -> None:
    """The format is looked at before anything of an entry that this program does not know."""
    row = {"seq": 1, "entry": "SPLIT", "format_version": FORMAT_VERSION + 1, "new_column": 7}
    file = {"source": "orders", "name": "o.csv", "sha256": "ab", "bytes": 1, "outcome": "OK", "encoding": "utf-8"}
    schema = pa.schema(
        [
            ("seq", pa.int64()),
            ("entry", pa.string()),
            ("format_version", pa.int64()),
            ("new_column", pa.int64()),
            ("files", pa.list_(pa.struct([(k, pa.int64() if k == "bytes" else pa.string()) for k in file]))),
        ]
    )
    table = pa.Table.from_pylist([row | {"files": [file]}], schema=schema)
    write_deltalake(DeltaTable(ledger.path), table, mode="append", schema_mode="merge")
    for reader in (Ledger, Warehouse):
        with pytest.raises(FormatError) as caught:
            reader(ledger.path.parent)
        refused_with_sense(caught.value, ledger.path.parent)


def refused_with_sense(error: FormatError, folder: Path) -> None:
    said = str(error)
    assert "\n" not in said
    assert str(folder) in said
    assert str(FORMAT_VERSION + 1) in said
    assert "install" in said
    assert error.exit_code == 1


# -- what the entries say -----------------------------------------------------------------------------


def told(*words: str) -> Log:
    """Entries in short: `OPEN a`, `PUBLISH a 1`; their numbers are their places."""
    entries = []
    for seq, said in enumerate(words):
        kind, batch, revision = [*said.split(), None, None][:3]
        entries.append(Entry(kind or "", seq, AT, batch, revision=None if revision is None else int(revision)))
    return Log(tuple(entries))


def revisions(entries: Iterable[Entry]) -> dict[str, int | None]:
    return {batch: entry.revision for batch, entry in Log(tuple(entries)).live.items()}


def dead(entries: Sequence[Entry]) -> list[int]:
    log = Log(tuple(entries))
    return log.dead_revisions({e.revision for e in log.live.values() if e.revision is not None})


def test_live_and_dead() -> None:
    """A batch lives in its last publication, unless it was undone since; all other attempts are dead."""
    entries = told("GENESIS", "OPEN a", "PUBLISH a 1", "OPEN b", "RECOVER b 3", "OPEN b", "PUBLISH b 5", "OPEN c")
    assert revisions(entries) == {"a": 1, "b": 5}
    assert dead(entries) == [3, 7]

    undone = [*entries, *told(*["-"] * 8, "UNDO a", "REJECT c")[8:]]
    assert revisions(undone) == {"b": 5}
    assert dead(undone) == [1, 3, 7]

    again = [*undone, *told(*["-"] * 10, "OPEN a", "PUBLISH a 10", "OPEN b", "REDRIVE b 12")[10:]]
    assert revisions(again) == {"a": 10, "b": 12}
    assert dead(again) == [1, 3, 5, 7]

    replaced = [*again, *told(*["-"] * 14, "OPEN a", "HOLD a 14", "REJECT a 14")[14:]]  # what was published stays
    assert revisions(replaced) == {"a": 10, "b": 12}
    assert dead(replaced) == [1, 3, 5, 7, 14]

    assert revisions([]) == {}
    assert dead([]) == []
    assert revisions(told("GENESIS", "OPEN a", "HOLD a 1")) == {}
    assert dead(told("GENESIS", "OPEN a", "HOLD a 1")) == [1]


@pytest.mark.parametrize(
    ("words", "seq"),
    [
        ([], None),
        (["GENESIS"], None),
        (["GENESIS", "OPEN a"], 1),
        (["GENESIS", "OPEN a", "PUBLISH a 1"], None),
        (["GENESIS", "OPEN a", "HOLD a 1"], None),
        (["GENESIS", "OPEN a", "RECOVER a 1"], None),
        (["GENESIS", "OPEN", "REBUILD"], None),
        (["GENESIS", "OPEN a", "PUBLISH a 1", "OPEN b"], 3),
        (["GENESIS", "OPEN a", "RECOVER a 1", "OPEN a"], 3),
        (["GENESIS", "OPEN a", "PUBLISH a 1", "UNDO a"], None),
        (["GENESIS", "OPEN a", "PUBLISH a 1", "MAINTAIN"], None),
        (["GENESIS", "OPEN"], 1),
    ],
)
def test_open_attempt(words: list[str], seq: int | None) -> None:
    """The OPEN that nothing has ended, if there is one."""
    found = told(*words).open_attempt
    assert (found and found.seq) == seq
