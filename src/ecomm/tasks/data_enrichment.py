"""07: the tables that say more of each row, computed from the targets as they will be."""

from __future__ import annotations

from datetime import date
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.analytics import customer_analytics, product_analytics
from ecomm.attempt import Attempt, side_by_side
from ecomm.batch import Batch
from ecomm.contract import Shop
from ecomm.tasks.change_set import view
from ecomm.tasks.found import Changes, Loaded, changes_of
from ecomm.transforms import enrich


def data_enrichment(batch: Batch, loaded: Loaded) -> int:
    """07: enriched_orders, customers and products, from the targets with the change sets laid over them.

    Gives how many rows were written of enriched_orders.
    """
    attempt, changes = batch.attempt, changes_of(loaded)
    if changes_nothing(attempt, changes):
        return 0
    targets = {name: view(attempt, source, changes) for name, source in attempt.session.sources.items()}
    return write_enriched(attempt, enrich.Targets(**targets), changes)["enriched_orders"]


def changes_nothing(attempt: Attempt, changes: Changes) -> bool:
    """No version of any target differs, nor the day and the settings by which the tables of 07 and 08 count."""
    same = all(one.is_empty for one in changes.values())
    return same and not attempt.is_another_day and not attempt.counts_otherwise


def write_enriched(attempt: Attempt, targets: enrich.Targets, changes: Changes) -> dict[str, int]:
    """Bring the tables of 07 to what the targets say; how many rows were written of each, 0 if it had them all before.

    changes: the change sets that the targets have with them. What follows from orders is computed from enriched_orders
    as it was just written, not from the joins once more.
    """
    store, shop, today = attempt.store, attempt.session.shop, attempt.today
    orders = enrich.enriched_orders(targets, shop, today)
    differs = "orders" in changes and changes["orders"].current > 0
    written = {"enriched_orders": store.overwrite("enriched_orders", orders, differs=differs)}
    frames = of_orders(store.read("enriched_orders"), targets, shop, today)

    counts = side_by_side(partial(store.overwrite, name, frame) for name, frame in frames.items())
    return {**written, **dict(zip(frames, counts, strict=True))}


def of_orders(orders: DataFrame, targets: enrich.Targets, shop: Shop, today: date) -> dict[str, DataFrame]:
    """What follows from enriched_orders and the current versions: table -> its rows."""
    customers, products, inventory = (
        versions.filter(F.col("is_current")) for versions in (targets.customers, targets.products, targets.inventory)
    )
    return {
        "customer_analytics": customer_analytics.customer_analytics(orders, customers, shop, today),
        "product_analytics": product_analytics.product_analytics(orders, products, inventory, shop, today),
    }
