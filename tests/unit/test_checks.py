"""The checks across tables: each fails what its line in the catalogue says, alone, and lets odd rows pass.

Every case is a small shop of its own ids: one order, its customer, product, stock and shipment. All are checked at
once; each test then looks up what was found in its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame

from ecomm import rulebook
from ecomm.contract import Bounds, Rate, Reading, Severity, Shop
from ecomm.engines import Engine
from ecomm.errors import UsageError
from ecomm.money import MONEY
from ecomm.session import sources_of
from ecomm.settings import load
from ecomm.sources import SOURCES
from ecomm.transforms import checks
from ecomm.transforms.checks import CHECKS
from ecomm.transforms.enrich import Targets
from tests.oracle.checks import CHECKS as THEIRS
from tests.shop import Row

pytestmark = pytest.mark.every_engine

Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of January 2025; its 10th is a Friday."""
    return datetime(2025, 1, day, hour, minute, tzinfo=UTC)


def jan(day: int) -> date:
    return date(2025, 1, day)


VERSION = {"effective_date": "timestamp", "expiry_date": "timestamp", "is_current": "boolean"}
SCHEMAS = {
    "orders": {
        "key": "string", "order_id": "string", "customer_id": "string", "product_id": "string", "order_date": "date",
        "ordered_at": "timestamp", "order_status": "string", "order_amount": MONEY, "currency": "string",
        "shipping_address": "string", "created_timestamp": "timestamp", "as_of": "timestamp", "line_id": "string",
        "refund_id": "string", "order_total": MONEY, "tax": MONEY, "discount": MONEY,
        "updated_timestamp": "timestamp",
    },
    "customers": {
        "key": "string", "customer_id": "string", "email": "string", "customer_tier": "string",
        "registration_date": "date",
    },
    "products": {
        "key": "string", "product_id": "string", "price": MONEY, "currency": "string", "launch_date": "date",
        "discontinued": "boolean", "stock_quantity": "bigint",
    },
    "inventory": {"key": "string", "product_id": "string", "stock_quantity": "bigint"},
    "shipping": {
        "key": "string", "order_id": "string", "destination_address": "string", "created_timestamp": "timestamp",
        "shipping_cost": MONEY,
    },
}  # fmt: skip
GOOD: dict[str, Row] = {
    "orders": {
        "order_id": "O{n}", "customer_id": "C{n}", "product_id": "P{n}", "order_date": jan(10),
        "ordered_at": at(10, 12), "order_status": "delivered", "order_amount": "50.00", "currency": "USD",
        "shipping_address": "Main St 1", "created_timestamp": at(10, 12), "as_of": at(12), "line_id": "",
        "refund_id": "",
    },
    "customers": {
        "customer_id": "C{n}", "email": "{n}@b.co", "customer_tier": "gold", "registration_date": jan(1),
    },
    "products": {
        "product_id": "P{n}", "price": "25.00", "currency": "USD", "launch_date": jan(1), "discontinued": False,
        "stock_quantity": 5,
    },
    "inventory": {"product_id": "P{n}", "stock_quantity": 5},
    "shipping": {"order_id": "O{n}", "destination_address": "Main St 1", "created_timestamp": at(11)},
}  # fmt: skip
SHOP = Shop(rates=(Rate("EUR", jan(1), Decimal("1.10")),))


@dataclass(frozen=True)
class Case:
    """fails: the checks that find something in it. rows: how the batch differs from GOOD, None: no such row.

    targets: the same for the tables as they will be, where they are not just what the batch states.
    """

    fails: str
    rows: Mapping[str, Rows] = field(default_factory=dict)
    targets: Mapping[str, Rows] = field(default_factory=dict)

    def of(self, source: str, n: int, *, target: bool) -> list[Row]:
        said = self.targets.get(source, self.rows.get(source, {})) if target else self.rows.get(source, {})
        several = [] if said is None else [said] if isinstance(said, Mapping) else said
        version = {"key": f"{n:03}", "effective_date": at(1), "is_current": True}
        filled = [version | GOOD[source] | dict(one) for one in several]
        return [{k: v.format(n=n) if isinstance(v, str) else v for k, v in row.items()} for row in filled]


def order(fails: str = "", **said: Any) -> Case:
    """Another order."""
    return Case(fails, {"orders": said})


def sold(price: str, amount: str, fails: str = "", **said: Any) -> Case:
    """An order of a product, each with what it costs."""
    return Case(fails, {"orders": {"order_amount": amount}, "products": {"price": price} | said})


def premium(amount: str, fails: str = "", **said: Any) -> Case:
    """A premium customer's order of a product that costs as much."""
    paid = {"order_amount": amount} | said
    product = {"price": amount, "currency": paid.get("currency", "USD")}
    return Case(fails, {"orders": paid, "products": product, "customers": {"customer_tier": "vip"}})


def products(*versions: tuple[datetime, bool], fails: str = "", now: bool = True) -> Case:
    """A product's versions: from when on, discontinued or not; the last is current."""
    last = len(versions) - 1
    told = [
        {"effective_date": begins, "discontinued": gone, "is_current": now and i == last}
        for i, (begins, gone) in enumerate(versions)
    ]
    return Case(fails, targets={"products": told})


def stated(*versions: tuple[str | None, int, int | None], fails: str = "", **said: Any) -> Case:
    """An order's versions, each with its product and days from and to; the batch of the 12th states the order."""
    told = [
        {
            "product_id": product,
            "effective_date": at(since),
            "expiry_date": until and at(until),
            "is_current": not until,
        }
        for product, since, until in versions
    ]
    return Case(fails, {"orders": said}, {"orders": [version | said for version in told]})


def total(of_order: str | None, *amounts: str, fails: str = "", currency: str = "USD", **said: str) -> Case:
    """An order of lines with these amounts, each with the rest that is said; the batch states the first of them."""
    shipping = {"shipping_cost": said.pop("shipping", None)}
    lines: list[dict[str, str | None]] = [
        {"order_amount": amount, "order_total": of_order, "line_id": str(i), **said} for i, amount in enumerate(amounts)
    ]
    told = [*lines[:-1], lines[-1] | {"currency": currency}]
    # Of the price nothing is asked here.
    return Case(fails, {"orders": lines[0], "products": {"price": None}, "shipping": shipping}, {"orders": told})


CASES: dict[str, Case] = {
    "all is well": order(),
    # orphans
    "no such customer": Case("order_customer_exists", {"customers": None}),
    "the customer has left": Case("order_customer_exists", {"customers": None}, {"customers": {"is_current": False}}),
    "guest": Case("", {"customers": None, "orders": {"customer_id": None}}),
    "the customer came after the order": Case("", targets={"customers": {"effective_date": at(20)}}),
    "no such product": Case("order_product_exists", {"products": None, "inventory": None}),
    "the product's key ended": products(
        (at(1), False), fails="order_product_exists inventory_product_exists", now=False
    ),
    "order of nothing": Case("", {"products": None, "inventory": None, "orders": {"product_id": None}}),
    "stock of no product": Case(
        "inventory_product_exists", {"orders": None, "customers": None, "products": None, "shipping": None}
    ),
    "shipment of no order": Case(
        "shipping_order_exists", {"orders": None, "customers": None, "products": None, "inventory": None}
    ),
    "the order's key ended": Case(
        "shipping_order_exists",
        {"orders": None, "customers": None, "products": None, "inventory": None},
        {"orders": {"is_current": False}},
    ),
    # shipments
    "delivered without shipment": Case("order_shipping_exists", {"shipping": None}),
    "shipped, its shipment is gone": Case(
        "order_shipping_exists",
        {"shipping": None, "orders": {"order_status": "shipped"}},
        {"shipping": {"is_current": False}},
    ),
    "pending without shipment": Case("", {"shipping": None, "orders": {"order_status": "pending"}}),
    "no status, no shipment": Case("", {"shipping": None, "orders": {"order_status": None}}),
    "shipped after it was cancelled": order("cancelled_order_not_shipped", order_status="cancelled"),
    "one parcel of two after it was cancelled": Case(
        "cancelled_order_not_shipped",
        {"orders": {"order_status": "cancelled"}},
        {"shipping": [{"created_timestamp": at(9)}, {"created_timestamp": at(10, 12, 1)}]},
    ),
    "shipped at that instant": Case(
        "", {"orders": {"order_status": "cancelled"}, "shipping": {"created_timestamp": at(10, 12)}}
    ),
    "cancelled, nobody knows when": order(order_status="cancelled", created_timestamp=None),
    "cancelled and never shipped": Case("", {"orders": {"order_status": "cancelled"}, "shipping": None}),
    "another address": Case("shipping_address_agrees", {"shipping": {"destination_address": "main st 1"}}),
    "no address": Case("", {"shipping": {"destination_address": None}}),
    "the order has no address": order(shipping_address=None),
    "the address of the order's second line": Case(
        "", targets={"orders": [{}, {"shipping_address": "A"}, {"shipping_address": "Z"}], "shipping": {}},
        rows={"shipping": {"destination_address": "A"}},
    ),
    # the product at the time of the order
    "discontinued before the order": products((at(1), False), (at(5), True), fails="order_product_not_discontinued"),
    "discontinued from the first": products((at(10, 11), True), fails="order_product_not_discontinued"),
    "discontinued at that instant": products((at(1), False), (at(10, 12), True)),
    "ended at that instant": products((at(1), True), (at(10, 12), False), fails="order_product_not_discontinued"),
    "first known at that instant, as discontinued": products((at(10, 12), True)),
    "discontinued later": products((at(1), False), (at(10, 13), True)),
    "first known later, as discontinued": products((at(20), True)),
    "brought back": products((at(1), True), (at(5), False)),
    "not known whether discontinued": Case("", {"products": {"discontinued": None}}),
    "0.8 price": sold("10.00", "8.00"),
    "less than 0.8 price": sold("10.00", "7.99", "order_price_agrees"),
    "1.2 price": sold("10.00", "12.00"),
    "between 1 and 2 pieces": sold("10.00", "12.01", "order_price_agrees"),
    "just not 2 pieces": sold("10.00", "15.99", "order_price_agrees"),
    "2 cheap pieces": sold("10.00", "16.00"),
    "100 dear pieces": sold("10.00", "1200.00"),
    "more than 100 pieces": sold("10.00", "1200.01", "order_price_agrees"),
    "a cent each": sold("0.01", "0.40"),
    "a sample for nothing": sold("0.00", "0.00"),
    "a sample for a cent": sold("0.00", "0.01", "order_price_agrees"),
    "nothing for something": sold("10.00", "0.00", "order_price_agrees"),
    "the greatest price": sold("999999999999999.99", "999999999999999.99"),
    "the greatest price, too little": sold("999999999999999.99", "799999999999999.99", "order_price_agrees"),
    "the greatest amount": sold("100.00", "999999999999999.99", "order_price_agrees"),
    "less than nothing": sold("-10.00", "-10.00", "order_price_agrees"),
    "prices in another currency": sold("1.00", "50.00", currency="EUR"),
    "the price of its time": Case(
        "", {"orders": {"order_amount": "8.00"}},
        {"products": [{"price": "8.00", "is_current": False}, {"price": "80.00", "effective_date": at(11)}]},
    ),
    "launched the day after": Case("order_after_launch", {"products": {"launch_date": jan(11)}}),
    "launched that day": Case("", {"products": {"launch_date": jan(10)}}),
    "launched some day": Case("", {"products": {"launch_date": None}}),
    # the customer at the time of the order
    "a vip's small order": premium("19.99", "premium_order_value"),
    "a vip's order": premium("20.00"),
    "a vip's small order in euros": premium("18.17", "premium_order_value", currency="EUR"),
    "a vip's order in euros": premium("18.18", currency="EUR"),
    "a vip's order without a rate": premium("1.00", currency="GBP"),
    "a vip since then": Case(
        "", {"orders": {"order_amount": "5.00"}, "products": {"price": "5.00"}},
        {"customers": [{"is_current": False}, {"customer_tier": "vip", "effective_date": at(11)}]},
    ),
    "registered the day after": Case("order_after_registration", {"customers": {"registration_date": jan(11)}}),
    "registered that day": Case("", {"customers": {"registration_date": jan(10)}}),
    "registered some day": Case("", {"customers": {"registration_date": None}}),
    # lines
    "another product than before": stated(("P0", 2, 12), ("P{n}", 12, None), fails="order_product_changed"),
    "another product afterwards": stated(
        ("P{n}", 2, 14), ("P0", 14, None), fails="order_product_changed product_has_orders"
    ),
    "the same product as before": stated(("P{n}", 2, 12), ("P{n}", 12, None)),
    "another product long before": stated(("P0", 2, 5), ("P{n}", 5, 12), ("P{n}", 12, None)),
    "another product in a life before": stated(("P0", 2, 5), ("P{n}", 12, None)),
    "another product of another line": stated(("P0", 2, 12), ("P{n}", 12, None), line_id="1"),
    "another product of a refund": stated(("P0", 2, 12), ("P{n}", 12, None), refund_id="R1"),
    "a product where there was none": stated((None, 2, 12), ("P{n}", 12, None)),
    "a line of 20 of a total of 50": total("50.00", "20.00", "30.00"),
    "a total on every line": total("50.00", "50.00", "50.00", fails="order_total_agrees"),
    "a line that has not come yet": total("50.00", "20.00"),
    "a total with tax": total("59.50", "20.00", "30.00", tax="4.75"),
    "a total with shipping": total("54.90", "20.00", "30.00", shipping="4.90"),
    "a total with tax and shipping": total("64.40", "20.00", "30.00", tax="4.75", shipping="4.90"),
    "a total less discounts": total("44.00", "20.00", "30.00", discount="3.00"),
    "a cent too much": total("49.99", "20.00", "30.00", fails="order_total_agrees"),
    "no total": total(None, "20.00", "30.00"),
    "lines in two currencies": total("50.00", "50.00", "50.00", currency="EUR"),
    "a refund's total": Case("", {"orders": {"refund_id": "R", "order_amount": "-50.00", "order_total": "-50.00"}}),
    "shipped after it was cancelled, by the time of the change": order(
        order_status="cancelled", updated_timestamp=at(12)
    ),
    # business hours
    "a minute early": order("order_in_business_hours", ordered_at=at(10, 8, 59)),
    "as it opens": order(ordered_at=at(10, 9)),
    "as it closes": order("order_in_business_hours", ordered_at=at(10, 18)),
    "Saturday": order("order_in_business_hours", order_date=jan(11), ordered_at=at(11, 12)),
    "nobody knows the hour": order(ordered_at=None),
    # customers
    "two share an e-mail": Case("email_unique", targets={"customers": [{}, {"customer_id": "X{n}"}]}),
    "two share one, the other comes first": Case("email_unique", targets={"customers": [{}, {"customer_id": "A{n}"}]}),
    "shared with one who left": Case("", targets={"customers": [{}, {"customer_id": "X{n}", "is_current": False}]}),
    "like another's e-mail": Case("", targets={"customers": [{}, {"customer_id": "X{n}", "email": "{n}@B.co"}]}),
    "no e-mail": Case(
        "", {"customers": {"email": None}}, {"customers": [{"email": None}, {"customer_id": "X{n}", "email": None}]}
    ),
    "a customer who never ordered": Case(
        "customer_has_orders", {"orders": None, "products": None, "inventory": None, "shipping": None}
    ),
    # products
    "another stock": Case("stock_agrees", {"inventory": {"stock_quantity": 4}}),
    "the stock of all warehouses": Case("", {"inventory": [{"stock_quantity": 2}, {"stock_quantity": 3}]}),
    "a stock nobody knows": Case("", {"products": {"stock_quantity": None}}),
    "a bin nobody counted": Case("", {"inventory": [{"stock_quantity": 5}, {"stock_quantity": None}]}),
    "counted in another batch": Case("", {"inventory": None}, {"inventory": {"stock_quantity": 9}}),
    "no stock row": Case("product_has_inventory", {"inventory": None}),
    "its bin is gone": Case("product_has_inventory", {"inventory": None}, {"inventory": {"is_current": False}}),
    "a product that nobody ordered": Case("product_has_orders", {"orders": None, "customers": None, "shipping": None}),
}  # fmt: skip


def frames(engine: Engine, *, target: bool) -> dict[str, DataFrame]:
    made = {}
    for source, schema in SCHEMAS.items():
        columns = schema | VERSION
        rows = [row for n, case in enumerate(CASES.values()) for row in case.of(source, n, target=target)]
        money = {c for c, kind in columns.items() if kind.startswith("decimal")}
        values = [
            tuple(Decimal(row[c]) if c in money and row.get(c) is not None else row.get(c) for c in columns)
            for row in rows
        ]
        made[source] = engine.spark.createDataFrame(values, ", ".join(f"{c} {kind}" for c, kind in columns.items()))
    return made


def failed(engine: Engine, shop: Shop = SHOP) -> dict[str, Row]:
    """What is found in all cases."""
    asked = [c for source in SCHEMAS for c in checks.in_force(source, shop)]
    targets = Targets(**frames(engine, target=True))
    frame = checks.failures(asked, frames(engine, target=False), targets, Reading(at(15), shop))
    assert frame is not None
    return {row["check"]: row.asDict() for row in frame.collect()}


@pytest.fixture(scope="module")
def found(engine: Engine) -> dict[str, set[str]]:
    """Case -> the checks that found something in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "SAMPLE", 10_000)
        rows = failed(engine)
    assert all(row["failed_rows"] == len(row["sample_keys"]) for row in rows.values())
    names = list(CASES)
    pairs = [(names[int(key)], check) for check, row in rows.items() for key in row["sample_keys"]]
    return {name: {check for case, check in pairs if case == name} for name in names}


@pytest.mark.parametrize("name", CASES)
def test_a_check_finds_what_it_says_and_nothing_else(name: str, found: dict[str, set[str]]) -> None:
    assert found[name] == set(CASES[name].fails.split())


def test_every_check_fails_alone_somewhere() -> None:
    assert {c.name for c in CHECKS} == {case.fails for case in CASES.values() if len(case.fails.split()) == 1}


def test_a_finding_tells_of_all_and_names_the_five_least(engine: Engine, found: dict[str, set[str]]) -> None:
    keys = [f"{n:03}" for n, name in enumerate(CASES) if "order_price_agrees" in found[name]]
    assert len(keys) > 5
    row = failed(engine)["order_price_agrees"]
    assert (row["failed_rows"], row["sample_keys"]) == (len(keys), keys[:5])


def test_bounds_tiers_and_levels_are_the_shops(engine: Engine) -> None:
    shop = Shop(
        premium_tiers=("gold",), bounds=Bounds(premium_order=Decimal("50.01")), severity={"email_unique": "OFF"}
    )
    rows = failed(engine, shop)
    assert rows["premium_order_value"]["failed_rows"] > len(CASES) // 2
    assert "email_unique" not in rows
    assert "premium_order_value" not in failed(engine, Shop(premium_tiers=()))


def test_files_with_whole_orders_have_their_total(engine: Engine) -> None:
    """Then a line that is missing is a finding too."""
    asked = [c for c in checks.in_force("orders", SHOP) if c.name == "order_total_agrees"]
    targets = Targets(**frames(engine, target=True))
    rows = frames(engine, target=False)
    names = list(CASES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "SAMPLE", 10_000)
        frame = checks.failures(asked, rows, targets, Reading(at(15), SHOP), whole_orders=True)
        assert frame is not None
        (row,) = frame.collect()
    assert {names[int(key)] for key in row["sample_keys"]} == {
        "a line that has not come yet",
        "a total on every line",
        "a cent too much",
    }


def test_nothing_to_check() -> None:
    assert checks.failures([], {}, None, Reading(at(15), SHOP)) is None  # type: ignore[arg-type]


# -- the list ----------------------------------------------------------------------------------------


def test_the_checks_are_the_catalogues() -> None:
    """By the oracle, which was written from the documents: source, level, category, and what each needs."""
    ours = [(c.name, c.source, str(c.rule.severity), c.category, c.parent) for c in CHECKS]
    assert sorted(ours, key=str) == sorted(((c.name, c.source, c.level, c.category, c.parent) for c in THEIRS), key=str)
    assert all(c.rule.meaning for c in CHECKS)


def test_no_check_is_called_like_a_rule() -> None:
    rules = {r.name for s in SOURCES.values() for r in s.rules}
    assert not rules & {c.name for c in CHECKS}
    assert len({c.name for c in CHECKS}) == len(CHECKS)


def test_levels_of_a_shop() -> None:
    shop = Shop(severity={"email_unique": "HIGH", "customer_has_orders": "OFF"})
    assert [(c.name, c.rule.severity) for c in checks.in_force("customers", shop)] == [("email_unique", Severity.HIGH)]
    sources_of(load(severity={c.name: "OFF" for c in CHECKS}))
    with pytest.raises(UsageError, match="emails_unique"):
        sources_of(load(severity={"emails_unique": "LOW"}))


def test_the_page_of_rules_is_what_the_rules_say() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    assert page == rulebook.page(), "make docs"
    for one in CHECKS:
        assert re.search(rf"^\| {one.name} \| {one.source} \|", page, re.MULTILINE)
