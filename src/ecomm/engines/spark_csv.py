"""A large CSV file by Spark's own reader, on all machines of a cluster, as the landing would give it.

Only for a file that has been looked over (batches/survey.py): its quotes, line ends and bytes are regular.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecomm.errors import StorageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def read(
    spark: SparkSession, uri: str, into: str, width: int, delimiter: str, *, multiline: bool, most_fields: int
) -> tuple[DataFrame, int] | None:
    """The records of a file, and their number; None if the engine does not see the file.

    uri: the file. into: a folder that takes what was read. multiline: records hold newlines. most_fields: no record
    has more.
    Columns: source_line (1 = the first record after the header), raw_line (only of a record with another number of
    fields than `width`), c0, c1, ... (NULL in such a record; an empty cell is empty text). Spark numbers nothing: a
    record's number is how many are in the parts of the file before its own, and its place there.
    Raises StorageError if the parts are not what that needs.
    """
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as F

    cells = [f"c{i}" for i in range(width)]
    frame = (
        spark.read.schema(", ".join(f"{name} string" for name in (*cells, "raw_line")))
        .option("header", True)
        .option("sep", delimiter)
        .option("escape", '"')
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", "raw_line")
        .option("multiLine", multiline)
        .option("maxColumns", most_fields)
        .option("ignoreLeadingWhiteSpace", False)
        .option("ignoreTrailingWhiteSpace", False)
        .csv(uri)
    )
    # Sail has no input_file_*: such names stay within engines (docs/parity.md, E7), and only Spark comes here.
    begins, place = F.input_file_block_start().alias("begins"), F.monotonically_increasing_id().alias("place")
    try:
        frame.select(begins, place, "raw_line", *cells).write.mode("overwrite").parquet(into)
    except AnalysisException as error:
        if error.getCondition() == "PATH_NOT_FOUND":
            return None
        raise
    found = spark.read.parquet(into)
    parts = found.groupBy("begins").agg(F.min("place").alias("first"), F.max("place").alias("last"), F.count("*"))
    before, numbers = 0, dict[int, int]()
    for begins_at, first, last, rows in sorted(tuple(row) for row in parts.collect()):
        if last - first + 1 != rows:
            raise StorageError(f"{uri}: the engine read the part at byte {begins_at} in pieces; nothing was written.")
        numbers[begins_at] = before + 1 - first
        before += rows
    line = F.col("place") + F.element_at(
        F.create_map(*[F.lit(n) for pair in (numbers or {0: 0}).items() for n in pair]), F.col("begins")
    )
    whole = F.col("raw_line").isNull()
    return found.select(
        line.alias("source_line"),
        F.regexp_replace("raw_line", r"\r?\n\z", "").alias("raw_line"),
        *[F.when(whole, F.coalesce(c, F.lit(""))).alias(c) for c in cells],
    ), before
