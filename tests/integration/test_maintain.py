"""Upkeep changes files and no row; who reads meanwhile goes on reading, and the next run goes on from it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from ecomm import maintain
from ecomm.batches.entry import NAME as LEDGER
from ecomm.engines import Engine, deltafiles
from ecomm.errors import StorageError, UsageError
from ecomm.maintain import maintain as upkeep
from ecomm.money import shown
from ecomm.session import working
from ecomm.store.folders import FolderStore
from ecomm.tables import CATALOGUE
from tests.integration.test_cli import ecomm
from tests.integration.test_histories import nothing_changes
from tests.integration.test_kills import killed
from tests.shop import DAYS, SOURCES, Shop, differences, published

pytestmark = pytest.mark.usefixtures("shop")  # runs use the engine of the session
NOTHING = timedelta(0)
ORDERS = "order_id,customer_id,product_id,order_date,order_amount,order_status\n"


def small(shop: Shop, *days: int) -> Shop:
    """Publish a batch of two orders for each of some days."""
    for day in days:
        text = f"{ORDERS}O1,C1,P1,2025-01-01,{day},pending\nO{day},C1,P1,2025-01-01,1,pending\n"
        shop.drop(f"day {day}", f"2025-02-{day:02}T12:00:00Z", {"orders": {f"day{day}.csv": text}})
        assert [o.status for o in shop.run()] == ["published"]
    return shop


def deleting(shop: Shop) -> dict[str, maintain.Upkeep]:
    """The upkeep of a warehouse in which every file is old."""
    with working(shop.settings) as session:
        return {one.table: one for one in maintain.upkeep(session, older_than=NOTHING)}


def unread(table: Path) -> int:
    """How many versions came after a table's last checkpoint."""
    last: int = json.loads((table / "_delta_log" / "_last_checkpoint").read_text())["version"]
    return deltafiles.version(table) - last


@pytest.mark.long
@pytest.mark.parity
def test_a_run_goes_on_after_upkeep(shop: Shop, sample: Shop) -> None:
    shop.drop_sample(DAYS[0])
    shop.run()
    assert {one.table for one in upkeep(shop.settings)} == {*CATALOGUE, LEDGER}
    shop.drop_sample(DAYS[1])
    assert [o.status for o in shop.run()] == ["published"]
    assert not differences(published(shop), published(sample))
    upkeep(shop.settings)
    assert not differences(published(shop), published(sample))
    for name in shop.warehouse.entry.tables:
        assert {deltafiles.version(shop.settings.warehouse / name)} == {shop.warehouse.entry.tables[name][0]}
        statistics = pa.table(DeltaTable(shop.settings.warehouse / name).get_add_actions(flatten=True))
        told = {c.removeprefix("min.") for c in statistics.column_names if c.startswith("min.")}
        assert told <= {*CATALOGUE[name].statistics}, name  # the log tells nothing about a person


@pytest.mark.long
def test_few_files_are_left_of_many_and_no_row_differs(shop: Shop) -> None:
    small(shop, *range(1, 8))
    before, size = published(shop), len(shop.warehouse.log)
    done = deleting(shop)
    assert not differences(published(shop), before)
    assert (done["orders_stage"].before, done["orders_stage"].after) == (7, 1)
    assert done["orders_target"].after == 2  # current and closed versions lie apart
    assert done[LEDGER].after == 3  # with the two entries of this upkeep
    assert "customers_target" in done  # it has not changed, but it was never maintained
    assert [e.entry for e in shop.warehouse.log[size:]] == ["OPEN", "MAINTAIN"]
    again = deleting(shop)
    assert {*again} == {"processing_log", "validation_results", LEDGER}  # nothing was written to the others
    nothing_changes(small(shop, 9))


@pytest.mark.long
def test_who_reads_meanwhile_goes_on_reading_and_what_nobody_can_ask_for_goes(shop: Shop, engine: Engine) -> None:
    small(shop, *range(1, 4))
    reader = shop.warehouse
    rows = {name: reader.table(name).sort_by("batch_id") for name in ("orders_target", "analytics_summary")}
    small(shop, 5)
    old = reader.entry.tables["analytics_summary"][0]
    deleting(shop)
    for name, table in rows.items():
        assert reader.table(name).sort_by("batch_id") == table
    assert not deltafiles.missing(shop.settings.warehouse / "analytics_summary", old)
    small(shop, *range(6, 16))  # twenty entries further nobody is expected to read it any more
    for name in ("orders_target", "analytics_summary", "processing_log", LEDGER):
        assert unread(shop.settings.warehouse / name) < 10, name  # commands read a short log, upkeep or none
    assert deleting(shop)["analytics_summary"].deleted > 0
    assert deltafiles.missing(shop.settings.warehouse / "analytics_summary", old)
    amounts = shop.warehouse.asof("orders", date(2025, 2, 2), reader.entry.seq, ["O1"], engine)
    assert [shown(a) for a in amounts["order_amount"].to_pylist()] == ["2.00"]
    assert not differences(published(shop), published(shop))


@pytest.mark.long
@pytest.mark.parity
def test_logs_stay_short(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command on a table lists its log. What the last entries name can be read, and the next run goes on."""
    monkeypatch.setattr(maintain, "_PINNED", 6)
    monkeypatch.setattr(deltafiles, "_CHECKPOINT", 5)
    reader = small(shop, 1).warehouse
    small(shop, *range(2, 17))
    root, entries = shop.settings.warehouse, shop.warehouse.log
    for entry in entries[-6:]:
        for name, (version, rows) in entry.tables.items():
            assert deltafiles.extent(root / name, version)[0] == rows, name
    for name in ("orders_target", "analytics_summary", "processing_log", LEDGER):
        versions = {file.name[:20] for file in (root / name / "_delta_log").glob("0*")}
        assert len(versions) <= 26, name
        assert unread(root / name) < 10, name
    assert not (root / "orders_target" / "_delta_log" / f"{0:020d}.json").exists()
    with pytest.raises(StorageError, match=r"as ledger entry 2 names it .* refresh the warehouse"):
        reader.table("orders_target")
    reader.refresh()
    assert reader.table("orders_target") == shop.warehouse.table("orders_target")
    before = published(shop)
    deleting(shop)
    assert not differences(published(shop), before)
    # Of a table that was never written a checkpoint would only be one more file to read.
    assert not (root / "customers_target" / "_delta_log" / "_last_checkpoint").exists()
    nothing_changes(small(shop, 18))


@pytest.mark.long
def test_a_run_does_it_by_itself(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintain, "EVERY", 6)
    small(shop, *range(1, 8))
    kinds = [e.entry for e in shop.warehouse.log]
    assert kinds.count("MAINTAIN") == 2
    assert kinds[:9] == ["GENESIS", *["OPEN", "PUBLISH"] * 3, "OPEN", "MAINTAIN"]
    nothing_changes(shop)


@pytest.mark.long
def test_old_files_are_looked_for_once_a_day(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintain, "EVERY", 4)
    monkeypatch.setattr(maintain, "RETENTION", NOTHING)
    monkeypatch.setattr(maintain, "_PINNED", 4)
    target = shop.settings.warehouse / "orders_target"

    def files() -> set[Path]:
        return {file for file in target.rglob("*.parquet") if file.parent.name != "_delta_log"}

    small(shop, *range(1, 6))
    before = files()
    small(shop, 6)
    assert shop.warehouse.entry.entry == "MAINTAIN"
    assert before < files()
    monkeypatch.setattr(maintain, "_day", lambda entry: entry.seq)  # each entry on a day of its own
    small(shop, 7, 8)
    assert shop.warehouse.entry.entry == "MAINTAIN"
    assert not before <= files()
    nothing_changes(shop)


@pytest.mark.long
def test_a_backlog_is_kept_up_between_its_batches(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or each day of a long one would take longer than the one before."""
    monkeypatch.setattr(maintain, "EVERY", 4)
    for day in range(1, 5):
        text = f"{ORDERS}O{day},C1,P1,2025-01-01,{day},pending\n"
        shop.drop(f"day {day}", f"2025-02-{day:02}T12:00:00Z", {"orders": {f"day{day}.csv": text}})
    assert [o.status for o in shop.run()] == ["published"] * 4
    kinds = [e.entry for e in shop.warehouse.log if e.entry != "OPEN"]
    assert kinds == ["GENESIS", "PUBLISH", "PUBLISH", "MAINTAIN", "PUBLISH", "PUBLISH", "MAINTAIN"], kinds


@pytest.mark.long
def test_upkeep_that_fails_fails_no_batch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    small(shop, 1)
    real = FolderStore.compact

    def full(store: FolderStore, name: str) -> None:
        if name == "orders_target":
            raise OSError(28, "No space left on device")
        real(store, name)

    with monkeypatch.context() as patch:
        patch.setattr(maintain, "EVERY", 1)
        patch.setattr(FolderStore, "compact", full)
        small(shop, 2)
    assert shop.warehouse.entry.entry == "RECOVER"
    assert "the disk is full" in str(shop.warehouse.entry.reason)
    nothing_changes(small(shop, 3))


@pytest.mark.long
@pytest.mark.parametrize(
    ("kill", "end"),
    [
        ("before vacuum:orders_stage", "PUBLISH"),
        ("after compact:orders_target", "RECOVER"),
        ("before intend", "RECOVER"),
        ("after intend", "MAINTAIN"),
        ("after commit:orders_target", "MAINTAIN"),
        ("before ledger:MAINTAIN", "MAINTAIN"),
        ("after ledger:MAINTAIN", "MAINTAIN"),
    ],
)
def test_upkeep_that_is_killed_is_no_danger(shop: Shop, monkeypatch: pytest.MonkeyPatch, kill: str, end: str) -> None:
    """Before its intent nothing has happened; behind it the next run finishes it."""
    small(shop, 1, 2, 3)
    before = published(shop)
    with monkeypatch.context() as patch:
        patch.setenv("KILL_CHILD_DOES", "maintain")
        killed(shop, kill)
    assert not differences(published(shop), before)
    small(shop, 4)
    assert [e.entry for e in shop.warehouse.log[-3:]] == [end, "OPEN", "PUBLISH"]
    deleting(shop)
    nothing_changes(shop)


@pytest.mark.long
def test_the_command(shop: Shop, tmp_path: Path) -> None:
    small(shop, 1, 2)
    folders = ("--landing", shop.settings.landing, "--warehouse", shop.settings.warehouse)
    said = ecomm("maintain", *folders, cwd=tmp_path).ok().out
    assert "orders_stage: 2 files are 1; 0 old ones deleted" in said
    assert f"Maintained {len(CATALOGUE) + 1} tables." in said
    told = ecomm("maintain", "--json", *folders, cwd=tmp_path).ok().json["tables"]
    assert {one["table"] for one in told} == {"processing_log", "validation_results", LEDGER}
    ecomm("maintain", "--warehouse", tmp_path / "no", cwd=tmp_path).fails(2, "there is no warehouse here")
    with pytest.raises(UsageError, match="there is no warehouse here"):
        upkeep(Shop(tmp_path / "none").settings)
    assert {f"{s}_stage" for s in SOURCES} <= {*shop.warehouse.names}
