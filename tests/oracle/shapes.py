"""What a shape makes of a file's texts, in plain Python, from ORDERS.md ("A shape") and docs/files.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

from babel import Locale

BLANK = " \u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u202f\u205f\u3000"
FIRST, LAST = date(1700, 1, 1), date(2200, 12, 31)

# -- days -----------------------------------------------------------------------------------------

OFFSETS = {"utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
OFFSETS |= {"ut": 0, "wet": 0, "west": 1, "cet": 1, "cest": 2, "mez": 1, "mesz": 2, "eet": 2, "eest": 3, "z": 0}


def instant_of(text: str, date_format: str, as_of: datetime) -> datetime | date | None:
    """The day of a text that is written by a format of numbers (M/d/yyyy, yyyy-MM-dd ...), or, where a time stands
    behind it, the instant; without an offset in UTC. None if it is not written so, or there is no such day or time."""
    found = _moment(text, date_format, as_of)
    if not isinstance(found, tuple):
        return found
    local, ahead = found
    return local.replace(tzinfo=UTC) - (ahead or timedelta())


def iso_text(text: str, date_format: str) -> str:
    """The same in ISO form, with the offset that it states; a text that is not written so as it is. yyyy only."""
    found = _moment(text, date_format, datetime.max.replace(tzinfo=UTC))
    if found is None:
        return text
    if not isinstance(found, tuple):
        return found.isoformat()
    local, ahead = found
    return local.isoformat() if ahead is None else local.replace(tzinfo=timezone(ahead)).isoformat()


def _moment(text: str, date_format: str, as_of: datetime) -> tuple[datetime, timedelta | None] | date | None:
    """The day, or the local time and how far it is ahead of UTC (None: it does not say)."""
    squeezed = re.sub(f"[{BLANK}]+", " ", text.lower())
    fields = re.findall("d+|M+|y+", date_format)
    separators = re.split("d+|M+|y+", date_format)[1:-1]
    rest, found = squeezed, {}
    for field, separator in zip(fields, [*separators, ""], strict=True):
        width = {"d": "{1,2}", "M": "{1,2}"}.get(field, f"{{{len(field)}}}")
        match = re.match(f"[0-9]{width}", rest)
        if match is None or not rest[match.end() :].startswith(separator):
            return None
        found[field[0]], rest = match[0], rest[match.end() + len(separator) :]
    year = int(found["y"])
    if len(found["y"]) == 2:
        last = as_of.year + 20
        year = max(y for y in range(last - 99, last + 1) if y % 100 == year)
    try:
        day = date(year, int(found["M"]), int(found["d"]))
    except ValueError:
        return None
    if rest:  # of an instant its day in UTC counts
        return _with_time(day, rest)
    return day if FIRST <= day <= LAST else None


def _with_time(day: date, behind: str) -> tuple[datetime, timedelta | None] | None:
    separated = re.match("(,? (at )?|t)", behind)
    clock = re.match("([0-9]{1,2}):([0-9]{2})", behind[separated.end() :]) if separated else None
    if separated is None or clock is None:
        return None
    rest, hour, minute, second, fraction = behind[separated.end() + clock.end() :], int(clock[1]), int(clock[2]), 0, 0
    if seconds := re.match(r":([0-9]{2})([.,]([0-9]{1,9}))?", rest):
        second, rest = int(seconds[1]), rest[seconds.end() :]
        digits = (seconds[3] or "").rstrip("0")
        if len(digits) > 6:
            return None
        fraction = int(digits.ljust(6, "0"))
    if half := re.match(r" ?([ap])\.? ?m\.?", rest):
        if not 1 <= hour <= 12:
            return None
        hour, rest = hour % 12 + (12 if half[1] == "p" else 0), rest[half.end() :]
    zone = rest.strip(" ").removeprefix("(").removesuffix(")") if rest else ""
    ahead: timedelta | None = None
    if zone in OFFSETS:
        ahead = timedelta(hours=OFFSETS[zone])
    elif numeric := re.fullmatch(r"(?:utc|gmt)?([+-])([0-9]{1,2}?):?([0-9]{2})|(?:utc|gmt)?([+-])([0-9]{2})", zone):
        sign, hours, minutes = (numeric[1], numeric[2], numeric[3]) if numeric[1] else (numeric[4], numeric[5], "00")
        if int(hours) > 13 or int(minutes) > 59:
            return None
        ahead = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    elif zone:
        return None
    try:
        return datetime(day.year, day.month, day.day, hour, minute, second, fraction), ahead  # noqa: DTZ001
    except ValueError:
        return None


def serial(text: str) -> datetime | None:
    """Excel's day of the 1900 system, to the second."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,18})?", text):
        return None
    seconds = int((Decimal(text) * 86400).quantize(Decimal(1), ROUND_HALF_UP))
    day, rest = divmod(seconds, 86400)
    if day < 1 or day == 60 or day > (LAST - date(1899, 12, 30)).days:
        return None
    start = datetime(1899, 12, 31 if day < 60 else 30, tzinfo=UTC)
    return start + timedelta(days=day, seconds=rest)


# -- amounts --------------------------------------------------------------------------------------

SIGNS = {
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "US$": "USD",
    "A$": "AUD",
    "ZŁ": "PLN",
    "KR": "SEK",
    "R$": "BRL",
    "R": "ZAR",
}
"""In upper case, for a sign is compared in any case."""


def amount(text: str, decimal_comma: bool) -> Decimal | None:
    """A written amount without its currency; None if it is none."""
    point, comma = (",", ".") if decimal_comma else (".", ",")
    signs, tokens, number = [], [], ""
    for piece in _pieces(text):
        if piece in "+-" or piece in "()":
            signs.append((piece, bool(number)))
        elif piece[0].isascii() and piece[0].isdigit():
            if number:
                return None
            number = piece
        elif piece.strip(" "):
            tokens.append((piece.removesuffix("."), bool(number)))
    if not number or any(not _is_currency(t) for t, _ in tokens) or len({b for _, b in tokens}) < len(tokens):
        return None
    if len(tokens) == 2 and _currency(tokens[0][0]) != _currency(tokens[1][0]):
        return None
    if [s for s, _ in signs] not in ([], ["+"], ["-"], ["(", ")"]) or (len(signs) == 2 and signs[0][1] == signs[1][1]):
        return None
    value = _digits(number, point, comma)
    negative = signs and signs[0][0] in "-("
    return None if value is None else -value if negative else value


def _pieces(text: str) -> list[str]:
    """Signs, parentheses, the figures, currencies, blanks."""
    plain = re.sub("[\u00a0\u2007\u2009\u202f\u3000\t]", " ", text)
    plain = re.sub("[\u2212\u2010\u2011\u2013\uff0d]", "-", re.sub("[\u2019\u02bc]", "'", plain))
    return re.findall(r"[-+]|[()]|[0-9][0-9., ']*[0-9]|[0-9]|[^-+0-9 .,'()~]+\.?| +|.", plain, re.DOTALL)


def tokens(text: str) -> list[str]:
    """The currency signs and codes of an amount."""
    return [piece.removesuffix(".") for piece in _pieces(text) if _is_currency(piece.removesuffix("."))]


SEVERAL = {"$": "USD CAD AUD NZD SGD HKD MXN TWD ARS CLP COP UYU", "kr": "SEK NOK DKK ISK"}
"""Signs that more than one currency has, the most usual first."""


def currencies(text: str, decimal_comma: bool) -> list[str]:
    """Which currencies a written amount may be in, the most usual first; none if it has no sign, or is no amount."""
    if amount(text, decimal_comma) is None:
        return []
    meant = [SEVERAL.get(token, SIGNS.get(token, token).upper()).split() for token in tokens(text)]
    return [code for code in meant[0] if all(code in one for one in meant)] if meant else []


def _is_currency(token: str) -> bool:
    return _currency(token) in Locale("en").currencies


def _currency(token: str) -> str:
    return SIGNS.get(token.upper(), token.upper())


def _digits(number: str, point: str, comma: str) -> Decimal | None:
    whole, mark, decimals = number.rpartition(point) if point in number else (number, "", "0")
    if mark and not (decimals.isdigit() and whole):
        return None
    marks = {c for c in whole if not c.isdigit()}
    if len(marks) > 1 or point in marks:
        return None
    groups = re.split(f"[{re.escape(''.join(marks))}]", whole) if marks else [whole]
    threes = all(len(g) == 3 for g in groups[1:]) and 1 <= len(groups[0]) <= 3
    lakhs = marks == {","} == {comma} and len(groups[-1]) == 3 and len(groups) > 2
    lakhs = lakhs and all(len(g) == 2 for g in groups[1:-1]) and 1 <= len(groups[0]) <= 2
    return Decimal("".join(groups) + "." + decimals) if not marks or threes or lakhs else None


def half_up(value: Decimal, digits: int) -> Decimal:
    """Half up, away from zero."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


# -- within an order ------------------------------------------------------------------------------


def shares(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """The parts of a total in proportion to weights, in hundredths: what all up to a line have, rounded half up, less
    what all before it have. Without weights the first has all."""
    whole = sum(weights, Decimal())
    if not whole:
        return [total, *[Decimal(0)] * (len(weights) - 1)]
    parts, before, up_to = [], Decimal(0), Decimal(0)
    for weight in weights:
        up_to += weight
        reached = half_up(Decimal(total * up_to / whole), 2)
        parts.append(reached - before)
        before = reached
    return parts


def filled_down(orders: Sequence[str | None], cells: Sequence[str | None]) -> list[str | None]:
    """Each cell, or where it is empty the last of its order above it that is not."""
    last: dict[str, str | None] = {}
    filled = []
    for order, cell in zip(orders, cells, strict=True):
        if order is not None and cell is not None:
            last[order] = cell
        filled.append(cell if order is None else last.get(order))
    return filled
