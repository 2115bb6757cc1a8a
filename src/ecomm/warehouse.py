"""Reading what is published: Arrow tables and SQL, without an engine.

A `Warehouse` is one moment: the versions that one ledger entry names. Everything read through it belongs together,
whatever a run writes meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from ecomm.batches.entry import NAME as LEDGER
from ecomm.batches.entry import Entry
from ecomm.batches.ledger import Ledger, exists
from ecomm.batches.log import NOTHING, Log
from ecomm.errors import StorageError, UsageError

if TYPE_CHECKING:
    import duckdb

    from ecomm.engines import Engine

JOURNALS = ("processing_log", "validation_results")


class Warehouse:
    """The published tables of a warehouse at the moment of its last ledger entry.

    That moment can be read until twenty entries have come, and upkeep after them; `refresh` moves on to the newest.
    known: its ledger as it was read earlier (`log`), so that only what has come since is read. Raises UsageError if the
    folder holds no warehouse, FormatError if a newer program wrote it.

    >>> Warehouse("demo/warehouse").table("orders_target").num_rows  # doctest: +SKIP
    """

    def __init__(self, path: str | Path, known: Log = NOTHING) -> None:
        self.path = Path(path)
        self._ledger = Ledger(self.path, known=known)
        self._check()

    def refresh(self) -> None:
        """Move on to the last ledger entry."""
        self._ledger.refresh()
        self._check()

    def _check(self) -> None:
        """Raises UsageError if there is nothing to read."""
        if not self.log and not exists(self.path):
            raise UsageError(
                f"{self.path}: there is no warehouse here; `ecomm run` makes one, --warehouse names another."
            )
        if not self.log:
            raise UsageError(f"{self.path}: this warehouse has not been set up to its end; run `ecomm run` once more.")

    @property
    def entry(self) -> Entry:
        """The ledger entry whose versions are read."""
        return self.log.last

    @property
    def log(self) -> Log:
        """All ledger entries, and what follows from them."""
        return self._ledger.log

    @property
    def names(self) -> list[str]:
        """The tables that can be read."""
        return [*sorted(self.entry.tables), *JOURNALS, LEDGER]

    def dataset(self, name: str) -> ds.Dataset | pa.Table:
        """A table as a lazily read dataset; stage shows the live revisions only, errors also those of held batches."""
        if name not in self.names:
            raise UsageError(f"there is no table {name}; there are: {', '.join(self.names)}.")
        version, rows = self.entry.tables.get(name, (None, None))
        try:
            table = DeltaTable(self.path / name, version=version)
            dataset, files = table.to_pyarrow_dataset(), _files(table)
        except (DeltaError, OSError) as error:
            raise self._unreadable(name, error) from error
        lacking = set() if version is None else self.log.files_of(name, version) - files.keys()
        if version is not None and (lacking or sum(files.values()) != rows):
            raise StorageError(
                f"{self.path / name}: its log has not the rows and files of ledger entry {self.entry.seq}: it was "
                "changed, or lost a part; run `ecomm restore`."
            )
        if name.endswith(("_stage", "_errors")):
            seen = self.log.kept if name.endswith("_errors") else self.log.live.values()
            return dataset.filter(pc.field("revision").isin([e.revision for e in seen]))
        return dataset

    def table(self, name: str) -> pa.Table:
        """A table as it is published, as Arrow."""
        data = self.dataset(name)
        try:
            return data if isinstance(data, pa.Table) else data.to_table()
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: Exception) -> StorageError:
        reason = " ".join(str(error).split())[:200]
        return StorageError(
            f"{self.path / name}: cannot be read as ledger entry {self.entry.seq} names it ({reason}). If more than "
            "twenty entries have come since, refresh the warehouse."
        )

    def asof(
        self,
        source: str,
        at: date | datetime,
        known_at: int | datetime | None = None,
        key: Sequence[str] = (),
        engine: Engine | None = None,
    ) -> pa.Table:
        """The versions of a source that hold on a day (at its end) or at an instant: one row a key that has one then.

        known_at: a ledger entry's number, or an instant: by what was known then; default now. key: its first parts.
        engine: see `history.asof`. Raises UsageError.

        >>> Warehouse("demo/warehouse").asof("customers", date(2025, 1, 15), key=["CUST000001"])  # doctest: +SKIP
        """
        from ecomm.history import asof  # all else here does without an engine

        known = self.log if known_at is None else self.log.at(known_at)
        found = asof(self.path, known, source, at, key, engine)
        return found.cast(self.dataset(f"{source}_target").schema)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection in memory in which every published table is a view. It can read nothing else."""
        import duckdb

        connection = duckdb.connect(config={"python_enable_replacements": False, "autoinstall_known_extensions": False})
        connection.execute("SET TimeZone = 'UTC'")
        for name in self.names:
            connection.register(name, self.dataset(name))
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def sql(self, query: str) -> pa.Table:
        """The result of a DuckDB query over the published tables. Raises UsageError if the query is wrong."""
        import duckdb

        try:
            with self.connect() as connection:
                said = connection.extract_statements(query)
                if len(said) != 1 or said[0].type != duckdb.StatementType.SELECT:
                    raise UsageError("the query must be one select; the published tables can only be read.")
                answer = connection.sql(query).to_arrow_table()
                return answer.rename_columns(_distinct(answer.column_names))
        except (duckdb.Error, ValueError) as error:  # of a statement that its Python knows no name of: ValueError
            raise UsageError(f"the query failed: {str(error).splitlines()[0]}") from error


def _files(table: DeltaTable) -> dict[str, int]:
    """The files of a table with their rows, by its log."""
    found = pa.table(table.get_add_actions(flatten=True))
    return dict(zip(found["path"].to_pylist(), found["num_records"].to_pylist(), strict=True))


def _distinct(names: list[str]) -> list[str]:
    """Each column under a name of its own: `a`, `a_2`."""
    given: list[str] = []
    for name in names:
        place = 2
        free = name
        while free in given:
            free, place = f"{name}_{place}", place + 1
        given.append(free)
    return given
