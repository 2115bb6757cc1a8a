"""Cases of real shops: a column that was renamed, unknown words, files of other kinds, files without a trigger.

The right values are those of tests/wild: what is not told here would be a wrong number that nobody sees.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecomm import alerts
from ecomm.findings import Finding, quality_of
from tests.integration.test_cli import Said, ecomm, in_warehouse, places
from tests.shop import Row, Shop

WILD = Path(__file__).parents[1] / "wild"
HEADER = "order_id,customer_id,product_id,order_date,order_amount"


def batch(shop: Shop, case: str, file: str, name: str, as_of: str) -> Any:
    """Publish one file of orders of a case."""
    shop.drop(name, as_of, {"orders": {file: (WILD / case / "orders" / file).read_bytes()}})
    (outcome,) = shop.run()
    assert outcome.status == "published", outcome.reason
    return outcome


def drop(shop: Shop, case: str) -> list[Path]:
    """Put the files of a case into landing without a trigger, as if they had come a while ago."""
    found = []
    for file in sorted((WILD / case).glob("*/*")):
        path = shop.settings.source_dir(file.parent.name) / "source" / file.name
        path.write_bytes(file.read_bytes())
        os.utime(path, (time.time() - 60, time.time() - 60))
        found.append(path)
    return found


def said(shop: Shop, *words: str) -> Said:
    """What a command says of a shop; on stderr it may log alerts."""
    done = ecomm(*words, *places(shop.root), cwd=shop.root)
    assert done.code == 0, done
    return done


def finding(shop: Shop, batch_id: str, check: str) -> Finding:
    (one,) = [f for f in quality_of(shop.warehouse, batch_id).findings if f.check == check]
    return one


def checked(shop: Shop, batch_id: str, check: str) -> Row:
    rows = shop.rows("validation_results")
    (one,) = [row for row in rows if row["batch_id"] == batch_id and row["check_name"] == check]
    return one


# --- 06: a column was renamed -----------------------------------------------------------------------------------------


def test_a_renamed_column_is_told_everywhere(shop: Shop) -> None:
    """Cancelled orders would count as revenue: the status is not in the header any more."""
    case = "06-optional-column-renamed"
    assert batch(shop, case, "d1.csv", "d1", "2026-09-02T00:00:00Z").notes == ()
    assert checked(shop, "d1", "column_disappeared")["severity"] == "NONE"
    outcome = batch(shop, case, "d2.csv", "d2", "2026-09-03T00:00:00Z")
    found = finding(shop, "d2", "column_disappeared")
    assert (found.level, found.source, found.category) == ("MEDIUM", "orders", "consistency")
    assert (found.failed_rows, found.rows_checked, found.share) == (2, 2, Decimal("1.0000"))
    assert found.meaning.startswith(
        "d2.csv lacks the column order_status, which batch d1 had; the new column Order Stat"
    )
    assert outcome.notes == (f"MEDIUM orders column_disappeared: {found.meaning}",)
    before, score = checked(shop, "d1", "batch_score"), checked(shop, "d2", "batch_score")
    assert score["score"] == before["score"], "the score is about rows"
    assert score["severity"] == "MEDIUM"
    (event,) = alerts.look(shop.settings, datetime(2026, 9, 3, tzinfo=UTC))
    assert (event.event, event.alert.key, event.alert.batch) == ("fired", "columns orders", "d2")
    assert event.alert.sentence == found.meaning


def test_the_setting_that_it_names_mends_it(tmp_path: Path, shop: Shop) -> None:
    names = {"orders": {"columns": {"order_status": ["order_status", "Order Status"]}}}
    own = Shop(tmp_path / "own", sources=names)
    case = "06-optional-column-renamed"
    batch(own, case, "d1.csv", "d1", "2026-09-02T00:00:00Z")
    assert batch(own, case, "d2.csv", "d2", "2026-09-03T00:00:00Z").notes == ()
    (row,) = [r for r in own.rows("analytics_summary") if r["batch_id"] == "d2"]
    assert row["revenue"] == Decimal("0.00")


def test_a_column_that_the_settings_name_is_high(tmp_path: Path, shop: Shop) -> None:
    own = Shop(tmp_path / "own", sources={"orders": {"columns": {"order_status": "State"}}})
    own.drop("a", "2026-09-02T00:00:00Z", {"orders": {"a.csv": f"{HEADER},Stat\n1,c,p,2026-09-01,5,pending\n"}})
    (outcome,) = own.run()
    assert outcome.notes[0].startswith(
        "HIGH orders column_disappeared: a.csv lacks the column State (for order_status)"
    )
    assert finding(own, "a", "column_disappeared").next == "", "no row is to be shown"


def test_its_level_is_the_shops(tmp_path: Path, shop: Shop) -> None:
    off = Shop(tmp_path / "off", severity={"column_disappeared": "OFF"})
    case = "06-optional-column-renamed"
    batch(off, case, "d1.csv", "d1", "2026-09-02T00:00:00Z")
    assert batch(off, case, "d2.csv", "d2", "2026-09-03T00:00:00Z").notes == ()
    assert "column_disappeared" not in {r["check_name"] for r in off.rows("validation_results")}


# --- 11: unknown words ------------------------------------------------------------------------------------------------


def test_unknown_statuses_say_what_they_bring(shop: Shop) -> None:
    """310.00 of revenue, 300.00 of it doubtful: each word with its part, so that it can be seen which."""
    batch(shop, "11-unknown-status-counts-as-revenue", "o.csv", "b1", "2026-10-01T00:00:00Z")
    found = finding(shop, "b1", "order_status_known")
    assert found.level == "MEDIUM"
    assert "310.00 of the batch's revenue of 310.00 USD" in found.meaning
    assert "(expired 160.00, partially_refunded 80.00, unavailable 40.00, voided 20.00, paid 10.00)" in found.meaning
    for setting in (
        "[vocabularies] order_status",
        "[shop] non_revenue_statuses",
        "[sources.orders.values.order_status]",
    ):
        assert setting in found.meaning
    assert "voided 20.00" in ecomm("quality", *in_warehouse(shop.root), cwd=shop.root).ok().out


def test_a_word_that_is_no_revenue_brings_none(tmp_path: Path, shop: Shop) -> None:
    """And a cell that does not look like a word is not shown."""
    own = Shop(
        tmp_path / "own",
        shop={"non_revenue_statuses": ["cancelled", "voided"]},
        vocabularies={"order_status": ["paid", "cancelled"]},
    )
    rows = ["1,c,p,2026-09-01,10,paid", "2,c,p,2026-09-01,20,voided", "3,c,p,2026-09-01,40,Call 555-1234"]
    own.drop("a", "2026-09-02T00:00:00Z", {"orders": {"a.csv": "\n".join([f"{HEADER},order_status", *rows])}})
    own.run()
    meaning = finding(own, "a", "order_status_known").meaning
    assert "40.00 of the batch's revenue of 50.00 USD" in meaning
    assert "(voided 0.00, no revenue, others 40.00)" in meaning
    assert "555" not in meaning


def test_other_words_name_their_settings(shop: Shop) -> None:
    """Without the words: only a status is known to be no personal value."""
    files = {
        "orders": {"o.csv": f"{HEADER},payment_method,order_status\n1,c,p,2026-09-01,10,mallory,pending\n"},
        "customers": {"c.csv": "customer_id,customer_tier\nc,diamond\n"},
    }
    shop.drop("a", "2026-09-02T00:00:00Z", files)
    shop.run()
    paid = finding(shop, "a", "payment_method_known").meaning
    assert "10.00 of the batch's revenue of 10.00 USD" in paid
    assert "[vocabularies] payment_method" in paid
    assert "[sources.orders.values.payment_method]" in paid
    assert "mallory" not in paid
    tier = finding(shop, "a", "customer_tier_known").meaning
    assert "[vocabularies] customer_tier" in tier
    assert "diamond" not in tier


# --- 28, 29: files that no trigger lists ------------------------------------------------------------------------------


def test_files_of_every_kind_are_named(shop: Shop) -> None:
    files = drop(shop, "28-other-kinds-of-files")
    (shop.settings.source_dir("orders") / "source" / "old.XLS").write_bytes(b"\xd0\xcf\x11\xe0")
    (shop.settings.source_dir("orders") / "source" / "half.csv.part").write_text(HEADER)
    (shop.settings.source_dir("orders") / "source" / ".hidden.csv").write_text(HEADER)
    told = said(shop, "status", "--json").json
    assert {Path(p).name for p in told["unexpected_files"]} == {*(f.name for f in files), "old.XLS"}
    assert "old.XLS" in {Path(p).name for p in told["unread_files"]}
    shown = said(shop, "run").out
    assert all(file.name in shown for file in files)
    assert "`ecomm trigger ORDERS.CSV` makes it a batch" in shown
    (unread,) = [line for line in shown.splitlines() if "old.XLS" in line]
    assert "nothing reads this kind of file" in unread
    assert "half.csv" not in shown
    assert ".hidden" not in shown


@pytest.mark.parametrize("command", [("run",), ("watch", "--once")])
def test_a_file_without_a_trigger_is_named(shop: Shop, command: tuple[str, ...]) -> None:
    drop(shop, "29-files-without-a-trigger")
    shown = said(shop, *command).out
    assert "Nothing is pending." in shown
    assert "o.csv: no trigger lists it; `ecomm trigger o.csv` makes it a batch" in shown


def test_alerts_name_it_in_a_shop_without_a_warehouse(shop: Shop) -> None:
    """Until a trigger lists it; a file that has just come is left in peace, for its trigger may follow."""
    (path,) = drop(shop, "29-files-without-a-trigger")
    os.utime(path)
    now = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert alerts.look(shop.settings, now) == []
    os.utime(path, (time.time() - 60, time.time() - 60))
    (event,) = said(shop, "alerts", "--check", "--json").json["events"]
    assert (event["event"], event["key"]) == ("fired", "untriggered orders")
    assert event["sentence"] == "orders: no trigger lists o.csv; `ecomm trigger o.csv` makes it a batch."
    shop.trigger('{"trigger_id": "b", "batch_date": "2026-09-02", "expected_files": ["o.csv"]}', "b.json")
    assert [(e.event, e.alert.key) for e in alerts.look(shop.settings, datetime.now(UTC))] == [
        ("resolved", "untriggered orders")
    ]
    assert [o.status for o in shop.run()] == ["published"], "the folder of the alerts is no warehouse yet"
    assert alerts.look(shop.settings, datetime.now(UTC)) == []


# --- what cannot be read ----------------------------------------------------------------------------------------------


def test_discontinued_that_cannot_be_read_is_null(shop: Shop) -> None:
    """Neither does such a text bring a product back to life; an empty cell is false."""
    first = "product_id,price,discontinued\nP1,10,true\nP2,10,ja\nP3,10,\n"
    shop.drop("b1", "2025-01-05T00:00:00Z", {"products": {"b1.csv": first}})
    shop.drop("b2", "2025-01-06T00:00:00Z", {"products": {"b2.csv": "product_id,price,discontinued\nP1,10,x\n"}})
    shop.drop("b3", "2025-01-07T00:00:00Z", {"products": {"b3.csv": "product_id,price\nP1,11\n"}})
    assert [o.status for o in shop.run()] == ["published"] * 3
    rows = shop.rows("products_target")
    versions = sorted((r["product_id"], r["effective_date"].day, r["discontinued"]) for r in rows)
    assert versions == [("P1", 5, True), ("P1", 6, None), ("P1", 7, None), ("P2", 5, None), ("P3", 5, False)]
    stage = {(r["product_id"], r["batch_id"]): r for r in shop.rows("products_stage")}
    assert "discontinued_readable" in stage["P2", "b1"]["quality_flags"]
    assert stage["P2", "b1"]["is_sellable"] is False


def test_keys_are_shown_as_people_write_them(shop: Shop) -> None:
    """In quarantine and in findings."""
    text = "product_id,warehouse_location,location,stock_quantity\nP1,Halle 2,,-1\nP1,Halle 2,A / 3,-1\n"
    orders = f"{HEADER}\nO34,c,p,2026-09-01,-5\n"
    shop.drop("b", "2026-09-02T00:00:00Z", {"inventory": {"i.csv": text}, "orders": {"o.csv": orders}})
    shop.run()
    rows = {r["key"]: r["key_parts"] for r in shop.rows("inventory_errors")}
    assert rows == {"P1 / Halle 2": ["P1", "Halle 2", ""], "P1 / Halle 2 / A / 3": ["P1", "Halle 2", "A / 3"]}
    (row,) = shop.rows("orders_errors")
    assert (row["key"], row["key_parts"]) == ("O34", ["O34", "", ""])
    found = finding(shop, "b", "stock_quantity_not_negative")
    assert found.keys == [["P1", "Halle 2"], ["P1", "Halle 2", "A / 3"]]
    assert finding(shop, "b", "order_amount_not_negative").keys == [["O34"]]
