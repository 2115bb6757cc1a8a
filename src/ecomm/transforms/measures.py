"""What a group of orders adds up to: the figures that several tables of analytics share.

The orders have `is_revenue`, `amount`, `margin_estimate` (reporting currency) and `order_status`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Field

RETURNED = ("returned", "refunded")  # what a return_rate counts


def number(condition: Column) -> Column:
    """How many rows of a group fulfil a condition."""
    return F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0)))


def added_up() -> dict[str, Column]:
    """Sums over orders, which may be added up further: counts, revenue and margin_estimate.

    orders counts all; revenue_orders and revenue only is_revenue.
    """
    return {
        "orders": F.count(F.lit(1)),
        "revenue_orders": number(F.col("is_revenue")),
        "revenue": F.sum(F.when(F.col("is_revenue"), F.col("amount"))),
        "margin_estimate": F.sum("margin_estimate"),
        "cancelled_orders": number(F.col("order_status") == F.lit("cancelled")),
        "returned_orders": number(F.col("order_status").isin(*RETURNED)),
    }


def added_further(names: Sequence[str]) -> list[Column]:
    """The sums of sums, under the same names."""
    return [F.sum(name).alias(name) for name in names]


def money(sum_of_amounts: Column) -> Column:
    """A sum as it is published; 0 where there was nothing to add, NULL where it does not fit."""
    return F.coalesce(sum_of_amounts, F.lit("0.00").cast("decimal(18,2)")).try_cast("decimal(18,2)")


def count(sum_of_counts: Column) -> Column:
    """A count as it is published; 0 where there was nothing to count."""
    return F.coalesce(sum_of_counts.cast("bigint"), F.lit(0).cast("bigint"))


def aov() -> Column:
    """revenue / revenue_orders."""
    return canonical.ratio(F.col("revenue"), F.col("revenue_orders"), 2)


def share(part: str, whole: str) -> Column:
    """part / whole, of counts or amounts that are published."""
    return canonical.ratio(F.col(part).cast("decimal(18,2)"), F.col(whole), 4)


def leading(name: Column, size: Column) -> Column:
    """Of a group the name with the greatest size (a number, not below 0), among equals the first by alphabet.

    Both are put into one text, of which the least one counts: cheaper than a window. NULL names are left out.
    """
    inverse = (F.lit("1" + "0" * 24).cast("decimal(28,2)") - size.cast("decimal(28,2)")).cast("decimal(28,2)")
    least = F.min(F.concat(F.lpad(inverse.cast("string"), 28, "0"), name))
    return least.substr(F.lit(29), F.length(least))


def published(frame: DataFrame, fields: Sequence[Field]) -> DataFrame:
    """Exactly a table's columns, in its order and with its types."""
    return frame.select(*[F.col(f.name).cast(f.type).alias(f.name) for f in fields])


def amount(bound: Decimal) -> Column:
    """A bound of money as a literal."""
    return F.lit(str(bound)).cast("decimal(18,2)")


def step(bounds: Sequence[tuple[Decimal, int]], names: Sequence[str]) -> Column:
    """The name of the first (revenue, revenue_orders) that are both reached; for none of them the last name."""
    reached = [
        (F.col("revenue") >= amount(least)) & (F.col("revenue_orders") >= F.lit(orders)) for least, orders in bounds
    ]
    chosen = F.when(reached[0], F.lit(names[0]))
    for condition, name in zip(reached[1:], names[1:], strict=False):
        chosen = chosen.when(condition, F.lit(name))
    return chosen.otherwise(F.lit(names[-1]))
