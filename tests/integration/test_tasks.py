"""A batch by its eight tasks, each by itself: together they do what a run does, in whatever way they come."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from ecomm import driver, pipeline
from ecomm.batches import locks
from ecomm.batches.locks import STAGE_LOADS, TASKS
from ecomm.errors import EcommError, LockedError, UsageError, WaitingError
from ecomm.money import shown
from ecomm.tasks import data_enrichment, final_merge_operation, stage_load
from ecomm.transaction import Outcome
from tests.integration.test_cli import ECOMM, ecomm
from tests.integration.test_histories import nothing_changes
from tests.integration.test_kills import killed
from tests.shop import DAYS, Shop, differences, published

ORDERS = "order_id,customer_id,product_id,order_date,order_amount,order_status\n"
GOOD = f"{ORDERS}O1,C1,P1,2025-01-01,5,pending\n"


def one(shop: Shop, task: str, run_id: str = "1") -> Outcome:
    """Do a task; what became of the batch."""
    return next(iter(pipeline.run_task(shop.settings, task, run_id)), Outcome("", "nothing"))


def all_of(shop: Shop, run_id: str = "1", tasks: Sequence[str] = TASKS) -> list[str]:
    """Do tasks in their order; what they say."""
    return [one(shop, task, run_id).status for task in tasks]


def drop(shop: Shop, day: int, text: str = GOOD) -> None:
    """A batch of orders."""
    shop.drop(f"day {day}", f"2025-02-{day:02}T12:00:00Z", {"orders": {f"day{day}.csv": text}})


@pytest.mark.long
def test_the_tasks_do_what_a_run_does(shop: Shop, sample: Shop) -> None:
    for run_id, day in enumerate(DAYS):
        shop.drop_sample(day)
        assert all_of(shop, str(run_id)) == ["done"] * 7 + ["published"]
    assert not differences(published(shop), published(sample))
    assert shop.landed() == []
    log = [(r["batch_id"], r["task"], r["status"]) for r in shop.rows("processing_log")]
    assert log == [(r["batch_id"], r["task"], r["status"]) for r in sample.rows("processing_log")]
    assert shop.rows("validation_results") == sample.rows("validation_results")
    nothing_changes(shop)


@pytest.mark.long
def test_in_any_order_and_more_than_once(shop: Shop, sample: Shop) -> None:
    """A task that comes too early says what it waits for; one that comes again has ended."""
    chance, waited = random.Random(3), 0
    for run_id, day in enumerate(DAYS):
        shop.drop_sample(day)
        ended: set[str] = set()
        while len(ended) < len(TASKS):
            task = chance.choice(TASKS)
            try:
                status = one(shop, task, f"run-{run_id}").status
            except WaitingError:
                waited += 1
                continue
            assert status == ("done before" if task in ended else "published" if task == TASKS[-1] else "done")
            ended.add(task)
        assert {one(shop, task, f"run-{run_id}").status for task in TASKS} == {"done before"}
    assert waited > 5
    assert not differences(published(shop), published(sample))


@pytest.mark.long
def test_as_processes_at_once(shop: Shop, sample: Shop) -> None:
    """The five stage loads begin together, each in a process of its own; so does each of the others."""
    base = ["-l", str(shop.settings.landing), "-w", str(shop.settings.warehouse)]

    def start(task: str, run_id: str) -> subprocess.Popen[str]:
        command: list[str | Path] = [ECOMM, "run", "--task", task, "--run-id", run_id, *base]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    for day in DAYS:
        shop.drop_sample(day)
        for together in (STAGE_LOADS, *([task] for task in TASKS[5:])):
            running = [start(task, day) for task in together]
            said = [child.communicate(timeout=120)[0] for child in running]
            assert [child.returncode for child in running] == [0] * len(running), said
    assert not differences(published(shop), published(sample))


@pytest.mark.parametrize("task", ["data_validation", "data_enrichment", "final_merge_operation"])
def test_a_task_that_comes_first_says_what_it_waits_for(shop: Shop, task: str) -> None:
    drop(shop, 1)
    with pytest.raises(WaitingError, match=f"{task} waits for orders_stage_load.* of batch day 1"):
        one(shop, task)
    assert all_of(shop) == ["done", "skipped", "skipped", "skipped", "skipped", "done", "done", "published"]
    nothing_changes(shop)


def test_a_task_that_comes_late_does_not_open_anew(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looked before the attempt was opened, and gets all locks after another task has ended."""
    drop(shop, 1)
    real, stale = pipeline._standing, iter([pipeline._Standing(), pipeline._Standing()])
    assert all_of(shop, tasks=TASKS[:1]) == ["done"]
    monkeypatch.setattr(pipeline, "_standing", lambda *said: next(stale, real(*said)))
    assert one(shop, "customers_stage_load").status == "skipped"
    assert [e.entry for e in shop.warehouse.log] == ["GENESIS", "OPEN"]
    assert all_of(shop, tasks=TASKS[5:])[-1] == "published"


KILLS = [
    ("orders_stage_load", "after claim"),
    ("orders_stage_load", "after ledger:OPEN"),
    ("orders_stage_load", "after stage:orders"),
    ("customers_stage_load", "after prepare:customers_stage"),
    ("products_stage_load", "after errors:products"),
    ("shipping_stage_load", "after change_set:shipping"),
    ("data_validation", "after record:validation_results"),
    ("data_enrichment", "after enrich"),
    ("final_merge_operation", "after merge:orders"),
    ("final_merge_operation", "after analytics"),
    ("final_merge_operation", "after record:processing_log"),
    ("final_merge_operation", "before ledger:PUBLISH"),  # any task of the run finishes it
]


@pytest.mark.long
@pytest.mark.parametrize("again", ["1", "2"], ids=["the task again", "another run"])
def test_killed_anywhere(shop: Shop, sample: Shop, monkeypatch: pytest.MonkeyPatch, again: str) -> None:
    """One task after the other is killed, some more than once; done again by its run, or the day by another run."""
    shop.drop_sample(DAYS[0])
    shop.run()
    shop.drop_sample(DAYS[1])
    run_id = "1"
    for task, kill in KILLS:
        for before in TASKS[: TASKS.index(task)]:
            assert one(shop, before, run_id).status in ("done", "done before")
        with monkeypatch.context() as patch:
            patch.setenv("KILL_CHILD_DOES", f"task {task} {run_id}")
            killed(shop, kill)
        run_id = run_id if again == "1" else f"{run_id}{again}"
    assert all_of(shop, run_id)[-1] in ("done before", "nothing")  # the last kill came when it had begun to commit
    shop.run()
    assert not differences(published(shop), published(sample))
    rows = [r for r in shop.rows("validation_results") if r["batch_id"] == f"batch_{DAYS[1]}"]
    if again == "1":  # the attempt is the same, and what it was told is told once
        assert rows == [r for r in sample.rows("validation_results") if r["batch_id"] == f"batch_{DAYS[1]}"]
    nothing_changes(shop)


def test_another_run_takes_over_between_tasks(shop: Shop) -> None:
    drop(shop, 1)
    assert all_of(shop, "first", TASKS[:6])[-1] == "done"
    assert one(shop, "orders_stage_load", "second").status == "done"
    with pytest.raises(LockedError, match="another run has taken over from first, which had opened batch day 1"):
        one(shop, "data_enrichment", "first")
    assert [e.entry for e in shop.warehouse.log[-3:]] == ["OPEN", "RECOVER", "OPEN"]
    assert all_of(shop, "second")[-1] == "published"
    nothing_changes(shop)


def test_a_run_takes_over_between_tasks_too(shop: Shop) -> None:
    drop(shop, 1)
    all_of(shop, "first", TASKS[:3])
    assert [o.status for o in shop.run()] == ["published"]
    with pytest.raises(LockedError, match="taken over from first"):
        one(shop, "data_validation", "first")


def test_another_run_waits_while_a_task_works(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(shop, 1)
    all_of(shop, "first", TASKS[:1])
    monkeypatch.setattr(pipeline, "_SILENCE", 0.0)
    told: list[str] = []
    second = threading.Thread(
        target=pipeline.run_task, args=(shop.settings, "orders_stage_load", "second"), kwargs={"notify": told.append}
    )
    with locks.of(shop.settings, ["data_validation"]):
        second.start()
        second.join(3)
        assert second.is_alive()
        assert shop.warehouse.entry.run_id == "first"
    second.join(60)
    assert told == ["orders_stage_load waits, for another run works on this warehouse: data_validation."]
    assert shop.warehouse.entry.run_id == "second"


def test_a_batch_that_is_held(shop: Shop) -> None:
    bad = f"{ORDERS}O1,C1,P1,2025-01-01,-5,pending\n"
    held = Shop(shop.root, min_score=50)
    drop(held, 1, bad)
    drop(held, 2)
    assert all_of(held, tasks=TASKS[:7]) == ["done", *["skipped"] * 4, "held", "held"]
    outcomes = pipeline.run_task(held.settings, TASKS[-1], "1")  # the one behind it is not held up
    assert [(o.batch_id, o.status) for o in outcomes] == [("day 1", "held"), ("day 2", "published")]
    assert {o.exit_code for task in TASKS for o in pipeline.run_task(held.settings, task, "1")} == {3}


@pytest.mark.long
def test_one_that_cannot_be_opened_does_not_hold_up_the_next(shop: Shop) -> None:
    drop(shop, 1, "customer_id\nC1\n")
    drop(shop, 2)
    assert all_of(shop, tasks=TASKS[:7])[0] == "done"
    outcomes = pipeline.run_task(shop.settings, TASKS[-1], "1")  # it tries the first one once more
    assert [(o.batch_id, o.status, o.exit_code) for o in outcomes] == [
        ("day 2", "published", 0),
        ("day 1", "failed", 1),
    ]
    assert one(shop, TASKS[-1]).status == "done before"
    status = ecomm("status", "-l", shop.settings.landing, "-w", shop.settings.warehouse, cwd=shop.root).out
    assert "day 1: failed" in status


@pytest.mark.long
def test_all_that_is_complete_follows_the_last_task(shop: Shop) -> None:
    for day in (1, 2, 3):
        drop(shop, day)
    drop(shop, 4, "customer_id\nC1\n")
    all_of(shop, tasks=TASKS[:7])
    outcomes = pipeline.run_task(shop.settings, TASKS[-1], "1")
    said = [(o.batch_id, o.status) for o in outcomes]
    assert said == [("day 1", "published"), ("day 2", "published"), ("day 3", "published"), ("day 4", "failed")]
    assert one(shop, "orders_stage_load").status == "done before"
    assert one(shop, "orders_stage_load", "2").status == "failed"
    assert one(shop, "data_validation", "2").status == "failed"


def test_nothing_is_pending_for_all_tasks_of_a_run(shop: Shop) -> None:
    assert pipeline.run_task(shop.settings, "orders_stage_load", "1") == []
    drop(shop, 1)  # it comes for the next run
    assert [pipeline.run_task(shop.settings, task, "1") for task in TASKS[1:]] == [[]] * 7
    assert all_of(shop, "2")[-1] == "published"


@pytest.mark.long
def test_a_file_that_changes_starts_the_batch_anew(shop: Shop) -> None:
    drop(shop, 1)
    all_of(shop, tasks=TASKS[:7])
    (shop.settings.landing / "orders_data" / "source" / "day1.csv").write_text(GOOD.replace(",5,", ",6,"))
    assert one(shop, TASKS[-1]).status == "published"
    assert [shown(r["order_amount"]) for r in shop.rows("orders_target")] == ["6.00"]
    nothing_changes(shop)


FAILING = [
    (stage_load, "_write_errors", "orders_stage_load"),
    (driver, "data_validation", "data_validation"),
    (data_enrichment, "write_enriched", "data_enrichment"),
    (final_merge_operation, "check", "final_merge_operation"),
]


@pytest.mark.long
@pytest.mark.parametrize(("module", "name", "task"), FAILING, ids=lambda value: value if "_" in str(value) else "")
def test_a_task_that_fails(shop: Shop, monkeypatch: pytest.MonkeyPatch, module: object, name: str, task: str) -> None:
    """It may be done again; if another run ends its attempt, the ledger says why it had failed."""

    def fails(*_: object) -> None:
        raise EcommError("the moon is too full")

    drop(shop, 1, f"{GOOD}O2,C1,P1,2025-01-01,x,pending\n")
    all_of(shop, tasks=TASKS[: TASKS.index(task)])
    with monkeypatch.context() as patch:
        patch.setattr(module, name, fails)
        outcome = one(shop, task)
    assert (outcome.status, outcome.reason, outcome.exit_code) == ("failed", "the moon is too full", 1)
    drop(shop, 2)
    if task == "data_enrichment":
        assert one(shop, task).status == "done"
        assert all_of(shop)[-1] == "published"
    else:
        all_of(shop, "2")
        (recovered,) = (e for e in shop.warehouse.log if e.entry == "RECOVER")
        assert (recovered.batch_id, recovered.reason) == ("day 1", f"{task}: the moon is too full")
    shop.run()
    assert {r["batch_id"] for r in shop.rows("analytics_summary")} == {"day 1", "day 2"}
    nothing_changes(shop)


def test_the_command(shop: Shop) -> None:
    drop(shop, 1)
    base = ("run", "-l", str(shop.settings.landing), "-w", str(shop.settings.warehouse))
    said = ecomm(*base, "--task", "orders_stage_load", "--run-id", "7", cwd=shop.root)
    assert (said.code, "day 1 done: orders_stage_load" in said.out) == (0, True)
    said = ecomm(*base, "--task", "data_enrichment", "--run-id", "7", cwd=shop.root)
    assert (said.code, "data_enrichment waits for data_validation of batch day 1" in said.err) == (1, True)
    for options, fault in {
        ("--task", "orders_stage_load"): "--task and --run-id go together",
        ("--task", "orders", "--run-id", "7"): "there is no task orders; there are: orders_stage_load",
        ("--task", "orders_stage_load", "--run-id", "a b"): "--run-id 'a b': take up to 128 letters",
        ("--task", "orders_stage_load", "--run-id", "7", "--dry-run"): "leave out --batch",
    }.items():
        said = ecomm(*base, *options, cwd=shop.root)
        assert (said.code, fault in " ".join(said.err.split())) == (2, True), said.err
    with pytest.raises(UsageError):
        one(shop, "orders")
