"""A session with a Spark Connect server, the same for every engine."""

from __future__ import annotations

import os
import resource
import socket
import sys
from typing import TYPE_CHECKING

from ecomm.errors import EcommError

DEBUGGING = "spark.python.sql.dataFrameDebugging.enabled"
"""PySpark would look up the caller's line for every expression: a fifth of a small batch's time. It asks once."""

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def reach(host: str, port: int, otherwise: str) -> None:
    """The client would retry for minutes where nobody listens. otherwise: what to do, for the error's sentence."""
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError as error:
        raise EcommError(f"{host}:{port} cannot be reached ({error.strerror or error}); {otherwise}") from error


def peak_memory_mb() -> int:
    """The greatest resident memory of this process so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)


def connect(url: str) -> SparkSession:
    """A session of our own with a server that can be reached. It counts in UTC."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import DefaultPolicy

    session = SparkSession.builder.remote(url).create()
    # A server that has died would be asked again for ten minutes; these tries take some twenty seconds.
    session.client.set_retry_policies([DefaultPolicy(max_retries=5)])
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


def first_line(error: Exception) -> str:
    """The first line of what an engine says went wrong, or else its kind."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
