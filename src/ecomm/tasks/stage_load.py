"""01-05: a source's files become stage rows, error rows and a change set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import delivery
from ecomm.attempt import Workspace
from ecomm.batch import Batch
from ecomm.batches import drift
from ecomm.batches.entry import FileEntry
from ecomm.contract import Reading, Source
from ecomm.erasing import is_erased
from ecomm.errors import FileError
from ecomm.tables import errors_name, stage_fields, stage_name, target_name
from ecomm.tasks.change_set import change_set
from ecomm.tasks.found import StageLoaded
from ecomm.tasks.land import Landed, land, of_source, texts
from ecomm.transforms import forget, quality
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
    opened, store, name = batch.files_of(source), batch.store, stage_name(source.name)
    landed = land(batch.work, source, opened, batch.corrections)
    extras = sorted({extra for file in opened for extra in file.header.extras})
    for table in (name, target_name(source.name)):
        store.evolve(table, extras)
    judged = judge(batch.work, source, landed, batch.reading, batch.lineage, store.columns(name))
    landed = of_source(landed, judged.rows)
    _check_rows(batch, landed)
    tallies = quality.tallied(quality.tally(judged.plain, judged.apart, judged.exceptions))
    counts = Counter[tuple[str, str]]()
    for tally in tallies:
        counts[tally.file, tally.verdict] += tally.rows
    files = tuple(_file_entry(batch, source, one, counts) for one in landed)
    _write_stage(batch, source, judged)
    if judged.exceptions is not None and any(f.rows_rejected or f.rows_superseded for f in files):
        _write_errors(batch, source, judged.exceptions, landed)
    return files, tuple(tallies)


def _check_rows(batch: Batch, landed: Sequence[Landed]) -> None:
    """Raise FileError if a file has not as many records as its trigger says."""
    for one in landed:
        said = batch.trigger.totals_of(one.file.name).rows
        there = one.records + one.left_out
        if said not in (None, there):
            raise FileError(
                f"{one.file.claimed.file.path}: it has {there:,} records, and its trigger says {said:,}; send it, or "
                "the trigger, again."
            )


@dataclass(frozen=True)
class Judged:
    """The rows of a source's files as stage stores them; each frame is None if it has no rows.

    plain: those that are accepted with their own flags. apart: the others (`quality.apart`). exceptions: what becomes
    of those that are not simply accepted (`quality.judge`).
    """

    plain: DataFrame | None
    apart: DataFrame | None
    exceptions: DataFrame | None

    @property
    def rows(self) -> list[DataFrame]:
        """The frames that have all rows together."""
        return [frame for frame in (self.plain, self.apart) if frame is not None]


def judge(
    work: Workspace,
    source: Source,
    landed: Sequence[Landed],
    reading: Reading,
    lineage: Mapping[str, Column],
    columns: Sequence[str],
) -> Judged:
    """Judge the records of a source's files in one pass, which writes the rows that are plainly accepted for stage.

    columns: those of stage. Rows that are rejected, or share their key, are few: they are looked at once more.
    """
    records = texts(source, landed, reading)
    erased = is_erased(one.file.claimed for one in landed)
    if erased is not None:
        extras = sorted({extra for one in landed for extra in one.header.extras})
        records = forget.without_texts(records, erased, source, extras)
    shared = work.materialise(f"{source.name}_shared", quality.shared_keys(records))
    is_shared = F.lit(False)
    if shared is not None:
        records = records.join(shared.select("key", F.lit(True).alias("_shared")), "key", "left")
        is_shared = F.coalesce("_shared", is_shared)
    verdicts = quality.verdicts(source, reading, among_rivals=False)
    if erased is not None:
        verdicts = forget.spared(verdicts, erased, source)
    rows = staging.stage(staging.typed(records, source, reading, verdicts), is_shared, source, reading, lineage)
    there = {field.name for field in stage_fields(source)} | {e for one in landed for e in one.header.extras}
    stored = [F.col(c) if c in there else F.lit(None).cast("string").alias(c) for c in columns]
    rows = rows.select(*stored, "apart")
    plain, others = work.divide(_rows(source), rows, "apart")
    if others is None:
        return Judged(plain, None, None)
    apart = quality.apart(others, source)
    rivals = None
    if shared is not None:
        rivals = work.materialise(f"{source.name}_rivals", quality.rivals(apart, shared, source, reading))
    exceptions = quality.judge(apart, rivals, source, reading, [one.file.name for one in landed])
    return Judged(plain, apart, work.materialise(f"{source.name}_exceptions", exceptions))


def _rows(source: Source) -> str:
    return f"{source.name}_rows"


def _write_stage(batch: Batch, source: Source, judged: Judged) -> None:
    """Append the accepted rows to stage."""
    store, name = batch.store, stage_name(source.name)
    if judged.apart is not None:
        accepted = staging.accepted(judged.apart, judged.exceptions, batch.reading)
        store.append(name, accepted.select(*store.columns(name)))
    if judged.plain is not None:
        store.adopt(name, batch.work.part(_rows(source), "apart"))


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
        archived=claimed.archived,
        erased=claimed.erased,
    )
