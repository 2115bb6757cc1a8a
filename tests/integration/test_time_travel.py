"""A state of another time, and what changed between two: as it was known then, whatever is left of the tables."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from deltalake import DeltaTable

from ecomm import revise
from ecomm.diff import Change, Diff, diff
from ecomm.engines import Engine
from ecomm.errors import UsageError
from ecomm.session import sources_of
from ecomm.tables import catalogue
from tests.integration.decisions import decisions
from tests.integration.test_cli import ecomm
from tests.integration.test_histories import oracle
from tests.shop import ANALYTICS, SOURCES, Row, Shop, ordered

pytestmark = pytest.mark.usefixtures("shop")  # runs use the engine of the session


def said(rows: Any) -> list[tuple[str, str, str]]:
    return [(r["order_id"], r["order_status"], r["batch_id"]) for r in rows.to_pylist()]


@pytest.mark.parity
def test_a_state_on_a_date_as_known_at_another(three: Shop, engine: Engine) -> None:
    tables = three.warehouse
    published = {e.batch_id: e.seq for e in tables.log if e.entry == "PUBLISH"}
    day = [datetime(2025, 1, n, 12, tzinfo=UTC) for n in (1, 2, 3)]
    first = [("O1", "pending", "one"), ("O2", "pending", "one")]
    second = [("O1", "shipped", "two"), ("O2", "pending", "one"), ("O3", "pending", "two")]
    assert said(tables.asof("orders", day[0] - timedelta(microseconds=1), engine=engine)) == []
    assert said(tables.asof("orders", day[0], engine=engine)) == first
    assert said(tables.asof("orders", date(2025, 1, 1), engine=engine)) == first
    assert said(tables.asof("orders", day[1], engine=engine)) == second
    assert said(tables.asof("orders", day[1], published["one"], engine=engine)) == first
    assert said(tables.asof("orders", day[2], published["two"], key=["O1"], engine=engine)) == second[:1]
    assert said(tables.asof("orders", day[2], key=["O9"], engine=engine)) == []
    assert revise.undo(three.settings, "two", "why not").status == "undone"
    now = three.warehouse
    assert said(now.asof("orders", day[1], engine=engine)) == first
    assert said(now.asof("orders", day[1], published["three"], engine=engine)) == second
    assert said(now.asof("orders", day[1], now.log[published["three"]].at, engine=engine)) == second
    assert now.asof("orders", day[1], engine=engine).schema == now.dataset("orders_target").schema


def test_what_cannot_be_asked(three: Shop, engine: Engine) -> None:
    tables = three.warehouse
    with pytest.raises(UsageError, match="there is no source order; use orders, "):
        tables.asof("order", date(2025, 1, 1), engine=engine)
    with pytest.raises(UsageError, match="nothing was known at 99: the ledger's entries go from 0"):
        tables.asof("orders", date(2025, 1, 1), 99, engine=engine)
    with pytest.raises(UsageError, match="the key of orders is order_id line_id refund_id: 3 parts, not 4"):
        tables.asof("orders", date(2025, 1, 1), key=["1", "2", "3", "4"], engine=engine)


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.soak) for seed in (0, 1)])
def test_every_state_and_difference_equals_the_oracles(seed: int, tmp_path: Path, engine: Engine) -> None:
    """At random moments of a random past, first while the versions are there, then after all old ones are gone."""
    shop, steps = decisions(seed, tmp_path)
    known: dict[int, dict[str, list[Row]]] = {}
    instants: set[datetime] = set()
    for _, live, settings in steps:
        known[shop.warehouse.entry.seq] = oracle(live, settings)
        instants |= {batch.as_of for batch in live}
    rng = random.Random(f"time travel {seed}")
    keys = {name: table.key for name, table in catalogue(sources_of(shop.settings)).items()}
    for vacuumed in (False, True):
        for source in SOURCES:
            seq, at = rng.choice([*known]), rng.choice(sorted(instants)) + timedelta(microseconds=rng.choice([-1, 0]))
            found = shop.warehouse.asof(source, at, seq, engine=engine).to_pylist()
            theirs = [row for row in known[seq][f"{source}_target"] if _holds(row, at)]
            assert ordered(map(_told, found)) == ordered(map(_told, theirs)), (seq, source, at)
        for table in [*(f"{source}_target" for source in SOURCES), *ANALYTICS]:
            one, other = sorted(rng.sample([*known], 2))
            changes = between(shop, table, one, other)
            assert changes.rows == expected_changes(known[one][table], known[other][table], keys[table])
            gone = vacuumed and known[one][table] and table in written_since(shop, one)  # without rows, without files
            assert changes.computed or not gone
        for name in shop.warehouse.entry.tables:
            DeltaTable(shop.settings.warehouse / name).vacuum(0, False, False)


def between(shop: Shop, table: str, one: int, other: int) -> Diff:
    log = shop.warehouse.log
    return diff(shop.settings, table, log.at(one), log.at(other), 10_000)


def expected_changes(before: list[Row], after: list[Row], key: Sequence[str]) -> tuple[Change, ...]:
    """The differences between two sets of rows, by comparing them one by one."""
    sides = [{tuple(row[k] for k in key): _told(row) for row in rows} for rows in (before, after)]
    changes = []
    for here in sorted({*sides[0], *sides[1]}, key=lambda k: [(p is None, p) for p in k]):
        was, now = (side.get(here, {}) for side in sides)
        differing = {n: (was.get(n), now.get(n)) for n in {*was, *now} - {*key} if was.get(n) != now.get(n)}
        word: Literal["added", "removed", "changed"] = "added" if not was else "removed" if not now else "changed"
        if was != now:
            changes.append(Change(word, dict(zip(key, here, strict=True)), differing))
    return tuple(changes)


def written_since(shop: Shop, entry: int) -> set[str]:
    last, then = shop.warehouse.entry.tables, shop.warehouse.log[entry].tables
    return {name for name in last if last[name][0] > then[name][0]}


def _told(row: Row) -> Row:
    """What a row says: an extra column that only other batches had says nothing."""
    return {name: value for name, value in row.items() if value is not None}


def _holds(row: Row, at: datetime) -> bool:
    return bool(row["effective_date"] <= at and (row["expiry_date"] is None or at < row["expiry_date"]))


@pytest.mark.long
def test_the_commands(three: Shop) -> None:
    """As a person types them: what they say, their JSON, their exit codes."""
    where, folders = three.root, ("--warehouse", three.settings.warehouse)
    at = ("--date", "2025-01-02", "--key", "O1")
    (row,) = ecomm("asof", "orders", *at, "--json", *folders, cwd=where).ok().json
    assert (row["order_status"], row["expiry_date"]) == ("shipped", "2025-01-03T12:00:00Z")
    (row,) = ecomm("asof", "orders", *at, "--known-at", "one", "--json", *folders, cwd=where).ok().json
    assert (row["order_status"], row["expiry_date"]) == ("pending", None)
    said = ecomm("asof", "orders", *at, "--known-at", "4", *folders, cwd=where).ok().out
    assert "orders as of 2025-01-02, known at 4 (1 rows)" in said
    ecomm("asof", "orders", *at, "--known-at", "then", *folders, cwd=where).fails(2, "no batch that was published")
    ecomm("asof", "orders", "--date", "2025-02-30", *folders, cwd=where).fails(2, "is no instant")

    said = ecomm("diff", "orders_target", "--from", "one", "--to", "two", *folders, cwd=where).ok().out
    assert "orders_target from entry 2 to 4: 2 added, 0 removed, 1 changed" in said
    assert "│   is_current: True → False" in said
    found = ecomm("diff", "orders_stage", "--to", "two", "--json", *folders, cwd=where).ok().json
    assert (found["before"], found["after"], found["added"], found["computed"]) == (2, 4, 2, [])
    for table in ("orders_errors", "processing_log", "validation_results", "batch_ledger"):
        ecomm("diff", table, "--to", "two", "--reveal", *folders, cwd=where).ok()
    ecomm("diff", "nope", "--to", "two", *folders, cwd=where).fails(2, "there is no table nope")
    ecomm("diff", "orders_target", "--to", "0", *folders, cwd=where).fails(2, "nothing was published by then")
