"""The engines: what computes, and where the program meets it.

An engine is a Spark Connect session and the way it names a table's folder. Everything else is PySpark that every
engine understands. A new engine is one file here and one entry in `start`.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from ecomm.settings import Settings


class CsvReader(Protocol):
    """How an engine reads a CSV file by itself."""

    def __call__(
        self, path: Path, into: Path, width: int, delimiter: str, *, multiline: bool, most_fields: int
    ) -> tuple[DataFrame, int] | None:
        """The records as the landing gives them, and their number; None if the engine does not see the file."""


class Engine(Protocol):
    """What the rest of the program needs of an engine."""

    name: str
    spark: SparkSession

    @property
    def csv(self) -> CsvReader | None:
        """The engine's own reading of a large CSV file; None if it has no machines for that."""

    def uri(self, path: Path) -> str:
        """How the engine names a folder or file."""

    def expect(self, size: int) -> None:
        """Be told of how many bytes the next work is, files and targets, to divide it by."""

    def peak_memory_mb(self) -> int:
        """The greatest resident memory so far of this process and of what the engine runs on this machine, MiB."""

    def stop(self) -> None:
        """End the session and whatever was started for it."""


def start(settings: Settings) -> Engine:
    """Start the engine that the settings name. Raises EcommError with what to do if it cannot be had."""
    if settings.remote is not None:
        from ecomm.engines.spark import RemoteSpark

        return RemoteSpark(settings.remote, settings.warehouse / f"probe-{uuid.uuid4().hex}")
    if settings.engine == "spark":
        from ecomm.engines.spark import Spark

        return Spark(settings.engine_dir, settings.memory_mb)
    from ecomm.engines.sail import Sail

    return Sail(settings.memory_mb)
