"""Batches are undone, replayed and replaced: the tables are always those of the batches that are live."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecomm import rebuild, revise
from ecomm.batches import status
from ecomm.batches.landing import Landing
from ecomm.batches.log import NOTHING
from ecomm.errors import UsageError
from tests.integration.conftest import BATCHES, FIRST, SECOND, drop
from tests.integration.decisions import decisions
from tests.integration.test_cli import ecomm
from tests.integration.test_histories import agree, oracle, tables
from tests.integration.test_kills import killed
from tests.shop import Shop, differences, published

pytestmark = [pytest.mark.parity, pytest.mark.usefixtures("shop")]  # runs use the engine of the session


def lives(shop: Shop, order: str) -> list[tuple[str, str]]:
    """The batch that opened each version of an order, and the status that it says."""
    rows = [r for r in shop.rows("orders_target") if r["order_id"] == order]
    return [(r["batch_id"], r["order_status"]) for r in sorted(rows, key=lambda r: r["effective_date"])]


def test_an_undone_batch_is_as_if_it_had_never_run(three: Shop, tmp_path: Path) -> None:
    never = Shop(tmp_path / "never")
    for name in ("one", "three"):
        drop(never, name, BATCHES[name])
    never.run()
    outcome = revise.undo(three.settings, "two", "the shop sent it twice")
    assert (outcome.status, outcome.exit_code) == ("undone", 0)
    assert not differences(published(three), published(never))
    assert lives(three, "O1") == [("one", "pending"), ("three", "delivered")]
    entry = three.warehouse.entry
    assert (entry.entry, entry.batch_id, entry.revision) == ("UNDO", "two", outcome.revision)
    assert str(entry.reason).startswith("the shop sent it twice (")
    offered = three.settings.landing / "undone" / "two" / str(outcome.revision)
    assert str(offered) in str(outcome.reason)
    assert {p.name: p.read_text() for p in offered.glob("*/*.csv")} == {"two.csv": SECOND}
    assert [p.name for p in offered.glob("trigger/*")] == ["two.json"]
    (line,) = status.of(three.settings, datetime.now(UTC)).undone
    assert (line.batch_id, line.reason, line.offered) == ("two", entry.reason, offered)
    assert three.landed() == []
    assert three.run() == []  # what is offered does not come back by itself
    with pytest.raises(UsageError, match="was undone before; `ecomm replay --from two`"):
        revise.undo(three.settings, "two", "again")


@pytest.mark.long
def test_an_undone_batch_may_come_again_or_be_replayed(three: Shop) -> None:
    before = published(three)
    revise.undo(three.settings, "two", "why not")
    drop(three, "two", SECOND)
    assert [o.status for o in three.run()] == ["published"]
    assert not differences(published(three), before)
    revise.undo(three.settings, "two", "once more")
    assert [(o.batch_id, o.status) for o in revise.replay(three.settings, "two")] == [
        ("two", "published"),
        ("three", "published"),
    ]
    assert not differences(published(three), before)
    assert [o.batch_id for o in revise.replay(three.settings, "2025-01-03")] == ["three"]
    assert not differences(published(three), before)
    assert not any(rebuild.rebuild(three.settings).values())


@pytest.mark.long
def test_all_batches_undone_leave_nothing(three: Shop) -> None:
    for name in ("two", "one", "three"):
        assert revise.undo(three.settings, name, "all of it").status == "undone"
    assert {name: len(rows) for name, rows in published(three).items() if rows} == {}
    assert [o.status for o in revise.replay(three.settings, "two")] == ["published"]
    assert {r["batch_id"] for r in three.rows("orders_target")} == {"two"}


@pytest.mark.long
def test_the_commands(three: Shop) -> None:
    """As a person types them: what they say, their JSON, their exit codes."""
    where, folders = three.root, ("--landing", three.settings.landing, "--warehouse", three.settings.warehouse)
    said = ecomm("undo", "two", "--why", "sent twice", *folders, cwd=where).ok().out
    assert "two undone: its files are offered in " in said.replace("\n", " ")
    said = ecomm("status", *folders, cwd=where).ok().out
    assert "two: undone: sent twice (" in said
    assert "`ecomm replay --from two` brings it back" in said
    (line,) = ecomm("status", "--json", *folders, cwd=where).ok().json["undone"]
    assert (line["batch_id"], line["offered"].endswith("undone/two/3")) == ("two", True)
    ecomm("undo", "two", "--why", "again", *folders, cwd=where).fails(2, "two was undone before")
    ecomm("undo", "one", "--why", " ", *folders, cwd=where).fails(2, "--why is empty")
    again = ecomm("replay", "--from", "two", "--json", *folders, cwd=where).ok().json["batches"]
    assert [(b["batch_id"], b["status"]) for b in again] == [("two", "published"), ("three", "published")]
    ecomm("replay", "--from", "never", *folders, cwd=where).fails(2, "no such batch, and no such day")
    drop(three, "two", FIRST)
    refused = ecomm("run", *folders, cwd=where)
    assert (refused.code, "`ecomm run --replace two`" in refused.out) == (1, True)
    assert "two published in " in ecomm("run", "--replace", "two", *folders, cwd=where).ok().out
    ecomm("run", "--replace", "two", "--batch", "two", *folders, cwd=where).fails(2, "leave out --batch")
    ecomm("run", "--replace", "two", *folders, cwd=where).fails(2, "there is no trigger of a batch two")


@pytest.mark.long
def test_what_is_gone_from_the_archive_is_said(three: Shop) -> None:
    before = published(three)
    (archived,) = three.settings.landing.glob("orders_data/archive/two/two.csv")
    archived.write_text(FIRST)
    outcomes = {"two": revise.replay(three.settings, "two")[0], "undo": revise.undo(three.settings, "two", "why not")}
    for outcome in outcomes.values():
        assert (outcome.status, outcome.exit_code) == ("failed", 1)
        assert "two.csv: it is gone, or has other bytes than those that were ingested" in str(outcome.reason)
    assert not differences(published(three), before)
    assert not [*(three.settings.landing / "undone").glob("*/*")]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [("nope", "no such batch, and no such day"), ("2026-01-01", "no batch is published from 2026-01-01 on")],
)
def test_a_replay_from_nowhere(three: Shop, said: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        revise.replay(three.settings, said)


def test_what_was_never_published_cannot_be_undone_or_replaced(three: Shop) -> None:
    with pytest.raises(UsageError, match="nope is not published, so there is nothing to undo"):
        revise.undo(three.settings, "nope", "why not")
    with pytest.raises(UsageError, match="nope is neither published nor held, so nothing is replaced"):
        three.run(replacing="nope")


@pytest.mark.long
def test_corrected_files_take_the_place_of_what_was_published(three: Shop, tmp_path: Path) -> None:
    corrected = SECOND.replace("shipped", "cancelled").replace("O3", "O4")
    drop(three, "two", corrected)
    (refused,) = three.run()
    assert refused.status == "failed"
    assert "`ecomm run --replace two`" in str(refused.reason)
    assert [(o.batch_id, o.status) for o in three.run(replacing="two")] == [("two", "published")]
    assert lives(three, "O1") == [("one", "pending"), ("two", "cancelled"), ("three", "delivered")]
    assert (lives(three, "O3"), lives(three, "O4")) == ([], [("two", "pending")])
    right = Shop(tmp_path / "right")
    for name, text in (BATCHES | {"two": corrected}).items():
        drop(right, name, text)
    right.run()
    assert not differences(published(three), published(right))
    assert three.landed() == []
    drop(three, "two", corrected)
    assert [o.status for o in three.run(replacing="two")] == ["duplicate"]


UNDOING = (
    *("after ledger:OPEN", "before lay_out", "after lay_out", "after change_set:orders", "before ledger:UNDO"),
    *("after merge:orders", "after ledger:UNDO"),
)


@pytest.mark.parametrize("kill", [pytest.param(k, marks=[] if "ledger:U" in k else pytest.mark.long) for k in UNDOING])
def test_an_undo_that_is_killed_was_not_or_is_finished(
    three: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill: str
) -> None:
    before, never = published(three), Shop(tmp_path / "never")
    for name in ("one", "three"):
        drop(never, name, BATCHES[name])
    never.run()
    after = published(never)
    with monkeypatch.context() as patch:
        patch.setenv("KILL_CHILD_DOES", "undo two")
        killed(three, kill)
    assert not differences(published(three), after if kill == "after ledger:UNDO" else before)
    assert [o.status for o in three.run()] == (["undone"] if kill == "before ledger:UNDO" else [])
    done = kill in ("before ledger:UNDO", "after ledger:UNDO")  # what has begun to commit is finished
    assert not differences(published(three), after if done else before)
    offers = three.settings.landing / "undone"
    assert len([*offers.glob("*/*")]) == done
    if not done:
        assert revise.undo(three.settings, "two", "why not").status == "undone"
        assert not differences(published(three), after)
    assert [p.name for p in offers.glob("*/*/*/*")].count("two.csv") == 1


@pytest.mark.long
@pytest.mark.parametrize("kill", ["after stage:orders", "after merge:orders", "before ledger:PUBLISH"])
def test_a_replay_that_is_killed_was_not(three: Shop, monkeypatch: pytest.MonkeyPatch, kill: str) -> None:
    before, archived = published(three), three.archived()
    with monkeypatch.context() as patch:
        patch.setenv("KILL_CHILD_DOES", "replay two")
        killed(three, kill)
    assert not differences(published(three), before)
    assert [o.status for o in three.run()] == (["published"] if kill == "before ledger:PUBLISH" else [])
    assert not differences(published(three), before)
    assert {o.status for o in revise.replay(three.settings, "two")} == {"published"}
    assert not differences(published(three), before)
    assert three.archived() == archived


@pytest.mark.long
@pytest.mark.parametrize("kill", ["after stage:orders", "before ledger:PUBLISH", "before archive"])
def test_a_replacement_with_a_file_as_before_is_killed(three: Shop, monkeypatch: pytest.MonkeyPatch, kill: str) -> None:
    """What is not published stays in landing, be its bytes those of a live batch; what is published is archived."""
    corrected = SECOND.replace("shipped", "cancelled")
    same, name = "customer_id\nC9\n", "2025-01-04T12:00:00Z"
    three.drop("four", name, {"customers": {"c.csv": same}, "orders": {"o.csv": SECOND}})
    assert [o.status for o in three.run()] == ["published"]
    three.drop("four", name, {"customers": {"c.csv": same}, "orders": {"o.csv": corrected}})
    with monkeypatch.context() as patch:
        patch.setenv("KILL_CHILD_DOES", "replace four")
        killed(three, kill)
    if kill == "after stage:orders":
        three.run()
        assert {"c.csv", "o.csv"} < set(three.landed())
        assert [o.status for o in three.run(replacing="four")] == ["published"]
    three.run()
    assert three.landed() == []
    entry = three.warehouse.log.live["four"]
    assert [c.copy.read_text() for c in Landing(three.settings).ingested(NOTHING, entry)] == [corrected, same]
    assert "cancelled" in {r["order_status"] for r in three.rows("orders_target")}


@pytest.mark.long
def test_a_snapshot_that_comes_again_at_another_time_with_another_key(tmp_path: Path) -> None:
    """What the old one ended goes on, what the new one states is there, and what it does not mention ends."""

    def shop(name: str) -> Shop:
        return Shop(tmp_path / name, sources={"inventory": {"absence": "close"}})

    def stock(shop: Shop, name: str, day: int, *products: str) -> None:
        text = "product_id,stock_quantity\n" + "".join(f"{p},5\n" for p in products)
        shop.drop(name, f"2025-01-0{day}T12:00:00Z", {"inventory": {f"{name}.csv": text}})

    revised, right = shop("revised"), shop("right")
    for one in (revised, right):
        stock(one, "one", 1, "P1", "P2")
    stock(revised, "two", 3, "P1")
    assert [o.status for o in revised.run()] == ["published"] * 2
    stock(revised, "two", 5, "P2", "P9")
    assert [(o.status, o.reason) for o in revised.run(replacing="two")] == [("published", None)]
    stock(right, "two", 5, "P2", "P9")
    assert [o.status for o in right.run()] == ["published"] * 2
    assert not differences(published(revised), published(right))
    assert {r["product_id"]: r["is_current"] for r in right.rows("inventory_target")} == {
        "P1": False, "P2": True, "P9": True,
    }  # fmt: skip


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.long), pytest.param(1, marks=pytest.mark.soak)])
def test_whatever_is_decided_the_tables_are_those_of_what_is_live(seed: int, tmp_path: Path) -> None:
    shop, steps = decisions(seed, tmp_path)
    for said, live, settings in steps:
        agree(seed, [said], tables(shop), oracle(live, settings))
    assert not any(rebuild.rebuild(shop.settings).values())
