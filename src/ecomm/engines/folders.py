"""The rows of tables that lie in folders, for an engine that reads and writes files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Folders:
    """Reads and writes tables by their folders. uri: how the engine names a folder."""

    spark: SparkSession
    uri: Callable[[Path], str]

    def read(self, path: Path) -> DataFrame:
        """A table at its newest version."""
        return self.spark.read.format("delta").load(self.uri(path))

    def write(self, path: Path, rows: DataFrame, mode: str, where: str | None = None) -> None:
        """Append rows, or put them in the place of all, or of those for which `where` holds, in one commit."""
        writer = rows.write.format("delta").mode(mode)
        (writer.option("replaceWhere", where) if where else writer).save(self.uri(path))

    def named(self, path: Path) -> str:
        """A table as SQL names it."""
        return f"delta.`{self.uri(path)}`"
