"""The rows of tables that lie in folders, for an engine that reads files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Folders:
    """Reads tables by their folders. uri: how the engine names a folder."""

    spark: SparkSession
    uri: Callable[[Path], str]

    def read(self, path: Path) -> DataFrame:
        """A table at its newest version."""
        return self.spark.read.format("delta").load(self.uri(path))
