"""The yardstick: DuckDB reads a day's CSVs, deltalake writes them once, nothing else is done.

`python -m benchmarks.yardstick DATA DAY INTO`; a process of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import duckdb
from deltalake import write_deltalake

from benchmarks.days import SOURCES


def main(data: Path, day: str, into: Path) -> None:
    """One table a file."""
    for source in SOURCES:
        rows = duckdb.read_csv(str(data / f"{source}_{day}.csv"))
        write_deltalake(into / source, rows.to_arrow_reader())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    os._exit(0)  # as our own program does
