"""The sample batches with the engine up: `python -m benchmarks.warm LANDINGS OUT`; a process of its own.

LANDINGS holds one landing folder a run, with both days' files in it. The first run is not counted: it makes the engine
and the imports warm.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import cpu_seconds
from ecomm import settings, transaction
from ecomm.batch import Plan
from ecomm.batches.locks import TASKS
from ecomm.batches.trigger import State
from ecomm.engines import Engine, start
from ecomm.progress import TaskResult
from ecomm.session import open_warehouse


def publish(engine: Engine, shop: Path) -> dict[str, dict[str, float]]:
    """Publish every batch of one shop into a fresh warehouse: batch -> wall, cpu, and a line a task."""
    said: dict[str, dict[str, float]] = {}

    def listen(batch: str, task: str, result: TaskResult | None) -> None:
        if result is not None:
            said.setdefault(batch, {})[task] = result.seconds

    config = settings.load(landing=shop / "landing", warehouse=shop / "warehouse")
    session = open_warehouse(config, engine, listen)
    for candidate in session.landing.scan(session.log, datetime.now(UTC)):
        assert candidate.state is State.PENDING, candidate
        wall, cpu = time.monotonic(), cpu_seconds()
        assert candidate.trigger is not None
        outcome = transaction.run_batch(session, Plan(candidate.trigger, files=candidate.files))
        assert outcome.status == "published", outcome
        spent = {"wall": time.monotonic() - wall, "cpu": cpu_seconds() - cpu}
        said[outcome.batch_id] = spent | {task: said[outcome.batch_id][task] for task in TASKS}
    return said


def main(landings: Path, out: Path) -> None:
    """Publish every shop, one after the other, with one engine."""
    engine = start(settings.load())
    runs = [publish(engine, shop) for shop in sorted(landings.iterdir())]
    out.write_text(json.dumps({"runs": runs[1:], "peak_mb": engine.peak_memory_mb()}))
    engine.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(0)  # pyarrow and deltalake in one process sometimes abort at exit
