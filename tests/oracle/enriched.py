"""enriched_orders: one row a current line of an order, or refund of one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from . import sources, values
from .settings import Settings
from .tables import (
    Targets,
    by,
    converted,
    current,
    exact_sum,
    order_moment,
    order_money,
    price_reporting,
    stock,
    version_at,
)
from .values import Row

SAME = [
    "order_id", "line_id", "refund_id", "customer_id", "product_id", "order_date", "ordered_at", "order_status",
    "payment_method", "quantity", "order_amount", "currency",
]  # fmt: skip
OF_SHIPMENTS = ["shipments", "shipping_method", "shipping_cost_reporting", "delivery_status", "delivery_days"]
SOUTH = {"Winter": "Summer", "Summer": "Winter", "Spring": "Autumn", "Autumn": "Spring"}


def enriched_orders(targets: Targets, today: date, settings: Settings) -> list[Row]:
    """Customer, product and stock: the version valid at `ordered_at` (else end of `order_date`), else the nearest
    earlier, else the first. "enriched_orders stays one row a line"."""
    customers, products = by(targets["customers"], "customer_id"), by(targets["products"], "product_id")
    bins_of_product: dict[str, list[list[Row]]] = {}
    bin_key = settings.delivery("inventory").key or sources.INVENTORY.key
    for versions in by(targets["inventory"], *bin_key).values():
        bins_of_product.setdefault(versions[0]["product_id"], []).append(versions)
    shipments = by(current(targets["shipping"]), "order_id")

    rows: list[Row] = []
    for order in current(targets["orders"]):
        at = order_moment(order, settings)
        customer = version_at(customers.get((order["customer_id"],), []), at)
        product = version_at(products.get((order["product_id"],), []), at)
        product_columns = _product_columns(product or {}, today, settings)
        bins = [version_at(versions, at) for versions in bins_of_product.get(order["product_id"], [])]
        rows.append(
            {
                **{name: order[name] for name in SAME},
                **order_money(order, product_columns["product_category"], settings),
                "is_first_line": False,  # set below
                "is_first_order": False,
                **_customer_columns(customer or {}, order["order_date"], settings),
                **product_columns,
                "stock_quantity": stock(bins),
                **_shipment_columns(shipments.get((order["order_id"],), []), today, settings),
                **calendar_columns(order["order_date"], order["ordered_at"], settings),
            }
        )
    _mark_first_orders(rows)
    _mark_first_lines(rows)
    return sorted(rows, key=_line)


def _line(row: Row) -> tuple[Any, ...]:
    """The order of an order's rows: sales before refunds, then line_id, 2 before 10."""
    return row["order_id"], row["refund_id"] != "", len(row["line_id"]), row["line_id"], row["refund_id"]


def _mark_first_orders(rows: list[Row]) -> None:
    """`is_first_order`: all sales of a customer's first revenue order (by order_date, ordered_at nulls last, order_id).
    Nobody's order is nobody's first; a refund is no order."""
    sales: dict[str, list[Row]] = {}
    for row in rows:
        if row["customer_id"] is not None and not row["refund_id"]:
            sales.setdefault(row["customer_id"], []).append(row)
    for its_own in sales.values():
        counted = [(row["order_date"], row["ordered_at"] is None, row["ordered_at"] or values.EPOCH, row["order_id"])
                   for row in its_own if row["is_revenue"]]  # fmt: skip
        for row in its_own:
            row["is_first_order"] = bool(counted) and row["order_id"] == min(counted)[-1]


def _mark_first_lines(rows: list[Row]) -> None:
    """ "What belongs to the order (shipping cost) stands on its first line only, so that sums add up"."""
    for lines in by(rows, "order_id").values():
        first, *further = sorted(lines, key=_line)
        first["is_first_line"] = True
        for line in further:
            line.update(dict.fromkeys(OF_SHIPMENTS))


def _customer_columns(customer: Row, order_date: date, settings: Settings) -> Row:
    """Age group and lifecycle stage at order time; is_premium: tier in `premium_tiers`, false when there is no
    customer."""
    return {
        "customer_effective_date": customer.get("effective_date"),
        "customer_tier": customer.get("customer_tier"),
        "customer_age_group": sources.age_group(customer.get("date_of_birth"), order_date),
        "customer_lifecycle_stage": sources.customer_lifecycle(customer.get("registration_date"), order_date),
        "customer_city": customer.get("city"),
        "customer_state": customer.get("state"),
        "customer_country": customer.get("country"),
        "is_premium": customer.get("customer_tier") in settings.premium_tiers,
    }


def _product_columns(product: Row, today: date, settings: Settings) -> Row:
    """price_segment by the version's price in `reporting_currency` (its rate is today's). is_discontinued: false when
    there is no product."""
    return {
        "product_effective_date": product.get("effective_date"),
        "product_name": product.get("product_name"),
        "product_category": product.get("category"),
        "product_subcategory": product.get("subcategory"),
        "product_price": product.get("price"),
        "price_segment": sources.price_segment(price_reporting(product, today, settings)),
        "is_discontinued": product.get("discontinued") is True,
    }


def _shipment_columns(shipments: list[Row], today: date, settings: Settings) -> Row:
    """Shipments summed (one without tracking number counts only if the order has none with one):
    `shipping_method` (latest by created_timestamp, tracking_number), `delivery_status` (worst: Late, Overdue,
    Pending, On Time; today), `delivery_days` (greatest). shipping_cost_reporting = sum of the costs in reporting
    currency (the rate's day: a shipment's created day; NULL if none convertible), shipments = 0 and delivery_status
    NULL when there is none."""
    counted = [one for one in shipments if one["tracking_number"]] or shipments
    never = datetime.min.replace(tzinfo=UTC)
    latest = max(counted, key=lambda s: (s["created_timestamp"] or never, s["tracking_number"]), default=None)
    costs = []
    for one in counted:
        created = one["created_timestamp"]
        day = None if created is None else values.local_day(created, settings.zones)
        costs.append(converted(one["shipping_cost"], one["currency"], day, settings))
    known = [cost for cost in costs if cost is not None]
    deliveries = [sources.delivery(one, today, settings.zones) for one in counted]
    statuses = {one["delivery_status"] for one in deliveries}
    worst = [status for status in ("Late", "Overdue", "Pending", "On Time") if status in statuses]
    days = [one["delivery_days"] for one in deliveries if one["delivery_days"] is not None]
    return {
        "shipments": len(counted),
        "shipping_method": latest["shipping_method"] if latest else None,
        "shipping_cost_reporting": values.money(exact_sum(known), settings.places) if known else None,
        "delivery_status": worst[0] if worst else None,
        "delivery_days": max(days, default=None),
    }


def season_of(day: date, settings: Settings) -> Row:
    """`season` (Dec-Feb Winter, Mar-May Spring, Jun-Aug Summer, Sep-Nov Autumn; `hemisphere = "south"` swaps),
    `season_year` (December belongs to the next year)."""
    season = ("Winter", "Spring", "Summer", "Autumn")[day.month % 12 // 3]
    return {
        "season": SOUTH[season] if settings.hemisphere == "south" else season,
        "season_year": day.year + (day.month == 12),
    }


def calendar_columns(order_date: date, ordered_at: datetime | None, settings: Settings) -> Row:
    """`order_month` (first day), `weekday` (1 = Monday), `is_weekend, hour, time_of_day` (half-open: Night
    0-6, Morning 6-12, Afternoon 12-18, Evening 18-24; NULL if `ordered_at` is), `is_business_hours` (setting, Mon-Fri
    09-18; NULL if the hour is)."""
    weekday = order_date.isoweekday()
    hour = None if ordered_at is None else ordered_at.astimezone(settings.zones.shop).hour
    opens, closes = settings.business_hours
    return {
        "order_month": order_date.replace(day=1),
        "weekday": weekday,
        "is_weekend": weekday >= 6,
        "hour": hour,
        "time_of_day": None if hour is None else ("Night", "Morning", "Afternoon", "Evening")[hour // 6],
        "is_business_hours": None if hour is None else weekday <= 5 and opens <= hour < closes,
        **season_of(order_date, settings),
    }
