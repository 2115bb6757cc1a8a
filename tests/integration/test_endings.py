"""Whole runs in which keys end, by deletes and by snapshots, in any order of arrival: the walk's versions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ecomm import rebuild
from tests.shop import Shop
from tests.walk import Batch, Key, Said, walk

pytestmark = [pytest.mark.parity, pytest.mark.usefixtures("shop")]  # runs use the engine of the session
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
COLUMNS = ("stock_quantity", "stock_status")
SCOPES: dict[tuple[int, ...], list[str]] = {
    (): [],
    (1,): ["warehouse_location"],
    (0, 1): ["product_id", "warehouse_location"],
}


def csv(batch: Batch) -> str:
    """A batch as a file of inventory. Its header has a stock_status if any row states one."""
    full = any("stock_status" in said for said in batch.said.values() if not isinstance(said, str))
    lines = ["product_id,warehouse_location,stock_quantity,Gone?" + ",stock_status" * full]
    for (product, place, _), said in batch.said.items():
        if said == "D":
            cells = [product, place, "", "Yes"]
        elif said == "H":
            cells = [product, place, "-1", ""]
        else:
            cells = [product, place, str(said["stock_quantity"]), "no"]
        lines.append(
            ",".join([*cells, (said["stock_status"] or "") if full and isinstance(said, Mapping) else ""][: 4 + full])
        )
    return "\n".join([*lines, *["too,few"] * batch.broken]) + "\n"


def publish(root: Path, arrival: Iterable[Batch]) -> Shop:
    """Run batches one by one, each delivered as it says."""
    for batch in arrival:
        said: dict[str, Any] = {"absence": "close", "absence_scope": SCOPES[batch.scope]} if batch.snapshot else {}
        if "D" in batch.said.values():
            said |= {"delete_column": " gone?", "delete_values": ["YES"]}
        shop = Shop(root, sources={"inventory": said})
        shop.drop(
            batch.batch_id, BEGINNING + timedelta(days=batch.day), {"inventory": {f"{batch.batch_id}.csv": csv(batch)}}
        )
        assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    return shop


def wanted(log: Iterable[Batch]) -> list[tuple[Any, ...]]:
    rows = []
    for key, versions in walk(log, COLUMNS).items():
        before = None
        for begun, ended, opened_by, state in versions:
            rows.append((key, begun, ended, opened_by, *state.values(), before))
            before = state["stock_quantity"]
    return sorted(rows, key=str)


def found(shop: Shop) -> list[tuple[Any, ...]]:
    rows = []
    for r in shop.rows("inventory_target"):
        begun, ended = (
            (at - BEGINNING) / timedelta(days=1) if at else None for at in (r["effective_date"], r["expiry_date"])
        )
        key = (r["product_id"], r["warehouse_location"], r["location"])
        rows.append((key, begun, ended, r["batch_id"], *[r[c] for c in (*COLUMNS, "previous_quantity")]))
    return sorted(rows, key=str)


def log(kind: str, seed: int, keys: int = 60) -> list[Batch]:
    """Seven batches at five instants, in which many keys live side by side. kind: what may end them."""
    chance = random.Random(f"{kind}/{seed}")
    known: list[Key] = [(f"P{n}", chance.choice(("North", "South", "UNKNOWN")), "") for n in range(keys)]
    batches = []
    for n, day in enumerate(chance.sample([0.0, 1.0, 1.0, 2.0, 3.0, 3.0, 4.0], 7)):
        snapshot = kind != "deletes" and chance.random() < 0.7
        full = chance.random() < 0.7
        said: dict[Key, Said] = {}
        for key in known:
            one = chance.choice("UUUUU-HD" if chance.random() < 0.6 else "U---")
            if one == "U":
                said[key] = {"stock_quantity": chance.randint(0, 1)} | (
                    {"stock_status": chance.choice((None, "low_stock"))} if full else {}
                )
            elif one != "-" and (one == "H" or kind in ("deletes", "everything")):
                said[key] = "H" if one == "H" else "D"
        scope = chance.choice([*SCOPES]) if kind in ("scopes", "everything") else ()
        if scope and chance.random() < 0.5:
            said = {k: s for k, s in said.items() if k[1] != "South"}
        batches.append(Batch(f"b{n}", day, said, snapshot, scope, chance.random() < 0.15))
    return batches


def agree(root: Path, made: list[Batch], arrival: list[Batch]) -> None:
    """Published in this order, the target is the walk's, and a rebuild finds nothing to change."""
    shop = publish(root, arrival)
    assert found(shop) == wanted(made), [b.batch_id for b in arrival]
    assert not any(rebuild.rebuild(shop.settings).values())


def in_order(made: Iterable[Batch]) -> list[Batch]:
    return sorted(made, key=lambda b: (b.day, b.batch_id))


@pytest.mark.parametrize("kind", [pytest.param("deletes", marks=pytest.mark.long), "everything"])
def test_any_order_of_arrival(kind: str, tmp_path: Path) -> None:
    made = log(kind, 1)
    assert sum(ended is not None for _, _, ended, *_ in wanted(made)) > 40
    agree(tmp_path / "in order", made, in_order(made))
    agree(tmp_path / "shuffled", made, random.Random(kind).sample(made, len(made)))


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["deletes", "snapshots", "scopes", "everything"])
@pytest.mark.parametrize("seed", [2, 3])
def test_more_orders_of_arrival(kind: str, seed: int, tmp_path: Path) -> None:
    made = log(kind, seed, keys=200)
    agree(tmp_path / "in order", made, in_order(made))
    for n in range(2):
        agree(tmp_path / str(n), made, random.Random(n).sample(made, len(made)))


# -- one shop of customers -------------------------------------------------------------------------------


def customers(root: Path, *files: tuple[str, str], **said: Any) -> Shop:
    """A shop in which these files (batch, content) were published on consecutive days, each delivered as said."""
    shop = Shop(root, sources={"customers": said})
    for n, (batch_id, content) in enumerate(files):
        shop.drop(batch_id, BEGINNING + timedelta(days=n), {"customers": {f"{batch_id}.csv": content}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)] * len(files)
    return shop


def lives(shop: Shop) -> list[tuple[str, str | None, str, str | None]]:
    """(customer, city, from, to) of all versions; instants as the batch's day."""
    said = [
        (r["customer_id"], r["city"], *[at and f"{at:%d}" for at in (r["effective_date"], r["expiry_date"])])
        for r in shop.rows("customers_target")
    ]
    return sorted(said, key=str)


def test_a_row_that_deletes(tmp_path: Path) -> None:
    """It needs its key and no more; it wins over an upsert of its time, and loses to a later one."""
    first = "customer_id,city,email\n" + "".join(f"C{n},Bonn,c{n}@b.co\n" for n in range(1, 7))
    second = (
        "customer_id,city,email,created_timestamp,Is Gone\n"
        "C1,,,,YES\n"  # as a word
        "C2,Celle,none,soon,yes\n"  # nothing else of it counts
        "C3,Celle,,2025-01-02,\nC3,,,2025-01-02,yes\n"  # of one time
        "C4,Celle,,2025-01-03,\nC4,,,2025-01-02,yes\n"  # the upsert is later
        "C5,,,,no\nC5,,,,yes\nC5,,,,yes\n"  # the same twice, and without a time the later record counts
        ",,,,yes\nC 6,,,,yes\n"  # no key, no good key
        "C9,,,,yes\n"  # never heard of
    )
    shop = customers(tmp_path, ("b1", first), ("b2", second), delete_column=" is gone ", delete_values=["Yes"])
    assert lives(shop) == [
        *[(f"C{n}", "Bonn", "01", "02") for n in range(1, 5)],
        ("C4", "Celle", "02", None),
        ("C5", "Bonn", "01", "02"),
        ("C6", "Bonn", "01", None),
    ]
    stage = {r["customer_id"]: r for r in shop.rows("customers_stage") if r["batch_id"] == "b2"}
    assert {k: (r["op"], r["is_gone"]) for k, r in stage.items()} == {
        "C1": ("D", "YES"), "C2": ("D", "yes"), "C3": ("D", "yes"), "C4": ("U", None), "C5": ("D", "yes"),
        "C9": ("D", "yes"),
    }  # fmt: skip
    errors = {(r["source_line"], tuple(r["reasons"])) for r in shop.rows("customers_errors")}
    assert errors == {
        (3, ("sequence_conflict",)),
        (6, ("superseded",)),
        (7, ("superseded",)),
        (10, ("customer_id_present",)),
        (11, ("customer_id_well_formed",)),
    }
    assert not any(rebuild.rebuild(shop.settings).values())


def test_a_word_of_the_contract_can_delete(tmp_path: Path) -> None:
    """Also where the row is otherwise no good one: an unknown currency, no product, another product in the file."""
    header = "order_id,customer_id,product_id,order_date,order_amount,currency,order_status\n"
    first = "".join(f"O{n},C1,P1,2025-01-01,9.90,USD,pending\n" for n in range(1, 4))
    second = "O1,,,never,-1,XYZ,Order-Purged\nO2,C1,P2,2025-01-01,9.90,USD,pending\nO2,,P1,,,,order purged\n"
    said = {"delete_column": "ORDER_STATUS", "delete_values": ["order purged"]}
    shop = Shop(tmp_path, sources={"orders": said})
    for n, text in enumerate((first, second)):
        shop.drop(f"b{n}", BEGINNING + timedelta(days=n), {"orders": {f"{n}.csv": header + text}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)] * 2
    assert {r["order_id"]: r["is_current"] for r in shop.rows("orders_target")} == {
        "O1": False,
        "O2": False,
        "O3": True,
    }
    assert [r["order_id"] for r in shop.rows("enriched_orders")] == ["O3"]
    assert [tuple(r["reasons"]) for r in shop.rows("orders_errors")] == [("superseded",)]
    assert not any(rebuild.rebuild(shop.settings).values())


@pytest.mark.long
def test_a_snapshot_that_is_not_complete_closes_nothing_and_says_so(tmp_path: Path) -> None:
    shop = customers(
        tmp_path,
        ("b1", "customer_id,city\nC1,Bonn\nC2,Bonn\n"),
        ("b2", "customer_id,city\n"),
        ("b3", "customer_id,city\nC1,Bonn\nC3,Bonn,what?\n"),
        ("b4", "customer_id,city\n,Bonn\n"),
        ("b5", "customer_id,city\nC1,Bonn\n"),
        absence="close",
    )
    assert lives(shop) == [("C1", "Bonn", "01", None), ("C2", "Bonn", "01", "05")]
    said = [
        (r["batch_id"], r["failed_rows"], r["severity"])
        for r in shop.warehouse.table("validation_results").to_pylist()
        if r["check_name"] == "snapshot_complete"
    ]
    assert sorted(said) == [("b1", 0, "NONE"), ("b2", 1, "LOW"), ("b3", 1, "LOW"), ("b4", 1, "LOW"), ("b5", 0, "NONE")]
    assert not any(rebuild.rebuild(shop.settings).values())
    # What a batch meant when it was ingested stays so, whatever the settings say later.
    later = customers(tmp_path, absence="keep")
    assert not any(rebuild.rebuild(later.settings).values())
