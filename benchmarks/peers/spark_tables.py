"""What the plain PySpark program computes of its rows: stage's derived columns, enriched orders, the summary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.peers.contract import Batch

MONEY = "decimal(18,2)"
LOST = ("cancelled", "returned", "refunded", "failed")
PREMIUM = ("premium", "platinum", "vip")


def derived(source: str, today: date) -> dict[str, Column]:
    """Stage's derived columns of a source, as at the batch's day."""
    day = F.lit(today)
    match source:
        case "customers":
            return customer_columns(day)
        case "products":
            return product_columns(day)
        case "inventory":
            return {"stock_indicator": stock_indicator()}
        case "shipping":
            created = F.to_date("created_timestamp")
            delivered = delivered_on(day)
            return {
                "delivery_days": F.datediff(delivered, created),
                "delay_days": F.datediff(delivered, "estimated_delivery"),
                "delivery_status": delivery_status(day),
                "volume_cm3": volume(),
                "cost_per_kg": F.round(F.col("shipping_cost") / F.nullif("package_weight", F.lit(0)), 4),
            }
    return {}


def customer_columns(day: Column) -> dict[str, Column]:
    """How old, how long a customer, how good."""
    since = F.datediff(day, "registration_date")
    return {
        "age": age(day),
        "age_group": age_group(age(day)),
        "days_since_registration": since,
        "lifecycle_stage": lifecycle(since),
        "is_premium": is_premium(),
        "customer_group": F.concat_ws(" / ", lifecycle(since), "customer_tier"),
    }


def product_columns(day: Column) -> dict[str, Column]:
    """What a product costs, how new it is, how much of it there is."""
    price = F.when(F.col("currency") == "USD", F.col("price"))
    since = F.datediff(day, "launch_date")
    stage = F.when(F.col("discontinued"), "Discontinued").when(since < 0, "Upcoming").when(since < 90, "New")
    return {
        "price_reporting": price,
        "price_segment": price_segment(price),
        "days_since_launch": since,
        "lifecycle_stage": stage.when(since < 365, "Growing").otherwise("Mature"),
        "volume_cm3": volume(),
        "stock_indicator": stock_indicator(),
        "is_sellable": ~F.col("discontinued") & (F.col("stock_quantity") > 0),
        "stock_value": (price * F.col("stock_quantity")).cast(MONEY),
    }


def age(day: Column) -> Column:
    """Full years."""
    before = F.date_format(day, "MMdd") < F.date_format("date_of_birth", "MMdd")
    return F.year(day) - F.year("date_of_birth") - F.when(before, 1).otherwise(0)


def age_group(years: Column) -> Column:
    """Seven groups."""
    group = F.when(years < 18, "<18").when(years < 25, "18-24").when(years < 35, "25-34").when(years < 45, "35-44")
    return group.when(years < 55, "45-54").when(years < 65, "55-64").when(years >= 65, "65+")


def lifecycle(days: Column) -> Column:
    """Of a customer, by the days since the registration."""
    return F.when(days < 30, "New").when(days < 365, "Active").when(days >= 365, "Established")


def is_premium() -> Column:
    """By the tier."""
    return F.coalesce(F.col("customer_tier").isin(*PREMIUM), F.lit(False))


def price_segment(price: Column) -> Column:
    """By the price in USD."""
    segment = F.when(price < 25, "Budget").when(price < 100, "Standard").when(price < 500, "Premium")
    return segment.when(price >= 500, "Luxury")


def stock_indicator() -> Column:
    """By the stock."""
    stock = F.col("stock_quantity")
    return F.when(stock <= 0, "Out of Stock").when(stock <= 10, "Low Stock").when(stock > 10, "In Stock")


def volume() -> Column:
    """Length x width x height."""
    sides = F.split("dimensions_cm", "x")
    product = F.lit(1).cast("decimal(9,4)")
    for place in range(3):
        product = product * F.get(sides, F.lit(place)).try_cast("decimal(9,4)")
    return product.cast("decimal(18,4)")


def delivered_on(day: Column) -> Column:
    """The delivery, unless it is only foreseen."""
    return F.when(F.col("actual_delivery") <= day, F.col("actual_delivery"))


def delivery_status(day: Column) -> Column:
    """On Time, Late, Overdue or Pending."""
    delivered, estimated = delivered_on(day), F.col("estimated_delivery")
    arrived = F.when(delivered > estimated, "Late").when(delivered.isNotNull(), "On Time")
    return arrived.when(estimated < day, "Overdue").otherwise("Pending")


def timeline(versions: DataFrame, key: str) -> DataFrame:
    """Versions with the time for which each answers; the first one answers for all time before."""
    of_key = Window.partitionBy(key).orderBy("effective_date")
    first = F.row_number().over(of_key) == 1
    return versions.withColumns(
        {"since": F.when(~first, F.col("effective_date")), "until": F.lead("effective_date").over(of_key)}
    )


def beside(orders: DataFrame, line: DataFrame, key: str) -> DataFrame:
    """Each order beside the version of its time."""
    here = (
        (F.col(key) == F.col("its_key"))
        & (F.col("since").isNull() | (F.col("since") <= F.col("at")))
        & (F.col("until").isNull() | (F.col("at") < F.col("until")))
    )
    return orders.join(line.withColumnRenamed(key, "its_key"), here, "left").drop("its_key", "since", "until")


def enriched_orders(targets: Mapping[str, DataFrame], today: date) -> DataFrame:
    """The current orders beside their customers, products, stock and parcels."""
    orders = valued(targets["orders"].filter("is_current")).select(
        *["order_id", "customer_id", "product_id", "order_date", "order_status", "payment_method", "order_amount"],
        *["currency", "rate", "amount", "is_revenue"],
        F.col("created_timestamp").alias("ordered_at"),
        F.col("created_timestamp").alias("at"),
    )
    rows = beside(orders, customer_line(targets["customers"]), "customer_id")
    rows = beside(rows, product_line(targets["products"]), "product_id")
    rows = beside(rows, stock_line(targets["inventory"]), "product_id")
    rows = rows.join(parcels(targets["shipping"], today), "order_id", "left")
    first = Window.partitionBy("customer_id", "is_revenue").orderBy("order_date", "ordered_at", "order_id")
    margin = F.lit("0.30").cast("decimal(18,4)")
    estimate = F.when(F.col("is_revenue"), F.round(F.col("amount") * margin, 2)).otherwise(0)
    since = F.datediff("order_date", "registration_date")
    price = F.when(F.col("product_currency") == "USD", F.col("product_price"))
    computed = {
        "margin_rate": margin,
        "margin_estimate": estimate.cast(MONEY),
        "is_first_order": F.col("is_revenue") & (F.row_number().over(first) == 1),
        "customer_age_group": age_group(age(F.col("order_date"))),
        "customer_lifecycle_stage": lifecycle(since),
        "is_premium": is_premium(),
        "price_segment": price_segment(price),
        "is_discontinued": F.coalesce("discontinued", F.lit(False)),
        "shipments": F.coalesce("shipments", F.lit(0)),
    }
    unwanted = ("at", "date_of_birth", "registration_date", "product_currency", "discontinued")
    return rows.withColumns(computed | calendar()).drop(*unwanted)


def valued(orders: DataFrame) -> DataFrame:
    """What an order is worth in USD, and whether it counts."""
    rate = F.when(F.col("currency") == "USD", 1).cast("decimal(18,8)")
    amount = F.round(F.col("order_amount") * F.col("rate"), 2).cast(MONEY)
    revenue = (F.col("amount") > 0) & ~F.coalesce(F.col("order_status").isin(*LOST), F.lit(False))
    rows = orders.withColumn("rate", rate).withColumn("amount", amount)
    return rows.withColumn("is_revenue", F.coalesce(revenue, F.lit(False)))


def customer_line(versions: DataFrame) -> DataFrame:
    """The customers over time."""
    return timeline(versions, "customer_id").select(
        *["customer_id", "since", "until", "customer_tier", "date_of_birth", "registration_date"],
        F.col("city").alias("customer_city"),
        F.col("state").alias("customer_state"),
        F.col("country").alias("customer_country"),
        F.col("effective_date").alias("customer_effective_date"),
    )


def product_line(versions: DataFrame) -> DataFrame:
    """The products over time."""
    return timeline(versions, "product_id").select(
        *["product_id", "since", "until", "product_name", "discontinued"],
        F.col("category").alias("product_category"),
        F.col("subcategory").alias("product_subcategory"),
        F.col("price").alias("product_price"),
        F.col("currency").alias("product_currency"),
        F.col("effective_date").alias("product_effective_date"),
    )


def stock_line(versions: DataFrame) -> DataFrame:
    """The stock of each product over time: the running sum of what each version changes."""
    of_bin = Window.partitionBy("product_id", "warehouse_location").orderBy("effective_date")
    before = F.lag("stock_quantity").over(of_bin)
    steps = versions.select(
        "product_id",
        F.when(before.isNotNull(), F.col("effective_date")).alias("since"),
        (F.col("stock_quantity") - F.coalesce(before, F.lit(0))).alias("step"),
    )
    steps = steps.groupBy("product_id", "since").agg(F.sum("step").alias("step"))
    of_product = Window.partitionBy("product_id").orderBy(F.col("since").asc_nulls_first())
    so_far = F.sum("step").over(of_product).alias("stock_quantity")
    return steps.select("product_id", "since", F.lead("since").over(of_product).alias("until"), so_far)


def parcels(versions: DataFrame, today: date) -> DataFrame:
    """The parcels of each order, summed."""
    words = ["Late", "Overdue", "Pending", "On Time"]
    worst = F.array(*map(F.lit, words))
    current = versions.filter("is_current").withColumns(
        {
            "badness": F.array_position(worst, delivery_status(F.lit(today))),
            "days": F.datediff(delivered_on(F.lit(today)), F.to_date("created_timestamp")),
            "cost": F.when(F.col("currency") == "USD", F.col("shipping_cost")),
        }
    )
    latest = F.max_by("shipping_method", F.struct("created_timestamp", "tracking_number"))
    summed = current.groupBy("order_id").agg(
        F.count("*").alias("shipments"),
        latest.alias("shipping_method"),
        F.sum("cost").cast(MONEY).alias("shipping_cost_reporting"),
        F.min("badness").cast("int").alias("badness"),
        F.max("days").alias("delivery_days"),
    )
    return summed.withColumn("delivery_status", F.get(worst, F.col("badness") - 1)).drop("badness")


def calendar() -> dict[str, Column]:
    """The calendar of an order."""
    month, weekday, hour = F.month("order_date"), (F.dayofweek("order_date") + 5) % 7 + 1, F.hour("ordered_at")
    season = F.when(month.isin(12, 1, 2), "Winter").when(month <= 5, "Spring").when(month <= 8, "Summer")
    time_of_day = F.when(hour < 6, "Night").when(hour < 12, "Morning").when(hour < 18, "Afternoon")
    return {
        "order_month": F.trunc("order_date", "month"),
        "weekday": weekday,
        "is_weekend": weekday >= 6,
        "hour": hour,
        "time_of_day": time_of_day.when(hour >= 18, "Evening"),
        "is_business_hours": (weekday <= 5) & (hour >= 9) & (hour < 18),
        "season": season.otherwise("Autumn"),
        "season_year": F.year("order_date") + F.when(month == 12, 1).otherwise(0),
    }


def summary(spark: SparkSession, batch: Batch) -> DataFrame:
    """One row: the shop after this batch."""

    def table(name: str) -> DataFrame:
        return spark.read.format("delta").load(batch.table(name))

    stated = (
        table("orders_stage").filter(F.col("batch_id") == batch.batch_id).select("order_id", F.lit(1).alias("here"))
    )
    orders = valued(table("orders_target").filter("is_current")).join(stated, "order_id", "left")
    revenue = F.when(F.col("is_revenue"), F.col("amount"))
    row = orders.agg(
        F.lit(batch.batch_id).alias("batch_id"),
        F.lit(batch.as_of).alias("as_of"),
        F.count("*").alias("orders"),
        F.count_if("is_revenue").alias("revenue_orders"),
        F.sum(revenue).cast(MONEY).alias("revenue"),
        F.count_if(F.col("order_status") == "cancelled").alias("cancelled_orders"),
        F.count_if(F.col("amount").isNull()).alias("unconverted_orders"),
        F.count("here").alias("batch_orders"),
        F.sum(F.when(F.col("here") == 1, revenue)).cast(MONEY).alias("batch_revenue"),
    )
    for name in ("customers", "products"):
        row = row.crossJoin(table(f"{name}_target").filter("is_current").agg(F.count("*").alias(name)))
    return row.withColumn("aov", F.round(F.col("revenue") / F.col("revenue_orders"), 2).cast(MONEY))
