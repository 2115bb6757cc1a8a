"""One export that feeds several sources: `read_from`, and records that are none of a source's: `only`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecomm.settings import load
from tests.integration.test_cli import ecomm
from tests.shop import Shop

AS_OF = "2026-10-01T00:00:00Z"
EXPORT = (
    "Order,Mail,City,Item,Price,Kind,Date\n"
    "O1,ada@example.com,Testville,P1,5.00,sale,2026-09-01\n"
    "O2,,Sampleton,P2,7.00,sale,2026-09-02\n"
    ",,,,1.50,fee,2026-09-02\n"
    "O3,bo@example.com,Sampleton,P1,5.00,sale,2026-09-03\n"
)
SETTINGS = """
[severity]
customer_id_present = "LOW"
[sources.orders]
only = { Kind = "SALE" }
[sources.orders.columns]
order_id = "Order"
customer_id = "Mail"
product_id = "Item"
order_amount = "Price"
order_date = "Date"
[sources.customers]
read_from = "orders"
files = "export*.csv"
[sources.customers.columns]
customer_id = "Mail"
city = "City"
"""


@pytest.fixture
def selling(tmp_path: Path, shop: Shop) -> Shop:
    (tmp_path / "ecomm.toml").write_text(SETTINGS)
    shop.settings = load(tmp_path / "ecomm.toml", landing=tmp_path / "landing", warehouse=tmp_path / "warehouse")
    return shop


def counts(shop: Shop) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """(source, file) -> read, accepted, rejected, left out; of the batch published last."""
    entry = [e for e in shop.warehouse.log if e.entry in ("PUBLISH", "REDRIVE")][-1]
    return {(f.source, f.name): (f.rows_read, f.rows_accepted, f.rows_rejected, f.rows_left_out) for f in entry.files}


def test_one_file_for_two_sources(selling: Shop) -> None:
    """Each source reads its own records of it; it is archived with both, and leaves landing once."""
    selling.drop("b1", AS_OF, {"orders": {"export.csv": EXPORT, "pos.csv": EXPORT.replace("\nO", "\nQ")}})
    (outcome,) = selling.run()
    assert outcome.status == "published", outcome.reason
    assert counts(selling) == {
        ("orders", "export.csv"): (3, 3, 0, 1),
        ("orders", "pos.csv"): (3, 3, 0, 1),
        ("customers", "export.csv"): (2, 2, 0, 2),
    }
    assert selling.landed() == []
    assert sorted(
        p.relative_to(selling.root / "landing").as_posix() for p in selling.root.glob("landing/*/archive/b1/*")
    ) == [
        "customers_data/archive/b1/export.csv",
        "orders_data/archive/b1/export.csv",
        "orders_data/archive/b1/pos.csv",
        "trigger_data/archive/b1/" + next(iter(selling.root.glob("landing/trigger_data/archive/b1/*"))).name,
    ]
    known = {(c["customer_id"], c["city"]) for c in selling.rows("customers_target")}
    assert known == {("ada@example.com", "Testville"), ("bo@example.com", "Sampleton")}
    assert "item" not in selling.rows("customers_target")[0], "the other columns are those of the orders"


@pytest.mark.long
def test_again_replayed_undone(selling: Shop) -> None:
    """The same trigger again is a duplicate, a replay reads the same, an undo offers each file once."""
    files = {"orders": {"export.csv": EXPORT}}
    selling.drop("b1", AS_OF, files)
    selling.run()
    before = selling.rows("customers_target")
    selling.drop("b1", AS_OF, files)
    (again,) = selling.run()
    assert again.status == "duplicate", again.reason
    folder, config = selling.root, ("--config", selling.root / "ecomm.toml", "--landing", selling.root / "landing")
    warehouse = ("--warehouse", folder / "warehouse")
    ecomm("replay", "--from", "b1", *config, *warehouse, cwd=folder).ok()
    assert counts(selling)["customers", "export.csv"] == (2, 2, 0, 2)
    assert selling.rows("customers_target") == before
    ecomm("undo", "b1", "--why", "x", *config, *warehouse, cwd=folder).ok()
    offered = sorted(
        p.relative_to(folder / "landing" / "undone").parts[2:] for p in folder.glob("landing/undone/b1/*/*/*")
    )
    assert [o for o in offered if o[0] != "trigger"] == [("orders", "export.csv")]


def test_a_file_of_its_own_beside_it(selling: Shop) -> None:
    """Records without a key are rejected in the source's own files, and left out only in those of the other."""
    own = "Mail,City\ncy@example.com,Testville\n,Nowhere\n"
    selling.drop("b1", AS_OF, {"orders": {"export.csv": EXPORT}, "customers": {"customers.csv": own}})
    (outcome,) = selling.run()
    assert outcome.status == "published", outcome.reason
    assert counts(selling)["customers", "customers.csv"] == (2, 1, 1, 0)
    assert counts(selling)["customers", "export.csv"] == (2, 2, 0, 2)


def test_check_says_what_is_left_out(selling: Shop) -> None:
    file = selling.root / "export.csv"
    file.write_text(EXPORT)
    said = (
        ecomm("check", "--reveal", file, "--source", "customers", "--as-of", AS_OF, "--json", cwd=selling.root)
        .ok()
        .json
    )
    assert said["rows"] == {"read": 2, "accepted": 2, "rejected": 0, "duplicate": 0, "superseded": 0, "left_out": 2}
    shown = ecomm("check", "--reveal", file, "--source", "orders", "--as-of", AS_OF, cwd=selling.root).ok().out
    assert "3 read, 3 accepted, 0 rejected, 1 left out" in shown


def test_only_needs_its_header(selling: Shop) -> None:
    selling.drop("b1", AS_OF, {"orders": {"export.csv": EXPORT.replace("Kind", "Type")}})
    (outcome,) = selling.run()
    assert outcome.status == "failed"
    assert "the header lacks Kind, by which `only` in [sources.orders] chooses records" in str(outcome.reason)


@pytest.mark.parametrize("lender", ["customers", "elsewhere", "products"])
def test_read_from_is_checked(lender: str, tmp_path: Path) -> None:
    """Not itself, not a source that there is not, not one that reads from another."""
    said = {"customers": {"read_from": lender}, "products": {"read_from": "orders"}}
    config = tmp_path / "ecomm.toml"
    config.write_text("".join(f"[sources.{n}]\nread_from = {json.dumps(d['read_from'])}\n" for n, d in said.items()))
    ecomm("status", cwd=tmp_path).fails(2, "sources.customers.read_from", lender)
