"""What tests of the dashboard share: an answer asked without a server, and a server of its own process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from ecomm import pipeline, revise
from ecomm.dashboard.answers import ANSWERS
from ecomm.dashboard.moment import Moment
from tests.shop import Shop

ECOMM = Path(sys.executable).with_name("ecomm")


def said(moment: Moment, name: str, **args: str) -> Any:
    """An answer as a browser gets it."""
    return json.loads(moment.answer(ANSWERS[name], args))


@contextmanager
def serving(shop: Shop, *options: str, port: int = 0) -> Iterator[str]:
    """A dashboard in a process of its own; gives its address, without the last slash."""
    folders = ["--landing", str(shop.settings.landing), "--warehouse", str(shop.settings.warehouse)]
    command = [str(ECOMM), "dashboard", *folders, "--port", str(port), *options]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ECOMM_")} | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line.startswith("http://"), line + (process.stderr.read() if process.stderr else "")
            yield line.split()[0].rstrip("/")
        finally:
            process.terminate()
            process.wait(10)


def get(address: str) -> Any:
    """An answer of a server."""
    with urllib.request.urlopen(address, timeout=20) as answer:
        return json.loads(answer.read())


def eventful(shop: Shop) -> Shop:
    """Two days of orders alone, the first of them read once more, the second undone; a third one is held."""
    head = "order_id,customer_id,product_id,order_date,order_amount,order_status\n"
    for day, amount in ((1, 5), (2, 7), (3, -1)):
        rows = {"orders": {f"day{day}.csv": f"{head}O{day},C1,P1,2025-01-01,{amount},pending\n"}}
        shop.drop(f"day {day}", f"2025-02-{day:02}T12:00:00Z", rows)
    held = shop.settings.model_copy(update={"min_score": Decimal(10)})
    assert [o.status for o in pipeline.run(held)] == ["published", "published", "held"]
    revise.replay(shop.settings, "day 1")
    revise.undo(shop.settings, "day 2", "a trial")
    return shop


def drifted(shop: Shop) -> Shop:
    """Two days of orders: the second file lacks a column and has an unknown word. Two files have no trigger."""
    head, row = "order_id,customer_id,product_id,order_date,order_amount,order_status", "C1,P1,2025-01-01,5"
    shop.drop("day 1", "2025-02-01T12:00:00Z", {"orders": {"day1.csv": f"{head},till\nO1,{row},pending,1\n"}})
    shop.drop("day 2", "2025-02-02T12:00:00Z", {"orders": {"day2.csv": f"{head}\nO2,{row},parked\n"}})
    assert [o.status for o in pipeline.run(shop.settings)] == ["published", "published"]
    place = shop.root / "landing" / "orders_data" / "source"
    (place / "day 3.csv").write_text(f"{head}\n")
    (place / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    return shop


def of_lines(root: Path) -> Shop:
    """Two orders: one of eleven lines, of which one was refunded a day later; and a refund without its order."""
    shop = Shop(root, sources={"orders": {"refunds": "rows"}})
    head = "order_id,line_id,customer_id,product_id,order_date,order_amount,order_status\n"
    sold = [f"O1,{n},C1,P{n},2025-01-02,{n}.00,completed\n" for n in range(1, 12)]
    first = head + "".join(sold) + "O2,1,C1,P1,2025-01-03,30.00,pending\n"
    last = head + "O1,2,C1,P2,2025-01-03T09:00:00Z,-1.50,\nC9,1,C1,P1,2025-01-02,-4.00,\n"
    products = "product_id,product_name,price,category\n" + "".join(f"P{n},Lamp {n},{n},Lamps\n" for n in range(1, 12))
    files = {
        "orders": {"d1.csv": first},
        "products": {"p1.csv": products},
        "customers": {"c1.csv": "customer_id\nC1\n"},
    }
    shop.drop("day 1", "2025-01-03T12:00:00Z", files)
    shop.drop("day 2", "2025-01-04T12:00:00Z", {"orders": {"d2.csv": last}})
    assert [o.status for o in pipeline.run(shop.settings)] == ["published", "published"]
    return shop


@pytest.fixture(scope="module")  # its event loop must not outlive it
def chromium() -> Iterator[Browser]:
    """A real browser; where there is none the test is skipped, but in CI it fails."""
    found = os.environ.get("ECOMM_CHROMIUM") or shutil.which("chromium")
    if not found:
        why = "there is no chromium here: install it, or name one with ECOMM_CHROMIUM."
        if os.environ.get("CI") or os.environ.get("ECOMM_CI"):
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
