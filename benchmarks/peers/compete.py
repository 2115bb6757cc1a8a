"""Ours beside what people write today: all tables by plain PySpark, the histories alone by Polars; equal outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.days import DAYS
from benchmarks.measure import Line, Report, Timing, module, ratio, run
from benchmarks.peers import environments
from benchmarks.peers.environments import Environment
from benchmarks.shop import HERE, PYTHON, Shop, big_data, gathered, place, steps

SAMPLE_ORDERS = 500  # as many as the sample batch has; generated, for the peers have no answer to its dirt
BIG_AIM, SAMPLE_AIM = 4.0, 10.0  # times as fast as plain PySpark


@dataclass(frozen=True)
class Peer:
    """A program that writes the same tables, or some of them."""

    name: str
    module: str
    environment: Callable[[Path], Environment]
    is_aim: bool  # the aims are about this one


PEERS = (
    Peer("PySpark + Delta", "benchmarks.peers.spark_delta", environments.spark, is_aim=True),
    Peer("Polars + deltalake, targets only", "benchmarks.peers.polars_delta", environments.polars, is_aim=False),
)


def peers(cache: Path, repeat: int, orders: int) -> Report:
    """Both sizes, both days, ours and the peers in turns; raises BenchmarkError if a table differs."""
    ready = {peer: peer.environment(cache) for peer in PEERS}
    report = Report("peers", "theirs / ours", {"orders": f"{SAMPLE_ORDERS} and {orders}", "repeat": repeat})
    for size, aim in ((SAMPLE_ORDERS, SAMPLE_AIM), (orders, BIG_AIM)):
        _compete(cache, repeat, size, aim, ready, report)
    return report


def _compete(cache: Path, repeat: int, orders: int, aim: float, ready: dict[Peer, Environment], report: Report) -> None:
    data = big_data(cache, orders)
    ours: dict[str, list[Timing]] = {day: [] for day in DAYS}
    theirs: dict[Peer, dict[str, list[Timing]]] = {peer: {day: [] for day in DAYS} for peer in PEERS}
    for _ in range(repeat):
        with place(cache) as folder:
            shop = Shop(folder)
            for day in DAYS:
                shop.deliver(data, day)
                ours[day].append(shop.publish())
                for i, (peer, environment) in enumerate(ready.items()):
                    command = module(environment.python, peer.module, data, day, folder / str(i) / "warehouse")
                    (folder / str(i)).mkdir(exist_ok=True)
                    theirs[peer][day].append(run(command, folder / str(i) / "peer.log", environment.env))
            for i, peer in enumerate(ready):
                warehouse = folder / str(i) / "warehouse"
                compare = module(PYTHON, "benchmarks.peers.compare", shop.warehouse, warehouse, folder / f"{i}.json")
                run(compare, folder / "compare.log", HERE)
                if (warehouse / "processing_log").is_dir():
                    _note_steps(report, f"{peer.name}, {orders} orders", warehouse)
            _note_steps(report, f"ours, {orders} orders", shop.warehouse)
    for day, name in zip(DAYS, ("first load", "daily delta"), strict=True):
        report.lines.append(Line(f"ours, {orders} orders, {name}", ours[day]))
        for peer, timings in theirs.items():
            line = Line(f"{peer.name}, {name}", timings[day])
            report.lines.append(line.times(ratio(timings[day], ours[day]), at_least=aim if peer.is_aim else None))


def _note_steps(report: Report, group: str, warehouse: Path) -> None:
    for batch, tasks in steps(warehouse).items():
        gathered(report.steps.setdefault(f"{group}, {batch}", {}), tasks)
