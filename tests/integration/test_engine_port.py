"""The embedded engine's port: its own user reaches it, and nobody else."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecomm.engines import sail, sail_server
from ecomm.engines.sessions import enter
from ecomm.errors import UsageError
from ecomm.watch import refuse_open_engine
from tests.integration.test_cli import ECOMM
from tests.shop import DAYS, Shop

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="other systems have neither namespaces nor keys"),
    pytest.mark.skipif(
        shutil.which("unshare") is None or subprocess.run(["unshare", "-Ur", "true"], check=False).returncode != 0,
        reason="this system has no user namespaces, in which another one is imitated",
    ),
]

WITHOUT_NETWORKS = ("unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"', "sh")
"""A system that gives no process a network of its own, as a container or a hardened distribution."""
ANOTHER_MACHINE = "import platform\n\nplatform.machine = lambda: 'riscv64'\n"
"""One whose system calls are not known, so that its ports get no keys."""
ATTACK = r"""
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0' >&3
head -c 9 <&3 | wc -c
"""
"""Says 9 if a Connect server answers."""
NOBODY = 65534


def environment(state: str, folder: Path) -> dict[str, str]:
    """That of a machine on which the port is closed in one way, or open."""
    if state != "open":
        return dict(os.environ)
    (folder / "sitecustomize.py").write_text(ANOTHER_MACHINE)
    return os.environ | {"PYTHONPATH": str(folder)}


@contextmanager
def server(state: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A running server: its process, and its folder."""
    folder = tmp_path / "engine"
    folder.mkdir(0o700)
    command = [
        *([] if state == "network" else WITHOUT_NETWORKS),
        sys.executable,
        "-P",
        sail_server.__file__,
        str(folder),
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment(state, tmp_path)) as running:
        assert running.stdin
        assert running.stdout
        assert running.stdout.readline().strip() == ("open" if state == "open" else "closed")
        yield running, folder
        running.stdin.close()
        assert running.wait(10) == 0
    assert not folder.exists()


def ports(pid: int) -> list[int]:
    """The TCP ports on which a process listens."""
    files = [str(descriptor.readlink()) for descriptor in Path(f"/proc/{pid}/fd").iterdir()]
    mine = {found[1] for file in files if (found := re.match(r"socket:\[(\d+)", file))}
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return [int(line[1].rpartition(":")[2], 16) for line in lines if line[3] == "0A" and line[9] in mine]


def as_another(*command: str) -> subprocess.CompletedProcess[str]:
    """A command of another user."""
    return subprocess.run(
        command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("state", ["network", "key", "open"])
def test_another_user_gets_nothing(state: str, tmp_path: Path) -> None:
    """Where neither a network nor a key is to be had he does, which shows that the attack is one."""
    tmp_path.chmod(0o755)
    with server(state, tmp_path) as (running, folder):
        session = enter(folder / sail_server.DOOR)
        assert session.range(7).count() == 7, "its own user comes through the door"
        (port,) = ports(running.pid)
        attacked = as_another("timeout", "3", "bash", "-c", ATTACK, "bash", str(port))
        assert (attacked.stdout.strip() == "9") == (state == "open"), attacked
        assert as_another("ls", str(folder)).returncode != 0, "he sees no door"
        assert session.range(8).count() == 8
        session.stop()


@pytest.mark.parametrize("state", ["network", "key"])
def test_files_are_those_of_the_user(state: str, tmp_path: Path) -> None:
    """Also in a namespace: what the engine writes can be read, and is ours."""
    with server(state, tmp_path) as (_, folder):
        session = enter(folder / sail_server.DOOR)
        session.range(3).write.parquet(str(tmp_path / "rows"))
        assert session.read.parquet(str(tmp_path / "rows")).count() == 3
        session.stop()
    assert {path.stat().st_uid for path in (tmp_path / "rows").iterdir()} == {os.geteuid()}


def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    """Also if that is killed; nothing is left."""
    program = tmp_path / "program.py"
    program.write_text(
        "from ecomm.engines.sail import Sail\n\n"
        "engine = Sail(1024)\nprint(engine._server.pid, engine._folder, flush=True)\ninput()\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, str(program)], stdin=pipe, stdout=pipe, text=True) as one:
        assert one.stdout
        pid, folder = one.stdout.readline().split()
        assert Path(f"/proc/{pid}").exists()
        one.send_signal(signal.SIGKILL)
        one.wait()
    for _ in range(50):
        if not Path(f"/proc/{pid}").exists() and not Path(folder).exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{pid} is there: {Path(f'/proc/{pid}').exists()}, {folder}: {Path(folder).exists()}")


def test_a_machine_that_cannot_close_it(shop: Shop, tmp_path: Path) -> None:
    """A run says so; what stays does not begin unless somebody agrees."""
    shop.drop_sample(DAYS[0])
    folders = ("-l", str(shop.settings.landing), "-w", str(shop.settings.warehouse))
    env = environment("open", tmp_path)

    def ecomm(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*WITHOUT_NETWORKS, str(ECOMM), *arguments, *folders]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)

    refused = ecomm("watch")
    assert refused.returncode == 2
    assert "--trust-local-users" in refused.stderr
    assert not shop.settings.warehouse.exists()
    ran = ecomm("run")
    assert (ran.returncode, ran.stderr.count(sail.OPEN)) == (0, 1), ran.stderr


def test_a_watcher_where_others_are_trusted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sail, "can_be_closed", lambda: False)
    with pytest.raises(UsageError, match="trust-local-users"):
        refuse_open_engine(shop.settings)
    refuse_open_engine(shop.settings.model_copy(update={"trust_local_users": True}))
    refuse_open_engine(shop.settings.model_copy(update={"remote": "sc://cluster:15002"}))


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError):
        sail.Sail(1024)
