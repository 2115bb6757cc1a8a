"""An engine that writes something else than it was told: the checks before publishing see it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.attempt import Workspace
from ecomm.money import MONEY
from ecomm.store.folders import FolderStore
from tests.integration.conftest import Days
from tests.shop import Shop, differences, published

Mistake = Callable[[DataFrame], DataFrame]
ONE, OTHER = F.col("order_id") == "ORD000004", F.col("order_id") == "ORD000006"


def nothing(column: str, of_type: str) -> Mistake:
    return lambda rows: rows.withColumns({column: F.lit(None).cast(of_type)})


def other(column: str, change: Callable[[], object]) -> Mistake:
    return lambda rows: rows.withColumns({column: change()})  # type: ignore[dict-item]


MISTAKES: dict[str, tuple[str, Mistake]] = {
    "a row is dropped": ("orders_stage", lambda rows: rows.filter(~ONE)),
    "a row is doubled": ("orders_stage", lambda rows: rows.unionByName(rows.filter(ONE))),
    "a row is another": ("orders_stage", lambda rows: rows.filter(~ONE).unionByName(rows.filter(OTHER))),
    "an amount is NULL": ("orders_stage", other("order_amount", lambda: F.when(~ONE, F.col("order_amount")))),
    "amounts are ten times": ("orders_stage", other("order_amount", lambda: (F.col("order_amount") * 10).cast(MONEY))),
    "days are others": ("orders_stage", other("order_date", lambda: F.date_add("order_date", 1))),
    "prices are others": ("products_stage", other("price", lambda: (F.col("price") + 1).cast(MONEY))),
    "a row is of another file": ("orders_stage", other("source_line", lambda: F.col("source_line") + 1000)),
    "a customer is another's": ("customers_stage", other("city", lambda: F.lit("Bonn"))),
    "rejected rows are dropped": ("orders_errors", lambda rows: rows.limit(5)),
    "a version is dropped": ("orders_target", lambda rows: rows.filter(~ONE)),
    "a version is another": ("orders_target", lambda rows: rows.filter(~ONE).unionByName(rows.filter(OTHER))),
    "amounts are NULL": ("orders_target", nothing("order_amount", MONEY)),
    "old values": ("orders_target", other("order_status", lambda: F.lit("pending"))),
    "open ends": ("orders_target", nothing("expiry_date", "timestamp")),
    "none is current": ("customers_target", other("is_current", lambda: F.lit(False))),
    "amounts of orders are others": ("enriched_orders", other("amount", lambda: (F.col("amount") + 1).cast(MONEY))),
    "an order is another's": ("enriched_orders", other("customer_id", lambda: F.lit("CUST0001"))),
    "customers are dropped": ("customer_analytics", lambda rows: rows.limit(100)),
    "no revenue of categories": ("category_analysis", nothing("revenue", MONEY)),
    "no revenue of months": ("seasonal_analysis", lambda rows: rows.limit(1)),
    "no revenue of products": ("product_analytics", lambda rows: rows.limit(10)),
    "no revenue of the shop": ("analytics_summary", other("revenue", lambda: F.lit(0).cast(MONEY))),
}
FEW = {"a row is another", "amounts are NULL", "amounts of orders are others", "no revenue of the shop"}


@pytest.mark.parametrize("mistake", [pytest.param(m, marks=[] if m in FEW else pytest.mark.long) for m in MISTAKES])
def test_what_an_engine_writes_wrong_is_not_published(
    shop: Shop, days: Days, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    """On the second day, when targets are written anew."""
    shop = days.copy(shop.root / "copy")
    table, change = MISTAKES[mistake]
    write, divide = FolderStore._write, Workspace.divide

    def writes(store: FolderStore, name: str, rows: DataFrame) -> object:
        return write(store, name, change(rows) if name == table else rows)

    def divides(work: Workspace, name: str, rows: DataFrame, by: str) -> object:
        return divide(work, name, change(rows) if name.replace("_rows", "_stage") == table else rows, by)

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "_write", writes)
        patch.setattr(Workspace, "divide", divides)
        [outcome] = shop.run()
    assert (outcome.status, outcome.exit_code) == ("failed", 1)
    assert "nothing was published" in str(outcome.reason)
    assert not differences(published(shop), days.one)
