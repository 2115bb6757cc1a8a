"""Files as real shops and platforms write them: small cases whose right values were worked out by hand.

Each case is a folder of `tests/wild`: the files, by source. Cases about the bytes of files, about drift and about
`ecomm init` are in test_wild_reading, test_wild_drift and the proposals' tests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecomm.engines import Engine
from ecomm.transaction import Outcome
from tests.conftest import keep_running
from tests.shop import Shop

WILD = Path(__file__).parents[1] / "wild"
AS_OF = "2026-10-01T00:00:00Z"

# On Spark a batch takes long: there the cases whose expressions no other test has, and all of them in `make parity`.
pytestmark = pytest.mark.parity


class Case:
    """A shop with a settings file, into which the files of a case are dropped."""

    def __init__(self, folder: Path, name: str, settings: str) -> None:
        (folder / "ecomm.toml").write_text(settings, encoding="utf-8")
        self.files = WILD / name
        self.shop = Shop(folder, config=folder / "ecomm.toml")

    def batch(self, name: str, *files: str, as_of: str = AS_OF) -> Outcome:
        """Publish these files of the case, named `source/file`, as one batch."""
        contents: dict[str, dict[str, bytes | str]] = {}
        for file in files:
            source = file.split("/")[0].rstrip("2")
            contents.setdefault(source, {})[Path(file).name] = (self.files / file).read_bytes()
        self.shop.drop(name, as_of, contents)
        (outcome,) = self.shop.run()
        return outcome

    def summary(self, batch: str) -> dict[str, Any]:
        """The row of analytics_summary of a batch."""
        (row,) = [row for row in self.shop.rows("analytics_summary") if row["batch_id"] == batch]
        return row

    def findings(self, batch: str) -> dict[str, str]:
        """The checks that something failed in a batch, and how loud they are."""
        rows = self.shop.rows("validation_results")
        failed = [row for row in rows if row["batch_id"] == batch and row["failed_rows"]]
        return {row["check_name"]: row["severity"] for row in failed if row["check_name"] != "batch_score"}


@pytest.fixture
def case(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Case]:
    """Make a case of its folder's name and a settings text."""
    keep_running(engine, monkeypatch)

    def make(name: str, settings: str = "") -> Case:
        return Case(tmp_path, name, settings)

    return make


def money(text: str) -> Decimal:
    return Decimal(text)


@pytest.mark.parametrize(
    "settings",
    ['[sources.orders]\nline_id = "product_id"\n', '[sources.orders]\nkey = ["order_id", "product_id"]\n'],
    ids=["line_id", "the old key"],
)
@pytest.mark.every_engine
def test_lines_are_not_orders(case: Any, settings: str) -> None:
    """Five lines of 250.00 are one order of 1,250.00: the customer is like one who bought a single thing for it."""
    shop = case("01-lines-counted-as-orders", settings)
    assert shop.batch("b1", "orders/o.csv").status == "published"
    summary = shop.summary("b1")
    assert (summary["orders"], summary["revenue"], summary["aov"]) == (2, money("2500.00"), money("1250.00"))
    one, other = shop.shop.rows("customer_analytics")
    assert one["orders"] == other["orders"] == 1
    for column in ("aov", "customer_segment", "f_score", "rfm_group"):
        assert one[column] == other[column], column


def test_the_same_product_twice_in_an_order(case: Any) -> None:
    """Two lines of one product are two lines, where a column or the position tells them apart."""
    shop = case("02-same-product-twice-in-an-order", '[sources.orders]\nline_id = "order_item_id"\n')
    shop.batch("b1", "orders/o.csv")
    summary = shop.summary("b1")
    assert (summary["orders"], summary["revenue"]) == (2, money("35.00"))


def test_equal_lines_by_position(case: Any) -> None:
    shop = case("02-same-product-twice-in-an-order", '[sources.orders]\nline_id = "position"\n')
    shop.batch("b1", "orders2/o2.csv")
    summary = shop.summary("b1")
    assert (summary["orders"], summary["revenue"]) == (1, money("20.00"))


def test_lines_told_apart_by_product_alone_are_loud(case: Any) -> None:
    """Where only the product tells lines apart, a second line of it is neither dropped nor added quietly."""
    shop = case("02-same-product-twice-in-an-order", '[sources.orders]\nline_id = "product_id"\n')
    shop.batch("b1", "orders/o.csv")
    assert "HIGH" in shop.findings("b1").values()
    shop.batch("b2", "orders2/o2.csv", as_of="2026-10-02T00:00:00Z")
    assert "HIGH" in shop.findings("b2").values()


def test_another_product_a_day_later_is_a_finding(case: Any) -> None:
    shop = case("04-second-line-comes-a-day-later")
    shop.batch("d1", "orders/d1.csv", as_of="2026-09-02T00:00:00Z")
    shop.batch("d2", "orders/d2.csv", as_of="2026-09-03T00:00:00Z")
    assert shop.findings("d2")["order_product_changed"] == "MEDIUM"


_SHOP_05 = """
[sources.orders]
line_id = "position"
[sources.orders.columns]
order_id = "Order ID"
customer_id = "Customer ID"
product_id = "SKU"
order_date = "Order Date"
quantity = "Qty"
order_total = "Order Total"
order_status = "Status"
"""


@pytest.mark.parametrize(
    "amount",
    ['{ product = ["Qty", "Item Price"] }', '{ share_of = "Order Total", by = ["Qty", "Item Price"] }'],
    ids=["product", "share of the total"],
)
@pytest.mark.every_engine
def test_a_total_repeated_on_each_line_is_counted_once(case: Any, amount: str) -> None:
    shop = case("05-init-proposes-doubled-revenue", f"{_SHOP_05}order_amount = {amount}\n")
    shop.batch("b1", "orders/o.csv")
    summary = shop.summary("b1")
    assert (summary["orders"], summary["revenue"]) == (2, money("77.00"))
    assert "order_total_agrees" not in shop.findings("b1")


def test_the_later_update_wins(case: Any) -> None:
    settings = """
[sources.orders.columns]
order_id = "id"
order_amount = "total_price"
order_date = "created_at"
order_status = "financial_status"
updated_timestamp = "updated_at"
"""
    shop = case("08-init-maps-created-at-though-updated-at-decides", settings)
    shop.batch("b1", "orders/o.csv")
    (order,) = shop.shop.rows("orders_target")
    assert order["order_status"] == "refunded"
    assert shop.summary("b1")["revenue"] == 0


def test_words_that_mean_nobody(case: Any) -> None:
    shop = case("10-guest-placeholders-are-one-person", '[sources.orders]\nnobody = ["NULL", "0"]\n')
    shop.batch("b1", "orders/o.csv")
    summary = shop.summary("b1")
    assert (summary["orders"], summary["buyers"], summary["repeat_rate"]) == (13, 1, 0)
    assert [row["customer_id"] for row in shop.shop.rows("customer_analytics")] == ["C1"]


def test_placeholders_for_nobody_are_a_finding(case: Any) -> None:
    shop = case("10-guest-placeholders-are-one-person")
    shop.batch("b1", "orders/o.csv")
    assert shop.findings("b1")["customer_id_names_somebody"] == "MEDIUM"


@pytest.mark.every_engine
def test_null_words_are_empty_cells(case: Any) -> None:
    settings = '[sources.customers]\nnull_values = ["NULL", "N/A", "#N/A", "nan", "None"]\n'
    shop = case("12-null-markers-are-stored-as-text", settings)
    shop.batch("b1", "customers/c.csv")
    customers = {row["customer_id"]: row for row in shop.shop.rows("customers_target")}
    one, two = customers["C1"], customers["C2"]
    assert (one["first_name"], one["city"], one["state"], one["country"]) == ("Ann", "Berlin", None, "Germany")
    assert (two["first_name"], two["city"], two["state"], two["country"]) == (None, None, None, None)


def test_null_words_are_a_finding(case: Any) -> None:
    shop = case("12-null-markers-are-stored-as-text")
    shop.batch("b1", "customers/c.csv")
    assert "null_word_as_text" in shop.findings("b1")


def test_text_markers_of_a_spreadsheet(case: Any) -> None:
    settings = "[sources.customers]\ntext_markers = true\n[sources.orders]\ntext_markers = true\n"
    shop = case("14-apostrophe-text-marker", settings)
    shop.batch("b1", "customers/c.csv", "orders/o.csv")
    (customer,) = shop.shop.rows("customers_target")
    assert (customer["customer_id"], customer["zip_code"], customer["phone"]) == ("123", "01234", "+31612345678")
    assert "order_customer_exists" not in shop.findings("b1")


_SHOPIFY = """
[sources.orders]
line_id = "position"
fill_down = ["customer_id", "order_date", "currency", "order_status"]
date_format = "yyyy-MM-dd"
[sources.orders.columns]
order_id = "Name"
customer_id = "Email"
product_id = "Lineitem sku"
order_date = "Created at"
order_amount = { share_of = "Total", by = ["Lineitem quantity", "Lineitem price"] }
order_status = "Financial Status"
[sources.orders.values.order_status]
paid = "completed"
voided = "cancelled"
"""


@pytest.mark.every_engine
def test_shopify_orders(case: Any) -> None:
    """Fields of the order stand on its first line alone; the amount is the line's part of the order's total."""
    shop = case("16-shopify-orders-export", _SHOPIFY)
    outcome = shop.batch("b1", "orders/x.csv")
    assert [(f.rows_read, f.rows_accepted) for f in outcome.files] == [(4, 4)]
    orders = shop.shop.rows("orders_target")
    assert {o["order_id"] for o in orders} == {"#1001", "#1002", "#1003"}
    assert sorted(o["product_id"] for o in orders) == ["FERN-1", "FERN-1", "MUG-1", "TOTE-1"]
    assert min(o["ordered_at"] for o in orders) == datetime(2026, 9, 3, 14, 14, tzinfo=UTC)
    assert sum(o["order_amount"] for o in orders if o["order_id"] == "#1001") == money("56.29")
    summary = shop.summary("b1")
    assert (summary["orders"], summary["revenue"]) == (3, money("81.29"))


@pytest.mark.every_engine
def test_american_days_with_hours_of_one_digit(case: Any) -> None:
    shop = case("17-excel-us-date-and-hour", '[sources.orders]\ndate_format = "M/d/yyyy"\n')
    shop.batch("b1", "orders/o.csv")
    assert shop.summary("b1")["revenue"] == money("70.00")
    instants = {o["order_id"]: o["ordered_at"] for o in shop.shop.rows("orders_target")}
    assert instants["A1"] == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert instants["A3"] == datetime(2010, 12, 13, 14, 30, tzinfo=UTC)


def test_amounts_with_signs_and_thousands(case: Any) -> None:
    shop = case("19-currency-signs-and-thousands", '[sources.orders]\namounts = "written"\n')
    shop.batch("b1", "orders/o.csv")
    read = {o["order_id"]: (o["order_amount"], o["currency"]) for o in shop.shop.rows("orders_target")}
    expected = {"A1": ("36.00", "USD"), "A2": ("1240.00", "USD"), "A3": ("12.50", "EUR"), "A4": ("1065.45", "USD")}
    assert read == {order: (money(amount), currency) for order, (amount, currency) in expected.items()}


@pytest.mark.every_engine
def test_german_amounts(case: Any) -> None:
    settings = '[sources.orders]\ndelimiter = ";"\ndecimal_comma = true\namounts = "written"\n'
    shop = case("19-currency-signs-and-thousands", settings)
    shop.batch("b1", "orders2/de.csv")
    read = {o["order_id"]: (o["order_amount"], o["currency"]) for o in shop.shop.rows("orders_target")}
    assert read == {"A1": (money("116.99"), "EUR"), "A2": (money("1234.50"), "USD")}


@pytest.mark.parametrize(
    "settings",
    [
        '[severity]\ncustomer_id_present = "LOW"\nprice_present = "LOW"\n[sources.orders]\ndelimiter = "\\t"\n',
        '[sources.orders]\ndelimiter = "\\t"\nwithout = ["customer_id"]\n[sources.products]\nwithout = ["price"]\n',
    ],
    ids=["by severity", "by without"],
)
def test_columns_that_a_shop_does_not_have(case: Any, settings: str) -> None:
    shop = case("25-no-customer-no-product-no-price-column", settings)
    outcome = shop.batch("b1", "orders/amazon.txt", "products/p.csv")
    assert sorted((f.source, f.rows_accepted) for f in outcome.files) == [("orders", 1), ("products", 1)]
    summary = shop.summary("b1")
    assert (summary["orders"], summary["revenue"], summary["buyers"]) == (1, money("89.90"), 0)
    (product,) = shop.shop.rows("products_target")
    assert (product["product_name"], product["category"], product["price"]) == ("Vase", "Home", None)


def test_an_amount_that_is_quantity_times_price(case: Any) -> None:
    settings = (
        '[sources.orders.columns]\nquantity = "Quantity"\norder_amount = { product = ["Quantity", "UnitPrice"] }\n'
    )
    shop = case("26-amount-is-quantity-times-price-or-cents", settings)
    shop.batch("b1", "orders/o.csv")
    assert shop.summary("b1")["revenue"] == money("25.30")


def test_amounts_in_cents(case: Any) -> None:
    shop = case("26-amount-is-quantity-times-price-or-cents", '[sources.orders]\ncents = ["order_amount"]\n')
    shop.batch("b1", "orders2/cents.csv")
    assert shop.summary("b1")["revenue"] == money("10.00")


_HEADS_AND_LINES = """
[sources.orders.shapes.heads]
files = "orders*.csv"
part = "heads"
[sources.orders.shapes.items]
files = "items*.csv"
part = "lines"
line_id = "order_item_id"
[sources.orders.shapes.items.columns]
order_amount = "price"
"""


@pytest.mark.every_engine
def test_orders_and_their_lines_in_two_files(case: Any) -> None:
    shop = case("27-orders-and-their-items-in-two-files", _HEADS_AND_LINES)
    assert shop.batch("b1", "orders/orders.csv", "orders2/items.csv").status == "published"
    summary = shop.summary("b1")
    assert (summary["orders"], summary["revenue"]) == (2, money("20.00"))
    sold = {row["product_id"]: row["revenue_orders"] for row in shop.shop.rows("product_analytics")}
    assert sold == {"P1": 1, "P2": 0}
    assert {o["order_date"] for o in shop.shop.rows("orders_target")} == {date(2026, 9, 1), date(2026, 9, 2)}


@pytest.mark.every_engine
def test_two_channels_in_one_batch(case: Any) -> None:
    settings = (WILD / "31-two-channels-two-shapes" / "orders2" / "pos.toml").read_text(encoding="utf-8")
    shape = settings.replace("[sources.orders]", '[sources.orders.shapes.pos]\nfiles = "pos*.csv"')
    shop = case(
        "31-two-channels-two-shapes", shape.replace("[sources.orders.columns]", "[sources.orders.shapes.pos.columns]")
    )
    outcome = shop.batch("b", "orders/web.csv", "orders/pos.csv", as_of="2026-09-02T00:00:00Z")
    assert outcome.status == "published"
    summary = shop.summary("b")
    assert (summary["orders"], summary["revenue"]) == (2, money("12.50"))
