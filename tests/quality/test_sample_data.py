"""The sample data: what was planted became what data/README.md says, and the figures counted by hand are there."""

from __future__ import annotations

import re
import subprocess
import sys
from decimal import Decimal

import pytest

from ecomm.contract import Severity
from ecomm.sources import SOURCES as CONTRACTS
from tests.shop import DATA, DAYS, SOURCES, Shop

pytestmark = pytest.mark.every_engine


def test_the_generator_writes_what_lies_there() -> None:
    done = subprocess.run(
        [sys.executable, DATA / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def planted() -> list[tuple[str, int, str]]:
    """The rows of data/README.md's table: file, line, what must become of it."""
    text = (DATA / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+\.csv) \| (\d+) \|.*\| ([a-z][^|]*) \|$", text, re.MULTILINE)
    return [(file, int(line), fate.strip()) for file, line, fate in rows]


def test_every_planted_row_became_what_the_readme_says(sample: Shop) -> None:
    fates: dict[tuple[str, int], str] = {}
    loud = {r.name for s in CONTRACTS.values() for r in s.rules if r.severity is Severity.HIGH}
    loud |= {"line_malformed", "superseded", "sequence_conflict"}
    for source in SOURCES:
        for row in sample.rows(f"{source}_stage"):
            fates[row["source_file"], row["source_line"]] = "accepted"
        for row in sample.rows(f"{source}_errors"):
            reasons = ", ".join(sorted(loud.intersection(row["reasons"])))
            said = reasons if row["severity"] != "HIGH" else f"rejected: {reasons}"
            fates[row["source_file"], row["source_line"]] = said
    rows = planted()
    assert len(rows) >= 250
    wrong = []
    for file, line, fate in rows:
        head, _, reasons = fate.partition(": ")
        wanted = f"{head}: {', '.join(sorted(reasons.split(', ')))}" if reasons else fate
        if fates.get((file, line), "duplicate") != wanted:
            wrong.append((file, line, fate, fates.get((file, line))))
    assert not wrong
    assert sum(fate == "accepted" for _, _, fate in rows) >= 40


def test_figures_counted_by_hand(sample: Shop) -> None:
    """The twelve figures of data/README.md: how each was counted stands there."""
    summary = {row["batch_id"]: row for row in sample.rows("analytics_summary")}
    names = ("orders", "customers", "products", "cancelled_orders", "revenue_orders", "revenue")
    first, second = ([summary[f"batch_{day}"][name] for name in names] for day in DAYS)
    assert first == [462, 194, 118, 39, 379, Decimal("156242.86")]
    assert second == [732, 206, 124, 50, 624, Decimal("178271.13")]
