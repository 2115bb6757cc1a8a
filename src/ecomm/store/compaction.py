"""Small files put together: which ones are worth it, and DuckDB writes them anew, whatever engine wrote them.

An engine would scatter the rows over as many files as it has tasks, and lose their order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from ecomm.engines.deltafiles import worth_rewriting
from ecomm.store.datafiles import DataFile, by_partition
from ecomm.store.duckdb_catalog import View, quoted, select, text

_LARGE = 64 << 20
"""Bytes from which on a file is not put together with others."""
_MEMORY = "1GB"


def small_ones(files: Sequence[DataFile]) -> list[list[DataFile]]:
    """The files of a table that are worth putting together: in each partition those small beside the others."""
    found = []
    for of_partition in by_partition(files).values():
        ordered = sorted((f for f in of_partition if f.bytes < _LARGE), key=lambda f: (f.bytes, f.path))
        if number := worth_rewriting([file.bytes for file in ordered]):
            found.append(ordered[:number])
    return found


def rewrite(table: Path, view: View, folder: Path, partition: Collection[str], by: Sequence[str], work: Path) -> None:
    """Write the rows of a view as Parquet files into a folder of its table.

    partition: the partition columns, which no file holds. by: columns by which the rows are ordered. work: where DuckDB
    keeps what its memory does not hold. Raises duckdb.Error.
    """
    import duckdb

    columns = ", ".join(quoted(c.name) for c in view.columns if c.name not in partition)
    order = f" ORDER BY {', '.join(map(quoted, by))}" if by else ""
    query = f"SELECT {columns} FROM ({select(table, view)}){order}"
    folder.mkdir(parents=True)
    with duckdb.connect(config={"autoinstall_known_extensions": False, "memory_limit": _MEMORY}) as connection:
        connection.execute(f"SET temp_directory = {text(str(work))}")
        connection.execute("SET TimeZone = 'UTC'")
        file = text(str(folder / "part-0.parquet"))
        connection.execute(f"COPY ({query}) TO {file} (FORMAT parquet, COMPRESSION snappy)")
