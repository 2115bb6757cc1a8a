"""Text to value, value to text: the only casts in this program.

Every function gives the same value on every engine for every input that was tried: engines round 12.999 to
13.00, read `2025` as a date and `10:30:00` as today when they are left to cast on their own. Here a text that is
not exactly of the expected form is NULL, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm.money import MONEY

# Everything that Unicode calls a blank, the control characters, and the byte-order mark.
BLANKS = "".join(
    map(
        chr,
        [
            *range(33),
            0x85,
            0xA0,
            0x1680,
            *range(0x2000, 0x200C),
            0x2028,
            0x2029,
            0x202F,
            0x205F,
            0x3000,
            0xFEFF,
        ],
    )
)
_CONTROLS = "\\x00-\\x1f\\x7f-\\x9f"
INNER_BLANKS = " \u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
ALL_BLANKS = f"\\x00-\\x1f\\x85{INNER_BLANKS}"  # BLANKS, inside a class of a regular expression

_DATE = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00:00(\.0{1,9})?Z?)?\z"
_TIMESTAMP = (
    r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])?)?\z"
)
_HAS_OFFSET = r"(Z|[+-][0-9]{2}:[0-9]{2})\z"
_FIRST_DAY, _LAST_DAY = "1700-01-01", "2200-12-31"
_FIRST_MICRO, _END_MICRO = -8520336000000000, 7289654400000000  # of the same years


def when_matches(text: Column, pattern: str) -> Column:
    """The text where it matches, else NULL."""
    return F.when(text.rlike(pattern), text)


def trimmed(raw: Column) -> Column:
    """The text without blanks at its ends; NULL if nothing is left."""
    text = F.trim(raw, F.lit(BLANKS))
    return F.when(text != F.lit(""), text)


def piece(text: Column, separator: str, place: int) -> Column:
    """What is between two separators of a text that has enough of them; the first piece has the place 0."""
    return F.substring_index(F.substring_index(text, separator, place + 1), separator, -1)


def decimal(text: Column, precision: int, scale: int) -> Column:
    """A plain decimal number that fits: `12.50`, `+15`, `12.500`; `12.999`, `1e3`, `1,234.50` are NULL."""
    form = rf"\A[+-]?[0-9]{{1,{precision - scale}}}(\.[0-9]{{1,{scale}}}0*)?\z"
    return when_matches(text, form).try_cast(f"decimal({precision},{scale})")


def amount(text: Column, has_thousandths: Column | None = None) -> Column:
    """An amount of money: at most two decimals, and three where its currency has thousandths, as KWD."""
    plain = r"\A[+-]?[0-9]{1,15}(\.[0-9]{1,2}0*)?\z"
    if has_thousandths is None:
        return when_matches(text, plain).try_cast(MONEY)
    fine = has_thousandths & text.rlike(r"\A[+-]?[0-9]{1,15}\.[0-9]{3}0*\z")
    return F.when(text.rlike(plain), text).when(fine, text).try_cast(MONEY)


def integer(text: Column) -> Column:
    """A whole number of at most 18 digits; `12.0` is 12, `12.5` is NULL."""
    whole = when_matches(text, r"\A[+-]?[0-9]{1,18}(\.0*)?\z")
    return F.regexp_replace(whole, r"\.0*\z", "").try_cast("bigint")


def is_day(text: Column) -> Column:
    """The text is of the form of an ISO day, also with a midnight behind it, be there such a day or not."""
    return text.rlike(_DATE)


def date(text: Column) -> Column:
    """An ISO day, also with a midnight behind it; kept between the years 1700 and 2200."""
    day = F.substring(when_matches(text, _DATE), 1, 10).try_cast("date")
    return F.when(day.between(F.lit(_FIRST_DAY).cast("date"), F.lit(_LAST_DAY).cast("date")), day)


def timestamp(text: Column, zone: str) -> Column:
    """An ISO instant; without an offset it is read in `zone`; a day alone is its midnight."""
    instant = when_matches(text, _TIMESTAMP).try_cast("timestamp")
    if zone != "UTC":
        instant = F.when(text.rlike(_HAS_OFFSET), instant).otherwise(F.to_utc_timestamp(instant, zone))
    micros = F.unix_micros(instant)
    return F.when((micros >= F.lit(_FIRST_MICRO)) & (micros < F.lit(_END_MICRO)), instant)


def decimal_point(text: Column) -> Column:
    """A number written with a decimal comma, with a point: comma and point change places.

    So a text with a point, be it a decimal one or one between thousands, is no number: `1.234` becomes `1,234`.
    """
    return F.translate(text, ",.", ".,")


def boolean(text: Column) -> Column:
    """true t yes y 1 / false f no n 0, in any case; anything else is NULL."""
    word = F.lower(text)
    return F.when(word.isin("true", "t", "yes", "y", "1"), F.lit(True)).when(
        word.isin("false", "f", "no", "n", "0"), F.lit(False)
    )


def word(text: Column) -> Column:
    """A word of a vocabulary as it is stored: lower case, each run of blanks and `-` one `_`."""
    return F.regexp_replace(F.lower(text), f"[{ALL_BLANKS}-]+", "_")


def typed(text: Column, type_name: str, zone: str, has_thousandths: Column | None = None) -> Column:
    """The value of a trimmed text for one of the contract's types. has_thousandths: as in `amount`."""
    if type_name == MONEY:
        return amount(text, has_thousandths)
    match type_name:
        case "string":
            return text
        case "bigint":
            return integer(text)
        case "date":
            return date(text)
        case "timestamp":
            return timestamp(text, zone)
        case "boolean":
            return boolean(text)
        case "decimal(18,4)":
            return decimal(text, 18, 4)
    raise ValueError(f"no canonical cast to {type_name}")


def has_inner_blank(text: Column) -> Column:
    """A blank inside a trimmed text."""
    return text.rlike(f"[{INNER_BLANKS}]")


def has_control(text: Column) -> Column:
    """A control character inside a trimmed text."""
    return text.rlike(f"[{_CONTROLS}]")


def _as_text(column: str, type_name: str) -> Column:
    value = F.col(column)
    return F.unix_micros(value).cast("string") if type_name == "timestamp" else value.cast("string")


def length_prefixed(columns: Iterable[tuple[str, str]]) -> Column:
    """All (column, type) values in one text that no two different rows share: `3:abc` each, `~` for NULL."""
    parts = [
        F.coalesce(F.concat(F.length(t).cast("string"), F.lit(":"), t), F.lit("~"))
        for t in (_as_text(name, type_name) for name, type_name in columns)
    ]
    return F.concat(*parts)


def row_hash(columns: Iterable[tuple[str, str]]) -> Column:
    """SHA-256, in hex, of the length-prefixed values of these (column, type) pairs."""
    return F.sha2(length_prefixed(columns).cast("binary"), 256)


def half_up(value: Column, precision: int, scale: int) -> Column:
    """A decimal rounded half up, once, to the scale in which it is published; NULL if it does not fit."""
    return F.round(value, scale).try_cast(f"decimal({precision},{scale})")


def published(value: Column, places: int) -> Column:
    """Money rounded half up, once, to the decimals of its currency; NULL if it does not fit."""
    return F.round(value, places).try_cast(MONEY)


def ratio(part: Column, whole: Column, scale: int) -> Column:
    """part / whole, rounded half up once; NULL if whole is 0. part: a number of at most 8 decimals; whole: of 3.

    An engine gives a quotient four digits more than its dividend has and cuts off the rest. So the dividend gets eight
    decimals first: what is cut off then stands behind the digit that decides.
    """
    divisor = whole.try_cast("decimal(28,3)")
    return half_up(part.try_cast("decimal(28,8)") / F.when(divisor != 0, divisor), 18, scale)


def each(part: Column, whole: Column, places: int) -> Column:
    """part / whole as money: rounded half up, once, to the decimals of its currency; NULL if whole is 0."""
    return ratio(part, whole, places).try_cast(MONEY)


def local_date(instant: Column, zone: str) -> Column:
    """The calendar day of an instant in a time zone."""
    return (instant if zone == "UTC" else F.from_utc_timestamp(instant, zone)).cast("date")
