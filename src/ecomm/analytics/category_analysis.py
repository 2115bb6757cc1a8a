"""category_analysis: what each product category sells.

Grain: one row a category that a current product has or had an order; NULL is `unknown`.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Field, Shop
from ecomm.money import MONEY
from ecomm.transforms import measures

FIELDS = (
    Field("category", "string", "The category; `unknown` where none is known."),
    Field("products", "bigint", "Products of product_analytics, by the category that they are in today."),
    Field(
        "orders",
        "bigint",
        "Orders of any status with a line of the category, by the product's category at the time of the order.",
    ),
    Field("revenue_orders", "bigint", "Orders of which a sale is_revenue."),
    Field("revenue", MONEY, "gross_revenue - refunds: sum of amount where is_revenue; reporting currency."),
    Field("gross_revenue", MONEY, "Sum of amount of sales where is_revenue; reporting currency."),
    Field("refunds", MONEY, "What refund rows gave back, above 0; 0 in a shop whose refunds are statuses."),
    Field("revenue_share", "decimal(18,4)", "revenue / revenue of all categories; NULL unless that is above 0."),
    Field("aov", MONEY, "gross_revenue / revenue_orders; NULL without revenue orders."),
    Field("margin_estimate", MONEY, "Sum of margin_estimate; reporting currency."),
    Field("buyers", "bigint", "Different customers of revenue orders."),
    Field(
        "return_rate",
        "decimal(18,4)",
        "Orders of which a line was returned or refunded / orders, 0-1; NULL without orders.",
    ),
)
KEY = ("category",)
UNKNOWN = "unknown"


def category_analysis(orders: DataFrame, products: DataFrame, shop: Shop) -> DataFrame:
    """FIELDS for every category. orders: enriched_orders. products: product_analytics.

    An order counts once in each category of its lines, with the lines of that category: the orders of categories add up
    to more than the shop's, their revenue adds up exactly. revenue_share = revenue / revenue of all categories;
    return_rate = orders of which a line was returned or refunded / orders.
    """
    rows = orders.withColumn("category", _known("product_category"))
    sold = measures.by_order(rows, ["category"]).groupBy("category").agg(*measures.added_further(measures.COUNTED))
    offered = products.groupBy(_known("category").alias("category")).agg(F.count(F.lit(1)).alias("products"))
    buyers = measures.buyers(rows, ["category"])
    rows = offered.join(sold, "category", "full").join(buyers, "category", "left")
    rows = rows.withColumns(
        {name: measures.count(F.col(name)) for name in ("products", "orders", "revenue_orders", "buyers")}
        | measures.moneys()
    )
    total = F.sum("revenue").over(Window.partitionBy(F.lit(1)))
    rows = rows.withColumns(
        {
            "refunds": measures.refunds(),
            "revenue_share": canonical.ratio(F.col("revenue"), measures.positive(total), 4),
            "aov": measures.aov(shop),
            "return_rate": measures.share("returned_orders", "orders"),
        }
    )
    return measures.published(rows, FIELDS)


def _known(category: str) -> Column:
    return F.coalesce(F.col(category), F.lit(UNKNOWN))
