"""Writes the sample data: two days of an invented shop, the same bytes each time.

    python data/generate.py            writes ten CSV files, two triggers and README.md into this folder
    python data/generate.py --check    writes nothing; exit code 1 if a file on disk differs

This file makes plain rows. `planted.py` lists every odd or broken row beside what it must become,
`sheets.py` puts both together and checks them, `shop.py` holds the words, `readme.py` writes README.md.
"""

import argparse
import json
import re
import sys
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from pathlib import Path
from random import Random

import planted
import readme
import shop
from planted import ACCEPTED, Planted
from sheets import SOURCES, TRIGGERS, Row, Sheet, check, check_every_rule, deal, fresh, weave

# The text of the README's section "Twelve figures". It is counted by hand, not by this program.
FIGURES = """\
Counted by hand from the accepted records, without the pipeline; a test holds the tables to them.
One record a key stays in force: the one of the later day.

| figure | on 15 January | on 16 January | how it is counted |
| --- | --- | --- | --- |
| orders | 462 | 732 | 462 accepted; then 462 + 478 accepted - 208 order ids that both days state |
| customers | 194 | 206 | 194 accepted; then 194 + 67 - 55 that both days state |
| products | 118 | 124 | 118 accepted; then 118 + 54 - 48 that both days state |
| cancelled orders | 39 | 50 | status `cancelled` or `canceled` in any spelling |
| revenue orders | 379 | 624 | without EUR (1), 0.00 (1), cancelled, returned, refunded, failed (81; 106) |
| revenue | 156242.86 | 178271.13 | the sum of order_amount over the revenue orders, USD |
"""

SEED = 20250115
FIRST_ORDER_DAY = date(2024, 11, 16)
CUSTOMERS, NEW_CUSTOMERS, CHANGED_CUSTOMERS, REPEATED_CUSTOMERS = 200, 12, 25, 24
ORDERS, NEW_ORDERS, CHANGED_ORDERS, REPEATED_ORDERS = 500, 285, 160, 48
CHANGED_PRICES, REPEATED_PRODUCTS = 15, 28
REPEATED_PARCELS = 24
FOLDER = Path(__file__).parent

Stock = dict[str, dict[str, int]]  # product -> warehouse -> quantity

# Chances: each word as often as its number says.
TIERS = {"bronze": 45, "silver": 30, "gold": 17, "platinum": 6, "vip": 2}
PAYMENTS = {
    "credit_card": 38, "paypal": 20, "debit_card": 14, "apple_pay": 9, "google_pay": 7, "klarna": 5,
    "gift_card": 3, "bank_transfer": 2, "store_credit": 2,
}  # fmt: skip
BUSY_HOURS = (2, 1, 1, 1, 1, 2, 4, 6, 8, 10, 11, 11, 12, 11, 10, 10, 11, 12, 14, 16, 16, 13, 8, 4)
CHANNELS = {"web": 45, "mobile_app": 35, "store": 12, "marketplace": 8}
STATUS_AT_AGE = (  # (up to this many days old, chances)
    (1, {"pending": 40, "confirmed": 25, "processing": 28, "shipped": 2, "cancelled": 4, "on_hold": 3}),
    (4, {"pending": 10, "confirmed": 10, "processing": 28, "shipped": 45, "cancelled": 5, "on_hold": 2}),
    (12, {"processing": 4, "shipped": 38, "delivered": 50, "cancelled": 5, "failed": 1, "returned": 2}),
    (99, {"delivered": 42, "completed": 38, "returned": 7, "refunded": 3, "cancelled": 8, "failed": 2}),
)
NEXT_STATUS = {
    "pending": {"confirmed": 5, "processing": 4, "cancelled": 2},
    "confirmed": {"processing": 3, "shipped": 5, "cancelled": 1},
    "processing": {"shipped": 8, "cancelled": 1},
    "on_hold": {"processing": 2, "cancelled": 1},
    "shipped": {"delivered": 1},
    "delivered": {"completed": 4, "returned": 1},
    "returned": {"refunded": 1},
}
SHIPPED = ("shipped", "delivered", "completed", "returned", "refunded")
ARRIVED = SHIPPED[1:]
METHODS = {"standard": (5, "5.99"), "ground": (6, "4.99"), "economy": (8, "3.49"), "express": (2, "14.99"),
           "priority": (3, "9.99"), "two_day": (2, "12.99")}  # fmt: skip
METHOD_CHANCES = {"standard": 45, "ground": 20, "economy": 10, "express": 10, "priority": 10, "two_day": 5}
TRACKING = {"ups": "1Z8#7W#0####7#####", "usps": "94001###########", "fedex": "7###########",
            "dhl": "JD0146########", "gls": "00#########"}  # fmt: skip


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


# Chance


def chance(about: str) -> Random:
    """Luck of its own for each subject, so that a change here does not move everything there."""
    return Random(f"{SEED} {about}")


def pick(luck: Random, chances: dict[str, int]) -> str:
    return luck.choices(list(chances), list(chances.values()))[0]


def moment_between(luck: Random, start: datetime, end: datetime) -> datetime:
    return start + timedelta(seconds=luck.randrange(int((end - start).total_seconds())))


def day_between(luck: Random, start: date, end: date) -> date:
    return start + timedelta(days=luck.randrange((end - start).days))


def digits(luck: Random, pattern: str) -> str:
    """The pattern with a digit for each `#`."""
    return re.sub("#", lambda _: str(luck.randrange(10)), pattern)


# Customers


def plain_letters(name: str) -> str:
    """A name as it stands in an e-mail address."""
    name = name.lower().replace("ß", "ss")
    return "".join(letter for letter in unicodedata.normalize("NFKD", name) if "a" <= letter <= "z")


def make_email(luck: Random, first: str, last: str, taken: set[str]) -> str:
    first, last = plain_letters(first), plain_letters(last)
    user = luck.choice(
        (f"{first}.{last}", f"{first}.{last}", f"{first[0]}{last}", f"{first}_{last}", f"{last}.{first}")
    )
    domain = luck.choice(("example.com", "example.com", "example.org", "example.net"))
    while f"{user}@{domain}" in taken:
        user += str(luck.randrange(2, 99))
    taken.add(f"{user}@{domain}")
    return f"{user}@{domain}"


def make_home(luck: Random, place: shop.Place) -> Row:
    """Address and phone in a place."""
    streets = shop.STREETS.get(place.country, shop.ENGLISH_STREETS)
    english = streets is shop.ENGLISH_STREETS
    house = luck.randrange(3, 40 if not english else 2900 if place.country == "United States" else 160)
    door = luck.randrange(1, 30)
    flat = luck.choice(("", "", "", "", f", Apt {door}", f", Apt {door}B", f", Unit {door}"))
    return {
        "phone": digits(luck, place.phone),
        "address": luck.choice(streets).format(house) + (flat if english else ""),
        "city": place.city,
        "state": place.state,
        "zip_code": luck.choice(place.zip_codes),
        "country": place.country,
    }


def make_customer(luck: Random, number: int, registered: datetime, now: datetime, taken: set[str]) -> Row:
    place = luck.choice(shop.US_PLACES if luck.randrange(100) < 74 else shop.WORLD_PLACES)
    firsts, lasts = shop.NAMES.get(place.country, (shop.ENGLISH_FIRST_NAMES, shop.ENGLISH_LAST_NAMES))
    first, last = luck.choice(firsts.split()), luck.choice(lasts.split())
    return {
        "customer_id": f"CUST{number:04}",
        "first_name": first,
        "last_name": last,
        "email": make_email(luck, first, last, taken),
        "date_of_birth": day_between(luck, date(1944, 1, 1), date(2006, 6, 30)).isoformat(),
        "registration_date": registered.date().isoformat(),
        **make_home(luck, place),
        "customer_tier": pick(luck, TIERS),
        "last_login": stamp(moment_between(luck, max(registered, now - timedelta(days=90)), now)),
        "created_timestamp": stamp(registered),
    }


def first_customers() -> list[Row]:
    luck, taken = chance("customers"), set[str]()
    start, end = datetime(2021, 2, 1), datetime(2025, 1, 12)
    joined = sorted(moment_between(luck, start, end) for _ in range(CUSTOMERS))
    return [make_customer(luck, n, at, TRIGGERS[0], taken) for n, at in enumerate(joined, 1)]


def changed_customer(luck: Random, row: Row, at: datetime) -> Row:
    """The customer after a move or with another tier."""
    change: Row = {"customer_tier": luck.choice([tier for tier in TIERS if tier != row["customer_tier"]])}
    if luck.randrange(2):
        places = [place for place in (*shop.US_PLACES, *shop.WORLD_PLACES) if place.country == row["country"]]
        change = make_home(luck, luck.choice(places)) | {"phone": row["phone"]}
    return row | change | {"last_login": stamp(at), "created_timestamp": stamp(at)}


def second_customers(known: list[Row], spares: int) -> tuple[list[Row], list[Row]]:
    """Changed, repeated and new customers; and rows to plant in."""
    luck, taken = chance("customers 2"), {row["email"] for row in known}
    changed, repeated, to_plant = draw(luck, known, CHANGED_CUSTOMERS, REPEATED_CUSTOMERS, spares)
    start, end = TRIGGERS[0], TRIGGERS[1] - timedelta(hours=1)
    rows = repeated + [changed_customer(luck, row, moment_between(luck, start, end)) for row in changed]
    joined = sorted(moment_between(luck, start, start + timedelta(hours=8)) for _ in range(NEW_CUSTOMERS))
    rows += [make_customer(luck, n, at, end, taken) for n, at in enumerate(joined, CUSTOMERS + 1)]
    to_plant = [changed_customer(luck, row, end) for row in to_plant]
    return by_id("customer_id", rows), by_id("customer_id", to_plant)


def draw(luck: Random, rows: list[Row], *sizes: int) -> list[list[Row]]:
    """Groups of these sizes, no row in two of them."""
    chosen = iter(luck.sample(rows, sum(sizes)))
    return [list(islice(chosen, size)) for size in sizes]


def by_id(column: str, rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row[column])


# Products and stock


def make_product(luck: Random, number: int, item: shop.Item, launched: datetime, stock: Stock) -> Row:
    product_id = f"P{number:03}"
    description = luck.choice(shop.DESCRIPTIONS[item.category])
    return {
        "product_id": product_id,
        "product_name": item.name,
        "category": item.category,
        "subcategory": item.subcategory,
        "brand": item.brand,
        "price": item.price,
        "currency": "USD",
        "stock_quantity": str(sum(stock[product_id].values())),
        "weight_kg": item.weight_kg,
        "dimensions_cm": item.dimensions_cm,
        "color": item.color,
        "material": item.material,
        "description": description.format(Color=item.color.capitalize(), color=item.color, material=item.material),
        "launch_date": launched.date().isoformat(),
        "discontinued": "false",
        "created_timestamp": stamp(launched),
    }


def first_stock() -> Stock:
    """Each product, those of day 2 too, lies in one to three warehouses."""
    luck, stock = chance("stock"), Stock()
    for number in range(1, len(shop.CATALOGUE + shop.NEW_ITEMS) + 1):
        names = sorted(luck.sample(list(shop.WAREHOUSES), luck.choice((1, 2, 2, 3))))
        amounts = (0, 4, 9, 18, 35, 60, 85, 120, 160, 240, 310)
        stock[f"P{number:03}"] = {name: luck.choice(amounts) + luck.choice((0, 1, 3, 7)) for name in names}
    return stock


def first_products(stock: Stock) -> list[Row]:
    luck = chance("products")
    catalogue = luck.sample(shop.CATALOGUE, len(shop.CATALOGUE))
    start, end = datetime(2019, 3, 1), datetime(2024, 12, 1)
    launches = sorted(moment_between(luck, start, end) for _ in catalogue)
    rows = []
    for number, (item, launched) in enumerate(zip(catalogue, launches, strict=True), 1):
        rows.append(make_product(luck, number, item, launched, stock))
    return rows


def new_price(luck: Random, price: str) -> str:
    """Some per cent more or less, ending in 9 cents."""
    factor = luck.choice(("0.88", "0.90", "0.94", "1.06", "1.08", "1.12"))
    return f"{(Decimal(price) * Decimal(factor)).quantize(Decimal('0.1'), ROUND_HALF_UP) - Decimal('0.01')}"


def second_products(known: list[Row], stock: Stock, later: Stock, spares: int) -> tuple[list[Row], list[Row]]:
    """New prices, one product given up, repeated and new products; and rows to plant in.

    What is repeated keeps its stock, what is given up loses it: so in `later` too.
    """
    luck = chance("products 2")
    changed, given_up, repeated, to_plant = draw(luck, known, CHANGED_PRICES, 1, REPEATED_PRODUCTS, spares)
    later |= {row["product_id"]: stock[row["product_id"]] for row in repeated}
    later |= {row["product_id"]: dict.fromkeys(stock[row["product_id"]], 0) for row in given_up}
    rows = list(repeated)
    for row in changed:
        at = datetime(2025, 1, 15, 22, luck.randrange(60), luck.randrange(60))
        rows.append(restated(row, later, at, price=new_price(luck, row["price"])))
    rows += [restated(row, later, datetime(2025, 1, 15, 17, 30), discontinued="true") for row in given_up]
    for number, item in enumerate(shop.NEW_ITEMS, len(shop.CATALOGUE) + 1):
        rows.append(make_product(luck, number, item, datetime(2025, 1, 15, 9, number - 100), later))
    to_plant = [restated(row, later, datetime(2025, 1, 15, 23, 15)) for row in to_plant]
    return by_id("product_id", rows), by_id("product_id", to_plant)


def restated(row: Row, stock: Stock, at: datetime, **cells: str) -> Row:
    """The product as it is said at a later moment."""
    quantity = sum(stock[row["product_id"]].values())
    return row | {"stock_quantity": str(quantity), "created_timestamp": stamp(at)} | cells


def stock_after(stock: Stock) -> Stock:
    """A day later: some sold, some refilled."""
    luck = chance("stock 2")
    return {
        product_id: {name: quantity_after(luck, quantity) for name, quantity in quantities.items()}
        for product_id, quantities in stock.items()
    }


def quantity_after(luck: Random, quantity: int) -> int:
    if luck.randrange(12) == 0:
        return quantity + luck.choice((40, 60, 100))
    return max(0, quantity - luck.choice((0, 0, 1, 1, 2, 3, 5, 8)))


def stock_status(quantity: int) -> str:
    return "out_of_stock" if quantity == 0 else "low_stock" if quantity <= 10 else "in_stock"


def first_inventory(stock: Stock, listed: set[str]) -> list[Row]:
    luck = chance("inventory")
    return [
        {
            "product_id": product_id,
            "stock_quantity": str(quantity),
            "stock_status": stock_status(quantity),
            "warehouse_location": warehouse,
            "last_updated": stamp(moment_between(luck, datetime(2025, 1, 13), datetime(2025, 1, 15))),
            "created_timestamp": stamp(datetime(2025, 1, 15, 2, luck.randrange(30), luck.randrange(60))),
        }
        for product_id, quantities in stock.items()
        if product_id in listed
        for warehouse, quantity in quantities.items()
    ]


def second_inventory(stock: Stock, listed: set[str]) -> list[Row]:
    """The other shape: the new products' stock lies in bins, the rest has none."""
    luck, rows = chance("inventory 2"), []
    places = [(p, w, q) for p, quantities in stock.items() if p in listed for w, q in quantities.items()]
    for number, (product_id, warehouse, quantity) in enumerate(places, 1):
        reserved = min(quantity, luck.choice((0, 0, 1, 2, 4, 6)))
        is_new = int(product_id[1:]) > len(shop.CATALOGUE)
        rows.append({
            "inventory_id": f"INV{number:05}",
            "product_id": product_id,
            "warehouse_id": shop.WAREHOUSES[warehouse],
            "warehouse_name": warehouse,
            "location": digits(luck, "B-0#-1#") if is_new else "",
            "stock_quantity": str(quantity),
            "reserved_quantity": str(reserved),
            "available_quantity": str(quantity - reserved),
            "reorder_level": luck.choice(("10", "15", "20", "25")),
            "last_restocked": day_between(luck, date(2024, 12, 1), date(2025, 1, 16)).isoformat(),
            "last_audit": stamp(moment_between(luck, datetime(2025, 1, 15, 8), datetime(2025, 1, 16))),
            "created_timestamp": stamp(datetime(2025, 1, 16, 2, luck.randrange(30), luck.randrange(60))),
        })  # fmt: skip
    return rows


# Orders


def order_moments(luck: Random) -> list[datetime]:
    """Sixty days with a Black Friday, a Christmas, and a sale that began a week ago."""
    days = [FIRST_ORDER_DAY + timedelta(days=n) for n in range((TRIGGERS[0].date() - FIRST_ORDER_DAY).days)]
    chosen = luck.choices(days, [busyness(day) for day in days], k=ORDERS)
    hours = luck.choices(range(24), BUSY_HOURS, k=ORDERS)
    return sorted(
        datetime(day.year, day.month, day.day, hour, luck.randrange(60), luck.randrange(60))
        for day, hour in zip(chosen, hours, strict=True)
    )


def busyness(day: date) -> int:
    if day >= date(2025, 1, 7):
        return 4
    if date(2024, 11, 29) <= day <= date(2024, 12, 2):
        return 3
    return 2 if day.month == 12 else 1


def order_amount(luck: Random, price: Decimal) -> str:
    """A few pieces, at times with a discount."""
    pieces = 1 if price > 150 else luck.choice((1, 1, 1, 2, 2, 3) if price > 20 else (1, 2, 2, 3, 4, 5))
    share = luck.choice((100, 100, 100, 100, 100, 100, 95, 90, 85))
    return f"{(pieces * price * share / 100).quantize(Decimal('0.01'), ROUND_HALF_UP)}"


def full_address(customer: Row) -> str:
    if customer["country"] == "United States":
        return "{address}, {city}, {state} {zip_code}".format(**customer)
    if customer["country"] in shop.STREETS:
        return "{address}, {zip_code} {city}, {country}".format(**customer)
    return "{address}, {city} {zip_code}, {country}".format(**customer)


class Market:
    """Who can buy what at a moment, and at which price."""

    def __init__(self, luck: Random, customers: list[Row], products: list[Row]) -> None:
        """Of several rows of one product the last that is not from the future holds."""
        self.luck, self.customers, self.products = luck, customers, products
        self.eager = {row["customer_id"]: luck.choice((1, 1, 1, 2, 3, 5, 9)) for row in customers}
        self.liked = {row["product_id"]: luck.choice((1, 1, 1, 2, 2, 4, 7)) for row in products}

    def order(self, number: int, at: datetime, status: str) -> Row:
        offers = {row["product_id"]: row for row in self.products if row["created_timestamp"] <= stamp(at)}
        sold = [row for row in offers.values() if row["discontinued"] == "false"]
        present = [row for row in self.customers if row["created_timestamp"] <= stamp(at)]
        product = self.luck.choices(sold, [self.liked[row["product_id"]] for row in sold])[0]
        customer = self.luck.choices(present, [self.eager[row["customer_id"]] for row in present])[0]
        return {
            "order_id": f"ORD{number:06}",
            "customer_id": customer["customer_id"],
            "product_id": product["product_id"],
            "order_date": f"{at:%Y-%m-%d}",
            "order_amount": order_amount(self.luck, Decimal(product["price"])),
            "currency": "USD",
            "payment_method": pick(self.luck, PAYMENTS),
            "shipping_address": full_address(customer),
            "order_status": status,
            "created_timestamp": stamp(at),
        }


def status_on(luck: Random, at: datetime, now: datetime) -> str:
    """What an order of that moment has become by now."""
    chances = next(chances for days, chances in STATUS_AT_AGE if (now - at).days < days)
    return pick(luck, chances)


def first_orders(customers: list[Row], products: list[Row]) -> list[Row]:
    luck = chance("orders")
    market = Market(luck, customers, products)
    moments = enumerate(order_moments(luck), 1)
    return [market.order(number, at, status_on(luck, at, TRIGGERS[0])) for number, at in moments]


def changed_orders(luck: Random, known: list[Row]) -> list[Row]:
    """Orders of day 1 that went on: first those on the way, then some that had arrived."""
    on_the_way = [row for row in known if row["order_status"] in NEXT_STATUS and row["order_status"] not in ARRIVED]
    arrived = [row for row in known if row["order_status"] in NEXT_STATUS and row["order_status"] in ARRIVED]
    moving = luck.sample(on_the_way, len(on_the_way) * 3 // 4)
    moving += luck.sample(arrived, CHANGED_ORDERS - len(moving))
    start, end = TRIGGERS[0], TRIGGERS[1] - timedelta(minutes=20)
    changed = []
    for row in moving:
        at, status = moment_between(luck, start, end), pick(luck, NEXT_STATUS[row["order_status"]])
        changed.append(row | {"order_status": status, "created_timestamp": stamp(at)})
    return changed


def second_orders(known: list[Row], market: Market, spares: int) -> tuple[list[Row], list[Row]]:
    """Orders that went on, resent ones, and new ones by time; and rows to plant in."""
    luck = market.luck
    start, end = TRIGGERS[0], TRIGGERS[1] - timedelta(minutes=15)
    moments = sorted(moment_between(luck, start, end) for _ in range(NEW_ORDERS))
    chances = STATUS_AT_AGE[0][1]
    new = [market.order(number, at, pick(luck, chances)) for number, at in enumerate(moments, ORDERS + 1)]
    new, to_plant = deal(new, spares)
    changed = changed_orders(luck, known)
    moved = {row["order_id"] for row in changed}
    resent = luck.sample([row for row in known if row["order_id"] not in moved], REPEATED_ORDERS)
    rows = sorted(changed + resent + new, key=lambda row: (row["created_timestamp"], row["order_id"]))
    return with_channel(luck, rows), with_channel(luck, to_plant)


def with_channel(luck: Random, rows: list[Row]) -> list[Row]:
    return [row | {"sales_channel": pick(luck, CHANNELS)} for row in rows]


# Shipping


def parcel_size(product: Row) -> str:
    """A box somewhat larger than what is in it."""
    return "x".join(str(int(side) + 4) for side in product["dimensions_cm"].split("x"))


def make_shipment(luck: Random, number: int, order: Row, product: Row, now: datetime) -> Row:
    """A parcel, with the columns of both shapes."""
    ordered = datetime.fromisoformat(order["created_timestamp"])
    packed = min(ordered + timedelta(minutes=luck.randrange(90, 1800)), now - timedelta(minutes=luck.randrange(5, 90)))
    method = pick(luck, METHOD_CHANCES)
    days, cost = METHODS[method]
    carrier = luck.choice(list(TRACKING))
    due = packed.date() + timedelta(days=days)
    came = due + timedelta(days=luck.choice((-1, -1, 0, 0, 0, 0, 1, 3)))
    row = {
        "shipping_id": f"SHP{number:06}",
        "order_id": order["order_id"],
        "tracking_number": digits(luck, TRACKING[carrier]),
        "shipping_method": method,
        "carrier": carrier,
        "origin_warehouse": luck.choice(list(shop.WAREHOUSES)),
        "destination_address": order["shipping_address"],
        "shipping_cost": "0.00" if Decimal(order["order_amount"]) > 100 and days > 3 else cost,
        "currency": "USD",
        "package_weight": f"{Decimal(product['weight_kg']) + Decimal('0.15'):.2f}",
        "dimensions_cm": parcel_size(product),
        "estimated_delivery": due.isoformat(),
        "actual_delivery": "",
        "insurance_value": order["order_amount"] if Decimal(order["order_amount"]) > 150 else "",
        "created_timestamp": stamp(packed),
    }
    if order["order_status"] in ARRIVED:
        row["actual_delivery"] = max(packed.date(), min(came, now.date() - timedelta(days=1))).isoformat()
    return row


def in_second_shape(shipment: Row, order_status: str) -> Row:
    status = {"shipped": "in_transit", "returned": "returned"}.get(order_status, "delivered")
    return shipment | {
        "service_type": shipment["shipping_method"],
        "package_dimensions": shipment["dimensions_cm"],
        "shipping_status": status,
    }


def first_shipping(orders: list[Row], products: dict[str, Row]) -> list[Row]:
    luck = chance("shipping")
    sent = [order for order in orders if order["order_status"] in SHIPPED]
    return [make_shipment(luck, n, row, products[row["product_id"]], TRIGGERS[0]) for n, row in enumerate(sent, 1)]


def second_shipping(before: list[Row], orders: list[Row], products: dict[str, Row]) -> list[Row]:
    """Parcels that left, arrived or came back since day 1, and some that are said again."""
    luck, rows = chance("shipping 2"), []
    known = {row["order_id"]: row for row in before}
    last = max(int(row["shipping_id"][3:]) for row in before)
    for order in orders:
        status, parcel = order["order_status"], known.pop(order["order_id"], None)
        if parcel is None and status == "shipped":
            last += 1
            parcel = make_shipment(luck, last, order, products[order["product_id"]], TRIGGERS[1])
            rows.append(in_second_shape(parcel, status))
        elif parcel and status == "delivered" and not parcel["actual_delivery"]:
            rows.append(in_second_shape(parcel | {"actual_delivery": "2025-01-15"}, status))
        elif parcel and status == "returned":
            rows.append(in_second_shape(parcel, status))
    waiting = [row for row in known.values() if not row["actual_delivery"]]
    return by_id("shipping_id", rows + [in_second_shape(row, "shipped") for row in waiting[:REPEATED_PARCELS]])


# The two days


def sheet(source: str, day: int, plain: list[Row], spares: list[Row], specs: list[Planted]) -> Sheet:
    return Sheet(source, day, weave(plain, spares, specs))


def dealt_sheet(source: str, day: int, rows: list[Row], specs: list[Planted]) -> Sheet:
    """A file whose planted rows are made of some of its own."""
    return sheet(source, day, *deal(rows, fresh(specs)), specs)


def sendable(orders: Sheet) -> list[Row]:
    """Accepted orders that say plainly what a parcel must know."""
    touched = {"order_id", "product_id", "order_amount", "shipping_address", "created_timestamp"}
    sure = [r for r in orders.records if not (r.planted and touched & r.planted.cells.keys())]
    return [record.row for record in sure if record.becomes == ACCEPTED]


def first_day(stock: Stock) -> dict[str, Sheet]:
    customers = dealt_sheet("customers", 0, first_customers(), planted.CUSTOMERS_1)
    products = dealt_sheet("products", 0, first_products(stock), planted.PRODUCTS_1)
    inventory = dealt_sheet("inventory", 0, first_inventory(stock, products.accepted()), planted.INVENTORY_1)
    orders = dealt_sheet("orders", 0, first_orders(customers.plain(), products.plain()), planted.ORDERS_1)
    by_product = {row["product_id"]: row for row in products.plain()}
    shipping = dealt_sheet("shipping", 0, first_shipping(sendable(orders), by_product), planted.SHIPPING_1)
    products.bom, shipping.newline = True, "\r\n"
    return {found.source: found for found in (orders, customers, products, inventory, shipping)}


def second_day(before: dict[str, Sheet], stock: Stock) -> dict[str, Sheet]:
    old_customers, old_products = before["customers"].plain(), before["products"].plain()
    later = stock_after(stock)
    rows, spares = second_customers(old_customers, fresh(planted.CUSTOMERS_2))
    customers = sheet("customers", 1, rows, spares, planted.CUSTOMERS_2)
    rows, spares = second_products(old_products, stock, later, fresh(planted.PRODUCTS_2))
    products = sheet("products", 1, rows, spares, planted.PRODUCTS_2)
    listed = before["products"].accepted() | products.accepted()
    inventory = dealt_sheet("inventory", 1, second_inventory(later, listed), planted.INVENTORY_2)
    joined = [row for row in customers.plain() if row["registration_date"] == "2025-01-15"]
    market = Market(chance("orders 2"), old_customers + joined, old_products + products.plain())
    rows, spares = second_orders(before["orders"].plain(), market, fresh(planted.ORDERS_2))
    orders = sheet("orders", 1, rows, spares, planted.ORDERS_2)
    by_product = {row["product_id"]: row for row in market.products}
    parcels = second_shipping(before["shipping"].plain(), orders.plain(), by_product)
    shipping = dealt_sheet("shipping", 1, parcels, planted.SHIPPING_2)
    inventory.ends_with_newline = False
    return {found.source: found for found in (orders, customers, products, inventory, shipping)}


NOTES = (
    "Initial load: the orders of the last 60 days, all customers, products and stock.",
    "Busiest day of the sale. Orders now name a sales_channel; stock and parcels come from a new program.",
)


def trigger(day: int, sheets: list[Sheet]) -> bytes:
    """The JSON file that announces a batch."""
    at = TRIGGERS[day]
    content = {
        "trigger_id": f"batch_{at:%Y_%m_%d}",
        "trigger_timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "batch_date": f"{at:%Y-%m-%d}",
        "expected_files": [found.name for found in sheets],
        "client_name": "Harbor & Larch",
        "source_system": "shop_backend",
        "processing_priority": ("high", "normal")[day],
        "data_files_ready": True,
        "metadata": {
            "load_type": ("initial", "daily")[day],
            "time_zone": "UTC",
            "record_counts": {found.name: len(found.records) for found in sheets},
        },
        "processing_notes": NOTES[day],
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def files() -> dict[str, bytes]:
    """Everything this program writes: name -> bytes."""
    stock = first_stock()
    first = first_day(stock)
    days = [[found[source] for source in SOURCES] for found in (first, second_day(first, stock))]
    sheets = days[0] + days[1]
    for found in sheets:
        check(found)
    check_every_rule(sheets)
    made = {found.name: found.content() for found in sheets}
    for number, of_day in enumerate(days):
        made[f"trigger_{TRIGGERS[number]:%Y_%m_%d}.json"] = trigger(number, of_day)
    made["README.md"] = readme.text(sheets, FIGURES).encode()
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the sample data into this folder.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file on disk differs")
    only_check = parser.parse_args().check
    differing = 0
    for name, content in files().items():
        path = FOLDER / name
        if only_check and not (path.is_file() and path.read_bytes() == content):
            differing += 1
            print(f"differs: {name}")
        elif not only_check:
            path.write_bytes(content)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
