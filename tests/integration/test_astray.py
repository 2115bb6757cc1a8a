"""Records that are none of the table: its header once more, and lines of totals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shop import Shop

pytestmark = [pytest.mark.every_engine, pytest.mark.usefixtures("shop")]
ORDERS = "order_id,customer_id,product_id,order_date,order_amount\n"
STOCK = "product_id,stock_quantity\n"


def test_exports_behind_one_another(shop: Shop) -> None:
    """Their headers are rejected, lose no record of an order that is filled down, and do not spoil a snapshot."""
    sources: dict[str, Any] = {
        "orders": {"line_id": "product_id", "fill_down": ["order_id", "customer_id", "order_date"]},
        "inventory": {"absence": "close"},
    }
    other = Shop(shop.root, sources=sources)
    orders = f"{ORDERS}O1,C1,P1,2025-01-10,5\n{ORDERS},,P2,,6\n{ORDERS}Total,,,,11\n,,P3,,7\n"
    other.drop(
        "b1", "2025-01-15T00:00:00Z", {"orders": {"o.csv": orders}, "inventory": {"i.csv": f"{STOCK}P1,4\nP2,5\n"}}
    )
    other.drop("b2", "2025-01-16T00:00:00Z", {"inventory": {"j.csv": f"{STOCK}P1,4\n{STOCK}"}})
    assert [(o.status, o.reason) for o in other.run()] == [("published", None)] * 2
    assert sorted(r["product_id"] for r in other.rows("orders_target") if r["order_id"] == "O1") == ["P1", "P2", "P3"]
    reasons = {r["source_line"]: set(r["reasons"]) for r in other.rows("orders_errors")}
    assert reasons.keys() == {2, 4, 5}
    assert reasons[2] == reasons[4] == {"header_repeated"}
    assert "row_is_no_total" in reasons[5]
    assert [r["reasons"] for r in other.rows("inventory_errors")] == [["header_repeated"]]
    assert {r["product_id"]: r["expiry_date"] is None for r in other.rows("inventory_target")} == {
        "P1": True,
        "P2": False,
    }


def test_heads_and_lines_with_headers_between(shop: Shop) -> None:
    shapes = {
        "heads": {"files": "heads*", "part": "heads"},
        "lines": {"files": "lines*", "part": "lines", "line_id": "product_id"},
    }
    other = Shop(shop.root, sources={"orders": {"shapes": shapes}})
    head, line = "order_id,customer_id,order_date\n", "order_id,product_id,order_amount\n"
    heads = f"{head}O1,C1,2025-01-10\n{head}{head}O2,C1,2025-01-10\n"
    lines = f"{line}O1,P1,5\n{line}O2,P2,6\nO1,P2,7\n"
    other.drop("b1", "2025-01-15T00:00:00Z", {"orders": {"heads.csv": heads, "lines.csv": lines}})
    assert [(o.status, o.reason) for o in other.run()] == [("published", None)]
    rejected = {(r["source_file"], r["source_line"], *r["reasons"]) for r in other.rows("orders_errors")}
    assert rejected == {(f, n, "header_repeated") for f, n in (("heads.csv", 2), ("heads.csv", 3), ("lines.csv", 2))}
    assert len(other.rows("orders_target")) == 3
