"""analytics_summary: one row a live batch = the targets as they stood at its as-of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .analytics import customer_analytics
from .enriched import enriched_orders
from .settings import Settings
from .tables import (
    Targets,
    cancelled_orders,
    current,
    distinct,
    order_figures,
    orders_in,
    ratio_of,
    return_rate,
    revenue_only,
    sales,
    share,
    standing_at,
    total,
)
from .values import Row

KEY = ("order_id", "line_id", "refund_id")


def analytics_summary(
    live: Mapping[str, datetime], stated: Mapping[str, set[tuple[Any, ...]]], targets: Targets, settings: Settings
) -> list[Row]:
    """`live`: batch_id -> as_of; `stated`: batch_id -> the keys of the lines and refunds that it states.

    `new_buyers`: buyers at this as-of who were none at the previous live batch's."""
    rows: list[Row] = []
    known: set[str] = set()
    for batch_id, as_of in sorted(live.items(), key=lambda item: (item[1], item[0].encode())):
        stood = standing_at(targets, as_of)
        row, buyers = _as_at(as_of, stood, stated.get(batch_id, set()), settings)
        rows.append({"batch_id": batch_id, "as_of": as_of, **row, "new_buyers": len(buyers - known)})
        known = buyers
    return rows


def _as_at(as_of: datetime, stood: Targets, stated: set[tuple[Any, ...]], settings: Settings) -> tuple[Row, set[str]]:
    """All figures but new_buyers, and who buyers are. "Today" is the day of the row's as_of in shop_timezone."""
    today = as_of.astimezone(settings.zones.shop).date()
    orders = enriched_orders(stood, today, settings)
    customers = customer_analytics(stood, orders, today, settings)
    figures, counted = order_figures(orders, settings), revenue_only(orders)
    of_batch = [order for order in orders if tuple(order[name] for name in KEY) in stated]
    buyers = {order["customer_id"] for order in counted} - {None}
    repeated = sum(one["order_days"] >= 2 for one in customers)
    on_time, late = (sum(o["delivery_status"] == status for o in sales(orders)) for status in ("On Time", "Late"))
    unconverted = {order["order_id"] for order in orders if order["amount"] is None}
    row = {
        **figures,
        "margin_rate": ratio_of(figures["margin_estimate"], figures["revenue"]),
        "customers": len(current(stood["customers"])),
        "buyers": len(buyers),
        "repeat_rate": share(repeated, len(buyers)),  # buyers with order_days >= 2 / buyers
        "products": len(current(stood["products"])),
        "products_sold": distinct(counted, "product_id"),
        "cancelled_orders": cancelled_orders(orders),
        "return_rate": return_rate(orders),
        "shipping_cost": total(orders, "shipping_cost_reporting"),
        "on_time_rate": share(on_time, on_time + late),  # orders On Time / (On Time + Late)
        "clv_estimate": total(customers, "clv_estimate"),
        "unconverted_orders": len(unconverted & set(orders_in(orders))),
        "batch_orders": len(orders_in(of_batch)),
        "batch_revenue": order_figures(of_batch, settings)["revenue"],
    }
    return row, buyers
