"""The tables of a warehouse: what each one is. `CATALOGUE` says every table's columns, key and layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ecomm.analytics import (
    analytics_summary,
    category_analysis,
    customer_analytics,
    product_analytics,
    seasonal_analysis,
    segment_analysis,
)
from ecomm.contract import Field, Source
from ecomm.engines import Lake
from ecomm.errors import FormatError, UsageError
from ecomm.sources import SOURCES
from ecomm.transforms import enrich

LINEAGE = (
    Field("batch_id", "string", "The batch (trigger_id) that states the row."),
    Field("revision", "bigint", "The ledger entry that opened the attempt which wrote the row."),
    Field("as_of", "timestamp", "The batch's instant: its trigger's time (UTC)."),
    Field("source_file", "string", "The file that the row comes from."),
    Field("file_sha256", "string", "SHA-256 of that file as it was ingested."),
    Field("source_line", "bigint", "The record's number in the file; 1 = the first after the header."),
    Field(
        "row_hash",
        "string",
        "SHA-256 of the tracked columns, in the contract's order, of the row as it stands.",
    ),
)
_STAGE = (
    Field("op", "string", "U (upsert) or D (delete)."),
    Field(
        "key", "string", "For joins: the key's parts, each with its length before it. To read, take the key's columns."
    ),
    Field("absent_columns", "array<string>", "Contract columns that the file's header lacked: they say nothing."),
    Field("extra_columns", "array<string>", "Columns besides the contract that the file's header had."),
    Field("quality_flags", "array<string>", "The MEDIUM and LOW rules that the row breaks."),
)
_ERRORS = (
    Field("batch_id", "string", "The batch that brought the record."),
    Field("as_of", "timestamp", "The batch's instant (UTC)."),
    Field("source_file", "string", "The file that the record comes from."),
    Field("source_line", "bigint", "The record's number in the file; 1 = the first after the header."),
    Field(
        "raw",
        "map<string,string>",
        "The record as it stands: header name to cell; NULL if it could not be split.",
    ),
    Field("raw_line", "string", "The line as it stands, if it could not be split."),
    Field("reasons", "array<string>", "Every rule that the record breaks, or superseded, or sequence_conflict."),
    Field("severity", "string", "HIGH: rejected. MEDIUM: lost to another of its time. NONE: superseded."),
    Field(
        "key",
        "string",
        "The key: its parts with ` / ` between them, without empty ones at the end; NULL if it is not readable.",
    ),
    Field(
        "key_parts", "array<string>", "All parts of the key, in the order of its columns; NULL if it is not readable."
    ),
    Field("revision", "bigint", "The ledger entry that opened the attempt which wrote the row."),
)
_TARGET = (
    Field("effective_date", "timestamp", "The instant from which the version holds (UTC)."),
    Field("expiry_date", "timestamp", "The instant from which it no longer holds; NULL while it does."),
    Field("is_current", "boolean", "The version has no expiry_date."),
    Field("row_hash", "string", "SHA-256 of the tracked columns, in the contract's order, after carry-over."),
    Field("batch_id", "string", "The batch whose statement opened the version."),
)
_VALIDATION = (
    Field("batch_id", "string", "The batch that was checked."),
    Field("revision", "bigint", "The ledger entry that opened the attempt."),
    Field("table_name", "string", "The source whose rows were counted; `batch` for the score."),
    Field("check_name", "string", "The rule or check."),
    Field("category", "string", "completeness, format, business_rule, referential or consistency."),
    Field("rule_severity", "string", "How loud the check is when it fails."),
    Field("severity", "string", "How loud it was: NONE if nothing failed."),
    Field(
        "rows_checked",
        "bigint",
        "Rows looked at: for a rule those accepted or rejected, across tables those accepted, else all.",
    ),
    Field("failed_rows", "bigint", "Rows that failed."),
    Field("failed_share", "decimal(18,4)", "failed_rows / rows_checked, 0-1."),
    Field("description", "string", "What the check says."),
    Field("sample_keys", "array<string>", "At most five keys of failed rows, as in `<source>_errors`."),
    Field("score", "decimal(18,2)", "The batch's score, 0-100; only in the row batch_score."),
)
_CORRECTIONS = (
    Field("batch_id", "string", "The batch that brought the record."),
    Field("source", "string", "The record's source."),
    Field("file_sha256", "string", "SHA-256 of the record's file as it was ingested: it stands for no other bytes."),
    Field("source_line", "bigint", "The record's number in the file; 1 = the first after the header."),
    Field("original", "map<string,string>", "The record as it stands in the file: header name to cell, or its line."),
    Field("fixed", "map<string,string>", "What is read in its place: header name to cell."),
    Field("by", "string", "Who corrected it."),
    Field("reason", "string", "Why it was corrected."),
    Field("at", "timestamp", "When (UTC, wall clock)."),
    Field("revision", "bigint", "The ledger entry that opened the attempt which brought it in."),
)
_LOG = (
    Field("batch_id", "string", "The batch."),
    Field("revision", "bigint", "The ledger entry that opened the attempt."),
    Field("task", "string", "The task."),
    Field("started_at", "timestamp", "When it began (UTC, wall clock)."),
    Field("ended_at", "timestamp", "When it ended (UTC, wall clock)."),
    Field("seconds", "decimal(18,4)", "How long it took, seconds."),
    Field("rows_read", "bigint", "Records read from files."),
    Field("rows_accepted", "bigint", "Rows that went to stage."),
    Field("rows_rejected", "bigint", "Rows that a HIGH rule rejected."),
    Field("rows_duplicate", "bigint", "Rows equal to another one: only counted."),
    Field("rows_superseded", "bigint", "Rows that lost to another of their key."),
    Field("files", "bigint", "Files read."),
    Field(
        "bytes_read", "bigint", "Bytes of the files and tables that the task opened, whole, also where less is read."
    ),
    Field("bytes_written", "bigint", "Bytes of table files written."),
    Field("peak_memory_mb", "bigint", "The greatest memory so far of the program and a server of its own, MiB."),
    Field("status", "string", "OK, FAILED or SKIPPED."),
    Field("error", "string", "What went wrong."),
)


@dataclass(frozen=True)
class Table:
    """A table: its grain in words, its columns, the key of a row, and how it is laid out.

    evolves: takes the extra columns of files. journal: appended outside the batch's transaction. statistics: the
    columns whose least and greatest values the Delta log may hold: none that tells about a person.
    """

    name: str
    comment: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    partition_by: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    evolves: bool = False
    journal: bool = False


LATER = "Not in the contract when the table was made."
"""The comment of a column that came to a table later: what an older row lacks of it, it has not stated as NULL."""


def stage_name(source: str) -> str:
    """The stage table of a source."""
    return f"{source}_stage"


def errors_name(source: str) -> str:
    """The error table of a source."""
    return f"{source}_errors"


def target_name(source: str) -> str:
    """The target of a source."""
    return f"{source}_target"


def stage_fields(source: Source) -> tuple[Field, ...]:
    """The columns of a source's stage table, without the extra ones."""
    return (*_contract(source), *source.derived_fields, *LINEAGE, *_STAGE)


def _contract(source: Source) -> tuple[Field, ...]:
    return tuple(Field(c.name, c.type, c.comment) for c in source.stored)


def _of_source(source: Source) -> Iterable[Table]:
    yield Table(
        stage_name(source.name),
        f"Accepted {source.name} rows: one row a key, batch and revision.",
        stage_fields(source),
        statistics=("batch_id", "revision", "as_of", "key"),
        evolves=True,
    )
    yield Table(
        errors_name(source.name),
        f"Rejected and superseded {source.name} records: one row a record.",
        _ERRORS,
        statistics=("batch_id", "revision", "as_of"),
    )
    yield Table(
        target_name(source.name),
        f"Versions of {source.name} (SCD Type 2): one row a version of a key.",
        (*_contract(source), *source.version_fields, *_TARGET),
        key=(*source.key, "effective_date"),
        partition_by=("is_current",),
        statistics=(*source.key, "effective_date", "expiry_date"),
        evolves=True,
    )


def catalogue(sources: Mapping[str, Source]) -> dict[str, Table]:
    """Every table of a warehouse, by name. sources: as the shop delivers them."""
    tables = [table for source in sources.values() for table in _of_source(source)]
    tables += [
        Table(
            "enriched_orders",
            "Each current order beside its customer, product, stock and shipments: one row a current order.",
            enrich.FIELDS,
            key=sources["orders"].key,
            statistics=("order_id", "order_date"),
        ),
        Table(
            "customer_analytics",
            "What each customer bought: one row a customer with a current version or an order.",
            customer_analytics.FIELDS,
            key=customer_analytics.KEY,
            statistics=customer_analytics.KEY,
        ),
        Table(
            "product_analytics",
            "What each product sold: one row a product with a current version or an order.",
            product_analytics.FIELDS,
            key=product_analytics.KEY,
            statistics=product_analytics.KEY,
        ),
        Table(
            "analytics_summary",
            "The shop as it stood at each batch: one row a live batch.",
            analytics_summary.FIELDS,
            key=analytics_summary.KEY,
            statistics=("batch_id", "as_of"),
        ),
        Table(
            "seasonal_analysis",
            "The months beside each other: one row a month with orders.",
            seasonal_analysis.FIELDS,
            key=seasonal_analysis.KEY,
            statistics=seasonal_analysis.KEY,
        ),
        Table(
            "segment_analysis",
            "What each customer segment buys: one row a segment, always four.",
            segment_analysis.FIELDS,
            key=segment_analysis.KEY,
            statistics=segment_analysis.KEY,
        ),
        Table(
            "category_analysis",
            "What each product category sells: one row a category.",
            category_analysis.FIELDS,
            key=category_analysis.KEY,
            statistics=category_analysis.KEY,
        ),
        Table(
            "corrections",
            "What people wrote in place of rejected records: one row a record and correction.",
            _CORRECTIONS,
            key=("batch_id", "source", "file_sha256", "source_line", "revision"),
            statistics=("batch_id", "revision"),
        ),
        Table(
            "validation_results",
            "One row a check and attempt.",
            _VALIDATION,
            statistics=("batch_id",),
            journal=True,
        ),
        Table("processing_log", "One row a task and attempt.", _LOG, statistics=("batch_id",), journal=True),
    ]
    return {table.name: table for table in tables}


CATALOGUE: Mapping[str, Table] = catalogue(SOURCES)


def reserved(source: str) -> frozenset[str]:
    """The columns of a source's own tables, whose names an extra column must not take."""
    return frozenset(f.name for t in (stage_name(source), target_name(source)) for f in CATALOGUE[t].fields)


@dataclass(frozen=True)
class State:
    """What a table is at one moment: its Delta version and its rows."""

    version: int
    rows: int


@dataclass
class Usage:
    """Bytes of tables that were opened for reading, and bytes of table files that were written."""

    read: int = 0
    written: int = 0


def create_all(lake: Lake, root: Path, tables: Mapping[str, Table]) -> dict[str, State]:
    """Create every table of a catalogue that is not there yet; give the state of all but the journals."""
    for table in tables.values():
        if not lake.exists(root / table.name):
            lake.create(root / table.name, table.fields, table.comment, table.partition_by, table.statistics)
    return {t.name: State(lake.version(root / t.name), 0) for t in tables.values() if not t.journal}


def complete_journals(lake: Lake, root: Path, tables: Mapping[str, Table]) -> None:
    """Give the journals of an earlier program the columns that this one fills too."""
    for table in tables.values():
        if table.journal:
            there = lake.columns(root / table.name)
            if new := [field for field in table.fields if field.name not in there]:
                lake.add_columns(root / table.name, new)


def key_of(lake: Lake, root: Path, source: str) -> tuple[str, ...]:
    """The key by which a warehouse holds a source: what its target was made to be looked up by, before its instants."""
    return tuple(lake.statistics(root / target_name(source))[:-2])


def late_columns(lake: Lake, path: Path, table: Table) -> list[str]:
    """Those columns of a table's contract that came to it after it was made."""
    later = {f.name for f in lake.fields(path) if f.comment == LATER}
    return [f.name for f in table.fields if f.name in later]


def check_columns(lake: Lake, root: Path, sources: Iterable[Source]) -> None:
    """Raises FormatError if the tables of these sources cannot be brought to what their contracts say."""
    for table in (t for source in sources for t in _of_source(source)):
        there = {f.name: f for f in lake.fields(root / table.name)}
        known = {f.name: f.type for f in table.fields}
        said = [
            f"{name} is {there[name].type} there, and {type_} in the contract"
            for name, type_ in known.items()
            if name in there and there[name].type != type_
        ]
        said += [f"{name} is no longer in the contract" for name, f in there.items() if _is_gone(f, known)]
        if said:
            raise FormatError(
                f"{root / table.name}: {'; '.join(said)}. Set the contract back, or choose another --warehouse and run "
                "the archived files there."
            )


def _is_gone(there: Field, known: Mapping[str, str]) -> bool:
    return there.name not in known and (there.comment, there.type) != (LATER, "string")


def check_keys(lake: Lake, root: Path, sources: Mapping[str, Source]) -> None:
    """Raises UsageError if the settings give a source another key than the one by which the warehouse holds it."""
    for source in sources.values():
        if lake.exists(root / target_name(source.name)) and (made := key_of(lake, root, source.name)) != source.key:
            said = ", ".join(source.key)
            raise UsageError(
                f"{root} holds {source.name} by the key {', '.join(made)}, the settings say {said}; set "
                f"sources.{source.name}.key back, or choose another --warehouse and run the archived files there."
            )
