"""What a source promises: its columns, its key, its rules; and how a file's header meets the promise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm.currencies import places, with_digits
from ecomm.delivery import Computed, Delivery, Shape
from ecomm.errors import UsageError
from ecomm.money import MONEY

KEY_LENGTH = 64


class Severity(StrEnum):
    """HIGH quarantines a row; MEDIUM and LOW keep it and say so; NONE informs."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    NONE = "NONE"


OFF = "OFF"  # a rule that a shop does without


@dataclass(frozen=True)
class Bounds:
    """Where a rule begins to doubt a value, each in the unit of its column; money in the row's own currency.

    premium_order: less than this is odd for an order of a premium customer (reporting currency).
    """

    order_amount: Decimal = Decimal(100_000)
    price: Decimal = Decimal(100_000)
    stock_quantity: int = 10_000_000
    shipping_cost: Decimal = Decimal(10_000)
    package_weight: Decimal = Decimal(1_000)
    age: int = 120
    premium_order: Decimal = Decimal(20)


@dataclass(frozen=True)
class Vocabularies:
    """The words that a shop's systems use, as they are stored (`canonical.word`). categories: empty = any."""

    payment_method: tuple[str, ...] = tuple(
        "credit_card debit_card paypal apple_pay google_pay bank_transfer gift_card cash_on_delivery invoice klarna "
        "store_credit".split()
    )
    order_status: tuple[str, ...] = tuple(
        "pending confirmed processing on_hold shipped delivered completed cancelled returned refunded failed".split()
    )
    shipping_status: tuple[str, ...] = tuple(
        "label_created pending processing shipped in_transit out_for_delivery delivered delayed returned lost "
        "cancelled".split()
    )
    shipping_method: tuple[str, ...] = tuple(
        "standard ground express priority overnight two_day same_day economy pickup freight".split()
    )
    carrier: tuple[str, ...] = tuple(
        "fedex ups dhl usps amazon_logistics gls dpd royal_mail canada_post ontrac postnord".split()
    )
    stock_status: tuple[str, ...] = tuple("in_stock low_stock out_of_stock back_ordered discontinued".split())
    customer_tier: tuple[str, ...] = tuple("bronze silver gold platinum premium vip standard basic".split())
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scale:
    """The bounds of segments and scores. A pair is (money in the reporting currency, revenue orders): both at least.

    recency_days: at most so many days since the last order for an r_score of 5, 4, 3, 2. frequency_orders, monetary: at
    least so many revenue orders, so much revenue for an f_score, m_score of 5, 4, 3, 2.
    """

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
    """From a day on, until the next rate of its currency: what one of it is worth in the reporting currency."""

    currency: str
    valid_from: date
    rate: Decimal


@dataclass(frozen=True)
class Shop:
    """How one shop counts: the settings that change what is in the tables.

    margin_rates: the assumed margin of a category, where it is not margin_rate. severity: rule or check -> the level at
    which it is in force here, or OFF. rates: from the shop's rates file, in order of currency and day.
    """

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
    rates: tuple[Rate, ...] = ()

    @property
    def places(self) -> int:
        """How many decimals the figures in the reporting currency have."""
        return places(self.reporting_currency)

    @property
    def quiet(self) -> tuple[str, ...]:
        """The rules and checks that only inform here."""
        return tuple(name for name, level in self.severity.items() if level == Severity.NONE)

    def rates_on(self, day: date) -> dict[str, Decimal]:
        """What one of each foreign currency is worth on a day; a currency without a rate by then is not in it."""
        said = {r.currency: r.rate for r in self.rates if r.valid_from <= day}  # in order of days: the last counts
        said.pop(self.reporting_currency, None)
        return said


@dataclass(frozen=True)
class Reading:
    """What a row is judged with, besides itself: the batch's instant and the shop's settings."""

    as_of: datetime
    shop: Shop

    @property
    def day(self) -> date:
        """The day of the batch's instant in the shop's time zone: what orders, ages and deliveries are dated by."""
        return self.as_of.astimezone(ZoneInfo(self.shop.shop_timezone)).date()

    @property
    def today(self) -> Column:
        """The same as a literal."""
        return F.lit(self.day)


@dataclass(frozen=True)
class Field:
    """A column of a table: its name, its Spark type and what it means."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class ContractColumn(Field):
    """A column that a source's file may bring.

    required: the header must have it. key: part of the key. tracked: a change opens a version. personal: tells
    about a person. word: stored as a word of a vocabulary. default: stored where the cell is empty.
    """

    required: bool = False
    key: bool = False
    tracked: bool = True
    personal: bool = False
    word: bool = False
    default: str | None = None
    aliases: tuple[str, ...] = ()


RuleFunction = Callable[[Reading], Column]


@dataclass(frozen=True)
class Rule:
    """One named condition on a row; a row breaks it where the condition is false (NULL passes).

    among_rivals: the condition looks at the other rows with the same key, so it cannot fail where there are none.
    noted: it is found while the cells are read, by settings without which there is nothing to find.
    """

    name: str
    severity: Severity
    holds: RuleFunction
    meaning: str
    among_rivals: bool = False
    noted: bool = False

    def at(self, severity: str) -> Rule:
        """The same rule at another level."""
        return replace(self, severity=Severity(severity))


def rule(severity: Severity, *, among_rivals: bool = False) -> Callable[[RuleFunction], Rule]:
    """Make a rule of a function: its name is the stored reason, its docstring the rule's meaning."""

    def made(function: RuleFunction) -> Rule:
        return Rule(function.__name__, severity, function, (function.__doc__ or "").strip(), among_rivals)

    return made


def text(column: str) -> Column:
    """The trimmed text of a cell before any cast, NULL if empty: what rules on presence look at."""
    return F.col(text_name(column))


def text_name(column: str) -> str:
    """The name under which a judged frame carries the text of a cell."""
    return f"{column}__text"


FINDINGS = text_name("findings")
"""The names of the noted rules that the reading of a record's cells has found broken."""


def findings() -> Column:
    """The noted rules that a record breaks."""
    return F.col(FINDINGS)


LOOKS = text_name("looks")
"""What a record looks like that may be none of the table (transforms/astray.py); NULL for all others."""
OTHER_IDS = text_name("other_ids")
"""Whether an id of a record was delivered otherwise than it is compared (keys.py)."""
HEADER, TOTAL, TOTAL_WORD = "header", "total", "total's word"


# A column of the key's version before, by its name.
Before = Callable[[str], Column]


def _nothing(_: object) -> dict[str, Column]:
    return {}


def _unchanged(frame: DataFrame) -> DataFrame:
    return frame


@dataclass(frozen=True)
class Source:
    """One of the shop's files: its contract, its rules, and what is derived from it.

    parsed: contract columns whose value is not simply the typed text of their cell.
    derived: what stage adds to a row, as at the batch's as-of.
    statements: what the fold does to a key's ordered statements (which have `life`) before it makes versions of them.
    continued: the same for one statement that continues the current version. refolded: where that version does not
    know enough for it. version_values: what a version says of the one before it. personal_derived: what is derived
    from personal columns. about_people: the rules that look at a personal column and do not bear its name.
    """

    name: str
    columns: tuple[ContractColumn, ...]
    rules: tuple[Rule, ...]
    derived_fields: tuple[Field, ...] = ()
    derived: Callable[[Reading], dict[str, Column]] = _nothing
    parsed: Callable[[Reading], dict[str, Column]] = _nothing
    statements: Callable[[DataFrame], DataFrame] = _unchanged
    continued: Callable[[Before], dict[str, Column]] = _nothing
    refolded: Callable[[Before], Column] | None = None
    version_values: Callable[[Before], dict[str, Column]] = _nothing
    version_fields: tuple[Field, ...] = ()
    computed: tuple[ContractColumn, ...] = field(default=())
    at_stake: tuple[str, ...] = ()
    personal_derived: tuple[str, ...] = ()
    about_people: tuple[str, ...] = ()
    delivery: Delivery = field(default_factory=Delivery)

    def of_shop(self, delivery: Delivery, severity: Mapping[str, str]) -> Source:
        """This source as one shop delivers it: its header names, its key, its rules at the shop's levels.

        Raises UsageError if the settings name a column that the contract does not have, or one that cannot be a key.
        """
        of_shapes = [name for shape in delivery.all_shapes for name in shape.contract_columns]
        for name in (*of_shapes, *delivery.key, *delivery.absence_scope):
            if name not in {c.name for c in self.columns}:
                raise UsageError(
                    f"the settings of the source {self.name} name a column {name}, which its contract does not have; "
                    f"it has {', '.join(c.name for c in self.columns)}."
                )
        keys = delivery.key or self.key
        for c in self.columns:
            if c.name in delivery.key and (c.type != "string" or c.word or c.personal or c.name == "currency"):
                raise UsageError(
                    f"the key of {self.name} names {c.name}, which does not name a thing; use ids such as "
                    f"{', '.join(self.key)}."
                )
        for shape in delivery.all_shapes:
            if odd := [name for name in shape.cents if name not in self.money]:
                raise UsageError(f"cents of {self.name} names {odd[0]}, which is no amount of money.")
            if odd := [name for name in shape.without if name in keys]:
                raise UsageError(f"without of {self.name} names {odd[0]}, which every record must have: it is a key.")
        if not_key := [c for c in delivery.absence_scope if c not in keys]:
            raise UsageError(
                f"absence_scope of {self.name} names {not_key[0]}, which is no part of its key ({', '.join(keys)})."
            )
        columns = tuple(
            replace(c, key=c.name in keys, required=c.required or (c.name in keys and c.default is None))
            for c in self.columns
        )
        return replace(self, columns=columns, delivery=delivery).at(severity)

    @property
    def notes(self) -> bool:
        """The reading of a file's cells finds what rules name: `findings` stands among its texts."""
        return any(shape.notes for shape in self.delivery.all_shapes)

    @property
    def in_parts(self) -> bool:
        """Orders and their lines come in two files of a batch."""
        return any(shape.part for shape in self.delivery.all_shapes)

    @property
    def group(self) -> str:
        """What an order's, or a thing's, records have in common in a file: order_id, else the first key column."""
        return "order_id" if "order_id" in {c.name for c in self.columns} else self.key[0]

    @property
    def money(self) -> frozenset[str]:
        """The columns that are amounts of money, in the row's currency."""
        names = {c.name for c in self.columns}
        return frozenset(c.name for c in self.columns if c.type == MONEY and "currency" in names)

    def has_thousandths(self, shop: Shop) -> Column | None:
        """The row's currency has three decimals, by its text; None if no row of the source can have such a currency."""
        if not self.money:
            return F.lit(True) if shop.places > 2 else None
        currency = F.coalesce(F.upper(text("currency")), F.lit(shop.reporting_currency))
        return currency.isin(*with_digits(3))

    def at(self, severity: Mapping[str, str]) -> Source:
        """This source with its rules at a shop's levels; those that are OFF are gone."""
        levels = {name: level for name, level in severity.items() if name not in self.fixed}
        rules = tuple(r.at(levels.get(r.name, r.severity)) for r in self.rules if levels.get(r.name) != OFF)
        return replace(self, rules=rules)

    def demanded(self, shape: Shape) -> tuple[str, ...]:
        """The columns that the header of a file of this shape must have.

        A required column that the shop does not have, or whose absence the shop does not reject, may be missing.
        """
        tolerated = {r.name for r in self.rules if r.severity is not Severity.HIGH}
        off = {f"{c.name}_present" for c in self.columns} - {r.name for r in self.rules}
        lenient = tolerated | off
        return tuple(
            c.name
            for c in self.columns
            if c.required and c.name not in shape.without and (c.key or f"{c.name}_present" not in lenient)
        )

    @property
    def times(self) -> tuple[str, ...]:
        """The columns that tell which of two statements of a batch is later, the first that is stated."""
        there = {c.name for c in self.columns}
        return tuple(name for name in ("updated_timestamp", "created_timestamp") if name in there)

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key columns, in order."""
        return tuple(c.name for c in self.columns if c.key)

    @property
    def identity(self) -> frozenset[str]:
        """The names of the rules that look at the key: all that a row must fulfil which only ends it."""
        return frozenset(f"{name}_{ending}" for name in self.key for ending in ("present", "well_formed", "intact"))

    @property
    def personal_rules(self) -> list[str]:
        """The names of the rules that look at a column which tells about a person."""
        beginnings = tuple(f"{c.name}_" for c in self.columns if c.personal)
        return [r.name for r in self.rules if r.name.startswith(beginnings) or r.name in self.about_people]

    @property
    def rules_in_force(self) -> tuple[Rule, ...]:
        """The rules without those for which the settings leave nothing to find."""
        return tuple(r for r in self.rules if self.notes or not r.noted)

    @property
    def fixed(self) -> frozenset[str]:
        """The names of the rules without which a row has no identity: their level is not the shop's to say."""
        ids = {f"{c.name}_present" for c in self.columns if c.key and c.default is None}
        return frozenset(ids | {f"{name}_well_formed" for name in self.key})

    @property
    def stored(self) -> tuple[ContractColumn, ...]:
        """The contract's columns and those computed from them, as stage and target store them."""
        return (*self.columns, *self.computed)

    @property
    def tracked(self) -> tuple[tuple[str, str], ...]:
        """(name, type) of the columns whose change opens a version, in the contract's order."""
        return tuple((c.name, c.type) for c in self.columns if c.tracked)

    @cached_property
    def signature(self) -> str:
        """A hash of the contract, as far as tables depend on it: which columns, of which type, in the key, tracked."""
        said = json.dumps([[c.name, c.type, c.key, c.tracked] for c in self.stored])
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def published(self) -> tuple[tuple[str, str], ...]:
        """The tracked columns that tell nothing about a person."""
        return tuple((c.name, c.type) for c in self.columns if c.tracked and not c.personal)

    @property
    def carried(self) -> tuple[str, ...]:
        """The columns that a header may lack and that then keep the key's previous value."""
        always = set.intersection(*(set(self.demanded(shape)) for shape in self.delivery.all_shapes))
        return tuple(c.name for c in self.columns if c.name not in always and not c.key)


@dataclass(frozen=True)
class Header:
    """How a file's header meets a source's contract.

    names: the header as it stands in the file. positions: where each contract column is. extras: columns that
    no contract names, by the name they get in the tables. absent: contract columns that the header lacks.
    deletes: where the shop's delete_column is, if the header has it. line_cells: where the cells are that make a
    line_id together. shape: how the file is read. only: the cells that say whether a record is one of the source's:
    position -> the words that it may have. computed: contract columns that are made of other cells; cells: where these
    are, by their name in the settings.
    """

    names: tuple[str, ...]
    positions: Mapping[str, int]
    extras: Mapping[str, int]
    absent: tuple[str, ...]
    deletes: int | None = None
    line_cells: tuple[int, ...] = ()
    shape: Shape = field(default_factory=Shape)
    only: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    computed: Mapping[str, Computed] = field(default_factory=dict)
    cells: Mapping[str, int] = field(default_factory=dict)

    def ids(self, source: Source) -> tuple[int, ...]:
        """Where the cells are of which ids are made: parts of keys, and what names things of other sources."""
        of_ids = {c.name for c in source.columns if c.key or c.name.endswith("_id")}
        made = [way for name, way in self.computed.items() if name in of_ids]
        places = {self.positions[name] for name in of_ids if name in self.positions} | {*self.line_cells}
        places |= {self.cells[name] for way in made for name in way.headers if name in self.cells}
        return tuple(sorted(places))
