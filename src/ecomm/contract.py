"""What a source promises: its columns, its key, its rules; and how a file's header meets the promise."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.currencies import places, with_digits
from ecomm.delivery import Computed, Delivery, Shape
from ecomm.errors import HeaderError, UsageError
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


# A column of the key's version before, by its name.
Before = Callable[[str], Column]


def _plain(name: str) -> str:
    """A header name as it is compared: without blanks around it, in lower case."""
    return name.strip(canonical.BLANKS).lower()


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
    know enough for it. version_values: what a version says of the one before it.
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


_NAME = re.compile(r"[^a-z0-9]+")
_MAX_EXTRA = 200
# What frames on their way through the program call their own columns. (Extra columns never begin with `_`.)
INTERNAL = frozenset(
    "all_hash at_the_top change closes copy count ends header kept life malformed next_as_of opened_by opens place "
    "raw raw_line reasons severity side step told verdict".split()
)


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


def match_header(source: Source, shape: Shape, names: Sequence[str], file: str, reserved: frozenset[str]) -> Header:
    """Match a header by name, in any case and order.

    shape: of the file. reserved: column names of the tables that an extra column must not take.
    Raises HeaderError when a required column is missing, or a contract column or the delete_column stands twice.
    """
    plain = [_plain(n) for n in names]
    theirs = {_plain(name) for column in shape.columns for name in shape.headers_of(column)}
    positions: dict[str, int] = {}
    computed, cells = _computed(shape, plain, file)
    for column in source.columns:
        own_names = [_plain(name) for name in shape.headers_of(column.name)]
        for candidate in (*own_names, column.name, *column.aliases):
            if column.name in computed or (candidate in theirs and candidate not in own_names):
                continue
            found = _place(plain, candidate, file)
            if found is not None:
                positions[column.name] = found
                break
    if shape.line_id:
        positions.pop("line_id", None)  # a column of that name is an extra one
    line_cells = _line_cells(shape, plain, positions, file)
    if len(line_cells) == 1:
        positions["line_id"] = line_cells[0]
    demanded = source.demanded(shape) if not shape.part else source.key[:1]
    missing = [name for name in demanded if name not in positions and name not in computed]
    if missing:
        own = {name: _wanted(shape, name, plain) for name in missing}
        said = ", ".join(f"{own[name]} (for {name})" if own[name] else name for name in missing)
        split = next((d for d in ";\t|," if len(names) == 1 and d in names[0]), None)
        raise HeaderError(
            f"{file}: the header lacks {said}, which {source.name} must have; "
            f"it has: {', '.join(n.strip(canonical.BLANKS) for n in names)[:300]}"
            + (_renamed(shape, source, missing, names, positions) or _advised(source, split, positions, missing))
        )
    # All of a joined text's cells are in it; of another computed column the cells are kept as well.
    joined = {cells[name] for way in computed.values() for name in way.joined if name in cells}
    held = {*positions.values(), *joined}
    extras: dict[str, int] = {}
    for i, name in enumerate(plain):
        if i not in held and i not in line_cells:
            extras[_extra_name(name, i, reserved | INTERNAL | extras.keys())] = i
    if len(extras) > _MAX_EXTRA:
        raise HeaderError(
            f"{file}: {len(extras)} unknown columns; at most {_MAX_EXTRA} are kept. Is this the right file?"
        )
    stated = {
        *positions,
        *computed,
        *(["line_id"] if shape.line_id else []),
        *(["currency"] if shape.amounts == "written" and source.money else []),
    }
    absent = tuple(c.name for c in source.columns if c.name not in stated)
    flag = source.delivery.delete_column
    deletes = None if flag is None else _place(plain, flag.strip(canonical.BLANKS).lower(), file)
    only = {_only_place(plain, name, source, file): words for name, words in shape.only.items()}
    together = line_cells if len(line_cells) > 1 else ()
    return Header(distinct(names), positions, extras, absent, deletes, together, shape, only, computed, cells)


def _only_place(header: Sequence[str], name: str, source: Source, file: str) -> int:
    """Where a header is by whose cells records are chosen. Raises HeaderError if it is missing."""
    place = _place(header, _plain(name), file)
    if place is None:
        raise HeaderError(
            f"{file}: the header lacks {name}, by which `only` in [sources.{source.name}] chooses records; "
            "is this the right file?"
        )
    return place


def _line_cells(shape: Shape, plain: Sequence[str], positions: Mapping[str, int], file: str) -> tuple[int, ...]:
    """Where the cells are that tell the lines of an order apart, by the names of headers, or of contract columns.

    Raises HeaderError if the header lacks one.
    """
    found = []
    for name in shape.line_headers:
        place = _place(plain, _plain(name), file)
        if place is None:
            place = positions.get(name)
        if place is None:
            raise HeaderError(
                f"{file}: the header lacks {name}, which line_id in [sources.orders] names; without it the lines of an "
                "order cannot be told apart."
            )
        found.append(place)
    return tuple(found)


def match_parts(source: Source, headers: Mapping[str, Header]) -> None:
    """Check that the files of a batch that are heads or lines of orders have together what the source must have.

    headers: file -> its header, of one source. Raises HeaderError.
    """
    of_part = {part: {f: h for f, h in headers.items() if h.shape.part == part} for part in ("heads", "lines")}
    heads, lines = of_part["heads"], of_part["lines"]
    if not heads and not lines:
        return
    if not heads or not lines:
        file, lacking = next(iter(heads or lines)), "lines" if heads else "heads"
        raise HeaderError(
            f"{file}: its shape says part = {'lines' if lines else 'heads'!r}, and no file of the batch has the "
            f"{lacking} of these orders; list both files in one trigger."
        )
    lacks = [set.union(*[set(h.absent) for h in files.values()]) for files in (heads, lines)]
    shape = next(iter(lines.values())).shape
    without = {name for h in heads.values() for name in h.shape.without}
    if missing := [n for n in source.demanded(shape) if n in lacks[0] & lacks[1] and n not in without]:
        raise HeaderError(
            f"{' and '.join((next(iter(heads)), next(iter(lines))))}: neither header has {', '.join(missing)}, which "
            f"{source.name} must have; name the header in [sources.{source.name}.shapes], or the column in without."
        )


def _computed(shape: Shape, header: Sequence[str], file: str) -> tuple[dict[str, Computed], dict[str, int]]:
    """The contract columns that can be computed from a file, and where the cells are of which they are made."""
    computed: dict[str, Computed] = {}
    cells: dict[str, int] = {}
    for name in shape.columns:
        way = shape.computed_of(name)
        if way is None:
            continue
        found = {h: at for h in way.headers if (at := _place(header, _plain(h), file)) is not None}
        if way.can_do_with(found):
            computed[name] = way
            cells |= found
    return computed, cells


def _renamed(
    shape: Shape, source: Source, missing: Sequence[str], names: Sequence[str], found: Mapping[str, int]
) -> str:
    """How to say that a column for which the settings have a name is called otherwise in this file; "" if none has."""
    column = next((c for c in missing if c in shape.columns and shape.computed_of(c) is None), None)
    if column is None or len(found) < 2:
        return ""
    unknown = [n.strip(canonical.BLANKS) for i, n in enumerate(names) if i not in found.values()]
    both = json.dumps(
        [*shape.headers_of(column), unknown[0] if len(unknown) == 1 else "its new name"], ensure_ascii=False
    )
    return f"; has the column another name now? Set {column} = {both} in [sources.{source.name}.columns]."


def _advised(source: Source, split: str | None, found: Mapping[str, int], missing: Sequence[str]) -> str:
    """What may be wrong with a header that lacks columns, as the end of its sentence."""
    place = f"[sources.{source.name}]"
    if split:
        return f"; is the delimiter {split!r}? Say so in {place}."
    if not found:
        return f"; is the header further down, or has it other names? Set skip_lines or columns in {place}."
    lacking = [name for name in ("customer_id", "product_id", "price") if name in missing]
    without = (
        f"; if the shop has none, set without = [{', '.join(map(json.dumps, lacking))}] in {place}" if lacking else ""
    )
    if source.name == "orders" and source.group in found and lacking:
        return (
            f'{without}; if orders and their lines are in two files, part = "heads" and part = "lines" in its shapes.'
        )
    return f"{without}."


def _wanted(shape: Shape, column: str, header: Sequence[str]) -> str:
    """The names that the settings have for a column and that a header lacks."""
    way = shape.computed_of(column)
    if way is None:
        return " or ".join(shape.headers_of(column))
    lacking = [name for name in way.headers if _plain(name) not in header]
    return (" and " if way.needs_all else " or ").join(dict.fromkeys(lacking))


def _place(header: Sequence[str], name: str, file: str) -> int | None:
    """Where a name stands in a header; None if it does not."""
    found = [i for i, n in enumerate(header) if n == name]
    if len(found) > 1:
        raise HeaderError(f"{file}: the column {name} stands {len(found)} times in the header; leave one.")
    return found[0] if found else None


def _extra_name(name: str, position: int, taken: Set[str]) -> str:
    """A name for an extra column that no other column has."""
    plain = _NAME.sub("_", name).strip("_") or f"column_{position + 1}"
    if plain in taken or plain[0].isdigit():
        plain = f"extra_{plain}"
    return _free(plain, position, taken)


def _free(name: str, position: int, taken: Set[str]) -> str:
    behind = (f"{name}_{position + 1}" + "_" * i for i in itertools.count())
    return next(c for c in itertools.chain([name], behind) if c not in taken)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names as keys of a map: a repeated one gets its position behind it."""
    seen: list[str] = []
    for i, name in enumerate(names):
        seen.append(name if name not in seen else _free(name, i, {*names, *seen}))
    return tuple(seen)
