"""The tables that the shop looks at, from small frames; what must come out was added up by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.analytics import (
    category_analysis,
    customer_analytics,
    product_analytics,
    seasonal_analysis,
    segment_analysis,
)
from ecomm.contract import Field, Rate, Scale, Shop
from ecomm.engines import Engine
from ecomm.money import MONEY, shown
from ecomm.sources.products import in_reporting_currency
from ecomm.transforms.rates import rated
from tests.shop import Row

pytestmark = pytest.mark.every_engine

TODAY = date(2025, 6, 30)
SHOP = Shop()
ORDER = {
    "order_id": "string",
    "line_id": "string",
    "refund_id": "string",
    "customer_id": "string",
    "product_id": "string",
    "order_date": "date",
    "order_month": "date",
    "season": "string",
    "season_year": "bigint",
    "order_status": "string",
    "amount": MONEY,
    "is_revenue": "boolean",
    "margin_estimate": MONEY,
    "is_first_order": "boolean",
    "product_category": "string",
}
CUSTOMER = {"customer_id": "string", "customer_tier": "string", "date_of_birth": "date", "registration_date": "date"}
PRODUCT = {
    "product_id": "string",
    "product_name": "string",
    "category": "string",
    "brand": "string",
    "price": MONEY,
    "currency": "string",
    "discontinued": "boolean",
    "launch_date": "date",
}
STOCK = {"product_id": "string", "stock_quantity": "bigint"}


def frame(engine: Engine, schema: dict[str, str], rows: Iterable[Row]) -> DataFrame:
    """Rows as a frame; a column that a row lacks is NULL."""
    values = [tuple(row.get(name) for name in schema) for row in rows]
    return engine.spark.createDataFrame(values, ", ".join(f"{n} {t}" for n, t in schema.items()))


def ago(days: int) -> date:
    """A day before today."""
    return TODAY - timedelta(days=days)


def order(customer: str | None, days: int, amount: str | None, category: str | None = "Toys", **said: Any) -> Row:
    """An order of some days ago, with a margin of 30 %, as enriched_orders has it."""
    status = said.get("order_status", "completed")
    money = None if amount is None else Decimal(amount)
    counts = money is not None and money > 0 and status not in SHOP.non_revenue_statuses
    day = said.get("order_date", ago(days))
    return {
        "customer_id": customer,
        "product_id": "P1",
        "order_date": day,
        "order_month": day.replace(day=1),
        "season": "Spring",
        "season_year": day.year,
        "order_status": status,
        "amount": money,
        "is_revenue": counts,
        "margin_estimate": (money * 3 / 10).quantize(Decimal("0.01")) if money and counts else Decimal("0.00"),
        "is_first_order": False,
        "product_category": category,
    } | said


def placed(engine: Engine, orders: Iterable[Row]) -> DataFrame:
    """Rows of enriched_orders; each that names no order is one of its own."""
    numbered = enumerate(orders)
    return frame(engine, ORDER, ({"order_id": f"O{n}", "line_id": "", "refund_id": ""} | row for n, row in numbered))


def refund(customer: str | None, days: int, amount: str, category: str | None = "Toys", **said: Any) -> Row:
    """A refund row of some days ago: it counts, below 0."""
    money = Decimal(amount)
    back = {"refund_id": "R", "is_revenue": True, "margin_estimate": (money * 3 / 10).quantize(Decimal("0.01"))}
    return order(customer, days, amount, category) | back | said


def by(found: DataFrame, fields: tuple[Field, ...], key: str) -> dict[Any, Row]:
    """The rows by their key; the table has exactly its fields, in their order and with their types."""
    assert [(f.name, f.dataType.simpleString()) for f in found.schema.fields] == [(f.name, f.type) for f in fields]
    assert len({f.name for f in fields}) == len(fields)
    rows = [row.asDict() for row in found.collect()]
    assert len({row[key] for row in rows}) == len(rows)
    return {row[key]: row for row in rows}


def said(row: Row, names: str) -> list[Any]:
    """Some columns of a row; decimals as text, so that their scale counts."""
    return [shown(v) if isinstance(v := row[name], Decimal) else v for name in names.split()]


# -- rates -----------------------------------------------------------------------------------------

RATES = (
    Rate("EUR", date(2025, 1, 1), Decimal("1.10")),
    Rate("EUR", date(2025, 2, 1), Decimal("1.20")),
    Rate("JPY", date(2025, 1, 15), Decimal("0.00654321")),
    Rate("USD", date(2024, 1, 1), Decimal(1)),
)


@pytest.mark.parametrize(
    ("currency", "day", "rate"),
    [
        ("USD", date(2020, 1, 1), "1.00000000"),
        ("USD", None, "1.00000000"),
        ("EUR", date(2024, 12, 31), None),
        ("EUR", date(2025, 1, 1), "1.10000000"),
        ("EUR", date(2025, 1, 31), "1.10000000"),
        ("EUR", date(2025, 2, 1), "1.20000000"),
        ("EUR", date(2030, 1, 1), "1.20000000"),
        ("EUR", None, None),
        ("JPY", date(2025, 1, 15), "0.00654321"),
        ("GBP", date(2025, 1, 15), None),
        (None, date(2025, 1, 15), None),
    ],
)
def test_the_rate_of_a_day(engine: Engine, currency: str | None, day: date | None, rate: str | None) -> None:
    rows = frame(engine, {"currency": "string", "day": "date"}, [{"currency": currency, "day": day}] * 2)
    found = rated(rows, F.col("day"), Shop(rates=RATES)).collect()
    assert [None if r["rate"] is None else str(r["rate"]) for r in found] == [rate, rate]


def test_a_price_at_the_rates_of_one_day(engine: Engine) -> None:
    rows = [{"m": Decimal(m), "c": c} for m, c in (("9.99", "USD"), ("9.99", "EUR"), ("100", "JPY"), ("1", "GBP"))]
    prices = frame(engine, {"m": MONEY, "c": "string"}, rows)

    def on(day: date) -> list[str]:
        shop = Shop(rates=RATES)
        return [str(r[0]) for r in prices.select(in_reporting_currency(F.col("m"), F.col("c"), shop, day)).collect()]

    assert on(date(2025, 1, 10)) == ["9.990", "10.990", "None", "None"]  # 10.989
    assert on(date(2025, 3, 1)) == ["9.990", "11.990", "0.650", "None"]  # 11.988, 0.654321
    assert on(date(2023, 3, 1)) == ["9.990", "None", "None", "None"]


# -- customer_analytics ----------------------------------------------------------------------------


def customers_of(engine: Engine, orders: list[Row], heads: Iterable[Row] = (), shop: Shop = SHOP) -> dict[str, Row]:
    """customer_analytics, by customer."""
    found = customer_analytics.customer_analytics(placed(engine, orders), frame(engine, CUSTOMER, heads), shop, TODAY)
    return by(found, customer_analytics.FIELDS, "customer_id")


def test_a_customer_who_came_back(engine: Engine) -> None:
    orders = [
        order("C", 100, "100.00"),
        order("C", 100, "50.01", "Books"),  # the same day again
        order("C", 75, "33.34"),
        order("C", 10, "60.00", "Books", order_status="refunded"),
        order("C", 9, "60.00", "Books", order_status="cancelled"),
        order("C", 8, None, order_status="pending"),  # no rate
    ]
    row = customers_of(engine, orders)["C"]
    assert said(row, "orders revenue_orders total_spent aov order_days") == [6, 3, "183.35", "61.12", 2]
    assert said(row, "first_order_date last_order_date days_since_first_order days_since_last_order") == [
        ago(100),
        ago(75),
        100,
        75,
    ]
    assert said(row, "avg_days_between_orders cancelled_orders return_rate") == ["25.0000", 1, "0.1667"]
    assert row["favourite_category"] == "Books"  # three each: by alphabet
    # 30.00 + 15.00 + 10.00; 365 x 1 / 465 = 0.78494..; 55.00 + 0.7849 x 55.00 / 3 = 69.3898..
    assert said(row, "margin_estimate clv_historic expected_orders_12m clv_estimate clv_model") == [
        "55.00",
        "55.00",
        "0.7849",
        "69.39",
        "historic_v1",
    ]
    assert said(row, "customer_segment r_score f_score m_score rfm_group") == ["Low Value", 3, 3, 2, "Regular"]
    assert said(row, "customer_tier age_group lifecycle_stage") == [None, None, None]  # an order, but no version


def test_a_one_time_buyer_promises_nothing(engine: Engine) -> None:
    row = customers_of(engine, [order("C", 0, "10.00"), order("C", 0, "30.00")])["C"]
    assert said(row, "order_days days_since_last_order avg_days_between_orders") == [1, 0, None]
    assert said(row, "expected_orders_12m clv_historic clv_estimate rfm_group") == [
        "0.0000",
        "12.00",
        "12.00",
        "Regular",
    ]
    assert customers_of(engine, [order("C", 0, "10.00")])["C"]["rfm_group"] == "New"


def test_customers_without_revenue_orders(engine: Engine) -> None:
    heads = [
        {"customer_id": "A", "customer_tier": "gold", "date_of_birth": date(2004, 2, 29), "registration_date": ago(29)},
        {"customer_id": "B", "registration_date": ago(400)},
    ]
    rows = customers_of(engine, [order("B", 5, "10.00", None, order_status="cancelled"), order(None, 1, "5.00")], heads)
    assert sorted(rows) == ["A", "B"]  # a guest is no customer
    nothing = (
        "aov first_order_date days_since_first_order days_since_last_order avg_days_between_orders r_score f_score "
    )
    for row in rows.values():
        assert said(row, nothing + "m_score rfm_group favourite_category") == [None] * 10
        assert said(row, "revenue_orders total_spent order_days margin_estimate") == [0, "0.00", 0, "0.00"]
        assert said(row, "clv_historic expected_orders_12m clv_estimate") == ["0.00", "0.0000", "0.00"]
        assert row["customer_segment"] == "Low Value"
    assert said(rows["A"], "orders cancelled_orders return_rate") == [0, 0, None]
    assert said(rows["A"], "customer_tier age_group lifecycle_stage") == ["gold", "18-24", "New"]
    assert said(rows["B"], "orders cancelled_orders return_rate lifecycle_stage") == [1, 1, "0.0000", "Established"]


@pytest.mark.parametrize(
    ("amounts", "segment"),
    [
        (["200.00"] * 5, "VIP"),
        (["250.00"] * 4, "High Value"),
        (["199.99"] * 5, "High Value"),
        (["250.00"] * 2, "Medium Value"),
        (["199.99", "300.00"], "Medium Value"),
        (["5000.00"], "Low Value"),
        (["99.99", "99.99"], "Low Value"),
    ],
)
def test_a_segment_asks_for_money_and_for_orders(engine: Engine, amounts: list[str], segment: str) -> None:
    assert customers_of(engine, [order("C", 3, a) for a in amounts])["C"]["customer_segment"] == segment


@pytest.mark.parametrize(
    ("days", "orders", "amount", "scores"),
    [
        (30, 5, "200.00", [5, 4, 5, "Champion"]),
        (31, 10, "50.00", [4, 5, 4, "Champion"]),
        (61, 5, "40.00", [3, 4, 3, "Loyal"]),
        (60, 1, "100.00", [4, 1, 2, "New"]),
        (91, 3, "66.66", [2, 3, 2, "At Risk"]),
        (181, 4, "10.00", [1, 3, 1, "At Risk"]),
        (181, 2, "49.99", [1, 2, 1, "Lost"]),
        (180, 2, "50.00", [2, 2, 2, "Regular"]),
        (90, 1, "99.99", [3, 1, 1, "Regular"]),
        (-1, 2, "499.99", [5, 2, 4, "Regular"]),  # dated tomorrow
    ],
)
def test_scores_have_fixed_bounds(engine: Engine, days: int, orders: int, amount: str, scores: list[Any]) -> None:
    row = customers_of(engine, [order("C", days, amount)] * orders)["C"]
    assert said(row, "r_score f_score m_score rfm_group") == scores


def test_bounds_are_settings(engine: Engine) -> None:
    scale = Scale(vip=(Decimal("9.99"), 1), recency_days=(1, 2, 3, 4), monetary=(Decimal(9),) * 4)
    row = customers_of(engine, [order("C", 3, "9.99")], shop=Shop(scale=scale))["C"]
    assert said(row, "customer_segment r_score m_score") == ["VIP", 3, 5]


def test_a_favourite_is_counted_over_all_orders(engine: Engine) -> None:
    orders = [order("A", 1, "1.00", c) for c in ("Toys", "Books", "Toys", None, None, None)]
    orders += [order("B", 1, "1.00", c) for c in ("Zoo", "Élan", "apple")]
    orders += [order("D", 1, "1.00", "Cups", order_status="returned")] * 10 + [order("D", 1, "90.00", "Art")] * 9
    rows = customers_of(engine, orders)
    assert {k: r["favourite_category"] for k, r in rows.items()} == {"A": "Toys", "B": "Zoo", "D": "Cups"}


# -- product_analytics -----------------------------------------------------------------------------


def products_of(
    engine: Engine, orders: list[Row], heads: Iterable[Row] = (), stock: Iterable[Row] = (), shop: Shop = SHOP
) -> dict[str, Row]:
    """product_analytics, by product."""
    targets = frame(engine, PRODUCT, heads), frame(engine, STOCK, stock)
    found = product_analytics.product_analytics(placed(engine, orders), *targets, shop, TODAY)
    return by(found, product_analytics.FIELDS, "product_id")


def product(name: str, **said: Any) -> Row:
    """A current product."""
    return {"product_id": name, "price": Decimal("10.00"), "currency": "USD", "discontinued": False} | said


def test_a_product_that_sells(engine: Engine) -> None:
    orders = [
        order("A", 90, "20.00"),  # today - 90 is not within
        order("A", 89, "20.00"),
        order("B", 9, "30.00"),
        order(None, 8, "30.01"),  # a guest
        order("D", 7, "5.00", order_status="returned"),
        order("B", -1, "40.00"),  # dated tomorrow
    ]
    stock = [{"product_id": "P1", "stock_quantity": n} for n in (7, 4)]
    head = product("P1", product_name="Kite", category="Toys", brand="Airy", currency="EUR", launch_date=ago(90))
    shop = Shop(rates=RATES)
    row = products_of(engine, orders, [head], stock, shop)["P1"]
    assert said(row, "product_name category brand price_reporting lifecycle_stage") == [
        "Kite",
        "Toys",
        "Airy",
        "12.00",
        "Growing",
    ]
    assert said(row, "orders revenue_orders revenue margin_estimate customers aov") == [
        6,
        5,
        "140.01",
        "42.00",
        2,
        "28.00",
    ]
    assert said(row, "last_order_date return_rate stock_quantity") == [ago(-1), "0.1667", 11]
    # n = 3 of d = 90 days
    assert said(row, "orders_per_day days_of_stock") == ["0.0333", "330.0000"]
    # alone, both percent_ranks are 0: 100 x 0.2 x (1 - 0.1667)
    assert said(row, "performance_category performance_score") == ["Low Performer", "16.6660"]


def test_more_stock_than_one_row_can_say(engine: Engine) -> None:
    """Each place holds what 18 digits can say; the sum is one digit longer, and what does not fit is NULL."""
    stock = [{"product_id": "P1", "stock_quantity": n} for n in (999_999_999_999_999_999, 10)]
    row = products_of(engine, [order("A", 1, "9.00")], [product("P1")], stock)["P1"]
    assert said(row, "stock_quantity days_of_stock") == [1_000_000_000_000_000_009, None]


def test_products_without_orders_and_orders_without_product(engine: Engine) -> None:
    heads = [product("P2", discontinued=True, currency="GBP"), product("P3", launch_date=ago(-1))]
    orders = [order("A", 200, "9.00", product_id="P9"), order("A", 1, "9.00", product_id=None)]
    rows = products_of(engine, orders, heads, [{"product_id": "P9", "stock_quantity": 5}])
    assert sorted(rows) == ["P2", "P3", "P9"]
    for name in ("P2", "P3"):
        assert said(rows[name], "orders revenue customers aov last_order_date return_rate") == [
            0,
            "0.00",
            0,
            None,
            None,
            None,
        ]
        assert said(rows[name], "stock_quantity orders_per_day days_of_stock performance_score") == [
            None,
            None,
            None,
            "0.0000",
        ]
    assert said(rows["P2"], "price_reporting lifecycle_stage") == [None, "Discontinued"]
    assert said(rows["P3"], "price_reporting lifecycle_stage") == ["10.00", "Upcoming"]
    assert said(rows["P9"], "product_name price_reporting lifecycle_stage stock_quantity") == [None, None, None, 5]
    assert said(rows["P9"], "orders_per_day days_of_stock performance_score") == [None, None, "20.0000"]


def test_the_score_shares_ranks_among_equals(engine: Engine) -> None:
    sold = {"A": ["10.00"], "B": ["5.00", "5.00"], "C": ["30.00"], "D": ["30.00", "7.00"]}
    orders = [order("K", 5, amount, product_id=p) for p, amounts in sold.items() for amount in amounts]
    orders[-1] |= {"order_status": "refunded", "is_revenue": False, "margin_estimate": Decimal("0.00")}
    rows = products_of(engine, orders, [product("E")])
    # percent_rank by revenue: A, B 0; C, D 2/3. by revenue orders: A, C, D 0; B 1. D: half of its orders came back
    assert {p: str(r["performance_score"]) for p, r in rows.items()} == {
        "A": "20.0000",
        "B": "50.0000",
        "C": "53.3333",
        "D": "43.3333",
        "E": "0.0000",
    }


@pytest.mark.parametrize(
    ("amount", "orders", "category"),
    [
        ("250.00", 20, "Star"),
        ("249.99", 20, "High Performer"),
        ("500.00", 19, "High Performer"),
        ("200.00", 10, "High Performer"),
        ("9000.00", 9, "Medium Performer"),
        ("100.00", 5, "Medium Performer"),
        ("99.99", 5, "Low Performer"),
        ("900.00", 4, "Low Performer"),
    ],
)
def test_performance_asks_for_money_and_for_orders(engine: Engine, amount: str, orders: int, category: str) -> None:
    assert products_of(engine, [order("C", 999, amount)] * orders)["P1"]["performance_category"] == category


# -- seasonal_analysis -----------------------------------------------------------------------------


def months_of(engine: Engine, orders: list[Row], today: date = TODAY) -> dict[date, Row]:
    """seasonal_analysis, by month."""
    found = seasonal_analysis.seasonal_analysis(placed(engine, orders), SHOP, today)
    return by(found, seasonal_analysis.FIELDS, "order_month")


def test_months_beside_each_other(engine: Engine) -> None:
    def on(day: str, amount: str | None, category: str | None = "Toys", **more: Any) -> Row:
        return order(more.pop("customer", "A"), 0, amount, category, order_date=date.fromisoformat(day), **more)

    orders = [
        on("2024-03-31", "40.00", is_first_order=True),
        on("2025-02-01", "60.00"),
        on("2025-02-28", "60.00", "Books", customer="B", is_first_order=True),
        on("2025-02-28", "99.00", "Books", customer="C", order_status="cancelled"),
        on("2025-03-01", "50.00", None, customer=None),
        on("2025-03-01", "5.00", "Cups"),
        on("2025-05-01", "70.00"),
        on("2025-06-01", None, order_status="pending"),
    ]
    rows = months_of(engine, orders)
    assert [m.isoformat()[:7] for m in sorted(rows)] == ["2024-03", "2025-02", "2025-03", "2025-05", "2025-06"]
    old, february, march, may, june = (rows[m] for m in sorted(rows))
    counts = "orders revenue aov buyers new_buyers top_category is_complete"
    assert said(february, counts) == [3, "120.00", "60.00", 2, 1, "Books", True]  # two equal: by alphabet
    assert said(march, counts) == [2, "55.00", "27.50", 1, 0, "Cups", True]  # without the unknown category
    assert said(june, counts) == [1, "0.00", None, 0, 0, None, False]  # no revenue; today is its last day
    assert said(february, "season season_year change_previous change_year") == ["Spring", 2025, None, None]
    assert said(march, "change_previous change_year") == ["-0.5417", "0.3750"]  # -0.541666..
    assert said(may, "change_previous change_year") == [None, None]  # no April
    assert said(june, "change_previous change_year") == ["-1.0000", None]
    # mean of the four complete months: 285 / 4 = 71.25
    assert [str(r["seasonal_index"]) for r in (old, february, march, may, june)] == [
        "0.5614",
        "1.6842",
        "0.7719",
        "0.9825",
        "0.0000",
    ]
    assert months_of(engine, orders, date(2025, 7, 1))[date(2025, 6, 1)]["is_complete"] is True


def test_a_month_after_one_without_revenue(engine: Engine) -> None:
    orders = [order("A", 0, None, order_date=date(2025, 5, 2)), order("A", 0, "5.00")]
    assert said(months_of(engine, orders)[date(2025, 6, 1)], "change_previous seasonal_index") == [None, None]


# -- segment_analysis, category_analysis -----------------------------------------------------------


def test_always_four_segments(engine: Engine) -> None:
    schema = {f.name: f.type for f in customer_analytics.FIELDS}
    low = {"customer_segment": "Low Value", "margin_estimate": Decimal("3.00")}
    customers = [
        low | {"customer_id": "A", "orders": 2, "revenue_orders": 1, "total_spent": Decimal("10.00")},
        low | {"customer_id": "B", "orders": 2, "revenue_orders": 2, "total_spent": Decimal("10.01")},
        low | {"customer_id": "C", "orders": 0, "revenue_orders": 0, "total_spent": Decimal("0.00")},
    ]
    for row, value, days in zip(customers, ("4.00", "6.01", "0.00"), (3, 4, None), strict=True):
        row |= {"clv_estimate": Decimal(value), "days_since_last_order": days}
        row |= {"gross_revenue": Decimal(str(row["total_spent"])) + 2, "refunds": Decimal("2.00")}
    vip = {"total_spent": Decimal("40.00"), "gross_revenue": Decimal("40.00"), "refunds": Decimal("0.00")}
    customers.append(customers[0] | vip | {"customer_id": "V", "customer_segment": "VIP"})
    rows = by(
        segment_analysis.segment_analysis(frame(engine, schema, customers), SHOP),
        segment_analysis.FIELDS,
        "customer_segment",
    )
    assert sorted(rows) == ["High Value", "Low Value", "Medium Value", "VIP"]
    money = "revenue revenue_share aov margin_estimate clv_estimate avg_clv"
    assert said(rows["Low Value"], "customers orders revenue_orders gross_revenue refunds") == [
        3,
        4,
        3,
        "26.01",
        "6.00",
    ]
    # the average is of what was sold: 26.01 / 3
    assert said(rows["Low Value"], money) == ["20.01", "0.3334", "8.67", "9.00", "10.01", "3.34"]
    assert said(rows["Low Value"], "orders_per_customer avg_days_since_last_order") == ["1.3333", "3.5000"]
    assert said(rows["VIP"], "customers " + money) == [1, "40.00", "0.6666", "40.00", "3.00", "4.00", "4.00"]
    empty = "customers orders revenue_orders " + money + " orders_per_customer avg_days_since_last_order"
    zeros = [0, 0, 0, "0.00", "0.0000", None, "0.00", "0.00", None, None, None]
    assert said(rows["High Value"], empty) == said(rows["Medium Value"], empty) == zeros
    nobody = segment_analysis.segment_analysis(frame(engine, schema, []), SHOP).collect()
    assert [(r["customers"], r["revenue_share"]) for r in nobody] == [(0, None)] * 4


def test_categories_then_and_today(engine: Engine) -> None:
    orders = [
        order("A", 1, "10.00"),
        order("A", 1, "20.00"),
        order(None, 1, "10.00"),
        order("B", 1, "30.00", order_status="returned"),
        order("B", 1, "5.00", None),
    ]
    heads = [product(p, category=c) for p, c in (("1", "Games"), ("2", "Games"), ("3", None), ("4", "unknown"))]
    found = category_analysis.category_analysis(placed(engine, orders), frame(engine, PRODUCT, heads), SHOP)
    rows = by(found, category_analysis.FIELDS, "category")
    columns = "products orders revenue_orders revenue revenue_share aov margin_estimate buyers return_rate"
    assert {name: said(row, columns) for name, row in rows.items()} == {
        "Toys": [0, 4, 3, "40.00", "0.8889", "13.33", "12.00", 1, "0.2500"],
        "Games": [2, 0, 0, "0.00", "0.0000", None, "0.00", 0, None],
        "unknown": [2, 1, 1, "5.00", "0.1111", "5.00", "1.50", 1, "0.0000"],
    }


# -- orders of several lines, and refunds ----------------------------------------------------------


def of_three_orders() -> list[Row]:
    """O1 has three lines of two products; O2 is cancelled but for one line; C3 is a refund alone."""
    one, two = {"order_id": "O1"}, {"order_id": "O2"}
    return [
        order("A", 9, "30.00", line_id="1", **one),
        order("A", 9, "20.00", line_id="2", **one),
        order("A", 9, "10.00", "Books", line_id="3", product_id="P2", **one),
        refund("A", 2, "-5.00", line_id="2", **one),
        order("B", 8, "7.00", line_id="1", order_status="cancelled", **two),
        order("B", 8, "8.00", line_id="2", **two),
        refund("A", 1, "-12.00", "Books", order_id="C3", product_id="P2"),
    ]


def test_an_order_of_several_lines_is_one_order(engine: Engine) -> None:
    rows = customers_of(engine, of_three_orders())
    names = "orders revenue_orders total_spent gross_revenue refunds aov order_days cancelled_orders return_rate"
    assert said(rows["A"], names) == [1, 1, "43.00", "60.00", "17.00", "60.00", 1, 0, "1.0000"]
    assert said(rows["B"], names) == [1, 1, "8.00", "8.00", "0.00", "8.00", 1, 0, "0.0000"]
    assert said(rows["A"], "f_score m_score favourite_category last_order_date") == [1, 1, "Books", ago(9)]
    assert said(rows["A"], "margin_estimate clv_historic clv_estimate") == ["12.90", "12.90", "12.90"]

    rows = products_of(engine, of_three_orders())
    names = "orders revenue_orders revenue gross_revenue refunds aov customers return_rate orders_per_day"
    # P1: both orders, two of 9 days; of O1 a line was refunded
    assert said(rows["P1"], names) == [2, 2, "53.00", "58.00", "5.00", "29.00", 2, "0.5000", "0.2000"]
    assert said(rows["P2"], names) == [1, 1, "-2.00", "10.00", "12.00", "10.00", 1, "0.0000", "0.1000"]

    [june] = months_of(engine, of_three_orders()).values()
    assert said(june, "orders revenue gross_revenue refunds aov buyers") == [2, "51.00", "68.00", "17.00", "34.00", 2]
    assert june["top_category"] == "Toys"


def test_the_public_figures_of_online_retail(engine: Engine) -> None:
    """UCI, 1 to 3 December 2010: 382 sale invoices, gross 153,652.88, net 150,463.30, on average 402.23 an invoice."""
    lines = [order("A", 0, "201.00", order_id=f"{n // 2}", line_id=f"{n % 2}") for n in range(2 * 382)]
    lines[-1] |= {"amount": Decimal("201.00") + Decimal("153652.88") - 382 * Decimal("402.00")}
    back = [refund("A", 0, "-1000.00", order_id=f"C{n}") for n in range(3)] + [refund("A", 0, "-189.58", order_id="C9")]
    found = [customers_of(engine, lines + back)["A"], products_of(engine, lines + back)["P1"]]
    found += months_of(engine, lines + back).values()
    for row in found:
        assert said(row, "orders gross_revenue refunds aov") == [382, "153652.88", "3189.58", "402.23"]
        assert (row.get("revenue") or row.get("total_spent")) == Decimal("150463.30")


def test_an_order_counts_once_in_each_category(engine: Engine) -> None:
    found = category_analysis.category_analysis(placed(engine, of_three_orders()), frame(engine, PRODUCT, []), SHOP)
    rows = by(found, category_analysis.FIELDS, "category")
    columns = "orders revenue_orders revenue gross_revenue refunds revenue_share aov buyers return_rate"
    assert {name: said(row, columns) for name, row in rows.items()} == {
        "Toys": [2, 2, "53.00", "58.00", "5.00", "1.0392", "29.00", 2, "0.5000"],
        "Books": [1, 1, "-2.00", "10.00", "12.00", "-0.0392", "10.00", 1, "0.0000"],
    }


def test_refunds_alone_are_no_order(engine: Engine) -> None:
    """A customer, a product and a month of which there is nothing but a refund: a negative net, and no ratio of it."""
    rows = [refund("A", 45, "-10.00", order_date=date(2025, 5, 3), order_month=date(2025, 5, 1)), order("B", 1, "4.00")]
    customer = customers_of(engine, rows)["A"]
    assert said(customer, "orders revenue_orders total_spent gross_revenue refunds") == [
        0,
        0,
        "-10.00",
        "0.00",
        "10.00",
    ]
    assert said(customer, "aov return_rate m_score rfm_group favourite_category") == [None] * 5
    assert said(customer, "clv_historic clv_estimate expected_orders_12m") == ["-3.00", "-3.00", "0.0000"]
    may, june = (row for _, row in sorted(months_of(engine, rows).items()))
    assert said(may, "orders revenue aov buyers top_category seasonal_index") == [0, "-10.00", None, 0, None, None]
    assert said(june, "revenue change_previous top_category") == ["4.00", None, "Toys"]
    alone = products_of(engine, [*rows[:1], order("B", 1, "4.00", product_id="P2")])
    assert said(alone["P1"], "orders revenue performance_score orders_per_day") == [0, "-10.00", "0.0000", None]
    assert said(alone["P2"], "performance_score") == ["20.0000"]  # the only product that was sold
    one = category_analysis.category_analysis(placed(engine, rows), frame(engine, PRODUCT, []), SHOP).collect()
    assert [(r["revenue"], r["revenue_share"]) for r in one] == [(Decimal("-6.00"), None)]


def test_a_month_without_revenue_has_no_top_category(engine: Engine) -> None:
    rows = [
        order("A", 0, "10.00", order_date=date(2025, 1, 5), order_status="cancelled"),
        order("A", 0, "10.00", None, order_date=date(2025, 2, 5)),
        order("A", 0, "10.00", "Garden", order_date=date(2025, 2, 5), order_status="cancelled"),
    ]
    tops = {month.month: row["top_category"] for month, row in months_of(engine, rows).items()}
    assert tops == {1: None, 2: None}
