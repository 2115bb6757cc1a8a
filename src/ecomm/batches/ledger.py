"""The ledger: an append-only table whose last entry says which version of every table is the truth.

A batch becomes visible by one entry, so that nobody ever sees half of it. Entries are gapless (`seq`) and their times
never run backwards. Of several writers exactly one gets the next entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import TypeAdapter

from ecomm.contract import Field, Source
from ecomm.engines import Lake, deltafiles, lake_of
from ecomm.errors import FormatError, StorageError, UsageError
from ecomm.settings import Settings

NAME = "batch_ledger"
COMMENT = "One row an entry; the last one says which version of every table is read."
PUBLISHES = ("PUBLISH", "REDRIVE")
"""The entries by which a batch is live."""
JUDGES = (*PUBLISHES, "HOLD")
"""The entries that end a batch's run with a score."""
CHANGES = (*PUBLISHES, "UNDO", "REBUILD")
"""The entries that change what is published."""
_ENDS = (*CHANGES, "HOLD", "RECOVER", "MAINTAIN")
FORMAT_VERSION = 5
"""1: before the analytics tables had all their columns; 2: before orders had lines; 3: before entries had hashes;
4: before files had settings."""
_FILE = pa.struct(
    [(n, pa.string()) for n in ("source", "name", "absence", "shape", "settings", "sha256")]
    + [(n, pa.int64()) for n in ("bytes", "rows_read", "rows_accepted", "rows_rejected", "rows_duplicate")]
    + [("rows_superseded", pa.int64()), ("rows_left_out", pa.int64()), ("outcome", pa.string())]
    + [("columns", pa.list_(pa.string()))]
)
_COLUMNS: tuple[tuple[str, pa.DataType, str], ...] = (
    ("seq", pa.int64(), "Number of the entry: gapless, from 0."),
    (
        "entry",
        pa.string(),
        "GENESIS, OPEN, PUBLISH, HOLD, ACCEPT, REJECT, UNDO, REDRIVE, REBUILD, RECOVER, MAINTAIN.",
    ),
    ("at", pa.timestamp("us", "UTC"), "When it was written (wall clock); never before the entry before."),
    ("batch_id", pa.string(), "The batch that it is about."),
    ("run_id", pa.string(), "The run that wrote it."),
    ("as_of", pa.timestamp("us", "UTC"), "The batch's instant."),
    ("batch_date", pa.date32(), "The trigger's batch_date."),
    ("client_name", pa.string(), "The trigger's client_name."),
    ("revision", pa.int64(), "seq of the OPEN of the attempt."),
    ("files", pa.list_(_FILE), "The batch's files, with their rows and outcome."),
    (
        "tables",
        pa.map_(pa.string(), pa.struct([("version", pa.int64()), ("rows", pa.int64())])),
        "The version and rows of every table but the journals, to be read from now on.",
    ),
    ("score", pa.decimal128(18, 2), "The batch's score."),
    ("reason", pa.string(), "Why: of RECOVER, HOLD, ACCEPT, REJECT, UNDO."),
    ("engine", pa.string(), "The engine that computed it."),
    ("program_version", pa.string(), "The version of this program."),
    ("format_version", pa.int64(), "The version of the warehouse's format; an older program refuses it."),
    ("contract_hash", pa.string(), "The signature of each contract by which the tables were made, `source:hash`."),
    ("settings_hash", pa.string(), "Hash of the settings that change what is in the tables."),
    ("trigger", pa.string(), "The trigger JSON as received."),
    (
        "digests",
        pa.map_(pa.string(), pa.string()),
        "The data files that became part of tables with it (`table/path`), each with the SHA-256 of its bytes.",
    ),
    ("previous", pa.string(), "SHA-256 of the entry before, of its JSON with sorted keys; NULL for the first."),
)
SCHEMA = pa.schema([(name, of) for name, of, _ in _COLUMNS])


def _spark_type(of: pa.DataType) -> str:
    if pa.types.is_list(of):
        return f"array<{_spark_type(of.value_type)}>"
    if pa.types.is_map(of):
        return f"map<{_spark_type(of.key_type)},{_spark_type(of.item_type)}>"
    if pa.types.is_struct(of):
        return f"struct<{','.join(f'{f.name}:{_spark_type(f.type)}' for f in of)}>"
    if pa.types.is_decimal(of):
        return f"decimal({of.precision},{of.scale})"
    return {"int64": "bigint", "date32[day]": "date", "timestamp[us, tz=UTC]": "timestamp"}.get(str(of), str(of))


FIELDS = tuple(Field(name, _spark_type(of), comment) for name, of, comment in _COLUMNS)
"""The columns of `SCHEMA` as those of every other table are told."""


@dataclass(frozen=True)
class FileEntry:
    """One file of a batch: what it was and what became of its rows.

    absence: what it means that the file does not mention a key: `keep`, or `close` and the key columns of its scope.
    rows_left_out: records that are none of the source's (`only`, `read_from`); rows_read does not count them.
    shape: how the file was read, as `delivery.written` has it; empty if no setting says anything about it.
    settings: the hash of the settings by which it was read and its rows were judged (`ShopSettings.digest`).
    columns: the columns of the contract that its header had, and the extra ones.
    """

    source: str
    name: str
    sha256: str
    bytes: int
    rows_read: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0
    rows_superseded: int = 0
    rows_left_out: int = 0
    outcome: str = "OK"
    absence: str = "keep"
    shape: str = ""
    settings: str = ""
    columns: tuple[str, ...] = ()

    @property
    def scope(self) -> tuple[str, ...] | None:
        """A snapshot speaks of the values of these key columns that it mentions, of all keys if none; else None."""
        word, *columns = self.absence.split()
        return tuple(columns) if word == "close" else None


@dataclass(frozen=True)
class Entry:
    """One entry of the ledger; the columns of `SCHEMA`."""

    entry: str
    seq: int = -1
    at: datetime | None = None
    batch_id: str | None = None
    run_id: str | None = None
    as_of: datetime | None = None
    batch_date: date | None = None
    client_name: str | None = None
    revision: int | None = None
    files: tuple[FileEntry, ...] = ()
    tables: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    score: Decimal | None = None
    reason: str | None = None
    engine: str | None = None
    program_version: str | None = None
    format_version: int = FORMAT_VERSION
    contract_hash: str | None = None
    settings_hash: str | None = None
    trigger: str | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    previous: str | None = None

    def is_by(self, source: Source) -> bool:
        """The tables of a source were made by the contract that it has now."""
        return f"{source.name}:{source.signature}" in str(self.contract_hash).split()


def _from_row(row: dict[str, Any]) -> Entry:
    files = tuple(FileEntry(**f | {"columns": tuple(f["columns"] or ())}) for f in row["files"] or ())
    tables = {n: (s["version"], s["rows"]) for n, s in row["tables"] or ()}
    said = {f.name: row[f.name] for f in fields(Entry) if f.name in row}
    return Entry(**said | {"files": files, "tables": tables, "digests": dict(row.get("digests") or ())})


def _row(entry: Entry) -> dict[str, Any]:
    tables = [(n, {"version": v, "rows": r}) for n, (v, r) in sorted(entry.tables.items())]
    return asdict(entry) | {"tables": tables, "digests": sorted(entry.digests.items())}


def write_all(warehouse: Path, entries: Sequence[Entry]) -> None:
    """Make the ledger of a folder that has none, with these entries."""
    deltafiles.create(warehouse / NAME, FIELDS, COMMENT, statistics=["seq"])
    deltafiles.append_rows(warehouse / NAME, pa.Table.from_pylist([_row(e) for e in entries], schema=SCHEMA))


def of_text(text: str) -> Entry:
    """An entry of its JSON."""
    entry = _ENTRY.validate_json(text)
    return _from_row(pa.Table.from_pylist([_row(entry)], schema=SCHEMA).to_pylist()[0])


_ENTRY = TypeAdapter(Entry)


def text_of(entry: Entry) -> str:
    """An entry as JSON with sorted keys."""
    return json.dumps(_ENTRY.dump_python(entry, mode="json"), sort_keys=True, ensure_ascii=True)


def digest(entry: Entry) -> str:
    """The SHA-256 of an entry's JSON."""
    return hashlib.sha256(text_of(entry).encode()).hexdigest()


def version_of(settings: Settings) -> int:
    """The ledger table's version, which every entry moves on; -1 if there is none."""
    lake, path = lake_of(settings), settings.warehouse / NAME
    return lake.version(path) if lake.exists(path) else -1


def exists(warehouse: Path, lake: Lake = deltafiles) -> bool:
    """There is a ledger in this warehouse, be it without an entry yet."""
    return lake.exists(warehouse / NAME)


def _written(lake: Lake, warehouse: Path) -> str | None:
    """A table that was written to: no first run is broken off so late that there is no entry yet."""
    tables = sorted(log.parent for log in warehouse.glob("*/_delta_log") if log.parent.name != NAME)
    return next((t.name for t in tables if lake.version(t) > 0), None)


@lru_cache(maxsize=8)
def _read_of(_ledger: Path) -> list[Entry]:
    """The entries of a ledger that this process has read: the list in which `Ledger.refresh` keeps them."""
    return []


class Ledger:
    """The entries of one warehouse, as they were when it was read, and the way to append one."""

    def __init__(self, warehouse: Path, lake: Lake = deltafiles) -> None:
        self.path, self._lake = warehouse / NAME, lake
        self.entries: list[Entry] = []
        self._version = -1
        if odd := sorted(set(str(warehouse.absolute())) & set("%[]\\")):
            raise UsageError(
                f"{warehouse.absolute()}: Delta tables cannot lie in a folder with {' '.join(odd)} in its name; choose "
                "another one for --warehouse."
            )
        if exists(warehouse, lake):
            self.refresh()
        if not self.entries and (written := _written(lake, warehouse)):
            raise StorageError(
                f"{self.path}: the ledger is gone, but {written} holds rows; bring it back from a backup, nothing was "
                "touched."
            )

    @classmethod
    def of(cls, settings: Settings) -> Ledger:
        """The ledger of the warehouse that the settings name. Raises as `refresh` does."""
        return cls(settings.warehouse, lake_of(settings))

    def refresh(self) -> None:
        """Read the entries that have come. Raises FormatError if a newer or older program wrote them, StorageError.

        An entry never changes, so each is read once in a process, and the last one of those once more: if it is
        another, so is the warehouse.
        """
        read = _read_of(self.path)
        known = [*read]
        entries = self._since(max(len(known) - 1, 0))
        if known and entries[:1] != known[-1:]:
            known, entries = [], self._since(0)
        self.entries = [*known[:-1], *entries]
        self._check_chain(max(len(known), 1))
        read[:] = self.entries

    def _check_chain(self, since: int) -> None:
        """Raises StorageError if an entry does not follow the one before it; those before `since` were looked at."""
        for before, entry in pairwise(self.entries[since - 1 :]):
            if entry.seq != before.seq + 1 or entry.previous != digest(before):
                raise StorageError(
                    f"{self.path}: entry {entry.seq} does not follow the one before it, so the ledger was changed or "
                    "lost a part; bring it back from a backup, nothing was touched."
                )

    def _since(self, seq: int) -> list[Entry]:
        try:
            self._version, table = self._lake.table(self.path, since=("seq", seq))
            rows = table.to_pylist()
        except (StorageError, pa.ArrowException) as error:
            raise StorageError(f"the ledger is lost or damaged; bring it back from a backup: {error}") from error
        newest = max((row["format_version"] for row in rows), default=0)
        if newest > FORMAT_VERSION:
            raise FormatError(
                f"{self.path.parent}: this warehouse has format {newest}, this program knows {FORMAT_VERSION}; "
                "install a newer ecomm to work on it."
            )
        if 0 < newest < FORMAT_VERSION:
            raise FormatError(
                f"{self.path.parent}: this warehouse has format {newest}, this program writes {FORMAT_VERSION}; land "
                "the files of its archive again (each batch with its trigger) and run them into a new --warehouse."
            )
        return sorted((_from_row(row) for row in rows), key=lambda e: e.seq)

    @property
    def last(self) -> Entry:
        """The entry that says what readers read."""
        return self.entries[-1]

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
        at, previous = now or datetime.now(UTC), None
        if self.entries:
            assert self.last.at is not None
            at, previous = max(at, self.last.at + timedelta(microseconds=1)), digest(self.last)
        return replace(entry, seq=len(self.entries), at=at, previous=previous)

    def write(self, entry: Entry) -> Entry:
        """Append an entry that `following` gave; give it as readers will read it.

        Raises LockedError if somebody else wrote an entry meanwhile: nothing is written then. StorageError.
        """
        data = pa.Table.from_pylist([_row(entry)], schema=SCHEMA)
        self._version = self._lake.append_next(self.path, data, self._version)
        self.entries = [*self.entries, _from_row(data.to_pylist()[0])]
        return self.last


def must_have(entries: Sequence[Entry], table: str, version: int) -> set[str]:
    """The files that a version of a table has in any case: those by which the last entry that wrote it made it.

    Empty if that version is of another program's upkeep, or came by an entry that added no file.
    """
    for entry in reversed(entries if version else ()):  # at first it has no file
        files = {place.partition("/")[2] for place in entry.digests if place.startswith(f"{table}/")}
        if files:
            return files if entry.tables.get(table, (-1, 0))[0] == version else set()
    return set()


def live(entries: Sequence[Entry]) -> dict[str, Entry]:
    """The live log: for each batch the entry that published it last, unless it was undone since."""
    published: dict[str, Entry] = {}
    for entry in entries:
        if entry.batch_id is None:
            continue
        if entry.entry in PUBLISHES:
            published[entry.batch_id] = entry
        elif entry.entry == "UNDO":
            published.pop(entry.batch_id, None)
    return published


def positions(entries: Sequence[Entry]) -> dict[str, tuple[datetime, int]]:
    """The live log: batch -> (as-of, revision)."""
    return {b: (e.as_of, e.revision) for b, e in live(entries).items() if e.as_of and e.revision is not None}


def today_of(alive: Mapping[str, tuple[datetime, int]], zone: str) -> date:
    """The day of the greatest live as-of in a time zone; without a live batch no table has a row that looks at it."""
    local = ZoneInfo(zone)
    return max((as_of.astimezone(local).date() for as_of, _ in alive.values()), default=date(1970, 1, 1))


def undone(entries: Sequence[Entry]) -> dict[str, Entry]:
    """The batches that were taken out of the live log and have not come again, each with the entry that did so."""
    last = {e.batch_id: e for e in entries if e.batch_id and e.entry in (*JUDGES, "UNDO")}
    return {batch: entry for batch, entry in last.items() if entry.entry == "UNDO"}


def held(entries: Sequence[Entry]) -> dict[str, Entry]:
    """The batches that wait for a person, each with the entry that held it: neither published nor rejected since."""
    waiting: dict[str, Entry] = {}
    for entry in entries:
        if entry.batch_id is None:
            continue
        if entry.entry == "HOLD":
            waiting[entry.batch_id] = entry
        elif entry.entry in (*PUBLISHES, "REJECT"):
            waiting.pop(entry.batch_id, None)
    return waiting


def accepted(entries: Sequence[Entry]) -> list[Entry]:
    """The held batches that a person has accepted and that are not published yet, in the order of their position."""
    agreed: dict[str, int] = {e.batch_id: e.seq for e in entries if e.entry == "ACCEPT" and e.batch_id}
    waiting = [e for batch, e in held(entries).items() if agreed.get(batch, -1) > e.seq]
    return sorted(waiting, key=lambda e: (e.as_of, str(e.batch_id).encode()))


def kept(entries: Sequence[Entry]) -> list[Entry]:
    """What the archive holds files of: the batches that are live, and what is held, be it another revision of one."""
    return [*live(entries).values(), *held(entries).values()]


def until(entries: Sequence[Entry], known_at: int | datetime) -> Sequence[Entry]:
    """The entries up to one, by its number, or up to an instant. Raises UsageError if there was none yet."""
    number = known_at if isinstance(known_at, int) else sum(e.at <= known_at for e in entries if e.at is not None) - 1
    if not 0 <= number < len(entries):
        first, last = entries[0], entries[-1]
        raise UsageError(
            f"nothing was known at {known_at}: the ledger's entries go from 0 ({first.at:%Y-%m-%dT%H:%M:%S}Z) to "
            f"{last.seq} ({last.at:%Y-%m-%dT%H:%M:%S}Z)."
        )
    return entries[: number + 1]


def before_last_attempt(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries before the attempt that ends with the last of them. Raises UsageError if there are none."""
    opened = max((e.seq for e in entries if e.entry == "OPEN"), default=0)
    if not opened:
        raise UsageError("nothing was published by then; name a later batch or ledger entry.")
    return entries[:opened]


def published_last(entries: Sequence[Entry], batch_id: str) -> Entry | None:
    """The entry that published a batch last, be it undone since; None if none did."""
    said = [e for e in entries if e.batch_id == batch_id and e.entry in PUBLISHES]
    return said[-1] if said else None


def dead_revisions(entries: Sequence[Entry], alive: Collection[int]) -> list[int]:
    """The revisions whose stage rows, if there are any, do not count if only those count that are alive."""
    return sorted(e.seq for e in entries if e.entry == "OPEN" and e.seq not in alive)


def open_attempt(entries: Sequence[Entry]) -> Entry | None:
    """The attempt that is under way or was broken off: an OPEN that nothing has ended."""
    for entry in reversed(entries):
        if entry.entry == "OPEN":
            return entry
        if entry.entry in _ENDS:
            return None
    return None
