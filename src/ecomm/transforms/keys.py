"""Keys in three forms: stage's text with lengths, the list of its parts, and the text that people write."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm.keys import BETWEEN


def pieces(key: Column, width: int) -> list[tuple[Column, Column]]:
    """The first `width` parts of stage's `key`, each with its length before it (`3:abc`) and without (`abc`)."""
    rest, found = key, []
    for _ in range(width):
        colon = F.instr(rest, ":")
        end = colon + F.substring(rest, F.lit(1), colon - 1).try_cast("int")
        found.append((F.substring(rest, F.lit(1), end), F.substring(rest, colon + 1, end - colon)))
        rest = F.substring(rest, end + 1, F.length(rest))
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
