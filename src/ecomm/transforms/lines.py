"""Which line of an order a record is, and which refund: the parts of the key besides order_id, as texts."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Reading, Source, text, text_name
from ecomm.delivery import LINE_SEPARATOR


def combined(cells: Sequence[Column]) -> Column:
    """The line_id that is made of several trimmed cells; NULL if all of them are empty.

    A separator inside a cell is marked by a backslash, so that two combinations never give the same text.
    """
    marked = [_marked(F.coalesce(cell, F.lit(""))) for cell in cells]
    return F.when(F.coalesce(*cells).isNotNull(), F.concat_ws(LINE_SEPARATOR, *marked))


def _marked(cell: Column) -> Column:
    return F.replace(F.replace(cell, F.lit("\\"), F.lit("\\\\")), F.lit(LINE_SEPARATOR), F.lit(f"\\{LINE_SEPARATOR}"))


def numbered(rows: DataFrame) -> DataFrame:
    """The rows of one file with line_id = the record's number within its order; NULL without an order_id."""
    of_order = Window.partitionBy(text_name("order_id")).orderBy("source_line")
    number = F.row_number().over(of_order).cast("string")
    return rows.withColumn(text_name("line_id"), F.when(text("order_id").isNotNull(), number))


def refunded(rows: DataFrame, source: Source, reading: Reading) -> DataFrame:
    """The rows of a batch with a refund_id where the amount is negative, and with none elsewhere.

    It is the file's own; else the row's own instant, created_timestamp or what order_date states; else the day of
    order_date with the record's number among those of its line and day in its file.
    """
    zone = reading.shop.source_timezone
    instant = F.coalesce(
        canonical.timestamp(text("created_timestamp"), zone),
        F.when(canonical.date(text("order_date")).isNull(), canonical.timestamp(text("order_date"), zone)),
    )
    written = F.concat(F.translate(instant.cast("string"), " ", "T"), F.lit("Z"))
    day = F.substring(text("order_date"), 1, len("2025-01-31"))
    amount = canonical.amount(text("order_amount"), source.has_thousandths(reading.shop))
    is_refund = F.coalesce(amount < 0, F.lit(False))
    line = (text_name("order_id"), text_name("line_id"))
    of_line = Window.partitionBy("source_file", *line, text_name("order_date"), is_refund).orderBy("source_line")
    by_place = F.concat(day, F.lit("#"), F.row_number().over(of_line).cast("string"))
    named = F.coalesce(text("refund_id"), written, by_place)
    return rows.withColumn(text_name("refund_id"), F.when(is_refund, named))
