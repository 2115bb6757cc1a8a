"""The independent oracle: what the pipeline must hold after a set of batches, in plain Python.

Written from the documents alone (DESIGN, TABLES, RULES, PARITY and the decisions of the issue), without a
look at `src/`, and slow on purpose: each function is the sentence that it quotes. `run` knows the final state
of the tables, a pure function of the live batches, so the order of `batches` cannot matter.

    values.py   cells, row_hash, key text, rounding, zones       csvfile.py  bytes -> records
    sources.py  contracts, rules, derived columns                stage.py    files -> stage, errors, counts
    fold.py     statements -> versions                           tables.py   the two analytics tables
    landing.py  folders -> batches                               currencies.py  the known codes
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from zoneinfo import ZoneInfo

from . import tables
from .fold import Statement, fold
from .landing import Batch, read_flat, read_landing
from .sources import SOURCES
from .stage import BatchError, Landed, land
from .values import Row, UnspecifiedError, Zones

__all__ = [
    "Batch",
    "Result",
    "Row",
    "Statement",
    "UnspecifiedError",
    "fold",
    "read_flat",
    "read_landing",
    "run",
]


@dataclass
class Result:
    """The tables: source -> rows, or rows; each in a fixed order. `revision` is left out: it depends on the
    run."""

    stage: dict[str, list[Row]]
    errors: dict[str, list[Row]]
    targets: dict[str, list[Row]]
    enriched_orders: list[Row]
    analytics_summary: list[Row]
    counts: dict[tuple[str, str, str], dict[str, int]]
    """(batch_id, source, file) -> read / accepted / rejected / duplicate / superseded"""
    failed: dict[str, str] = field(default_factory=dict)
    """batch_id -> why the batch fails (a required column is missing, an unusable header): it is nowhere in
    the tables."""


def run(
    batches: Iterable[Batch],
    *,
    reporting_currency: str = "USD",
    shop_timezone: str = "UTC",
    source_timezone: str = "UTC",
) -> Result:
    """Fold all batches."""
    zones = Zones(ZoneInfo(source_timezone), ZoneInfo(shop_timezone))
    live, landed, failed = {}, {}, {}
    for batch in _once(batches):
        as_of = batch.as_of.astimezone(UTC)
        try:
            landed[batch.batch_id] = {
                name: land(SOURCES[name], batch.batch_id, as_of, files, zones, reporting_currency)
                for name, files in batch.files.items()
            }
            live[batch.batch_id] = as_of
        except BatchError as problem:
            failed[batch.batch_id] = str(problem)

    result = Result({}, {}, {}, [], [], {}, failed)
    for name in SOURCES:
        parts = {batch_id: by_source[name] for batch_id, by_source in landed.items() if name in by_source}
        _collect(name, parts, result, reporting_currency)

    settings = tables.Settings(reporting_currency, zones)
    stated = {
        batch_id: {statement.values["order_id"] for statement in by_source["orders"].statements}
        for batch_id, by_source in landed.items()
        if "orders" in by_source
    }
    result.analytics_summary = tables.analytics_summary(live, stated, result.targets, settings)
    if live:  # "today" = greatest live as_of's date (UTC); no live batch: targets and analytics are empty
        result.enriched_orders = tables.enriched_orders(result.targets, max(live.values()).date(), settings)
    return result


def _collect(name: str, parts: dict[str, Landed], result: Result, reporting_currency: str) -> None:
    """All batches of a source: the log, the error table and the target (each has every extra column ever
    seen)."""
    extras = sorted({extra for part in parts.values() for extra in part.extras})
    stage = [row | {extra: row.get(extra) for extra in extras} for part in parts.values() for row in part.stage]
    errors = [row for part in parts.values() for row in part.errors]
    statements = [statement for part in parts.values() for statement in part.statements]

    def place(row: Row) -> tuple[str, str, int]:
        return row["batch_id"], row["source_file"], row["source_line"]

    result.stage[name] = sorted(stage, key=place)
    result.errors[name] = sorted(errors, key=place)
    result.targets[name] = fold(name, statements, reporting_currency=reporting_currency, extras=extras)
    for batch_id, part in parts.items():
        for file, counts in part.counts.items():
            result.counts[batch_id, name, file] = counts


def _once(batches: Iterable[Batch]) -> list[Batch]:
    """A trigger: "the same id and content again: DUPLICATE, nothing changes"; other content under an id is
    outside this issue."""
    known: dict[str, Batch] = {}
    for batch in batches:
        if known.setdefault(batch.batch_id, batch) != batch:
            raise UnspecifiedError(f"two batches are called {batch.batch_id}")
    return list(known.values())
