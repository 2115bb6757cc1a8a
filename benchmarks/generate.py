"""A big shop's two days as CSV files and triggers, always the same for the same number of orders.

Day 1 has N orders, N / 10 customers, N / 100 products, two stock rows a product, and parcels of 40 % of the orders.
Day 2 has 22 % as many rows of each source: a tenth of them new, a tenth changed, the others sent again as they were;
after 2 M orders 440 k rows, 44 k new, 44 k changed. A little is wrong in both: of the order rows 0.1 % are negative,
0.05 % stand twice and 0.05 % are an older statement of another row.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.days import DAYS, SOURCES

_EPOCH = date(1970, 1, 1)
_FIRST = (date(2025, 1, 15) - _EPOCH).days  # the day of the first batch
_PAST = 730  # how many days of orders it brings
_NEVER = -(1 << 30)  # an empty cell

Numbers = npt.NDArray[np.int64]
Rows = dict[str, Numbers]  # a source as numbers; `_table` makes the file's columns of them

_STATUS = ["pending", "processing", "shipped", "delivered", "completed", "cancelled", "returned"]
_PAYMENT = ["credit_card", "paypal", "debit_card", "bank_transfer", "gift_card"]
_CURRENCY = ["USD"] * 19 + ["EUR"]
_TIERS = ["bronze", "silver", "gold", "platinum"]
_METHODS = ["standard", "express", "overnight"]
_WAREHOUSES = ["Dallas TX", "Columbus OH", "Reno NV", "Savannah GA", "Leeds"]
_FIRST_NAMES = ["Sandra", "Luis", "Ama", "Kenji", "Nadia", "Tom", "Zoë", "Priya", "Jonas", "Marta"]
_LAST_NAMES = ["Osei", "Hall", "Young", "Adams", "Sato", "Müller", "Rossi", "Kaya", "Novak", "Silva", "Chen"]
_STREETS = ["Maple Ave", "Elm Street", "Park Place", "Church Street", "Highland Ave", "Sunset Blvd", "Juniper Way"]
_PLACES = [
    ("Burlington", "VT", "05401", "United States"),
    ("Salt Lake City", "UT", "84103", "United States"),
    ("Richmond", "VA", "23221", "United States"),
    ("Vancouver", "BC", "V5K 0A1", "Canada"),
    ("Manchester", "England", "M1 1AE", "United Kingdom"),
    ("São Paulo", "SP", "05422-030", "Brazil"),
]
_CATEGORIES = ["Books", "Clothing", "Electronics", "Home & Kitchen", "Sports & Outdoors", "Toys"]
_SUBCATEGORIES = ["Basics", "Bestsellers", "Outdoor", "Premium", "Seasonal"]
_BRANDS = ["Ironbarrow", "Suryaline", "Farlight", "Tallgrass", "Northpier"]
_COLOURS = ["cherry", "orange", "charcoal", "multicolor", "moss"]
_MATERIALS = ["paper", "fleece", "EVA foam", "enamelled iron", "oak"]


def generate(orders: int, into: Path) -> None:
    """Write both days' files; a folder that was completed by this very program is left as it is."""
    made_by = f"{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()} {orders}"
    stamp = into / "made_by"
    if stamp.is_file() and stamp.read_text() == made_by:
        return
    into.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(20250115)
    first = _day_one(orders, random)
    _write(first, random, DAYS[0], _FIRST, into)
    _write(_day_two(first, random), random, DAYS[1], _FIRST + 1, into)
    stamp.write_text(made_by)


def _write(rows: Mapping[str, Rows], random: np.random.Generator, day: str, today: int, into: Path) -> None:
    counts = {}
    for source in SOURCES:
        stated = _spoilt(rows[source], random) if source == "orders" else rows[source]
        name = f"{source}_{day}.csv"
        counts[name] = len(stated["id"])
        _write_csv(_TABLES[source](stated), into / name)
    as_of = datetime(1970, 1, 1, 6, tzinfo=UTC) + timedelta(days=today)
    trigger = {
        "trigger_id": f"batch_{day}",
        "trigger_timestamp": as_of.isoformat().replace("+00:00", "Z"),
        "batch_date": as_of.date().isoformat(),
        "expected_files": list(counts),
        "client_name": "Benchmark",
        "source_system": "generator",
        "data_files_ready": True,
        "metadata": {"record_counts": counts},
    }
    (into / f"trigger_{day}.json").write_text(json.dumps(trigger, indent=2))


def _write_csv(table: pa.Table, path: Path) -> None:
    """As most programs write CSV: quotes only where they are needed (pyarrow's own writer quotes every text)."""
    with duckdb.connect() as connection:
        connection.register("rows", table)
        connection.execute(f"COPY rows TO '{path}' (HEADER, DELIMITER ',')")


# --- what is in the files, as numbers ------------------------------------------------------------------------------


def _day_one(orders: int, random: np.random.Generator) -> dict[str, Rows]:
    customers, products = max(orders // 10, 50), max(orders // 100, 50)
    return {
        "orders": _orders(np.arange(orders), customers, products, random, _FIRST - _PAST, _FIRST),
        "customers": _customers(np.arange(customers), random),
        "products": _products(np.arange(products), random),
        "inventory": _inventory(np.arange(products), random),
        "shipping": _shipping(np.arange(orders)[np.arange(orders) % 5 < 2], random),
    }


def _day_two(first: Mapping[str, Rows], random: np.random.Generator) -> dict[str, Rows]:
    orders, customers, products = (len(first[source]["id"]) for source in ("orders", "customers", "products"))
    more_orders = orders + np.arange(_tenth(orders))
    more_products = products + np.arange(_tenth(products))
    added = {
        "orders": _orders(more_orders, customers, products, random, _FIRST, _FIRST + 1),
        "customers": _customers(customers + np.arange(_tenth(customers)), random),
        "products": _products(more_products, random),
        "inventory": _inventory(more_products, random),
        "shipping": _shipping(more_orders[more_orders % 5 < 2], random),
    }
    return {source: _together(_resent(source, first[source], random), added[source]) for source in SOURCES}


def _tenth(rows: int) -> int:
    """A tenth of day 2's rows, of a source that had so many on day 1."""
    return max(rows * 22 // 1000, 5)


def _together(one: Rows, other: Rows) -> Rows:
    return {name: np.concatenate((one[name], other[name])) for name in one}


def _resent(source: str, rows: Rows, random: np.random.Generator) -> Rows:
    """Rows that were sent before, some of them changed."""
    tenth = _tenth(len(rows["id"]))
    places = np.sort(random.choice(len(rows["id"]), 9 * tenth, replace=False))
    again = {name: values[places] for name, values in rows.items()}
    where = random.permutation(len(places)) < tenth
    if source == "shipping":
        changed = np.where(again["actual"] == _NEVER, _FIRST, again["actual"] + 1)
        again["actual"] = np.where(where, changed, again["actual"])
    else:
        name, kinds = _CHANGES[source]
        again[name] = np.where(where, (again[name] + 1) % kinds, again[name])
    return again


# The column that changes, and how many values it has.
_CHANGES = {
    "orders": ("status", len(_STATUS)),
    "customers": ("tier", len(_TIERS)),
    "products": ("cents", 100_000),
    "inventory": ("stock", 1000),
}


def _orders(ids: Numbers, customers: int, products: int, random: np.random.Generator, since: int, until: int) -> Rows:
    n = len(ids)
    return {
        "id": ids,
        "customer": random.integers(0, customers, n),
        "product": random.integers(0, products, n),
        "day": np.sort(random.integers(since, until, n)),
        "second": random.integers(3600, 86400, n),
        "cents": random.integers(500, 50_000, n),
        "currency": random.integers(0, len(_CURRENCY), n),
        "payment": random.integers(0, len(_PAYMENT), n),
        "address": random.integers(0, 100_000, n),
        "status": random.integers(0, len(_STATUS), n),
    }


def _customers(ids: Numbers, random: np.random.Generator) -> Rows:
    n = len(ids)
    return {
        "id": ids,
        "first": random.integers(0, len(_FIRST_NAMES), n),
        "last": random.integers(0, len(_LAST_NAMES), n),
        "born": random.integers(-10_000, 13_000, n),
        "registered": random.integers(_FIRST - 2000, _FIRST, n),
        "address": random.integers(0, 100_000, n),
        "tier": random.integers(0, len(_TIERS), n),
        "login": random.integers((_FIRST - 60) * 86400, _FIRST * 86400, n),
        "second": random.integers(0, 86400, n),
    }


def _products(ids: Numbers, random: np.random.Generator) -> Rows:
    n = len(ids)
    return {
        "id": ids,
        "kind": random.integers(0, 1_000_000, n),
        "cents": random.integers(500, 80_000, n),
        "stock": random.integers(0, 500, n),
        "weight": random.integers(5, 2000, n),
        "launched": random.integers(_FIRST - 2000, _FIRST + 30, n),
        "discontinued": (random.random(n) < 0.05).astype(np.int64),
        "second": random.integers(0, 86400, n),
    }


def _inventory(products: Numbers, random: np.random.Generator) -> Rows:
    n = 2 * len(products)
    return {
        "id": np.concatenate((products, products)),
        "warehouse": np.concatenate((products % 5, (products + 2) % 5)),
        "stock": random.integers(0, 300, n),
        "second": random.integers((_FIRST - 1) * 86400, _FIRST * 86400, n),
    }


def _shipping(orders: Numbers, random: np.random.Generator) -> Rows:
    n = len(orders)
    created = random.integers(_FIRST - 60, _FIRST, n)
    return {
        "id": orders,
        "method": random.integers(0, len(_METHODS), n),
        "cents": random.integers(0, 2000, n),
        "weight": random.integers(5, 2000, n),
        "created": created,
        "second": random.integers(0, 86400, n),
        "estimated": created + random.integers(1, 8, n),
        "actual": np.where(random.random(n) < 0.8, created + random.integers(1, 10, n), _NEVER),
    }


def _spoilt(rows: Rows, random: np.random.Generator) -> Rows:
    """With what is wrong in the file of orders: rows that stand twice, older statements, negative amounts."""
    n = len(rows["id"])
    some = random.choice(n, max(n // 500, 4), replace=False)
    wrong = {name: values[some] for name, values in rows.items()}
    kind = np.arange(len(some)) % 4
    wrong["second"] = np.where(kind == 1, wrong["second"] - 3600, wrong["second"])
    wrong["status"] = np.where(kind == 1, 0, wrong["status"])
    wrong["cents"] = np.where(kind >= 2, -wrong["cents"], wrong["cents"])
    wrong["id"] = np.where(kind >= 2, wrong["id"] + 900_000_000, wrong["id"])
    return _together(rows, wrong)


# --- numbers to text -----------------------------------------------------------------------------------------------


def _id(prefix: str, numbers: Numbers, digits: int) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pc.utf8_lpad(pa.array(numbers).cast("string"), digits, "0"), "")


def _decimal(numbers: Numbers, digits: int) -> pa.Array:
    """12345 with two digits is 123.45."""
    base = 10**digits
    rest = pc.utf8_lpad(pa.array(np.abs(numbers) % base).cast("string"), digits, "0")
    sign = pc.if_else(pa.array(numbers < 0), "-", "")
    return pc.binary_join_element_wise(sign, pa.array(np.abs(numbers) // base).cast("string"), ".", rest, "")


def _word(words: list[str], places: Numbers) -> pa.Array:
    return pa.array(words).take(pa.array(places % len(words)))


def _day(days: Numbers) -> pa.Array:
    return pa.array(days.astype(np.int32), mask=days == _NEVER).cast("date32").cast("string")


def _instant(seconds: Numbers) -> pa.Array:
    return pc.strftime(pa.array(seconds).cast(pa.timestamp("s")), "%Y-%m-%d %H:%M:%S")


def _street(addresses: Numbers) -> pa.Array:
    street = _word(_STREETS, addresses)
    return pc.binary_join_element_wise(pa.array(addresses % 3000 + 1).cast("string"), street, " ")


def _place(addresses: Numbers, part: int) -> pa.Array:
    return _word([place[part] for place in _PLACES], addresses // 7)


def _orders_table(rows: Rows) -> pa.Table:
    address = rows["address"]
    where = [_street(address), _place(address, 0), _place(address, 1), _place(address, 2), _place(address, 3)]
    return pa.table(
        {
            "order_id": _id("ORD", rows["id"], 9),
            "customer_id": _id("CUST", rows["customer"], 7),
            "product_id": _id("P", rows["product"], 6),
            "order_date": _day(rows["day"]),
            "order_amount": _decimal(rows["cents"], 2),
            "currency": _word(_CURRENCY, rows["currency"]),
            "payment_method": _word(_PAYMENT, rows["payment"]),
            "shipping_address": pc.binary_join_element_wise(*where, ", "),
            "order_status": _word(_STATUS, rows["status"]),
            "created_timestamp": _instant(rows["day"] * 86400 + rows["second"]),
        }
    )


def _customers_table(rows: Rows) -> pa.Table:
    first, last = _word(_FIRST_NAMES, rows["first"]), _word(_LAST_NAMES, rows["last"])
    return pa.table(
        {
            "customer_id": _id("CUST", rows["id"], 7),
            "first_name": first,
            "last_name": last,
            "email": pc.binary_join_element_wise(_id("customer", rows["id"], 1), "example.com", "@"),
            "phone": _id("802-555-", rows["id"] % 10_000, 4),
            "date_of_birth": _day(rows["born"]),
            "registration_date": _day(rows["registered"]),
            "address": _street(rows["address"]),
            "city": _place(rows["address"], 0),
            "state": _place(rows["address"], 1),
            "zip_code": _place(rows["address"], 2),
            "country": _place(rows["address"], 3),
            "customer_tier": _word(_TIERS, rows["tier"]),
            "last_login": _instant(rows["login"]),
            "created_timestamp": _instant(rows["registered"] * 86400 + rows["second"]),
        }
    )


def _products_table(rows: Rows) -> pa.Table:
    kind = rows["kind"]
    sides = [pa.array(kind // step % 40 + 2).cast("string") for step in (1, 40, 1600)]
    brand, colour = _word(_BRANDS, kind), _word(_COLOURS, kind // 5)
    return pa.table(
        {
            "product_id": _id("P", rows["id"], 6),
            "product_name": pc.binary_join_element_wise(brand, colour, pa.array(rows["id"]).cast("string"), " "),
            "category": _word(_CATEGORIES, kind // 25),
            "subcategory": _word(_SUBCATEGORIES, kind // 150),
            "brand": brand,
            "price": _decimal(rows["cents"], 2),
            "currency": _word(_CURRENCY, kind),
            "stock_quantity": pa.array(rows["stock"]),
            "weight_kg": _decimal(rows["weight"], 2),
            "dimensions_cm": pc.binary_join_element_wise(*sides, "x"),
            "color": colour,
            "material": _word(_MATERIALS, kind // 750),
            "description": pc.binary_join_element_wise("Made of", _word(_MATERIALS, kind // 750), "in", colour, " "),
            "launch_date": _day(rows["launched"]),
            "discontinued": _word(["false", "true"], rows["discontinued"]),
            "created_timestamp": _instant(rows["launched"] * 86400 + rows["second"]),
        }
    )


def _inventory_table(rows: Rows) -> pa.Table:
    return pa.table(
        {
            "product_id": _id("P", rows["id"], 6),
            "stock_quantity": pa.array(rows["stock"]),
            "stock_status": pc.if_else(pa.array(rows["stock"] > 10), "in_stock", "low_stock"),
            "warehouse_location": _word(_WAREHOUSES, rows["warehouse"]),
            "last_updated": _instant(rows["second"]),
            "created_timestamp": _instant(rows["second"] + 3600),
        }
    )


def _shipping_table(rows: Rows) -> pa.Table:
    sides = [pa.array(rows["weight"] // step % 40 + 5).cast("string") for step in (1, 7, 50)]
    return pa.table(
        {
            "order_id": _id("ORD", rows["id"], 9),
            "shipping_method": _word(_METHODS, rows["method"]),
            "shipping_cost": _decimal(rows["cents"], 2),
            "currency": _word(_CURRENCY, rows["cents"]),
            "tracking_number": _id("1Z", rows["id"] * 7 + 3, 12),
            "package_weight": _decimal(rows["weight"], 2),
            "dimensions_cm": pc.binary_join_element_wise(*sides, "x"),
            "estimated_delivery": _day(rows["estimated"]),
            "actual_delivery": _day(rows["actual"]),
            "created_timestamp": _instant(rows["created"] * 86400 + rows["second"]),
        }
    )


_TABLES = {
    "orders": _orders_table,
    "customers": _customers_table,
    "products": _products_table,
    "inventory": _inventory_table,
    "shipping": _shipping_table,
}

if __name__ == "__main__":
    generate(int(sys.argv[1]), Path(sys.argv[2]))
