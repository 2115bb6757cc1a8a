"""What the tasks of a batch find: what one hands to those that build on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ecomm.batches.entry import FileEntry
from ecomm.transforms.quality import Tally


@dataclass(frozen=True)
class ChangeSet:
    """What is in a source's change set; its rows are in the attempt's workspace (`tasks.change_set.rows_of`).

    entering, leaving: how many versions of each. closed: how many of the leaving ones are closed. current: how many of
    those that enter or leave are current. since: the least instant from which analytics_summary differs, None if it
    does not.
    """

    entering: int = 0
    leaving: int = 0
    closed: int = 0
    current: int = 0
    since: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """No version enters or leaves."""
        return not (self.entering or self.leaving)


Changes = Mapping[str, ChangeSet]
"""The change sets by source."""


@dataclass(frozen=True)
class StageLoaded:
    """What a stage load found: its files with what became of their rows, what was said of the rows, the change set."""

    files: tuple[FileEntry, ...] = ()
    tallies: tuple[Tally, ...] = ()
    changes: ChangeSet = field(default_factory=ChangeSet)


Loaded = Mapping[str, StageLoaded]
"""What the stage loads found, by source."""


@dataclass(frozen=True)
class Validated:
    """What the validation found: the batch's score, and what a person should hear at once."""

    score: Decimal
    notes: tuple[str, ...] = ()


def files_of(loaded: Loaded) -> tuple[FileEntry, ...]:
    """The files of a batch, with what became of their rows."""
    return tuple(file for one in loaded.values() for file in one.files)


def changes_of(loaded: Loaded) -> Changes:
    """The change sets of a batch."""
    return {source: one.changes for source, one in loaded.items()}
