"""The health port: it answers, no matter what other clients do."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import pytest

from ecomm import health
from ecomm.health import Metrics, served
from ecomm.watch import Report


@pytest.fixture
def port() -> Iterator[int]:
    with served("127.0.0.1", 0, lambda: Report(datetime.now(UTC)), Metrics()) as found:
        yield found


def ask(port: int, path: str = "/health", method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Status and content."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_what_it_answers(port: int) -> None:
    status, content = ask(port)
    assert (status, json.loads(content)["status"]) == (200, "ok")
    status, content = ask(port, "/metrics")
    assert status == 200
    assert b"ecomm_last_look_timestamp_seconds" in content
    assert ask(port, "/other")[0] == 404
    assert ask(port, method="HEAD") == (200, b"")
    assert ask(port, method="POST")[0] == 501


@pytest.mark.parametrize("name", ["evil.com", "evil.com:80", "127.0.0.1.evil.com", ""])
def test_a_request_that_is_for_another_machine(port: int, name: str) -> None:
    """A page of another site whose name was led here."""
    assert ask(port, Host=name)[0] == 403
    assert ask(port, Host=f"localhost:{port}")[0] == 200


def test_connections_that_say_nothing(port: int) -> None:
    """They keep nobody from being answered, also if they are many, and do not live long."""
    with ExitStack() as silent:
        for _ in range(health._MOST - 1):
            silent.enter_context(socket.create_connection(("127.0.0.1", port)))
        began = time.monotonic()
        assert ask(port)[0] == 200
        assert time.monotonic() - began < 2
        drips = [silent.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(40)]
        until = time.monotonic() + 2 * health._PATIENCE + 10
        while not is_answered(port):
            assert time.monotonic() < until, "they still have all places"
            for drip in drips:
                with suppress(OSError):
                    drip.send(b"G")
            time.sleep(0.25)


def is_answered(port: int) -> bool:
    try:
        return ask(port)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_the_end_does_not_wait_for_them() -> None:
    with ExitStack() as silent:
        with served("127.0.0.1", 0, lambda: Report(datetime.now(UTC)), Metrics()) as port:
            silent.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert ask(port)[0] == 200
            began = time.monotonic()
        assert time.monotonic() - began < 2
