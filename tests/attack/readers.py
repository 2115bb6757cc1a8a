"""Readers of CSV on hostile files: the program's own, DuckDB's and Arrow's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from ecomm.batches import csvfile
from ecomm.batches.reading.tables import land, open_table
from ecomm.delivery import Shape
from ecomm.errors import EcommError
from ecomm.headers import match_header
from ecomm.sources import SOURCES
from ecomm.tables import reserved
from tests.attack.files import HostileFile, Read
from tests.attack.rows import REQUIRED

Reader = Callable[[HostileFile, Path], Read]
OF_PEERS = {"delimiter", "quote", "escape", "encoding", "skip_lines"}
"""The settings that every reader here has; files that need others are not asked of peers."""
_SHAPE = TypeAdapter(Shape)


def ours(file: HostileFile, path: Path) -> Read:
    """The program's reader, in whole and in chunks of 997 bytes; the file is refused if the contract refuses it."""
    try:
        return _landed(file, path)
    except EcommError as error:
        return Read(refused=str(error))
    except Exception as error:  # what else comes up is a finding, and the next file is judged all the same
        return Read(refused=f"{type(error).__name__}: {error}", crashed=True)


def _landed(file: HostileFile, path: Path) -> Read:
    shape = _SHAPE.validate_python(dict(file.settings))
    table = open_table(path, shape)
    match_header(SOURCES[file.source], shape, table.names, str(path), reserved(file.source))
    found = []
    for chunk in (csvfile.CHUNK, 997) if len(file.content) < 1 << 20 else (csvfile.CHUNK,):
        with patch.object(csvfile, "CHUNK", chunk), tempfile.NamedTemporaryFile(suffix=".parquet") as into:
            land(open_table(path, shape), Path(into.name))
            found.append(_of_landed(table.names, pq.read_table(into.name)))
    if found[0] != found[-1]:
        return Read(refused="chunks of another size give other records", crashed=True)
    return found[0]


def _of_landed(names: list[str], table: pa.Table) -> Read:
    rows = table.to_pylist()
    accepted = [tuple(str(row[f"c{n}"]) for n in range(len(names))) for row in rows if row["raw_line"] is None]
    rejected = [row["raw_line"] for row in rows if row["raw_line"] is not None]
    return Read(tuple(names), tuple(accepted), tuple(rejected))


def duckdb_as_told(file: HostileFile, path: Path) -> Read:
    """DuckDB with the file's dialect, strict: it reads all, or says why it does not."""
    return _duckdb(file, path, _dialect(file))


def duckdb_by_itself(file: HostileFile, path: Path) -> Read:
    """DuckDB, which finds the dialect itself, as `FROM 'file.csv'` does."""
    return _duckdb(file, path, {})


def duckdb_with_rejects(file: HostileFile, path: Path) -> Read:
    """DuckDB with the file's dialect and `store_rejects`: what it cannot read is in a table of its own."""
    return _duckdb(file, path, {**_dialect(file), "store_rejects": True})


def _dialect(file: HostileFile) -> dict[str, Any]:
    said: Mapping[str, Any] = file.settings
    tabs = "\t" if file.suffix == ".tsv" else ","
    return {
        "delim": said.get("delimiter", tabs),
        "quote": said.get("quote", '"'),
        "escape": said.get("escape", said.get("quote", '"')),
        "skip": said.get("skip_lines", 0),
        "header": True,
    } | ({"encoding": said["encoding"]} if "encoding" in said else {})


def _duckdb(file: HostileFile, path: Path, options: dict[str, Any]) -> Read:
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        try:
            said = "".join(f", {name} = {_literal(value)}" for name, value in options.items())
            found = connection.execute(f"SELECT * FROM read_csv(?, all_varchar = true{said})", [str(path)])
            names = tuple(column[0] for column in found.description or ())
            accepted = tuple(tuple(cell or "" for cell in row) for row in found.fetchall())
            rejected: list[Any] = []
            if "store_rejects" in options:
                rejected = connection.execute("SELECT csv_line FROM reject_errors").fetchall()
        except (duckdb.Error, UnicodeDecodeError) as error:
            return Read(refused=str(error))
    return _of_peer(file, names, accepted, tuple(str(row[0]) for row in rejected))


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | int) else "'" + str(value).replace("'", "''") + "'"


def arrow(file: HostileFile, path: Path) -> Read:
    """Arrow with the file's dialect; rows of another number of cells are kept apart."""
    told = _dialect(file)
    rejected: list[str] = []

    def apart(row: Any) -> str:
        rejected.append(str(row.text))
        return "skip"

    try:
        table = pcsv.read_csv(
            path,
            read_options=pcsv.ReadOptions(
                skip_rows=told["skip"], encoding=told.get("encoding", "utf8"), use_threads=False
            ),
            parse_options=pcsv.ParseOptions(
                delimiter=told["delim"],
                quote_char=told["quote"] or False,
                escape_char="\\" if told["escape"] == "\\" else False,
                newlines_in_values=True,
                invalid_row_handler=apart if _is_utf8(file.content) else None,
            ),
            convert_options=pcsv.ConvertOptions(default_column_type=pa.string(), strings_can_be_null=False),
        )
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    except (pa.ArrowException, UnicodeError, LookupError, ValueError) as error:
        return Read(refused=str(error))
    return _of_peer(
        file, tuple(table.column_names), tuple(tuple(c or "" for c in row) for row in rows), tuple(rejected)
    )


def _is_utf8(content: bytes) -> bool:
    """Arrow hands no other row to a function; without one it refuses the file."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


READERS: dict[str, Reader] = {
    "ecomm": ours,
    "DuckDB, dialect given": duckdb_as_told,
    "DuckDB, store_rejects": duckdb_with_rejects,
    "DuckDB, dialect detected": duckdb_by_itself,
    "Arrow, dialect given": arrow,
}


def _of_peer(
    file: HostileFile, names: tuple[str, ...], accepted: tuple[tuple[str, ...], ...], rejected: tuple[str, ...]
) -> Read:
    """A peer knows no contract: a query that names the required columns is what fails."""
    have = {name.strip().lower() for name in names}
    wanted = [name for name in REQUIRED[file.source] if name in [h.strip().lower() for h in file.header]]
    lacking = [name for name in wanted if name not in have]
    if lacking:
        return Read(refused=f"there is no column {lacking[0]}")
    return Read(names, accepted, rejected)
