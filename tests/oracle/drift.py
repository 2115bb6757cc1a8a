"""Columns that disappear, from the sentence of the orders: "a column that the settings name or that the last batch of
the source had, and that this header lacks, is a finding (`column_disappeared`, MEDIUM, HIGH if the settings name it)".

Where a batch has several files, the last batch "had" a column if all its files did; or if any did and now none does.
The last batch is the one before by (as_of, batch_id) that brought records.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class File:
    """A file of a source: the columns that its header states, as the tables call them, and how many records it has."""

    name: str
    columns: frozenset[str]
    records: int


@dataclass(frozen=True)
class Delivered:
    """A batch's files of one source."""

    batch_id: str
    as_of: datetime
    files: tuple[File, ...]


def disappeared(batch: Delivered, others: Iterable[Delivered], named: Collection[str]) -> set[tuple[str, str, str]]:
    """(file, column, level) of each column that a header of the batch lacks. named: columns that the settings name."""
    found = {(file.name, column, "HIGH") for file in batch.files for column in named if column not in file.columns}
    last = None
    for other in others:
        if not any(file.records for file in other.files):
            continue
        if (other.as_of, other.batch_id) < (batch.as_of, batch.batch_id) and (
            last is None or (last.as_of, last.batch_id) < (other.as_of, other.batch_id)
        ):
            last = other
    if last is None:
        return found
    before = [file.columns for file in last.files if file.records]
    for column in {one for columns in before for one in columns} - set(named):
        had_by_all = all(column in columns for columns in before)
        gone_from_all = all(column not in file.columns for file in batch.files)
        for file in batch.files:
            if column not in file.columns and (had_by_all or gone_from_all):
                found.add((file.name, column, "MEDIUM"))
    return found
