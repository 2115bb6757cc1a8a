"""The demo: the two sample days, published in a folder of their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ecomm import screens
from ecomm.batches.trigger import TRIGGER
from ecomm.errors import UsageError
from ecomm.settings import SOURCE_NAMES, Settings, load
from ecomm.trace import versions_of
from ecomm.warehouse import Warehouse

_MARK = ".ecomm-demo"
_PLACES = (Path(__file__).parent / "sample", Path(__file__).parents[2] / "data")  # in the wheel, in the repository


def play(into: Path, run: Callable[[Settings, str | None, str | None, bool, bool], int], **flags: str | None) -> int:
    """Lay the sample days into a fresh landing folder, run them, and show what came out; the run's exit code.

    flags: settings besides the folders. Raises UsageError if the folder is there and was not made by a demo.
    """
    settings = prepare(into, **flags)
    code = run(settings, None, None, False, False)
    if code == 0:
        _look(into, Warehouse(settings.warehouse))
    return code


def prepare(into: Path, **flags: str | None) -> Settings:
    """A fresh demo folder with the sample days in landing; its settings."""
    sample = next((p for p in _PLACES if p.is_dir()), None)
    if sample is None:
        raise UsageError("the sample data is not there; run the demo from a clone of the repository.")
    if into.exists() and any(into.iterdir()) and not (into / _MARK).exists():
        raise UsageError(f"{into}: this folder is not of a demo; name another with --into.")
    shutil.rmtree(into, ignore_errors=True)
    settings = load(None, landing=into / "landing", warehouse=into / "warehouse", **flags)
    for name in (*SOURCE_NAMES, TRIGGER):
        folder = settings.source_dir(name) / "source"
        folder.mkdir(parents=True)
        for file in sorted(sample.glob(f"{name}_20*")):
            shutil.copyfile(file, folder / file.name)
    (into / _MARK).touch()
    return settings


def _look(into: Path, warehouse: Warehouse) -> None:
    screens.out.print()
    summary = warehouse.sql(
        "select batch_id, orders, revenue, aov, buyers, repeat_rate, clv_estimate from analytics_summary order by as_of"
    )
    screens.rows(summary, summary.num_rows, "the shop at each batch")
    top = warehouse.sql(
        "select category, revenue_orders, revenue, revenue_share, return_rate from category_analysis "
        "order by revenue desc limit 5"
    )
    screens.rows(top, top.num_rows, "best categories")
    segments = warehouse.sql(
        "select customer_segment, customers, revenue, revenue_share, avg_clv from segment_analysis "
        "order by revenue desc"
    )
    screens.rows(segments, segments.num_rows, "customer segments")
    reasons = warehouse.sql(
        "select reason, count(*) as records from (select unnest(reasons) as reason from orders_errors) "
        "group by 1 order by 2 desc, 1 limit 5"
    )
    screens.rows(reasons, reasons.num_rows, "why orders were rejected")
    order = warehouse.sql("select order_id from orders_target group by 1 having count(*) = 2 order by 1 limit 1")
    _history(warehouse, order["order_id"][0].as_py())
    where = f"--warehouse {into / 'warehouse'}"
    screens.out.print(f"\nThe tables are in {into / 'warehouse'}. Look further:", soft_wrap=True)
    for command in (
        "status",
        "show orders_target",
        "history products P003",
        "quarantine orders",
        "sql 'from enriched_orders'",
    ):
        place = f"--landing {into / 'landing'} {where}" if command == "status" else where
        screens.out.print(f"  ecomm {command} {place}", soft_wrap=True)


def _history(warehouse: Warehouse, order_id: str) -> None:
    screens.out.print("\nthe history of one order:")
    for parts, columns, versions in versions_of(warehouse, "orders", [order_id]):
        told = screens.told(versions, columns, lambda version: version)  # nobody is behind invented data
        screens.timeline(f"orders {parts['order_id']}", told)
