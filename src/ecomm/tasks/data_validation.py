"""06: what every rule found in a batch, and the batch's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from pyspark.sql import functions as F

from ecomm.batch import Batch
from ecomm.batches import drift
from ecomm.batches.entry import FileEntry
from ecomm.contract import OFF, Rule, Severity, Source
from ecomm.keys import prefixed_parts, written
from ecomm.tables import errors_name
from ecomm.tasks import unknown_words
from ecomm.tasks.cross_checks import cross_checks
from ecomm.tasks.found import Loaded, Validated
from ecomm.transforms import absences, quality

Check = dict[str, object]
"""A row of validation_results."""


def data_validation(batch: Batch, loaded: Loaded) -> Validated:
    """06: what every rule found in this batch, and the batch's score."""
    across = [check(batch, *finding) for finding in cross_checks(batch, loaded)]
    lost, notes = columns_lost(batch, loaded)
    found = [*row_rules(batch, loaded), *snapshots(batch, loaded), *lost, *across]
    score, of_batch = batch_score(batch, loaded, found)
    batch.store.record("validation_results", [*found, of_batch])
    return Validated(score, tuple(notes))


def row_rules(batch: Batch, loaded: Loaded) -> list[Check]:
    """One row of validation_results a rule of each source in the batch, also where no row breaks it."""
    rows = []
    for source in batch.delivered():
        files, tallies = loaded[source.name].files, loaded[source.name].tallies
        judged = sum(f.rows_accepted + f.rows_rejected for f in files)
        for rule in quality.in_force(source, batch.reading.shop):
            failed, keys = quality.failed(rule, tallies)
            said = unknown_words.meaning(source, rule, batch) if failed else rule.meaning
            rows.append(check(batch, source.name, replace(rule, meaning=said), judged, failed, keys))
    return rows


def snapshots(batch: Batch, loaded: Loaded) -> list[Check]:
    """One row a source that is delivered as complete snapshots: whether this batch's files are one."""
    rows = []
    for source in batch.delivered():
        if source.delivery.silence != "keep":
            files = loaded[source.name].files
            read = sum(f.rows_read for f in files)
            rows.append(check(batch, source.name, absences.COMPLETE, read, _unread(batch, source, files), []))
    return rows


def columns_lost(batch: Batch, loaded: Loaded) -> tuple[list[Check], list[str]]:
    """One row a source: whether the headers of its files lack a column that they should have. The score does not count
    it: no row is wrong by itself. Its rows are those of the files concerned. And what a person should hear at once.
    """
    shop_level = batch.reading.shop.severity.get(drift.NAME)
    others = {name: entry for name, entry in batch.attempt.log.live.items() if name != batch.batch_id}
    rows, notes = [], []
    for source in batch.delivered() if shop_level != OFF else ():
        files = loaded[source.name].files
        headers = {file.name: file.header for file in batch.files_of(source)}
        losses = drift.lost(source, [(f, headers[f.name]) for f in files], others, batch.trigger.position)
        level = Severity(shop_level) if shop_level else drift.level(losses)
        rule = Rule(drift.NAME, level, lambda _: F.lit(True), drift.meaning(losses))
        concerned = {one.file for one in losses}
        failed = sum(f.rows_read for f in files if f.name in concerned)
        rows.append(check(batch, source.name, rule, sum(f.rows_read for f in files), failed, []))
        if failed and level is not Severity.NONE:
            notes.append(f"{level} {source.name} {drift.NAME}: {rule.meaning}")
    return rows, notes


def _unread(batch: Batch, source: Source, files: Sequence[FileEntry]) -> int:
    """Why a snapshot is not complete: how many records have no readable key; 1 if there is no record at all."""
    if not sum(f.rows_read for f in files):
        return 1
    if not sum(f.rows_rejected for f in files):
        return 0
    errors = batch.store.fresh(errors_name(source.name), batch.revision)
    return errors.filter(absences.unreadable(source)).count()


def batch_score(batch: Batch, loaded: Loaded, checks: Sequence[Check]) -> tuple[Decimal, Check]:
    """The score, by row rules alone, and its row `batch_score`, with the worst level that any of `checks` found.

    Duplicates and superseded rows are not among its rows.
    """
    penalties, rows, broken = Decimal(0), 0, 0
    for source in batch.delivered():
        files, tallies = loaded[source.name].files, loaded[source.name].tallies
        rows += sum(f.rows_accepted + f.rows_rejected for f in files)
        for penalty, failing in quality.penalties(quality.in_force(source, batch.reading.shop), tallies):
            penalties += penalty * failing
            broken += failing if penalty else 0
    rule = Rule("batch_score", Severity.NONE, lambda _: F.lit(True), "100 x (1 - sum of row penalties / rows judged)")
    worst = max((str(c["severity"]) for c in checks), key=_LOUDNESS.index, default="NONE")
    score = quality.score(penalties, rows)
    return score, check(batch, "batch", rule, rows, broken, []) | {"score": score, "severity": worst}


_LOUDNESS = [str(s) for s in (Severity.NONE, Severity.LOW, Severity.MEDIUM, Severity.HIGH)]


def check(batch: Batch, table: str, rule: Rule, checked: int, failed: int, keys: Sequence[str]) -> Check:
    """A row of validation_results. keys: of failed rows, as stage has them."""
    return {
        "batch_id": batch.batch_id,
        "revision": batch.revision,
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
