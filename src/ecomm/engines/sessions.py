"""A session with a Spark Connect server, the same for every engine."""

from __future__ import annotations

import os
import re
import resource
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ecomm.errors import EcommError

DEBUGGING = "spark.python.sql.dataFrameDebugging.enabled"
"""PySpark would look up the caller's line for every expression: a fifth of a small batch's time. It asks once."""

if TYPE_CHECKING:
    import grpc
    from pyspark.sql import SparkSession


def reach(host: str, port: int, otherwise: str) -> None:
    """The client would retry for minutes where nobody listens. otherwise: what to do, for the error's sentence."""
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError as error:
        raise EcommError(f"{host}:{port} cannot be reached ({error.strerror or error}); {otherwise}") from error


def peak_memory_mb(server: int | None = None) -> int:
    """The greatest resident memory so far of this process and of a server's, where the system tells about that, MiB."""
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)
    try:
        status = Path("/proc", str(server), "status").read_text()
    except OSError:
        return mine
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return mine + (int(found[1]) >> 10 if found else 0)


def connect(url: str) -> SparkSession:
    """A session of our own with a server that can be reached. It counts in UTC."""
    from pyspark.sql import SparkSession

    return _ours(SparkSession.builder.remote(url).create())


def enter(door: Path) -> SparkSession:
    """A session of our own with a server behind a socket file, without looking up callers' lines. It counts in UTC."""
    from pyspark.sql import functions as F
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    class Door(DefaultChannelBuilder):
        def toChannel(self) -> grpc.Channel:  # noqa: N802  PySpark calls it
            return self._insecure_channel(f"unix:{door}")

    # The address of a socket file is no name of a host, and servers refuse it as one.
    there = Door("sc://localhost", [("grpc.default_authority", "localhost")])
    session = _ours(cast("SparkSession", ConnectSession.builder.channelBuilder(there).create()))
    session.conf.set(DEBUGGING, "false")
    F.lit(None)  # PySpark asks for it now, and never again
    return session


def _ours(session: SparkSession) -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql.connect.client.retries import DefaultPolicy

    # A server that has died would be asked again for ten minutes; these tries take some twenty seconds.
    session.client.set_retry_policies([DefaultPolicy(max_retries=5)])
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


def first_line(error: Exception) -> str:
    """The first line of what an engine says went wrong, or else its kind."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
