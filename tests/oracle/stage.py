"""One source of one batch: its files -> stage rows, error rows, counts and the fold's statements."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import csvfile, rules, sources, values
from .fold import Statement
from .rules import Record, Verdict
from .settings import Settings
from .sources import Source
from .values import Row

LINEAGE = [
    "batch_id", "revision", "as_of", "source_file", "file_sha256", "source_line", "row_hash", "op", "key",
    "absent_columns", "quality_flags",
]  # fmt: skip
TARGET_COLUMNS = [
    "effective_date", "expiry_date", "is_current", "previous_quantity", "quantity_change", "movement",
    "change",
]  # fmt: skip


class BatchError(ValueError):
    """A missing required column fails the batch with its name before anything is written."""


@dataclass
class Header:
    """Which header field states which column."""

    names: list[str]
    """As in the file."""
    columns: list[str | None]
    """The contract column, or the extra column's name; None for a column without any name."""
    absent: list[str]
    """Contract columns that the header lacks, in the contract's order."""


@dataclass
class _Accepted:
    """An accepted record, before duplicates and losers are sorted out."""

    file: str
    line: int
    sha256: str
    raw: dict[str, str]
    row: Row
    """As stored: every contract column."""
    extras: dict[str, str | None]
    absent: list[str]
    op: str
    """U, or D by the delete flag."""
    flags: list[str]
    """The rules that it failed."""

    @property
    def place(self) -> tuple[str, int]:
        return self.file, self.line


@dataclass
class Landed:
    stage: list[Row] = field(default_factory=list)
    errors: list[Row] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    extras: set[str] = field(default_factory=set)
    """The extra columns of all headers."""
    verdicts: list[Verdict] = field(default_factory=list)
    """Of all rows but duplicates and superseded ones."""


def read_header(source: Source, names: list[str]) -> Header:
    """By header name, never by position: the seed's columns plus aliases; names match case-insensitively. An
    unknown header column becomes an extra column. An alias beside its own contract column is an unknown
    column."""
    lowered = [name.strip(values.TRIM).lower() for name in names]
    columns: list[str | None] = []
    for name in lowered:
        target = source.aliases.get(name)
        if name in source.in_header:
            columns.append(name)
        elif target and target not in lowered:
            columns.append(target)
        else:
            columns.append(extra_name(source, name))
    named = [column for column in columns if column]
    if len(set(named)) < len(named):
        raise values.UnspecifiedError(f"two header fields for one column: {names}")
    absent = [name for name in source.in_header if name not in named]
    missing = [name for name in source.required if name in absent]
    if missing:
        raise BatchError(f"{source.name}: missing required column {', '.join(missing)}")
    return Header(names, columns, absent)


def extra_name(source: Source, name: str) -> str | None:
    """Lower-cased, runs of characters outside [a-z0-9] -> `_`, stripped of `_` at the ends."""
    extra = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
    if extra in {*source.contract, *source.derived, *LINEAGE, *TARGET_COLUMNS}:
        raise values.UnspecifiedError(f"extra column {name!r} would overwrite {extra}")
    return extra or None


def land(source: Source, batch_id: str, as_of: datetime, files: Mapping[str, bytes], settings: Settings) -> Landed:
    """Land text > cast > judge > stage + errors. Order: reject, then duplicates, then the winner of a key.
    All files of a source in a batch are one set. `source` as the shop delivers it."""
    landed = Landed()
    levels = rules.in_force(source, settings)
    accepted: list[_Accepted] = []
    for file in sorted(files):
        accepted += _judge(source, file, files[file], as_of, settings, levels, landed)
    today = as_of.astimezone(UTC).date()
    for group in _by_key(source, _without_duplicates(accepted, landed)).values():
        winner, flags = _choose(source, group, levels, landed)
        landed.counts[winner.file]["accepted"] += 1
        landed.verdicts.append(Verdict(source.key_of(winner.row), tuple(flags)))
        kept = [name for name in flags if levels[name] != "NONE"]
        landed.stage.append(_stage_row(source, winner, kept) | sources.derive(source, winner.row, today, settings))
        stated = {name: value for name, value in winner.row.items() if name not in winner.absent}
        landed.statements.append(Statement(batch_id, as_of, winner.op, stated | winner.extras))
    for row in landed.stage:
        row |= {name: row.get(name) for name in landed.extras}
    for row in landed.stage + landed.errors:
        row |= {"batch_id": batch_id, "as_of": as_of}
    return landed


def _judge(
    source: Source,
    file: str,
    content: bytes,
    as_of: datetime,
    settings: Settings,
    levels: Mapping[str, str],
    landed: Landed,
) -> list[_Accepted]:
    """One file: a row is rejected when any HIGH rule is not true; the others are returned."""
    try:
        parsed = csvfile.parse(content, source.delivery.delimiter)
    except csvfile.HeaderError as problem:
        raise BatchError(f"{source.name}: {file}: {problem}") from problem
    header = read_header(source, parsed.header)
    landed.extras |= {name for name in header.columns if name and name not in source.contract}
    counts = dict.fromkeys(("read", "accepted", "rejected", "duplicate", "superseded"), 0)
    landed.counts[file] = counts
    counts["read"] = len(parsed.records)
    sha256 = hashlib.sha256(content).hexdigest()

    readable: list[tuple[int, list[str], dict[str, str | None]]] = []
    for record in parsed.records:
        if record.fields is None:
            error = _error(file, record.source_line, None, ["line_malformed"], "HIGH", None)
            landed.errors.append(error | {"raw_line": record.raw_line})
            landed.verdicts.append(Verdict(None, ("line_malformed",)))
            counts["rejected"] += 1
        else:
            readable.append((record.source_line, record.fields, _texts(source, header, record.fields)))

    accepted: list[_Accepted] = []
    split = rules.split_orders([texts for _, _, texts in readable])
    for line, fields, texts in readable:
        typed = sources.cast(source, texts, settings.zones)
        stored = sources.with_defaults(source, typed, settings.reporting_currency)
        raw = dict(zip(header.names, fields, strict=True))
        op = "D" if _deletes(source, header, fields) else "U"
        failed = Record(source, texts, typed, as_of, settings, op == "D").failed(levels, split)
        if any(levels[name] == "HIGH" for name in failed):
            key = source.key_of(stored)
            landed.errors.append(_error(file, line, raw, failed, "HIGH", key))
            landed.verdicts.append(Verdict(key, tuple(failed)))
            counts["rejected"] += 1
        else:
            extras = {name: text for name, text in texts.items() if name not in source.contract}
            accepted.append(_Accepted(file, line, sha256, raw, stored, extras, header.absent, op, failed))
    return accepted


def _deletes(source: Source, header: Header, fields: list[str]) -> bool:
    """A contract may name a flag column and its values: such a value there ends the key. The column is named as in the
    header or as in the table; both are compared in lower case."""
    wanted = (source.delivery.delete_column or "").lower()
    values_of = {value.lower() for value in source.delivery.delete_values}
    return any(
        wanted in (name.strip(values.TRIM).lower(), column) and (values.trimmed(cell) or "").lower() in values_of
        for name, column, cell in zip(header.names, header.columns, fields, strict=True)
        if wanted
    )


def _choose(
    source: Source, group: list[_Accepted], levels: Mapping[str, str], landed: Landed
) -> tuple[_Accepted, list[str]]:
    """The winner of a key and the rules that it failed; "a loser goes to `<source>_errors`"."""
    winner = max(group, key=lambda one: _strength(source, one))
    flags = list(winner.flags)
    for loser in group:
        if loser is not winner:
            reason, severity = _loses_by(loser, winner, levels)
            if reason in levels and reason not in flags:
                flags.append(reason)
            key = source.key_of(loser.row)
            landed.errors.append(_error(loser.file, loser.line, loser.raw, [reason], severity, key))
            landed.counts[loser.file]["superseded"] += 1
    return winner, flags


def _texts(source: Source, header: Header, fields: list[str]) -> dict[str, str | None]:
    """Stated column -> trimmed text, empty = NULL; of texts what `ecomm export` wrote as such."""
    numbers = {c.name for c in source.columns if c.type not in ("string", "word", "currency", "order_status")}
    stated = {c: values.trimmed(cell) for c, cell in zip(header.columns, fields, strict=True) if c}
    return {c: text if c in numbers else values.as_exported(text) for c, text in stated.items()}


def _error(file: str, line: int, raw: dict[str, str] | None, why: list[str], severity: str, key: str | None) -> Row:
    return {
        "source_file": file,
        "source_line": line,
        "raw": raw,
        "raw_line": None,
        "reasons": why,
        "severity": severity,
        "key": key,
    }


def _stage_row(source: Source, winner: _Accepted, flags: list[str]) -> Row:
    return {
        **winner.row,
        **winner.extras,
        "source_file": winner.file,
        "file_sha256": winner.sha256,
        "source_line": winner.line,
        "row_hash": values.row_hash(winner.row[name] for name in source.tracked),
        "op": winner.op,
        "key": source.key_of(winner.row),
        "absent_columns": list(winner.absent),
        "quality_flags": flags,
    }


def _without_duplicates(accepted: list[_Accepted], landed: Landed) -> list[_Accepted]:
    """Exact duplicate: all contract columns equal after the cast (and extras equal as trimmed text, and the
    same absent columns): the one with the least (file name, source_line) stays, the others are only
    counted."""
    seen = set()
    kept = []
    for one in sorted(accepted, key=lambda a: a.place):
        content = (one.op, tuple(one.row.items()), tuple(sorted(one.extras.items())), tuple(one.absent))
        if content in seen:
            landed.counts[one.file]["duplicate"] += 1
        else:
            seen.add(content)
            kept.append(one)
    return kept


def _by_key(source: Source, accepted: list[_Accepted]) -> dict[str | None, list[_Accepted]]:
    groups: dict[str | None, list[_Accepted]] = {}
    for one in accepted:
        groups.setdefault(source.key_of(one.row), []).append(one)
    return groups


def _strength(source: Source, one: _Accepted) -> tuple[datetime, bool, str, str]:
    """The winner: greatest created_timestamp (missing lowest), then delete over upsert, then greatest hex hash over
    the tracked non-personal columns, then greatest hex hash over all contract columns, then least (file name,
    source_line): `max` keeps the first of equals, and the rows come in that order."""
    created: datetime | None = one.row["created_timestamp"]
    return (
        created or datetime.min.replace(tzinfo=UTC),
        one.op == "D",
        values.row_hash(one.row[name] for name in source.tracked_not_personal),
        values.row_hash(one.row[name] for name in source.contract),
    )


def _loses_by(loser: _Accepted, winner: _Accepted, levels: Mapping[str, str]) -> tuple[str, str]:
    """superseded, severity NONE, if its created_timestamp is less than the winner's (or missing while the
    winner's is there); else sequence_conflict, severity MEDIUM (or as the settings say)."""
    if loser.row["created_timestamp"] != winner.row["created_timestamp"]:
        return "superseded", "NONE"
    return "sequence_conflict", levels.get("sequence_conflict", "NONE")
