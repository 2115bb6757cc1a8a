"""The only way in which tables are written: prepare, then publish.

A store keeps what an attempt writes apart from what is published, until `publish` makes all of it visible together with
a ledger entry. Two stores do this: `folders` (Delta tables in folders, by files and commits of this program), and
`catalog` (tables that a catalog holds, by the engine's SQL).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from ecomm.contract import Field
from ecomm.errors import InvariantError
from ecomm.tables import LATER, State, Table, Usage, catalogue

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from ecomm.batches.entry import Entry
    from ecomm.batches.ledger import Ledger
    from ecomm.contract import Source
    from ecomm.engines import Engine, Lake
    from ecomm.store.duckdb_catalog import View
    from ecomm.store.publication import Left


class Store(Protocol):
    """What the rest of the program needs of a store.

    state: version and rows of each table but the journals, with what is prepared. What is read holds what is prepared.
    """

    engine: Engine
    lake: Lake
    root: Path
    catalogue: Mapping[str, Table]
    usage: ContextVar[Usage]

    @property
    def state(self) -> Mapping[str, State]:
        """Each table's version and rows as they will be, once what is prepared is published."""

    def path(self, name: str) -> Path:
        """The folder of a table."""

    def columns(self, name: str) -> list[str]:
        """All columns of a table."""

    def extras(self, name: str) -> list[str]:
        """The extra columns that a table has taken in, in their order."""

    def late(self, name: str) -> list[str]:
        """Those columns of the catalogue that came to the table after it was made."""

    def read(self, name: str) -> DataFrame:
        """A table with what is prepared. Raises LockedError if another program has written it."""

    def fresh(self, name: str, revision: int) -> DataFrame:
        """Only the rows of a stage or error table that an attempt adds under a revision."""

    # --- prepare ---

    def begin(self, opened: int, folder: Path) -> None:
        """An attempt begins. opened: the seq of its OPEN. folder: where it keeps what it works with."""

    def evolve(self, name: str, extras: Sequence[str]) -> None:
        """Add the extra columns that the table does not have yet."""

    def complete(self, name: str) -> None:
        """Add the columns that the contract has and the table does not have yet."""

    def append(self, name: str, rows: DataFrame) -> int:
        """Append rows; how many they were."""

    def adopt(self, name: str, folder: Path) -> int:
        """Append rows that were written into a folder of the attempt, which may go; how many they were."""

    def overwrite(self, name: str, rows: DataFrame, *, differs: bool = False) -> int:
        """Make these the table's rows, if they are not already; how many were written.

        differs: they most likely are not, so nothing is compared.
        """

    def apply(self, name: str, changes: DataFrame, entering: int, leaving: int, closed: int) -> None:
        """Apply a change set to a target: its LEAVE rows leave the table and its ENTER rows enter it.

        entering, leaving: how many rows of each there are. closed: how many of the leaving ones are closed versions.
        Raises InvariantError if the rows do not add up.
        """

    def of_rows(self, name: str, rows: Sequence[Mapping[str, object]]) -> DataFrame:
        """Rows from memory as a frame; a column that they lack is NULL."""

    def exchange(self, name: str, keys: str, by: Sequence[str], rows: DataFrame) -> None:
        """Put rows in the place of those that have certain values in some columns.

        keys: the name under which the attempt has written these values, with `change` LEAVE. by: the columns. Raises
        InvariantError if there are not as many rows as before.
        """

    def record(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Append rows from memory."""

    # --- one attempt, several processes ---

    def left(self, names: Iterable[str]) -> Left:
        """What a task leaves of some tables for the others."""

    def take(self, left: Left) -> None:
        """Go on with what another task has left."""

    def restart(self, names: Iterable[str]) -> None:
        """Forget what a task that was broken off has left of its tables."""

    # --- publish ---

    def publish(self, entry: Entry, ledger: Ledger) -> Entry:
        """Make what is prepared visible, by this entry; give it as it was written. Raises LockedError, StorageError."""

    def views(self, names: Iterable[str]) -> Mapping[str, View] | None:
        """The files of tables but the journals, with what is prepared; None if they cannot be seen."""

    def added(self, name: str) -> View:
        """The files that are prepared to enter a table."""

    def removed(self, name: str) -> View:
        """The files that are prepared to leave a table."""

    def show(self, ledger: Ledger) -> None:
        """Let programs that know no ledger see what is published. Raises OSError, StorageError."""

    def hold_back(self, revision: int | None) -> None:
        """Put the stage rows that are prepared aside, until a person accepts or rejects their batch.

        revision: None to drop them.
        """

    def has_aside(self, entry: Entry) -> bool:
        """The rows of a batch that was held are there. entry: the one that held it."""

    def take_up(self, revision: int) -> None:
        """Prepare the rows that were put aside under a revision."""

    def abandon(self, ledger: Ledger) -> None:
        """Forget what is prepared, but what the validation found."""

    def is_publishing(self) -> bool:
        """The attempt has begun to commit: it can only be finished."""

    def assume(self, state: Mapping[str, State]) -> None:
        """Expect the tables as they are said to be."""

    def recover(self, ledger: Ledger, attempts: Path) -> bool:
        """Finish a publication that was broken off, and forget what others prepared; True if a table was taken back.

        The folders in `attempts` stay.
        """

    # --- maintenance ---

    def compact(self, name: str) -> None:
        """Put a table's small files together, prepared or at once. Stage is ordered by key, for the fold's sake."""

    def purge(self, name: str, at: int | None) -> list[str]:
        """Delete all that a table holds besides its newest rows, and what its log says of it; the files.

        at: the version that readers take, None for the newest.
        """

    def tidy(self, name: str, older_than: timedelta | None, keep: Collection[int]) -> int:
        """Delete old files that no version to be kept needs, and shorten the log; how many files were deleted.

        older_than: only those; None: none.
        """


class Tables:
    """What every store knows of its tables."""

    def __init__(self, engine: Engine, root: Path, sources: Mapping[str, Source]) -> None:
        self.catalogue: Mapping[str, Table] = catalogue(sources)
        self.engine = engine
        self.lake = engine.lake
        self.root = root
        self.usage = ContextVar[Usage]("usage")
        self._counting = Lock()

    def path(self, name: str) -> Path:
        """The folder of a table."""
        return self.root / name

    def columns(self, name: str) -> list[str]:
        """All columns of a table."""
        return self.lake.columns(self.path(name))

    def extras(self, name: str) -> list[str]:
        """The extra columns that a table has taken in, in their order."""
        known = {f.name for f in self.catalogue[name].fields}
        return [c for c in self.columns(name) if c not in known]

    def types(self, name: str) -> dict[str, str]:
        """All columns of a table with their types, in the order of the catalogue."""
        return {f.name: f.type for f in self.catalogue[name].fields} | dict.fromkeys(self.extras(name), "string")

    def in_memory(self, name: str, rows: Sequence[Mapping[str, object]]) -> pa.Table:
        """Rows from memory, with the table's types."""
        schema = pa.schema([(f.name, arrow_type(f.type)) for f in self.catalogue[name].fields])
        return pa.Table.from_pylist([dict(r) for r in rows], schema=schema)

    def of_rows(self, name: str, rows: Sequence[Mapping[str, object]]) -> DataFrame:
        """Rows from memory as a frame; a column that they lack is NULL."""
        types = self.types(name)
        if not rows:
            return self.engine.spark.createDataFrame([], ", ".join(f"`{c}` {t}" for c, t in types.items()))
        schema = pa.schema([(column, arrow_type(type_)) for column, type_ in types.items()])
        table = pa.Table.from_pylist([{c: row.get(c) for c in schema.names} for row in rows], schema=schema)
        return self.engine.spark.createDataFrame(table)

    def added_up(self, name: str, before: int, entering: int, leaving: int, after: int) -> None:
        """Raises InvariantError if a target does not have the rows that its change set says."""
        if after != (expected := before + entering - leaving):
            raise InvariantError(
                f"{name} would have {after} rows after this batch, but {before} + {entering} that enter - {leaving} "
                f"that leave is {expected}; nothing was published."
            )

    def count(self, *, read: int = 0, written: int = 0) -> None:
        """Count bytes for the task under way."""
        usage = self.usage.get(None)
        if usage is not None:
            with self._counting:
                usage.read, usage.written = usage.read + read, usage.written + written


def later(name: str, type_: str) -> Field:
    """A column that comes to a table after it was made."""
    return Field(name, type_, LATER)


def arrow_type(spark_type: str) -> pa.DataType:
    """The Arrow type of a Spark type's name."""
    if spark_type == "array<string>":
        return pa.list_(pa.string())
    if spark_type == "map<string,string>":
        return pa.map_(pa.string(), pa.string())
    if spark_type.startswith("decimal"):
        precision, scale = spark_type[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return {
        "string": pa.string(),
        "bigint": pa.int64(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
    }[spark_type]
