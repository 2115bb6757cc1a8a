"""The two sample days: what the oracle says, in either order, sent again, rebuilt."""

from __future__ import annotations

import pytest

from ecomm import rebuild
from ecomm.tables import CATALOGUE
from tests.oracle import read_flat
from tests.oracle import run as oracle_run
from tests.shop import DATA, DAYS, Row, Shop, differences, expected, published


def comparable(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Tables as the oracle writes them: without our own column, the names of rules in a fixed order."""
    for rows in tables.values():
        for row in rows:
            row.pop("extra_columns", None)
            row |= {name: sorted(row[name]) for name in ("reasons", "quality_flags") if name in row}
    return tables


@pytest.mark.every_engine
def test_every_table_equals_the_oracle(sample: Shop) -> None:
    ours, theirs = comparable(published(sample)), comparable(expected(oracle_run(read_flat(DATA))))
    assert not differences(ours, theirs)
    assert len(ours["orders_target"]) > 800


@pytest.mark.every_engine
def test_every_documented_column_is_there_with_a_comment(sample: Shop) -> None:
    for name, table in CATALOGUE.items():
        columns = sample.warehouse.table(name).column_names
        assert {f.name for f in table.fields} <= set(columns), name
        assert all(f.comment.endswith(".") for f in table.fields), name


@pytest.mark.parity
def test_day_two_before_day_one_gives_equal_tables(shop: Shop, sample: Shop) -> None:
    for day in reversed(DAYS):
        shop.drop_sample(day)
        assert [o.status for o in shop.run()] == ["published"]
    assert not differences(published(shop), published(sample))


@pytest.mark.every_engine
def test_sending_a_day_again_or_running_again_changes_nothing(sample: Shop) -> None:
    before = sample.versions()
    sample.drop_sample(DAYS[0])
    assert [o.status for o in sample.run()] == ["duplicate"]
    assert sample.landed() == []
    assert sample.run() == []
    assert sample.versions() == before


@pytest.mark.every_engine
def test_rebuild_finds_every_table_identical(sample: Shop) -> None:
    before, entries = sample.versions(), len(sample.warehouse.log)
    assert not any(rebuild.rebuild(sample.settings).values())
    after = sample.versions()
    assert after.pop("batch_ledger") == before.pop("batch_ledger") + 2
    assert after == before
    assert [e.entry for e in sample.warehouse.log[entries:]] == ["OPEN", "REBUILD"]
