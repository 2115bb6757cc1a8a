"""What all analytics share: versions at an instant, conversion into the reporting currency, sums and shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, localcontext
from typing import Any

from . import sources, values
from .settings import Settings
from .values import Row

Targets = Mapping[str, list[Row]]
"""Source -> its target's rows."""

ZERO = Decimal("0.000")
RETURNED = {"returned", "refunded"}


# -- versions --------------------------------------------------------------------------------------


def current(versions: Iterable[Row]) -> list[Row]:
    """The current versions."""
    return [version for version in versions if version["is_current"]]


def standing_at(targets: Targets, as_of: datetime) -> dict[str, list[Row]]:
    """The targets as they stood at an as-of: "versions begun by then; a later expiry counts as open"."""
    stood: dict[str, list[Row]] = {}
    for source, versions in targets.items():
        stood[source] = []
        for version in versions:
            expiry = version["expiry_date"]
            if expiry is not None and expiry > as_of:
                expiry = None
            if version["effective_date"] <= as_of:
                stood[source].append(version | {"expiry_date": expiry, "is_current": expiry is None})
    return stood


def by(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """The rows of each value of some columns."""
    grouped: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[name] for name in names), []).append(row)
    return grouped


def version_at(versions: list[Row], at: datetime) -> Row | None:
    """The version valid at the instant, else the nearest earlier, else the first."""
    ordered = sorted(versions, key=lambda version: version["effective_date"])
    begun = [version for version in ordered if version["effective_date"] <= at]
    valid = [version for version in begun if version["expiry_date"] is None or version["expiry_date"] > at]
    chosen = valid or begun[-1:] or ordered[:1]
    return chosen[0] if chosen else None


def stock(bins: Iterable[Row | None]) -> int | None:
    """All warehouses and bins; NULL when none is known."""
    known = [one["stock_quantity"] for one in bins if one is not None and one["stock_quantity"] is not None]
    return sum(known) if known else None


def order_moment(order: Row, settings: Settings) -> datetime:
    """`ordered_at` (else end of `order_date`)."""
    moment: datetime | None = order["ordered_at"]
    return moment or values.end_of_day(order["order_date"], settings.zones)


# -- money -----------------------------------------------------------------------------------------


def converted(amount: Decimal | None, currency: str | None, day: date | None, settings: Settings) -> Decimal | None:
    """An amount in the reporting currency, exact: "No rate: the converted value is NULL"."""
    rate = settings.rate_on(currency, day)
    return None if rate is None or amount is None else values.product(amount, rate)


def exact_sum(numbers: Iterable[Decimal]) -> Decimal:
    """A sum before the one rounding."""
    with localcontext() as context:
        context.prec = values.DIGITS
        return sum(numbers, Decimal(0))


def price_reporting(product: Row, today: date, settings: Settings) -> Decimal | None:
    """The price in `reporting_currency`; the rate's day of a product: today."""
    return sources.price_reporting(product.get("price"), product.get("currency"), today, settings)


def order_money(order: Row, category: str | None, settings: Settings) -> Row:
    """The rate's day: an order's `order_date`. amount = order_amount x rate, with the reporting currency's
    decimals. `is_revenue`: `amount` > 0 and status not in `non_revenue_statuses`; of a refund row `amount`
    < 0, and the status may be returned or refunded.
    `margin_estimate` = `amount` x `margin_rate` (by category) where `is_revenue`; else 0."""
    rate = settings.rate_on(order["currency"], order["order_date"])
    amount = values.money(
        converted(order["order_amount"], order["currency"], order["order_date"], settings), settings.places
    )
    status = order["order_status"]
    counts = status not in settings.non_revenue_statuses
    if order["refund_id"]:
        is_revenue = amount is not None and amount < 0 and (counts or status in RETURNED)
    else:
        is_revenue = amount is not None and amount > 0 and counts
    margin_rate = settings.margin_of(category)
    margin = None if amount is None else values.money(values.product(amount, margin_rate), settings.places)
    return {
        "rate": rate,
        "amount": amount,
        "is_revenue": is_revenue,
        "margin_rate": margin_rate,
        "margin_estimate": margin if is_revenue else ZERO,
    }


# -- sums ------------------------------------------------------------------------------------------


def total(rows: Iterable[Row], name: str) -> Decimal:
    """A sum adds the published column; 0.000 when there is none."""
    return sum((row[name] for row in rows if row[name] is not None), ZERO)


def distinct(rows: Iterable[Row], name: str) -> int:
    """How many different values; NULL is none."""
    return len({row[name] for row in rows} - {None})


def sales(rows: Iterable[Row]) -> list[Row]:
    """The lines that were sold: "a refund row is no order"."""
    return [row for row in rows if not row["refund_id"]]


def revenue_only(rows: Iterable[Row]) -> list[Row]:
    """The sales that are revenue."""
    return [row for row in sales(rows) if row["is_revenue"]]


def orders_in(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """ "An order is counted once": order_id -> its sales among the rows."""
    return {order_id: lines for (order_id,), lines in by(sales(rows), "order_id").items()}


def cancelled_orders(rows: Iterable[Row]) -> int:
    """ "cancelled if all its lines are" """
    lines_of = orders_in(rows).values()
    return sum(all(line["order_status"] == "cancelled" for line in lines) for lines in lines_of)


def share(part: Decimal | int | None, whole: Decimal | int | None) -> Decimal | None:
    """Shares and ratios DECIMAL(18,4); x / 0 = NULL."""
    return values.published(values.ratio(part, whole), 4)


def money_each(part: Decimal, count: int, settings: Settings) -> Decimal | None:
    """Money by a count: `aov` = revenue / revenue_orders."""
    return values.money(values.ratio(part, count), settings.places)


def ratio_of(part: Decimal, whole: Decimal) -> Decimal | None:
    """A ratio of net amounts: NULL unless the whole is above 0."""
    return share(part, whole) if whole > 0 else None


def order_figures(rows: list[Row], settings: Settings) -> Row:
    """`orders` counts all; `revenue_orders`: "An order is revenue if any line is"; `revenue` is net, `gross_revenue`
    and `refunds` beside it; `aov` = gross_revenue / revenue_orders; the margin."""
    counted = revenue_only(rows)
    gross = total(counted, "amount")
    given_back = -total([row for row in rows if row["refund_id"] and row["is_revenue"]], "amount")
    revenue_orders = distinct(counted, "order_id")
    return {
        "orders": len(orders_in(rows)),
        "revenue_orders": revenue_orders,
        "revenue": gross - given_back,
        "gross_revenue": gross,
        "refunds": given_back,
        "aov": money_each(gross, revenue_orders, settings),
        "margin_estimate": total(rows, "margin_estimate"),
    }


def return_rate(rows: list[Row]) -> Decimal | None:
    """returned, refunded / orders: "returned if any line is returned or refunded (status, or a refund row)" """
    orders = orders_in(rows)
    back = {row["order_id"] for row in rows if row["refund_id"] or row["order_status"] in RETURNED}
    return share(len(back & set(orders)), len(orders))
