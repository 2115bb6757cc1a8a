"""The oracle's fold with deletes and complete snapshots: histories counted by hand from DESIGN.md, "The fold"."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import Batch, Mention, Settings, Snapshot, Statement, fold, run
from tests.oracle.settings import Delivery

Said = Statement | Mention | Snapshot


def at(day: int) -> datetime:
    return datetime(2025, 1, day, tzinfo=UTC)


def says(batch_id: str, day: int, price: str | None, product: str = "p", **more: Any) -> Statement:
    """The price of a product, or its end."""
    op = "D" if price is None else "U"
    stated = {} if price is None else {"price": Decimal(price)}
    return Statement(batch_id, at(day), op, {"product_id": product, **stated, **more})


def history(*said: Said, product: str = "p", columns: Sequence[str] = ()) -> list[tuple[Any, ...]]:
    """(from day, to day or None, price, columns ...) of a product's versions; the same for any order of arrival."""
    once: list[Any] = []
    for seed in range(5):
        arrived = list(said)
        random.Random(seed).shuffle(arrived)
        rows = fold(
            "products",
            [one for one in arrived if isinstance(one, Statement)],
            mentions=[one for one in arrived if isinstance(one, Mention)],
            snapshots=[one for one in arrived if isinstance(one, Snapshot)],
        )
        once.append(
            [
                (
                    row["effective_date"].day,
                    row["expiry_date"] and row["expiry_date"].day,
                    str(row["price"]),
                    *(row[name] for name in columns),
                )
                for row in rows
                if row["product_id"] == product
            ]
        )
    assert all(found == once[0] for found in once)
    found: list[tuple[Any, ...]] = once[0]
    return found


# -- deletes ---------------------------------------------------------------------------------------


def test_a_delete_ends_the_life() -> None:
    assert history(says("a", 1, "1.00"), says("b", 3, None)) == [(1, 3, "1.00")]


def test_a_delete_of_nothing_is_nothing() -> None:
    assert history(says("a", 1, None)) == []
    assert history(says("a", 1, None), says("b", 2, "1.00"), says("c", 3, None), says("d", 4, None)) == [(2, 3, "1.00")]


def test_a_new_life_carries_nothing_over() -> None:
    found = history(
        says("a", 1, "1.00", brand="Acme", stock_quantity=3),
        says("b", 3, None),
        says("c", 5, "1.00"),
        columns=["brand"],
    )
    assert found == [(1, 3, "1.00", "Acme"), (5, None, "1.00", None)]


def test_deleted_and_stated_at_one_instant() -> None:
    """One state an instant: the last position's. Equal and without a gap: one version, but a new life."""
    assert history(says("a", 1, "1.00"), says("b", 3, None), says("c", 3, "1.00")) == [(1, None, "1.00")]
    assert history(says("a", 1, "1.00"), says("b", 3, "2.00"), says("c", 3, None)) == [(1, 3, "1.00")]
    found = history(says("a", 1, "1.00", brand="Acme"), says("b", 3, None), says("c", 3, "1.00"), columns=["brand"])
    assert found == [(1, 3, "1.00", "Acme"), (3, None, "1.00", None)]


def test_a_late_delete() -> None:
    """It cuts the version that covers its instant; what came later begins a life of its own."""
    later = [says("a", 1, "1.00"), says("c", 5, "1.00"), says("d", 7, "2.00")]
    assert history(*later) == [(1, 7, "1.00"), (7, None, "2.00")]
    assert history(*later, says("b", 3, None)) == [(1, 3, "1.00"), (5, 7, "1.00"), (7, None, "2.00")]


# -- complete snapshots ----------------------------------------------------------------------------


def test_a_snapshot_ends_what_it_does_not_mention() -> None:
    said: list[Said] = [says("a", 1, "1.00"), says("b", 3, "5.00", "q"), Snapshot("b", at(3))]
    assert history(*said) == [(1, 3, "1.00")]
    assert history(*said, product="q") == [(3, None, "5.00")]
    assert history(*said[:2]) == [(1, None, "1.00")]  # not a snapshot: it says nothing of p


def test_a_version_ends_at_the_next_mention_or_the_next_snapshot() -> None:
    said: list[Said] = [
        says("a", 1, "1.00"),
        says("b", 4, "5.00", "q"),
        Snapshot("b", at(4)),
        says("c", 6, "6.00", "q"),
        Snapshot("c", at(6)),
        says("d", 8, "1.00"),
    ]
    assert history(*said) == [(1, 4, "1.00"), (8, None, "1.00")]
    assert history(*said, says("late", 3, "2.00")) == [(1, 3, "1.00"), (3, 4, "2.00"), (8, None, "1.00")]
    # mentioned between the snapshots, first seen before: each snapshot ends what stands there
    assert history(*said, says("late", 5, "2.00")) == [(1, 4, "1.00"), (5, 6, "2.00"), (8, None, "1.00")]


def test_a_snapshot_before_the_key_was_known() -> None:
    assert history(says("b", 1, "5.00", "q"), Snapshot("b", at(1)), says("a", 2, "1.00")) == [(2, None, "1.00")]


def test_a_rejected_row_is_a_mention() -> None:
    """H changes nothing, and does not let the key end."""
    snapshot: list[Said] = [says("b", 3, "5.00", "q"), Snapshot("b", at(3))]
    assert history(says("a", 1, "1.00"), *snapshot, Mention("b", ("p",))) == [(1, None, "1.00")]
    assert history(says("a", 1, "1.00"), *snapshot, Mention("other", ("p",))) == [(1, 3, "1.00")]
    assert history(*snapshot, Mention("b", ("p",))) == []


def test_stated_beats_rejected() -> None:
    said: list[Said] = [says("a", 1, "1.00"), says("b", 3, "2.00"), Snapshot("b", at(3)), Mention("b", ("p",))]
    assert history(*said) == [(1, 3, "1.00"), (3, None, "2.00")]


@pytest.mark.parametrize(
    ("first", "second", "versions"),
    [
        # the last position's state stands; the first one's absence ended the life
        (None, "2.00", [(1, 3, "1.00", "Acme"), (3, None, "2.00", None)]),
        ("2.00", None, [(1, 3, "1.00", "Acme")]),
        (None, None, [(1, 3, "1.00", "Acme")]),
        ("2.00", "2.00", [(1, 3, "1.00", "Acme"), (3, None, "2.00", "Acme")]),
    ],
)
def test_two_snapshots_at_one_instant(first: str | None, second: str | None, versions: list[Any]) -> None:
    said: list[Said] = [says("0", 1, "1.00", brand="Acme")]
    for batch_id, price in (("A", first), ("a", second)):  # bytewise: A before a
        said += [Snapshot(batch_id, at(3)), says(batch_id, 3, "5.00", "q")]
        if price is not None:
            said.append(says(batch_id, 3, price))
    assert history(*said, columns=["brand"]) == versions


def test_a_scope_bounds_what_a_snapshot_speaks_of() -> None:
    """`absence_scope = ["warehouse_location"]`: a file of one warehouse ends nothing in another."""

    def bin_says(batch_id: str, day: int, warehouse: str, bin_: str) -> Statement:
        where = {"product_id": "p", "warehouse_location": warehouse, "location": bin_, "stock_quantity": 1}
        return Statement(batch_id, at(day), "U", where)

    first = [bin_says("a", 1, "East", "1"), bin_says("a", 1, "East", "2"), bin_says("a", 1, "West", "1")]
    rows = fold(
        "inventory",
        [*first, bin_says("b", 3, "East", "1")],
        snapshots=[Snapshot("a", at(1)), Snapshot("b", at(3))],
        scope=["warehouse_location"],
    )
    ended = [(r["warehouse_location"], r["location"], r["expiry_date"]) for r in rows]
    assert ended == [("East", "1", None), ("East", "2", at(3)), ("West", "1", None)]
    # a rejected row of West mentions that partition
    rows = fold(
        "inventory",
        [*first, bin_says("b", 3, "East", "1")],
        mentions=[Mention("b", ("x", "West", "1"))],
        snapshots=[Snapshot("b", at(3))],
        scope=["warehouse_location"],
    )
    assert [row["is_current"] for row in rows] == [True, False, False]


def test_the_movement_reaches_over_a_gap() -> None:
    def bin_says(batch_id: str, day: int, stock: int, product: str = "p") -> Statement:
        return Statement(batch_id, at(day), "U", {"product_id": product, "stock_quantity": stock})

    rows = fold(
        "inventory",
        [bin_says("a", 1, 5), bin_says("b", 3, 1, "q"), bin_says("c", 4, 5), bin_says("d", 5, 2)],
        snapshots=[Snapshot("b", at(3))],
    )
    moved = [(r["effective_date"].day, r["quantity_change"], r["movement"]) for r in rows if r["product_id"] == "p"]
    assert moved == [(1, None, None), (4, 0, "NONE"), (5, -3, "OUT")]


def test_a_composite_key_of_orders() -> None:
    """Setting `key`: a line an order and product."""
    line = {"order_id": "1", "customer_id": "c", "order_date": at(1).date(), "order_amount": Decimal("1.00")}
    rows = fold(
        "orders",
        [Statement(b, at(d), "U", line | {"product_id": p}) for b, d, p in [("a", 1, "p"), ("b", 2, "q")]],
        key=("order_id", "product_id"),
    )
    assert [(row["product_id"], row["effective_date"].day, row["is_current"]) for row in rows] == [
        ("p", 1, True),
        ("q", 2, True),
    ]


# What each of two batches a day says of p: a price, its end, nothing, nothing in a snapshot, a rejected row in one.
DAYS = [(day, letter) for day in range(1, 6) for letter in "Aa"]
EACH = st.sampled_from(["1.00", "2.00", "delete", "nothing", "absent", "rejected"])


@given(st.lists(EACH, min_size=len(DAYS), max_size=len(DAYS)))
@settings(max_examples=200, deadline=None)
def test_a_version_stands_from_what_opened_it_to_what_ends_it(actions: list[str]) -> None:
    """At every instant: the price last stated, unless the key ended since; a rejected row changes nothing."""
    said: list[Said] = []
    stands: dict[int, str | None] = {}
    now: str | None = None
    for (day, letter), action in zip(DAYS, actions, strict=True):
        batch_id = f"{letter}{day}"
        if action in ("absent", "rejected"):
            said += [Snapshot(batch_id, at(day)), says(batch_id, day, "5.00", "q")]
        if action == "rejected":
            said.append(Mention(batch_id, ("p",)))
        elif action in ("delete", "absent"):
            now = None
            said += [says(batch_id, day, None)] if action == "delete" else []
        elif action != "nothing":
            now = action
            said.append(says(batch_id, day, action))
        stands[day] = now
    versions = history(*said)
    for day, price in stands.items():
        found = [known for begun, ended, known in versions if begun <= day and (ended is None or day < ended)]
        assert found == ([] if price is None else [price])
    for before, after in itertools.pairwise(versions):
        assert before[1] < after[0] or before[2] != after[2]


# -- from files ------------------------------------------------------------------------------------

CLOSE = Settings(sources={"customers": Delivery(absence="close")})


def customers(batch_id: str, day: int, *lines: str) -> Batch:
    content = "\n".join(["customer_id,city", *lines]) + "\n"
    return Batch(batch_id, at(day), {"customers": {f"{batch_id}.csv": content.encode()}})


@pytest.mark.parametrize(
    ("lines", "ended"),
    [
        (["d,Bonn"], True),
        (["d,Bonn", "c 1,Bonn"], False),  # no key at all: nobody knows which one it meant
        (["d,Bonn", ",Bonn"], False),  # whose key may be c's
        (["d,Bonn", "c,too,many"], False),
        ([], False),  # no record at all
    ],
)
def test_when_files_are_a_complete_snapshot(lines: list[str], ended: bool) -> None:
    both = [customers("a", 1, "c,Cork"), customers("b", 3, *lines)]
    [version] = [row for row in run(both, CLOSE).targets["customers"] if row["customer_id"] == "c"]
    assert version["expiry_date"] == (at(3) if ended else None)
    [version] = [row for row in run(both).targets["customers"] if row["customer_id"] == "c"]
    assert version["is_current"]  # `absence = keep`


def test_a_rejected_row_in_a_file_is_a_mention() -> None:
    prices = "product_id,price\n{}\n"
    said = [
        Batch("a", at(1), {"products": {"a.csv": prices.format("p,1\nq,1").encode()}}),
        Batch("b", at(2), {"products": {"b.csv": prices.format("p,-1").encode()}}),
    ]
    rows = run(said, Settings(sources={"products": Delivery(absence="close")})).targets["products"]
    assert [(row["product_id"], row["expiry_date"]) for row in rows] == [("p", None), ("q", at(2))]


def test_analytics_see_the_gap() -> None:
    """A customer who ended is no customer then, but is again as at an earlier as-of."""
    result = run([customers("a", 1, "c,Cork", "d,Bonn"), customers("b", 3, "d,Bonn")], CLOSE)
    assert [row["customers"] for row in result.analytics_summary] == [2, 1]
    assert [row["customer_id"] for row in result.customer_analytics] == ["d"]
