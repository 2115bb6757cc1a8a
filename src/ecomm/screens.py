"""What the commands show to a person: tables and timelines on a terminal."""

from __future__ import annotations

import math
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ecomm.keys import written
from ecomm.money import shown

if TYPE_CHECKING:
    import pyarrow as pa

    from ecomm.alerts import State
    from ecomm.batches.entry import Entry, FileEntry
    from ecomm.batches.status import HeldLine, UndoneLine
    from ecomm.batches.untriggered import Untriggered
    from ecomm.check import Checked
    from ecomm.diff import Diff
    from ecomm.findings import Quality
    from ecomm.forget import Forgetting, Forgotten
    from ecomm.progress import TaskResult
    from ecomm.redrive import Redriven
    from ecomm.transaction import Outcome


class _Terminal(Console):
    """A terminal whose reader may go away (`ecomm run | head`): the work goes on, unseen."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


out = _Terminal(highlight=False)
_FILES = 20  # files that no trigger lists are named one by one up to so many

_COLOURS = {
    "published": "green",
    "failed": "red",
    "waiting": "yellow",
    "duplicate": "cyan",
    "pending": "blue",
    "held": "yellow",
    "undone": "magenta",
}


def plain(value: Any) -> Any:
    """A value as JSON knows it: instants and days as ISO texts, decimals as texts, money as it is written."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return shown(value)
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


def rows(shown: pa.Table, total: int, title: str) -> None:
    """The first rows of a table, and how many it has in all; columns that do not fit are named below it."""
    fits = _fitting(shown, out.width)
    view = Table(title=f"{escape(title)} ({total:,} rows)", title_justify="left", header_style="bold")
    numeric = [str(shown.schema.field(n).type).startswith(("int", "decimal", "double")) for n in fits]
    for name, is_number in zip(fits, numeric, strict=True):
        view.add_column(escape(name), justify="right" if is_number else "left", overflow="ellipsis", no_wrap=True)
    for row in shown.select(fits).to_pylist():
        view.add_row(*[escape(cell(v)) for v in row.values()])
    out.print(view)
    hidden = [n for n in shown.column_names if n not in fits]
    if total > shown.num_rows:
        out.print(f"… {total - shown.num_rows:,} more rows: --limit {total}")
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


def counted(number: int, thing: str) -> str:
    """`1 record`, `2,000 records`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def counts(files: Iterable[FileEntry]) -> str:
    """What became of the rows of some files, in words."""
    files = list(files)
    said = [f"{sum(f.rows_read for f in files):,} read", f"{sum(f.rows_accepted for f in files):,} accepted"]
    rest = {name: sum(getattr(f, f"rows_{name}") for f in files) for name in _ROWS[2:]}
    said += [f"{number:,} {name.replace('_', ' ')}" for name, number in rest.items() if number]
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
    for note in said.notes:
        out.print(Text(f"  {note}", "yellow"), soft_wrap=True)


def line(name: str, state: str, reason: str | None) -> None:
    """One line: what it is about, how it stands, and why."""
    text = Text.assemble((name, "bold"), ": ", (state, _COLOURS.get(state, "white")))
    out.print(text.append(f": {reason}") if reason else text, soft_wrap=True)


def untriggered(files: Sequence[Untriggered]) -> None:
    """One line for each file that no trigger lists, at most 20."""
    for file in files[:_FILES]:
        line("unexpected", str(file.path), file.sentence)
    if len(files) > _FILES:
        out.print(f"… {len(files) - _FILES:,} more files that no trigger lists: `ecomm status --json`", markup=False)


def held(batch: HeldLine) -> None:
    """One line for a batch that waits for a person."""
    if batch.accepted:
        line(batch.batch_id, "accepted", f"the next run publishes it; {batch.reason or ''}".removesuffix("; "))
    else:
        name = shlex.quote(batch.batch_id)
        said = f"score {cell(batch.score)}; `ecomm quality {name}` says why, then `ecomm accept {name} --why ...` or "
        line(name, "held", said + f"`ecomm reject {name} --why ...`")


def alerts(known: State, rules: Sequence[Mapping[str, str]]) -> None:
    """What is wrong, one line each, what was over last, and how each rule stands (`alerts.rules`)."""
    if not known.firing:
        out.print("Nothing is wrong.")
    for alert in sorted(known.firing, key=lambda a: a.since):
        text = Text.assemble(
            (f"{alert.rule} ", "bold yellow"), f"since {alert.since:%Y-%m-%d %H:%M} UTC: {alert.sentence}"
        )
        out.print(text, soft_wrap=True)
    for alert in known.ended[:10]:
        text = Text(
            f"over: {alert.rule} {alert.since:%Y-%m-%d %H:%M} to {alert.until:%Y-%m-%d %H:%M} UTC: {alert.sentence}"
        )
        out.print(text, style="dim", soft_wrap=True)
    view = Table(header_style="bold")
    for name in ("rule", "now", "fires when"):
        view.add_column(name, overflow="fold")
    for rule in rules:
        view.add_row(
            rule["rule"], Text(rule["now"], "bold yellow" if rule["now"] == "fires" else "dim"), rule["meaning"]
        )
    out.print(view)


def undone(batch: UndoneLine) -> None:
    """One line for a batch that was taken back."""
    said = [batch.reason or "", f"`ecomm replay --from {shlex.quote(batch.batch_id)}` brings it back"]
    if batch.offered:
        said.insert(1, f"its files are in {batch.offered}")
    line(batch.batch_id, "undone", "; ".join(said))


def finding(check: str, found: str, fix: str) -> None:
    """One line of doctor's: well, or what to do."""
    mark = Text("✗ ", "red") if fix else Text("✓ ", "green")
    out.print(mark + Text(f"{check}: {found}" + (f"; {fix}" if fix else "")), soft_wrap=True)


def trouble(sentence: str) -> None:
    """What is wrong with the warehouse, before all else."""
    out.print(Text.assemble(("! ", "bold red"), sentence))


def published(entries: Sequence[Entry]) -> None:
    """The live batches, one line each."""
    for entry in sorted(entries, key=lambda e: (e.as_of, e.batch_id)):
        line = Text.assemble((f"{entry.batch_id} ", "bold"), ("published", _COLOURS["published"]))
        line.append(f" as of {entry.as_of:%Y-%m-%d %H:%M}: {counts(entry.files)}; score {cell(entry.score)}")
        out.print(line, soft_wrap=True)


_ROWS = ("read", "accepted", "rejected", "duplicate", "superseded", "left_out")
_LOUD = {"HIGH": "red", "MEDIUM": "yellow"}


@contextmanager
def progress(*, hidden: bool = False) -> Iterator[Callable[[str], None]]:
    """What is done at the moment, on one line that goes away; nothing where nobody looks."""
    if hidden:
        yield lambda _: None
        return
    with out.status("starting") as line:
        yield lambda said: line.update(escape(said))


def header(names: Sequence[str]) -> None:
    """A refused header as it stands, for the person who looks at the file: errors do not show it."""
    if names:
        out.print(f"The header: {escape(' | '.join(map(cell, names)))}", soft_wrap=True)


def checked(said: Checked) -> None:
    """A file that was judged: its header, what would become of its rows, which rules they break, the first of them."""
    out.print(
        Text.assemble((str(said.file), "bold"), f" as {said.source}, as at {said.as_of:%Y-%m-%d %H:%M}"), soft_wrap=True
    )
    out.print(f"  read as: {escape('; '.join(f'{n} {v}' for n, v in said.reading.items()))}", soft_wrap=True)
    others = [f"{name} from {own}" for name, own in said.columns.items() if own.strip().lower() != name]
    for what, names in (("other names", others), ("not there", said.absent), ("unknown, kept", said.unknown)):
        if names:
            out.print(f"  {what}: {escape(', '.join(map(cell, names)))}", soft_wrap=True)
    shown = {name: number for name, number in said.rows.items() if number or name in _ROWS[:3]}
    rest = [f"{number:,} {name.replace('_', ' ')}" for name, number in shown.items()]
    out.print(f"  rows: {', '.join(rest)}; score {said.score}", soft_wrap=True)
    if said.unread:
        out.print(f"  not read: {counted(said.unread, 'record')} from the footer on", soft_wrap=True)
    if said.findings:
        view = Table(header_style="bold")
        for name in ("level", "rule", "rows", "first lines", "fails when"):
            view.add_column(name, no_wrap=name in ("rule", "rows"), overflow="fold")
        for f in said.findings:
            lines = ", ".join(map(str, f.lines)) + (" …" if f.rows > len(f.lines) else "")
            level = Text(f.severity, _LOUD.get(f.severity, "cyan"))
            view.add_row(level, escape(f.rule), f"{f.rows:,}", lines, escape(f.meaning))
        out.print(view)
    for row in said.rejected:
        where, why = Text(f"{said.file.name}:{row.line}", "bold"), Text(", ".join(row.reasons), "red")
        out.print(Text("  ").join([where, why]), soft_wrap=True)
        out.print(f"    {escape(cell(row.raw_line if row.raw is None else row.raw))}", soft_wrap=True)
    total = said.rows["rejected"] + said.rows["superseded"]
    if total > len(said.rejected):
        out.print(f"… {total - len(said.rejected):,} more: --limit {total}")
    if any(f.rule == "order_has_one_product" for f in said.findings):
        hint = 'Orders of several lines? Then set line_id in [sources.orders]: a header of your file, or "position".'
        out.print(hint, markup=False, soft_wrap=True)


def quality(said: Quality) -> None:
    """A batch's score and rows, its findings from the loudest on, and the scores of all batches."""
    line = Text.assemble((f"{said.batch_id} ", "bold"), (said.state, _COLOURS.get(said.state, "yellow")))
    out.print(line.append(f" as of {said.as_of:%Y-%m-%d %H:%M}: score {cell(said.score)}"), soft_wrap=True)
    out.print("rows: " + ", ".join(f"{number:,} {name}" for name, number in said.rows.items()), soft_wrap=True)
    if not said.findings:
        out.print(f"{said.checks} checks found nothing.")
    for f in said.findings:
        share = f" ({100 * f.share:.2f} %)" if f.share is not None else ""
        level = (f"{f.level if f.level != 'NONE' else 'info':<6} ", _LOUD.get(f.level, "cyan"))
        out.print()
        out.print(
            Text.assemble(
                level, (f"{f.source} {f.check}", "bold"), f": {f.failed_rows:,} of {f.rows_checked:,}{share}"
            ),
            soft_wrap=True,
        )
        out.print(f"       {escape(f.meaning)}", soft_wrap=True)
        if f.keys:
            keys = ", ".join(written([*map(cell, key)]) for key in f.keys)
            out.print(f"       such as {escape(keys)}{' …' if f.failed_rows > len(f.keys) else ''}", soft_wrap=True)
        if f.next:
            out.print(Text(f"       {f.next}", "dim"), soft_wrap=True)
    if said.skipped:
        out.print()
        out.print(f"skipped, for the other source is not there yet: {escape(', '.join(said.skipped))}", soft_wrap=True)
    if said.state == "held":
        name = shlex.quote(said.batch_id)
        out.print()
        hint = f"`ecomm accept {name} --why ...` publishes it, `ecomm reject {name} --why ...` ends it"
        out.print(f"{hint}; `ecomm check` judges its archived files row by row.", markup=False, soft_wrap=True)
    out.print()
    for one in said.trend:
        bar = "" if one.score is None else "█" * round(one.score / 5)
        mark = "bold" if one.batch_id == said.batch_id else ""
        told = f"{one.as_of:%Y-%m-%d %H:%M}  {cell(one.score):>6} {bar:<20} "
        out.print(Text.assemble(told, (one.batch_id, mark), "" if one.state == "published" else f" {one.state}"))


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


def told(
    versions: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    shown: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The versions, each with its `changes` against the one before; the first with all that it states.

    shown: a version as a person may see it. What is masked is known to have changed all the same.
    """
    with_changes: list[dict[str, Any]] = []
    before: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
    for version in versions:
        seen = shown(version)
        changes = {
            c: (_FIRST if before is None else before[1][c], seen[c])
            for c in columns
            if version[c] != (None if before is None else before[0][c])
        }
        with_changes.append({**seen, "changes": changes})
        before = version, seen
    return with_changes


def as_json(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, dict[str, Any]]:
    """Differences for machines: column -> before (left out for a first version) and after."""
    return {
        c: {"after": plain(after)} if before is _FIRST else {"before": plain(before), "after": plain(after)}
        for c, (before, after) in changes.items()
    }


def version_as_json(version: Mapping[str, Any]) -> dict[str, Any]:
    """A version with its changes, for machines."""
    return {**version, "changes": as_json(version["changes"])}


def diff(said: Diff) -> None:
    """How many rows of a table differ, and the first of them: + added, - removed, ~ changed, and in what."""
    title = Text.assemble((said.table, "bold"), f" from entry {said.before} to {said.after}: ")
    out.print(title.append(f"{said.added:,} added, {said.removed:,} removed, {said.changed:,} changed"), soft_wrap=True)
    for side in said.computed:
        out.print(f"  (--{side}: that version is gone; computed anew, with the settings of now)", style="dim")
    for row in said.rows:
        mark, colour = _DIFFERS[row.change]
        out.print(Text(f"{mark} {written([*map(cell, row.key.values())])}", colour), soft_wrap=True)
        for name, (was, now) in row.columns.items():
            if row.change == "changed":
                out.print(f"│   {escape(name)}: {escape(cell(was))} → {escape(cell(now))}", soft_wrap=True)
    total = said.added + said.removed + said.changed
    if total > len(said.rows):
        out.print(f"… {total - len(said.rows):,} more: --limit {total}")


def redriven(done: Redriven) -> None:
    """What became of corrected records: how many are accepted now, which are rejected again, and why."""
    for one in done.outcomes:
        outcome(one)
    for problem in done.problems:
        out.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    left = f"; {done.unchanged:,} left as they are" if done.unchanged else ""
    left += f"; {len(done.problems):,} not applied, see above" if done.problems else ""
    if not done.corrected:
        out.print(f"Nothing to bring in: no cell was mended{left}.")
        return
    again = len(done.rejected)
    out.print(
        f"{counted(done.corrected, 'record')} corrected: {done.corrected - again:,} accepted, {again:,} rejected{left}."
    )
    for record in done.rejected:
        where = Text(f"{record.source_file}:{record.place[3]}", "bold")
        out.print(Text("  ").join([where, Text(", ".join(record.reasons), "red")]), soft_wrap=True)


def erased(done: Forgetting) -> None:
    """What was erased of customers, and what a person has to look at."""
    plan = done.done
    records = ", ".join(f"{counted(number, 'record')} of {source}" for source, number in plan.records.items())
    who = counted(len(plan.customers), "customer")
    files = counted(len(plan.done), "file")
    out.print(f"Forgot {who}: {records or 'no record'}; {files} replaced or deleted.", soft_wrap=True)
    out.print(f"The receipt lists them: {done.receipt}", markup=False, soft_wrap=True)
    for file in plan.left:
        out.print(Text("  ").join([Text("still holds something of them", "yellow"), Text(file)]), soft_wrap=True)
    out.print("Backups, and exports in other folders, are yours to delete.")


def forgotten(found: Sequence[Forgotten]) -> None:
    """The customers who were forgotten."""
    if not found:
        out.print("Nobody is forgotten.")
        return
    table = Table("customer", "since", "entry", "why", "state")
    for one in found:
        state = "lifted" if one.is_lifted else "done" if one.is_done else "the next run finishes it"
        table.add_row(cell(one.customer), f"{one.since:%Y-%m-%d %H:%M}", str(one.seq), cell(one.reason), state)
    out.print(table)


_DIFFERS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


def diff_as_json(said: Diff) -> dict[str, Any]:
    """What differs, for machines."""
    rows = []
    for row in said.rows:
        columns = {name: {"from": was, "to": now} for name, (was, now) in row.columns.items()}
        rows.append({"change": row.change, "key": row.key, "columns": columns})
    return {**said.__dict__, "rows": rows}


@contextmanager
def counting(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if that is a terminal, that is told how many rows of how many are done."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task_id = bar.add_task(escape(name), total=None)
        yield lambda done, total: bar.update(task_id, completed=done, total=total)


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
