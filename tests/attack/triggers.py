"""Hostile triggers, all in landing at once, between two good ones: each fails or waits by itself, and leads nowhere."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attack.plan import Plan, Tally, listed
from tests.attack.shops import Folder

HEADER = b"order_id,customer_id,product_id,order_date,order_amount\n"
SECRET = "SECRETORDER"
ID = "THE-ID"
"""In a trigger's text; it becomes the name of its file."""
AT = "2025-03-01T00:00:00Z"
Put = Callable[[Path], None]


def _said(**said: Any) -> bytes:
    return json.dumps({"trigger_id": ID, "trigger_timestamp": AT, "expected_files": ["there.csv"], **said}).encode()


def _names(*names: Any) -> bytes:
    return _said(expected_files=list(names))


def _text(content: bytes) -> Put:
    def put(path: Path) -> None:
        path.write_bytes(content.replace(ID.encode(), path.stem.encode()))

    return put


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


_ODD_NAMES: tuple[Any, ...] = (
    "",
    " ",
    "\x00",
    "there.csv\x00.txt",
    "there\n.csv",
    "\x1b[31m.csv",
    "\u202egnp.csv",
    "\u200b.csv",
    "\ud800.csv",
    "x" * 300 + ".csv",
    "é" * 200 + ".csv",
    5,
    None,
    True,
    [],
    {},
    ["there.csv"],
    {"name": "there.csv", "rows": -1},
    {"name": "there.csv", "rows": 1.5},
    {"name": "there.csv", "sha256": "x"},
    {"name": "there.csv", "bytes": True},
    {"name": "there.csv", "rows": 10**400},
    {"name": "../secret.csv", "rows": 1},
    {"rows": 1},
)
_TIMES: tuple[Any, ...] = (
    "",
    "now",
    "2025-13-01",
    "2025-02-30T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "1600-01-01T00:00:00Z",
    "2025-03-01T00:00:00+99:99",
    "2999-01-01T00:00:00Z",
    5,
    -1,
    10**30,
    1e400,
    True,
    [],
    {},
    "2025-03-01T25:00:00Z",
    "\x00",
)
_BYTES: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n\t",
    "no json": b"{trigger}",
    "cut": _said()[:-5],
    "an array": b"[]",
    "a number": b"5",
    "null": b"null",
    "a string": b'"there.csv"',
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "digits": b'{"n": ' + b"1" * 100_000 + b"}",
    "a huge exponent": b'{"n": 1e99999999999}',
    "utf-16": _said().decode().encode("utf-16"),
    "utf-32": _said().decode().encode("utf-32"),
    "latin-1": b'{"trigger_id": "\xe9"}',
    "nul": b"\x00" * 1000,
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbf" + _said(),
    "a name twice": b'{"trigger_id": "a", "trigger_id": "b", "trigger_timestamp": "' + AT.encode() + b'"}',
    "comments": b"// x\n" + _said(),
    "two documents": _said() + _said(),
    "a mebibyte": _said(more="x" * (2 << 20)),
    "many names": _names(*(f"{n}.csv" for n in range(100_000))),
    "no id": _said(trigger_id=None),
    "an empty id": _said(trigger_id=" "),
    "a number as id": _said(trigger_id=5),
    "an id of controls": _said(trigger_id="a\x1b[31mb\nforged"),
    "an id of no text": _said(trigger_id="\ud800"),
    "an id that turns": _said(trigger_id="\u202eabc"),
    "no files": _said(expected_files=[]),
    "files as text": _said(expected_files="there.csv"),
    "files as number": _said(expected_files=5),
    "files of no source": _said(expected_files={"nobody": ["there.csv"]}),
    "files of a source as number": _said(expected_files={"orders": 5}),
    "not ready": _said(data_files_ready=False),
    "ready as text": _said(data_files_ready="yes"),
    "a bad date": _said(trigger_timestamp=None, batch_date="2025-02-30"),
}


def _all() -> dict[str, Put]:
    found: dict[str, Put] = {name: _text(content) for name, content in _BYTES.items()}
    found |= {f"names {name!r}": _text(_names(name)) for name in listed("trigger_paths")}
    found |= {f"lists {str(name)[:30]!r}": _text(_names(name)) for name in _ODD_NAMES}
    found |= {f"at {time!r}": _text(_said(trigger_timestamp=time)) for time in _TIMES}
    found["a link"] = lambda path: path.symlink_to("/etc/hostname")
    found["a link to nothing"] = lambda path: path.symlink_to("nowhere")
    found["a link to itself"] = lambda path: path.symlink_to(path.name)
    found["a folder"] = lambda path: path.mkdir()
    found["a pipe"] = os.mkfifo
    found["a socket"] = _socket
    return found


def triggers(plan: Plan) -> Tally:
    """None is published, each is named, the good ones are published, and nothing outside is read or written."""
    shop = Folder(plan.folder / "shop")
    _place(shop)
    hostile = _all()
    shop.drop("before", "2025-02-01T00:00:00Z", [("orders", "b.csv", HEADER + b"O1,C1,P1,2025-01-01,5.00\n")])
    for number, put in enumerate(hostile.values()):
        put(shop.triggers / f"hostile{number:03}.json")
    shop.drop("after", "2025-04-01T00:00:00Z", [("orders", "a.csv", HEADER + b"O2,C1,P1,2025-01-01,5.00\n")])
    outside = _outside(shop)
    done = shop.ecomm("run")
    said = shop.ecomm("status").text
    lost = [f"{name}: nothing names it" for n, name in enumerate(hostile) if f"hostile{n:03}" not in done.text + said]
    lost += _general(shop, done.text, said)
    if _outside(shop) != outside:
        lost.append("files outside of landing and warehouse have changed")
    return Tally(len(hostile), tuple(lost))


def _place(shop: Folder) -> None:
    """What triggers try to reach."""
    row = f"{SECRET},C1,P1,2025-01-01,5.00\n".encode()
    for folder in (shop.root, shop.landing, shop.landing / "orders_data"):
        (folder / "secret.csv").write_bytes(HEADER + row)
    source = shop.landing / "orders_data" / "source"
    (source / "link.csv").symlink_to(shop.root / "secret.csv")
    (source / "device.csv").symlink_to("/dev/zero")
    (source / "folder.csv").mkdir()
    os.mkfifo(source / "pipe.csv")
    _socket(source / "socket.csv")


def _outside(shop: Folder) -> set[tuple[str, int]]:
    """What is beside landing and warehouse, and above."""
    places = (shop.root, shop.root.parent, shop.root.parent.parent)
    apart = {shop.root, shop.landing, shop.root / "warehouse", shop.root.parent}
    return {(str(one), one.stat().st_mtime_ns) for place in places for one in place.iterdir() if one not in apart}


def _general(shop: Folder, done: str, said: str) -> list[str]:
    lost = []
    published = set(shop.warehouse.log.live)
    if published != {"before", "after"}:
        lost.append(f"published: {sorted(published)}")
    for text in (done, said):
        if "Traceback" in text:
            lost.append("a traceback")
        if any(ord(one) < 32 and one != "\n" for one in text):
            lost.append("control characters in what is shown")
        if SECRET in text:
            lost.append("a file outside is shown")
    if SECRET in str(shop.warehouse.table("orders_stage").to_pylist()):
        lost.append("a file outside is published")
    return lost
