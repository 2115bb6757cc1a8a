"""Hostile values of amounts, days, flags and whole numbers, each against the oracle, which knows only the documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.attack.corpus import line
from tests.attack.plan import Plan, Tally, listed
from tests.attack.shops import Folder
from tests.oracle import values as oracle


@dataclass(frozen=True)
class Column:
    """Where values of a kind go. rest: the row around the value. needs: a row without the value is rejected."""

    source: str
    header: str
    row: Callable[[str, str], Sequence[str]]
    key: str
    name: str
    right: Callable[[str | None], Any]
    values: Sequence[str]
    needs: bool


def _amount(text: str | None) -> Any:
    found = oracle.as_money(text, "EUR")
    return None if found is not None and found < 0 else found


COLUMNS = (
    Column(
        "orders",
        "order_id,customer_id,product_id,order_date,order_amount,currency",
        lambda key, value: (key, "C1", "P1", "2025-01-01", value, "EUR"),
        "order_id",
        "order_amount",
        _amount,
        listed("amounts"),
        needs=True,
    ),
    Column(
        "customers",
        "customer_id,registration_date",
        lambda key, value: (key, value),
        "customer_id",
        "registration_date",
        oracle.as_date,
        listed("days"),
        needs=False,
    ),
    Column(
        "products",
        "product_id,price,currency,discontinued",
        lambda key, value: (key, "1.00", "EUR", value),
        "product_id",
        "discontinued",
        oracle.as_bool,
        listed("flags"),
        needs=False,
    ),
    Column(
        "inventory",
        "product_id,stock_quantity",
        lambda key, value: (key, value),
        "product_id",
        "stock_quantity",
        oracle.as_int,
        listed("whole_numbers"),
        needs=True,
    ),
)


def values(plan: Plan) -> Tally:
    """Each value is what the oracle says, or its row is rejected, or the column is empty and flagged; never another."""
    shop = Folder(plan.folder / "shop")
    files = []
    for column in COLUMNS:
        rows = [line(tuple(column.row(f"V{n:03}", value))) for n, value in enumerate(column.values)]
        content = "".join(f"{one}\n" for one in (column.header, *rows)).encode("utf-8", "surrogatepass")
        files.append((column.source, f"{column.source}.csv", content))
    shop.drop("values", "2025-06-01T00:00:00Z", files)
    done = shop.ecomm("run")
    tried = sum(len(column.values) for column in COLUMNS)
    if done.code != 0:
        return Tally(tried, tuple([f"the batch is not published: {done.text[-300:]}"] * tried))
    lost = [why for column in COLUMNS for why in _wrong(shop, column)]
    return Tally(tried, tuple(lost))


def _wrong(shop: Folder, column: Column) -> list[str]:
    stage = {row[column.key]: row for row in shop.warehouse.table(f"{column.source}_stage").to_pylist()}
    errors = [dict(row["raw"]) for row in shop.warehouse.table(f"{column.source}_errors").to_pylist()]
    rejected = {cells[column.key] for cells in errors}
    lost = []
    for number, value in enumerate(column.values):
        key = f"V{number:03}"
        right = column.right(oracle.trimmed(value))
        row = stage.get(key)
        if row is None:
            if key not in rejected:
                lost.append(f"{column.name} {value!r}: the row is nowhere")
            continue
        found = row[column.name]
        if found != right:
            lost.append(f"{column.name} {value!r}: {found!r}, not {right!r}")
        elif found is None and oracle.trimmed(value) is not None and (column.needs or not row["quality_flags"]):
            lost.append(f"{column.name} {value!r}: it is dropped without a word")
    return lost
