"""Small CSV files of people and spreadsheets, against Python's reader where that one can read them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecomm.batches import corrections, handwritten, rates
from ecomm.batches.corrections import Rejected
from ecomm.errors import UsageError
from ecomm.settings import load

CELLS = st.text(st.sampled_from("ab \t,;'\"\r\n\0\ufeff\u2028é=-"), max_size=6)
PLACE = ("orders", "b1", "0" * 64)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=5), st.sampled_from(",;\t"))
def test_what_a_writer_writes(rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    assert [cells for _, cells in handwritten.records(text.getvalue(), delimiter)] == rows


def test_a_broken_quote_costs_one_line() -> None:
    assert [*handwritten.records('a,b\n"x"y,1\n\n"c\nd",2\r\ne,3')] == [
        (1, ["a", "b"]),
        (2, None),
        (4, ["c\nd", "2"]),
        (6, ["e", "3"]),
    ]


@given(st.dictionaries(st.integers(1, 999), st.tuples(CELLS, CELLS), max_size=5))
def test_an_export_is_read_as_it_was_written(said: dict[int, tuple[str, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        written: list[bytes] = []
        patch.setattr(Path, "write_bytes", lambda _, data: written.append(data))
        records = [
            Rejected((*PLACE, line), "f.csv", ["a_rule"], {"one": one, "two": other}, 'half "of')
            for line, (one, other) in said.items()
        ]
        corrections.write(Path("out.csv"), records)
        patch.setattr(Path, "read_bytes", lambda _: written[0])
        read = corrections.read(Path("out.csv"))
    assert not read.problems
    assert read.records == {(*PLACE, line): {"one": one, "two": two} for line, (one, two) in said.items()}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfea", "not UTF-8; save it as CSV UTF-8"),
        (b"a,b\n1,2\n", "its first columns must be _source"),
        (b"", "its first columns must be _source"),
        (b"_source,_batch_id\rorders,b1\r", "its lines end with CR alone"),
    ],
)
def test_what_is_no_export(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(UsageError, match=told):
        corrections.read(tmp_path / "mine.csv")


@pytest.mark.parametrize("cell", ["x" * 200_000, '"x'])
def test_rates_with_such_a_cell_are_refused_in_one_sentence(cell: str, tmp_path: Path) -> None:
    settings = load(landing=tmp_path, warehouse=tmp_path / "w")
    (tmp_path / settings.rates_file).write_text(f"currency,valid_from,rate\nEUR,2025-01-01,{cell}\n")
    with pytest.raises(UsageError, match=r"line 2: (rate is .{1,120}; write|its quotes are broken)") as said:
        rates.read(settings)
    assert len(str(said.value)) < 400
