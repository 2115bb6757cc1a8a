"""The CSV files as records: planting rows, writing bytes, and checking that only the planted rows are odd."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from planted import (
    ACCEPTED,
    DUPLICATE,
    RULES,
    SEQUENCE_CONFLICT,
    SUPERSEDED,
    Planted,
    Raw,
)

TRIGGERS = (datetime(2025, 1, 15, 6), datetime(2025, 1, 16, 6))  # UTC

SOURCES = ("orders", "customers", "products", "inventory", "shipping")
HEADERS = {
    "orders": "order_id customer_id product_id order_date order_amount currency payment_method "
    "shipping_address order_status created_timestamp",
    "customers": "customer_id first_name last_name email phone date_of_birth registration_date address "
    "city state zip_code country customer_tier last_login created_timestamp",
    "products": "product_id product_name category subcategory brand price currency stock_quantity weight_kg "
    "dimensions_cm color material description launch_date discontinued created_timestamp",
    "inventory": "product_id stock_quantity stock_status warehouse_location last_updated created_timestamp",
    "shipping": "order_id shipping_method shipping_cost currency tracking_number package_weight "
    "dimensions_cm estimated_delivery actual_delivery created_timestamp",
}
HEADERS_2 = {
    "orders": HEADERS["orders"] + " sales_channel",
    "customers": "Customer_ID Email First_Name Last_Name Customer_Tier Phone Address City State Zip_Code "
    "Country Date_Of_Birth Registration_Date Last_Login Created_Timestamp",
    "products": HEADERS["products"],
    "inventory": "inventory_id product_id warehouse_id warehouse_name location stock_quantity "
    "reserved_quantity available_quantity reorder_level last_restocked last_audit "
    "created_timestamp",
    "shipping": "shipping_id order_id tracking_number carrier service_type origin_warehouse "
    "destination_address shipping_cost currency estimated_delivery actual_delivery "
    "shipping_status package_weight package_dimensions insurance_value created_timestamp",
}
KEYS = {
    "orders": ("order_id",),
    "customers": ("customer_id",),
    "products": ("product_id",),
    "inventory": ("product_id", "warehouse_location", "warehouse_name", "location"),
    "shipping": ("order_id", "tracking_number"),
}
TRIM = "".join(map(chr, [*range(33), *range(0x2000, 0x200C)])) + (
    "\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"
)
MALFORMED = "rejected: line_malformed"

Row = dict[str, str]


@dataclass
class Record:
    """One record of a file: its cells, what was planted in it, what it must become."""

    row: Row
    planted: Planted | None = None
    becomes: str = ACCEPTED


@dataclass
class Sheet:
    """One CSV file."""

    source: str
    day: int
    records: list[Record]
    newline: str = "\n"
    bom: bool = False
    ends_with_newline: bool = True

    @property
    def name(self) -> str:
        return f"{self.source}_{TRIGGERS[self.day]:%Y_%m_%d}.csv"

    @property
    def header(self) -> list[str]:
        return (HEADERS, HEADERS_2)[self.day][self.source].split()

    def content(self) -> bytes:
        """The file's bytes."""
        lines = [",".join(self.header).encode()] + [line_of(record, self.header) for record in self.records]
        end = self.newline.encode()
        text = end.join(lines) + (end if self.ends_with_newline else b"")
        return (b"\xef\xbb\xbf" if self.bom else b"") + text

    def key(self, record: Record) -> tuple[str, ...]:
        """The trimmed parts of a record's key, as far as the header has them."""
        columns = [name.lower() for name in self.header]
        return tuple(record.row[part].strip(TRIM) for part in KEYS[self.source] if part in columns)

    def plain(self) -> list[Row]:
        """The rows in which nothing is planted."""
        return [record.row for record in self.records if record.planted is None]

    def accepted(self) -> set[str]:
        """The ids of all rows that get through."""
        return {self.key(record)[0] for record in self.records if record.becomes == ACCEPTED}

    def counts(self) -> Counter[str]:
        """How many records have each fate; both kinds of losers count as superseded."""
        fates = Counter(record.becomes.partition(":")[0] for record in self.records)
        fates[SUPERSEDED] += fates.pop(SEQUENCE_CONFLICT, 0)
        return fates


# Writing


def line_of(record: Record, header: Sequence[str]) -> bytes:
    """A record as its bytes, damaged if it is to be."""
    line = ",".join(cell(record.row[name.lower()]) for name in header).encode()
    if record.planted is None:
        return line
    return record.planted.lines_before.encode() + record.planted.damage(line)


def cell(text: str) -> str:
    """A cell, quoted where it must be."""
    if isinstance(text, Raw) or not re.search(r'[",\r\n]', text):
        return text
    return '"' + text.replace('"', '""') + '"'


# Planting


def fresh(specs: list[Planted]) -> int:
    """How many rows the specs need for themselves."""
    return sum(not spec.again for spec in specs)


def deal(rows: list[Row], spares: int) -> tuple[list[Row], list[Row]]:
    """Takes so many rows out, evenly spread: the rest, and those taken."""
    taken = [(2 * n + 1) * len(rows) // (2 * spares) for n in range(spares)]
    return [row for n, row in enumerate(rows) if n not in taken], [rows[n] for n in taken]


def weave(plain: list[Row], spares: list[Row], specs: list[Planted]) -> list[Record]:
    """The plain rows, and evenly among them the spare ones with something planted in each."""
    free, last, sown = iter(spares), Row(), list[Record]()
    for spec in specs:
        last = {**(last if spec.again else next(free)), **spec.cells}
        sown.append(Record(last, spec, spec.becomes))
    records = [Record(row) for row in plain]
    for n in reversed(range(len(sown))):
        records.insert((n + 1) * len(plain) // (len(sown) + 1), sown[n])
    return records


# Checking


def check(sheet: Sheet) -> None:
    """Stops the program if a row is odd that was not planted, or if a key is said twice by accident."""
    for row in sheet.plain():
        assert is_plain(row, sheet), (sheet.name, row)
    keys = Counter(sheet.key(record) for record in sheet.records if record.becomes == ACCEPTED)
    assert max(keys.values()) == 1, (sheet.name, keys.most_common(1))
    for record in sheet.records:
        lost = record.becomes in (DUPLICATE, SUPERSEDED, SEQUENCE_CONFLICT)
        assert not lost or sheet.key(record) in keys, (sheet.name, record)
    fates = sheet.counts()
    assert sum(fates.values()) == len(sheet.records), sheet.name
    assert set(fates) <= {ACCEPTED, "rejected", DUPLICATE, SUPERSEDED}, (sheet.name, fates)
    if sheet.source == "orders":
        check_one_product(sheet)


def is_plain(row: Row, sheet: Sheet) -> bool:
    """Nothing in these cells could be rejected, or read in two ways."""
    trigger = TRIGGERS[sheet.day]
    money = [row[name] for name in ("order_amount", "price", "shipping_cost") if name in row]
    ids = [row[part] for part in ("order_id", "customer_id", "product_id", "tracking_number") if part in row]
    last_day = (trigger + timedelta(days=1)).date().isoformat()
    return (
        all(re.fullmatch(r"[0-9]{1,6}\.[0-9]{2}", amount) for amount in money)
        and all(re.fullmatch(r"[A-Z0-9]{4,30}", text) for text in ids)
        and re.fullmatch(r"[0-9]+", row.get("stock_quantity", "0")) is not None
        and row.get("currency", "USD") == "USD"
        and "2024-11-16" <= row.get("order_date", "2025-01-01") <= last_day
        and row["created_timestamp"] < f"{trigger:%Y-%m-%d %H:%M:%S}"
        and not any(text != text.strip(TRIM) or re.search(r'["\r\n]', text) for text in row.values())
    )


def check_one_product(orders: Sheet) -> None:
    """An order has two products just where the rule for it was announced."""
    products, announced = defaultdict[tuple[str, ...], set[str]](set), set()
    for record in orders.records:
        if record.becomes != MALFORMED:
            products[orders.key(record)].add(record.row["product_id"].strip(TRIM))
        if "order_has_one_product" in record.becomes:
            announced.add(orders.key(record))
    assert announced == {key for key, found in products.items() if len(found - {""}) > 1}


def check_every_rule(sheets: list[Sheet]) -> None:
    """Each rule of each source is broken somewhere."""
    broken = defaultdict[str, set[str]](set)
    for sheet in sheets:
        for record in sheet.records:
            fate, _, rules = record.becomes.partition(": ")
            if fate == "rejected":
                broken[sheet.source] |= set(rules.split(", "))
    assert broken == {source: set(rules.split()) for source, rules in RULES.items()}, broken
