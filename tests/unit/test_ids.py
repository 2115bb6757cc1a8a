"""Ids as they are compared: two that look equal are one, and ids of ASCII cost nothing."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ecomm.batches.reading import ids
from ecomm.keys import compared
from tests.oracle.values import as_id

ODD = "e\u0301éaé\u200c\u200d\u200e\u200f\u00ad\u034f\u2060\ufeff\u200b\u00a0 -1ب日"
ODD += "\u1112\u1161\u11ab\u212a\u0323\u0327\U000e0041\ufe0f"
TEXTS = st.text(st.sampled_from(ODD), max_size=8) | st.text(max_size=8)


@given(TEXTS)
def test_an_id_is_what_the_oracle_says(text: str) -> None:
    assert compared(text) == as_id(text)


@given(TEXTS)
def test_it_stays_what_it_is(text: str) -> None:
    """Once compared it is not changed again; nor does it matter in which form it came."""
    assert compared(compared(text)) == compared(text)
    assert compared(unicodedata.normalize("NFD", text)) == compared(text)
    assert compared("".join(f"{c}\u2060" for c in text)) == compared(text)


@given(st.lists(st.tuples(TEXTS | st.none(), TEXTS), max_size=6), st.sets(st.sampled_from([0, 1])))
def test_records(rows: list[tuple[str | None, str]], places: set[int]) -> None:
    """The cells of ids are as they are compared, and as delivered beside, where that is other; other cells stay."""
    piece = pa.table({f"c{i}": pa.array([row[i] for row in rows], pa.string()) for i in (0, 1)})
    said = ids.as_compared(piece, sorted(places)).to_pylist()
    for row, got in zip(rows, said, strict=True):
        for i in (0, 1):
            cell = row[i]
            plain = cell if cell is None or i not in places else as_id(cell)
            assert got[f"c{i}"] == plain
            assert got.get(f"d{i}") == (None if cell == plain else cell)


def test_look_alikes_are_one() -> None:
    same = [
        "Ångström-1",
        "A\u030angstro\u0308m-1",
        "\u200fÅngström-1\u200e",
        "Ång\u00adström\u2060-1",
        "\u212bngström-1",
    ]
    assert {compared(text) for text in same} == {same[0]}
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert compared(persian) == persian  # the joiner shows: without it the word looks different
    assert compared("\u200cA\u200d1\u200c") == "A1"
