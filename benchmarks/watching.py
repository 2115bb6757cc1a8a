"""From the last byte of a batch to its publication by a watcher: `python -m benchmarks.watching SHOPS OUT`.

SHOPS is a folder for the shops. Each gets the first sample day, then, with the engine up, the second: its time counts.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path

from benchmarks.days import DAYS
from benchmarks.measure import Line, Report, Timing, as_json, cpu_seconds, module, run
from benchmarks.shop import HERE, PYTHON, SAMPLE, Shop, place

AIM = 3.0  # seconds, 95 of 100 batches


def watching(cache: Path, repeat: int) -> Report:
    """The second sample day, four times as often as other benchmarks run, for a quantile is asked."""
    report = Report("watching", facts={"repeat": repeat * 4})
    with place(cache) as folder:
        run(module(PYTHON, "benchmarks.watching", folder, folder / "out.json", repeat * 4), folder / "log", HERE)
        found = as_json(folder / "out.json")
    line = Line("complete to published", [Timing(*timing) for timing in found])
    late = sorted(timing.wall for timing in line.timings)[-(-len(found) * 95 // 100) - 1]
    line.aim, line.met = f"p95 {late:.2f} s <= {AIM:g} s", late <= AIM
    report.lines.append(line)
    return report


def main(folder: Path, out: Path, repeat: int) -> None:
    """Watch one shop after the other."""
    from ecomm import settings  # not by the process that measures, which stays small
    from ecomm.engines.sessions import peak_memory_mb
    from ecomm.transaction import Outcome
    from ecomm.watch import Watch

    told: queue.Queue[float] = queue.Queue()

    def tell(outcome: Outcome, waited: float | None) -> None:
        if waited is not None:
            assert outcome.status == "published", outcome
            told.put(time.monotonic())

    runs = []
    for n in range(repeat):
        shop = Shop(folder / f"{n:03d}")
        config = settings.load(landing=shop.landing, warehouse=shop.warehouse)
        watch = Watch(config, tell=tell)
        shop.deliver(SAMPLE, DAYS[0])
        thread = threading.Thread(target=watch.run)
        thread.start()
        for day in DAYS:
            if day != DAYS[0]:
                shop.deliver(SAMPLE, day)
            began, spent = time.monotonic(), cpu_seconds()
            took = told.get(timeout=300) - began
        runs.append((took, cpu_seconds() - spent, peak_memory_mb()))
        watch.stop()
        thread.join()
    out.write_text(json.dumps(runs))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.flush()
    os._exit(0)  # pyarrow and deltalake in one process sometimes abort at exit
