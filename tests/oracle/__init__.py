"""The independent oracle: what the pipeline must hold after a set of batches, in plain Python.

Written from the documents alone (DESIGN, TABLES, RULES, PARITY and the decisions of the issue), without a
look at `src/`, and slow on purpose: each function is the sentence that it quotes. `run` knows the final state
of the tables, a pure function of the live batches, so the order of `batches` cannot matter.

    values.py   cells, row_hash, key text, rounding, zones       csvfile.py    bytes -> records
    sources.py  contracts, casts, derived columns                stage.py      files -> stage, errors, counts
    rules.py    the rules of a row, the score                    countries.py  the known countries
    fold.py     statements -> versions                           tables.py     what all analytics share
    enriched.py enriched_orders                                  analytics.py  customers, products, months, ...
    summary.py  analytics_summary                                checks.py     the checks across tables
    landing.py  folders -> batches                               settings.py   what a shop can set
    currencies.py the known codes                                lines.py      line_id and refund_id
    drift.py      columns that disappear                   shapes.py     days, amounts, words as shops write them
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from . import drift, rules
from .analytics import (
    category_analysis,
    customer_analytics,
    product_analytics,
    seasonal_analysis,
    segment_analysis,
)
from .checks import cross_checks
from .enriched import enriched_orders
from .fold import Mention, Snapshot, Statement, fold
from .landing import Batch, read_flat, read_landing
from .settings import Settings
from .sources import SOURCES, Source, delivered
from .stage import BatchError, Landed, land
from .summary import KEY, analytics_summary
from .values import Row, UnspecifiedError, published, ratio

__all__ = [
    "Batch",
    "Mention",
    "Result",
    "Row",
    "Settings",
    "Snapshot",
    "Statement",
    "UnspecifiedError",
    "checks_on_arrival",
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
    counts: dict[tuple[str, str, str], dict[str, int]]
    """(batch_id, source, file) -> read / accepted / rejected / duplicate / superseded"""
    failed: dict[str, str] = field(default_factory=dict)
    """batch_id -> why the batch fails (a required column is missing, an unusable header): it is nowhere in
    the tables."""
    held: dict[str, Decimal] = field(default_factory=dict)
    """batch_id -> its score, less than `min_score`: only its error rows are published."""
    validation: list[Row] = field(default_factory=list)
    """validation_results of the row rules and the scores, without revision and description."""
    enriched_orders: list[Row] = field(default_factory=list)
    customer_analytics: list[Row] = field(default_factory=list)
    product_analytics: list[Row] = field(default_factory=list)
    analytics_summary: list[Row] = field(default_factory=list)
    seasonal_analysis: list[Row] = field(default_factory=list)
    segment_analysis: list[Row] = field(default_factory=list)
    category_analysis: list[Row] = field(default_factory=list)


def run(
    batches: Iterable[Batch],
    settings: Settings | None = None,
    *,
    reporting_currency: str = "USD",
    shop_timezone: str = "UTC",
    source_timezone: str = "UTC",
) -> Result:
    """Fold all batches. The settings are said as one object, or by the three that most tests need."""
    settings = settings or Settings(reporting_currency, source_timezone, shop_timezone)
    shop = {name: delivered(name, settings) for name in SOURCES}
    result = Result({}, {}, {}, {})
    live, landed, held = {}, {}, []
    for batch in _once(batches):
        as_of = batch.as_of.astimezone(UTC)
        try:
            parts = {
                name: land(shop[name], batch.batch_id, as_of, files, settings) for name, files in batch.files.items()
            }
        except BatchError as problem:
            result.failed[batch.batch_id] = str(problem)
            continue
        checked = _validate(batch.batch_id, parts, shop, settings)
        result.validation += checked
        score = checked[-1]["score"]
        if score < settings.min_score:  # "Score < `min_score` holds"
            result.held[batch.batch_id] = score
            held.append(parts)
        else:
            live[batch.batch_id], landed[batch.batch_id] = as_of, parts

    for name in SOURCES:
        of_source = {batch_id: by_source[name] for batch_id, by_source in landed.items() if name in by_source}
        _collect(name, of_source, live, result, settings)
        unseen = [row for by_source in held if name in by_source for row in by_source[name].errors]
        result.errors[name] = sorted(result.errors[name] + unseen, key=_place)
    result.validation.sort(key=lambda row: row["batch_id"])
    _analyse(live, landed, result, settings)
    return result


def checks_on_arrival(arrived: Iterable[Batch], settings: Settings | None = None) -> list[Row]:
    """validation_results of the checks across tables and of columns that disappear, batch by batch in this order of
    arrival: "rows of the batch against targets as they will be", also of a batch that is then held."""
    settings = settings or Settings()
    live: list[Batch] = []
    rows: list[Row] = []
    for batch in _once(arrived):
        result = run([*live, batch], replace(settings, min_score=Decimal(0)))
        if batch.batch_id in result.failed:
            continue
        stage = {name: [row for row in result.stage[name] if row["batch_id"] == batch.batch_id] for name in batch.files}
        there = {name for one in [*live, batch] for name in one.files}
        rows += cross_checks(batch.batch_id, stage, result.targets, there, settings)
        rows += _disappeared(batch, live, settings)
        if not run([batch], settings).held:
            live.append(batch)
    return rows


def _snapshot_complete(name: str, part: Landed, read: int) -> Row:
    """ "If the files hold no record, or one whose key cannot be read, the snapshot is not complete": how many, or
    one."""
    unread = sum(_is_unreadable(row) for row in part.errors) if read else 1
    return {**_finding("snapshot_complete", name, "LOW", read, unread), "score": None}


def _finding(check: str, name: str, level: str, read: int, failed: int) -> Row:
    return {
        "table_name": name,
        "check_name": check,
        "category": rules.category(check),
        "rule_severity": level,
        "severity": level if failed else "NONE",
        "rows_checked": read,
        "failed_rows": failed,
        "failed_share": published(ratio(failed, read), 4),
        "sample_keys": [],
    }


def _disappeared(batch: Batch, live: list[Batch], settings: Settings) -> list[Row]:
    """column_disappeared of each source of a batch: "`failed_rows` those of the files that lack a column"."""
    rows: list[Row] = []
    for name, files in batch.files.items():
        delivery = settings.delivery(name)
        if settings.severity.get("column_disappeared") == "OFF":
            continue
        lost: set[tuple[str, str, str]] = set()
        for shape in {delivery.shape_name(file) for file in files}:
            ours, *others = [_delivered(one, name, shape, settings) for one in [batch, *live] if name in one.files]
            named = {*delivery.of_file(ours.files[0].name).columns}
            lost |= drift.disappeared(ours, others, named | ({"delete_column"} if delivery.delete_column else set()))
        level = "HIGH" if "HIGH" in {level for *_, level in lost} else "MEDIUM"
        level = settings.severity.get("column_disappeared", level)
        records = {file.name: file.records for file in _delivered(batch, name, None, settings).files}
        failed, read = sum(records[file] for file in {file for file, *_ in lost}), sum(records.values())
        rows.append({"batch_id": batch.batch_id, **_finding("column_disappeared", name, level, read, failed)})
    return rows


def _delivered(batch: Batch, name: str, shape: str | None, settings: Settings) -> drift.Delivered:
    """The headers of a batch's files of a source, of one shape or of all."""
    landed = land(delivered(name, settings), batch.batch_id, batch.as_of, batch.files[name], settings)
    files = [
        drift.File(file, columns, landed.counts[file]["read"])
        for file, columns in landed.columns.items()
        if shape in (None, settings.delivery(name).shape_name(file))
    ]
    return drift.Delivered(batch.batch_id, batch.as_of, tuple(files))


def _validate(batch_id: str, parts: dict[str, Landed], shop: dict[str, Source], settings: Settings) -> list[Row]:
    """The row rules of each source of a batch, and last its score."""
    levels = {name: rules.in_force(shop[name], settings) for name in parts}
    rows: list[Row] = []
    for name in SOURCES:
        if name in parts:
            read = sum(counts["read"] for counts in parts[name].counts.values())
            judged = sum(counts["accepted"] + counts["rejected"] for counts in parts[name].counts.values())
            rows += rules.validation(name, levels[name], parts[name].verdicts, judged)
            if settings.delivery(name).absence == "close" or settings.delivery(name).whole_orders:
                rows.append(_snapshot_complete(name, parts[name], read))
    rows.append(rules.batch_score(levels, {name: part.verdicts for name, part in parts.items()}))
    return [{"batch_id": batch_id, **row} for row in rows]


def _analyse(
    live: dict[str, datetime], landed: dict[str, dict[str, Landed]], result: Result, settings: Settings
) -> None:
    """The analytics; "today" = the day of the greatest live as_of in shop_timezone. "No live batch: targets and
    analytics are empty." """
    if not live:
        return
    today, targets = max(live.values()).astimezone(settings.zones.shop).date(), result.targets
    orders = enriched_orders(targets, today, settings)
    result.enriched_orders = orders
    result.customer_analytics = customer_analytics(targets, orders, today, settings)
    result.product_analytics = product_analytics(targets, orders, today, settings)
    result.seasonal_analysis = seasonal_analysis(orders, today, settings)
    result.segment_analysis = segment_analysis(result.customer_analytics, settings)
    result.category_analysis = category_analysis(result.product_analytics, orders, settings)

    stated = {
        batch_id: {
            tuple(one.values.get(name) or "" for name in KEY) for one in by_source["orders"].statements if one.op == "U"
        }
        for batch_id, by_source in landed.items()
        if "orders" in by_source
    }
    result.analytics_summary = analytics_summary(live, stated, targets, settings)


def _collect(
    name: str, parts: dict[str, Landed], live: dict[str, datetime], result: Result, settings: Settings
) -> None:
    """All batches of a source: the log, the error table and the target (each has every extra column ever
    seen)."""
    extras = sorted({extra for part in parts.values() for extra in part.extras})
    stage = [row | {extra: row.get(extra) for extra in extras} for part in parts.values() for row in part.stage]
    errors = [row for part in parts.values() for row in part.errors]
    statements = [statement for part in parts.values() for statement in part.statements]

    result.stage[name] = sorted(stage, key=_place)
    result.errors[name] = sorted(errors, key=_place)
    delivery = settings.delivery(name)
    scope = delivery.absence_scope
    if delivery.whole_orders and delivery.absence == "keep":  # it speaks of the lines of its orders, of no refund
        scope = ("order_id", "refund_id")
    result.targets[name] = fold(
        name,
        statements,
        mentions=[Mention.of(row["batch_id"], row["key_parts"]) for row in errors if row["key"] is not None],
        snapshots=[
            Snapshot(batch_id, live[batch_id])
            for batch_id, part in parts.items()
            if (delivery.absence == "close" or delivery.whole_orders) and _is_complete(part)
        ],
        scope=scope,
        key=delivery.key,
        reporting_currency=settings.reporting_currency,
        extras=extras,
    )
    for batch_id, part in parts.items():
        for file, counts in part.counts.items():
            result.counts[batch_id, name, file] = counts


def _place(row: Row) -> tuple[str, str, int]:
    return row["batch_id"], row["source_file"], row["source_line"]


def _is_complete(part: Landed) -> bool:
    """A complete snapshot: "only if every record's key is readable and there is at least one"."""
    records = sum(counts["read"] for counts in part.counts.values())
    return records > 0 and not any(_is_unreadable(row) for row in part.errors)


def _is_unreadable(error: Row) -> bool:
    """ "Its key is missing, or ill-formed": nobody knows which key the record meant."""
    return error["key"] is None or any(reason.endswith("_well_formed") for reason in error["reasons"])


def _once(batches: Iterable[Batch]) -> list[Batch]:
    """A trigger: "the same id and content again: DUPLICATE, nothing changes"; other content under an id is
    outside this issue."""
    known: dict[str, Batch] = {}
    for batch in batches:
        if known.setdefault(batch.batch_id, batch) != batch:
            raise UnspecifiedError(f"two batches are called {batch.batch_id}")
    return list(known.values())
