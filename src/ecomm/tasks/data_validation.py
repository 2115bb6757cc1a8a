"""06: what every rule found in a batch, and the batch's score."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from pyspark.sql import functions as F

from ecomm.attempt import Attempt, TaskResult
from ecomm.contract import Rule, Severity, Source
from ecomm.transforms import quality


def data_validation(attempt: Attempt, _: TaskResult) -> None:
    """06: what every rule found in this batch, and the batch's score."""
    penalties, judged = Decimal(0), 0
    for source in attempt.sources():
        files = attempt.results[f"{source.name}_stage_load"].files
        checked = sum(f.rows_accepted + f.rows_rejected for f in files)
        found = _broken(attempt, source)
        for rule in (quality.MALFORMED, *source.rules, quality.CONFLICT):
            failed, keys = found.get(rule.name, (0, []))
            attempt.checks.append(_check(attempt, source.name, rule, checked, failed, keys))
        rejected = sum(f.rows_rejected for f in files)
        conflicts = found.get(quality.SEQUENCE_CONFLICT, (0, []))[0]
        penalties += rejected * quality.PENALTY[Severity.HIGH] + conflicts * quality.PENALTY[Severity.MEDIUM]
        judged += checked
    score = quality.score(penalties, judged)
    worst = max((str(c["severity"]) for c in attempt.checks), key=_LOUDNESS.index, default="NONE")
    batch = Rule("batch_score", Severity.NONE, lambda _: F.lit(True), "100 x (1 - sum of row penalties / rows judged)")
    attempt.checks.append(_check(attempt, "batch", batch, judged, 0, []) | {"score": score, "severity": worst})
    attempt.session.store.journal("validation_results", attempt.checks)


_LOUDNESS = [str(s) for s in (Severity.NONE, Severity.LOW, Severity.MEDIUM, Severity.HIGH)]


def _broken(attempt: Attempt, source: Source) -> dict[str, tuple[int, list[str]]]:
    """rule name -> (rows that break it, at most five of their keys)."""
    exceptions = attempt.exceptions.get(source.name)
    if exceptions is None:
        return {}
    return {r["reason"]: (r["rows"], r["sample"]) for r in quality.summary(exceptions).collect()}


def _check(
    attempt: Attempt, table: str, rule: Rule, checked: int, failed: int, keys: Sequence[str]
) -> dict[str, object]:
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
        "sample_keys": list(keys),
        "score": None,
    }
