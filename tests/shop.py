"""A shop in a temporary folder: drop files, run, read the tables as plain rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ecomm import pipeline
from ecomm.settings import Settings, load
from ecomm.transaction import Outcome
from ecomm.warehouse import Warehouse

SOURCES = ("orders", "customers", "products", "inventory", "shipping")
ANALYTICS = (
    "enriched_orders",
    "customer_analytics",
    "product_analytics",
    "analytics_summary",
    "seasonal_analysis",
    "segment_analysis",
    "category_analysis",
)
DATA = Path(__file__).parents[1] / "data"
DAYS = ("2025_01_15", "2025_01_16")
Row = dict[str, Any]


class Shop:
    """A landing folder and a warehouse."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self.settings: Settings = load(landing=root / "landing", warehouse=root / "warehouse", **settings)
        for source in (*SOURCES, "trigger"):
            (root / "landing" / f"{source}_data" / "source").mkdir(parents=True, exist_ok=True)

    def copy(self, place: Path) -> Shop:
        """The same shop, as it is, in another folder."""
        for folder in ("landing", "warehouse"):
            shutil.copytree(self.root / folder, place / folder)
        return Shop(place)

    def drop(
        self,
        batch_id: str,
        as_of: str | datetime,
        files: Mapping[str, Mapping[str, bytes | str]],
        **said: Any,
    ) -> Path:
        """Put files (source -> name -> content) and their trigger into landing; the trigger's path."""
        for source, contents in files.items():
            for name, content in contents.items():
                data = content.encode() if isinstance(content, str) else content
                (self.root / "landing" / f"{source}_data" / "source" / name).write_bytes(data)
        instant = as_of if isinstance(as_of, str) else as_of.astimezone(UTC).isoformat()
        trigger = {
            "trigger_id": batch_id,
            "trigger_timestamp": instant,
            "expected_files": [name for contents in files.values() for name in contents],
            **said,
        }
        return self.trigger(json.dumps(trigger), f"{abs(hash(batch_id))}.json")

    def trigger(self, text: str, name: str) -> Path:
        """Put a trigger's text into landing."""
        path = self.root / "landing" / "trigger_data" / "source" / name
        path.write_text(text, encoding="utf-8")
        return path

    def drop_sample(self, *days: str) -> None:
        """Put sample days into landing."""
        for day in days:
            for source in SOURCES:
                name = f"{source}_{day}.csv"
                (self.root / "landing" / f"{source}_data" / "source" / name).write_bytes((DATA / name).read_bytes())
            name = f"trigger_{day}.json"
            self.trigger((DATA / name).read_text(encoding="utf-8"), name)

    def run(self, **options: Any) -> list[Outcome]:
        """Run what is pending, in this process."""
        return pipeline.run(self.settings, **options)

    @property
    def warehouse(self) -> Warehouse:
        """What is published now."""
        return Warehouse(self.root / "warehouse")

    def rows(self, table: str) -> list[Row]:
        """A published table's rows, without the revision, in a fixed order."""
        return ordered(self.warehouse.table(table).to_pylist())

    def versions(self) -> dict[str, int]:
        """Every table's Delta version, journals and ledger too."""
        folder = self.root / "warehouse"
        return {p.parent.name: len(list(p.glob("*.json"))) for p in sorted(folder.glob("*/_delta_log"))}

    def landed(self) -> list[str]:
        """The files that lie in landing's source folders."""
        return sorted(p.name for p in (self.root / "landing").glob("*/source/*"))

    def archived(self) -> list[str]:
        """The files that lie in the archives."""
        return sorted(p.name for p in (self.root / "landing").glob("*/archive/*/*"))


def plain(value: Any) -> Any:
    """A value that can be compared and sorted: maps as dicts."""
    if isinstance(value, list) and value and all(isinstance(v, tuple) for v in value):
        return dict(value)
    return value


def ordered(rows: Iterable[Mapping[str, Any]], drop: Iterable[str] = ("revision",)) -> list[Row]:
    """Rows without some columns, in an order that only their content decides."""
    left = [{k: plain(v) for k, v in sorted(row.items()) if k not in set(drop)} for row in rows]
    return sorted(left, key=lambda row: [(k, v is not None, str(v)) for k, v in row.items()])


def published(shop: Shop) -> dict[str, list[Row]]:
    """Every published table but the journals and the ledger."""
    names = [n for n in shop.warehouse.names if n not in ("processing_log", "validation_results", "batch_ledger")]
    return {name: shop.rows(name) for name in names}


def expected(result: Any) -> dict[str, list[Row]]:
    """The oracle's tables under the warehouse's names."""
    tables = {name: ordered(getattr(result, name)) for name in ANALYTICS}
    tables["corrections"] = []  # the oracle knows the batches as they would be had nobody needed to correct them
    for source in SOURCES:
        tables[f"{source}_stage"] = ordered(result.stage.get(source, []))
        tables[f"{source}_errors"] = ordered(result.errors.get(source, []))
        tables[f"{source}_target"] = ordered(result.targets.get(source, []))
    return tables


def differences(ours: Mapping[str, list[Row]], theirs: Mapping[str, list[Row]]) -> list[str]:
    """In words, where two sets of tables differ: at most a few lines a table."""
    said: list[str] = []
    for name in sorted({*ours, *theirs}):
        a, b = ours.get(name, []), theirs.get(name, [])
        if a == b:
            continue
        keys_a, keys_b = ({frozenset(r) for r in rows} for rows in (a, b))
        if keys_a and keys_b and keys_a != keys_b:
            one, other = next(iter(keys_a)), next(iter(keys_b))
            said.append(f"{name}: columns only here {sorted(one - other)}, only there {sorted(other - one)}")
            common = one & other
            a, b = (ordered([{k: r[k] for k in common if k in r} for r in rows]) for rows in (a, b))
        here = [r for r in a if r not in b]
        there = [r for r in b if r not in a]
        if here or there:
            said.append(f"{name}: {len(a)} rows and {len(b)}; {len(here)} only here, {len(there)} only there")
            said += [f"  here:  {_brief(r, there)}" for r in here[:2]] + [
                f"  there: {_brief(r, here)}" for r in there[:2]
            ]
    return said


def _brief(row: Row, others: list[Row]) -> str:
    """The row's columns that differ from the most similar row of the other side, and its ids."""
    if not others:
        return str(row)
    nearest = max(others, key=lambda o: sum(o.get(k) == v for k, v in row.items()))
    ids = {k: v for k, v in row.items() if k.endswith("_id") or k in ("source_line", "effective_date")}
    return f"{ids} { ({k: (v, type(v).__name__) for k, v in row.items() if nearest.get(k) != v}) }"
