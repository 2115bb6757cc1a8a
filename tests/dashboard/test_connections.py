"""The dashboard's server against clients that say nothing, half of something, too much, or guess. Raw sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ecomm.dashboard import connections
from ecomm.dashboard.access import GUESSED_IN, MOST_GUESSES, Guesses, network_of
from ecomm.dashboard.app import MOST_STREAMS
from ecomm.dashboard.connections import HEADER, PATIENCE
from tests.dashboard.conftest import ECOMM
from tests.shop import Shop

TOKEN = "a secret of 2025"
FILES = 256
"""So many files the server may open."""


def asked(path: str, method: str = "GET") -> bytes:
    """A request of somebody who has the token."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()


@dataclass
class Served:
    """A server in a process of its own, and what it writes to its log."""

    port: int
    log: Path

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """An answer to somebody who has the token, unless another one is named."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=8)
        try:
            connection.request(method, path, headers={"Authorization": f"Bearer {TOKEN}"} | headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def connect(self, said: bytes = b"") -> socket.socket:
        """A connection on which that was sent."""
        made = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        made.sendall(said)
        return made

    def stream(self) -> socket.socket:
        """A page that hears of each change."""
        made = self.connect(asked("/api/events"))
        assert b" 200 " in made.recv(4096)
        return made


@pytest.fixture(scope="module")
def served(sample: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(sample, tmp_path_factory.mktemp("served")) as server:
        yield server


@contextmanager
def serving(shop: Shop, folder: Path, *program: str) -> Iterator[Served]:
    """A dashboard; program: what is started, if not the command itself."""
    log = folder / "log"
    command = [*(program or (str(ECOMM),)), "dashboard", "--port", "0"]
    command += ["--landing", str(shop.settings.landing), "--warehouse", str(shop.settings.warehouse)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ECOMM_")}
    with (
        log.open("wb") as out,
        subprocess.Popen(
            ["sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh", *command],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=clean | {"ECOMM_DASHBOARD_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"},
        ) as process,
    ):
        try:
            until = time.monotonic() + 60
            while not (said := re.search(rb"http://127.0.0.1:(\d+)/", log.read_bytes())):
                assert time.monotonic() < until, log.read_bytes()
                time.sleep(0.05)
            yield Served(int(said[1]), log)
        finally:
            process.terminate()
            process.wait(10)


def is_over(connection: socket.socket) -> bool:
    """The server has closed it, or says that it will."""
    connection.setblocking(False)
    try:
        return not connection.recv(1 << 16)
    except BlockingIOError:
        return False
    except OSError:
        return True


def over_within(connections: list[socket.socket], seconds: float) -> list[int]:
    """Which of them the server has not closed by then."""
    until, left = time.monotonic() + seconds, dict(enumerate(connections))
    while left and time.monotonic() < until:
        left = {place: one for place, one in left.items() if not is_over(one)}
        time.sleep(0.1)
    return [*left]


@pytest.mark.long
def test_silent_connections_keep_nobody_out(served: Served) -> None:
    """More of them than the server may open files: who has the token is answered, hears on; the log is short."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        with ExitStack() as stack:
            stream = stack.enter_context(served.stream())
            silent = [stack.enter_context(served.connect()) for _ in range(2 * FILES)]
            silent += [stack.enter_context(served.connect(b"GET / HTTP/1.1\r\nHost: ")) for _ in range(100)]
            for path in ("/api/overview", "/", "/api/customers"):
                began = time.monotonic()
                assert served.get(path)[0] == 200
                assert time.monotonic() - began < 5, path
            assert not over_within(silent, PATIENCE + 3), "each of them ends"
            assert not is_over(stream), "it hears on"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(served.log.read_bytes()) < 2000


@pytest.mark.long
def test_a_request_has_to_come_in_time(served: Served) -> None:
    """Half a header, one that drips, one after an answer, a body that does not come: each ends soon."""
    head = f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
    with ExitStack() as stack:
        half, drips, idle, again, waits = (
            stack.enter_context(served.connect(said))
            for said in (head, b"GET / HT", head + b"\r\n", head + b"\r\n", head + b"Content-Length: 5\r\n\r\n")
        )
        for one in (idle, again):
            assert b" 200 " in one.recv(1 << 16)
        again.sendall(b"GET / HT")
        until, left = time.monotonic() + PATIENCE + 3, [half, drips, idle, again, waits]
        while left and time.monotonic() < until:
            for one in (drips, again):
                if one in left:
                    try:
                        one.sendall(b"x")
                    except OSError:
                        left.remove(one)
            left = [one for one in left if not is_over(one)]
            time.sleep(0.1)
        assert not left


def test_requests_are_small(served: Served) -> None:
    """A header or a target without end, and any content, are refused."""
    for said in (b"X: " + b"x" * HEADER + b"\r\n", b"X: x\r\n" * HEADER):
        with served.connect(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + said) as one:
            assert b" 400 " in one.recv(1 << 16)
            assert not over_within([one], 2)
    with served.connect(b"GET /" + b"x" * 2 * HEADER) as one:
        assert b" 400 " in one.recv(1 << 16)
    assert served.get("/", **{"Content-Length": "3"})[0] == 413
    assert served.get("/", **{"Transfer-Encoding": "chunked"})[0] == 413
    assert served.get("/", **{"Content-Length": "0"})[0] == 200


def test_head_is_answered_as_get_is(served: Served) -> None:
    """The same headers, no content, and the connection goes on; a stream ends."""
    for path in ("/", "/api/overview", "/api/customers.csv", "/assets/app.js", "/nothing", "/api/events"):
        if path != "/api/events":
            status, headers, body = served.get(path)
            head = served.get(path, "HEAD")
            assert (head[0], head[2]) == (status, b"")
            drop = {"date"}
            assert {k: v for k, v in head[1].items() if k not in drop} == {
                k: v for k, v in headers.items() if k not in drop
            }
            assert body
        with served.connect() as one:
            for _ in range(2):
                one.sendall(asked(path, "HEAD"))
                said = one.recv(1 << 16)
                assert said.startswith(b"HTTP/1.1 404" if path == "/nothing" else b"HTTP/1.1 200")
                assert said.endswith(b"\r\n\r\n")
    assert served.get("/", "HEAD", Authorization="Bearer x")[0] == 401


def test_streams_are_limited(served: Served) -> None:
    """One more than there may be is told so; when one has gone there is a place again."""
    with ExitStack() as stack:
        streams = [stack.enter_context(served.stream()) for _ in range(MOST_STREAMS)]
        status, headers, body = served.get("/api/events")
        assert (status, headers["retry-after"]) == (503, "60")
        assert "too many pages" in json.loads(body)["error"]
        assert served.get("/api/overview")[0] == 200
        streams.pop().close()
        until = time.monotonic() + 20
        while True:
            try:
                stack.enter_context(served.stream())
                break
            except AssertionError:
                assert time.monotonic() < until
                time.sleep(0.2)


@pytest.mark.long
def test_who_guesses_is_not_listened_to(sample: Shop, tmp_path: Path) -> None:
    """Neither with the right token, from then on; a cookie that was given before stays good."""
    with serving(sample, tmp_path) as served:
        cookie = served.get(f"/?token={TOKEN}".replace(" ", "+"), Authorization="")[1]["set-cookie"].split(";")[0]
        said = [served.get("/", Authorization=f"Bearer guess {n}")[0] for n in range(MOST_GUESSES)]
        assert set(said) == {401}
        assert served.get("/?token=guess", Authorization="")[0] == 429
        status, headers, _ = served.get("/api/overview")
        assert (status, headers["retry-after"]) == (429, str(GUESSED_IN))
        assert served.get("/", Authorization="")[0] == 401, "who gives none is told how"
        assert served.get("/api/overview", Authorization="", Cookie=cookie)[0] == 200
    with serving(sample, tmp_path) as served:
        assert served.get("/api/overview", Authorization="", Cookie=cookie)[0] == 200, "after a new start too"


def test_guesses_are_counted_by_address() -> None:
    """For a minute; so many addresses are remembered, and no more."""
    now = 0.0
    guesses = Guesses(lambda: now)
    for second in range(MOST_GUESSES):
        assert not guesses.are_too_many("a")
        now = second
        guesses.note("a")
    assert guesses.are_too_many("a")
    assert not guesses.are_too_many("b")
    now = GUESSED_IN - 0.5
    assert guesses.are_too_many("a")
    now = GUESSED_IN + 0.5
    assert not guesses.are_too_many("a")
    for number in range(5000):
        guesses.note(str(number))
    assert len(vars(guesses)["_of"]) < 2000


def test_what_a_client_can_choose_among_is_one() -> None:
    """All addresses of this machine, and those of one network."""
    assert network_of("127.0.0.1") == network_of("127.9.9.9") == network_of("::1") == network_of("::ffff:127.0.0.1")
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") == network_of("::ffff:192.0.2.1") != network_of("192.0.2.2")
    assert network_of("") == ""


IMPATIENT = """
from ecomm.dashboard import connections
connections.STALLED, connections.PATIENCE = 2.0, 0.5
from ecomm.cli import main
main()
"""


@pytest.mark.long
def test_who_takes_nothing_of_an_answer_is_let_go(sample: Shop, tmp_path: Path) -> None:
    """And who takes it slowly is not; nor is the end of an answer cut off."""
    whole, taken, times = b"", 0, 20
    with (
        serving(sample, tmp_path, sys.executable, "-c", IMPATIENT) as served,
        socket.socket() as slow,
        socket.socket() as stuck,
    ):
        for one in (slow, stuck):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            one.connect(("127.0.0.1", served.port))
            one.settimeout(20)
            one.sendall(asked("/assets/charts.js") * times)
        until = time.monotonic() + 8
        while time.monotonic() < until:
            whole += slow.recv(1 << 14)
            time.sleep(0.01)
        while got := slow.recv(1 << 16):  # until its patience is over after the last one
            whole += got
        with suppress(ConnectionResetError):
            while got := stuck.recv(1 << 16):
                taken += len(got)
    asset = (resources.files("ecomm.dashboard") / "assets" / "charts.js").read_bytes()
    assert whole.count(asset) == times
    assert taken < len(whole), "what the system had taken already, and no more"


def test_the_log_says_once_that_no_file_can_be_opened() -> None:
    """The loop of asyncio says it for each connection that waits."""
    loop = asyncio.new_event_loop()
    connections.keep_log_short(loop)
    with capture_logs() as told:
        for _ in range(1000):
            loop.call_exception_handler({"message": "socket.accept() out of system resource"})
    loop.close()
    assert [line["event"] for line in told] == ["dashboard_full"]
