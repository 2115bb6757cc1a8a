"""Cells: text -> typed value, the row hash, the key text and rounding. Every function quotes its rule.

"Cells: trimmed (PARITY's TRIM set), empty = NULL" (decisions.md): every cast below takes the TRIMMED text or
None."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

from .currencies import THOUSANDTHS

Row = dict[str, Any]
"""One row of any table: column -> Decimal, aware UTC datetime, date, bool, int, str, list[str], dict or
None."""

TRIM = "".join(
    map(chr, [*range(33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000])
) + chr(0xFEFF)
"""PARITY.md, "Canonical expressions"."""

BLANKS = "".join(c for c in TRIM if ord(c) >= 0x20)
"""A blank: "any char of the TRIM set above U+0020, or the space" (decisions.md, well_formed)."""

FIRST_DAY, LAST_DAY = date(1700, 1, 1), date(2200, 12, 31)
"""Canonical dates and timestamps are "kept in 1700-01-01 .. 2200-12-31" (PARITY.md)."""

DIGITS = 1000
"""Working precision of every decimal step: enough that only `published` rounds."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnspecifiedError(ValueError):
    """The input is one on which the documents say nothing, so the oracle refuses to make something up."""


@dataclass(frozen=True)
class Zones:
    """Source times without an offset are read in `source_timezone`; calendar columns use `shop_timezone`."""

    source: ZoneInfo
    shop: ZoneInfo


UTC_ZONES = Zones(ZoneInfo("UTC"), ZoneInfo("UTC"))


# -- text ------------------------------------------------------------------------------------------


def trimmed(cell: str) -> str | None:
    """Cells are trimmed (TRIM set), empty = NULL."""
    return cell.strip(TRIM) or None


_IGNORED = {
    0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x200E, 0x200F,
    *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFFA0, *range(0xFFF0, 0xFFF9),
    *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000),
}  # fmt: skip
"""Default_Ignorable_Code_Point of Unicode, without the zero-width space, the byte order mark and the joiners."""


def as_id(cell: str) -> str:
    """docs/files.md: an id is compared in composed form (NFC) and without characters that show nothing; a joiner
    (U+200C, U+200D) stays between two characters that are neither ASCII nor blanks."""
    composed = unicodedata.normalize("NFC", cell)
    composed = unicodedata.normalize("NFC", "".join(c for c in composed if ord(c) not in _IGNORED))
    kept = ""
    for at, c in enumerate(composed):
        if c in "\u200c\u200d":
            before = [x for x in kept if x not in "\u200c\u200d"][-1:] or [" "]
            after = [x for x in composed[at:] if x not in "\u200c\u200d"][:1] or [" "]
            if any(x.isascii() or x in TRIM for x in before + after):
                continue
        kept += c
    return unicodedata.normalize("NFC", kept)


def as_exported(text: str | None) -> str | None:
    """A text before which `ecomm export` has put an apostrophe, lest a spreadsheet take it for a formula, without it:
    one that begins, behind any apostrophes, with = + - @, a tab or a carriage return."""
    return text[1:] if text and text[0] == "'" and text.lstrip("'").startswith(tuple("=+-@\t\r")) else text


def as_word(text: str | None) -> str | None:
    """Words: trimmed, lower-cased, each run of blanks and `-` -> `_` (decisions.md, Fold); a blank is any of TRIM."""
    return None if text is None else re.sub(f"[{re.escape(TRIM)}-]+", "_", text.lower())


def as_order_status(text: str | None) -> str | None:
    """order_status `canceled` is stored as `cancelled`."""
    word = as_word(text)
    return "cancelled" if word == "canceled" else word


# -- numbers ---------------------------------------------------------------------------------------


def as_decimal(precision: int, scale: int) -> Callable[[str | None], Decimal | None]:
    r"""decimal: when trimmed rlike \A[+-]?[0-9]{1,p-sc}(\.[0-9]{1,sc}0*)?\z  # 12.999 -> NULL, 12.500 ->
    12.50"""
    pattern = re.compile(rf"[+-]?[0-9]{{1,{precision - scale}}}(\.[0-9]{{1,{scale}}}0*)?")

    def cast(text: str | None) -> Decimal | None:
        if text is None or not pattern.fullmatch(text):
            return None
        return half_up(Decimal(text), scale)  # the pattern leaves only zeros to cut, so nothing is rounded

    return cast


def as_int(text: str | None) -> int | None:
    r"""int: when trimmed rlike \A[+-]?[0-9]{1,18}(\.0*)?\z then regexp_replace(\.0*\z, "") try_cast"""
    if text is None or not re.fullmatch(r"[+-]?[0-9]{1,18}(\.0*)?", text):
        return None
    return int(text.split(".")[0])


def half_up(number: Decimal, scale: int) -> Decimal:
    """Half up (ties away from zero), to `scale` digits; zero has no sign."""
    with localcontext() as context:
        context.prec = DIGITS
        rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        return rounded if rounded else abs(rounded)


def published(number: Decimal | None, scale: int, precision: int = 18) -> Decimal | None:
    """Rounding: half up, once, when a column is published; what DECIMAL(precision, scale) cannot hold is
    NULL."""
    limit = 10 ** (precision - scale)
    if number is None or abs(number) >= limit:
        return None
    rounded = half_up(number, scale)
    return rounded if abs(rounded) < limit else None


def as_money(text: str | None, currency: str) -> Decimal | None:
    """An amount, DECIMAL(18,3): two decimals, three where the currency has thousandths; zeros behind them are free."""
    places = 3 if currency in THOUSANDTHS else 2
    if text is None or not re.fullmatch(rf"[+-]?[0-9]{{1,15}}([.][0-9]{{1,{places}}}0*)?", text):
        return None
    return half_up(Decimal(text), 3)


def money(number: Decimal | None, places: int) -> Decimal | None:
    """A figure rounded half up, once, to so many places, and kept as DECIMAL(18,3); NULL if it does not fit."""
    rounded = published(number, places, 15 + places)
    return None if rounded is None else half_up(rounded, 3)


def product(*factors: Decimal) -> Decimal:
    """The exact product (the default context would round it to 28 digits before the one allowed rounding)."""
    with localcontext() as context:
        context.prec = DIGITS
        result = Decimal(1)
        for factor in factors:
            result *= factor
        return result


def ratio(dividend: Decimal | int | None, divisor: Decimal | int | None) -> Decimal | None:
    """x / 0 = NULL, unknown / x = NULL."""
    if dividend is None or not divisor:
        return None
    with localcontext() as context:
        context.prec = DIGITS
        return Decimal(dividend) / Decimal(divisor)


# -- time ------------------------------------------------------------------------------------------

DATE_TEXT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ]00:00:00(\.0{1,9})?Z?)?")
TIMESTAMP_TEXT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([T ](([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?)(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])?)?"
)


def _calendar_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def iso_days(text: str, date_format: str) -> str:
    """The day at the beginning of a text, written as the setting `date_format` says (d or dd, M or MM, yyyy), in ISO;
    a text that does not begin so stays as it is."""
    parts = {"dd": "(?P<d>[0-9]{2})", "d": "(?P<d>[0-9]{1,2})", "MM": "(?P<m>[0-9]{2})", "M": "(?P<m>[0-9]{1,2})"}
    parts["yyyy"] = "(?P<y>[0-9]{4})"
    pattern = re.sub("dd?|MM?|yyyy|.", lambda one: parts.get(one[0], re.escape(one[0])), date_format)
    match = re.match(f"{pattern}(?=[T ]|\\Z)", text)
    return text if match is None else f"{match['y']}-{match['m']:0>2}-{match['d']:0>2}{text[match.end() :]}"


def as_date(text: str | None) -> date | None:
    r"""date: rlike \A[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00:00(\.0{1,9})?Z?)?\z then substring(1, 10) try_cast,
    kept in 1700-01-01 .. 2200-12-31."""
    match = DATE_TEXT.fullmatch(text or "")
    day = _calendar_day(match[1]) if match else None
    return day if day and FIRST_DAY <= day <= LAST_DAY else None


def as_timestamp(text: str | None, zones: Zones) -> datetime | None:
    """timestamp: PARITY's pattern (a date alone = midnight); no offset = `source_timezone`; kept in the same
    years (by the UTC instant)."""
    match = TIMESTAMP_TEXT.fullmatch(text or "")
    day = _calendar_day(match[1]) if match else None
    if match is None or day is None:
        return None
    clock = time.fromisoformat((match[3] or "00:00:00").partition(".")[0])
    digits = (match[5] or ".0")[1:]
    local = datetime.combine(day, clock).replace(microsecond=int(digits.ljust(6, "0")))
    offset = match[6]
    try:
        if offset is None:
            instant = local.replace(tzinfo=zones.source).astimezone(UTC)
        elif offset == "Z":
            instant = local.replace(tzinfo=UTC)
        else:
            sign = -1 if offset[0] == "-" else 1
            ahead = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
            instant = local.replace(tzinfo=UTC) - sign * ahead
    except OverflowError:  # year 1 or 9999, shifted by its offset
        return None
    return instant if FIRST_DAY <= instant.date() <= LAST_DAY else None


def as_order_date(text: str | None, zones: Zones) -> tuple[date | None, datetime | None]:
    """order_date: canonical date first (date only, or 00:00:00 without offset or with Z); else canonical
    timestamp: the instant gives ordered_at, its day in shop_timezone is order_date. Returns (order_date, the
    text's instant)."""
    if DATE_TEXT.fullmatch(text or ""):
        return as_date(text), None
    instant = as_timestamp(text, zones)
    return (None, None) if instant is None else (local_day(instant, zones), instant)


def local_day(instant: datetime, zones: Zones) -> date:
    """The instant's day in `shop_timezone`."""
    return instant.astimezone(zones.shop).date()


def end_of_day(day: date, zones: Zones) -> datetime:
    """The "end of order_date" = one microsecond before the next day begins in shop_timezone
    (decisions.md)."""
    midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=zones.shop)
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def full_years(birth: date, today: date) -> int:
    """`age` (full years; 29 February counts on 1 March)."""
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


# -- booleans, dimensions --------------------------------------------------------------------------


def as_bool(text: str | None) -> bool | None:
    """boolean: lower(trim) in (true t yes y 1) / (false f no n 0)."""
    word = (text or "").lower()
    if word in {"true", "t", "yes", "y", "1"}:
        return True
    return False if word in {"false", "f", "no", "n", "0"} else None


_SIDE, _GAP = r"([0-9]+(?:\.[0-9]+)?)", f"[{re.escape(BLANKS)}]*"
_DIMENSIONS = re.compile(f"{_SIDE}{_GAP}[xX\u00d7*]{_GAP}{_SIDE}{_GAP}[xX\u00d7*]{_GAP}{_SIDE}{_GAP}(?:[cC][mM])?")


def as_dimensions(text: str | None) -> tuple[Decimal, Decimal, Decimal] | None:
    """dimensions_cm `LxWxH` (x, X, U+00D7, * with optional blanks, decimals, optional `cm`)."""
    match = _DIMENSIONS.fullmatch(text or "")
    return (Decimal(match[1]), Decimal(match[2]), Decimal(match[3])) if match else None


# -- identity --------------------------------------------------------------------------------------


def as_text(value: Any) -> str | None:
    """row_hash's x: cast to string; dates ISO, decimals with their scale, booleans true / false, timestamps
    as unix microseconds."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str((value - EPOCH) // timedelta(microseconds=1))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"no text for {value!r}")


def row_hash(values: Iterable[Any]) -> str:
    """row_hash: sha2(concat(for each: coalesce(concat(length(x), ":", x), "~")), 256)."""
    texts = [as_text(value) for value in values]
    return hashlib.sha256("".join("~" if x is None else f"{len(x)}:{x}" for x in texts).encode()).hexdigest()


def key_text(parts: Iterable[str]) -> str:
    """`key`: the key's parts, length-prefixed as in row_hash (length in characters)."""
    return "".join(f"{len(part)}:{part}" for part in parts)


def key_parts(key: str) -> list[str]:
    """The parts of a `key_text`."""
    parts: list[str] = []
    while key:
        length, _, rest = key.partition(":")
        parts.append(rest[: int(length)])
        key = rest[int(length) :]
    return parts


def written_key(parts: Iterable[str]) -> str:
    """ "Keys as people write them: `O34`, or the parts", joined by ` / `, without empty parts at the end."""
    left = list(parts)
    while left and not left[-1]:
        left.pop()
    return " / ".join(left)


def is_well_formed(text: str | None, *, blanks_pass: bool = False, longest: int = 64) -> bool:
    """well_formed: at most 64 characters (a line_id 255); no blank and no control character (U+0000-U+001F,
    U+007F-U+009F) inside the trimmed text; in warehouse_location, location and line_id blanks pass."""
    if text is None:
        return True
    control = any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text)
    return len(text) <= longest and not control and (blanks_pass or not any(c in BLANKS for c in text))
