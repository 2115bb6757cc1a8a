"""What processing_log says of each task: `python -m benchmarks.steps WAREHOUSE OUT`; a process of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from deltalake import DeltaTable


def main(warehouse: Path, out: Path) -> None:
    """Write batch_id -> task -> seconds, as JSON."""
    rows = DeltaTable(warehouse / "processing_log").to_pyarrow_table().to_pylist()
    steps: dict[str, dict[str, float]] = {}
    for batch in sorted({r["batch_id"] for r in rows}):
        mine = sorted((r for r in rows if r["batch_id"] == batch and r["started_at"]), key=lambda r: r["started_at"])
        steps[batch] = {r["task"]: float(r["seconds"]) for r in mine}
        span = max(r["ended_at"] for r in mine) - min(r["started_at"] for r in mine)
        steps[batch]["all tasks"] = span.total_seconds()
    out.write_text(json.dumps(steps))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    os._exit(0)  # pyarrow and deltalake in one process sometimes abort at exit
