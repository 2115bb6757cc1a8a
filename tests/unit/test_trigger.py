"""Triggers: what they may say, what is said of a wrong one, and which batches can run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecomm.batches.entry import Entry, FileEntry
from ecomm.batches.log import Log
from ecomm.batches.trigger import Candidate, State, Trigger, folder_of, read_trigger, scan, sha256
from ecomm.errors import EcommError, RefusedError, TriggerError, UsageError
from tests.shop import SOURCES, Shop

NOW = datetime(2025, 1, 20, 12, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "trigger_id": "b1",
    "trigger_timestamp": "2025-01-15T06:00:00Z",
    "expected_files": ["orders.csv"],
}
CSV = "order_id,customer_id,product_id,order_date,order_amount\nO1,C1,P1,2025-01-14,5\n"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def put(shop: Shop, name: str = "orders.csv", source: str = "orders", content: str = CSV) -> Path:
    """A file in a source's folder."""
    path = shop.settings.source_dir(source) / "source" / name
    path.write_text(content)
    return path


def tell(shop: Shop, name: str = "t.json", **said: Any) -> Path:
    """A trigger that differs from the good one in some keys; None leaves a key out."""
    return shop.trigger(json.dumps({k: x for k, x in (GOOD | said).items() if x is not None}), name)


def read(shop: Shop, **said: Any) -> Trigger:
    return read_trigger(tell(shop, **said), SOURCES)


def look(shop: Shop, entries: Iterable[Entry] = ()) -> list[Candidate]:
    return scan(shop.settings, Log(tuple(entries)), SOURCES, NOW)


def states(candidates: Iterable[Candidate]) -> dict[str, str]:
    return {c.name: c.state.value for c in candidates}


def published(trigger: Path, *files: Path, batch_id: str = "b1") -> Entry:
    """The ledger entry of a batch that was published from this trigger and these files."""
    kept = [FileEntry(f.parent.parent.name.removesuffix("_data"), f.name, sha256(f), f.stat().st_size) for f in files]
    as_of = datetime(2025, 1, 15, 6, tzinfo=UTC)
    return Entry("PUBLISH", 2, NOW, batch_id, as_of=as_of, revision=1, files=tuple(kept), trigger=trigger.read_text())


# -- what a trigger says ------------------------------------------------------------------------------


def test_least_trigger(shop: Shop) -> None:
    """An id, files and a time are enough."""
    trigger = read(shop)
    assert (trigger.batch_id, trigger.as_of) == ("b1", datetime(2025, 1, 15, 6, tzinfo=UTC))
    assert trigger.expected == ((None, "orders.csv"),)
    assert (trigger.ready, trigger.batch_date, trigger.client_name) == (True, None, None)
    assert trigger.position == (trigger.as_of, b"b1")


def test_all_that_a_trigger_says_is_kept(shop: Shop) -> None:
    """Unknown keys and those that only inform never refuse a batch; the text is kept as received."""
    more = {
        "client_name": "Ann's Shop", "batch_date": "2025-01-15", "source_system": "erp", "processing_priority": "HIGH",
        "metadata": {"rows": [1, None]}, "processing_notes": "é\n", "new": True, "data_files_ready": True,
    }  # fmt: skip
    trigger = read(shop, **more)
    assert json.loads(trigger.text) == GOOD | more
    assert (trigger.client_name, trigger.batch_date) == ("Ann's Shop", date(2025, 1, 15))
    assert read(shop, client_name=7).client_name == "7"


@pytest.mark.parametrize(
    ("timestamp", "batch_date", "as_of"),
    [
        ("2025-01-15T06:00:00Z", None, "2025-01-15T06:00:00"),
        ("2025-01-15T06:00:00", None, "2025-01-15T06:00:00"),
        ("2025-01-15 06:00", None, "2025-01-15T06:00:00"),
        ("2025-01-15", None, "2025-01-15T00:00:00"),
        ("2025-01-15T06:00:00+05:30", None, "2025-01-15T00:30:00"),
        ("2025-01-15T00:30:00-08:00", None, "2025-01-15T08:30:00"),
        ("2025-01-15T06:00:00.123456Z", None, "2025-01-15T06:00:00.123456"),
        (None, "2025-01-15", "2025-01-15T00:00:00"),
        ("", "2025-01-15", "2025-01-15T00:00:00"),
        ("2025-01-15T06:00:00Z", "2025-01-14", "2025-01-15T06:00:00"),
        ("1700-01-01", None, "1700-01-01T00:00:00"),
    ],
)
def test_as_of(timestamp: str | None, batch_date: str | None, as_of: str, shop: Shop) -> None:
    """The trigger's time; without an offset it is UTC; else 00:00 UTC of batch_date."""
    trigger = read(shop, trigger_timestamp=timestamp, batch_date=batch_date)
    assert trigger.as_of == datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    assert trigger.as_of.utcoffset() == timedelta(0)


def test_files_by_source(shop: Shop) -> None:
    """A map from source to names; a name alone is a list of one; a file named twice is one."""
    by_source = {"orders": ["a.csv", "a.csv"], "customers": "b.csv", "products": []}
    assert read(shop, expected_files=by_source).expected == (("orders", "a.csv"), ("customers", "b.csv"))
    assert read(shop, expected_files=["a.csv", "b.csv", "a.csv"]).expected == ((None, "a.csv"), (None, "b.csv"))


def test_byte_order_mark_and_blanks(shop: Shop) -> None:
    """A byte-order mark is no fault; blanks around an id are no part of it."""
    path = tell(shop, trigger_id="  b 1\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_trigger(path, SOURCES).batch_id == "b 1"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no id": ({"trigger_id": None}, "trigger_id"),
    "empty id": ({"trigger_id": " \t\n"}, "trigger_id"),
    "id is a number": ({"trigger_id": 7}, "trigger_id"),
    "id with NUL": ({"trigger_id": "a\0b"}, "trigger_id"),
    "id that steers a terminal": ({"trigger_id": "a\x1b[2K\nERROR b"}, "control character"),
    "id that hides others": ({"trigger_id": "a\u202eb"}, "control character"),
    "file that steers a terminal": ({"expected_files": ["a\x1b[2K.csv"]}, "cannot be shown"),
    "more files than a batch has": ({"expected_files": [f"{n}.csv" for n in range(1001)]}, "1,001 files"),
    "id that is no text": ({"trigger_id": "\ud800"}, "trigger_id"),
    "no time": ({"trigger_timestamp": None}, "trigger_timestamp"),
    "no such day": ({"trigger_timestamp": "2025-02-30"}, "a text of 10 characters"),
    "other form": ({"trigger_timestamp": "15.01.2025 06:00"}, "a text of 16 characters"),
    "no such hour": ({"trigger_timestamp": "2025-01-15T25:00:00"}, "trigger_timestamp is a text"),
    "no such offset": ({"trigger_timestamp": "2025-01-15T06:00:00+25:00"}, "trigger_timestamp"),
    "too early": ({"trigger_timestamp": "1699-12-31T23:00:00Z"}, "1700"),
    "too late": ({"trigger_timestamp": "2201-01-01"}, "2200"),
    "over the edge": ({"trigger_timestamp": "9999-12-31T23:59:59-05:00"}, "a text of 25 characters"),
    "time is a list": ({"trigger_timestamp": ["2025-01-15"]}, "trigger_timestamp"),
    "time is true": ({"trigger_timestamp": True}, "trigger_timestamp"),
    "no such batch_date": ({"batch_date": "2025-02-30"}, "batch_date is a text"),
    "batch_date with a time": ({"batch_date": "2025-01-15T06:00:00Z"}, "batch_date"),
    "ready is a text": ({"data_files_ready": "yes"}, "data_files_ready"),
    "no files": ({"expected_files": None}, "expected_files"),
    "an empty list": ({"expected_files": []}, "expected_files"),
    "an empty map": ({"expected_files": {"orders": []}}, "expected_files"),
    "files are a text": ({"expected_files": "orders.csv"}, "expected_files"),
    "a file with an unknown total": ({"expected_files": [{"name": "a.csv", "lines": 3}]}, "(something else)"),
    "a file with half a row": ({"expected_files": [{"name": "a.csv", "rows": 1.5}]}, "(rows)"),
    "a file with fewer than no bytes": ({"expected_files": [{"name": "a.csv", "bytes": -1}]}, "(bytes)"),
    "a file with another hash": ({"expected_files": [{"name": "a.csv", "sha256": "abc"}]}, "(sha256)"),
    "a file without a name": ({"expected_files": [{"rows": 1}]}, "bare file names"),
    "a folder with totals": ({"expected_files": [{"name": "../x.csv", "rows": 1}]}, "bare file names"),
    "unknown source": ({"expected_files": {"refunds": ["a.csv"]}}, "names a source that is not there; use orders"),
    "a list in a list": ({"expected_files": [["a.csv"]]}, "name 1 of expected_files is a list"),
    "a number": ({"expected_files": [7]}, "is a number"),
    "null": ({"expected_files": {"orders": None}}, "is nothing"),
}  # fmt: skip
ESCAPES = [
    "../x.csv",
    "/etc/passwd",
    "a/../b.csv",
    "a/b.csv",
    "..",
    ".",
    "",
    "..\\x.csv",
    "C:\\x.csv",
    "a\0.csv",
    "./a.csv",
    "a.csv/",
]
WRONG |= {f"escape {e!r}": ({"expected_files": [e]}, "bare file names") for e in ESCAPES}
WRONG |= {
    f"escape {e!r} of a source": ({"expected_files": {"orders": ["ok.csv", e]}}, "bare file names") for e in ESCAPES[:3]
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_trigger(name: str, shop: Shop) -> None:
    """One sentence that names the file and the fault; the batches beside it can run."""
    said, fault = WRONG[name]
    path = tell(shop, "wrong.json", **said)
    put(shop)
    tell(shop, "right.json", trigger_id="right")
    with pytest.raises(TriggerError) as caught:
        read_trigger(path, SOURCES)
    is_sentence(caught.value, path, fault)
    found = look(shop)
    assert states(found) == {"wrong.json": "failed", "right": "pending"}
    assert found[0].error is not None
    assert found[0].error.exit_code == 1
    assert found[0].reason == str(caught.value)


BYTES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not valid JSON"),
    "half": (b'{"trigger_id": "b1",', "line 1"),
    "comment": (b'{"trigger_id": "b1"} // x', "not valid JSON"),
    "a name twice": (b'{"trigger_id": "b1", "trigger_id": "b2"}', "twice"),
    "huge": (b" " * (1 << 20) + b"{}", "larger than 1 MiB"),
    "a list": (b"[]", "must be a JSON object"),
    "null": (b"null", "must be a JSON object"),
    "utf-16": (json.dumps(GOOD).encode("utf-16"), "UTF-8"),
    "latin-1": (b'{"trigger_id": "\xe9"}', "UTF-8"),
    "nested too deeply": (b"[" * 200_000, "nested"),
    "a number of 5,000 digits": (b'{"x": ' + b"1" * 5_000 + b"}", "not valid JSON"),
    "NUL": (b"\0" * 10, "not valid JSON"),
}


@pytest.mark.parametrize("name", BYTES)
def test_trigger_that_is_no_json(name: str, shop: Shop) -> None:
    """The same of a file that cannot be read as JSON at all."""
    content, fault = BYTES[name]
    path = shop.trigger("", "wrong.json")
    path.write_bytes(content)
    put(shop)
    tell(shop, "right.json", trigger_id="right")
    with pytest.raises(TriggerError) as caught:
        read_trigger(path, SOURCES)
    is_sentence(caught.value, path, fault)
    assert states(look(shop)) == {"wrong.json": "failed", "right": "pending"}


def is_sentence(error: EcommError, path: Path, *parts: str) -> None:
    """One line that names the file and what is wrong with it, and says what to do."""
    text = str(error)
    assert "\n" not in text
    assert str(path) in text
    for part in parts:
        assert part in text
    assert text.endswith(".")


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "é" * 200 + ".csv", "\ud800.csv"])
def test_names_that_no_file_can_have(name: str, shop: Shop) -> None:
    """Such a batch waits or fails on its own; it must not stop the others."""
    put(shop)
    tell(shop, "right.json", trigger_id="right")
    tell(shop, "odd.json", trigger_id="odd", expected_files=[name])
    found = states(look(shop))
    assert found["right"] == "pending"
    assert {k: s for k, s in found.items() if k != "right"}.popitem()[1] in ("waiting", "failed")


# -- ids as folders -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch_id", "folder"),
    [
        ("batch_2025-01-15.v2", "batch_2025-01-15.v2"),
        ("a/b", "a%2Fb"),
        ("..", "%2E."),
        (".", "%2E"),
        (".hidden", "%2Ehidden"),
        ("a b", "a%20b"),
        ("a%2Fb", "a%252Fb"),
        ("a\\b", "a%5Cb"),
        ("~", "%7E"),
        ("é", "%C3%A9"),
        ("*[x]?", "%2A%5Bx%5D%3F"),
        ("a\nb", "a%0Ab"),
        ("x" * 128, "x" * 128),
        ("-rf", "-rf"),
    ],
)
def test_folder(batch_id: str, folder: str) -> None:
    """A plain id is its own folder; everything else is percent-encoded, so that it is one folder below the archive."""
    assert folder_of(batch_id) == folder


def test_long_ids_have_folders_of_their_own() -> None:
    """However long an id: a folder that every file system takes, and another one for another id."""
    ids = ["日" * n for n in (20, 23, 100, 5_000)] + [
        "x" * 5_000,
        "x" * 5_000 + "y",
        "日" * 100 + "a",
        "日" * 100 + "b",
    ]
    folders = [folder_of(i) for i in ids]
    assert len(set(folders)) == len(ids)
    assert all(len(f) <= 200 and f.isascii() for f in folders)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90), min_size=2, max_size=5, unique=True
    )
)
def test_any_folder(ids: list[str]) -> None:
    """Two ids never share a folder, and none leaves the archive."""
    folders = [folder_of(i) for i in ids]
    assert len(set(folders)) == len(folders)
    for folder in folders:
        assert not folder.startswith(".")
        assert set(folder).isdisjoint('/\\\0*?[]:"<>|')
        assert Path("archive", folder).name == folder
        assert 0 < len(folder) <= 200


# -- where a trigger stands ---------------------------------------------------------------------------


def test_pending(shop: Shop) -> None:
    """All files are there: the batch can run, with the files that it lists and no others."""
    path = put(shop)
    put(shop, "other.csv")
    tell(shop)
    (found,) = look(shop)
    assert (found.state, found.reason, found.error) == (State.PENDING, None, None)
    assert [(f.source, f.path) for f in found.files] == [("orders", path)]


def test_order_is_by_time_then_id_bytewise(shop: Shop) -> None:
    """The priority that a trigger states reorders nothing; unreadable triggers come first."""
    for n, (batch_id, at) in enumerate([("é", 15), ("z", 15), ("Z", 15), ("10", 15), ("9", 15), ("a", 14)]):
        put(shop, f"{n}.csv")
        tell(
            shop, f"{9 - n}.json", trigger_id=batch_id, trigger_timestamp=f"2025-01-{at}", expected_files=[f"{n}.csv"],
            processing_priority=n,
        )  # fmt: skip
    shop.trigger("{", "x.json")
    assert [c.name for c in look(shop)] == ["x.json", "a", "10", "9", "Z", "z", "é"]


def test_waits(shop: Shop) -> None:
    """A missing file, files not ready, a time more than a day ahead: the batch waits and says why; others go on."""
    put(shop)
    tell(shop, "1.json", trigger_id="ok")
    put(shop, "2.csv")
    tell(shop, "2.json", trigger_id="missing", expected_files=["no.csv", "2.csv", "nor_this.csv"])
    tell(shop, "3.json", trigger_id="not ready", data_files_ready=False, expected_files=["orders2.csv"])
    put(shop, "3.csv")
    tell(shop, "4.json", trigger_id="tomorrow", trigger_timestamp="2025-01-21T12:00:00Z", expected_files=["3.csv"])
    put(shop, "4.csv")
    tell(shop, "5.json", trigger_id="future", trigger_timestamp="2025-01-21T12:00:01Z", expected_files=["4.csv"])
    found = {c.name: c for c in look(shop)}
    assert states(found.values()) == {
        "ok": "pending", "missing": "waiting", "not ready": "waiting", "tomorrow": "pending", "future": "waiting",
    }  # fmt: skip
    assert "no.csv, nor_this.csv" in str(found["missing"].reason)
    assert "data_files_ready" in str(found["not ready"].reason)
    assert "2025-01-21 12:00" in str(found["future"].reason)
    assert all(c.error is None for c in found.values())


def test_one_file_of_two_triggers(shop: Shop) -> None:
    """The earlier batch takes it; the other one waits and names it."""
    put(shop)
    tell(shop, "a.json", trigger_id="late", trigger_timestamp="2025-01-16")
    tell(shop, "b.json", trigger_id="early", trigger_timestamp="2025-01-15")
    early, late = look(shop)
    assert [(c.name, c.state) for c in (early, late)] == [("early", State.PENDING), ("late", State.WAITING)]
    assert "early" in str(late.reason)


def test_one_file_in_two_folders(shop: Shop) -> None:
    """Whose it is cannot be told, unless the trigger says the source."""
    put(shop)
    put(shop, source="shipping")
    path = tell(shop)
    (found,) = look(shop)
    assert found.state is State.FAILED
    assert found.error is not None
    is_sentence(found.error, path, "orders.csv", "orders_data", "shipping_data")
    tell(shop, expected_files={"shipping": ["orders.csv"]})
    (found,) = look(shop)
    assert (found.state, [f.source for f in found.files]) == (State.PENDING, ["shipping"])


def test_not_a_regular_file(shop: Shop, tmp_path: Path) -> None:
    """A link, a folder, a pipe is never read, wherever it leads to."""
    (tmp_path / "secret").write_text(CSV)
    folder = shop.settings.source_dir("orders") / "source"
    (folder / "link.csv").symlink_to(tmp_path / "secret")
    (folder / "broken.csv").symlink_to(tmp_path / "nowhere")
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    for name in ("link", "broken", "folder", "pipe"):
        tell(shop, f"{name}.json", trigger_id=name, expected_files=[f"{name}.csv"])
    for found in look(shop):
        assert found.state is State.FAILED
        assert found.error is not None
        is_sentence(found.error, folder / f"{found.name}.csv")


def test_two_triggers_with_one_id(shop: Shop) -> None:
    """The first one counts; the second one is refused and names the first."""
    put(shop, "1.csv")
    put(shop, "2.csv")
    tell(shop, "1.json", expected_files=["1.csv"])
    second = tell(shop, "2.json", expected_files=["2.csv"])
    found = look(shop)
    assert [c.state for c in found] == [State.PENDING, State.FAILED]
    assert found[1].error is not None
    is_sentence(found[1].error, second, "1.json", "b1")


def test_sent_again(shop: Shop) -> None:
    """The same id, trigger and files: a duplicate, also if some or all of the files are not sent again."""
    orders, customers = put(shop), put(shop, "customers.csv", "customers")
    path = tell(shop, expected_files=["orders.csv", "customers.csv"])
    entry = published(path, orders, customers)
    assert states(look(shop, [entry])) == {"b1": "duplicate"}
    customers.unlink()
    assert states(look(shop, [entry])) == {"b1": "duplicate"}
    orders.unlink()
    assert states(look(shop, [entry])) == {"b1": "duplicate"}
    shop.trigger(json.dumps(json.loads(path.read_text()), indent=8, sort_keys=True), "t.json")
    assert states(look(shop, [entry])) == {"b1": "duplicate"}


def test_sent_again_with_other_content(shop: Shop) -> None:
    """The same id with another byte in a file, or another trigger: refused, and the file is named."""
    orders = put(shop)
    path = tell(shop)
    entry = published(path, orders)
    orders.write_text(CSV + "\n")
    (found,) = look(shop, [entry])
    assert found.state is State.FAILED
    assert isinstance(found.error, RefusedError)
    is_sentence(found.error, orders, "b1", "trigger_id of its own")
    put(shop)
    path = tell(shop, trigger_timestamp="2025-01-16")
    (found,) = look(shop, [entry])
    assert found.state is State.FAILED
    assert isinstance(found.error, RefusedError)
    is_sentence(found.error, path, "b1", "trigger_id of its own")


def test_after_an_undo_an_id_may_come_again(shop: Shop) -> None:
    """A batch that is no longer live is as if it had never been."""
    path = tell(shop)
    entry = published(path, put(shop))
    put(shop, content=CSV + "\n")
    assert states(look(shop, [entry, Entry("UNDO", 3, NOW, "b1")])) == {"b1": "pending"}


def test_equal_bytes_under_another_id_are_a_statement(shop: Shop) -> None:
    """The same file again under a new id is no duplicate: A, then B, then A."""
    first = tell(shop)
    entry = published(first, put(shop))
    first.unlink()
    tell(shop, "2.json", trigger_id="b2")
    assert states(look(shop, [entry])) == {"b2": "pending"}


def test_what_is_no_trigger(shop: Shop) -> None:
    """Only files that end in .json, in any case, are triggers: drafts and others are left alone."""
    put(shop)
    text = tell(shop).read_text()
    for name in ("x.tmp", "x.json.part", "readme.txt"):
        shop.trigger(text, name)
    assert states(look(shop)) == {"b1": "pending"}
    tell(shop, "UPPER.JSON", trigger_id="upper", expected_files=["later.csv"])
    assert states(look(shop)) == {"b1": "pending", "upper": "waiting"}


def test_a_trigger_that_is_no_file(shop: Shop, tmp_path: Path) -> None:
    """It is told, for who sent it waits for a batch; nothing is read through a link, and nobody waits for a pipe."""
    put(shop)
    tell(shop)
    folder = shop.settings.source_dir("trigger") / "source"
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    secret = tmp_path / "secret"
    secret.write_text("{}")
    (folder / "link.json").symlink_to(secret)
    found = look(shop)
    failed = {"folder.json": "failed", "link.json": "failed", "pipe.json": "failed"}
    assert states(found) == {"b1": "pending", **failed}
    assert {str(c.reason).split(": ")[1].partition(";")[0] for c in found if c.reason} == {"not a regular file"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who has a file open")
def test_a_file_that_somebody_has_open_to_write(shop: Shop) -> None:
    """However long it stands still: what has not come yet would be lost."""
    path = put(shop)
    tell(shop)
    with path.open("a") as writer:
        (waiting,) = look(shop)
        assert (waiting.state, waiting.growing) == (State.WAITING, True)
        assert waiting.reason == f"waits until {path.name} is written"
        writer.write("O9,C1,P1,2025-01-01,5\n")
    with path.open():
        assert states(look(shop)) == {"b1": "pending"}, "who only reads it is no writer"


def test_bytes_that_are_still_to_come(shop: Shop) -> None:
    """A trigger that says how large a file is: fewer are waited for, more are wrong."""
    path = put(shop)
    size = path.stat().st_size
    tell(shop, expected_files={"orders": [{"name": path.name, "bytes": size + 1}]})
    (waiting,) = look(shop)
    assert waiting.reason == f"waits until {path.name} ({size} of {size + 1} bytes) is written"
    with path.open("a") as writer:
        writer.write("\n")
    assert states(look(shop)) == {"b1": "pending"}
    with path.open("a") as writer:
        writer.write("\n")
    (failed,) = look(shop)
    assert failed.state is State.FAILED
    assert f"it has {size + 2} bytes, and its trigger says {size + 1}" in str(failed.reason)


def test_many_missing_files_are_counted(shop: Shop) -> None:
    tell(shop, expected_files=[f"{n:03}.csv" for n in range(1000)])
    (waiting,) = look(shop)
    assert str(waiting.reason).endswith("009.csv and 990 more")


def test_no_landing(tmp_path: Path) -> None:
    """No landing folder, or one without a place for triggers: wrong use, with what to do."""
    shop = Shop(tmp_path)
    triggers = shop.settings.source_dir("trigger") / "source"
    triggers.rmdir()
    with pytest.raises(UsageError) as caught:
        look(shop)
    is_sentence(caught.value, triggers, "ecomm init")
    (tmp_path / "landing").rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError) as caught:
        look(shop)
    is_sentence(caught.value, tmp_path / "landing", "--landing")
