"""Are a peer's tables equal to ours? `python -m benchmarks.peers.compare OURS THEIRS OUT`; a process of its own.

Of a target the key, the tracked columns, effective_date, expiry_date and is_current are compared, of the other tables
all that both have. A row that only one side has, or has more often, is a difference, and differences end in an error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from ecomm.analytics import analytics_summary
from ecomm.sources import SOURCES
from ecomm.transforms import enrich

VERSION = ("effective_date", "expiry_date", "is_current")


def compared() -> dict[str, tuple[str, ...]]:
    """table -> the columns that must be equal."""
    columns = {f"{s.name}_target": (*s.key, *(c for c, _ in s.tracked), *VERSION) for s in SOURCES.values()}
    columns |= {"enriched_orders": tuple(f.name for f in enrich.FIELDS)}
    return columns | {"analytics_summary": tuple(f.name for f in analytics_summary.FIELDS)}


def difference(ours: Path, theirs: Path, table: str, wanted: tuple[str, ...]) -> dict[str, object]:
    """How many rows there are, and those that one side lacks."""
    sides = {side: DeltaTable(folder / table) for side, folder in (("ours", ours), ("theirs", theirs))}
    there = {field.name for field in sides["theirs"].schema().fields}
    columns = ", ".join(dict.fromkeys(c for c in wanted if c in there))
    with duckdb.connect() as connection:
        for side, delta in sides.items():
            connection.register(side, delta.to_pyarrow_dataset())
        found: dict[str, object] = {"columns": columns}
        for one, other in (("ours", "theirs"), ("theirs", "ours")):
            only = f"(SELECT {columns} FROM {one} EXCEPT ALL SELECT {columns} FROM {other})"
            found[one] = connection.sql(f"SELECT count(*) FROM {one}").fetchall()[0][0]
            found[f"only {one}"] = connection.sql(f"SELECT count(*) FROM {only}").fetchall()[0][0]
            if found[f"only {one}"]:
                found[f"examples {one}"] = str(connection.sql(f"SELECT * FROM {only} ORDER BY ALL LIMIT 2").fetchall())
    return found


def main(ours: Path, theirs: Path, out: Path) -> int:
    """Compare every table that the peer wrote."""
    found = {
        table: difference(ours, theirs, table, columns)
        for table, columns in compared().items()
        if DeltaTable.is_deltatable(str(theirs / table))
    }
    out.write_text(json.dumps(found))
    wrong = {table: said for table, said in found.items() if said["only ours"] or said["only theirs"]}
    for table, said in wrong.items():
        print(f"{table} differs:", *(f"  {name}: {value}" for name, value in said.items()), sep="\n")
    missing = [t for t in compared() if t.startswith(("orders", "customers", "products")) and t not in found]
    if missing:
        print("not written by the peer:", *missing)
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
    sys.stdout.flush()
    os._exit(code)  # pyarrow and deltalake in one process sometimes abort at exit
