"""The watcher: whatever comes to landing, in whatever way, is published by itself, once and whole."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
import watchfiles

from ecomm import watch
from ecomm.batches import failures, locks, status
from ecomm.batches.landing import Claimed, Landing
from ecomm.batches.trigger import LandedFile, Trigger
from ecomm.engines import Engine
from ecomm.errors import Cause
from ecomm.progress import TaskResult
from ecomm.session import running
from ecomm.settings import Settings
from ecomm.transaction import Outcome
from ecomm.watch import Watch
from tests.integration.test_cli import ECOMM
from tests.shop import DAYS, Shop, differences, published

HEADER = "order_id,customer_id,product_id,order_date,order_amount,order_status\n"
PATIENCE = 120.0  # seconds; the machine may be busy


def orders(*ids: str) -> str:
    """A file of orders."""
    return HEADER + "".join(f"{one},C1,P1,2025-01-01,5,pending\n" for one in ids)


def drop(shop: Shop, name: str, day: int, *ids: str) -> Path:
    """A batch of orders, whole; its trigger."""
    return shop.drop(name, f"2025-03-{day:02}T12:00:00Z", {"orders": {f"{name}.csv": orders(*ids or (name,))}})


class Watched:
    """A watcher at work in a thread, and what it told."""

    def __init__(self, shop: Shop) -> None:
        self.told: list[Outcome] = []
        self.said: list[str] = []
        self.waited: dict[str, float] = {}
        self.watch = Watch(shop.settings, self.hear, self.tell, self.said.append)
        self.on_task: Callable[[str, str], None] = lambda *_: None

    def hear(self, batch: str, task: str, result: TaskResult | None) -> None:
        if result is None:
            self.on_task(batch, task)

    def tell(self, outcome: Outcome, waited: float | None) -> None:
        self.told.append(outcome)
        if waited is not None:
            self.waited[outcome.batch_id] = waited

    @property
    def statuses(self) -> list[tuple[str, str]]:
        return [(o.batch_id, o.status) for o in self.told]

    def until(self, *statuses: tuple[str, str]) -> None:
        """Wait until all of these were told."""
        wait(lambda: {*statuses} <= {*self.statuses}, lambda: f"{self.statuses} {self.watch.report}")


def wait(done: Callable[[], bool], said: Callable[[], object] = lambda: "") -> None:
    """Wait until something holds."""
    until = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < until, said()
        time.sleep(0.02)


@contextmanager
def watching(shop: Shop) -> Iterator[Watched]:
    """A watcher, until the end of the block."""
    watched = Watched(shop)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            watched.watch.run()
        except BaseException as error:  # told by the test's own thread
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield watched
    finally:
        watched.watch.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not failed


def test_a_batch_is_published_when_its_last_file_has_come(shop: Shop) -> None:
    with watching(shop) as watched:
        missing = shop.settings.source_dir("orders") / "source" / "two.csv"
        files = {"orders": {"one.csv": orders("1")}}
        shop.drop("two", "2025-03-02T12:00:00Z", files, expected_files=["one.csv", "two.csv"])
        watched.until(("two", "waiting"))
        assert watched.told[-1].reason == "waits for two.csv"
        assert watched.watch.report.waiting == {"two": "waits for two.csv"}
        missing.write_text(orders("2"))
        watched.until(("two", "published"))
    assert [r["order_id"] for r in shop.rows("orders_target")] == ["1", "2"]
    assert shop.landed() == []
    assert watched.statuses == [("two", "waiting"), ("two", "published")]


def test_a_file_that_still_grows_is_waited_for(shop: Shop) -> None:
    """The trigger is there, the file is written in pieces with pauses."""
    with watching(shop) as watched:
        shop.drop("slow", "2025-03-02T12:00:00Z", {"orders": {"slow.csv": HEADER}})
        with (shop.settings.source_dir("orders") / "source" / "slow.csv").open("a") as file:
            for n in range(12):
                time.sleep(0.25)
                file.write(orders(str(n)).removeprefix(HEADER))
                file.flush()
        watched.until(("slow", "published"))
    assert len(shop.rows("orders_target")) == 12
    assert watched.statuses == [("slow", "published")]


@pytest.mark.long
def test_what_lay_there_goes_by_its_time_and_what_comes_meanwhile_follows(shop: Shop) -> None:
    for name, day in (("c", 3), ("a", 1), ("b", 2)):
        drop(shop, name, day)
    with watching(shop) as watched:

        def more(batch: str, task: str) -> None:
            if (batch, task) == ("b", "data_validation"):
                drop(shop, "d", 1)

        watched.on_task = more
        watched.until(("d", "published"))
    assert [batch for batch, _ in watched.statuses] == ["a", "b", "c", "d"]


def test_without_events_the_timer_finds_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a network folder, or when the system has no watches left."""

    def none(*_: object, **__: object) -> Iterator[None]:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr(watchfiles, "watch", none)
    with watching(shop) as watched:
        time.sleep(0.5)
        drop(shop, "quiet", 1)
        watched.until(("quiet", "published"))


@pytest.mark.long
def test_a_failed_batch_holds_nobody_up_and_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after a pause, for the disk has space again; the other as soon as its file changes."""
    full, claim = {"full"}, Landing.claim

    def claimed(landing: Landing, trigger: Trigger, files: Iterable[LandedFile]) -> list[Claimed]:
        if trigger.batch_id in full:
            raise OSError(28, "No space left on device", "disk")
        return claim(landing, trigger, files)

    monkeypatch.setattr(Landing, "claim", claimed)
    drop(shop, "full", 1)
    drop(shop, "headless", 2)
    headless = shop.settings.source_dir("orders") / "source" / "headless.csv"
    headless.write_text("customer_id\nC1\n")
    drop(shop, "good", 3)
    with watching(shop) as watched:
        watched.until(("full", "failed"), ("headless", "failed"), ("good", "published"))
        assert watched.statuses == [("full", "failed"), ("headless", "failed"), ("good", "published")]
        wait(lambda: {*watched.watch.report.failed} == {"full", "headless"})
        assert "the disk is full" in watched.watch.report.failed["full"]
        lines = status.of(shop.settings, datetime.now(UTC)).triggers
        assert {line.batch_id: line.state for line in lines} == {"full": "failed", "headless": "failed"}
        assert "lacks order_id" in str([line.reason for line in lines])
        full.clear()
        headless.write_text(orders("mended"))
        watched.until(("headless", "published"), ("full", "published"))
        wait(lambda: not watched.watch.report.failed)
    assert {r["order_id"] for r in shop.rows("orders_target")} == {"full", "mended", "good"}


@pytest.mark.long
def once(shop: Shop) -> list[tuple[str, str, str | None]]:
    """What a watcher tells that looks once, as cron starts it."""
    told: list[Outcome] = []
    Watch(shop.settings, tell=lambda outcome, _: told.append(outcome)).run(once=True)
    return [(outcome.batch_id, outcome.status, outcome.reason) for outcome in told]


def test_a_poison_batch_is_left_alone(shop: Shop) -> None:
    """It is told of each time, and tried when something of it is another, or by hand; only then it leaves entries."""
    shop = Shop(shop.root, quiet_seconds=0.01)
    drop(shop, "good", 1)
    shop.drop("poison", "2025-03-02T12:00:00Z", {"orders": {"poison.csv": "order_id,total\n1,2\n"}})
    assert [line[:2] for line in once(shop)] == [("good", "published"), ("poison", "failed")]
    entries, (known,) = len(shop.warehouse.log), failures.load(shop.settings).values()
    assert (known.tries, known.cause, known.again_at - known.at) == (1, Cause.FILES, timedelta(minutes=10))
    for _ in range(3):
        ((name, state, reason),) = once(shop)
        assert (name, state) == ("poison", "failed")
        assert "the header lacks" in str(reason)
    assert len(shop.warehouse.log) == entries, "nothing was tried"
    (line,) = status.of(shop.settings, datetime.now(UTC)).triggers
    assert f"tries it again when a file of it or the settings change, or at {known.again_at:%Y-%m-%d %H:%M} UTC" in str(
        line.reason
    )

    assert shop.run()[0].status == "failed", "by hand it is tried always"
    assert len(shop.warehouse.log) == entries, "its header says it before an attempt is opened"
    assert [one.tries for one in failures.load(shop.settings).values()] == [2]

    other = Shop(shop.root, quiet_seconds=0.01, shop={"reporting_currency": "EUR"})
    once(other)
    assert len(shop.warehouse.log) == entries + 2, "by other settings it is another thing"
    assert [one.tries for one in failures.load(shop.settings).values()] == [1]

    (shop.settings.source_dir("orders") / "source" / "poison.csv").write_text(orders("P1"))
    assert ("poison", "published", None) in once(other)
    assert not failures.load(shop.settings)


def test_a_trigger_that_cannot_be_read_is_told_once_and_read_when_it_changes(shop: Shop) -> None:
    with watching(shop) as watched:
        path = shop.trigger("{", "bad.json")
        watched.until(("bad.json", "failed"))
        time.sleep(2.5)  # another look at least
        assert watched.statuses == [("bad.json", "failed")]
        assert "not valid JSON" in watched.watch.report.failed["bad.json"]
        path.unlink()
        drop(shop, "mended", 1)
        watched.until(("mended", "published"))
        wait(lambda: not watched.watch.report.failed)


def test_another_run_is_waited_for(shop: Shop) -> None:
    drop(shop, "one", 1)
    with ExitStack() as other:
        other.enter_context(locks.of(shop.settings))
        with watching(shop) as watched:
            wait(lambda: bool(watched.said))
            assert "another ecomm is working on this warehouse" in watched.said[0]
            assert (watched.watch.report.held_up_by, watched.told) == (watched.said[0], [])
            other.close()
            watched.until(("one", "published"))
            wait(lambda: watched.watch.report.held_up_by is None)
    assert len(watched.said) == 1


@pytest.mark.long
def test_landing_may_go_and_come_back(shop: Shop) -> None:
    """A network folder that is not mounted for a while."""
    with watching(shop) as watched:
        drop(shop, "first", 1)
        watched.until(("first", "published"))
        away = shop.root / "away"
        shop.settings.landing.rename(away)
        wait(lambda: watched.watch.report.trouble is not None)
        assert "there is no such landing folder" in watched.said[0]
        away.rename(shop.settings.landing)
        drop(shop, "back", 2)
        watched.until(("back", "published"))
    assert len(watched.said) == 1


# --- as a process ------------------------------------------------------------------------------------------------


def process(shop: Shop, *more: str, **environment: str) -> subprocess.Popen[str]:
    """`ecomm watch`."""
    command = [str(ECOMM), "watch", *more, "-l", str(shop.settings.landing), "-w", str(shop.settings.warehouse)]
    env = os.environ | environment
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


def test_a_worn_engine_is_replaced(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine never frees a part of each batch: after a number of them another replaces it, also within a backlog."""
    started = []

    @contextmanager
    def counted(settings: Settings) -> Iterator[Engine]:
        with running(settings) as engine:
            started.append(engine)
            yield engine

    monkeypatch.setattr(watch, "RENEWED", 2)
    monkeypatch.setattr(watch, "running", counted)
    for n in range(1, 6):
        drop(shop, f"b{n}", n)
    with watching(shop) as watched:
        watched.until(("b5", "published"))
    assert watched.statuses == [(f"b{n}", "published") for n in range(1, 6)]
    assert len(started) == 3


def test_once(shop: Shop, sample: Shop) -> None:
    shop.drop_sample(*DAYS)
    said, _ = (running := process(shop, "--once", "--json")).communicate(timeout=PATIENCE)
    assert running.returncode == 0, said
    assert not differences(published(shop), published(sample))
    said, _ = (running := process(shop, "--once")).communicate(timeout=PATIENCE)
    assert (running.returncode, said) == (0, "Nothing is pending.\n")


@pytest.mark.long
@pytest.mark.parametrize("signals", [1, 2], ids=["the batch at work is finished", "it is taken back"])
def test_a_signal_while_a_batch_is_published(shop: Shop, sample: Shop, signals: int) -> None:
    """One lets the batch at work end and begins no other; a second one takes it back at once."""
    shop.drop_sample(*DAYS)
    running = process(shop)
    wait(lambda: any((shop.settings.warehouse / "attempts").glob("*/*")))
    os.kill(running.pid, signal.SIGTERM)
    if signals == 2:
        time.sleep(0.3)
        os.kill(running.pid, signal.SIGTERM)
    said, _ = running.communicate(timeout=PATIENCE)
    kinds = [entry.entry for entry in shop.warehouse.log]
    if signals == 1:
        assert (running.returncode, kinds) == (0, ["GENESIS", "OPEN", "PUBLISH"]), said
        assert len(shop.landed()) == 6
    else:
        assert (running.returncode, kinds) == (130, ["GENESIS", "OPEN", "RECOVER"]), said
        assert len(shop.landed()) == 12
    assert "published" in said or signals == 2
    shop.run()
    assert not differences(published(shop), published(sample))


# --- for long ----------------------------------------------------------------------------------------------------


class Spent(NamedTuple):
    """What the system has counted of a watcher and its engine since their start, and what they hold now."""

    seconds: float
    """CPU seconds"""
    reads: int
    """calls that read"""
    writes: int
    """calls that write"""
    memory: float
    """MiB held now"""


def of_process(pid: int) -> Spent:
    """What a process and those that it has started have spent, by /proc."""
    children = [
        int(child) for told in Path(f"/proc/{pid}/task").glob("*/children") for child in told.read_text().split()
    ]
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    counted = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    own = Spent(
        (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK"),
        int(counted["syscr"]),
        int(counted["syscw"]),
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    )
    return Spent(*map(sum, zip(own, *map(of_process, children), strict=True)))


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="calls are counted where Linux counts them")
def test_many_batches_in_one_process(shop: Shop, request: pytest.FixtureRequest) -> None:
    """--batches of them, an hour apart: each reads and writes as often as the first ones did, and memory stays.

    Calls are compared, for seconds of one batch differ by a quarter on a machine that others use; seconds are printed.
    """
    batches = request.config.getoption("--batches")
    spent = list[Spent]()
    with process(shop, "--json", ECOMM_QUIET_SECONDS="0") as running:
        assert running.stdout
        try:
            for n in range(batches):
                rows = "".join(f"O{(7 * n + k) % 200},C1,P1,2025-01-01,{n % 9},pending\n" for k in range(40))
                at = datetime(2025, 3, 1, tzinfo=UTC) + timedelta(hours=n)
                shop.drop(f"b{n}", at, {"orders": {f"b{n}.csv": HEADER + rows}})
                while f'"batch_id": "b{n}"' not in (line := running.stdout.readline()):
                    assert line, "it has ended"
                assert '"status": "published"' in line, line
                spent.append(of_process(running.pid))
        finally:
            running.terminate()
    assert running.wait(PATIENCE) == 0
    entries = [entry.entry for entry in shop.warehouse.log]
    assert entries.count("PUBLISH") == batches
    assert entries.count("MAINTAIN") >= batches // 30
    seconds, reads, writes, _ = (
        [after - before for before, after in pairwise(kind)] for kind in zip(*spent, strict=True)
    )
    # The first batches find almost empty tables. Upkeep comes after a dozen batches: a dozen has the whole way to it.
    first, last = slice(12, 24), slice(-12, None)
    growth = {
        name: statistics.median(counted[last]) / statistics.median(counted[first])
        for name, counted in {"seconds": seconds, "reads": reads, "writes": writes}.items()
    }
    # The most of the third and of the last quarter: a process that is started anew on the way holds less at once.
    memory = [each.memory for each in spent]
    growth["memory"] = max(memory[batches * 3 // 4 :]) / max(memory[batches // 2 : batches * 3 // 4])
    print(f"{growth}, {statistics.median(seconds[last]):.2f} s a batch, {memory[-1]:.0f} MiB")
    assert growth["reads"] < 1.1, reads
    assert growth["writes"] < 1.1, writes
    assert growth["memory"] < 1.1, memory
