"""Days and times as a shop writes them become the contract's texts: `12/1/2010 8:26 PM` becomes `2010-12-01 20:26:00`.

In steps, each a column of its own, so that no expression is in the plan more than once: `split` finds the parts of a
text, `pieces` takes them apart, `reading` puts them together as an ISO text, and `as_iso` chooses among the readings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.dayformats import NUMBERS, SEPARATOR, ZONES, day_format, months

YEARS_AHEAD = 20
"""A year of two digits is at most so many years after the as-of's."""
LAST_SERIAL = 109_939  # 31 December 2200, the last day that the contract knows
_HOURS = {f"{hour:02}": f"{hour:02}" for hour in range(24)} | {
    f"{hour:02}{half}": f"{hour % 12 + (12 if half == 'p' else 0):02}" for hour in range(1, 13) for half in "ap"
}


def split(text: Column, written: str, language: str) -> Column:
    """The parts of a text that is written so, with SEPARATOR between them, or its number; NULL of one that is not."""
    if written in NUMBERS:
        return canonical.when_matches(text, r"\A[0-9]{1,15}(\.[0-9]{1,18})?\z")
    form = day_format(written, language)
    low = F.lower(text)
    return F.when(low.rlike(form.pattern), F.regexp_replace(low, form.pattern, form.parts))


def pieces(found: Column, written: str) -> list[Column]:
    """The parts that `split` found, each by itself: year, month, day, hour, minute, second, fraction, half, offset.

    Of a format that is a number it is the number alone.
    """
    return [found] if written in NUMBERS else [canonical.piece(found, SEPARATOR, place) for place in range(9)]


def reading(parts: Sequence[Column], written: str, language: str, as_of: datetime) -> Column:
    """The ISO text of the `pieces` of a text that is written so; NULL of one that is not."""
    if written == "excel":
        return _serial(parts[0])
    if written in NUMBERS:
        return _since_1970(parts[0], 1 if written == "epoch" else 1000)
    form = day_format(written, language)
    year, month, day, hour, minute, second, fraction, half, offset = parts
    if form.short_year:
        year = F.concat(_century(year, as_of), year)
    month = _looked_up(months(language), month) if form.names else F.lpad(month, 2, "0")
    date = F.concat_ws("-", year, month, F.lpad(day, 2, "0"))
    clock = F.concat(
        _looked_up(_HOURS, F.concat(F.lpad(hour, 2, "0"), half)),
        F.lit(":"),
        minute,
        F.lit(":"),
        F.when(second == F.lit(""), F.lit("00")).otherwise(second),
        _decimals(fraction),
        _offset(offset),
    )
    return (
        F.when(year.isNull(), F.lit(None).cast("string"))
        .when(hour == F.lit(""), date)
        .otherwise(F.concat(date, F.lit(" "), clock))
    )


def real(iso: Column) -> Column:
    """An ISO text whose day there is; NULL of another one."""
    return F.when(canonical.date(F.substring(iso, 1, 10)).isNotNull(), iso)


def as_iso(text: Column, readings: Sequence[Column]) -> Column:
    """The text in ISO form, if one of the formats fits, or several that mean the same; else the text as it is.

    readings: by each format. Whether there is such a day is for the cast to say, unless there are several formats: then
    only a `real` day counts.
    """
    if len(readings) == 1:
        return F.coalesce(readings[0], text)
    different = F.array_distinct(F.filter(F.array(*readings), lambda one: one.isNotNull()))
    return F.when(F.size(different) == 1, F.get(different, F.lit(0))).otherwise(text)


def _looked_up(table: Mapping[str, str], key: Column) -> Column:
    pairs = [F.lit(text) for pair in table.items() for text in pair]
    return F.element_at(F.create_map(*pairs), key)


def _century(year: Column, as_of: datetime) -> Column:
    century, last = divmod(as_of.astimezone(UTC).year + YEARS_AHEAD, 100)
    return F.when(year <= F.lit(f"{last:02}"), F.lit(str(century))).otherwise(F.lit(str(century - 1)))


def _decimals(fraction: Column) -> Column:
    """The fraction of a second: zeros beyond a microsecond say nothing."""
    digits = F.regexp_replace(fraction, r"0+\z", "")
    return F.when(digits == F.lit(""), F.lit("")).otherwise(F.concat(F.lit("."), digits))


def _offset(said: Column) -> Column:
    digits = F.regexp_replace(said, r"\A(utc|gmt)?([+-])", "$2")
    sign, figures = F.substring(digits, 1, 1), F.translate(F.substring(digits, 2, 5), ":", "")
    hours = F.when(F.length(figures) == 2, F.concat(figures, F.lit("00"))).otherwise(F.lpad(figures, 4, "0"))
    written = F.concat(sign, F.substring(hours, 1, 2), F.lit(":"), F.substring(hours, 3, 2))
    return (
        F.when(said == F.lit(""), F.lit(""))
        .when(said == F.lit("z"), F.lit("Z"))
        .when(said.isin(*ZONES), _looked_up(ZONES, said))
        .otherwise(written)
    )


def _serial(number: Column) -> Column:
    """A day of Excel's 1900 system, its fraction the time, to the second.

    Day 60 is a 29 February 1900, which there was not; so the days before it count from one day later.
    """
    days = F.when(number.rlike(r"\A[0-9]{1,6}(\.[0-9]{1,18})?\z"), number).try_cast("decimal(24,18)")
    seconds = F.round(days * F.lit(86400), 0).try_cast("bigint")
    day = F.floor(seconds / F.lit(86400)).cast("int")
    known = (day >= F.lit(1)) & (day != F.lit(60)) & (day <= F.lit(LAST_SERIAL))
    since = F.when(day < F.lit(60), day + F.lit(1)).otherwise(day)
    date = F.date_add(F.lit("1899-12-30").cast("date"), since).cast("string")
    rest = (seconds % F.lit(86400)).cast("int")
    return F.when(known, F.when(rest == F.lit(0), date).otherwise(F.concat(date, F.lit(" "), _clock(rest))))


def _since_1970(number: Column, a_second: int) -> Column:
    """An instant that many seconds, or milliseconds, after 1970 began in UTC."""
    form = r"\A[0-9]{1,11}(\.[0-9]{1,6})?\z" if a_second == 1 else r"\A[0-9]{1,14}\z"
    micros = (F.when(number.rlike(form), number).try_cast("decimal(20,6)") * F.lit(1_000_000 // a_second)).try_cast(
        "bigint"
    )
    seconds = F.floor(micros / F.lit(1_000_000)).cast("bigint")
    day = F.floor(seconds / F.lit(86400)).cast("int")
    date = F.date_add(F.lit("1970-01-01").cast("date"), day).cast("string")
    fraction = F.lpad((micros % F.lit(1_000_000)).cast("string"), 6, "0")
    clock = F.concat(_clock((seconds % F.lit(86400)).cast("int")), _decimals(fraction), F.lit("+00:00"))
    return F.when(day < F.lit(84_370), F.concat(date, F.lit(" "), clock))  # 2200-12-31, the contract's last year


def _clock(seconds: Column) -> Column:
    """A number of seconds of a day as HH:mm:ss."""
    numbers = (F.floor(seconds / F.lit(3600)), F.floor(seconds / F.lit(60)) % F.lit(60), seconds % F.lit(60))
    return reduce(
        lambda text, two: F.concat(text, F.lit(":"), two),
        [F.lpad(number.cast("int").cast("string"), 2, "0") for number in numbers],
    )
