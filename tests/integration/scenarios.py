"""Random small shops: a few batches of a few keys, and settings of their own.

`scenario(seed)` gives five batches of 60-100 rows in all. Seeds run through the settings in turn (time zones,
hemisphere, rates, guests, deletes, snapshots, deliveries), so that twenty seeds in a row meet every one; what the rows
say is drawn, from few values and few instants, so that ranks tie.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle import Batch, Settings
from tests.oracle.settings import Delivery, Rate, Scale, Shape
from tests.traps import laid

Texts = dict[str, str]

_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata")
_INSTANTS = (
    datetime(2023, 12, 31, 12, 0, tzinfo=UTC),
    datetime(2024, 2, 28, 23, 30, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
    datetime(2024, 3, 31, 1, 0, tzinfo=UTC),
    datetime(2024, 10, 27, 0, 59, 59, tzinfo=UTC),
    datetime(2024, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2025, 1, 1, 0, 0, tzinfo=UTC),
    datetime(2025, 3, 1, 6, 0, tzinfo=UTC),
)
_DAYS = (
    *(date(2023, 12, 31), date(2024, 1, 1), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)),
    *(date(2024, 3, 31), date(2024, 6, 15), date(2024, 10, 27), date(2024, 12, 31), date(2025, 1, 1)),
    date(2025, 2, 28),
)
_HEADERS = {
    "orders": "order_id customer_id product_id order_date order_amount currency payment_method shipping_address "
    "order_status created_timestamp",
    "customers": "customer_id first_name last_name email phone date_of_birth registration_date address city state "
    "zip_code country customer_tier last_login created_timestamp",
    "products": "product_id product_name category subcategory brand price currency stock_quantity weight_kg "
    "dimensions_cm launch_date discontinued created_timestamp",
    "inventory": "product_id warehouse_location location stock_quantity stock_status reserved_quantity "
    "available_quantity reorder_level last_updated created_timestamp",
    "shipping": "order_id tracking_number shipping_method shipping_cost currency package_weight dimensions_cm "
    "estimated_delivery actual_delivery carrier destination_address shipping_status created_timestamp",
}
_AT_THE_COUNTER = {"order_id": "Beleg", "order_amount": "Betrag", "order_date": "Datum", "product_id": "Artikel"}
_AT_THE_COUNTER |= {"payment_method": "Zahlart", "quantity": "Menge"}  # a file may lack these
_OF_LINES = ("quantity", "tax", "order_total", "updated_timestamp")
_REQUIRED = {
    "orders": {"order_id", "customer_id", "product_id", "order_date", "order_amount"},
    "customers": {"customer_id"},
    "products": {"product_id", "price"},
    "inventory": {"product_id", "stock_quantity", "warehouse_location", "location"},
    "shipping": {"order_id", "tracking_number"},
}
_KEYS = {
    "orders": ("order_id",),
    "customers": ("customer_id",),
    "products": ("product_id",),
    "inventory": ("product_id", "warehouse_location", "location"),
    "shipping": ("order_id", "tracking_number"),
}
# What no file of the source ever brings: orphans for ever. The last customer, product and order come late, if at all.
_IDS = {"orders": ["O1", "O2", "O3", "O4", "O5", "O6", "O7", "O8"], "customers": ["C1", "C2", "C3", "C4"]}
_IDS["products"] = ["P1", "P2", "P3", "P4", "P5"]
_WRONG: dict[str, tuple[tuple[str, str], ...]] = {
    "orders": (
        *(("customer_id", ""), ("order_date", "2025-13-01"), ("order_amount", "12.999"), ("order_amount", "-5")),
        *(("currency", "QQQ"), ("product_id", ""), ("order_date", "1999-12-31")),
    ),
    "customers": (("customer_id", "C 1"), ("customer_id", "")),
    "products": (("price", ""), ("price", "-1"), ("price", "1e3")),
    "inventory": (("stock_quantity", "-1"), ("stock_quantity", ""), ("stock_quantity", "1.5")),
    "shipping": (("shipping_cost", "-1"), ("tracking_number", "T 1"), ("shipping_cost", "free")),
}


# -- settings --------------------------------------------------------------------------------------


def _settings(seed: int, rng: random.Random) -> Settings:
    reporting = ("USD", "EUR", "USD", "KWD")[seed // 5 % 4]
    severity = {}
    if seed % 2:  # guest orders
        severity["customer_id_present"] = "LOW"
    if seed % 3 == 0:
        severity |= {"email_format": "HIGH", "currency_assumed": "OFF", "stock_quantity_not_negative": "MEDIUM"}
    if seed % 3 == 1:
        severity |= {"order_amount_zero": "MEDIUM", "order_customer_exists": "LOW", "phone_format": "OFF"}
    small = Scale(
        vip=(Decimal(400), 4),
        high_value=(Decimal(200), 3),
        medium_value=(Decimal(50), 2),
        star=(Decimal(500), 4),
        high_performer=(Decimal(200), 3),
        medium_performer=(Decimal(50), 2),
    )
    rates = () if seed % 6 == 5 else tuple(_rates(reporting))
    return Settings(
        reporting_currency=reporting,
        source_timezone=rng.choice(_ZONES),
        shop_timezone=_ZONES[seed % 5],
        margin_rates={"Kitchen": "0.25", "Toys": "0.4001"} if seed % 2 == 0 else {},
        hemisphere="south" if seed % 4 == 2 else "north",
        business_hours=(9, 18) if seed % 4 else (0, 12),
        scale=small if seed % 2 else Scale(),
        severity=severity,
        rates=rates,
        sources=_deliveries(seed),
    )


def _rates(reporting: str) -> list[Rate]:
    """One foreign currency with two rates, one with a rate that begins late; JPY has none."""
    foreign = "EUR" if reporting == "USD" else "USD"
    rates = [
        Rate(foreign, date(2023, 1, 1), Decimal("1.1")),
        Rate(foreign, date(2024, 2, 29), Decimal("1.08345679")),
        Rate("GBP", date(2024, 3, 31), Decimal("1.25")),
        Rate("KWD", date(2024, 1, 1), Decimal("3.2512")),
    ]
    return [rate for rate in rates if rate.currency != reporting]


def _deliveries(seed: int) -> dict[str, Delivery]:
    said: dict[str, dict[str, Any]] = {}
    if seed % 2 == 0:
        for source in ("orders", "customers", "products", "shipping"):
            said[source] = {"delete_column": "deleted"}
    if seed % 3 == 0:
        said["inventory"] = {"absence": "close"}
    if seed % 3 == 1:
        said["inventory"] = {"absence": "close", "absence_scope": ("warehouse_location",)}
    if seed % 5 == 0:
        said.setdefault("products", {})["absence"] = "close"
    if seed % 7 == 3:
        said.setdefault("orders", {}).update(
            columns={"order_amount": "Total", "order_date": "Bought On"},
            delimiter=";",
            decimal_comma=True,
            date_format="dd.MM.yyyy",
        )
    if seed % 10 == 9:
        said.setdefault("orders", {})["line_id"] = "product_id"
    if seed % 10 in (2, 7):
        said.setdefault("orders", {}).update(line_id="item", whole_orders=seed % 10 == 2)
    if seed % 10 == 5:
        said.setdefault("orders", {})["line_id"] = "position"
    if seed % 10 in (2, 5, 6):
        said.setdefault("orders", {})["refunds"] = "rows"
    if seed % 5 in (1, 2, 4) or seed == 15:
        line_id = said.setdefault("orders", {}).get("line_id", "")
        said["orders"]["shapes"] = {"counter": _counter("Pos" if line_id == "item" else line_id, seed % 5 == 1)}
    return {source: Delivery(**options) for source, options in said.items()}


def _counter(line_id: str, rounds: bool) -> Shape:
    """The files of the shop's other channel: other names, signs and words in its cells."""
    return Shape(
        files=("counter*.csv",),
        columns=_AT_THE_COUNTER,
        delimiter=";",
        decimal_comma=True,
        amounts="written",
        decimals="round" if rounds else "reject",
        date_format="dd.MM.yyyy",
        line_id="Artikel" if line_id == "product_id" else line_id,
        null_values=("NULL", "k.A."),
        nobody=("0", "Gast"),
        values={"order_status": {"bezahlt": "completed", "Storno": "cancelled"}},
    )


def shop_options(settings: Settings) -> dict[str, Any]:
    """The settings as `tests.shop.Shop` takes them: [shop] and the tables of their own. Rates: `rates_csv`."""
    said = {name: value for name, value in asdict(settings).items() if name != "rates"}
    said["sources"] = {name: _said(delivery) for name, delivery in settings.sources.items()}
    own = ("scale", "bounds", "vocabularies", "severity", "min_score", "sources")
    tables = {name: said.pop(name) for name in own}
    return {"shop": said, **{name: said for name, said in tables.items() if said != asdict(Settings())[name]}}


def _said(delivery: Shape) -> dict[str, Any]:
    """What a shape, or a source, has that the default does not."""
    default = type(delivery)()
    said = {name: value for name, value in vars(delivery).items() if value != getattr(default, name)}
    if isinstance(delivery, Delivery) and delivery.shapes:
        said["shapes"] = {name: _said(shape) for name, shape in delivery.shapes.items()}
    return said


def rates_csv(settings: Settings) -> str:
    """The text of rates.csv."""
    lines = [f"{one.currency},{one.valid_from},{one.rate}" for one in settings.rates]
    return "\n".join(["currency,valid_from,rate", *lines]) + "\n"


# -- rows ------------------------------------------------------------------------------------------


class _Teller:
    """What the shop's systems say: one row a key, changed now and then."""

    def __init__(self, seed: int, rng: random.Random, settings: Settings) -> None:
        self.seed, self.rng, self.settings = seed, rng, settings
        self.traps = random.Random(f"traps {seed}")
        self.lines = random.Random(f"lines {seed}")
        self.channels = random.Random(f"channels {seed}")
        self.said: dict[str, dict[tuple[str, ...], Texts]] = {source: {} for source in _HEADERS}
        self.as_of = _INSTANTS[0]
        self.last = False

    def one(self, *texts: str) -> str:
        return self.rng.choice(texts)

    def day(self, *, until: date | None = None) -> str:
        known = [day for day in _DAYS if day <= (until or self.as_of.date())]
        return self.rng.choice(known).isoformat()

    def moment(self) -> str:
        return self.day() + self.one("T00:30:00Z", "T08:59:59", "T09:00:00", "T12:00:00Z", "T18:00:00", "T23:30:00Z")

    def created(self) -> str:
        """Few and seldom missing, so that winners tie."""
        return (self.as_of - timedelta(days=self.rng.randrange(2))).strftime("%Y-%m-%dT08:00:00Z")

    def parts(self, source: str) -> tuple[str, ...]:
        """The columns of a key."""
        of_lines = source == "orders" and self.settings.delivery(source).line_id == "item"
        return ("order_id", "item") if of_lines else _KEYS[source]

    def keys(self, source: str) -> list[tuple[str, ...]]:
        """The keys of which this batch says something."""
        keys = self.ids(source)
        if self.parts(source) == _KEYS[source]:
            return keys
        items = [(*key, item) for key in keys for item in ("1", "2", "a b")]
        return [one for one in items if one[-1] == "1" or self.lines.random() < 0.4]

    def ids(self, source: str) -> list[tuple[str, ...]]:
        """The same without the lines of orders."""
        drawn: list[tuple[str, ...]]
        if source == "inventory":
            places = [("North Hall", "A 1"), ("North Hall", ""), ("South", "A 1"), ("", "")]
            drawn = [(self.one("P1", "P2", "P3", "P6"), *self.rng.choice(places)) for _ in range(3)]
        elif source == "shipping":
            orders = (*_IDS["orders"], "X9")  # X9: an order that never comes
            drawn = [(self.one(*orders), self.one("", "T1", "T1", "T2", "t2")) for _ in range(3)]
        else:
            ids = _IDS[source] if self.last else _IDS[source][:-1]  # the last comes late, and heals its orphans
            drawn = [(one,) for one in self.rng.sample(ids, {"orders": 4, "customers": 2, "products": 3}[source])]
        return list(dict.fromkeys(drawn))

    def row(self, source: str, key: tuple[str, ...]) -> Texts:
        draw = {
            "orders": self.order,
            "customers": self.customer,
            "products": self.product,
            "inventory": self.stock,
            "shipping": self.shipment,
        }[source]
        return draw() | dict(zip(self.parts(source), key, strict=True))

    def order(self) -> Texts:
        steady = self.seed % 4 == 3  # a shop that does well, with a customer who comes again
        guest = ("",) if self.settings.severity.get("customer_id_present") == "LOW" else ()
        return {
            "customer_id": self.one("C1", "C1", "C2", "C3", "C4", "C9", *guest, *["C1"] * 8 * steady),
            "product_id": self.one("P1", "P1", "P2", "P3", "P5", "P9", *["P1"] * 8 * steady),  # P4 is never ordered
            "order_date": self.one(self.day(), self.day(), self.moment()),
            "order_amount": self.one(
                "0", "0.05", "20", "20.00", "100", "100", "99.99", "250", "1.255", *["100", "150"] * 6 * steady
            ),
            "currency": self.one("USD", "USD", "EUR", "eur", "GBP", "JPY", "KWD", "", *[""] * 12 * steady),
            "payment_method": self.one("Credit Card", "paypal", "shells", ""),
            "shipping_address": self.one("1 Main St", "2 Main St", ""),
            "order_status": self.one(
                *("Completed", "completed", "pending", "shipped", "Delivered", "canceled", "Returned", "refunded"),
                *("failed", "lost", *["completed"] * 12 * steady),
            ),
            "created_timestamp": self.one(self.created(), self.created(), ""),
            "quantity": self.lines.choice(("1", "2", "0.5", "", "x")),
            "tax": self.lines.choice(("0", "1.50", "")),
            "order_total": self.lines.choice(("20", "100", "101.50", "200", "")),
            "updated_timestamp": self.lines.choice(("", "", "", (self.as_of - timedelta(hours=3)).isoformat())),
        }

    def customer(self) -> Texts:
        return {
            "first_name": self.one("Ada", "O", ""),
            "last_name": self.one("Day", ""),
            "email": self.one("a+b@example.com", "a+b@example.com", "b@example.com", "none", ""),
            "phone": self.one("555-0101", "+49 30 123456", "12", ""),
            "date_of_birth": self.one("2000-02-29", "1990-12-31", "1959-03-01", "2024-02-30", ""),
            "registration_date": self.one(self.day(), "2023-06-01", "2030-01-01", ""),
            "address": self.one("1 Main St", ""),
            "city": self.one("Bonn", "Oslo", ""),
            "state": self.one("NRW", ""),
            "zip_code": self.one("0123", ""),
            "country": self.one("Germany", "DE", "USA", "UK", "Atlantis", ""),
            "customer_tier": self.one("Gold", "VIP", "premium", "wood", ""),
            "last_login": self.one(self.moment(), ""),
            "created_timestamp": self.created(),
        }

    def product(self) -> Texts:
        return {
            "product_name": self.one("Cup", "Bear", ""),
            "category": self.one("Kitchen", "Toys", "Toys", ""),
            "subcategory": self.one("Cups", ""),
            "brand": self.one("Acme", ""),
            "price": self.one("0", "20", "24.99", "25", "99.99", "100", "499.99", "500"),
            "currency": self.one("USD", "EUR", "GBP", "JPY", ""),
            "stock_quantity": self.one("0", "5", "10", "11", ""),
            "weight_kg": self.one("0", "0.5", ""),
            "dimensions_cm": self.one("1x2x3", "1.5 × 2 × 3 cm", "big", ""),
            "launch_date": self.one("2023-12-31", "2024-02-29", "2024-06-01", "2025-02-01", ""),
            "discontinued": self.one("no", "false", "", "yes", "maybe"),
            "created_timestamp": self.created(),
        }

    def stock(self) -> Texts:
        quantity = self.rng.choice((0, 1, 5, 10, 11, 40))
        return {
            "stock_quantity": str(quantity),
            "stock_status": self.one("In Stock", "low_stock", "out-of-stock", "plenty", ""),
            "reserved_quantity": self.one("0", "1", ""),
            "available_quantity": self.one(str(quantity), str(quantity - 1), ""),
            "reorder_level": self.one("0", "20", ""),
            "last_updated": self.one(self.moment(), "2031-01-01T00:00:00Z", ""),
            "created_timestamp": self.created(),
        }

    def shipment(self) -> Texts:
        return {
            "shipping_method": self.one("Express", "two-day", "standard", "pigeon", ""),
            "shipping_cost": self.one("0", "4.99", "4.99", "10", "10000.01", ""),
            "currency": self.one("USD", "EUR", "GBP", "JPY", ""),
            "package_weight": self.one("0", "0.5", "3", ""),
            "dimensions_cm": self.one("1x2x3", "flat", ""),
            "estimated_delivery": self.one(self.day(until=date.max), "2025-06-01", ""),
            "actual_delivery": self.one(self.day(), self.day(until=date.max), "", ""),
            "carrier": self.one("DHL", "Royal Mail", "owl", ""),
            "destination_address": self.one("1 Main St", ""),
            "shipping_status": self.one("Delivered", "in transit", "flying", ""),
            "created_timestamp": self.created(),
        }

    def rows(self, source: str) -> list[Texts]:
        """A batch's rows of a source."""
        rows: list[Texts] = []
        told = self.said[source]
        for key in self.keys(source):
            other = self.row(source, key)
            fresh = self.row(source, key)
            before = told.get(key)
            columns = [name for name in fresh if name not in (*self.parts(source), *_OF_LINES)]
            some = self.rng.sample(columns, self.rng.randint(0, 3))
            at = ("created_timestamp", *(_OF_LINES if source == "orders" else ()))
            row = fresh if before is None else before | {name: fresh[name] for name in (*some, *at)}
            action = self.rng.randrange(12)
            if action == 0:
                column, text = self.rng.choice(_WRONG[source])
                if column not in self.parts(source) or text not in (row[column], ""):
                    rows.append(row | {column: text})
                    continue
            elif action == 1:
                rows.append(dict(row))  # an exact duplicate
            elif action == 2:  # another of the same time, or an older one
                rows.append(row | {n: other[n] for n in some if n not in ("product_id", "created_timestamp")})
            elif action == 3:
                older = {"created_timestamp": "2020-01-01T00:00:00Z"}
                rows.append({**row, **{n: other[n] for n in some if n != "product_id"}, **older})
            elif action in (4, 5, 6) and before is not None and self.settings.delivery(source).delete_column:
                rows.append(row | {"deleted": "Yes"})
                del told[key]
                continue
            elif action in (5, 6) and source == "orders" and self.settings.delivery(source).line_id == "product_id":
                rows.append(row | {"product_id": self.one("P1", "P2", "P3")})
            elif action in (7, 8) and source == "orders" and self.settings.delivery(source).refunds == "rows":
                rows.append(row | {"order_amount": "-5.00"})
            elif action == 9 and source == "orders":  # what is lost is money
                rows.append(row | {"order_amount": "7.77", "updated_timestamp": "2020-01-01"})
            elif action == 10 and source == "orders" and self.lines.random() < 0.3:  # what is lost is a line
                rows.append(row | {"product_id": "P5" if row["product_id"] != "P5" else "P1"})
            told[key] = row
            rows.append(row)
        return rows

    def files(self, source: str, number: int) -> dict[str, bytes]:
        """The batch's files of the source: of two channels where it has so many."""
        rows, name = self.rows(source), f"{source}_{number}.csv"
        if not self.settings.delivery(source).shapes:
            return {name: self.file(source, name, rows)}
        both: dict[str, list[Texts]] = {name: [], f"counter_{number}.csv": []}
        for row in rows:  # an order stays with its channel, but for a few
            there = (row["order_id"] in ("O2", "O4", "O5", "O8")) != (self.channels.random() < 0.1)
            both[[*both][there]].append(row)
        return {file: self.file(source, file, its) for file, its in both.items()}

    def file(self, source: str, name: str, its: list[Texts]) -> bytes:
        """A file of the source: some columns may not be in it."""
        delivery = self.settings.delivery(source).of_file(name)
        rows = [laid(self.traps, row) for row in its]
        if delivery.amounts == "written":
            rows = [row | self.at_the_counter(row) for row in rows]
        columns = [c for c in _HEADERS[source].split() if c in _REQUIRED[source] or self.rng.random() < 0.9]
        if source == "orders":
            columns += [c for c in _OF_LINES if self.lines.random() < 0.8]
            columns += ["item"] if "item" in self.parts(source) else []
        columns += ["deleted"] if delivery.delete_column else []
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delivery.delimiter, lineterminator="\n")
        names = {**delivery.columns, "item": delivery.line_id} if "item" in columns else delivery.columns
        if source == "orders" and self.last and self.seed % 4 == 1:  # from then on the shop calls it otherwise
            names = {"order_status": "Bestellstatus", **names}
        writer.writerow([names.get(column, column) for column in columns])
        for row in rows:
            writer.writerow([_written(delivery, column, row.get(column, "")) for column in columns])
        if self.rng.random() < 0.1:
            out.write("too few\n")
        return out.getvalue().encode()

    def at_the_counter(self, row: Texts) -> Texts:
        """Cells of a row as the other channel writes them."""
        amount, tax, one = row["order_amount"], row["tax"], self.channels.choice
        if amount.replace(".", "").isdigit():
            forms = ("{}", "{}", "{} \u20ac", "\u20ac{}", "${}", "USD {}", "{} kr", "{}-")
            amount = one(forms).format(f"1\u202f{amount}" if amount[2:3].isdigit() and one((True, False)) else amount)
        return {
            "order_amount": amount,
            "tax": one((tax, f"{tax} EUR" if tax else "")),
            "currency": one((row["currency"], "", "NULL")),
            "customer_id": one((*[row["customer_id"]] * 5, "0", "gast", "k.A.")),
            "order_status": one((row["order_status"], row["order_status"], "Bezahlt", "storno")),
        }


def _written(delivery: Delivery, column: str, text: str) -> str:
    """A cell as the shop writes it."""
    if delivery.decimal_comma and column in ("order_amount", "quantity", "tax", "order_total"):
        return text.replace(".", ",")
    if delivery.date_format == "dd.MM.yyyy" and column == "order_date" and text[4:5] == "-":
        return f"{text[8:10]}.{text[5:7]}.{text[:4]}{text[10:]}"
    return text


# -- scenarios -------------------------------------------------------------------------------------


_NAMES = ["m 9", "Z", "a", "b10", "\uff61", "\U0001f600"]


def scenario(seed: int, batches: int = 5) -> tuple[list[Batch], Settings]:
    """The batches of a seed in the order of their positions, and the shop's settings."""
    rng = random.Random(f"scenario {seed}")
    settings = _settings(seed, rng)
    teller = _Teller(seed, rng, settings)
    instants = sorted(rng.sample(_INSTANTS, batches))
    if seed % 2:  # two at one instant
        instants[2] = instants[3]
    names = rng.sample(_NAMES[:batches], batches)
    order = sorted(zip(instants, names, strict=True), key=lambda one: (one[0], one[1].encode()))
    made = []
    for number, (as_of, name) in enumerate(order):
        teller.as_of, teller.last = as_of, number >= 3
        files = {source: teller.files(source, number) for source in _HEADERS if number == 0 or rng.random() < 0.9}
        made.append(Batch(name, as_of, files))
    return made, settings


def arrival(seed: int, made: Sequence[Batch]) -> list[Batch]:
    """The batches in an order of arrival; every third seed in that of their positions."""
    order = list(made)
    if seed % 3:
        random.Random(f"arrival {seed}").shuffle(order)
    return order


def sizes(made: Sequence[Batch]) -> Mapping[str, int]:
    """Source -> rows in all files."""
    return {
        source: sum(content.count(b"\n") - 1 for one in made for content in one.files.get(source, {}).values())
        for source in _HEADERS
    }
