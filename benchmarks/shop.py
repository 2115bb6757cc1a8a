"""Our side of every comparison: a landing folder with a day's files in it, and the program that publishes them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.days import SOURCES
from benchmarks.measure import ROOT, Timing, as_json, module, run

PYTHON = Path(sys.executable)
SAMPLE = ROOT / "data"
HERE = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src")))}  # this checkout, wherever ecomm is installed


@dataclass(frozen=True)
class Shop:
    """A place for one run: where files land, and where the tables are."""

    folder: Path

    @property
    def landing(self) -> Path:
        """Where the files land."""
        return self.folder / "landing"

    @property
    def warehouse(self) -> Path:
        """Where the tables are."""
        return self.folder / "warehouse"

    def deliver(self, data: Path, day: str) -> None:
        """Put a day's files and its trigger into landing, as hard links."""
        for source in SOURCES:
            _link(data / f"{source}_{day}.csv", self.landing / f"{source}_data" / "source")
        _link(data / f"trigger_{day}.json", self.landing / "trigger_data" / "source")

    def publish(self, *options: str) -> Timing:
        """Run `ecomm run`, from the start of the process to its exit."""
        ecomm = str(PYTHON.with_name("ecomm"))
        command = [ecomm, "run", "--landing", str(self.landing), "--warehouse", str(self.warehouse), *options]
        return run(command, self.folder / "ecomm.log", HERE)


def steps(warehouse: Path) -> dict[str, dict[str, float]]:
    """batch -> task -> seconds, from processing_log, and `all tasks`: from the first start to the last end."""
    out = warehouse.with_name("steps.json")
    run(module(PYTHON, "benchmarks.steps", warehouse, out), warehouse.with_name("steps.log"), HERE)
    found: dict[str, dict[str, float]] = as_json(out)
    return found


def _link(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, folder / file.name)
    except OSError:  # another file system
        shutil.copyfile(file, folder / file.name)


@contextmanager
def place(cache: Path) -> Iterator[Path]:
    """A folder of its own for one run, which goes afterwards."""
    runs = cache / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(dir=runs))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def big_data(cache: Path, orders: int) -> Path:
    """The generated files of a big shop; written at the first call."""
    folder = cache / "data" / str(orders)
    folder.mkdir(parents=True, exist_ok=True)
    run(module(PYTHON, "benchmarks.generate", orders, folder), folder / "generate.log", HERE)
    return folder


def gathered(into: dict[str, list[float]], steps: dict[str, float]) -> None:
    """Add one run's steps to those of the runs before."""
    for step, seconds in steps.items():
        into.setdefault(step, []).append(seconds)
