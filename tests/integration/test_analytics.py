"""Whole shops of a few orders, through the engine: exchange rates, margins, late batches, lines, guests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecomm import rebuild
from ecomm.engines import Engine
from tests.conftest import keep_running
from tests.shop import Row, Shop, differences, published

pytestmark = pytest.mark.parity

RATES = "currency,valid_from,rate\nEUR,2025-01-01,1.10\nEUR,2025-01-10,1.20\n"
ORDERS = "order_id,customer_id,product_id,order_date,order_amount,currency,order_status,created_timestamp\n"
PRODUCTS = "product_id,price,currency,category\n"
SHIPPING = "order_id,tracking_number,shipping_cost,currency,estimated_delivery,actual_delivery,created_timestamp\n"
FIRST = {
    "orders": ORDERS
    + "O1,C1,P1,2025-01-02,100.00,USD,completed,\n"
    + "O2,C2,P2,2025-01-03,10.01,EUR,completed,\n"
    + "O3,C1,P3,2025-01-03,50.00,GBP,completed,\n",
    "products": PRODUCTS + "P1,50.00,USD,Toys\nP2,20.00,EUR,Books\n",
    "customers": "customer_id\nC1\n",
    "shipping": SHIPPING + "O1,T1,4.00,EUR,2025-01-06,2025-01-06,2025-01-09T23:30:00Z\n",
}
LAST = {
    "orders": ORDERS + "O1,C1,P1,2025-01-02,100.00,USD,returned,\nO4,C2,P1,2025-01-10,20.00,EUR,completed,\n",
    "products": PRODUCTS + "P1,50.00,USD,Books\n",
}
LATE = {"orders": ORDERS + "O2,C2,P2,2025-01-03,10.01,EUR,cancelled,\n"}
PARCEL = {"shipping": SHIPPING + "O2,T2,3.00,USD,2025-01-07,2025-01-09,2025-01-08T08:00:00Z\n"}
AS_OF = {
    "first": "2025-01-05T12:00:00Z",
    "late": "2025-01-07T00:00:00Z",
    "parcel": "2025-01-08T12:00:00Z",
    "last": "2025-01-10T12:00:00Z",
}
BATCHES = {"first": FIRST, "late": LATE, "parcel": PARCEL, "last": LAST}


@pytest.fixture
def shops(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shop]:
    """Makes shops that count in their own way: settings -> an empty shop with rates."""
    keep_running(engine, monkeypatch)

    def make(name: str, rates: str = RATES, **settings: Any) -> Shop:
        shop = Shop(tmp_path / name, **settings)
        (shop.root / "landing" / "rates.csv").write_text(rates, encoding="utf-8")
        return shop

    return make


def publish(shop: Shop, *names: str) -> None:
    """Publish some of BATCHES, one after the other."""
    for name in names:
        shop.drop(name, AS_OF[name], {s: {f"{name}_{s}.csv": text} for s, text in BATCHES[name].items()})
        assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]


def said(row: Row, names: str) -> list[Any]:
    """Some columns of a row; decimals as text."""
    return [str(v) if isinstance(v := row[name], Decimal) else v for name in names.split()]


MONEY = "orders revenue_orders revenue aov margin_estimate margin_rate shipping_cost clv_estimate"
COUNTS = "customers buyers repeat_rate new_buyers products products_sold return_rate on_time_rate unconverted_orders"
MARGINS = {"margin_rates": {"Books": "0.5"}}


def test_the_shop_at_each_batch_in_several_currencies(shops: Callable[..., Shop]) -> None:
    shop = shops("a", shop=MARGINS)
    publish(shop, "first", "last")
    first, last = sorted(shop.rows("analytics_summary"), key=lambda r: r["as_of"])
    # O2: 10.01 x 1.10 = 11.011; margins 30.00 + 5.505; the parcel: 4.00 x 1.10 (UTC day), not delivered yet
    assert said(first, MONEY) == [3, 2, "111.01", "55.51", "35.51", "0.3199", "4.40", "35.51"]
    assert said(first, COUNTS) == [1, 2, "0.0000", 2, 2, 2, "0.0000", None, 1]
    # O4: 20.00 x 1.20, its product is one of Books now; C2 came back after 7 days:
    # 17.51 + 0.9812 x 17.51 / 2
    assert said(last, MONEY) == [4, 2, "35.01", "17.51", "17.51", "0.5001", "4.40", "26.10"]
    assert said(last, COUNTS) == [1, 1, "1.0000", 0, 2, 2, "0.2500", "1.0000", 1]
    assert said(last, "batch_orders batch_revenue") == [2, "24.00"]

    orders = {r["order_id"]: r for r in shop.rows("enriched_orders")}
    columns = "rate amount is_revenue margin_rate margin_estimate product_category price_segment"
    assert said(orders["O1"], columns) == ["1.00000000", "100.00", False, "0.3000", "0.00", "Toys", "Standard"]
    assert said(orders["O2"], columns) == ["1.10000000", "11.01", True, "0.5000", "5.51", "Books", "Budget"]
    assert said(orders["O3"], columns) == [None, None, False, "0.3000", "0.00", None, None]
    assert said(orders["O4"], columns) == ["1.20000000", "24.00", True, "0.5000", "12.00", "Books", "Standard"]
    assert {r["category"]: str(r["revenue"]) for r in shop.rows("category_analysis")} == {
        "Books": "35.01",
        "Toys": "0.00",
        "unknown": "0.00",
    }
    stage = {(r["batch_id"], r["product_id"]): r["price_reporting"] for r in shop.rows("products_stage")}
    assert stage["first", "P2"] == Decimal("22.00")  # at the batch's day
    assert {r["product_id"]: str(r["price_reporting"]) for r in shop.rows("product_analytics")} == {
        "P1": "50.00",
        "P2": "24.00",  # at today's
        "P3": "None",
    }


def test_a_late_batch_changes_the_rows_from_its_instant_on(shops: Callable[..., Shop]) -> None:
    shop = shops("a", shop=MARGINS)
    publish(shop, "first", "last", "late")
    rows = {r["batch_id"]: r for r in shop.rows("analytics_summary")}
    assert said(rows["first"], MONEY) == [3, 2, "111.01", "55.51", "35.51", "0.3199", "4.40", "35.51"]
    assert said(rows["late"], MONEY) == [3, 1, "100.00", "100.00", "30.00", "0.3000", "4.40", "30.00"]
    assert said(rows["late"], COUNTS) == [1, 1, "0.0000", 0, 2, 1, "0.0000", "1.0000", 1]
    assert said(rows["late"], "cancelled_orders batch_orders batch_revenue") == [1, 1, "0.00"]
    assert said(rows["last"], MONEY) == [4, 1, "24.00", "24.00", "12.00", "0.5000", "4.40", "12.00"]
    # C2, a buyer once, was none at the late batch
    assert said(rows["last"], COUNTS) == [1, 1, "0.0000", 1, 2, 1, "0.2500", "1.0000", 1]
    for order in (("late", "last", "first"), ("last", "late", "first")):
        other = shops("-".join(order), shop=MARGINS)
        publish(other, *order)
        assert not differences(published(other), published(shop))
    assert not any(rebuild.rebuild(shop.settings).values())


def test_a_late_parcel_shows_from_its_instant_on(shops: Callable[..., Shop]) -> None:
    shop = shops("a")
    publish(shop, "first", "last", "parcel")
    rows = {r["batch_id"]: r for r in shop.rows("analytics_summary")}
    assert said(rows["first"], "shipping_cost on_time_rate") == ["4.40", None]
    assert said(rows["parcel"], "shipping_cost on_time_rate") == ["7.40", "1.0000"]  # not delivered yet
    assert said(rows["last"], "shipping_cost on_time_rate") == ["7.40", "0.5000"]
    assert not any(rebuild.rebuild(shop.settings).values())


def test_without_a_live_batch_all_tables_are_empty(shops: Callable[..., Shop]) -> None:
    shop = shops("a")
    shop.drop("b", AS_OF["first"], {"orders": {"o.csv": "order_id\nO1\n"}})
    assert [o.status for o in shop.run()] == ["failed"]
    rebuild.rebuild(shop.settings)
    assert not any(published(shop).values())


def test_other_rates_count_everything_anew(shops: Callable[..., Shop]) -> None:
    shop, other = shops("a"), shops("b", RATES + "GBP,2025-01-01,1.25\n")
    publish(shop, "first")
    (shop.root / "landing" / "rates.csv").write_text(RATES + "GBP,2025-01-01,1.25\n", encoding="utf-8")
    publish(shop, "last")
    publish(other, "first", "last")
    tables = [{n: t for n, t in published(s).items() if not n.endswith("_stage")} for s in (shop, other)]
    assert not differences(*tables)
    assert [r["unconverted_orders"] for r in shop.rows("analytics_summary")] == [0, 0]


def test_a_parcel_of_an_order_of_several_lines_is_paid_once(shops: Callable[..., Shop]) -> None:
    shop = shops("a", sources={"orders": {"key": ["order_id", "product_id"]}})
    lines = ORDERS + "O1,C1,P2,2025-01-02,5.00,USD,completed,\nO1,C1,P1,2025-01-02,7.00,USD,completed,\n"
    shop.drop("b", AS_OF["first"], {"orders": {"o.csv": lines}, "shipping": {"s.csv": FIRST["shipping"]}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    rows = sorted(shop.rows("enriched_orders"), key=lambda r: r["product_id"])
    columns = "product_id shipments shipping_cost_reporting is_first_order"
    assert [said(r, columns) for r in rows] == [["P1", 1, "4.40", True], ["P2", 1, None, False]]
    summary = shop.rows("analytics_summary")[0]
    assert said(summary, "orders revenue shipping_cost new_buyers batch_orders") == [2, "12.00", "4.40", 1, 2]


def test_guests_buy_but_are_no_customers(shops: Callable[..., Shop]) -> None:
    shop = shops("a", severity={"customer_id_present": "OFF"})
    guests = ORDERS + "O1,,P1,2025-01-02,5.00,USD,completed,\nO2,,P1,2025-01-03,7.00,USD,completed,\n"
    shop.drop("b", AS_OF["first"], {"orders": {"o.csv": guests}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    assert [r["is_first_order"] for r in shop.rows("enriched_orders")] == [False, False]
    assert shop.rows("customer_analytics") == []
    summary = shop.rows("analytics_summary")[0]
    assert said(summary, "orders revenue buyers new_buyers repeat_rate clv_estimate") == [
        2,
        "12.00",
        0,
        0,
        None,
        "0.00",
    ]
    assert [said(r, "revenue customers") for r in shop.rows("product_analytics")] == [["12.00", 0]]
    assert [r["customers"] for r in shop.rows("segment_analysis")] == [0, 0, 0, 0]


def test_days_and_seasons_are_the_shop_s_own(shops: Callable[..., Shop]) -> None:
    shop = shops("a", shop={"shop_timezone": "Europe/Berlin", "hemisphere": "south"})
    spring = (
        ORDERS + "O1,C1,P1,2025-03-30T01:30:00Z,5.00,USD,completed,\nO2,C1,P1,2025-12-31T23:30:00Z,7.00,USD,pending,\n"
    )
    shop.drop("b", "2025-12-31T23:45:00Z", {"orders": {"o.csv": spring}, "shipping": {"s.csv": FIRST["shipping"]}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    one, two = sorted(shop.rows("enriched_orders"), key=lambda r: r["order_id"])
    columns = "order_date hour time_of_day season season_year"
    assert said(one, columns) == [date(2025, 3, 30), 3, "Night", "Autumn", 2025]  # the clocks have just gone on
    assert said(two, columns) == [date(2026, 1, 1), 0, "Night", "Summer", 2026]
    assert str(one["shipping_cost_reporting"]) == "4.80"  # 23:30 in London is the next day in Berlin
    months = {r["order_month"]: r["is_complete"] for r in shop.rows("seasonal_analysis")}
    assert months == {date(2025, 3, 1): True, date(2026, 1, 1): False}


def test_a_late_batch_of_one_instant_is_the_batch_before_though_it_says_nothing_of_orders(
    shops: Callable[..., Shop],
) -> None:
    """Who bought for the first time at a batch depends on which batch lies before it."""
    at = "2025-01-05T12:00:00Z"
    said = {"z": {"orders": FIRST["orders"]}, "a": {"inventory": "product_id,stock_quantity\nP1,5\n"}}
    found = []
    for name, order in {"in order": "az", "late": "za"}.items():
        shop = shops(name)
        for batch in order:
            shop.drop(batch, at, {source: {f"{batch}.csv": text} for source, text in said[batch].items()})
            assert [o.status for o in shop.run()] == ["published"]
        found.append(published(shop))
    assert not differences(*found)
    assert [(r["batch_id"], r["new_buyers"]) for r in found[0]["analytics_summary"]] == [("a", 2), ("z", 0)]
