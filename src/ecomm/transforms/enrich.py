"""enriched_orders: each line of an order beside its customer, product, stock and shipments.

Grain: one row a current line of an order, or refund of one. What belongs to the whole order is on its first line
(`is_first_line`) alone, so that sums over rows are right. A whole function of the targets, so that the order of arrival
cannot show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm.contract import Field, Shop
from ecomm.money import MONEY
from ecomm.sources import customers, products
from ecomm.transforms import measures, shipments, valuation
from ecomm.transforms.relations import as_of_join, several, timeline

FIELDS = (
    Field("order_id", "string", "The order."),
    Field("line_id", "string", "Which line of the order; empty text if the shop has no lines."),
    Field("refund_id", "string", "Which refund of the line; empty text for a sale."),
    Field("customer_id", "string", "Who ordered."),
    Field("product_id", "string", "What was ordered."),
    Field("order_date", "date", "The day of the order (shop_timezone)."),
    Field("ordered_at", "timestamp", "The instant of the order; NULL if only the day is known."),
    Field("order_status", "string", "Where the order stands now."),
    Field("payment_method", "string", "How it is paid."),
    Field("quantity", "decimal(18,4)", "How many were ordered on this line; NULL if the shop does not say."),
    Field("order_amount", MONEY, "Amount of the line in the order's currency; below 0 only for a refund."),
    Field("currency", "string", "ISO 4217 code of order_amount."),
    Field(
        "rate",
        "decimal(18,8)",
        "Reporting currency for one of the order's currency on order_date; NULL: no rate.",
    ),
    Field("amount", MONEY, "order_amount x rate, reporting currency; NULL without a rate."),
    Field(
        "is_revenue",
        "boolean",
        "amount counts in net revenue. A sale: amount > 0 and order_status not in non_revenue_statuses. A refund: "
        "amount < 0 and order_status not in non_revenue_statuses, or returned or refunded, which a refund may well be.",
    ),
    Field("margin_rate", "decimal(18,4)", "The assumed margin of product_category, 0-1 (settings)."),
    Field(
        "margin_estimate",
        MONEY,
        "amount x margin_rate where is_revenue, else 0; below 0 for a refund; reporting currency.",
    ),
    Field(
        "is_first_line",
        "boolean",
        "The first row of the order: sales before refunds, then by line_id (the shorter first, so 2 before 10). Orders "
        "are the rows with is_first_line and an empty refund_id.",
    ),
    Field(
        "is_first_order",
        "boolean",
        "The row is a sale of the customer's first revenue order by order_date, ordered_at, order_id: on each of its "
        "lines; false without a customer.",
    ),
    Field("customer_tier", "string", "The customer's tier at the time of the order."),
    Field("customer_age_group", "string", "The customer's age group on order_date."),
    Field("customer_lifecycle_stage", "string", "New, Active or Established on order_date."),
    Field("customer_city", "string", "City at the time of the order."),
    Field("customer_state", "string", "State at the time of the order."),
    Field("customer_country", "string", "Country at the time of the order."),
    Field("is_premium", "boolean", "The tier at the time of the order is a premium tier."),
    Field("customer_effective_date", "timestamp", "effective_date of the customer version that was joined."),
    Field("product_name", "string", "The product's name at the time of the order."),
    Field("product_category", "string", "Category at the time of the order."),
    Field("product_subcategory", "string", "Subcategory at the time of the order."),
    Field("product_price", MONEY, "Price at the time of the order, in the product's currency."),
    Field(
        "price_segment",
        "string",
        "Budget, Standard, Premium or Luxury, by product_price in the reporting currency at today's rate.",
    ),
    Field("is_discontinued", "boolean", "The product was known to be discontinued at the time of the order."),
    Field("product_effective_date", "timestamp", "effective_date of the product version that was joined."),
    Field(
        "stock_quantity",
        "bigint",
        "Stock of the product at the time of the order, over all warehouses and bins.",
    ),
    Field(
        "shipments",
        "bigint",
        "Current shipments of the order; one without a tracking number counts only if none has one. On the order's "
        "first line only, so that sums add up: NULL on its other rows, as all columns of shipments.",
    ),
    Field(
        "shipping_method",
        "string",
        "Of the order's latest shipment by created_timestamp, tracking_number; on its first line only.",
    ),
    Field(
        "shipping_cost_reporting",
        MONEY,
        "Sum of the order's shipping_cost, each at the rate of its created day; on its first line only.",
    ),
    Field(
        "delivery_status",
        "string",
        "The worst of the order's shipments today: Late, Overdue, Pending, On Time; on its first line only.",
    ),
    Field(
        "delivery_days",
        "bigint",
        "The greatest number of days from a shipment's created day to its delivery; on the order's first line only.",
    ),
    Field("order_month", "date", "First day of order_date's month."),
    Field("weekday", "bigint", "1 = Monday ... 7 = Sunday."),
    Field("is_weekend", "boolean", "Saturday or Sunday."),
    Field("hour", "bigint", "Hour of ordered_at in shop_timezone; NULL if the instant is not known."),
    Field("time_of_day", "string", "Night 0-6, Morning 6-12, Afternoon 12-18, Evening 18-24 (half-open)."),
    Field(
        "is_business_hours",
        "boolean",
        "Monday to Friday within the setting business_hours; NULL without an hour.",
    ),
    Field("season", "string", "Dec-Feb Winter, Mar-May Spring, Jun-Aug Summer, Sep-Nov Autumn; south swaps."),
    Field("season_year", "bigint", "Year of the season: December belongs to the next year."),
)
KEY = ("order_id", "line_id", "refund_id")
_STATED = (
    *KEY,
    "customer_id",
    "product_id",
    "order_date",
    "ordered_at",
    "order_status",
    "payment_method",
    "quantity",
    "order_amount",
    "currency",
)


@dataclass(frozen=True)
class Targets:
    """The five targets as they will be: all versions, current and closed."""

    orders: DataFrame
    customers: DataFrame
    products: DataFrame
    inventory: DataFrame
    shipping: DataFrame


def enriched_orders(targets: Targets, shop: Shop, today: date) -> DataFrame:
    """FIELDS for every current line and refund. today: the day of the greatest live as-of (shop_timezone)."""
    orders = valuation.valued(targets.orders.filter(F.col("is_current")), shop)
    orders = orders.select(*_STATED, "rate", "amount", "is_revenue").withColumn("_at", valuation.instant(shop))
    first, further = _first_orders(orders), _further_lines(orders)
    orders = orders.join(first, ["customer_id", "order_id"], "left").join(further, list(KEY), "left")
    joined = as_of_join(orders, _customer_line(targets.customers), "customer_id", F.col("_at"))
    joined = as_of_join(joined, _product_line(targets.products), "product_id", F.col("_at"))
    joined = as_of_join(joined, _stock_line(targets.inventory), "product_id", F.col("_at"))
    current = targets.shipping.filter(F.col("is_current"))
    joined = _beside_shipments(joined, shipments.of_orders(current, F.lit(today), shop))
    derived = joined.withColumns(_money(shop) | _people_and_things(shop, today) | valuation.calendar(shop))
    return derived.select(*[F.col(f.name).cast(f.type).alias(f.name) for f in FIELDS])


def _first_orders(orders: DataFrame) -> DataFrame:
    """Each customer's first revenue order. Sorted alone: a window would drag all columns along."""
    of_customer = Window.partitionBy("customer_id").orderBy(
        F.col("order_date").asc(), F.col("ordered_at").asc_nulls_last(), F.col("order_id").asc(), *_place_in_order()
    )
    rows = orders.filter(measures.sold() & F.col("customer_id").isNotNull())
    rows = rows.select("customer_id", "order_date", "ordered_at", *KEY)
    first = rows.withColumn("_place", F.row_number().over(of_customer)).filter(F.col("_place") == 1)
    return first.select("customer_id", "order_id", F.lit(True).alias("_first"))


def _further_lines(orders: DataFrame) -> DataFrame:
    """The rows of orders that are not the first of their order. Only orders of several rows are sorted."""
    of_order = Window.partitionBy("order_id").orderBy(*_place_in_order())
    rows = orders.select(*KEY)
    rows = rows.join(several(rows, ["order_id"]), "order_id", "left_semi")
    places = rows.withColumn("_place", F.row_number().over(of_order)).filter(F.col("_place") > 1)
    return places.select(*KEY, F.lit(True).alias("_further"))


def _place_in_order() -> list[Column]:
    """A total order of an order's rows: sales before refunds, then line 2 before line 10."""
    return [(~measures.is_sale()).cast("int"), F.length("line_id"), F.col("line_id"), F.col("refund_id")]


def _customer_line(versions: DataFrame) -> DataFrame:
    line = timeline(versions, "customer_id")
    return line.select(
        "customer_id",
        "_from",
        "_until",
        "customer_tier",
        "date_of_birth",
        "registration_date",
        F.col("city").alias("customer_city"),
        F.col("state").alias("customer_state"),
        F.col("country").alias("customer_country"),
        F.col("effective_date").alias("customer_effective_date"),
    )


def _product_line(versions: DataFrame) -> DataFrame:
    line = timeline(versions, "product_id")
    return line.select(
        "product_id",
        "_from",
        "_until",
        "product_name",
        F.col("category").alias("product_category"),
        F.col("subcategory").alias("product_subcategory"),
        F.col("price").alias("product_price"),
        F.col("currency").alias("_product_currency"),
        "discontinued",
        F.col("effective_date").alias("product_effective_date"),
    )


def _stock_line(versions: DataFrame) -> DataFrame:
    """The stock of each product over time: what the first versions of its bins hold, and each later version's change.

    A bin answers with the version valid then, else the nearest earlier, else the first; so the product's stock is the
    running sum of the changes, with the first versions counted from ever.
    """
    of_bin = Window.partitionBy("product_id", "warehouse_location", "location").orderBy("effective_date")
    before = F.lag("stock_quantity").over(of_bin)
    steps = versions.select(
        "product_id",
        F.when(before.isNotNull(), F.col("effective_date")).alias("_from"),
        (F.col("stock_quantity") - F.coalesce(before, F.lit(0).cast("bigint"))).alias("step"),
    )
    steps = steps.groupBy("product_id", "_from").agg(F.sum(F.col("step").cast("decimal(20,0)")).alias("step"))
    of_product = Window.partitionBy("product_id").orderBy(F.col("_from").asc_nulls_first())
    so_far = of_product.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return steps.select(
        "product_id",
        "_from",
        F.lead("_from").over(of_product).alias("_until"),
        F.sum("step").over(so_far).try_cast("bigint").alias("stock_quantity"),
    )


def _beside_shipments(orders: DataFrame, summed: DataFrame) -> DataFrame:
    """Orders beside their summed `shipments`, which are on the first line of an order alone."""
    first = F.col("_further").isNull()
    stated = [name for name in summed.columns if name != "order_id"]
    joined = orders.join(summed, "order_id", "left").withColumn(
        "shipments", F.coalesce(F.col("shipments"), F.lit(0).cast("bigint"))
    )
    return joined.withColumns({name: F.when(first, F.col(name)) for name in stated} | {"is_first_line": first})


def _money(shop: Shop) -> dict[str, Column]:
    rate = valuation.margin_rate(F.col("product_category"), shop)
    return {
        "margin_rate": rate,
        "margin_estimate": valuation.margin_estimate(rate, shop),
        "is_first_order": F.coalesce(F.col("_first") & measures.is_sale(), F.lit(False)),
    }


def _people_and_things(shop: Shop, today: date) -> dict[str, Column]:
    day = F.col("order_date")
    years = customers.age(F.col("date_of_birth"), day)
    days = customers.days_since_registration(F.col("registration_date"), day)
    price = products.in_reporting_currency(F.col("product_price"), F.col("_product_currency"), shop, today)
    return {
        "customer_age_group": customers.age_group(years),
        "customer_lifecycle_stage": customers.lifecycle_stage(days),
        "is_premium": customers.is_premium(F.col("customer_tier"), shop),
        "price_segment": products.price_segment(price),
        "is_discontinued": F.coalesce(F.col("discontinued"), F.lit(False)),
    }
