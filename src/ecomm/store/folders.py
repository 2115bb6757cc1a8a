"""Delta tables in folders: an engine writes Parquet files under their last names, and this program commits them.

No engine writes a Delta log. What an attempt writes lies in folders `<table>/<attempt>-...`, which no log names until
the attempt is published (`publication`).
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.batches.entry import COMMENT, FIELDS, Entry
from ecomm.batches.entry import NAME as LEDGER
from ecomm.batches.ledger import Ledger
from ecomm.engines import deltafiles
from ecomm.errors import InvariantError, LockedError, StorageError, taken_over
from ecomm.store import Tables, arrow_type, aside, later
from ecomm.store.compaction import rewrite, small_ones
from ecomm.store.datafiles import DataFile, by_partition, described, holding
from ecomm.store.duckdb_catalog import View
from ecomm.store.duckdb_catalog import write as write_catalog
from ecomm.store.publication import Change, Left, Prepared, Publication, finish, intended, publish
from ecomm.tables import State, late_columns, stage_name, target_name
from ecomm.transforms import relations
from ecomm.transforms.relations import ENTER, LEAVE

if TYPE_CHECKING:
    from ecomm.contract import Source
    from ecomm.engines import Engine

_CHANGES = "changes"
_OVER = "over-"


class FolderStore(Tables):
    """The tables of one warehouse in folders, for writing."""

    def __init__(self, engine: Engine, root: Path, sources: Mapping[str, Source]) -> None:
        super().__init__(engine, root, sources)
        self._published: dict[str, State] = {}
        self._prepared: dict[str, Prepared] = {}
        self._files: dict[tuple[str, int], tuple[DataFile, ...]] = {}
        self._columns: dict[str, list[str]] = {}
        self._opened = -1
        self._folder = root

    # --- what is there ---

    @property
    def state(self) -> Mapping[str, State]:
        """Each table's version and rows as they will be, once what is prepared is published."""
        return {name: self._state(name) for name in self._published}

    def _state(self, name: str) -> State:
        state, ahead = self._published[name], self._prepared.get(name)
        return state if ahead is None else State(state.version + ahead.versions, state.rows + ahead.rows)

    def columns(self, name: str) -> list[str]:
        """All columns of a table, with those that are prepared."""
        if name not in self._columns:
            self._columns[name] = super().columns(name)
        return [*self._columns[name], *(field.name for field in self._ahead(name).columns)]

    def late(self, name: str) -> list[str]:
        """Those columns of the catalogue that came to the table after it was made."""
        table = self.catalogue[name]
        later = {*late_columns(self.lake, self.path(name), table), *(c.name for c in self._ahead(name).columns)}
        return [f.name for f in table.fields if f.name in later]

    def read(self, name: str) -> DataFrame:
        """A table with what is prepared. Raises LockedError if another program has written it.

        By its files also if nothing is: an engine may refuse to put frames with and without columns' comments together.
        """
        files = self._files_with(name, self._ahead(name))
        self.count(read=sum(file.bytes for file in files))
        return self._frame(name, files)

    def fresh(self, name: str, revision: int) -> DataFrame:
        """Only the rows of a stage or error table that an attempt adds under a revision."""
        adds = self._ahead(name).adds
        self.count(read=sum(file.bytes for file in adds))
        return self._frame(name, adds)

    def _ahead(self, name: str) -> Prepared:
        return self._prepared.get(name, Prepared())

    def _before(self, name: str) -> tuple[DataFile, ...]:
        """The files of a table as it is published. Raises LockedError if another program has written it."""
        if self.catalogue[name].journal:
            return self._listed(name)
        found, expected = deltafiles.version(self.path(name)), self._published[name].version
        if found != expected:
            raise LockedError(f"{name} is at version {found}, not {expected}: another program writes this warehouse.")
        if (name, found) not in self._files:
            self._files[name, found] = self._listed(name)
        return self._files[name, found]

    def _listed(self, name: str) -> tuple[DataFile, ...]:
        return tuple(DataFile(*said) for said in deltafiles.data_files(self.path(name)))

    def _files_with(self, name: str, ahead: Prepared) -> tuple[DataFile, ...]:
        gone = {file.path for file in ahead.removes}
        return (*(file for file in self._before(name) if file.path not in gone), *ahead.adds)

    def _frame(self, name: str, files: Sequence[DataFile]) -> DataFrame:
        """The rows of some files of a table."""
        spark, types = self.engine.spark, self.types(name)
        parts = self.catalogue[name].partition_by
        schema = ", ".join(f"`{c}` {t}" for c, t in types.items() if c not in parts)
        if not files:
            return spark.createDataFrame([], ", ".join(f"`{c}` {t}" for c, t in types.items()))
        frames = []
        for partition, alike in by_partition(files).items():
            places = [self.engine.uri(self.path(name) / file.path) for file in alike]
            known = {c: F.lit(value).cast(types[c]) for c, value in partition}
            columns = [known.get(c, F.col(c)).alias(c) for c in types]
            frames.append(spark.read.schema(schema).parquet(*places).select(*columns))
        return reduce(DataFrame.unionByName, frames)

    # --- prepare ---

    def begin(self, opened: int, folder: Path) -> None:
        """An attempt begins. opened: the seq of its OPEN. folder: where it keeps what it works with."""
        folder.mkdir(parents=True, exist_ok=True)
        self._opened, self._folder = opened, folder

    def evolve(self, name: str, extras: Sequence[str]) -> None:
        """Add the extra columns that the table does not have yet."""
        known = self.extras(name)
        self._widen(name, {extra: "string" for extra in extras if extra not in known})

    def complete(self, name: str) -> None:
        """Add the columns that the contract has and the table does not have yet."""
        there = self.columns(name)
        self._widen(name, {f.name: f.type for f in self.catalogue[name].fields if f.name not in there})

    def _widen(self, name: str, new: Mapping[str, str]) -> None:
        if new:
            ahead, fields = self._ahead(name), tuple(later(c, t) for c, t in new.items())
            self._prepared[name] = replace(ahead, columns=(*ahead.columns, *fields))

    def append(self, name: str, rows: DataFrame) -> int:
        """Append rows; how many they were."""
        return self._add(name, self._write(name, rows))

    def adopt(self, name: str, folder: Path) -> int:
        """Append rows that an engine has written into a folder of the attempt: its files become the table's."""
        return self._add(name, self._moved_in(name, folder, {}))

    def overwrite(self, name: str, rows: DataFrame, *, differs: bool = False) -> int:
        """Make these the table's rows, if they are not already; how many were written.

        differs: they most likely are not, so nothing is compared.
        """
        written = self._write(name, rows)
        count = sum(file.rows for file in written)
        if not count and not self._state(name).rows:
            return 0
        if not differs and count == self._state(name).rows:
            key, columns = self.catalogue[name].key, self.columns(name)
            if relations.contained(self._frame(name, written), self.read(name), key, columns):
                self._delete(name, written)
                return 0
        ahead = self._ahead(name)
        self._delete(name, ahead.adds)
        self._prepared[name] = replace(ahead, adds=tuple(written), removes=self._before(name))
        return count

    def apply(self, name: str, changes: DataFrame, entering: int, leaving: int, closed: int) -> None:
        """Apply a change set to a target: its LEAVE rows leave the table and its ENTER rows enter it.

        entering, leaving: how many rows of each there are. closed: how many of the leaving ones are closed versions.
        Only files that hold a leaving row are written anew. Raises InvariantError if the rows do not add up.
        """
        before = self._state(name).rows
        rows, columns = changes.filter(F.col("change") == ENTER), self.columns(name)
        touched: list[DataFile] = []
        if leaving:
            touched = self._touched(name, closed=closed > 0)
            key = list(self.catalogue[name].key)
            gone = changes.filter(F.col("change") == LEAVE).select(*key)
            stays = self._frame(name, touched).join(gone, key, "left_anti").select(*columns)
            rows = stays.unionByName(rows.select(*columns))
        written = self._write(name, rows)
        ahead = self._ahead(name)
        self._prepared[name] = replace(ahead, removes=(*ahead.removes, *touched))
        self._add(name, written)
        self.added_up(name, before, entering, leaving, self._state(name).rows)

    def _touched(self, name: str, *, closed: bool) -> list[DataFile]:
        """The files of a target that hold a row which leaves. closed: closed versions leave too."""
        source = name.removesuffix("_target")
        rows = sorted((self._folder / f"{source}_{_CHANGES}").glob("*.parquet"))
        files = [f for f in self._before(name) if closed or f.partition.get("is_current") == "true"]
        return holding(self.path(name), files, rows, self.catalogue[name].key)

    def exchange(self, name: str, keys: str, by: Sequence[str], rows: DataFrame) -> None:
        """Put rows in the place of those that have certain values in some columns. Only their files are written again.

        keys: the name under which the attempt has written these values, with `change` LEAVE. by: the columns. Raises
        InvariantError if there are not as many rows as before.
        """
        before, columns = self._before(name), self.columns(name)
        places = sorted((self._folder / keys).glob("*.parquet"))
        touched = holding(self.path(name), before, places, by)
        gone = self.engine.spark.read.parquet(self.engine.uri(self._folder / keys)).select(*by)
        stays = self._frame(name, touched).join(gone, list(by), "left_anti").select(*columns)
        written = self._write(name, stays.unionByName(rows.select(*columns)))
        if (after := sum(file.rows for file in written)) != (held := sum(file.rows for file in touched)):
            raise InvariantError(f"{name}: {after} rows were to take the place of {held}; nothing was published.")
        ahead = self._ahead(name)
        self._prepared[name] = replace(ahead, removes=(*ahead.removes, *touched))
        self._add(name, written)

    def record(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Append rows from memory."""
        if rows:
            folder = self._new_folder(name)
            folder.mkdir()
            pq.write_table(self.in_memory(name, rows), folder / "rows.parquet")
            self._add(name, self._described(name, folder, {}))

    def _write(self, name: str, rows: DataFrame) -> list[DataFile]:
        """Write rows as files of a table, each value of a partition column into files of its own."""
        rows = rows.select(*self.types(name))
        folder, parts = self._new_folder(name), self.catalogue[name].partition_by
        rows.write.option("compression", "snappy").partitionBy(*parts).parquet(self.engine.uri(folder))
        if not parts:
            return self._described(name, folder, {})
        written = []
        for alike in sorted(folder.glob("*=*")):
            column, _, value = alike.name.partition("=")
            written += self._moved_in(name, alike, {column: value})
        shutil.rmtree(folder, ignore_errors=True)  # without rows an engine may have made none
        return written

    def _moved_in(self, name: str, folder: Path, partition: Mapping[str, str]) -> list[DataFile]:
        """The files of a folder that an engine has written, as files of a table: the folder moves into the table's."""
        place = self._new_folder(name)
        folder.rename(place)
        return self._described(name, place, partition)

    def _described(self, name: str, folder: Path, partition: Mapping[str, str]) -> list[DataFile]:
        types = {column: arrow_type(said) for column, said in self.types(name).items() if column not in partition}
        files = described(self.path(name), folder, partition, types, self.catalogue[name].statistics)
        if not files:
            shutil.rmtree(folder, ignore_errors=True)
        if not self.catalogue[name].journal:
            self.count(written=sum(file.bytes for file in files))
        return files

    def _new_folder(self, name: str) -> Path:
        places = (self.path(name) / f"{self._opened}-{number}" for number in count())
        return next(place for place in places if not place.exists())

    def _add(self, name: str, files: Sequence[DataFile]) -> int:
        ahead = self._ahead(name)
        if files:
            self._prepared[name] = replace(ahead, adds=(*ahead.adds, *files))
        return sum(file.rows for file in files)

    def _delete(self, name: str, files: Iterable[DataFile]) -> None:
        for folder in {(self.path(name) / file.path).parent for file in files}:
            shutil.rmtree(folder, ignore_errors=True)

    # --- one attempt, several processes ---

    def left(self, names: Iterable[str]) -> Left:
        """What a task leaves of some tables for the others."""
        return Left(prepared={name: self._prepared[name] for name in names if name in self._prepared})

    def take(self, left: Left) -> None:
        """Go on with what another task has left."""
        self._prepared.update(left.prepared)

    def restart(self, names: Iterable[str]) -> None:
        """Forget what a task that was broken off has left of its tables."""
        for name in names:
            mine = {file.path.partition("/")[0] for file in self._ahead(name).adds}
            self._discard(name, self._opened, mine)

    def _discard(self, name: str, opened: int, but: Collection[str]) -> None:
        """Delete what an attempt has left in a table's folder. but: the folders that are published, or go on."""
        for folder in self.path(name).glob(f"{opened}-*"):
            if folder.name not in but:
                shutil.rmtree(folder, ignore_errors=True)

    def _discard_all(self, opened: int, ledger: Ledger, going_on: Mapping[str, Prepared] | None = None) -> None:
        """Delete what an attempt has left in all tables, but what was published and what goes on."""
        kept = {place.rpartition("/")[0] for entry in ledger.log[opened + 1 :] for place in entry.digests}
        kept |= {f"{name}/{file.path}".rpartition("/")[0] for name, p in (going_on or {}).items() for file in p.adds}
        for name in self.catalogue:
            self._discard(name, opened, {place.partition("/")[2] for place in kept if place.startswith(f"{name}/")})

    # --- publish ---

    def publish(self, entry: Entry, ledger: Ledger) -> Entry:
        """Make what is prepared visible, by this entry; give it as it was written. Raises LockedError, StorageError."""
        if entry.entry == "OPEN":  # an attempt before may have ended on a full disk
            self._prepared.clear()
        ahead = {name: prepared for name, prepared in self._prepared.items() if prepared.versions}
        digests = {f"{name}/{file.path}": file.sha256 for name, p in ahead.items() for file in p.adds}
        tables = {name: (state.version, state.rows) for name, state in self.state.items()}
        entry = ledger.following(replace(entry, tables=tables, digests=digests))
        if ahead and ledger.has_moved():
            raise taken_over(self.root)
        changes = {name: Change(self._version(name), prepared) for name, prepared in sorted(ahead.items())}
        after = {name: (self._state(name), self._files_with(name, ahead[name])) for name in ahead if name in tables}
        if ahead:
            written = publish(self.root, self._folder, ledger, Publication(entry, changes))
        else:
            written = ledger.write(entry)
        for name, (state, files) in after.items():
            self._published[name], self._files[name, state.version] = state, files
            self._columns[name] = self.columns(name)
        self._prepared.clear()
        return written

    def views(self, names: Iterable[str]) -> Mapping[str, View] | None:
        """The files of tables, with what is prepared."""
        return {name: self._view(name, self._files_with(name, self._ahead(name))) for name in names}

    def added(self, name: str) -> View:
        """The files that are prepared to enter a table."""
        return self._view(name, self._ahead(name).adds)

    def removed(self, name: str) -> View:
        """The files that are prepared to leave a table."""
        return self._view(name, self._ahead(name).removes)

    def _view(self, name: str, files: Sequence[DataFile], revisions: Sequence[int] | None = None) -> View:
        table, extras = self.catalogue[name], [later(c, "string") for c in self.extras(name)]
        return View(table.comment, [*table.fields, *extras], files, revisions)

    def show(self, ledger: Ledger) -> None:
        """Make `catalog.duckdb` show what is published."""
        seen = {"_stage": ledger.log.live.values(), "_errors": ledger.log.kept}
        views = {}
        for name in self.catalogue:
            files = self._before(name) if name in self._published else self._listed(name)
            entries = next((e for ending, e in seen.items() if name.endswith(ending)), None)
            revisions = None if entries is None else sorted({e.revision for e in entries if e.revision is not None})
            views[name] = self._view(name, files, revisions)
        views[LEDGER] = View(COMMENT, FIELDS, self._listed(LEDGER))
        write_catalog(self.root, views)

    def _version(self, name: str) -> int:
        """The version of a table before what is prepared; of a journal the newest, for nothing else pins it."""
        return self._published[name].version if name in self._published else deltafiles.version(self.path(name))

    def hold_back(self, revision: int | None) -> None:
        """Put the stage rows that are prepared aside, until a person accepts or rejects their batch.

        revision: None to drop them.
        """
        sources = [name.removesuffix("_target") for name in self.catalogue if name.endswith("_target")]
        names = [of(source) for source in sources for of in (stage_name, target_name)]
        ahead = {name: self._prepared.pop(name) for name in names if name in self._prepared}
        if revision is not None:
            aside.put(self.root, revision, ahead)
            return
        for name, prepared in ahead.items():
            self._delete(name, prepared.adds)

    def has_aside(self, entry: Entry) -> bool:
        """The rows of a batch that was held are there. entry: the one that held it."""
        return entry.revision is not None and aside.has(self.root, entry.revision)

    def take_up(self, revision: int) -> None:
        """Prepare the rows that were put aside under a revision."""
        for name, ahead in aside.take(self.root, revision, self._new_folder).items():
            there = self.columns(name)
            columns = tuple(field for field in ahead.columns if field.name not in there)
            self._prepared[name] = replace(ahead, columns=columns)

    def is_publishing(self) -> bool:
        """The attempt has begun to commit: it can only be finished."""
        return intended(self._folder) is not None

    def abandon(self, ledger: Ledger) -> None:
        """Forget what is prepared, but what the validation found."""
        self._prepared = {name: ahead for name, ahead in self._prepared.items() if name == "validation_results"}
        self._discard_all(self._opened, ledger, {name: self._ahead(name) for name in self._prepared})

    def assume(self, state: Mapping[str, State]) -> None:
        """Expect the tables as they are said to be."""
        self._published.update(state)
        self._columns.clear()

    def recover(self, ledger: Ledger, attempts: Path) -> bool:
        """Finish a publication that was broken off, and forget what others prepared; nothing is ever taken back.

        The attempts' folders stay, under names by which an attempt that wakes does not find its own. Raises
        StorageError if a table has rows that no ledger entry tells of.
        """
        for folder in sorted(attempts.iterdir()) if attempts.is_dir() else []:
            over = folder
            if not folder.name.startswith(_OVER):
                # One that writes an intent there from now on fails: its folder is gone.
                over = folder.with_name(_OVER + folder.name)
                folder.rename(over)
            publication = intended(over)
            if publication is not None and publication.entry.seq == len(ledger.log):
                finish(self.root, ledger, publication)
            elif publication is None:
                self._discard_all(_number(over.name), ledger)
        self._prepared.clear()
        self._columns.clear()
        self._published = {name: self._adopted(name, *said) for name, said in ledger.log.last.tables.items()}
        for name, table in self.catalogue.items():
            if not table.journal and name not in self._published:
                self._published[name] = self._adopted(name, 0, 0)
        aside.keep(self.root, [entry.revision for entry in ledger.log.held.values() if entry.revision is not None])
        return False

    def _adopted(self, name: str, version: int, rows: int) -> State:
        """A table as the ledger says, at a later version if that holds the same rows (an upkeep, new properties)."""
        path = self.path(name)
        newest = deltafiles.version(path)
        if newest < version:
            raise StorageError(
                f"{path}: the ledger says version {version}, and the newest here is {newest}. Nothing was touched; run "
                "`ecomm restore`, which makes the table again from landing."
            )
        for at in range(version + 1, newest + 1):
            if not deltafiles.changes_no_row(path, at):
                raise StorageError(
                    f"{path}: version {at} has other rows, and no ledger entry tells of it: another program wrote "
                    "this table. Nothing was touched; run `ecomm restore`, which makes it again from landing."
                )
        return State(newest, rows)

    # --- maintenance ---

    def compact(self, name: str) -> None:
        """Prepare to put a table's small files together. Stage is ordered by key: that is how the fold looks into it.

        Raises InvariantError if another number of rows is written than is read.
        """
        adds, removes = list[DataFile](), list[DataFile]()
        for files in small_ones(self._listed(name)):
            partition, folder = files[0].partition, self._new_folder(name)
            by = ("key",) if name.endswith("_stage") else ()
            rewrite(self.path(name), self._view(name, files), folder, partition, by, self._folder)
            adds += self._described(name, folder, partition)
            removes += files
        if sum(file.rows for file in adds) != sum(file.rows for file in removes):
            raise InvariantError(f"{name}: its files, put together, have another number of rows; nothing was changed.")
        if removes:
            self._prepared[name] = Prepared(adds=tuple(adds), removes=tuple(removes), changes_rows=False)

    def purge(self, name: str, at: int | None) -> list[str]:
        """Delete all that a table holds besides its newest rows, and what its log says of it; the files.

        at: the version that readers take, None for the newest. Later ones have the same rows.
        """
        path = self.path(name)
        before = {file for file in path.rglob("*") if file.is_file()}
        deltafiles.purge(path, deltafiles.version(path) if at is None else at)
        if name in self._published:
            self._published[name] = State(deltafiles.version(path), self._published[name].rows)
        return sorted(str(file) for file in before if not file.exists())

    def tidy(self, name: str, older_than: timedelta | None, keep: Collection[int]) -> int:
        """Delete old files that no version to be kept needs, and shorten the log; how many files were deleted.

        older_than: only those; None: none.
        """
        path = self.path(name)
        if name == LEDGER:
            deltafiles.compact(path)
        deltafiles.forget_removed(path)
        deleted = 0 if older_than is None else self.lake.vacuum(path, older_than, keep)
        deltafiles.remove_empty_folders(path)
        self.lake.shorten_log(path, keep)
        if name in self._published:
            self._published[name] = State(deltafiles.version(path), self._published[name].rows)
        return deleted


def _number(name: str) -> int:
    """The attempt of a folder of attempts."""
    said = name.removeprefix(_OVER)
    return int(said) if said.isdigit() else -1
