"""A batch as an attempt works on it: what is published, from where its rows come, by which settings they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from pyspark.sql import Column

from ecomm.attempt import Attempt, Workspace
from ecomm.batches.corrections import Correction, Place
from ecomm.batches.entry import Entry
from ecomm.batches.landing import Claimed
from ecomm.batches.reading.place import Table
from ecomm.batches.trigger import LandedFile, Trigger
from ecomm.contract import Header, Reading, Source
from ecomm.session import Session
from ecomm.shop_settings import ShopSettings
from ecomm.store import Store
from ecomm.transforms.stage import lineage


class Origin(StrEnum):
    """Where the rows come from that an attempt publishes: an undo publishes none."""

    LANDING = "landing"
    ARCHIVE = "archive"
    STAGE = "stage"
    NOWHERE = "nowhere"


@dataclass(frozen=True)
class Plan:
    """What is to be done with a batch.

    files: of landing. of: the entry of the revision that is read once more, published from stage, or undone.
    why: what a person said who asked for it. corrections: those that a person has just made. as_then: archived files
    are read and judged by the settings by which they were read before, not by the current ones.
    """

    trigger: Trigger
    origin: Origin = Origin.LANDING
    files: tuple[LandedFile, ...] = ()
    of: Entry | None = None
    why: str | None = None
    corrections: tuple[Correction, ...] = ()
    as_then: bool = True


@dataclass(frozen=True)
class OpenedFile:
    """A claimed file and its header, matched with the contract. borrowed: it comes for another source (`read_from`)."""

    claimed: Claimed
    header: Header
    table: Table
    borrowed: bool = False

    @property
    def source(self) -> str:
        """The source for which it is read."""
        return self.claimed.file.source

    @property
    def name(self) -> str:
        """Its name in landing."""
        return self.claimed.file.name


@dataclass(frozen=True)
class Batch:
    """One attempt at a batch, with its files opened. Nothing in it changes.

    revision: which the batch's rows bear: the seq of this attempt's OPEN, or, of a batch that was held, of the OPEN by
    which they were written. replaces: the entry by which the batch is live, which this attempt ends. read_by: the
    settings by which its files are read and its rows judged; contracts: the sources by these settings, where the tables
    follow the current ones (`Session.sources`). corrections: what is read in place of records of the batch.
    """

    attempt: Attempt
    plan: Plan
    revision: int
    replaces: Entry | None
    files: tuple[OpenedFile, ...]
    read_by: ShopSettings
    contracts: Mapping[str, Source]
    corrections: Mapping[Place, Correction] = field(default_factory=dict)

    @property
    def session(self) -> Session:
        """The session of the run."""
        return self.attempt.session

    @property
    def store(self) -> Store:
        """The warehouse's tables."""
        return self.attempt.store

    @property
    def work(self) -> Workspace:
        """Where the attempt keeps what it works with."""
        return self.attempt.work

    @property
    def trigger(self) -> Trigger:
        """The batch's trigger."""
        return self.plan.trigger

    @property
    def origin(self) -> Origin:
        """Where the batch's rows come from."""
        return self.plan.origin

    @property
    def batch_id(self) -> str:
        """The batch."""
        return self.trigger.batch_id

    @property
    def as_of(self) -> datetime:
        """The batch's instant."""
        return self.trigger.as_of

    @property
    def reading(self) -> Reading:
        """What the batch's rows are judged with."""
        return Reading(self.as_of, self.read_by.shop)

    @property
    def lineage(self) -> dict[str, Column]:
        """The columns that say which batch and attempt wrote a row."""
        return lineage(self.batch_id, self.revision, self.as_of)

    @property
    def held(self) -> Entry | None:
        """The entry that held the batch, if its rows come from stage."""
        return self.plan.of if self.origin is Origin.STAGE else None

    @property
    def redrives(self) -> bool:
        """Corrections have come with this attempt."""
        return bool(self.plan.corrections)

    def files_of(self, source: Source) -> list[OpenedFile]:
        """The files that are read for a source."""
        return [file for file in self.files if file.source == source.name]

    def delivered(self) -> list[Source]:
        """The sources of which files are read, as they are read."""
        return [source for source in self.contracts.values() if self.files_of(source)]

    @cached_property
    def sources(self) -> list[Source]:
        """The sources that the batch has files of, or had when it was held or published last, as tables hold them."""
        names = {file.source for file in self.files}
        names |= {f.source for e in (self.held, self.replaces) if e is not None for f in e.files}
        return [source for name, source in self.session.sources.items() if name in names]

    @property
    def stage_loads(self) -> list[str]:
        """The tasks 01-05 of the batch's sources."""
        return [f"{source.name}_stage_load" for source in self.sources]

    @property
    def is_latest(self) -> bool:
        """The batch is new and lies after every live batch."""
        before = self.attempt.log.positions
        return self.replaces is None and all(as_of < self.as_of for as_of, _ in before.values())
