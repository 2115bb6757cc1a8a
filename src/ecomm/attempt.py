"""An attempt at a batch, and what its tasks share.

What an attempt writes becomes visible by its PUBLISH entry and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm.batches import archive, locks
from ecomm.batches.corrections import Correction, Place
from ecomm.batches.ledger import CHANGES, Entry, FileEntry, live, positions, today_of
from ecomm.batches.reading.place import Table
from ecomm.batches.trigger import Candidate, Trigger
from ecomm.contract import Header, Reading, Source
from ecomm.history import told
from ecomm.session import Session, TaskResult, attempts_dir, sources_of
from ecomm.shop_settings import ShopSettings
from ecomm.sources import SOURCES
from ecomm.transforms import quality


@dataclass(frozen=True)
class ChangeSet:
    """A source's materialised change set and what is in it.

    rows: None if nothing changes. closed: how many of the leaving versions are closed ones. current: how many of those
    that enter or leave are current. since: the least instant from which analytics_summary differs, None if it does not.
    """

    rows: DataFrame | None = None
    entering: int = 0
    leaving: int = 0
    closed: int = 0
    current: int = 0
    since: datetime | None = None


class Origin(StrEnum):
    """Where the rows come from that an attempt publishes: an undo publishes none."""

    LANDING = "landing"
    ARCHIVE = "archive"
    STAGE = "stage"
    NOWHERE = "nowhere"


@dataclass
class Attempt:
    """One try at a batch: its claimed files, and what its tasks have done so far. A rebuild is one without a batch.

    revision: which the batch's rows bear: the seq of this attempt's OPEN, or, of a batch that was held, of the OPEN by
    which they were written. opened: the seq of this attempt's OPEN. held: the entry that held the batch, if its rows
    come from stage. replaces: the entry of the batch in the live log, which this attempt ends. why: what a person said
    who asked for it. corrections: what is read in place of records of the batch. then: the settings by which its files
    were read before, if they are read by these and not by the current ones. score: the batch's, once its rows are
    judged. notes: what a person should hear of the batch at once.
    """

    session: Session
    candidate: Candidate | None
    revision: int
    opened: int
    origin: Origin = Origin.LANDING
    held: Entry | None = None
    replaces: Entry | None = None
    why: str | None = None
    corrections: Mapping[Place, Correction] = field(default_factory=dict)
    then: ShopSettings | None = None
    claimed: list[archive.Claimed] = field(default_factory=list)
    headers: dict[Path, tuple[Header, Table]] = field(default_factory=dict)
    results: dict[str, TaskResult] = field(default_factory=dict)
    changes: dict[str, ChangeSet] = field(default_factory=dict)
    tallies: dict[str, list[quality.Tally]] = field(default_factory=dict)
    score: Decimal | None = None
    notes: list[str] = field(default_factory=list)
    journaled: bool = False

    @property
    def trigger(self) -> Trigger:
        """The batch's trigger."""
        assert self.candidate is not None
        assert self.candidate.trigger is not None
        return self.candidate.trigger

    @property
    def batch_id(self) -> str:
        """The batch."""
        return self.trigger.batch_id

    @property
    def as_of(self) -> datetime:
        """The batch's instant."""
        return self.trigger.as_of

    @property
    def folder(self) -> Path:
        """Where the attempt keeps what it works with."""
        return attempts_dir(self.session.settings) / str(self.opened)

    @property
    def read_by(self) -> ShopSettings:
        """The settings by which the batch's files are read and its rows are judged."""
        return self.then or self.session.counting

    @cached_property
    def contracts(self) -> Mapping[str, Source]:
        """The sources by these settings; the tables follow the current ones (`Session.sources`)."""
        return self.session.sources if self.then is None else sources_of(self.then)

    @property
    def reading(self) -> Reading:
        """What the batch's rows are judged with."""
        return Reading(self.as_of, self.read_by.shop)

    @property
    def lineage(self) -> dict[str, Column]:
        """The columns that say which batch and attempt wrote a row."""
        return {
            "batch_id": F.lit(self.batch_id),
            "revision": F.lit(self.revision).cast("bigint"),
            "as_of": F.lit(self.as_of).cast("timestamp"),
        }

    def materialise(self, name: str, frame: DataFrame) -> DataFrame | None:
        """Compute a frame once: write it as Parquet in the attempt's folder and read it from there; None if empty."""
        place = self.folder / name
        # Some engines take zstd by default: smaller, but a quarter slower for what is read a moment later.
        frame.write.mode("overwrite").option("compression", "snappy").parquet(self.session.engine.uri(place))
        if not self._rows(name):  # some engines write a file without rows
            return None
        return self.session.engine.spark.read.parquet(self.session.engine.uri(place))

    def _rows(self, name: str) -> int:
        """How many rows were materialised under a name, by the files' own word."""
        return sum(pq.read_metadata(file).num_rows for file in (self.folder / name).glob("*.parquet"))

    @property
    def redrives(self) -> bool:
        """Corrections have come with this attempt."""
        return any(made.revision == self.opened for made in self.corrections.values())

    @property
    def files(self) -> list[FileEntry]:
        """The batch's files, with what has become of their rows so far."""
        return [file for result in self.results.values() for file in result.files]

    def claimed_of(self, source: Source) -> list[archive.Claimed]:
        """The files of a source that are read."""
        return [c for c in self.claimed if c.file.source == source.name]

    def borrows(self, claimed: archive.Claimed) -> bool:
        """A file is read for its source though it comes for another one (`read_from`)."""
        lends = self.contracts[claimed.file.source].delivery.read_from
        same = (lends, claimed.file.name, claimed.sha256)
        return bool(lends) and any((c.file.source, c.file.name, c.sha256) == same for c in self.claimed)

    def delivered(self) -> list[Source]:
        """The sources of which files are read."""
        return [s for s in self.contracts.values() if self.claimed_of(s)]

    def sources(self) -> list[Source]:
        """The sources that the batch has files of, or had when it was published last."""
        names = {c.file.source for c in self.claimed}
        names |= {f.source for e in (self.held, self.replaces) if e is not None for f in e.files}
        return [s for name, s in self.session.sources.items() if name in names]

    @property
    def stage_loads(self) -> list[str]:
        """The tasks 01-05 of the batch's sources."""
        return [f"{source.name}_stage_load" for source in self.sources()]

    @property
    def is_latest(self) -> bool:
        """The batch is new and lies after every live batch."""
        return self.replaces is None and all(as_of < self.as_of for as_of, _ in self.published().values())

    @property
    def counts_otherwise(self) -> bool:
        """The settings that the tables depend on are not those of the last publication."""
        entries = self.session.ledger.entries
        before = [e for e in entries if e.entry in CHANGES]
        return bool(before) and before[-1].settings_hash != self.session.settings_hash

    @property
    def changes_nothing(self) -> bool:
        """No version of any target differs, nor the day and the settings by which the tables of 07 and 08 count."""
        same = all(change.rows is None for change in self.changes.values())
        return same and self.today == self._day_of(self.published()) and not self.counts_otherwise

    @property
    def today(self) -> date:
        """The day that analytics look back from."""
        return self._day_of(self.live())

    def _day_of(self, alive: Mapping[str, tuple[datetime, int]]) -> date:
        return today_of(alive, self.session.shop.shop_timezone)

    def published(self) -> dict[str, tuple[datetime, int]]:
        """The live log as it is published: batch -> (as-of, revision)."""
        return positions(self.session.ledger.entries)

    def live(self) -> dict[str, tuple[datetime, int]]:
        """The live log as it will be once this attempt is published."""
        alive = self.published()
        if self.origin is Origin.NOWHERE:
            del alive[self.batch_id]
        elif self.candidate is not None:
            alive[self.batch_id] = (self.as_of, self.revision)
        return alive

    def told(self, source: str) -> list[Entry]:
        """The live batches with files of a source, as they will be once this attempt is published.

        Asked only when this attempt's files are read, if it has any.
        """
        entries = live(self.session.ledger.entries)
        if self.candidate is not None:
            entries.pop(self.batch_id, None)
            mine = self.results.get(f"{source}_stage_load")
            if mine is not None:
                entries[self.batch_id] = Entry(
                    "PUBLISH",
                    batch_id=self.batch_id,
                    as_of=self.as_of,
                    revision=self.revision,
                    files=tuple(mine.files),
                    contract_hash=self.session.ledger.last.contract_hash,
                )
        return told(entries.values(), source)


def side_by_side(work: Iterable[Callable[[], None]]) -> None:
    """Do all of it at once; when all has ended, the first error is raised."""
    with ThreadPoolExecutor(max_workers=len(SOURCES)) as pool:
        waiting = [pool.submit(copy_context().run, piece) for piece in work]
    for future in waiting:
        future.result()


def journal(attempt: Attempt) -> None:
    """One row a task in processing_log, once; a source without a file is a task that was skipped."""
    if attempt.journaled:
        return
    attempt.journaled = True
    rows = []
    for task in locks.TASKS:
        done = attempt.results.get(task)
        if done is None and task not in locks.STAGE_LOADS:
            continue
        files = done.files if done and attempt.claimed else []  # what was held was read when it was
        rows.append(
            {
                "batch_id": attempt.batch_id,
                "revision": attempt.opened,
                "task": task,
                "started_at": done.started_at if done else None,
                "ended_at": done.ended_at if done else None,
                "seconds": Decimal(str(round(done.seconds, 4))) if done else None,
                "rows_read": sum(f.rows_read for f in files),
                "rows_accepted": sum(f.rows_accepted for f in files),
                "rows_rejected": sum(f.rows_rejected for f in files),
                "rows_duplicate": sum(f.rows_duplicate for f in files),
                "rows_superseded": sum(f.rows_superseded for f in files),
                "files": len(files),
                "bytes_read": done.usage.read + sum(f.bytes for f in files) if done else None,
                "bytes_written": done.usage.written if done else None,
                "peak_memory_mb": done.peak_memory_mb if done else None,
                "status": done.status if done else "SKIPPED",
                "error": done.error if done else None,
            }
        )
    attempt.session.store.record("processing_log", rows)
