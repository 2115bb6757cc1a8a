"""Sixty small batches, one after the other with the engine up: `python -m benchmarks.sixty FOLDER OUT`."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ecomm import settings, transaction
from ecomm.batch import Plan
from ecomm.engines import start
from ecomm.maintain import maintain_if_due
from ecomm.session import open_warehouse

BATCHES, ROWS = 60, 200


def main(folder: Path, out: Path) -> None:
    """Publish them, each by a run of its own, and write down the seconds of each."""
    config = settings.load(landing=folder / "landing", warehouse=folder / "warehouse")
    engine, chance, seconds = start(config), random.Random(1), list[float]()
    for n in range(BATCHES + 1):
        _batch(folder / "landing", n, chance)
        began = time.monotonic()
        session = open_warehouse(config, engine)
        (candidate,) = session.landing.scan(session.log, datetime.now(UTC))
        assert candidate.trigger is not None
        outcome = transaction.run_batch(session, Plan(candidate.trigger, files=candidate.files))
        assert outcome.status == "published", outcome
        maintain_if_due(session)
        seconds.append(time.monotonic() - began)
    out.write_text(json.dumps(seconds[1:]))  # the first makes the warehouse and the engine warm
    engine.stop()


def _batch(landing: Path, n: int, chance: random.Random) -> None:
    """Orders and customers of a day, in files that a trigger announces."""
    orders = [f"O{chance.randrange(300)},C{chance.randrange(100)},P{n % 100},2024-12-01,{i}" for i in range(ROWS)]
    customers = [f"C{chance.randrange(100)},{chance.choice(['Rome', 'Oslo'])}" for _ in range(ROWS // 4)]
    _drop(landing, "orders", n, "order_id,customer_id,product_id,order_date,order_amount", orders)
    _drop(landing, "customers", n, "customer_id,city", customers)
    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=n)
    trigger = {"trigger_id": f"b{n}", "trigger_timestamp": at.isoformat()}
    files = [f"orders{n}.csv", f"customers{n}.csv"]
    folder = landing / "trigger_data" / "source"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"b{n}.json").write_text(json.dumps({**trigger, "expected_files": files}))


def _drop(landing: Path, source: str, n: int, header: str, rows: list[str]) -> None:
    folder = landing / f"{source}_data" / "source"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{source}{n}.csv").write_text("\n".join([header, *dict.fromkeys(rows)]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(0)  # pyarrow and deltalake in one process sometimes abort at exit
