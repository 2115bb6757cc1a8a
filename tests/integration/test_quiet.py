"""Batches without triggers: what has come and stood still is published, once, as if a trigger had listed it."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecomm import pipeline
from ecomm.batches import quiet
from ecomm.batches.ledger import Ledger
from tests.integration.test_watch import HEADER, orders, watching
from tests.shop import Shop

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def still(shop: Shop, tmp_path: Path) -> Shop:
    """A shop that takes what stands still."""
    assert shop.settings.batches == "triggers"
    return Shop(tmp_path / "still", batches="quiet", quiet_seconds=0.3)


def put(shop: Shop, source: str, name: str, text: str, at: datetime = NOON) -> Path:
    """A file that was written at an instant."""
    path = shop.settings.source_dir(source) / "source" / name
    path.write_text(text)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def triggers(shop: Shop) -> list[dict[str, object]]:
    """The triggers that were archived, in the order of their names."""
    found = sorted((shop.root / "landing").glob("trigger_data/archive/*/*.json"))
    return [json.loads(path.read_text()) for path in found]


def test_what_stands_still_is_one_batch(still: Shop) -> None:
    """Files of two sources; the batch's instant is when the newest was written; the order is that of writing."""
    put(still, "orders", "b.csv", orders("1"))
    put(still, "orders", "a.csv", orders("2"), datetime(2025, 3, 1, 12, 0, 5, tzinfo=UTC))
    put(still, "customers", "c.csv", "customer_id\nC1\n")
    assert [(o.batch_id, o.status) for o in still.run(dry_run=True)] == [("batch_20250301T120005Z", "would publish")]
    assert triggers(still) == []
    (outcome,) = still.run()
    assert (outcome.batch_id, outcome.status) == ("batch_20250301T120005Z", "published")
    assert len(outcome.files) == 3
    assert triggers(still) == [
        {
            "trigger_id": "batch_20250301T120005Z",
            "trigger_timestamp": "2025-03-01T12:00:05Z",
            "expected_files": {"orders": ["b.csv", "a.csv"], "customers": ["c.csv"]},
            "data_files_ready": True,
        }
    ]
    assert still.landed() == []
    assert still.run() == []
    put(still, "orders", "d.csv", orders("3"), datetime(2025, 3, 1, 12, 0, 5, tzinfo=UTC))
    assert [o.batch_id for o in still.run()] == ["batch_20250301T120005Z_2"], "an id of its own"
    assert [r["order_id"] for r in still.rows("orders_target")] == ["1", "2", "3"]


def test_what_just_came_is_waited_for_a_moment(still: Shop) -> None:
    put(still, "orders", "a.csv", orders("1"), datetime.now(UTC))
    assert [o.status for o in still.run()] == ["published"]


def test_what_cannot_be_read_or_is_listed_is_left(still: Shop) -> None:
    """Another trigger waits for one of the files, and nothing reads the other."""
    mine = put(still, "orders", "mine.csv", orders("1"))
    put(still, "orders", "old.xls", "x")
    put(still, "orders", "half.csv.part", HEADER)
    text = {"trigger_id": "t", "batch_date": "2025-03-01", "expected_files": ["mine.csv", "later.csv"]}
    still.trigger(json.dumps(text), "t.json")
    assert [(o.batch_id, o.status) for o in still.run()] == [("t", "waiting")]
    assert mine.exists()
    assert still.landed() == ["half.csv.part", "mine.csv", "old.xls", "t.json"]


def test_without_the_setting_nothing_is_taken(shop: Shop) -> None:
    put(shop, "orders", "a.csv", orders("1"))
    assert shop.run() == []
    assert shop.landed() == ["a.csv"]


def test_a_kill_behind_the_trigger_leaves_a_pending_batch(still: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one before it leaves the files: the next run makes the same batch of them."""
    put(still, "orders", "a.csv", orders("1"))

    class KilledError(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    for seam in ("quiet.announce", "working"):
        with monkeypatch.context() as patch:
            owner, name = (quiet, "announce") if seam == "quiet.announce" else (pipeline, "working")
            patch.setattr(owner, name, killed)
            with pytest.raises(KilledError):
                still.run()
        assert len(list(still.settings.source_dir("trigger").glob("source/*.json"))) == (seam == "working")
    put(still, "orders", "b.csv", orders("2"))
    assert [(o.batch_id, o.status) for o in still.run()] == [
        ("batch_20250301T120000Z", "published"),
        ("batch_20250301T120000Z_2", "published"),
    ]
    assert [r["order_id"] for r in still.rows("orders_target")] == ["1", "2"]
    assert len([e for e in Ledger.of(still.settings).log if e.entry == "PUBLISH"]) == 2


@pytest.mark.long
def test_a_batch_a_day(shop: Shop, tmp_path: Path) -> None:
    """By the shop's own day: in Berlin the first of March ends at 23:00 UTC. Today's files wait for midnight."""
    own = Shop(tmp_path / "own", batches="daily", quiet_seconds=0.1, shop={"shop_timezone": "Europe/Berlin"})
    put(own, "orders", "a.csv", orders("1"), datetime(2025, 3, 1, 8, tzinfo=UTC))
    put(own, "customers", "c.csv", "customer_id\nC1\n", datetime(2025, 3, 1, 22, 59, tzinfo=UTC))
    put(own, "orders", "b.csv", orders("2"), datetime(2025, 3, 1, 23, tzinfo=UTC))
    today = put(own, "orders", "today.csv", orders("3"), datetime.now(UTC))
    assert [(o.batch_id, len(o.files)) for o in own.run()] == [("batch_2025_03_01", 2), ("batch_2025_03_02", 1)]
    assert today.exists()
    as_of = {t["trigger_id"]: t["trigger_timestamp"] for t in triggers(own)}
    assert as_of == {"batch_2025_03_01": "2025-03-01T22:59:00Z", "batch_2025_03_02": "2025-03-01T23:00:00Z"}


def test_the_watcher_takes_what_stands_still_and_waits_for_what_grows(still: Shop) -> None:
    """Both come as one batch: a file that stands still waits for the one that is being written."""
    with watching(still) as watched:
        put(still, "customers", "c.csv", "customer_id\nC1\n")
        slow = still.settings.source_dir("orders") / "source" / "slow.csv"
        with slow.open("w") as file:
            file.write(HEADER)
            for n in range(8):
                file.write(orders(str(n)).removeprefix(HEADER))
                file.flush()
                time.sleep(0.15)
        put(still, "orders", "old.xls", "x")
        deadline = time.monotonic() + 60
        while not [o for o in watched.told if o.status == "published"] and time.monotonic() < deadline:
            time.sleep(0.05)
        while not watched.said and time.monotonic() < deadline:
            time.sleep(0.05)
    published = [o for o in watched.told if o.status == "published"]
    assert [sorted(f.name for f in o.files) for o in published] == [["c.csv", "slow.csv"]]
    assert len(still.rows("orders_target")) == 8
    assert len(watched.said) == 1
    assert "old.xls: nothing reads this kind of file" in watched.said[0]


def test_a_file_that_never_ends_does_not_hold_the_others_up(still: Shop) -> None:
    """After ten times quiet_seconds the others go without it."""
    over = threading.Event()
    growing = put(still, "orders", "log.csv", HEADER)

    def grow() -> None:
        while not over.wait(0.05):
            with growing.open("a") as file:
                file.write("x\n")

    thread = threading.Thread(target=grow)
    thread.start()
    time.sleep(0.2)  # it has begun to grow
    try:
        put(still, "orders", "a.csv", orders("1"))
        (outcome,) = still.run()
    finally:
        over.set()
        thread.join()
    assert [f.name for f in outcome.files] == ["a.csv"]
    assert growing.exists()


@pytest.fixture
def locked(still: Shop) -> Iterator[Shop]:
    """A shop in which another run is at work."""
    from ecomm.batches import locks

    with locks.of(still.settings):
        yield still


def test_two_programs_make_one_trigger(locked: Shop) -> None:
    """The trigger is written under the locks of a run."""
    from ecomm.errors import LockedError

    put(locked, "orders", "a.csv", orders("1"))
    with pytest.raises(LockedError):
        locked.run()
    assert list(locked.settings.source_dir("trigger").glob("source/*.json")) == []
