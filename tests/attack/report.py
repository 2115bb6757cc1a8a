"""The tables of docs/reliability.md that attacks write: a row an attack, and a row a reader."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.attack.plan import Attack, Plan, Tally

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
HEAD = ("attack", "what", "tried", "survived", "lost", "day", "run again")
_BEGIN, _END = "<!-- {} begin: written by a command -->", "<!-- {} end -->"


def row(attack: Attack, plan: Plan, tally: Tally, day: str) -> tuple[str, ...]:
    """What the table says of an attack."""
    what = f"{attack.what}; {tally.note}" if tally.note else attack.what
    return (
        attack.name,
        what,
        f"{tally.tried:,}",
        f"{tally.survived:,}",
        f"{len(tally.lost):,}",
        day,
        f"`{command(attack, plan)}`",
    )


def command(attack: Attack, plan: Plan) -> str:
    """How an attack is run again."""
    said = f"python -m tests.attack --only {attack.name} --seed {plan.seed}"
    return f"{said}{f' --files {plan.files}' if attack.by_files else ''}{' --whole' if plan.whole else ''}"


def machine() -> str:
    """What the attacks ran on."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def readers(figures: Mapping[str, Mapping[str, int]]) -> list[tuple[str, ...]]:
    """A row a reader."""
    return [(name, *(f"{number:,}" for number in one.values())) for name, one in figures.items()]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def updated(page: str, name: str, head: Sequence[str], rows: Sequence[Sequence[str]], said: str) -> str:
    """A page with these rows in its table of that name; other rows of the table stay. said: the line above it."""
    before, _, rest = page.partition(_BEGIN.format(name))
    old, _, after = rest.partition(_END.format(name))
    known = {cells[0]: cells for cells in _rows(old)}
    known |= {one[0]: tuple(one) for one in rows}
    body = f"\n{said}\n\n{table(head, list(known.values()))}\n"
    return f"{before}{_BEGIN.format(name)}{body}{_END.format(name)}{after}"


def _rows(text: str) -> list[tuple[str, ...]]:
    """The rows of a table in Markdown."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in lines[2:]]
