"""Presets: from an empty folder to a published table on an invented export in each platform's exact format.

Three steps and no edit: `ecomm init --preset NAME`, copy the file, `ecomm trigger`; then `ecomm run`. The right values
were worked out by hand from the fixtures in tests/presets, whose people are invented.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ecomm import presets
from ecomm.proposal import known
from ecomm.settings import load
from tests.integration.test_cli import ecomm
from tests.shop import Shop

FIXTURES = Path(__file__).parents[1] / "presets"
AS_OF = "2026-10-01T00:00:00Z"


@dataclass(frozen=True)
class Right:
    """What must come out of a platform's files.

    files: source -> the files that are copied. counts: (source, file) -> records read, accepted, rejected and left out.
    orders: how many sales. lines: rows of orders that are sales. gross, refunds: money. guests: sales of nobody.
    instants: order -> when it was placed.
    """

    files: dict[str, list[str]]
    counts: dict[tuple[str, str], tuple[int, int, int, int]]
    orders: int
    lines: int
    gross: str
    refunds: str = "0.00"
    guests: int = 0
    instants: dict[str, str] = field(default_factory=dict)


_SHOPIFY, _WOO, _EBAY = "orders_export_1.csv", "orders-2026-09-30.csv", "eBay-OrdersReport-Sep-30-2026.csv"
_ETSY, _SQUARE = "EtsySoldOrderItems2026-9.csv", "items-2026-09-01-2026-09-30.csv"
RIGHT = {
    "shopify": Right(
        {"orders": [_SHOPIFY]},
        {
            ("orders", _SHOPIFY): (10, 10, 0, 0),
            ("customers", _SHOPIFY): (5, 3, 0, 5),
            ("products", _SHOPIFY): (9, 4, 0, 1),
            ("shipping", _SHOPIFY): (6, 6, 0, 4),
        },
        orders=6,
        lines=10,
        gross="138.79",
        guests=1,
        instants={"#1001": "2026-09-03T14:14:00Z", "#1005": "2026-09-19T03:59:59Z"},
    ),
    "woocommerce": Right(
        {"orders": [_WOO], "products": ["wc-product-export-30-9-2026.csv"]},
        {
            ("orders", _WOO): (11, 11, 0, 0),
            ("customers", _WOO): (11, 4, 0, 0),
            ("shipping", _WOO): (11, 8, 0, 0),
            ("products", "wc-product-export-30-9-2026.csv"): (2, 2, 0, 1),
        },
        orders=8,
        lines=11,
        gross="180.50",
        instants={"501": "2026-09-01T10:14:00Z"},
    ),
    "magento": Right(
        {"orders": ["export.csv"]},
        {
            ("orders", "export.csv"): (6, 6, 0, 0),
            ("customers", "export.csv"): (6, 3, 0, 0),
            ("shipping", "export.csv"): (6, 6, 0, 0),
        },
        orders=6,
        lines=6,
        gross="138.39",
        instants={"000000003": "2026-09-04T00:30:00Z", "000000004": "2026-09-10T21:00:00Z"},
    ),
    "bigcommerce": Right(
        {"orders": [_WOO]},
        {("orders", _WOO): (6, 6, 0, 0), ("customers", _WOO): (4, 2, 0, 2), ("shipping", _WOO): (6, 6, 0, 0)},
        orders=6,
        lines=6,
        gross="130.00",
        guests=2,
    ),
    "etsy": Right(
        {"orders": [_ETSY]},
        {("orders", _ETSY): (8, 8, 0, 0), ("customers", _ETSY): (7, 2, 0, 1), ("products", _ETSY): (8, 4, 0, 0)},
        orders=6,
        lines=8,
        gross="1393.00",
        guests=1,
    ),
    "square": Right(
        {"orders": [_SQUARE]},
        {("orders", _SQUARE): (8, 8, 0, 0), ("customers", _SQUARE): (4, 2, 0, 4), ("products", _SQUARE): (7, 3, 0, 1)},
        orders=5,
        lines=7,
        gross="1335.00",
        refunds="12.00",
        guests=3,
        instants={"SQA1x": "2026-09-13T10:02:11Z"},
    ),
    "ebay": Right(
        {"orders": [_EBAY]},
        {("orders", _EBAY): (5, 5, 0, 1), ("customers", _EBAY): (4, 3, 0, 2)},
        orders=4,
        lines=5,
        gross="3963.50",
    ),
    "amazon": Right(
        {"orders": ["orders_2026-09.txt", "settlement_18000000001.txt"]},
        {
            ("orders", "orders_2026-09.txt"): (7, 7, 0, 0),
            ("orders", "settlement_18000000001.txt"): (1, 1, 0, 6),
            ("products", "orders_2026-09.txt"): (7, 3, 0, 0),
        },
        orders=5,
        lines=7,
        gross="213.96",
        refunds="49.99",
        guests=5,
        instants={"113-0000000-0000001": "2026-09-03T14:14:00Z"},
    ),
    "gumroad": Right(
        {"orders": ["Sales_2026-09-30.csv"]},
        {
            ("orders", "Sales_2026-09-30.csv"): (5, 5, 0, 0),
            ("customers", "Sales_2026-09-30.csv"): (5, 3, 0, 0),
            ("products", "Sales_2026-09-30.csv"): (5, 3, 0, 0),
        },
        orders=5,
        lines=5,
        gross="1283.46",
        instants={"g-3==": "2026-09-09T23:59:59Z"},
    ),
    "olist": Right(
        {
            "orders": ["olist_orders_dataset.csv", "olist_order_items_dataset.csv"],
            "customers": ["olist_customers_dataset.csv"],
            "products": ["olist_products_dataset.csv"],
        },
        {
            ("customers", "olist_customers_dataset.csv"): (4, 4, 0, 0),
            ("products", "olist_products_dataset.csv"): (3, 3, 0, 0),
        },
        orders=4,
        lines=6,
        gross="1326.00",
        instants={"o1": "2018-03-15T13:00:00Z", "o4": "2018-03-19T02:59:59Z"},
    ),
    "uci_online_retail": Right(
        {"orders": ["online_retail.csv"]},
        {("orders", "online_retail.csv"): (12, 12, 0, 0), ("customers", "online_retail.csv"): (8, 5, 0, 4)},
        orders=7,
        lines=10,
        gross="13710.85",
        refunds="32.15",
        guests=3,
        instants={"536365": "2010-12-01T08:26:00Z", "536544": "2010-12-01T14:32:00Z"},
    ),
}


def set_up(shop: Shop, preset: str, right: Right) -> Shop:
    """The steps of a person: init --preset, copy the files, trigger."""
    for folder in (shop.root / "landing").glob("*_data"):
        shutil.rmtree(folder)
    ecomm("init", "--preset", preset, cwd=shop.root).ok()
    for source, names in right.files.items():
        for name in names:
            shutil.copy(FIXTURES / preset / name, shop.root / "landing" / f"{source}_data" / "source" / name)
    names = [name for listed in right.files.values() for name in listed]
    ecomm("trigger", *names, "--id", "b1", "--as-of", AS_OF, cwd=shop.root).ok()
    shop.settings = load(shop.root / "ecomm.toml", landing=shop.root / "landing", warehouse=shop.root / "warehouse")
    return shop


@pytest.mark.parametrize("preset", sorted(RIGHT))
def test_from_an_empty_folder_to_published_tables(preset: str, shop: Shop) -> None:
    right = RIGHT[preset]
    (outcome,) = set_up(shop, preset, right).run()
    assert outcome.status == "published", outcome.reason
    counts = {
        (f.source, f.name): (f.rows_read, f.rows_accepted, f.rows_rejected, f.rows_left_out) for f in outcome.files
    }
    assert {file: counts[file] for file in right.counts} == right.counts
    assert sum(f.rows_rejected for f in outcome.files) == 0
    rows = [row for row in shop.rows("orders_target") if row["is_current"]]
    sales = [row for row in rows if not row["refund_id"]]
    assert len(sales) == right.lines
    (summary,) = shop.rows("analytics_summary")
    assert summary["orders"] == right.orders
    money = {name: Decimal(summary[name]) for name in ("gross_revenue", "refunds", "revenue")}
    gross, refunds = Decimal(right.gross), Decimal(right.refunds)
    assert money == {"gross_revenue": gross, "refunds": refunds, "revenue": gross - refunds}
    assert len({row["order_id"] for row in sales if not row["customer_id"]}) == right.guests
    at = {row["order_id"]: row["ordered_at"] for row in sales}
    said = {order: datetime.fromisoformat(text).astimezone(UTC) for order, text in right.instants.items()}
    assert {order: at[order] for order in said} == said


def test_every_preset_has_a_test() -> None:
    assert set(presets.NAMES) == set(RIGHT)


@pytest.mark.long
def test_a_shops_other_exports(shop: Shop) -> None:
    """Shopify's own exports of customers, products and inventory, a day after its orders."""
    right = RIGHT["shopify"]
    set_up(shop, "shopify", right).run()
    names = {
        "customers": "customers_export.csv",
        "products": "products_export.csv",
        "inventory": "inventory_export.csv",
    }
    files = {source: {name: (FIXTURES / "shopify" / name).read_bytes()} for source, name in names.items()}
    shop.drop("b2", "2026-10-02T00:00:00Z", files)
    (outcome,) = shop.run()
    assert outcome.status == "published", outcome.reason
    assert {f.source: (f.rows_read, f.rows_accepted, f.rows_left_out) for f in outcome.files} == {
        "customers": (2, 2, 1),
        "products": (3, 3, 1),
        "inventory": (3, 3, 0),
    }
    ada = next(c for c in shop.rows("customers_target") if c["is_current"] and c["customer_id"] == "ada@example.com")
    assert (ada["first_name"], ada["zip_code"], ada["phone"]) == ("Ada", "02134", "+16175550101")
    products = {p["product_id"]: p for p in shop.rows("products_target") if p["is_current"]}
    assert (products["FERN-1"]["price"], products["MUG-1"]["discontinued"]) == (Decimal("16.50"), True)
    assert products["FERN-2"]["product_name"] == "botanical-print"
    stock = {(i["product_id"], i["warehouse_location"]): i["stock_quantity"] for i in shop.rows("inventory_target")}
    assert stock["FERN-1", "Market stall"] == 0


# -- what a person sees of presets -----------------------------------------------------------------------------


def test_presets_are_listed(tmp_path: Path) -> None:
    said = ecomm("init", "--preset", "list", cwd=tmp_path).ok().out
    for name in presets.NAMES:
        assert name in said
    assert not list(tmp_path.iterdir())
    ecomm("init", "--preset", "shopware", cwd=tmp_path).fails(2, "there is no preset shopware", "shopify")


def test_a_preset_is_shown_where_settings_are(tmp_path: Path) -> None:
    (tmp_path / "ecomm.toml").write_text('landing = "in"\n')
    said = ecomm("init", "--preset", "etsy", cwd=tmp_path).ok().out
    assert (tmp_path / "ecomm.toml").read_text() == 'landing = "in"\n'
    assert 'line_id = "Transaction ID"' in said


@pytest.mark.parametrize("preset", presets.NAMES)
def test_a_preset_is_valid_and_says_what_it_is_for(preset: str, tmp_path: Path) -> None:
    """Its settings are accepted, also behind the template's, and its first sentence is about it."""
    ecomm("init", "--preset", preset, cwd=tmp_path).ok()
    assert load(tmp_path / "ecomm.toml").sources == known.of_preset(preset).sources
    assert len(presets.about(preset)) > 20


@pytest.mark.parametrize(
    ("preset", "source", "name"), [(p, s, n) for p, r in RIGHT.items() for s, names in r.files.items() for n in names]
)
def test_exports_are_recognised_by_their_header(preset: str, source: str, name: str) -> None:
    """Each as its own platform's, by its header alone; a header of the contract's names as none."""
    text = (FIXTURES / preset / name).read_bytes().decode("cp1252").removeprefix("ï»¿")
    rows = [line.split("\t" if name.endswith(".txt") else ",") for line in text.splitlines()]
    header = next(row for row in rows if sum(bool(cell) for cell in row) > 3)
    export = known.recognised([cell.strip('"') for cell in header])
    if name == "olist_products_dataset.csv":  # one name of its own is too few
        assert export is None
    else:
        assert export is not None
        assert (export.preset, export.source) == (preset, source)
