"""How the program works: runs and their tasks, files and what became of them, the ledger, and what lies in landing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ecomm.batches import status
from ecomm.batches.entry import Entry
from ecomm.dashboard.moment import Answer, Args, Moment
from ecomm.errors import EcommError, UsageError

_RUNS = 40
LEDGER_PAGE = 25
_FILES = 20  # without a trigger
# What ends an attempt, and what it is called then.
_ENDS = {
    "PUBLISH": "published",
    "REDRIVE": "published",
    "HOLD": "held",
    "UNDO": "undone",
    "REBUILD": "rebuilt",
    "RECOVER": "failed",
    "MAINTAIN": "maintained",
    "FORGET": "erased",
}


def operations(moment: Moment, args: Args) -> Answer:
    """Runs, the newest first, and the tasks and files of one; what is held, and what was undone.

    args: run, the revision of a run, default the newest. Raises UsageError.
    """
    runs = _runs(moment.warehouse.log)
    chosen = _number(args, "run", runs[0]["revision"] if runs else 0)
    run = next((r for r in runs if r["revision"] == chosen), None)
    if run is None and runs:
        raise UsageError(f"there is no run {chosen}.")
    waiting = moment.warehouse.log.held
    agreed = {e.batch_id for e in moment.warehouse.log.accepted}
    return {
        "runs": runs[:_RUNS],
        "run": run and {**run, **_tasks(moment, chosen), "files": _files(moment.warehouse.log, chosen)},
        "held": [
            {"batch_id": b, "as_of": e.as_of, "score": e.score, "reason": e.reason, "accepted": b in agreed}
            for b, e in waiting.items()
        ],
        "undone": [
            {"batch_id": b, "as_of": e.as_of, "reason": e.reason} for b, e in moment.warehouse.log.undone.items()
        ],
    }


def _number(args: Args, name: str, default: int) -> int:
    text = args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"{name} is {text!r}; use a number.")
    return int(text)


def _again(entries: Sequence[Entry]) -> dict[int, str]:
    """By the number of an entry that publishes a batch anew: `replayed`, or `replaced` if by other files."""
    before: dict[str | None, set[tuple[str, str]]] = {}
    said = {}
    for entry in entries:
        if entry.entry == "PUBLISH":
            files = {(file.source, file.sha256) for file in entry.files}
            if entry.batch_id in before:
                said[entry.seq] = "replayed" if files == before[entry.batch_id] else "replaced"
            before[entry.batch_id] = files
    return said


def _runs(entries: Sequence[Entry]) -> list[Answer]:
    """One row an attempt: what it was at, how it ended, and after how many seconds."""
    runs: list[Answer] = []
    again = _again(entries)
    for place, opened in enumerate(entries):
        if opened.entry != "OPEN":
            continue
        ended = next((e for e in entries[place + 1 :] if e.entry in _ENDS or e.entry == "OPEN"), None)
        over = ended is not None and ended.entry != "OPEN"
        files = ended.files if ended and over else ()
        runs.append(
            {
                "revision": opened.seq,
                "batch_id": opened.batch_id,
                "as_of": opened.as_of,
                "started_at": opened.at,
                "ended_at": ended.at if ended and over else None,
                "seconds": (ended.at - opened.at).total_seconds()
                if ended and over and ended.at and opened.at
                else None,
                "ending": again.get(ended.seq, _ENDS[ended.entry]) if ended and over else "under way",
                "entry": ended.entry if ended and over else None,
                "reason": ended.reason if ended and over else None,
                "score": ended.score if ended and over else None,
                "files": len(files),
                "rows_read": sum(f.rows_read for f in files),
                "rows_rejected": sum(f.rows_rejected for f in files),
            }
        )
    return runs[::-1]


def _tasks(moment: Moment, revision: int) -> Answer:
    """The tasks of a run with their seconds, in the order of their start. Instants are UTC."""
    tasks = moment.rows(
        "select task, started_at, ended_at, seconds, rows_read, rows_accepted, rows_rejected, rows_duplicate, "
        "rows_superseded, bytes_read, bytes_written, peak_memory_mb, status, error from processing_log "
        "where revision = $1 order by started_at, task",
        [revision],
    )
    return {"tasks": tasks}


def _files(entries: Sequence[Entry], revision: int) -> list[Answer]:
    """The files of a run, each with its rows and outcome, by the entry that ended it."""
    said: list[Entry] = [e for e in entries if e.revision == revision and e.files]
    return [asdict(f) for f in said[-1].files] if said else []


def ledger(moment: Moment, args: Args) -> Answer:
    """A page of what happened, the newest first: all entries but openings. args: page, from 1. Raises UsageError."""
    told = [e for e in reversed(moment.warehouse.log) if e.entry != "OPEN"]
    again = _again(moment.warehouse.log)
    pages = max(1, -(-len(told) // LEDGER_PAGE))
    page = min(max(_number(args, "page", 1), 1), pages)
    rows: list[dict[str, Any]] = [
        {
            "seq": e.seq,
            "entry": e.entry,
            "again": again.get(e.seq),
            "at": e.at,
            "batch_id": e.batch_id,
            "as_of": e.as_of,
            "reason": e.reason,
            "score": e.score,
            "engine": e.engine,
            "program_version": e.program_version,
            "files": len(e.files),
            "rows_read": sum(f.rows_read for f in e.files),
        }
        for e in told[(page - 1) * LEDGER_PAGE : page * LEDGER_PAGE]
    ]
    return {"page": page, "pages": pages, "total": len(told), "rows": rows}


def landing(moment: Moment, _: Args) -> Answer:
    """What lies in landing now: triggers that are pending, waiting or failed, and files that no trigger lists.

    Of these at most 20, each with what to do about it, and how many more there are. It is looked at when
    asked, beside the ledger entries of the moment.
    """
    now = datetime.now(UTC)
    try:
        seen = status.of(moment.settings, now, moment.warehouse.log)
    except EcommError as error:
        return {"looked_at": now, "problem": str(error), "triggers": [], "unexpected": [], "more": 0, "running": False}
    return {
        "looked_at": now,
        "problem": None,
        "triggers": [asdict(t) for t in seen.triggers],
        "unexpected": [
            {"source": file.source, "name": file.path.name, "advice": file.sentence}
            for file in seen.unexpected[:_FILES]
        ],
        "more": max(0, len(seen.unexpected) - _FILES),
        "running": seen.running,
    }
