"""segment_analysis: what each customer segment buys.

Grain: one row a customer_segment, always four. Orders without a customer (guests) are in no segment.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.analytics.customer_analytics import SEGMENTS
from ecomm.contract import Field, Shop
from ecomm.money import MONEY
from ecomm.transforms import measures

FIELDS = (
    Field("customer_segment", "string", "VIP, High Value, Medium Value or Low Value."),
    Field("customers", "bigint", "Customers of the segment."),
    Field("orders", "bigint", "Their orders of any status; refunds are none."),
    Field("revenue_orders", "bigint", "Their orders of which a sale is_revenue."),
    Field("revenue", MONEY, "gross_revenue - refunds: sum of total_spent; reporting currency."),
    Field("gross_revenue", MONEY, "Sum of the customers' gross_revenue; reporting currency."),
    Field("refunds", MONEY, "Sum of the customers' refunds; reporting currency."),
    Field("revenue_share", "decimal(18,4)", "revenue / revenue of all segments; NULL unless that is above 0."),
    Field("aov", MONEY, "gross_revenue / revenue_orders; NULL without revenue orders."),
    Field("margin_estimate", MONEY, "Sum of margin_estimate; reporting currency."),
    Field("clv_estimate", MONEY, "Sum of clv_estimate; reporting currency."),
    Field("avg_clv", MONEY, "clv_estimate / customers; NULL without customers."),
    Field("orders_per_customer", "decimal(18,4)", "orders / customers; NULL without customers."),
    Field(
        "avg_days_since_last_order",
        "decimal(18,4)",
        "Mean of days_since_last_order of those who have a revenue order, days.",
    ),
)
KEY = ("customer_segment",)


def segment_analysis(customers: DataFrame, shop: Shop) -> DataFrame:
    """FIELDS for the four segments. customers: customer_analytics.

    revenue_share = revenue / revenue of all segments; avg_clv = clv_estimate / customers; orders_per_customer =
    orders / customers; avg_days_since_last_order: the mean over customers with a revenue order.
    """
    amounts = ("gross_revenue", "refunds", "margin_estimate", "clv_estimate")
    added = customers.groupBy("customer_segment").agg(
        F.count(F.lit(1)).alias("customers"),
        *measures.added_further(["orders", "revenue_orders", *amounts]),
        F.sum("total_spent").alias("revenue"),
        F.sum("days_since_last_order").alias("_days"),
        F.count("days_since_last_order").alias("_dated"),
    )
    segments = customers.sparkSession.createDataFrame([(name,) for name in SEGMENTS], "customer_segment string")
    rows = segments.join(added, "customer_segment", "left").withColumns(
        {name: measures.count(F.col(name)) for name in ("customers", "orders", "revenue_orders")}
        | {name: measures.money(F.col(name)) for name in ("revenue", *amounts)}
    )
    total = F.sum("revenue").over(Window.partitionBy(F.lit(1)))
    rows = rows.withColumns(
        {
            "revenue_share": canonical.ratio(F.col("revenue"), measures.positive(total), 4),
            "aov": measures.aov(shop),
            "avg_clv": canonical.each(F.col("clv_estimate"), F.col("customers"), shop.places),
            "orders_per_customer": measures.share("orders", "customers"),
            "avg_days_since_last_order": measures.share("_days", "_dated"),
        }
    )
    return measures.published(rows, FIELDS)
