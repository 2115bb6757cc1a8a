"""The readers: each is a process that polls a warehouse until a file `over` is there, and writes down what it saw.

    python -m tests.polling.readers KIND WAREHOUSE OUT

KIND: deltalake, duckdb, sail, spark (each opens the newest version of every table by itself), catalogue (opens
`catalog.duckdb` for every poll) or catalogue-open (keeps it open for some polls). A line of JSON a poll.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

TARGETS = {
    "orders_target": "order_id, line_id, refund_id",
    "customers_target": "customer_id",
    "products_target": "product_id",
    "inventory_target": "product_id, warehouse_location, location",
    "shipping_target": "order_id, tracking_number",
}
PAUSE = 6
"""How many times as long as its poll a reader rests, which leaves the machine to the run that it watches."""
Sight = dict[str, Any]
"""What one poll saw: `broken` (keys of targets that overlap or have two current rows), and of which moment it was."""

BROKEN = """
    SELECT count(*) FROM (
        SELECT expiry_date,
            lead(effective_date) OVER (PARTITION BY {key} ORDER BY effective_date, expiry_date NULLS LAST) following
        FROM {table}
    ) WHERE following IS NOT NULL AND (expiry_date IS NULL OR expiry_date > following)
"""
TWO_CURRENT = "SELECT count(*) FROM (SELECT {key} FROM {table} WHERE is_current GROUP BY {key} HAVING count(*) > 1)"


def one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The one value that a query gives."""
    return connection.sql(query).fetchall()[0][0]


def broken_keys(count: Callable[[str], int], key: str, table: str) -> int:
    """How many versions of a target overlap, and how many keys have two current rows. count: what a query gives."""
    return sum(count(query.format(key=key, table=table)) for query in (BROKEN, TWO_CURRENT))


def plain(warehouse: Path, count: Callable[[str], int], files: Callable[[Path], tuple[int, str]]) -> Sight:
    """A poll of the newest version of every target. files: a table's version, and how to name it in a query."""
    versions, broken = {}, 0
    for name, key in TARGETS.items():
        versions[name], table = files(warehouse / name)
        broken += broken_keys(count, key, table)
    return {"broken": broken, "versions": versions}


@contextmanager
def by_deltalake(warehouse: Path) -> Iterator[Callable[[], Sight]]:
    """deltalake reads the rows, DuckDB only counts them."""

    def poll() -> Sight:
        with duckdb.connect() as connection:

            def files(path: Path) -> tuple[int, str]:
                table = DeltaTable(path)
                connection.register(path.name, table.to_pyarrow_table())
                return table.version(), path.name

            return plain(warehouse, partial(one, connection), files)

    yield poll


@contextmanager
def by_duckdb(warehouse: Path) -> Iterator[Callable[[], Sight]]:
    """DuckDB reads the Parquet files that the newest log names."""

    def poll() -> Sight:
        with duckdb.connect() as connection:

            def files(path: Path) -> tuple[int, str]:
                table = DeltaTable(path)
                parts = []
                for action in table.get_add_actions().to_struct_array().to_pylist():
                    current = action["partition"]["is_current"]
                    parts.append(f"SELECT *, {current} AS is_current FROM read_parquet('{path / action['path']}')")
                empty = "SELECT NULL::TIMESTAMPTZ AS effective_date, NULL::TIMESTAMPTZ AS expiry_date"
                columns = "".join(f", '' AS {name}" for name in TARGETS[path.name].split(", "))
                rows = " UNION ALL BY NAME ".join(parts or [f"{empty}{columns}, true AS is_current LIMIT 0"])
                return table.version(), f"({rows})"

            return plain(warehouse, partial(one, connection), files)

    yield poll


@contextmanager
def by_engine(warehouse: Path, kind: str) -> Iterator[Callable[[], Sight]]:
    """A Spark Connect session of Sail or of Apache Spark reads the tables as Delta tables, by itself."""
    from ecomm.engines import start
    from ecomm.settings import load

    engine = start(load(engine=kind, memory_mb=1024))
    try:

        def files(path: Path) -> tuple[int, str]:
            version = DeltaTable(path).version()
            reader = engine.spark.read.format("delta").option("versionAsOf", version)
            reader.load(engine.uri(path)).createOrReplaceTempView(path.name)
            return version, path.name

        def count(query: str) -> int:
            return int(engine.spark.sql(query).collect()[0][0])

        yield lambda: plain(warehouse, count, files)
    finally:
        engine.stop()


def of_catalogue(connection: duckdb.DuckDBPyConnection) -> Sight:
    """A poll of every view: that all belong to the last entry of the ledger that the same database shows."""
    count = partial(one, connection)
    broken = sum(broken_keys(count, key, table) for table, key in TARGETS.items())
    [(seq, tables)] = connection.sql("SELECT seq, tables FROM batch_ledger ORDER BY seq DESC LIMIT 1").fetchall()
    names = [name for name in tables if not name.endswith(("_stage", "_errors"))]
    rows = {name: count(f'SELECT count(*) FROM "{name}"') for name in names}
    mixed = sum(rows[name] != tables[name]["rows"] for name in names)
    mixed += rows["enriched_orders"] != count("SELECT count(*) FROM orders_target WHERE is_current")
    spent = "SELECT coalesce(sum(amount), 0) FROM enriched_orders WHERE is_revenue"
    mixed += count(spent) != count("SELECT coalesce(sum(revenue), 0) FROM seasonal_analysis")
    return {"broken": broken, "mixed": mixed, "seq": seq, "fingerprint": json.dumps(rows, sort_keys=True)}


@contextmanager
def by_catalogue(warehouse: Path) -> Iterator[Callable[[], Sight]]:
    """Each poll opens the database."""

    def poll() -> Sight:
        with duckdb.connect(warehouse / "catalog.duckdb", read_only=True) as connection:
            return of_catalogue(connection)

    yield poll


@contextmanager
def by_open_catalogue(warehouse: Path) -> Iterator[Callable[[], Sight]]:
    """Some polls read one opened database: all of them must see the same."""
    state: dict[str, Any] = {"left": 0}
    mine = warehouse.parent / f"opened-{os.getpid()}.duckdb"

    def poll() -> Sight:
        if not state["left"]:
            if "connection" in state:
                state["connection"].close()
            mine.unlink(missing_ok=True)
            shutil.copyfile(warehouse / "catalog.duckdb", mine)
            state.update(left=10, connection=duckdb.connect(mine, read_only=True), first=None)
        state["left"] -= 1
        sight = of_catalogue(state["connection"])
        state["first"] = state["first"] or sight
        return {**sight, "moved": sight != state["first"]}

    yield poll


READERS = {
    "deltalake": by_deltalake,
    "duckdb": by_duckdb,
    "sail": lambda warehouse: by_engine(warehouse, "sail"),
    "spark": lambda warehouse: by_engine(warehouse, "spark"),
    "catalogue": by_catalogue,
    "catalogue-open": by_open_catalogue,
}


def main(kind: str, warehouse: Path, out: Path) -> None:
    """Poll until the run is over; a poll that fails is a line with `error`."""
    with READERS[kind](warehouse) as poll, out.open("w", encoding="utf-8") as lines:
        while not (warehouse.parent / "over").exists():
            began = datetime.now(UTC).timestamp()
            try:
                sight = poll()
            except Exception as error:
                sight = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
            print(json.dumps({"at": began, **sight}), file=lines, flush=True)
            time.sleep(PAUSE * (datetime.now(UTC).timestamp() - began))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
