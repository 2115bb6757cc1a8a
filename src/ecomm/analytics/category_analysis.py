"""category_analysis: what each product category sells.

Grain: one row a category that a current product has or had an order; NULL is `unknown`.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Field
from ecomm.transforms import measures

FIELDS = (
    Field("category", "string", "The category; `unknown` where none is known."),
    Field("products", "bigint", "Products of product_analytics, by the category that they are in today."),
    Field("orders", "bigint", "Orders of any status, by the product's category at the time of the order."),
    Field("revenue_orders", "bigint", "Orders with is_revenue."),
    Field("revenue", "decimal(18,2)", "Sum of amount where is_revenue; reporting currency."),
    Field("revenue_share", "decimal(18,4)", "revenue / revenue of all categories, 0-1; NULL without any."),
    Field("aov", "decimal(18,2)", "revenue / revenue_orders; NULL without revenue orders."),
    Field("margin_estimate", "decimal(18,2)", "Sum of margin_estimate; reporting currency."),
    Field("buyers", "bigint", "Different customers of revenue orders."),
    Field("return_rate", "decimal(18,4)", "Orders returned or refunded / orders, 0-1; NULL without orders."),
)
KEY = ("category",)
UNKNOWN = "unknown"


def category_analysis(orders: DataFrame, products: DataFrame) -> DataFrame:
    """FIELDS for every category. orders: enriched_orders. products: product_analytics.

    revenue_share = revenue / revenue of all categories; return_rate = orders returned or refunded / orders.
    """
    sums = measures.added_up()
    by_customer = orders.groupBy(_known("product_category").alias("category"), "customer_id").agg(
        *[column.alias(name) for name, column in sums.items()]
    )
    sold = by_customer.groupBy("category").agg(
        *measures.added_further(list(sums)),
        F.count(F.when(F.col("revenue_orders") > 0, F.col("customer_id"))).alias("buyers"),
    )
    offered = products.groupBy(_known("category").alias("category")).agg(F.count(F.lit(1)).alias("products"))
    rows = offered.join(sold, "category", "full").withColumns(
        {name: measures.count(F.col(name)) for name in ("products", "orders", "revenue_orders", "buyers")}
        | {name: measures.money(F.col(name)) for name in ("revenue", "margin_estimate")}
    )
    total = F.sum("revenue").over(Window.partitionBy(F.lit(1)))
    rows = rows.withColumns(
        {
            "revenue_share": canonical.ratio(F.col("revenue"), total, 4),
            "aov": measures.aov(),
            "return_rate": measures.share("returned_orders", "orders"),
        }
    )
    return measures.published(rows, FIELDS)


def _known(category: str) -> Column:
    return F.coalesce(F.col(category), F.lit(UNKNOWN))
