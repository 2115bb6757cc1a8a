"""A standalone Spark cluster on loopback: a master, two workers, and a Spark Connect server on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.peers.environments import without_vector
from ecomm.engines import spark, spark_home, watchdog

_MASTER = re.compile(r"Starting Spark master at (spark://\S+)")
_WORKER = re.compile(r"Successfully registered with master")


@contextmanager
def running(
    engine_dir: Path, main: str, until: re.Pattern[str], *arguments: str, properties: Mapping[str, str] | None = None,
    delta: bool = True,
) -> Iterator[str]:  # fmt: skip
    """One of Spark's programs, which ends with the block; what it says of itself once it is there."""
    folder = Path(tempfile.mkdtemp(prefix="ecomm-cluster-"))
    # Workers start executors with an option for a module that not every Java has, and that Spark does without.
    java_home = without_vector(spark_home.java(engine_dir), folder / "home")
    classes = spark_home.jars(engine_dir)[: None if delta else 1]
    said = {"spark.local.dir": str(folder), **(properties or {})}
    command = [
        str(java_home / "bin" / "java"),
        *spark.JAVA,
        "-Xmx1g",
        *(f"-D{name}={value}" for name, value in said.items()),
        "-cp",
    ]
    command += [os.pathsep.join(str(place / "*") for place in classes), main, *arguments]
    home = {"SPARK_HOME": str(spark_home.home(engine_dir)), "JAVA_HOME": str(java_home)}
    home["SPARK_SCALA_VERSION"] = "2.13"  # else a worker looks for the folders of a whole distribution
    process = subprocess.Popen(
        [sys.executable, "-S", watchdog.__file__, str(folder), *command],
        stdin=subprocess.PIPE,
        env=dict(os.environ) | home | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_DIR": str(folder)},
    )
    try:
        yield _said(folder / "server.log", until, process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def _said(log: Path, until: re.Pattern[str], process: subprocess.Popen[bytes]) -> str:
    text = ""
    for _ in range(1200):
        text = log.read_text() if log.exists() else ""
        if found := until.search(text):
            return found[found.re.groups]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"it did not start:\n{text[-3000:]}")


@contextmanager
def connect_server(
    engine_dir: Path, properties: Mapping[str, str] | None = None, *, delta: bool = True
) -> Iterator[str]:
    """A Connect server that nothing of ours has started; its address. delta: it has Delta Lake."""
    said = {
        "spark.app.name": "server",
        "spark.master": "local[1]",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "0",
        **(spark.WITH_DELTA if delta else {}),
        **(properties or {}),
    }
    main = "org.apache.spark.sql.connect.service.SparkConnectServer"
    with running(engine_dir, main, spark.STARTED, properties=said, delta=delta) as port:
        yield f"sc://127.0.0.1:{port}"


@contextmanager
def cluster(engine_dir: Path) -> Iterator[str]:
    """The address of a Connect server whose work two workers do."""
    with ExitStack() as stack:
        here = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        start = "org.apache.spark.deploy"
        master = stack.enter_context(running(engine_dir, f"{start}.master.Master", _MASTER, *here))
        for _ in range(2):
            worker = (f"{start}.worker.Worker", _WORKER, *here, "--cores", "1", "--memory", "1g", master)
            stack.enter_context(running(engine_dir, *worker))
        settings = {
            "spark.master": master,
            "spark.executor.memory": "1g",
            # Three JVMs that live for minutes: what each would compile for itself is interpreted, or compiled once.
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.executor.extraClassPath": str(spark_home.home(engine_dir) / "delta" / "*"),
        }
        yield stack.enter_context(connect_server(engine_dir, settings))
