"""Keys that end by a delete, or because a complete snapshot does not mention them: the fold of whole logs.

What comes out is written beside each log, and is what a walk in plain Python says too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecomm.engines import Engine
from ecomm.sources import SOURCES
from ecomm.transforms import absences
from ecomm.transforms import fold as folding
from tests.oracle import Statement
from tests.oracle import sources as oracle
from tests.unit.test_fold import day, frame, rows_of
from tests.walk import Batch, Key, Version, part, walk

pytestmark = pytest.mark.every_engine
COLUMNS = {"customers": ("city", "email"), "inventory": ("stock_quantity", "stock_status")}


def text(pieces: Iterable[str]) -> str:
    """Pieces of a key as `key` holds them."""
    return "".join(f"{len(piece)}:{piece}" for piece in pieces)


def fold(engine: Engine, name: str, log: Iterable[Batch]) -> dict[Key, list[Version]]:
    """The versions of every key of a log; the walk must say the same."""
    log, source, contract = list(log), SOURCES[name], oracle.SOURCES[name]
    statements, rejected = [], []
    for batch in log:
        for key, said in batch.said.items():
            if said == "H":
                rejected.append((text(key), day(batch.day), batch.batch_id))
                continue
            values = dict(zip(contract.key, key, strict=True)) | ({} if said == "D" else dict(said))
            statements.append(Statement(batch.batch_id, day(batch.day), "D" if said == "D" else "U", values))
    stage = frame(engine, source, statements, [])
    refused = engine.spark.createDataFrame(rejected, "key string, as_of timestamp, batch_id string")
    mentions = stage.select("key", "as_of", "batch_id").unionByName(refused)
    snapshots = [
        absences.Snapshot(
            day(b.day),
            b.batch_id,
            0,
            tuple(source.key[i] for i in b.scope),
            frozenset(text(p) for p in b.parts()),
        )
        for b in log
        if b.complete
    ]
    places = [(day(b.day), b.batch_id) for b in log]
    stage = stage.unionByName(absences.as_deletes(absences.endings(mentions, places, snapshots, source), stage))
    carried = sorted(r["name"] for r in folding.lacking(stage, []).collect())
    found: dict[Key, list[Version]] = {}
    for r in sorted(rows_of(folding.fold(stage, source, [], carried)), key=lambda r: str(r["effective_date"])):
        begun, ended = (None if at is None else (at - day(0)) / timedelta(days=1) for at in _ends(r))
        assert begun is not None
        state = {c: r[c] for c in COLUMNS[name]}
        found.setdefault(tuple(r[k] for k in source.key), []).append((begun, ended, r["batch_id"], state))
        assert r["is_current"] is (ended is None)
    assert found == walk(log, COLUMNS[name])
    return found


def _ends(row: dict[str, Any]) -> tuple[Any, Any]:
    return row["effective_date"], row["expiry_date"]


K, OTHER = ("K",), ("other",)
A, B = {"city": "Aachen", "email": "a@b.co"}, {"city": "Bonn", "email": None}
SILENT_A = {"city": "Aachen"}  # its header has no e-mail


def says(batch_id: str, on: float, said: Any) -> Batch:
    return Batch(batch_id, on, {K: said})


def snap(batch_id: str, on: float, said: Any = None, *, broken: bool = False) -> Batch:
    """A snapshot of another key, and of K only if something is said of it."""
    return Batch(batch_id, on, {OTHER: A} | ({} if said is None else {K: said}), snapshot=True, broken=broken)


Short = tuple[float, float | None, str, str | None]
LOGS: dict[str, tuple[list[Batch], list[Short]]] = {
    "deleted": ([says("b1", 1, A), says("b2", 3, "D")], [(1, 3, "b1", "Aachen")]),
    "deleted and inserted again": (
        [says("b1", 1, A), says("b2", 3, "D"), says("b3", 5, A)],
        [(1, 3, "b1", "Aachen"), (5, None, "b3", "Aachen")],
    ),
    "an unknown key is deleted": ([says("b1", 1, "D")], []),
    "deleted late": (
        [says("b1", 1, A), says("b2", 5, A), says("b3", 3, "D")],
        [(1, 3, "b1", "Aachen"), (5, None, "b2", "Aachen")],
    ),
    "stated late, before it was deleted": ([says("b2", 5, "D"), says("b1", 1, A)], [(1, 5, "b1", "Aachen")]),
    "stated late, between a statement and a delete": (
        [says("b1", 1, A), says("b3", 5, "D"), says("b2", 3, B)],
        [(1, 3, "b1", "Aachen"), (3, 5, "b2", "Bonn")],
    ),
    "closed by a snapshot": ([says("b1", 1, A), snap("b2", 3)], [(1, 3, "b1", "Aachen")]),
    "mentioned by a snapshot": ([says("b1", 1, A), snap("b2", 3, A)], [(1, None, "b1", "Aachen")]),
    "closed by the first of two snapshots": (
        [says("b1", 1, A), snap("b2", 3), snap("b3", 5)],
        [(1, 3, "b1", "Aachen")],
    ),
    "closed by the second": ([says("b1", 1, A), snap("b2", 3, A), snap("b3", 5)], [(1, 5, "b1", "Aachen")]),
    "closed and back": (
        [says("b1", 1, A), snap("b2", 3), snap("b3", 5, A)],
        [(1, 3, "b1", "Aachen"), (5, None, "b3", "Aachen")],
    ),
    "closed twice": (
        [says("b1", 1, A), snap("b2", 3), says("b3", 5, B), snap("b4", 7)],
        [(1, 3, "b1", "Aachen"), (5, 7, "b3", "Bonn")],
    ),
    "a rejected row is a mention": ([says("b1", 1, A), snap("b2", 3, "H")], [(1, None, "b1", "Aachen")]),
    "rejected in a snapshot, then not there": (
        [says("b1", 1, A), snap("b2", 3, "H"), snap("b3", 5)],
        [(1, 5, "b1", "Aachen")],
    ),
    "only ever rejected": ([says("b1", 1, "H"), snap("b2", 3)], []),
    "rejected after it was closed": ([says("b1", 1, A), snap("b2", 3), snap("b3", 5, "H")], [(1, 3, "b1", "Aachen")]),
    "rejected outside of snapshots": ([says("b1", 1, A), says("b2", 2, "H"), snap("b3", 3)], [(1, 3, "b1", "Aachen")]),
    "deleted in a snapshot": ([says("b1", 1, A), snap("b2", 3, "D")], [(1, 3, "b1", "Aachen")]),
    "a record cannot be read": ([says("b1", 1, A), snap("b2", 3, broken=True)], [(1, None, "b1", "Aachen")]),
    "an empty file": ([says("b1", 1, A), Batch("b2", 3, snapshot=True)], [(1, None, "b1", "Aachen")]),
    "a late snapshot between two statements": (
        [says("b1", 1, A), says("b3", 5, A), snap("b2", 3)],
        [(1, 3, "b1", "Aachen"), (5, None, "b3", "Aachen")],
    ),
    "a late snapshot between two snapshots": (
        [snap("b1", 1, A), snap("b3", 5, B), snap("b2", 3)],
        [(1, 3, "b1", "Aachen"), (5, None, "b3", "Bonn")],
    ),
    "a late statement before a snapshot": ([snap("b2", 3), says("b1", 1, A)], [(1, 3, "b1", "Aachen")]),
    "two snapshots at one instant, the later one silent": ([snap("b1", 3, A), snap("b2", 3)], []),
    "two snapshots at one instant, the earlier one silent": (
        [says("b0", 1, B), snap("b1", 3), snap("b2", 3, B)],
        [(1, None, "b0", "Bonn")],
    ),
    "stated and closed at one instant": ([says("b1", 1, B), says("b2", 3, A), snap("b3", 3)], [(1, 3, "b1", "Bonn")]),
    "closed and stated at one instant": (
        [says("b1", 1, A), snap("b2", 3), says("b3", 3, A)],
        [(1, None, "b1", "Aachen")],
    ),
    "ids bytewise: Z before a": ([snap("Z", 3), says("a", 3, A)], [(3, None, "a", "Aachen")]),
    "ids bytewise: 9 after 10": ([says("9", 3, A), snap("10", 3)], [(3, None, "9", "Aachen")]),
    "ids of other scripts": ([says("\uffee", 3, A), snap("😀", 3)], []),
}


@pytest.mark.parametrize("name", LOGS)
def test_logs(name: str, engine: Engine) -> None:
    """Each log gives K the versions that are written beside it."""
    log, wanted = LOGS[name]
    versions = fold(engine, "customers", log).get(K, [])
    assert [(*v[:3], v[3]["city"]) for v in versions] == wanted


def test_a_new_life_knows_nothing_of_the_one_before(engine: Engine) -> None:
    """What the header lacks is carried over within a life, and not over a gap, however the life ended."""
    for ending in (says("b2", 3, "D"), snap("b2", 3)):
        versions = fold(engine, "customers", [says("b1", 1, A), ending, says("b3", 5, SILENT_A)])[K]
        assert [v[3]["email"] for v in versions] == ["a@b.co", None]
    kept = fold(engine, "customers", [says("b1", 1, A), snap("b2", 3, "H"), says("b3", 5, {"city": "Bonn"})])[K]
    assert [v[3]["email"] for v in kept] == ["a@b.co", "a@b.co"]


def test_a_snapshot_speaks_of_the_parts_that_it_mentions(engine: Engine) -> None:
    """A warehouse that it does not mention is untouched; one that it mentions by a rejected row is spoken of."""

    def stock(*keys: tuple[str, str], **said: Any) -> dict[Key, Any]:
        return {(product, place, "1:1"): said or "H" for product, place in keys}

    first = Batch("b1", 1, stock(("P", "N"), ("Q", "N"), ("P", "S"), ("P", "1:N"), stock_quantity=5))
    north = Batch("b2", 2, stock(("P", "N"), stock_quantity=5), snapshot=True, scope=(1,))
    south = Batch("b3", 3, stock(("other", "S")), snapshot=True, scope=(1,))

    def ended(log: list[Batch]) -> dict[tuple[str, str], float | None]:
        return {(k[0], k[1]): versions[-1][1] for k, versions in fold(engine, "inventory", log).items()}

    assert ended([first, north]) == {("P", "N"): None, ("Q", "N"): 2, ("P", "S"): None, ("P", "1:N"): None}
    assert ended([first, north, south]) == {("P", "N"): None, ("Q", "N"): 2, ("P", "S"): 3, ("P", "1:N"): None}
    everything = Batch("b4", 2.5, stock(("P", "S"), stock_quantity=5), snapshot=True)
    # Snapshots of two scopes side by side: each ends what it speaks of.
    assert ended([first, north, everything]) == {("P", "N"): 2.5, ("Q", "N"): 2, ("P", "S"): None, ("P", "1:N"): 2.5}
    product = Batch("b5", 4, stock(("P", "N"), stock_quantity=5), snapshot=True, scope=(0, 2))
    assert ended([first, product]) == {("P", "N"): None, ("Q", "N"): None, ("P", "S"): 4, ("P", "1:N"): 4}


def test_the_parts_that_are_mentioned(engine: Engine) -> None:
    """A part is told from the text of a key, whatever its pieces look like."""
    pieces = ["a", "", "1:a", ":", "é:", "😀1", "12:", "x" * 64]
    keys = [(p, w, b) for p in pieces for w in pieces for b in pieces]
    frame = engine.spark.createDataFrame(
        [(f"b{n}", text(k)) for n, k in enumerate(keys)], "batch_id string, key string"
    )
    for scope in ((1,), (0,), (2,), (0, 2), (1, 2), (0, 1, 2), ()):
        names = [SOURCES["inventory"].key[i] for i in scope]
        found = {r["batch_id"]: r["part"] for r in absences.parts(frame, SOURCES["inventory"], names).collect()}
        assert found == {f"b{n}": text(part(k, scope)) for n, k in enumerate(keys)}


def test_what_a_late_snapshot_may_change(engine: Engine) -> None:
    """The keys whose version holds or ends at its instant, in the parts that it speaks of."""
    versions = {
        "holds": (1.0, None),
        "held": (1.0, 9.0),
        "begins": (5.0, 9.0),
        "ends": (1.0, 5.0),
        "came later": (5.1, None),
        "was before": (1.0, 4.9),
    }
    rows = [
        (name, place, "", day(begun), None if ended is None else day(ended))
        for name, (begun, ended) in versions.items()
        for place in ("North", "South")
    ]
    schema = "product_id string, warehouse_location string, location string, effective_date timestamp"
    target = engine.spark.createDataFrame(rows, f"{schema}, expiry_date timestamp")

    def reached(**said: Any) -> set[tuple[str, ...]]:
        found = absences.within_reach(target, absences.Snapshot(day(5), "b", 0, **said), SOURCES["inventory"]).collect()
        assert all(r["key"] == text(r[1:]) for r in found)
        return {tuple(r[1:]) for r in found}

    wanted = {(name, place, "") for name in ("holds", "held", "begins", "ends") for place in ("North", "South")}
    assert reached() == wanted
    north = frozenset((text(["North"]), text(["East"])))
    assert reached(scope=("warehouse_location",), parts=north) == {w for w in wanted if w[1] == "North"}


# -- any log -------------------------------------------------------------------------------------------

NAMES: list[Key] = [(f"K{n}",) for n in range(6)]
PLACES: list[Key] = [(p, w, "") for p in "PQ" for w in ("N", "S", "UNKNOWN")]
VALUES = {
    "customers": st.fixed_dictionaries(
        {}, optional={"city": st.sampled_from([None, "Aachen", "Bonn"]), "email": st.sampled_from([None, "a@b.co"])}
    ),
    "inventory": st.fixed_dictionaries(
        {"stock_quantity": st.integers(0, 1)}, optional={"stock_status": st.sampled_from([None, "low_stock"])}
    ),
}


def logs(name: str, keys: list[Key], scopes: list[tuple[int, ...]]) -> st.SearchStrategy[list[Batch]]:
    """Up to seven batches at four instants; half of them are snapshots."""
    one = st.one_of(VALUES[name], VALUES[name], VALUES[name], st.sampled_from("DH"))
    said = st.one_of(*[st.dictionaries(st.sampled_from(keys), one, min_size=n) for n in (0, 2, 3)])
    batch = st.builds(
        Batch,
        st.just(""),
        st.integers(0, 3).map(float),
        said,
        st.booleans(),
        st.sampled_from(scopes),
        st.sampled_from([False, False, False, True]),
    )
    named = st.tuples(st.lists(batch, min_size=4, max_size=7), st.permutations([f"b{n}" for n in range(7)]))
    return named.map(
        lambda drawn: [Batch(i, b.day, b.said, b.snapshot, b.scope, b.broken) for b, i in zip(*drawn, strict=False)]
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "keys", "scopes"), [("customers", NAMES, [()]), ("inventory", PLACES, [(), (1,), (0, 1)])]
)
def test_any_log(name: str, keys: list[Key], scopes: list[tuple[int, ...]], engine: Engine) -> None:
    """Deletes, snapshots with and without scope, rejected rows, silences, equal instants: the walk's versions."""
    found: list[list[Version]] = []

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(logs(name, keys, scopes))
    def compare(log: list[Batch]) -> None:
        found.extend(fold(engine, name, log).values())

    compare()
    assert sum(v[-1][1] is not None for v in found) > 10
    assert sum(len(v) > 1 for v in found) > 10


def test_the_first_snapshot_behind_a_batch() -> None:
    """By part, and whatever the order in which batches and snapshots are known."""
    snapshots = [absences.Snapshot(day(on), i, 0, (), frozenset(p)) for i, on, p in (("c", 1, "x"), ("a", 2, "xy"))]
    batches = [(day(1), "b"), (day(2), "a"), (day(0), "z"), (day(1), "d")]
    wanted = {("b", "x", "c"), ("b", "y", "a"), ("d", "x", "a"), ("d", "y", "a"), ("z", "x", "c"), ("z", "y", "a")}
    for some in permutations(snapshots):
        found = absences.following(batches, some)
        assert {(batch, spoken, behind) for batch, spoken, _, behind in found} == wanted
        assert len(found) == len(wanted)
