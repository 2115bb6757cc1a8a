"""Orders that come in two files of a batch: their heads in one, their lines in the other, joined by order_id."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import FINDINGS, HEADER, LOOKS, OTHER_IDS, text, text_name

UNMATCHED = text_name("unmatched")
"""Why a record was not joined: the name of a rule, or `superseded`; NULL if it was."""
HEAD_ALONE, LINE_ALONE = "order_has_lines", "line_has_order"
_OWN = ("source_file", "file_sha256", "source_line", "malformed", LOOKS, OTHER_IDS)
_ARRAYS = ("absent_columns", "extra_columns", FINDINGS)


def joined(heads: Sequence[DataFrame], lines: DataFrame, superseded: str) -> DataFrame:
    """The lines of a batch, each with what the head of its order states; and the heads that were not joined.

    heads: the text rows of each file of heads, the earlier file first; lines: those of all files of lines; all have the
    same columns. What a line states itself counts. Of several heads of an order the one with the greatest
    updated_timestamp, then created_timestamp, then the last counts; the others are `superseded`. Columns are those of
    the lines, and UNMATCHED.
    """
    names = lines.columns
    known = _ranked(heads)
    is_header = F.coalesce(F.col(LOOKS) == F.lit(HEADER), F.lit(False))
    has_order = ~F.col("malformed") & ~is_header & text("order_id").isNotNull()
    heard = known.filter((F.col("_rank") == F.lit(1)) & has_order)
    stated = heard.select(*[F.col(n).alias(f"_head_{n}") for n in names])
    beside = lines.join(stated, text("order_id") == F.col(f"_head_{text_name('order_id')}"), "left")
    without = has_order & F.col("_head_source_line").isNull()
    whole = beside.select(
        *[_both(name).alias(name) for name in names], F.when(without, F.lit(LINE_ALONE)).alias(UNMATCHED)
    )
    ordered = lines.filter(text("order_id").isNotNull()).select(text("order_id").alias("_ordered")).distinct()
    left = known.join(ordered, text("order_id") == F.col("_ordered"), "left")
    why = F.when(has_order & (F.col("_rank") > F.lit(1)), F.lit(superseded)).when(
        has_order & F.col("_ordered").isNull(), F.lit(HEAD_ALONE)
    )
    alone = left.filter(~has_order | (F.col("_rank") > F.lit(1)) | F.col("_ordered").isNull())
    return whole.unionByName(alone.select(*names, why.alias(UNMATCHED)))


def _ranked(heads: Sequence[DataFrame]) -> DataFrame:
    """All heads, with their place among those of their order: 1 counts."""
    numbered = [frame.select("*", F.lit(number).alias("_file")) for number, frame in enumerate(heads)]
    together = reduce(DataFrame.unionByName, numbered)
    times = [canonical.timestamp(text(name), "UTC").desc_nulls_last() for name in _TIMES]
    latest = Window.partitionBy(text_name("order_id")).orderBy(
        *times, F.col("_file").desc(), F.col("source_line").desc()
    )
    return together.withColumn("_rank", F.row_number().over(latest))


_TIMES = ("updated_timestamp", "created_timestamp")


def _both(name: str) -> Column:
    """A column of a line with what its head states besides."""
    line, head = F.col(name), F.col(f"_head_{name}")
    if name in _OWN:
        return line
    if name == "ends":
        return line | F.coalesce(head, F.lit(False))
    if name == "absent_columns":
        return F.coalesce(F.array_intersect(line, head), line)
    if name in _ARRAYS:
        return F.coalesce(F.array_sort(F.array_union(line, head)), line)
    return F.coalesce(line, head)
