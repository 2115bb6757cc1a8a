"""Keys in their three forms say the same, on the engine and in Python."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F

from ecomm.engines import Engine
from ecomm.keys import parts_of, prefixed_parts, without_empty_end, written
from ecomm.transforms import keys
from tests.oracle import values as v

IDS = st.text(
    st.characters(codec="utf-8", exclude_characters=" \t\n\r", exclude_categories=("Cs", "Cc", "Zs")), max_size=5
)
LAST = st.sampled_from(["", "Halle 2", "a / b", "/", "1:x", "Größe"])


@given(first=IDS.filter(bool), middle=IDS, last=LAST)
def test_there_and_back(first: str, middle: str, last: str) -> None:
    """Where only the last part has blanks inside, the written form tells the parts apart."""
    parts = [first, middle, last]
    assert prefixed_parts(v.key_text(parts)) == v.key_parts(v.key_text(parts)) == parts
    assert written(parts) == v.written_key(parts)
    assert parts_of(written(parts), 3) == without_empty_end(parts)


@pytest.mark.every_engine
def test_the_engine_agrees(engine: Engine) -> None:
    rows = [["O34", "", ""], ["O34", "", "R1"], ["P1", "Halle /2", ""], ["1:x", "Größe", "a / b"], ["😀", "x", ""]]
    frame = engine.spark.createDataFrame([(v.key_text(row),) for row in rows] + [(None,)], "key string")
    said = keys.with_parts(frame, 3).select(
        "key", "key_parts", keys.written(F.col("key_parts")).alias("text"), keys.prefixed("abc").alias("back")
    )
    got = [tuple(row) for row in said.collect()]
    wanted = [(v.key_text(row), row, v.written_key(row), v.key_text(row)) for row in rows]
    assert got == [*wanted, (None, None, None, None)]
