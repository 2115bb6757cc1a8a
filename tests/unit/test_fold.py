"""The fold: from what batches state of a key to the versions of its target.

All histories of a test are folded at once, each under its own key; each must come out as if it were alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.contract import Source
from ecomm.engines import Engine
from ecomm.sources import SOURCES
from ecomm.tasks.change_set import measured
from ecomm.transforms import fold as folding
from ecomm.transforms import relations
from tests.oracle import Row, Statement
from tests.oracle import fold as oracle_fold
from tests.oracle import sources as oracle
from tests.oracle import values as v

pytestmark = pytest.mark.every_engine

EXTRAS = ["note"]
History = list[Statement]


def day(number: float) -> datetime:
    """An instant: so many days after the beginning of 2025."""
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)


def states(batch_id: str, on: float, op: str = "U", **said: Any) -> Statement:
    """A statement whose header had only these columns (and the key's)."""
    return Statement(batch_id, day(on), op, said)


def whole(source: str, batch_id: str, on: float, **said: Any) -> Statement:
    """A statement whose header had every column: what is not given is NULL."""
    return Statement(batch_id, day(on), "U", dict.fromkeys(oracle.SOURCES[source].contract) | said)


def keyed(source: str, key: Sequence[str], history: Iterable[Statement]) -> History:
    """The same statements of a key."""
    return [s._replace(values=s.values | dict(zip(oracle.SOURCES[source].key, key, strict=True))) for s in history]


def frame(engine: Engine, source: Source, statements: Iterable[Statement], extras: Sequence[str]) -> DataFrame:
    """Statements as stage holds them."""
    contract = oracle.SOURCES[source.name]
    rows = []
    for s in statements:
        stored = oracle.with_defaults(contract, s.values, "USD")
        rows.append(
            [stored[c.name] for c in source.stored]
            + [s.values.get(e) for e in extras]
            + [contract.key_of(stored), s.batch_id, s.as_of, s.op, v.row_hash(stored[n] for n in contract.tracked)]
            + [[c for c in contract.in_header if c not in s.values], [e for e in extras if e in s.values]]
        )
    columns = [f"{c.name} {c.type}" for c in source.stored] + [f"{e} string" for e in extras]
    columns += ["key string", "batch_id string", "as_of timestamp", "op string", "row_hash string"]
    return engine.spark.createDataFrame(
        rows, ", ".join([*columns, "absent_columns array<string>", "extra_columns array<string>"])
    )


def target_columns(source: Source, extras: Sequence[str]) -> list[str]:
    """The columns of a target."""
    made = ["effective_date", "expiry_date", "is_current", "row_hash", "batch_id"]
    return [*(c.name for c in source.stored), *(f.name for f in source.version_fields), *extras, *made]


def rows_of(data: DataFrame) -> list[Row]:
    """A frame's rows; instants by way of microseconds, for `collect` shifts by the process's zone."""
    instants = [f.name for f in data.schema.fields if f.dataType.simpleString() == "timestamp"]
    micros = data.withColumns({name: F.unix_micros(name) for name in instants})
    rows = [row.asDict() for row in micros.collect()]
    for row in rows:
        row |= {n: None if row[n] is None else v.EPOCH + timedelta(microseconds=row[n]) for n in instants}
    return rows


def folded(engine: Engine, name: str, statements: Iterable[Statement], extras: Sequence[str] = ()) -> DataFrame:
    """The fold of statements: a target's rows."""
    source = SOURCES[name]
    stage = frame(engine, source, statements, extras)
    carried = sorted(r["name"] for r in folding.lacking(stage, extras).collect())
    return folding.fold(stage, source, extras, carried).select(*target_columns(source, extras))


def ordered(source: str, rows: Iterable[Row]) -> list[Row]:
    key = oracle.SOURCES[source].key
    return sorted(rows, key=lambda r: ([r[k] for k in key], r["effective_date"]))


def fold(
    engine: Engine, source: str, histories: Mapping[str, Iterable[Statement]], extras: Sequence[str] = ()
) -> dict[str, list[Row]]:
    """Name of a history -> its versions; the oracle must say the same."""
    statements = [s for name, history in histories.items() for s in keyed(source, key_of(source, name), history)]
    rows = ordered(source, rows_of(folded(engine, source, statements, extras)))
    wanted = ordered(source, oracle_fold(source, statements, extras=extras))
    assert [sorted(r.items(), key=str) for r in rows] == [sorted(r.items(), key=str) for r in wanted]
    names = {tuple(key_of(source, name)): name for name in histories}
    found: dict[str, list[Row]] = {name: [] for name in histories}
    for row in rows:
        found[names[tuple(row[k] for k in oracle.SOURCES[source].key)]].append(row)
    return found


def key_of(source: str, name: str) -> list[str]:
    """A key whose first part is the history's name."""
    return [name, "W", "A"][: len(oracle.SOURCES[source].key)]


def told(rows: Iterable[Row], *columns: str) -> list[tuple[Any, ...]]:
    """(from, to, opened by, the columns) of each version; instants as days."""

    def number(instant: datetime | None) -> float | None:
        return None if instant is None else (instant - day(0)) / timedelta(days=1)

    return [
        (number(r["effective_date"]), number(r["expiry_date"]), r["batch_id"], *[r[c] for c in columns]) for r in rows
    ]


# -- versions ----------------------------------------------------------------------------------------


def customer(batch_id: str, on: float, **said: Any) -> Statement:
    return whole("customers", batch_id, on, **said)


def ends(batch_id: str, on: float) -> Statement:
    return Statement(batch_id, day(on), "D", {})


A, B, C = {"city": "Aachen"}, {"city": "Bonn"}, {"city": "Celle"}
Version = tuple[float, float | None, str, str | None]
PLAIN: dict[str, tuple[History, list[Version]]] = {
    "first": ([customer("b1", 1, **A)], [(1, None, "b1", "Aachen")]),
    "unchanged": ([customer("b1", 1, **A), customer("b2", 2, **A)], [(1, None, "b1", "Aachen")]),
    "changed": ([customer("b1", 1, **A), customer("b2", 2, **B)], [(1, 2, "b1", "Aachen"), (2, None, "b2", "Bonn")]),
    "there and back": (
        [customer("b1", 1, **A), customer("b2", 2, **B), customer("b3", 3, **A)],
        [(1, 2, "b1", "Aachen"), (2, 3, "b2", "Bonn"), (3, None, "b3", "Aachen")],
    ),
    "late, between": (
        [customer("b1", 1, **A), customer("b2", 5, **C), customer("b3", 3, **B)],
        [(1, 3, "b1", "Aachen"), (3, 5, "b3", "Bonn"), (5, None, "b2", "Celle")],
    ),
    "late, in the middle of a version": (
        [customer("b1", 1, **A), customer("b2", 5, **A), customer("b3", 3, **B)],
        [(1, 3, "b1", "Aachen"), (3, 5, "b3", "Bonn"), (5, None, "b2", "Aachen")],
    ),
    "late, before all": (
        [customer("b2", 5, **B), customer("b1", 1, **A)],
        [(1, 5, "b1", "Aachen"), (5, None, "b2", "Bonn")],
    ),
    "late and equal: the start moves": ([customer("b2", 5, **A), customer("b1", 3, **A)], [(3, None, "b1", "Aachen")]),
    "late and equal to the version before": (
        [customer("b1", 1, **A), customer("b2", 5, **B), customer("b3", 3, **A)],
        [(1, 5, "b1", "Aachen"), (5, None, "b2", "Bonn")],
    ),
    "late and equal to the version behind": (
        [customer("b1", 1, **A), customer("b2", 5, **B), customer("b3", 3, **B)],
        [(1, 3, "b1", "Aachen"), (3, None, "b3", "Bonn")],
    ),
    "one instant, the greater id": ([customer("b1", 1, **A), customer("b2", 1, **B)], [(1, None, "b2", "Bonn")]),
    "one instant, ids bytewise": (
        [customer("9", 1, **A), customer("10", 1, **B), customer("Z", 2, **A), customer("a", 2, **C)],
        [(1, 2, "9", "Aachen"), (2, None, "a", "Celle")],
    ),
    "one instant, ids of other scripts": (
        [customer("z", 1, **A), customer("é", 1, **B), customer("\uffee", 2, **C), customer("😀", 2, **A)],
        [(1, 2, "é", "Bonn"), (2, None, "😀", "Aachen")],
    ),
    "one instant, and back to the version before": (
        [customer("b1", 1, **A), customer("b2", 2, **B), customer("b3", 2, **A)],
        [(1, None, "b1", "Aachen")],
    ),
    "a microsecond apart": (
        [customer("b1", 1, **A), Statement("b2", day(1) + timedelta(microseconds=1), "U", customer("", 0, **B).values)],
        [(1, 1 + 1 / 86_400_000_000, "b1", "Aachen"), (1 + 1 / 86_400_000_000, None, "b2", "Bonn")],
    ),
    "to nothing and back": (
        [customer("b1", 1, **A), customer("b2", 2), customer("b3", 3, **A)],
        [(1, 2, "b1", "Aachen"), (2, 3, "b2", None), (3, None, "b3", "Aachen")],
    ),
    "ended": ([customer("b1", 1, **A), ends("b2", 4)], [(1, 4, "b1", "Aachen")]),
    "ended twice": ([customer("b1", 1, **A), ends("b2", 4), ends("b3", 5)], [(1, 4, "b1", "Aachen")]),
    "ended only": ([ends("b1", 1)], []),
    "ended before it began": ([ends("b1", 1), customer("b2", 3, **A)], [(3, None, "b2", "Aachen")]),
    "begun again after a gap": (
        [customer("b1", 1, **A), ends("b2", 4), customer("b3", 6, **A)],
        [(1, 4, "b1", "Aachen"), (6, None, "b3", "Aachen")],
    ),
    "ended late, in the middle": (
        [customer("b1", 1, **A), customer("b2", 5, **A), ends("b3", 3)],
        [(1, 3, "b1", "Aachen"), (5, None, "b2", "Aachen")],
    ),
    "ended and begun in one instant": (
        [customer("b1", 1, **A), ends("b2", 3), customer("b3", 3, **A)],
        [(1, None, "b1", "Aachen")],
    ),
    "begun and ended in one instant": (
        [customer("b1", 1, **A), customer("b2", 3, **B), ends("b3", 3)],
        [(1, 3, "b1", "Aachen")],
    ),
}


@pytest.fixture(scope="module")
def plain(engine: Engine) -> dict[str, list[Row]]:
    return fold(engine, "customers", {name: history for name, (history, _) in PLAIN.items()})


@pytest.mark.parametrize("name", PLAIN)
def test_versions(name: str, plain: dict[str, list[Row]]) -> None:
    """Each history has the versions that are written beside it; the open one, if there is one, is current."""
    versions = plain[name]
    assert told(versions, "city") == PLAIN[name][1]
    assert [r["is_current"] for r in versions] == [r["expiry_date"] is None for r in versions]


def test_untracked_values_open_no_version(engine: Engine) -> None:
    """It is the last one stated in the version's run, in a closed version too; lineage is that of the first."""

    def seen(batch_id: str, on: float, login: float | None, **said: Any) -> Statement:
        return customer(batch_id, on, last_login=None if login is None else day(login), **said)

    found = fold(
        engine,
        "customers",
        {
            "in order": [
                seen("b1", 1, 0.1, **A),
                seen("b2", 2, 0.2, **A),
                seen("b3", 3, 0.3, **B),
                seen("b4", 4, None, **B),
            ],
            "late": [seen("b1", 1, 0.1, **A), seen("b3", 3, 0.3, **A), seen("b2", 2, 0.2, **A)],
            "one instant": [seen("b1", 1, 0.1, **A), seen("b2", 1, 0.2, **A)],
        },
    )
    assert told(found["in order"], "last_login") == [(1, 3, "b1", day(0.2)), (3, None, "b3", None)]
    assert told(found["late"], "last_login") == [(1, None, "b1", day(0.3))]
    assert told(found["one instant"], "last_login") == [(1, None, "b2", day(0.2))]


# -- what a header does not have -----------------------------------------------------------------------


def test_an_absent_column_says_nothing(engine: Engine) -> None:
    """The previous value stays, be it tracked, untracked or extra; an empty cell is a value, absence is none."""
    full = customer("b1", 1, city="Aachen", email="a@b.co", last_login=day(0), note="x")
    empty = customer("b2", 2, city=None, email=None, last_login=None, note=None)
    less = states("b3", 3, first_name=None)
    found = fold(
        engine,
        "customers",
        {
            "kept": [full, less],
            "emptied": [full, empty],
            "emptied, then silent": [full, empty, less],
            "silent, then emptied": [full, states("b0", 1.5), empty],
            "silent first": [states("b0", 0, first_name="Ann"), full],
            "only the key": [states("b1", 1)],
            "late": [states("b3", 3, first_name="Ann"), full],
            "other value under silence": [full, states("b2", 2, city="Bonn"), states("b3", 3, email="c@d.eu")],
            "a new life forgets": [full, ends("b2", 2), less],
            "a new life in the same instant forgets": [full, ends("b2", 3), less],
            "one instant": [full, states("b2", 3, city="Bonn"), states("b3", 3, note="y")],
        },
        EXTRAS,
    )
    columns = ("city", "email", "last_login", "note")
    first = (1, None, "b1", "Aachen", "a@b.co", day(0), "x")
    nothing = (None, None, None, None)
    assert told(found["kept"], *columns) == [first]
    assert told(found["emptied"], *columns) == [(1, 2, *first[2:]), (2, None, "b2", *nothing)]
    assert told(found["emptied, then silent"], *columns) == told(found["emptied"], *columns)
    assert told(found["silent, then emptied"], *columns) == told(found["emptied"], *columns)
    assert told(found["silent first"], *columns) == [(0, 1, "b0", *nothing), first]
    assert told(found["only the key"], *columns) == [(1, None, "b1", *nothing)]
    assert told(found["late"], "first_name", *columns) == [
        (1, 3, "b1", None, *first[3:]),
        (3, None, "b3", "Ann", *first[3:]),
    ]
    assert told(found["other value under silence"], *columns) == [
        (1, 2, *first[2:]),
        (2, 3, "b2", "Bonn", *first[4:]),
        (3, None, "b3", "Bonn", "c@d.eu", *first[5:]),
    ]
    assert told(found["a new life forgets"], *columns) == [(1, 2, *first[2:]), (3, None, "b3", *nothing)]
    assert told(found["a new life in the same instant forgets"], *columns) == [
        (1, 3, *first[2:]),
        (3, None, "b3", *nothing),
    ]
    assert told(found["one instant"], *columns) == [(1, 3, *first[2:]), (3, None, "b3", "Bonn", "a@b.co", day(0), "y")]


def test_what_stands_for_nothing_is_carried_by_the_header_not_by_the_value(engine: Engine) -> None:
    """A default (currency, discontinued) is stored where the header lacks the column, but never overwrites a value."""

    def product(batch_id: str, on: float, **said: Any) -> Statement:
        return states(batch_id, on, price=Decimal("1.000"), **said)

    first = product("b1", 1, currency="EUR", discontinued=True)
    histories = {
        "kept": [first, product("b2", 2)],
        "never stated": [product("b1", 1)],
        "emptied": [first, product("b2", 2, currency=None, discontinued=False), product("b3", 3)],
        "unread": [first, product("b2", 2, discontinued=None), product("b3", 3)],
    }
    found = fold(engine, "products", histories)
    assert told(found["kept"], "currency", "discontinued") == [(1, None, "b1", "EUR", True)]
    assert told(found["never stated"], "currency", "discontinued") == [(1, None, "b1", "USD", False)]
    assert told(found["emptied"], "currency", "discontinued") == [
        (1, 2, "b1", "EUR", True),
        (2, None, "b2", "USD", False),
    ]
    assert told(found["unread"], "discontinued") == [(1, 2, "b1", True), (2, None, "b2", None)]


def test_a_hash_is_of_the_row_after_carry_over(engine: Engine) -> None:
    """A row that says less has the hash of the row that it stands for."""
    histories = {
        "said in two": [states("b1", 1, first_name="Ann", city="Bonn"), states("b2", 1, state="NW")],
        "said at once": [states("b1", 1, first_name="Ann", city="Bonn", state="NW")],
    }
    rows = {name: [r["row_hash"] for r in versions] for name, versions in fold(engine, "customers", histories).items()}
    contract = oracle.SOURCES["customers"]
    for name, hashes in rows.items():
        row = dict.fromkeys(contract.contract) | {
            "customer_id": name,
            "first_name": "Ann",
            "city": "Bonn",
            "state": "NW",
        }
        assert hashes == [v.row_hash(row[c] for c in contract.tracked)]


# -- orders and inventory ------------------------------------------------------------------------------


def test_ordered_at_is_the_least_one_stated_for_the_day(engine: Engine) -> None:
    """Within a life, so far, and only among statements with the version's order_date."""

    def order(batch_id: str, on: float, placed: int, at: float | None, **said: Any) -> Statement:
        said |= {"customer_id": "C", "product_id": "P", "order_amount": Decimal("1.000")}
        said |= {"order_date": date(2025, 1, placed), "ordered_at": None if at is None else day(at)}
        return states(batch_id, on, **said)

    found = fold(
        engine,
        "orders",
        {
            "least": [order("b1", 10, 1, 0.5), order("b2", 11, 1, 0.4), order("b3", 12, 1, 0.6)],
            "late is least": [order("b2", 12, 1, 0.5), order("b1", 11, 1, 0.4)],
            "not yet": [order("b1", 10, 1, 0.5, order_status="new"), order("b2", 11, 1, 0.4, order_status="paid")],
            "nothing stated": [order("b1", 10, 1, None), order("b2", 11, 1, None)],
            "once stated, it stays": [order("b1", 10, 1, 0.5), order("b2", 11, 1, None, order_status="paid")],
            "other day": [
                order("b1", 10, 1, 0.5),
                order("b2", 11, 2, None),
                order("b3", 12, 1, 0.7),
                order("b4", 13, 2, 1.2),
            ],
            "new life": [order("b1", 10, 1, 0.4), ends("b2", 11), order("b3", 12, 1, 0.5)],
            "one instant": [order("b1", 10, 1, 0.4), order("b2", 10, 1, 0.5)],
        },
    )  # fmt: skip

    def at(name: str) -> list[Any]:
        return [
            None if r["ordered_at"] is None else (r["ordered_at"] - day(0)) / timedelta(days=1) for r in found[name]
        ]

    assert at("least") == [0.4]
    assert at("late is least") == [0.4]
    assert at("not yet") == [0.5, 0.4]
    assert at("nothing stated") == [None]
    assert at("once stated, it stays") == [0.5, 0.5]
    assert at("other day") == [0.5, None, 0.5, 1.2][: len(found["other day"])] or at("other day") == [
        0.5,
        1.2,
        0.5,
        1.2,
    ]
    assert at("new life") == [0.4, 0.5]
    assert at("one instant") == [0.4]


def test_movement_is_the_difference_to_the_version_before(engine: Engine) -> None:
    """IN, OUT or NONE against the key's previous version, also across a gap; the first has none."""

    def stock(batch_id: str, on: float, quantity: int, **said: Any) -> Statement:
        return states(batch_id, on, stock_quantity=quantity, **said)

    found = fold(
        engine,
        "inventory",
        {
            "in and out": [stock("b1", 1, 5), stock("b2", 2, 9), stock("b3", 3, 2)],
            "counted again": [stock("b1", 1, 5), stock("b2", 2, 5), stock("b3", 3, 6)],
            "other status": [stock("b1", 1, 5, stock_status="a"), stock("b2", 2, 5, stock_status="b")],
            "across a gap": [stock("b1", 1, 5), ends("b2", 2), stock("b3", 4, 3)],
            "late": [stock("b1", 1, 5), stock("b3", 3, 9), stock("b2", 2, 7)],
            "large": [stock("b1", 1, 10**18 - 1), stock("b2", 2, 0)],
        },
    )
    columns = ("stock_quantity", "previous_quantity", "quantity_change", "movement")
    said = {name: [tuple(r[c] for c in columns) for r in rows] for name, rows in found.items()}
    assert said["in and out"] == [(5, None, None, None), (9, 5, 4, "IN"), (2, 9, -7, "OUT")]
    assert said["counted again"] == [(5, None, None, None), (6, 5, 1, "IN")]
    assert said["other status"] == [(5, None, None, None), (5, 5, 0, "NONE")]
    assert said["across a gap"] == [(5, None, None, None), (3, 5, -2, "OUT")]
    assert said["late"] == [(5, None, None, None), (7, 5, 2, "IN"), (9, 7, 2, "IN")]
    assert said["large"] == [(10**18 - 1, None, None, None), (0, 10**18 - 1, 1 - 10**18, "OUT")]


def test_no_two_keys_are_one(engine: Engine) -> None:
    """Keys whose parts look alike when they are put together stay apart."""
    parts = ["a", "1", "1:a", "a1", ":", "", "é", "1:", "2:ab"]
    keys = [(p, w, b) for p in parts if p for w in parts if w for b in parts]
    statements: History = []
    for n, key in enumerate(keys):
        both = [states("b1", 1, stock_quantity=n), states("b2", 2, stock_quantity=n + 1)]
        statements += keyed("inventory", key, both)
    rows = rows_of(folded(engine, "inventory", statements))
    found: dict[tuple[str, ...], list[tuple[int, bool]]] = {}
    for r in rows:
        found.setdefault((r["product_id"], r["warehouse_location"], r["location"]), []).append(
            (r["stock_quantity"], r["is_current"])
        )
    assert {k: sorted(f) for k, f in found.items()} == {k: [(n, False), (n + 1, True)] for n, k in enumerate(keys)}


# -- anything ------------------------------------------------------------------------------------------

CITY = st.sampled_from([None, "Aachen", "Bonn"])
MAY_SAY = {"city": CITY, "first_name": st.sampled_from([None, "Ann"]), "note": st.sampled_from([None, "x", "y"])}
SAID = st.fixed_dictionaries({}, optional={**MAY_SAY, "last_login": st.sampled_from([None, day(0), day(1)])})
STEP = st.builds(
    lambda on, op, said: Statement("", day(on), op, {} if op == "D" else said),
    st.integers(0, 3),
    st.sampled_from("UUUUD"),
    SAID,
)
HISTORY = st.lists(STEP, min_size=1, max_size=7)


def test_any_history(engine: Engine) -> None:
    """Histories with deletions, silences, late batches and equal instants: the oracle's versions."""
    histories: dict[str, History] = {}

    @settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(HISTORY, st.randoms(use_true_random=False))
    def collect(history: History, chance: Any) -> None:
        ids = [f"b{n}" for n in range(len(history))]
        chance.shuffle(ids)
        histories[f"K{len(histories)}"] = [s._replace(batch_id=i) for s, i in zip(history, ids, strict=True)]

    collect()
    found = fold(engine, "customers", histories, EXTRAS)
    assert sum(map(len, found.values())) > 100
    # An order of arrival is no part of a history: read the other way round, it is the same.
    backwards = fold(engine, "customers", {name: history[::-1] for name, history in histories.items()}, EXTRAS)
    assert backwards == found


# -- change sets ---------------------------------------------------------------------------------------

TWO = [customer("b1", 1, **A), customer("b2", 3, **B)]


def change_set(engine: Engine, before: History, after: History) -> list[tuple[Any, ...]]:
    """What enters and what leaves when a history becomes another one."""
    source = SOURCES["customers"]
    columns = target_columns(source, EXTRAS)
    old = None if not before else folded(engine, "customers", keyed("customers", ["K"], before), EXTRAS)
    new = folded(engine, "customers", keyed("customers", ["K"], after), EXTRAS)
    rows = rows_of(relations.changes(new, old, columns))
    return sorted((r["change"], *said) for r, said in zip(rows, told(rows, "city"), strict=True))


def test_change_sets(engine: Engine) -> None:
    """What differs leaves and enters; what is equal, NULL for NULL, does neither."""
    assert change_set(engine, [], TWO) == [("ENTER", 1, 3, "b1", "Aachen"), ("ENTER", 3, None, "b2", "Bonn")]
    assert change_set(engine, TWO, TWO) == []
    assert change_set(engine, TWO, [*TWO, customer("b3", 5, **B)]) == []
    assert change_set(engine, TWO, [*TWO, customer("b3", 5, **C)]) == [
        ("ENTER", 3, 5, "b2", "Bonn"),
        ("ENTER", 5, None, "b3", "Celle"),
        ("LEAVE", 3, None, "b2", "Bonn"),
    ]
    assert change_set(engine, TWO, [*TWO, customer("b0", 2, **B)]) == [
        ("ENTER", 1, 2, "b1", "Aachen"),
        ("ENTER", 2, None, "b0", "Bonn"),
        ("LEAVE", 1, 3, "b1", "Aachen"),
        ("LEAVE", 3, None, "b2", "Bonn"),
    ]
    assert [c[0] for c in change_set(engine, TWO, [*TWO, customer("b3", 5, **B, last_login=day(0))])] == [
        "ENTER",
        "LEAVE",
    ]


def test_measured(engine: Engine) -> None:
    """How many rows enter and leave, how many of these are closed, and from when on analytics_summary differs."""
    source = SOURCES["customers"]
    columns = target_columns(source, [])

    def measure(before: History, after: History) -> tuple[int, int, int, datetime | None]:
        old, new = (folded(engine, "customers", keyed("customers", ["K"], h)) for h in (before, after))
        found = measured(relations.changes(new, old, columns), source)
        return found.entering, found.leaving, found.closed, found.since

    assert measure(TWO, [*TWO, customer("b3", 5, **C)]) == (2, 1, 0, day(5))
    assert measure(TWO, [*TWO, customer("b3", 2, **C)]) == (2, 1, 1, day(2))
    assert measure(TWO, [*TWO, customer("b0", 0.5, **A)]) == (1, 1, 1, day(0.5))
    assert measure(TWO, TWO[:1]) == (1, 2, 1, day(3))
    assert measure(TWO, [*TWO, customer("b3", 5, **B, last_login=day(0))]) == (1, 1, 0, None)


# -- contradictions ------------------------------------------------------------------------------------

HISTORIES: dict[str, tuple[list[tuple[float | None, float | None, bool]], bool]] = {
    "one open": ([(1, None, True)], True),
    "touching": ([(1, 2, False), (2, 3, False), (3, None, True)], True),
    "a gap": ([(1, 2, False), (4, None, True)], True),
    "ended": ([(1, 2, False)], True),
    "overlap": ([(1, 3, False), (2, None, True)], False),
    "one within another": ([(1, 9, False), (2, 3, False)], False),
    "two current": ([(1, None, True), (2, None, True)], False),
    "current, then closed": ([(1, None, True), (2, 3, False)], False),
    "twice from one instant": ([(1, 2, False), (1, 3, False)], False),
    "the same twice": ([(1, None, True), (1, None, True)], False),
    "of no length": ([(1, 1, False)], False),
    "backwards": ([(2, 1, False)], False),
    "current with an end": ([(1, 2, True)], False),
    "open but not current": ([(1, None, False)], False),
    "without a beginning": ([(None, 2, False)], False),
}


def test_contradictions(engine: Engine) -> None:
    """Histories that cannot be are found, each by its key; those that can be are not."""
    rows = [
        (name, "W", "A", *(None if at is None else day(at) for at in (begun, end)), current)
        for name, (versions, _) in HISTORIES.items()
        for begun, end, current in versions
    ]
    key = ["product_id", "warehouse_location", "location"]
    schema = (
        ", ".join(f"{k} string" for k in key) + ", effective_date timestamp, expiry_date timestamp, is_current boolean"
    )
    found = folding.contradictions(engine.spark.createDataFrame(rows, schema), key).collect()
    assert {r["product_id"] for r in found} == {name for name, (_, right) in HISTORIES.items() if not right}
    unknown = engine.spark.createDataFrame([("a", "W", "A", day(1), None, None)], schema)
    assert [r["product_id"] for r in folding.contradictions(unknown, key).collect()] == ["a"]


def test_what_a_change_may_contradict_is_enough_to_look_at(engine: Engine) -> None:
    """Of 400 histories that hold together and were changed anyhow, the same contradict themselves by either look."""
    chance, before, after = random.Random(7), list[tuple[object, ...]](), list[tuple[object, ...]]()
    for n in range(400):
        cuts = sorted(chance.sample(range(1, 12), chance.randrange(2, 7)))
        old = [(a, b) for a, b in pairwise(cuts) if chance.random() < 0.8]
        leaves = [v for v in old if chance.random() < 0.3]
        enters = [(a, a + chance.randrange(4)) for a in chance.choices(range(1, 12), k=chance.randrange(3))]
        held = [v for v in old if v not in leaves] + enters
        after += [(f"k{n}", day(a), None if b > 11 else day(b), b > 11) for a, b in held]
        before += [(f"k{n}", day(a)) for a, _ in leaves + enters]
    schema = "k string, effective_date timestamp, expiry_date timestamp, is_current boolean"
    versions = engine.spark.createDataFrame(after, schema)
    changes = engine.spark.createDataFrame(before, "k string, effective_date timestamp")
    looked_at = folding.reached(versions, changes, ["k"])
    wrong = {r["k"] for r in folding.contradictions(versions, ["k"]).collect()}
    assert {r["k"] for r in folding.contradictions(looked_at, ["k"]).collect()} == wrong
    assert 100 < len(wrong) < 300
    assert looked_at.count() < len(after) * 0.8
