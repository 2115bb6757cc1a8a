"""Put mistakes into modules, and count those that their tests find.

examples:
  python -m tests.mutants                                      all modules, all mistakes: many hours
  python -m tests.mutants --only ecomm.batches.ledger --sample 30   30 of one module, chosen by --seed
"""

from __future__ import annotations

import argparse
import json
import os
import random
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import deltalake  # noqa: F401 - the copies of this process need not import it again
import duckdb  # noqa: F401
import hypothesis  # noqa: F401
import pandas as pd  # noqa: F401
import pyarrow.parquet  # noqa: F401
import pyspark.sql.connect.session  # noqa: F401
import pytest

from tests.attack import report
from tests.mutants.mistakes import Mistake, mistakes
from tests.mutants.modules import MODULES, ROOT, Module

HEAD = ("module", "mistakes", "tried", "found", "not found", "day")
HOOK = Path(__file__).parent / "hook"


@dataclass(frozen=True)
class Result:
    """What became of a module's mistakes. possible: how many there are."""

    possible: int
    tried: int
    survived: tuple[Mistake, ...]


def tested(module: Module, tests: Sequence[str], source: str, folder: Path, seconds: float) -> bool:
    """These tests pass with this source in the module's place; one that does not end has failed.

    They run in a copy of this process, which has imported the libraries, and none of the program.
    """
    changed = folder / "changed.py"
    changed.write_text(source, encoding="utf-8")
    child = os.fork()
    if child == 0:
        _run(module, tests, changed, folder)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if (ended := os.waitpid(child, os.WNOHANG)) != (0, 0):
            return os.waitstatus_to_exitcode(ended[1]) == 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run(module: Module, tests: Sequence[str], changed: Path, folder: Path) -> NoReturn:
    """Run the tests in this process, and end it. Processes that they start read the changed module too."""
    os.setsid()
    os.environ["PYTHONPATH"] = f"{HOOK}{os.pathsep}{ROOT}"
    os.environ["MUTANT_MODULE"], os.environ["MUTANT_PLACE"] = module.name, str(module.place)
    os.environ["MUTANT_SOURCE"] = str(changed)
    runpy.run_path(str(HOOK / "sitecustomize.py"))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    plain = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", f"--basetemp={folder / 'tests'}"]
    os._exit(pytest.main([*plain, "-m", module.marks, *tests]))


def judged(module: Module, sample: int, seed: int, folder: Path) -> Result:
    """Try a module's mistakes. Raises SystemExit if its tests fail without one."""
    source = module.place.read_text(encoding="utf-8")
    possible = mistakes(source)
    chosen = possible if len(possible) <= sample else random.Random(seed).sample(possible, sample)
    limits: dict[tuple[str, ...], float] = {}

    def passes(tests: tuple[str, ...], one: str) -> bool:
        """The tests pass. At first they are run without a mistake, which says how long they may take."""
        if tests not in limits:
            began = time.monotonic()
            if not tested(module, tests, source, folder, 3600):
                raise SystemExit(f"{module.name}: its tests fail without a mistake")
            limits[tests] = 60 + 5 * (time.monotonic() - began)
        return tested(module, tests, one, folder, limits[tests])

    survived = []
    for number, one in enumerate(sorted(chosen, key=lambda m: m.line), start=1):
        passed = passes(module.tests, one.source) and (not module.more or passes(module.more, one.source))
        print(
            f"{module.name} {number}/{len(chosen)} line {one.line}: {'SURVIVED' if passed else 'found'} {one.what}",
            flush=True,
        )
        if passed:
            survived.append(one)
    return Result(len(possible), len(chosen), tuple(survived))


def arguments(said: Sequence[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(MODULES), metavar="MODULE", help="one or several modules")
    parser.add_argument("--sample", type=int, default=10_000, help="the most mistakes that are tried of a module (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what survived")
    parser.add_argument("--no-table", action="store_true", help="leave docs/reliability.md as it is")
    return parser.parse_args(said)


def main(said: Sequence[str]) -> int:
    """Judge modules; 1 if a tenth of the mistakes or more were not found."""
    options = arguments(said)
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="ecomm-mutants-") as folder:
        for name in options.only or MODULES:
            results[name] = judged(MODULES[name], options.sample, options.seed, Path(folder))
            if not options.no_table:
                write(results, options.seed)
    if options.json:
        survived = {name: [f"line {m.line}: {m.what}" for m in r.survived] for name, r in results.items()}
        options.json.write_text(json.dumps(survived, indent=1, ensure_ascii=False))
    tried = sum(result.tried for result in results.values())
    return 1 if 10 * sum(len(result.survived) for result in results.values()) > tried else 0


def write(results: dict[str, Result], seed: int) -> None:
    """Put what came of it into the page; rows of other modules stay."""
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    rows = [
        (f"`{name}`", str(r.possible), str(r.tried), str(r.tried - len(r.survived)), str(len(r.survived)), day)
        for name, r in results.items()
    ]
    page = report.PAGE.read_text(encoding="utf-8")
    said = f"Where fewer were tried than there are, they are a random sample (seed {seed})."
    report.PAGE.write_text(report.updated(page, "mutants", HEAD, rows, said), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
