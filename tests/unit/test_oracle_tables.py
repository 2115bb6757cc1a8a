"""The oracle's analytics and checks across tables: figures counted by hand from TABLES.md and RULES.md."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle import Batch, Result, Row, Settings, checks_on_arrival, run
from tests.oracle.analytics import (
    category_analysis,
    customer_analytics,
    product_analytics,
    seasonal_analysis,
    segment_analysis,
)
from tests.oracle.enriched import enriched_orders
from tests.oracle.settings import Delivery, Rate
from tests.oracle.summary import analytics_summary

NUMBER = Decimal
EUR = Settings(rates=(Rate("EUR", date(2025, 1, 2), NUMBER("1.10")), Rate("EUR", date(2025, 1, 5), NUMBER("1.20"))))
ORDERS = "order_id,customer_id,product_id,order_date,order_amount,currency,order_status"
PRODUCTS = "product_id,category,price,currency"
SHIPPING = "order_id,tracking_number,shipping_cost,currency,created_timestamp,estimated_delivery,actual_delivery"
BINS = "product_id,warehouse_location,stock_quantity"


def at(day: int, hour: int = 0) -> datetime:
    """An instant of January 2025."""
    return datetime(2025, 1, day, hour, tzinfo=UTC)


def batch(batch_id: str, as_of: datetime, **lines: Iterable[str]) -> Batch:
    """One file a source, its lines with the header."""
    return Batch(batch_id, as_of, {s: {f"{s}_{batch_id}.csv": "\n".join(said).encode()} for s, said in lines.items()})


def one_batch(settings: Settings | None = None, as_of: datetime | None = None, **lines: Iterable[str]) -> Result:
    return run([batch("b", as_of or at(31), **lines)], settings)


def orders(*lines: str) -> list[str]:
    """`customer,product,day,amount,currency,status`, numbered from 1."""
    return [ORDERS, *(f"{number},{line}" for number, line in enumerate(lines, 1))]


def column(rows: list[Row], key: str, *names: str) -> dict[Any, Any]:
    """Key -> the value of a column, or the values of several."""
    return {row[key]: row[names[0]] if len(names) == 1 else tuple(row[name] for name in names) for row in rows}


# -- enriched_orders: money ------------------------------------------------------------------------


def test_an_orders_rate_is_that_of_its_day() -> None:
    lines = orders(
        "c,p,2025-01-01,10,EUR,",  # before the first rate
        "c,p,2025-01-02,10,EUR,",
        "c,p,2025-01-04,0.05,eur,",  # 0.055
        "c,p,2025-01-05,10,EUR,",
        "c,p,2025-01-05,10,JPY,",
        "c,p,2025-01-05,10,,",
        "c,p,2025-01-05,999999999999999,EUR,",  # too much for DECIMAL(18,3)
    )
    result = one_batch(EUR, orders=lines)
    assert column(result.enriched_orders, "order_id", "rate", "amount", "is_revenue") == {
        "1": (None, None, False),
        "2": (NUMBER("1.1"), NUMBER("11.00"), True),
        "3": (NUMBER("1.1"), NUMBER("0.06"), True),
        "4": (NUMBER("1.2"), NUMBER("12.00"), True),
        "5": (None, None, False),
        "6": (NUMBER(1), NUMBER("10.00"), True),
        "7": (NUMBER("1.2"), None, False),
    }
    [summary] = result.analytics_summary
    assert (summary["unconverted_orders"], summary["revenue"]) == (3, NUMBER("33.06"))


def test_a_shipments_rate_is_that_of_its_created_day() -> None:
    """In the shop's zone; added exactly, rounded once."""
    shipments = [
        "1,a,0.05,EUR,2025-01-03T00:00:00Z,,",  # 0.055
        "1,b,0.05,EUR,2025-01-03T00:00:00Z,,",  # 0.055: together 0.11, not 0.12
        "1,c,1,USD,,,",
        "2,d,10,EUR,2025-01-04T23:30:00Z,,",  # 5 January in Berlin
        "3,e,10,EUR,,,",  # no day, no rate
        "4,f,10,EUR,2025-01-01T12:00:00Z,,",
    ]
    lines = orders(*["c,p,2025-01-01,1,,"] * 4)
    settings = Settings(shop_timezone="Europe/Berlin", rates=EUR.rates)
    result = one_batch(settings, orders=lines, shipping=[SHIPPING, *shipments])
    assert column(result.enriched_orders, "order_id", "shipping_cost_reporting") == {
        "1": NUMBER("1.11"),
        "2": NUMBER("12.00"),
        "3": None,
        "4": None,
    }
    assert result.analytics_summary[0]["shipping_cost"] == NUMBER("13.11")


def test_a_products_rate_is_todays() -> None:
    said = {"products": [PRODUCTS, "p,Home,22,EUR"], "orders": orders("c,p,2025-01-01,1,,")}
    segments = {}
    for day in (1, 3, 5):
        result = one_batch(EUR, at(day), **said)
        [product], [order] = result.product_analytics, result.enriched_orders
        segments[day] = product["price_reporting"], order["price_segment"]
    assert segments == {
        1: (None, None),
        3: (NUMBER("24.20"), "Budget"),
        5: (NUMBER("26.40"), "Standard"),
    }


def test_the_margin_is_that_of_the_category_at_order_time() -> None:
    products = [
        batch("a", at(1), products=[PRODUCTS, "p,Home,1,", "q,Food,1,"]),
        batch("b", at(4), products=[PRODUCTS, "p,Food,1,"]),
        batch("o", at(9), orders=orders("c,p,2025-01-02,10,,", "c,p,2025-01-05,10,,", "c,x,2025-01-05,0.05,,")),
    ]
    settings = Settings(margin_rates={"Food": "0.125"})
    found = column(run(products, settings).enriched_orders, "order_id", "margin_rate", "margin_estimate")
    assert found == {
        "1": (NUMBER("0.3000"), NUMBER("3.00")),
        "2": (NUMBER("0.1250"), NUMBER("1.25")),
        "3": (NUMBER("0.3000"), NUMBER("0.02")),  # 0.015
    }


# -- orders of several lines, and refunds ----------------------------------------------------------

LINES = "order_id,line_id,customer_id,product_id,order_date,order_amount,currency,order_status"


def test_an_orders_lines() -> None:
    """One row a line, 2 before 10; what belongs to the order is on the first; one order, one first order."""
    lines = [LINES, "1,10,c,q,2025-01-02,10,,", "1,2,c,p,2025-01-02,5,,", "2,1,c,p,2025-01-03,1,,"]
    result = one_batch(orders=lines, shipping=[SHIPPING, "1,t,4,,,2025-01-05,2025-01-04"])
    names = ("line_id", "is_first_line", "is_first_order", "shipments", "shipping_cost_reporting", "delivery_status")
    assert [tuple(row[name] for name in names) for row in result.enriched_orders] == [
        ("2", True, True, 1, NUMBER("4.00"), "On Time"),
        ("10", False, True, None, None, None),
        ("1", True, False, 0, None, None),
    ]
    [summary] = result.analytics_summary
    figures = ("orders", "revenue_orders", "aov", "batch_orders", "shipping_cost", "on_time_rate", "batch_revenue")
    assert [summary[name] for name in figures] == [2, 2, NUMBER("8.00"), 2, NUMBER("4.00"), NUMBER(1), NUMBER("16.00")]
    [customer], [month] = result.customer_analytics, result.seasonal_analysis
    assert (customer["orders"], customer["f_score"], customer["order_days"]) == (2, 2, 2)
    assert (month["orders"], month["new_buyers"]) == (2, 1)
    assert column(result.product_analytics, "product_id", "orders", "revenue") == {
        "p": (2, NUMBER("6.00")),
        "q": (1, NUMBER("10.00")),
    }


def test_what_an_order_is_follows_from_its_lines() -> None:
    """Revenue if any line is; cancelled if all are; returned if any is."""
    lines = [
        LINES,
        *["1,1,c,p,2025-01-02,5,,cancelled", "1,2,c,p,2025-01-02,5,,completed"],
        *["2,1,c,p,2025-01-02,5,,cancelled", "2,2,c,p,2025-01-02,5,,cancelled"],
        *["3,1,c,p,2025-01-02,5,,returned", "3,2,c,p,2025-01-02,5,,completed"],
    ]
    result = one_batch(orders=lines)
    [summary], [customer] = result.analytics_summary, result.customer_analytics
    for row in (summary, customer):
        assert (row["orders"], row["revenue_orders"], row["cancelled_orders"]) == (3, 2, 1)
        assert row["return_rate"] == NUMBER("0.3333")
    assert summary["revenue"] == NUMBER(10)


def row(order_id: str, line_id: str, refund_id: str, amount: str, **said: Any) -> Row:
    """A current row of orders_target."""
    return {
        "order_id": order_id,
        "line_id": line_id,
        "refund_id": refund_id,
        "customer_id": "c",
        "product_id": "p",
        "order_date": date(2025, 1, 5),
        "ordered_at": None,
        "order_status": None,
        "payment_method": None,
        "quantity": None,
        "order_amount": NUMBER(amount),
        "currency": "USD",
        "effective_date": at(6),
        "expiry_date": None,
        "is_current": True,
    } | said


def analysed(*rows: Row) -> dict[str, list[Row]]:
    """The tables that follow from some rows of orders_target alone, at the end of January."""
    targets: dict[str, list[Row]] = {name: [] for name in ("customers", "products", "inventory", "shipping")}
    targets["orders"] = list(rows)
    today, settings = date(2025, 1, 31), Settings()
    enriched = enriched_orders(targets, today, settings)
    customers = customer_analytics(targets, enriched, today, settings)
    products = product_analytics(targets, enriched, today, settings)
    keys = {(r["order_id"], r["line_id"], r["refund_id"]) for r in rows}
    return {
        "enriched_orders": enriched,
        "customer_analytics": customers,
        "product_analytics": products,
        "seasonal_analysis": seasonal_analysis(enriched, today, settings),
        "segment_analysis": segment_analysis(customers, settings),
        "category_analysis": category_analysis(products, enriched, settings),
        "analytics_summary": analytics_summary({"b": at(31)}, {"b": keys}, targets, settings),
    }


def test_refund_rows() -> None:
    """Net of what was given back; two orders, one of which was given back in part; C9 is no order."""
    found = analysed(
        row("1", "1", "", "100"),
        row("1", "2", "", "50"),
        row("1", "2", "r1", "-20", order_status="refunded"),
        row("2", "1", "", "30", product_id="q"),
        row("C9", "1", "r2", "-10", product_id="q"),
        row("C9", "2", "r3", "-5", order_status="cancelled", product_id="q"),  # a refund that was called off
    )
    [summary], [customer], [month] = (
        found[name] for name in ("analytics_summary", "customer_analytics", "seasonal_analysis")
    )
    names = ("orders", "gross_revenue", "refunds", "aov")
    for line in (summary, customer, month):
        assert [line[name] for name in names] == [2, NUMBER(180), NUMBER(30), NUMBER(90)]
    assert (summary["revenue"], summary["return_rate"], summary["margin_estimate"]) == (
        NUMBER(150), NUMBER("0.5"), NUMBER(45)
    )  # fmt: skip
    assert (customer["total_spent"], customer["m_score"], customer["f_score"]) == (NUMBER(150), 2, 2)
    assert (summary["batch_orders"], summary["batch_revenue"]) == (2, NUMBER(150))
    by_product = column(found["product_analytics"], "product_id", "orders", "revenue", "refunds", "return_rate")
    assert by_product == {
        "p": (1, NUMBER(130), NUMBER(20), NUMBER(1)),
        "q": (1, NUMBER(20), NUMBER(10), NUMBER(0)),
    }
    [low] = [segment for segment in found["segment_analysis"] if segment["customers"]]
    assert (low["revenue"], low["gross_revenue"], low["refunds"]) == (NUMBER(150), NUMBER(180), NUMBER(30))
    first = {(r["order_id"], r["line_id"], r["refund_id"]) for r in found["enriched_orders"] if r["is_first_line"]}
    assert first == {("1", "1", ""), ("2", "1", ""), ("C9", "1", "r2")}


def test_refunds_alone() -> None:
    """A customer and a month with nothing but a refund: no order, a negative net, no ratio of it."""
    found = analysed(row("C9", "1", "r2", "-10"))
    [summary], [customer], [month], [category], [product] = (
        found[f"{name}"] for name in "analytics_summary customer_analytics seasonal_analysis category_analysis "
        "product_analytics".split()
    )  # fmt: skip
    for line in (summary, month, category, product):
        assert [line[name] for name in ("orders", "revenue", "gross_revenue", "refunds", "aov")] == [
            0, NUMBER(-10), NUMBER(0), NUMBER(10), None
        ]  # fmt: skip
    assert (summary["margin_rate"], summary["return_rate"], summary["buyers"]) == (None, None, 0)
    assert (month["top_category"], month["change_previous"], month["seasonal_index"]) == (None, None, None)
    assert (category["revenue_share"], product["performance_score"]) == (None, NUMBER(0))
    assert (customer["total_spent"], customer["m_score"], customer["rfm_group"]) == (NUMBER(-10), None, None)
    assert (customer["clv_estimate"], customer["favourite_category"]) == (NUMBER(-3), None)


# -- enriched_orders: the calendar -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "north", "south", "year"),
    [
        ("2023-12-31", "Winter", "Summer", 2024),
        ("2024-01-01", "Winter", "Summer", 2024),
        ("2024-02-29", "Winter", "Summer", 2024),
        ("2024-03-01", "Spring", "Autumn", 2024),
        ("2024-06-01", "Summer", "Winter", 2024),
        ("2024-08-31", "Summer", "Winter", 2024),
        ("2024-11-30", "Autumn", "Spring", 2024),
        ("2024-12-01", "Winter", "Summer", 2025),
    ],
)
def test_seasons(day: str, north: str, south: str, year: int) -> None:
    for hemisphere, season in (("north", north), ("south", south)):
        result = one_batch(Settings(hemisphere=hemisphere), orders=orders(f"c,p,{day},1,,"))
        [order], [month] = result.enriched_orders, result.seasonal_analysis
        assert [(row["season"], row["season_year"]) for row in (order, month)] == [(season, year)] * 2


def test_hours_when_the_clocks_change() -> None:
    """New York, 9 March 2025: 02:00 becomes 03:00; 2 November: 01:59 comes twice."""
    lines = orders(
        "c,p,2025-03-09T06:59:00Z,1,,",
        "c,p,2025-03-09T07:00:00Z,1,,",
        "c,p,2025-11-02T05:30:00Z,1,,",
        "c,p,2025-11-02T06:30:00Z,1,,",
        "c,p,2025-03-10T03:59:59Z,1,,",  # 23:59:59 on the 9th
        "c,p,2025-03-10T04:00:00Z,1,,",
    )
    result = one_batch(Settings(shop_timezone="America/New_York"), datetime(2025, 12, 1, tzinfo=UTC), orders=lines)
    assert column(result.enriched_orders, "order_id", "order_date", "hour") == {
        "1": (date(2025, 3, 9), 1),
        "2": (date(2025, 3, 9), 3),
        "3": (date(2025, 11, 2), 1),
        "4": (date(2025, 11, 2), 1),
        "5": (date(2025, 3, 9), 23),
        "6": (date(2025, 3, 10), 0),
    }


def test_business_hours_are_a_setting() -> None:
    lines = orders("c,p,2025-01-03T07:59:00Z,1,,", "c,p,2025-01-03T08:00:00Z,1,,", "c,p,2025-01-03T19:59:00Z,1,,")
    result = one_batch(Settings(business_hours=(8, 20)), orders=[*lines, "4,c,p,2025-01-03T20:00:00Z,1,,"])
    assert list(column(result.enriched_orders, "order_id", "is_business_hours").values()) == [False, True, True, False]


# -- customer_analytics ----------------------------------------------------------------------------


def test_a_customer() -> None:
    """Two days with revenue, 20 days apart; today is the 31st."""
    result = one_batch(
        customers=[
            "customer_id,customer_tier,date_of_birth,registration_date",
            "c,Gold,2000-02-29,2025-01-02",
            "idle,,,",
        ],
        products=[PRODUCTS, "p,Home,1,", "q,Food,1,", "r,,1,"],
        orders=orders(
            "c,p,2025-01-05,100,,",
            "c,q,2025-01-05,150.50,,",
            "c,p,2025-01-25,50,,completed",
            "c,q,2025-01-26,30,,returned",
            "c,r,2025-01-27,30,,canceled",
            "c,r,2025-01-28,0,,",
            "c,r,2025-01-28,7,EUR,",
        ),
    )
    by_name = {row["customer_id"]: row for row in result.customer_analytics}
    assert by_name["c"] == {
        "customer_id": "c",
        "orders": 7,
        "revenue_orders": 3,
        "total_spent": NUMBER("300.50"),
        "gross_revenue": NUMBER("300.50"),
        "refunds": NUMBER("0.00"),
        "aov": NUMBER("100.17"),  # 100.1666
        "order_days": 2,
        "first_order_date": date(2025, 1, 5),
        "last_order_date": date(2025, 1, 25),
        "days_since_first_order": 26,
        "days_since_last_order": 6,
        "avg_days_between_orders": NUMBER("20.0000"),
        "cancelled_orders": 1,
        "return_rate": NUMBER("0.1429"),  # 1 / 7
        "favourite_category": "Food",  # two each of Home and Food; r has none
        "margin_estimate": NUMBER("90.15"),  # 30.00 + 45.15 + 15.00
        "customer_tier": "gold",
        "age_group": "18-24",  # 24 on 31 January
        "lifecycle_stage": "New",  # 29 days
        "customer_segment": "Medium Value",
        "r_score": 5,
        "f_score": 3,
        "m_score": 3,
        "rfm_group": "Regular",
        "clv_historic": NUMBER("90.15"),
        "expected_orders_12m": NUMBER("0.9335"),  # 365 x 1 / 391 = 0.93350
        "clv_estimate": NUMBER("118.20"),  # 90.15 + 0.9335 x 90.15 / 3 = 118.2017
        "clv_model": "historic_v1",
    }
    nothing = dict.fromkeys(by_name["c"]) | {"customer_id": "idle", "clv_model": "historic_v1"}
    nothing |= dict.fromkeys(["orders", "revenue_orders", "order_days", "cancelled_orders"], 0)
    money = ["total_spent", "gross_revenue", "refunds", "margin_estimate", "clv_historic", "clv_estimate"]
    nothing |= dict.fromkeys(money, NUMBER(0))
    assert by_name["idle"] == nothing | {"expected_orders_12m": NUMBER(0), "customer_segment": "Low Value"}


def test_a_one_time_buyer() -> None:
    [row] = one_batch(orders=orders("c,p,2025-01-31,80,,")).customer_analytics
    names = ("order_days", "days_since_first_order", "avg_days_between_orders", "expected_orders_12m", "clv_estimate")
    assert [row[name] for name in names] == [1, 0, None, NUMBER(0), NUMBER("24.00")]
    assert (row["r_score"], row["f_score"], row["m_score"], row["rfm_group"]) == (5, 1, 1, "New")
    assert (row["customer_tier"], row["age_group"], row["lifecycle_stage"]) == (None, None, None)  # an orphan


@pytest.mark.parametrize(
    ("today", "group"),
    [(date(2025, 2, 28), "18-24"), (date(2025, 3, 1), "25-34"), (date(2028, 2, 29), "25-34")],
)
def test_29_february_counts_on_1_march(today: date, group: str) -> None:
    as_of = datetime(today.year, today.month, today.day, tzinfo=UTC)
    [row] = one_batch(as_of=as_of, customers=["customer_id,date_of_birth", "c,2000-02-29"]).customer_analytics
    assert row["age_group"] == group


@pytest.mark.parametrize(
    ("amounts", "segment"),
    [
        ([200] * 5, "VIP"),
        ([NUMBER("199.99"), *[200] * 4], "High Value"),
        ([250] * 4, "High Value"),
        ([250] * 2, "Medium Value"),
        ([5000], "Low Value"),
        ([100] * 2, "Medium Value"),
        ([NUMBER("99.99"), 100], "Low Value"),
    ],
)
def test_customer_segments(amounts: list[Any], segment: str) -> None:
    [row] = one_batch(orders=orders(*[f"c,p,2025-01-05,{amount},," for amount in amounts])).customer_analytics
    assert row["customer_segment"] == segment


@pytest.mark.parametrize(
    ("days_ago", "count", "amount", "scores"),
    [
        (30, 10, "100", (5, 5, 5, "Champion")),
        (31, 5, "100", (4, 4, 4, "Champion")),
        (60, 4, "50", (4, 3, 3, "Regular")),
        (61, 5, "199.99", (3, 4, 4, "Loyal")),
        (90, 2, "50", (3, 2, 2, "Regular")),
        (91, 3, "33.33", (2, 3, 1, "At Risk")),
        (180, 1, "200", (2, 1, 3, "Regular")),
        (181, 2, "1", (1, 2, 1, "Lost")),
        (181, 3, "1", (1, 3, 1, "At Risk")),
        (181, 9, "1", (1, 4, 1, "Loyal")),
        (60, 1, "99.99", (4, 1, 1, "New")),
        (61, 1, "100", (3, 1, 2, "Regular")),
    ],
)
def test_rfm(days_ago: int, count: int, amount: str, scores: tuple[Any, ...]) -> None:
    day = date(2025, 1, 31) - timedelta(days=days_ago)
    [row] = one_batch(orders=orders(*[f"c,p,{day},{amount},,"] * count)).customer_analytics
    assert (row["r_score"], row["f_score"], row["m_score"], row["rfm_group"]) == scores


def test_a_guests_order_is_nobodys() -> None:
    settings = Settings(severity={"customer_id_present": "LOW"})
    result = one_batch(settings, orders=orders(",p,2025-01-05,10,,", "c,p,2025-01-05,5,,"))
    assert [row["customer_id"] for row in result.customer_analytics] == ["c"]
    assert column(result.enriched_orders, "order_id", "is_first_order") == {"1": False, "2": True}
    [summary], [month] = result.analytics_summary, result.seasonal_analysis
    assert (summary["orders"], summary["revenue"], summary["buyers"]) == (2, NUMBER(15), 1)
    assert (month["orders"], month["revenue"], month["buyers"], month["new_buyers"]) == (2, NUMBER(15), 1, 1)


# -- product_analytics -----------------------------------------------------------------------------


def test_a_product() -> None:
    """Sold on the 3rd and twice on the 22nd: 3 orders in 29 days. On 2 November (91 days before) outside."""
    result = one_batch(
        products=["product_id,product_name,category,brand,price,launch_date", "p,Lamp,Home,Acme,9.99,2025-01-01"],
        inventory=[BINS, "p,East,5", "p,West,7", "q,East,1"],
        orders=orders(
            "c,p,2024-11-01,10,,",
            "c,p,2025-01-03,10,,",
            "d,p,2025-01-22,10,,",
            "c,p,2025-01-22,10.01,,",
            "e,p,2025-01-30,10,,refunded",
            "c,q,2025-02-01,10,,",  # tomorrow
        ),
    )
    by_id = {row["product_id"]: row for row in result.product_analytics}
    assert by_id["p"] == {
        "product_id": "p",
        "product_name": "Lamp",
        "category": "Home",
        "brand": "Acme",
        "price_reporting": NUMBER("9.99"),
        "orders": 5,
        "revenue_orders": 4,
        "revenue": NUMBER("40.01"),
        "gross_revenue": NUMBER("40.01"),
        "refunds": NUMBER("0.00"),
        "margin_estimate": NUMBER("12.00"),
        "customers": 2,
        "aov": NUMBER("10.00"),
        "last_order_date": date(2025, 1, 22),
        "return_rate": NUMBER("0.2000"),
        "stock_quantity": 12,
        "orders_per_day": NUMBER("0.1034"),  # 3 / 29
        "days_of_stock": NUMBER("116.0000"),
        "lifecycle_stage": "New",
        "performance_category": "Low Performer",
        "performance_score": NUMBER("96.0000"),  # 50 + 30 + 20 x 0.8
    }
    orphan = by_id["q"]
    assert (orphan["price_reporting"], orphan["category"], orphan["lifecycle_stage"]) == (None, None, None)
    assert (orphan["orders_per_day"], orphan["days_of_stock"], orphan["stock_quantity"]) == (None, None, 1)
    assert orphan["performance_score"] == NUMBER(20)


@pytest.mark.parametrize(("day", "n"), [("2024-11-02", None), ("2024-11-03", "0.0111"), ("2025-01-31", "1.0000")])
def test_the_pace_is_of_90_days(day: str, n: str | None) -> None:
    [row] = one_batch(orders=orders(f"c,p,{day},1,,")).product_analytics
    assert row["orders_per_day"] == (n and NUMBER(n))


def test_ties_in_every_rank() -> None:
    """Revenue 10, 10, 30 of 1, 2, 1 orders: percent_rank of revenue 0, 0, 1; of orders 0, 1, 0. s has none."""
    result = one_batch(
        products=[PRODUCTS, "p,Home,1,", "s,Home,1,"],
        orders=orders("c,p,2025-01-05,10,,", "c,q,2025-01-05,4,,", "c,q,2025-01-05,6,,", "c,r,2025-01-05,30,,"),
    )
    scores = column(result.product_analytics, "product_id", "performance_score")
    assert scores == {"p": NUMBER(20), "q": NUMBER(50), "r": NUMBER(70), "s": NUMBER(0)}


def test_the_score_of_the_only_product() -> None:
    [row] = one_batch(orders=orders("c,p,2025-01-05,10,,", "c,p,2025-01-05,10,,returned")).product_analytics
    assert row["performance_score"] == NUMBER(10)


def test_the_score_is_rounded_once() -> None:
    """Of 65 products, the second by revenue, all with one order: 50 / 64 + 20 = 20.78125."""
    result = one_batch(orders=orders(*[f"c,p{n:02},2025-01-05,{n + 1},," for n in range(65)]))
    assert result.product_analytics[1]["performance_score"] == NUMBER("20.7813")


@pytest.mark.parametrize(
    ("count", "amount", "name"),
    [
        (20, "250", "Star"),
        (20, "249.99", "High Performer"),
        (19, "300", "High Performer"),
        (10, "200", "High Performer"),
        (10, "199.99", "Medium Performer"),
        (5, "100", "Medium Performer"),
        (4, "10000", "Low Performer"),
        (5, "99.99", "Low Performer"),
    ],
)
def test_performance_categories(count: int, amount: str, name: str) -> None:
    [row] = one_batch(orders=orders(*[f"c,p,2025-01-05,{amount},,"] * count)).product_analytics
    assert row["performance_category"] == name


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("p,1,2025-01-01,yes", "Discontinued"),
        ("p,1,2025-02-01,", "Upcoming"),
        ("p,1,2024-11-03,", "New"),
        ("p,1,2024-11-02,", "Growing"),
        ("p,1,2024-01-31,", "Mature"),
        ("p,1,,", None),
    ],
)
def test_product_lifecycle(line: str, stage: str | None) -> None:
    [row] = one_batch(products=["product_id,price,launch_date,discontinued", line]).product_analytics
    assert row["lifecycle_stage"] == stage


# -- seasonal_analysis -----------------------------------------------------------------------------


def test_months() -> None:
    result = one_batch(
        as_of=at(20),
        products=[PRODUCTS, "a,Home,1,", "b,Food,1,", "n,,1,"],
        orders=orders(
            "c,a,2024-01-31,80,,",
            "c,b,2024-11-30,60,,",
            "d,a,2024-11-30,60,,",
            "c,n,2024-12-31,100,,",
            "c,n,2024-12-31,100,,cancelled",
            "e,a,2025-01-01,30,,",
            "c,b,2025-01-02,10,,",
            "c,b,2025-01-03,20.01,,",
        ),
    )
    months = {row["order_month"]: row for row in result.seasonal_analysis}
    january = months[date(2025, 1, 1)]
    assert january == {
        "order_month": date(2025, 1, 1),
        "season": "Winter",
        "season_year": 2025,
        "orders": 3,
        "revenue": NUMBER("60.01"),
        "gross_revenue": NUMBER("60.01"),
        "refunds": NUMBER("0.00"),
        "aov": NUMBER("20.00"),
        "buyers": 2,
        "new_buyers": 1,
        "top_category": "Food",
        "change_previous": NUMBER("-0.3999"),
        "change_year": NUMBER("-0.2499"),  # 60.01 / 80 = 0.750125
        "seasonal_index": NUMBER("0.6001"),  # of (80 + 120 + 100) / 3
        "is_complete": False,
    }
    assert column(result.seasonal_analysis, "order_month", "top_category", "change_previous", "seasonal_index") == {
        date(2024, 1, 1): ("Home", None, NUMBER("0.8")),
        date(2024, 11, 1): ("Food", None, NUMBER("1.2")),  # a tie: the alphabet
        date(2024, 12, 1): (None, NUMBER("-0.1667"), NUMBER(1)),
        date(2025, 1, 1): ("Food", NUMBER("-0.3999"), NUMBER("0.6001")),
    }
    assert (months[date(2024, 12, 1)]["orders"], months[date(2024, 12, 1)]["aov"]) == (2, NUMBER(100))


@pytest.mark.parametrize(("day", "complete"), [(31, False), (32, True)])
def test_a_month_ends_with_its_last_day(day: int, complete: bool) -> None:
    as_of = at(1) + timedelta(days=day - 1)
    [row] = one_batch(as_of=as_of, orders=orders("c,p,2025-01-05,10,,")).seasonal_analysis
    assert row["is_complete"] is complete
    assert row["seasonal_index"] == (NUMBER(1) if complete else None)


def test_a_month_without_revenue() -> None:
    lines = orders("c,p,2024-11-05,10,,cancelled", "c,p,2024-12-05,10,,")
    rows = one_batch(orders=lines).seasonal_analysis
    assert [(r["revenue"], r["aov"], r["change_previous"], r["seasonal_index"]) for r in rows] == [
        (NUMBER(0), None, None, NUMBER(0)),
        (NUMBER(10), NUMBER(10), None, NUMBER(2)),  # from nothing: x / 0 = NULL
    ]


# -- segment_analysis, category_analysis -----------------------------------------------------------


def test_segments() -> None:
    result = one_batch(
        customers=["customer_id", "idle"],
        orders=orders(*["vip,p,2025-01-30,300,,"] * 5, "low,p,2025-01-10,100,,", "low,p,2025-01-10,1,,failed"),
    )
    rows = {row["customer_segment"]: row for row in result.segment_analysis}
    assert list(rows) == ["VIP", "High Value", "Medium Value", "Low Value"]
    assert rows["Low Value"] == {
        "customer_segment": "Low Value",
        "customers": 2,
        "orders": 2,
        "revenue_orders": 1,
        "revenue": NUMBER("100.00"),
        "gross_revenue": NUMBER("100.00"),
        "refunds": NUMBER("0.00"),
        "revenue_share": NUMBER("0.0625"),
        "aov": NUMBER("100.00"),
        "margin_estimate": NUMBER("30.00"),
        "clv_estimate": NUMBER("30.00"),
        "avg_clv": NUMBER("15.00"),
        "orders_per_customer": NUMBER("1.0000"),
        "avg_days_since_last_order": NUMBER("21.0000"),
    }
    assert rows["VIP"]["revenue_share"] == NUMBER("0.9375")
    empty = rows["High Value"]
    assert (empty["customers"], empty["revenue"], empty["revenue_share"]) == (0, NUMBER(0), NUMBER(0))
    assert [empty[name] for name in ("aov", "avg_clv", "orders_per_customer", "avg_days_since_last_order")] == [
        None
    ] * 4


def test_categories() -> None:
    """The order is of Home, though its product is Food's today."""
    result = run(
        [
            batch("a", at(1), products=[PRODUCTS, "p,Home,1,", "q,Food,1,", "r,,1,"]),
            batch("b", at(5), products=[PRODUCTS, "p,Food,1,"]),
            batch(
                "o", at(9), orders=orders("c,p,2025-01-02,30,,", "c,p,2025-01-02,2,,refunded", "d,x,2025-01-02,10,,")
            ),
        ]
    )
    rows = {row["category"]: row for row in result.category_analysis}
    assert rows["Home"] == {
        "category": "Home",
        "products": 0,
        "orders": 2,
        "revenue_orders": 1,
        "revenue": NUMBER("30.00"),
        "gross_revenue": NUMBER("30.00"),
        "refunds": NUMBER("0.00"),
        "revenue_share": NUMBER("0.7500"),
        "aov": NUMBER("30.00"),
        "margin_estimate": NUMBER("9.00"),
        "buyers": 1,
        "return_rate": NUMBER("0.5000"),
    }
    names = ("products", "orders", "revenue_share", "aov", "return_rate")
    assert column(result.category_analysis, "category", *names) == {
        "Food": (2, 0, NUMBER(0), None, None),
        "Home": (0, 2, NUMBER("0.75"), NUMBER(30), NUMBER("0.5")),
        "unknown": (2, 1, NUMBER("0.25"), NUMBER(10), NUMBER(0)),  # r, and the orphan x
    }


# -- analytics_summary -----------------------------------------------------------------------------

STORY = [
    batch("a", at(5), orders=orders("c,p,2025-01-02,100,,", "d,q,2025-01-02,50,,")),
    batch("b", at(10), orders=[ORDERS, "2,d,q,2025-01-02,50,,cancelled", "3,c,p,2025-01-09,20,,"]),
    batch(
        "c",
        at(15),
        orders=[ORDERS, "4,e,p,2025-01-14,30,,returned", "2,d,q,2025-01-02,50,,pending"],
        shipping=[SHIPPING, "1,t,4.5,,,2025-01-05,2025-01-04", "3,t,,,,2025-01-05,2025-01-14", "4,t,1,EUR,,,"],
    ),
]


def test_each_as_of() -> None:
    names = ("revenue", "margin_estimate", "margin_rate", "buyers", "repeat_rate", "new_buyers", "products_sold")
    rows = run(STORY).analytics_summary
    assert column(rows, "batch_id", *names) == {
        "a": (NUMBER(150), NUMBER(45), NUMBER("0.3"), 2, NUMBER(0), 2, 2),
        "b": (NUMBER(120), NUMBER(36), NUMBER("0.3"), 1, NUMBER(1), 0, 1),
        "c": (NUMBER(170), NUMBER(51), NUMBER("0.3"), 2, NUMBER("0.5"), 1, 2),  # d bought again
    }
    figures = ("return_rate", "shipping_cost", "on_time_rate", "batch_orders", "batch_revenue", "clv_estimate")
    assert column(rows, "batch_id", *figures) == {
        "a": (NUMBER(0), NUMBER(0), None, 2, NUMBER(150), NUMBER(45)),
        # 30 + 6 and 365 x 1 / (365 + 8) = 0.9786 more orders of 18.00
        "b": (NUMBER(0), NUMBER(0), None, 2, NUMBER(20), NUMBER("53.61")),
        # 365 / 378 = 0.9656: 36 + 17.3808; and d's 15
        "c": (NUMBER("0.25"), NUMBER("4.50"), NUMBER("0.5"), 2, NUMBER(50), NUMBER("68.38")),
    }


def test_a_late_batch_and_its_new_buyers() -> None:
    """It stands between a and b by its position; the buyers after it are as if it had come in time."""
    late = batch("late", at(7), orders=[ORDERS, "9,f,p,2025-01-06,1,,"])
    for order in itertools.permutations([*STORY, late]):
        rows = run(order).analytics_summary
        assert column(rows, "batch_id", "new_buyers") == {"a": 2, "late": 1, "b": 0, "c": 1}
        assert column(rows, "batch_id", "buyers") == {"a": 2, "late": 3, "b": 2, "c": 3}


def test_what_began_later_is_not_seen() -> None:
    """Order, product and rate's day as they stood: the as-of join sees only versions begun by then."""
    said = [
        batch("a", at(3), orders=orders("c,p,2025-01-02,10,,")),
        batch("b", at(6), products=[PRODUCTS, "p,Food,1,"]),
    ]
    result = run(said, Settings(margin_rates={"Food": "0.5"}))
    assert column(result.analytics_summary, "batch_id", "margin_estimate") == {"a": NUMBER(3), "b": NUMBER(5)}


# -- checks across tables --------------------------------------------------------------------------


def checks(*arrived: Batch, settings: Settings | None = None) -> dict[tuple[str, str], Row]:
    """(batch, check) -> its row, in this order of arrival."""
    return {(r["batch_id"], r["check_name"]): r for r in checks_on_arrival(arrived, settings)}


def failed(check: str, **said: Iterable[str]) -> list[str]:
    """The keys that fail a check in one batch."""
    row = checks(batch("b", at(20), **said))["b", check]
    assert row["failed_rows"] == len(row["sample_keys"])
    assert row["severity"] == (row["rule_severity"] if row["sample_keys"] else "NONE")
    return list(row["sample_keys"])


def test_an_orphan_heals_when_the_parent_comes() -> None:
    order = batch("a", at(1), orders=orders("c,p,2025-01-01,1,,", "d,p,2025-01-01,1,,"))
    other = batch(
        "b", at(2), customers=["customer_id", "c"], orders=[ORDERS, "1,c,p,2025-01-01,1,,", "3,d,p,2025-01-01,1,,"]
    )
    parent = batch("c", at(3), customers=["customer_id", "d"])
    again = batch("d", at(4), orders=[ORDERS, "3,d,p,2025-01-01,2,,"])
    found = checks(order, other, parent, again)
    assert found["a", "order_customer_exists"] == {  # nobody has brought customers yet
        "batch_id": "a",
        "table_name": "orders",
        "check_name": "order_customer_exists",
        "category": "referential",
        "rule_severity": "HIGH",
        "severity": "NONE",
        "rows_checked": 0,
        "failed_rows": 0,
        "failed_share": None,
        "sample_keys": [],
    }
    assert found["b", "order_customer_exists"] == found["a", "order_customer_exists"] | {
        "batch_id": "b",
        "severity": "HIGH",
        "rows_checked": 2,
        "failed_rows": 1,
        "failed_share": NUMBER("0.5000"),
        "sample_keys": ["3"],
    }
    assert found["d", "order_customer_exists"]["failed_rows"] == 0
    assert ("c", "order_customer_exists") not in found  # no file of orders


def test_levels_are_settings() -> None:
    said = batch("b", at(2), customers=["customer_id", "c"], orders=orders("d,p,2025-01-01,1,,"))
    lowered = Settings(severity={"order_customer_exists": "LOW"})
    assert checks(said, settings=lowered)["b", "order_customer_exists"]["severity"] == "LOW"
    off = Settings(severity={"order_customer_exists": "OFF"})
    assert ("b", "order_customer_exists") not in checks(said, settings=off)


def test_orphans_both_ways() -> None:
    said: dict[str, Iterable[str]] = {
        "orders": orders("c,p,2025-01-01,1,,", "c,x,2025-01-01,1,,"),
        "customers": ["customer_id", "c", "d"],
        "products": [PRODUCTS, "p,,1,", "q,,1,"],
        "inventory": [BINS, "p,East,1", "y,East,1"],
        "shipping": [SHIPPING, "1,t,1,,,,", "7,t,1,,,,"],
    }
    assert failed("order_product_exists", **said) == ["2"]
    assert failed("shipping_order_exists", **said) == ["7 / t"]
    assert failed("inventory_product_exists", **said) == ["y / East"]
    assert failed("customer_has_orders", **said) == ["d"]
    assert failed("product_has_orders", **said) == ["q"]
    assert failed("product_has_inventory", **said) == ["q"]


def test_orders_and_their_shipments() -> None:
    head = f"{ORDERS},created_timestamp"
    said = [
        "1,c,p,2025-01-01,1,,shipped,",
        "2,c,p,2025-01-01,1,,Completed,",
        "3,c,p,2025-01-01,1,,pending,",
        "4,c,p,2025-01-01,1,,cancelled,2025-01-03T00:00:00Z",
        "5,c,p,2025-01-01,1,,cancelled,2025-01-03T00:00:00Z",
        "6,c,p,2025-01-01,1,,cancelled,",
        "7,c,p,2025-01-01,1,,delivered,2025-01-03T00:00:00Z",
    ]
    shipments = [
        "1,t,1,,,,",
        "4,t,1,,2025-01-03T00:00:01Z,,",
        "5,t,1,,2025-01-03T00:00:00Z,,",
        "6,t,1,,2025-01-09T00:00:00Z,,",
        "7,t,1,,2025-01-09T00:00:00Z,,",
    ]
    files: dict[str, Iterable[str]] = {"orders": [head, *said], "shipping": [SHIPPING, *shipments]}
    assert failed("order_shipping_exists", **files) == ["2"]
    assert failed("cancelled_order_not_shipped", **files) == ["4"]


def test_ordered_after_the_end_of_a_product() -> None:
    head = "product_id,price,discontinued"
    found = checks(
        batch("a", at(1), products=[head, "p,1,"]),
        batch("b", at(3), products=[head, "p,1,yes"]),
        batch("c", at(5), products=[head, "p,1,no"]),
        batch(
            "o",
            at(9),
            orders=orders(
                "c,p,2025-01-02,1,,",
                "c,p,2025-01-03T00:00:00.000001Z,1,,",
                "c,p,2025-01-04,1,,",  # the end of that day
                "c,p,2025-01-06,1,,",
            ),
        ),
    )
    assert found["o", "order_product_not_discontinued"]["sample_keys"] == ["2", "3"]


@pytest.mark.parametrize(
    ("amount", "currency", "fails"),
    [
        ("8", "", False),
        ("7.99", "", True),
        ("12", "", False),
        ("12.01", "", True),  # 2 x 10 x 0.8 = 16
        ("16", "", False),
        ("1200", "", False),  # n = 100
        ("1200.01", "", True),
        ("0", "", True),
        ("7.99", "EUR", False),
    ],
)
def test_an_orders_price(amount: str, currency: str, fails: bool) -> None:
    said = {"orders": orders(f"c,p,2025-01-01,{amount},{currency},"), "products": [PRODUCTS, "p,,10,"]}
    assert failed("order_price_agrees", **said) == (["1"] if fails else [])


def test_premium_and_first_days() -> None:
    said: dict[str, Iterable[str]] = {
        "customers": ["customer_id,customer_tier,registration_date", "c,VIP,2025-01-02", "d,gold,"],
        "products": ["product_id,price,launch_date", "p,1,2025-01-03"],
        "orders": orders(
            "c,p,2025-01-01,19.99,,", "c,p,2025-01-02,20,,", "d,p,2025-01-03,1,,", "c,p,2025-01-03,1,EUR,"
        ),
    }
    assert failed("premium_order_value", **said) == ["1"]
    assert failed("order_after_registration", **said) == ["1"]
    assert failed("order_after_launch", **said) == ["1", "2"]


def test_the_same_email_and_another_address() -> None:
    said: dict[str, Iterable[str]] = {
        "customers": ["customer_id,email", "a,x@example.com", "b,x@example.com", "c,", "d,", "e,y@example.com"],
        "orders": [f"{ORDERS},shipping_address", "1,c,p,2025-01-01,1,,,Main St", "2,c,p,2025-01-01,1,,,"],
        "shipping": ["order_id,destination_address", "1,Main St", "2,Mill Lane"],
    }
    assert failed("email_unique", **said) == ["a", "b"]
    assert failed("shipping_address_agrees", **said) == []
    said["shipping"] = ["order_id,destination_address", "1,Mill Lane", "2,Mill Lane"]
    assert failed("shipping_address_agrees", **said) == ["1"]


def test_the_stock_of_one_batch() -> None:
    head = "product_id,price,stock_quantity"
    first = batch("a", at(1), products=[head, "p,1,5", "q,1,5", "r,1,5"], inventory=[BINS, "p,E,2", "p,W,3", "q,E,4"])
    found = checks(first, batch("b", at(2), products=[head, "q,1,9"]))
    assert found["a", "stock_agrees"]["sample_keys"] == ["q"]
    assert found["b", "stock_agrees"]["failed_rows"] == 0  # its batch says nothing of warehouses


def test_orders_outside_business_hours() -> None:
    said = {"orders": orders("c,p,2025-01-03T08:59:00Z,1,,", "c,p,2025-01-03T09:00:00Z,1,,", "c,p,2025-01-04,1,,")}
    assert failed("order_in_business_hours", **said) == ["1"]


def test_a_deletion_has_nothing_more_to_say() -> None:
    settings = Settings(sources={"orders": Delivery(delete_column="gone")})
    said = [
        batch("a", at(1), orders=[f"{ORDERS},gone", "1,x,p,2025-01-01,1,,,"], customers=["customer_id", "c"]),
        batch("b", at(2), orders=[f"{ORDERS},gone", "1,x,p,2025-01-01,1,,,yes"]),
    ]
    found = checks(*said, settings=settings)
    assert found["a", "order_customer_exists"]["failed_rows"] == 1
    assert found["b", "order_customer_exists"]["failed_rows"] == 0
