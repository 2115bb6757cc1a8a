"""Publishing in folders: an intent on the disk, then one version a table, then the ledger entry.

    prepare     data files lie in the tables' folders; no Delta log names them, so no reader sees them
    intent      one file says everything that will be committed; from now on the publication can only be finished
    commit      each changed table gets one version, which names the ledger entry
    entry       the ledger entry makes the batch visible

A process may end anywhere. Without an intent nothing was committed, and there is nothing to take back. With one, the
next run makes what is missing: a version that is there and ours is done, one that is missing is made, one that is not
ours is an error. Nothing is ever restored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ecomm.batches.entry import Entry
from ecomm.batches.ledger import Ledger
from ecomm.contract import Field
from ecomm.engines import deltafiles
from ecomm.errors import StorageError, taken_over
from ecomm.store.datafiles import DataFile
from ecomm.tables import State

INTENT = "publication.json"


@dataclass(frozen=True)
class Prepared:
    """What will change in a table: columns that it gets, files that enter it, and files that leave it.

    changes_rows: False if the files that enter hold the very rows of those that leave.
    """

    columns: tuple[Field, ...] = ()
    adds: tuple[DataFile, ...] = ()
    removes: tuple[DataFile, ...] = ()
    changes_rows: bool = True

    @property
    def versions(self) -> int:
        """How many versions this makes of the table: new columns are a version of their own."""
        return bool(self.columns) + bool(self.adds or self.removes)

    @property
    def rows(self) -> int:
        """By how many rows the table grows."""
        return sum(file.rows for file in self.adds) - sum(file.rows for file in self.removes)


@dataclass(frozen=True)
class Left:
    """What a task leaves of its tables for the others: what is prepared, or the versions that it has made."""

    prepared: Mapping[str, Prepared] = field(default_factory=dict)
    versions: Mapping[str, State] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A table's version before, and what will change in it."""

    version: int
    prepared: Prepared

    @property
    def after(self) -> int:
        """The table's version once it has changed."""
        return self.version + self.prepared.versions


@dataclass(frozen=True)
class Publication:
    """The ledger entry that will be written, and what is committed before it: table -> its change."""

    entry: Entry
    changes: Mapping[str, Change]


_PUBLICATION = TypeAdapter(Publication)


def publish(warehouse: Path, attempt: Path, ledger: Ledger, publication: Publication) -> Entry:
    """Write the intent into the attempt's folder, commit, and append the entry.

    Raises LockedError if another run has taken over: then nothing is committed. StorageError.
    """
    intend(warehouse, attempt, publication)
    return finish(warehouse, ledger, publication)


def intend(warehouse: Path, attempt: Path, publication: Publication) -> None:
    """Write the intent: from now on the publication can only be finished. Raises LockedError."""
    said = _PUBLICATION.dump_json(publication)
    try:
        # A run that takes over renames the folder first: then this fails, and nothing has been committed.
        deltafiles.write_whole(attempt / INTENT, hashlib.sha256(said).hexdigest().encode() + b"\n" + said)
    except FileNotFoundError as error:
        raise taken_over(warehouse) from error


def intended(attempt: Path) -> Publication | None:
    """What an attempt was publishing when it broke off; None if it had not begun to. Raises StorageError."""
    file = attempt / INTENT
    if not file.is_file():
        return None
    digest, _, said = file.read_bytes().partition(b"\n")
    try:
        if hashlib.sha256(said).hexdigest().encode() != digest:
            raise StorageError(f"{file} is damaged: its bytes are not those that were written.")
        return _PUBLICATION.validate_json(said)
    except ValidationError as error:
        raise StorageError(f"{file} was written by another version of this program; finish with that one.") from error


def finish(warehouse: Path, ledger: Ledger, publication: Publication) -> Entry:
    """Make each version that is missing, then append the entry if it is missing. Raises LockedError, StorageError.

    Columns come first, for they change no row. Then all versions are made ready, and committed one right after another:
    who reads several tables meanwhile sees some before and some after, so this is kept short.
    """
    entry, changes = publication.entry, publication.changes
    for name, change in changes.items():
        _add_columns(warehouse / name, change, entry)
    commits = [_ready(warehouse / name, change, entry) for name, change in changes.items()]
    for commit in commits:
        commit()
    for name, change in changes.items():
        deltafiles.sync_commit(warehouse / name, change.after)
    if len(ledger.log) > entry.seq:
        raise taken_over(warehouse)
    return ledger.write(entry)


def _add_columns(path: Path, change: Change, entry: Entry) -> None:
    """Make the version that adds columns, if there are any and it is not there."""
    at = change.version + 1
    if not change.prepared.columns:
        return
    if deltafiles.version(path) >= at:
        _check(path, at, mark(entry))
    else:
        deltafiles.add_columns_at(path, change.prepared.columns, change.version, mark(entry))
    deltafiles.sync_commit(path, at)


def _ready(path: Path, change: Change, entry: Entry) -> Callable[[], None]:
    """What commits the files of a change; nothing, if that version is there or there is none to be made."""
    prepared, at = change.prepared, change.after
    if not (prepared.adds or prepared.removes):
        return _nothing
    if deltafiles.version(path) >= at:
        _check(path, at, mark(entry))
        return _nothing
    adds = [(f.path, f.bytes, f.partition, f.statistics) for f in prepared.adds]
    removes = [(f.path, f.bytes, f.partition) for f in prepared.removes]
    return deltafiles.commit(path, adds, removes, at - 1, mark(entry), changes_rows=prepared.changes_rows)


def _nothing() -> None:
    """The version is there."""


def mark(entry: Entry) -> dict[str, str]:
    """What the versions of a publication say in their commits: which batch, attempt and ledger entry they belong to."""
    return {
        "ecomm.batch": entry.batch_id or "",
        "ecomm.run": str(entry.run_id),
        "ecomm.revision": str(entry.revision),
        "ecomm.ledger": str(entry.seq),
    }


def _check(path: Path, at: int, mine: Mapping[str, str]) -> None:
    said = deltafiles.commit_info(path, at)
    if any(said.get(key) != value for key, value in mine.items()):
        raise StorageError(
            f"{path}: another program wrote version {at} while a batch was being published; `ecomm doctor` says what "
            "to do."
        )
