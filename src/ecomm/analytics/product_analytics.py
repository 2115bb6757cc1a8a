"""product_analytics: what each product has sold, and how well.

Grain: one row a product with a current version or an order.
"""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Field, Scale, Shop
from ecomm.money import MONEY
from ecomm.sources import products as things
from ecomm.transforms import measures

FIELDS = (
    Field("product_id", "string", "The product."),
    Field("product_name", "string", "Its name now; NULL without a current version, as all that it says of itself."),
    Field("category", "string", "Its category now."),
    Field("brand", "string", "Its brand now."),
    Field("price_reporting", MONEY, "Its price now in the reporting currency, at today's rate."),
    Field("orders", "bigint", "Orders of any status, each once; refunds are none."),
    Field("revenue_orders", "bigint", "Orders of which a sale is_revenue."),
    Field("revenue", MONEY, "gross_revenue - refunds: sum of amount where is_revenue; reporting currency."),
    Field("gross_revenue", MONEY, "Sum of amount of sales where is_revenue; reporting currency."),
    Field("refunds", MONEY, "What refund rows gave back, above 0; 0 in a shop whose refunds are statuses."),
    Field("margin_estimate", MONEY, "Sum of margin_estimate; reporting currency."),
    Field("customers", "bigint", "Different customers of revenue orders."),
    Field("aov", MONEY, "gross_revenue / revenue_orders; NULL without revenue orders."),
    Field("last_order_date", "date", "order_date of the last revenue order."),
    Field(
        "return_rate",
        "decimal(18,4)",
        "Orders of which a line was returned or refunded / orders, 0-1; NULL without orders.",
    ),
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
        "Star, High Performer, Medium Performer or Low Performer, by net revenue and revenue_orders (settings: scale).",
    ),
    Field(
        "performance_score",
        "decimal(18,4)",
        "0-100: 50 for the rank by net revenue, 30 by revenue_orders, 20 for no returns; 0 without orders.",
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
    today, d = days from the first of them to today + 1; an order's day is that of its first revenue line. Revenue is
    net of refunds. performance_category, the first that fits (over all history): Star revenue >= 5000 and
    revenue_orders >= 20; High Performer >= 2000 and >= 10; Medium Performer >= 500 and >= 5; else Low Performer.
    performance_score = 100 x (0.5 x percent_rank(revenue) + 0.3 x percent_rank(revenue_orders) +
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
        {name: measures.count(F.col(name)) for name in ("orders", "revenue_orders", "customers")} | measures.moneys()
    )
    days = (F.datediff(day, F.col("_first")) + 1).cast("decimal(10,0)")
    rows = rows.withColumns(
        {
            "refunds": measures.refunds(),
            "aov": measures.aov(shop),
            "orders_per_day": canonical.ratio(F.col("_recent").cast("decimal(18,0)"), days, 4),
            "days_of_stock": canonical.ratio(F.col("stock_quantity").cast("decimal(19,0)") * days, F.col("_recent"), 4),
            "performance_category": _category(shop.scale),
            "performance_score": F.coalesce(F.col("performance_score"), F.lit("0").cast("decimal(18,4)")),
        }
    )
    return measures.published(rows, FIELDS)


def _sold(orders: DataFrame, today: date) -> DataFrame:
    """What was sold and given back of each product, by order first, so that an order counts once.

    _recent, _first: the revenue orders that orders_per_day looks at, and the day of the first of them.
    """
    of_products = orders.filter(F.col("product_id").isNotNull())
    dates = {
        "_day": measures.Figure(F.when(measures.sold(), F.col("order_date")), "min"),
        "_last": measures.Figure(F.when(measures.sold(), F.col("order_date")), "max"),
    }
    counted = measures.by_order(of_products, ["product_id"], dates)
    recent = (F.col("_day") > F.lit(today - timedelta(days=WINDOW))) & (F.col("_day") <= F.lit(today))
    sold = counted.groupBy("product_id").agg(
        *measures.added_further(measures.COUNTED),
        measures.number(recent).alias("_recent"),
        F.min(F.when(recent, F.col("_day"))).alias("_first"),
        F.max("_last").alias("last_order_date"),
    )
    return sold.join(measures.buyers(of_products, ["product_id"], "customers"), "product_id", "left")


def _ranked(sold: DataFrame) -> DataFrame:
    """What was sold of each product, with return_rate and performance_score; no score without orders.

    percent_rank = (rank - 1) / (products - 1), equals sharing the least rank; 0 if there is one product alone. Products
    of which there are refunds alone have no rank.
    """
    everything = Window.partitionBy(F.col("orders") > 0)
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
    above = ((F.col("_by_revenue") - 1) * 50 + (F.col("_by_orders") - 1) * 30).cast("decimal(18,0)")
    places = F.coalesce(canonical.ratio(above, F.col("_products") - 1, 4), F.lit("0").cast("decimal(18,4)"))
    kept = F.lit(20).cast("decimal(2,0)") * (F.lit(1).cast("decimal(1,0)") - F.col("return_rate"))
    score = (places + kept).try_cast("decimal(18,4)")
    return rows.withColumn("performance_score", score).drop("_by_revenue", "_by_orders", "_products")


def _category(scale: Scale) -> Column:
    """The first category whose two bounds are both reached, else Low Performer."""
    bounds = (scale.star, scale.high_performer, scale.medium_performer)
    return measures.step(bounds, CATEGORIES)
