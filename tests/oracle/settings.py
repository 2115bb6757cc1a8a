"""The settings that change what is in the tables, by the names of `ecomm.toml`; the defaults are RULES.md's and
TABLES.md's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from .currencies import THOUSANDTHS
from .values import Zones


@dataclass(frozen=True)
class Bounds:
    """RULES.md: `*_within_bounds`, package_weight_plausible, date_of_birth_plausible, premium_order_value."""

    order_amount: Decimal = Decimal(100_000)
    price: Decimal = Decimal(100_000)
    stock_quantity: int = 10_000_000
    shipping_cost: Decimal = Decimal(10_000)
    package_weight: Decimal = Decimal(1_000)
    age: int = 120
    premium_order: Decimal = Decimal(20)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@dataclass(frozen=True)
class Vocabularies:
    """RULES.md, "Vocabularies" (and the line of customer_tier_known); an empty list of categories: off."""

    payment_method: tuple[str, ...] = _words(
        "credit_card debit_card paypal apple_pay google_pay bank_transfer gift_card cash_on_delivery invoice klarna "
        "store_credit"
    )
    order_status: tuple[str, ...] = _words(
        "pending confirmed processing on_hold shipped delivered completed cancelled returned refunded failed"
    )
    shipping_status: tuple[str, ...] = _words(
        "label_created pending processing shipped in_transit out_for_delivery delivered delayed returned lost cancelled"
    )
    shipping_method: tuple[str, ...] = _words(
        "standard ground express priority overnight two_day same_day economy pickup freight"
    )
    carrier: tuple[str, ...] = _words(
        "fedex ups dhl usps amazon_logistics gls dpd royal_mail canada_post ontrac postnord"
    )
    stock_status: tuple[str, ...] = _words("in_stock low_stock out_of_stock back_ordered discontinued")
    customer_tier: tuple[str, ...] = _words("bronze silver gold platinum premium vip standard basic")
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scale:
    """TABLES.md: customer_segment, performance_category (money and revenue orders, both at least), RFM scores of
    5, 4, 3, 2."""

    vip: tuple[Decimal, int] = (Decimal(1000), 5)
    high_value: tuple[Decimal, int] = (Decimal(500), 3)
    medium_value: tuple[Decimal, int] = (Decimal(200), 2)
    star: tuple[Decimal, int] = (Decimal(5000), 20)
    high_performer: tuple[Decimal, int] = (Decimal(2000), 10)
    medium_performer: tuple[Decimal, int] = (Decimal(500), 5)
    recency_days: tuple[int, int, int, int] = (30, 60, 90, 180)
    frequency_orders: tuple[int, int, int, int] = (10, 5, 3, 2)
    monetary: tuple[Decimal, Decimal, Decimal, Decimal] = (Decimal(1000), Decimal(500), Decimal(200), Decimal(100))


@dataclass(frozen=True)
class Rate:
    """A line of rates.csv: currency, valid_from, rate."""

    currency: str
    valid_from: date
    rate: Decimal


@dataclass(frozen=True)
class Shape:
    """How one kind of file is to be read, "chosen by the file's name". columns: contract column -> the shop's header
    name. line_id: "a header, a combination of headers, or `"position"`". amounts: `plain`, or `written`, with currency
    signs and thousands. decimals: `reject`, or `round` those "beyond the currency's minor unit". null_values: what is
    "beside empty"; nobody: "words that mean nobody"; values: contract column -> a word of the shop -> the contract's.
    """

    files: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    decimal_comma: bool = False
    date_format: str | None = None
    line_id: str | tuple[str, ...] = ""
    amounts: str = "plain"
    decimals: str = "reject"
    null_values: tuple[str, ...] = ()
    nobody: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery(Shape):
    """How one source's files come: the source's own shape, further ones for the files that their patterns name, and
    what rows mean. Of orders: whole_orders: "a line that a later statement does not have has ended"; refunds: `status`,
    or `rows`: "a row with a negative amount is a statement of its own"."""

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    whole_orders: bool = False
    refunds: str = "status"
    absence: str = "keep"
    absence_scope: tuple[str, ...] = ()
    delete_column: str | None = None
    delete_values: tuple[str, ...] = ("true", "t", "yes", "y", "1")

    def shape_name(self, file: str) -> str:
        """Which of the shapes a file has; empty: the source's own."""
        patterns = {name: shape.files for name, shape in self.shapes.items()}
        return next((n for n, ones in patterns.items() if any(fnmatchcase(file.lower(), p.lower()) for p in ones)), "")

    def of_file(self, file: str) -> Delivery:
        """The same with the file's shape, which "stands for itself" and takes nothing from the source's own."""
        name = self.shape_name(file)
        return replace(self, **vars(self.shapes[name])) if name else self

    @property
    def reads_amounts(self) -> bool:
        """Any of its shapes reads amounts with currency signs, or rounds them."""
        plain = ("plain", "reject")
        return any((shape.amounts, shape.decimals) != plain for shape in (self, *self.shapes.values()))


@dataclass(frozen=True)
class Settings:
    """One shop."""

    reporting_currency: str = "USD"
    source_timezone: str = "UTC"
    shop_timezone: str = "UTC"
    premium_tiers: tuple[str, ...] = ("premium", "platinum", "vip")
    non_revenue_statuses: tuple[str, ...] = ("cancelled", "returned", "refunded", "failed")
    margin_rate: str = "0.30"
    margin_rates: Mapping[str, str] = field(default_factory=dict)
    hemisphere: str = "north"
    business_hours: tuple[int, int] = (9, 18)
    scale: Scale = field(default_factory=Scale)
    bounds: Bounds = field(default_factory=Bounds)
    vocabularies: Vocabularies = field(default_factory=Vocabularies)
    severity: Mapping[str, str] = field(default_factory=dict)
    """Rule or check -> HIGH, MEDIUM, LOW, NONE or OFF, where it is not the level of RULES.md."""
    rates: tuple[Rate, ...] = ()
    min_score: Decimal = Decimal(0)
    sources: Mapping[str, Delivery] = field(default_factory=dict)

    @property
    def zones(self) -> Zones:
        """Source times without an offset are read in `source_timezone`; calendar columns use `shop_timezone`."""
        return Zones(ZoneInfo(self.source_timezone), ZoneInfo(self.shop_timezone))

    @property
    def places(self) -> int:
        """The decimals of figures in the reporting currency: its minor unit's, but at least two."""
        return 3 if self.reporting_currency in THOUSANDTHS else 2

    def delivery(self, source: str) -> Delivery:
        """How the files of a source come."""
        return self.sources.get(source, Delivery())

    def rate_on(self, currency: str | None, day: date | None) -> Decimal | None:
        """The rate of a currency on a day, DECIMAL(18,8): of the latest valid_from up to that day; own currency = 1;
        None if there is none (or the day is unknown)."""
        if currency == self.reporting_currency:
            return Decimal("1.00000000")
        known = [one for one in self.rates if one.currency == currency and day is not None and one.valid_from <= day]
        return max(known, key=lambda one: one.valid_from).rate.quantize(Decimal("0.00000001")) if known else None

    def margin_of(self, category: str | None) -> Decimal:
        """`margin_rate` (by category, default 0.30), DECIMAL(18,4)."""
        text = self.margin_rate if category is None else self.margin_rates.get(category, self.margin_rate)
        return Decimal(text).quantize(Decimal("0.0001"))
