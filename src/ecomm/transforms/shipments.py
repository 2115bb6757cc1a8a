"""The shipments of an order, added up."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Shop
from ecomm.money import MONEY
from ecomm.sources import shipping
from ecomm.transforms.rates import converted, rated
from ecomm.transforms.relations import several

_WORST_FIRST = ("Late", "Overdue", "Pending", "On Time")


def of_orders(standing: DataFrame, today: Column, shop: Shop, within: Sequence[str] = ()) -> DataFrame:
    """The shipments of each order, summed; one without a tracking number counts only if the order has none with one.

    standing: one version a shipment. today: what delivery_status looks from. within: columns of `standing` within which
    an order is one.
    """
    order = [*within, "order_id"]
    of_order = Window.partitionBy(*order)
    latest = of_order.orderBy(F.col("created_timestamp").desc_nulls_last(), F.col("tracking_number").desc())
    numbered = F.when(F.col("tracking_number") != "", 1).otherwise(0)
    status = shipping.delivery_status(today)
    badness = F.when(status == _WORST_FIRST[0], 0)
    for place, word in enumerate(_WORST_FIRST[1:], start=1):
        badness = badness.when(status == word, place)
    created = canonical.local_date(F.col("created_timestamp"), shop.shop_timezone)
    rows = rated(standing, created, shop).select(
        *order,
        "tracking_number",
        "created_timestamp",
        "shipping_method",
        converted(F.col("shipping_cost"), shop).alias("cost"),
        badness.alias("badness"),
        shipping.delivery_days(today, shop.shop_timezone).alias("days"),
        numbered.alias("numbered"),
    )
    split = several(rows, order)
    parcels = (
        rows.join(split, order, "left_semi")
        .withColumn("any_numbered", F.max("numbered").over(of_order))
        .filter(F.col("numbered") == F.col("any_numbered"))
        .withColumn("place", F.row_number().over(latest).cast("int"))
        .drop("any_numbered")
    )
    whole = rows.join(split, order, "left_anti").withColumn("place", F.lit(1))
    rows = whole.unionByName(parcels)
    summed = rows.groupBy(*order).agg(
        F.count(F.lit(1)).alias("shipments"),
        F.max(F.when(F.col("place") == 1, F.col("shipping_method"))).alias("shipping_method"),
        F.sum("cost").try_cast(MONEY).alias("shipping_cost_reporting"),
        F.min("badness").alias("badness"),
        F.max("days").alias("delivery_days"),
    )
    words = F.array(*map(F.lit, _WORST_FIRST))
    return summed.withColumn("delivery_status", F.get(words, F.col("badness").cast("int"))).drop("badness")
