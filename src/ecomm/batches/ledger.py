"""The ledger: an append-only table whose last entry says which version of every table is the truth.

A batch becomes visible by one entry, so that nobody ever sees half of it. Entries are gapless (`seq`) and their times
never run backwards. Of several writers exactly one gets the next entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from ecomm.batches.entry import COMMENT, FIELDS, FORMAT_VERSION, NAME, SCHEMA, Entry, digest, from_row, row_of
from ecomm.batches.log import NOTHING, Log
from ecomm.engines import Lake, deltafiles, lake_of
from ecomm.errors import FormatError, StorageError, UsageError
from ecomm.settings import Settings


def write_all(warehouse: Path, entries: Sequence[Entry]) -> None:
    """Make the ledger of a folder that has none, with these entries."""
    deltafiles.create(warehouse / NAME, FIELDS, COMMENT, statistics=["seq"])
    deltafiles.append_rows(warehouse / NAME, pa.Table.from_pylist([row_of(e) for e in entries], schema=SCHEMA))


def version_of(settings: Settings) -> int:
    """The ledger table's version, which every entry moves on; -1 if there is none."""
    lake, path = lake_of(settings), settings.warehouse / NAME
    return lake.version(path) if lake.exists(path) else -1


def exists(warehouse: Path, lake: Lake = deltafiles) -> bool:
    """There is a ledger in this warehouse, be it without an entry yet."""
    return lake.exists(warehouse / NAME)


def _written(lake: Lake, warehouse: Path) -> str | None:
    """A table that holds rows: no first run is broken off so late that there is no entry yet.

    One that has another version and no file was made by several first runs at once, or changed by another program.
    """
    tables = sorted(log.parent for log in warehouse.glob("*/_delta_log") if log.parent.name != NAME)
    return next((t.name for t in tables if lake.version(t) > 0 and lake.count_files(t)), None)


class Ledger:
    """The ledger of one warehouse: its entries as they were when it was read last (`log`), and the way to append one.

    known: its entries as they were read earlier, so that only what has come since is read.
    """

    def __init__(self, warehouse: Path, lake: Lake = deltafiles, known: Log = NOTHING) -> None:
        if odd := sorted(set(str(warehouse.absolute())) & set("%[]\\")):
            raise UsageError(
                f"{warehouse.absolute()}: Delta tables cannot lie in a folder with {' '.join(odd)} in its name; choose "
                "another one for --warehouse."
            )
        self.path = warehouse / NAME
        self.log = known
        self._lake = lake
        self._version = -1
        self.refresh()

    @classmethod
    def of(cls, settings: Settings, known: Log = NOTHING) -> Ledger:
        """The ledger of the warehouse that the settings name. Raises as `refresh` does."""
        return cls(settings.warehouse, lake_of(settings), known)

    def refresh(self) -> None:
        """Read the entries that have come. Raises FormatError if a newer or older program wrote them, StorageError.

        An entry never changes, so only the last one that is known is read once more: if it is another, another ledger
        has taken this one's place, and all is read.
        """
        known = self.log.entries
        self.log = NOTHING
        if exists(self.path.parent, self._lake):
            entries = self._since(max(len(known) - 1, 0))
            if known and entries[:1] != known[-1:]:
                known, entries = (), self._since(0)
            log = Log((*known[:-1], *entries))
            self._check_chain(log, max(len(known), 1))
            self.log = log
        if not self.log and (written := _written(self._lake, self.path.parent)):
            raise StorageError(
                f"{self.path}: the ledger is gone, but {written} holds rows. Nothing was touched; run `ecomm restore`, "
                "which makes the ledger again from landing."
            )

    def _check_chain(self, log: Log, since: int) -> None:
        """Raises StorageError if an entry does not follow the one before it; those before `since` were looked at."""
        for before, entry in pairwise(log.entries[since - 1 :]):
            if entry.seq != before.seq + 1 or entry.previous != digest(before):
                raise StorageError(
                    f"{self.path}: entry {entry.seq} does not follow the one before it, so the ledger was changed or "
                    "lost a part. Nothing was touched; run `ecomm restore`, which makes the ledger again from landing."
                )

    def _since(self, seq: int) -> tuple[Entry, ...]:
        try:
            self._version, table = self._lake.table(self.path, since=("seq", seq))
            rows = table.to_pylist()
            newest = max((row["format_version"] for row in rows), default=0)
            if not rows or newest == FORMAT_VERSION:
                return tuple(sorted((from_row(row) for row in rows), key=lambda e: e.seq))
        except (StorageError, pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            said = error if isinstance(error, StorageError) else type(error).__name__
            raise StorageError(
                f"the ledger is lost or damaged ({said}). Nothing was touched; run `ecomm restore`, which makes the "
                "ledger again from landing."
            ) from error
        if newest > FORMAT_VERSION:
            raise FormatError(
                f"{self.path.parent}: this warehouse has format {newest}, this program knows {FORMAT_VERSION}; "
                "install a newer ecomm to work on it."
            )
        raise FormatError(
            f"{self.path.parent}: this warehouse has format {newest}, this program writes {FORMAT_VERSION}; land "
            "the files of its archive again (each batch with its trigger) and run them into a new --warehouse."
        )

    def create(self) -> None:
        """Create the empty ledger."""
        if not exists(self.path.parent, self._lake):
            self._lake.create(self.path, FIELDS, COMMENT, statistics=["seq"])
        self.refresh()

    def append(self, entry: Entry, now: datetime | None = None) -> Entry:
        """Append an entry as the next one; give it with its number and time. Raises as `write`."""
        return self.write(self.following(entry, now))

    def has_moved(self) -> bool:
        """Somebody has written to the ledger since it was read."""
        return self._lake.version(self.path) != self._version

    def following(self, entry: Entry, now: datetime | None = None) -> Entry:
        """An entry as it would be the next one: with its number, its time and the hash of the one before."""
        at = now or datetime.now(UTC)
        previous = None
        if self.log:
            last = self.log.last
            assert last.at is not None
            at = max(at, last.at + timedelta(microseconds=1))
            previous = digest(last)
        return replace(entry, seq=len(self.log), at=at, previous=previous)

    def write(self, entry: Entry) -> Entry:
        """Append an entry that `following` gave; give it as readers will read it.

        Raises LockedError if somebody else wrote an entry meanwhile: nothing is written then. StorageError.
        """
        data = pa.Table.from_pylist([row_of(entry)], schema=SCHEMA)
        self._version = self._lake.append_next(self.path, data, self._version)
        self.log = self.log.and_then(from_row(data.to_pylist()[0]))
        return self.log.last
