"""Who may see the dashboard, what a browser may do with it, and what of a person is never in an answer."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from ecomm.dashboard.access import COOKIE, HEADERS, is_loopback
from ecomm.dashboard.app import application, serve
from ecomm.dashboard.static import write
from ecomm.errors import UsageError
from ecomm.sources import SOURCES
from tests.shop import DATA, DAYS, Shop

TOKEN = "a secret of 2025"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(app: ASGIApp, target: str, method: str = "GET", host: str = "127.0.0.1:8050", **headers: str) -> Answer:
    """What an application answers, without a socket."""
    path, _, query = target.partition("?")
    said: list[Message] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", host.encode()), *((k.encode(), v.encode()) for k, v in headers.items())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8050),
    }

    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in asked:
            return message
        await asyncio.sleep(3600)  # the browser stays
        raise AssertionError

    async def send(message: Message) -> None:
        said.append(message)

    async def whole() -> None:
        await app(scope, receive, send)

    asyncio.run(whole())
    start = next(m for m in said if m["type"] == "http.response.start")
    body = b"".join(m.get("body", b"") for m in said if m["type"] == "http.response.body")
    return Answer(start["status"], {k.decode().lower(): v.decode() for k, v in start["headers"]}, body)


@pytest.fixture(scope="module")
def local(sample: Shop) -> ASGIApp:
    return application(sample.settings, local=True)


@pytest.fixture(scope="module")
def shut(sample: Shop) -> ASGIApp:
    return application(sample.settings, local=False, token=TOKEN)


def test_only_a_name_of_this_machine_is_answered(local: ASGIApp) -> None:
    for host in ("localhost", "localhost:8050", "127.0.0.1:1", "[::1]:8050", "LOCALHOST"):
        assert ask(local, "/api/overview", host=host).status == 200, host
    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8050",
        "",
        "0.0.0.0",
        "[::2]",
        "[::1",
        "localhost:8050.evil.example",
        "[::1].evil.example",
        "[::1]:8050:evil.example",
    ):
        assert ask(local, "/api/overview", host=host).status == 421, host


def test_without_the_token_nothing_is_said(shut: ASGIApp) -> None:
    for path in ("/", "/api/overview", "/api/customers.csv", "/api/events", "/assets/app.js", "/nothing"):
        answer = ask(shut, path, host="shop.example")
        assert answer.status == 401, path
        assert b"178" not in answer.body
    for wrong in ("", "x", TOKEN[:-1], TOKEN + " x", "é"):
        assert ask(shut, "/api/overview", authorization=f"Bearer {wrong}").status == 401
    assert ask(shut, "/api/overview", cookie=f"{COOKIE}={TOKEN}").status == 401  # the cookie is not the token
    assert ask(shut, f"/api/overview?token={TOKEN}".replace(" ", "+")).status == 401  # in the page's address alone


def test_the_token_is_a_header_or_becomes_a_cookie(shut: ASGIApp) -> None:
    assert ask(shut, "/api/overview", host="shop.example", authorization=f"Bearer {TOKEN}").status == 200
    welcome = ask(shut, f"/?token={TOKEN}".replace(" ", "+"), host="shop.example")
    cookie = welcome.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert TOKEN.encode() not in welcome.body
    assert ask(shut, "/api/overview", host="shop.example", cookie=cookie.split(";")[0]).status == 200


def test_every_answer_binds_the_browser(local: ASGIApp, shut: ASGIApp) -> None:
    for answer in (
        ask(local, "/"),
        ask(local, "/assets/app.js"),
        ask(local, "/api/overview"),
        ask(local, "/api/customers.csv"),
        ask(local, "/api/nothing"),
        ask(local, "/", host="evil.example"),
        ask(shut, "/"),
    ):
        for name, value in HEADERS.items():
            assert answer.headers[name.lower()] == value
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = ask(local, "/").body.decode()
    assert not re.search(r"<script>|<style|style=|\bon[a-z]+=|https?:", page)


def test_it_is_read_only(local: ASGIApp) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert ask(local, "/api/overview", method).status == 405


def test_only_its_own_files_are_given(local: ASGIApp) -> None:
    for path in ("/assets/../app.py", "/assets/..%2fapp.py", "/assets/app.py", "/assets/", "/openapi.json", "/docs"):
        assert ask(local, path).status == 404, path


def test_wrong_questions_are_answered_in_a_sentence(local: ASGIApp) -> None:
    for path in (
        "/api/customers?sort=1;drop",
        "/api/overview?days=1",
        "/api/customers.csv?sort=x",
        "/api/quality?batch=x",
    ):
        answer = ask(local, path)
        assert answer.status == 400, path
        assert set(answer.json) == {"error"}
    assert ask(local, "/api/overview?entry=0").status == 409
    assert ask(local, "/api/" + "x" * 9000).status == 404
    assert ask(local, "/api/find?q=" + "x" * 9000).status == 400


def test_elsewhere_it_needs_a_token_and_reveals_nothing(sample: Shop) -> None:
    with pytest.raises(UsageError, match="--token"):
        serve(sample.settings, "0.0.0.0", 0)
    with pytest.raises(UsageError, match="--reveal"):
        serve(sample.settings, "0.0.0.0", 0, token=TOKEN, reveal=True)
    assert all(map(is_loopback, ("127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "")))


def personal() -> set[str]:
    """What the sample files say of persons alone: names, addresses, numbers, days of birth."""
    told: dict[bool, set[str]] = {True: set(), False: set()}
    for source, day in itertools.product(SOURCES.values(), DAYS):
        hidden = {c.name for c in source.columns if c.personal}
        with (DATA / f"{source.name}_{day}.csv").open(encoding="utf-8", errors="replace") as file:
            for row in csv.DictReader(file):
                for column, cell in row.items():
                    told[column in hidden].add(str(cell).strip())
    return {cell for cell in told[True] - told[False] if len(cell) > 6}


def every_answer(app: ASGIApp, shop: Shop) -> Iterator[bytes]:
    """All that can be asked about the sample."""
    for path in (
        "overview",
        "operations",
        "ledger",
        "landing",
        "customers.csv",
        "products.csv",
        "find?q=C",
        "find?q=O",
    ):
        yield ask(app, f"/api/{path}").body
    for batch in shop.warehouse.log.live:
        quality = ask(app, f"/api/quality?batch={batch}")
        yield quality.body
        for f in quality.json["batch"]["findings"]:
            yield ask(app, f"/api/rows?batch={batch}&source={f['source']}&check={f['check']}").body
    for source, column in (("customers", "customer_id"), ("orders", "order_id")):
        for key in sorted(set(shop.warehouse.table(f"{source}_target")[column].to_pylist()))[:60]:
            yield ask(app, f"/api/history?source={source}&key={key}").body


def test_nothing_of_a_person_is_in_any_answer(sample: Shop, local: ASGIApp, tmp_path: Path) -> None:
    meanings = " ".join(rule.meaning for source in SOURCES.values() for rule in source.rules)
    values = {v for v in personal() if v not in meanings}  # a rule names O'Brien
    assert len(values) > 500
    whole = b"\n".join(every_answer(local, sample)).decode()
    assert "•••••" in whole
    assert not {v for v in values if v in whole}
    write(sample.settings, tmp_path)
    copy = (tmp_path / "assets" / "data.js").read_text(encoding="utf-8")
    assert not {v for v in values if v in copy}


def test_reveal_shows_what_is_asked_for(sample: Shop) -> None:
    shown = application(sample.settings, local=True, reveal=True)
    row = next(r for r in sample.rows("customers_target") if r["is_current"] and r["email"])
    answer = ask(shown, f"/api/history?source=customers&key={row['customer_id']}")
    assert row["email"] in answer.body.decode()
    assert answer.json["stamp"]["reveal"] is True
