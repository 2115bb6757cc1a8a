"""Who may see the page, and what a browser may do with it.

On this machine everybody may; but a page of another site must not read it by a name that it lets point here, so the
Host header has to be a name of this machine. Elsewhere only who has the token may: in the header `Authorization:
Bearer`, or once in the address (`?token=`), which leaves a cookie that no script can read and no other site can send.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
_LOCKED = (
    "This dashboard is opened with a token: add ?token=... to the address once, or send it as Authorization: Bearer."
)


def is_loopback(host: str) -> bool:
    """An address that only this machine reaches."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Guard:
    """Lets requests pass to an application, or not; every answer bears the headers that bind the browser.

    local: the Host header must be a name of this machine. token: None lets everybody pass.
    """

    def __init__(self, app: ASGIApp, *, local: bool, token: str | None) -> None:
        self._app, self._local, self._token = app, local, token
        key = (token or "").encode()
        self._cookie = hmac.new(key, b"ecomm dashboard", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_bound(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_bound)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self._local and not is_loopback(_name(headers.get("host", ""))):
            return PlainTextResponse("The dashboard answers to localhost, 127.0.0.1 and [::1] alone.", 421)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("The dashboard is read-only.", 405, {"Allow": "GET, HEAD"})
        if self._token is None:
            return None
        said = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if scope["path"] == "/" and said and self._is_token(said[0]):
            welcome = HTMLResponse(_WELCOME)
            welcome.set_cookie(COOKIE, self._cookie, httponly=True, samesite="strict", path="/")
            return welcome
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer.strip()):
            return None
        if hmac.compare_digest(_cookie_of(headers).encode(), self._cookie.encode()):
            return None
        return PlainTextResponse(_LOCKED, 401, {"WWW-Authenticate": "Bearer"})

    def _is_token(self, said: str) -> bool:
        return hmac.compare_digest(said.encode(), (self._token or "").encode())


def _name(host: str) -> str:
    """The host of a Host header, without its port."""
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _cookie_of(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
