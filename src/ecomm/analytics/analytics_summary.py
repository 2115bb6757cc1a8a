"""analytics_summary: the shop as it stood at each batch.

Grain: one row a live batch = the targets as they stood at its as-of: the versions that had begun by then and had not
ended by then. Its today is the day of its as-of. So a late batch changes the rows from its own instant on, and the
order of arrival cannot show.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.analytics.customer_analytics import buying
from ecomm.contract import Field, Shop
from ecomm.transforms import enrich, measures
from ecomm.transforms.enrich import Targets
from ecomm.transforms.relations import as_of_join, timeline

FIELDS = (
    Field("batch_id", "string", "The batch."),
    Field("as_of", "timestamp", "The instant that the row describes (UTC)."),
    Field("orders", "bigint", "Orders, of any status."),
    Field("revenue_orders", "bigint", "Orders with is_revenue."),
    Field("revenue", "decimal(18,2)", "Sum of amount where is_revenue; reporting currency."),
    Field("aov", "decimal(18,2)", "revenue / revenue_orders; NULL without revenue orders."),
    Field("margin_estimate", "decimal(18,2)", "Sum of margin_estimate; reporting currency."),
    Field("margin_rate", "decimal(18,4)", "margin_estimate / revenue, 0-1; NULL without revenue."),
    Field("customers", "bigint", "Customers with a version then."),
    Field("buyers", "bigint", "Different customers of revenue orders."),
    Field("repeat_rate", "decimal(18,4)", "Buyers with revenue orders of at least two days / buyers, 0-1."),
    Field("new_buyers", "bigint", "Buyers who were none at the live batch before."),
    Field("products", "bigint", "Products with a version then."),
    Field("products_sold", "bigint", "Different products of revenue orders."),
    Field("cancelled_orders", "bigint", "Orders with the status cancelled."),
    Field("return_rate", "decimal(18,4)", "Orders returned or refunded / orders, 0-1; NULL without orders."),
    Field("shipping_cost", "decimal(18,2)", "Sum of shipping_cost_reporting of the orders; reporting currency."),
    Field(
        "on_time_rate",
        "decimal(18,4)",
        "Orders delivered On Time / (On Time + Late), 0-1; NULL if none is delivered.",
    ),
    Field("clv_estimate", "decimal(18,2)", "Sum of the customers' clv_estimate; reporting currency."),
    Field("unconverted_orders", "bigint", "Orders whose currency has no rate: in no sum."),
    Field("batch_orders", "bigint", "Orders that this batch states."),
    Field("batch_revenue", "decimal(18,2)", "revenue of the orders that this batch states."),
)
KEY = ("batch_id",)
# What the rows are made of: the columns of each target whose change changes them, besides keys and instants.
USES = {
    "orders": ("customer_id", "product_id", "order_date", "ordered_at", "order_amount", "currency", "order_status"),
    "customers": (),
    "products": ("category",),
    "shipping": ("shipping_cost", "currency", "created_timestamp", "estimated_delivery", "actual_delivery"),
}


def analytics_summary(
    batches: DataFrame, targets: Targets, stated: DataFrame, shop: Shop, key: Sequence[str] = enrich.KEY
) -> DataFrame:
    """FIELDS for the given batches, all in one pass.

    batches: batch_id, as_of, previous_as_of (of the live batch before, NULL for the first). stated: batch_id and the
    key of the orders in their live stage rows. key: the shop's key of orders.
    """
    there = F.broadcast(batches.select("batch_id", "as_of"))
    needed = dict.fromkeys([*key, "order_id", *USES["orders"], "effective_date", "expiry_date"])
    versions = enrich.valued(targets.orders.select(*needed), shop)
    orders = _with_margin(_standing(versions, there), targets.products, shop)
    shipments = _standing(targets.shipping, there)
    summed = enrich.shipments(shipments, F.col("as_of").cast("date"), shop, within=("batch_id", "as_of"))
    orders = enrich.beside_shipments(orders, summed, key, within=("batch_id", "as_of"))
    orders = orders.join(stated.withColumn("_stated", F.lit(True)), ["batch_id", *key], "left")

    people = _buyers(orders, versions, batches)
    sold = orders.filter("is_revenue").filter(F.col("product_id").isNotNull()).select("batch_id", "product_id")
    sold = sold.distinct().groupBy("batch_id").agg(F.count(F.lit(1)).alias("products_sold"))
    rows = batches.select("batch_id", "as_of").join(people, "batch_id", "left").join(sold, "batch_id", "left")
    for name, heads in (("customers", targets.customers), ("products", targets.products)):
        counted = _standing(heads, there).groupBy("batch_id").agg(F.count(F.lit(1)).alias(name))
        rows = rows.join(counted, "batch_id", "left")
    sums = {f.name: measures.count(F.col(f.name)) for f in FIELDS if f.type == "bigint"}
    amounts = ("revenue", "margin_estimate", "shipping_cost", "clv_estimate", "batch_revenue")
    rows = rows.withColumns(sums | {name: measures.money(F.col(name)) for name in amounts})
    rows = rows.withColumns(
        {
            "aov": measures.aov(),
            "margin_rate": measures.share("margin_estimate", "revenue"),
            "repeat_rate": measures.share("_repeating", "buyers"),
            "return_rate": measures.share("returned_orders", "orders"),
            "on_time_rate": canonical.ratio(
                F.col("_on_time").cast("decimal(18,2)"), F.col("_on_time") + F.col("_late"), 4
            ),
        }
    )
    return measures.published(rows, FIELDS)


def _standing(versions: DataFrame, batches: DataFrame) -> DataFrame:
    """The versions that stand at each batch's as-of, beside its batch_id: begun by then, and not ended by then."""
    begun = F.col("effective_date") <= F.col("as_of")
    not_ended = F.col("expiry_date").isNull() | (F.col("expiry_date") > F.col("as_of"))
    return versions.drop("batch_id", "as_of").join(batches, begun & not_ended, "inner")


def _with_margin(orders: DataFrame, products: DataFrame, shop: Shop) -> DataFrame:
    """The standing orders with margin_estimate, by the product's category at the time of the order.

    Of the product's versions begun by the as-of: the one that answers for the instant of the order or, if that lies
    after the as-of, for the as-of; before the first of them the first.
    """
    if not shop.margin_rates:
        return orders.withColumn("margin_estimate", enrich.margin_estimate(enrich.margin_rate(F.lit(None), shop)))
    line = timeline(products.select("product_id", "category", "effective_date"), "product_id").select(
        "product_id", "_from", "_until", F.col("category").alias("_category"), F.col("effective_date").alias("_begun")
    )
    at = F.least(enrich.instant(shop), F.col("as_of"))
    joined = as_of_join(orders.withColumn("_at", at), line, "product_id", F.col("_at"))
    category = F.when(F.col("_begun") <= F.col("as_of"), F.col("_category"))
    estimate = enrich.margin_estimate(enrich.margin_rate(category, shop))
    return joined.withColumn("margin_estimate", estimate).drop("_at", "_category", "_begun")


def _buyers(orders: DataFrame, versions: DataFrame, batches: DataFrame) -> DataFrame:
    """One row a batch: the sums over its orders, and what they say of the customers."""
    revenue = F.when(F.col("is_revenue"), F.col("amount"))
    more = {
        "unconverted_orders": measures.number(F.col("amount").isNull()),
        "shipping_cost": F.sum("shipping_cost_reporting"),
        "_on_time": measures.number(F.col("delivery_status") == F.lit("On Time")),
        "_late": measures.number(F.col("delivery_status") == F.lit("Late")),
        "batch_orders": measures.number(F.col("_stated")),
        "batch_revenue": F.sum(F.when(F.col("_stated"), revenue)),
    }
    people = buying(orders, ("batch_id", "as_of", "customer_id"), F.col("as_of").cast("date"), more)
    earlier = F.broadcast(batches.select("batch_id", F.col("previous_as_of").alias("as_of")))
    before = _standing(versions.filter("is_revenue"), earlier).select("batch_id", "customer_id").distinct()
    people = people.join(before.withColumn("_before", F.lit(True)), ["batch_id", "customer_id"], "left")
    known = F.col("customer_id").isNotNull()
    buys = known & (F.col("revenue_orders") > 0)
    return people.groupBy("batch_id").agg(
        *measures.added_further([*measures.added_up(), *more]),
        measures.number(buys).alias("buyers"),
        measures.number(buys & (F.col("order_days") >= 2)).alias("_repeating"),
        measures.number(buys & F.col("_before").isNull()).alias("new_buyers"),
        F.sum(F.when(known, F.col("clv_estimate"))).alias("clv_estimate"),
    )
