"""Where a row came from, and what became of a record: lineage over published tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds

from ecomm.engines import deltafiles
from ecomm.errors import UsageError
from ecomm.keys import compared
from ecomm.masks import Masks
from ecomm.sources import SOURCES
from ecomm.tables import key_of
from ecomm.warehouse import Warehouse

_BESIDES = ("effective_date", "expiry_date", "is_current", "row_hash", "batch_id", "movement", "quantity_change")


def versions_of(
    warehouse: Warehouse, source: str, key: Sequence[str]
) -> list[tuple[dict[str, str], list[str], list[dict[str, Any]]]]:
    """The keys that begin with these parts, line 2 before line 10: (key, columns to compare, versions oldest first).

    A version has the target's columns and `origin`, the file and line that opened it, and whether other cells were read
    in the line's place. Raises UsageError.
    """
    if source not in SOURCES:
        raise UsageError(f"there is no source {source}; use {', '.join(SOURCES)}.")
    names = key_of(deltafiles, warehouse.path, source)
    if len(key) > len(names):
        raise UsageError(f"the key of {source} is {' '.join(names)}: {len(names)} parts, not {len(key)}.")
    wanted = pc.scalar(True)
    for name, part in zip(names, key, strict=False):
        wanted = wanted & (pc.field(name) == compared(part))
    target = _dataset(warehouse, f"{source}_target").to_table(filter=wanted)
    origins = _dataset(warehouse, f"{source}_stage").to_table(
        columns=[*names, "batch_id", "source_file", "file_sha256", "source_line"], filter=wanted
    )
    mended = _corrected(warehouse, source)
    lines = {
        (tuple(r[n] for n in names), r["batch_id"]): f"{r['source_file']}:{r['source_line']}"
        + (", corrected" if (r["batch_id"], r["file_sha256"], r["source_line"]) in mended else "")
        for r in origins.to_pylist()
    }
    columns = [c for c in target.column_names if c not in _BESIDES and c not in names]
    keyed: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    rows = target.to_pylist()
    for row in sorted(rows, key=lambda row: (*((len(row[n]), row[n]) for n in names), row["effective_date"])):
        parts = tuple(row[n] for n in names)
        keyed.setdefault(parts, []).append(row | {"origin": lines.get((parts, row["batch_id"]))})
    return [(dict(zip(names, parts, strict=True)), columns, rows) for parts, rows in keyed.items()]


def real_key(warehouse: Warehouse, source: str, key: Sequence[str], masks: Masks) -> list[str]:
    """The same parts of a key, with the ids themselves where they are given by the names under which they are shown."""
    if source not in SOURCES or not any(map(masks.is_other_name, key)):
        return [*key]
    names = key_of(deltafiles, warehouse.path, source)[: len(key)]
    targets = _dataset(warehouse, f"{source}_target").to_table(columns=[*names])
    found = [
        masks.id_of(part, name, targets[name].unique().to_pylist()) for name, part in zip(names, key, strict=False)
    ]
    return [*found, *key[len(found) :]]


def _corrected(warehouse: Warehouse, source: str) -> set[tuple[str, str, int]]:
    """The records of a source that are read with other cells: batch, SHA-256 of the file, number in it."""
    if "corrections" not in warehouse.names:  # an older program wrote last
        return set()
    place = ["batch_id", "file_sha256", "source_line"]
    rows = _dataset(warehouse, "corrections").to_table(columns=place, filter=pc.field("source") == source)
    return {(r["batch_id"], r["file_sha256"], r["source_line"]) for r in rows.to_pylist()}


def quarantined(warehouse: Warehouse, source: str | None, batch: str | None) -> list[dict[str, Any]]:
    """Rejected and superseded records, by batch, source, file and line. Raises UsageError."""
    if source is not None and source not in SOURCES:
        raise UsageError(f"there is no source {source}; use {', '.join(SOURCES)}.")
    found: list[dict[str, Any]] = []
    for name in [source] if source else SOURCES:
        wanted = None if batch is None else pc.field("batch_id") == batch
        rows = _dataset(warehouse, f"{name}_errors").to_table(filter=wanted).to_pylist()
        for row in sorted(rows, key=lambda r: (r["as_of"], r["batch_id"], r["source_file"], r["source_line"])):
            row["raw"] = None if row["raw"] is None else dict(row["raw"])
            found.append({"source": name, **row})
    return found


def _dataset(warehouse: Warehouse, name: str) -> ds.Dataset:
    data = warehouse.dataset(name)
    assert isinstance(data, ds.Dataset)
    return data
