"""customer_analytics: what each customer has bought, and what that makes of them.

Grain: one row a customer with a current version or an order. Orders without a customer (guests) are in no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Field, Scale, Shop
from ecomm.money import MONEY
from ecomm.sources import customers as people
from ecomm.transforms import measures

FIELDS = (
    Field("customer_id", "string", "The customer."),
    Field("orders", "bigint", "Orders of any status, each once; refunds are none."),
    Field("revenue_orders", "bigint", "Orders of which a sale is_revenue."),
    Field("total_spent", MONEY, "gross_revenue - refunds: sum of amount where is_revenue; reporting currency."),
    Field("gross_revenue", MONEY, "Sum of amount of sales where is_revenue; reporting currency."),
    Field("refunds", MONEY, "What refund rows gave back, above 0; 0 in a shop whose refunds are statuses."),
    Field("aov", MONEY, "gross_revenue / revenue_orders; NULL without revenue orders."),
    Field(
        "order_days",
        "bigint",
        "Different days of revenue orders: an order's day is order_date of its first revenue line.",
    ),
    Field("first_order_date", "date", "Day of the first revenue order."),
    Field("last_order_date", "date", "Day of the last revenue order."),
    Field("days_since_first_order", "bigint", "Days from first_order_date to today (in shop_timezone)."),
    Field("days_since_last_order", "bigint", "Days from last_order_date to today."),
    Field(
        "avg_days_between_orders",
        "decimal(18,4)",
        "(last_order_date - first_order_date) / (order_days - 1), days; NULL with one order day.",
    ),
    Field("cancelled_orders", "bigint", "Orders whose lines are all cancelled."),
    Field(
        "return_rate",
        "decimal(18,4)",
        "Orders of which a line was returned or refunded / orders, 0-1; NULL without orders.",
    ),
    Field(
        "favourite_category",
        "string",
        "The product_category of most orders of any status (refunds left out), then by alphabet; NULL left out.",
    ),
    Field("margin_estimate", MONEY, "Sum of margin_estimate; reporting currency."),
    Field("customer_tier", "string", "The customer's tier now; NULL without a current version."),
    Field("age_group", "string", "The customer's age group today."),
    Field("lifecycle_stage", "string", "New, Active or Established today, by registration_date."),
    Field(
        "customer_segment",
        "string",
        "VIP, High Value, Medium Value or Low Value, by total_spent (net) and revenue_orders (settings: scale).",
    ),
    Field("r_score", "bigint", "Recency 5-1 by days_since_last_order; NULL without revenue orders."),
    Field("f_score", "bigint", "Frequency 5-1 by revenue_orders; NULL without revenue orders."),
    Field("m_score", "bigint", "Spending 5-1 by total_spent (net); NULL without revenue orders."),
    Field(
        "rfm_group",
        "string",
        "Champion, Loyal, New, At Risk, Lost or Regular, by the scores; NULL without revenue orders.",
    ),
    Field("clv_historic", MONEY, "Sum of margin_estimate so far, net of refunds; reporting currency."),
    Field(
        "expected_orders_12m",
        "decimal(18,4)",
        "365 x (order_days - 1) / (365 + days_since_first_order): orders in the next year, after a silent one.",
    ),
    Field(
        "clv_estimate",
        MONEY,
        "clv_historic + expected_orders_12m x clv_historic / revenue_orders; reporting currency.",
    ),
    Field("clv_model", "string", "The model of clv_estimate: historic_v1."),
)
KEY = ("customer_id",)
SEGMENTS = ("VIP", "High Value", "Medium Value", "Low Value")
CLV_MODEL = "historic_v1"


def customer_analytics(orders: DataFrame, customers: DataFrame, shop: Shop, today: date) -> DataFrame:
    """FIELDS for every customer. orders: enriched_orders. customers: the current versions. today: of the last batch.

    customer_segment, the first that fits: VIP total_spent >= 1000 and revenue_orders >= 5; High Value >= 500 and >= 3;
    Medium Value >= 200 and >= 2; else Low Value. Of the scores see `_scores`; of the value see `buying`.
    """
    day = F.lit(today)
    known = orders.filter(F.col("customer_id").isNotNull())
    placed = known.filter(measures.is_sale()).select("customer_id", "product_category", "order_id").distinct()
    by_category = placed.groupBy("customer_id", "product_category").agg(F.count(F.lit(1)).alias("_orders"))
    favourites = by_category.groupBy("customer_id").agg(
        measures.leading(F.col("product_category"), F.col("_orders")).alias("favourite_category")
    )
    heads = customers.select(
        "customer_id",
        "customer_tier",
        people.age_group(people.age(F.col("date_of_birth"), day)).alias("age_group"),
        people.lifecycle_stage(people.days_since_registration(F.col("registration_date"), day)).alias(
            "lifecycle_stage"
        ),
    )
    bought = buying(known, ("customer_id",), shop, day)
    rows = heads.join(bought, "customer_id", "full").join(favourites, "customer_id", "left")
    rows = rows.withColumns(
        {name: measures.count(F.col(name)) for name in ("orders", "revenue_orders", "order_days", "cancelled_orders")}
        | {name: measures.money(F.col(name)) for name in ("clv_historic", "clv_estimate")}
        | measures.moneys()
        | {"expected_orders_12m": F.coalesce(F.col("expected_orders_12m"), F.lit("0").cast("decimal(18,4)"))}
    )
    span = F.datediff("last_order_date", "first_order_date").cast("decimal(10,0)")
    rows = rows.withColumns(
        {
            "total_spent": F.col("revenue"),
            "refunds": measures.refunds(),
            "aov": measures.aov(shop),
            "days_since_last_order": F.datediff(day, F.col("last_order_date")),
            "avg_days_between_orders": canonical.ratio(span, F.col("order_days") - 1, 4),
            "return_rate": measures.share("returned_orders", "orders"),
            "customer_segment": _segment(shop.scale),
            "clv_model": F.lit(CLV_MODEL),
        }
    )
    rows = rows.withColumns(_scores(shop.scale))
    return measures.published(rows.withColumn("rfm_group", _rfm_group()), FIELDS)


def buying(orders: DataFrame, by: Sequence[str], shop: Shop, today: Column) -> DataFrame:
    """What customers bought: one row a `by`, which says who (and when), with measures.COUNTED.

    order_days, first_order_date, last_order_date (of revenue orders); days_since_first_order;
    expected_orders_12m = 365 x (order_days - 1) / (365 + days_since_first_order): as if a silent year came before, so
    that two orders in a week do not promise a hundred; clv_historic = sum of margin_estimate; clv_estimate =
    clv_historic + expected_orders_12m x clv_historic / revenue_orders, both net of refunds. Without revenue orders
    expected_orders_12m is 0, and clv_estimate is clv_historic. today: a Column over `by`. Grouped by order and by day
    first, for distinct orders and days cost less so.
    """
    day = measures.Figure(F.when(measures.sold(), F.col("order_date")), "min")
    placed = measures.by_order(orders, by, {"_day": day})
    days = placed.groupBy(*by, "_day").agg(*measures.added_further(measures.COUNTED))
    rows = days.groupBy(*by).agg(
        *measures.added_further(measures.COUNTED),
        F.count("_day").alias("order_days"),
        F.min("_day").alias("first_order_date"),
        F.max("_day").alias("last_order_date"),
    )
    rows = rows.withColumns(
        {
            "revenue": measures.money(F.col("revenue")),
            "margin_estimate": measures.money(F.col("margin_estimate")),
            "clv_historic": measures.money(F.col("margin_estimate")),
            "days_since_first_order": F.datediff(today, F.col("first_order_date")).cast("bigint"),
        }
    )
    year = F.lit(365).cast("decimal(3,0)")
    again = (F.col("order_days") - 1).cast("decimal(10,0)")
    expected = canonical.ratio(year * again, F.lit(365) + F.col("days_since_first_order"), 4)
    none = F.lit("0").cast("decimal(18,4)")
    rows = rows.withColumn("expected_orders_12m", F.when(F.col("order_days") > 0, expected).otherwise(none))
    coming = F.col("expected_orders_12m").cast("decimal(8,4)") * F.col("clv_historic")
    future = F.coalesce(canonical.each(coming, F.col("revenue_orders"), shop.places), F.lit("0").cast(MONEY))
    return rows.withColumn("clv_estimate", (F.col("clv_historic") + future).try_cast(MONEY))


def _segment(scale: Scale) -> Column:
    """The first segment whose two bounds are both reached, else Low Value."""
    bounds = (scale.vip, scale.high_value, scale.medium_value)
    return measures.step(bounds, SEGMENTS)


def _scores(scale: Scale) -> dict[str, Column]:
    """r_score by days_since_last_order (<= 30: 5, <= 60: 4, <= 90: 3, <= 180: 2, else 1), f_score by revenue_orders
    (>= 10: 5, >= 5: 4, >= 3: 3, >= 2: 2, else 1), m_score by total_spent (>= 1000: 5, >= 500: 4, >= 200: 3, >= 100: 2,
    else 1): fixed bounds (settings), so that a score needs no other customer.
    """
    since, often, spent = F.col("days_since_last_order"), F.col("revenue_orders"), F.col("total_spent")
    steps = {
        "r_score": [since <= F.lit(bound) for bound in scale.recency_days],
        "f_score": [often >= F.lit(bound) for bound in scale.frequency_orders],
        "m_score": [spent >= measures.amount(bound) for bound in scale.monetary],
    }
    return {name: _score(conditions) for name, conditions in steps.items()}


def _score(conditions: Sequence[Column]) -> Column:
    """5 for the first condition that holds, 4 for the second ...; 1 for none; NULL without revenue orders."""
    chosen = F.when(F.col("revenue_orders") == 0, F.lit(None).cast("bigint"))
    for points, condition in zip((5, 4, 3, 2), conditions, strict=True):
        chosen = chosen.when(condition, F.lit(points).cast("bigint"))
    return chosen.otherwise(F.lit(1).cast("bigint"))


def _rfm_group() -> Column:
    """The first that fits: Champion r >= 4 and f >= 4; Loyal f >= 4; New r >= 4 and f = 1; At Risk r <= 2 and f >= 3;
    Lost r = 1; else Regular.
    """
    recent, often = F.col("r_score"), F.col("f_score")
    return (
        F.when(recent.isNull(), F.lit(None).cast("string"))
        .when((recent >= 4) & (often >= 4), "Champion")
        .when(often >= 4, "Loyal")
        .when((recent >= 4) & (often == 1), "New")
        .when((recent <= 2) & (often >= 3), "At Risk")
        .when(recent == 1, "Lost")
        .otherwise("Regular")
    )
