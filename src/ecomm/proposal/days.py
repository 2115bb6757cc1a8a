"""How days are written: which formats read them, and whether the file shows which part is the day."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Sequence
from functools import cache

from ecomm.dayformats import LANGUAGES, NUMBERS, SEPARATOR, day_format, months
from ecomm.proposal.findings import Finding

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_NUMBER = re.compile(r"[0-9]+(?:[.][0-9]+)?")
_FIGURES = (
    "dd{0}MM{0}yyyy",
    "MM{0}dd{0}yyyy",
    "d{0}M{0}yyyy",
    "M{0}d{0}yyyy",
    "dd{0}MM{0}yy",
    "MM{0}dd{0}yy",
    "d{0}M{0}yy",
)
_FORMATS = (
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "yyyy/M/d",
    "yyyy.MM.dd",
    "yyyy.M.d",
    "yyyy-M-d",
    *(figures.format(mark) for mark in "/.-" for figures in (*_FIGURES, "M{0}d{0}yy")),
    "MMM d, yyyy",
    "MMM d yyyy",
    "d MMM yyyy",
    "d. MMM yyyy",
    "MMM-dd-yy",
    "dd-MMM-yy",
    "MMM-dd-yyyy",
    "dd-MMM-yyyy",
    "d MMM yy",
    "yyyyMMdd",
)
_EXCEL = range(30_000, 60_000)
_EPOCH = range(900_000_000, 4_000_000_000)


def looked_at(texts: Iterable[str]) -> Finding:
    """date_format, and date_language, if the days are written in one way and show which part is the day.

    texts: of the columns with days and instants, without empty ones.
    """
    odd = [text for text in texts if not _ISO.fullmatch(text)]
    if not odd:
        return Finding()
    if all(_NUMBER.fullmatch(text) for text in odd) and not all(reads("yyyyMMdd", "en", text) for text in odd):
        return _numbers(odd)
    language = _language(odd)
    counts = {way: sum(reads(way, language, text) for text in odd) for way in _FORMATS}
    most = max(counts.values())
    if not most:
        return Finding(asks=(f"Some days ({len(odd)}) are written in a way that no format reads. Set date_format.",))
    best = [way for way in _FORMATS if counts[way] == most]
    lasting = {"date_language": language} if language != "en" and "MMM" in best[0] else {}
    others = [way for way in best if _part_order(way) != _part_order(best[0])]
    if others:
        return _either(best[0], others[0], counts, len(odd))
    if most == len(odd):
        return Finding({"date_format": best[0], **lasting})
    return _several(best[0], odd, language, lasting)


def reads(way: str, language: str, text: str) -> bool:
    """A format reads a text: it is written so, and there is such a day."""
    form = _compiled(way, language)
    match = form[0].fullmatch(text.lower())
    if match is None:
        return False
    year, month, day, hour, minute, second, *_ = match.expand(form[1]).split(SEPARATOR)
    number = int(month) if month.isdigit() else int(months(language)[month])
    if not (1 <= number <= 12 and 1 <= int(day) <= monthrange(int(year) if len(year) == 4 else 2000, number)[1]):
        return False
    return int(hour or 0) < 24 and int(minute or 0) < 60 and int(second or 0) < 60


@cache
def _compiled(way: str, language: str) -> tuple[re.Pattern[str], str]:
    form = day_format(way, language)
    parts = re.sub(r"\$([0-9]+)", r"\\g<\1>", form.parts)
    return re.compile(form.pattern.replace(r"\z", r"\Z")), parts


def _language(texts: Sequence[str]) -> str:
    """The language that knows most of the names of months that occur; English if none occurs."""
    words = {word for text in texts for word in re.findall(r"[^\W\d_]{3,}", text.lower())}
    known = {language: len(words & months(language).keys()) for language in LANGUAGES}
    return max(LANGUAGES, key=lambda language: (known[language], language == "en"))


def _part_order(way: str) -> str:
    return "".join(dict.fromkeys(c for c in way if c in "dMy"))


def _either(first: str, second: str, counts: dict[str, int], number: int) -> Finding:
    """Two readings are possible: both are shown, with what each would lose."""
    ways = " or ".join(
        f'"{way}" (reads {counts[way]} of {number}, loses {number - counts[way]})' for way in (first, second)
    )
    return Finding(
        asks=(f"Is the day or the month first? No day after the 12th decides it; set date_format = {ways}.",)
    )


def _several(best: str, texts: Sequence[str], language: str, lasting: dict[str, str]) -> Finding:
    """Several formats, each of which reads what those before it do not, if nothing that they read is in doubt."""
    ways, rest = [best], [text for text in texts if not reads(best, language, text)]
    while rest:
        counts = {way: sum(reads(way, language, text) for text in rest) for way in _FORMATS}
        way = max(_FORMATS, key=lambda w: counts[w])
        if not counts[way] or any(_part_order(way) != _part_order(w) and _clash(way, w) for w in ways):
            break
        ways.append(way)
        rest = [text for text in rest if not reads(way, language, text)]
    asks: tuple[str, ...] = ()
    if rest:
        said = f"Some days ({len(rest)}) are written in another way than {', '.join(ways)}: they are not read."
        asks = (f"{said} Is one of them the other way round, or set a further date_format?",)
    return Finding({"date_format": ways if len(ways) > 1 else best, **lasting}, asks=asks)


def _clash(one: str, other: str) -> bool:
    """Both formats could read the same text, as different days."""
    return re.sub("[dMy]+", "", one) == re.sub("[dMy]+", "", other) and "MMM" not in one + other


def _numbers(texts: Sequence[str]) -> Finding:
    values = [float(text) for text in texts]
    for name, usual in zip(NUMBERS, (_EXCEL, _EPOCH, range(_EPOCH.start * 1000, _EPOCH.stop * 1000)), strict=True):
        if all(usual.start <= value < usual.stop for value in values):
            return Finding({"date_format": name})
    return Finding(asks=(f"Some days ({len(texts)}) are numbers that are no days. Set date_format.",))
