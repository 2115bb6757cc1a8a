"""Apache Spark as an engine: it starts, ends and dies with us; it takes a warehouse over, and says what it lacks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecomm.engines import Engine, sessions, spark, spark_home, start
from ecomm.engines.spark import RemoteSpark
from ecomm.errors import EcommError
from ecomm.settings import load
from tests.cluster import cluster, connect_server
from tests.conftest import keep_running
from tests.integration.test_sample_days import comparable
from tests.oracle import read_flat
from tests.oracle import run as oracle_run
from tests.shop import DATA, DAYS, Shop, differences, expected, published

pytestmark = pytest.mark.spark
ORDERS = "order_id,customer_id,product_id,order_date,order_amount,currency,order_status\n"


def ecomm(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """The program in a process of its own."""
    program = [str(Path(sys.executable).with_name("ecomm")), *map(str, arguments)]
    return subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ) | environment
    )


def said(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and what it said on stderr."""
    _, err = process.communicate(timeout=300)
    return process.returncode, err.strip()


def one_sentence(text: str) -> bool:
    """No stack trace, no more than a line."""
    return text.startswith("ecomm: ") and "\n" not in text and "Traceback" not in text


def servers(of: int) -> list[int]:
    """The processes of the servers that a process has started: what its children run, by their session."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [
        (int(pid), int(parent), args) for pid, parent, args in (line.split(None, 2) for line in listed.splitlines())
    ]
    watched = [pid for pid, parent, args in rows if parent == of and "watchdog" in args]
    return [pid for pid, parent, args in rows if parent in watched and "SparkConnectServer" in args]


def alive(pid: int) -> bool:
    """A process is there and is not only waited for."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(found.strip()) and not found.startswith("Z")


def until(true: object, seconds: float = 60) -> bool:
    """Wait until something is so."""
    assert callable(true)
    for _ in range(int(seconds * 10)):
        if true():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def sail() -> Iterator[Engine]:
    """The embedded engine beside the session's."""
    running = start(load(engine="sail"))
    yield running
    running.stop()


# --- one warehouse, two engines -----------------------------------------------------------------------------------


@pytest.mark.parity
def test_a_warehouse_goes_from_one_engine_to_the_other_and_back_twice(
    tmp_path: Path, engine: Engine, sail: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a new column, a late batch, and a batch that breaks off on one and is taken back by the other."""
    batches = [
        ("b1", "2025-01-01T00:00:00Z", ORDERS + "O1,C1,P1,2025-01-01,10.00,USD,pending\nO2,C1,P1,2025-01-01,5,,\n"),
        ("b3", "2025-01-03T00:00:00Z", ORDERS + "O1,C1,P1,2025-01-01,10.00,USD,delivered\nO3,,P1,2025-01-01,5,,\n"),
        ("b4", "2025-01-04T00:00:00Z", ORDERS.replace("\n", ",note\n") + "O2,C1,P1,2025-01-01,6,USD,pending,hello\n"),
        ("b2", "2025-01-02T00:00:00Z", ORDERS + "O1,C1,P1,2025-01-01,12.999,USD,pending\nO2,C1,P2,2025-01-01,7,,\n"),
        ("b5", "2025-01-05T00:00:00Z", ORDERS + "O1,C1,P1,2025-01-01,11.50,USD,returned\nO4,C1,P1,2025-01-01,1,,\n"),
    ]

    def publish(shop: Shop, nth: int) -> None:
        name, as_of, text = batches[nth]
        shop.drop(name, as_of, {"orders": {f"{name}.csv": text}})
        assert [(o.batch_id, o.status, o.reason) for o in shop.run()] == [(name, "published", None)]

    travelled, stayed = Shop(tmp_path / "travelled"), Shop(tmp_path / "stayed")
    for nth in range(len(batches)):
        keep_running((sail, engine)[nth % 2], monkeypatch)
        if nth == 3:  # the other engine breaks off behind its merges
            keep_running(sail, monkeypatch)
            with monkeypatch.context() as broken:
                broken.setattr("ecomm.tasks.final_merge_operation.check", _break)
                shop, (name, as_of, text) = travelled, batches[nth]
                shop.drop(name, as_of, {"orders": {f"{name}.csv": text}})
                assert [o.status for o in shop.run()] == ["failed"]
            keep_running(engine, monkeypatch)
            assert [o.status for o in travelled.run()] == ["published"]
            continue
        publish(travelled, nth)
    keep_running(sail, monkeypatch)
    for nth in range(len(batches)):
        publish(stayed, nth)
    ours, theirs = published(travelled), published(stayed)
    assert not differences(ours, theirs)
    assert [e.engine for e in travelled.warehouse.log if e.entry == "PUBLISH"] == [
        *("sail", "spark", "sail", "spark", "sail"),
    ]
    assert {row["note"] for row in ours["orders_target"]} == {None, "hello"}


def _break(*_: object) -> None:
    raise EcommError("broken off by a test")


# --- a server's life ----------------------------------------------------------------------------------------------


def test_a_killed_run_leaves_no_server_and_is_finished_by_the_next(tmp_path: Path, sail: Engine) -> None:
    shop = Shop(tmp_path)
    shop.drop("b1", "2025-01-01T00:00:00Z", {"orders": {"o.csv": ORDERS + "O1,C1,P1,2025-01-01,10.00,USD,pending\n"}})
    where = ("--landing", shop.root / "landing", "--warehouse", shop.root / "warehouse")
    run = ecomm("run", "--engine", "spark", *where, TMPDIR=str(tmp_path))
    stage = shop.root / "warehouse" / "orders_stage"
    assert until(lambda: [*stage.glob("*-0/*.parquet")] != [], 300), said(run)  # seconds before it is committed
    java = servers(run.pid)
    assert len(java) == 1
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    assert until(lambda: not alive(java[0]), 20)
    assert until(lambda: not [*tmp_path.glob("ecomm-spark-*")], 20)
    with pytest.MonkeyPatch.context() as patch:
        keep_running(sail, patch)
        assert [o.status for o in shop.run()] == ["published"]
    assert [row["order_id"] for row in shop.rows("orders_target")] == ["O1"]


def test_a_server_that_dies_is_a_batch_that_failed(tmp_path: Path, sail: Engine) -> None:
    """In a sentence, without waiting for long; the next run publishes the batch."""
    shop = Shop(tmp_path)
    shop.drop("b1", "2025-01-01T00:00:00Z", {"orders": {"o.csv": ORDERS + "O1,C1,P1,2025-01-01,10.00,USD,pending\n"}})
    before = set(servers(os.getpid()))
    running = start(load(engine="spark", memory_mb=1024))
    (java,) = set(servers(os.getpid())) - before
    os.kill(java, signal.SIGKILL)
    with pytest.MonkeyPatch.context() as patch:
        keep_running(running, patch)
        (outcome,) = shop.run()
    assert outcome.status == "failed"
    assert (outcome.reason or "").startswith("the engine has ended or cannot be reached any more")
    running.stop()
    with pytest.MonkeyPatch.context() as patch:
        keep_running(sail, patch)
        assert [o.status for o in shop.run()] == ["published"]


def test_a_server_ends_with_its_engine_and_takes_its_folder_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(servers(os.getpid()))
    running = start(load(engine="spark", memory_mb=1024))
    (java,) = set(servers(os.getpid())) - before
    assert running.spark.range(3).count() == 3
    assert [*tmp_path.glob("ecomm-spark-*")]
    running.stop()
    assert not alive(java)
    assert not [*tmp_path.glob("ecomm-spark-*")]


def test_nobody_enters_a_server_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    running = start(load(engine="spark", memory_mb=1024))
    try:
        log = next(tmp_path.glob("ecomm-spark-*")) / "server.log"
        found = spark.STARTED.search(log.read_text())
        assert found is not None
        with pytest.raises(Exception, match=r"(?i)token|unauthenticated|authentication"):
            sessions.connect(f"sc://127.0.0.1:{found[1]}")
        assert running.spark.conf.get("spark.authenticate") == "true", "its other ports take objects from who connects"
    finally:
        running.stop()


# --- what may be missing ------------------------------------------------------------------------------------------


def test_spark_that_is_not_installed(tmp_path: Path) -> None:
    code, error = said(ecomm("demo", "--engine", "spark", "--into", tmp_path / "d", ECOMM_ENGINE_DIR=str(tmp_path)))
    assert code == 1
    assert one_sentence(error)
    assert "`ecomm engine install spark`" in error
    assert not (tmp_path / "d" / "warehouse" / "batch_ledger").exists()


@pytest.mark.parametrize(
    ("version", "there"),
    [('openjdk version "11.0.2" 2019-01-15', "is Java 11"), ('java version "1.8.0_202"', "Java 8")],
)
def test_a_java_that_does_not_fit(version: str, there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old" / "bin" / "java"
    old.parent.mkdir(parents=True)
    old.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(old.parents[1]))
    monkeypatch.setenv("PATH", str(old.parent))
    with pytest.raises(EcommError, match=f"needs Java 17 to 25, and .*{there}.*: run `ecomm engine install spark`"):
        spark_home.java(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME")
    with pytest.raises(EcommError, match="needs Java 17 to 25, and there is no Java here: run"):
        spark_home.java(tmp_path)


def test_a_jar_of_another_delta(tmp_path: Path) -> None:
    home = tmp_path / spark_home.NAME
    (home / "delta").mkdir(parents=True)
    installed = spark_home.home(load().engine_dir)
    (home / "jars").symlink_to(installed / "jars")
    for jar in (installed / "delta").glob("*.jar"):
        (home / "delta" / jar.name).write_bytes(jar.read_bytes() + (b"!" if "storage" in jar.name else b""))
    code, error = said(ecomm("demo", "--engine", "spark", "--into", tmp_path / "d", ECOMM_ENGINE_DIR=str(tmp_path)))
    assert code == 1
    assert one_sentence(error)
    assert "delta-storage-4.4.0.jar is not the jar of Delta 4.4.0" in error


def test_what_cannot_be_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = {"ECOMM_ENGINE_DIR": str(tmp_path), "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}
    code, error = said(ecomm("engine", "install", "spark", **nowhere, PIP_FIND_LINKS=""))
    assert code == 1
    assert one_sentence(error)
    assert "pyspark cannot be had" in error
    assert not [*(tmp_path / spark_home.NAME).iterdir()]

    home = tmp_path / spark_home.NAME
    (home / "jars").symlink_to(spark_home.home(load().engine_dir) / "jars")
    monkeypatch.setattr(spark_home, "DELTA", {"io.delta:delta-storage:0.0.9": "0" * 64})
    with pytest.raises(EcommError, match=r"io.delta:delta-storage:0.0.9 cannot be had; .* put delta-storage-0.0.9.jar"):
        spark_home.install(tmp_path, lambda _: None)


def test_a_remote_that_nobody_serves(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"sc://127.0.0.1:{free.getsockname()[1]}"
    code, error = said(ecomm("demo", "--remote", url, "--into", tmp_path / "d"))
    assert code == 1
    assert one_sentence(error)
    assert "cannot be reached" in error
    assert not (tmp_path / "d" / "warehouse" / "batch_ledger").exists()


@pytest.mark.parametrize("url", ["localhost:15002", "sc://", "http://localhost:1"])
def test_a_remote_that_is_no_address(tmp_path: Path, url: str) -> None:
    code, error = said(ecomm("demo", "--remote", url, "--into", tmp_path / "d"))
    assert code == 2
    assert "write it as sc://host:port" in error


def test_a_remote_that_is_no_spark(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        url = f"sc://127.0.0.1:{other.getsockname()[1]}"
        code, error = said(ecomm("demo", "--remote", url, "--into", tmp_path / "d"))
    assert code == 1
    assert one_sentence(error)
    assert "does not answer as a Spark Connect server" in error


def test_a_remote_without_delta(tmp_path: Path) -> None:
    with (
        connect_server(load().engine_dir, delta=False) as url,
        pytest.raises(EcommError, match="has no Delta Lake that works") as found,
    ):
        RemoteSpark(url, tmp_path / "warehouse" / "probe")
    assert "\n" not in str(found.value)
    assert not (tmp_path / "warehouse" / "probe").exists()


def test_a_remote_with_another_delta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's is real; what we ask for is newer than it."""
    monkeypatch.setattr(spark, "DELTA", (4, 5))
    with (
        connect_server(load().engine_dir) as url,
        pytest.raises(EcommError, match=r"the Spark server has Delta-Lake/4\.4"),
    ):
        RemoteSpark(url, tmp_path / "warehouse" / "probe")
    assert not (tmp_path / "warehouse" / "probe").exists()


# --- a cluster ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "days", [pytest.param(1, id="the first"), pytest.param(2, id="both", marks=pytest.mark.parity)]
)
def test_the_sample_days_on_a_cluster(tmp_path: Path, days: int) -> None:
    shop = Shop(tmp_path)
    shop.drop_sample(*DAYS[:days])
    where = ("--landing", shop.root / "landing", "--warehouse", shop.root / "warehouse")
    with cluster(load().engine_dir) as url:
        run = ecomm("run", "--remote", url, *where)
        out, error = run.communicate(timeout=1800)
        assert run.returncode == 0, out + error
    assert not differences(comparable(published(shop)), comparable(expected(oracle_run(read_flat(DATA)[:days]))))
