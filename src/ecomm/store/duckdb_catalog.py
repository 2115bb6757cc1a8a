"""`catalog.duckdb`: a DuckDB database with one view a published table, all of one moment.

Any program with a DuckDB driver reads whole batches with it. A view names the files of its table, so a program that has
the database open goes on seeing its moment. It is made beside the old one and takes its place by one rename.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecomm.contract import Field
from ecomm.engines import deltafiles
from ecomm.store.datafiles import DataFile, by_partition

NAME = "catalog.duckdb"
_TYPES = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ", "boolean": "BOOLEAN", "int": "INTEGER", "double": "DOUBLE"}


@dataclass(frozen=True)
class View:
    """A published table: its comment, its columns and its files. revisions: only these are shown; None: all rows."""

    comment: str
    columns: Sequence[Field]
    files: Sequence[DataFile]
    revisions: Sequence[int] | None = None


def write(warehouse: Path, views: Mapping[str, View]) -> None:
    """Make the database of a warehouse. views: name -> what it shows. Raises OSError, duckdb.Error."""
    import duckdb

    part = warehouse / f"{NAME}.part"
    part.unlink(missing_ok=True)
    with duckdb.connect(part, config={"autoinstall_known_extensions": False}) as connection:
        connection.begin()  # each statement by itself would be a write to the disk
        for name, view in views.items():
            statements = [f"CREATE VIEW {quoted(name)} AS {select(warehouse / name, view)}"]
            statements.append(f"COMMENT ON VIEW {quoted(name)} IS {text(view.comment)}")
            statements += [
                f"COMMENT ON COLUMN {quoted(name)}.{quoted(c.name)} IS {text(c.comment)}" for c in view.columns
            ]
            connection.execute("; ".join(statements))
        connection.commit()
    deltafiles.fsync(part)
    part.rename(warehouse / NAME)
    deltafiles.fsync(warehouse)


def select(table: Path, view: View) -> str:
    """A query that gives the rows of some files of a table; a column that none of them has is NULL."""
    columns = ", ".join(f"CAST({quoted(c.name)} AS {_type(c.type)}) AS {quoted(c.name)}" for c in view.columns)
    nothing = ", ".join(f"CAST(NULL AS {_type(c.type)}) AS {quoted(c.name)}" for c in view.columns)
    parts = [f"SELECT {nothing} WHERE false"]
    for partition, files in by_partition(view.files).items():
        known = "".join(f", {text(value)} AS {quoted(column)}" for column, value in partition)
        listed = ", ".join(text(str((table / file.path).absolute())) for file in files)
        parts.append(f"SELECT *{known} FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false)")
    rows = f"SELECT {columns} FROM ({' UNION ALL BY NAME '.join(parts)})"
    if view.revisions is None:
        return rows
    return f"{rows} WHERE revision IN ({', '.join(map(str, view.revisions)) or 'NULL'})"


def _type(spark_type: str) -> str:
    """The DuckDB type of a Spark type's name."""
    if spark_type.startswith("array<"):
        return f"{_type(spark_type[6:-1])}[]"
    if spark_type.startswith("map<string,"):
        return f"MAP(VARCHAR, {_type(spark_type[11:-1])})"
    if spark_type.startswith("struct<"):
        fields = (part.split(":", 1) for part in deltafiles.parts(spark_type[7:-1]))
        return f"STRUCT({', '.join(f'{quoted(name)} {_type(of)}' for name, of in fields)})"
    return _TYPES.get(spark_type, spark_type.upper())


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"
