"""product_analytics: what each product has sold, and how well.

Grain: one row a product with a current version or an order.
"""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Field, Scale, Shop
from ecomm.sources import products as things
from ecomm.transforms import measures

FIELDS = (
    Field("product_id", "string", "The product."),
    Field("product_name", "string", "Its name now; NULL without a current version, as all that it says of itself."),
    Field("category", "string", "Its category now."),
    Field("brand", "string", "Its brand now."),
    Field("price_reporting", "decimal(18,2)", "Its price now in the reporting currency, at today's rate."),
    Field("orders", "bigint", "Orders, of any status."),
    Field("revenue_orders", "bigint", "Orders with is_revenue."),
    Field("revenue", "decimal(18,2)", "Sum of amount where is_revenue; reporting currency."),
    Field("margin_estimate", "decimal(18,2)", "Sum of margin_estimate; reporting currency."),
    Field("customers", "bigint", "Different customers of revenue orders."),
    Field("aov", "decimal(18,2)", "revenue / revenue_orders; NULL without revenue orders."),
    Field("last_order_date", "date", "order_date of the last revenue order."),
    Field("return_rate", "decimal(18,4)", "Orders returned or refunded / orders, 0-1; NULL without orders."),
    Field("stock_quantity", "bigint", "Stock now by inventory, over all warehouses and bins; NULL without any."),
    Field(
        "orders_per_day",
        "decimal(18,4)",
        "n / d: n revenue orders of the last 90 days, d days from the first of them to today; NULL if n = 0.",
    ),
    Field("days_of_stock", "decimal(18,4)", "stock_quantity x d / n, days; NULL if n = 0."),
    Field("lifecycle_stage", "string", "Discontinued, Upcoming, New, Growing or Mature today."),
    Field(
        "performance_category",
        "string",
        "Star, High Performer, Medium Performer or Low Performer, by revenue and revenue_orders (settings: scale).",
    ),
    Field(
        "performance_score",
        "decimal(18,4)",
        "0-100: 50 for the rank by revenue, 30 by revenue_orders, 20 for no returns; 0 without orders.",
    ),
)
KEY = ("product_id",)
CATEGORIES = ("Star", "High Performer", "Medium Performer", "Low Performer")
WINDOW = 90  # days that orders_per_day looks back


def product_analytics(
    orders: DataFrame, products: DataFrame, inventory: DataFrame, shop: Shop, today: date
) -> DataFrame:
    """FIELDS for every product. orders: enriched_orders. products, inventory: the current versions.

    orders_per_day = n / d, days_of_stock = stock_quantity x d / n: n revenue orders dated after today - 90 and up to
    today, d = days from the first of them to today + 1. performance_category, the first that fits (over all history):
    Star revenue >= 5000 and revenue_orders >= 20; High Performer >= 2000 and >= 10; Medium Performer >= 500 and >= 5;
    else Low Performer. performance_score = 100 x (0.5 x percent_rank(revenue) + 0.3 x percent_rank(revenue_orders) +
    0.2 x (1 - return_rate)) among products with orders; else 0.
    """
    day = F.lit(today)
    heads = products.select(
        "product_id",
        "product_name",
        "category",
        "brand",
        things.in_reporting_currency(F.col("price"), F.col("currency"), shop, today).alias("price_reporting"),
        things.lifecycle_stage(F.col("discontinued"), F.datediff(day, F.col("launch_date"))).alias("lifecycle_stage"),
    )
    stock = inventory.groupBy("product_id").agg(
        F.sum(F.col("stock_quantity").cast("decimal(20,0)")).try_cast("bigint").alias("stock_quantity")
    )
    sold = _ranked(_sold(orders, today))
    rows = heads.join(sold, "product_id", "full").join(stock, "product_id", "left")
    rows = rows.withColumns(
        {name: measures.count(F.col(name)) for name in ("orders", "revenue_orders", "customers")}
        | {name: measures.money(F.col(name)) for name in ("revenue", "margin_estimate")}
    )
    days = (F.datediff(day, F.col("_first")) + 1).cast("decimal(10,0)")
    rows = rows.withColumns(
        {
            "aov": measures.aov(),
            "orders_per_day": canonical.ratio(F.col("_recent").cast("decimal(18,2)"), days, 4),
            "days_of_stock": canonical.ratio(F.col("stock_quantity").cast("decimal(19,0)") * days, F.col("_recent"), 4),
            "performance_category": _category(shop.scale),
            "performance_score": F.coalesce(F.col("performance_score"), F.lit("0").cast("decimal(18,4)")),
        }
    )
    return measures.published(rows, FIELDS)


def _sold(orders: DataFrame, today: date) -> DataFrame:
    """What was sold of each product; grouped by customer first, so that the different ones can be counted.

    _recent, _first: the revenue orders that orders_per_day looks at, and the day of the first of them.
    """
    date_of = F.col("order_date")
    recent = F.col("is_revenue") & (date_of > F.lit(today - timedelta(days=WINDOW))) & (date_of <= F.lit(today))
    sums = measures.added_up() | {"_recent": measures.number(recent)}
    by_customer = (
        orders.filter(F.col("product_id").isNotNull())
        .groupBy("product_id", "customer_id")
        .agg(
            *[column.alias(name) for name, column in sums.items()],
            F.max(F.when(F.col("is_revenue"), date_of)).alias("last_order_date"),
            F.min(F.when(recent, date_of)).alias("_first"),
        )
    )
    return by_customer.groupBy("product_id").agg(
        *measures.added_further(list(sums)),
        F.max("last_order_date").alias("last_order_date"),
        F.min("_first").alias("_first"),
        F.count(F.when(F.col("revenue_orders") > 0, F.col("customer_id"))).alias("customers"),
    )


def _ranked(sold: DataFrame) -> DataFrame:
    """The products with orders, with return_rate and performance_score.

    percent_rank = (rank - 1) / (products - 1), equals sharing the least rank; 0 if there is one product alone.
    """
    everything = Window.partitionBy(F.lit(1))
    rows = sold.withColumns(
        {"return_rate": measures.share("returned_orders", "orders"), "revenue": measures.money(F.col("revenue"))}
    )
    rows = rows.withColumns(
        {
            "_by_revenue": F.rank().over(everything.orderBy("revenue")),
            "_by_orders": F.rank().over(everything.orderBy("revenue_orders")),
            "_products": F.count(F.lit(1)).over(everything),
        }
    )
    above = ((F.col("_by_revenue") - 1) * 50 + (F.col("_by_orders") - 1) * 30).cast("decimal(18,2)")
    places = F.coalesce(canonical.ratio(above, F.col("_products") - 1, 4), F.lit("0").cast("decimal(18,4)"))
    kept = F.lit(20).cast("decimal(2,0)") * (F.lit(1).cast("decimal(1,0)") - F.col("return_rate"))
    score = (places + kept).try_cast("decimal(18,4)")
    return rows.withColumn("performance_score", score).drop("_by_revenue", "_by_orders", "_products")


def _category(scale: Scale) -> Column:
    """The first category whose two bounds are both reached, else Low Performer."""
    bounds = (scale.star, scale.high_performer, scale.medium_performer)
    return measures.step(bounds, CATEGORIES)
