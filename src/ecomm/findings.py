"""How good a batch's data is, as a person wants to read it: its score, what was found, and what to do about it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds

from ecomm.batches import drift
from ecomm.batches.entry import JUDGES, Entry
from ecomm.contract import Severity
from ecomm.engines import deltafiles
from ecomm.errors import EcommError, UsageError
from ecomm.keys import parts_of
from ecomm.tables import key_of
from ecomm.transforms import absences
from ecomm.transforms.checks import CHECKS
from ecomm.warehouse import Warehouse

_LOUD_FIRST = [str(s) for s in (Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.NONE)]
ACROSS = frozenset(c.name for c in CHECKS)
_STATES = {
    **{"PUBLISH": "published", "REDRIVE": "published", "HOLD": "held", "ACCEPT": "accepted", "REJECT": "rejected"},
    "UNDO": "undone",
}


@dataclass(frozen=True)
class Finding:
    """A check that some rows fail. keys: of the first of them, in their parts.

    next: a command that shows them; empty if none does, for the accepted rows of a batch that is held are not seen.
    """

    level: str
    source: str
    check: str
    category: str
    meaning: str
    failed_rows: int
    rows_checked: int
    share: Decimal | None
    keys: list[list[str]]
    next: str


@dataclass(frozen=True)
class Score:
    """One batch in the row of all."""

    batch_id: str
    as_of: datetime
    state: str
    score: Decimal | None


@dataclass(frozen=True)
class Quality:
    """What is known of the quality of one batch, beside the scores of all batches in the order of their instants."""

    batch_id: str
    as_of: datetime
    state: str
    score: Decimal | None
    rows: dict[str, int]
    checks: int
    findings: list[Finding]
    skipped: list[str]
    trend: list[Score]


Shown = Callable[[str, Sequence[str]], list[str]]


def _as_it_is(_: str, key: Sequence[str]) -> list[str]:
    return [*key]


def quality_of(warehouse: Warehouse, batch: str | None, shown: Shown = _as_it_is) -> Quality:
    """The quality of a batch, of the one that was judged last if none is named. Raises UsageError, EcommError.

    shown: the parts of a source's key as a person may see them.
    """
    judged = {e.batch_id: e for e in warehouse.log if e.batch_id and e.entry in JUDGES}
    waiting = warehouse.log.held
    judged |= {batch: e for batch, e in warehouse.log.live.items() if batch not in waiting}
    if not judged:
        raise EcommError(f"{warehouse.path}: no batch has been judged yet; `ecomm run` takes what is pending.")
    if batch is not None and batch not in judged:
        raise UsageError(f"there is no batch {batch} that was judged; `ecomm status` shows all.")
    entry = judged[batch] if batch is not None else max(judged.values(), key=lambda e: e.seq)
    said = _results(warehouse, entry)
    row = _score(warehouse, entry)
    return Quality(
        row.batch_id,
        row.as_of,
        row.state,
        row.score,
        {n: sum(getattr(f, f"rows_{n}") for f in entry.files) for n in _ROWS},
        len(said),
        sorted(
            (_finding(warehouse, row, r, shown) for r in said if r["failed_rows"]),
            key=lambda f: (_LOUD_FIRST.index(f.level), -(f.share or 0), f.source, f.check),
        ),
        [r["check_name"] for r in said if r["description"].startswith("skipped: ")],
        sorted((_score(warehouse, e) for e in judged.values()), key=lambda s: (s.as_of, s.batch_id)),
    )


_ROWS = ("read", "accepted", "rejected", "duplicate", "superseded")


def _score(warehouse: Warehouse, entry: Entry) -> Score:
    assert entry.batch_id is not None
    assert entry.as_of is not None
    assert entry.score is None or isinstance(entry.score, Decimal)
    about = [e for e in warehouse.log if e.batch_id == entry.batch_id and e.revision == entry.revision]
    kinds = [e.entry for e in about if e.entry in _STATES]
    return Score(entry.batch_id, entry.as_of, _STATES[kinds[-1]], entry.score)


def _results(warehouse: Warehouse, entry: Entry) -> list[dict[str, Any]]:
    """What the checks said in the attempt that the entry ended."""
    journal = warehouse.dataset("validation_results")
    assert isinstance(journal, ds.Dataset)
    mine = (pc.field("batch_id") == entry.batch_id) & (pc.field("revision") == entry.revision)
    rows: list[dict[str, Any]] = journal.to_table(filter=mine).to_pylist()
    return [r for r in rows if r["check_name"] != "batch_score"]


def _finding(warehouse: Warehouse, batch: Score, row: Mapping[str, Any], shown: Shown) -> Finding:
    columns = key_of(deltafiles, warehouse.path, row["table_name"])
    keys = [shown(row["table_name"], parts_of(key, len(columns))) for key in row["sample_keys"]]
    return Finding(
        row["severity"],
        row["table_name"],
        row["check_name"],
        row["category"],
        row["description"],
        row["failed_rows"],
        row["rows_checked"],
        row["failed_share"],
        keys,
        _next(batch, row["table_name"], row["check_name"], row["severity"], keys, columns),
    )


def _next(
    batch: Score, source: str, check: str, level: str, keys: Sequence[Sequence[str]], columns: Sequence[str]
) -> str:
    """A command that shows the rows: those of a key, those that were rejected, or the flagged among both."""
    across = check in ACROSS
    if check == drift.NAME:
        return ""
    rejects = not across and (level == Severity.HIGH or check == absences.COMPLETE.name)
    if rejects and batch.state not in ("rejected", "undone"):
        return shlex.join(["ecomm", "quarantine", source, "--batch", batch.batch_id])
    if batch.state != "published":
        return ""
    if across:
        named = [part for i, part in enumerate(keys[0]) if any(keys[0][i:])]  # history takes the first parts of a key
        return shlex.join(["ecomm", "history", source, *named])
    of_batch = batch.batch_id.replace("'", "''")
    parts = [f"key_parts[{i}]" for i in range(1, len(columns) + 1)]
    queries = [
        f"select source_file, source_line, {', '.join(key)} from {source}_{table} where batch_id = '{of_batch}' "
        f"and list_contains({names}, '{check}')"
        for table, names, key in (("stage", "quality_flags", columns), ("errors", "reasons", parts))
    ]
    # Double quotes for the shell, as the query has single ones.
    return 'ecomm sql "{}"'.format(re.sub(r'(["\\$`])', r"\\\1", " union all ".join(queries)))
