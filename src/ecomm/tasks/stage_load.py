"""01-05: a source's files become stage rows, error rows and a change set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

import structlog
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm import delivery
from ecomm.attempt import Attempt
from ecomm.batches import archive, drift
from ecomm.batches.dialect import dialect
from ecomm.batches.ledger import FileEntry
from ecomm.batches.reading.place import Table
from ecomm.batches.reading.tables import land as land_table
from ecomm.batches.survey import survey
from ecomm.contract import Header, Reading, Source
from ecomm.errors import StorageError
from ecomm.session import TaskResult
from ecomm.tables import errors_name, stage_name, target_name
from ecomm.tasks.change_set import change_set
from ecomm.transforms import lines, parts, quality
from ecomm.transforms import stage as staging

log = structlog.get_logger(__name__)
LARGE = 256 << 20
"""Bytes from which on a cluster is asked to read a file: chosen, not measured (docs/spark.md)."""


def stage_load(attempt: Attempt, result: TaskResult, source: Source) -> None:
    """01-05: a source's files become stage rows, error rows and a change set.

    Without files there is the change set alone: of rows that are in stage already, or of the batch's being replaced.
    """
    if attempt.claimed_of(source):
        load(attempt, result, attempt.contracts[source.name])
    elif attempt.held is not None:
        result.files = [f for f in attempt.held.files if f.source == source.name]
    attempt.changes[source.name] = change_set(attempt, source)


def load(attempt: Attempt, result: TaskResult, source: Source) -> None:
    """Judge a source's files, and write what is accepted and what is not."""
    landed = land(attempt, source, attempt.claimed_of(source))
    rows = attempt.materialise(f"{source.name}_rows", read(attempt, source, landed))
    landed = of_source(landed, rows)
    exceptions = None if rows is None else judge(attempt, source, rows)
    tallies = [] if rows is None else quality.tallied(quality.tally(rows, exceptions).collect())
    attempt.tallies[source.name] = tallies
    counts = Counter[tuple[str, str]]()
    for tally in tallies:
        counts[tally.file, tally.verdict] += tally.rows
    result.files = [_file_entry(attempt, source, file, counts) for file in landed]
    write_stage(attempt, source, rows, exceptions, result)
    if exceptions is not None and any(f.rows_rejected or f.rows_superseded for f in result.files):
        write_errors(attempt, source, exceptions, landed)


@dataclass(frozen=True)
class Landed:
    """A file of a batch as text columns: where it was claimed, its header, its frame and how many records it has.

    borrowed: it comes for another source. left_out: how many further records it has, which are none of the source's.
    unread: how many records below the table are not read.
    """

    claimed: archive.Claimed
    header: Header
    frame: DataFrame
    records: int
    borrowed: bool = False
    left_out: int = 0
    unread: int = 0

    @property
    def chooses(self) -> bool:
        """Not every record is one of the source's."""
        return self.borrowed or bool(self.header.only) or self.header.shape.part == "heads"


def land(attempt: Attempt, source: Source, files: Sequence[archive.Claimed]) -> list[Landed]:
    """Land the files of a source in the attempt's folder: the large ones by a cluster, if there is one."""
    engine, landed = attempt.session.engine, []
    for i, claimed in enumerate(files):
        header, table = attempt.headers[claimed.copy]
        place = attempt.folder / f"{source.name}_landed_{i}.parquet"
        found = by_cluster(attempt, source, claimed, table, place)
        if found is None:
            records = land_table(table, place)
            found = engine.spark.read.parquet(engine.uri(place)), records
        frame, records = found
        fixes = {
            line: [made.fixed.get(name) for name in header.names]
            for (of, _, digest, line), made in attempt.corrections.items()
            if (of, digest) == (source.name, claimed.sha256)
        }
        borrowed = attempt.borrows(claimed)
        if table.unread:
            log.info("below_the_table", source=source.name, file=claimed.file.name, records=table.unread)
        frame = staging.corrected(frame, fixes)
        landed.append(Landed(claimed, header, frame, records, borrowed, unread=table.unread))
    return landed


def of_source(landed: Sequence[Landed], rows: DataFrame | None) -> list[Landed]:
    """The files with the numbers of their records that are the source's, and of those that are left out.

    rows: what `read` gave, materialised.
    """
    if not any(file.chooses for file in landed):
        return list(landed)
    found = [] if rows is None else rows.groupBy("source_file", "file_sha256").count().collect()
    kept = {(r["source_file"], r["file_sha256"]): r["count"] for r in found}
    numbers = [kept.get((f.claimed.file.name, f.claimed.sha256), 0) for f in landed]
    return [replace(f, records=n, left_out=f.records - n) for f, n in zip(landed, numbers, strict=True)]


def by_cluster(
    attempt: Attempt, source: Source, claimed: archive.Claimed, table: Table, place: Path
) -> tuple[DataFrame, int] | None:
    """A large file's records by an engine that has machines for it; None if it must be landed here.

    Raises StorageError if the engine sees another file.
    """
    csv = attempt.session.engine.csv
    if csv is None or claimed.bytes < LARGE or table.plain is None:
        return None
    offset, delimiter = table.plain
    width = len(table.names)
    seen = survey(claimed.copy, width, offset, dialect(delimiter))
    found = None
    if seen is not None:
        most = seen.longest + 1
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
    frames = [_as_text(file, source, attempt.reading) for file in landed]
    extras = sorted({e for f in landed for e in f.header.extras})
    texts = staging.together(frames, extras) if not source.in_parts else _joined(source, landed, frames, extras)
    if source.delivery.refunds == "rows":
        texts = lines.refunded(texts, source, attempt.reading)
    rows = staging.with_key(texts, source)
    verdicts = quality.verdicts(source, attempt.reading, among_rivals=False)
    return staging.typed(rows, source, attempt.reading, verdicts)


def _joined(source: Source, landed: Sequence[Landed], frames: Sequence[DataFrame], extras: Sequence[str]) -> DataFrame:
    """The files of a source of which some are heads of orders and some are lines: the lines with their heads."""
    of_part: dict[str, list[DataFrame]] = {"heads": [], "lines": [], "": []}
    for file, frame in zip(landed, frames, strict=True):
        of_part[file.header.shape.part].append(staging.with_extras(frame, extras))
    whole = [frame.withColumns({parts.UNMATCHED: F.lit(None).cast("string")}) for frame in of_part[""]]
    if of_part["lines"]:
        lines_of_all = staging.together(of_part["lines"], extras)
        whole.append(parts.joined(of_part["heads"], lines_of_all, quality.SUPERSEDED))
    return staging.together(whole, extras)


def _as_text(file: Landed, source: Source, reading: Reading) -> DataFrame:
    name, digest = file.claimed.file.name, file.claimed.sha256
    rows = staging.as_text(file.frame, source, file.header, name, digest, reading)
    return staging.with_keys(rows, source) if file.borrowed else rows


def judge(attempt: Attempt, source: Source, rows: DataFrame) -> DataFrame | None:
    """The rows that are not simply accepted with their own flags, None if all are."""
    sharing = attempt.materialise(f"{source.name}_rivals", quality.rivals(rows, source, attempt.reading))
    files = [claimed.file.name for claimed in attempt.claimed_of(source)]
    exceptions = quality.judge(rows, sharing, source, attempt.reading, files)
    return attempt.materialise(f"{source.name}_exceptions", exceptions)


def write_errors(attempt: Attempt, source: Source, exceptions: DataFrame, landed: Sequence[Landed]) -> None:
    """Append what was rejected or superseded, as it stands in its file."""
    store, name = attempt.session.store, errors_name(source.name)
    frames = [staging.as_it_stands(f.frame, f.header, f.claimed.file.name) for f in landed]
    standing = reduce(lambda a, b: a.unionByName(b), frames)
    store.append(
        name, quality.errors(exceptions, standing, attempt.lineage, len(source.key)).select(*store.columns(name))
    )


def _file_entry(attempt: Attempt, source: Source, landed: Landed, counts: Mapping[tuple[str, str], int]) -> FileEntry:
    claimed, read = landed.claimed, landed.records
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
        rows_left_out=landed.left_out,
        absence=source.delivery.silence,
        shape=delivery.written(landed.header.shape),
        settings=attempt.read_by.digest,
        columns=drift.columns_of(source, landed.header),
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
