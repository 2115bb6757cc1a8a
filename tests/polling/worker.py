"""A process that does to a shop what its input says, a command a line; its engine stays. It may be killed at any time.

    python -m tests.polling.worker LANDING WAREHOUSE

`run`, `undo BATCH`, `replay BATCH`, `maintain`. It answers each command with a line of JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import structlog

from ecomm import maintain, pipeline, revise, session
from ecomm.engines import start
from ecomm.errors import EcommError
from ecomm.settings import load


def main(landing: Path, warehouse: Path) -> None:
    """Work until the input ends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # answers alone are told
    settings = load(landing=landing, warehouse=warehouse, memory_mb=2048)
    engine = start(settings)
    setattr(engine, "stop", lambda: None)  # noqa: B010 - it is used by every command
    setattr(session, "start_engine", lambda _: engine)  # noqa: B010
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        verb, _, batch = line.strip().partition(" ")
        try:
            if verb == "run":
                outcomes = pipeline.run(settings)
            elif verb == "undo":
                outcomes = [revise.undo(settings, batch, "a test")]
            elif verb == "replay":
                outcomes = revise.replay(settings, f"batch:{batch}")
            else:
                maintain.maintain(settings)
                outcomes = []
            print(json.dumps({"outcomes": [(o.batch_id, o.status, o.reason) for o in outcomes]}), flush=True)
        except EcommError as error:
            print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
