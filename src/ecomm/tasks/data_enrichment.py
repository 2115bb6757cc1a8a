"""07: the tables that say more of each row, computed from the targets as they will be."""

from __future__ import annotations

from datetime import date
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.analytics import customer_analytics, product_analytics
from ecomm.attempt import Attempt, side_by_side
from ecomm.contract import Shop
from ecomm.session import TaskResult
from ecomm.tasks.change_set import view
from ecomm.transforms import enrich


def data_enrichment(attempt: Attempt, result: TaskResult) -> None:
    """07: enriched_orders, customers and products, from the targets with the change sets laid over them."""
    if attempt.changes_nothing:
        return
    targets = enrich.Targets(**{name: view(attempt, source) for name, source in attempt.session.sources.items()})
    result.rows = write_enriched(attempt, targets)["enriched_orders"]


def write_enriched(attempt: Attempt, targets: enrich.Targets) -> dict[str, int]:
    """Bring the tables of 07 to what the targets say; how many rows were written of each, 0 if it had them all before.

    What follows from orders is computed from enriched_orders as it was just written, not from the joins once more.
    """
    store, shop, today = attempt.session.store, attempt.session.shop, attempt.today
    orders, changes = enrich.enriched_orders(targets, shop, today), attempt.changes.get("orders")
    differs = changes is not None and changes.current > 0
    written = {"enriched_orders": store.overwrite("enriched_orders", orders, differs=differs)}
    frames = of_orders(store.read("enriched_orders"), targets, shop, today)

    def write(name: str, frame: DataFrame) -> None:
        written[name] = store.overwrite(name, frame)

    side_by_side(partial(write, name, frame) for name, frame in frames.items())
    return written


def of_orders(orders: DataFrame, targets: enrich.Targets, shop: Shop, today: date) -> dict[str, DataFrame]:
    """What follows from enriched_orders and the current versions: table -> its rows."""
    customers, products, inventory = (
        versions.filter(F.col("is_current")) for versions in (targets.customers, targets.products, targets.inventory)
    )
    return {
        "customer_analytics": customer_analytics.customer_analytics(orders, customers, shop, today),
        "product_analytics": product_analytics.product_analytics(orders, products, inventory, shop, today),
    }
