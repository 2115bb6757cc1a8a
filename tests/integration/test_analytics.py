"""Whole shops of a few orders, through the engine: exchange rates, margins, late batches, lines, guests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecomm import rebuild
from ecomm.engines import Engine
from ecomm.money import shown
from tests import onlineretail
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
    return [shown(v) if isinstance(v := row[name], Decimal) else v for name in names.split()]


MONEY = "orders revenue_orders revenue aov margin_estimate margin_rate shipping_cost clv_estimate"
COUNTS = "customers buyers repeat_rate new_buyers products products_sold return_rate on_time_rate unconverted_orders"
MARGINS = {"margin_rates": {"Books": "0.5"}}


@pytest.mark.long
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
    assert {r["category"]: shown(r["revenue"]) for r in shop.rows("category_analysis")} == {
        "Books": "35.01",
        "Toys": "0.00",
        "unknown": "0.00",
    }
    stage = {(r["batch_id"], r["product_id"]): r["price_reporting"] for r in shop.rows("products_stage")}
    assert stage["first", "P2"] == Decimal("22.00")  # at the batch's day
    assert {r["product_id"]: said(r, "price_reporting")[0] for r in shop.rows("product_analytics")} == {
        "P1": "50.00",
        "P2": "24.00",  # at today's
        "P3": None,
    }


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
def test_other_rates_count_everything_anew(shops: Callable[..., Shop]) -> None:
    shop, other = shops("a"), shops("b", RATES + "GBP,2025-01-01,1.25\n")
    publish(shop, "first")
    (shop.root / "landing" / "rates.csv").write_text(RATES + "GBP,2025-01-01,1.25\n", encoding="utf-8")
    publish(shop, "last")
    publish(other, "first", "last")
    tables = [{n: t for n, t in published(s).items() if not n.endswith("_stage")} for s in (shop, other)]
    assert not differences(*tables)
    assert [r["unconverted_orders"] for r in shop.rows("analytics_summary")] == [0, 0]


LINES = "order_id,line_id,customer_id,product_id,order_date,order_amount,order_status,quantity\n"


def test_a_parcel_of_an_order_of_several_lines_is_paid_once(shops: Callable[..., Shop]) -> None:
    shop = shops("a")
    lines = LINES + "O1,10,C1,P2,2025-01-02,5.00,completed,1\nO1,2,C1,P1,2025-01-02,7.00,completed,2.5\n"
    shop.drop("b", AS_OF["first"], {"orders": {"o.csv": lines}, "shipping": {"s.csv": FIRST["shipping"]}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    rows = sorted(shop.rows("enriched_orders"), key=lambda r: r["product_id"])
    columns = "line_id quantity is_first_line is_first_order shipments shipping_cost_reporting delivery_status"
    assert [said(r, columns) for r in rows] == [
        ["2", "2.5000", True, True, 1, "4.40", "Pending"],
        ["10", "1.0000", False, True, None, None, None],
    ]
    summary = shop.rows("analytics_summary")[0]
    assert said(summary, "orders revenue aov shipping_cost new_buyers batch_orders") == [
        1, "12.00", "12.00", "4.40", 1, 1
    ]  # fmt: skip
    assert not any(rebuild.rebuild(shop.settings).values())


@pytest.mark.long
def test_refunds_as_rows_are_net_of_revenue(shops: Callable[..., Shop]) -> None:
    """The refund comes a batch later; then the batch before is as it was, and a late one shows neither."""
    shop = shops("a", sources={"orders": {"refunds": "rows"}})
    sold = LINES + "O1,1,C1,P1,2025-01-02,100.00,completed,\nO1,2,C1,P2,2025-01-02,50.00,completed,\n"
    back = LINES + "O1,2,C1,P2,2025-01-09,-20.00,refunded,\nC7,1,C2,P1,2025-01-09,-5.00,,\n"
    for name, text in (("first", sold), ("last", back)):
        shop.drop(name, AS_OF[name], {"orders": {f"{name}.csv": text}})
        assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    first, last = sorted(shop.rows("analytics_summary"), key=lambda r: r["as_of"])
    names = "orders revenue gross_revenue refunds aov margin_estimate return_rate batch_orders batch_revenue"
    assert said(first, names) == [1, "150.00", "150.00", "0.00", "150.00", "45.00", "0.0000", 1, "150.00"]
    assert said(last, names) == [1, "125.00", "150.00", "25.00", "150.00", "37.50", "1.0000", 0, "-25.00"]
    people = {r["customer_id"]: r for r in shop.rows("customer_analytics")}
    assert said(people["C1"], "orders total_spent gross_revenue refunds") == [1, "130.00", "150.00", "20.00"]
    assert said(people["C2"], "orders total_spent gross_revenue refunds aov") == [0, "-5.00", "0.00", "5.00", None]
    assert not any(rebuild.rebuild(shop.settings).values())


def test_a_day_of_online_retail(shops: Callable[..., Shop]) -> None:
    """Invoices, gross, net and the average of an order are those of plain Python, and no line of a sale is an order."""
    day = onlineretail.a_day(invoices=90, lines=2000)
    head = "order_id,line_id,refund_id,customer_id,product_id,order_date,order_amount,quantity\n"
    of_order = Counter[str]()
    rows = []
    for one in day:
        of_order[one.invoice] += 1
        key = f"{one.invoice},{of_order[one.invoice]},{'R' if one.is_refund else ''}"
        rows.append(f"{key},{one.customer},{one.stock_code},{one.at:%Y-%m-%dT%H:%M:%SZ},{one.amount},{one.quantity}\n")
    shop = shops("a", sources={"orders": {"refunds": "rows"}}, severity={"customer_id_present": "OFF"})
    shop.drop("b", "2010-12-02T06:00:00Z", {"orders": {"o.csv": head + "".join(rows)}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    right = onlineretail.figures(day)
    for table in ("analytics_summary", "seasonal_analysis"):
        [found] = shop.rows(table)
        assert (found["orders"], found["gross_revenue"], found["refunds"]) == (
            right.invoices,
            right.gross,
            right.refunds,
        )
        assert (found["revenue"], found["aov"]) == (right.net, right.aov)
    assert shop.rows("analytics_summary")[0]["revenue_orders"] == right.sales < right.invoices
    assert len(shop.rows("enriched_orders")) == right.lines
    assert sum(r["is_first_line"] and not r["refund_id"] for r in shop.rows("enriched_orders")) == right.invoices


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
    assert shown(one["shipping_cost_reporting"]) == "4.80"  # 23:30 in London is the next day in Berlin
    months = {r["order_month"]: r["is_complete"] for r in shop.rows("seasonal_analysis")}
    assert months == {date(2025, 3, 1): True, date(2026, 1, 1): False}


@pytest.mark.long
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


@pytest.mark.parametrize(
    ("zone", "as_of", "today"),
    [
        ("Pacific/Auckland", "2025-01-31T18:00:00Z", "2025-02-01"),  # seven in the morning of the next day
        ("America/Los_Angeles", "2025-02-02T05:00:00Z", "2025-02-01"),  # nine in the evening of the day before
    ],
)
def test_today_is_the_day_in_the_shop(shops: Callable[..., Shop], zone: str, as_of: str, today: str) -> None:
    """Recency, ages, deliveries and complete months are counted from the day that it is in the shop."""
    shop = shops("a", shop={"shop_timezone": zone, "source_timezone": zone})
    orders = (
        "order_id,customer_id,product_id,order_date,order_amount,order_status,created_timestamp\n"
        f"O1,C1,P1,{today} 06:00:00,10,delivered,{today} 06:00:00\n"
        "O2,C1,P1,2025-01-10,10,delivered,2025-01-10 06:00:00\n"
    )
    files = {
        "orders": {"o.csv": orders},
        "shipping": {
            "s.csv": "order_id,tracking_number,shipping_cost,created_timestamp,estimated_delivery,actual_delivery\n"
            f"O1,T1,5,{today} 06:10:00,{today},{today}\nO2,T2,5,2025-01-10 06:10:00,{today},\n"
        },
        "customers": {"c.csv": f"customer_id,registration_date,date_of_birth\nC1,{today},2000-02-01\n"},
        "products": {"p.csv": f"product_id,price,launch_date\nP1,10,{today}\n"},
    }
    shop.drop("b", as_of, files)
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    one, two = sorted(shop.rows("enriched_orders"), key=lambda r: r["order_id"])
    assert said(one, "delivery_status delivery_days") == ["On Time", 0]
    assert said(two, "delivery_status delivery_days") == ["Pending", None]  # it is not overdue on the day itself
    [customer] = shop.rows("customer_analytics")
    assert said(customer, "days_since_last_order days_since_first_order lifecycle_stage age_group") == [
        0, 22, "New", "25-34"
    ]  # fmt: skip
    assert {r["order_month"].month: r["is_complete"] for r in shop.rows("seasonal_analysis")} == {1: True, 2: False}
    [head] = shop.rows("customers_stage")
    assert said(head, "days_since_registration age") == [0, 25]
    assert [r["days_since_launch"] for r in shop.rows("products_stage")] == [0]
    assert {r["delivery_status"] for r in shop.rows("shipping_stage")} == {"On Time", "Pending"}
    [summary] = shop.rows("analytics_summary")
    assert said(summary, "on_time_rate clv_estimate") == ["1.0000", "8.83"]  # 6.00 + 365 / 387 x 6.00 / 2
