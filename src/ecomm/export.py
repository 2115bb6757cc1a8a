"""A published table as one CSV or Parquet file, for programs that do not read Delta.

The rows stand in the order of their key, so the same version gives the same file. They pass in batches: a table may be
larger than memory, for a sort that does not fit goes to disk, beside the file. The file gets its name when it is whole.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from ecomm.errors import StorageError, UsageError, sentence
from ecomm.money import DIGITS
from ecomm.tables import Table
from ecomm.warehouse import Warehouse

if TYPE_CHECKING:
    import duckdb

Form = Literal["csv", "parquet"]
_BATCH_ROWS = 1 << 16
_SORT_MEMORY = "512MB"
_SORT_THREADS = 2  # each takes its share of that memory, so more of them could find too little
# What tells apart the rows of tables that have no key: the ledger, stage, errors, journals.
_ORDER = ("seq", "as_of", "batch_id", "revision", "source_file", "source_line", "table_name", "check_name", "task")
# A spreadsheet takes a cell that begins so for a formula. A text that begins so behind apostrophes gets one too, so
# that landing can take one away from each and has the text again (`transforms.cells.as_exported`).
_FORMULA = "'=', '+', '-', '@', chr(9), chr(13)"


@dataclass(frozen=True)
class Exported:
    """What was written. entry: the ledger entry whose versions were read."""

    table: str
    format: Form
    path: Path
    rows: int
    bytes: int
    entry: int


def form_of(out: Path, said: str | None) -> Form:
    """The format that was said, else the one that the file's suffix names. Raises UsageError."""
    wanted = said or out.suffix.removeprefix(".").lower()
    if wanted == "csv":
        return "csv"
    if wanted == "parquet":
        return "parquet"
    if said is not None:
        raise UsageError(f"there is no format {said}; use --format csv or --format parquet.")
    raise UsageError(f"{out}: the name does not say which format; end it in .csv or .parquet, or use --format.")


def export(
    warehouse: Warehouse,
    catalogue: Mapping[str, Table],
    name: str,
    out: Path,
    form: str | None = None,
    *,
    force: bool = False,
    listener: Callable[[int, int], None] = lambda _done, _total: None,
) -> Exported:
    """Write a published table into a file.

    form: csv or parquet, default by the file's suffix. listener: hears how many rows of how many are written.
    Raises UsageError if there is no such table or the file cannot have this name, StorageError if reading or writing
    fails; then nothing is left behind.
    """
    data = warehouse.dataset(name)
    if out.exists() and not out.is_file():
        raise UsageError(f"{out}: this is not a file; name the file to write, such as {name}.csv.")
    if out.exists() and not force:
        raise UsageError(f"{out}: this file is there already; --force writes it anew.")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: there is no such folder; make it, or name another file with --out.")
    if out.resolve().is_relative_to(warehouse.path.resolve()):
        raise UsageError(f"{out}: this is inside the warehouse, where only tables lie; name a file elsewhere.")
    chosen = form_of(out, form)
    try:
        with tempfile.TemporaryDirectory(prefix=".ecomm-export-", dir=out.parent) as beside:
            draft = Path(beside) / "draft"
            with draft.open("wb") as file:
                rows = _write(name, data, _order(catalogue, name, data), chosen, file, Path(beside), listener)
            size = draft.stat().st_size
            draft.replace(out)
    except OSError as error:
        raise StorageError(f"{out}: cannot be written ({error.strerror}); check the folder's permissions.") from error
    return Exported(name, chosen, out, rows, size, warehouse.entry.seq)


def pour(warehouse: Warehouse, catalogue: Mapping[str, Table], name: str, form: Form, sink: IO[bytes]) -> None:
    """Write a published table into a stream, such as stdout. Raises UsageError, StorageError."""
    data = warehouse.dataset(name)
    with tempfile.TemporaryDirectory(prefix="ecomm-export-") as spill:
        _write(name, data, _order(catalogue, name, data), form, sink, Path(spill), lambda _done, _total: None)


def as_csv(rows: pa.Table) -> Iterator[bytes]:
    """Rows that were read from published tables, as CSV by the same rules; a piece at a time."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("found", rows)
        fine = _with_thousandths(connection, rows)
        columns = ", ".join(f'{_cell(f, fine)} as "{f.name}"' for f in rows.schema)
        batches = connection.sql(f"select {columns} from found").to_arrow_reader(_BATCH_ROWS)
        sink = io.BytesIO()
        with _writer("csv", sink, batches.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                yield sink.getvalue()
                sink.seek(0)
                sink.truncate()
        yield sink.getvalue()


def _order(catalogue: Mapping[str, Table], name: str, data: ds.Dataset) -> list[str]:
    key = catalogue[name].key if name in catalogue else ()
    return [c for c in (key or _ORDER) if c in data.schema.names]


def _write(
    name: str,
    data: ds.Dataset,
    order: list[str],
    form: Form,
    sink: IO[bytes],
    spill: Path,
    listener: Callable[[int, int], None],
) -> int:
    import duckdb

    done = 0
    try:
        total = data.count_rows()
        with duckdb.connect() as connection:
            connection.execute(f"SET memory_limit = '{_SORT_MEMORY}'")
            connection.execute(f"SET threads = {_SORT_THREADS}")
            connection.execute("SET temp_directory = $folder", {"folder": str(spill / "sort")})
            batches = _sorted(connection, data, order, form)
            with _writer(form, sink, batches.schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    done += batch.num_rows
                    listener(done, total)
    except BrokenPipeError:
        raise
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise StorageError(f"{name} was not exported: {sentence(error, spill.parent)}") from error
    return done


def _sorted(
    connection: duckdb.DuckDBPyConnection, data: ds.Dataset, order: list[str], form: Form
) -> pa.RecordBatchReader:
    """The rows in order, a batch at a time; for CSV each column as it is written there."""
    # Arrow would read ahead as many files as it can get hold of.
    careful = ds.ParquetFragmentScanOptions(use_buffered_stream=True, pre_buffer=False)
    scanner = data.scanner(
        batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=1, fragment_scan_options=careful
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("published", scanner)
    fine = _with_thousandths(connection, data) if form == "csv" else set()
    columns = ", ".join(f'{_cell(f, fine)} as "{f.name}"' if form == "csv" else f'"{f.name}"' for f in data.schema)
    by = ", ".join(f'published."{c}"' for c in order)
    query = f"select {columns} from published order by {by}"
    return connection.sql(query).to_arrow_reader(_BATCH_ROWS)


def _with_thousandths(connection: duckdb.DuckDBPyConnection, data: ds.Dataset | pa.Table) -> set[str]:
    """The columns of money in which any amount has three decimals; CSV writes the others with two."""
    names = [f.name for f in data.schema if _is_money(f)]
    if not names:
        return set()
    connection.register("money", data.scanner(columns=names) if isinstance(data, ds.Dataset) else data.select(names))
    any_of = ", ".join(f'coalesce(bool_or("{name}" <> "{name}"::decimal(18, 2)), false)' for name in names)
    [found] = connection.sql(f"select {any_of} from money").fetchall()
    return {name for name, is_fine in zip(names, found, strict=True) if is_fine}


def _is_money(field: pa.Field) -> bool:
    return bool(pa.types.is_decimal(field.type) and field.type.scale == DIGITS)


def _cell(field: pa.Field, with_thousandths: set[str]) -> str:
    """A column as CSV writes it, in SQL: what is not listed has one spelling only."""
    column = f'"{field.name}"'
    if pa.types.is_timestamp(field.type):
        return f"replace(strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ'), '.000000Z', 'Z')"
    if _is_money(field) and field.name not in with_thousandths:
        return f"{column}::decimal(18, 2)"
    if pa.types.is_nested(field.type):
        return f"to_json({column})::varchar"
    if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
        return f"case when left(ltrim({column}, ), 1) in ({_FORMULA}) then '''' || {column} else {column} end"
    return column


def _writer(form: Form, sink: IO[bytes], schema: pa.Schema) -> Any:
    if form == "parquet":
        return pq.ParquetWriter(sink, schema)
    return pc.CSVWriter(sink, schema, write_options=pc.WriteOptions(quoting_header="none"))
