"""Alerts on a real shop, told to real receivers: a server on this machine, a program, apprise."""

from __future__ import annotations

import json
import re
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog

from ecomm import alerts, revise
from ecomm.errors import StorageError
from tests.integration.test_watch import PATIENCE, drop, orders, process, wait
from tests.shop import Shop

NOW = datetime(2025, 3, 2, 13, tzinfo=UTC)


class Receiver:
    """A server that remembers what it is sent. well: else it answers 500."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.well = True
        received = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                well = received.well
                if well:  # before it is answered: who has told goes on and looks at once
                    received.got.append(body)
                self.send_response(200 if well else 500)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"

    @property
    def brief(self) -> list[tuple[str, str]]:
        return [(event["event"], event["key"]) for event in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


def held(shop: Shop) -> Shop:
    """A shop in which a batch waits for a person, and one failed."""
    drop(shop, "one", 1)
    bad = "order_id,customer_id,product_id,order_date,order_amount,order_status\n1,C1,P1,2025-01-01,-5,pending\n"
    shop.drop("two", "2025-03-02T12:00:00Z", {"orders": {"two.csv": bad}})
    shop.drop("three", "2025-03-02T12:00:00Z", {"orders": {"three.csv": "customer_id\nC1\n"}})
    assert {o.batch_id: o.status for o in shop.run()} == {"one": "published", "two": "held", "three": "failed"}
    return shop


@pytest.mark.long
@pytest.mark.usefixtures("shop")  # runs use the engine of the session
def test_each_is_told_once_when_it_begins_and_once_when_it_ends(tmp_path: Path) -> None:
    """A server that is down for a while, or a program that is started anew, changes nothing about that."""
    with receiving() as receiver:
        told = {"webhook": f"http://{receiver.address}/hook?token=secret"}
        shop = held(Shop(tmp_path / "shop", min_score=60, alerts=told))
        receiver.well = False
        with structlog.testing.capture_logs() as logs:
            assert len(alerts.look(shop.settings, NOW)) == 2
        assert [line["event"] for line in logs] == ["alert", "alert", "alert_not_told"]
        assert "secret" not in str(logs)
        assert receiver.got == []
        receiver.well = True
        assert alerts.look(shop.settings, NOW) == []  # nothing has begun since; what was not told is told now
        assert sorted(receiver.brief) == [("fired", "failed three"), ("fired", "held two")]
        assert alerts.look(shop.settings, NOW + timedelta(hours=1)) == []
        receiver.got.clear()
        revise.decide(shop.settings, "two", "REJECT", "why not")
        (shop.settings.source_dir("orders") / "source" / "three.csv").write_text(orders("3"))
        assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
        alerts.look(shop.settings, NOW + timedelta(hours=2))
        assert sorted(receiver.brief) == [("resolved", "failed three"), ("resolved", "held two")]
        assert {event["text"][:6] for event in receiver.got} == {"Over: "}
        assert all(event["since"] < event["until"] for event in receiver.got if event["rule"] == "failed")
        known = alerts.known(shop.settings)
        assert (known.firing, len(known.ended)) == ((), 2)


@pytest.mark.usefixtures("shop")
def test_a_program_and_apprise_are_told_too(tmp_path: Path) -> None:
    program, out = tmp_path / "told.py", tmp_path / "told.jsonl"
    program.write_text(f"import sys\nwith open({str(out)!r}, 'a') as file:\n    file.write(sys.stdin.read() + '\\n')\n")
    with receiving() as receiver:
        told = {
            "command": f"{sys.executable} {program}",
            "apprise": [f"json://{receiver.address}/"],
            "off": ["failed"],
        }
        shop = held(Shop(tmp_path / "shop", min_score=60, alerts=told))
        alerts.look(shop.settings, NOW)
        (event,) = map(json.loads, out.read_text().splitlines())
        assert (event["event"], event["key"], event["rule"]) == ("fired", "held two", "held")
        assert [said["title"] for said in receiver.got] == ["ecomm: held two"]


def test_a_damaged_state_is_one_sentence(shop: Shop) -> None:
    drop(shop, "one", 1)
    shop.run()
    (shop.settings.warehouse / alerts.STATE).write_text("{")
    with pytest.raises(StorageError, match=r"alerts\.json: cannot be read .*; remove it, and alerts begin anew"):
        alerts.look(shop.settings, NOW)


@pytest.mark.long
def test_the_watcher_looks_after_each_batch(shop: Shop) -> None:
    """And tells on the health endpoint how it stands, with its numbers."""
    config = shop.root / "ecomm.toml"
    with receiving() as receiver:
        config.write_text(f'min_score = 60\n[alerts]\nwebhook = "http://{receiver.address}/"\n')
        running = process(shop, "--config", str(config), "--health", "0")
        try:
            assert running.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", running.stdout.readline())
            assert found
            drop(shop, "one", 1)
            wait(lambda: "one" in {e.batch_id for e in shop.warehouse.log} if has_ledger(shop) else False)
            bad = orders("1").replace(",5,", ",-5,")
            shop.drop("two", "2025-03-02T12:00:00Z", {"orders": {"two.csv": bad}})
            wait(lambda: ("fired", "held two") in receiver.brief)
            health = json.load(urllib.request.urlopen(f"{found[0]}/health", timeout=5))
            assert (health["status"], health["failed"], health["trouble"]) == ("ok", {}, None)
            numbers = urllib.request.urlopen(f"{found[0]}/metrics", timeout=5).read().decode()
            assert 'ecomm_batches_total{status="published"} 1.0' in numbers
            assert 'ecomm_rows_total{outcome="rejected",source="orders"} 1.0' in numbers
            assert "ecomm_complete_to_published_seconds_count 1.0" in numbers
        finally:
            running.terminate()
            said, _ = running.communicate(timeout=PATIENCE)
        assert running.returncode == 0, said


def has_ledger(shop: Shop) -> bool:
    """Something was published."""
    return (shop.settings.warehouse / "batch_ledger" / "_delta_log" / f"{3:020}.json").exists()


@pytest.mark.long
@pytest.mark.usefixtures("shop")
def test_a_backlog_is_no_silence(tmp_path: Path) -> None:
    """A batch that lies in landing has come, and so has one that was just published, how old it may be."""
    shop = Shop(tmp_path / "shop")
    for day in range(1, 8):
        drop(shop, f"day {day}", day)
        shop.run()
        assert alerts.look(shop.settings, datetime.now(UTC)) == [], day
    weeks_later = datetime.now(UTC) + timedelta(days=20)
    assert [event.alert.rule for event in alerts.look(shop.settings, weeks_later)] == ["late"]
    drop(shop, "day 8", 8)
    assert [(e.event, e.alert.rule) for e in alerts.look(shop.settings, weeks_later)] == [("resolved", "late")]
