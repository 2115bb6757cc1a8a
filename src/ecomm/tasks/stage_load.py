"""01-05: a source's files become stage rows, error rows and a change set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import structlog
from pyspark.sql import DataFrame

from ecomm.attempt import Attempt
from ecomm.batches import archive, landing
from ecomm.batches.ledger import FileEntry
from ecomm.batches.survey import survey
from ecomm.contract import Header, Source
from ecomm.errors import StorageError
from ecomm.session import TaskResult
from ecomm.tables import errors_name, stage_name, target_name
from ecomm.tasks.change_set import change_set
from ecomm.transforms import quality
from ecomm.transforms import stage as staging

log = structlog.get_logger(__name__)
LARGE = 256 << 20
"""Bytes from which on a cluster is asked to read a file: chosen, not measured (docs/spark.md)."""


def stage_load(attempt: Attempt, result: TaskResult, source: Source) -> None:
    """01-05: a source's files become stage rows, error rows and a change set.

    Without files there is the change set alone: of rows that are in stage already, or of the batch's being replaced.
    """
    if attempt.claimed_of(source):
        load(attempt, result, source)
    elif attempt.held is not None:
        result.files = [f for f in attempt.held.files if f.source == source.name]
    attempt.changes[source.name] = change_set(attempt, source)


def load(attempt: Attempt, result: TaskResult, source: Source) -> None:
    """Judge a source's files, and write what is accepted and what is not."""
    landed = land(attempt, source, attempt.claimed_of(source))
    rows = attempt.materialise(f"{source.name}_rows", read(attempt, source, landed))
    exceptions = None if rows is None else judge(attempt, source, rows)
    tallies = [] if rows is None else quality.tallied(quality.tally(rows, exceptions).collect())
    attempt.tallies[source.name] = tallies
    counts = Counter[tuple[str, str]]()
    for tally in tallies:
        counts[tally.file, tally.verdict] += tally.rows
    result.files = [_file_entry(source, file.claimed, file.records, counts) for file in landed]
    write_stage(attempt, source, rows, exceptions, result)
    if exceptions is not None and any(f.rows_rejected or f.rows_superseded for f in result.files):
        write_errors(attempt, source, exceptions, landed)


@dataclass(frozen=True)
class Landed:
    """A file of a batch as text columns: where it was claimed, its header, its frame and how many records it has."""

    claimed: archive.Claimed
    header: Header
    frame: DataFrame
    records: int


def land(attempt: Attempt, source: Source, files: Sequence[archive.Claimed]) -> list[Landed]:
    """Land the files of a source in the attempt's folder: the large ones by a cluster, if there is one."""
    engine, landed = attempt.session.engine, []
    for i, claimed in enumerate(files):
        header, offset = attempt.headers[claimed.copy]
        place, width = attempt.folder / f"{source.name}_landed_{i}.parquet", len(header.names)
        found = by_cluster(attempt, source, claimed, place)
        if found is None:
            records = landing.land(claimed.copy, width, offset, place, header.shape.delimiter)
            found = engine.spark.read.parquet(engine.uri(place)), records
        frame, records = found
        fixes = {
            line: [made.fixed.get(name) for name in header.names]
            for (of, _, digest, line), made in attempt.corrections.items()
            if (of, digest) == (source.name, claimed.sha256)
        }
        landed.append(Landed(claimed, header, staging.corrected(frame, fixes), records))
    return landed


def by_cluster(attempt: Attempt, source: Source, claimed: archive.Claimed, place: Path) -> tuple[DataFrame, int] | None:
    """A large file's records by an engine that has machines for it; None if it must be landed here.

    Raises StorageError if the engine sees another file.
    """
    csv = attempt.session.engine.csv
    if csv is None or claimed.bytes < LARGE:
        return None
    header, offset = attempt.headers[claimed.copy]
    delimiter = header.shape.delimiter
    seen = survey(claimed.copy, len(header.names), offset, landing.dialect(delimiter))
    found = None
    if seen is not None:
        width, most = len(header.names), seen.longest + 1
        found = csv(claimed.copy, place, width, delimiter, multiline=seen.multiline, most_fields=most)
    log.info("large_file", source=source.name, bytes=claimed.bytes, by="the engine" if found else "the landing")
    if found and seen and found[1] != seen.records:
        raise StorageError(
            f"{claimed.file.path.name} has {seen.records} records here, and {found[1]} where the engine sees it; put "
            "landing on a disk that the cluster and this machine have under one path."
        )
    return found


def read(attempt: Attempt, source: Source, landed: Sequence[Landed]) -> DataFrame:
    """The typed rows of all files of a source, each with the rules that it breaks by itself."""
    frames = [
        staging.as_text(f.frame, source, f.header, f.claimed.file.name, f.claimed.sha256, attempt.reading)
        for f in landed
    ]
    extras = sorted({e for f in landed for e in f.header.extras})
    rows = staging.with_key(staging.together(frames, extras), source)
    verdicts = quality.verdicts(source, attempt.reading, among_rivals=False)
    return staging.typed(rows, source, attempt.reading, verdicts)


def judge(attempt: Attempt, source: Source, rows: DataFrame) -> DataFrame | None:
    """The rows that are not simply accepted with their own flags, None if all are."""
    sharing = attempt.materialise(f"{source.name}_rivals", quality.rivals(rows, source, attempt.reading))
    return attempt.materialise(f"{source.name}_exceptions", quality.judge(rows, sharing, source, attempt.reading))


def write_errors(attempt: Attempt, source: Source, exceptions: DataFrame, landed: Sequence[Landed]) -> None:
    """Append what was rejected or superseded, as it stands in its file."""
    store, name = attempt.session.store, errors_name(source.name)
    frames = [staging.as_it_stands(f.frame, f.header, f.claimed.file.name) for f in landed]
    standing = reduce(lambda a, b: a.unionByName(b), frames)
    store.append(name, quality.errors(exceptions, standing, attempt.lineage).select(*store.columns(name)))


def _file_entry(
    source: Source, claimed: archive.Claimed, read: int, counts: Mapping[tuple[str, str], int]
) -> FileEntry:
    rejected, duplicate, superseded = (
        counts.get((claimed.file.name, verdict), 0) for verdict in ("rejected", "duplicate", "superseded")
    )
    return FileEntry(
        source=claimed.file.source,
        name=claimed.file.name,
        sha256=claimed.sha256,
        bytes=claimed.bytes,
        rows_read=read,
        rows_accepted=read - rejected - duplicate - superseded,
        rows_rejected=rejected,
        rows_duplicate=duplicate,
        rows_superseded=superseded,
        absence=source.delivery.silence,
    )


def write_stage(
    attempt: Attempt, source: Source, rows: DataFrame | None, exceptions: DataFrame | None, result: TaskResult
) -> None:
    """Append the accepted rows to stage; a column that no contract names becomes one of stage and target."""
    store, name = attempt.session.store, stage_name(source.name)
    extras = sorted({e for c, (h, _) in attempt.headers.items() for e in h.extras if _is_of(attempt, c, source)})
    for table in (name, target_name(source.name)):
        store.evolve(table, extras)
    if rows is None or not sum(f.rows_accepted for f in result.files):
        return
    accepted = staging.stage(rows, exceptions, source, attempt.reading, attempt.lineage)
    store.append(name, staging.with_extras(accepted, store.extras(name)).select(*store.columns(name)))


def _is_of(attempt: Attempt, copy: Path, source: Source) -> bool:
    return any(c.copy == copy and c.file.source == source.name for c in attempt.claimed)
