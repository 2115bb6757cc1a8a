"""Customers are forgotten: nothing that tells about them is left, and all else is as it was."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from ecomm import damage, forget, rebuild, redrive, restore, revise
from ecomm.batches.erasures import Plan
from ecomm.engines import Engine
from ecomm.errors import UsageError
from ecomm.tables import CATALOGUE
from tests import people
from tests.conftest import keep_running
from tests.integration.test_kills import killed
from tests.people import canaries, customer_id
from tests.shop import Row, Shop, differences, published

pytestmark = pytest.mark.usefixtures("shop")
GOING, STAYING = range(100), range(100, 140)
EVERYBODY = [*GOING, *STAYING]
OF_PEOPLE = ("customers", "orders", "shipping", "enriched_orders", "customer_analytics", "corrections")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Shop:
    """A shop in which people are everywhere: in batches that are live, replayed, corrected, undone and held."""
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        shop = Shop(tmp_path_factory.mktemp("people"))
        shop.drop("one", "2025-01-02T12:00:00Z", _files("one", people.customers(EVERYBODY), people.orders(EVERYBODY)))
        shop.drop("two", "2025-01-03T12:00:00Z", _files("two", people.customers(EVERYBODY, moved=True), shipped=True))
        late = {"orders": {"late.csv": people.late_orders(EVERYBODY)}}
        shop.drop("late", "2025-01-04T12:00:00Z", late)
        shop.drop("undone", "2025-01-05T12:00:00Z", _files("undone", people.customers(EVERYBODY)))
        assert {o.status for o in shop.run()} == {"published"}
        revise.undo(shop.settings, "undone", "sent twice")
        assert [o.status for o in revise.replay(shop.settings, "late")] == ["published"]
        _redriven(shop)
        strict = Shop(shop.root, min_score=100)
        strict.drop(
            "held", "2025-01-06T12:00:00Z", _files("held", people.customers(EVERYBODY), people.orders(EVERYBODY))
        )
        assert [o.status for o in strict.run()] == ["held"]
        return shop


def _files(name: str, customers: str, orders: str = "", *, shipped: bool = False) -> dict[str, dict[str, str]]:
    files = {"customers": {f"customers_{name}.csv": customers}}
    if orders:
        files["orders"] = {f"orders_{name}.csv": orders}
    if shipped:
        files["shipping"] = {f"shipping_{name}.csv": people.shipping(EVERYBODY)}
    return files


def _redriven(shop: Shop) -> None:
    """Correct the rejected orders of all people: the amount, and another address."""
    out = shop.root / "rejected.csv"
    redrive.export(shop.settings, "orders", out, "one")
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["order_amount"] == "ten"]
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"order_amount": "7.00"} for row in rows)
    done = redrive.redrive(shop.settings, out, "the shop told us")
    assert (len(done.rejected), done.corrected) == (0, len(EVERYBODY))
    out.unlink()


@pytest.fixture(scope="module")
def gone(once: Shop, tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> tuple[Shop, Plan]:
    """The same shop, of which a hundred people are forgotten, and the receipt. Nothing may be published in it."""
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        shop = once.copy(tmp_path_factory.mktemp("gone"))
        return shop, forget.forget(shop.settings, [customer_id(p) for p in GOING], "they asked us to").done


def texts_of(persons: Iterable[int]) -> dict[str, int]:
    return {text: person for person in persons for text in canaries(person).values()}


def of_others(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows that are of nobody who is forgotten."""
    return {name: [r for r in rows if not _is_of_one_going(r)] for name, rows in tables.items()}


_WHO = re.compile(r"(?:Canary[A-Za-z]+|first|new|C|O)([0-9]{4})")


def _is_of_one_going(row: Row) -> bool:
    """A row names somebody who is forgotten. One that names nobody is of a record that was masked."""
    who = {int(number) for number in _WHO.findall(str(row))}
    return bool(who & {*GOING}) or ("raw" in row and not who)


@pytest.mark.every_engine
def test_nothing_of_a_hundred_people_is_left(once: Shop, gone: tuple[Shop, Plan]) -> None:
    shop, receipt = gone
    assert len(people.left_of(once.root / "landing", texts_of(GOING))) > 2000  # they were there, and are found
    assert people.left_of(shop.root, texts_of(GOING)) == []
    assert receipt.customers == tuple(customer_id(p) for p in GOING)
    assert (receipt.left, receipt.records["customers"]) == ((), 4 * 3 * len(GOING))


@pytest.mark.every_engine
def test_the_rows_of_all_others_are_as_they_were(once: Shop, gone: tuple[Shop, Plan]) -> None:
    shop, _ = gone
    before, after = published(once), published(shop)
    assert not differences(of_others(before), of_others(after))
    assert {n: len(rows) for n, rows in before.items() if not n.endswith("_target")} == {
        n: len(rows) for n, rows in after.items() if not n.endswith("_target")
    }
    for name in ("product_analytics", "analytics_summary", "seasonal_analysis", "segment_analysis"):
        assert before[name] == after[name], name  # sums stay, for ids do


@pytest.mark.every_engine
def test_their_rows_keep_what_tells_nothing_about_them(gone: tuple[Shop, Plan]) -> None:
    shop, _ = gone
    (row,) = [r for r in shop.rows("customers_target") if r["customer_id"] == customer_id(7)]
    assert (row["city"], row["customer_tier"], row["email"], row["date_of_birth"]) == ("Berlin", "gold", None, None)
    assert row["nickname"] is None
    said = {
        r["order_id"]: r for r in shop.rows("orders_target") if r["customer_id"] == customer_id(7) and r["is_current"]
    }
    assert said[people.order_id(7)]["order_status"] == "returned"
    assert str(said[people.order_id(7, 2)]["order_amount"]) == "7.000"
    assert {r["shipping_address"] for r in said.values()} == {None}


@pytest.mark.every_engine
def test_tables_follow_from_what_is_left(gone: tuple[Shop, Plan], tmp_path: Path) -> None:
    shop = gone[0].copy(tmp_path / "gone")
    assert not damage.find(shop.settings.warehouse, CATALOGUE, shop.warehouse.log, deep=True)
    assert set(rebuild.rebuild(shop.settings).values()) == {0}


@pytest.mark.long
def test_a_lost_warehouse_is_restored_as_they_left_it(gone: tuple[Shop, Plan], tmp_path: Path) -> None:
    shop = gone[0].copy(tmp_path / "gone")
    before = published(shop)
    (shop.root / "warehouse").rename(tmp_path / "lost")
    restore.restore(shop.settings)
    assert not differences(published(shop), before)
    assert people.left_of(shop.root / "landing", texts_of(GOING)) == []
    assert people.left_of(shop.root / "warehouse", texts_of(GOING)) == []


@pytest.mark.long
def test_what_comes_later_of_them_is_erased_too(gone: tuple[Shop, Plan], tmp_path: Path) -> None:
    shop = gone[0].copy(tmp_path / "gone")
    again = _files("again", people.customers([3, 120]), people.orders([3, 120]))
    again["shipping"] = {"shipping_again.csv": people.shipping([3, 120])}
    shop.drop("again", "2025-01-07T12:00:00Z", again)
    assert [o.status for o in shop.run()] == ["published"]
    assert people.left_of(shop.root, texts_of(GOING)) == []
    rows = [r for r in shop.rows("customers_stage") if r["batch_id"] == "again"]
    assert {r["customer_id"]: r["email"] for r in rows} == {"C0003": None, "C0120": canaries(120)["email"]}
    assert [r["quality_flags"] for r in rows] == [[], []]
    assert [o.status for o in revise.replay(shop.settings, "again")] == ["published"]
    before = published(shop)
    assert [t.table for t in restore.restore(shop.settings, ["orders_stage", "customers_stage", "shipping_stage"])]
    assert not differences(published(shop), before)


@pytest.mark.long
def test_a_held_batch_is_accepted_without_them(gone: tuple[Shop, Plan], tmp_path: Path) -> None:
    shop = gone[0].copy(tmp_path / "gone")
    assert revise.decide(shop.settings, "held", "ACCEPT", "it is fine").status == "published"
    assert {o.status for o in revise.replay(shop.settings, "undone")} == {"published"}
    assert people.left_of(shop.root, texts_of(GOING)) == []


def test_lifted_and_forgotten_again(gone: tuple[Shop, Plan], tmp_path: Path) -> None:
    shop = gone[0].copy(tmp_path / "gone")
    with pytest.raises(UsageError, match="C0005 is forgotten already; `ecomm forget --list`"):
        forget.forget(shop.settings, ["C0005"], "again")
    with pytest.raises(UsageError, match="C0105 is not forgotten"):
        forget.lift(shop.settings, ["C0105"], "no")
    assert forget.lift(shop.settings, ["C0005"], "a new contract") == ["C0005"]
    shop.drop("back", "2025-01-08T12:00:00Z", _files("back", people.customers([5, 6])))
    assert [o.status for o in shop.run()] == ["published"]
    emails = {r["customer_id"]: r["email"] for r in shop.rows("customers_stage") if r["batch_id"] == "back"}
    assert emails == {"C0005": canaries(5)["email"], "C0006": None}
    told = {one.customer: one for one in forget.listed(shop.settings)}
    assert (told["C0005"].is_lifted, told["C0006"].is_lifted, told["C0006"].is_done) == (True, False, True)
    assert forget.forget(shop.settings, ["C0005"], "after all").done.customers == ("C0005",)
    assert people.left_of(shop.root, texts_of(GOING)) == []


def test_nobody_is_forgotten_of_whom_there_is_nothing(gone: tuple[Shop, Plan], tmp_path: Path) -> None:
    shop = gone[0].copy(tmp_path / "gone")
    before = shop.warehouse.entry
    with pytest.raises(UsageError, match="there is no record of the customer 'C9999'"):
        forget.forget(shop.settings, ["C0101", "C9999"], "asked")
    assert shop.warehouse.entry == before
    assert not list((shop.root / "landing" / ".ledger").glob("*/forget/*/plan.json"))


# --- killed anywhere ------------------------------------------------------------------------------------------------

FEW = (0, 1, 2)
KILLS = (
    *("before rewrite", "after rewrite#2", "before exchange:orders_stage", "after exchange:customers_errors"),
    *("before plan", "after plan", "before intend", "after commit:orders_target", "before ledger:FORGET"),
    *("after ledger:FORGET", "before replace", "after replace#2", "before purge:orders_stage"),
    *("after purge:customers_target", "before receipt", "after receipt"),
)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> tuple[Shop, dict[str, list[Row]]]:
    """A small shop, and its tables once a customer is forgotten without being killed."""
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        shop = Shop(tmp_path_factory.mktemp("few"))
        shop.drop("one", "2025-01-02T12:00:00Z", _files("one", people.customers(FEW), people.orders(FEW)))
        assert [o.status for o in shop.run()] == ["published"]
        whole = shop.copy(tmp_path_factory.mktemp("whole"))
        forget.forget(whole.settings, [customer_id(0)], "asked")
        return shop, published(whole)


@pytest.mark.long
@pytest.mark.parametrize(
    "at", [pytest.param(at, marks=pytest.mark.soak if n % 2 else ()) for n, at in enumerate(KILLS)]
)
def test_killed_anywhere(
    few: tuple[Shop, dict[str, list[Row]]], at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = few[0].copy(tmp_path / "few")
    monkeypatch.setenv("KILL_CHILD_DOES", f"forget {customer_id(0)}")
    killed(shop, at)
    shop.run()
    done = [one.is_done for one in forget.listed(shop.settings)]
    begun = KILLS.index(at) >= KILLS.index("after commit:orders_target")
    assert done == [True] * begun
    if not begun:
        forget.forget(shop.settings, [customer_id(0)], "once more")
    assert people.left_of(shop.root, texts_of([0])) == []
    assert not differences(published(shop), few[1])
    assert not list(shop.root.rglob("*.copy"))
    assert shop.run() == []


@pytest.mark.long
def test_what_is_not_ours_to_change_is_named(few: tuple[Shop, dict[str, list[Row]]], tmp_path: Path) -> None:
    """A reason in the ledger, an export in the folder of the warehouse, one elsewhere, and a file that waits."""
    shop, mail = few[0].copy(tmp_path / "few"), canaries(0)["email"]
    revise.undo(shop.settings, "one", f"{mail} asked for it")
    entry = shop.warehouse.entry.seq
    files = [shop.root / "warehouse" / "export.csv", tmp_path / "elsewhere" / "mail.csv.gz"]
    files.append(shop.root / "landing" / "customers_data" / "source" / "next.csv")
    files[1].parent.mkdir()
    for file in files:
        text = people.customers([0]).encode()
        file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    done = forget.forget(shop.settings, [customer_id(0)], "asked", search=[tmp_path / "elsewhere"]).done
    assert set(done.left) == {*map(str, files), f"ledger entry {entry} (reason)"}
    assert people.left_of(shop.root / "landing" / "undone", texts_of([0])) == []


@pytest.mark.long
def test_one_who_is_only_in_a_batch_that_is_held(few: tuple[Shop, dict[str, list[Row]]], tmp_path: Path) -> None:
    shop = Shop(few[0].copy(tmp_path / "few").root, min_score=100)
    shop.drop("held", "2025-01-06T12:00:00Z", _files("held", people.customers([9]), people.orders([9])))
    assert [o.status for o in shop.run()] == ["held"]
    forget.forget(shop.settings, [customer_id(9)], "asked")
    mail = canaries(9)["email"]  # nothing says that a record without an id is theirs
    assert {text for _, text in people.left_of(shop.root, texts_of([9]))} <= {mail, canaries(9)["odd"]}
    assert revise.decide(shop.settings, "held", "ACCEPT", "fine").status == "published"
    assert [r["email"] for r in shop.rows("customers_stage") if r["customer_id"] == customer_id(9)] == [None]
