"""An order's total, divided among its lines in proportion to a weight, so that the parts add up to it exactly."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm.currencies import with_digits
from ecomm.transforms.amounts import exact, times

_ORDER = "source_line"


def with_share(rows: DataFrame, name: str, total: str, by: Sequence[str], order: str, currency: Column) -> DataFrame:
    """Add `name`: the text of each record's part of its order's total.

    total, by: columns of number texts; total may stand on the first record of an order only. order: the column that an
    order's records have in common, in one file. currency: its minor unit is what is divided.
    The part of a record is what all up to it have of the total, rounded half up, less what all before it have. Where
    all weights are zero or missing, the first record has the whole. Totals that differ within an order, and one that
    is no amount, become a text that is none either.
    """
    lines = Window.partitionBy(order).orderBy(_ORDER)
    so_far = lines.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    whole = lines.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    read = exact(F.col(total))
    weighed = rows.withColumns({"_weight": _weight(by), "_total": read})
    summed = weighed.withColumns(
        {
            "_before": F.sum("_weight").over(so_far) - F.col("_weight"),
            "_up_to": F.sum("_weight").over(so_far),
            "_all": F.sum("_weight").over(whole),
            "_least": F.min("_total").over(whole),
            "_greatest": F.max("_total").over(whole),
            "_unread": F.first(F.when(F.col("_total").isNull(), F.col(total)), ignorenulls=True).over(whole),
            "_place": F.row_number().over(lines),
            "_unit": _minor_unit(currency),
            "_units_in_one": _units_in_one(currency),
        }
    )
    units = summed.withColumns(
        {
            "_units": F.round(F.col("_least").try_cast("decimal(28,12)") * F.col("_units_in_one"), 0).try_cast(
                "decimal(15,0)"
            ),
            **{f"{n}_0": _whole(F.col(n)) for n in ("_before", "_up_to", "_all")},
        }
    )
    shared = units.withColumns({"_upper": _rounded("_up_to_0"), "_lower": _rounded("_before_0")})
    return shared.withColumn(name, _part()).select(*rows.columns, name)


def _weight(by: Sequence[str]) -> Column:
    """The product of the numbers in `by`, at four decimals; 0 if one is missing or no number."""
    first = F.col(by[0])
    text = times([first, F.col(by[1])]) if len(by) == 2 else first
    return F.coalesce(F.round(exact(text), 4).try_cast("decimal(18,4)"), F.lit("0").cast("decimal(18,4)"))


def _minor_unit(currency: Column) -> Column:
    one = F.when(currency.isin(*with_digits(0)), F.lit("1")).when(currency.isin(*with_digits(3)), F.lit("0.001"))
    return one.otherwise(F.lit("0.01")).cast("decimal(4,3)")


def _units_in_one(currency: Column) -> Column:
    many = F.when(currency.isin(*with_digits(0)), F.lit("1")).when(currency.isin(*with_digits(3)), F.lit("1000"))
    return many.otherwise(F.lit("100")).cast("decimal(4,0)")


def _whole(weight: Column) -> Column:
    return (weight * F.lit(10_000)).try_cast("decimal(20,0)")


def _rounded(up_to: str) -> Column:
    """The total's units up to a weight, rounded half up, as a quotient of whole numbers without a rest.

    An engine rounds or cuts a quotient at some decimal; so what would be a rest is taken away before.
    """
    double = (F.abs(F.col("_units")) * F.lit(2)).cast("decimal(16,0)")
    divisor = (F.abs(F.col("_all_0")) * F.lit(2)).cast("decimal(21,0)")
    above = (double * F.abs(F.col(up_to)) + F.abs(F.col("_all_0"))).cast("decimal(38,0)")
    safe = F.when(divisor != F.lit(0), divisor)
    size = ((above - above % safe) / safe).cast("decimal(15,0)")
    signs = F.signum("_units") * F.signum(F.col(up_to)) * F.signum("_all_0")
    return F.when(signs < F.lit(0), -size).otherwise(size)


def _part() -> Column:
    total, unit = F.col("_least"), F.col("_unit")
    alone = F.when(F.col("_place") == F.lit(1), total.cast("string")).otherwise(F.lit("0"))
    part = ((F.col("_upper") - F.col("_lower")).cast("decimal(16,0)") * unit).cast("string")
    indivisible = F.coalesce((F.col("_units").cast("decimal(18,0)") * unit) != total, F.lit(True))
    return (
        F.when(F.col("_unread").isNotNull(), F.col("_unread"))
        .when(total.isNull(), F.lit(None).cast("string"))
        .when(total != F.col("_greatest"), F.concat_ws(" / ", total.cast("string"), F.col("_greatest").cast("string")))
        .when(indivisible, total.cast("string"))
        .otherwise(F.coalesce(part, alone))
    )
