"""Files become typed rows: landed as text columns, cut into the source's records, cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

import structlog
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.attempt import Workspace
from ecomm.batch import OpenedFile
from ecomm.batches.corrections import Correction, Place, of_file
from ecomm.batches.dialect import dialect
from ecomm.batches.reading.tables import land as land_table
from ecomm.batches.survey import survey
from ecomm.contract import Header, Reading, Source
from ecomm.errors import StorageError
from ecomm.keys import compared
from ecomm.transforms import lines, parts, quality
from ecomm.transforms import stage as staging

log = structlog.get_logger(__name__)
LARGE = 256 << 20
"""Bytes from which on a cluster is asked to read a file: chosen, not measured (docs/spark.md)."""


@dataclass(frozen=True)
class Landed:
    """A file of a batch as text columns: its frame, and how many records it has.

    left_out: how many further records it has, which are none of the source's. unread: how many records below the table
    are not read.
    """

    file: OpenedFile
    frame: DataFrame
    records: int
    left_out: int = 0
    unread: int = 0

    @property
    def header(self) -> Header:
        """How its header meets the contract."""
        return self.file.header

    @property
    def chooses(self) -> bool:
        """Not every record is one of the source's."""
        return self.file.borrowed or bool(self.header.only) or self.header.shape.part == "heads"


def land(
    work: Workspace, source: Source, files: Sequence[OpenedFile], corrections: Mapping[Place, Correction]
) -> list[Landed]:
    """Land the files of a source in the workspace: the large ones by a cluster, if there is one.

    corrections: what is read in place of records. Raises FileError, StorageError.
    """
    landed = []
    for number, file in enumerate(files):
        place = landed_at(work, source, number)
        found = by_cluster(work, source, file, place)
        if found is None:
            records = land_table(file.table, place, file.header.ids(source))
            found = work.engine.spark.read.parquet(work.engine.uri(place)), records
        frame, records = found
        if file.claimed.unread:
            frame = frame.filter(~F.col("source_line").isin(list(file.claimed.unread)))
            records -= len(file.claimed.unread)
        made = of_file(corrections, source.name, file.claimed.sha256)
        fixes = {line: _fixed(one, file.header, source) for line, one in made.items()}
        if file.table.unread:
            log.info("below_the_table", source=source.name, file=file.name, records=file.table.unread)
        landed.append(Landed(file, staging.corrected(frame, fixes), records, unread=file.table.unread))
    return landed


def _fixed(correction: Correction, header: Header, source: Source) -> list[str | None]:
    """The cells of a corrected record, in the file's order, ids as they are compared."""
    cells = [correction.fixed.get(name) for name in header.names]
    for place in header.ids(source):
        cells[place] = compared(cells[place] or "")
    return cells


def landed_at(work: Workspace, source: Source, number: int) -> Path:
    """Where a source's file is as text: a Parquet file, or a folder of some. number: its place among the source's."""
    return work.folder / f"{source.name}_landed_{number}.parquet"


def by_cluster(work: Workspace, source: Source, file: OpenedFile, place: Path) -> tuple[DataFrame, int] | None:
    """A large file's records by an engine that has machines for it; None if it must be landed here.

    Raises StorageError if the engine sees another file.
    """
    csv, claimed, table = work.engine.csv, file.claimed, file.table
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


def of_source(landed: Sequence[Landed], rows: Sequence[DataFrame]) -> list[Landed]:
    """The files with the numbers of their records that are the source's, and of those that are left out.

    rows: what `texts` gave, judged and computed.
    """
    if not any(file.chooses for file in landed):
        return list(landed)
    named = [frame.select("source_file", "file_sha256") for frame in rows]
    counted = reduce(DataFrame.unionByName, named).groupBy("source_file", "file_sha256").count() if named else None
    found = [] if counted is None else counted.collect()
    kept = {(r["source_file"], r["file_sha256"]): r["count"] for r in found}
    numbers = [kept.get((one.file.name, one.file.claimed.sha256), 0) for one in landed]
    return [replace(one, records=n, left_out=one.records - n) for one, n in zip(landed, numbers, strict=True)]


def texts(source: Source, landed: Sequence[Landed], reading: Reading) -> DataFrame:
    """The records of all files of a source as texts, with their `key`."""
    frames = [_as_text(one, source, reading) for one in landed]
    extras = sorted({extra for one in landed for extra in one.header.extras})
    rows = staging.together(frames, extras) if not source.in_parts else _joined(landed, frames, extras)
    if source.delivery.refunds == "rows":
        rows = lines.refunded(rows, source, reading)
    return staging.with_key(rows, source)


def _joined(landed: Sequence[Landed], frames: Sequence[DataFrame], extras: Sequence[str]) -> DataFrame:
    """The files of a source of which some are heads of orders and some are lines: the lines with their heads."""
    of_part: dict[str, list[DataFrame]] = {"heads": [], "lines": [], "": []}
    for one, frame in zip(landed, frames, strict=True):
        of_part[one.header.shape.part].append(staging.with_extras(frame, extras))
    whole = [frame.withColumns({parts.UNMATCHED: F.lit(None).cast("string")}) for frame in of_part[""]]
    if of_part["lines"]:
        lines_of_all = staging.together(of_part["lines"], extras)
        whole.append(parts.joined(of_part["heads"], lines_of_all, quality.SUPERSEDED))
    return staging.together(whole, extras)


def _as_text(one: Landed, source: Source, reading: Reading) -> DataFrame:
    rows = staging.as_text(one.frame, source, one.header, one.file.name, one.file.claimed.sha256, reading)
    return staging.with_keys(rows, source) if one.file.borrowed else rows
