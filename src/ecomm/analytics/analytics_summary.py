"""analytics_summary: the shop as it stood at each batch.

Grain: one row a live batch = the targets as they stood at its as-of: the versions that had begun by then and had not
ended by then. So a late batch changes the rows from its own instant on, and the order of arrival cannot show.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Field, Shop
from ecomm.transforms.enrich import Targets, valued

FIELDS = (
    Field("batch_id", "string", "The batch."),
    Field("as_of", "timestamp", "The instant that the row describes (UTC)."),
    Field("orders", "bigint", "Orders, of any status."),
    Field("revenue_orders", "bigint", "Orders with is_revenue."),
    Field("revenue", "decimal(18,2)", "Sum of amount where is_revenue; reporting currency."),
    Field("aov", "decimal(18,2)", "revenue / revenue_orders; NULL without revenue orders."),
    Field("customers", "bigint", "Customers with a version then."),
    Field("products", "bigint", "Products with a version then."),
    Field("cancelled_orders", "bigint", "Orders with the status cancelled."),
    Field("unconverted_orders", "bigint", "Orders whose currency has no rate: in no sum."),
    Field("batch_orders", "bigint", "Orders that this batch states."),
    Field("batch_revenue", "decimal(18,2)", "revenue of the orders that this batch states."),
)
KEY = ("batch_id",)
SOURCES = ("orders", "customers", "products")  # whose histories the rows are made of


def analytics_summary(batches: DataFrame, targets: Targets, stated: DataFrame, shop: Shop) -> DataFrame:
    """FIELDS for the given batches. batches: batch_id, as_of. stated: batch_id, order_id of their live stage rows."""
    there = F.broadcast(batches)
    orders = _standing(valued(targets.orders, shop), there).join(
        stated.withColumn("_stated", F.lit(True)), ["batch_id", "order_id"], "left"
    )
    revenue = F.when(F.col("is_revenue"), F.col("amount"))
    counted = orders.groupBy("batch_id").agg(
        F.count(F.lit(1)).alias("orders"),
        _count(F.col("is_revenue")).alias("revenue_orders"),
        F.sum(revenue).alias("revenue"),
        _count(F.col("order_status") == "cancelled").alias("cancelled_orders"),
        _count(F.col("amount").isNull()).alias("unconverted_orders"),
        _count(F.col("_stated")).alias("batch_orders"),
        F.sum(F.when(F.col("_stated"), revenue)).alias("batch_revenue"),
    )
    rows = batches.join(counted, "batch_id", "left")
    for name, versions in (("customers", targets.customers), ("products", targets.products)):
        heads = _standing(versions, there).groupBy("batch_id").agg(F.count(F.lit(1)).alias(name))
        rows = rows.join(heads, "batch_id", "left")
    money, nothing = ("revenue", "batch_revenue"), F.lit("0.00").cast("decimal(18,2)")
    sums = {
        f.name: F.coalesce(F.col(f.name).cast("bigint"), F.lit(0).cast("bigint")) for f in FIELDS if f.type == "bigint"
    }
    sums |= {name: F.coalesce(F.col(name).try_cast("decimal(18,2)"), nothing) for name in money}
    rows = rows.withColumns(sums)
    orders_with_revenue = F.when(F.col("revenue_orders") != 0, F.col("revenue_orders")).cast("decimal(18,0)")
    rows = rows.withColumn("aov", canonical.half_up(F.col("revenue") / orders_with_revenue, 18, 2))
    return rows.select(*[F.col(f.name).cast(f.type).alias(f.name) for f in FIELDS])


def _standing(versions: DataFrame, batches: DataFrame) -> DataFrame:
    """The versions that stand at each batch's as-of, beside its batch_id: begun by then, and not ended by then."""
    begun = F.col("effective_date") <= F.col("as_of")
    not_ended = F.col("expiry_date").isNull() | (F.col("expiry_date") > F.col("as_of"))
    return versions.drop("batch_id", "as_of").join(batches, begun & not_ended, "inner")


def _count(condition: Column) -> Column:
    return F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0)))
