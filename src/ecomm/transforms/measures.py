"""What a group of orders adds up to: the figures that several tables of analytics share.

The rows are lines of orders and refunds: they have `order_id`, `refund_id`, `is_revenue`, `amount`, `margin_estimate`
(reporting currency) and `order_status`. An order counts once in a group, however many of its lines are in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Field, Shop
from ecomm.money import MONEY

RETURNED = ("returned", "refunded")  # what a return_rate counts


def number(condition: Column) -> Column:
    """How many rows of a group fulfil a condition."""
    return F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0)))


def is_sale() -> Column:
    """The row is a line that was sold, not a refund."""
    return F.col("refund_id") == F.lit("")


def sold() -> Column:
    """The row is a line that was sold and counts as revenue: what makes an order a revenue order."""
    return is_sale() & F.col("is_revenue")


def any_row(condition: Column) -> Figure:
    """1 if a row of the order fulfils a condition, else 0."""
    return Figure(F.when(condition, F.lit(1)).otherwise(F.lit(0)))


_SUM = "decimal(28,3)"
"""The type that engines give a sum of money."""


COUNTED = (
    "orders",
    "revenue_orders",
    "revenue",
    "gross_revenue",
    "margin_estimate",
    "cancelled_orders",
    "returned_orders",
)
"""The figures of `by_order`, which may be added up further."""


@dataclass(frozen=True)
class Figure:
    """A figure of an order: the greatest, the least or the sum (`how`) of what its rows say. A sum is of money."""

    of_row: Column
    how: str = "max"

    def of_rows(self, name: str) -> Column:
        """The figure of several rows, each of which has its own under the figure's name."""
        return {"max": F.max, "min": F.min, "sum": F.sum}[self.how](name).alias(name)


def by_order(rows: DataFrame, by: Sequence[str], more: Mapping[str, Figure] | None = None) -> DataFrame:
    """One row a `by` and order: COUNTED and `more`.

    orders: 1, or 0 if the rows are refunds alone. revenue_orders: 1 if any line is revenue. cancelled_orders: 1 if all
    lines are cancelled. returned_orders: 1 if any line is returned or refunded, by its status or by a refund. revenue:
    net of refunds; gross_revenue: without them. Added up by `added_further`: no engine need count distinct orders.

    Only the rows of orders of several rows are grouped, where `is_first_line` says which these are.
    """
    cancelled = F.when(F.col("order_status") == F.lit("cancelled"), F.lit(1)).otherwise(F.lit(0))
    returned = ~is_sale() | F.col("order_status").isin(*RETURNED)
    figures = {
        "orders": any_row(is_sale()),
        "revenue_orders": any_row(sold()),
        "revenue": Figure(F.when(F.col("is_revenue"), F.col("amount")), "sum"),
        "gross_revenue": Figure(F.when(sold(), F.col("amount")), "sum"),
        "margin_estimate": Figure(F.col("margin_estimate"), "sum"),
        "cancelled_orders": Figure(F.when(is_sale(), cancelled), "min"),
        "_returned": any_row(returned),
        **(more or {}),
    }
    group = [*by, "order_id"]

    def said(of: DataFrame) -> DataFrame:
        return of.select(*group, *[figure.of_row.alias(name) for name, figure in figures.items()])

    def grouped(of: DataFrame) -> DataFrame:
        return said(of).groupBy(*group).agg(*[figure.of_rows(name) for name, figure in figures.items()])

    if "is_first_line" not in rows.columns:
        found = grouped(rows)
    else:
        further = rows.filter(~F.col("is_first_line")).select("order_id").distinct()
        alone = said(rows.join(further, "order_id", "left_anti"))
        sums = {name: F.col(name).cast(_SUM) for name, figure in figures.items() if figure.how == "sum"}
        several = grouped(rows.join(further, "order_id", "left_semi"))
        found = several.unionByName(alone.withColumns(sums))
    returned, cancelled = F.col("orders") * F.col("_returned"), F.coalesce("cancelled_orders", F.lit(0))
    return found.withColumns({"returned_orders": returned, "cancelled_orders": cancelled}).drop("_returned")


def buyers(rows: DataFrame, by: Sequence[str], name: str = "buyers") -> DataFrame:
    """One row a `by` in which anything was sold: how many different customers its revenue orders have."""
    known = rows.filter(sold() & F.col("customer_id").isNotNull()).select(*by, "customer_id").distinct()
    return known.groupBy(*by).agg(F.count(F.lit(1)).alias(name))


def added_further(names: Sequence[str]) -> list[Column]:
    """The sums of sums, under the same names."""
    return [F.sum(name).alias(name) for name in names]


def money(sum_of_amounts: Column) -> Column:
    """A sum as it is published; 0 where there was nothing to add, NULL where it does not fit."""
    return F.coalesce(sum_of_amounts, F.lit("0").cast(MONEY)).try_cast(MONEY)


def count(sum_of_counts: Column) -> Column:
    """A count as it is published; 0 where there was nothing to count."""
    return F.coalesce(sum_of_counts.cast("bigint"), F.lit(0).cast("bigint"))


def moneys() -> dict[str, Column]:
    """revenue, gross_revenue and margin_estimate as they are published."""
    return {name: money(F.col(name)) for name in ("revenue", "gross_revenue", "margin_estimate")}


def refunds() -> Column:
    """gross_revenue - revenue, both as they are published: what was given back, not below 0."""
    return (F.col("gross_revenue") - F.col("revenue")).try_cast(MONEY)


def aov(shop: Shop) -> Column:
    """gross_revenue / revenue_orders."""
    return canonical.each(F.col("gross_revenue"), F.col("revenue_orders"), shop.places)


def positive(size: Column) -> Column:
    """A size, NULL unless it is above 0: no share of what refunds have eaten up tells anything."""
    return F.when(size > 0, size)


def share(part: str, whole: str) -> Column:
    """part / whole, of counts or amounts that are published."""
    return canonical.ratio(F.col(part).cast(MONEY), F.col(whole), 4)


def leading(name: Column, size: Column) -> Column:
    """Of a group the name with the greatest size (a number), among equals the first by alphabet.

    Both are put into one text, of which the least one counts: cheaper than a window. NULL names are left out, and those
    whose size is not above 0; NULL where no name is left.
    """
    above = positive(size).cast("decimal(28,3)")
    inverse = (F.lit("1" + "0" * 24).cast("decimal(28,3)") - above).cast("decimal(28,3)")
    least = F.min(F.concat(F.lpad(inverse.cast("string"), 29, "0"), name))
    return least.substr(F.lit(30), F.length(least))


def published(frame: DataFrame, fields: Sequence[Field]) -> DataFrame:
    """Exactly a table's columns, in its order and with its types."""
    return frame.select(*[F.col(f.name).cast(f.type).alias(f.name) for f in fields])


def amount(bound: Decimal) -> Column:
    """A bound of money as a literal."""
    return F.lit(str(bound)).cast(MONEY)


def step(bounds: Sequence[tuple[Decimal, int]], names: Sequence[str]) -> Column:
    """The name of the first (revenue, revenue_orders) that are both reached; for none of them the last name."""
    reached = [
        (F.col("revenue") >= amount(least)) & (F.col("revenue_orders") >= F.lit(orders)) for least, orders in bounds
    ]
    chosen = F.when(reached[0], F.lit(names[0]))
    for condition, name in zip(reached[1:], names[1:], strict=False):
        chosen = chosen.when(condition, F.lit(name))
    return chosen.otherwise(F.lit(names[-1]))
