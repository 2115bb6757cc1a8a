"""Damage of every kind is seen by `doctor`, and `ecomm restore` makes what is damaged again: equal to the last row."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecomm import maintain, redrive, restore, revise
from ecomm.batches import status
from ecomm.doctor import examine
from ecomm.engines import Engine
from ecomm.errors import EcommError, StorageError, UsageError
from tests.conftest import keep_running
from tests.shop import DAYS, Row, Shop, differences, ordered, published

HEADER = "order_id,customer_id,product_id,order_date,order_amount,order_status\n"
LATE = "L1,CUST0001,P001,2025-01-15,9.90,pending\nL2,CUST0001,P001,2025-01-15,oops,x\n"
POOR = "P1,C,P,2025-01-18,x,y\nP2,C,P,2025-01-18,1,y\n"


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Shop]:
    """A shop with a late batch, one that was undone, one that was replaced, one that is held, and a correction."""
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        shop = Shop(tmp_path_factory.mktemp("eventful"))
        shop.drop_sample(*DAYS)
        shop.run()
        for name, at, text in (
            ("late", "2025-01-15T12:00:00Z", LATE),
            ("gone", "2025-01-16T12:00:00Z", "G1,CUST0001,P001,2025-01-16,9.90,pending\n"),
            ("twice", "2025-01-17T12:00:00Z", "T1,CUST0001,P001,2025-01-17,9.90,pending\n"),
        ):
            shop.drop(name, at, {"orders": {f"{name}.csv": HEADER + text}})
        shop.run()
        revise.undo(shop.settings, "gone", "why not")
        text = HEADER + "T1,CUST0001,P001,2025-01-17,11.90,shipped\n"
        shop.drop("twice", "2025-01-17T12:00:00Z", {"orders": {"twice.csv": text}})
        shop.run(replacing="twice")
        offered = shop.root / "offered.csv"
        redrive.export(shop.settings, "orders", offered, "late")
        offered.write_text(offered.read_text().replace("oops", "7.70"))
        redrive.redrive(shop.settings, offered, "a typo")
        strict = Shop(shop.root, min_score=99)
        strict.drop("poor", "2025-01-18T12:00:00Z", {"orders": {"poor.csv": HEADER + POOR}})
        assert [o.status for o in strict.run()] == ["held"]
        yield shop


def journals(shop: Shop) -> dict[str, list[Row]]:
    return {name: ordered(shop.rows(name), drop=()) for name in ("processing_log", "validation_results")}


def newest(path: Path) -> Path:
    return max((path / "_delta_log").glob("*.json"))


def parquet(path: Path) -> Path:
    live = {json.loads(line)["add"]["path"] for line in newest(path).read_bytes().splitlines() if b'"add"' in line}
    return path / str(sorted(live)[0])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[random.Random(1).randrange(4, len(content) // 2)] ^= 0x10
    file.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "the newest commit is empty": lambda path: newest(path).write_bytes(b""),
    "the newest commit is cut": lambda path: newest(path).write_bytes(newest(path).read_bytes()[:300]),
    "the newest commit is gone": lambda path: newest(path).unlink(),
    "a file is gone": lambda path: parquet(path).unlink(),
    "a file is empty": lambda path: parquet(path).write_bytes(b""),
    "a file is cut": lambda path: parquet(path).write_bytes(parquet(path).read_bytes()[:-100]),
    "a bit of a file is another": lambda path: flip(parquet(path)),
    "the folder is gone": shutil.rmtree,
}
TABLES = ("orders_stage", "orders_errors", "orders_target", "enriched_orders", "analytics_summary", "corrections")
FEW = {
    ("orders_stage", "a file is gone"),
    ("orders_target", "the newest commit is cut"),
    ("enriched_orders", "the folder is gone"),
}


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        pytest.param(t, d, marks=[] if (t, d) in FEW else pytest.mark.long if (n + m) % 5 == 0 else pytest.mark.soak)
        for n, t in enumerate(TABLES)
        for m, d in enumerate(DAMAGES)
    ],
)
def test_a_damaged_table_is_seen_and_made_again(eventful: Shop, shop: Shop, table: str, damage: str) -> None:
    before = published(eventful)
    shop = eventful.copy(shop.root / "copy")
    path = shop.settings.warehouse / table
    DAMAGES[damage](path)
    found = {f.check: f for f in examine(shop.settings, deep=True) if f.fix}
    assert table in found, found
    assert "`ecomm restore`" in found[table].fix
    if damage != "a bit of a file is another":  # no reader looks at hashes
        with pytest.raises(EcommError):
            shop.warehouse.table(table)
    assert table in {one.table for one in restore.restore(shop.settings)}
    assert not differences(published(shop), before)
    assert not [f for f in examine(shop.settings, deep=True) if f.fix]
    assert shop.run() == []


def test_a_whole_warehouse_is_made_again(eventful: Shop, shop: Shop) -> None:
    """Nothing but landing is left. What was held waits again, and what was known then is known."""
    before, seen, told = published(eventful), eventful.warehouse.log, journals(eventful)
    shop = eventful.copy(shop.root / "copy")
    shutil.rmtree(shop.settings.warehouse)
    assert "`ecomm restore` makes the warehouse again" in str(status.of(shop.settings, datetime.now(UTC)).trouble)
    restore.restore(shop.settings)
    assert not differences(published(shop), before)
    assert shop.warehouse.log[: len(seen)] == seen.entries
    assert journals(shop) == told
    assert restore.restore(shop.settings) == []
    assert revise.decide(shop.settings, "poor", "ACCEPT", "why not").status == "published"
    assert "P2" in {r["order_id"] for r in shop.rows("orders_target")}


LEDGERS: dict[str, Callable[[Path], object]] = {
    "the newest commit is gone": lambda path: newest(path).unlink(),
    "the newest commit is empty": lambda path: newest(path).write_bytes(b""),
    "the newest commit adds nothing": lambda path: newest(path).write_bytes(
        b"\n".join(line for line in newest(path).read_bytes().splitlines() if b'"add"' not in line)
    ),
    "all is gone": shutil.rmtree,
}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(d, marks=[] if d in ("the newest commit is gone", "all is gone") else pytest.mark.long)
        for d in LEDGERS
    ],
)
def test_a_ledger_that_lost_its_end_is_not_believed(eventful: Shop, shop: Shop, damage: str) -> None:
    """No batch is taken back: nothing is written until the ledger is made again from the copies in landing."""
    before = published(eventful)
    shop = eventful.copy(shop.root / "copy")
    LEDGERS[damage](shop.settings.warehouse / "batch_ledger")
    shop.drop("next", "2025-01-19T12:00:00Z", {"orders": {"next.csv": HEADER + "N1,C,P,2025-01-19,1,paid\n"}})
    with pytest.raises(StorageError, match="ledger"):
        shop.run()
    assert any(f.fix for f in examine(shop.settings))
    if damage == "the newest commit is gone":
        assert "it lost its end, or an old copy" in str(status.of(shop.settings, datetime.now(UTC)).trouble)
    assert restore.restore(shop.settings)[0].table == "batch_ledger"
    assert status.of(shop.settings, datetime.now(UTC)).trouble is None
    assert not differences(published(shop), before)
    assert [o.status for o in shop.run()] == ["published"]


def test_what_restore_would_lack_is_seen_while_the_tables_are_whole(eventful: Shop, shop: Shop) -> None:
    """A file of the archive, or a copy of an entry, with another bit: no run looks at them; `doctor --deep` does."""
    shop = eventful.copy(shop.root / "copy")
    assert [f for f in examine(shop.settings, deep=True) if f.fix] == []
    (file,) = (shop.settings.source_dir("orders") / "archive" / "late").iterdir()
    (copy, *_) = sorted(shop.settings.landing.glob(".ledger/*/0*.json"))
    for damaged, check in ((file, "archive"), (copy, "copies")):
        content = damaged.read_bytes()
        damaged.write_bytes(content[:9] + bytes([content[9] ^ 4]) + content[10:])
        (found,) = [f for f in examine(shop.settings, deep=True) if f.fix]
        assert found.check == check
        assert str(damaged) in found.found
        assert [f for f in examine(shop.settings) if f.fix] == []
        damaged.write_bytes(content)


@pytest.mark.long
def test_what_restore_cannot_do(eventful: Shop, shop: Shop) -> None:
    shop = eventful.copy(shop.root / "copy")
    with pytest.raises(UsageError, match="there is no table order; there are: "):
        restore.restore(shop.settings, ["order"])
    kept = set((shop.settings.warehouse / "orders_stage").rglob("*"))
    [file] = (shop.settings.source_dir("orders") / "archive" / "late").iterdir()
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(StorageError, match=r"late.csv: it is gone, or has other bytes"):
        restore.restore(shop.settings, ["orders_stage"])
    assert set((shop.settings.warehouse / "orders_stage").rglob("*")) == kept
    file.write_bytes(content)
    assert {one.table for one in restore.restore(shop.settings, ["orders_stage"])} == {"orders_stage", "orders_errors"}
    assert not differences(published(shop), published(eventful))


@pytest.mark.long
def test_journals_come_back_from_their_copies(eventful: Shop, shop: Shop) -> None:
    """Also after their small files were put together; of a file whose copy is gone it says so."""
    told = journals(eventful)
    shop = eventful.copy(shop.root / "copy")
    maintain.maintain(shop.settings)
    assert journals(shop) == told
    for name in told:
        shutil.rmtree(shop.settings.warehouse / name)
    assert {one.table for one in restore.restore(shop.settings)} == set(told)
    assert journals(shop) == told
    (copy, *_) = sorted(shop.settings.landing.glob(".ledger/*/journals/processing_log__*"))
    copy.unlink()
    (one,) = restore.restore(shop.settings, ["processing_log"])
    assert one.fault == "it was asked for; landing has no copy of 1 of its files"
    assert len(journals(shop)["processing_log"]) < len(told["processing_log"])
