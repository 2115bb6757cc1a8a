"""The same batches on the embedded engine and on a local Apache Spark, in one run; every table must come out equal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.days import DAYS
from benchmarks.measure import Line, Report, Timing, module, ratio, run
from benchmarks.shop import HERE, PYTHON, SAMPLE, Shop, big_data, gathered, place, steps

ENGINES = ("sail", "spark")
SIZES = [0, 1_000_000, 5_000_000]
"""Orders of the first day; 0 is the sample."""


def engines(cache: Path, repeat: int, sizes: Sequence[int] = SIZES) -> Report:
    """Some sizes, both days, both engines in turns. Raises BenchmarkError if a table differs."""
    report = Report("engines", "spark / sail", {"repeat": repeat, "outputs": "equal, all columns of all tables"})
    cache.mkdir(parents=True, exist_ok=True)
    run([str(PYTHON.with_name("ecomm")), "engine", "install", "spark"], cache / "install.log", HERE)
    for orders in sizes:
        _both(cache, repeat, orders, report)
    return report


def _both(cache: Path, repeat: int, orders: int, report: Report) -> None:
    data, size = (big_data(cache, orders), f"{orders / 1e6:g} M orders") if orders else (SAMPLE, "sample")
    timings: dict[tuple[str, str], list[Timing]] = {(engine, day): [] for engine in ENGINES for day in DAYS}
    for _ in range(repeat):
        with place(cache) as folder:
            shops = {engine: Shop(folder / engine) for engine in ENGINES}
            for day in DAYS:
                for engine, shop in shops.items():
                    shop.deliver(data, day)
                    timings[engine, day].append(shop.publish("--engine", engine))
            for engine, shop in shops.items():
                for nth, tasks in enumerate(steps(shop.warehouse).values(), start=1):
                    gathered(report.steps.setdefault(f"{engine}, {size}, day {nth}", {}), tasks)
            warehouses = [shop.warehouse for shop in shops.values()]
            run(module(PYTHON, "benchmarks.equal", *warehouses), folder / "equal.log", HERE)
    for nth, day in enumerate(DAYS, start=1):
        sail, spark = (timings[engine, day] for engine in ENGINES)
        report.lines.append(Line(f"sail, {size}, day {nth}", sail))
        report.lines.append(Line(f"spark, {size}, day {nth}", spark).times(ratio(spark, sail)))
