"""Random histories of small batches: what a shop's systems may say of a few keys, in the order of their instants.

`batches(seed)` writes the files of seven batches in which many histories lie side by side: each has keys of its own
(`h017-O1`), and they share the files. Each batch says of each key nothing, the same again, something changed, something
wrong, or several things at once. Everything is decided by the seed.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from tests.oracle import Batch
from tests.shop import SOURCES
from tests.traps import laid

Texts = dict[str, str]

# Two ties, ids that sort otherwise than their instants, otherwise without regard to case, and otherwise in UTF-16.
TRIGGERS = (
    ("m 9", datetime(2025, 3, 8, 23, 30, tzinfo=UTC)),
    ("Z/tie", datetime(2025, 3, 30, 1, 0, tzinfo=UTC)),
    ("a-tie", datetime(2025, 3, 30, 1, 0, tzinfo=UTC)),
    ("b10", datetime(2025, 3, 30, 1, 0, 0, 1, tzinfo=UTC)),
    ("\uff61", datetime(2025, 10, 26, 0, 59, 59, 999999, tzinfo=UTC)),
    ("\U0001f600", datetime(2025, 10, 26, 0, 59, 59, 999999, tzinfo=UTC)),
    ("A.last", datetime(2025, 11, 2, 12, 0, tzinfo=UTC)),
)

# The columns of each header shape, a line each: ! the header must have it; name=column where the shape calls it so.
_SHAPES = {
    "orders": """
order_id! customer_id! product_id! order_date! order_amount! currency payment_method shipping_address order_status \
created_timestamp
order_id! line_id! customer_id! product_id! order_date! order_amount! currency payment_method shipping_address \
order_status created_timestamp quantity unit_price discount tax order_total updated_timestamp
""",
    "customers": """
customer_id! first_name last_name email phone date_of_birth registration_date address city state zip_code country \
customer_tier last_login created_timestamp
""",
    "products": """
product_id! product_name category subcategory brand price! currency stock_quantity weight_kg dimensions_cm color \
material description launch_date discontinued created_timestamp
""",
    "inventory": """
product_id! stock_quantity! stock_status warehouse_location last_updated created_timestamp
inventory_id product_id! warehouse_id warehouse_name=warehouse_location location stock_quantity! reserved_quantity \
available_quantity reorder_level last_restocked last_audit=last_updated created_timestamp
""",
    "shipping": """
order_id! shipping_method shipping_cost currency tracking_number package_weight dimensions_cm estimated_delivery \
actual_delivery created_timestamp
shipping_id order_id! tracking_number carrier service_type=shipping_method origin_warehouse destination_address \
shipping_cost currency estimated_delivery actual_delivery shipping_status package_weight \
package_dimensions=dimensions_cm insurance_value created_timestamp
""",
}
_EXTRAS = ("Gift Note", "loyalty-points", "REF")
_UNTRACKED = frozenset(
    ("created_timestamp", "last_login", "stock_quantity", "last_updated", "inventory_id", "last_restocked")
) | {"shipping_id", "quantity", "unit_price", "discount", "tax", "order_total", "updated_timestamp"}
_KEYS = {
    "orders": ("order_id", "line_id"),
    "customers": ("customer_id",),
    "products": ("product_id",),
    "inventory": ("product_id", "warehouse_location", "location"),
    "shipping": ("order_id", "tracking_number"),
}
_DAYS = [date(2025, 3, 9), date(2025, 3, 30), date(2025, 10, 26), date(2025, 11, 2)]  # the clocks change
_DAYS += [day + timedelta(days=n) for day in _DAYS for n in (-1, 1)]
_DAYS += [date(2024, 2, 29), date(2024, 12, 31), date(2025, 1, 1), date(2025, 6, 15)]
# Hours that are there once in New York and Berlin on every day.
_CLOCKS = (
    "00:00:01",
    "00:30:00",
    "04:59:59",
    "05:00:00",
    "08:59:59",
    "09:00:00",
    "12:00:00",
    "17:59:59",
    "18:00:00",
    "22:00:00",
    "23:30:00",
    "23:59:59.999999",
)
_OFFSETS = ("", "", "", "Z", "+05:30", "-08:00", "+01:00", "-04:00")
_CURRENCIES = ("USD", "USD", "usd", " Usd ", "EUR", "eur", "JPY", "kwd", "")
_MONEY = (
    "0",
    "0.00",
    "0.01",
    "12.5",
    "12.50",
    "+19.99",
    "24.99",
    "25",
    "99.99",
    "100.000",
    "499.99",
    "1234.56",
    "1.255",
)


@dataclass
class _History:
    """One history: its random numbers, its keys, and what was last said of each."""

    name: str
    rng: random.Random
    today: date = date.max
    said: dict[tuple[str, tuple[str, ...]], Texts] = field(default_factory=dict)

    def id(self, letter: str, most: int = 3) -> str:
        return f"{self.name}-{letter}{self.rng.randint(1, most)}"

    def one(self, texts: Sequence[str]) -> str:
        return self.rng.choice(texts)


def _day(h: _History, until: date = date.max) -> str:
    day = h.rng.choice([d for d in _DAYS if d <= until])
    return day.isoformat() + h.rng.choice(("", "", "", "T00:00:00Z", " 00:00:00"))


def _moment(h: _History, until: date = date.max) -> str:
    day = h.rng.choice([d for d in _DAYS if d <= until])
    return f"{day}{h.rng.choice('T ')}{h.one(_CLOCKS)}{h.one(_OFFSETS)}"


def _maybe_day(h: _History) -> str:
    return h.one((_day(h), _day(h), _day(h), "", "31.12.2025"))


def _maybe_moment(h: _History) -> str:
    return h.one((_moment(h), _moment(h), _moment(h), _moment(h), "", "soon"))


def _among(*texts: str) -> Callable[[_History], str]:
    return lambda h: h.one(texts)


_DRAW: dict[str, Callable[[_History], str]] = {
    "order_id": lambda h: h.id("O"),
    "line_id": _among("", "", "1", "2", "a b"),
    "customer_id": lambda h: h.id("C"),
    "product_id": lambda h: h.id("P"),
    "tracking_number": _among("", "T1", "T2", "t2"),
    "warehouse_location": _among("", "UNKNOWN", "North Hall", "South"),
    "location": _among("", "A 1", "B2"),
    "order_date": lambda h: h.one((_day(h, h.today), _day(h, h.today), _moment(h, h.today), _moment(h, h.today))),
    "order_amount": _among(*_MONEY),
    "currency": _among(*_CURRENCIES),
    "payment_method": _among("Credit Card", "credit-card", "PayPal", "bank  transfer", ""),
    "shipping_address": _among("1 Main St, Apt 2", 'The "Mill"\nOld Road', "Łódź", ""),
    "order_status": _among(
        "Completed", "pending", "canceled", "CANCELLED", "Returned", "refunded ", "FAILED", "in - transit", ""
    ),
    "created_timestamp": _maybe_moment,
    "quantity": _among("1", "2.5", "", "two"),
    "unit_price": _among("12.50", "5", ""),
    "discount": _among("0", "1.25", ""),
    "tax": _among("0", "2.38", ""),
    "order_total": _among("100", "12.50", ""),
    "updated_timestamp": lambda h: h.one(("", "", _moment(h), "later")),
    "first_name": _among("Ada", "O", "José", ""),
    "last_name": _among("Day", "Nguyễn", ""),
    "email": _among("a+b@example.com", "a@example.com", "none", ""),
    "phone": _among("555-0101", "+44 20 7946 0018", ""),
    "date_of_birth": _among(
        "1980-02-29", "2007-03-30", "2007-03-31", "1959-10-26", "2000-11-03", "2030-01-01", "", "?"
    ),
    "registration_date": _among("2025-03-01", "2025-02-07", "2024-03-30", "2020-01-01", "2025-12-01", ""),
    "address": _among("1 Main St", ""),
    "city": _among("Oslo", "Bergen", ""),
    "state": _among("NY", "CA", ""),
    "zip_code": _among("01234", "1234", ""),
    "country": _among("Norway", "NO", ""),
    "customer_tier": _among("Gold", "VIP", "vip", "Premium", "plat-inum", "Platinum", ""),
    "last_login": _maybe_moment,
    "product_name": _among("Lamp", "Lamp, large", "Mug", ""),
    "category": _among("Home", "Garden", ""),
    "subcategory": _among("Light", ""),
    "brand": _among("Acme", ""),
    "price": _among(*_MONEY),
    "stock_quantity": _among("0", "1", "10", "11", "10.0", "500"),
    "weight_kg": _among("0", "0.5", "12.3456", "heavy", ""),
    "dimensions_cm": _among("10x20x30", "1.5 X 2 × 3 cm", "33*27*18", "big", ""),
    "color": _among("red", "blue", ""),
    "material": _among("oak", ""),
    "description": _among("Nice.", 'So "nice", twice', ""),
    "launch_date": _among("2025-03-30", "2025-01-01", "2024-10-27", "2020-01-01", "2026-01-01", ""),
    "discontinued": _among("false", "TRUE", "yes", "0", "n", "", "maybe"),
    "stock_status": _among("In Stock", "low-stock", ""),
    "last_updated": _maybe_moment,
    "inventory_id": _among("I1", "I2", ""),
    "warehouse_id": _among("W1", "W2", ""),
    "reserved_quantity": _among("0", "5", ""),
    "available_quantity": _among("0", "7", "x", ""),
    "reorder_level": _among("0", "1", "11", ""),
    "last_restocked": _maybe_day,
    "shipping_method": _among("Express", "next - day", "standard", ""),
    "shipping_cost": _among("0", "4.99", "12.500", "10", ""),
    "package_weight": _among("0", "0.5", "3", "heavy", ""),
    "estimated_delivery": _maybe_day,
    "actual_delivery": lambda h: h.one(("", "", _day(h), "2025-03-30", "2026-01-01")),
    "shipping_id": _among("S1", "S2", ""),
    "carrier": _among("DHL", "dhl ", "Royal Mail", ""),
    "origin_warehouse": _among("North", ""),
    "destination_address": _among("1 Main St", ""),
    "shipping_status": _among("in_transit", "In-Transit", "delivered", ""),
    "insurance_value": _among("0", "100", "free", ""),
} | dict.fromkeys(_EXTRAS, _among("", "x", "y "))
_WRONG: dict[str, tuple[tuple[str, str], ...]] = {
    "orders": (
        ("order_id", ""), ("order_id", "{}O 1"), ("customer_id", ""), ("product_id", " "), ("order_date", ""),
        ("order_date", "yesterday"), ("order_date", "1999-12-31"), ("order_date", "2026-05-01"), ("order_amount", ""),
        ("order_amount", "12.999"), ("order_amount", "-0.01"), ("currency", "XYZ"), ("currency", "US"),
    ),
    "customers": (("customer_id", ""), ("customer_id", "{}C 1"), ("customer_id", "{}" + "C" * 64)),
    "products": (("product_id", ""), ("price", ""), ("price", "-1"), ("price", "1,5"), ("currency", "dollar")),
    "inventory": (
        ("product_id", ""), ("stock_quantity", ""), ("stock_quantity", "-1"), ("stock_quantity", "1.5"),
        ("warehouse_location", "a\x07b"), ("location", "L" * 65),
    ),
    "shipping": (("order_id", ""), ("shipping_cost", "-1"), ("shipping_cost", "free"), ("tracking_number", "T 1")),
}  # fmt: skip


@dataclass
class _File:
    """A file that is being written: its header as (name, column), and its rows."""

    source: str
    header: list[tuple[str, str]]
    quoting: int
    end: str
    bom: bool
    rows: list[Texts | str] = field(default_factory=list)

    def content(self) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out, quoting=self.quoting, lineterminator=self.end)  # type: ignore[arg-type]
        writer.writerow([name for name, _ in self.header])
        for row in self.rows:
            if isinstance(row, str):
                out.write(row + self.end)
            else:
                writer.writerow([row[column] for _, column in self.header])
        return ("\ufeff" * self.bom + out.getvalue()).encode()


def batches(seed: int, triggers: Sequence[tuple[str, datetime]] = TRIGGERS, histories: int = 200) -> list[Batch]:
    """The batches of a seed, in the order of their positions."""
    rng = random.Random(seed)
    told = [_History(f"h{n:03}", random.Random(rng.random())) for n in range(histories)]
    made = []
    for number, (batch_id, as_of) in enumerate(triggers):
        files: dict[str, dict[str, bytes]] = {}
        for source in SOURCES:
            if number and rng.random() < 0.1:
                continue  # this batch has no file of this source
            there = [_file(rng, source) for _ in range(rng.randint(1, 2))]
            for history in told:
                history.today = as_of.date() + timedelta(days=1)
                _tell(history, source, there)
            files[source] = {f"{source}_{number}_{i}.csv": file.content() for i, file in enumerate(there)}
        made.append(Batch(batch_id, as_of, files))
    return made


def arrival(seed: int, made: Iterable[Batch], nth: int = 0) -> list[Batch]:
    """The same batches in an order of arrival."""
    order = sorted(made, key=lambda b: (b.as_of, b.batch_id.encode()))
    random.Random(f"{seed}/{nth}").shuffle(order)
    return order


def _file(rng: random.Random, source: str) -> _File:
    shape = rng.choice(_SHAPES[source].strip().splitlines())
    header = []
    for said in shape.split():
        name, _, column = said.rstrip("!").partition("=")
        if said.endswith("!") or rng.random() < 0.85:
            header.append((name, column or name))
    header += [(extra, extra) for extra in _EXTRAS if rng.random() < 0.25]
    if source == "inventory" and ("warehouse_location", "warehouse_location") in header and rng.random() < 0.3:
        header.append(("warehouse_name", "REF"))  # an alias beside its own column is an unknown column
    if rng.random() < 0.5:
        rng.shuffle(header)
    header = [(rng.choice((name, name, name.upper(), f" {name}")), column) for name, column in header]
    quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    return _File(source, header, quoting, rng.choice(("\n", "\r\n")), rng.random() < 0.2)


def _tell(h: _History, source: str, files: Sequence[_File]) -> None:
    """What a history says in one batch of its keys of a source."""
    keys = [key for s, key in h.said if s == source]
    if len(keys) < h.rng.randint(1, 3):
        row = {column: draw(h) for column, draw in _DRAW.items()}
        key = tuple(row[k] for k in _KEYS[source])
        if key not in keys:
            h.said[source, key] = row
            keys.append(key)
            h.rng.choice(files).rows.append(dict(row))
    for key in keys:
        _say(h, source, key, files)


def _say(h: _History, source: str, key: tuple[str, ...], files: Sequence[_File]) -> None:
    row = h.said[source, key]
    columns = sorted({c.rstrip("!").partition("=")[2] or c.rstrip("!") for c in _SHAPES[source].split()})
    columns = [c for c in columns if c not in _KEYS[source]] + list(_EXTRAS)
    untracked = [c for c in columns if c in _UNTRACKED and not (c == "stock_quantity" and source == "inventory")]
    tracked = [c for c in columns if c not in untracked and c not in _EXTRAS]

    def changed(base: Texts, among: Sequence[str], most: int = 2) -> Texts:
        return base | {c: _DRAW[c](h) for c in h.rng.sample(among, h.rng.randint(1, min(most, len(among))))}

    def into(*rows: Texts | str) -> None:
        for one in rows:
            h.rng.choice(files).rows.append(one if isinstance(one, str) else laid(h.rng, one))

    action = h.rng.randrange(13)
    if action < 2:
        return
    if action == 2:
        pass
    elif action < 6:
        row = changed(row, tracked)
    elif action == 6:
        row = changed(row, [*untracked, *_EXTRAS])
    elif action == 7:
        row = row | {c: "" for c in h.rng.sample(columns, 3) if c not in _required(source)}
    elif action == 8:  # the same twice or thrice, otherwise spelled
        into(row, row | {"currency": f" {row['currency'].lower()}", "order_status": row["order_status"].upper()})
    elif action == 9:
        into(changed(row, tracked) | {"created_timestamp": h.one(("2020-01-01", "", "2025-03-30T01:00:00Z"))})
    elif action == 10:  # another of the same time, be it that it says the same after the cast
        into(changed(row, [c for c in columns if c != "created_timestamp"]))
    elif action == 11:
        column, text = h.rng.choice(_WRONG[source])
        into(row | {column: text.format(h.name + "-")})
        if h.rng.random() < 0.6:
            return
    else:
        into(h.one((f"{key[0]},too few", f'{key[0]},"never closed', f'"{key[0]}"x,after a quote')))
        if h.rng.random() < 0.6:
            return
    h.said[source, key] = row
    into(dict(row))


def _required(source: str) -> set[str]:
    return {c[:-1] for c in _SHAPES[source].split() if c.endswith("!")}
