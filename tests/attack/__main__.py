"""Attack the program, and count what it survived.

examples:
  python -m tests.attack                             all attacks, as CI can run them; the table is written
  python -m tests.attack --whole --files 2290        all there is: hours
  python -m tests.attack --only corpus --seed 7      one attack, other files
  python -m tests.attack --only sql --no-table       look only

Ends with 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from tests.attack import report
from tests.attack.all import ATTACKS
from tests.attack.judge import Verdict
from tests.attack.plan import Plan, Tally


def bar(name: str) -> Callable[[int, int], None]:
    """A line on the terminal that says how far an attack is; nothing where there is no terminal."""

    def show(done: int, of: int) -> None:
        if sys.stderr.isatty() and of:
            full = 30 * done // of
            print(f"\r{name:<12} [{'#' * full:<30}] {done:,} of {of:,} ", end="", file=sys.stderr, flush=True)

    return show


def arguments(said: Sequence[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.attack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = ", ".join(ATTACKS)
    parser.add_argument("--only", nargs="+", metavar="ATTACK", choices=list(ATTACKS), help=f"one or several of {known}")
    parser.add_argument("--files", type=int, default=300, help="hostile files of each of the five sources (300)")
    parser.add_argument("--seed", type=int, default=0, help="of the files, and of other choices (0)")
    parser.add_argument("--whole", action="store_true", help="every kill, damage and file: hours")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came of it, with each loss, as JSON")
    parser.add_argument("--no-table", action="store_true", help="leave docs/reliability.md as it is")
    return parser.parse_args(said)


def main(said: Sequence[str]) -> int:
    """Run attacks; 1 if one was not survived."""
    options = arguments(said)
    tallies: dict[str, Tally] = {}
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="ecomm-attack-") as folder:
        for name in options.only or ATTACKS:
            place = Path(folder) / name
            place.mkdir()
            plan = Plan(options.seed, options.files, options.whole, place, bar(name))
            began = time.monotonic()
            tallies[name] = ATTACKS[name].run(plan)
            show(name, tallies[name], time.monotonic() - began)
            if not options.no_table:
                write(plan, tallies)
    if options.json:
        options.json.write_text(json.dumps({name: as_json(tally) for name, tally in tallies.items()}, indent=1))
    return 1 if any(tally.lost for tally in tallies.values()) else 0


def show(name: str, tally: Tally, seconds: float) -> None:
    """What came of an attack, for who waits for it."""
    end = "\r" if sys.stderr.isatty() else ""
    print(
        f"{end}{name:<12} {tally.tried:>7,} tried, {len(tally.lost):,} lost, {seconds:,.0f} s  {tally.note}", flush=True
    )
    for reader, figures in tally.figures.items():
        print(f"  {reader}: {', '.join(f'{number:,} {what}' for what, number in figures.items())}")
    for one in tally.lost:
        print(f"  LOST {one}", flush=True)


def write(plan: Plan, tallies: dict[str, Tally]) -> None:
    """Put what came of attacks into the page; rows of others stay."""
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    page = report.PAGE.read_text(encoding="utf-8")
    rows = [report.row(ATTACKS[name], plan, tally, day) for name, tally in tallies.items() if not tally.figures]
    page = report.updated(page, "attacks", report.HEAD, rows, f"{report.machine()}.")
    for tally in tallies.values():
        if tally.figures:
            head = ("reader", *(verdict.value for verdict in Verdict))
            above = f"{day}, seed {plan.seed}: {tally.tried:,} files."
            page = report.updated(page, "readers", head, report.readers(tally.figures), above)
    report.PAGE.write_text(page, encoding="utf-8")


def as_json(tally: Tally) -> dict[str, object]:
    """A tally for other programs."""
    return {
        "tried": tally.tried,
        "survived": tally.survived,
        "lost": list(tally.lost),
        "note": tally.note,
        "figures": tally.figures,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
