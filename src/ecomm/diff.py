"""What changed in a table from one ledger entry to another.

The versions that the entries name are compared, as long as their files are there. Of what is gone, a target is folded
from the log as it was known then, and what follows from targets is computed anew with the settings of now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from ecomm import engines
from ecomm.batches import rates
from ecomm.batches.entry import NAME as LEDGER
from ecomm.batches.log import Log, today_of
from ecomm.engines import Engine, deltafiles
from ecomm.errors import UsageError
from ecomm.history import known, versions
from ecomm.masks import Masks
from ecomm.session import sources_of
from ecomm.settings import Settings
from ecomm.tables import catalogue, target_name
from ecomm.tasks.data_enrichment import of_orders
from ecomm.tasks.final_merge_operation import of_groups, summary
from ecomm.transforms import enrich
from ecomm.warehouse import JOURNALS, Warehouse

# What tells apart the rows of tables that have no key: of stage and errors the record.
_RECORD = ("batch_id", "revision", "source_file", "source_line")
_IDENTITY = {
    "processing_log": ("batch_id", "revision", "task"),
    "validation_results": ("batch_id", "revision", "table_name", "check_name"),
    LEDGER: ("seq",),
}


@dataclass(frozen=True)
class Change:
    """One row that differs: its key, and for each column that does what it was and what it is."""

    change: Literal["added", "removed", "changed"]
    key: dict[str, Any]
    columns: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Diff:
    """What differs between a table after one entry and after another.

    rows: the first of the differing rows, in the order of their key. computed: the sides (`from`, `to`) whose version
    was gone, and which were computed anew.
    """

    table: str
    before: int
    after: int
    added: int
    removed: int
    changed: int
    rows: tuple[Change, ...]
    computed: tuple[str, ...]


def diff(settings: Settings, table: str, before: Log, after: Log, limit: int) -> Diff:
    """Compare a table as it was after the last entry of a log, and after the last of another.

    limit: how many differing rows are given. Raises UsageError if there is no such table.
    """
    warehouse = Warehouse(settings.warehouse)
    if table not in warehouse.names:
        raise UsageError(f"there is no table {table}; there are: {', '.join(warehouse.names)}.")
    engine: Engine | None = None
    sides: list[ds.Dataset | pa.Table] = []
    computed: list[str] = []
    try:
        for side, log in (("from", before), ("to", after)):
            found = _kept(warehouse, table, log)
            if found is None:
                engine = engine or engines.start(settings)
                found = _computed(settings, engine, table, log)
                computed.append(side)
            sides.append(found)
    finally:
        if engine is not None:
            engine.stop()
    tables = catalogue(sources_of(settings))
    key = (tables[table].key if table in tables else ()) or _IDENTITY.get(table) or _RECORD
    counts, rows = _compared(sides[0], sides[1], key, limit)
    added, removed, changed = (counts.get(change, 0) for change in ("added", "removed", "changed"))
    return Diff(table, before.last.seq, after.last.seq, added, removed, changed, tuple(rows), tuple(computed))


def masked(said: Diff, masks: Masks) -> Diff:
    """The same as a person may see it; a value that is masked still counts as changed."""
    return replace(said, rows=tuple(_masked(said.table, row, masks) for row in said.rows))


def _masked(table: str, row: Change, masks: Masks) -> Change:
    was, now = (
        masks.of_table(table, row.key | {name: pair[side] for name, pair in row.columns.items()}) for side in (0, 1)
    )
    return Change(row.change, {k: now[k] for k in row.key}, {name: (was[name], now[name]) for name in row.columns})


def _kept(warehouse: Warehouse, table: str, log: Log) -> ds.Dataset | None:
    """A table as it was after the last entry of a log; None if that version is not there any more."""
    last = log.last
    if table == LEDGER or table in JOURNALS:  # appended only
        number = pc.field("seq" if table == LEDGER else "revision")
        return _dataset(warehouse.path / table).filter(number <= last.seq)
    if table.endswith(("_stage", "_errors")):
        seen = log.kept if table.endswith("_errors") else log.live.values()
        return _dataset(warehouse.path / table).filter(pc.field("revision").isin([e.revision for e in seen]))
    if table == "corrections":
        newest = _dataset(warehouse.path / table, warehouse.entry.tables[table][0])
        return newest.filter(pc.field("revision") <= last.seq)
    if table not in last.tables:  # it came with a later program
        return _dataset(warehouse.path / table).filter(pc.scalar(False))
    version = last.tables[table][0]
    try:
        gone = deltafiles.missing(warehouse.path / table, version)
        return None if gone else _dataset(warehouse.path / table, version)
    except (DeltaError, OSError):
        return None


def _dataset(path: Path, version: int | None = None) -> ds.Dataset:
    return DeltaTable(path, version=version).to_pyarrow_dataset()


def _computed(settings: Settings, engine: Engine, table: str, log: Log) -> pa.Table:
    """A target as it follows from the log after its last entry, or a table that follows from targets."""
    root, sources = settings.warehouse, sources_of(settings)
    needed = [table.removesuffix("_target")] if table.endswith("_target") else list(sources)
    histories = {name: known(root, log, sources[name], engine) for name in needed}
    folded = {n: versions(h).select(*engine.lake.columns(root / target_name(n))) for n, h in histories.items()}
    if table.endswith("_target"):
        return folded[needed[0]].toArrow()
    shop, targets = settings.counting(rates.read(settings)).shop, enrich.Targets(**folded)
    alive = log.positions
    today = today_of(alive, shop.shop_timezone)
    orders = enrich.enriched_orders(targets, shop, today)
    frames = {"enriched_orders": orders, **of_orders(orders, targets, shop, today)}
    frames |= of_groups(
        orders, frames["customer_analytics"], frames["product_analytics"], shop, today, live=bool(alive)
    )
    frames["analytics_summary"] = summary(alive, alive, targets, histories["orders"].stage, shop)
    return frames[table].select(*engine.lake.columns(root / table)).toArrow()


def _compared(
    before: ds.Dataset | pa.Table, after: ds.Dataset | pa.Table, key: Sequence[str], limit: int
) -> tuple[dict[str, int], list[Change]]:
    """How many rows differ in which way, and the first of them. key: what tells rows apart, NULL like any value."""
    import duckdb

    names = list(dict.fromkeys([*after.schema.names, *before.schema.names]))
    with duckdb.connect(config={"python_enable_replacements": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for side, data in (("was", before), ("now", after)):
            connection.register(f"{side}_all", data)
            lacking = [f", NULL AS {_name(n)}" for n in names if n not in data.schema.names]
            connection.execute(f"CREATE VIEW {side} AS SELECT *, true AS _there{''.join(lacking)} FROM {side}_all")
        same = " AND ".join(f"was.{_name(k)} IS NOT DISTINCT FROM now.{_name(k)}" for k in key)
        differs = " OR ".join(f"was.{_name(n)} IS DISTINCT FROM now.{_name(n)}" for n in ("_there", *names))
        pairs = [f"was.{_name(n)} AS {_name(f'was_{n}')}, now.{_name(n)} AS {_name(f'now_{n}')}" for n in names]
        change = "CASE WHEN was._there IS NULL THEN 'added' WHEN now._there IS NULL THEN 'removed' ELSE 'changed' END"
        connection.sql(
            f"SELECT {change} AS _change, {', '.join(pairs)} FROM was FULL OUTER JOIN now ON {same} WHERE {differs}"
        ).create("differing")
        counts = dict(connection.sql("SELECT _change, count(*) FROM differing GROUP BY 1").fetchall())
        first = [f"coalesce({_name(f'now_{k}')}, {_name(f'was_{k}')})" for k in key]
        found = connection.sql(f"SELECT * FROM differing ORDER BY {', '.join(first)} LIMIT {limit}").to_arrow_table()
    return counts, [_change(row, key, names) for row in found.to_pylist()]


def _change(row: Mapping[str, Any], key: Sequence[str], names: Sequence[str]) -> Change:
    pairs = {name: (row[f"was_{name}"], row[f"now_{name}"]) for name in names}
    stands = "was_" if row["_change"] == "removed" else "now_"
    differing = {name: pair for name, pair in pairs.items() if name not in key and pair[0] != pair[1]}
    return Change(row["_change"], {k: row[stands + k] for k in key}, differing)


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
