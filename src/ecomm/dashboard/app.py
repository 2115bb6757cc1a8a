"""The server: a few files, the answers, and a stream that says when there are new ones. It changes nothing."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib import resources
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sse_starlette.sse import EventSourceResponse
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from ecomm.batches.entry import NAME as LEDGER
from ecomm.dashboard import listings
from ecomm.dashboard.access import Guard, is_loopback
from ecomm.dashboard.answers import ANSWERS
from ecomm.dashboard.connections import BACKLOG, HEADER, PATIENCE, Connection, keep_log_short
from ecomm.dashboard.live import Live
from ecomm.dashboard.moment import Moment, as_json
from ecomm.dashboard.operations import landing
from ecomm.engines import deltafiles, lake_of
from ecomm.errors import EcommError, UsageError
from ecomm.settings import Settings

ASSETS = resources.files("ecomm.dashboard") / "assets"
_ASKED = frozenset({"entry"})
_MAX_TEXT = 512
MOST_STREAMS = 64
"""Pages that are open and hear of each change."""
_SENT_IN = 30  # seconds; who does not take what a stream says has gone
Entry = Annotated[int | None, Query(ge=0)]


def application(settings: Settings, *, local: bool, token: str | None = None, reveal: bool = False) -> ASGIApp:
    """The web application of a warehouse. local, token: as `Guard`. reveal: personal values are shown."""
    live = Live(settings, reveal=reveal)
    streams: set[_Stream] = set()

    @asynccontextmanager
    async def watching(_: FastAPI) -> AsyncIterator[None]:
        keep_log_short(asyncio.get_running_loop())
        task = asyncio.create_task(live.watch())
        yield
        task.cancel()

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=watching)

    @app.exception_handler(UsageError)
    def refused(_: Request, error: UsageError) -> Response:
        return JSONResponse({"error": str(error)}, 400)

    @app.exception_handler(EcommError)
    def failed(_: Request, error: EcommError) -> Response:
        return JSONResponse({"error": str(error)}, 503)

    @app.get("/")
    def page() -> Response:
        return _asset("index.html")

    @app.get("/assets/{name}")
    def asset(name: str) -> Response:
        return _asset(name)

    @app.get("/api/events")
    async def events() -> EventSourceResponse:
        async def told() -> AsyncIterator[dict[str, str]]:
            async for now in live.changes():
                yield {"event": "now", "data": json.dumps(asdict(now))}

        return _Stream(told(), streams)

    @app.get("/api/landing")
    def landed(entry: Entry = None) -> Response:
        return _of(live, entry, lambda moment: _json(as_json(landing(moment, {}))))

    @app.get("/api/{name}.csv")
    def csv(name: str, request: Request, entry: Entry = None) -> Response:
        listing = listings.LISTINGS.get(name)
        if listing is None:
            return JSONResponse({"error": f"there is no table {name} to take along."}, 404)
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}

        def answer(moment: Moment) -> Response:
            rows = listings.csv_of(moment, listing, _args(request))
            return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)

        return _of(live, entry, answer)

    @app.get("/api/{name}")
    def answers(name: str, request: Request, entry: Entry = None) -> Response:
        ask = ANSWERS.get(name)
        if ask is None:
            return JSONResponse({"error": "there is no such answer."}, 404)
        return _of(live, entry, lambda moment: _json(moment.answer(ask, _args(request))))

    app.add_middleware(GZipMiddleware, minimum_size=2048, compresslevel=5)
    return Guard(app, local=local, token=token, secret=_secret(settings))


def _secret(settings: Settings) -> bytes:
    """What nobody knows who cannot read the warehouse: with it a cookie stays good after a new start."""
    ledger = settings.warehouse / LEDGER
    there = deltafiles.exists(ledger)
    return deltafiles.identity(ledger).encode() if there else secrets.token_bytes(16)


class _Stream(EventSourceResponse):
    """What one open page hears; a page more than there may be is refused."""

    def __init__(self, told: AsyncIterator[dict[str, str]], others: set[_Stream]) -> None:
        super().__init__(told, ping=15, send_timeout=_SENT_IN)
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self._others) >= MOST_STREAMS:
            full = JSONResponse({"error": "too many pages are open; close some of them."}, 503, {"Retry-After": "60"})
            await full(scope, receive, send)
            return
        self._others.add(self)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._others.discard(self)


def _of(live: Live, entry: int | None, answer: Callable[[Moment], Response]) -> Response:
    """An answer of the moment that the page is at; 409 if that is gone, 503 if there is nothing to show."""
    moment = live.moment(entry)
    if moment is not None:
        return answer(moment)
    now = live.now
    if now.entry is None:
        return JSONResponse({"error": now.trouble, "empty": True}, 503)
    return JSONResponse({"error": f"entry {entry} is no longer at hand.", "entry": now.entry}, 409)


def _args(request: Request) -> Mapping[str, str]:
    """What was asked for; raises UsageError if it is longer than any question."""
    if len(request.url.query) > _MAX_TEXT * 4:
        raise UsageError("the question is too long.")
    return {name: value[:_MAX_TEXT] for name, value in request.query_params.items() if name not in _ASKED}


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _asset(name: str) -> Response:
    """A file of the page, by its name among those that are there."""
    found = next((f for f in ASSETS.iterdir() if f.is_file() and f.name == name), None)
    if found is None:
        return JSONResponse({"error": "there is no such file."}, 404)
    kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "text/plain"
    return Response(found.read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    token: str | None = None,
    reveal: bool = False,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Show the warehouse on http://host:port until a signal ends it.

    ready: hears the address once it is listened on. port: 0 takes a free one. Raises UsageError if the address is
    taken, if it can be reached from elsewhere and there is no token, or if personal values would be.
    """
    local = is_loopback(host)
    if lake_of(settings) is not deltafiles:
        raise UsageError("the dashboard reads tables in folders; those of a catalog are shown by its platform.")
    if not local and not token:
        raise UsageError(
            f"--host {host} can be reached from elsewhere: name a secret with --token or ECOMM_DASHBOARD_TOKEN, or "
            "leave --host out to show it on this machine alone."
        )
    if not local and reveal:
        raise UsageError(f"--reveal shows personal values on this machine alone, not on --host {host}.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), port))
        listening.listen(128)  # from now on a browser waits for its answer
    except OSError as error:
        listening.close()
        raise UsageError(
            f"--host {host} --port {port}: cannot be listened on ({error.strerror}); name another --port."
        ) from error
    config = uvicorn.Config(
        application(settings, local=local, token=token or None, reveal=reveal),
        http=Connection,
        ws="none",
        log_level="error",  # what a client does wrong is its own affair
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a client could call itself anything
        backlog=BACKLOG,
        h11_max_incomplete_event_size=HEADER,
        timeout_keep_alive=int(PATIENCE),
        timeout_graceful_shutdown=1,
    )
    shown = f"[{host.strip('[]')}]" if family == socket.AF_INET6 else host
    ready(f"http://{shown}:{listening.getsockname()[1]}/")
    uvicorn.Server(config).run(sockets=[listening])
