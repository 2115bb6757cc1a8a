"""06: the rows of a batch beside all tables as they will be. A check finds and flags nothing: no row is rejected by it.

A check looks like a rule: a condition on a row, which fails it where the condition is false (NULL passes). Its row
stands beside what `_BESIDE` brings from the other tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm.contract import OFF, Reading, Rule, RuleFunction, Severity, Shop, rule
from ecomm.sources import customers
from ecomm.transforms import measures, valuation
from ecomm.transforms.enrich import Targets
from ecomm.transforms.quality import SAMPLE, category
from ecomm.transforms.relations import as_of_join, timeline


@dataclass(frozen=True)
class Check:
    """One named condition on the rows of `source` beside other tables.

    parent: the source without which there is nothing to look at, so that the check is skipped. column: the same of a
    column that no file of the batch has. beside: brings what the check alone looks at.
    """

    rule: Rule
    source: str
    parent: str | None = None
    column: str | None = None
    beside: Callable[[DataFrame, Targets], DataFrame] | None = None

    @property
    def name(self) -> str:
        """What it is called in validation_results and in the settings."""
        return self.rule.name

    @property
    def category(self) -> str:
        """What kind of check it is."""
        return category(self.name)


CHECKS: list[Check] = []


def check(
    source: str,
    severity: Severity,
    parent: str | None = None,
    column: str | None = None,
    beside: Callable[[DataFrame, Targets], DataFrame] | None = None,
) -> Callable[[RuleFunction], Check]:
    """Make a check of a function, as `contract.rule` makes a rule, and put it into the list."""

    def made(function: RuleFunction) -> Check:
        CHECKS.append(Check(rule(severity)(function), source, parent, column, beside))
        return CHECKS[-1]

    return made


# --- orders -------------------------------------------------------------------------------------------------------


@check("orders", Severity.HIGH, parent="customers")
def order_customer_exists(_: Reading) -> Column:
    """orphan: no live current customer; heals when the customer comes"""
    return F.col("customer_id").isNull() | F.col("has_customer").isNotNull()


@check("orders", Severity.HIGH, parent="products")
def order_product_exists(_: Reading) -> Column:
    """orphan: no live current product; heals when the product comes"""
    return F.col("product_id").isNull() | F.col("has_product").isNotNull()


@check("orders", Severity.MEDIUM, parent="shipping")
def order_shipping_exists(_: Reading) -> Column:
    """shipped, delivered, completed without shipment"""
    return ~F.col("order_status").isin("shipped", "delivered", "completed") | F.col("has_shipment").isNotNull()


@check("orders", Severity.MEDIUM, parent="shipping")
def cancelled_order_not_shipped(_: Reading) -> Column:
    """cancelled, and a shipment whose created_timestamp is after the time of the statement that cancelled it"""
    stated = F.coalesce("updated_timestamp", "created_timestamp")
    return (F.col("order_status") != F.lit("cancelled")) | (F.col("last_shipped") <= stated)


@check("orders", Severity.MEDIUM, parent="products")
def order_product_not_discontinued(_: Reading) -> Column:
    """ordered after the discontinued version of the product began"""
    began, at = F.col("product_began"), F.col("_at")
    return ~F.when(began < at, F.col("discontinued")).when(began == at, F.col("discontinued_before"))


@check("orders", Severity.LOW, parent="products")
def order_price_agrees(_: Reading) -> Column:
    """a sale in the same currency, and for no n in 1..100: 0.8 n price <= amount <= 1.2 n price"""
    # In thousandths: 4 n price <= 5 amount <= 6 n price. If any n fits, so does the greatest one that is not too great.
    amount, price = (
        (F.col(name) * F.lit(1000)).try_cast("bigint") * F.lit(factor).cast("bigint")
        for name, factor in (("order_amount", 5), ("product_price", 1))
    )
    least = F.when(price > 0, price * F.lit(4))
    whole = F.round((amount - amount % least).cast("double") / least.cast("double")).try_cast("bigint")
    n = F.least(whole, F.lit(100).cast("bigint"))
    fits = F.when(price == 0, amount == 0).when(price < 0, F.lit(False)).otherwise((n >= 1) & (amount <= price * n * 6))
    return ~measures.is_sale() | (F.col("currency") != F.col("product_currency")) | fits


@check("orders", Severity.LOW, parent="customers")
def premium_order_value(reading: Reading) -> Column:
    """a sale to a premium customer, amount in the reporting currency < the bound premium_order"""
    premium = customers.is_premium(F.col("customer_tier"), reading.shop)
    return ~measures.is_sale() | ~premium | (F.col("amount") >= F.lit(reading.shop.bounds.premium_order))


@check("orders", Severity.LOW, parent="customers")
def order_after_registration(_: Reading) -> Column:
    """ordered before the customer registered"""
    return F.col("order_date") >= F.col("registration_date")


@check("orders", Severity.LOW, parent="products")
def order_after_launch(_: Reading) -> Column:
    """ordered before the product was launched"""
    return F.col("order_date") >= F.col("launch_date")


@check("orders", Severity.NONE)
def order_in_business_hours(reading: Reading) -> Column:
    """outside the shop's business_hours; the hour is known"""
    return valuation.calendar(reading.shop)["is_business_hours"]


def _with_changed_products(orders: DataFrame, targets: Targets) -> DataFrame:
    """Orders with `product_changed` where their statement begins, or precedes, a version of another product."""
    versions = targets.orders.filter((F.col("line_id") == F.lit("")) & (F.col("refund_id") == F.lit("")))
    was = versions.filter(~F.col("is_current")).select(
        "order_id",
        F.col("product_id").alias("_was"),
        F.col("effective_date").alias("_since"),
        F.col("expiry_date").alias("_until"),
    )
    then = versions.select("order_id", F.col("product_id").alias("_then"), F.col("effective_date").alias("_until"))
    changes = was.join(then, ["order_id", "_until"]).filter(F.col("_was") != F.col("_then"))
    stated = orders.filter((F.col("line_id") == F.lit("")) & (F.col("refund_id") == F.lit(""))).select(
        "key", "order_id", "as_of"
    )
    meets = stated.join(changes, "order_id").filter(F.col("as_of").between(F.col("_since"), F.col("_until")))
    return orders.join(meets.select("key").distinct().withColumn("product_changed", F.lit(True)), "key", "left")


@check("orders", Severity.MEDIUM, beside=_with_changed_products)
def order_product_changed(_: Reading) -> Column:
    """no line_id, and another batch states another product for the order: a line may be lost. Say what tells the \
lines of an order apart: line_id in [sources.orders]
    """
    return F.col("product_changed").isNull()


def _with_totals(orders: DataFrame, targets: Targets) -> DataFrame:
    """Orders with the sums of their current lines, refunds apart, and of their shipments' costs."""
    lines = _current(targets.orders).filter(F.col("refund_id") == F.lit(""))
    unread = F.when(F.col("order_amount").isNull(), 1).otherwise(0)
    sums = lines.groupBy("order_id").agg(
        F.sum("order_amount").alias("lines_amount"),
        F.coalesce(F.sum("tax"), F.lit(0)).alias("lines_tax"),
        F.coalesce(F.sum("discount"), F.lit(0)).alias("lines_discount"),
        ((F.min("currency") == F.max("currency")) & (F.sum(unread) == 0)).alias("lines_add_up"),
    )
    shipped = _current(targets.shipping).groupBy("order_id").agg(F.sum("shipping_cost").alias("shipped_for"))
    return orders.join(sums, "order_id", "left").join(shipped, "order_id", "left")


@check("orders", Severity.LOW, column="order_total", beside=_with_totals)
def order_total_agrees(_: Reading) -> Column:
    """the order's current lines sum up to more than order_total, or, where files have whole orders, to another sum; \
with or without their tax, their discount and the shipping cost
    """
    total = F.col("order_total")
    amount, tax, less = (F.col(f"lines_{name}") for name in ("amount", "tax", "discount"))
    shipping = F.coalesce("shipped_for", F.lit(0))
    sums = [amount + a + b - c for a in (F.lit(0), tax) for b in (F.lit(0), shipping) for c in (F.lit(0), less)]
    agrees = F.exists(F.array(*[(one == total) for one in sums]), lambda x: x)
    missing = ~F.col("has_whole_orders") & (F.least(*sums) < total)
    return agrees | missing | ~measures.is_sale() | ~F.col("lines_add_up")


# --- customers ----------------------------------------------------------------------------------------------------


@check("customers", Severity.LOW)
def email_unique(_: Reading) -> Column:
    """another current customer has the same e-mail"""
    return (F.col("first_with_email") == F.col("customer_id")) & (F.col("last_with_email") == F.col("customer_id"))


@check("customers", Severity.NONE, parent="orders")
def customer_has_orders(_: Reading) -> Column:
    """no current order"""
    return F.col("has_order").isNotNull()


# --- products -----------------------------------------------------------------------------------------------------


@check("products", Severity.MEDIUM, parent="inventory")
def stock_agrees(_: Reading) -> Column:
    """the product's stock <> sum of its warehouses in the same batch"""
    return F.col("stock_quantity").cast("decimal(20,0)") == F.col("counted")


@check("products", Severity.LOW, parent="inventory")
def product_has_inventory(_: Reading) -> Column:
    """no current stock row"""
    return F.col("has_inventory").isNotNull()


@check("products", Severity.NONE, parent="orders")
def product_has_orders(_: Reading) -> Column:
    """no current order"""
    return F.col("has_order").isNotNull()


# --- inventory ----------------------------------------------------------------------------------------------------


@check("inventory", Severity.HIGH, parent="products")
def inventory_product_exists(_: Reading) -> Column:
    """orphan: no live current product; heals when the product comes"""
    return F.col("has_product").isNotNull()


# --- shipping -----------------------------------------------------------------------------------------------------


@check("shipping", Severity.HIGH, parent="orders")
def shipping_order_exists(_: Reading) -> Column:
    """orphan: no live current order; heals when the order comes"""
    return F.col("has_order").isNotNull()


@check("shipping", Severity.LOW, parent="orders")
def shipping_address_agrees(_: Reading) -> Column:
    """destination_address given, and differs from the order's"""
    known = F.col("destination_address").isNotNull() & (F.col("addresses") > 0)
    return ~known | F.col("has_address").isNotNull()


# --- the rows beside the other tables -----------------------------------------------------------------------------


def in_force(source: str, shop: Shop) -> list[Check]:
    """The checks of a source at the shop's levels; those that are OFF are gone."""
    levels = {c: shop.severity.get(c.name, c.rule.severity) for c in CHECKS if c.source == source}
    return [replace(c, rule=c.rule.at(level)) for c, level in levels.items() if level != OFF]


def failures(
    checks: Iterable[Check],
    rows: Mapping[str, DataFrame],
    targets: Targets,
    reading: Reading,
    *,
    whole_orders: bool = False,
) -> DataFrame | None:
    """Which checks some rows fail: check, failed_rows, sample_keys (the five least), in one frame; None: no check.

    rows: source -> what this batch states, as stage has it, one row a key. targets: as they will be. whole_orders: a
    file that has an order has all its lines.
    """
    of_source: dict[str, list[Check]] = {}
    for one in checks:
        of_source.setdefault(one.source, []).append(one)
    failing = []
    for source, said in of_source.items():
        names = [F.when(~F.coalesce(c.rule.holds(reading), F.lit(True)), F.lit(c.name)) for c in said]
        beside = _BESIDE[source](rows, targets, reading.shop).withColumns({"has_whole_orders": F.lit(whole_orders)})
        beside = reduce(lambda frame, c: frame if c.beside is None else c.beside(frame, targets), said, beside)
        broken = F.filter(F.array(*names).cast("array<string>"), lambda name: name.isNotNull())
        failing.append(beside.select("key", F.explode(broken).alias("check")))
    if not failing:
        return None
    return (
        reduce(lambda a, b: a.unionByName(b), failing)
        .groupBy("check")
        .agg(
            F.count(F.lit(1)).alias("failed_rows"),
            F.slice(F.sort_array(F.collect_list("key")), 1, SAMPLE).alias("sample_keys"),
        )
    )


def _orders(rows: Mapping[str, DataFrame], targets: Targets, shop: Shop) -> DataFrame:
    """Orders beside the customer and the product of their time, what is there now, and their shipments."""
    said = "key as_of order_id line_id refund_id customer_id product_id order_date ordered_at order_status".split()
    said += "order_amount currency order_total created_timestamp updated_timestamp".split()
    orders = rows["orders"].select(*said)
    customer = targets.customers.select("customer_id", "effective_date", "customer_tier", "registration_date")
    product = targets.products.select(
        "product_id",
        "effective_date",
        F.col("price").alias("product_price"),
        F.col("currency").alias("product_currency"),
        "launch_date",
        "discontinued",
    )
    customer = timeline(customer, "customer_id").drop("effective_date")
    product = timeline(product, "product_id", before=["discontinued"])
    product = product.withColumnRenamed("effective_date", "product_began")
    shipped = _current(targets.shipping).groupBy("order_id").agg(F.max("created_timestamp").alias("last_shipped"))
    beside = valuation.valued(orders, shop).withColumn("_at", valuation.instant(shop))
    beside = as_of_join(beside, customer, "customer_id", F.col("_at"))
    beside = as_of_join(beside, product, "product_id", F.col("_at"))
    beside = beside.join(_there(targets.customers, "customer_id", "has_customer"), "customer_id", "left")
    beside = beside.join(_there(targets.products, "product_id", "has_product"), "product_id", "left")
    return beside.join(shipped.withColumn("has_shipment", F.lit(True)), "order_id", "left")


def _customers(rows: Mapping[str, DataFrame], targets: Targets, _: Shop) -> DataFrame:
    """Customers beside all who have their e-mail, and whether they have orders."""
    sharing = (
        _current(targets.customers)
        .groupBy("email")
        .agg(F.min("customer_id").alias("first_with_email"), F.max("customer_id").alias("last_with_email"))
    )
    beside = rows["customers"].select("key", "customer_id", "email").join(sharing, "email", "left")
    return beside.join(_there(targets.orders, "customer_id", "has_order"), "customer_id", "left")


def _products(rows: Mapping[str, DataFrame], targets: Targets, _: Shop) -> DataFrame:
    """Products beside what the same batch counts of them, and whether they have stock rows and orders."""
    counted = rows["inventory"].groupBy("product_id")
    counted_now = counted.agg(F.sum(F.col("stock_quantity").cast("decimal(20,0)")).alias("counted"))
    beside = rows["products"].select("key", "product_id", "stock_quantity").join(counted_now, "product_id", "left")
    beside = beside.join(_there(targets.inventory, "product_id", "has_inventory"), "product_id", "left")
    return beside.join(_there(targets.orders, "product_id", "has_order"), "product_id", "left")


def _inventory(rows: Mapping[str, DataFrame], targets: Targets, _: Shop) -> DataFrame:
    """Stock rows beside whether their product is there."""
    beside = rows["inventory"].select("key", "product_id")
    return beside.join(_there(targets.products, "product_id", "has_product"), "product_id", "left")


def _shipping(rows: Mapping[str, DataFrame], targets: Targets, _: Shop) -> DataFrame:
    """Shipments beside whether their order is there, and whether one of its lines has their address."""
    orders = _current(targets.orders)
    found = orders.groupBy("order_id").agg(F.count("shipping_address").alias("addresses"))
    places = orders.select("order_id", F.col("shipping_address").alias("destination_address")).distinct()
    beside = rows["shipping"].select("key", "order_id", "destination_address")
    beside = beside.join(found.withColumn("has_order", F.lit(True)), "order_id", "left")
    return beside.join(places.withColumn("has_address", F.lit(True)), ["order_id", "destination_address"], "left")


_BESIDE: dict[str, Callable[[Mapping[str, DataFrame], Targets, Shop], DataFrame]] = {
    "orders": _orders,
    "customers": _customers,
    "products": _products,
    "inventory": _inventory,
    "shipping": _shipping,
}


def _current(versions: DataFrame) -> DataFrame:
    return versions.filter(F.col("is_current"))


def _there(versions: DataFrame, column: str, name: str) -> DataFrame:
    """The values of a column that current versions have, with a flag of this name."""
    return _current(versions).select(column).distinct().withColumn(name, F.lit(True))
