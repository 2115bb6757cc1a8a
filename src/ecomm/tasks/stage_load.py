"""01-05: a source's files become stage rows, error rows and a change set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import DataFrame

from ecomm import delivery
from ecomm.attempt import Workspace
from ecomm.batch import Batch
from ecomm.batches import drift
from ecomm.batches.entry import FileEntry
from ecomm.contract import Reading, Source
from ecomm.tables import errors_name, stage_name, target_name
from ecomm.tasks.change_set import change_set
from ecomm.tasks.found import StageLoaded
from ecomm.tasks.land import Landed, land, of_source, read
from ecomm.transforms import quality
from ecomm.transforms import stage as staging


def stage_load(batch: Batch, source: Source) -> StageLoaded:
    """01-05: a source's files become stage rows, error rows and a change set. source: as tables hold it.

    Without files there is the change set alone: of rows that are in stage already, or of the batch's being replaced.
    Raises FileError, StorageError.
    """
    files, tallies = tuple[FileEntry, ...](), tuple[quality.Tally, ...]()
    if batch.files_of(source):
        files, tallies = load(batch, batch.contracts[source.name])
    elif batch.held is not None:
        files = tuple(f for f in batch.held.files if f.source == source.name)
    return StageLoaded(files, tallies, change_set(batch, source, files))


def load(batch: Batch, source: Source) -> tuple[tuple[FileEntry, ...], tuple[quality.Tally, ...]]:
    """Judge a source's files, and write what is accepted and what is not; what became of the files, and why.

    source: as the files are read.
    """
    opened = batch.files_of(source)
    landed = land(batch.work, source, opened, batch.corrections)
    rows = batch.work.materialise(f"{source.name}_rows", read(source, landed, batch.reading))
    landed = of_source(landed, rows)
    names = [file.name for file in opened]
    exceptions = None if rows is None else judge(batch.work, source, rows, batch.reading, names)
    tallies = [] if rows is None else quality.tallied(quality.tally(rows, exceptions).collect())
    counts = Counter[tuple[str, str]]()
    for tally in tallies:
        counts[tally.file, tally.verdict] += tally.rows
    files = tuple(_file_entry(batch, source, one, counts) for one in landed)
    _write_stage(batch, source, rows, exceptions, files)
    if exceptions is not None and any(f.rows_rejected or f.rows_superseded for f in files):
        _write_errors(batch, source, exceptions, landed)
    return files, tuple(tallies)


def judge(work: Workspace, source: Source, rows: DataFrame, reading: Reading, files: Sequence[str]) -> DataFrame | None:
    """The rows that are not simply accepted with their own flags, None if all are. files: the names, in their order."""
    sharing = work.materialise(f"{source.name}_rivals", quality.rivals(rows, source, reading))
    exceptions = quality.judge(rows, sharing, source, reading, files)
    return work.materialise(f"{source.name}_exceptions", exceptions)


def _write_stage(
    batch: Batch, source: Source, rows: DataFrame | None, exceptions: DataFrame | None, files: Sequence[FileEntry]
) -> None:
    """Append the accepted rows to stage; a column that no contract names becomes one of stage and target."""
    store, name = batch.store, stage_name(source.name)
    extras = sorted({extra for file in batch.files_of(source) for extra in file.header.extras})
    for table in (name, target_name(source.name)):
        store.evolve(table, extras)
    if rows is None or not sum(f.rows_accepted for f in files):
        return
    accepted = staging.stage(rows, exceptions, source, batch.reading, batch.lineage)
    store.append(name, staging.with_extras(accepted, store.extras(name)).select(*store.columns(name)))


def _write_errors(batch: Batch, source: Source, exceptions: DataFrame, landed: Sequence[Landed]) -> None:
    """Append what was rejected or superseded, as it stands in its file."""
    name = errors_name(source.name)
    frames = [staging.as_it_stands(one.frame, one.header, one.file.name) for one in landed]
    standing = reduce(DataFrame.unionByName, frames)
    rows = quality.errors(exceptions, standing, batch.lineage, len(source.key))
    batch.store.append(name, rows.select(*batch.store.columns(name)))


def _file_entry(batch: Batch, source: Source, landed: Landed, counts: Mapping[tuple[str, str], int]) -> FileEntry:
    claimed, records = landed.file.claimed, landed.records
    rejected, duplicate, superseded = (
        counts.get((claimed.file.name, verdict), 0) for verdict in ("rejected", "duplicate", "superseded")
    )
    return FileEntry(
        source=claimed.file.source,
        name=claimed.file.name,
        sha256=claimed.sha256,
        bytes=claimed.bytes,
        rows_read=records,
        rows_accepted=records - rejected - duplicate - superseded,
        rows_rejected=rejected,
        rows_duplicate=duplicate,
        rows_superseded=superseded,
        rows_left_out=landed.left_out,
        absence=source.delivery.silence,
        shape=delivery.written(landed.header.shape),
        settings=batch.read_by.digest,
        columns=drift.columns_of(source, landed.header),
    )
