"""Uploads that are not whole: nothing of them is published, and nothing is taken from under who writes them."""

from __future__ import annotations

import hashlib
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from ecomm.batches import status
from ecomm.session import Session
from tests.integration.test_watch import HEADER, Watched, wait, watching
from tests.shop import Shop

ROWS = [f"O{n},C1,P1,2025-01-01,{n},pending\n" for n in range(20)]
CONTENT = HEADER + "".join(ROWS)
GOOD: dict[str, Any] = {
    "rows": len(ROWS),
    "bytes": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT.encode()).hexdigest(),
}
linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who has a file open")


def drop(shop: Shop, content: str, **totals: Any) -> None:
    said = {"orders": [{"name": "b1.csv", **totals}]}
    shop.drop("b1", "2025-01-01T00:00:00Z", {"orders": {"b1.csv": content}}, expected_files=said)


@pytest.mark.every_engine
def test_a_file_that_is_what_its_trigger_says(shop: Shop) -> None:
    drop(shop, CONTENT, **GOOD)
    assert [o.status for o in shop.run()] == ["published"]
    assert len(shop.rows("orders_target")) == len(ROWS)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("rows", 21, "it has 20 records, and its trigger says 21"),
        ("bytes", len(CONTENT) - 1, "bytes, and its trigger says"),
        ("sha256", "0" * 64, "its SHA-256"),
    ],
)
def test_a_file_that_is_not(shop: Shop, name: str, value: Any, told: str) -> None:
    """The batch fails, and stays; it is published once trigger and file agree."""
    drop(shop, CONTENT, **GOOD | {name: value})
    (failed,) = shop.run()
    assert failed.status == "failed"
    assert told in str(failed.reason)
    assert len(shop.landed()) == 2
    drop(shop, CONTENT, **GOOD)
    assert [o.status for o in shop.run()] == ["published"]


@linux
def test_a_stalled_upload(shop: Shop) -> None:
    """Half of a file lies there for longer than files stand still otherwise; the other half comes all the same."""
    path = shop.settings.source_dir("orders") / "source" / "b1.csv"
    with watching(shop) as watched, path.open("w") as upload:
        upload.write(HEADER + "".join(ROWS[:10]))
        upload.flush()
        shop.drop("b1", "2025-01-01T00:00:00Z", {}, expected_files=["b1.csv"])
        wait(lambda: watched.watch.report.waiting == {"b1": "waits until b1.csv is written"})
        time.sleep(3)
        assert watched.statuses == []
        upload.write("".join(ROWS[10:]))
        upload.close()
        watched.until(("b1", "published"))
    assert len(shop.rows("orders_target")) == len(ROWS)


def test_an_upload_that_is_taken_up_again(shop: Shop) -> None:
    """Nobody has the file open, and its last line has no end: a watcher waits for the rest, for longer than else."""
    shop = Shop(shop.root, quiet_seconds=0.1)
    half = len(CONTENT) // 2
    with watching(shop) as watched:
        drop(shop, CONTENT[:half])
        wait(lambda: "the last line of b1.csv has no end" in watched.watch.report.waiting.get("b1", ""))
        (line,) = status.of(shop.settings, datetime.now(UTC)).triggers
        assert (line.state, "`ecomm watch` waits" in str(line.reason)) == ("pending", True)
        with (shop.settings.source_dir("orders") / "source" / "b1.csv").open("a") as upload:
            upload.write(CONTENT[half:])
        watched.until(("b1", "published"))
    assert len(shop.rows("orders_target")) == len(ROWS)


@pytest.mark.parametrize("batches", ["triggers", "quiet"])
def test_a_file_without_a_last_line_end(shop: Shop, batches: str) -> None:
    """Many programs write none: a run takes it at once, a watcher after a while."""
    shop = Shop(shop.root, quiet_seconds=0.02, batches=batches)
    if batches == "triggers":
        drop(shop, CONTENT.rstrip())
        assert [o.status for o in shop.run()] == ["published"]
    else:
        (shop.settings.source_dir("orders") / "source" / "b1.csv").write_text(CONTENT.rstrip())
        watched = Watched(shop)
        watched.watch.run(once=True)
        assert [state for _, state in watched.statuses] == ["published"]
    assert len(shop.rows("orders_target")) == len(ROWS)


@linux
def test_a_writer_that_comes_while_the_batch_is_published(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The landed file stays as long as somebody has it open, with all that he writes to it."""
    drop(shop, CONTENT)
    path = shop.settings.source_dir("orders") / "source" / "b1.csv"
    writers = []
    entry_of = Session.entry_of

    def and_a_writer_comes(session: Session, kind: str, *args: Any, **more: Any) -> Any:
        entry = entry_of(session, kind, *args, **more)
        if kind == "PUBLISH":
            writers.append(path.open("a"))
        return entry

    monkeypatch.setattr(Session, "entry_of", and_a_writer_comes)
    (outcome,) = shop.run()
    assert outcome.status in ("published", "failed")
    (writer,) = writers
    writer.write("O99,C1,P1,2025-01-01,5,pending\n")
    writer.close()
    assert path.read_text().endswith("O99,C1,P1,2025-01-01,5,pending\n")
    assert len(shop.rows("orders_target")) == len(ROWS)
