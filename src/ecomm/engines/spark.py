"""Apache Spark with Delta Lake behind Spark Connect: a local server that is started here, or one that runs already."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ecomm.engines import Lake, deltafiles, spark_csv, spark_home, watchdog
from ecomm.engines.folders import Folders
from ecomm.engines.links import Links, is_safe
from ecomm.engines.sessions import DEBUGGING, connect, first_line, peak_memory_mb, reach
from ecomm.errors import EcommError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DELTA = tuple(int(part) for part in spark_home.DELTA_VERSION.split(".")[:2])
_PACKAGE = next(iter(spark_home.DELTA))
_LEAST = 2
_PART = 32 << 20
"""Bytes of files for a part of a shuffle: some 100 MB of rows in memory."""
_LOG_PARTS = 50
"""Delta's own default for the parts in which it reads a table's log."""
_ANSWER = 15
"""Seconds that a server gets to answer."""
_PATIENCE = 120
"""Seconds that a server gets to start."""
STARTED = re.compile(r"Spark Connect server started at: \S*?:(\d+)")
_OPENED = (
    *("lang", "lang.invoke", "lang.reflect", "io", "net", "nio", "util", "util.concurrent", "util.concurrent.atomic"),
)
JAVA = (
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPENED),
    *(f"--add-opens=java.base/sun.{p}=ALL-UNNAMED" for p in ("nio.ch", "nio.cs", "security.action", "util.calendar")),
    *("-Djdk.reflect.useDirectMethodHandle=false", "-Dio.netty.tryReflectionSetAccessible=true"),
)
# Spark's default for Parquet files is a type without statistics, which Delta tables should not have.
# And rows that go into two folders need not be sorted by them: both are written at once.
_WRITING = {
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.maxConcurrentOutputFileWriters": "2",
}
WITH_DELTA = {
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
}
# As Spark logs by default, but nothing below a warning except where the server listens.
_LOG = """rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
logger.server.name = org.apache.spark.sql.connect.service.SparkConnectServer
logger.server.level = info
"""


class Spark:
    """A Connect server of this machine's Spark, on a loopback port and with a password that only this process knows.

    engine_dir: where `ecomm engine install spark` has put it. memory_mb: the greatest heap of its JVM.
    Raises EcommError: it is not installed, no Java fits, or it does not start.
    """

    name = "spark"
    lake: Lake = deltafiles
    csv = None

    def __init__(self, engine_dir: Path, memory_mb: int) -> None:
        classes, java = spark_home.jars(engine_dir), spark_home.java(engine_dir)
        self._links = Links()
        self._folder = folder = Path(tempfile.mkdtemp(prefix="ecomm-spark-"))
        (folder / "log4j2.properties").write_text(_LOG, encoding="utf-8")
        token = secrets.token_urlsafe(24)
        self._server = subprocess.Popen(
            [sys.executable, "-S", watchdog.__file__, str(folder), *_command(java, classes, folder, memory_mb)],
            stdin=subprocess.PIPE,
            env=_environment() | {"SPARK_CONNECT_AUTHENTICATE_TOKEN": token},
            start_new_session=True,  # an interrupt from the keyboard is for us: we still need the server to recover
        )
        try:
            self.spark = connect(f"sc://localhost:{self._port(folder / 'server.log')}/;token={token}")
            self.rows = Folders(self.spark, self.uri)
            self.expect(0)
        except BaseException:
            self._end()
            raise

    def uri(self, path: Path) -> str:
        """The path, through a link if it holds a character that Hadoop reads as a pattern."""
        return f"file://{self._links.safe(path)}"

    def expect(self, size: int) -> None:
        """Shuffle in as many parts as the bytes ask for."""
        _divide(self.spark, size)

    def peak_memory_mb(self) -> int:
        """Of this process and of the server, where the system tells about that one (Linux)."""
        try:
            return peak_memory_mb(int((self._folder / "pid").read_text(encoding="ascii")))
        except OSError:
            return peak_memory_mb()

    def stop(self) -> None:
        """End the session, then the server."""
        self.spark.stop()
        self._end()

    def _end(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        self._links.remove()
        shutil.rmtree(self._folder, ignore_errors=True)  # if the server had ended by itself

    def _port(self, log: Path) -> int:
        """Where the server listens, once it says so."""
        for _ in range(_PATIENCE * 10):
            ended = self._server.poll() is not None
            said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            if found := STARTED.search(said):
                return int(found[1])
            if ended:
                break
            time.sleep(0.1)
        why = next(
            (line.strip() for line in said.splitlines() if "Exception" in line or "rror" in line), "no reason given"
        )
        raise EcommError(
            f"the Spark server did not start ({why[:300]}); check memory_mb, the loopback interface and Java."
        )


class RemoteSpark:
    """A session with a Spark Connect server that somebody else runs; the cluster sees the warehouse under our path.

    url: sc://host:port, as Spark Connect writes it. probe: a folder of the warehouse in which a small table is made and
    removed, to see that it has Delta, and the same disk. Raises EcommError.
    """

    name = "spark"
    lake: Lake = deltafiles

    def __init__(self, url: str, probe: Path) -> None:
        host, port = _address(url)
        uri = self.uri(probe)
        reach(host, port, "start a Spark Connect server there, or name another with --remote.")
        _await(url, f"{host}:{port}")
        self.spark = connect(url)
        self.rows = Folders(self.spark, self.uri)
        try:
            self.expect(0)
            for name, value in _WRITING.items():
                self.spark.conf.set(name, value)
            _look(self.spark, uri, probe)
        except BaseException:
            self.spark.stop()
            raise

    def uri(self, path: Path) -> str:
        """The path; no link of ours reaches over to the cluster."""
        whole = str(path.absolute())
        if not is_safe(whole):
            raise UsageError(
                f"{whole}: a cluster reads this path as it stands, so it may have only letters, digits and . _ - / in "
                "it; choose another --warehouse."
            )
        return f"file://{whole}"

    def csv(
        self, path: Path, into: Path, width: int, delimiter: str, *, multiline: bool, most_fields: int
    ) -> tuple[DataFrame, int] | None:
        """A CSV file's records, read by the cluster; None if it does not see the file."""
        uri, place = self.uri(path), self.uri(into)
        return spark_csv.read(self.spark, uri, place, width, delimiter, multiline=multiline, most_fields=most_fields)

    def expect(self, size: int) -> None:
        """Shuffle in as many parts as the bytes ask for."""
        _divide(self.spark, size)

    def peak_memory_mb(self) -> int:
        """Of this process: the cluster's own pages tell about its machines."""
        return peak_memory_mb()

    def stop(self) -> None:
        """End the session; the server goes on."""
        self.spark.stop()


def _divide(spark: SparkSession, size: int) -> None:
    """Spark's 200 parts, and Delta's 50 of a log, are too many for a small batch; adaptive execution adds none."""
    parts = max(_LEAST, -(-size // _PART))
    spark.conf.set("spark.sql.shuffle.partitions", str(parts))
    spark.conf.set("spark.databricks.delta.snapshotPartitions", str(min(parts, _LOG_PARTS)))


def _command(java: Path, classes: Sequence[Path], folder: Path, memory_mb: int) -> list[str]:
    """The command that starts a server. It needs no script of Spark's: those ask for a module that not all have."""
    cores = os.cpu_count() or 1
    settings = {
        "spark.master": f"local[{cores}]",
        "spark.app.name": "ecomm",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "0",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.authenticate": "true",  # on its other ports; in this mode Spark makes the secret by itself
        DEBUGGING: "false",
        "spark.scheduler.mode": "FAIR",
        # Two sample days compile 1,300 classes, and of 1,000, the default, none was found again (decision 0011).
        "spark.sql.codegen.cache.maxEntries": "20000",
        "spark.sql.connect.serverStacktrace.enabled": "false",
        **_WRITING,
        "spark.sql.warehouse.dir": str(folder / "catalog"),
        "spark.ui.enabled": "false",
        **WITH_DELTA,
        "log4j2.configurationFile": str(folder / "log4j2.properties"),
    }
    return [
        str(java),
        *JAVA,
        f"-Xmx{memory_mb}m",
        "-XX:ReservedCodeCacheSize=512m",  # of 240 MB, the default, the part for methods that are not hot yet was full
        *(f"-D{name}={value}" for name, value in settings.items()),
        *("-cp", os.pathsep.join(str(jars / "*") for jars in classes)),
        "org.apache.spark.sql.connect.service.SparkConnectServer",
    ]


def _environment() -> dict[str, str]:
    """Ours, without what was set for another Spark."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("SPARK_", "PYSPARK_", "JAVA_TOOL"))}


def _address(url: str) -> tuple[str, int]:
    found = re.match(r"sc://([^/:;]+)(?::(\d+))?(?:/|\Z)", url)
    if found is None:
        raise UsageError(f"--remote {url.partition(';')[0]}: write it as sc://host:port.")
    return found[1], int(found[2] or 15002)


def _await(url: str, shown: str) -> None:
    """Raises EcommError if what listens there does not speak as a server of Spark Connect does."""
    import grpc
    from pyspark.sql.connect.client.core import DefaultChannelBuilder

    with DefaultChannelBuilder(url).toChannel() as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_ANSWER)
        except grpc.FutureTimeoutError as error:
            raise EcommError(
                f"{shown} does not answer as a Spark Connect server; check host, port and use_ssl, or name another."
            ) from error


def _look(spark: SparkSession, uri: str, probe: Path) -> None:
    """Raises EcommError unless the server writes a Delta table of a fitting version where we see it."""
    commit = probe / "_delta_log" / f"{0:020d}.json"
    try:
        spark.createDataFrame([(1,)], "n int").write.format("delta").save(uri)
        said = commit.read_text(encoding="utf-8") if commit.is_file() else ""
    except Exception as error:
        if "DATA_SOURCE_NOT_FOUND" in str(error) or "delta" in str(error).lower():
            raise EcommError(
                f"the Spark server has no Delta Lake that works ({first_line(error)}); start it with "
                f"{_PACKAGE}, Delta's session extension and its catalog."
            ) from error
        raise EcommError(f"the Spark server fails at a first small table ({first_line(error)}).") from error
    finally:
        shutil.rmtree(probe, ignore_errors=True)
    if not said:
        raise EcommError(
            f"the Spark server writes {probe.parent} where this program does not see it; put the warehouse on a disk "
            "that the cluster and this machine have under one path."
        )
    found = re.search(r"Delta-Lake/(\d+)\.(\d+)", said)
    there = (int(found[1]), int(found[2])) if found else (0, 0)
    if there[0] != DELTA[0] or there < DELTA:
        raise EcommError(
            f"the Spark server has {found[0] if found else 'an unknown Delta Lake'}, and this program needs "
            f"{spark_home.DELTA_VERSION} or a later one of its line; start the server with {_PACKAGE}."
        )
