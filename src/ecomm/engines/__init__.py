"""The engines: what computes, and where the program meets it.

An engine is a Spark Connect session and the way it names a table's folder. Everything else is PySpark that every
engine understands. A new engine is one file here and one entry in `start`.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ecomm.contract import Field
from ecomm.engines import deltafiles
from ecomm.errors import EcommError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from ecomm.settings import Settings


class CsvReader(Protocol):
    """How an engine reads a CSV file by itself."""

    def __call__(
        self, path: Path, into: Path, width: int, delimiter: str, *, multiline: bool, most_fields: int
    ) -> tuple[DataFrame, int] | None:
        """The records as the landing gives them, and their number; None if the engine does not see the file."""


class Rows(Protocol):
    """How an engine reads the rows of a table, which is named by its folder in the warehouse."""

    def read(self, path: Path) -> DataFrame:
        """A table at its newest version."""


class Lake(Protocol):
    """What is known of a warehouse's tables besides their rows, and what is done to them (`deltafiles` in folders).

    A table is named by its folder in the warehouse, also where another catalog than the folder holds it.
    """

    def exists(self, path: Path) -> bool:
        """There is such a table."""

    def create(
        self,
        path: Path,
        fields: Sequence[Field],
        comment: str,
        partition_by: Sequence[str] = (),
        statistics: Sequence[str] = (),
    ) -> None:
        """Create it, empty, with a comment on it and on each column. statistics: see there."""

    def statistics(self, path: Path) -> list[str]:
        """The columns whose least and greatest values are kept, as it was created."""

    def version(self, path: Path) -> int:
        """Its newest version; -1 if there is none."""

    def extent(self, path: Path, at: int | None = None) -> tuple[int, int]:
        """How many rows a version has, and how many bytes."""

    def written(self, path: Path, version: int) -> int:
        """How many bytes of files a version added."""

    def count_files(self, path: Path) -> int:
        """Of how many files it is now."""

    def missing(self, path: Path, at: int | None = None) -> list[str]:
        """Those files of a version that are not there."""

    def fields(self, path: Path) -> list[Field]:
        """Its columns, as they were created or added."""

    def columns(self, path: Path) -> list[str]:
        """The names of its columns."""

    def holds(self, path: Path, column: str, value: object) -> bool:
        """Some row has this value."""

    def table(self, path: Path, at: int | None = None, since: tuple[str, int] | None = None) -> tuple[int, pa.Table]:
        """A small table as it is at a version: its number, and its rows. Raises StorageError.

        since: only the rows with at least this number in this column.
        """

    def hold(self, warehouse: Path, names: Sequence[str]) -> AbstractContextManager[None]:
        """Hold these locks of a warehouse. Raises LockedError if another process holds one."""

    def held(self, warehouse: Path, names: Sequence[str]) -> list[str]:
        """Those of these locks that some process holds."""

    def append_rows(self, path: Path, data: pa.Table) -> None:
        """Append a few rows from memory. Raises LockedError, StorageError."""

    def append_next(self, path: Path, data: pa.Table, at: int) -> int:
        """Append rows to a version, if it is the newest; the version that they make. Raises LockedError if not."""

    def add_columns(self, path: Path, fields: Sequence[Field]) -> None:
        """Add columns: one new version."""

    def vacuum(self, path: Path, older_than: timedelta, keep: Collection[int]) -> int:
        """Delete files older than that which no version to be kept needs; how many there were."""

    def shorten_log(self, path: Path, keep: Collection[int]) -> None:
        """Shorten its log behind the versions to be kept, if enough have come since that was done last."""


class Engine(Protocol):
    """What the rest of the program needs of an engine."""

    name: str
    spark: SparkSession

    @property
    def lake(self) -> Lake:
        """The tables of a warehouse besides their rows."""

    @property
    def rows(self) -> Rows:
        """The rows of tables."""

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


def lake_of(settings: Settings) -> Lake:
    """Where the tables of a warehouse are asked for, also before an engine runs."""
    if settings.engine == "databricks":
        from ecomm.engines import databricks

        return databricks.lake_of(settings)
    return deltafiles


def start(settings: Settings) -> Engine:
    """Start the engine that the settings name. Raises EcommError with what to do if it cannot be had."""
    if settings.remote is not None:
        from ecomm.engines.spark import RemoteSpark

        return RemoteSpark(settings.remote, settings.warehouse / f"probe-{uuid.uuid4().hex}")
    if settings.engine == "databricks":
        from ecomm.engines import databricks

        return databricks.start(settings)
    if settings.engine == "spark":
        from ecomm.engines.spark import Spark

        return Spark(settings.engine_dir, settings.memory_mb)
    try:
        from ecomm.engines.sail import Sail

        return Sail(settings.memory_mb)
    except ModuleNotFoundError as error:
        raise EcommError(
            f"{error.name} is not installed, which the embedded engine needs; install `ecomm[embedded]`, or name "
            "another engine."
        ) from error
