"""What a source promises: its columns, its key, its rules; and how a file's header meets the promise."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.errors import HeaderError

KEY_LENGTH = 64


class Severity(StrEnum):
    """HIGH quarantines a row; MEDIUM and LOW keep it and say so; NONE informs."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    NONE = "NONE"


@dataclass(frozen=True)
class Shop:
    """How one shop counts: the settings that change what is in the tables."""

    reporting_currency: str = "USD"
    source_timezone: str = "UTC"
    shop_timezone: str = "UTC"
    premium_tiers: tuple[str, ...] = ("premium", "platinum", "vip")
    non_revenue_statuses: tuple[str, ...] = ("cancelled", "returned", "refunded", "failed")
    margin_rate: str = "0.30"
    hemisphere: str = "north"
    business_hours: tuple[int, int] = (9, 18)


@dataclass(frozen=True)
class Reading:
    """What a row is judged with, besides itself: the batch's instant and the shop's settings."""

    as_of: datetime
    shop: Shop

    @property
    def today(self) -> Column:
        """The batch's day (UTC)."""
        return F.lit(self.as_of.date())


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
    """

    name: str
    severity: Severity
    holds: RuleFunction
    meaning: str
    among_rivals: bool = False


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

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key columns, in order."""
        return tuple(c.name for c in self.columns if c.key)

    @property
    def stored(self) -> tuple[ContractColumn, ...]:
        """The contract's columns and those computed from them, as stage and target store them."""
        return (*self.columns, *self.computed)

    @property
    def tracked(self) -> tuple[tuple[str, str], ...]:
        """(name, type) of the columns whose change opens a version, in the contract's order."""
        return tuple((c.name, c.type) for c in self.columns if c.tracked)

    @property
    def published(self) -> tuple[tuple[str, str], ...]:
        """The tracked columns that tell nothing about a person."""
        return tuple((c.name, c.type) for c in self.columns if c.tracked and not c.personal)

    @property
    def carried(self) -> tuple[str, ...]:
        """The columns that a header may lack and that then keep the key's previous value."""
        return tuple(c.name for c in self.columns if not c.required and not c.key)


_NAME = re.compile(r"[^a-z0-9]+")
_MAX_EXTRA = 200
# What frames on their way through the program call their own columns. (Extra columns never begin with `_`.)
INTERNAL = frozenset(
    "all_hash at_the_top change closes copy count header life malformed next_as_of opened_by opens place "
    "published_hash raw raw_line reasons rivals severity side step verdict winning_time".split()
)


@dataclass(frozen=True)
class Header:
    """How a file's header meets a source's contract.

    names: the header as it stands in the file. positions: where each contract column is. extras: columns that
    no contract names, by the name they get in the tables. absent: contract columns that the header lacks.
    """

    names: tuple[str, ...]
    positions: Mapping[str, int]
    extras: Mapping[str, int]
    absent: tuple[str, ...]


def match_header(source: Source, names: Sequence[str], file: str, reserved: frozenset[str]) -> Header:
    """Match a header by name, in any case and order.

    reserved: column names of the tables that an extra column must not take.
    Raises HeaderError when a required column is missing or a contract column stands twice.
    """
    plain = [n.strip(canonical.BLANKS).lower() for n in names]
    positions: dict[str, int] = {}
    for column in source.columns:
        for candidate in (column.name, *column.aliases):
            found = [i for i, n in enumerate(plain) if n == candidate]
            if len(found) > 1:
                raise HeaderError(f"{file}: the column {candidate} stands {len(found)} times in the header; leave one.")
            if found:
                positions[column.name] = found[0]
                break
    missing = [c.name for c in source.columns if c.required and c.name not in positions]
    if missing:
        raise HeaderError(
            f"{file}: the header lacks {', '.join(missing)}, which {source.name} must have; "
            f"it has: {', '.join(n.strip(canonical.BLANKS) for n in names)[:300]}."
        )
    extras: dict[str, int] = {}
    for i, name in enumerate(plain):
        if i not in positions.values():
            extras[_extra_name(name, i, reserved | INTERNAL | extras.keys())] = i
    if len(extras) > _MAX_EXTRA:
        raise HeaderError(
            f"{file}: {len(extras)} unknown columns; at most {_MAX_EXTRA} are kept. Is this the right file?"
        )
    absent = tuple(c.name for c in source.columns if c.name not in positions)
    return Header(_distinct(names), positions, extras, absent)


def _extra_name(name: str, position: int, taken: Set[str]) -> str:
    """A name for an extra column that no other column has."""
    plain = _NAME.sub("_", name).strip("_") or f"column_{position + 1}"
    if plain in taken or plain[0].isdigit():
        plain = f"extra_{plain}"
    return _free(plain, position, taken)


def _free(name: str, position: int, taken: Set[str]) -> str:
    behind = (f"{name}_{position + 1}" + "_" * i for i in itertools.count())
    return next(c for c in itertools.chain([name], behind) if c not in taken)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names as keys of a map: a repeated one gets its position behind it."""
    seen: list[str] = []
    for i, name in enumerate(names):
        seen.append(name if name not in seen else _free(name, i, {*names, *seen}))
    return tuple(seen)
