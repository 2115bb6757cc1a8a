"""Stage has what the files say: the landed text and stage's files, read by another reader than the engine (DuckDB).

Which records are in stage is compared for every file. Values are compared where a cell is written so plainly that it
can mean one thing only (`A1`, `12.50`, `2025-01-31`), and its shape says nothing of how such a cell is to be read. They
are not compared in files that a cluster has landed, nor in records that were corrected or are of forgotten people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecomm.batch import Batch, OpenedFile
from ecomm.batches.corrections import of_file
from ecomm.batches.entry import FileEntry
from ecomm.contract import ContractColumn, Source
from ecomm.money import MONEY
from ecomm.store.duckdb_catalog import quoted, select, text
from ecomm.tables import stage_name
from ecomm.tasks.land import landed_at

if TYPE_CHECKING:
    import duckdb

_NUMBER = ("TRY_CAST({cell} AS DECIMAL(18,4))", r"[0-9]{1,14}(\.[0-9]{1,2})?")
_PLAIN = {
    "string": ("{cell}", "[A-Za-z0-9]([ -~]*[A-Za-z0-9])?"),
    "bigint": ("TRY_CAST({cell} AS BIGINT)", "[0-9]{1,18}"),
    "date": ("TRY_CAST({cell} AS DATE)", "(1[7-9]|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}"),
    "decimal(18,4)": _NUMBER,
    MONEY: _NUMBER,
}
"""The value of a cell that is written plainly, and how such a cell is written; of types whose cells need no setting."""


def has_other_records(
    connection: duckdb.DuckDBPyConnection, batch: Batch, source: Source, files: Sequence[FileEntry]
) -> bool:
    """Stage did not get each accepted record of a source's files once, and no other. files: what became of them."""
    stage = _stage(batch, source)
    said = "SELECT source_file, count(*), count(DISTINCT source_line) FROM ({}) GROUP BY source_file"
    found = {name: (rows, records) for name, rows, records in connection.execute(said.format(stage)).fetchall()}
    if found != {file.name: (file.rows_accepted, file.rows_accepted) for file in files if file.rows_accepted}:
        return True
    refused = batch.work.parquet(f"{source.name}_exceptions")
    if not refused:
        return False
    lost = "SELECT source_file, source_line FROM read_parquet(?) WHERE verdict <> 'flagged'"
    taken = f"SELECT 1 FROM ({stage}) SEMI JOIN ({lost}) USING (source_file, source_line) LIMIT 1"
    return bool(connection.execute(taken, [refused]).fetchall())


def has_other_values(connection: duckdb.DuckDBPyConnection, batch: Batch, source: Source) -> bool:
    """Stage has a value that is not that of its record's cell, or a record that is not in its file."""
    return any(_differs(connection, batch, source, number, file) for number, file in enumerate(batch.files_of(source)))


def _differs(
    connection: duckdb.DuckDBPyConnection, batch: Batch, source: Source, number: int, file: OpenedFile
) -> bool:
    landed = landed_at(batch.work, source, number)
    if landed.is_dir():  # a cluster has read the file; only it knows the records' numbers
        return False
    mine = f"SELECT * FROM ({_stage(batch, source)}) WHERE source_file = {text(file.name)}"
    corrected = [*of_file(batch.corrections, source.name, file.claimed.sha256), *file.claimed.erased]
    wrong = " OR ".join(["landed.source_line IS NULL", *_wrong(source, file)])
    query = (
        f"SELECT 1 FROM ({mine}) stage LEFT JOIN read_parquet(?) landed USING (source_line) "
        f"WHERE NOT list_contains(?, source_line) AND ({wrong}) LIMIT 1"
    )
    return bool(connection.execute(query, [str(landed), corrected]).fetchall())


def _wrong(source: Source, file: OpenedFile) -> list[str]:
    """For each column that can be compared a condition that its value is not the cell's."""
    header = file.header
    if not header.shape.plain_texts:
        return []
    conditions = []
    for column in source.columns:
        if column.name in header.positions and _is_as_written(column, source):
            cell = f"landed.c{header.positions[column.name]}"
            value, form = _PLAIN[column.type]
            differs = f"stage.{quoted(column.name)} IS DISTINCT FROM {value.format(cell=cell)}"
            # The form is looked at last: it is dear, and nearly no row comes so far.
            conditions.append(f"CASE WHEN {differs} THEN coalesce(regexp_full_match({cell}, {text(form)}), false) END")
    return conditions


def _is_as_written(column: ContractColumn, source: Source) -> bool:
    """Stage has the cell's own value: it is no word of a vocabulary, no code, no part of the key that is made up."""
    made_up = column.word or column.name == "currency"
    made_up |= column.name == "refund_id" and source.delivery.refunds == "rows"
    return column.type in _PLAIN and not made_up


def _stage(batch: Batch, source: Source) -> str:
    name = stage_name(source.name)
    return select(batch.store.path(name), batch.store.added(name))
