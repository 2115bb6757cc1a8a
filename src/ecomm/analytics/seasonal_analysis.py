"""seasonal_analysis: the months, one beside the other.

Grain: one row a month with orders or refunds. An order counts in the month of its order_date, a refund in its own.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Field, Shop
from ecomm.money import MONEY
from ecomm.transforms import measures

FIELDS = (
    Field("order_month", "date", "First day of the month of order_date."),
    Field("season", "string", "Winter, Spring, Summer or Autumn, by the setting hemisphere."),
    Field("season_year", "bigint", "Year of the season: December belongs to the next year."),
    Field("orders", "bigint", "Orders of any status, each once; refunds are none."),
    Field("revenue", MONEY, "gross_revenue - refunds: sum of amount where is_revenue; reporting currency."),
    Field("gross_revenue", MONEY, "Sum of amount of sales where is_revenue; reporting currency."),
    Field("refunds", MONEY, "What refund rows gave back, above 0; 0 in a shop whose refunds are statuses."),
    Field("aov", MONEY, "gross_revenue / revenue orders; NULL without revenue orders."),
    Field("buyers", "bigint", "Different customers of revenue orders."),
    Field("new_buyers", "bigint", "Orders with is_first_order."),
    Field(
        "top_category",
        "string",
        "The product_category with the greatest revenue, then by alphabet; only one with revenue above 0, else NULL.",
    ),
    Field(
        "change_previous",
        "decimal(18,4)",
        "revenue / revenue of the calendar month before - 1; NULL unless that is above 0.",
    ),
    Field(
        "change_year",
        "decimal(18,4)",
        "revenue / revenue of the same month a year before - 1; NULL unless that is above 0.",
    ),
    Field(
        "seasonal_index", "decimal(18,4)", "revenue / mean revenue of the complete months; NULL unless that is above 0."
    ),
    Field("is_complete", "boolean", "The month has ended today (in shop_timezone)."),
)
KEY = ("order_month",)


def seasonal_analysis(orders: DataFrame, shop: Shop, today: date) -> DataFrame:
    """FIELDS for every month with orders or refunds. orders: enriched_orders. today: of the greatest live as-of.

    All by net revenue. change = revenue / revenue of an earlier month - 1: against the calendar month before, and the
    same month a year before. seasonal_index = revenue / mean revenue of the rows with is_complete (the month has ended
    today).
    """
    orders = orders.filter(F.col("order_month").isNotNull())
    month = ["order_month", "season", "season_year"]
    counted = measures.by_order(orders, month, {"new_buyers": measures.any_row(F.col("is_first_order"))})
    months = counted.groupBy(*month).agg(*measures.added_further([*measures.COUNTED, "new_buyers"]))
    revenue = F.sum(F.when(F.col("is_revenue"), F.col("amount")))
    by_category = orders.groupBy("order_month", "product_category").agg(revenue.alias("_revenue"))
    tops = by_category.groupBy("order_month").agg(
        measures.leading(F.col("product_category"), F.col("_revenue")).alias("top_category")
    )
    rows = months.join(tops, "order_month", "left").join(
        measures.buyers(orders, ["order_month"]), "order_month", "left"
    )
    rows = rows.withColumns(
        measures.moneys()
        | {
            "buyers": measures.count(F.col("buyers")),
            "is_complete": F.add_months("order_month", 1) <= F.lit(today),
            "_number": (F.year("order_month") * 12 + F.month("order_month")).cast("bigint"),
        }
    )
    return measures.published(rows.withColumns(_beside_others(shop)), FIELDS)


def _beside_others(shop: Shop) -> dict[str, Column]:
    """aov, and a month's revenue beside that of others."""
    everything = Window.partitionBy(F.lit(1))
    complete = F.when(F.col("is_complete"), F.col("revenue"))
    months = F.count(complete).over(everything).cast("decimal(10,0)")
    all_of_them = measures.positive(F.sum(complete).over(everything))
    return {
        "refunds": measures.refunds(),
        "aov": measures.aov(shop),
        "change_previous": _change(1),
        "change_year": _change(12),
        "seasonal_index": canonical.ratio(F.col("revenue") * months, all_of_them, 4),
    }


def _change(months: int) -> Column:
    """revenue / that of the month so many months before - 1; months without orders are no rows, and not skipped."""
    then = Window.partitionBy(F.lit(1)).orderBy("_number").rangeBetween(-months, -months)
    before = F.sum("revenue").over(then).cast(MONEY)
    return canonical.ratio((F.col("revenue") - before).cast(MONEY), measures.positive(before), 4)
