"""One source of one batch: its files -> stage rows, error rows, counts and the fold's statements."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import csvfile, lines, rules, sources, values
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
    number: int
    """The file's place in `expected_files`."""
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

    @property
    def order(self) -> tuple[int, int]:
        """ "the later file of a batch ..., in the trigger's order of `expected_files`, then the later record" """
        return self.number, self.line


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
    columns: dict[str, frozenset[str]] = field(default_factory=dict)
    """File -> the columns that its header states, extra ones too."""


def read_header(source: Source, names: list[str]) -> Header:
    """By header name, never by position: the seed's columns plus aliases; names match case-insensitively. An
    unknown header column becomes an extra column. An alias beside its own contract column is an unknown
    column."""
    lowered = [name.strip(values.TRIM).lower() for name in names]
    line_id = source.delivery.line_id
    of_lines = {line_id} if isinstance(line_id, str) else set(line_id)
    if "position" in of_lines or not line_id:
        of_lines = set()
    of_lines = {name.strip(values.TRIM).lower() for name in of_lines}
    if gone := sorted(of_lines - set(lowered)):
        raise BatchError(f"{source.name}: missing header of line_id {', '.join(gone)}")
    columns: list[str | None] = []
    for name in lowered:
        target = source.aliases.get(name)
        if name in of_lines and name not in source.in_header and not target:
            columns.append(None)  # it is in line_id
        elif line_id and name == "line_id" and name not in of_lines:
            columns.append("extra_line_id")  # the shop's own counts, "and the other column is kept as an extra one"
        elif name in source.in_header:
            columns.append(name)
        elif target and target not in lowered:
            columns.append(target)
        else:
            columns.append(extra_name(source, name))
    named = [column for column in columns if column]
    if len(set(named)) < len(named):
        raise values.UnspecifiedError(f"two header fields for one column: {names}")
    made = {"line_id"} if line_id else set()
    if source.delivery.amounts == "written" and "currency" in source.contract:
        made.add("currency")  # an amount says it
    absent = [name for name in source.in_header if name not in named and name not in made]
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
    read = [
        _read(source, number, file, content, settings, landed) for number, (file, content) in enumerate(files.items())
    ]
    accepted: list[_Accepted] = []
    is_orders = source.name == sources.ORDERS.name
    split = rules.split_orders(source, [texts for one in read for texts in one.stated()]) if is_orders else set()
    for one in read:
        accepted += _judge(one.source, one, as_of, settings, levels, landed, split)
    today = as_of.astimezone(settings.zones.shop).date()
    for group in _by_key(source, accepted).values():
        winner, flags = _choose(source, group, levels, landed)
        landed.counts[winner.file]["accepted"] += 1
        landed.verdicts.append(Verdict(source.key_of(winner.row), tuple(flags)))
        kept = [name for name in flags if levels[name] != "NONE"]
        landed.stage.append(_stage_row(source, winner, kept) | sources.derive(source, winner.row, today, settings))
        stated = {n: value for n, value in winner.row.items() if n not in winner.absent or n in source.key}
        landed.statements.append(Statement(batch_id, as_of, winner.op, stated | winner.extras))
    for row in landed.stage:
        row |= {name: row.get(name) for name in landed.extras}
    for row in landed.stage + landed.errors:
        row |= {"batch_id": batch_id, "as_of": as_of}
    return landed


@dataclass
class _Read:
    """One file as texts."""

    name: str
    number: int
    sha256: str
    header: Header
    records: list[tuple[int, list[str], dict[str, str | None]]]
    """Of the well-split ones: source_line, cells, stated column -> text."""
    source: Source
    """As the file's shape has it."""
    delivered: dict[int, list[str]]
    """source_line -> the cells as they stand in the file."""

    def stated(self) -> list[dict[str, str | None]]:
        """What the records say that end no key."""
        return [t for _, cells, t in self.records if not _deletes(self.source, self.header, cells)]


def _read(source: Source, number: int, file: str, content: bytes, settings: Settings, landed: Landed) -> _Read:
    """One file: its header, and its records' texts; what cannot be split is rejected here."""
    source = sources.of_file(source, file)
    try:
        parsed = csvfile.parse(content, source.delivery.delimiter)
    except csvfile.HeaderError as problem:
        raise BatchError(f"{source.name}: {file}: {problem}") from problem
    header = read_header(source, parsed.header)
    landed.extras |= {name for name in header.columns if name and name not in source.contract}
    landed.columns[file] = _columns(source, header)
    landed.counts[file] = dict.fromkeys(("read", "accepted", "rejected", "duplicate", "superseded"), 0)
    landed.counts[file]["read"] = len(parsed.records)
    readable: list[tuple[int, list[str], dict[str, str | None]]] = []
    delivered: dict[int, list[str]] = {}
    of_ids = _of_ids(source, header)
    for record in parsed.records:
        if record.fields is None:
            error = _error(file, record.source_line, None, ["line_malformed"], "HIGH", None)
            landed.errors.append(error | {"raw_line": record.raw_line})
            landed.verdicts.append(Verdict(None, ("line_malformed",)))
            landed.counts[file]["rejected"] += 1
        else:
            cells = [values.as_id(x) if of_id else x for x, of_id in zip(record.fields, of_ids, strict=True)]
            delivered[record.source_line] = record.fields
            readable.append((record.source_line, cells, _shaped(source, _texts(source, header, cells), settings)))
    if source.name == sources.ORDERS.name:
        lines.line_texts(source.delivery, header.names, [(texts, cells) for _, cells, texts in readable])
        lines.refund_texts(source.delivery, [texts for _, _, texts in readable], settings)
    return _Read(file, number, hashlib.sha256(content).hexdigest(), header, readable, source, delivered)


def _of_ids(source: Source, header: Header) -> list[bool]:
    """Which cells are ids, or parts of one: the key's columns, and those that name a thing of another source."""
    said = source.delivery.line_id
    of_lines = {name.strip(values.TRIM).lower() for name in ([said] if isinstance(said, str) else said)}
    return [
        column in source.key
        or (column in source.contract and column.endswith("_id"))
        or name.strip(values.TRIM).lower() in of_lines
        for name, column in zip(header.names, header.columns, strict=True)
    ]


def _judge(
    source: Source,
    read: _Read,
    as_of: datetime,
    settings: Settings,
    levels: Mapping[str, str],
    landed: Landed,
    split: set[str],
) -> list[_Accepted]:
    """One file: a row is rejected when any HIGH rule is not true; the others are returned."""
    accepted: list[_Accepted] = []
    stored_rows = []
    for _, fields, texts in read.records:
        typed = sources.cast(source, texts, settings)
        stated = {name: value for name, value in typed.items() if value is not None or texts.get(name) is not None}
        stored_rows.append((typed, sources.with_defaults(source, stated, settings.reporting_currency), fields))
    twice = _products_twice(source, read, [stored for _, stored, _ in stored_rows])
    for (line, fields, texts), (typed, stored, _) in zip(read.records, stored_rows, strict=True):
        delivered = read.delivered[line]
        raw = dict(zip(read.header.names, delivered, strict=True))
        op = "D" if _deletes(source, read.header, fields) else "U"
        record = Record(source, texts, typed, as_of, settings, op == "D", _total(source, read.header, fields))
        record.other_ids = delivered != fields
        is_header = rules.repeats(read.header.names, fields)
        failed = ["header_repeated"] if is_header else record.failed(levels, split)
        if op == "U" and not is_header and line in twice and "order_lines_distinct" in levels:
            failed.append("order_lines_distinct")
        if any(levels[name] == "HIGH" for name in failed):
            key = source.key_of(stored)
            landed.errors.append(_error(read.name, line, raw, failed, "HIGH", key))
            landed.verdicts.append(Verdict(key, tuple(failed)))
            landed.counts[read.name]["rejected"] += 1
        else:
            extras = {name: text for name, text in texts.items() if name not in source.contract}
            accepted.append(
                _Accepted(
                    read.name, read.number, line, read.sha256, raw, stored, extras, read.header.absent, op, failed
                )
            )
    return accepted


def _total(source: Source, header: Header, fields: list[str]) -> str | None:
    """The rule on totals that a record breaks, by the cell of the key's first column."""
    if source.key[0] not in header.columns:
        return None
    at = header.columns.index(source.key[0])
    return rules.total_of(fields[at], fields[:at] + fields[at + 1 :])


def _products_twice(source: Source, read: _Read, stored: list[Row]) -> set[int]:
    """order_lines_distinct: of an order whose lines are told apart by what was bought, the records of one file that
    have the same product, and the same times."""
    if source.name != sources.ORDERS.name:
        return set()
    groups: dict[tuple[object, ...], list[int]] = {}
    for (line, fields, _), row in zip(read.records, stored, strict=True):
        by_product = row["line_id"] and row["product_id"] and f"|{row['product_id']}|" in f"|{row['line_id']}|"
        if by_product and not _deletes(source, read.header, fields):
            times = (row["updated_timestamp"], row["created_timestamp"])
            groups.setdefault((source.key_of(row), *times), []).append(line)
    return {line for same in groups.values() if len(same) > 1 for line in same}


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
    """The winner of a key and the rules that it failed. Exact duplicates: "all contract columns equal after the cast
    (and extras equal as trimmed text, and the same absent columns)": the first of them stands for all, and is as late
    as the last. "A loser goes to `<source>_errors`"; other money than the winner's is never quiet."""
    alike: dict[object, list[_Accepted]] = {}
    for one in sorted(group, key=lambda a: a.place):
        alike.setdefault(_content(one), []).append(one)
    ones, *others = sorted(alike.values(), key=lambda same: _strength(source, same), reverse=True)
    winner, flags = ones[0], list(ones[0].flags)
    for one in (copy for same in others for copy in same):
        if _other_money(source, one, winner) and "superseded_amount_agrees" in levels:
            level, key = levels["superseded_amount_agrees"], source.key_of(one.row)
            if level == "HIGH":
                landed.errors.append(_error(one.file, one.line, one.raw, ["superseded_amount_agrees"], level, key))
                landed.verdicts.append(Verdict(key, ("superseded_amount_agrees",)))
                landed.counts[one.file]["rejected"] += 1
            else:
                landed.errors.append(_error(one.file, one.line, one.raw, ["superseded_amount_agrees"], level, key))
                landed.counts[one.file]["superseded"] += 1
        elif one is not next(same[0] for same in others if one in same):
            landed.counts[one.file]["duplicate"] += 1
        else:
            reason, severity = _loses_by(one, winner, levels)
            key = source.key_of(one.row)
            landed.errors.append(_error(one.file, one.line, one.raw, [reason], severity, key))
            landed.counts[one.file]["superseded"] += 1
    for copy in ones[1:]:
        landed.counts[copy.file]["duplicate"] += 1
    for same in others:
        reason, _ = _loses_by(same[0], winner, levels)
        if reason == "sequence_conflict" and reason not in flags:
            flags.append(reason)
    return winner, flags


def _content(one: _Accepted) -> object:
    return (one.op, tuple(one.row.items()), tuple(sorted(one.extras.items())), tuple(one.absent))


def _other_money(source: Source, one: _Accepted, winner: _Accepted) -> bool:
    """Of orders: another amount (in its currency) or another product; a row that ends its key states none."""
    if source.name != sources.ORDERS.name or "D" in (one.op, winner.op):
        return False
    return any(one.row[name] != winner.row[name] for name in ("order_amount", "currency", "product_id"))


def _texts(source: Source, header: Header, fields: list[str]) -> dict[str, str | None]:
    """Stated column -> trimmed text, empty = NULL; of texts what `ecomm export` wrote as such."""
    numbers = {c.name for c in source.columns if c.type not in ("string", "word", "currency", "order_status")}
    stated = {c: values.trimmed(cell) for c, cell in zip(header.columns, fields, strict=True) if c}
    return {c: text if c in numbers else values.as_exported(text) for c, text in stated.items()}


def _shaped(source: Source, texts: dict[str, str | None], settings: Settings) -> dict[str, str | None]:
    """The texts with what the shape says of them: words for an empty cell, the shop's words, words that mean nobody
    (an empty text: such an order "is in the sums and has no buyer"), and the currency that an amount's sign says."""
    shape = source.delivery
    empty = {word.lower() for word in shape.null_values}
    told = {name: None if text is not None and text.lower() in empty else text for name, text in texts.items()}
    for name, words in shape.values.items():
        meant = {values.as_word(word): to for word, to in words.items()}
        if told.get(name) is not None:
            told[name] = meant.get(values.as_word(told[name]), told[name])
    if (told.get("customer_id") or "").lower() in {word.lower() for word in shape.nobody}:
        told["customer_id"] = ""
    if shape.amounts == "written" and "currency" in source.contract:
        told["currency"] = told.get("currency") or sources.currency_by_signs(source, told, settings)
    return told


def _columns(source: Source, header: Header) -> frozenset[str]:
    """What a header states, as the tables call it, and `delete_column`."""
    stated = {name for name in source.in_header if name not in header.absent}
    stated |= {name for name in header.columns if name and name not in source.contract}
    flag = (source.delivery.delete_column or "").lower()
    names = {name.strip(values.TRIM).lower() for name in header.names} | stated
    return frozenset(stated | ({"delete_column"} if flag in names else set()))


def _error(file: str, line: int, raw: dict[str, str] | None, why: list[str], severity: str, key: str | None) -> Row:
    return {
        "source_file": file,
        "source_line": line,
        "raw": raw,
        "raw_line": None,
        "reasons": why,
        "severity": severity,
        "key": None if key is None else values.written_key(values.key_parts(key)),
        "key_parts": None if key is None else values.key_parts(key),
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


def _by_key(source: Source, accepted: list[_Accepted]) -> dict[str | None, list[_Accepted]]:
    groups: dict[str | None, list[_Accepted]] = {}
    for one in accepted:
        groups.setdefault(source.key_of(one.row), []).append(one)
    return groups


def _time(row: Row) -> datetime | None:
    """`updated_timestamp` where it is stated tells which of two statements is later, else `created_timestamp`."""
    updated: datetime | None = row.get("updated_timestamp")
    created: datetime | None = row["created_timestamp"]
    return updated or created


def _strength(source: Source, same: list[_Accepted]) -> tuple[datetime, bool, tuple[int, int]]:
    """The winner among groups of equal rows: the later time (missing lowest), at equal stated times delete over upsert,
    then the later file, then the later record."""
    time = _time(same[0].row)
    ends = time is not None and same[0].op == "D"
    return time or datetime.min.replace(tzinfo=UTC), ends, max(one.order for one in same)


def _loses_by(loser: _Accepted, winner: _Accepted, levels: Mapping[str, str]) -> tuple[str, str]:
    """superseded, severity NONE, if it is earlier, or states no time; sequence_conflict, severity MEDIUM (or as the
    settings say), if both state the same time."""
    time = _time(loser.row)
    if time is None or time != _time(winner.row) or "sequence_conflict" not in levels:
        return "superseded", "NONE"
    return "sequence_conflict", levels["sequence_conflict"]
