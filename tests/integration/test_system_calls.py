"""A run is killed at each of its calls to the system that put something onto the disk or take it away.

Not we say where that is, but strace: it kills the process at each of these calls of its main thread, in which files
are claimed, the intent is written, versions are committed, the entry follows, and files are archived.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pytest

from ecomm.doctor import examine
from ecomm.engines import Engine
from tests.conftest import keep_running
from tests.integration.test_kills import CHILD
from tests.shop import Row, Shop, differences, published

CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir"
HEADER = "order_id,customer_id,product_id,order_date,order_amount,order_status\n"
Tables = dict[str, list[Row]]
pytestmark = [
    pytest.mark.usefixtures("shop"),  # runs use the engine of the session
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace"),
]


class Day:
    """A shop in which one batch is published and the second has landed, and what is to be read before and after it."""

    def __init__(self, root: Path) -> None:
        self.shop = Shop(root / "first")
        first = HEADER + "O1,C1,P1,2025-01-01,5,pending\n"
        customers = {"c1.csv": "customer_id,city\nC1,Rome\n,Oslo\n"}
        self.shop.drop("b1", "2025-01-01T00:00:00Z", {"orders": {"o1.csv": first}, "customers": customers})
        assert [o.status for o in self.shop.run()] == ["published"]
        second = HEADER + "O1,C1,P1,2025-01-01,5,shipped\nO2,C1,P1,2025-01-01,7,pending\n"
        customers = {"c2.csv": "customer_id,city,tier\nC1,Oslo,gold\n"}
        self.shop.drop("b2", "2025-01-02T00:00:00Z", {"orders": {"o2.csv": second}, "customers": customers})
        self.before = published(self.shop)
        whole = self.shop.copy(root / "whole")
        assert [o.status for o in whole.run()] == ["published"]
        self.after, self.archived = published(whole), whole.archived()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Day:
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        return Day(tmp_path_factory.mktemp("calls"))


def traced(shop: Shop, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of the shop in a process of its own, its main thread under strace."""
    child = [sys.executable, CHILD, shop.settings.landing, shop.settings.warehouse]
    command = ["strace", "-o", shop.root / "calls", "-e", f"trace={CALLS}", *options, *child]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)


Call = tuple[str, int]
"""A call of a run: its name, and the how manieth of that name it is, as strace counts them."""


def calls_of(shop: Shop) -> list[Call]:
    """The calls that a traced run has made, in their order."""
    lines = (shop.root / "calls").read_text().splitlines()
    names = [line.partition("(")[0] for line in lines if line.partition("(")[0] in CALLS.split(",")]
    return [(name, names[: at + 1].count(name)) for at, name in enumerate(names)]


def killed_at(shop: Shop, call: Call) -> bool:
    """Run the shop and kill the run at a call; False if there were fewer."""
    name, number = call
    return traced(shop, "-e", f"inject={name}:signal=KILL:when={number}").returncode != 0


def recovered(shop: Shop, day: Day, at: str) -> None:
    """Readers see the one moment or the other, and after one more run all is as if nothing had happened."""
    seen = published(shop)
    assert seen in (day.before, day.after), (at, differences(seen, day.before))
    outcomes = shop.run()
    assert {o.status for o in outcomes} <= {"published", "duplicate"}, (at, [o.reason for o in outcomes])
    assert not differences(published(shop), day.after), at
    assert (shop.landed(), shop.archived()) == ([], day.archived), at
    assert not [*shop.settings.warehouse.glob("attempts/*")], at
    assert [f for f in examine(shop.settings, deep=True) if f.fix] == [], at
    with duckdb.connect(shop.settings.warehouse / "catalog.duckdb", read_only=True) as catalogue:
        assert catalogue.sql("SELECT count(*) FROM enriched_orders").fetchall() == [(2,)], at
    assert shop.run() == [], at


Note = Callable[[str, object], None]
"""Puts a number into the report of the tests: `tests.attack` adds them up."""


def kill_each(start: Shop, day: Day, root: Path, calls: Sequence[Call], note: Note) -> None:
    """Kill a run of a shop at each of these calls; the next one is as if nothing had happened."""
    note("tried", len(calls))
    missed = []
    for name, number in calls:
        shop = start.copy(root / f"at {name} {number}")
        if not killed_at(shop, (name, number)):
            missed.append((name, number))
        recovered(shop, day, f"{name} {number}")
        shutil.rmtree(shop.root)
    assert len(missed) <= 2, f"a run makes a call more or less than another: {missed}"


def all_calls(start: Shop, root: Path) -> list[Call]:
    """The calls of a run that nobody kills."""
    whole = start.copy(root / "nobody kills")
    assert traced(whole).returncode == 0
    return calls_of(whole)


def begun(day: Day, root: Path) -> Shop:
    """A publication that broke off behind its intent."""
    shop = day.shop.copy(root / "begun")
    child = [sys.executable, CHILD, shop.settings.landing, shop.settings.warehouse, "after", "commit:orders_stage"]
    subprocess.run(list(map(str, child)), capture_output=True, timeout=300, check=False)
    assert [*shop.settings.warehouse.glob("attempts/*/publication.json")]
    return shop


@pytest.mark.long
def test_a_run_that_is_killed_at_some_calls(day: Day, tmp_path: Path, record_property: Note) -> None:
    kill_each(day.shop, day, tmp_path, all_calls(day.shop, tmp_path)[5::25], record_property)


@pytest.mark.long
def test_a_run_that_finishes_is_killed_at_some_calls(day: Day, tmp_path: Path, record_property: Note) -> None:
    shop = begun(day, tmp_path)
    kill_each(shop, day, tmp_path, all_calls(shop, tmp_path)[3::25], record_property)


@pytest.mark.soak
def test_a_run_that_is_killed_at_every_call(day: Day, tmp_path: Path, record_property: Note) -> None:
    kill_each(day.shop, day, tmp_path, all_calls(day.shop, tmp_path), record_property)


@pytest.mark.soak
def test_a_run_that_finishes_is_killed_at_every_call(day: Day, tmp_path: Path, record_property: Note) -> None:
    shop = begun(day, tmp_path)
    kill_each(shop, day, tmp_path, all_calls(shop, tmp_path), record_property)


# --- calls that fail ------------------------------------------------------------------------------------------------

FAULTS = {"fsync": ("EIO", "ENOSPC"), "fdatasync": ("EIO", "ENOSPC"), "link": ("EIO", "ENOSPC", "EACCES")}
OTHERS = ("EIO", "EACCES")
"""How a call fails: a disk that is broken, full, or of somebody else."""


def fail_each(start: Shop, day: Day, root: Path, calls: Sequence[Call], note: Note) -> None:
    """Let each of these calls fail, once in each way: the run says so in a sentence or does without it, and the next
    one is as if nothing had happened."""
    tried = [(name, number, error) for name, number in calls for error in FAULTS.get(name, OTHERS)]
    note("tried", len(tried))
    for name, number, error in tried:
        at = f"{error} at {name} {number}"
        shop = start.copy(root / at)
        done = traced(shop, "-e", f"inject={name}:error={error}:when={number}")
        assert "Traceback" not in done.stdout + done.stderr, (at, done.stderr[-2000:])
        assert done.returncode in (0, 1, 4), (at, done.returncode, done.stdout, done.stderr[-2000:])
        recovered(shop, day, at)
        shutil.rmtree(shop.root)


@pytest.mark.long
def test_a_run_some_calls_of_which_fail(day: Day, tmp_path: Path, record_property: Note) -> None:
    fail_each(day.shop, day, tmp_path, all_calls(day.shop, tmp_path)[7::30], record_property)


@pytest.mark.soak
def test_a_run_each_call_of_which_fails(day: Day, tmp_path: Path, record_property: Note) -> None:
    fail_each(day.shop, day, tmp_path, all_calls(day.shop, tmp_path), record_property)
