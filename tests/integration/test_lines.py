"""Orders of several lines, refunds as rows, and which of two rows counts: whole batches through the engine."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from ecomm import redrive
from ecomm.batches.entry import FORMAT_VERSION, SCHEMA
from ecomm.errors import FormatError, UsageError
from ecomm.money import shown
from ecomm.settings import load
from ecomm.transforms import absences
from tests.shop import Row, Shop

pytestmark = [pytest.mark.parity, pytest.mark.usefixtures("shop")]
HEADER = "order_id,customer_id,product_id,order_date,order_amount"


def opened(root: Path, **orders: Any) -> Shop:
    return Shop(root / "lines", sources={"orders": orders})


def publish(shop: Shop, batch: str, *files: str, day: int = 2) -> None:
    """One batch of these files of orders, in this order."""
    contents = {f"{batch}_{chr(ord('z') - i)}.csv": text for i, text in enumerate(files)}
    shop.drop(batch, f"2026-09-{day:02}T06:00:00Z", {"orders": contents})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]


def current(shop: Shop) -> dict[tuple[str, str, str], str]:
    """Key -> amount of the lines that hold now."""
    rows = [row for row in shop.rows("orders_target") if row["is_current"]]
    return {(r["order_id"], r["line_id"], r["refund_id"]): shown(r["order_amount"]) for r in rows}


def lost(shop: Shop) -> list[tuple[str, int, list[str], str]]:
    def brief(row: Row) -> tuple[str, int, list[str], str]:
        reasons = [r for r in row["reasons"] if r != "currency_assumed"]
        return row["source_file"], row["source_line"], reasons, row["severity"]

    return sorted(brief(row) for row in shop.rows("orders_errors"))


def test_equal_lines_by_position(tmp_path: Path) -> None:
    shop = opened(tmp_path, line_id="position")
    publish(shop, "a", f"{HEADER}\nA,c,p,2026-09-01,10\nB,c,p,2026-09-01,1\nA,c,p,2026-09-01,10\n")
    assert current(shop) == {("A", "1", ""): "10.00", ("A", "2", ""): "10.00", ("B", "1", ""): "1.00"}
    assert lost(shop) == []


def test_the_old_spelling_is_read_and_two_units_are_loud(tmp_path: Path) -> None:
    shop = Shop(
        tmp_path / "lines", sources={"orders": {"key": ["order_id", "product_id"], "columns": {"product_id": "SKU"}}}
    )
    header = HEADER.replace("product_id", "SKU")
    publish(shop, "a", f"{header}\nA,c,p,2026-09-01,10\nA,c,p,2026-09-01,10\nA,c,q,2026-09-01,5\n")
    assert current(shop) == {("A", "q", ""): "5.00"}
    assert lost(shop) == [("a_z.csv", n, ["order_lines_distinct"], "HIGH") for n in (1, 2)]


@pytest.mark.parametrize(
    "said", [{"key": ["product_id"]}, {"key": ["order_id", "product_id"], "line_id": "position"}], ids=str
)
def test_what_cannot_be_read_as_lines_is_refused_with_what_to_write(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r'write line_id = "a header .*", or line_id = "position", and no key'):
        load(sources={"orders": said})


@pytest.mark.parametrize("said", [{"line_id": "position"}, {"whole_orders": True}, {"refunds": "rows"}], ids=str)
def test_lines_and_refunds_are_of_orders_alone(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"only \[sources.orders\] can have"):
        load(sources={"products": said})


def test_the_header_of_lines_must_be_there(tmp_path: Path) -> None:
    shop = opened(tmp_path, line_id="Row ID")
    shop.drop("a", "2026-09-02T06:00:00Z", {"orders": {"o.csv": f"{HEADER}\nA,c,p,2026-09-01,10\n"}})
    (outcome,) = shop.run()
    assert outcome.status == "failed"
    assert "the header lacks Row ID, which line_id in [sources.orders] names" in str(outcome.reason)


@pytest.mark.long
@pytest.mark.every_engine
def test_refunds_are_rows_beside_their_sale(tmp_path: Path) -> None:
    shop = opened(tmp_path, refunds="rows", line_id="item")
    header = HEADER.replace("order_id", "order_id,item") + ",created_timestamp"
    sale = "A,1,c,p,2026-09-01,10,2026-09-01T10:00:00Z"
    refund = "A,1,c,p,2026-09-01,-4,2026-09-03T10:00:00Z"
    publish(shop, "a", f"{header}\n{sale}\n")
    publish(shop, "b", f"{header}\n{sale}\n{refund}\n", day=4)
    publish(shop, "c", f"{header}\n{refund}\n{refund.replace('03T10', '05T10')}\n", day=6)
    assert current(shop) == {
        ("A", "1", ""): "10.00",
        ("A", "1", "2026-09-03T10:00:00Z"): "-4.00",
        ("A", "1", "2026-09-05T10:00:00Z"): "-4.00",
    }
    assert lost(shop) == []


def test_a_negative_amount_is_rejected_where_a_refund_is_a_status(tmp_path: Path) -> None:
    shop = opened(tmp_path)
    publish(shop, "a", f"{HEADER}\nA,c,p,2026-09-01,-4\n")
    assert lost(shop) == [("a_z.csv", 1, ["order_amount_not_negative"], "HIGH")]


@pytest.mark.every_engine
def test_a_whole_order_ends_the_lines_that_it_lacks(tmp_path: Path) -> None:
    """In any order of arrival; neither another order's nor a refund."""
    shop = opened(tmp_path, line_id="position", whole_orders=True, refunds="rows")
    first = f"{HEADER}\nA,c,p,2026-09-01,1\nA,c,q,2026-09-01,2\nA,c,q,2026-09-01,-2\nB,c,p,2026-09-01,3\n"
    publish(shop, "b", f"{HEADER}\nA,c,p,2026-09-01,1\n", day=4)
    publish(shop, "a", first)
    expected = {("A", "1", ""): "1.00", ("A", "3", "2026-09-01#1"): "-2.00", ("B", "1", ""): "3.00"}
    assert current(shop) == expected
    other = opened(tmp_path / "other", line_id="position", whole_orders=True, refunds="rows")
    publish(other, "a", first)
    publish(other, "b", f"{HEADER}\nA,c,p,2026-09-01,1\n", day=4)
    assert current(other) == expected
    assert other.rows("orders_target") == shop.rows("orders_target")


def test_many_whole_orders(tmp_path: Path) -> None:
    """More than are literals of a filter, in order and late."""
    numbers = range(absences._FEW + 1)
    two = "".join(f"A{n},c,p,2026-09-01,1\nA{n},c,p,2026-09-01,1\n" for n in numbers)
    one = "".join(f"A{n},c,p,2026-09-01,1\n" for n in numbers)
    shop = opened(tmp_path, line_id="position", whole_orders=True)
    publish(shop, "a", f"{HEADER}\n{two}")
    publish(shop, "c", f"{HEADER}\n{one}", day=6)
    assert len(current(shop)) == len(numbers)
    publish(shop, "b", f"{HEADER}\n{two}", day=4)
    assert len(current(shop)) == len(numbers)
    ended = [row for row in shop.rows("orders_target") if row["line_id"] == "2"]
    assert {row["expiry_date"].day for row in ended} == {6}


@pytest.mark.every_engine
def test_the_later_file_and_the_later_record_win(tmp_path: Path) -> None:
    """The trigger lists the files from z to a; a change of status is quiet."""
    header = f"{HEADER},order_status"
    row = "A,c,p,2026-09-01,10"
    shop = opened(tmp_path)
    publish(shop, "a", f"{header}\n{row},pending\n", f"{header}\n{row},shipped\n{row},refunded\n")
    (order,) = shop.rows("orders_target")
    assert order["order_status"] == "refunded"
    assert lost(shop) == [("a_y.csv", 1, ["superseded"], "NONE"), ("a_z.csv", 1, ["superseded"], "NONE")]


def test_money_that_loses_goes_out_to_a_person_and_comes_back(tmp_path: Path) -> None:
    shop = opened(tmp_path, line_id="item")
    header = HEADER.replace("order_id", "order_id,item")
    publish(shop, "a", f"{header}\nA,1,c,p,2026-09-01,10\nA,1,c,q,2026-09-01,5\n")
    assert current(shop) == {("A", "1", ""): "5.00"}
    assert lost(shop) == [("a_z.csv", 1, ["superseded_amount_agrees"], "HIGH")]
    out = tmp_path / "out.csv"
    assert redrive.export(shop.settings, "orders", out) == 1
    rows = list(csv.reader(out.open(encoding="utf-8", newline="")))
    place = rows[0].index("item")
    rows[1][place] = "2"
    with out.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    done = redrive.redrive(shop.settings, out, "it was the second line")
    assert (done.corrected, done.rejected) == (1, ())
    assert current(shop) == {("A", "1", ""): "5.00", ("A", "2", ""): "10.00"}


def test_a_later_batch_with_another_product_is_a_finding(tmp_path: Path) -> None:
    """Whichever of the two comes first."""
    for name, days in (("in order", (2, 3)), ("late", (3, 2))):
        shop = opened(tmp_path / name)
        for batch, product, day in zip("ab", "pq", days, strict=True):
            publish(shop, batch, f"{HEADER}\nA,c,{product},2026-09-01,10\n", day=day)
        found = shop.warehouse.table("validation_results").to_pylist()
        said = {
            r["batch_id"]: (r["failed_rows"], r["severity"])
            for r in found
            if r["check_name"] == "order_product_changed"
        }
        assert said == {"a": (0, "NONE"), "b": (1, "MEDIUM")}


def test_a_warehouse_of_the_format_before_is_refused(tmp_path: Path) -> None:
    shop = opened(tmp_path)
    publish(shop, "a", f"{HEADER}\nA,c,p,2026-09-01,10\n")
    ledger = DeltaTable(shop.settings.warehouse / "batch_ledger")
    rows = [row | {"format_version": FORMAT_VERSION - 1} for row in ledger.to_pyarrow_table().to_pylist()]
    older = tmp_path / "older"
    write_deltalake(older / "batch_ledger", pa.Table.from_pylist(rows, schema=SCHEMA))
    other = Shop(tmp_path / "lines")
    settings = other.settings.model_copy(update={"warehouse": older})
    other.settings = settings
    with pytest.raises(
        FormatError, match=rf"has format {FORMAT_VERSION - 1}, this program writes {FORMAT_VERSION}; land"
    ):
        other.run()
