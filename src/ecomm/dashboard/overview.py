"""The shop at a glance: how it stands, how it came there, and what carries it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ecomm.batches.log import today_of
from ecomm.dashboard.moment import Answer, Args, Moment
from ecomm.errors import UsageError
from ecomm.money import MONEY

KPIS = ("revenue", "orders", "aov", "customers", "margin_estimate", "clv_estimate")
RANGES = {"30": ("day", 30), "90": ("day", 90), "365": ("week", 365), "all": ("month", None)}
_FIGURES = (
    "count(distinct order_id) filter (where refund_id = '') as orders, "
    "count(distinct order_id) filter (where is_revenue and refund_id = '') as revenue_orders, "
    f"coalesce(sum(amount) filter (where is_revenue), 0)::{MONEY} as revenue, "
    f"coalesce(sum(amount) filter (where is_revenue and refund_id = ''), 0)::{MONEY} as gross_revenue, "
    f"coalesce(-sum(amount) filter (where is_revenue and refund_id <> ''), 0)::{MONEY} as refunds"
)
_BATCHES = 30
_TOP = 8


def overview(moment: Moment, args: Args) -> Answer:
    """All of the first view: one answer, so that nothing in it can belong to two entries.

    args: days: 30, 90 (default), 365 or all. Money in the reporting currency. Raises UsageError.
    """
    summary = moment.rows("select * from analytics_summary order by as_of, batch_id")
    return {
        "kpis": [_kpi(name, summary) for name in KPIS],
        "trend": [{"batch_id": r["batch_id"], "as_of": r["as_of"]} for r in summary[-_BATCHES:]],
        "summary": summary[-1] if summary else None,
        "previous": summary[-2] if len(summary) > 1 else None,
        "course": course(moment, args.get("days", "90")),
        "months": moment.rows("select * from seasonal_analysis order by order_month desc limit 24")[::-1],
        "segments": moment.rows("select * from segment_analysis order by revenue desc, customer_segment"),
        "categories": moment.rows("select * from category_analysis order by revenue desc, category limit $1", [_TOP]),
        "products": moment.rows(
            "select product_id, product_name, category, revenue, gross_revenue, refunds, revenue_orders, "
            "performance_category, days_of_stock from product_analytics where revenue > 0 "
            "order by revenue desc, product_id limit $1",
            [_TOP],
        ),
        "quality": _quality(moment),
    }


def _kpi(name: str, summary: list[Answer]) -> Answer:
    """A number now, at the batch before, and at each of the last batches. share: change / before, 0-1."""
    values: list[Any] = [r[name] for r in summary]
    now, before = (values[-1] if values else None), (values[-2] if len(values) > 1 else None)
    change = now - before if now is not None and before is not None else None
    share = None
    if change is not None and before:
        share = (Decimal(change) / Decimal(before)).quantize(Decimal("0.0001"))
    return {
        "name": name, "value": now, "before": before, "change": change, "share": share, "trend": values[-_BATCHES:]
    }  # fmt: skip


def course(moment: Moment, days: str) -> Answer:
    """Orders and revenue by order_date, up to the day of the last batch: one row a day, week (from Monday) or month.

    An order of several lines counts once in a row, and once in the sum of all rows. revenue is net of refunds.
    Days and weeks without orders have their row, with zeros; months without have none. Raises UsageError.
    """
    if days not in RANGES:
        raise UsageError(f"there is no range {days}; use {', '.join(RANGES)}.")
    grain, length = RANGES[days]
    today = today_of(moment.warehouse.log.positions, moment.settings.shop.shop_timezone)
    first = today - timedelta(days=length - 1) if length else date.min
    if grain == "week":
        first -= timedelta(days=first.weekday())
    between = [max(first, date(1, 1, 1)), today if length else date.max]
    rows = moment.rows(
        f"select cast(date_trunc($1, order_date) as date) as first_day, {_FIGURES} "
        "from enriched_orders where order_date between $2 and $3 group by 1 order by 1",
        [grain, *between],
    )
    (added_up,) = moment.rows(f"select {_FIGURES} from enriched_orders where order_date between $1 and $2", between)
    if length and moment.warehouse.log.live:
        there = {r["first_day"]: r for r in rows}
        step = 7 if grain == "week" else 1
        every = [first + timedelta(days=n) for n in range(0, (today - first).days + 1, step)]
        money = dict.fromkeys(("revenue", "gross_revenue", "refunds"), Decimal("0.00"))
        nothing = {"orders": 0, "revenue_orders": 0, **money}
        rows = [there.get(day, {"first_day": day, **nothing}) for day in every]
    return {
        "days": days,
        "grain": grain,
        "until": today,
        **added_up,
        "rows": rows,
    }


def _quality(moment: Moment) -> Answer | None:
    """The score of the batch that was published last, and what became of its rows."""
    published = [e for e in moment.warehouse.log.live.values() if e.files]
    if not published:
        return None
    last = max(published, key=lambda e: e.seq)
    counted = {n: sum(getattr(f, f"rows_{n}") for f in last.files) for n in ("read", "accepted", "rejected")}
    return {"batch_id": last.batch_id, "score": last.score, **counted}
