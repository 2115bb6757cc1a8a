"""A dashboard's server, asked by hand: strange hosts, paths, methods, tokens; and hostile texts in what it shows."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from ecomm.dashboard.access import COOKIE, HEADERS
from tests.attack.corpus import text
from tests.attack.kinds_fine import TEXTS
from tests.attack.plan import Plan, Tally, each, listed
from tests.attack.rows import HEADERS as COLUMNS
from tests.attack.rows import Rows
from tests.attack.shops import Folder
from tests.dashboard.conftest import serving
from tests.shop import Shop

TOKEN = "a-long-token-of-the-attack"
_LONG = ("/api/find?q=" + "x" * 9_000, "/api/" + "x" * 9_000, "/api/overview?entry=" + "9" * 400)
_METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "G" * 5_000, "get")
_BAD = (
    "a text",
    "\x16\x03\x01\x02\x00\x01\x00",
    "GET / HTTP/9.9",
    "GET",
    "GET / HTTP/1.1\r\nContent-Length: -1",
    "\r\n" * 50,
    "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
    "GET / HTTP/1.1\r\n" + "X: y\r\n" * 5_000,
    "GET / HTTP/1.1\r\nX: " + "y" * 200_000,
    "GET / HTTP/1.1\r\n folded: x",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b",
)
_TOKENS = ("", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é", "null", "Bearer", "' OR 1=1", "\x00", "*")
_API = ("overview", "operations", "ledger", "landing", "customers.csv", "products.csv", "find?q=K", "quality?batch=b1")
_NOT_THE_PAGE = ("/api/overview", "/assets/app.js")
Check = Callable[[], str | None]


def asked(address: str, request: str) -> bytes:
    """The answer to a request as it is written."""
    place = urlsplit(address)
    assert place.hostname
    with socket.create_connection((place.hostname, place.port or 80), timeout=20) as line:
        line.settimeout(20)
        line.sendall(request.encode("utf-8", "surrogatepass") + b"\r\n\r\n")
        said = b""
        try:
            while block := line.recv(65536):
                said += block
        except (TimeoutError, ConnectionError):
            return said
    return said


def get(address: str, path: str, *, method: str = "GET", host: str | None = None, more: str = "") -> bytes:
    """The answer to an ordinary request."""
    named = urlsplit(address).netloc if host is None else host
    return asked(address, f"{method} {path} HTTP/1.1\r\nHost: {named}\r\nConnection: close{more}")


def pages(plan: Plan) -> Tally:
    """No answer where there should be none, no file of the machine, no traceback, no text that a browser would run."""
    shop = _hostile(plan)
    with serving(Shop(shop.root)) as open_one, serving(Shop(shop.root), "--token", TOKEN) as shut:
        checks = {
            **{f"host {host!r}": _refuses(open_one, host=host) for host in listed("hosts")},
            **{f"path {path[:60]!r}": _says_no_file(open_one, path) for path in (*listed("paths"), *_LONG)},
            **{f"method {method[:20]}": _refuses(open_one, method=method) for method in _METHODS},
            **{f"request {one[:40]!r}": _stays_up(open_one, one) for one in _BAD},
            **{f"token {token!r}": _refuses(shut, more=f"\r\nAuthorization: Bearer {token}") for token in _TOKENS},
            **{f"cookie {one!r}": _refuses(shut, more=f"\r\nCookie: {COOKIE}={one}") for one in (*_TOKENS, TOKEN)},
            **{f"token in {path}": _refuses(shut, f"{path}?token={TOKEN}") for path in _NOT_THE_PAGE},
            **{f"answer {path}": _is_bound(open_one, f"/api/{path}") for path in _API},
        }
        return each(plan, list(checks), lambda name: _named(name, checks[name]()))


def _named(name: str, why: str | None) -> str | None:
    return None if why is None else f"{name}: {why}"


def _hostile(plan: Plan) -> Folder:
    """A shop in whose every text is something hostile."""
    shop = Folder(plan.folder / "shop")
    texts = [one for name in ("markup", "formulas", "sql", "terminal escapes", "right to left") for one in TEXTS[name]]
    rows = [(f"K{n}", f"{one}", f"{one}@example.com", "2024-01-11", one, one) for n, one in enumerate(texts)]
    customers = text(Rows("customers", COLUMNS["customers"], tuple(rows))).encode()
    cells = [(f"K{n}", one, one, "5.00", one, one) for n, one in enumerate(texts)]
    products = text(Rows("products", COLUMNS["products"], tuple(cells))).encode()
    shop.drop("b1", "2025-02-01T00:00:00Z", [("customers", "c.csv", customers), ("products", "p.csv", products)])
    shop.ecomm("run")
    return shop


def _status(answer: bytes) -> int:
    first = answer.split(b"\r\n", 1)[0].split()
    return int(first[1]) if len(first) > 1 and first[1].isdigit() else 0


def _refuses(address: str, path: str = "/api/overview", **how: str) -> Check:
    def check() -> str | None:
        answer = get(address, path, **how)
        return _trouble(answer) or (f"answered with {_status(answer)}" if _status(answer) < 400 and answer else None)

    return check


def _says_no_file(address: str, path: str) -> Check:
    def check() -> str | None:
        answer = get(address, path)
        return _trouble(answer)

    return check


def _stays_up(address: str, request: str) -> Check:
    def check() -> str | None:
        answer = asked(address, request)
        alive = _status(get(address, "/api/overview")) == 200
        return _trouble(answer) or (None if alive else "the server does not answer any more")

    return check


def _is_bound(address: str, path: str) -> Check:
    """An answer is data, and every header that binds a browser is there."""

    def check() -> str | None:
        answer = get(address, path)
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = {
            line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head.decode().split("\r\n")[1:]
        }
        if _status(answer) != 200 or any(lines.get(name.lower()) != value for name, value in HEADERS.items()):
            return f"status {_status(answer)}, or a header is missing"
        if path.endswith(".csv"):
            wrong = [
                line for line in body.decode("utf-8-sig").splitlines() if line.lstrip('"').startswith(("=", "+", "@"))
            ]
            return "a formula is in the file" if wrong or "csv" not in lines["content-type"] else None
        json.loads(body)
        return None if lines["content-type"].startswith("application/json") else "it is no JSON"

    return check


def _trouble(answer: bytes) -> str | None:
    for secret in (b"Traceback", b"root:x:0", b"[sources", b"def application", b"repositoryformatversion"):
        if secret in answer:
            return f"the answer has {secret.decode()!r}"
    return None if b"\r\nset-cookie: a=b" not in answer.lower() else "a header was injected"
