"""Are two warehouses equal? `python -m benchmarks.equal ONE OTHER`; a process of its own, for it needs memory.

Of every table but the journals all rows count, with all their columns. A table's rows are compared by their number and
the sum of their hashes, whatever their order.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from ecomm.tables import CATALOGUE


def told(table: Path) -> tuple[object, ...]:
    """The columns, the number of rows, and the sum of the rows' hashes."""
    delta = DeltaTable(table)
    columns = [field.name for field in delta.schema().fields]
    with duckdb.connect() as connection:
        connection.register("rows", delta.to_pyarrow_dataset())
        hashed = f"hash(({', '.join(columns)}))::HUGEINT"
        return (columns, *connection.sql(f"SELECT count(*), sum({hashed}) FROM rows").fetchall()[0])


def main(one: Path, other: Path) -> int:
    """Compare every table; 1 if one differs."""
    names = [name for name, table in CATALOGUE.items() if not table.journal]
    wrong = [name for name in names if told(one / name) != told(other / name)]
    print(f"{len(names)} tables compared; different: {', '.join(wrong) or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(code)  # pyarrow and deltalake in one process sometimes abort at exit
