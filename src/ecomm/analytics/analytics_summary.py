"""analytics_summary: the shop as it stood at each batch.

Grain: one row a live batch = the targets as they stood at its as-of: the versions that had begun by then and had not
ended by then. Its today is the day of its as-of in shop_timezone. So a late batch changes the rows from its own instant
on, and the order of arrival cannot show.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.analytics.customer_analytics import buying
from ecomm.contract import Field, Shop
from ecomm.money import MONEY
from ecomm.transforms import enrich, measures, shipments, valuation
from ecomm.transforms.enrich import Targets
from ecomm.transforms.relations import as_of_join, timeline

FIELDS = (
    Field("batch_id", "string", "The batch."),
    Field("as_of", "timestamp", "The instant that the row describes (UTC)."),
    Field("orders", "bigint", "Orders of any status, each once; refunds are none."),
    Field("revenue_orders", "bigint", "Orders of which a sale is_revenue."),
    Field("revenue", MONEY, "gross_revenue - refunds: sum of amount where is_revenue; reporting currency."),
    Field("gross_revenue", MONEY, "Sum of amount of sales where is_revenue; reporting currency."),
    Field("refunds", MONEY, "What refund rows gave back, above 0; 0 in a shop whose refunds are statuses."),
    Field("aov", MONEY, "gross_revenue / revenue_orders; NULL without revenue orders."),
    Field("margin_estimate", MONEY, "Sum of margin_estimate; reporting currency."),
    Field("margin_rate", "decimal(18,4)", "margin_estimate / revenue, 0-1; NULL unless revenue is above 0."),
    Field("customers", "bigint", "Customers with a version then."),
    Field("buyers", "bigint", "Different customers of revenue orders."),
    Field("repeat_rate", "decimal(18,4)", "Buyers with revenue orders of at least two days / buyers, 0-1."),
    Field("new_buyers", "bigint", "Buyers who were none at the live batch before."),
    Field("products", "bigint", "Products with a version then."),
    Field("products_sold", "bigint", "Different products of revenue orders."),
    Field("cancelled_orders", "bigint", "Orders whose lines are all cancelled."),
    Field(
        "return_rate",
        "decimal(18,4)",
        "Orders of which a line was returned or refunded / orders, 0-1; NULL without orders.",
    ),
    Field("shipping_cost", MONEY, "Sum of shipping_cost_reporting of the orders; reporting currency."),
    Field(
        "on_time_rate",
        "decimal(18,4)",
        "Orders delivered On Time / (On Time + Late), 0-1; NULL if none is delivered.",
    ),
    Field("clv_estimate", MONEY, "Sum of the customers' clv_estimate; reporting currency."),
    Field("unconverted_orders", "bigint", "Orders with a row whose currency has no rate: it is in no sum."),
    Field("batch_orders", "bigint", "Orders of which this batch states a line."),
    Field("batch_revenue", MONEY, "revenue of the lines and refunds that this batch states."),
)
KEY = ("batch_id",)
# What the rows are made of: the columns of each target whose change changes them, besides keys and instants.
USES = {
    "orders": ("customer_id", "product_id", "order_date", "ordered_at", "order_amount", "currency", "order_status"),
    "customers": (),
    "products": ("category",),
    "shipping": ("shipping_cost", "currency", "created_timestamp", "estimated_delivery", "actual_delivery"),
}


def analytics_summary(batches: DataFrame, targets: Targets, stated: DataFrame, shop: Shop) -> DataFrame:
    """FIELDS for the given batches, all in one pass.

    batches: batch_id, as_of, previous_as_of (of the live batch before, NULL for the first). stated: batch_id and the
    key of the lines and refunds in their live stage rows.
    """
    there = F.broadcast(batches.select("batch_id", "as_of"))
    stated_orders = targets.orders.select(*enrich.KEY, *USES["orders"], "effective_date", "expiry_date")
    versions = valuation.valued(stated_orders, shop)
    orders = _with_margin(_standing(versions, there), targets.products, shop)
    parcels = shipments.of_orders(_standing(targets.shipping, there), _today(shop), shop, within=("batch_id", "as_of"))
    orders = orders.join(stated.withColumn("_stated", F.lit(True)), ["batch_id", *enrich.KEY], "left")

    sold = orders.filter(measures.sold() & F.col("product_id").isNotNull()).select("batch_id", "product_id")
    sold = sold.distinct().groupBy("batch_id").agg(F.count(F.lit(1)).alias("products_sold"))
    rows = batches.select("batch_id", "as_of")
    for part in (_counted(orders, parcels), _people(orders, versions, batches, shop), sold):
        rows = rows.join(part, "batch_id", "left")
    for name, heads in (("customers", targets.customers), ("products", targets.products)):
        counted = _standing(heads, there).groupBy("batch_id").agg(F.count(F.lit(1)).alias(name))
        rows = rows.join(counted, "batch_id", "left")
    sums = {f.name: measures.count(F.col(f.name)) for f in FIELDS if f.type == "bigint"}
    amounts = ("shipping_cost", "clv_estimate", "batch_revenue")
    rows = rows.withColumns(sums | measures.moneys() | {name: measures.money(F.col(name)) for name in amounts})
    rows = rows.withColumns(
        {
            "refunds": measures.refunds(),
            "aov": measures.aov(shop),
            "margin_rate": canonical.ratio(F.col("margin_estimate"), measures.positive(F.col("revenue")), 4),
            "repeat_rate": measures.share("_repeating", "buyers"),
            "return_rate": measures.share("returned_orders", "orders"),
            "on_time_rate": canonical.ratio(
                F.col("_on_time").cast("decimal(18,0)"), F.col("_on_time") + F.col("_late"), 4
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
        return orders.withColumn(
            "margin_estimate", valuation.margin_estimate(valuation.margin_rate(F.lit(None), shop), shop)
        )
    line = timeline(products.select("product_id", "category", "effective_date"), "product_id").select(
        "product_id", "_from", "_until", F.col("category").alias("_category"), F.col("effective_date").alias("_begun")
    )
    at = F.least(valuation.instant(shop), F.col("as_of"))
    joined = as_of_join(orders.withColumn("_at", at), line, "product_id", F.col("_at"))
    category = F.when(F.col("_begun") <= F.col("as_of"), F.col("_category"))
    estimate = valuation.margin_estimate(valuation.margin_rate(category, shop), shop)
    return joined.withColumn("margin_estimate", estimate).drop("_at", "_category", "_begun")


def _counted(orders: DataFrame, parcels: DataFrame) -> DataFrame:
    """One row a batch: what its orders add up to. parcels: one row a batch and order, so their cost is added once."""
    revenue = F.when(F.col("is_revenue"), F.col("amount"))
    of_order = {
        "_unconverted": measures.any_row(F.col("amount").isNull()),
        "_stated": measures.any_row(F.col("_stated") & measures.is_sale()),
        "batch_revenue": F.sum(F.when(F.col("_stated"), revenue)),
    }
    counted = measures.by_order(orders, ["batch_id"], of_order)
    parcels = parcels.select("batch_id", "order_id", "shipping_cost_reporting", "delivery_status")
    counted = counted.join(parcels, ["batch_id", "order_id"], "left")
    is_order = F.col("orders") > 0
    return counted.groupBy("batch_id").agg(
        *measures.added_further([*measures.COUNTED, "batch_revenue"]),
        measures.number(is_order & (F.col("_unconverted") > 0)).alias("unconverted_orders"),
        F.sum("_stated").alias("batch_orders"),
        F.sum("shipping_cost_reporting").alias("shipping_cost"),
        measures.number(is_order & (F.col("delivery_status") == F.lit("On Time"))).alias("_on_time"),
        measures.number(is_order & (F.col("delivery_status") == F.lit("Late"))).alias("_late"),
    )


def _people(orders: DataFrame, versions: DataFrame, batches: DataFrame, shop: Shop) -> DataFrame:
    """One row a batch: what its orders say of the customers."""
    known = orders.filter(F.col("customer_id").isNotNull())
    people = buying(known, ("batch_id", "as_of", "customer_id"), shop, _today(shop))
    earlier = F.broadcast(batches.select("batch_id", F.col("previous_as_of").alias("as_of")))
    before = _standing(versions.filter(measures.sold()), earlier).select("batch_id", "customer_id").distinct()
    people = people.join(before.withColumn("_before", F.lit(True)), ["batch_id", "customer_id"], "left")
    buys = F.col("revenue_orders") > 0
    return people.groupBy("batch_id").agg(
        measures.number(buys).alias("buyers"),
        measures.number(buys & (F.col("order_days") >= 2)).alias("_repeating"),
        measures.number(buys & F.col("_before").isNull()).alias("new_buyers"),
        F.sum("clv_estimate").alias("clv_estimate"),
    )


def _today(shop: Shop) -> Column:
    """The day of a batch's as-of in the shop's time zone."""
    return canonical.local_date(F.col("as_of"), shop.shop_timezone)
