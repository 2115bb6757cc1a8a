"""What a row of an order says by itself: what it is worth, and when it was placed."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Shop
from ecomm.money import MONEY
from ecomm.transforms import measures
from ecomm.transforms.rates import converted, rated


def valued(orders: DataFrame, shop: Shop) -> DataFrame:
    """Orders with rate, amount (order_amount x rate) and is_revenue (see FIELDS)."""
    taken = [status for status in shop.non_revenue_statuses if status not in measures.RETURNED]
    sold = (F.col("amount") > 0) & ~_status_is(shop.non_revenue_statuses)
    given_back = (F.col("amount") < 0) & ~_status_is(taken)
    counts = F.when(measures.is_sale(), sold).otherwise(given_back)
    rows = rated(orders, F.col("order_date"), shop)
    rows = rows.withColumn("amount", converted(F.col("order_amount"), shop))
    return rows.withColumn("is_revenue", F.coalesce(counts, F.lit(False)))


def _status_is(statuses: Sequence[str]) -> Column:
    return F.coalesce(F.col("order_status").isin(list(statuses)), F.lit(False))


def margin_rate(category: Column, shop: Shop) -> Column:
    """The assumed margin of a category: its own, else the shop's."""
    rate = F.lit(shop.margin_rate).cast("decimal(18,4)")
    own = [(category == F.lit(name), F.lit(said).cast("decimal(18,4)")) for name, said in shop.margin_rates.items()]
    if not own:
        return rate
    chosen = F.when(*own[0])
    for condition, value in own[1:]:
        chosen = chosen.when(condition, value)
    return chosen.otherwise(rate)


def margin_estimate(rate: Column, shop: Shop) -> Column:
    """amount x margin rate where is_revenue, else 0."""
    estimate = F.when(F.col("is_revenue"), canonical.published(F.col("amount") * rate, shop.places))
    return F.coalesce(estimate, F.lit("0").cast(MONEY))


def instant(shop: Shop) -> Column:
    """ordered_at, else the last microsecond of order_date in the shop's time zone."""
    midnight = F.date_add("order_date", 1).cast("timestamp")
    if shop.shop_timezone != "UTC":
        midnight = F.to_utc_timestamp(midnight, shop.shop_timezone)
    return F.coalesce(F.col("ordered_at"), F.timestamp_micros(F.unix_micros(midnight) - F.lit(1)))


def calendar(shop: Shop) -> dict[str, Column]:
    """What order_date and ordered_at say of the time of an order, in the shop's time zone."""
    day = F.col("order_date")
    month = F.month(day)
    weekday = (F.dayofweek(day) + 5) % 7 + 1
    local = F.col("ordered_at")
    if shop.shop_timezone != "UTC":
        local = F.from_utc_timestamp(local, shop.shop_timezone)
    hour = F.hour(local)
    opens, closes = shop.business_hours
    names = ("Winter", "Spring", "Summer", "Autumn")
    if shop.hemisphere == "south":
        names = (*names[2:], *names[:2])
    season = F.when(month.isin(12, 1, 2), names[0]).when(month <= 5, names[1]).when(month <= 8, names[2])
    return {
        "order_month": F.trunc(day, "month"),
        "weekday": weekday,
        "is_weekend": weekday >= 6,
        "hour": hour,
        "time_of_day": F.when(hour < 6, "Night")
        .when(hour < 12, "Morning")
        .when(hour < 18, "Afternoon")
        .when(hour >= 18, "Evening"),
        "is_business_hours": F.when(hour.isNotNull(), (weekday <= 5) & (hour >= opens) & (hour < closes)),
        "season": season.otherwise(names[3]),
        "season_year": F.year(day) + F.when(month == 12, 1).otherwise(0),
    }
