"""A day in the shape of UCI's Online Retail, through its preset: invoices, gross, net and aov are plain Python's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecomm import presets
from ecomm.engines import Engine
from tests.conftest import keep_running
from tests.onlineretail import a_day, as_csv, figures
from tests.shop import Shop


def test_a_day_of_online_retail(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """About 20,000 lines in 900 invoices, with refunds, guests, equal lines and hours of one digit."""
    keep_running(engine, monkeypatch)
    config = tmp_path / "ecomm.toml"
    config.write_text(presets.text("uci_online_retail"), encoding="utf-8")
    shop = Shop(tmp_path, config=config)
    lines = a_day()
    right = figures(lines)
    assert right.lines > 18_000
    shop.drop("day", "2010-12-02T00:00:00Z", {"orders": {"online_retail.csv": as_csv(lines)}})
    (outcome,) = shop.run()
    assert outcome.status == "published"
    orders = next(file for file in outcome.files if file.source == "orders")
    assert (orders.rows_read, orders.rows_accepted) == (right.lines, right.lines)
    (summary,) = shop.rows("analytics_summary")
    got = {name: summary[name] for name in ("orders", "revenue_orders", "gross_revenue", "refunds", "revenue", "aov")}
    assert got == {
        "orders": right.invoices,
        "revenue_orders": right.sales,
        "gross_revenue": right.gross,
        "refunds": right.refunds,
        "revenue": right.net,
        "aov": right.aov,
    }
