"""How good the batches are: scores, checks, the rows behind them, and what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import asdict

from ecomm.batches.ledger import kept
from ecomm.dashboard.masks import MASK, masked, masked_cells
from ecomm.dashboard.moment import Answer, Args, Moment
from ecomm.errors import EcommError, UsageError
from ecomm.findings import parts, quality_of
from ecomm.transforms.checks import CHECKS

_ROWS = 50
_REASONS = 6
_BATCHES = 30
_ACROSS = frozenset(c.name for c in CHECKS)


def quality(moment: Moment, args: Args) -> Answer:
    """One batch, beside the scores and rejects of all. args: batch, default the one that was judged last.

    Raises UsageError if there is no such batch.
    """
    try:
        said = quality_of(moment.warehouse, args.get("batch"))
    except UsageError:
        raise
    except EcommError:  # no batch has been judged yet
        return {"batch": None}
    every = moment.rows(
        "select table_name as source, check_name as check, category, rule_severity as level, rows_checked, "
        "failed_rows, failed_share as share, description as meaning from validation_results "
        "where batch_id = $1 and revision = $2 and check_name <> 'batch_score' order by table_name, check_name",
        [said.batch_id, _revision(moment, said.batch_id)],
    )
    return {
        "batch": asdict(said) | {"findings": [asdict(f) for f in said.findings]},
        "checks": [c for c in every if not c["failed_rows"]],
        "reasons": _reasons(moment, said.batch_id),
        "rejects": _rejects(moment),
        "next": next_steps(moment, said.batch_id, said.state),
    }


def _revision(moment: Moment, batch: str) -> int | None:
    ended = [e for e in moment.warehouse.entries if e.batch_id == batch and e.entry in ("PUBLISH", "REDRIVE", "HOLD")]
    return ended[-1].revision if ended else None


def _reasons(moment: Moment, batch: str) -> list[Answer]:
    """How many records of a batch were lost to each reason: one row a source and reason, most first."""
    counted: list[Answer] = []
    for source in moment.sources:
        counted += moment.rows(
            f"select '{source}' as source, reason, severity, count(*) as records from "
            f"(select unnest(reasons) as reason, severity from {source}_errors where batch_id = $1) group by 2, 3",
            [batch],
        )
    return sorted(counted, key=lambda r: (-r["records"], r["source"], r["reason"]))


def _rejects(moment: Moment) -> Answer:
    """Rejected records of the last batches, in the order of their instants: by the most frequent reasons, and others.

    A record with several reasons counts at each; `records` counts it once.
    """
    shown = sorted(kept(moment.warehouse.entries), key=lambda e: (e.as_of, e.batch_id))[-_BATCHES:]  # type: ignore[arg-type,return-value]
    by_batch: dict[str, Counter[str]] = {str(e.batch_id): Counter() for e in shown}
    for source in moment.sources:
        for row in moment.rows(
            f"select batch_id, reason, count(*) as records from (select batch_id, unnest(reasons) as reason "
            f"from {source}_errors where severity = 'HIGH') group by 1, 2"
        ):
            if row["batch_id"] in by_batch:
                by_batch[row["batch_id"]][row["reason"]] += row["records"]
    total = sum(by_batch.values(), Counter[str]())
    loudest = [reason for reason, _ in sorted(total.items(), key=lambda r: (-r[1], r[0]))[:_REASONS]]
    return {
        "reasons": loudest,
        "batches": [
            {
                "batch_id": e.batch_id,
                "as_of": e.as_of,
                "read": sum(f.rows_read for f in e.files),
                "records": sum(f.rows_rejected for f in e.files),
                "counts": [by_batch[str(e.batch_id)][reason] for reason in loudest],
                "others": sum(n for r, n in by_batch[str(e.batch_id)].items() if r not in loudest),
            }
            for e in shown
        ],
    }


def next_steps(moment: Moment, batch: str, state: str) -> list[Answer]:
    """What a person can do about a batch, as commands."""
    quoted = shlex.quote(batch)
    steps: list[Answer] = []
    if state == "held":
        steps += [
            {"say": "Publish it as it is", "command": f'ecomm accept {quoted} --why "..."'},
            {"say": "End it; its id may come again with better files", "command": f'ecomm reject {quoted} --why "..."'},
        ]
    if state in ("rejected", "undone"):
        return steps
    entry = next((e for e in kept(moment.warehouse.entries) if e.batch_id == batch), None)
    counts: Counter[str] = Counter()
    for file in entry.files if entry else ():
        counts[file.source] += file.rows_rejected
    for source in [s for s, n in counts.items() if n]:
        file_name = f"rejected_{source}.csv"
        steps += [
            {
                "say": f"Write the {counts[source]} rejected records of {source} to a file, and mend its cells",
                "command": f"ecomm quarantine export {source} --batch {quoted} --out {file_name}",
            },
            {"say": "Bring the mended records in", "command": f'ecomm quarantine redrive {file_name} --why "..."'},
        ]
    return steps


def failed_rows(moment: Moment, args: Args) -> Answer:
    """The rows behind a check, at most 50: accepted ones that are flagged, and records that were not accepted.

    args: batch, source, check. For a check across tables: the accepted rows of its sample keys. Each row has its file
    and line, its key, and the columns by name; personal values are masked. Raises UsageError.
    """
    source, check = args.get("source", ""), args.get("check", "")
    if source not in moment.sources:
        raise UsageError(f"there is no source {source}; use {', '.join(moment.sources)}.")
    batch = args.get("batch", "")
    if check in _ACROSS:
        said = moment.rows(
            "select sample_keys from validation_results where batch_id = $1 and revision = $2 and table_name = $3 "
            "and check_name = $4",
            [batch, _revision(moment, batch), source, check],
        )
        keys = [k for row in said for k in row["sample_keys"] or ()]
        stage = moment.rows(
            f"select * from {source}_stage where batch_id = $1 and list_contains($2::varchar[], key) "
            "order by source_file, source_line limit $3",
            [batch, keys, _ROWS],
        )
        return {"total": None, "rows": [_staged(moment, source, row) for row in stage]}
    of = "where batch_id = $1 and list_contains({}, $2)"
    totals = moment.rows(
        f"select count(*) as n from {source}_stage {of.format('quality_flags')} union all "
        f"select count(*) from {source}_errors {of.format('reasons')}",
        [batch, check],
    )
    errors = moment.rows(
        f"select * from {source}_errors {of.format('reasons')} order by source_file, source_line limit $3",
        [batch, check, _ROWS],
    )
    stage = moment.rows(
        f"select * from {source}_stage {of.format('quality_flags')} order by source_file, source_line limit $3",
        [batch, check, _ROWS - len(errors)],
    )
    rows = [_rejected(moment, source, row) for row in errors] + [_staged(moment, source, row) for row in stage]
    return {"total": sum(t["n"] for t in totals), "rows": rows}


def _staged(moment: Moment, source: str, row: Answer) -> Answer:
    of = moment.sources[source]
    wanted = [c.name for c in of.columns] + list(row["extra_columns"] or ())
    cells = masked(of, {c: row[c] for c in wanted if c in row}, reveal=moment.reveal)
    return {
        "verdict": "accepted",
        "file": row["source_file"],
        "line": row["source_line"],
        "key": [row[c] for c in of.key],
        "reasons": row["quality_flags"],
        "cells": {c: None if v is None else str(v) for c, v in cells.items()},
    }


def _rejected(moment: Moment, source: str, row: Answer) -> Answer:
    of = moment.sources[source]
    raw = dict(row["raw"]) if row["raw"] is not None else None
    line = row["raw_line"] if moment.reveal or not row["raw_line"] else MASK
    return {
        "verdict": "rejected" if row["severity"] == "HIGH" else "superseded",
        "file": row["source_file"],
        "line": row["source_line"],
        "key": None if row["key"] is None else parts(row["key"]),
        "reasons": row["reasons"],
        "cells": {"the line as it stands": line} if raw is None else masked_cells(of, raw, reveal=moment.reveal),
    }
