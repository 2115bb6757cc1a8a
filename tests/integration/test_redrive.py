"""Rejected records are mended by a person and brought in where they stood."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ecomm import rebuild, revise
from ecomm.batches import corrections
from ecomm.engines import Engine
from ecomm.redrive import Redriven, export, redrive
from ecomm.trace import versions_of
from tests.conftest import keep_running
from tests.integration.test_cli import ecomm
from tests.integration.test_histories import nothing_changes
from tests.integration.test_kills import killed
from tests.oracle.values import as_exported, trimmed
from tests.shop import Shop, differences, published

pytestmark = pytest.mark.usefixtures("shop")  # runs use the engine of the session
HEADER = "order_id,customer_id,product_id,order_date,order_amount,currency,order_status,note\n"
# What a person has to mend, and what the files would have been without it.
WRONG = {
    "one": HEADER + 'O1,C1,P1,2025-01-01,ten,USD,pending,=1+1\nO2,C1,P1,2025-01-01,5,USD,pending,"a,b\nc"\n',
    "two": HEADER + "O1,C1,P1,2025-01-01,10.00,USD,shipped,\nO3,C1,P1,2025-13-01,7,USD,pending,'-5\nO4,C1\n",
    "three": HEADER + "O1,C1,P1,2025-01-01,10.00,USD,delivered,\n,C1,P1,2025-01-01,3,USD,pending,\n",
}
RIGHT = {
    "one": WRONG["one"].replace("ten", "10.00"),
    "two": WRONG["two"].replace("2025-13-01", "2024-12-01").replace("O4,C1\n", "O4,C1,P1,2025-01-02,9,USD,shipped,\n"),
    "three": WRONG["three"].replace("\n,C1", "\nO5,C1"),
}
Row = dict[str, str]


def dropped(shop: Shop, files: dict[str, str], *names: str) -> Shop:
    for name in names or files:
        day = [*files].index(name) + 1
        shop.drop(name, f"2025-01-0{day}T12:00:00Z", {"orders": {f"{name}.csv": files[name]}})
    return shop


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> tuple[Shop, Shop]:
    """`three` and `right`, to copy."""
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        shops = (
            dropped(Shop(tmp_path_factory.mktemp("three")), WRONG),
            dropped(Shop(tmp_path_factory.mktemp("right")), RIGHT),
        )
        for shop in shops:
            assert [o.status for o in shop.run()] == ["published"] * 3
        return shops


@pytest.fixture
def three(once: tuple[Shop, Shop], shop: Shop) -> Shop:
    """A shop in which three batches are published, each with a record that is rejected."""
    return once[0].copy(shop.root / "three")


@pytest.fixture
def right(once: tuple[Shop, Shop], shop: Shop) -> Shop:
    """The same shop had there been nothing to mend."""
    return once[1].copy(shop.root / "right")


MENDED: dict[tuple[str, str], dict[str, str]] = {
    ("one", "1"): {"order_amount": "10.00"},
    ("two", "2"): {"order_date": "2024-12-01"},
    ("two", "3"): dict(zip(HEADER.strip().split(","), "O4,C1,P1,2025-01-02,9,USD,shipped,".split(","), strict=True)),
    ("three", "2"): {"order_id": "O5"},
}


def mend(shop: Shop, cells: dict[tuple[str, str], dict[str, str]] = MENDED, /, **said: Any) -> Path:
    """Export what is rejected, and write other cells into it."""
    path = shop.root / "rejected.csv"
    export(shop.settings, "orders", path, force=True)
    rewrite(path, lambda row: row | cells.get((row["_batch_id"], row["_source_line"]), {}), **said)
    return path


def rewrite(path: Path, change: Callable[[Row], Row], **said: Any) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, [*rows[0]], **said)
        out.writeheader()
        out.writerows(rows)


def facts(shop: Shop) -> dict[str, Any]:
    """Every table but those that say how the rows came in."""
    besides = ("_stage", "_errors", "corrections")
    return {name: rows for name, rows in published(shop).items() if not name.endswith(besides)}


def redriven(shop: Shop, file: Path) -> Redriven:
    done = redrive(shop.settings, file, "the supplier says so")
    assert {o.status for o in done.outcomes} <= {"published"}, done.outcomes
    return done


@pytest.mark.long
def test_mended_records_count_from_where_they_stood(three: Shop, right: Shop) -> None:
    done = redriven(three, mend(three))
    assert (done.corrected, done.unchanged, done.rejected) == (4, 0, ())
    assert [o.batch_id for o in done.outcomes] == ["one", "two", "three"]
    assert not differences(facts(three), facts(right))
    assert not three.rows("orders_errors")
    made = {(r["batch_id"], r["source_line"]): r for r in three.rows("corrections")}
    assert {(b, str(n)) for b, n in made} == {*MENDED}
    one, two = made["one", 1], made["two", 3]
    assert (one["original"]["order_amount"], one["fixed"]["order_amount"]) == ("ten", "10.00")
    assert (one["original"]["note"], one["fixed"]["note"]) == ("=1+1", "=1+1")
    assert (two["original"], two["fixed"]["order_id"]) == ({corrections.RAW: "O4,C1"}, "O4")
    assert (one["reason"], bool(one["by"]), one["at"].tzinfo is not None) == ("the supplier says so", True, True)
    assert [e.entry for e in three.warehouse.log[-6:]] == ["OPEN", "REDRIVE"] * 3
    ((_, _, versions),) = versions_of(three.warehouse, "orders", ["O1"])
    assert [v["origin"] for v in versions] == ["one.csv:1, corrected", "two.csv:1", "three.csv:1"]
    nothing_changes(three)


def test_the_same_correction_twice_changes_nothing(three: Shop) -> None:
    file = mend(three, {("one", "1"): {"order_amount": "10.00"}})
    assert (redriven(three, file).corrected, len(three.rows("orders_errors"))) == (1, 3)
    before = three.versions()
    assert redriven(three, file) == Redriven((), 0, 4, ())
    old = mend(three, {})  # exported again, and left as it is
    assert redriven(three, old) == Redriven((), 0, 3, ())
    assert three.versions() == before


@pytest.mark.long
def test_an_old_export_takes_nothing_back(three: Shop, right: Shop) -> None:
    """Two people mend what was exported once: what the second has not touched is not touched."""
    old = three.root / "old.csv"
    old.write_bytes(mend(three, {}).read_bytes())
    redriven(three, mend(three, {("one", "1"): MENDED["one", "1"]}))
    rewrite(old, lambda row: row | ({} if row["_batch_id"] == "one" else MENDED[row["_batch_id"], row["_source_line"]]))
    assert (redriven(three, old).corrected, three.rows("orders_errors")) == (3, [])
    assert not differences(facts(three), facts(right))


@pytest.mark.long
def test_what_is_still_wrong_is_rejected_again_and_may_be_mended_again(three: Shop, right: Shop) -> None:
    half = MENDED | {("two", "2"): {"order_date": "soon"}}
    done = redriven(three, mend(three, half))
    assert [(r.place[1], r.place[3], r.reasons) for r in done.rejected] == [("two", 2, ["order_date_readable"])]
    (left,) = three.rows("orders_errors")
    assert left["raw"]["order_date"] == "soon"
    redriven(three, mend(three, {("two", "2"): {"order_date": "2024-12-01"}}))
    assert not differences(facts(three), facts(right))
    last = [r for r in three.rows("corrections") if (r["batch_id"], r["source_line"]) == ("two", 2)]
    assert [r["original"]["order_date"] for r in last] == ["2025-13-01"] * 2


@pytest.mark.long
def test_a_correction_outlives_undo_and_replay_but_not_other_bytes(three: Shop, right: Shop) -> None:
    redriven(three, mend(three))
    assert revise.undo(three.settings, "two", "why not").status == "undone"
    assert {o.status for o in revise.replay(three.settings, "two")} == {"published"}
    assert not differences(facts(three), facts(right))
    assert revise.undo(three.settings, "two", "why not").status == "undone"
    dropped(three, WRONG, "two")
    assert [o.status for o in three.run()] == ["published"]
    assert not differences(facts(three), facts(right))
    dropped(three, WRONG | {"two": WRONG["two"] + "O9,C1,P1,2025-01-01,1,USD,pending,\n"}, "two")
    assert [o.status for o in three.run(replacing="two")] == ["published"]
    assert {r["source_line"] for r in three.rows("orders_errors")} == {2, 3}


@pytest.mark.long
def test_what_is_not_read_any_more_cannot_be_mended(three: Shop) -> None:
    """A batch that was undone, and bytes in whose place others have come."""
    redriven(three, mend(three))
    file = three.root / "rejected.csv"
    rewrite(file, lambda row: row | {"order_amount": "77"})
    revise.undo(three.settings, "one", "why not")
    done = redriven(three, file)
    assert [p[:48] for p in done.problems] == ["record 1 of orders in one is not in quarantine; "]
    assert {o.batch_id for o in done.outcomes} == {"two", "three"}


@pytest.mark.long
def test_a_mended_key_completes_a_snapshot(tmp_path: Path) -> None:
    """A snapshot with an unreadable key ends nothing; once it can be read, what is not in it has ended."""
    shop = Shop(tmp_path / "stock", sources={"inventory": {"absence": "close"}})
    for name, day, keys in (("one", 1, ["P1", "P2", "P3"]), ("two", 3, ["P1", ""]), ("three", 5, ["P1", "P2"])):
        text = "product_id,stock_quantity\n" + "".join(f"{key},5\n" for key in keys)
        shop.drop(name, f"2025-01-0{day}T12:00:00Z", {"inventory": {f"{name}.csv": text}})
    shop.run()

    def ends(product: str) -> list[int | None]:
        rows = [r for r in shop.rows("inventory_target") if r["product_id"] == product]
        dates = [r["expiry_date"] for r in sorted(rows, key=lambda r: r["effective_date"])]
        return [day and day.day for day in dates]

    assert (ends("P2"), ends("P3")) == ([None], [5])
    path = shop.root / "rejected.csv"
    assert export(shop.settings, "inventory", path) == 1
    rewrite(path, lambda row: row | {"product_id": "P4"})
    assert redriven(shop, path).corrected == 1
    assert (ends("P2"), ends("P3"), ends("P4")) == ([3, None], [3], [5])
    assert not any(rebuild.rebuild(shop.settings).values())


def test_a_held_batch_passes_the_gate_once_it_is_mended(tmp_path: Path) -> None:
    shop = dropped(Shop(tmp_path / "held", min_score="99"), WRONG, "two")
    assert [o.status for o in shop.run()] == ["held"]
    done = redrive(shop.settings, mend(shop, {("two", "2"): MENDED["two", "2"]}), "half of it")
    assert [(o.status, o.exit_code) for o in done.outcomes] == [("held", 3)]
    assert (shop.rows("orders_target"), len(shop.rows("orders_errors"))) == ([], 1)
    assert [o.status for o in redriven(shop, mend(shop)).outcomes] == ["published"]
    assert len(shop.rows("orders_target")) == 3
    assert [name for name in shop.archived() if name.endswith(".csv")] == ["two.csv"]


@pytest.mark.long
@pytest.mark.parametrize("kill", ["after ledger:OPEN", "after stage:orders", "before ledger:REDRIVE"])
def test_a_redrive_that_is_killed_was_not_or_is_finished(
    three: Shop, right: Shop, monkeypatch: pytest.MonkeyPatch, kill: str
) -> None:
    before, file = published(three), mend(three)
    with monkeypatch.context() as patch:
        patch.setenv("KILL_CHILD_DOES", f"redrive {file}")
        killed(three, kill)
    assert not differences(published(three), before)
    assert [o.status for o in three.run()] == (["published"] if kill == "before ledger:REDRIVE" else [])
    if kill != "before ledger:REDRIVE":  # what has begun to commit is finished, and the others of the file go on
        assert not differences(published(three), before)
    redriven(three, file)
    assert not differences(facts(three), facts(right))


@pytest.mark.long
def test_a_spreadsheet_may_have_saved_it(three: Shop, right: Shop) -> None:
    """With semicolons, other line ends, columns at the end left out; and no cell was a formula on the way."""
    path = mend(three, delimiter=";", lineterminator="\r\n")
    assert ";'=1+1\r\n" in path.read_bytes().decode()
    assert ";''-5\r\n" in path.read_bytes().decode()
    redriven(three, path)
    assert not differences(facts(three), facts(right))


def test_what_cannot_be_applied_stops_no_other_record(three: Shop) -> None:
    path = mend(three, MENDED | {("two", "2"): {"_source_line": "7"}})
    with path.open("a", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        for where in (["orders", "nope"], ["prices", "one"], ["orders", "one"]):
            out.writerow([*where, "x.csv", "0" * 64, "1", "", ""] + ["1"] * HEADER.count(",") + [""])
        out.writerow(["orders", "one", "x.csv", "0" * 64, "x"])
    rewrite(path, lambda row: row | {"gift": "yes" if row["_batch_id"] == "three" else ""})
    done = redriven(three, path)
    assert [o.batch_id for o in done.outcomes] == ["one", "two"]
    assert (done.corrected, done.rejected) == (2, ())
    assert {(r["batch_id"], r["source_line"]) for r in three.rows("corrections")} == {("one", 1), ("two", 3)}
    told = sorted(done.problems)
    assert len(told) == 6
    assert "there is no source prices" in "".join(told)
    for said in ("record 7 of orders in two", "record 1 of orders in nope", "record 1 of orders in one"):
        assert f"{said} is not in quarantine" in "".join(told)
    assert "record 2 of orders in three has a cell in column 16, which its own file does not have" in "".join(told)


LONG = "x" * 200_000
ODD = ["=1+1", "a\0b", "a\rb", "a\r\nb", 'say "no"', "\ufeffa", "\u2028", "'-5", LONG, "a\n\n", "\x1a", "\x85a"]


def test_odd_and_long_cells_come_back_as_they_were(shop: Shop) -> None:
    """Also if a spreadsheet changes the line ends in cells; a cell that it cuts is not taken."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([f"R{n}", *"C1 P1 2025-01-10 ten USD pending".split(), c] for n, c in enumerate(ODD))
    shop.drop("odd", "2025-01-15T00:00:00Z", {"orders": {"odd.csv": HEADER + text.getvalue()}})
    shop.run()
    path = shop.root / "rejected.csv"
    assert export(shop.settings, "orders", path) == len(ODD)
    assert redrive(shop.settings, path, "nothing") == Redriven((), 0, len(ODD), ())
    _as_a_spreadsheet_does(path, keeps=32_767)
    done = redriven(shop, path)
    (problem,) = done.problems
    assert (done.corrected, problem[:56]) == (len(ODD) - 1, "record 9 of orders in odd has lost the end of its cell i")
    export(shop.settings, "orders", path, force=True)
    _as_a_spreadsheet_does(path)
    assert redriven(shop, path).corrected == 1
    kept = {row["order_id"]: row["note"] for row in shop.rows("orders_stage")}
    assert kept == {f"R{n}": as_exported(trimmed(cell)) for n, cell in enumerate(ODD)}


def _as_a_spreadsheet_does(path: Path, keeps: int | None = None) -> None:
    """Mend the amounts; cells have other line ends, and no more characters than a spreadsheet keeps."""
    bound = csv.field_size_limit(1_000_000)
    try:
        rewrite(
            path,
            lambda row: (
                {n: cell.replace("\r\n", "\n").replace("\r", "\n")[:keeps] for n, cell in row.items()}
                | {"order_amount": "9.99"}
            ),
        )
    finally:
        csv.field_size_limit(bound)


@pytest.mark.long
def test_the_commands(three: Shop) -> None:
    where, file = three.root, three.root / "mine.csv"
    folders = ("--landing", three.settings.landing, "--warehouse", three.settings.warehouse)
    said = ecomm("quarantine", "export", "orders", "--out", file, *folders, cwd=where).ok().out
    assert "Wrote 4 rejected records to" in said
    ecomm("quarantine", "export", "orders", "--out", file, *folders, cwd=where).fails(2, "this file is there already")
    assert "Nothing to bring in" in ecomm("quarantine", "redrive", file, "--why", "x", *folders, cwd=where).ok().out
    rewrite(file, lambda row: row | ({"order_amount": "12"} if row["_batch_id"] == "one" else {"order_id": "O 3"}))
    found = ecomm("quarantine", "redrive", file, "--why", "x", "--json", *folders, cwd=where).ok().json
    assert (found["corrected"], found["unchanged"], len(found["rejected"])) == (4, 0, 3)
    assert [o["status"] for o in found["outcomes"]] == ["published"] * 3
    rewrite(file, lambda row: row | {"order_id": "O 4"})
    said = ecomm("quarantine", "redrive", file, "--why", "x", *folders, cwd=where).ok().out
    assert "records corrected: 0 accepted, " in said
    ecomm("quarantine", "redrive", where / "no.csv", "--why", "x", *folders, cwd=where).fails(2, "cannot be read")
    ecomm("quarantine", "redrive", file, "--why", "", *folders, cwd=where).fails(2, "--why is empty")
    (where / "other.csv").write_text("a,b\n1,2\n")
    refused = ecomm("quarantine", "redrive", where / "other.csv", "--why", "x", *folders, cwd=where)
    refused.fails(2, "its first columns must be _source, _batch_id")
    assert datetime.now(UTC) > max(r["at"] for r in three.rows("corrections"))
