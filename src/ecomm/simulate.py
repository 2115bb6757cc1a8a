"""A shop at play: batch after batch as a real one drops them, for demonstrations, long runs and pictures.

Day by day an invented shop takes orders, moves them on, ships them, takes some back, wins customers, changes prices and
fills its stock; each morning at six (UTC) its batch says what has changed. Now and then something goes wrong, as it
does: a batch comes two days late, a file is missing until the next day, a file has the wrong header and is sent anew,
single records are broken. All of it follows from a seed. Nobody and nothing in here is real.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ecomm.batches.trigger import TRIGGER
from ecomm.errors import StorageError, UsageError
from ecomm.settings import Settings

_HISTORY = 60  # days of orders that the first batch brings
_LATE, _MISSING, _BROKEN = 0.05, 0.05, 0.05  # chances of a day
_ODD = 0.004  # chance of a record to be broken

_COLUMNS = {
    "orders": "order_id customer_id product_id order_date order_amount currency payment_method order_status "
    "created_timestamp",
    "customers": "customer_id first_name last_name email phone registration_date city state country customer_tier "
    "created_timestamp",
    "products": "product_id product_name category subcategory brand price currency launch_date discontinued "
    "created_timestamp",
    "inventory": "product_id stock_quantity stock_status warehouse_location created_timestamp",
    "shipping": "order_id shipping_method shipping_cost currency tracking_number estimated_delivery actual_delivery "
    "created_timestamp",
}
_FIRST = (
    "Ada Ben Chiara Dario Elif Femi Greta Hugo Ines Jonas Kaya Liam Mina Noor Otto Priya Rosa Sami Tess Zoë".split()
)
_LAST = (
    "Abe Bauer Costa Dahl Evans Fox Garcia Hall Ito Jansen Kaya Lund Meyer Novak Okafor Petit Rossi Silva Weiss".split()
)
_PLACES = (
    ("Burlington", "VT", "United States"),
    ("Salt Lake City", "UT", "United States"),
    ("Richmond", "VA", "United States"),
    ("Portland", "OR", "United States"),
    ("Vancouver", "BC", "Canada"),
    ("Manchester", "England", "United Kingdom"),
)
# category: what it sells, the price of the cheapest, and the month (1-12) in which it sells best
_GOODS: Mapping[str, tuple[str, int, int]] = {
    "Books": ("Atlas|Cookbook|Crime Novel|Field Guide|Notebook|Poetry Collection|Travel Diary|Workbook", 9, 12),
    "Electronics": ("Earbuds|Keyboard|Power Bank|Projector|Smart Bulb|Soundbar|Tablet|Webcam", 25, 11),
    "Garden": ("Hand Fork|Hose|Lantern|Planter|Pruning Shears|Raised Bed|Rain Barrel|Seed Kit", 12, 5),
    "Home & Kitchen": ("Carafe|Chef's Knife|Dutch Oven|Kettle|Linen Set|Pan|Table Lamp|Wool Throw", 18, 10),
    "Sports & Outdoors": ("Daypack|Foam Roller|Headlamp|Rain Jacket|Running Belt|Tent|Trail Shoes|Yoga Mat", 15, 7),
    "Toys": ("Building Blocks|Card Game|Kite|Marble Run|Model Train|Plush Fox|Puzzle|Watercolours", 8, 12),
}
_BRANDS = ("Farlight", "Ironbarrow", "Northpier", "Suryaline", "Tallgrass")
_WAREHOUSES = ("Columbus OH", "Reno NV")
_NEXT = {"pending": "processing", "processing": "shipped", "shipped": "delivered", "delivered": "completed"}

Row = dict[str, object]


@dataclass(frozen=True)
class Write:
    """A file that comes to landing: the folder's name (a source or `trigger`), the file's, and its bytes."""

    place: str
    name: str
    content: bytes


@dataclass
class _Order:
    row: Row
    tracking: str = ""
    sent: date | None = None


@dataclass
class _Shop:
    """The shop as it stands: what it knows of everything, and what has changed since the last batch."""

    chance: random.Random
    orders_a_day: float
    opened: date
    customers: list[Row] = field(default_factory=list)
    products: list[Row] = field(default_factory=list)
    stock: dict[tuple[str, str], int] = field(default_factory=dict)
    open_orders: list[_Order] = field(default_factory=list)
    number: int = 0
    changed: dict[str, dict[object, Row]] = field(default_factory=lambda: {source: {} for source in _COLUMNS})


def play(seed: int, start: date, orders_a_day: float) -> Iterator[list[Write]]:
    """What comes to landing day by day from `start` on, in the order in which it is written; it never ends.

    A day is a list of files, a batch's trigger behind its files. It may be empty, and may hold several batches.
    """
    shop = _opened(random.Random(seed), start, orders_a_day)
    come: dict[date, list[Write]] = {}
    day = start
    while True:
        if day > start:
            _live(shop, day - timedelta(days=1))
        writes = _batch(shop, day, seed)
        fate = shop.chance.random() if day > start else 1.0
        tomorrow = day + timedelta(days=1)
        if fate < _LATE:
            come.setdefault(day + timedelta(days=2), []).extend(writes)
            writes = []
        elif fate < _LATE + _MISSING:
            come.setdefault(tomorrow, []).append(writes.pop(-2))
        elif fate < _LATE + _MISSING + _BROKEN:
            good = writes[0]
            come.setdefault(tomorrow, []).append(good)
            writes[0] = Write(good.place, good.name, good.content.replace(b"_id", b" number", 1))
        yield [*come.pop(day, []), *writes]
        day = tomorrow


def simulate(
    settings: Settings,
    days: int,
    *,
    start: date | None = None,
    seed: int | None = None,
    orders_a_day: float | None = None,
    every: float = 0.0,
    tell: Callable[[date, Sequence[Path]], None] = lambda *_: None,
) -> None:
    """Play so many days into the landing folder; where it was played before, the days after those.

    start: of the first time, default so that the last day is today. seed: default 1. orders_a_day: at the beginning,
    default 40. every: seconds between two days. tell: hears of each day and its files. Raises UsageError if the folder
    was played into in another way, StorageError.
    """
    known = _played(settings)
    if known is None:
        begin = start or datetime.now(UTC).date() - timedelta(days=days - 1)
        seed, orders_a_day, done = seed or 1, orders_a_day or 40.0, 0
    else:
        begin, last, before = known
        asked = {"--start": (start, begin), "--seed": (seed, before[0]), "--orders": (orders_a_day, before[1])}
        for flag, (now, then) in asked.items():
            if now not in (None, then):
                raise UsageError(f"{flag}: this landing folder was played into with {then}; leave it out to go on.")
        (seed, orders_a_day), done = before, (last - begin).days + 1
    folders = {name: settings.source_dir(name) / "source" for name in (*_COLUMNS, TRIGGER)}
    for number, writes in enumerate(play(seed, begin, orders_a_day)):
        if number >= done + days:
            return
        if number < done:
            continue
        if number > done:
            time.sleep(every)
        tell(begin + timedelta(days=number), [_put(folders[write.place], write) for write in writes])


def _put(folder: Path, write: Write) -> Path:
    """Write a file under another name first: a file that is seen is whole."""
    path = folder / write.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.tmp")
        part.write_bytes(write.content)
        part.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); check the folder's permissions.") from error
    return path


def _played(settings: Settings) -> tuple[date, date, tuple[int, float]] | None:
    """The first and last day that were played into a landing folder, and how: seed, orders a day."""
    folder, found = settings.source_dir(TRIGGER), dict[date, tuple[int, float]]()
    for path in [*folder.glob("source/shop_*.json"), *folder.glob("archive/*/shop_*.json")]:
        said = json.loads(path.read_text(encoding="utf-8"))
        how = said["metadata"]["simulated"]
        found[date.fromisoformat(said["batch_date"])] = (how["seed"], how["orders_a_day"])
    return (min(found), max(found), found[min(found)]) if found else None


# --- the shop's life ----------------------------------------------------------------------------------------------


def _opened(chance: random.Random, start: date, orders_a_day: float) -> _Shop:
    """The shop as it is when it sends its first batch, with the orders of sixty days."""
    first = start - timedelta(days=_HISTORY)
    shop = _Shop(chance, orders_a_day, first)
    for category, (names, cheapest, _) in _GOODS.items():
        for name in names.split("|"):
            _launch(shop, category, name, cheapest, first)
    for _ in range(int(3 * orders_a_day)):
        _register(shop, first - timedelta(days=chance.randrange(1, 900)))
    for n in range(_HISTORY):
        _live(shop, first + timedelta(days=n))
    return shop


def _live(shop: _Shop, day: date) -> None:
    """A day: what was ordered moves on, others order, stock is filled, customers come and change."""
    chance, age = shop.chance, (day - shop.opened).days
    for order in list(shop.open_orders):
        _move_on(shop, order, day)
    week = 1.25 if day.weekday() >= 5 else 0.95
    sale = 1.8 if day.day >= 28 and day.month in (5, 11) else 1.0
    wanted = shop.orders_a_day * week * sale * (1 + age / 900) * chance.uniform(0.85, 1.15)
    appeal = [*itertools.accumulate(_appeal(product, day, n) for n, product in enumerate(shop.products))]
    for product in chance.choices(shop.products, cum_weights=appeal, k=round(wanted)):
        _order(shop, product, day)
    for _ in range(round(wanted / 8)):
        _register(shop, day)
    for customer in chance.sample(shop.customers, max(1, len(shop.customers) // 400)):
        city, state, country = chance.choice(_PLACES)
        shop.changed["customers"][customer["customer_id"]] = customer
        customer |= {"city": city, "state": state, "country": country}
        customer["customer_tier"] = chance.choice(["bronze", "silver", "silver", "gold", "platinum"])
    if day.day in (1, 15):
        for product in chance.sample(shop.products, len(shop.products) // 8):
            product["price"] = f"{float(str(product['price'])) * chance.uniform(0.88, 1.12):.2f}"
            shop.changed["products"][product["product_id"]] = product
    for place, left in shop.stock.items():
        if left < 6:
            _stock(shop, place, left + chance.randrange(40, 120), day)


def _order(shop: _Shop, product: Row, day: date) -> None:
    chance, known = shop.chance, len(shop.customers)
    customer = shop.customers[chance.randrange(known * 2 // 3 if chance.random() < 0.5 else 0, known)]
    shop.number += 1
    pieces = chance.choices((1, 2, 3), (8, 2, 1))[0]
    row: Row = {
        "order_id": f"SO{shop.number:07}",
        "customer_id": customer["customer_id"],
        "product_id": product["product_id"],
        "order_date": day,
        "order_amount": f"{float(str(product['price'])) * pieces:.2f}",
        "currency": "USD",
        "payment_method": chance.choice(["credit_card", "credit_card", "paypal", "apple_pay", "bank_transfer"]),
        "order_status": "pending",
        "created_timestamp": _at(day, min(23, max(0, int(chance.gauss(15, 5)))), chance.randrange(60)),
    }
    shop.open_orders.append(_Order(row))
    shop.changed["orders"][row["order_id"]] = row
    place = (str(product["product_id"]), chance.choice(_WAREHOUSES))
    _stock(shop, place, max(0, shop.stock[place] - pieces), day)


def _appeal(product: Row, day: date, number: int) -> float:
    """How likely a product is to be bought: some always are, and each category has its season."""
    best = _GOODS[str(product["category"])][2]
    season = 1 + 0.6 * math.cos((day.month - best) * math.pi / 6)
    return season * (1 + 5 / (1 + number * 7 % 48))


def _move_on(shop: _Shop, order: _Order, day: date) -> None:
    chance, row = shop.chance, order.row
    status = str(row["order_status"])
    if chance.random() < 0.35:
        return
    if status == "pending" and chance.random() < 0.03:
        row["order_status"] = "cancelled"
    elif status == "delivered" and chance.random() < 0.06:
        row["order_status"] = "returned"
    else:
        row["order_status"] = _NEXT[status]
    shop.changed["orders"][row["order_id"]] = row
    if row["order_status"] == "shipped":
        order.sent, order.tracking = day, f"1Z{shop.number:06}{chance.randrange(10**8):08}"
        _ship(shop, order, None)
    elif row["order_status"] == "delivered":
        _ship(shop, order, day)
    if row["order_status"] not in _NEXT:
        shop.open_orders.remove(order)


def _ship(shop: _Shop, order: _Order, delivered: date | None) -> None:
    """The parcel is sent or, as the same parcel, delivered."""
    assert order.sent is not None
    number = int(order.tracking[-8:])
    shop.changed["shipping"][order.tracking] = {
        "order_id": order.row["order_id"],
        "shipping_method": "standard" if number % 4 else "express",
        "shipping_cost": "5.90" if number % 3 else "0.00",
        "currency": "USD",
        "tracking_number": order.tracking,
        "estimated_delivery": order.sent + timedelta(days=2 if number % 7 == 0 else 7),
        "actual_delivery": delivered,
        "created_timestamp": _at(order.sent, 17),
    }


def _stock(shop: _Shop, place: tuple[str, str], left: int, day: date) -> None:
    shop.stock[place] = left
    shop.changed["inventory"][place] = {
        "product_id": place[0],
        "stock_quantity": left,
        "stock_status": "out_of_stock" if left == 0 else "low_stock" if left < 12 else "in_stock",
        "warehouse_location": place[1],
        "created_timestamp": _at(day, 22),
    }


def _launch(shop: _Shop, category: str, name: str, cheapest: int, day: date) -> None:
    chance, product_id = shop.chance, f"SP{len(shop.products) + 1:04}"
    brand, launched = chance.choice(_BRANDS), day - timedelta(days=chance.randrange(30, 1500))
    product: Row = {
        "product_id": product_id,
        "product_name": f"{brand} {name}",
        "category": category,
        "subcategory": chance.choice(["Basics", "Bestsellers", "Premium"]),
        "brand": brand,
        "price": f"{cheapest * chance.uniform(1, 9):.2f}",
        "currency": "USD",
        "launch_date": launched,
        "discontinued": "false",
        "created_timestamp": _at(launched, 9),
    }
    shop.products.append(product)
    shop.changed["products"][product_id] = product
    for warehouse in _WAREHOUSES:
        _stock(shop, (product_id, warehouse), chance.randrange(20, 90), day)


def _register(shop: _Shop, day: date) -> None:
    chance, customer_id = shop.chance, f"SC{len(shop.customers) + 1:06}"
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    city, state, country = chance.choice(_PLACES)
    customer: Row = {
        "customer_id": customer_id,
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}.{len(shop.customers) + 1}@example.com".lower().replace("ë", "e"),
        "phone": f"802-555-01{chance.randrange(100):02}",
        "registration_date": day,
        "city": city,
        "state": state,
        "country": country,
        "customer_tier": "bronze",
        "created_timestamp": _at(day, 8),
    }
    shop.customers.append(customer)
    shop.changed["customers"][customer_id] = customer


# --- what it sends ------------------------------------------------------------------------------------------------


def _batch(shop: _Shop, day: date, seed: int) -> list[Write]:
    """The files of what has changed since the last batch, and their trigger."""
    stem, writes = f"{day:%Y_%m_%d}", list[Write]()
    for source, changed in shop.changed.items():
        if changed:
            rows = [_odd(shop.chance, row) for row in changed.values()]
            writes.append(Write(source, f"{source}_{stem}.csv", _csv(source, rows)))
            changed.clear()
    said = {
        "trigger_id": f"shop_{stem}",
        "trigger_timestamp": f"{day.isoformat()}T06:00:00Z",
        "batch_date": day.isoformat(),
        "expected_files": [write.name for write in writes],
        "client_name": "Larch & Lantern",
        "data_files_ready": True,
        "metadata": {"simulated": {"seed": seed, "orders_a_day": shop.orders_a_day}},
    }
    return [*writes, Write(TRIGGER, f"shop_{stem}.json", json.dumps(said, indent=1).encode())]


def _odd(chance: random.Random, row: Row) -> Row:
    """A record, rarely with one of the faults that real ones have."""
    if chance.random() >= _ODD:
        return row
    column = chance.choice(list(row))
    odd: Mapping[str, object] = {"order_amount": "-5.00", "stock_quantity": -1, "price": "0.00", "email": "nobody"}
    return row | {column: odd.get(column, "")}


def _at(day: date, hour: int, minute: int = 0) -> str:
    return f"{day} {hour:02}:{minute:02}:00"


def _csv(source: str, rows: Sequence[Row]) -> bytes:
    text, columns = io.StringIO(), _COLUMNS[source].split()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return text.getvalue().encode()
