"""Few connections, none of them idle for long: clients that say nothing do not keep others from being answered.

uvicorn limits how long a connection may be idle between requests, and how large a header is. What it lacks is here: how
long a header may take, how long an answer waits for its reader, and who has to go when there are too many.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 256
BACKLOG = 32
"""Connections that are taken at one go, before any of them is looked at."""
HEADER = 16 << 10
"""Bytes of a request's line and headers."""
PATIENCE = 5.0
"""Seconds that a connection has for its next request, from its beginning or the last answer on."""
STALLED = 60.0
"""Seconds after which who takes nothing of an answer is let go."""
_PROGRESS = 4096  # bytes in this time are something
KNOWN = "ecomm.known"
"""Under this name in a request's scope: its client may see the page."""
_EVERY = 60.0  # seconds between two lines of the log about one thing
_FULL = "socket.accept() out of system resource"
log = structlog.get_logger()


def most_connections() -> int:
    """How many connections are held: the rest of the files that a process may open is for tables."""
    return min(MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


class Connection(H11Protocol):
    """A connection that is closed when it is silent, or slow, or when a newer one needs its place."""

    _closing: asyncio.TimerHandle | None = None
    _since = 0.0
    _known = False
    _left: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make place, and wait for a request."""
        if len(self.connections) >= most_connections() and not self._made_place():
            transport.abort()
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._end_within(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on. The header of a request has to be there in time; each byte of it does not win more time."""
        was_busy = self.is_busy
        super().data_received(data)
        if not was_busy:
            self._watch_answer()

    def pause_writing(self) -> None:
        """The client does not take what it has asked for: it has to go on soon."""
        super().pause_writing()
        self._watch_answer()

    def resume_writing(self) -> None:
        """It goes on."""
        super().resume_writing()
        self._watch_answer()

    def on_response_complete(self) -> None:
        """Wait for the next request, once the answer is gone."""
        self._known = self._known or bool(self.scope.get(KNOWN))
        self._wait()
        super().on_response_complete()
        self._watch_answer()  # the next request may have come already

    @property
    def is_busy(self) -> bool:
        """A request is being answered."""
        return not getattr(self.cycle, "response_complete", True)  # None before the first request

    @property
    def _order(self) -> tuple[bool, float]:
        """Who has to go first: of those who may not see the page, the one that has been idle for longest."""
        return self._known, self._since

    def _made_place(self) -> bool:
        idle = [one for one in self.connections if isinstance(one, Connection) and not one.is_busy]
        if not idle:
            return False
        first = min(idle, key=lambda one: one._order)
        self.connections.discard(first)
        first.transport.abort()
        return True

    def _watch_answer(self) -> None:
        if self.is_busy:
            self._left = None
            self._end_within(STALLED if self.flow.write_paused else None)

    def _wait(self) -> None:
        self._since, self._left = self.loop.time(), None
        self._end_within(PATIENCE)

    def _end_within(self, seconds: float | None) -> None:
        if self._closing is not None:
            self._closing.cancel()
        self._closing = None if seconds is None else self.loop.call_later(seconds, self._end)

    def _end(self) -> None:
        left = self.transport.get_write_buffer_size()
        if left and (self._left is None or left <= self._left - _PROGRESS):
            self._left = left  # an answer is still on its way
            self._end_within(STALLED)
        else:
            self.transport.abort()


def keep_log_short(loop: asyncio.AbstractEventLoop) -> None:
    """Say once a minute that no more files can be opened; the loop would say so thousands of times a second."""
    told_at: float | None = None

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal told_at
        if context.get("message") != _FULL:
            loop.default_exception_handler(context)
        elif told_at is None or loop.time() > told_at + _EVERY:
            told_at = loop.time()
            log.warning("dashboard_full", reason="no more files can be opened; raise the limit (ulimit -n)")

    loop.set_exception_handler(handle)
