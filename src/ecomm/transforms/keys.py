"""Keys in three forms: stage's text with lengths, the list of its parts, and the text that people write."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm.keys import BETWEEN

_TO_THE_END = 2**30
"""More characters than a key has."""


def taken_apart(rows: DataFrame, width: int) -> DataFrame:
    """Add `_piece_0`, `_piece_1` ...: the first `width` parts of stage's `key`, each with its length (`3:abc`).

    What is left of the key is a column after each part: one expression for all parts would grow by the power of their
    number, for it names the rest three times a part.
    """
    rows = rows.withColumns({"_rest": F.col("key")})
    for place in range(width):
        digits = F.substring_index("_rest", ":", 1)
        rows = rows.withColumns({"_end": F.length(digits) + F.lit(1) + digits.try_cast("int")})
        piece = F.substring(F.col("_rest"), F.lit(1), F.col("_end"))
        rest = F.substring(F.col("_rest"), F.col("_end") + F.lit(1), F.lit(_TO_THE_END))
        rows = rows.withColumns({f"_piece_{place}": piece, "_rest": rest})
    return rows


def with_parts(rows: DataFrame, width: int) -> DataFrame:
    """Add `key_parts`: the parts of stage's `key` as a list; NULL where the key is."""
    names = [f"_piece_{place}" for place in range(width)]
    parts = [
        F.substring(F.col(n), F.length(F.substring_index(n, ":", 1)) + F.lit(2), F.lit(_TO_THE_END)) for n in names
    ]
    apart = taken_apart(rows, width).withColumns({"key_parts": F.when(F.col("key").isNotNull(), F.array(*parts))})
    return apart.drop(*names, "_rest", "_end")


def prefixed(names: Sequence[str], of: str = "key_parts") -> Column:
    """Stage's `key` from the list of its parts; NULL where the list is."""
    found = [F.get(of, F.lit(i)) for i in range(len(names))]
    return F.concat(*[F.concat(F.length(part).cast("string"), F.lit(":"), part) for part in found])


def written(of: Column) -> Column:
    """A list of parts as people write a key: ` / ` between them, empty ones at the end left out."""
    return F.regexp_replace(F.array_join(of, BETWEEN), rf"({BETWEEN})+\z", "")
