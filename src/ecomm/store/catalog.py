"""Tables that a catalog holds, written by the engine's SQL: each write is a version that no ledger entry names yet.

The catalog has no transaction over several tables here, so what an attempt writes is there at once, and `recover` takes
it back by RESTORE. Readers go by the ledger.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.batches.entry import Entry
from ecomm.batches.ledger import Ledger
from ecomm.contract import Field
from ecomm.errors import InvariantError, LockedError
from ecomm.store import Tables, later
from ecomm.store.duckdb_catalog import View
from ecomm.store.publication import Left
from ecomm.tables import State, late_columns
from ecomm.transforms import relations
from ecomm.transforms.relations import ENTER, LEAVE

if TYPE_CHECKING:
    from ecomm.contract import Source
    from ecomm.engines import Engine


class _Catalog(Protocol):
    """What a catalog does besides."""

    def write(self, path: Path, rows: DataFrame, mode: str, where: str | None = None) -> None:
        """Append rows, or put them in the place of all (`overwrite`), or of those for which `where` holds."""

    def named(self, path: Path) -> str:
        """A table as SQL names it."""

    def restore(self, path: Path, to: int) -> None:
        """Take a table back to an earlier version: one new version with the old rows."""

    def compact(self, path: Path, by: Sequence[str] = ()) -> None:
        """Put a table's small files together. by: columns by which rows that are alike lie together."""


class CatalogStore(Tables):
    """The tables of one warehouse in a catalog, for writing; every write moves a table on by exactly one version."""

    def __init__(self, engine: Engine, root: Path, sources: Mapping[str, Source]) -> None:
        super().__init__(engine, root, sources)
        self._catalog = cast("_Catalog", engine.lake)
        self.state: dict[str, State] = {}
        self._bytes: dict[tuple[str, int], int] = {}
        self._columns: dict[str, list[str]] = {}
        self._folder = root

    def columns(self, name: str) -> list[str]:
        """All columns of a table."""
        if name not in self._columns:
            self._columns[name] = super().columns(name)
        return self._columns[name]

    def late(self, name: str) -> list[str]:
        """Those columns of the catalogue that came to the table after it was made."""
        return late_columns(self.lake, self.path(name), self.catalogue[name])

    def read(self, name: str) -> DataFrame:
        """A table at the version that is expected. Raises LockedError if another one is there."""
        found, expected = self.lake.version(self.path(name)), self.state[name].version
        if found != expected:
            raise LockedError(f"{name} is at version {found}, not {expected}: another program writes this warehouse.")
        if (name, found) not in self._bytes:
            self._bytes[name, found] = self.lake.extent(self.path(name))[1]
        self.count(read=self._bytes[name, found])
        return self.engine.rows.read(self.path(name))

    def fresh(self, name: str, revision: int) -> DataFrame:
        """Only the rows of a stage or error table that an attempt adds under a revision."""
        return self.read(name).filter(F.col("revision") == revision)

    # --- prepare: each write is a version ---

    def begin(self, opened: int, folder: Path) -> None:
        """An attempt begins. opened: the seq of its OPEN. folder: where it keeps what it works with."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def evolve(self, name: str, extras: Sequence[str]) -> None:
        """Add the extra columns that the table does not have yet."""
        self._widen(name, [later(e, "string") for e in extras if e not in self.extras(name)])

    def complete(self, name: str) -> None:
        """Add the columns that the contract has and the table does not have yet."""
        there = self.columns(name)
        self._widen(name, [later(f.name, f.type) for f in self.catalogue[name].fields if f.name not in there])

    def _widen(self, name: str, fields: Sequence[Field]) -> None:
        if fields:
            self.lake.add_columns(self.path(name), fields)
            self._columns.pop(name)
            self._moved(name, self.state[name].rows)

    def append(self, name: str, rows: DataFrame) -> int:
        """Append rows; how many they were. Where there are none, an engine may or may not make a version."""
        before = self.state[name]
        self._catalog.write(self.path(name), self._fitting(name, rows), "append")
        if self.lake.version(self.path(name)) == before.version:
            return 0
        return self._moved(name).rows - before.rows

    def adopt(self, name: str, folder: Path) -> int:
        """Append rows that were written into a folder of the attempt; how many they were."""
        return self.append(name, self.engine.spark.read.parquet(self.engine.uri(folder)))

    def overwrite(self, name: str, rows: DataFrame, *, differs: bool = False) -> int:
        """Make these the table's rows, if they are not already; how many were written.

        differs: they most likely are not, so nothing is compared.
        """
        if not self.state[name].rows:
            return self.append(name, rows)
        place = self.engine.uri(self._folder / name)
        rows.write.mode("overwrite").option("compression", "snappy").parquet(place)
        new = self.engine.spark.read.schema(rows.schema).parquet(place)
        key, columns = self.catalogue[name].key, self.columns(name)
        same = not differs and new.count() == self.state[name].rows
        if same and relations.contained(new, self.read(name), key, columns):
            return 0
        self._catalog.write(self.path(name), self._fitting(name, new), "overwrite")
        return self._moved(name).rows

    def apply(self, name: str, changes: DataFrame, entering: int, leaving: int, closed: int) -> None:
        """Apply a change set to a target: its LEAVE rows leave the table and its ENTER rows enter it.

        entering, leaving: how many rows of each there are. closed: how many of the leaving ones are closed versions; if
        none are, closed history is not opened. Raises InvariantError if the rows do not add up.
        """
        before = self.state[name]
        enters = changes.filter(F.col("change") == ENTER).drop("change")
        if closed:
            self._merge(name, changes)
        elif leaving:
            self._replace_current(name, changes, enters)
        elif entering:
            self.append(name, enters)
        self.added_up(name, before.rows, entering, leaving, self.state[name].rows)

    def _replace_current(self, name: str, changes: DataFrame, enters: DataFrame) -> None:
        """Only current versions leave: append the closed ones, then write the partition of current ones anew.

        A MERGE would hold the partition in memory to join it; this reads it once, beside the few that leave.
        """
        closed = enters.filter(~F.col("is_current"))
        self.append(name, closed)
        leaving = changes.filter(F.col("change") == LEAVE).select(*self.catalogue[name].key)
        current = self.read(name).filter(F.col("is_current"))
        stays = current.join(leaving, list(self.catalogue[name].key), "left_anti").select(*self.columns(name))
        rows = stays.unionByName(enters.filter(F.col("is_current")).select(*self.columns(name)))
        self._catalog.write(self.path(name), self._fitting(name, rows), "overwrite", where="is_current = true")
        self._moved(name)

    def _merge(self, name: str, changes: DataFrame) -> None:
        table, columns = self.catalogue[name], self.columns(name)
        view = f"changes_{uuid.uuid4().hex}"
        self._fitting(name, changes, "change").createOrReplaceTempView(view)
        on = [f"t.{c} = s.{c}" for c in (*table.key, *table.partition_by)]
        try:
            self.engine.spark.sql(
                f"MERGE INTO {self._catalog.named(self.path(name))} t USING {view} s "
                f"ON {' AND '.join(on)} AND s.change = '{LEAVE}' "
                "WHEN MATCHED THEN DELETE "
                f"WHEN NOT MATCHED AND s.change = '{ENTER}' THEN INSERT ({', '.join(columns)}) "
                f"VALUES ({', '.join(f's.{c}' for c in columns)})"
            ).collect()
        finally:
            self.engine.spark.catalog.dropTempView(view)
        self._moved(name)

    def exchange(self, name: str, keys: str, by: Sequence[str], rows: DataFrame) -> None:
        """Put rows in the place of those that have certain values in some columns: the table is written again.

        keys: the name under which the attempt has written these values. by: the columns. Raises InvariantError if there
        are not as many rows as before.
        """
        before, columns = self.state[name].rows, self.columns(name)
        gone = self.engine.spark.read.parquet(self.engine.uri(self._folder / keys)).select(*by)
        stays = self.read(name).join(gone, list(by), "left_anti").select(*columns)
        place = self.engine.uri(self._folder / f"{name}_exchanged")
        stays.unionByName(rows.select(*columns)).write.mode("overwrite").parquet(place)
        new = self.engine.spark.read.schema(self.read(name).schema).parquet(place)
        self._catalog.write(self.path(name), self._fitting(name, new), "overwrite")
        if (after := self._moved(name).rows) != before:
            raise InvariantError(f"{name} would have {after} rows, and had {before}; nothing was published.")

    def record(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Append rows from memory."""
        again = name not in self.state and rows and self.lake.holds(self.path(name), "revision", rows[0]["revision"])
        if rows and not again:  # a journal has the rows of a task that was broken off
            self.lake.append_rows(self.path(name), self.in_memory(name, rows))
            if name in self.state:
                self._moved(name)

    # --- one attempt, several processes ---

    def left(self, names: Iterable[str]) -> Left:
        """What a task leaves of some tables for the others: their versions."""
        return Left(versions={name: self.state[name] for name in names if name in self.state})

    def take(self, left: Left) -> None:
        """Go on with what another task has left."""
        self.assume(left.versions)

    def restart(self, names: Iterable[str]) -> None:
        """Take the tables of a task that was broken off back to what is expected."""
        self._restore(name for name in names if name in self.state)

    # --- publish ---

    def publish(self, entry: Entry, ledger: Ledger) -> Entry:
        """Make what was written visible, by this entry; give it as it was written. Raises LockedError, StorageError."""
        return ledger.append(replace(entry, tables={n: (s.version, s.rows) for n, s in self.state.items()}))

    def views(self, names: Iterable[str]) -> Mapping[str, View] | None:
        """None: the catalog keeps the files."""
        return None

    def added(self, name: str) -> View:
        """No file that could be seen."""
        return View(self.catalogue[name].comment, self.catalogue[name].fields, ())

    removed = added

    def show(self, ledger: Ledger) -> None:
        """Nothing: programs ask the catalog."""

    def hold_back(self, revision: int | None) -> None:
        """Nothing: readers go by the ledger, which does not name the rows of a held batch."""

    def has_aside(self, entry: Entry) -> bool:
        """The rows are in stage."""
        return True

    def take_up(self, revision: int) -> None:
        """Nothing: the rows are in stage."""

    def is_publishing(self) -> bool:
        """Never: what makes an attempt visible is one statement."""
        return False

    def abandon(self, ledger: Ledger) -> None:
        """Take every table but the journals back to what the ledger says."""
        self._expect(ledger)
        self._restore(self.state)

    def assume(self, state: Mapping[str, State]) -> None:
        """Expect the tables as they are said to be."""
        self.state.update(state)
        self._columns.clear()

    def recover(self, ledger: Ledger, attempts: Path) -> bool:
        """Take every table back to what the ledger says; True if one was taken back."""
        self._expect(ledger)
        return self._restore(self.state)

    def _expect(self, ledger: Ledger) -> None:
        created = {table.name: (0, 0) for table in self.catalogue.values() if not table.journal}
        self.assume({name: State(*said) for name, said in {**created, **ledger.log.last.tables}.items()})

    def _restore(self, names: Iterable[str]) -> bool:
        ahead = [name for name in names if self.lake.version(self.path(name)) != self.state[name].version]
        for name in ahead:
            self._catalog.restore(self.path(name), self.state[name].version)
            self.state[name] = State(self.lake.version(self.path(name)), self.state[name].rows)
            self._columns.pop(name, None)
        return bool(ahead)

    def compact(self, name: str) -> None:
        """Put a table's small files together. Stage is ordered by key, for that is how the fold looks into it."""
        self._catalog.compact(self.path(name), ("key",) if name.endswith("_stage") else ())
        self._at_newest(name)

    def purge(self, name: str, at: int | None) -> list[str]:
        """Delete the files that no version of the last days needs, as the catalog's own rule has it; it names none."""
        self.lake.vacuum(self.path(name), timedelta(0), ())
        self._at_newest(name)
        return []

    def tidy(self, name: str, older_than: timedelta | None, keep: Collection[int]) -> int:
        """Delete old files that no version to be kept needs; how many were deleted. older_than: only those."""
        deleted = 0 if older_than is None else self.lake.vacuum(self.path(name), older_than, keep)
        self.lake.shorten_log(self.path(name), keep)
        self._at_newest(name)
        return deleted

    def _fitting(self, name: str, rows: DataFrame, *others: str) -> DataFrame:
        """The rows with exactly the table's columns; a type that is not the table's is an error of this program.

        others: columns that rows may have besides, and keep.
        """
        wanted = self.types(name)
        found = {f.name: f.dataType.simpleString() for f in rows.schema.fields if f.name not in others}
        wrong = [f"{c} {found.get(c)} (not {t})" for c, t in wanted.items() if found.get(c) != t]
        if wrong or len(found) != len(wanted):
            raise InvariantError(f"{name}: the rows do not have the table's columns: {', '.join(wrong) or list(found)}")
        return rows.select(*wanted, *others)

    def _at_newest(self, name: str) -> None:
        """Expect a table at its newest version, which holds the same rows."""
        if name in self.state:
            self.state[name] = State(self.lake.version(self.path(name)), self.state[name].rows)

    def _moved(self, name: str, rows: int | None = None) -> State:
        found, expected = self.lake.version(self.path(name)), self.state[name].version + 1
        if found != expected:
            raise LockedError(f"{name} is at version {found}, not {expected}: another program writes this warehouse.")
        if rows is None:
            rows, self._bytes[name, found] = self.lake.extent(self.path(name))
        self.count(written=self.lake.written(self.path(name), found))
        self.state[name] = State(found, rows)
        return self.state[name]
