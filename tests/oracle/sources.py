"""The five contracts of TABLES.md, as a shop delivers them, their casts, defaults and columns derived in stage."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from . import shapes
from . import values as v
from .currencies import THOUSANDTHS, WHOLE
from .settings import Delivery, Settings
from .values import Row, Zones

MEASURE = v.as_decimal(18, 4)


@dataclass(frozen=True)
class Column:
    """`name[:type] [!] [k] [u] [p]`, in the notation of TABLES.md, "The contracts"."""

    name: str
    type: str
    required: bool
    key: bool
    untracked: bool
    personal: bool


@dataclass(frozen=True)
class Source:
    name: str
    columns: tuple[Column, ...]
    aliases: Mapping[str, str]
    """Other header name -> contract column."""
    derived: tuple[str, ...]
    """The columns that stage adds "as at `as_of`"."""
    delivery: Delivery = field(default_factory=Delivery)

    @property
    def contract(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def in_header(self) -> list[str]:
        """The contract columns that a file can state: all but the derived `ordered_at`."""
        return [name for name in self.contract if name != "ordered_at"]

    @property
    def required(self) -> list[str]:
        return [column.name for column in self.columns if column.required]

    @property
    def key(self) -> list[str]:
        return list(self.delivery.key) or [column.name for column in self.columns if column.key]

    @property
    def tracked(self) -> list[str]:
        """Tracked: contract columns but those marked u; never derived, lineage or extra columns."""
        return [column.name for column in self.columns if not column.untracked]

    @property
    def tracked_not_personal(self) -> list[str]:
        return [column.name for column in self.columns if not column.untracked and not column.personal]

    def key_of(self, row: Row) -> str | None:
        """As in stage; None if a key part that is required is missing."""
        parts = [row[name] for name in self.key]
        return None if None in parts else v.key_text(parts)


def _source(name: str, columns: str, *, aliases: str = "", derived: str = "") -> Source:
    parsed = []
    for text in columns.split(","):
        declared, *marks = text.split()
        column, _, type_name = declared.partition(":")
        flags = [mark in marks for mark in "!kup"]
        parsed.append(Column(column, type_name or "string", *flags))
    pairs = dict(pair.split("=") for pair in aliases.split())
    return Source(name, tuple(parsed), pairs, tuple(derived.split()))


ORDERS = _source(
    "orders",
    "order_id ! k, line_id k, refund_id k, customer_id !, product_id !, order_date:order_date !, order_amount:money !, "
    "currency:currency, payment_method:word, shipping_address p, order_status:order_status, "
    "created_timestamp:timestamp u, quantity:measure u, unit_price:money u, discount:money u, tax:money u, "
    "order_total:money u, updated_timestamp:timestamp u, ordered_at:timestamp u",
)
CUSTOMERS = _source(
    "customers",
    "customer_id ! k, first_name p, last_name p, email p, phone p, date_of_birth:date p, "
    "registration_date:date, address p, city, state, zip_code p, country, customer_tier:word, "
    "last_login:timestamp u, created_timestamp:timestamp u",
    derived="age age_group days_since_registration lifecycle_stage is_premium customer_group",
)
PRODUCTS = _source(
    "products",
    "product_id ! k, product_name, category, subcategory, brand, price:money !, currency:currency, "
    "stock_quantity:int u, weight_kg:measure, dimensions_cm, color, material, description, launch_date:date, "
    "discontinued:bool, created_timestamp:timestamp u",
    derived="price_reporting price_segment days_since_launch lifecycle_stage length_cm width_cm height_cm "
    "volume_cm3 stock_indicator is_sellable stock_value",
)
INVENTORY = _source(
    "inventory",
    "product_id ! k, warehouse_location k, location k, stock_quantity:int !, stock_status:word, "
    "last_updated:timestamp u, created_timestamp:timestamp u, inventory_id u, warehouse_id, "
    "reserved_quantity:int, available_quantity:int, reorder_level:int, last_restocked:date u",
    aliases="warehouse_name=warehouse_location last_audit=last_updated",
    derived="stock_indicator",
)
SHIPPING = _source(
    "shipping",
    "order_id ! k, tracking_number k, shipping_method:word, shipping_cost:money, currency:currency, "
    "package_weight:measure, dimensions_cm, estimated_delivery:date, actual_delivery:date, "
    "created_timestamp:timestamp u, shipping_id u, carrier:word, origin_warehouse, destination_address p, "
    "shipping_status:word, insurance_value:money",
    aliases="service_type=shipping_method package_dimensions=dimensions_cm",
    derived="delivery_days delay_days delivery_status volume_cm3 cost_per_kg",
)

SOURCES: dict[str, Source] = {s.name: s for s in (ORDERS, CUSTOMERS, PRODUCTS, INVENTORY, SHIPPING)}


def delivered(name: str, settings: Settings) -> Source:
    """A source as the shop delivers it: "Column settings per shop: `columns = {order_amount = "Total"}`, key ..." The
    shop's names are aliases."""
    return with_delivery(SOURCES[name], settings.delivery(name))


def with_delivery(source: Source, delivery: Delivery) -> Source:
    """The contract with the names of a delivery."""
    renamed = {header.strip(v.TRIM).lower(): column for column, header in delivery.columns.items()}
    return replace(source, aliases={**SOURCES[source.name].aliases, **renamed}, delivery=delivery)


def of_file(source: Source, file: str) -> Source:
    """The source as a file of this name is to be read."""
    return with_delivery(source, source.delivery.of_file(file))


# -- casts and defaults ----------------------------------------------------------------------------


def cast(source: Source, texts: Mapping[str, str | None], settings: Settings) -> Row:
    """The trimmed texts of the STATED columns -> typed values; a text that does not cast is NULL. `source` as the
    file's shape has it."""
    row: Row = {}
    zones, currency = settings.zones, currency_of(texts, settings)
    for column in source.columns:
        if column.name in texts:
            text = canonical(source.delivery, column.type, texts[column.name])
            text = rounded(source.delivery, column.type, text, currency)
            row[column.name] = _cast_cell(column.type, text, currency, zones)
    if source.name == ORDERS.name:
        order_date = canonical(source.delivery, "order_date", texts.get("order_date"))
        row["ordered_at"] = _ordered_at(order_date, row, zones)
    return row


def currency_of(texts: Mapping[str, str | None], settings: Settings) -> str:
    """The currency of a row's amounts: its own, else the reporting currency."""
    return (texts.get("currency") or settings.reporting_currency).upper()


def canonical(delivery: Delivery, type_name: str, text: str | None) -> str | None:
    """A cell in the shop's writing -> as PARITY.md reads it: a written amount, a decimal comma, and days by
    `date_format` (ISO reads too), with a time or without."""
    if text is None:
        return None
    if type_name in ("money", "measure", "int"):
        if delivery.amounts == "written":
            number = shapes.amount(text, delivery.decimal_comma)
            if number is not None and (type_name == "money" or not shapes.tokens(text)):
                return f"{number:f}"
        return text.translate(str.maketrans(",.", ".,")) if delivery.decimal_comma else text
    if delivery.date_format and type_name in ("date", "order_date", "timestamp"):
        return shapes.iso_text(text, delivery.date_format)
    return text


def rounded(delivery: Delivery, type_name: str, text: str | None, currency: str) -> str | None:
    """An amount "half up" in the currency's minor unit, if the shape rounds; another text as it is."""
    if type_name != "money" or delivery.decimals != "round" or text is None:
        return text
    if not re.fullmatch("[+-]?[0-9]{1,18}([.][0-9]{1,18})?0*", text):
        return text
    places = 3 if currency in THOUSANDTHS else 0 if currency in WHOLE else 2
    return f"{v.half_up(Decimal(text), places):f}"


def is_rounded(source: Source, texts: Mapping[str, str | None], currency: str) -> bool:
    """amount_rounded: rounding has changed one of the row's amounts."""
    for column in source.columns:
        text = canonical(source.delivery, column.type, texts.get(column.name))
        whole = rounded(source.delivery, column.type, text, currency)
        if text is not None and whole is not None and whole != text and Decimal(whole) != Decimal(text):
            return True
    return False


def signs_of(source: Source, texts: Mapping[str, str | None]) -> list[list[str]]:
    """Of each written amount with a currency sign or code: the currencies that it may mean, the most usual first."""
    if source.delivery.amounts != "written":
        return []
    stated = [texts.get(column.name) for column in source.columns if column.type == "money"]
    said = [shapes.currencies(text, source.delivery.decimal_comma) for text in stated if text is not None]
    return [one for one in said if one]


def currency_by_signs(source: Source, texts: Mapping[str, str | None], settings: Settings) -> str | None:
    """ "Of the currencies that a sign may mean the row's own counts, else the reporting currency, else the most usual":
    a sign that means one alone before one that may mean several."""
    said = sorted(signs_of(source, texts), key=lambda one: len(one) > 1)
    return next((settings.reporting_currency if settings.reporting_currency in one else one[0] for one in said), None)


def _cast_cell(type_name: str, text: str | None, currency: str, zones: Zones) -> Any:
    casts: dict[str, Callable[[str | None], Any]] = {
        "string": lambda cell: cell or None,  # empty: a word that means nobody
        "word": v.as_word,
        "order_status": v.as_order_status,
        "currency": lambda cell: cell.upper() if cell else None,
        "money": lambda cell: v.as_money(cell, currency),
        "measure": MEASURE,
        "int": v.as_int,
        "bool": v.as_bool,
        "date": v.as_date,
        "order_date": lambda cell: v.as_order_date(cell, zones)[0],
        "timestamp": lambda cell: v.as_timestamp(cell, zones),
    }
    return casts[type_name](text)


def _ordered_at(order_date_text: str | None, row: Row, zones: Zones) -> datetime | None:
    """`order_date`'s time if its text has one other than 00:00:00 without offset or with Z, else
    `created_timestamp` if it falls on that local day, else NULL."""
    day, instant = v.as_order_date(order_date_text, zones)
    if instant is not None:
        return instant
    created: datetime | None = row.get("created_timestamp")
    return created if created is not None and v.local_day(created, zones) == day else None


def with_defaults(source: Source, row: Row, reporting_currency: str) -> Row:
    """The row as it is stored: every contract column, and what stands for a missing value.

    A column that is not in `row` was empty or never stated; `discontinued` that is NULL there could not be read.

    "An order's empty/never stated currency = USD. Missing currency is stored as the reporting currency";
    "discontinued: empty or never stated = false", and a text that cannot be read is NULL;
    "warehouse_location empty or absent =
    `UNKNOWN`; location, tracking_number empty or absent = ''" (decisions.md)."""
    missing = {
        "currency": reporting_currency,
        "discontinued": False,
        "warehouse_location": "UNKNOWN",
        "location": "",
        "tracking_number": "",
        "line_id": "",
        "refund_id": "",
    }
    missing |= {name: missing.get(name, "") for name in source.key if name not in source.required}
    stored = {name: row.get(name) for name in source.contract}
    unread = {"discontinued"} & row.keys()
    return {
        name: missing.get(name) if value is None and name not in unread else value for name, value in stored.items()
    }


# -- derived columns of stage ----------------------------------------------------------------------


def derive(source: Source, row: Row, today: date, settings: Settings) -> Row:
    """The columns of `<source>_stage` "as at `as_of`" (`today` = the day of as_of in shop_timezone), from the row as it
    stands."""
    if source.name == CUSTOMERS.name:
        return _derive_customer(row, today, settings)
    if source.name == PRODUCTS.name:
        return _derive_product(row, today, settings)
    if source.name == INVENTORY.name:
        threshold = 10 if row["reorder_level"] is None else row["reorder_level"]
        return {"stock_indicator": stock_indicator(row["stock_quantity"], threshold)}
    if source.name == SHIPPING.name:
        return _derive_shipment(row, today, settings.zones)
    return {}


def _derive_customer(row: Row, today: date, settings: Settings) -> Row:
    stage, tier = customer_lifecycle(row["registration_date"], today), row["customer_tier"]
    birth = row["date_of_birth"]
    return {
        "age": None if birth is None else v.full_years(birth, today),
        "age_group": age_group(birth, today),
        "days_since_registration": days_between(row["registration_date"], today),
        "lifecycle_stage": stage,
        "is_premium": tier in settings.premium_tiers,
        "customer_group": None if stage is None or tier is None else f"{stage} / {tier}",
    }


def price_reporting(price: Decimal | None, currency: str | None, day: date, settings: Settings) -> Decimal | None:
    """The price in `reporting_currency`, by the rate of the day; no rate: NULL."""
    rate = settings.rate_on(currency, day)
    return None if price is None or rate is None else v.money(v.product(price, rate), settings.places)


def _derive_product(row: Row, today: date, settings: Settings) -> Row:
    price = price_reporting(row["price"], row["currency"], today, settings)
    stock = row["stock_quantity"]
    sides = v.as_dimensions(row["dimensions_cm"])
    length, width, height = sides or (None, None, None)
    days = days_between(row["launch_date"], today)
    stock_value = None
    if price is not None and stock is not None:  # price_reporting x stock_quantity
        stock_value = v.money(v.product(price, Decimal(stock)), settings.places)
    return {
        "price_reporting": price,
        "price_segment": price_segment(price),
        "days_since_launch": days,
        "lifecycle_stage": product_lifecycle(row["discontinued"], days),
        "length_cm": v.published(length, 4),
        "width_cm": v.published(width, 4),
        "height_cm": v.published(height, 4),
        "volume_cm3": _volume(sides),
        "stock_indicator": stock_indicator(stock, 10),
        "is_sellable": row["discontinued"] is False and stock is not None and stock > 0,
        "stock_value": stock_value,
    }


def _derive_shipment(row: Row, today: date, zones: Zones) -> Row:
    return {
        **delivery(row, today, zones),
        "volume_cm3": _volume(v.as_dimensions(row["dimensions_cm"])),
        "cost_per_kg": v.published(v.ratio(row["shipping_cost"], row["package_weight"]), 4),
    }


def _volume(sides: tuple[Decimal, Decimal, Decimal] | None) -> Decimal | None:
    """volume_cm3 DECIMAL(18,4), rounding half up once."""
    return None if sides is None else v.published(v.product(*sides), 4)


def days_between(start: date | None, end: date) -> int | None:
    """Days: plain date differences."""
    return None if start is None else (end - start).days


def age_group(birth: date | None, today: date) -> str | None:
    """<18, 18-24, 25-34, 35-44, 45-54, 55-64, 65+"""
    if birth is None:
        return None
    age = v.full_years(birth, today)
    groups = [(65, "65+"), (55, "55-64"), (45, "45-54"), (35, "35-44"), (25, "25-34"), (18, "18-24")]
    for least, name in groups:
        if age >= least:
            return name
    return "<18"


def customer_lifecycle(registration: date | None, today: date) -> str | None:
    """New < 30 days, Active < 365, Established"""
    days = days_between(registration, today)
    if days is None:
        return None
    return "New" if days < 30 else "Active" if days < 365 else "Established"


def product_lifecycle(discontinued: bool | None, days: int | None) -> str | None:
    """Discontinued; Upcoming < 0; New < 90; Growing < 365; Mature; NULL if discontinued is not known."""
    if discontinued:
        return "Discontinued"
    if discontinued is None or days is None:
        return None
    return "Upcoming" if days < 0 else "New" if days < 90 else "Growing" if days < 365 else "Mature"


def price_segment(price_reporting: Decimal | None) -> str | None:
    """Budget < 25, Standard < 100, Premium < 500, Luxury"""
    if price_reporting is None:
        return None
    for bound, name in [(25, "Budget"), (100, "Standard"), (500, "Premium")]:
        if price_reporting < bound:
            return name
    return "Luxury"


def stock_indicator(stock: int | None, low: int) -> str | None:
    """Out of Stock = 0 (or less), Low Stock <= `low`, In Stock; NULL if unknown."""
    if stock is None:
        return None
    return "Out of Stock" if stock <= 0 else "Low Stock" if stock <= low else "In Stock"


def delivery(shipment: Row, today: date, zones: Zones) -> Row:
    """`delivery_days` = actual - created day, `delay_days` = actual - estimated, `delivery_status` (On Time,
    also without an estimate; Late; without actual: Overdue after the estimate, else Pending); an
    actual_delivery after today is a forecast: all three as if without."""
    actual, estimate, created = (
        shipment[name] for name in ("actual_delivery", "estimated_delivery", "created_timestamp")
    )
    if actual is None or actual > today:
        overdue = estimate is not None and today > estimate
        status = "Overdue" if overdue else "Pending"
        return {"delivery_days": None, "delay_days": None, "delivery_status": status}
    delay = days_between(estimate, actual)
    return {
        "delivery_days": None if created is None else days_between(v.local_day(created, zones), actual),
        "delay_days": delay,
        "delivery_status": "Late" if delay is not None and delay > 0 else "On Time",
    }
