"""The two sample days: what the oracle says, what was planted, and what was counted by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ecomm import pipeline
from ecomm.engines import Engine
from ecomm.tables import CATALOGUE
from tests.oracle import read_flat
from tests.oracle import run as oracle_run
from tests.shop import DATA, DAYS, Row, Shop, differences, expected, published

pytestmark = pytest.mark.every_engine


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Shop]:
    """A shop in which both days were published, in order."""
    with pytest.MonkeyPatch.context() as patch:
        shop = kept(tmp_path_factory.mktemp("sample"), engine, patch)
        shop.drop_sample(*DAYS)
        assert [o.status for o in shop.run()] == ["published", "published"]
        yield shop


def kept(root: Path, engine: Engine, patch: pytest.MonkeyPatch) -> Shop:
    """A shop whose runs use an engine that goes on running."""
    patch.setattr(engine, "stop", lambda: None)
    patch.setattr(pipeline, "start_engine", lambda _: engine)
    return Shop(root)


def comparable(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Tables as the oracle writes them: without our own column, the reasons in a fixed order."""
    for rows in tables.values():
        for row in rows:
            row.pop("extra_columns", None)
            if "reasons" in row:
                row["reasons"] = sorted(row["reasons"])
    return tables


def test_every_table_equals_the_oracle(sample: Shop) -> None:
    ours, theirs = comparable(published(sample)), comparable(expected(oracle_run(read_flat(DATA))))
    assert not differences(ours, theirs)
    assert len(ours["orders_target"]) > 800


def test_every_documented_column_is_there_with_a_comment(sample: Shop) -> None:
    for name, table in CATALOGUE.items():
        columns = sample.warehouse.table(name).column_names
        assert {f.name for f in table.fields} <= set(columns), name
        assert all(f.comment.endswith(".") for f in table.fields), name


def test_day_two_before_day_one_gives_equal_tables(shop: Shop, sample: Shop) -> None:
    for day in reversed(DAYS):
        shop.drop_sample(day)
        assert [o.status for o in shop.run()] == ["published"]
    assert not differences(published(shop), published(sample))


def test_sending_a_day_again_or_running_again_changes_nothing(sample: Shop) -> None:
    before = sample.versions()
    sample.drop_sample(DAYS[0])
    assert [o.status for o in sample.run()] == ["duplicate"]
    assert sample.landed() == []
    assert sample.run() == []
    assert sample.versions() == before


def test_rebuild_finds_every_table_identical(sample: Shop) -> None:
    before, entries = sample.versions(), len(sample.warehouse.entries)
    assert not any(pipeline.rebuild(sample.settings).values())
    after = sample.versions()
    assert after.pop("batch_ledger") == before.pop("batch_ledger") + 2
    assert after == before
    assert [e.entry for e in sample.warehouse.entries[entries:]] == ["OPEN", "REBUILD"]


def planted() -> list[tuple[str, int, str]]:
    """The rows of data/README.md's table: file, line, what must become of it."""
    text = (DATA / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+\.csv) \| (\d+) \|.*\| ([a-z][^|]*) \|$", text, re.MULTILINE)
    return [(file, int(line), fate.strip()) for file, line, fate in rows]


def test_every_planted_row_became_what_the_readme_says(sample: Shop) -> None:
    fates: dict[tuple[str, int], str] = {}
    for source in ("orders", "customers", "products", "inventory", "shipping"):
        for row in sample.rows(f"{source}_stage"):
            fates[row["source_file"], row["source_line"]] = "accepted"
        for row in sample.rows(f"{source}_errors"):
            reasons = ", ".join(sorted(row["reasons"]))
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
