"""Timing of processes, and how figures are summed up, shown and stored.

The process that measures stays small: what Linux says of a child's greatest memory includes that of the process which
started it, at that moment. So generating, computing and comparing are done in children.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ("ECOMM_", "SPARK_", "PYSPARK_")  # what a machine may have set for other programs
LIBRARIES = ("pysail", "pyspark-client", "deltalake", "duckdb", "pyarrow")


class BenchmarkError(Exception):
    """A child failed, or two programs disagree: the figures are worth nothing."""


@dataclass(frozen=True)
class Timing:
    """One run: seconds on the wall, seconds of all cores, the greatest memory of a process in it (MiB)."""

    wall: float
    cpu: float
    peak_mb: int

    def __add__(self, other: Timing) -> Timing:
        return Timing(self.wall + other.wall, self.cpu + other.cpu, max(self.peak_mb, other.peak_mb))


@dataclass
class Line:
    """What was measured of one thing, and what it is compared with.

    ratio: our time by the other's, or the other's by ours, as the heading says. aim: the greatest value that `value`
    may have, or the least if at_least.
    """

    name: str
    timings: list[Timing]
    ratio: float | None = None
    aim: str = ""
    met: bool | None = None

    @property
    def seconds(self) -> float:
        """The median."""
        return median(t.wall for t in self.timings)

    def at_most_seconds(self, aim: float) -> Line:
        """Judge the median by an aim in seconds."""
        self.aim, self.met = f"<= {aim:g} s", self.seconds <= aim
        return self

    def times(self, ratio: float, *, at_most: float | None = None, at_least: float | None = None) -> Line:
        """Judge a ratio by an aim, or only note it."""
        self.ratio = ratio
        if at_most is not None:
            self.aim, self.met = f"<= {at_most:g} x", ratio <= at_most
        elif at_least is not None:
            self.aim, self.met = f">= {at_least:g} x", ratio >= at_least
        return self


@dataclass
class Report:
    """A benchmark's figures. ratio: what the column of ratios says. steps: seconds of each run, by group and step."""

    benchmark: str
    ratio: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    steps: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    load_before: tuple[float, ...] = field(default_factory=os.getloadavg)

    def show(self) -> None:
        """Print the figures as tables."""
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        print(f"\n{self.benchmark}: {facts}\n{_machine_text()}, load {self.load_before[0]:.1f} before", end="")
        print(f" and {os.getloadavg()[0]:.1f} after" + (f"\nratio = {self.ratio}" if self.ratio else ""))
        print(f"{'':44}{'median':>9}{'min':>9}{'max':>9}{'CPU s':>9}{'peak MB':>9}{'ratio':>8}  aim")
        for line in self.lines:
            walls = [t.wall for t in line.timings]
            numbers = (*(f"{v:9.2f}" for v in (line.seconds, min(walls), max(walls))), f"{_cpu(line):9.2f}")
            ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
            verdict = "" if line.met is None else f"{line.aim}: {'met' if line.met else 'not met'}"
            print(f"{line.name:44}{''.join(numbers)}{_peak(line):9d}{ratio:>8}  {verdict}".rstrip())
        for group, steps in self.steps.items():
            print(f"\n{group}, seconds")
            for step, seconds in steps.items():
                print(f"  {step:42}{median(seconds):9.2f}{min(seconds):9.2f}{max(seconds):9.2f}")

    def plain(self) -> dict[str, Any]:
        """The figures for JSON."""
        lines = [
            asdict(line) | {"median": line.seconds, "cpu_median": _cpu(line), "peak_mb": _peak(line)}
            for line in self.lines
        ]
        return {
            "benchmark": self.benchmark,
            "started_at": self.started_at,
            "load": {"before": self.load_before, "after": os.getloadavg()},
            "machine": machine(),
            "facts": self.facts,
            "ratio": self.ratio,
            "lines": lines,
            "steps": self.steps,
        }


def median(values: Iterable[float]) -> float:
    """The median of some seconds."""
    return statistics.median(values)


def ratio(one: Sequence[Timing], other: Sequence[Timing]) -> float:
    """How many times as long the one takes: the ratio of the medians."""
    return median(t.wall for t in one) / median(t.wall for t in other)


def _cpu(line: Line) -> float:
    return median(t.cpu for t in line.timings)


def _peak(line: Line) -> int:
    return max(t.peak_mb for t in line.timings)


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "revision": revision(),
        "cores": cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES},
    }


def revision() -> str:
    """The commit that is measured; `-dirty` if the program differs from it."""
    marked = ROOT / "REVISION"  # a copy without its history says it there
    if marked.is_file():
        return marked.read_text().strip()
    git = ["git", "-C", str(ROOT)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        ).stdout
        changed = subprocess.run(
            [*git, "status", "--porcelain", "src"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.strip() + ("-dirty" if changed.strip() else "")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _machine_text() -> str:
    return ", ".join(f"{value} {name}" if name == "cores" else f"{name} {value}" for name, value in machine().items())


def run(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Timing:
    """Run a program from start to exit. Its output goes to `log`. Raises BenchmarkError if it fails."""
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)} | dict(env or {})
    os.sync()  # what was written before is not to be paid for by this one
    with log.open("wb") as out:
        started = time.monotonic()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=surroundings,
            cwd=log.parent,  # no settings file lies there
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise BenchmarkError(f"{' '.join(command)}\nended with {child.returncode}:\n{tail}")
    peak = used.ru_maxrss >> (20 if platform.system() == "Darwin" else 10)
    return Timing(wall, used.ru_utime + used.ru_stime, peak)


def cpu_seconds() -> float:
    """CPU seconds of this process and, where Linux tells, of those that it has started and that still run."""
    running = [int(pid) for told in Path("/proc/self/task").glob("*/children") for pid in told.read_text().split()]
    told = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in running]
    return time.process_time() + sum(int(one[11]) + int(one[12]) for one in told) / os.sysconf("SC_CLK_TCK")


def module(python: Path, name: str, *arguments: object) -> list[str]:
    """The command that runs one of our modules with some Python."""
    return [str(python), "-m", name, *map(str, arguments)]


def as_json(path: Path) -> Any:
    """What a child left behind."""
    return json.loads(path.read_text())
