"""The repository's two sample batches: with the engine up, and from the start of a process to its exit."""

from __future__ import annotations

from pathlib import Path

from benchmarks.days import DAYS
from benchmarks.measure import Line, Report, Timing, as_json, module, run
from benchmarks.shop import HERE, PYTHON, SAMPLE, Shop, gathered, place

WARM, COLD = 2.0, 6.0  # aims: seconds a batch on 2 cores


def sample(cache: Path, repeat: int) -> Report:
    """Both days, warm and cold, each into a fresh warehouse."""
    report = Report("sample", facts={"repeat": repeat})
    _warm(cache, repeat, report)
    _cold(cache, repeat, report)
    return report


def _warm(cache: Path, repeat: int, report: Report) -> None:
    with place(cache) as folder:
        for i in range(repeat + 1):
            for day in DAYS:
                Shop(folder / "shops" / f"{i:03d}").deliver(SAMPLE, day)
        run(module(PYTHON, "benchmarks.warm", folder / "shops", folder / "out.json"), folder / "warm.log", HERE)
        found = as_json(folder / "out.json")
    for day in DAYS:
        mine = [said[f"batch_{day}"] for said in found["runs"]]
        timings = [Timing(said.pop("wall"), said.pop("cpu"), found["peak_mb"]) for said in mine]
        report.lines.append(Line(f"warm, {day}", timings).at_most_seconds(WARM))
        steps: dict[str, list[float]] = {}
        for said in mine:
            gathered(steps, said)
        report.steps[f"warm, {day} (01-05 run side by side)"] = steps


def _cold(cache: Path, repeat: int, report: Report) -> None:
    timings: dict[str, list[Timing]] = {day: [] for day in DAYS}
    for _ in range(repeat):
        with place(cache) as folder:
            shop = Shop(folder)
            for day in DAYS:
                shop.deliver(SAMPLE, day)
                timings[day].append(shop.publish())
    for day in DAYS:
        report.lines.append(Line(f"cold, {day}", timings[day]).at_most_seconds(COLD))
