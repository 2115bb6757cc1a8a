"""How a run's tasks go: the result of each, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ecomm.batches.entry import FileEntry
from ecomm.tables import Usage


@dataclass(frozen=True)
class TaskResult:
    """How a task went: its part of processing_log.

    files: those that it has read, with what became of their rows. rows: how many rows it wrote into the table that it
    is there for, if it is no stage load. usage: bytes of tables that it opened and wrote.
    """

    task: str
    started_at: datetime
    ended_at: datetime
    status: str = "OK"
    error: str | None = None
    files: tuple[FileEntry, ...] = ()
    rows: int = 0
    usage: Usage = field(default_factory=Usage)
    peak_memory_mb: int | None = None

    @property
    def seconds(self) -> float:
        """How long the task took."""
        return (self.ended_at - self.started_at).total_seconds()


Listener = Callable[[str, str, TaskResult | None], None]
"""Hears of a batch's task when it begins (None) and when it has ended."""


def silent(_batch: str, _task: str, _result: TaskResult | None) -> None:
    """Nobody listens to a run's progress."""
