"""The files of which `test_machine` makes pasts: stocks of warehouses, and orders with lines and refunds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.integration import test_endings as stocks
from tests.integration.test_endings import BEGINNING, SCOPES
from tests.shop import Row, Shop
from tests.walk import Batch, Key

Rows = list[tuple[Any, ...]]
Mode = tuple[int, ...] | None
"""What the settings say of silence while a batch is read: None: nothing; else the scope of a snapshot."""


@dataclass(frozen=True)
class Files:
    """A source's files in a past. What a batch says of a key is a number (`stock_quantity`) and perhaps a word
    (`stock_status`), under whichever columns the source has for them.

    delivery: the settings for a mode. csv: a batch as a file. key, number: of a row of the target. found, wanted: the
    versions in the target, and the walk's. mend: put the number into a rejected row that can be mended.
    """

    source: str
    keys: tuple[Key, ...]
    modes: tuple[Mode, ...]
    delivery: Callable[[Mode], dict[str, Any]]
    csv: Callable[[Batch], str]
    key: Callable[[Row], Key]
    number: Callable[[Row], int]
    found: Callable[[Shop], Rows]
    wanted: Callable[[Iterable[Batch]], Rows]
    mend: Callable[[dict[str, str], int], None]


def _stock_delivery(mode: Mode) -> dict[str, Any]:
    silence = {} if mode is None else {"absence": "close", "absence_scope": SCOPES[mode]}
    return {"delete_column": "gone?", **silence}


def _mend_stock(row: dict[str, str], number: int) -> None:
    if row["stock_quantity"] == "'-1":  # as it was exported
        row["stock_quantity"] = str(number)


STOCKS = Files(
    "inventory",
    (("P1", "North", ""), ("P2", "North", ""), ("P1", "South", ""), ("P3", "South", "")),
    (None, None, (), (1,)),
    _stock_delivery,
    stocks.csv,
    lambda r: (r["product_id"], r["warehouse_location"], r["location"]),
    lambda r: int(r["stock_quantity"]),
    stocks.found,
    stocks.wanted,
    _mend_stock,
)


# -- orders --------------------------------------------------------------------------------------------------

_WHOLE = (0, 2)
"""A whole order speaks of its lines, and of no refund."""


def _order_delivery(mode: Mode) -> dict[str, Any]:
    return {"line_id": "item", "refunds": "rows", "delete_column": "gone?", "whole_orders": mode is not None}


def _amount(key: Key, number: int) -> int:
    """A refund's is negative."""
    return -1 - number if key[2] else number


def _order_csv(batch: Batch) -> str:
    """A batch as a file of orders. Its header has a payment_method if any row states one."""
    full = any("stock_status" in said for said in batch.said.values() if not isinstance(said, str))
    header = "order_id,item,refund_id,customer_id,product_id,order_date,order_amount,Gone?"
    lines = [header + ",payment_method" * full]
    for key, said in batch.said.items():
        day = "never" if said == "H" else "2025-01-01"
        number, word = (said["stock_quantity"], said.get("stock_status")) if isinstance(said, Mapping) else (0, None)
        cells = [*key, "C1", "A", day, str(_amount(key, number)), "yes" if said == "D" else ""]
        lines.append(",".join([*cells, *[word or ""] * full]))
    return "\n".join([*lines, *["too,few"] * batch.broken]) + "\n"


def _order_key(row: Row) -> Key:
    return row["order_id"], row["line_id"], row["refund_id"]


def _order_number(row: Row) -> int:
    return int(-1 - row["order_amount"] if row["refund_id"] else row["order_amount"])


def _order_versions(shop: Shop) -> Rows:
    day = timedelta(days=1)
    return sorted(
        (
            (
                _order_key(r),
                *[at and (at - BEGINNING) / day for at in (r["effective_date"], r["expiry_date"])],
                *(r["batch_id"], _order_number(r), r["payment_method"]),
            )
            for r in shop.rows("orders_target")
        ),
        key=str,
    )


def _mend_order(row: dict[str, str], number: int) -> None:
    if row["order_date"] == "never":
        key = (row["order_id"], row["item"], row["refund_id"])
        row |= {"order_date": "2025-01-01", "order_amount": str(_amount(key, number))}


ORDERS = Files(
    "orders",
    (("O1", "1", ""), ("O1", "2", ""), ("O1", "1", "R1"), ("O2", "1", "")),
    (None, _WHOLE),
    _order_delivery,
    _order_csv,
    _order_key,
    _order_number,
    _order_versions,
    lambda log: sorted((row[:-1] for row in stocks.wanted(log)), key=str),
    _mend_order,
)
