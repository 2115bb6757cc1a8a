"""The invented shop: always the same for a seed, goes on where it stopped, and is wrong only where it means to be."""

from __future__ import annotations

import csv
import functools
import io
import itertools
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from ecomm.errors import UsageError
from ecomm.settings import Settings, load
from ecomm.simulate import Write, play, simulate
from ecomm.sources import SOURCES

START = date(2026, 1, 10)
DAYS = 60


@functools.cache
def played(seed: int = 5, days: int = DAYS) -> list[list[Write]]:
    """What comes on each of the first days."""
    return list(itertools.islice(play(seed, START, 20.0), days))


def files(settings: Settings) -> dict[str, bytes]:
    """All files in landing."""
    root = settings.landing
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_seed_is_a_shop() -> None:
    ours = list(itertools.islice(play(5, START, 20.0), 9))
    assert ours == played()[:9] != list(itertools.islice(play(6, START, 20.0), 9))


def test_each_file_has_its_contract_s_columns_and_every_trigger_its_files() -> None:
    """All comes in the end, each batch once; a file that came with a wrong header comes again."""
    writes = [write for day in played() for write in day]
    names = Counter(write.name for write in writes)
    triggers = [json.loads(write.content) for write in writes if write.place == "trigger"]
    assert len(triggers) == len({t["trigger_id"] for t in triggers}) > DAYS - 3
    missing = {name for t in triggers for name in t["expected_files"]} - names.keys()
    assert len(missing) <= 1  # of the last day
    again = [name for name, times in names.items() if times > 1]
    assert again
    assert all(name.startswith("orders_") for name in again)
    last = {write.name: write for write in writes if write.place != "trigger"}
    for write in last.values():
        header = next(csv.reader(io.StringIO(write.content.decode())))
        known = {column.name for column in SOURCES[write.place].columns}
        if write.name != f"orders_{START + timedelta(days=DAYS - 1):%Y_%m_%d}.csv":
            assert set(header) <= known, write.name


def test_a_trigger_comes_behind_its_files_but_for_one_that_is_missing() -> None:
    late = missing = 0
    for number, day in enumerate(played()):
        seen: set[str] = set()
        for write in day:
            if write.place == "trigger":
                said = json.loads(write.content)
                lacks = set(said["expected_files"]) - seen
                assert len(lacks) <= 1
                missing += len(lacks)
                late += said["batch_date"] != (START + timedelta(days=number)).isoformat()
            seen.add(write.name)
    assert late
    assert missing


def test_orders_go_their_way() -> None:
    """From pending over shipped to completed; some end otherwise. Rarely a record is broken."""
    rows = [
        row
        for day in played()
        for write in day
        if write.place == "orders" and b"order number" not in write.content
        for row in csv.DictReader(io.StringIO(write.content.decode()))
    ]
    states = Counter(row["order_status"] for row in rows)
    assert {"pending", "processing", "shipped", "delivered", "completed", "cancelled", "returned"} <= states.keys()
    odd = [row for row in rows if not all(row.values()) or row["order_amount"].startswith("-")]
    assert 0 < len(odd) < len(rows) / 50


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    one, other = load(landing=tmp_path / "one"), load(landing=tmp_path / "other")
    simulate(one, 9, start=START, seed=3, orders_a_day=5)
    for days in (1, 2, 6):
        simulate(other, days, start=START, seed=3, orders_a_day=5)
    assert files(one) == files(other)
    with pytest.raises(UsageError, match="--seed: this landing folder was played into with 3"):
        simulate(one, 1, seed=4)
    simulate(one, 1)
    assert len(files(one)) > len(files(other))
