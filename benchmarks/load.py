"""A first load of many orders, then a daily delta, against reading and writing the same rows once."""

from __future__ import annotations

from pathlib import Path

from benchmarks.days import DAYS
from benchmarks.measure import Line, Report, Timing, module, ratio, run
from benchmarks.shop import HERE, PYTHON, Shop, big_data, gathered, place, steps

AIM = 12.0  # times the yardstick


def load(cache: Path, repeat: int, orders: int) -> Report:
    """Both days, ours and the yardstick in turns."""
    data = big_data(cache, orders)
    names = {DAYS[0]: "first load", DAYS[1]: "daily delta"}
    report = Report("load", ratio="ours / yardstick", facts={"orders": orders, "repeat": repeat})
    ours: dict[str, list[Timing]] = {day: [] for day in DAYS}
    yardstick: dict[str, list[Timing]] = {day: [] for day in DAYS}
    for _ in range(repeat):
        with place(cache) as folder:
            shop = Shop(folder)
            for day in DAYS:
                shop.deliver(data, day)
                command = module(PYTHON, "benchmarks.yardstick", data, day, folder / f"yardstick_{day}")
                yardstick[day].append(run(command, folder / "yardstick.log", HERE))
                ours[day].append(shop.publish())
            for day, tasks in zip(DAYS, steps(shop.warehouse).values(), strict=True):
                tasks["start, claim, archive, exit"] = ours[day][-1].wall - tasks.pop("all tasks")
                gathered(report.steps.setdefault(f"ours, {names[day]} (01-05 run side by side)", {}), tasks)
    for day in DAYS:
        report.lines.append(Line(f"yardstick, {names[day]}", yardstick[day]))
        times = ratio(ours[day], yardstick[day])
        report.lines.append(Line(f"ours, {names[day]}", ours[day]).times(times, at_most=AIM))
    return report
