"""The embedded engine: Sail, a Spark Connect server in this process, without a JVM."""

from __future__ import annotations

import os
from pathlib import Path

from ecomm.engines import Lake, deltafiles
from ecomm.engines.folders import Folders
from ecomm.engines.links import Links
from ecomm.engines.sessions import DEBUGGING, connect, peak_memory_mb, reach


def give_memory_back() -> None:
    """Have the engine of a process that stays return what it frees; to be said before the engine is first started.

    Its allocator keeps it otherwise: half a gigabyte more after fifty batches. Who has set the variable is obeyed.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "0")


class Sail:
    """A Sail server on a loopback port that only this process knows, and its session.

    memory_mb: the memory pool that sorts and joins share; beyond it they spill to disk.
    """

    name = "sail"
    csv = None
    lake: Lake = deltafiles

    def __init__(self, memory_mb: int) -> None:
        os.environ.setdefault("RUST_LOG", "error")
        os.environ["SAIL_RUNTIME__MEMORY_POOL__TYPE"] = "fair"
        os.environ["SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE"] = str(memory_mb << 20)

        from pysail.spark import SparkConnectServer
        from pyspark.sql import functions

        self._links = Links()
        self._server = SparkConnectServer()
        self._server.start()
        _, port = self._server.listening_address
        reach("127.0.0.1", port, "the embedded engine needs the loopback interface (`ip link set lo up`).")
        self.spark = connect(f"sc://127.0.0.1:{port}")
        self.spark.conf.set(DEBUGGING, "false")
        self.rows = Folders(self.spark, self.uri)
        functions.lit(None)

    def uri(self, path: Path) -> str:
        """The path itself, or through a link if it holds a character that Sail reads as a pattern or encodes."""
        return self._links.safe(path)

    def expect(self, size: int) -> None:
        """It has a part for each core, whatever comes."""

    def peak_memory_mb(self) -> int:
        """Of this process: the engine is in it."""
        return peak_memory_mb()

    def stop(self) -> None:
        """Stop the session first: the server waits for it otherwise."""
        self.spark.stop()
        self._server.stop()
        self._links.remove()
