"""The embedded engine: Sail, a Spark Connect server in this process, without a JVM."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import sys
import tempfile
from pathlib import Path

from ecomm.errors import EcommError

_SAFE = re.compile(r"[A-Za-z0-9._/-]+")


class Sail:
    """A Sail server on a loopback port that only this process knows, and its session.

    memory_mb: the memory pool that sorts and joins share; beyond it they spill to disk.
    """

    name = "sail"

    def __init__(self, memory_mb: int) -> None:
        os.environ.setdefault("RUST_LOG", "error")
        os.environ["SAIL_RUNTIME__MEMORY_POOL__TYPE"] = "fair"
        os.environ["SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE"] = str(memory_mb << 20)
        os.environ["PYSPARK_PYTHON"] = sys.executable

        from pysail.spark import SparkConnectServer
        from pyspark.sql import SparkSession
        from pyspark.sql import functions as F

        self._links: tempfile.TemporaryDirectory[str] | None = None
        self._server = SparkConnectServer()
        self._server.start()
        _, port = self._server.listening_address
        _reach(port)
        self.spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
        self.spark.conf.set("spark.sql.session.timeZone", "UTC")
        # PySpark would look up the caller's line for every expression: a fifth of a small batch's time. It asks once.
        self.spark.conf.set("spark.python.sql.dataFrameDebugging.enabled", "false")
        F.lit(None)

    def uri(self, path: Path) -> str:
        """The path itself, or through a link if it holds a character that Sail reads as a pattern or encodes."""
        whole = str(path.absolute())
        if _SAFE.fullmatch(whole):
            return whole
        # The longest safe tail stays; what stands before it is reached through the link.
        tail: list[str] = []
        head = path.absolute()
        while _SAFE.fullmatch(head.name) and not _SAFE.fullmatch(str(head)):
            tail.insert(0, head.name)
            head = head.parent
        if self._links is None:
            self._links = tempfile.TemporaryDirectory(prefix="ecomm-")
        link = Path(self._links.name) / hashlib.sha256(str(head).encode()).hexdigest()[:16]
        if not link.is_symlink():
            link.symlink_to(head)
        return str(link.joinpath(*tail))

    def stop(self) -> None:
        """Stop the session first: the server waits for it otherwise."""
        self.spark.stop()
        self._server.stop()
        if self._links is not None:
            self._links.cleanup()


def _reach(port: int) -> None:
    """The client would retry for minutes where a fresh network namespace has no loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError as error:
        raise EcommError(
            f"the embedded engine cannot be reached on 127.0.0.1 ({error.strerror or error}); "
            "the loopback interface must be up (`ip link set lo up`)."
        ) from error
