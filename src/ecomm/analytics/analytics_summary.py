"""analytics_summary: the shop as it stood at each batch.

Grain: one row a live batch = the targets as they stood at its as-of: the versions that had begun by then and had not
ended by then. Its today is the day of its as-of in shop_timezone. So a late batch changes the rows from its own instant
on, and the order of arrival cannot show.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    versions = valuation.valued(_used(targets.orders), shop)
    orders = _with_margin(_standing(versions, there), targets.products, shop)
    parcels = shipments.of_orders(_standing(targets.shipping, there), _today(shop), shop, within=("batch_id", "as_of"))
    orders = _marked(orders, stated)
    parcels = parcels.select("batch_id", "order_id", "shipping_cost_reporting", "delivery_status")
    of_orders = _of_orders(orders).join(parcels, ["batch_id", "order_id"], "left")

    known = orders.filter(F.col("customer_id").isNotNull())
    people = buying(known, ("batch_id", "as_of", "customer_id"), shop, _today(shop))
    before = _standing(versions.filter(measures.sold()), _earlier(batches)).select("batch_id", "customer_id").distinct()
    heads = {name: _standing(getattr(targets, name), there) for name in ("customers", "products")}
    return _published(batches, of_orders, orders, people, before, heads, shop)


def newest(
    batches: DataFrame, orders: DataFrame, people: DataFrame, targets: Targets, stated: DataFrame, shop: Shop
) -> DataFrame:
    """The row of the last live batch, of what is there already: what stands at its as-of is what is current.

    batches, stated: as for `analytics_summary`, of this batch. orders: enriched_orders. people: customer_analytics.
    Only for a batch whose as-of lies after that of the batch before, and after which nothing but what it states has
    changed since then: so who buys for the first time is one of those whose orders it states.
    """
    this = F.broadcast(batches.select("batch_id"))
    orders = _marked(orders.crossJoin(this), stated)
    parcels = {
        "shipping_cost_reporting": measures.Figure(F.col("shipping_cost_reporting"), "sum"),
        "delivery_status": measures.Figure(F.col("delivery_status")),  # on the first line of an order alone
    }
    of_orders = _of_orders(orders, parcels)
    current = {n: getattr(targets, n).filter(F.col("is_current")) for n in ("customers", "products")}
    heads = {name: versions.drop("batch_id").crossJoin(this) for name, versions in current.items()}

    buyers = orders.filter(measures.sold() & F.col("_stated") & F.col("customer_id").isNotNull())
    buyers = buyers.select("customer_id").distinct()
    versions = valuation.valued(_used(targets.orders).join(buyers, "customer_id", "left_semi"), shop)
    bought = _standing(versions.filter(measures.sold()), _earlier(batches))
    new = buyers.join(bought.select("customer_id").distinct(), "customer_id", "left_anti")
    before = people.select("customer_id").join(new, "customer_id", "left_anti").crossJoin(this)
    return _published(batches, of_orders, orders, people.crossJoin(this), before, heads, shop)


def _published(
    batches: DataFrame,
    of_orders: DataFrame,
    orders: DataFrame,
    people: DataFrame,
    before: DataFrame,
    heads: Mapping[str, DataFrame],
    shop: Shop,
) -> DataFrame:
    """FIELDS of what stands at each batch, each frame with `batch_id`.

    of_orders: `_of_orders` with shipping_cost_reporting and delivery_status. orders: their rows. people: `buying`.
    before: the customers who are no new buyers. heads: figure -> the versions that are counted.
    """
    sold = orders.filter(measures.sold() & F.col("product_id").isNotNull()).select("batch_id", "product_id")
    sold = sold.distinct().groupBy("batch_id").agg(F.count(F.lit(1)).alias("products_sold"))
    rows = batches.select("batch_id", "as_of")
    for part in (_counted(of_orders), _people(people, before), sold):
        rows = rows.join(part, "batch_id", "left")
    for name, versions in heads.items():
        counted = versions.groupBy("batch_id").agg(F.count(F.lit(1)).alias(name))
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


def _used(orders: DataFrame) -> DataFrame:
    """The versions of orders with the columns that the rows are made of."""
    return orders.select(*enrich.KEY, *USES["orders"], "effective_date", "expiry_date")


def _earlier(batches: DataFrame) -> DataFrame:
    """Each batch with the as-of of the one before it."""
    return F.broadcast(batches.select("batch_id", F.col("previous_as_of").alias("as_of")))


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


def _marked(orders: DataFrame, stated: DataFrame) -> DataFrame:
    """The rows of orders with `_stated`: the batch states them itself; NULL if it does not."""
    return orders.join(stated.withColumn("_stated", F.lit(True)), ["batch_id", *enrich.KEY], "left")


def _of_orders(orders: DataFrame, more: Mapping[str, measures.Figure] | None = None) -> DataFrame:
    """One row a batch and order: what its rows add up to, and `more`."""
    revenue = F.when(F.col("is_revenue"), F.col("amount"))
    of_order = {
        "_unconverted": measures.any_row(F.col("amount").isNull()),
        "_stated": measures.any_row(F.col("_stated") & measures.is_sale()),
        "batch_revenue": measures.Figure(F.when(F.col("_stated"), revenue), "sum"),
    }
    return measures.by_order(orders, ["batch_id"], of_order | dict(more or {}))


def _counted(of_orders: DataFrame) -> DataFrame:
    """One row a batch: what its orders add up to."""
    is_order = F.col("orders") > 0
    return of_orders.groupBy("batch_id").agg(
        *measures.added_further([*measures.COUNTED, "batch_revenue"]),
        measures.number(is_order & (F.col("_unconverted") > 0)).alias("unconverted_orders"),
        F.sum("_stated").alias("batch_orders"),
        F.sum("shipping_cost_reporting").alias("shipping_cost"),
        measures.number(is_order & (F.col("delivery_status") == F.lit("On Time"))).alias("_on_time"),
        measures.number(is_order & (F.col("delivery_status") == F.lit("Late"))).alias("_late"),
    )


def _people(people: DataFrame, before: DataFrame) -> DataFrame:
    """One row a batch: what its orders say of the customers. before: those who bought before, or do not buy."""
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
