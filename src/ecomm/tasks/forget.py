"""The tables without what tells about customers who are forgotten: stage and error rows, and all that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import keys
from ecomm.attempt import Attempt
from ecomm.batches import erasures
from ecomm.batches.entry import JUDGES
from ecomm.batches.erasures import Copy
from ecomm.batches.people import People, searchable
from ecomm.batches.reading.erase import masked
from ecomm.contract import Source
from ecomm.erasing import SOURCES
from ecomm.history import with_files
from ecomm.session import Session, published_corrections
from ecomm.tables import errors_name, stage_name, target_name
from ecomm.tasks.change_set import check_histories, fold_difference, history_of, written
from ecomm.tasks.data_enrichment import write_enriched
from ecomm.tasks.final_merge_operation import merge_target, targets_of, write_analytics
from ecomm.tasks.found import ChangeSet
from ecomm.transforms import forget
from ecomm.transforms.relations import LEAVE

_RECORD = ("file_sha256", "source_line")
_ERROR = ("revision", "source_file", "source_line")
_CHECK = ("batch_id", "revision", "table_name", "check_name")
_COMMON = ("first_name", "last_name", "zip_code")
"""Personal columns whose values many people share."""


@dataclass(frozen=True)
class Rows:
    """People's rows in the tables. records: source -> the records from which they come, as (file's SHA-256, number).

    values: texts that are known of them. reached_by: customer -> addresses and numbers.
    """

    customers: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()
    records: Mapping[str, frozenset[tuple[str, int]]] = field(default_factory=dict)
    values: frozenset[str] = frozenset()
    reached_by: Mapping[str, frozenset[str]] = field(default_factory=dict)


def rows_of(session: Session, customers: Sequence[str]) -> Rows:
    """The rows of some customers by their ids, and those of their orders, in all revisions."""
    sources, store = session.sources, session.store
    orders = store.read(stage_name("orders")).filter(F.col("customer_id").isin(list(customers)))
    theirs = [row["order_id"] for row in orders.select("order_id").distinct().collect()]
    records, found, values = dict[str, frozenset[tuple[str, int]]](), set[str](), list[str]()
    reached_by: dict[str, set[str]] = {}
    for name in SOURCES:
        is_theirs = _of_order(theirs) if name != "customers" else F.col("customer_id").isin(list(customers))
        rows = store.read(stage_name(name)).filter(is_theirs)
        columns = sources[name].columns
        personal = [c.name for c in columns if c.personal and c.type == "string" and c.name not in _COMMON]
        names = [c.name for c in columns if c.name in ("customer_id", "first_name", "last_name")]
        said = rows.select(*_RECORD, *personal, *names).toArrow().to_pylist()
        records[name] = frozenset((row["file_sha256"], row["source_line"]) for row in said)
        found |= {row.get("customer_id") or "" for row in said}
        values += [row[column] for row in said for column in personal if row[column]]
        values += [f"{row['first_name']} {row['last_name']}" for row in said if row.get("last_name")]
        for row in said if name == "customers" else []:
            reached_by.setdefault(row["customer_id"], set()).update({row["email"], row["phone"]} - {None})
    reached = {customer: searchable(ways) for customer, ways in reached_by.items()}
    known = found | _in_quarantine(session, customers)
    return Rows(frozenset(known) & frozenset(customers), frozenset(theirs), records, searchable(values), reached)


def _of_order(orders: Iterable[str]) -> Column:
    return F.col("order_id").isin(sorted(orders))


def _in_quarantine(session: Session, customers: Sequence[str]) -> set[str]:
    """Those customers of whom a record was rejected."""
    cells = [
        session.store.read(errors_name(name)).select(F.explode(F.map_values("raw")).alias("cell")) for name in SOURCES
    ]
    named = reduce(DataFrame.unionByName, cells).filter(F.trim("cell").isin(list(customers)))
    return {row["cell"].strip() for row in named.select("cell").distinct().collect()}


def erase(attempt: Attempt, ids: Mapping[str, str], who: People, rows: Rows, copied: Sequence[Copy]) -> list[str]:
    """Prepare all tables without what tells about customers; the tables whose earlier versions hold it still.

    ids: of the customers whose id is personal, the id that they get. copied: their records in the archive.
    """
    session, store = attempt.session, attempt.store
    changes, touched = dict[str, ChangeSet](), list[str]()
    for name in dict.fromkeys((*SOURCES, *(c.source for c in copied))):
        _errors(attempt, session.sources[name], ids, who, copied)
        touched.append(errors_name(name))
    for name in SOURCES:
        copies = {(c.sha256, number) for c in copied if c.source == name for number in c.records}
        keyed = _stage(attempt, session.sources[name], ids, rows.records[name] | copies)
        touched += [stage_name(name), target_name(name)]
        if keyed is not None:
            changes[name] = _fold(attempt, session.sources[name], keyed)
    targets = targets_of(store)
    write_enriched(attempt, targets, changes)
    write_analytics(attempt, changes, everything=attempt.counts_otherwise)
    _corrections(attempt, copied, {*rows.values, *ids})
    if ids:
        _checks(attempt, ids)
        touched.append("validation_results")
    return [*touched, "enriched_orders", "customer_analytics", "product_analytics", "corrections"]


def _marked(attempt: Attempt, name: str, rows: Sequence[tuple[Any, ...]], schema: str) -> DataFrame | None:
    """Values by which rows are found, written under a name as `Store.exchange` takes them; None if there are none."""
    if not rows:
        return None
    frame = attempt.session.engine.spark.createDataFrame([*rows], schema)
    return attempt.work.materialise(name, frame.withColumn("change", F.lit(LEAVE)))


def _stage(
    attempt: Attempt, source: Source, ids: Mapping[str, str], records: Iterable[tuple[str, int]]
) -> DataFrame | None:
    """Exchange people's rows of a stage table; the keys of these, before and after, None if there are none."""
    store, name = attempt.store, stage_name(source.name)
    gone = _marked(attempt, f"{name}_forgotten", sorted(records), "file_sha256 string, source_line bigint")
    if gone is None:
        return None
    columns = store.columns(name)
    before = attempt.work.materialise(
        f"{name}_before", store.read(name).join(gone.select(*_RECORD), list(_RECORD), "left_semi").select(*columns)
    )
    if before is None:
        return None
    rows = forget.stage_rows(before, source, store.extras(name), ids).select(*columns)
    after = attempt.work.materialise(f"{name}_after", rows)
    assert after is not None
    erasures.keep_rows(attempt.session.settings, attempt.log, attempt.opened, name, after.toArrow())
    store.exchange(name, f"{name}_forgotten", _RECORD, after)
    keyed = before.select("key", *source.key).unionByName(after.select("key", *source.key)).distinct()
    return attempt.work.materialise(f"{source.name}_touched", keyed)


def _fold(attempt: Attempt, source: Source, keyed: DataFrame) -> ChangeSet:
    """Bring the versions of some keys to what stage says now."""
    history = history_of(attempt, source, with_files(attempt.log.live.values(), source.name))
    found = written(attempt.work, source, fold_difference(attempt, history, keyed))
    merge_target(attempt, source, found)
    target = attempt.store.read(target_name(source.name))
    check_histories(source, target.join(keyed.select(*source.key), list(source.key), "left_semi"))
    return found


def _errors(attempt: Attempt, source: Source, ids: Mapping[str, str], who: People, copied: Sequence[Copy]) -> None:
    """Exchange people's rows of an error table."""
    store, name, log = attempt.store, errors_name(source.name), attempt.log
    cells = {
        (c.batch_id, c.sha256, n): names for c in copied if c.source == source.name for n, names in c.records.items()
    }
    files = {
        (e.revision, f.name): (str(e.batch_id), f.sha256)
        for e in log
        if e.entry in JUDGES
        for f in e.files
        if f.source == source.name
    }
    theirs = []
    for row in store.read(name).toArrow().to_pylist():
        batch, digest = files.get((row["revision"], row["source_file"]), ("", ""))
        found = cells.get((batch, digest, row["source_line"]))
        if found is None and _names(row, source, who):
            found = dict.fromkeys(dict(row["raw"] or ()), "")
        if found is not None:
            theirs.append(_without(row, source, found, ids))
    by = _marked(
        attempt,
        f"{name}_forgotten",
        [tuple(row[c] for c in _ERROR) for row in theirs],
        "revision bigint, source_file string, source_line bigint",
    )
    if by is None:
        return
    rows = store.of_rows(name, theirs)
    erasures.keep_rows(attempt.session.settings, log, attempt.opened, name, rows.toArrow())
    store.exchange(name, f"{name}_forgotten", _ERROR, rows)


def _names(row: Mapping[str, Any], source: Source, who: People) -> bool:
    """A rejected record is one of theirs by its key. That of a file which is in the archive is known by its place."""
    parts = dict(zip(source.key, row["key_parts"] or (), strict=False))
    return parts.get("order_id") in who.orders or bool(who.stored_as(parts.get("customer_id") or ""))


def _without(
    row: Mapping[str, Any], source: Source, cells: Mapping[str, str], ids: Mapping[str, str]
) -> dict[str, Any]:
    parts = row["key_parts"]
    if parts is not None and "customer_id" in source.key:
        at = source.key.index("customer_id")
        parts = [ids.get(part, part) if number == at else part for number, part in enumerate(parts)]
    key = None if parts is None else keys.written(parts)
    raw = None if row["raw"] is None else erasures.cells_of(dict(row["raw"]), cells)
    line = None if row["raw_line"] is None else masked(row["raw_line"])
    return {**row, "raw": raw, "raw_line": line, "key_parts": parts, "key": key}


def _corrections(attempt: Attempt, copied: Sequence[Copy], texts: Iterable[str]) -> None:
    store, made = attempt.store, published_corrections(attempt.session)
    now = erasures.corrected(made, copied, texts)
    if now != made:
        store.overwrite("corrections", store.of_rows("corrections", [asdict(one) for one in now]), differs=True)


def _checks(attempt: Attempt, ids: Mapping[str, str]) -> None:
    """Write the journal of checks again with other ids in its samples of keys."""
    store, name = attempt.store, "validation_results"
    rows = store.lake.table(store.path(name))[1].to_pylist()
    now = [
        {**row, "sample_keys": [ids.get(key, key) for key in row["sample_keys"] or ()] or row["sample_keys"]}
        for row in rows
    ]
    schema = "batch_id string, revision bigint, table_name string, check_name string"
    keyed = sorted({tuple(row[c] for c in _CHECK) for row in rows})
    if _marked(attempt, f"{name}_forgotten", keyed, schema) is not None:
        store.exchange(name, f"{name}_forgotten", _CHECK, store.of_rows(name, now))
