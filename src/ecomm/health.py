"""What a watcher tells other programs, over HTTP: whether it is well (`/health`), and its numbers (`/metrics`).

The numbers are for Prometheus; its counters start at nought with the process. Batches and files are named, no values.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, make_wsgi_app

from ecomm.errors import UsageError
from ecomm.progress import TaskResult
from ecomm.transaction import Outcome
from ecomm.watch import RESCAN, Report

_LATE = timedelta(seconds=30 * RESCAN)
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


class _Silent(WSGIRequestHandler):
    """Requests are not logged."""

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def served(host: str, port: int, report: Callable[[], Report], metrics: Metrics) -> Iterator[int]:
    """Answer `/health` (200, or 503 if not well) and `/metrics` until the end of the block; gives the port.

    port: 0 takes a free one. Raises UsageError if it is taken.
    """
    numbers = make_wsgi_app(metrics.registry)

    def answer(request: WSGIEnvironment, start: StartResponse) -> object:
        if request["PATH_INFO"] == "/metrics":
            metrics.look(report())
            return numbers(request, start)
        well, body = said(report(), datetime.now(UTC))
        known = request["PATH_INFO"] == "/health"
        status = "404 Not Found" if not known else "200 OK" if well else "503 Service Unavailable"
        start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
        return [json.dumps(body if known else {"error": "there are /health and /metrics"}).encode()]

    try:
        server = make_server(host, port, answer, handler_class=_Silent)  # type: ignore[arg-type]
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
