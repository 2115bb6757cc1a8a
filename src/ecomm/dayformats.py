"""How a shop may write days: `M/d/yyyy`, `d. MMMM yyyy`, `excel` ... as patterns of texts. Plain Python."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from babel import Locale

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
NUMBERS = ("excel", "epoch", "epoch_ms")
"""Formats that are a number: Excel's serial days, seconds and milliseconds since 1970."""
BLANK = "[ \u00a0\u2000-\u200b\u202f\u205f\u3000]"
SEPARATOR = "~"

_EXAMPLES = "dd/MM/yyyy, M/d/yy, yyyy-MM-dd, MMM d, yyyy, d. MMMM yyyy, yyyyMMdd, excel, epoch or epoch_ms"
_TOKEN = re.compile(r"'([^']+)'|(dd?|M{1,4}|yyyy|yy)|([./, -])")
# A time behind the day may be written out in the setting; it is read with every format, so it changes nothing.
_TIME = re.compile(r"(?:[ ,]+|'?T'?)(?:HH?|hh?)[:]mm(?:[:]ss(?:[.,]S+)?)?(?: ?a)?(?: ?(?:[XxZz]+|'Z'))?\Z")
_ORDERS = ("dMy", "Mdy", "yMd")
# What people and spreadsheets write besides the names that babel knows.
_USUAL = {"en": {"sept": 9}, "de": {"mrz": 3}}
_FIGURES = {
    "d": "[0-9]{1,2}",
    "dd": "[0-9]{2}",
    "M": "[0-9]{1,2}",
    "MM": "[0-9]{2}",
    "yyyy": "[0-9]{4}",
    "yy": "[0-9]{2}",
}

ZONES = {
    **dict.fromkeys(("utc", "gmt", "ut"), "+00:00"),
    **{"est": "-05:00", "edt": "-04:00", "cst": "-06:00", "cdt": "-05:00"},
    **{"mst": "-07:00", "mdt": "-06:00", "pst": "-08:00", "pdt": "-07:00"},
    **{"wet": "+00:00", "west": "+01:00", "cet": "+01:00", "cest": "+02:00", "mez": "+01:00", "mesz": "+02:00"},
    **{"eet": "+02:00", "eest": "+03:00"},
}
"""What the names of zones mean: those of RFC 5322, and Europe's, which mean nothing else."""

_CLOCK = rf"([0-9]{{1,2}}):([0-9]{{2}})(:([0-9]{{2}})([.,]([0-9]{{1,9}}))?)?({BLANK}*([ap])[.]?{BLANK}?m[.]?)?"
_OFFSET = rf"({BLANK}*[(]?(z|{'|'.join(ZONES)}|(utc|gmt)?[+-][0-9]{{1,2}}:?[0-9]{{2}}|(utc|gmt)?[+-][0-9]{{2}})[)]?)?"
_BEHIND = rf"((,?{BLANK}+(at{BLANK}+)?|t){_CLOCK}{_OFFSET})?"
# Where the parts of a time are among the groups of _BEHIND.
_HOUR, _MINUTE, _SECOND, _FRACTION, _HALF, _ZONE = 4, 5, 7, 9, 11, 13


@dataclass(frozen=True)
class DayFormat:
    r"""A format as a pattern of lower-cased texts.

    pattern: from \A to \z. parts: what to put in place of a text that matches: year, month, day, hour, minute, second,
    fraction, half of the day (a or p), offset, with SEPARATOR between them; what is not written is empty. names: the
    month is a name. short_year: the year has two digits.
    """

    pattern: str
    parts: str
    names: bool
    short_year: bool


def check(text: str, language: str) -> None:
    """Raises ValueError with what is wrong with a format."""
    if text not in NUMBERS:
        day_format(text, language)


@cache
def day_format(text: str, language: str) -> DayFormat:
    """The pattern of a format. Raises ValueError with what is wrong with it."""
    tokens = list(_tokens(_TIME.sub("", text), text))
    fields = [token for kind, token in tokens if kind == "field"]
    if "".join(f[0] for f in fields) not in _ORDERS:
        raise ValueError(
            f"is {text!r}; use day, month and year once each, in an order that people use, such as {_EXAMPLES}"
        )
    for (kind, one), (next_kind, other) in itertools.pairwise(tokens):
        if kind == next_kind == "field" and not {one, other} <= {"dd", "MM", "yy", "yyyy"}:
            raise ValueError(f"is {text!r}; without a separator use two digits for day and month, such as yyyyMMdd")
    if len({token for kind, token in tokens if kind == "mark" and token in ("[.]", "[/]", "[-]")}) > 1:
        raise ValueError(f"is {text!r}; use one separator, such as {_EXAMPLES}")
    written, place = "", {}
    named = any(field in ("MMM", "MMMM") for field in fields)
    for kind, token in tokens:
        if kind == "field":
            place[token[0]] = re.compile(written).groups + 1
            written += f"({_of_field(token, language)})"
            if token in ("MMM", "MMMM"):
                written += "[.]?"
            elif named and token[0] == "d":
                written += "(st|nd|rd|th|er|º|ª)?"
        else:
            written += token
    if named:
        written = f"(({'|'.join(map(re.escape, weekdays(language)))})[.]?,?{BLANK}+)?" + written
        place = {field: at + 2 for field, at in place.items()}
    behind = re.compile(written).groups
    groups = [place["y"], place["M"], place["d"]]
    groups += [behind + g for g in (_HOUR, _MINUTE, _SECOND, _FRACTION, _HALF, _ZONE)]
    parts = SEPARATOR.join(f"${group}" for group in groups)
    return DayFormat(rf"\A{written}{_BEHIND}\z", parts, named, "yy" in fields)


def _tokens(day: str, whole: str) -> Iterator[tuple[str, str]]:
    """The fields of a format, and the patterns of what is between them."""
    at = 0
    while at < len(day):
        match = _TOKEN.match(day, at)
        if match is None:
            raise ValueError(f"is {whole!r}; use d, dd, M, MM, MMM, MMMM, yy and yyyy, such as {_EXAMPLES}")
        at = match.end()
        literal, field, mark = match.groups()
        if field:
            yield "field", field
        elif mark == " ":
            yield "mark", f"{BLANK}+"
        elif mark:
            yield "mark", f"[{mark}]"
        else:
            yield "mark", "".join(f"[{c}]" if c != " " else f"{BLANK}+" for c in literal.lower())


def _of_field(field: str, language: str) -> str:
    return "|".join(map(re.escape, months(language))) if field in ("MMM", "MMMM") else _FIGURES[field]


@cache
def months(language: str) -> dict[str, str]:
    """How months are called, in lower case, without a dot behind: name -> number of two digits. The longest first.

    Full names, short ones, their beginnings of three and four letters that only one month has, without accents too.
    """
    said = _names(Locale(language).months)
    full = _names({"format": {"wide": Locale(language).months["format"]["wide"]}})
    begins: dict[str, set[int]] = {}
    for name, number in full:
        for length in (3, 4):
            begins.setdefault(name[:length], set()).add(number)
    said += [(name, numbers.pop()) for name, numbers in begins.items() if len(numbers) == 1]
    said += list(_USUAL.get(language, {}).items())
    found: dict[str, int] = {}
    for name, number in [*said, *((_plain(name), number) for name, number in said)]:
        found.setdefault(name, number)
    return {name: f"{found[name]:02}" for name in sorted(found, key=lambda n: (-len(n), n))}


@cache
def weekdays(language: str) -> tuple[str, ...]:
    """How weekdays are called, in lower case, without a dot behind; the longest first."""
    said = {name for name, _ in _names(Locale(language).days)}
    return tuple(sorted(said | {_plain(name) for name in said}, key=lambda n: (-len(n), n)))


def _names(said: Any) -> list[tuple[str, int]]:
    """Babel's names of one kind: full and short ones, as they are called in a date and by themselves."""
    return [
        (str(name).lower().rstrip("."), int(number))
        for forms in said.values()
        for width, names in forms.items()
        if width in ("wide", "abbreviated")
        for number, name in names.items()
    ]


def _plain(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
