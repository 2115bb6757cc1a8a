"""Rules that read the same in several sources, what rules are made of, and the measures of a parcel."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, reduce

from babel import Locale
from babel.core import get_global
from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import (
    KEY_LENGTH,
    LOOKS,
    OTHER_IDS,
    TOTAL,
    TOTAL_WORD,
    ContractColumn,
    Reading,
    Rule,
    Severity,
    findings,
    rule,
    text,
)

# -- what rules are made of ----------------------------------------------------------------------------------------


def empty(column: str) -> Column:
    """The cell is there and empty. A cell that cannot be read is not empty, nor is one that the header lacks."""
    return text(column).isNull() & ~F.array_contains("absent_columns", column)


def day(value: date) -> Column:
    """A day as a literal."""
    return F.lit(value.isoformat()).cast("date")


def not_future(column: str, reading: Reading) -> Column:
    """The day is not after the as-of date + 1 day: files are written after their trigger, in local time."""
    return F.col(column) <= day(reading.as_of.astimezone(UTC).date() + timedelta(days=1))


def instant_not_future(column: str, reading: Reading) -> Column:
    """The instant is not after the end of the as-of date + 2 days."""
    end = reading.as_of.astimezone(UTC).date() + timedelta(days=3)
    return F.col(column) < F.lit(datetime.combine(end, time(), UTC)).cast("timestamp")


def at_most(column: str, bound: Decimal | int) -> Column:
    """The number is within its bound."""
    return F.col(column) <= F.lit(f"{bound:f}" if isinstance(bound, Decimal) else str(bound)).cast("decimal(28,4)")


def among(word: Column, words: Iterable[str]) -> Column:
    """A normalised word is one of these.

    One text to look into, as no word has a blank: a literal a word took a third of the time in which rows are planned.
    """
    return F.contains(F.lit(f" {' '.join(words)} "), F.concat(F.lit(" "), word, F.lit(" ")))


# -- rules of several sources --------------------------------------------------------------------------------------


def key_rules(
    column: str, *, required: bool = True, blanks: bool = False, longest: int = KEY_LENGTH
) -> tuple[Rule, ...]:
    """A key part is there (if the header must have it), short, and without blanks or control characters."""

    def well_formed(_: Reading) -> Column:
        value = text(column)
        clean = ~canonical.has_control(value)
        if not blanks:
            clean = clean & ~canonical.has_inner_blank(value)
        return (F.length(value) <= F.lit(longest)) & clean

    inside = "control character" if blanks else "blank or control character"
    shape = Rule(
        f"{column}_well_formed",
        Severity.HIGH,
        well_formed,
        f"more than {longest} characters, {inside} inside",
    )
    return (present(column), shape) if required else (shape,)


_RUINED = r"\A([0-9]+\.0|[0-9]([.,][0-9]+)?[eE]\+[0-9]{2,3}|#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!))\z"


def intact(column: str, severity: Severity = Severity.HIGH) -> Rule:
    """An id is not what a spreadsheet makes of one: a rounded number, a number with a decimal, an error."""
    return Rule(
        f"{column}_intact",
        severity,
        lambda _: ~text(column).rlike(_RUINED),
        "ruined by a spreadsheet: a rounded number (1.23457E+11), whole digits with .0 (17850.0), or one of #N/A, "
        "#REF!, #VALUE!, #NAME?, #DIV/0!, #NUM!, #NULL!; save the column as text",
    )


def present(column: str, severity: Severity = Severity.HIGH, means: str = "empty") -> Rule:
    """The cell is not empty. Looks at the text: unreadable is not missing."""
    return Rule(f"{column}_present", severity, lambda _: ~empty(column), means)


def readable_rules(columns: Iterable[ContractColumn], high: Collection[str] = ()) -> tuple[Rule, ...]:
    """A rule for each column that is not text: the cell is empty or casts to the column's type.

    high: the columns without whose value a row falsifies money or stock.
    """

    def readable(column: ContractColumn) -> Rule:
        def holds(_: Reading) -> Column:
            return text(column.name).isNull() | F.col(column.name).isNotNull()

        level = Severity.HIGH if column.name in high else Severity.MEDIUM
        return Rule(f"{column.name}_readable", level, holds, f"text that is no {_KINDS[column.type.split('(')[0]]}")

    return tuple(readable(c) for c in columns if c.type != "string")


_KINDS = {
    "decimal": "decimal number that fits, such as 12.50",
    "bigint": "whole number",
    "date": "day, such as 2025-01-31",
    "timestamp": "instant, such as 2025-01-31T08:00:00Z",
    "boolean": "true t yes y 1 / false f no n 0",
}


def not_negative(column: str, why: str, severity: Severity = Severity.HIGH) -> Rule:
    """The value is not below zero."""
    return Rule(f"{column}_not_negative", severity, lambda _: F.col(column) >= F.lit(0), f"< 0: {why}")


def not_zero(column: str, why: str) -> Rule:
    """The value is not zero."""
    return Rule(f"{column}_zero", Severity.LOW, lambda _: F.col(column) != F.lit(0), f"0: {why}")


def within_bounds(column: str) -> Rule:
    """The value is not above its bound in the settings."""

    def holds(reading: Reading) -> Column:
        return at_most(column, getattr(reading.shop.bounds, column))

    return Rule(f"{column}_within_bounds", Severity.MEDIUM, holds, f"> the bound {column}: may be real")


def known(column: str) -> Rule:
    """The word is in the vocabulary of its column."""

    def holds(reading: Reading) -> Column:
        return among(F.col(column), getattr(reading.shop.vocabularies, column))

    return Rule(f"{column}_known", Severity.MEDIUM, holds, f"not in the vocabulary {column}")


@rule(Severity.LOW)
def created_timestamp_plausible(reading: Reading) -> Column:
    """missing, before 2000, future"""
    since = F.col("created_timestamp") >= F.lit(datetime(2000, 1, 1, tzinfo=UTC)).cast("timestamp")
    return ~empty("created_timestamp") & since & instant_not_future("created_timestamp", reading)


@rule(Severity.LOW)
def updated_timestamp_plausible(reading: Reading) -> Column:
    """before 2000, future: it decides which statement is the later one"""
    since = F.col("updated_timestamp") >= F.lit(datetime(2000, 1, 1, tzinfo=UTC)).cast("timestamp")
    return since & instant_not_future("updated_timestamp", reading)


@rule(Severity.LOW)
def dimensions_format(_: Reading) -> Column:
    """not LxWxH (x × *, decimals, cm)"""
    return F.lower(F.col("dimensions_cm")).rlike(_DIMENSIONS)


@rule(Severity.HIGH)
def currency_known(_: Reading) -> Column:
    """given, but no ISO 4217 code"""
    code = F.upper(text("currency"))
    codes = F.lit(",".join(sorted(Locale("en").currencies)))
    return code.rlike(r"\A[A-Z]{3}\z") & F.contains(codes, code)


@rule(Severity.LOW)
def currency_assumed(_: Reading) -> Column:
    """empty, or no such column: reporting_currency"""
    return text("currency").isNotNull()


def noted(name: str, severity: Severity, means: str) -> Rule:
    """What is found while the cells of a record are read."""
    return Rule(name, severity, lambda _: ~F.array_contains(findings(), name), means, noted=True)


CURRENCY_AGREES = noted(
    "currency_agrees", Severity.MEDIUM, "an amount's sign or code is not the row's currency (`amounts = \"written\"`)"
)
AMOUNT_ROUNDED = noted(
    "amount_rounded", Severity.LOW, 'an amount had more decimals than its currency (`decimals = "round"`)'
)
RateDay = Callable[[Reading], Column]


def currency_rules(on: RateDay) -> tuple[Rule, ...]:
    """The currency is stated and known, and has a rate on its day.

    on: the row's day for rates; a foreign currency has none on an unknown day.
    """

    def has_rate(reading: Reading) -> Column:
        first: dict[str, date] = {}
        for rate in reading.shop.rates:
            first.setdefault(rate.currency, rate.valid_from)
        currency = F.col("currency")
        found = F.when(currency == F.lit(reading.shop.reporting_currency), F.lit(True))
        for start in sorted(set(first.values())):
            those = [code for code, since in first.items() if since == start]
            found = found.when(currency.isin(those), F.coalesce(on(reading) >= day(start), F.lit(False)))
        return found.otherwise(F.lit(False))

    rated = Rule("currency_has_rate", Severity.MEDIUM, has_rate, "no rate for its day: not in sums")
    return currency_known, currency_assumed, rated, CURRENCY_AGREES, AMOUNT_ROUNDED


# -- texts that say something else than they seem to ---------------------------------------------------------------

TOTAL_RULES = ("row_is_no_total", "id_names_no_total")
"""They look at how many cells of a row are empty."""
_NULL_WORDS = "null n/a #n/a nan none nil \\n (null) <null> undefined".split()
_MARKERS = ("'", '="', '=("')
NOBODY = (
    *"0 -1 - -- guest null n/a #n/a nan none nil \\n (null) undefined unknown anonymous anon nobody n.a. na".split(),
    *"n.n. n.n gast invite invité invitado convidado ospite unbekannt".split(),
    "not logged in",
    "walk-in",
)
"""Words in customer_id that usually name nobody, in small letters."""


def text_rules(columns: Iterable[ContractColumn]) -> tuple[Rule, ...]:
    """The texts of a row are what they seem: not a word for an empty cell, not marked as texts for a spreadsheet."""
    texts = [c for c in columns if c.type == "string" and not c.word and c.name != "currency"]
    worded = [c.name for c in texts if c.key or c.name != "customer_id"]
    marked = [c.name for c in texts if c.key or c.name.endswith("_id") or c.name in _LIKE_IDS]
    return (
        Rule(
            "null_word_as_text",
            Severity.LOW,
            lambda _: ~_any(_is_null_word(text(c)) for c in worded),
            "a text such as NULL, N/A, nan, None: `null_values` says which mean an empty cell",
        ),
        Rule(
            "text_marker_as_text",
            Severity.MEDIUM,
            lambda _: ~_any(F.startswith(text(c), F.lit(m)) for c in marked for m in _MARKERS),
            "an id, phone or zip code that begins with ' or =\": `text_markers = true` takes the marker away",
        ),
        Rule(
            "ids_plainly_written",
            Severity.LOW,
            lambda _: ~F.col(OTHER_IDS),
            "an id in decomposed form (NFD), or with characters that show nothing, such as marks of direction: it is "
            "compared and stored in composed form (NFC) and without them",
        ),
        Rule(
            "row_is_no_total",
            Severity.HIGH,
            lambda _: F.col(LOOKS) != F.lit(TOTAL),
            "the id is a word for a total (Total, Summe, Итого ...) and most other cells are empty: "
            '`footers = ["Total*"]` ends the table above such a line',
        ),
        Rule(
            "id_names_no_total",
            Severity.MEDIUM,
            lambda _: F.col(LOOKS) != F.lit(TOTAL_WORD),
            "the id is a word for a total, but the row has other cells: kept",
        ),
    )


_LIKE_IDS = ("phone", "zip_code", "tracking_number", "sku")


def _is_null_word(cell: Column) -> Column:
    """The text is a word for an empty cell, in any case. Only a text that is short enough is put into lower case."""
    longest = max(map(len, _NULL_WORDS))
    return F.lower(F.when(F.length(cell) <= F.lit(longest), cell)).isin(*_NULL_WORDS)


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(lambda a, b: a | b, conditions)


@rule(Severity.MEDIUM)
def customer_id_names_somebody(_: Reading) -> Column:
    """0, -1, guest, NULL, unknown ...: many buyers as one; `nobody` says which words mean nobody"""
    return ~F.lower(F.col("customer_id")).isin(*NOBODY)


# -- countries -----------------------------------------------------------------------------------------------------

# What people write besides ISO 3166 codes and the names of today.
_USUAL = (
    "UK; U.K.; U.S.; U.S.A.; UAE; United States of America; The United States; Great Britain; England; Scotland; "
    "Wales; Northern Ireland; Holland; The Netherlands; Turkey; Czech Republic; Russian Federation; Republic of Korea; "
    "Korea; Ivory Coast; Swaziland; Macedonia; Burma; Macau; East Timor; Cabo Verde; Palestine; Vatican; Viet Nam"
)


@cache
def countries() -> tuple[str, ...]:
    """How a country may be named, as normalised words: ISO 3166 codes, English names, usual short forms."""
    codes = {alias: to[0] for alias, to in get_global("territory_aliases").items() if len(to) == 1}
    # What has a number below 900 is in ISO 3166; Kosovo is not yet, and has codes that everybody uses.
    iso = {code for alias, code in codes.items() if alias.isdigit() and int(alias) < 900} | {"XK"}
    said = iso | {alias for alias, code in codes.items() if re.fullmatch("[A-Z]{3}", alias) and code in iso}
    names = [name for code, name in Locale("en").territories.items() if code in iso]
    for name in [*names, *_USUAL.split("; ")]:
        plain = (re.sub(r" \(.*\)", "", name), name.removesuffix(" SAR China"), name)
        for form, (one, other) in itertools.product(plain, _SPELLINGS):
            said |= {form.replace(one, other), form.replace("&", "and").replace(one, other)}
    spelt = said | {_without_accents(name) for name in said}
    return tuple(sorted({re.sub(r"[\s-]+", "_", name.lower()) for name in spelt}))


_SPELLINGS = (("St. ", "St. "), ("St. ", "Saint "), ("St. ", "St "), ("\u2019", "'"))


def _without_accents(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c)).replace("\u2019", "'")


# -- parcels -------------------------------------------------------------------------------------------------------

_NUMBER = r"([0-9]{1,6}(\.[0-9]{1,12})?)"
_BLANKS = f"[{canonical.ALL_BLANKS}]*"
_BY = f"{_BLANKS}[x\u00d7*]{_BLANKS}"
_DIMENSIONS = rf"\A{_NUMBER}{_BY}{_NUMBER}{_BY}{_NUMBER}{_BLANKS}(cm)?\z"


def dimensions(column: str) -> tuple[Column, Column, Column, Column]:
    """Length, width, height (cm) and volume (cm3, their product) of a text such as `30 x 20 x 5.5 cm`; else NULL."""
    form = canonical.when_matches(F.lower(F.col(column)), _DIMENSIONS)
    texts = [F.regexp_extract(form, _DIMENSIONS, group) for group in (1, 3, 5)]
    sides = [canonical.half_up(side.try_cast("decimal(18,12)"), 11, 4) for side in texts]
    volume = canonical.half_up(sides[0] * sides[1] * sides[2], 18, 4)
    length, width, height = (side.cast("decimal(18,4)") for side in sides)
    return length, width, height, volume
