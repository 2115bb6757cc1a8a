"""processing_log: what each task took, read and wrote."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from ecomm.engines import deltafiles
from ecomm.sources import SOURCES
from ecomm.tables import CATALOGUE
from tests.shop import Shop

ORDERS = "order_id,customer_id,product_id,order_date,order_amount,currency,order_status\n"


@pytest.mark.every_engine
def test_each_task_says_what_it_read_and_wrote(sample: Shop) -> None:
    """All that was added to a table in the batches was written by one task; a source's task read its files at least."""
    log = sample.rows("processing_log")
    assert {row["status"] for row in log} == {"OK"}
    assert all(row["seconds"] > 0 and row["peak_memory_mb"] > 50 for row in log)
    root = sample.root / "warehouse"
    tables = [root / table.name for table in CATALOGUE.values() if not table.journal]
    added = [deltafiles.written(table, at) for table in tables for at in range(deltafiles.version(table) + 1)]
    assert sum(row["bytes_written"] for row in log) == sum(added)
    batches = {e.batch_id: e for e in sample.warehouse.log if e.entry == "PUBLISH"}
    for row in log:
        files = [f for f in batches[row["batch_id"]].files if row["task"] == f"{f.source}_stage_load"]
        assert row["bytes_read"] >= sum(f.bytes for f in files)
        assert row["rows_read"] == sum(f.rows_read for f in files)
    assert len([row for row in log if row["rows_read"]]) == 2 * len(SOURCES)
    assert all(row["bytes_read"] > 0 for row in log), "each reads files or tables"


def test_the_log_of_an_earlier_program_goes_on(shop: Shop) -> None:
    """It gets the columns that it lacks; what it held stays."""
    shop.drop("b1", "2025-01-01T00:00:00Z", {"orders": {"o.csv": ORDERS + "O1,C1,P1,2025-01-01,10.00,USD,pending\n"}})
    shop.run()
    log = shop.root / "warehouse" / "processing_log"
    _without(log, "bytes_read")
    shop.drop("b2", "2025-01-02T00:00:00Z", {"orders": {"p.csv": ORDERS + "O2,C1,P1,2025-01-01,10.00,USD,pending\n"}})
    assert [o.status for o in shop.run()] == ["published"]
    read = {(row["batch_id"], row["bytes_read"] is None) for row in shop.rows("processing_log") if row["seconds"]}
    assert read == {("b1", True), ("b2", False)}


def _without(table: Path, column: str) -> None:
    """Make a table anew without a column."""
    rows = pa.table(DeltaTable(table).to_pyarrow_table())
    write_deltalake(table, rows.drop_columns([column]), mode="overwrite", schema_mode="overwrite")
