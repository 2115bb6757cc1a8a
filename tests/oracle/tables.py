"""enriched_orders and analytics_summary: whole functions of the targets and the live batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from . import sources, values
from .values import Row, Zones

NON_REVENUE_STATUSES = {"cancelled", "returned", "refunded", "failed"}
MARGIN_RATE = Decimal("0.3000")
"""margin_rate 0.30 for all (decisions.md)."""

Targets = Mapping[str, list[Row]]
"""Source -> its target's rows."""


@dataclass(frozen=True)
class Settings:
    reporting_currency: str
    zones: Zones


# -- money -----------------------------------------------------------------------------------------


def order_money(order: Row, settings: Settings) -> Row:
    """rate = 1 where currency = reporting_currency, else NULL. amount = order_amount x rate, 2 decimals.
    `is_revenue`: `amount` > 0 and status not in `non_revenue_statuses`. `margin_estimate` = `amount` x
    `margin_rate` where `is_revenue`; else 0."""
    rate = Decimal("1.00000000") if order["currency"] == settings.reporting_currency else None
    amount = None if rate is None else values.published(values.product(order["order_amount"], rate), 2)
    is_revenue = amount is not None and amount > 0 and order["order_status"] not in NON_REVENUE_STATUSES
    margin = Decimal("0.00")
    if amount is not None and is_revenue:
        margin = values.half_up(values.product(amount, MARGIN_RATE), 2)
    return {
        "rate": rate,
        "amount": amount,
        "is_revenue": is_revenue,
        "margin_rate": MARGIN_RATE,
        "margin_estimate": margin,
    }


# -- enriched_orders -------------------------------------------------------------------------------


def enriched_orders(targets: Targets, today: date, settings: Settings) -> list[Row]:
    """One row a current order. `today` = the UTC date of the greatest live as_of."""
    customers = _versions(targets["customers"], ["customer_id"])
    products = _versions(targets["products"], ["product_id"])
    bins = _versions(targets["inventory"], ["product_id", "warehouse_location", "location"])
    bins_of_product: dict[str, list[list[Row]]] = {}
    for (product_id, _, _), versions in bins.items():
        bins_of_product.setdefault(product_id, []).append(versions)
    shipments = _versions([row for row in targets["shipping"] if row["is_current"]], ["order_id"])

    rows: list[Row] = []
    for order in targets["orders"]:
        if not order["is_current"]:
            continue
        at = order["ordered_at"] or values.end_of_day(order["order_date"], settings.zones)
        customer = version_at(customers.get((order["customer_id"],), []), at)
        product = version_at(products.get((order["product_id"],), []), at)
        stock = [version_at(versions, at) for versions in bins_of_product.get(order["product_id"], [])]
        same = ["order_id", "customer_id", "product_id", "order_date", "ordered_at", "order_status"]
        same += ["payment_method", "order_amount", "currency"]
        rows.append(
            {
                **{name: order[name] for name in same},
                **order_money(order, settings),
                "is_first_order": False,  # set below
                **_customer_columns(customer, order["order_date"]),
                **_product_columns(product, settings),
                "stock_quantity": sum(one["stock_quantity"] for one in stock if one) if stock else None,
                **_shipment_columns(shipments.get((order["order_id"],), []), today, settings),
                **_calendar_columns(order["order_date"], order["ordered_at"], settings.zones),
            }
        )
    _mark_first_orders(rows)
    return sorted(rows, key=lambda row: str(row["order_id"]))


def _versions(rows: Iterable[Row], key: list[str]) -> dict[tuple[Any, ...], list[Row]]:
    grouped: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[name] for name in key), []).append(row)
    return grouped


def version_at(versions: list[Row], at: datetime) -> Row | None:
    """The version valid at the instant, else the nearest earlier, else the first."""
    ordered = sorted(versions, key=lambda version: version["effective_date"])
    valid = _standing_at(ordered, at)
    earlier = [version for version in ordered if version["effective_date"] <= at]
    chosen = valid or earlier[-1:] or ordered[:1]
    return chosen[0] if chosen else None


def _mark_first_orders(rows: list[Row]) -> None:
    """`is_first_order` (of a customer, among revenue orders by order_date, ordered_at nulls last,
    order_id)."""

    def position(row: Row) -> tuple[Any, ...]:
        at = row["ordered_at"]
        return row["order_date"], at is None, at or values.EPOCH, row["order_id"]

    seen: set[str] = set()
    for row in sorted((row for row in rows if row["is_revenue"]), key=position):
        row["is_first_order"] = row["customer_id"] not in seen
        seen.add(row["customer_id"])


def _customer_columns(customer: Row | None, order_date: date) -> Row:
    """Age group and lifecycle stage at the order's order_date; is_premium: false when there is no
    customer."""
    found: Row = customer or {}
    return {
        "customer_effective_date": found.get("effective_date"),
        "customer_tier": found.get("customer_tier"),
        "customer_age_group": sources.age_group(found.get("date_of_birth"), order_date),
        "customer_lifecycle_stage": sources.customer_lifecycle(found.get("registration_date"), order_date),
        "customer_city": found.get("city"),
        "customer_state": found.get("state"),
        "customer_country": found.get("country"),
        "is_premium": found.get("customer_tier") in sources.PREMIUM_TIERS,
    }


def _product_columns(product: Row | None, settings: Settings) -> Row:
    """price_segment from the product version's price if its currency is the reporting currency, else NULL.
    is_discontinued: false when there is no product."""
    found: Row = product or {}
    in_reporting = found.get("currency") == settings.reporting_currency
    return {
        "product_effective_date": found.get("effective_date"),
        "product_name": found.get("product_name"),
        "product_category": found.get("category"),
        "product_subcategory": found.get("subcategory"),
        "product_price": found.get("price"),
        "price_segment": sources.price_segment(found.get("price") if in_reporting else None),
        "is_discontinued": found.get("discontinued") is True,
    }


def _shipment_columns(current: list[Row], today: date, settings: Settings) -> Row:
    """Shipments summed (one without tracking number counts only if the order has none with one):
    `shipping_method` (latest by created_timestamp, tracking_number), `delivery_status` (worst: Late, Overdue,
    Pending, On Time; today), `delivery_days` (greatest). shipping_cost_reporting = sum of costs in reporting
    currency (NULL if none convertible), shipments = 0 and delivery_status NULL when there is none."""
    counted = [one for one in current if one["tracking_number"]] or current
    never = datetime.min.replace(tzinfo=UTC)
    latest = max(counted, key=lambda s: (s["created_timestamp"] or never, s["tracking_number"]), default=None)
    in_reporting = [one for one in counted if one["currency"] == settings.reporting_currency]
    costs = [one["shipping_cost"] for one in in_reporting if one["shipping_cost"] is not None]
    deliveries = [sources.delivery(one, today, settings.zones) for one in counted]
    statuses = {one["delivery_status"] for one in deliveries}
    worst = [status for status in ("Late", "Overdue", "Pending", "On Time") if status in statuses]
    days = [one["delivery_days"] for one in deliveries if one["delivery_days"] is not None]
    return {
        "shipments": len(counted),
        "shipping_method": latest["shipping_method"] if latest else None,
        "shipping_cost_reporting": sum(costs, Decimal("0.00")) if costs else None,
        "delivery_status": worst[0] if worst else None,
        "delivery_days": max(days, default=None),
    }


def _calendar_columns(order_date: date, ordered_at: datetime | None, zones: Zones) -> Row:
    """`order_month` (first day), `weekday` (1 = Monday), `is_weekend, hour, time_of_day` (half-open: Night
    0-6, Morning 6-12, Afternoon 12-18, Evening 18-24; NULL if `ordered_at` is), `is_business_hours` (Mon-Fri
    09-18; NULL if the hour is), `season` (Dec-Feb Winter, Mar-May Spring, Jun-Aug Summer, Sep-Nov Autumn),
    `season_year` (December belongs to the next year)."""
    weekday = order_date.isoweekday()
    hour = None if ordered_at is None else ordered_at.astimezone(zones.shop).hour
    return {
        "order_month": order_date.replace(day=1),
        "weekday": weekday,
        "is_weekend": weekday >= 6,
        "hour": hour,
        "time_of_day": None if hour is None else ("Night", "Morning", "Afternoon", "Evening")[hour // 6],
        "is_business_hours": None if hour is None else weekday <= 5 and 9 <= hour < 18,
        "season": ("Winter", "Spring", "Summer", "Autumn")[order_date.month % 12 // 3],
        "season_year": order_date.year + (order_date.month == 12),
    }


# -- analytics_summary -----------------------------------------------------------------------------


def analytics_summary(
    live: Mapping[str, datetime], stated_orders: Mapping[str, set[str]], targets: Targets, settings: Settings
) -> list[Row]:
    """One row a live batch = the targets as they stood at its as-of. `live`: batch_id -> as_of;
    `stated_orders`: batch_id -> the orders that it states."""
    rows: list[Row] = []
    for batch_id, as_of in sorted(live.items(), key=lambda item: (item[1], item[0].encode())):
        orders = [order | order_money(order, settings) for order in _standing_at(targets["orders"], as_of)]
        revenue_orders = [order for order in orders if order["is_revenue"]]
        batch_orders = [order for order in orders if order["order_id"] in stated_orders.get(batch_id, set())]
        revenue = _revenue(orders)
        rows.append(
            {
                "batch_id": batch_id,
                "as_of": as_of,
                "orders": len(orders),
                "revenue_orders": len(revenue_orders),
                "revenue": revenue,
                "aov": values.published(values.ratio(revenue, len(revenue_orders)), 2),
                "customers": len(_standing_at(targets["customers"], as_of)),
                "products": len(_standing_at(targets["products"], as_of)),
                "cancelled_orders": sum(order["order_status"] == "cancelled" for order in orders),
                "unconverted_orders": sum(order["amount"] is None for order in orders),
                "batch_orders": len(batch_orders),
                "batch_revenue": _revenue(batch_orders),
            }
        )
    return rows


def _standing_at(versions: list[Row], as_of: datetime) -> list[Row]:
    """Versions begun by then; a later expiry counts as open."""
    return [
        version
        for version in versions
        if version["effective_date"] <= as_of and (version["expiry_date"] is None or version["expiry_date"] > as_of)
    ]


def _revenue(orders: list[Row]) -> Decimal:
    """A sum adds the published column; 0.00 when there is none."""
    return sum((order["amount"] for order in orders if order["is_revenue"]), Decimal("0.00"))
