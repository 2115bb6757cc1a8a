"""Orders whose heads and lines come in two files: every record of both is counted, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecomm.engines import Engine
from tests.conftest import keep_running
from tests.shop import Shop

pytestmark = pytest.mark.parity

SETTINGS = """
[sources.orders.shapes.heads]
files = "orders*.csv"
part = "heads"
[sources.orders.shapes.items]
files = "items*.csv"
part = "lines"
[sources.orders.shapes.items.columns]
line_id = "item"
order_amount = "price"
"""
HEADS = "order_id,customer_id,order_date,order_status,updated_timestamp,note\n"
ITEMS = "order_id,item,product_id,price\n"


@pytest.fixture
def shop(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose orders come in two files."""
    keep_running(engine, monkeypatch)
    (tmp_path / "ecomm.toml").write_text(SETTINGS, encoding="utf-8")
    return Shop(tmp_path, config=tmp_path / "ecomm.toml")  # type: ignore[return-value]


def published(shop: Any, heads: str, items: str) -> dict[str, tuple[int, ...]]:
    """What became of the records of both files."""
    shop.drop("b", "2026-10-01T00:00:00Z", {"orders": {"orders.csv": HEADS + heads, "items.csv": ITEMS + items}})
    (outcome,) = shop.run()
    assert outcome.status == "published"
    return {
        f.name: (f.rows_read, f.rows_accepted, f.rows_rejected, f.rows_superseded, f.rows_left_out)
        for f in outcome.files
    }


@pytest.mark.every_engine
def test_every_record_is_counted(shop: Any) -> None:
    """Joined heads are left out, for they are in their lines; what has no other part is rejected, and says so."""
    heads = (
        "A,C1,2026-09-01,delivered,2026-09-01,old\n"
        "A,C2,2026-09-01,completed,2026-09-02,new\n"
        "B,C1,2026-09-02,completed,,alone\n"
        "C,C1,2026-09-03,cancelled,,\n"
        ",C1,2026-09-03,completed,,\n"
        "D,C1,x\n"
    )
    items = "A,1,P1,10.00\nA,2,P2,5.00\nC,1,P1,1.00\nE,1,P1,7.00\n,1,P1,7.00\n"
    counts = published(shop, heads, items)
    # read, accepted, rejected, superseded, left out
    assert counts == {"orders.csv": (4, 0, 3, 1, 2), "items.csv": (5, 3, 2, 0, 0)}
    orders = {(o["order_id"], o["line_id"]): o for o in shop.rows("orders_target")}
    assert {k: (o["customer_id"], o["order_status"], o["order_amount"], o["note"]) for k, o in orders.items()} == {
        ("A", "1"): ("C2", "completed", Decimal("10.00"), "new"),
        ("A", "2"): ("C2", "completed", Decimal("5.00"), "new"),
        ("C", "1"): ("C1", "cancelled", Decimal("1.00"), None),
    }
    lost = {(e["source_file"], e["source_line"]): list(e["reasons"]) for e in shop.rows("orders_errors")}
    assert lost == {
        ("orders.csv", 1): ["superseded"],
        ("orders.csv", 3): ["order_has_lines"],
        ("orders.csv", 5): lost["orders.csv", 5],
        ("orders.csv", 6): ["line_malformed"],
        ("items.csv", 4): ["line_has_order"],
        ("items.csv", 5): lost["items.csv", 5],
    }
    assert "order_id_present" in lost["orders.csv", 5]
    assert "order_id_present" in lost["items.csv", 5]


def test_what_a_line_states_itself_counts(shop: Any) -> None:
    """A column that both files have is the line's; an empty cell of the line states nothing."""
    shop.drop(
        "b",
        "2026-10-01T00:00:00Z",
        {
            "orders": {
                "orders.csv": "order_id,customer_id,order_date,order_status\nA,C1,2026-09-01,completed\n",
                "items.csv": "order_id,item,product_id,price,order_status\nA,1,P1,1.00,returned\nA,2,P1,1.00,\n",
            }
        },
    )
    shop.run()
    assert {o["line_id"]: o["order_status"] for o in shop.rows("orders_target")} == {"1": "returned", "2": "completed"}


def test_one_part_alone_is_refused(shop: Any) -> None:
    shop.drop("b", "2026-10-01T00:00:00Z", {"orders": {"orders.csv": HEADS + "A,C1,2026-09-01,completed,,\n"}})
    (outcome,) = shop.run()
    assert outcome.status == "failed"
    assert "no file of the batch has the lines of these orders" in str(outcome)


def test_what_neither_part_has_is_refused(shop: Any) -> None:
    files = {"orders.csv": "order_id,order_date\nA,2026-09-01\n", "items.csv": ITEMS + "A,1,P1,1.00\n"}
    shop.drop("b", "2026-10-01T00:00:00Z", {"orders": files})
    (outcome,) = shop.run()
    assert "neither header has customer_id" in str(outcome)
