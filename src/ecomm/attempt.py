"""An attempt to publish something: a batch, a rebuild, a restore.

It begins with an OPEN entry, and nothing of it is visible before the entry that ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, DataFrameWriter

from ecomm.batches.entry import CHANGES
from ecomm.batches.log import Log, Positions, today_of
from ecomm.engines import Engine
from ecomm.session import Session, attempts_dir
from ecomm.sources import SOURCES
from ecomm.store import Store

Result = TypeVar("Result")


@dataclass(frozen=True)
class Workspace:
    """A folder in which frames are computed once: written as Parquet files, and read from there."""

    engine: Engine
    folder: Path

    def materialise(self, name: str, frame: DataFrame) -> DataFrame | None:
        """Compute a frame, and give it as it was written under a name; None if it is empty."""
        self._write(name, frame.write)
        return self.read(name)

    def _write(self, name: str, writer: DataFrameWriter) -> None:
        # Some engines take zstd by default: smaller, but a quarter slower for what is read a moment later.
        writer.mode("overwrite").option("compression", "snappy").parquet(self.engine.uri(self.folder / name))

    def divide(self, name: str, frame: DataFrame, by: str) -> tuple[DataFrame | None, DataFrame | None]:
        """Compute a frame once, and give the rows for which a column is false, and those for which it is true.

        Each as they were written, without the column; None if there are none. The first are in `part(name, by)`.
        """
        self._write(name, frame.write.partitionBy(by))
        return self.read(f"{name}/{by}=false"), self.read(f"{name}/{by}=true")

    def part(self, name: str, by: str) -> Path:
        """The folder of the rows of a divided frame for which the column is false."""
        return self.folder / name / f"{by}=false"

    def read(self, name: str) -> DataFrame | None:
        """What was written under a name; None if it has no row (some engines write a file without rows)."""
        if not any(pq.read_metadata(file).num_rows for file in self.parquet(name)):
            return None
        return self.engine.spark.read.parquet(self.engine.uri(self.folder / name))

    def parquet(self, name: str) -> list[str]:
        """The files that were written under a name."""
        return sorted(str(file) for file in (self.folder / name).glob("*.parquet"))


@dataclass(frozen=True)
class Attempt:
    """One attempt to publish.

    opened: the seq of its OPEN. log: the ledger as it was then. alive: the live batches as they will be once the
    attempt is published.
    """

    session: Session
    opened: int
    log: Log
    alive: Positions

    @property
    def store(self) -> Store:
        """The warehouse's tables."""
        return self.session.store

    @cached_property
    def work(self) -> Workspace:
        """Where the attempt keeps what it works with."""
        return Workspace(self.session.engine, attempts_dir(self.session.settings) / str(self.opened))

    @property
    def today(self) -> date:
        """The day that analytics look back from."""
        return today_of(self.alive, self.session.shop.shop_timezone)

    @property
    def is_another_day(self) -> bool:
        """Analytics look back from another day than in what is published."""
        return self.today != today_of(self.log.positions, self.session.shop.shop_timezone)

    @property
    def counts_otherwise(self) -> bool:
        """The settings that the tables depend on are not those of the last publication."""
        before = next((e for e in reversed(self.log) if e.entry in CHANGES), None)
        return before is not None and before.settings_hash != self.session.settings_hash


def open_attempt(session: Session) -> Attempt:
    """OPEN an attempt that publishes no batch: the same batches are live after it."""
    opened = session.entry("OPEN").seq
    attempt = Attempt(session, opened, session.log, session.log.positions)
    session.store.begin(opened, attempt.work.folder)
    return attempt


def side_by_side(work: Iterable[Callable[[], Result]]) -> list[Result]:
    """Do all of it at once; what came of each. When all has ended, the first error is raised."""
    with ThreadPoolExecutor(max_workers=len(SOURCES)) as pool:
        waiting = [pool.submit(copy_context().run, piece) for piece in work]
    return [future.result() for future in waiting]
