"""A reader that polls the warehouse while another process works on it: always one moment, never half a batch."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from ecomm import Warehouse
from ecomm.errors import UsageError
from tests.integration.histories import TRIGGERS, batches
from tests.shop import DAYS, SOURCES, Shop

CHILD = Path(__file__).with_name("kill_child.py")


def poll(path: Path) -> Warehouse | None:
    """What is published now; None as long as there is nothing."""
    try:
        return Warehouse(path)
    except UsageError:
        return None


def one_moment(warehouse: Warehouse) -> tuple[str, ...]:
    """All tables are read, and belong to the same batches; give these."""
    tables: dict[str, pa.Table] = {name: warehouse.table(name) for name in warehouse.names}
    entry, alive = warehouse.entry, warehouse.log.live
    at = f"entry {entry.seq}, {entry.entry}"
    for name, (_, rows) in entry.tables.items():
        if not name.endswith(("_stage", "_errors")):
            assert tables[name].num_rows == rows, (at, name)
    for source in SOURCES:
        files = [(b, f) for b, e in alive.items() for f in e.files if f.source == source]
        for table, counts in (
            ("stage", {b: sum(f.rows_accepted for c, f in files if c == b) for b in alive}),
            ("errors", {b: sum(f.rows_rejected + f.rows_superseded for c, f in files if c == b) for b in alive}),
        ):
            there = Counter(tables[f"{source}_{table}"]["batch_id"].to_pylist())
            assert there == Counter({b: n for b, n in counts.items() if n}), (at, source, table)
    summary = tables["analytics_summary"].sort_by("as_of").to_pylist()
    staged = {b for s in SOURCES for b in tables[f"{s}_stage"]["batch_id"].to_pylist()}
    assert {r["batch_id"] for r in summary} == set(alive) == staged, at
    enriched = tables["enriched_orders"]
    assert sum(tables["orders_target"]["is_current"].to_pylist()) == enriched.num_rows, at
    orders = {r["order_id"] for r in enriched.select(["order_id", "refund_id"]).to_pylist() if r["refund_id"] == ""}
    assert len(orders) == (summary[-1]["orders"] if summary else 0), at
    return tuple(sorted(alive))


@pytest.mark.long
def test_a_reader_never_sees_half_a_batch(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    small = batches(4, TRIGGERS[:3], histories=5)
    shop.drop_sample(*DAYS)
    for batch in small:
        shop.drop(batch.batch_id, batch.as_of, batch.files)
    path = shop.settings.warehouse
    command = [sys.executable, str(CHILD), str(shop.settings.landing), str(path)]
    seen: list[tuple[str, ...]] = []
    held: list[tuple[Warehouse, int, tuple[str, ...]]] = []  # a reader that was there early, and what it read
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while process.poll() is None:
            warehouse = poll(path)
            if warehouse is None:
                assert not seen, "the warehouse was there before"
                time.sleep(0.05)
                continue
            seen.append(one_moment(warehouse))
            if not held or held[-1][1] != warehouse.entry.seq:
                held.append((warehouse, warehouse.entry.seq, seen[-1]))
        assert process.returncode == 0, process.stdout and process.stdout.read()
    assert len(seen) >= 30
    assert len(set(seen)) >= 3  # it saw the states between
    assert [len(s) for s in seen] == sorted(len(s) for s in seen)
    for warehouse, seq, batches_then in held:
        assert warehouse.entry.seq == seq
        assert one_moment(warehouse) == batches_then
    assert len(one_moment(Warehouse(path))) == 5
