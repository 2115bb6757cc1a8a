"""How good the batches are: scores, checks, the rows behind them, and what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime

from ecomm.batches import drift
from ecomm.batches.entry import JUDGES, Entry
from ecomm.dashboard.moment import Answer, Args, Moment, as_text
from ecomm.errors import EcommError, UsageError
from ecomm.findings import ACROSS, quality_of
from ecomm.keys import parts_of, without_empty_end
from ecomm.transforms import absences

_ROWS = 50
_BATCHES = 30
# What these find is about files: no row is marked with it.
_OF_FILES = frozenset({drift.NAME, absences.COMPLETE.name})
_NEVER = datetime.min.replace(tzinfo=UTC)


def quality(moment: Moment, args: Args) -> Answer:
    """One batch, beside the scores and rejects of all. args: batch, default the one that was judged last.

    A finding has_rows unless it is about whole files, such as a column that their headers lack. Raises UsageError if
    there is no such batch.
    """
    try:
        said = quality_of(moment.warehouse, args.get("batch"), moment.masks.key)
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
        "batch": asdict(said)
        | {"findings": [asdict(f) | {"has_rows": f.check not in _OF_FILES} for f in said.findings]},
        "checks": [c for c in every if not c["failed_rows"]],
        "reasons": _reasons(moment, said.batch_id),
        "rejects": _rejects(moment),
        "next": next_steps(moment, said.batch_id, said.state),
    }


def _revision(moment: Moment, batch: str) -> int | None:
    ended = [e for e in moment.warehouse.log if e.batch_id == batch and e.entry in JUDGES]
    return ended[-1].revision if ended else None


def _shown(moment: Moment) -> list[Entry]:
    """The last batches whose rejects are kept, in the order of their instants."""
    return sorted(moment.warehouse.log.kept, key=lambda e: (e.as_of or _NEVER, str(e.batch_id)))[-_BATCHES:]


def _reasons(moment: Moment, batch: str) -> list[Answer]:
    """How many records of a batch were not accepted for each reason: one row a source, reason and level, most first.

    A record counts at every reason that it has. trend: the same at each of the last batches.
    """
    shown = [str(e.batch_id) for e in _shown(moment)]
    counted: dict[tuple[str, str, str], Counter[str]] = {}
    for source in moment.sources:
        for row in moment.rows(
            "select batch_id, reason, severity, count(*) as records from "
            f"(select batch_id, severity, unnest(reasons) as reason from {source}_errors) group by 1, 2, 3"
        ):
            by_batch = counted.setdefault((source, row["reason"], row["severity"]), Counter())
            by_batch[row["batch_id"]] += row["records"]
    rows = [
        {
            "source": source,
            "reason": reason,
            "severity": severity,
            "records": by_batch[batch],
            "trend": [by_batch[b] for b in shown] if batch in shown else None,
        }
        for (source, reason, severity), by_batch in counted.items()
        if by_batch[batch]
    ]
    return sorted(rows, key=lambda r: (-r["records"], r["source"], r["reason"], r["severity"]))


def _rejects(moment: Moment) -> list[Answer]:
    """Rejected records of the last batches, in all and by source, in the order of the batches' instants."""
    rows: list[Answer] = []
    for entry in _shown(moment):
        by_source: Counter[str] = Counter()
        for file in entry.files:
            by_source[file.source] += file.rows_rejected
        rows.append(
            {
                "batch_id": entry.batch_id,
                "as_of": entry.as_of,
                "read": sum(f.rows_read for f in entry.files),
                "records": by_source.total(),
                "sources": dict(by_source),
            }
        )
    return rows


def next_steps(moment: Moment, batch: str, state: str) -> list[Answer]:
    """What a person can do about a batch, as commands."""
    quoted = shlex.quote(batch)
    steps: list[Answer] = []
    if state == "held":
        said = {
            "Publish it as it is": f'ecomm accept {quoted} --why "..."',
            "Or end it; its id may come again with better files": f'ecomm reject {quoted} --why "..."',
        }
        steps += [{"say": say, "commands": [command]} for say, command in said.items()]
    if state in ("rejected", "undone"):
        return steps
    entry = next((e for e in moment.warehouse.log.kept if e.batch_id == batch), None)
    counts: Counter[str] = Counter()
    for file in entry.files if entry else ():
        counts[file.source] += file.rows_rejected
    for source in [s for s, n in counts.items() if n]:
        name = f"rejected_{source}.csv"
        records, them, their = (
            ("the rejected record", "it", "its")
            if counts[source] == 1
            else (f"the {counts[source]} rejected records", "them", "their")
        )
        steps.append(
            {
                "say": f"Mend {records} of {source}: write {them} to a file, correct {their} cells, bring {them} in",
                "commands": [
                    f"ecomm quarantine export {source} --batch {quoted} --out {name}",
                    f'ecomm quarantine redrive {name} --why "..."',
                ],
            }
        )
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
    if check in ACROSS:
        said = moment.rows(
            "select sample_keys from validation_results where batch_id = $1 and revision = $2 and table_name = $3 "
            "and check_name = $4",
            [batch, _revision(moment, batch), source, check],
        )
        columns = moment.sources[source].key
        keys = [parts_of(k, len(columns)) for row in said for k in row["sample_keys"] or ()]
        whole = [key + [""] * (len(columns) - len(key)) for key in keys]
        stage = moment.rows(
            f"select * from {source}_stage where batch_id = $1 "
            f"and list_contains($2::varchar[][], [{', '.join(columns)}]) order by source_file, source_line limit $3",
            [batch, whole, _ROWS],
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
    cells = moment.masks.row(source, {c: row[c] for c in wanted if c in row})
    return {
        "verdict": "accepted",
        "file": row["source_file"],
        "line": row["source_line"],
        "key": moment.masks.key(source, without_empty_end([row[c] for c in of.key])),
        "reasons": row["quality_flags"],
        "cells": {c: as_text(v) for c, v in cells.items()},
    }


def _rejected(moment: Moment, source: str, row: Answer) -> Answer:
    masks = moment.masks
    if row["raw"] is None:
        cells = {"the line as it stands": masks.line(row["raw_line"])}
    else:
        cells = masks.record(source, dict(row["raw"]))
    return {
        "verdict": "rejected" if row["severity"] == "HIGH" else "superseded",
        "file": row["source_file"],
        "line": row["source_line"],
        "key": None if row["key_parts"] is None else masks.key(source, without_empty_end(row["key_parts"])),
        "reasons": row["reasons"],
        "cells": cells,
    }
