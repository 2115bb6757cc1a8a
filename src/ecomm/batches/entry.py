"""One entry of the ledger: its columns, and how it is written as a row and as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from ecomm.contract import Field, Source

NAME = "batch_ledger"
COMMENT = "One row an entry; the last one says which version of every table is read."
PUBLISHES = ("PUBLISH", "REDRIVE")
"""The entries by which a batch is live."""
JUDGES = (*PUBLISHES, "HOLD")
"""The entries that end a batch's run with a score."""
CHANGES = (*PUBLISHES, "UNDO", "REBUILD", "FORGET")
"""The entries that change what is published."""
ENDS = (*CHANGES, "HOLD", "RECOVER", "MAINTAIN")
FORMAT_VERSION = 6
"""1: before the analytics tables had all their columns; 2: before orders had lines; 3: before entries had hashes;
4: before files had settings; 5: before people could be forgotten."""
_FILE = pa.struct(
    [(n, pa.string()) for n in ("source", "name", "absence", "shape", "settings", "sha256", "archived", "batch_id")]
    + [(n, pa.int64()) for n in ("bytes", "rows_read", "rows_accepted", "rows_rejected", "rows_duplicate")]
    + [("rows_superseded", pa.int64()), ("rows_left_out", pa.int64()), ("outcome", pa.string())]
    + [("columns", pa.list_(pa.string())), ("erased", pa.list_(pa.int64()))]
)
_COLUMNS: tuple[tuple[str, pa.DataType, str], ...] = (
    ("seq", pa.int64(), "Number of the entry: gapless, from 0."),
    (
        "entry",
        pa.string(),
        "GENESIS, OPEN, PUBLISH, HOLD, ACCEPT, REJECT, UNDO, REDRIVE, REBUILD, RECOVER, MAINTAIN, FORGET, LIFT.",
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
    ("reason", pa.string(), "Why: of RECOVER, HOLD, ACCEPT, REJECT, UNDO, FORGET, LIFT."),
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
    ("customers", pa.list_(pa.string()), "Of FORGET and LIFT: the ids under which the customers stay in the tables."),
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
    archived: the SHA-256 of its copy in the archive, where that differs: cells of people who are forgotten were taken
    out of it. erased: the numbers of their records. batch_id: its batch, in an entry that is about several (FORGET).
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
    archived: str = ""
    erased: tuple[int, ...] = ()
    batch_id: str = ""

    @property
    def copy_sha256(self) -> str:
        """The SHA-256 of its copy in the archive."""
        return self.archived or self.sha256

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
    customers: tuple[str, ...] = ()
    previous: str | None = None

    def is_by(self, source: Source) -> bool:
        """The tables of a source were made by the contract that it has now."""
        return f"{source.name}:{source.signature}" in str(self.contract_hash).split()


def from_row(row: dict[str, Any]) -> Entry:
    """An entry of a row of the ledger's table."""
    lists = ("columns", "erased")
    files = tuple(FileEntry(**f | {name: tuple(f[name] or ()) for name in lists}) for f in row["files"] or ())
    tables = {n: (s["version"], s["rows"]) for n, s in row["tables"] or ()}
    said = {f.name: row[f.name] for f in fields(Entry) if f.name in row}
    digests, customers = dict(row.get("digests") or ()), tuple(row.get("customers") or ())
    return Entry(**said | {"files": files, "tables": tables, "digests": digests, "customers": customers})


def row_of(entry: Entry) -> dict[str, Any]:
    """An entry as a row of the ledger's table."""
    tables = [(n, {"version": v, "rows": r}) for n, (v, r) in sorted(entry.tables.items())]
    return asdict(entry) | {"tables": tables, "digests": sorted(entry.digests.items())}


def of_text(text: str) -> Entry:
    """An entry of its JSON."""
    entry = _ENTRY.validate_json(text)
    return from_row(pa.Table.from_pylist([row_of(entry)], schema=SCHEMA).to_pylist()[0])


_ENTRY = TypeAdapter(Entry)


def text_of(entry: Entry) -> str:
    """An entry as JSON with sorted keys."""
    return json.dumps(_ENTRY.dump_python(entry, mode="json"), sort_keys=True, ensure_ascii=True)


def digest(entry: Entry) -> str:
    """The SHA-256 of an entry's JSON."""
    return hashlib.sha256(text_of(entry).encode()).hexdigest()
