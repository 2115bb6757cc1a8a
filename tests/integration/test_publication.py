"""Publication as others see it: plain Delta readers, other programs, and a run that wakes when another took over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame

from ecomm import revise
from ecomm.batches import status
from ecomm.batches.landing import Landing
from ecomm.batches.log import Log
from ecomm.engines import deltafiles
from ecomm.session import Session
from ecomm.sources import SOURCES
from ecomm.store.datafiles import DataFile
from ecomm.store.folders import FolderStore
from ecomm.tables import CATALOGUE, target_name
from tests.integration.conftest import Days
from tests.integration.test_kills import CHILD
from tests.shop import DAYS, Shop, differences, published

ORDERS = "order_id,customer_id,product_id,order_date,order_amount,order_status\n"


def contradictions(table: DeltaTable, key: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The keys of a target of which two versions are current, or hold at one instant."""
    versions: dict[tuple[str, ...], list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for row in table.to_pyarrow_table().to_pylist():
        versions[tuple(row[k] for k in key)].append((row["effective_date"], row["expiry_date"]))
    wrong = []
    for of, spans in versions.items():
        spans.sort(key=lambda span: span[0])
        if any(end is None or end > begin for (_, end), (begin, _) in pairwise(spans)):
            wrong.append(of)
    return wrong


def every_version_is_whole(shop: Shop) -> int:
    """How many versions of targets there are, each of which a plain reader may have read."""
    seen = 0
    for name, source in SOURCES.items():
        path = shop.settings.warehouse / target_name(name)
        for at in range(DeltaTable(path).version() + 1):
            assert contradictions(DeltaTable(path, version=at), source.key) == [], (name, at)
            seen += 1
    return seen


def test_every_version_of_a_target_is_whole(sample: Shop) -> None:
    assert every_version_is_whole(sample) >= 3 * len(SOURCES)


def test_each_batch_makes_one_version_of_what_it_changes(sample: Shop) -> None:
    """And one before, if a file brings a new column. Each says which batch and ledger entry it belongs to."""
    entries = sample.warehouse.log
    for before, entry in pairwise(entries):
        for name, (version, _) in entry.tables.items():
            was = before.tables[name][0]
            said = [deltafiles.commit_info(sample.settings.warehouse / name, at) for at in range(was + 1, version + 1)]
            assert len(said) <= (2 if name.endswith(("_stage", "_target")) else 1), (entry.seq, name)
            for info in said:
                assert (info["ecomm.batch"], info["ecomm.ledger"]) == (entry.batch_id, str(entry.seq))
            assert entry.entry == "PUBLISH" or not said, (entry.seq, name)


@pytest.mark.long
def test_a_row_of_stage_is_written_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that were judged are stage's; only rows that had to be looked at once more are written once more."""
    rewritten: dict[str, int] = {}
    write = FolderStore._write

    def counts(store: FolderStore, name: str, rows: DataFrame) -> list[DataFile]:
        files = write(store, name, rows)
        rewritten[name] = sum(file.rows for file in files)
        return files

    monkeypatch.setattr(FolderStore, "_write", counts)
    plain = "".join(f"O{n},C1,P1,2025-01-01,5.00,delivered\n" for n in range(50))
    shop.drop("b1", "2025-01-10T00:00:00Z", {"orders": {"o1.csv": ORDERS + plain}})
    shop.run()
    assert DeltaTable(shop.settings.warehouse / "orders_stage").count() == 50
    assert "orders_stage" not in rewritten
    apart = "O7,C1,P1,2025-01-01,6.00,pending\nO7,C1,P1,2025-01-01,6.00,delivered\nO8,C1,P1,never,6.00,pending\n"
    shop.drop("b2", "2025-01-11T00:00:00Z", {"orders": {"o2.csv": ORDERS + apart + plain[-100:].split("\n", 1)[1]}})
    shop.run()
    assert DeltaTable(shop.settings.warehouse / "orders_stage").count() == 50 + 1 + plain[-100:].count("\n") - 1
    assert rewritten["orders_stage"] == 1


def test_undo_replay_and_late_batches_leave_only_whole_versions(shop: Shop) -> None:
    for n, text in enumerate(("O1,C1,P1,2025-01-01,5,pending\n", "O1,C1,P1,2025-01-01,5,shipped\n")):
        shop.drop(f"b{n}", f"2025-02-0{1 + 2 * n}T12:00:00Z", {"orders": {f"{n}.csv": ORDERS + text}})
    shop.run()
    late = ORDERS + "O1,C1,P1,2025-01-01,5,paid\nO2,C1,P1,2025-01-01,5,pending\n"
    shop.drop("late", "2025-02-02T12:00:00Z", {"orders": {"late.csv": late}})
    assert [o.status for o in shop.run()] == ["published"]
    revise.undo(shop.settings, "b1", "why not")
    revise.replay(shop.settings, "b0")
    assert every_version_is_whole(shop) > 0


# --- catalog.duckdb ---


def views(database: Path) -> dict[str, pa.Table]:
    """All that a program with a DuckDB driver sees."""
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        return {name: connection.execute(f'FROM "{name}"').to_arrow_table() for (name,) in names}


def test_a_duckdb_client_sees_what_is_published(sample: Shop) -> None:
    """All tables, their columns in order, types, comments and rows; of stage only what is live."""
    seen = views(sample.settings.warehouse / "catalog.duckdb")
    assert sorted(seen) == sorted(sample.warehouse.names)
    for name, table in seen.items():
        ours = sample.warehouse.table(name)
        assert table.column_names == ours.column_names, name
        assert Counter(map(str, table.to_pylist())) == Counter(map(str, ours.to_pylist())), name
    with duckdb.connect(sample.settings.warehouse / "catalog.duckdb", read_only=True) as connection:
        said = connection.execute("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal")
        comments = {(table, column): comment for table, column, comment in said.fetchall()}
    for name, one in CATALOGUE.items():
        assert {f.name: comments[name, f.name] for f in one.fields} == {f.name: f.comment for f in one.fields}, name


@pytest.mark.long
def test_a_duckdb_client_never_sees_half_a_batch(tmp_path: Path) -> None:
    """Polled while batches are published and their runs are killed; and who has it open goes on seeing his moment."""
    shop = Shop(tmp_path)
    shop.drop_sample(*DAYS)
    database, seen, held = shop.settings.warehouse / "catalog.duckdb", set[int](), None
    for kill in (["after", "commit#4"], ["after", "ledger:PUBLISH"], []):
        command = [sys.executable, str(CHILD), str(shop.settings.landing), str(shop.settings.warehouse), *kill]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if database.is_file():
                    tables = views(database)
                    batches = {r["batch_id"] for r in tables["analytics_summary"].to_pylist()}
                    for name in (*(f"{s}_stage" for s in SOURCES), "validation_results"):
                        assert set(tables[name]["batch_id"].to_pylist()) == batches, name
                    current = sum(tables["orders_target"]["is_current"].to_pylist())
                    assert current == tables["enriched_orders"].num_rows
                    seen.add(len(batches))
                    if held is None and batches:
                        # In one process DuckDB opens a path once: this is the same file under another.
                        os.link(database, tmp_path / "held.duckdb")
                        held = duckdb.connect(tmp_path / "held.duckdb", read_only=True), current
    assert seen >= {0, 1}
    assert len(views(database)["analytics_summary"]) == 2
    assert held is not None
    connection, current = held
    assert connection.execute("SELECT count(*) FROM orders_target WHERE is_current").fetchone() == (current,)
    connection.close()


# --- other programs -------------------------------------------------------------------------------------------------


def test_upkeep_by_another_program_is_no_danger(shop: Shop) -> None:
    """OPTIMIZE, VACUUM, other properties: the rows are the same, so the next batch goes on from there."""
    for n in (1, 2, 3):
        text = ORDERS + f"O{n},C1,P1,2025-01-01,5,pending\n"
        shop.drop(f"b{n}", f"2025-02-0{n}T12:00:00Z", {"orders": {f"{n}.csv": text}})
        assert [o.status for o in shop.run()] == ["published"]
        for name in ("orders_stage", "orders_target", "enriched_orders", "analytics_summary"):
            table = DeltaTable(shop.settings.warehouse / name)
            table.optimize.compact()
            table.alter.set_table_properties({"delta.logRetentionDuration": f"interval {3650 + n} days"})
            table.vacuum(retention_hours=721, dry_run=False)
        assert len(shop.rows("orders_target")) == n
    assert every_version_is_whole(shop) > 0


def test_rows_of_another_program_are_refused(shop: Shop) -> None:
    """Nobody knows what they mean: nothing is published over them, and nothing is taken back."""
    shop.drop("b1", "2025-02-01T12:00:00Z", {"orders": {"1.csv": ORDERS + "O1,C1,P1,2025-01-01,5,pending\n"}})
    shop.run()
    path = shop.settings.warehouse / "orders_target"
    write_deltalake(path, DeltaTable(path).to_pyarrow_table(), mode="append")
    shop.drop("b2", "2025-02-02T12:00:00Z", {"orders": {"2.csv": ORDERS + "O2,C1,P1,2025-01-01,5,pending\n"}})
    with pytest.raises(Exception, match=r"orders_target: version 2 has other rows.*`ecomm restore`"):
        shop.run()
    assert DeltaTable(path).version() == 2
    assert len(shop.rows("orders_target")) == 1, "readers go by the ledger"


def test_what_is_left_of_an_attempt_that_was_published_deletes_nothing(shop: Shop) -> None:
    """A process may end when its attempt's folder has lost its intent and is there still."""
    shop.drop("b1", "2025-02-01T12:00:00Z", {"orders": {"1.csv": ORDERS + "O1,C1,P1,2025-01-01,5,pending\n"}})
    shop.run()
    before = published(shop)
    opened = next(e.seq for e in shop.warehouse.log if e.entry == "OPEN")
    (shop.settings.warehouse / "attempts" / str(opened)).mkdir()
    (shop.settings.warehouse / "orders_stage" / f"{opened}-9").mkdir()
    assert shop.run() == []
    assert not differences(published(shop), before)
    assert not (shop.settings.warehouse / "orders_stage" / f"{opened}-9").exists()


# --- a run that wakes -----------------------------------------------------------------------------------------------

STOPS = [
    pytest.param("before claim", marks=pytest.mark.long),
    "after stage:orders",
    pytest.param("after change_set:products", marks=pytest.mark.long),
    pytest.param("before enrich", marks=pytest.mark.long),
    pytest.param("after merge:orders", marks=pytest.mark.long),
    pytest.param("before check", marks=pytest.mark.long),
    "before intend",
    pytest.param("after intend", marks=pytest.mark.long),
    "after commit#3",
    pytest.param("before ledger:PUBLISH", marks=pytest.mark.long),
    pytest.param("after ledger:PUBLISH", marks=pytest.mark.long),
    pytest.param("before archive", marks=pytest.mark.long),
    *(
        pytest.param(f"{when} {seam}", marks=pytest.mark.soak)
        for seam in (
            *(
                "copy#2",
                "land:orders",
                "stage:customers",
                "errors:products",
                "change_set:orders",
                "prepare:orders_stage",
            ),
            *(
                "validate",
                "record:validation_results",
                "analytics",
                "widen#1",
                "sync:orders_target",
                "commit#7",
                "show",
            ),
            *("ledger:OPEN", "move#1", "move#4"),
        )
        for when in ("before", "after")
    ),
]


@pytest.mark.parametrize("stop", STOPS)
def test_a_run_that_wakes_when_another_has_published_writes_nothing(
    shop: Shop,
    days: Days,
    stop: str,
) -> None:
    """Its locks are lost (a network disk's lease): the other run publishes all, and this one must not touch it."""
    shop = days.copy(shop.root / "copy")
    later = "O9,CUST0001,P001,2025-01-17,5,pending\n"
    places = [str(shop.settings.landing), str(shop.settings.warehouse)]
    first = subprocess.Popen(
        [sys.executable, str(CHILD), *places, *stop.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"KILL_CHILD_STOPS": "yes"},
    )
    assert os.WIFSTOPPED(os.waitpid(first.pid, os.WUNTRACED)[1]), f"{stop} was not reached"
    for lock in (shop.settings.warehouse / "locks").iterdir():
        lock.unlink()
    assert {o.status for o in shop.run()} <= {"published", "duplicate"}
    shop.drop("later", "2025-01-17T06:00:00Z", {"orders": {"later.csv": ORDERS + later}})
    assert [o.status for o in shop.run()] == ["published"]
    before, versions = published(shop), shop.versions()
    os.kill(first.pid, signal.SIGCONT)
    said, _ = first.communicate(timeout=120)
    assert first.returncode != -signal.SIGKILL, said
    assert shop.versions() == versions, said
    assert not differences(published(shop), before)
    assert shop.run() == []
    assert len(status.of(shop.settings, datetime.now().astimezone()).published) == 3
    assert shop.landed() == []
    assert [e.seq for e in shop.warehouse.log] == [*range(len(shop.warehouse.log))]


def test_a_run_that_begins_at_the_same_moment_takes_no_file_from_the_archive(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a lock that holds, it removes the copies of an attempt of which it has read nothing yet."""
    content = ORDERS + "O1,C1,P1,2025-01-01,5,pending\n"
    shop.drop("b1", "2025-02-01T12:00:00Z", {"orders": {"1.csv": content}})
    entry_of = Session.entry_of

    def and_another_begins(session: Session, kind: str, *args: Any, **more: Any) -> Any:
        if kind == "PUBLISH":
            Landing(shop.settings).settle_all(Log(session.log.entries[:1]))
        return entry_of(session, kind, *args, **more)

    monkeypatch.setattr(Session, "entry_of", and_another_begins)
    assert [o.status for o in shop.run()] == ["published"]
    assert shop.landed() == []
    (kept,) = (shop.settings.source_dir("orders") / "archive" / "b1").iterdir()
    assert kept.read_text() == content


# --- pollers --------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_plain_reader_that_polls_sees_no_broken_target(tmp_path: Path) -> None:
    """Whatever version is the newest at that moment, while batches are published, and their runs are killed."""
    shop = Shop(tmp_path)
    shop.drop_sample(*DAYS)
    seen = 0
    for kill in (["after", "commit#4"], []):
        command = [sys.executable, str(CHILD), str(shop.settings.landing), str(shop.settings.warehouse), *kill]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                for name, source in SOURCES.items():
                    path = shop.settings.warehouse / target_name(name)
                    if (path / "_delta_log" / f"{0:020d}.json").is_file():
                        assert contradictions(DeltaTable(path), source.key) == []
                        seen += 1
                time.sleep(0.01)
    assert seen > 20
    assert every_version_is_whole(shop) > 0
