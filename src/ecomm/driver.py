"""The eight tasks of a batch carried out in their order, up to its publication, or until it is held.

One process carries out all of them; a workflow's processes carry out one each (`handover`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import structlog

from ecomm.attempt import Result, side_by_side
from ecomm.batch import Batch, Origin
from ecomm.batches import locks
from ecomm.errors import sentence
from ecomm.progress import TaskResult
from ecomm.tables import Usage
from ecomm.tasks.data_enrichment import data_enrichment
from ecomm.tasks.data_validation import data_validation
from ecomm.tasks.final_merge_operation import final_merge_operation
from ecomm.tasks.found import StageLoaded, Validated, files_of
from ecomm.tasks.stage_load import stage_load

log = structlog.get_logger()


@dataclass
class Progress:
    """How far the tasks of a batch are: how each went that has begun, and what those found that have ended."""

    results: dict[str, TaskResult] = field(default_factory=dict)
    loaded: dict[str, StageLoaded] = field(default_factory=dict)
    validated: Validated | None = None

    def fail(self, task: str, error: str) -> None:
        """Note that a task has failed after all."""
        self.results[task] = replace(self.results[task], status="FAILED", error=error)


def carry_out(batch: Batch, progress: Progress, tasks: Collection[str] = locks.TASKS) -> None:
    """Do these tasks of a batch; those that they build on have ended. The last one publishes the batch.

    If the batch's score is too low, the validation holds it, and nothing follows. Raises what a task raises.
    """
    sources = [source for source in batch.sources if f"{source.name}_stage_load" in tasks]
    loads = [partial(_timed, batch, progress, f"{s.name}_stage_load", partial(stage_load, batch, s)) for s in sources]
    for source, found in zip(sources, side_by_side(loads), strict=True):
        progress.loaded[source.name] = found
    loaded = progress.loaded
    if locks.VALIDATION in tasks and batch.files:
        progress.validated = _timed(batch, progress, locks.VALIDATION, partial(data_validation, batch, loaded))
    if is_too_low(batch, progress):
        _hold(batch, progress)
        return
    if locks.ENRICHMENT in tasks:
        _timed(batch, progress, locks.ENRICHMENT, partial(data_enrichment, batch, loaded))
    if locks.FINAL_MERGE in tasks:
        _timed(batch, progress, locks.FINAL_MERGE, partial(final_merge_operation, batch, loaded))
        _publish(batch, progress)


def _timed(batch: Batch, progress: Progress, task: str, work: Callable[[], Result]) -> Result:
    """Do a task, time it, tell the listener, and note how it went."""
    session, usage, started_at = batch.session, Usage(), datetime.now(UTC)
    batch.store.usage.set(usage)
    session.listener(batch.batch_id, task, None)

    def ended(**said: object) -> None:
        memory = session.engine.peak_memory_mb()
        at = datetime.now(UTC)
        result = TaskResult(task, started_at, at, usage=usage, peak_memory_mb=memory, **said)  # type: ignore[arg-type]
        progress.results[task] = result
        session.listener(batch.batch_id, task, result)
        log.info(
            "task",
            batch_id=batch.batch_id,
            run_id=session.run_id,
            task=task,
            status=result.status,
            seconds=round(result.seconds, 3),
        )

    try:
        found = work()
    except BaseException as error:
        ended(status="FAILED", error=sentence(error, session.settings.warehouse))
        raise
    ended(**_told(found))
    return found


def _told(found: object) -> dict[str, object]:
    """What a result says of what a task found."""
    if isinstance(found, StageLoaded):
        return {"files": found.files}
    return {"rows": found} if isinstance(found, int) else {}


# --- the gate -----------------------------------------------------------------------------------------------------


def score_of(batch: Batch, progress: Progress) -> Decimal | None:
    """The batch's score: as it was validated, or as it was held with; None of a batch that is undone."""
    if progress.validated is not None:
        return progress.validated.score
    return batch.held.score if batch.held is not None else None


def is_too_low(batch: Batch, progress: Progress) -> bool:
    """Only what comes from landing is held, and what was held and is corrected: for the rest a person has asked."""
    log_now = batch.session.log
    undecided = log_now.held.keys() - {entry.batch_id for entry in log_now.accepted}
    waits = batch.origin is Origin.ARCHIVE and batch.batch_id in undecided
    score = score_of(batch, progress) if waits or batch.origin is Origin.LANDING else None
    return score is not None and score < batch.session.settings.min_score


def _hold(batch: Batch, progress: Progress) -> None:
    """Keep a batch for a person to decide on: its error rows are seen, its stage rows are not; targets stay."""
    journal(batch, progress)
    batch.store.hold_back(batch.revision)
    batch.session.entry_of(
        "HOLD",
        batch.trigger,
        reason=f"score below {batch.session.settings.min_score}",
        revision=batch.revision,
        files=files_of(progress.loaded),
        score=score_of(batch, progress),
    )


# --- the end ------------------------------------------------------------------------------------------------------


def _publish(batch: Batch, progress: Progress) -> None:
    """Make the batch visible, or an undone one disappear, by one entry."""
    journal(batch, progress)
    try:
        if batch.origin is Origin.NOWHERE:
            assert batch.replaces is not None
            revision, why = batch.replaces.revision, batch.plan.why
            batch.session.entry_of("UNDO", batch.trigger, revision=revision, reason=why)
            return
        batch.session.entry_of(
            "REDRIVE" if batch.redrives else "PUBLISH",
            batch.trigger,
            reason=batch.plan.why,
            revision=batch.revision,
            files=files_of(progress.loaded),
            score=score_of(batch, progress),
        )
    except Exception as error:
        progress.fail(locks.FINAL_MERGE, sentence(error, batch.session.settings.warehouse))
        raise


def journal(batch: Batch, progress: Progress) -> None:
    """Prepare one row a task in processing_log; a source without a file is a task that was skipped."""
    rows = []
    for task in locks.TASKS:
        result = progress.results.get(task)
        if result is not None or task in locks.STAGE_LOADS:
            rows.append(_row(batch, task, result))
    batch.store.record("processing_log", rows)


def _row(batch: Batch, task: str, result: TaskResult | None) -> dict[str, object]:
    """A task's row of processing_log. result: None if the task was skipped."""
    lineage = {"batch_id": batch.batch_id, "revision": batch.attempt.opened, "task": task}
    files = result.files if result and batch.files else ()  # what was held was read when it was
    counted = {
        f"rows_{kind}": sum(getattr(file, f"rows_{kind}") for file in files)
        for kind in ("read", "accepted", "rejected", "duplicate", "superseded")
    }
    if result is None:
        return {**lineage, **counted, "files": 0, "status": "SKIPPED"}
    return {
        **lineage,
        **counted,
        "started_at": result.started_at,
        "ended_at": result.ended_at,
        "seconds": Decimal(str(round(result.seconds, 4))),
        "files": len(files),
        "bytes_read": result.usage.read + sum(file.bytes for file in files),
        "bytes_written": result.usage.written,
        "peak_memory_mb": result.peak_memory_mb,
        "status": result.status,
        "error": result.error,
    }
