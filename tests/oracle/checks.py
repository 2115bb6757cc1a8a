"""The checks across tables (RULES.md, "06: across tables"): rows of a batch against the targets as they are once it
is published."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import values as v
from .enriched import calendar_columns
from .settings import Settings
from .tables import Targets, by, current, order_moment, order_money, share, version_at
from .values import Row

MOST_KEYS = 5


class View:
    """What a check may look at: the targets, the batch's own rows, the settings."""

    def __init__(self, targets: Targets, batch: Mapping[str, list[Row]], settings: Settings) -> None:
        self.current = {source: current(versions) for source, versions in targets.items()}
        self.settings = settings
        self.stock_of = by(batch.get("inventory", []), "product_id")
        self._placed: dict[tuple[str, str], dict[tuple[Any, ...], list[Row]]] = {}
        self._versions = {
            "customers": by(targets["customers"], "customer_id"),
            "products": by(targets["products"], "product_id"),
            "orders": by(targets["orders"], "order_id"),
        }

    def where(self, source: str, column: str, value: Any) -> list[Row]:
        """The live current rows of a source with a value."""
        if (source, column) not in self._placed:
            self._placed[source, column] = by(self.current[source], column)
        return self._placed[source, column].get((value,), [])

    def versions(self, source: str, key: Any) -> list[Row]:
        """All versions of a customer or a product."""
        return self._versions[source].get((key,), [])

    def at_order(self, source: str, order: Row) -> Row:
        """The order's customer or product as in enriched_orders: the version valid at order time, else the nearest
        earlier, else the first; {} if there is none."""
        key = order["customer_id"] if source == "customers" else order["product_id"]
        return version_at(self.versions(source, key), order_moment(order, self.settings)) or {}


@dataclass(frozen=True)
class Check:
    """`fails(row, view)`. `parent`: "No live batch holds the parent source: check skipped"."""

    source: str
    level: str
    parent: str | None
    fails: Callable[[Row, View], bool]

    @property
    def name(self) -> str:
        return self.fails.__name__

    @property
    def category(self) -> str:
        """`*_exists` referential; `*_agrees`, `email_unique` consistency; the rest business_rule."""
        if self.name.endswith("_exists"):
            return "referential"
        return "consistency" if self.name.endswith("_agrees") or self.name == "email_unique" else "business_rule"


CHECKS: list[Check] = []


def check(
    source: str, level: str, parent: str | None = None
) -> Callable[[Callable[[Row, View], bool]], Callable[[Row, View], bool]]:
    """A function that says when a row of `source` fails."""

    def add(fails: Callable[[Row, View], bool]) -> Callable[[Row, View], bool]:
        CHECKS.append(Check(source, level, parent, fails))
        return fails

    return add


# -- orphans: no live current parent; heals when the parent comes -----------------------------------


@check("orders", "HIGH", "customers")
def order_customer_exists(order: Row, view: View) -> bool:
    return order["customer_id"] is not None and not view.where("customers", "customer_id", order["customer_id"])


@check("orders", "HIGH", "products")
def order_product_exists(order: Row, view: View) -> bool:
    return order["product_id"] is not None and not view.where("products", "product_id", order["product_id"])


@check("shipping", "HIGH", "orders")
def shipping_order_exists(shipment: Row, view: View) -> bool:
    return not view.where("orders", "order_id", shipment["order_id"])


@check("inventory", "HIGH", "products")
def inventory_product_exists(one: Row, view: View) -> bool:
    return not view.where("products", "product_id", one["product_id"])


# -- orders ----------------------------------------------------------------------------------------


@check("orders", "MEDIUM", "shipping")
def order_shipping_exists(order: Row, view: View) -> bool:
    """shipped, delivered, completed without shipment"""
    sent = order["order_status"] in {"shipped", "delivered", "completed"}
    return sent and not view.where("shipping", "order_id", order["order_id"])


@check("orders", "MEDIUM", "shipping")
def cancelled_order_not_shipped(order: Row, view: View) -> bool:
    """cancelled, and a shipment whose created_timestamp is after the time of the statement that cancelled it"""
    time = order.get("updated_timestamp") or order["created_timestamp"]
    cancelled = time if order["order_status"] == "cancelled" else None
    shipped = [shipment["created_timestamp"] for shipment in view.where("shipping", "order_id", order["order_id"])]
    return cancelled is not None and any(at is not None and at > cancelled for at in shipped)


@check("orders", "MEDIUM", "products")
def order_product_not_discontinued(order: Row, view: View) -> bool:
    """ordered after the discontinued version began"""
    at = order_moment(order, view.settings)
    begun = [one for one in view.versions("products", order["product_id"]) if one["effective_date"] < at]
    return bool(begun) and max(begun, key=lambda one: one["effective_date"])["discontinued"] is True


@check("orders", "LOW", "products")
def order_price_agrees(order: Row, view: View) -> bool:
    """a sale in the same currency, and for no n in 1..100: 0.8 n price <= amount <= 1.2 n price"""
    product, amount = view.at_order("products", order), order["order_amount"]
    price = product.get("price")
    if amount is None or price is None or product["currency"] != order["currency"] or order["refund_id"]:
        return False
    tenths = [(8 * n * price, 12 * n * price) for n in range(1, 101)]
    return not any(least <= 10 * amount <= most for least, most in tenths)


@check("orders", "LOW", "customers")
def premium_order_value(order: Row, view: View) -> bool:
    """a sale to a premium customer, amount < 20"""
    tier = view.at_order("customers", order).get("customer_tier")
    amount = order_money(order, None, view.settings)["amount"]
    premium = tier in view.settings.premium_tiers
    return premium and amount is not None and not order["refund_id"] and amount < view.settings.bounds.premium_order


@check("orders", "LOW", "customers")
def order_after_registration(order: Row, view: View) -> bool:
    """ordered before"""
    registered = view.at_order("customers", order).get("registration_date")
    return registered is not None and bool(order["order_date"] < registered)


@check("orders", "LOW", "products")
def order_after_launch(order: Row, view: View) -> bool:
    """ordered before"""
    launched = view.at_order("products", order).get("launch_date")
    return launched is not None and bool(order["order_date"] < launched)


@check("orders", "NONE")
def order_in_business_hours(order: Row, view: View) -> bool:
    """outside"""
    inside = calendar_columns(order["order_date"], order["ordered_at"], view.settings)["is_business_hours"]
    return inside is False


@check("orders", "MEDIUM")
def order_product_changed(order: Row, view: View) -> bool:
    """ "a later batch that states another product for a known order": without a line_id, the version that this row
    begins has another product than the one before, or the next one has (of a row that came late)"""
    if order["line_id"] or order["refund_id"]:
        return False
    versions = [one for one in view.versions("orders", order["order_id"]) if not one["line_id"] + one["refund_id"]]
    for one, following in product_pairs(versions):
        if one["effective_date"] <= order["as_of"] <= following["effective_date"]:
            return True
    return False


def product_pairs(versions: list[Row]) -> list[tuple[Row, Row]]:
    """Neighbouring versions, without a gap between them, of different products."""
    ordered = sorted(versions, key=lambda one: one["effective_date"])
    return [
        (one, following)
        for one, following in itertools.pairwise(ordered)
        if one["expiry_date"] == following["effective_date"]
        and None not in (one["product_id"], following["product_id"])
        and one["product_id"] != following["product_id"]
    ]


@check("orders", "LOW")
def order_total_agrees(order: Row, view: View) -> bool:
    """ "The sum of an order's lines (with tax and shipping where the file has them) is its total". Lines that have not
    come yet are no finding, unless files have whole orders."""
    total = order.get("order_total")
    lines = [one for one in view.where("orders", "order_id", order["order_id"]) if not one["refund_id"]]
    if total is None or order["refund_id"] or not lines:
        return False
    if any(one["order_amount"] is None for one in lines) or len({one["currency"] for one in lines}) > 1:
        return False
    amount = sum(one["order_amount"] for one in lines)
    tax = sum(one["tax"] or 0 for one in lines)
    discount = sum(one["discount"] or 0 for one in lines)
    shipped = view.where("shipping", "order_id", order["order_id"])
    shipping = sum(one["shipping_cost"] or 0 for one in shipped)
    sums = {amount + a + b - c for a in (0, tax) for b in (0, shipping) for c in (0, discount)}
    orders = view.settings.delivery("orders")
    whole = orders.whole_orders or orders.line_id == "position"
    return total not in sums and (whole or min(sums) > total)


# -- the others ------------------------------------------------------------------------------------


@check("customers", "LOW")
def email_unique(customer: Row, view: View) -> bool:
    """two customers share it"""
    if customer["email"] is None:
        return False
    sharing = {one["customer_id"] for one in view.where("customers", "email", customer["email"])}
    return bool(sharing - {customer["customer_id"]})


@check("customers", "NONE", "orders")
def customer_has_orders(customer: Row, view: View) -> bool:
    """none"""
    return not view.where("orders", "customer_id", customer["customer_id"])


@check("products", "MEDIUM", "inventory")
def stock_agrees(product: Row, view: View) -> bool:
    """product's stock <> sum of warehouses, same batch"""
    bins = view.stock_of.get((product["product_id"],), [])
    known = [one["stock_quantity"] for one in bins if one["stock_quantity"] is not None]
    return bool(known) and product["stock_quantity"] is not None and product["stock_quantity"] != sum(known)


@check("products", "LOW", "inventory")
def product_has_inventory(product: Row, view: View) -> bool:
    """no stock row"""
    return not view.where("inventory", "product_id", product["product_id"])


@check("products", "NONE", "orders")
def product_has_orders(product: Row, view: View) -> bool:
    """none"""
    return not view.where("orders", "product_id", product["product_id"])


@check("shipping", "LOW", "orders")
def shipping_address_agrees(shipment: Row, view: View) -> bool:
    """differs from the order's"""
    there = shipment["destination_address"]
    ordered = {order["shipping_address"] for order in view.where("orders", "order_id", shipment["order_id"])} - {None}
    return there is not None and bool(ordered) and there not in ordered


# -- validation_results ----------------------------------------------------------------------------


def cross_checks(
    batch_id: str,
    stage: Mapping[str, Sequence[Row]],
    targets: Targets,
    live_sources: Iterable[str],
    settings: Settings,
) -> list[Row]:
    """The rows of `validation_results` of one batch: "every check of a source gets a row in each batch that holds its
    file, also with 0".

    `stage`: source -> the batch's accepted rows, of the sources of which it holds a file. `targets`: as they are once
    the batch is published. `live_sources`: the sources that a live batch holds (this one too). A row that deletes its
    key has nothing more to say.
    """
    upserts = {source: [row for row in rows if row["op"] == "U"] for source, rows in stage.items()}
    view = View(targets, upserts, settings)
    there = set(live_sources)
    rows: list[Row] = []
    for one in CHECKS:
        level = settings.severity.get(one.name, one.level)
        if one.source not in stage or level == "OFF":
            continue
        skipped = one.parent is not None and one.parent not in there
        checked = [] if skipped else stage[one.source]
        failed = [row["key"] for row in upserts[one.source] if not skipped and one.fails(row, view)]
        rows.append(
            {
                "batch_id": batch_id,
                "table_name": one.source,
                "check_name": one.name,
                "category": one.category,
                "rule_severity": level,
                "severity": level if failed else "NONE",
                "rows_checked": len(checked),
                "failed_rows": len(failed),
                "failed_share": share(len(failed), len(checked)),
                "sample_keys": [v.written_key(v.key_parts(key)) for key in sorted(failed)[:MOST_KEYS]],
            }
        )
    return rows
