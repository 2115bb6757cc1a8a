"""06 in whole batches, and how a person reads it: checks across tables, `ecomm quality`."""

from __future__ import annotations

import json
import shlex
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from ecomm.engines import deltafiles
from ecomm.errors import EcommError, UsageError
from ecomm.findings import quality_of
from ecomm.keys import parts_of, prefixed_parts, written
from ecomm.transforms.checks import CHECKS
from tests.integration.test_cli import ecomm, in_warehouse
from tests.oracle import checks_on_arrival, read_landing
from tests.shop import DAYS, Row, Shop, differences, ordered

pytestmark = pytest.mark.parity

ACROSS = {c.name for c in CHECKS}
BATCHES = [f"batch_{day}" for day in DAYS]
ORDERS = "order_id,customer_id,product_id,order_date,order_amount,currency,shipping_address,created_timestamp\n"
FIRST = {
    "orders": ORDERS
    + "O1,C1,P1,2025-01-10,50,USD,Main St 1,2025-01-10T12:00:00Z\n"
    + "O2,C2,P1,2025-01-10,50,USD,Main St 1,2025-01-10T12:00:00Z\n"
    + "O3,C2,P1,2025-01-10,-1,USD,Main St 1,2025-01-10T12:00:00Z\n"
}
SECOND = {"customers": "customer_id,email\nC1,a@b.co\nC3,a@b.co\n"}


def publish(shop: Shop, batch_id: str, as_of: str, files: dict[str, str]) -> None:
    shop.drop(batch_id, as_of, {source: {f"{batch_id}_{source}.csv": text} for source, text in files.items()})
    assert [(o.status, o.reason) for o in shop.run(only=batch_id)] == [("published", None)]


def across(shop: Shop, batch_id: str) -> dict[str, Row]:
    """What the checks across tables said of a batch."""
    rows = shop.warehouse.table("validation_results").to_pylist()
    return {r["check_name"]: r for r in rows if r["batch_id"] == batch_id and r["check_name"] in ACROSS}


def test_the_sample_days_by_the_oracle(sample: Shop, tmp_path: Path) -> None:
    fresh = Shop(tmp_path)
    fresh.drop_sample(*DAYS)
    theirs = checks_on_arrival(read_landing(fresh.root / "landing"))
    rows = sample.warehouse.table("validation_results").to_pylist()
    ours = [{n: r[n] for n in theirs[0]} for r in rows if r["check_name"] in {*ACROSS, "column_disappeared"}]
    assert not differences({"checks": ordered(ours)}, {"checks": ordered(theirs)})
    assert {r["check_name"] for r in theirs if r["failed_rows"]} >= {"order_customer_exists", "stock_agrees"}


@pytest.mark.long
def test_what_is_not_there_yet_is_not_looked_for(shop: Shop) -> None:
    """No live batch holds the parent source: skipped. It heals when the parents come."""
    publish(shop, "a", "2025-01-15T06:00:00Z", FIRST)
    said = across(shop, "a")
    assert set(said) == {c.name for c in CHECKS if c.source == "orders"}
    for one in CHECKS:
        if one.source == "orders" and one.parent is not None:
            row = said[one.name]
            assert (row["severity"], row["rows_checked"], row["failed_rows"]) == ("NONE", 0, 0)
            assert row["failed_share"] is None
            assert row["description"].startswith(f"skipped: there are no {one.parent} yet")
    assert said["order_in_business_hours"]["rows_checked"] == 2
    publish(shop, "b", "2025-01-16T06:00:00Z", SECOND)
    publish(shop, "c", "2025-01-17T06:00:00Z", FIRST)
    row = across(shop, "c")["order_customer_exists"]
    assert (row["severity"], row["rows_checked"], row["failed_rows"]) == ("HIGH", 2, 1)
    assert (row["failed_share"], row["sample_keys"]) == (Decimal("0.5000"), ["O2"])
    publish(shop, "d", "2025-01-18T06:00:00Z", {"customers": "customer_id,email\nC2,\n", **FIRST})
    assert across(shop, "d")["order_customer_exists"]["failed_rows"] == 0


def test_findings_are_loud_but_no_row_and_no_score_suffers(shop: Shop) -> None:
    good = {"orders": FIRST["orders"].rsplit("O3", 1)[0], "customers": "customer_id\nC9\n"}
    publish(shop, "a", "2025-01-15T06:00:00Z", good)
    assert len(shop.rows("orders_stage")) == 2
    assert not shop.rows("orders_errors")
    assert across(shop, "a")["order_customer_exists"]["failed_rows"] == 2
    (score,) = (r for r in shop.rows("validation_results") if r["check_name"] == "batch_score")
    assert score["severity"] == "HIGH", "the worst level of all that was found"
    judged = [f for r in shop.rows("orders_stage") + shop.rows("customers_stage") for f in r["quality_flags"]]
    assert not ACROSS & set(judged)
    assert score["score"] == Decimal("100.00")


def test_a_row_that_ends_its_key_fails_nothing(tmp_path: Path, shop: Shop) -> None:
    own = Shop(tmp_path / "own", sources={"orders": {"delete_column": "gone"}})
    orders = "order_id,customer_id,product_id,order_date,order_amount,gone\nO1,C1,P1,2025-01-10,5,yes\n"
    publish(own, "a", "2025-01-15T06:00:00Z", {"orders": orders, "customers": "customer_id\nC9\n"})
    row = across(own, "a")["order_customer_exists"]
    assert (row["rows_checked"], row["failed_rows"], row["sample_keys"]) == (1, 0, [])


# -- ecomm quality -------------------------------------------------------------------------------------


def test_quality_of_a_batch(shop: Shop) -> None:
    publish(shop, "a", "2025-01-15T06:00:00Z", FIRST | SECOND)
    publish(shop, "it's b", "2025-01-14T06:00:00Z", SECOND)
    said = quality_of(shop.warehouse, "a")
    assert (said.batch_id, said.state) == ("a", "published")
    assert said.rows == {"read": 5, "accepted": 4, "rejected": 1, "duplicate": 0, "superseded": 0}
    first = [
        (f.level, f.check, f.failed_rows, f.rows_checked, f.keys, f.next) for f in said.findings if f.level == "HIGH"
    ]
    assert first == [
        ("HIGH", "order_customer_exists", 1, 2, [["O2"]], "ecomm history orders O2"),
        ("HIGH", "order_amount_not_negative", 1, 3, [["O3"]], "ecomm quarantine orders --batch a"),
    ]
    levels = [f.level for f in said.findings]
    assert levels == sorted(levels, key=["HIGH", "MEDIUM", "LOW", "NONE"].index)
    assert "order_product_exists" in said.skipped
    assert [(t.batch_id, t.state) for t in said.trend] == [("it's b", "published"), ("a", "published")]
    assert said.trend[1].score == said.score
    assert quality_of(shop.warehouse, None).batch_id == "it's b", "what was judged last"
    for finding in quality_of(shop.warehouse, "it's b").findings:
        command, *rest = shlex.split(finding.next)[1:]
        if command == "sql":
            assert shop.warehouse.sql(rest[0]).num_rows == finding.failed_rows, finding
    with pytest.raises(UsageError, match="no batch nope"):
        quality_of(shop.warehouse, "nope")


def test_only_the_revision_that_was_published_counts(shop: Shop) -> None:
    """A try that was broken off says nothing."""
    publish(shop, "a", "2025-01-15T06:00:00Z", FIRST)
    before = quality_of(shop.warehouse, "a")
    (row, *_) = shop.warehouse.table("validation_results").to_pylist()
    table = shop.warehouse.table("validation_results")
    odd = pa.Table.from_pylist([row | {"revision": 999, "failed_rows": 3, "severity": "HIGH"}], schema=table.schema)
    deltafiles.append_rows(shop.root / "warehouse" / "validation_results", odd)
    assert quality_of(shop.warehouse, "a") == before


def test_nothing_was_judged(shop: Shop) -> None:
    shop.drop("a", "2025-01-15T06:00:00Z", {"orders": {"a.csv": "order_id\nO1\n"}})
    assert [o.status for o in shop.run()] == ["failed"]
    with pytest.raises(EcommError, match="no batch has been judged yet"):
        quality_of(shop.warehouse, None)


def test_nothing_was_found(shop: Shop) -> None:
    publish(shop, "a", "2025-01-15T06:00:00Z", {"customers": "customer_id,email\nC1,a@b.co\n"})
    said = quality_of(shop.warehouse, "a")
    assert (said.findings, said.skipped) == ([], ["customer_has_orders"])
    told = ecomm("quality", *in_warehouse(shop.root), cwd=shop.root).ok().out
    assert f"{said.checks} checks found nothing." in told
    assert "customer_has_orders" in told


@pytest.mark.parametrize(
    ("key", "parts", "text"),
    [
        ("3:a:b0:5:Größe", ["a:b", "", "Größe"], "a:b /  / Größe"),
        ("3:O340:0:", ["O34", "", ""], "O34"),
        ("2:P18:Halle /2", ["P1", "Halle /2"], "P1 / Halle /2"),
        ("2:P19:A / B / C", ["P1", "A / B / C"], "P1 / A / B / C"),
        ("", [], ""),
    ],
)
def test_a_key_as_people_write_it(key: str, parts: list[str], text: str) -> None:
    assert prefixed_parts(key) == parts
    assert written(parts) == text
    assert parts_of(text, len(parts) or 1) == [*parts[: len(parts_of(text, len(parts) or 1))]] or [""]


@pytest.mark.long
def test_quality_as_it_is_read(sample: Shop) -> None:
    told = ecomm("quality", "--json", *in_warehouse(sample.root), cwd=sample.root).masked().json
    assert told["batch_id"] == BATCHES[1]
    warehouse = sample.warehouse
    (entry,) = (e for e in warehouse.log if e.entry == "PUBLISH" and e.batch_id == BATCHES[1])
    assert told["rows"]["read"] == sum(f.rows_read for f in entry.files)
    assert told["score"] == str(entry.score)
    assert [t["batch_id"] for t in told["trend"]] == BATCHES
    rows = warehouse.table("validation_results").to_pylist()
    found = {(r["table_name"], r["check_name"]) for r in rows if r["revision"] == entry.revision and r["failed_rows"]}
    assert {(f["source"], f["check"]) for f in told["findings"]} == found - {("batch", "batch_score")}
    said = ecomm("quality", *in_warehouse(sample.root), cwd=sample.root).masked().out
    assert said.startswith(f"{BATCHES[1]} published as of 2025-01-16 06:00: score {entry.score}")
    places = [
        said.index(f"{f['source']} {f['check']}: {f['failed_rows']:,} of {f['rows_checked']:,}")
        for f in told["findings"]
    ]
    assert places == sorted(places)
    assert all(f["meaning"] in said and f["next"] in said for f in told["findings"])
    assert all(any(line.startswith("2025-01-") and b in line for line in said.splitlines()) for b in BATCHES)
    by_command = {shlex.split(f["next"])[1]: f["next"] for f in told["findings"] if f["next"]}
    assert {f["check"] for f in told["findings"] if not f["next"]} <= {"column_disappeared"}, "it is about no row"
    for command in by_command.values():
        shown = ecomm(*shlex.split(command)[1:], "--json", *in_warehouse(sample.root), cwd=sample.root)
        assert shown.code == 0
        assert json.loads(shown.out), command
    ecomm("quality", "nope", *in_warehouse(sample.root), cwd=sample.root).fails(2, "nope")
    assert (
        ecomm("quality", BATCHES[0], "--json", *in_warehouse(sample.root), cwd=sample.root).masked().json["batch_id"]
        == BATCHES[0]
    )


def test_personal_values_are_in_no_finding(sample: Shop) -> None:
    """Checks on e-mails and addresses name keys, never the values."""
    said = ecomm("quality", BATCHES[0], "--json", *in_warehouse(sample.root), cwd=sample.root).masked().out
    people = sample.warehouse.table("customers_target").to_pylist()
    values = {p[c] for p in people for c in ("email", "phone", "address", "last_name") if p[c] and len(p[c]) > 5}
    assert values
    assert not [v for v in values if v in said]
