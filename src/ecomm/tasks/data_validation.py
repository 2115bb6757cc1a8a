"""06: what every rule found in a batch, and the batch's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from pyspark.sql import functions as F

from ecomm.attempt import Attempt
from ecomm.batches import drift
from ecomm.batches.ledger import FileEntry, live
from ecomm.contract import OFF, Rule, Severity, Source
from ecomm.keys import prefixed_parts, written
from ecomm.session import TaskResult
from ecomm.tables import errors_name
from ecomm.tasks import unknown_words
from ecomm.tasks.cross_checks import cross_checks
from ecomm.transforms import absences, quality


def data_validation(attempt: Attempt, _: TaskResult) -> None:
    """06: what every rule found in this batch, and the batch's score."""
    across = [check(attempt, *finding) for finding in cross_checks(attempt)]
    found = [*row_rules(attempt), *snapshots(attempt), *columns_lost(attempt), *across]
    attempt.score, of_batch = batch_score(attempt, found)
    attempt.session.store.record("validation_results", [*found, of_batch])


def row_rules(attempt: Attempt) -> list[dict[str, object]]:
    """One row of validation_results a rule of each source in the batch, also where no row breaks it."""
    rows = []
    for source in attempt.delivered():
        files = attempt.results[f"{source.name}_stage_load"].files
        judged = sum(f.rows_accepted + f.rows_rejected for f in files)
        for rule in quality.in_force(source, attempt.reading.shop):
            failed, keys = quality.failed(rule, attempt.tallies[source.name])
            said = unknown_words.meaning(source, rule, attempt) if failed else rule.meaning
            rows.append(check(attempt, source.name, replace(rule, meaning=said), judged, failed, keys))
    return rows


def snapshots(attempt: Attempt) -> list[dict[str, object]]:
    """One row a source that is delivered as complete snapshots: whether this batch's files are one."""
    rows = []
    for source in attempt.delivered():
        if source.delivery.silence != "keep":
            files = attempt.results[f"{source.name}_stage_load"].files
            read = sum(f.rows_read for f in files)
            rows.append(check(attempt, source.name, absences.COMPLETE, read, _unread(attempt, source, files), []))
    return rows


def columns_lost(attempt: Attempt) -> list[dict[str, object]]:
    """One row a source: whether the headers of its files lack a column that they should have. The score does not count
    it: no row is wrong by itself. Its rows are those of the files concerned.
    """
    shop_level = attempt.reading.shop.severity.get(drift.NAME)
    alive = live(attempt.session.ledger.entries)
    alive.pop(attempt.batch_id, None)
    rows = []
    for source in attempt.delivered() if shop_level != OFF else ():
        files = attempt.results[f"{source.name}_stage_load"].files
        headers = {c.file.name: attempt.headers[c.copy][0] for c in attempt.claimed_of(source)}
        losses = drift.lost(source, [(f, headers[f.name]) for f in files], alive, attempt.trigger.position)
        level = Severity(shop_level) if shop_level else drift.level(losses)
        rule = Rule(drift.NAME, level, lambda _: F.lit(True), drift.meaning(losses))
        concerned = {one.file for one in losses}
        failed = sum(f.rows_read for f in files if f.name in concerned)
        rows.append(check(attempt, source.name, rule, sum(f.rows_read for f in files), failed, []))
        if failed and level is not Severity.NONE:
            attempt.notes.append(f"{level} {source.name} {drift.NAME}: {rule.meaning}")
    return rows


def _unread(attempt: Attempt, source: Source, files: Sequence[FileEntry]) -> int:
    """Why a snapshot is not complete: how many records have no readable key; 1 if there is no record at all."""
    if not sum(f.rows_read for f in files):
        return 1
    if not sum(f.rows_rejected for f in files):
        return 0
    errors = attempt.session.store.fresh(errors_name(source.name), attempt.revision)
    return errors.filter(absences.unreadable(source)).count()


def batch_score(attempt: Attempt, checks: Sequence[dict[str, object]]) -> tuple[Decimal, dict[str, object]]:
    """The score, by row rules alone, and its row `batch_score`, with the worst level that any of `checks` found.

    Duplicates and superseded rows are not among its rows.
    """
    penalties, rows, broken = Decimal(0), 0, 0
    for source in attempt.delivered():
        files = attempt.results[f"{source.name}_stage_load"].files
        rows += sum(f.rows_accepted + f.rows_rejected for f in files)
        for penalty, failing in quality.penalties(
            quality.in_force(source, attempt.reading.shop), attempt.tallies[source.name]
        ):
            penalties += penalty * failing
            broken += failing if penalty else 0
    rule = Rule("batch_score", Severity.NONE, lambda _: F.lit(True), "100 x (1 - sum of row penalties / rows judged)")
    worst = max((str(c["severity"]) for c in checks), key=_LOUDNESS.index, default="NONE")
    score = quality.score(penalties, rows)
    return score, check(attempt, "batch", rule, rows, broken, []) | {"score": score, "severity": worst}


_LOUDNESS = [str(s) for s in (Severity.NONE, Severity.LOW, Severity.MEDIUM, Severity.HIGH)]


def check(
    attempt: Attempt, table: str, rule: Rule, checked: int, failed: int, keys: Sequence[str]
) -> dict[str, object]:
    """A row of validation_results. keys: of failed rows, as stage has them."""
    return {
        "batch_id": attempt.batch_id,
        "revision": attempt.revision,
        "table_name": table,
        "check_name": rule.name,
        "category": quality.category(rule.name),
        "rule_severity": str(rule.severity),
        "severity": str(rule.severity if failed else Severity.NONE),
        "rows_checked": checked,
        "failed_rows": failed,
        "failed_share": (Decimal(failed) / checked).quantize(Decimal("0.0001"), ROUND_HALF_UP) if checked else None,
        "description": rule.meaning,
        "sample_keys": [written(prefixed_parts(key)) for key in keys],
        "score": None,
    }
