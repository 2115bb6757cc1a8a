"""The peer of `histories`, SCD Type 2 by delta-rs as people write it: `python -m benchmarks.scd2_merge TABLE FILE AT`.

One MERGE ends the current versions that differ, an append brings the new ones. No stage, no rules, no log, no undo.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pcsv
from deltalake import DeltaTable, write_deltalake

KEY = "product_id"
SAID = ("stock_quantity", "stock_status")


def merge(path: Path, file: Path, at: datetime) -> None:
    """Bring a file's rows into a table of versions."""
    rows = pcsv.read_csv(file)
    new = rows.append_column("effective_date", pa.array([at] * rows.num_rows, pa.timestamp("us", "UTC")))
    new = new.append_column("expiry_date", pa.nulls(rows.num_rows, pa.timestamp("us", "UTC")))
    new = new.append_column("is_current", pa.array([True] * rows.num_rows))
    if not DeltaTable.is_deltatable(str(path)):
        write_deltalake(path, new, partition_by=["is_current"])
        return
    table = DeltaTable(path)
    with duckdb.connect() as connection:
        connection.register("new", new)
        connection.register("held", table.to_pyarrow_dataset())
        columns = ", ".join((KEY, *SAID))
        current = f"(SELECT {columns} FROM held WHERE is_current)"
        entering = connection.sql(f"SELECT * FROM new ANTI JOIN {current} USING ({columns})").to_arrow_table()
    ends = {"is_current": "false", "expiry_date": "s.effective_date"}
    merged = table.merge(entering, f"t.{KEY} = s.{KEY} and t.is_current = true", source_alias="s", target_alias="t")
    merged.when_matched_update(ends).execute()
    write_deltalake(path, entering.cast(new.schema), mode="append")


if __name__ == "__main__":
    merge(Path(sys.argv[1]), Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
    sys.stdout.flush()
    os._exit(0)  # pyarrow and deltalake in one process sometimes abort at exit
