"""How a shop delivers its files: its own names, delimiter, decimals, days and keys, through whole batches."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecomm.contract import Header
from ecomm.delivery import Delivery
from ecomm.errors import HeaderError, UsageError
from ecomm.headers import match_header
from ecomm.sources import of_shop
from ecomm.tables import reserved
from ecomm.trace import versions_of
from tests.shop import Shop

AS_OF = "2025-01-20T06:00:00Z"


def delivered(shop: Shop, **orders: Any) -> Shop:
    """The same shop, whose orders are delivered in this way."""
    return Shop(shop.root, sources={"orders": Delivery(**orders)})


def published(shop: Shop, content: str, batch: str = "one", as_of: str = AS_OF) -> list[dict[str, Any]]:
    """The orders in stage after a batch with this file."""
    shop.drop(batch, as_of, {"orders": {f"{batch}.csv": content}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    return [r for r in shop.rows("orders_stage") if r["batch_id"] == batch]


def test_a_file_of_another_shape(shop: Shop) -> None:
    """Names, semicolons, decimal commas and days of the shop's own; a row that is not so written says why."""
    shop = delivered(
        shop,
        columns={"order_id": "Bestellung", "order_amount": "Summe", "order_date": "Datum"},
        delimiter=";",
        decimal_comma=True,
        date_format="d.M.yyyy",
    )
    rows = published(
        shop,
        "Bestellung; SUMME ;Datum;customer_id;product_id;created_timestamp\n"
        "A1;12,50;1.2.2024;C1;P1;03.01.2025 09:05\n"
        'A2;"+7,5";2025-01-02;C1;"P;2";2025-01-02 10:00:00\n'
        "A3;1.234,50;2.1.2025;C1;P1;\n"
        "A4;12.50;2.1.2025;C1;P1;\n"
        "A5;1;29.2.2025;C1;P1;\n"
        "A6;1;2.1.2025 23:30+02:00;C1;P1;\n",
    )
    assert {r["order_id"]: (r["order_amount"], r["order_date"], r["product_id"]) for r in rows} == {
        "A1": (Decimal("12.50"), date(2024, 2, 1), "P1"),
        "A2": (Decimal("7.50"), date(2025, 1, 2), "P;2"),
        "A6": (Decimal("1.00"), date(2025, 1, 2), "P1"),
    }
    assert {r["order_id"]: r["created_timestamp"] for r in rows} == {
        "A1": datetime(2025, 1, 3, 9, 5, tzinfo=UTC),
        "A2": datetime(2025, 1, 2, 10, tzinfo=UTC),
        "A6": None,
    }
    assert next(r["ordered_at"] for r in rows if r["order_id"] == "A6") == datetime(2025, 1, 2, 21, 30, tzinfo=UTC)
    errors = {r["raw"]["Bestellung"]: (r["reasons"][0], r["raw"][" SUMME "]) for r in shop.rows("orders_errors")}
    assert errors == {
        "A3": ("order_amount_readable", "1.234,50"),
        "A4": ("order_amount_readable", "12.50"),
        "A5": ("order_date_readable", "1"),
    }


def test_tabs(shop: Shop) -> None:
    """A tab that delimits is no blank: an empty cell at the end is one, and quoted fields may stand beside it."""
    shop = delivered(shop, delimiter="\t")
    rows = published(
        shop,
        "order_id\tcustomer_id\tproduct_id\torder_date\torder_amount\tcurrency\n"
        'A1\tC1\t"P1"\t2025-01-02\t5\t\n A2 \tC1\tP,1\t2025-01-02\t6\tEUR\n\t\t\t\t\t\n',
    )
    assert {(r["order_id"], r["product_id"], r["currency"]) for r in rows} == {
        ("A1", "P1", "USD"),
        ("A2", "P,1", "EUR"),
    }
    (lost,) = shop.rows("orders_errors")
    assert (lost["source_line"], "order_id_present" in lost["reasons"]) == (3, True)


# -- header names ------------------------------------------------------------------------------------------

LEAST = ["order_id", "customer_id", "product_id", "order_date"]


def match(columns: dict[str, str], names: list[str], source: str = "orders") -> Header:
    """A header against the contract with a shop's names."""
    shops = of_shop({source: Delivery(columns=columns)}, {})
    return match_header(shops[source], shops[source].delivery, names, "in/x.csv", reserved(source))


def test_a_name_that_looks_like_a_value_may_be_told() -> None:
    """What the settings name is a name, also where it looks like a record's value."""
    with pytest.raises(HeaderError, match="looks like a value"):
        match({}, [*LEAST, "order_amount", "2024"])
    assert match({"order_amount": "2024"}, [*LEAST, "2024"]).positions["order_amount"] == len(LEAST)


@pytest.mark.parametrize("name", ["Total", "TOTAL", "  total\t", "\ufefftotal"])
@pytest.mark.parametrize("said", ["Total", " total "])
def test_the_shops_name(said: str, name: str) -> None:
    """In any case, with any blanks, wherever it stands."""
    header = match({"order_amount": said}, [name, *LEAST])
    assert header.positions["order_amount"] == 0
    assert header.extras == {}
    assert match({"order_amount": said}, [*LEAST, "order_amount"]).positions["order_amount"] == 4


def test_both_names() -> None:
    """The shop's own name counts; what bears the contract's is one more column of the shop's."""
    for names in (["Total", "order_amount"], ["order_amount", "Total"]):
        header = match({"order_amount": "Total"}, [*LEAST, *names])
        assert header.positions["order_amount"] == 4 + names.index("Total")
        assert header.extras == {"extra_order_amount": 4 + names.index("order_amount")}


def test_a_name_that_means_another_column() -> None:
    """A shop's `description` that is the product's name is not its description too."""
    names = ["product_id", "price", "description"]
    header = match({"product_name": "Description"}, names, "products")
    assert header.positions == {"product_id": 0, "price": 1, "product_name": 2}
    assert "description" in header.absent


def test_a_shops_column_that_the_header_lacks() -> None:
    """The sentence names the shop's name and the contract's; one that is not required is absent."""
    with pytest.raises(
        HeaderError, match=r"^in/x\.csv: the header lacks Total \(for order_amount\), which orders must"
    ):
        match({"order_amount": "Total"}, LEAST)
    assert "payment_method" in match({"payment_method": "Paid by"}, [*LEAST, "order_amount"]).absent


def test_a_required_column_with_a_new_name() -> None:
    """The sentence says how to name both; of several new columns it names none."""
    with pytest.raises(HeaderError, match=r'Set order_amount = \["Total", "Sum"\] in \[sources\.orders\.columns\]\.$'):
        match({"order_amount": "Total"}, [*LEAST, "Sum"])
    with pytest.raises(HeaderError, match=r'Set order_amount = \["Total", "its new name"\]'):
        match({"order_amount": "Total"}, [*LEAST, "Sum", "Net"])


def test_a_required_column_that_the_shop_may_not_have() -> None:
    with pytest.raises(
        HeaderError, match=r'if the shop has none, set without = \["customer_id"\] in \[sources\.orders\]'
    ):
        match({}, [c for c in [*LEAST, "order_amount"] if c != "customer_id"])


def test_a_header_with_another_delimiter() -> None:
    """A header that is one long name says which delimiter it may have."""
    with pytest.raises(HeaderError, match=r"is the delimiter ';'\? Say so in \[sources\.orders\]"):
        match({}, [";".join(LEAST)])


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (Delivery(key=("order_id", "order_date")), "names order_date"),
        (Delivery(key=("order_id", "order_status")), "names order_status"),
        (Delivery(key=("order_id", "shipping_address")), "names shipping_address"),
        (Delivery(key=("order_id", "currency")), "names currency"),
    ],
)
def test_settings_that_cannot_be(delivery: Delivery, said: str) -> None:
    """One sentence that names the source and the column."""
    with pytest.raises(UsageError, match=f"orders .*{said}"):
        of_shop({"orders": delivery}, {})


# -- keys --------------------------------------------------------------------------------------------------

LINES = (
    "order_id,customer_id,product_id,order_date,order_amount\n"
    "A1,C1,P1,2025-01-02,5\nA1,C1,P2,2025-01-02,6\nA1,C1,P2,2025-01-02,6\nA1,C1,P1,2025-01-02,5\n"
    "A2,C1,P1,2025-01-02,7\nA3,C1,P 4,2025-01-02,7\n"
)


def test_orders_of_several_lines(shop: Shop) -> None:
    """Each line of an order is a row with its own history; a product's id may have a blank in a line_id."""
    shop = delivered(shop, key=("order_id", "product_id"))
    two, _ = LINES.split("A1,C1,P2,2025-01-02,6\nA1,C1,P1")
    lines = two + "A1,C1,P2,2025-01-02,6\nA2,C1,P1,2025-01-02,7\n"
    lines = lines.replace("P2,2025-01-02,6\nA1,C1,P2,2025-01-02,6", "P2,2025-01-02,6")
    rows = published(shop, lines)
    assert {(r["order_id"], r["line_id"]) for r in rows} == {("A1", "P1"), ("A1", "P2"), ("A2", "P1")}
    assert shop.rows("orders_errors") == []
    published(shop, lines.replace("P2,2025-01-02,6", "P2,2025-01-02,8"), "two", "2025-01-21T06:00:00Z")
    current = {
        (r["order_id"], r["product_id"]): r["order_amount"] for r in shop.rows("orders_target") if r["is_current"]
    }
    assert current == {("A1", "P1"): Decimal(5), ("A1", "P2"): Decimal(8), ("A2", "P1"): Decimal(7)}
    assert len(shop.rows("orders_target")) == 4
    ((key, _, versions),) = versions_of(shop.warehouse, "orders", ["A1", "P2"])
    assert key == {"order_id": "A1", "line_id": "P2", "refund_id": ""}
    assert [v["order_amount"] for v in versions] == [6, 8]
    assert len(versions_of(shop.warehouse, "orders", ["A1"])) == 2, "both lines of the order"


def test_orders_of_one_line(shop: Shop) -> None:
    """Without it, no line of such an order is taken for the whole."""
    assert {r["order_id"] for r in published(shop, LINES)} == {"A2", "A3"}
    assert {r["reasons"][0] for r in shop.rows("orders_errors")} == {"order_has_one_product"}


def test_the_keys_rules_cannot_be_lowered() -> None:
    """What is a part of the key must be there, be it by the contract or by the shop; elsewhere a level may change."""
    guests = of_shop({}, {"customer_id_present": "LOW", "warehouse_location_present": "OFF"})
    level = {name: {r.name: str(r.severity) for r in source.rules} for name, source in guests.items()}
    assert level["orders"]["customer_id_present"] == "LOW"
    assert level["customers"]["customer_id_present"] == "HIGH"
    assert "warehouse_location_present" not in level["inventory"]
    places = {"inventory": Delivery(key=("product_id", "warehouse_id"))}
    for name in ("warehouse_id_present", "warehouse_id_well_formed"):
        with pytest.raises(UsageError, match=f"the severity of {name} cannot be changed"):
            of_shop(places, {name: "LOW"})


def test_a_warehouse_by_another_key(shop: Shop) -> None:
    """Its histories are told by its key: it refuses with one sentence, and nothing in it is touched."""
    stock = "product_id,warehouse_location,stock_quantity\nP1,North,5\nP1,South,6\n"
    shop.drop("one", AS_OF, {"inventory": {"one.csv": stock}})
    assert [o.status for o in shop.run()] == ["published"]
    before = _files(shop.root)
    other = Shop(shop.root, sources={"inventory": Delivery(key=("product_id",))})
    other.drop("two", AS_OF, {"inventory": {"two.csv": stock}})
    with pytest.raises(
        UsageError,
        match="holds inventory by the key product_id, warehouse_location, location, the settings say product_id; set",
    ):
        other.run()
    assert {k: v for k, v in _files(shop.root).items() if k in before} == before
    assert not list(shop.root.glob("landing/inventory_data/archive/two"))
    assert [o.status for o in shop.run()] == ["published"], "set back, it goes on"


def _files(root: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in sorted((root / "warehouse").rglob("*")) if p.is_file()}
