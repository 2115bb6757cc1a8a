"""What is unusual about a batch, beside those before it.

A value is unusual if it lies more than 3.5 standard deviations from the median of its baseline. The deviation is
estimated as 1.4826 x MAD, the median of the distances from the median (B. Iglewicz and D. Hoaglin, How to Detect and
Handle Outliers, 1993): a few odd days in the past do not hide the next one. A few days that happen to be alike would
make any next one odd, so that the deviation is never taken to be less than chance alone makes it: the root of a count,
and of the revenue of so many orders itself by the root of their number.

The batch itself is not in its baseline. Shops have weeks and grow: rows and revenue are compared with the last eight
batches of the same weekday if there are five. A shop whose batches come more rarely is compared with the last 28, once
it is six weeks old.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from ecomm.batches.entry import JUDGES, Entry
from ecomm.batches.log import Log

_FAR, _SIGMA = 3.5, 1.4826
_WEEKDAYS, _ALL = (5, 8), (8, 28)  # at least and at most as many batches make a baseline
_FEW = 10.0  # records: less is no news
_YOUNG = timedelta(weeks=6)


def far_from(values: Sequence[float], chance: float, least: float) -> tuple[float, float]:
    """What is usual, and how far from it a value must lie to be unusual.

    chance: the deviation that chance alone makes. least: nearer is never unusual.
    """
    usual = statistics.median(values)
    spread = _SIGMA * statistics.median(abs(value - usual) for value in values)
    return usual, max(_FAR * max(spread, chance), least)


@dataclass(frozen=True)
class Batch:
    """A published batch as the rules see it.

    weekday: 0 = Monday, in the shop's time zone. rows: source -> records read. rejected: share, 0-1. score: 0-100.
    revenue: of the lines and refunds that it states, net, reporting currency. orders: that it states, each once.
    """

    batch_id: str
    as_of: datetime
    weekday: int
    rows: Mapping[str, int]
    rejected: float
    score: float | None
    revenue: float | None
    orders: int | None


def baseline(batches: Sequence[Batch], weekday: int) -> Sequence[Batch]:
    """The batches that one of a weekday is compared with; none if there are too few. batches: by their instants."""
    same = [batch for batch in batches if batch.weekday == weekday][-_WEEKDAYS[1] :]
    if len(same) >= _WEEKDAYS[0]:
        return same
    is_old = len(batches) >= _ALL[0] and batches[-1].as_of - batches[0].as_of >= _YOUNG
    return batches[-_ALL[1] :] if is_old else []


def unusual(batch: Batch, before: Sequence[Batch]) -> Iterator[tuple[str, str, str]]:
    """What is unusual about a batch beside those before it: (rule, subject, sentence)."""
    name, others = batch.batch_id, baseline(before, batch.weekday)
    for source in sorted({source for other in others for source in other.rows}):
        counts = [float(other.rows.get(source, 0)) for other in others]
        middle, now = statistics.median(counts), batch.rows.get(source, 0)
        usual, far = far_from(counts, math.sqrt(middle), max(_FEW, 0.1 * middle))
        if abs(now - usual) > far:
            yield "rows", source, f"{name} has {now:,} records of {source}; {usual:,.0f} are usual."
    revenues = [other.revenue for other in others if other.revenue is not None]
    if len(revenues) >= _WEEKDAYS[0] and batch.revenue is not None:
        middle = statistics.median(revenues)
        orders = statistics.median(other.orders for other in others if other.orders is not None)
        usual, far = far_from(revenues, abs(middle) / math.sqrt(max(orders, 1)), 0.1 * abs(middle))
        if abs(batch.revenue - usual) > far:
            yield "revenue", "", f"the orders of {name} bring {batch.revenue:,.2f}; {usual:,.2f} are usual."
    last = before[-_ALL[1] :]
    scores = [other.score for other in last if other.score is not None]
    if len(scores) >= _ALL[0] and batch.score is not None:
        usual, far = far_from(scores, 0, 2)
        if usual - batch.score > far:
            yield "score", "", f"the score of {name} is {batch.score:.2f}; {usual:.2f} is usual."
    if len(last) >= _ALL[0] and (read := sum(batch.rows.values())):
        shares = [other.rejected for other in last]
        usual, far = far_from(shares, math.sqrt(statistics.median(shares) / read), 0.01)
        if batch.rejected - usual > far:
            yield "rejects", "", f"{batch.rejected:.1%} of the records of {name} were rejected; {usual:.1%} is usual."


def lateness(batches: Sequence[Batch], now: datetime, came: datetime | None = None) -> str | None:
    """Why the next batch is late, if it is: none has come for longer than usual after one of that weekday.

    came: when the last one came, wherever it lies: the days of a backlog are old when they do.
    """
    gaps = [(one.weekday, (two.as_of - one.as_of).total_seconds()) for one, two in pairwise(batches)]
    if len(gaps) < _WEEKDAYS[0]:
        return None
    last = batches[-1]
    same = [gap for weekday, gap in gaps if weekday == last.weekday][-_WEEKDAYS[1] :]
    usual, far = far_from(same if len(same) >= _WEEKDAYS[0] else [gap for _, gap in gaps[-_ALL[1] :]], 0, 0)
    waited = (now - max(last.as_of, came or last.as_of)).total_seconds()
    if waited <= usual + max(far, usual / 2):
        return None
    the_last = f"the last is {last.batch_id} ({last.as_of:%Y-%m-%d %H:%M} UTC)"
    return f"no batch has come for {_long(waited)}, {_long(usual)} is usual; {the_last}."


def _long(seconds: float) -> str:
    hours = seconds / 3600
    return (
        f"{hours / 24:.1f} days"
        if hours >= 48
        else f"{hours:.1f} hours"
        if hours >= 2
        else f"{seconds / 60:.0f} minutes"
    )


def last_coming(entries: Sequence[Entry]) -> datetime | None:
    """When the last batch came: was published or held for the first time."""
    came: dict[str, datetime] = {}
    for entry in entries:
        if entry.entry in JUDGES and entry.batch_id and entry.at:
            came.setdefault(entry.batch_id, entry.at)
    return max(came.values(), default=None)


def batches_of(log: Log, stated: Mapping[str, tuple[int, Decimal]], zone: str) -> list[Batch]:
    """The live batches in the order of their instants. stated: batch -> its batch_orders and batch_revenue."""
    found, local = [], ZoneInfo(zone)
    for entry in log.live.values():
        if entry.as_of is None or entry.batch_id is None:
            continue
        rows: dict[str, int] = {}
        for file in entry.files:
            rows[file.source] = rows.get(file.source, 0) + file.rows_read
        rejected = sum(file.rows_rejected for file in entry.files) / max(1, sum(rows.values()))
        orders, earned = stated.get(entry.batch_id, (None, None))
        found.append(
            Batch(
                entry.batch_id,
                entry.as_of,
                entry.as_of.astimezone(local).weekday(),
                rows,
                rejected,
                None if entry.score is None else float(entry.score),
                None if earned is None else float(earned),
                orders,
            )
        )
    return sorted(found, key=lambda batch: (batch.as_of, batch.batch_id))
