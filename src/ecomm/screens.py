"""What the commands show to a person: tables and timelines on a terminal."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pyarrow as pa

    from ecomm.attempt import TaskResult
    from ecomm.batches.ledger import Entry, FileEntry
    from ecomm.pipeline import Outcome


class _Terminal(Console):
    """A terminal whose reader may go away (`ecomm run | head`): the work goes on, unseen."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


out = _Terminal(highlight=False)

_COLOURS = {"published": "green", "failed": "red", "waiting": "yellow", "duplicate": "cyan", "pending": "blue"}


def plain(value: Any) -> Any:
    """A value as JSON knows it: instants and days as ISO texts, decimals as texts with their scale."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
            return {str(k): plain(v) for k, v in value}  # a map, as Arrow gives it
        return [plain(v) for v in value]
    is_json = (
        value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))
    )
    return value if is_json else str(value)


def cell(value: Any) -> str:
    """A value as a cell: one line, NULL as an empty circle."""
    if value is None:
        return "∅"
    value = plain(value)
    if isinstance(value, Mapping):
        value = ", ".join(f"{k}={cell(v)}" for k, v in value.items())
    if isinstance(value, list):
        value = ", ".join(cell(v) for v in value)
    return str(value).replace("\r", "␍").replace("\n", "␤")


def ordered(table: pa.Table) -> pa.Table:
    """The rows in an order that their leading columns decide, not the files in which they lie."""
    sortable = [
        f.name for f in table.schema if str(f.type) in ("string", "int64") or str(f.type).startswith("timestamp")
    ]
    by = [*sortable[:3], *(n for n in ("effective_date", "source_line") if n in sortable[3:])]
    return table.sort_by([(n, "ascending") for n in by])


def rows(table: pa.Table, limit: int, title: str) -> None:
    """The first rows of a table; columns that do not fit are named below it."""
    shown = table.slice(0, limit)
    fits = _fitting(shown, out.width)
    view = Table(title=f"{escape(title)} ({table.num_rows:,} rows)", title_justify="left", header_style="bold")
    numeric = [str(shown.schema.field(n).type).startswith(("int", "decimal", "double")) for n in fits]
    for name, is_number in zip(fits, numeric, strict=True):
        view.add_column(escape(name), justify="right" if is_number else "left", overflow="ellipsis", no_wrap=True)
    for row in shown.select(fits).to_pylist():
        view.add_row(*[escape(cell(v)) for v in row.values()])
    out.print(view)
    hidden = [n for n in table.column_names if n not in fits]
    if table.num_rows > limit:
        out.print(f"… {table.num_rows - limit:,} more rows: --limit {table.num_rows}")
    if hidden:
        out.print(f"… {len(hidden)} more columns: {escape(', '.join(hidden))}", style="dim")


def _fitting(table: pa.Table, width: int) -> list[str]:
    names: list[str] = []
    used = 1
    for name in table.column_names:
        longest = max([len(name), *(len(cell(v)) for v in table[name].to_pylist()[:50])])
        used += min(longest, 30) + 3
        if used > width and names:
            break
        names.append(name)
    return names


def counts(files: Iterable[FileEntry]) -> str:
    """What became of the rows of some files, in words."""
    files = list(files)
    said = [f"{sum(f.rows_read for f in files):,} read", f"{sum(f.rows_accepted for f in files):,} accepted"]
    rest = {name: sum(getattr(f, f"rows_{name}") for f in files) for name in _ROWS[2:]}
    said += [f"{number:,} {name}" for name, number in rest.items() if number]
    return ", ".join(said)


def task(batch_id: str, name: str, result: TaskResult | None) -> None:
    """One line for a task that has ended."""
    if result is None:
        return
    mark = "[green]✓[/]" if result.status == "OK" else "[red]✗[/]"
    said = counts(result.files) if result.files else f"{result.rows:,} rows written" if result.rows else ""
    out.print(f"  {mark} {escape(batch_id)}  {name:<23} {result.seconds:6.2f} s  {said}", soft_wrap=True)


def outcome(said: Outcome) -> None:
    """One line for what became of a trigger."""
    colour = _COLOURS.get(said.status, "white")
    line = Text.assemble((f"{said.batch_id} ", "bold"), (said.status, colour))
    if said.status == "published":
        line.append(f" in {said.seconds:.1f} s: {counts(said.files)}")
    if said.reason:
        line.append(f": {said.reason}")
    if said.left:
        line.append(f"; left in landing, for they changed after they were read: {', '.join(said.left)}", "yellow")
    out.print(line, soft_wrap=True)


def line(name: str, state: str, reason: str | None) -> None:
    """One line: what it is about, how it stands, and why."""
    text = Text.assemble((name, "bold"), ": ", (state, _COLOURS.get(state, "white")))
    out.print(text.append(f": {reason}") if reason else text, soft_wrap=True)


def finding(check: str, found: str, fix: str) -> None:
    """One line of doctor's: well, or what to do."""
    mark = Text("✗ ", "red") if fix else Text("✓ ", "green")
    out.print(mark + Text(f"{check}: {found}" + (f"; {fix}" if fix else "")), soft_wrap=True)


def published(entries: Sequence[Entry]) -> None:
    """The live batches, one line each."""
    for entry in sorted(entries, key=lambda e: (e.as_of, e.batch_id)):
        line = Text.assemble((f"{entry.batch_id} ", "bold"), ("published", _COLOURS["published"]))
        line.append(f" as of {entry.as_of:%Y-%m-%d %H:%M}: {counts(entry.files)}; score {cell(entry.score)}")
        out.print(line, soft_wrap=True)


_ROWS = ("read", "accepted", "rejected", "duplicate", "superseded")


def timeline(title: str, versions: Sequence[Mapping[str, Any]]) -> None:
    """The versions of one key, oldest first, each with where it came from and what changed."""
    out.print(f"[bold]{escape(title)}[/]  {len(versions)} version{'s' if len(versions) != 1 else ''}")
    for version in versions:
        until = f"{version['expiry_date']:%Y-%m-%d %H:%M}" if version["expiry_date"] else "now"
        mark = "●" if version["is_current"] else "○"
        origin = " ".join(filter(None, (version["batch_id"], version["origin"])))
        out.print(f"{mark} {version['effective_date']:%Y-%m-%d %H:%M} → {until}  [dim]{escape(origin)}[/]")
        for name, (before, after) in version["changes"].items():
            was = "" if before is _FIRST else f"{escape(cell(before))} → "
            out.print(f"│   {escape(name)}: {was}{escape(cell(after))}", soft_wrap=True)


_FIRST = object()


def told(versions: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The versions, each with its `changes` against the one before; the first with all that it states."""
    with_changes: list[dict[str, Any]] = []
    before: Mapping[str, Any] | None = None
    for version in versions:
        changes = {
            c: (_FIRST if before is None else before[c], version[c])
            for c in columns
            if version[c] != (None if before is None else before[c])
        }
        with_changes.append({**version, "changes": changes})
        before = version
    return with_changes


def as_json(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, dict[str, Any]]:
    """Differences for machines: column -> before (left out for a first version) and after."""
    return {
        c: {"after": plain(after)} if before is _FIRST else {"before": plain(before), "after": plain(after)}
        for c, (before, after) in changes.items()
    }


def rejects(found: Sequence[Mapping[str, Any]], total: int) -> None:
    """Rejected and superseded records: where they stand, why, and what they say."""
    for row in found:
        colour = {"HIGH": "red", "MEDIUM": "yellow"}.get(row["severity"], "cyan")
        where = Text(f"{row['source_file']}:{row['source_line']}", "bold")
        why = Text(", ".join(row["reasons"]), colour)
        out.print(Text("  ").join([where, why, Text(row["batch_id"], "dim")]), soft_wrap=True)
        said = row["raw_line"] if row["raw_line"] is not None else row["raw"]
        out.print(f"    {escape(cell(said))}", soft_wrap=True)
    if total > len(found):
        out.print(f"… {total - len(found):,} more: --limit {total}")
