"""What a watcher tells other programs, over HTTP: whether it is well (`/health`), and its numbers (`/metrics`).

The numbers are for Prometheus; its counters start at nought with the process. Batches and files are named, no values.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from ecomm.errors import UsageError
from ecomm.progress import TaskResult
from ecomm.transaction import Outcome
from ecomm.watch import RESCAN, Report

_LATE = timedelta(seconds=30 * RESCAN)
_MOST = 32
"""Connections at once."""
_PATIENCE = 5.0
"""Seconds that a connection has from its beginning to its end."""
_NAMES = ("127.0.0.1", "localhost", "[::1]")
_JSON = "application/json"
Answer = tuple[int, str, bytes]
"""Status, content type, content."""
_SECONDS = (0.5, 1, 2, 3, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """The numbers of one watcher."""

    def __init__(self) -> None:
        self.registry = to = CollectorRegistry()
        ProcessCollector(registry=to)
        self._batches = Counter("ecomm_batches", "Batches, by what became of them.", ["status"], registry=to)
        self._latency = Histogram(
            "ecomm_complete_to_published_seconds",
            "From the last change of a batch's files to its publication.",
            buckets=_SECONDS,
            registry=to,
        )
        self._tasks = Histogram("ecomm_task_seconds", "How long tasks take.", ["task"], buckets=_SECONDS, registry=to)
        self._rows = Counter("ecomm_rows", "Records of published and held batches.", ["source", "outcome"], registry=to)
        self._triggers = Gauge("ecomm_triggers", "Triggers that are not published.", ["state"], registry=to)
        self._looked = Gauge("ecomm_last_look_timestamp_seconds", "When landing was looked at.", registry=to)
        self._published = Gauge("ecomm_last_publish_timestamp_seconds", "When a batch was published.", registry=to)

    def hear(self, _: str, task: str, result: TaskResult | None) -> None:
        """A task has ended."""
        if result is not None:
            self._tasks.labels(task).observe(result.seconds)

    def tell(self, outcome: Outcome, waited: float | None) -> None:
        """Something became of a batch."""
        if waited is None:
            return
        self._batches.labels(outcome.status).inc()
        for file in outcome.files:
            for kind in ("accepted", "rejected", "duplicate", "superseded"):
                self._rows.labels(file.source, kind).inc(getattr(file, f"rows_{kind}"))
        if outcome.status == "published":
            self._latency.observe(waited)
            self._published.set_to_current_time()

    def look(self, report: Report) -> None:
        """Take in how landing was at the last look."""
        self._looked.set(report.at.timestamp())
        for state, batches in (("waiting", report.waiting), ("failed", report.failed)):
            self._triggers.labels(state).set(len(batches))


def said(report: Report, now: datetime) -> tuple[bool, dict[str, object]]:
    """Whether the watcher is well, and how it stands.

    It is not if something holds everything up, or if it has not looked for a minute without a batch at work. A batch
    that failed, or another run at work, is no reason to start the watcher anew.
    """
    asleep = report.working_on is None and now - report.at > _LATE
    trouble = report.trouble or ("the watcher has not looked at landing for a minute" if asleep else None)
    return trouble is None, {
        "status": "ok" if trouble is None else "trouble",
        "trouble": trouble,
        "looked_at": report.at.isoformat().replace("+00:00", "Z"),
        "working_on": report.working_on,
        "held_up_by": report.held_up_by,
        "waiting": dict(report.waiting),
        "failed": dict(report.failed),
        "untriggered": dict(report.untriggered),
    }


class _Server(ThreadingHTTPServer):
    """A server with few connections, none of them for long: silent clients do not keep others from being answered."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], answer: Callable[[str], Answer]) -> None:
        self.answer, self._free = answer, threading.BoundedSemaphore(_MOST)
        super().__init__(address, _Request)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, or not at all."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection, which is closed by force if that takes long."""
        closing = threading.Timer(_PATIENCE, lambda: request.shutdown(socket.SHUT_RDWR))
        closing.daemon = True
        closing.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            closing.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone or was too slow."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Request(BaseHTTPRequestHandler):
    """One request; it is not logged."""

    server: _Server

    def do_GET(self) -> None:
        """Answer, if the request is for this machine: a page of another site may have been led here."""
        name = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        status, kind, body = self.server.answer(self.path) if name in _NAMES else (403, _JSON, b"{}")
        self.send_response(status)
        for header, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(header, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  the library looks for this name

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def served(host: str, port: int, report: Callable[[], Report], metrics: Metrics) -> Iterator[int]:
    """Answer `/health` (200, or 503 if not well) and `/metrics` until the end of the block; gives the port.

    port: 0 takes a free one. Raises UsageError if it is taken.
    """

    def answer(path: str) -> Answer:
        if path == "/metrics":
            metrics.look(report())
            return 200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry)
        if path != "/health":
            return 404, _JSON, b'{"error": "there are /health and /metrics"}'
        well, body = said(report(), datetime.now(UTC))
        return 200 if well else 503, _JSON, json.dumps(body).encode()

    try:
        server = _Server((host, port), answer)
    except OSError as error:
        raise UsageError(f"--health {host}:{port}: cannot be listened on ({error.strerror}); name another.") from error
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
