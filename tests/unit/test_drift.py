"""Columns that disappear: which are found, how loud, and what a person reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecomm.batches import drift
from ecomm.batches.entry import Entry, FileEntry
from ecomm.contract import Header, Severity, Source
from ecomm.delivery import Computed, Delivery, Shape
from ecomm.headers import match_header
from ecomm.sources import SOURCES
from ecomm.tables import reserved
from tests.oracle import drift as oracle

DAY = datetime(2026, 9, 1, tzinfo=UTC)
NEEDED = ["order_id", "customer_id", "product_id", "order_date", "order_amount"]


def orders(**delivery: Any) -> Source:
    return SOURCES["orders"].of_shop(Delivery(**delivery), {})


def header(source: Source, names: list[str], file: str = "o.csv") -> Header:
    return match_header(source, source.delivery.shape_of(file), names, file, reserved("orders"))


def entry(source: Source, batch: str, day: int, files: dict[str, list[str]], rows: int = 1) -> Entry:
    """A published batch with files of these headers."""
    kept = [
        FileEntry(source.name, f, "0" * 64, 1, rows, columns=drift.columns_of(source, header(source, names, f)))
        for f, names in files.items()
    ]
    return Entry("PUBLISH", batch_id=batch, as_of=DAY + timedelta(days=day), revision=day, files=tuple(kept))


def found(
    source: Source, names: list[str], *before: Entry, file: str = "o.csv", batch: str = "now"
) -> list[drift.Lost]:
    this = entry(source, batch, 20, {file: names})
    live = {str(e.batch_id): e for e in before}
    return drift.lost(source, [(this.files[0], header(source, names, file))], live, (this.as_of or DAY, batch.encode()))


def test_a_renamed_column_is_found_with_its_successor() -> None:
    source = orders()
    (one,) = found(source, [*NEEDED, "Order Status"], entry(source, "d1", 1, {"o.csv": [*NEEDED, "order_status"]}))
    assert (one.column, one.severity, one.successor) == ("order_status", Severity.MEDIUM, "Order Status")
    assert one.sentence == (
        "o.csv lacks the column order_status, which batch d1 had; the new column Order Status is probably its "
        'successor: set order_status = ["order_status", "Order Status"] in [sources.orders.columns], '
        "then `ecomm replay --from now --settings now`."
    )


def test_a_column_that_the_settings_name_is_loud_in_the_first_batch_too() -> None:
    source = orders(columns={"order_status": ("State", "Status")})
    (one,) = found(source, [*NEEDED, "Zustand"])
    assert (one.severity, one.before, one.successor) == (Severity.HIGH, None, "Zustand")
    assert "lacks the column State or Status (for order_status), which the settings name" in one.sentence
    assert 'set order_status = ["State", "Status", "Zustand"] in [sources.orders.columns]' in one.sentence
    assert found(source, [*NEEDED, "status"]) == []
    assert found(source, [*NEEDED, "order_status"]) == [], "the contract's own name does as well"


@pytest.mark.parametrize(
    ("delivery", "column", "said"),
    [
        ({"delete_column": "gone"}, "delete_column", "set delete_column ="),
        ({"fill_down": ("order_status",)}, "order_status", "set order_status ="),
        ({"columns": {"discount": Computed(product=("qty", "each"))}}, "discount", "correct discount in"),
    ],
)
def test_whatever_the_settings_name_counts(delivery: dict[str, Any], column: str, said: str) -> None:
    (one,) = found(orders(**delivery), [*NEEDED, "other"])
    assert (one.column, one.severity) == (column, Severity.HIGH)
    assert said in one.sentence


def test_a_column_that_a_file_may_lack() -> None:
    """An empty name in its list says so; a batch that had it makes its loss a finding all the same."""
    source = orders(columns={"currency": ("Order Currency", "")})
    assert found(source, [*NEEDED, ""]) == []
    (one,) = found(source, NEEDED, entry(source, "d1", 1, {"o.csv": [*NEEDED, "Order Currency"]}))
    assert (one.column, one.severity) == ("currency", Severity.MEDIUM)


def test_what_the_settings_name_and_nothing_succeeds_says_what_to_do() -> None:
    (one,) = found(orders(columns={"order_status": "State"}), NEEDED)
    assert one.sentence == (
        "o.csv lacks the column State (for order_status), which the settings name; correct the settings, or take it "
        "out of them."
    )


def test_a_constant_needs_no_column() -> None:
    assert found(orders(columns={"currency": Computed(constant="EUR")}), NEEDED) == []


def test_an_extra_column_may_disappear_too() -> None:
    source = orders()
    (one,) = found(source, NEEDED, entry(source, "d1", 1, {"o.csv": [*NEEDED, "Gift wrap"]}))
    assert (one.column, one.severity, one.sentence) == (
        "gift_wrap",
        Severity.MEDIUM,
        "o.csv lacks the column gift_wrap, which batch d1 had.",
    )


def test_several_columns_of_a_file_are_one_sentence() -> None:
    source = orders()
    losses = found(source, NEEDED, entry(source, "d1", 1, {"o.csv": [*NEEDED, "currency", "order_status"]}))
    assert drift.meaning(losses) == "o.csv lacks the columns currency, order_status, which batch d1 had."


def test_two_new_columns_are_no_guess() -> None:
    source = orders()
    (one,) = found(source, [*NEEDED, "x", "y"], entry(source, "d1", 1, {"o.csv": [*NEEDED, "order_status"]}))
    assert one.successor is None


def test_one_new_column_succeeds_one_lost_one_alone() -> None:
    """Of two lost columns nobody knows which one the new column succeeds, unless one of them bears its name."""
    source = orders()
    before = entry(source, "d1", 1, {"o.csv": [*NEEDED, "currency", "order_status"]})
    assert [one.successor for one in found(source, [*NEEDED, "x"], before)] == [None, None]
    named = {one.column: one.successor for one in found(source, [*NEEDED, "Order-Status"], before)}
    assert named == {"currency": None, "order_status": "Order-Status"}


def test_only_files_of_the_same_shape_are_compared() -> None:
    shape = Shape(files=("pos*.csv",), columns={"order_amount": "Total"})
    source = orders(shapes={"pos": shape})
    web = entry(source, "d1", 1, {"web.csv": [*NEEDED, "order_status"]})
    pos = [*NEEDED[:4], "Total"]
    assert found(source, pos, web, file="POS1.csv") == []
    till = entry(source, "d0", 0, {"pos.csv": [*pos, "payment_method"]})
    (one,) = found(source, [*pos, "Pay"], web, till, file="pos1.csv")
    assert (one.column, one.before) == ("payment_method", "d0")
    assert "[sources.orders.shapes.pos.columns]" in one.sentence


def test_an_empty_file_is_no_last_batch() -> None:
    source = orders()
    first = entry(source, "d1", 1, {"o.csv": [*NEEDED, "order_status"]})
    empty = entry(source, "d2", 2, {"o.csv": NEEDED}, rows=0)
    assert [one.before for one in found(source, NEEDED, first, empty)] == ["d1"]


COLUMNS = st.lists(st.sampled_from(["order_status", "currency", "tax", "gift", "note"]), unique=True)
FILES = st.lists(st.tuples(COLUMNS, st.integers(0, 2)), min_size=1, max_size=3)


@given(
    batches=st.lists(st.tuples(st.integers(0, 5), FILES), min_size=1, max_size=5),
    named=st.sets(st.sampled_from(["order_status", "tax"])),
)
def test_any_batches(batches: list[tuple[int, list[tuple[list[str], int]]]], named: set[str]) -> None:
    source = orders(columns={name: name for name in named})
    ours, theirs = [], []
    for number, (day, files) in enumerate(batches):
        as_of, batch = DAY + timedelta(days=day), f"b{number}"
        entries = {f"f{i}.csv": [*NEEDED, *extra] for i, (extra, _) in enumerate(files)}
        made = entry(source, batch, day, entries)
        kept = tuple(replace(f, rows_read=rows) for f, (_, rows) in zip(made.files, files, strict=True))
        ours.append((replace(made, files=kept), entries))
        columns = tuple(oracle.File(f.name, frozenset(f.columns), f.rows_read) for f in kept)
        theirs.append(oracle.Delivered(batch, as_of, columns))
    (this, names), *others = ours
    losses = drift.lost(
        source,
        [(f, header(source, names[f.name], f.name)) for f in this.files],
        {str(e.batch_id): e for e, _ in others},
        (this.as_of or DAY, str(this.batch_id).encode()),
    )
    assert {(one.file, one.column, str(one.severity)) for one in losses} == oracle.disappeared(
        theirs[0], theirs[1:], named
    )
