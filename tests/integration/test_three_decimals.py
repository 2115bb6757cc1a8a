"""Currencies with three decimals, through whole batches; and what shops with two decimals see."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecomm import export
from ecomm.cli.door import print_json
from ecomm.engines import Engine
from ecomm.tables import CATALOGUE
from tests.conftest import keep_running
from tests.shop import Shop

pytestmark = pytest.mark.parity

AS_OF = "2026-01-31T12:00:00Z"
ORDERS = "order_id,customer_id,product_id,order_date,order_amount,currency,order_status\n"
PRODUCTS = "product_id,product_name,category,price,currency\n"


@pytest.fixture(autouse=True)
def _running(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_running(engine, monkeypatch)


def published(folder: Path, settings: str, orders: str, products: str = "", rates: str = "") -> Shop:
    """A shop with one batch."""
    (folder / "ecomm.toml").write_text(settings, encoding="utf-8")
    shop = Shop(folder, config=folder / "ecomm.toml")
    (folder / "landing" / "rates.csv").write_text("currency,valid_from,rate\n" + rates)
    files: dict[str, dict[str, bytes | str]] = {"orders": {"o.csv": orders}}
    if products:
        files["products"] = {"p.csv": products}
    shop.drop("b", AS_OF, files)
    [outcome] = shop.run()
    assert outcome.status == "published"
    return shop


def amounts(shop: Shop, column: str = "order_amount") -> dict[str, Decimal | None]:
    return {r["order_id"]: r[column] for r in shop.rows("enriched_orders")}


def as_json(shop: Shop, query: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What `ecomm sql --json` prints."""
    capsys.readouterr()
    print_json(shop.warehouse.sql(query).to_pylist())
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.every_engine
def test_a_shop_in_kuwait_counts_fils(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "A1,C1,P1,2026-01-02,1.255,KWD,completed",
        "A2,C2,P1,2026-01-03,2.5000,,completed",
        "A3,C1,P1,2026-01-04,0.001,kwd,completed",
        "A4,C1,P1,2026-01-05,1.2555,KWD,completed",
        "A5,C3,P1,2026-01-06,10.123,USD,completed",
    ]
    goods = PRODUCTS + "P1,Pen,Office,0.755,KWD\nP2,Ink,Office,1.000,USD\n"
    settings = '[shop]\nreporting_currency = "KWD"\nmargin_rate = "0.3333"\n'
    shop = published(tmp_path, settings, ORDERS + "\n".join(lines) + "\n", goods, "USD,2025-01-01,0.30712345\n")

    assert amounts(shop) == {"A1": Decimal("1.255"), "A2": Decimal("2.5"), "A3": Decimal("0.001")}
    rejected = {r["raw"]["order_id"]: r["reasons"] for r in shop.rows("orders_errors")}
    assert rejected == {"A4": ["order_amount_readable"], "A5": ["order_amount_readable"]}
    [summary] = shop.rows("analytics_summary")
    assert summary["revenue"] == Decimal("3.756")
    assert summary["aov"] == Decimal("1.252")
    # 0.3333 x 1.255 = 0.4182915, 0.83325, 0.0003333: each rounded half up
    assert summary["margin_estimate"] == Decimal("0.418") + Decimal("0.833") + Decimal("0.000")
    prices = {r["product_id"]: r["price_reporting"] for r in shop.rows("product_analytics")}
    assert prices == {"P1": Decimal("0.755"), "P2": Decimal("0.307")}

    query = "select order_id, order_amount from enriched_orders order by order_id"
    assert [r["order_amount"] for r in as_json(shop, query, capsys)] == ["1.255", "2.50", "0.001"]
    assert as_json(shop, "select sum(amount) as s from enriched_orders", capsys) == [{"s": "3.756"}]
    export.export(shop.warehouse, CATALOGUE, "enriched_orders", tmp_path / "o.csv")
    cells = [line.split(",") for line in (tmp_path / "o.csv").read_text().splitlines()]
    place = cells[0].index("order_amount")
    assert [row[place] for row in cells[1:]] == ["1.255", "2.500", "0.001"]


@pytest.mark.every_engine
def test_a_shop_in_dollars_sells_in_dinars_too(tmp_path: Path) -> None:
    """The amount keeps its fils; its worth in dollars is rounded to cents, once."""
    lines = [
        "A1,C1,P1,2026-01-02,1.255,KWD,completed",
        "A2,C2,P1,2026-01-03,10.00,USD,completed",
        "A3,C2,P1,2026-01-03,12.999,USD,completed",
        "A4,C2,P1,2026-01-03,12.50,JPY,completed",
        "A5,C2,P1,2026-01-03,12.505,,completed",
        "A6,C2,P1,2026-01-03,1.999,OMR,completed",
    ]
    rates = "KWD,2025-01-01,3.2512\nJPY,2025-01-01,0.0065\n"
    shop = published(tmp_path, "", ORDERS + "\n".join(lines) + "\n", rates=rates)
    assert amounts(shop) == {
        "A1": Decimal("1.255"),
        "A2": Decimal("10"),
        "A4": Decimal("12.5"),
        "A6": Decimal("1.999"),
    }
    assert amounts(shop, "amount") == {
        "A1": Decimal("4.08"),  # 4.080256
        "A2": Decimal("10.00"),
        "A4": Decimal("0.08"),  # 0.08125
        "A6": None,
    }
    [summary] = shop.rows("analytics_summary")
    assert (summary["revenue"], summary["aov"]) == (Decimal("14.16"), Decimal("4.72"))
    rejected = sorted(r["raw"]["order_id"] for r in shop.rows("orders_errors"))
    assert rejected == ["A3", "A5"]


def test_two_decimals_look_as_they_always_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["A1,C1,P1,2026-01-02,12.5,,completed", "A2,C1,P1,2026-01-02,0.05,,completed"]
    shop = published(tmp_path, "", ORDERS + "\n".join(lines) + "\n")
    query = "select order_amount, amount, margin_estimate from enriched_orders order by order_id"
    assert as_json(shop, query, capsys) == [
        {"order_amount": "12.50", "amount": "12.50", "margin_estimate": "3.75"},
        {"order_amount": "0.05", "amount": "0.05", "margin_estimate": "0.02"},
    ]
    export.export(shop.warehouse, CATALOGUE, "analytics_summary", tmp_path / "s.csv")
    header, row = ((tmp_path / "s.csv").read_text().splitlines()[n].split(",") for n in (0, 1))
    said = dict(zip(header, row, strict=True))
    assert (said["revenue"], said["aov"], said["repeat_rate"]) == ("12.55", "6.28", "0.0000")


def test_a_refund_of_less_than_a_cent(tmp_path: Path) -> None:
    """A negative amount with fils is a refund row."""
    lines = ["A1,C1,P1,2026-01-02,1.255,KWD,completed", "A1,C1,P1,2026-01-03,-0.255,KWD,refunded"]
    settings = '[shop]\nreporting_currency = "KWD"\n[sources.orders]\nrefunds = "rows"\n'
    shop = published(tmp_path, settings, ORDERS + "\n".join(lines) + "\n")
    [summary] = shop.rows("analytics_summary")
    found = (summary["revenue"], summary["gross_revenue"], summary["refunds"], summary["orders"])
    assert found == (Decimal("1.000"), Decimal("1.255"), Decimal("0.255"), 1)


@pytest.mark.parametrize(
    ("cell", "decimals", "amount"),
    [
        ("KWD 1.255", "reject", "1.255"),
        ("1.255 BHD", "reject", "1.255"),
        ("$12.999", "reject", None),
        ("$12.999", "round", "13.00"),
        ("1.2555 KWD", "round", "1.256"),
        ("1.2555 KWD", "reject", None),
        ("JPY 12.50", "round", "13"),
        ("JPY 12.50", "reject", "12.5"),
    ],
)
def test_the_currency_of_the_cell_says_how_many(tmp_path: Path, cell: str, decimals: str, amount: str | None) -> None:
    settings = f'[sources.orders]\namounts = "written"\ndecimals = "{decimals}"\n'
    header = "order_id,customer_id,product_id,order_date,order_amount,order_status\n"
    shop = published(tmp_path, settings, f"{header}A1,C1,P1,2026-01-02,{cell},completed\n")
    assert [r["order_amount"] for r in shop.rows("orders_target")] == ([Decimal(amount)] if amount else [])
