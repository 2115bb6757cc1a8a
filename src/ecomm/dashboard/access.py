"""Who may see the page, and what a browser may do with it.

On this machine everybody may; but a page of another site must not read it by a name that it lets point here, so the
Host header has to be a name of this machine. Elsewhere only who has the token may: in the header `Authorization:
Bearer`, or once in the address (`?token=`), which leaves a cookie that no script can read and no other site can send.
Who guesses is not listened to for a while; a cookie cannot be guessed, and is always good.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecomm.dashboard.connections import KNOWN

log = structlog.get_logger()
COOKIE = "ecomm_dashboard"
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# The cookie is of this site alone, so a browser that comes by a link of another site sends it only from here on.
_WELCOME = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ecomm</title>'
    '<meta http-equiv="refresh" content="0;url=/"></head><body><p><a href="/">Open the dashboard</a></p></body></html>'
)
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::[0-9]*)?")
_LOCKED = (
    "This dashboard is opened with a token: add ?token=... to the address once, or send it as Authorization: Bearer."
)


MOST_GUESSES, GUESSED_IN = 10, 60
"""How many wrong tokens are heard from one address, and within how many seconds."""
_ADDRESSES = 1024  # that are remembered


def is_loopback(host: str) -> bool:
    """An address that only this machine reaches."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Guesses:
    """How many wrong tokens came from each address lately. now: gives seconds that only grow."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._of = now, OrderedDict[str, deque[float]]()

    def are_too_many(self, address: str) -> bool:
        """A token that comes from here is not looked at."""
        found = self._of.get(address, ())
        return len(found) == MOST_GUESSES and min(found) > self._now() - GUESSED_IN

    def note(self, address: str) -> None:
        """A wrong one came from here."""
        self._of.setdefault(address, deque(maxlen=MOST_GUESSES)).append(self._now())
        self._of.move_to_end(address)
        while len(self._of) > _ADDRESSES:
            self._of.popitem(last=False)


class Guard:
    """Lets requests pass to an application, or not; every answer bears the headers that bind the browser.

    local: the Host header must be a name of this machine. token: None lets everybody pass. secret: what makes the
    cookie something that nobody finds out by trying tokens.
    """

    def __init__(self, app: ASGIApp, *, local: bool, token: str | None, secret: bytes) -> None:
        self._app, self._local, self._token = app, local, token
        key = (token or "").encode() + secret
        self._cookie = hmac.new(key, b"ecomm dashboard", hashlib.sha256).hexdigest()
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        over = asyncio.Event()
        started = False

        async def send_bound(message: Message) -> None:
            nonlocal started
            if over.is_set():
                return
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            elif is_head:
                message = {"type": "http.response.body", "body": b"", "more_body": False}
                over.set()
            await send(message)

        async def heard() -> Message:
            """What the client sends; once the header of an answer to HEAD is gone it might as well have left."""
            if not is_head:
                return await receive()
            await over.wait()
            return {"type": "http.disconnect"}

        is_head = scope["method"] == "HEAD"
        refusal = self._refusal(scope)
        scope[KNOWN] = refusal is None
        asked = {**scope, "method": "GET"} if is_head else scope
        try:
            await (refusal or self._app)(asked, heard, send_bound)
        except Exception:  # of a library, whose words may hold values of records
            log.error("dashboard_failed", path=scope["path"], exc_info=True)
            if not started:
                failed = PlainTextResponse("The dashboard failed; its log says where.", 500)
                await failed(scope, receive, send_bound)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self._local and not is_loopback(_name(headers.get("host", ""))):
            return PlainTextResponse("The dashboard answers to localhost, 127.0.0.1 and [::1] alone.", 421)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("The dashboard is read-only.", 405, {"Allow": "GET, HEAD"})
        if headers.get("transfer-encoding") or headers.get("content-length", "0") != "0":
            return PlainTextResponse("The dashboard takes no content.", 413, {"Connection": "close"})
        return None if self._token is None else self._asked_for(scope, headers, self._token)

    def _asked_for(self, scope: Scope, headers: Headers, token: str) -> Response | None:
        """None to who has the cookie or the token; else the way to it."""
        if hmac.compare_digest(_cookie_of(headers).encode(), self._cookie.encode()):
            return None
        said = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else said[0] if scope["path"] == "/" and said else ""
        if not given:
            return _locked()
        address = network_of(scope["client"][0] if scope.get("client") else "")
        if self._guesses.are_too_many(address):
            return PlainTextResponse("Too many wrong tokens; wait a minute.", 429, {"Retry-After": str(GUESSED_IN)})
        if not hmac.compare_digest(given.encode(), token.encode()):
            self._guesses.note(address)
            return _locked()
        if scheme.lower() != "bearer":
            welcome = HTMLResponse(_WELCOME)
            welcome.set_cookie(COOKIE, self._cookie, httponly=True, samesite="strict", path="/")
            return welcome
        return None


def _locked() -> Response:
    return PlainTextResponse(_LOCKED, 401, {"WWW-Authenticate": "Bearer"})


def network_of(host: str) -> str:
    """Where a request is from: what one client can choose among is one, as all addresses of this machine are."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return "this machine"
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _name(host: str) -> str:
    """The host of a Host header, without its port; empty if it is none."""
    match = _HOST.fullmatch(host)
    return match[1] if match else ""


def _cookie_of(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
