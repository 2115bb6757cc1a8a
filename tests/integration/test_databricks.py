"""The databricks engine on a Spark of our own, whose session catalog stands for Unity Catalog."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from ecomm import pipeline, session
from ecomm.batches.entry import Entry
from ecomm.batches.ledger import Ledger
from ecomm.batches.locks import TASKS
from ecomm.contract import Field
from ecomm.engines import Engine, databricks
from ecomm.engines.databricks import Databricks, Managed
from ecomm.errors import LockedError, StorageError
from ecomm.settings import Settings
from tests.shop import DAYS, Row, Shop, differences, ordered, published

pytestmark = pytest.mark.spark
PATH = Path("anywhere/batch_ledger")


@pytest.fixture
def managed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Databricks]:
    """The engine, with a schema of its own."""
    schema = f"shop_{uuid.uuid4().hex[:8]}"
    engine.spark.sql(f"CREATE SCHEMA spark_catalog.{schema}")
    made = Databricks(Managed(engine.spark, "spark_catalog", schema))
    monkeypatch.setattr(databricks, "lake_of", lambda _: made.lake)
    monkeypatch.setattr(session, "start_engine", lambda _: made)
    yield made
    engine.spark.sql(f"DROP SCHEMA spark_catalog.{schema} CASCADE")


def tables(settings: Settings, lake: Managed) -> dict[str, list[Row]]:
    """What the ledger's last entry names, as the catalog has it."""
    log, found = Ledger.of(settings).log, {}
    for name, (version, rows) in log.last.tables.items():
        table = lake.table(settings.warehouse / name, version)[1]
        assert table.num_rows == rows, name
        if name.endswith(("_stage", "_errors")):
            seen = log.kept if name.endswith("_errors") else log.live.values()
            table = table.filter(pa.compute.is_in(table["revision"], pa.array([e.revision for e in seen])))
        found[name] = ordered(table.to_pylist())
    return found


@pytest.mark.parity
def test_the_sample_days_in_a_catalog(tmp_path: Path, sample: Shop, managed: Databricks) -> None:
    """The first day whole, the second by its tasks; the tables have comments, and nothing lies in folders."""
    there = Shop(tmp_path, engine="databricks", catalog="spark_catalog", schema_name=managed.lake.schema)
    there.drop_sample(DAYS[0])
    assert [o.status for o in there.run()] == ["published"]
    there.drop_sample(DAYS[1])
    outcomes = [pipeline.run_task(there.settings, task, "1")[0].status for task in TASKS]
    assert outcomes == ["done"] * 7 + ["published"]
    assert not differences(tables(there.settings, managed.lake), published(sample))
    said = managed.lake.fields(there.settings.warehouse / "orders_target")
    assert all(field.comment for field in said)
    assert managed.lake.held(there.settings.warehouse, TASKS) == []
    assert not list(there.settings.warehouse.glob("*/_delta_log"))


def test_every_statement(managed: Databricks) -> None:
    """What is asked of a table and done to it, one after the other."""
    lake, path = managed.lake, Path("anywhere/orders_target")
    assert (lake.exists(path), lake.missing(path)) == (False, [])
    fields = [
        Field("id", "string", r"it's a \ key"),
        Field("at", "timestamp", "when"),
        Field("is_current", "boolean", "now"),
    ]
    lake.create(path, fields, "Orders, 'all'.", ("is_current",), ("id", "at"))
    lake.create(path, fields[:1], "another notebook comes to it a moment later")
    assert (lake.exists(path), lake.version(path), lake.fields(path)) == (True, 0, fields)
    assert lake.statistics(path) == ["id", "at"]
    at = pa.array([datetime(2025, 1, 1, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC"))
    lake.append_rows(path, pa.table({"id": ["a", "b"], "at": at, "is_current": [True, False]}))
    rows, size = lake.extent(path)
    assert (rows, size, lake.count_files(path)) == (2, lake.written(path, 1), 2)
    assert (lake.holds(path, "id", "a"), lake.holds(path, "id", "c")) == (True, False)
    lake.write(
        path, lake.read(path).filter("is_current").withColumn("id", F.lit("c")), "overwrite", "is_current = true"
    )
    assert sorted(r["id"] for r in lake.read(path).collect()) == ["b", "c"]
    lake.add_columns(path, [Field("note", "string", "later")])
    assert lake.columns(path) == ["id", "at", "is_current", "note"]
    lake.restore(path, 1)
    assert (lake.version(path), lake.fields(path), lake.extent(path, 1)[0]) == (4, fields, 2)
    lake.write(path, lake.read(path).filter("is_current"), "overwrite")
    version, table = lake.table(path)
    assert (version, table["id"].to_pylist(), table["at"].to_pylist()) == (5, ["a"], at.to_pylist()[:1])
    assert (lake.fields(path), lake.statistics(path)) == (fields, ["id", "at"])  # a write loses neither
    lake.compact(path, ("id",))
    lake.compact(path)
    lake.vacuum(path, timedelta(hours=168), [])
    assert lake.extent(path)[0] == 1
    with pytest.raises(StorageError, match=r"nowhere.*cannot be read"):
        lake.table(Path("anywhere/nowhere"))


def entry(n: int, run_id: str) -> pa.Table:
    """What is appended to the table of `number`."""
    at = pa.array([datetime(2025, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    return pa.table({"seq": [n], "run_id": [run_id], "at": at})


def number(lake: Managed) -> None:
    """A table of entries."""
    fields = [Field("seq", "bigint", "n"), Field("run_id", "string", "who"), Field("at", "timestamp", "when")]
    lake.create(PATH, fields, "Entries.", statistics=["seq"])


def test_one_of_two_entries_with_one_number_is_kept(managed: Databricks) -> None:
    lake = managed.lake
    number(lake)
    assert lake.append_next(PATH, entry(0, "a"), lake.version(PATH)) == lake.version(PATH)
    with pytest.raises(LockedError, match="another program wrote an entry meanwhile"):
        lake.append_next(PATH, entry(0, "b"), 0)
    won: list[str] = []

    def race(run_id: str) -> None:
        try:
            lake.append_next(PATH, entry(1, run_id), 1)
        except LockedError:
            return
        won.append(run_id)

    racers = [threading.Thread(target=race, args=(name,)) for name in "cde"]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    there = [(row["seq"], row["run_id"]) for row in lake.table(PATH)[1].to_pylist()]
    assert sorted(there) == [(0, "a"), (1, won[0])]
    assert len(won) == 1


def test_a_notebook_keeps_its_time_zone(managed: Databricks) -> None:
    """Before the engine runs, instants are told in UTC too; after it, the session counts as the notebook did."""
    conf, zone = managed.spark.conf, "spark.sql.session.timeZone"
    conf.set(zone, "America/New_York")
    try:
        number(managed.lake)
        managed.lake.append_next(PATH, entry(0, "a"), managed.lake.version(PATH))
        assert managed.lake.table(PATH)[1].equals(entry(0, "a"))
        running = Databricks(managed.lake)
        assert conf.get(zone) == "UTC"
        running.stop()
        assert conf.get(zone) == "America/New_York"
    finally:
        conf.set(zone, "UTC")


def test_leases_are_held_and_given_back(managed: Databricks, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, root = managed.lake, PATH.parent
    with lake.hold(root, ["a", "b"]):
        assert lake.held(root, ["a", "b", "c"]) == ["a", "b"]
        with pytest.raises(LockedError, match="another run is working on these tables"), lake.hold(root, ["b", "c"]):
            pass
        assert lake.held(root, ["a", "b", "c"]) == ["a", "b"]  # what it had taken is free again
    assert lake.held(root, ["a", "b", "c"]) == []
    monkeypatch.setattr(databricks, "_LEASE", "INTERVAL -1 SECONDS")  # of a process that has died
    with lake.hold(root, ["a"]):
        monkeypatch.setattr(databricks, "_LEASE", "INTERVAL 10 MINUTES")
        with lake.hold(root, ["a"]):
            assert lake.held(root, ["a"]) == ["a"]


def test_an_entry_survives_the_way_there_and_back(managed: Databricks, tmp_path: Path) -> None:
    """Files, tables, numbers with two decimals and instants come back as they went."""
    ledger = Ledger(tmp_path, managed.lake)
    ledger.create()
    said = ledger.append(Entry("GENESIS", tables={"orders_stage": (3, 10)}, reason="it's ∅"))
    assert Ledger(tmp_path, managed.lake).log.entries == (said,)
