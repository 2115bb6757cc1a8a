"""The gate: a batch with too low a score is held, and a person accepts or rejects it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ecomm import driver, rebuild, revise
from ecomm.batches import status
from ecomm.batches.landing import Landing
from ecomm.batches.log import NOTHING
from ecomm.errors import StorageError, UsageError
from ecomm.findings import quality_of
from tests.integration.scenarios import arrival, rates_csv, scenario, shop_options
from tests.integration.test_cli import Said, ecomm
from tests.integration.test_histories import agree, nothing_changes, tables
from tests.integration.test_kills import killed
from tests.integration.test_sample_days import comparable
from tests.oracle import run as oracle_run
from tests.shop import Shop, differences, expected, ordered, published

pytestmark = [pytest.mark.parity, pytest.mark.usefixtures("shop")]  # runs use the engine of the session
HEADER = "order_id,customer_id,product_id,order_date,order_amount,currency,order_status,created_timestamp\n"
GOOD = HEADER + "O1,C1,P1,2025-01-01,10.00,USD,pending,2025-01-01T08:00:00Z\n"
BAD = HEADER + (
    "O1,C1,P1,2025-01-01,10.00,USD,shipped,2025-01-02T08:00:00Z\n"
    "O2,C2,P1,2025-01-02,20.00,USD,pending,2025-01-02T08:00:00Z\n"
    "O3,C2,P1,2025-01-02,-1,USD,pending,2025-01-02T08:00:00Z\n"
)
LATER = HEADER + "O1,C1,P1,2025-01-01,10.00,USD,delivered,2025-01-03T08:00:00Z\n"


@pytest.fixture
def gated(tmp_path: Path) -> Shop:
    """A shop with one good batch published and a bad one held."""
    shop = Shop(tmp_path / "gated", min_score=Decimal(80))
    shop.drop("one", "2025-01-01T12:00:00Z", {"orders": {"one.csv": GOOD}})
    shop.drop("two", "2025-01-02T12:00:00Z", {"orders": {"two.csv": BAD}})
    assert [(o.status, o.exit_code) for o in shop.run()] == [("published", 0), ("held", 3)]
    return shop


def never_held(tmp_path: Path, *batches: tuple[str, str, str]) -> Shop:
    """The same batches in a shop without a gate."""
    shop = Shop(tmp_path / "open")
    for name, at, content in batches:
        shop.drop(name, at, {"orders": {f"{name}.csv": content}})
    assert {o.status for o in shop.run()} == {"published"}
    return shop


def test_a_held_batch_shows_its_errors_and_nothing_else(gated: Shop) -> None:
    orders = gated.rows("orders_target")
    assert [(r["order_id"], r["order_status"], r["expiry_date"]) for r in orders] == [("O1", "pending", None)]
    assert {r["batch_id"] for r in gated.rows("orders_stage")} == {"one"}
    assert [(r["batch_id"], r["reasons"]) for r in gated.rows("orders_errors")] == [
        ("two", ["order_amount_not_negative"])
    ]
    assert [r["batch_id"] for r in gated.rows("analytics_summary")] == ["one"]
    assert gated.landed() == []
    assert "two.csv" in gated.archived()
    entry = gated.warehouse.log[-1]
    assert (entry.entry, entry.batch_id) == ("HOLD", "two")
    assert entry.score is not None
    assert entry.score < 80
    assert not any(rebuild.rebuild(gated.settings).values())


def test_status_says_that_it_is_held_and_what_to_do(gated: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    from ecomm import screens

    now = status.of(gated.settings, gated.warehouse.log[-1].at)  # type: ignore[arg-type]
    assert [(h.batch_id, h.accepted) for h in now.held] == [("two", False)]
    screens.held(now.held[0])
    said = capsys.readouterr().out
    assert "two: held" in said
    assert "ecomm accept two" in said
    assert "ecomm reject two" in said
    assert json.dumps(screens.plain(now.summary()))


@pytest.mark.long
def test_later_batches_go_on_and_the_accepted_one_takes_its_place(gated: Shop, tmp_path: Path) -> None:
    gated.drop("three", "2025-01-03T12:00:00Z", {"orders": {"three.csv": LATER}})
    assert [o.status for o in gated.run()] == ["published"]
    outcome = revise.decide(gated.settings, "two", "ACCEPT", "the shop confirmed it")
    assert (outcome.status, outcome.exit_code) == ("published", 0)
    other = never_held(
        tmp_path,
        ("one", "2025-01-01T12:00:00Z", GOOD),
        ("two", "2025-01-02T12:00:00Z", BAD),
        ("three", "2025-01-03T12:00:00Z", LATER),
    )
    assert not differences(published(gated), published(other))
    said = [(e.entry, e.reason or "") for e in gated.warehouse.log if e.batch_id == "two"]
    assert [kind for kind, _ in said] == ["OPEN", "HOLD", "ACCEPT", "OPEN", "PUBLISH"]
    assert said[2][1].startswith("the shop confirmed it (")
    assert not any(rebuild.rebuild(gated.settings).values())
    assert gated.run() == []


@pytest.mark.long
def test_a_rejected_batch_is_unseen_and_its_id_may_come_again(gated: Shop, tmp_path: Path) -> None:
    outcome = revise.decide(gated.settings, "two", "REJECT", "wrong file")
    assert (outcome.status, outcome.exit_code) == ("rejected", 0)
    assert gated.rows("orders_errors") == []
    assert status.of(gated.settings, gated.warehouse.log[-1].at).held == []  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not held"):
        revise.decide(gated.settings, "two", "ACCEPT", "after all")
    mended = BAD.replace("-1,", "1.00,")
    gated.drop("two", "2025-01-02T12:00:00Z", {"orders": {"two.csv": mended}})
    assert [o.status for o in gated.run()] == ["published"]
    other = never_held(tmp_path, ("one", "2025-01-01T12:00:00Z", GOOD), ("two", "2025-01-02T12:00:00Z", mended))
    ours, theirs = published(gated), published(other)
    assert not differences(ours, theirs)
    assert "two.csv" in gated.archived()
    assert any(name.startswith("two.csv.") for name in gated.archived())  # other bytes under a name that is taken


@pytest.mark.parametrize("batch", ["one", "nobody"])
def test_only_what_is_held_can_be_decided_on(gated: Shop, batch: str) -> None:
    entries = len(gated.warehouse.log)
    for verdict in ("ACCEPT", "REJECT"):
        with pytest.raises(UsageError, match=f"{batch} is not held.*held are: two"):
            revise.decide(gated.settings, batch, verdict, "why not")
    assert len(gated.warehouse.log) == entries


def test_a_held_replacement_with_a_file_as_before_is_archived_after_a_kill(
    gated: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its copies are its own, though the live batch has a file with the same bytes."""
    same, at = "customer_id\nC9\n", "2025-01-04T12:00:00Z"
    gated.drop("four", at, {"customers": {"c.csv": same}, "orders": {"o.csv": GOOD}})
    assert [o.status for o in gated.run()] == ["published"]
    bad = HEADER + "O7,C2,P1,2025-01-02,-1,USD,pending,2025-01-02T08:00:00Z\n"
    gated.drop("four", at, {"customers": {"c.csv": same}, "orders": {"o.csv": bad}})
    with monkeypatch.context() as patch:
        patch.setenv("KILL_CHILD_DOES", "replace four")
        patch.setenv("ECOMM_MIN_SCORE", "80")
        killed(gated, "before archive")
    gated.run()
    assert gated.landed() == []
    entry = gated.warehouse.log.held["four"]
    assert [c.copy.read_text() for c in Landing(gated.settings).ingested(NOTHING, entry)] == [bad, same]


def test_sent_again_it_stays_held(gated: Shop) -> None:
    entries = len(gated.warehouse.log)
    gated.drop("two", "2025-01-02T12:00:00Z", {"orders": {"two.csv": BAD}})
    (outcome,) = gated.run()
    assert (outcome.status, outcome.exit_code) == ("duplicate", 0)
    assert "ecomm accept two" in (outcome.reason or "")
    assert gated.landed() == []
    gated.drop("two", "2025-01-02T12:00:00Z", {"orders": {"two.csv": BAD.replace("20.00", "21.00")}})
    (outcome,) = gated.run()
    assert (outcome.status, outcome.exit_code) == ("failed", 1)
    assert "held before with another content" in (outcome.reason or "")
    assert len(gated.warehouse.log) == entries


@pytest.mark.long
def test_what_was_accepted_and_broke_off_is_published_by_the_next_run(
    gated: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = published(gated)

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(driver, "final_merge_operation", full)
        outcome = revise.decide(gated.settings, "two", "ACCEPT", "the shop confirmed it")
    assert (outcome.status, outcome.exit_code, outcome.reason) == ("failed", 1, "the disk is full")
    assert not differences(published(gated), before)
    (line,) = status.of(gated.settings, gated.warehouse.log[-1].at).held  # type: ignore[arg-type]
    assert (line.accepted, line.reason) == (True, "the disk is full")
    assert [o.status for o in gated.run()] == ["published"]
    other = never_held(tmp_path, ("one", "2025-01-01T12:00:00Z", GOOD), ("two", "2025-01-02T12:00:00Z", BAD))
    assert not differences(published(gated), published(other))


def test_a_first_batch_that_is_held_and_accepted(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "first", min_score=Decimal(80))
    shop.drop("two", "2025-01-02T12:00:00Z", {"orders": {"two.csv": BAD}})
    assert [o.exit_code for o in shop.run()] == [3]
    assert shop.rows("orders_target") == []
    assert revise.decide(shop.settings, "two", "ACCEPT", "fine").status == "published"
    other = never_held(tmp_path, ("two", "2025-01-02T12:00:00Z", BAD))
    assert not differences(published(shop), published(other))


def test_archiving_that_breaks_off_behind_a_hold_is_finished_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path / "archive", min_score=Decimal(80))
    shop.drop("two", "2025-01-02T12:00:00Z", {"orders": {"two.csv": BAD}})

    def full(*_: object) -> list[str]:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Landing, "settle", full)
        (outcome,) = shop.run()
    assert (outcome.status, outcome.exit_code) == ("held", 3)
    assert "not archived yet" in (outcome.reason or "")
    assert shop.landed()
    shop.run()
    assert shop.landed() == []
    assert "two.csv" in shop.archived()


def test_accepting_takes_nothing_out_of_landing(gated: Shop) -> None:
    """A shop may send another batch of the same name and bytes while the first is held."""
    gated.drop("three", "2025-01-03T12:00:00Z", {"orders": {"two.csv": BAD}}, data_files_ready=False)
    landed = gated.landed()
    assert revise.decide(gated.settings, "two", "ACCEPT", "fine").status == "published"
    assert gated.landed() == landed


HOLDING = ["before ledger:HOLD", "after ledger:HOLD", "after move#1", "after move#3"]
ACCEPTING = ["before ledger:OPEN", "after merge:orders", "before ledger:PUBLISH", "after ledger:PUBLISH"]


@pytest.mark.parametrize("kill", [pytest.param(k, marks=[] if "HOLD" in k else pytest.mark.long) for k in HOLDING])
def test_a_run_killed_while_it_holds_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill: str
) -> None:
    monkeypatch.setenv("ECOMM_MIN_SCORE", "80")
    shop = Shop(tmp_path / "killed")
    shop.drop("two", "2025-01-02T12:00:00Z", {"orders": {"two.csv": BAD}})
    killed(shop, kill)
    shop.run()
    assert [h.batch_id for h in standing(shop).held] == ["two"]
    assert (shop.landed(), len(shop.archived())) == ([], 2)
    assert [r["reasons"] for r in shop.rows("orders_errors")] == [["order_amount_not_negative"]]
    assert shop.rows("orders_stage") == shop.rows("orders_target") == []
    assert shop.run() == []


@pytest.mark.parametrize("kill", [pytest.param(k, marks=[] if "merge" in k else pytest.mark.long) for k in ACCEPTING])
def test_a_run_killed_behind_an_acceptance_is_finished_by_the_next(
    gated: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill: str
) -> None:
    def break_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(revise, "publish_held", break_off)
        with pytest.raises(KeyboardInterrupt):
            revise.decide(gated.settings, "two", "ACCEPT", "fine")
    assert quality_of(gated.warehouse, "two").state == "accepted"
    killed(gated, kill)
    gated.run()
    other = never_held(tmp_path, ("one", "2025-01-01T12:00:00Z", GOOD), ("two", "2025-01-02T12:00:00Z", BAD))
    assert not differences(published(gated), published(other))
    assert (standing(gated).held, gated.run()) == ([], [])


def standing(shop: Shop) -> status.Status:
    return status.of(shop.settings, datetime.now(UTC))


@pytest.mark.parametrize(
    "seed",
    [pytest.param(3, marks=pytest.mark.long), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 9))],
)
def test_held_batches_accepted_in_any_order_are_as_if_never_held(seed: int, tmp_path: Path) -> None:
    """A random shop (deletes, snapshots, late batches) that holds all it doubts; one batch is rejected."""
    made, settings = scenario(seed)
    shop = Shop(tmp_path / "random", min_score=Decimal(100), **shop_options(settings))
    (shop.settings.landing / "rates.csv").write_text(rates_csv(settings), encoding="utf-8")
    for batch in arrival(seed, made):
        shop.drop(batch.batch_id, batch.as_of, batch.files)
        assert [o.status for o in shop.run()] in (["held"], ["published"])
    waiting = [h.batch_id for h in standing(shop).held]
    random.Random(seed).shuffle(waiting)
    assert len(waiting) > 2
    rejected = waiting.pop()
    revise.decide(shop.settings, rejected, "REJECT", "a wrong one")
    for name in waiting:
        assert revise.decide(shop.settings, name, "ACCEPT", "fine").status == "published"
    left = [batch for batch in made if batch.batch_id != rejected]
    theirs = {name: ordered(rows) for name, rows in comparable(expected(oracle_run(left, settings))).items()}
    agree(seed, made, tables(shop), theirs)
    nothing_changes(shop)


def test_quality_of_a_held_batch_points_at_nothing_that_is_unseen(gated: Shop) -> None:
    said = quality_of(gated.warehouse, None)
    assert (said.batch_id, said.state, said.score) == ("two", "held", gated.warehouse.log[-1].score)
    following = {f.check: f.next for f in said.findings}
    assert following["order_amount_not_negative"] == "ecomm quarantine orders --batch two"
    assert following["order_in_business_hours"] == ""
    assert [(t.batch_id, t.state) for t in said.trend] == [("one", "published"), ("two", "held")]


@pytest.mark.long
def test_the_commands(tmp_path: Path) -> None:
    """Exit codes and words, as another program sees them. The batch's id is to be quoted in a shell."""
    shop, batch = Shop(tmp_path), "it's two"
    places = ["--landing", str(shop.settings.landing), "--warehouse", str(shop.settings.warehouse)]

    def said(*args: str) -> Said:
        return ecomm(*args, *places, cwd=tmp_path, ECOMM_MIN_SCORE="80")

    shop.drop(batch, "2025-01-02T12:00:00Z", {"orders": {"two.csv": BAD}})
    held = said("run")
    assert (held.code, held.err) == (3, "")
    command = """`ecomm accept 'it'"'"'s two' --why ...`"""
    assert command in held.out
    assert command in said("status").ok().out
    assert [h["batch_id"] for h in said("status", "--json").ok().json["held"]] == [batch]
    shop.trigger("{", "broken.json")
    shop.drop("three", "2025-01-03T12:00:00Z", {"orders": {"three.csv": BAD}})
    both = said("run", "--json")
    assert both.code == 1
    assert [b["status"] for b in both.json["batches"]] == ["failed", "held"]
    (shop.settings.source_dir("trigger") / "source" / "broken.json").unlink()
    assert said("accept", batch).code == 2
    said("accept", batch, "--why", " ").fails(2, "--why")
    said("reject", "nobody", "--why", "x").fails(2, "nobody is not held", batch, "three")
    published = said("accept", batch, "--why", "fine", "--json").ok().json
    assert (published["batch_id"], published["status"]) == (batch, "published")
    assert "rejected" in said("reject", "three", "--why", "not ours").ok().out
    assert said("status", "--json").ok().json["held"] == []
