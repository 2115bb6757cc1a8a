"""Keys in three forms: stage's text with lengths, the list of its parts, and the text that people write."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm.keys import BETWEEN

_TO_THE_END = 2**30
"""More characters than a key has."""


def pieces(key: Column, width: int) -> list[tuple[Column, Column]]:
    """The first `width` parts of stage's `key`, each with its length before it (`3:abc`) and without (`abc`)."""
    rest, found = key, []
    for _ in range(width):
        # A plan has all of `rest` wherever it stands here, three times a part: what is one more grows by the power.
        digits = F.substring_index(rest, ":", 1)
        length, start = digits.try_cast("int"), F.length(digits) + F.lit(2)
        end = start + length - F.lit(1)
        found.append((F.substring(rest, F.lit(1), end), F.substring(rest, start, length)))
        rest = F.substring(rest, end + F.lit(1), F.lit(_TO_THE_END))
    return found


def parts(key: Column, width: int) -> Column:
    """The parts of stage's `key` as a list; NULL where the key is."""
    return F.when(key.isNotNull(), F.array(*[part for _, part in pieces(key, width)]))


def prefixed(names: Sequence[str], of: str = "key_parts") -> Column:
    """Stage's `key` from the list of its parts; NULL where the list is."""
    found = [F.get(of, F.lit(i)) for i in range(len(names))]
    return F.concat(*[F.concat(F.length(part).cast("string"), F.lit(":"), part) for part in found])


def written(of: Column) -> Column:
    """A list of parts as people write a key: ` / ` between them, empty ones at the end left out."""
    return F.regexp_replace(F.array_join(of, BETWEEN), rf"({BETWEEN})+\z", "")
