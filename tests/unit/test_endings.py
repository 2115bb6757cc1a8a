"""Which files may be the first half of an upload by the end of their last line, and who has one open."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecomm.batches import endings, trigger
from ecomm.batches.log import NOTHING
from ecomm.batches.writers import file_system
from ecomm.delivery import Shape
from tests.shop import SOURCES, Shop

LINES = "a,b\n1,2\n"
UNENDED = "a,b\n1,2"


@pytest.mark.parametrize(
    ("name", "content", "goes_on"),
    [
        ("o.csv", LINES.encode(), False),
        ("o.csv", LINES.replace("\n", "\r\n").encode(), False),
        ("o.csv", LINES.encode("utf-16-le"), False),
        ("o.csv", LINES.encode("utf-16"), False),
        ("o.csv", LINES.encode() + b"  \r\n \x1a", False),
        ("o.csv", UNENDED.encode(), True),
        ("o.csv", UNENDED.encode("utf-16-le"), True),
        ("o.csv", b"", True),
        ("o.tsv", UNENDED.encode(), True),
        ("o.ndjson", b'{"a": 1}', True),
        ("o.json", b'[{"a": 1}]', False),
        ("o.csv.gz", gzip.compress(UNENDED.encode(), mtime=0), False),
        ("o.parquet", b"PAR1PAR1", False),
        ("o.xlsx", b"PK\x03\x04", False),
        ("o.csv", b"PK\x03\x04", False),
    ],
)
def test_files_that_may_go_on(name: str, content: bytes, goes_on: bool, tmp_path: Path) -> None:
    """Of those that were written lately."""
    path = tmp_path / name
    path.write_bytes(content)
    written = path.stat().st_mtime
    assert endings.may_go_on(path, Shape(), written - 1) is goes_on
    assert not endings.may_go_on(path, Shape(), written)
    assert not endings.may_go_on(tmp_path / "gone.csv", Shape(), 0)


@pytest.mark.parametrize(
    ("content", "totals", "unended"),
    [(LINES, {}, None), (UNENDED, {}, "o.csv"), (UNENDED, {"bytes": len(UNENDED)}, None), (UNENDED, {"rows": 1}, None)],
)
def test_a_trigger_that_says_how_large_a_file_is(
    content: str, totals: dict[str, int], unended: str | None, tmp_path: Path
) -> None:
    """Its totals are a surer sign than the end of a line; so is the time."""
    shop, now = Shop(tmp_path), datetime.now(UTC)
    files = {"orders": [{"name": "o.csv", **totals}]}
    shop.drop("b1", "2025-01-01T00:00:00Z", {"orders": {"o.csv": content}}, expected_files=files)
    (found,) = trigger.scan(shop.settings, NOTHING, SOURCES, now)
    assert (found.state, found.unended) == (trigger.State.PENDING, unended)
    (later,) = trigger.scan(shop.settings, NOTHING, SOURCES, now + timedelta(seconds=endings.PATIENCE + 1))
    assert (later.state, later.unended) == (trigger.State.PENDING, None)


def test_the_file_system_of_a_device() -> None:
    mounts = (
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "40 22 0:47 / /srv/a\\040b rw,relatime shared:9 master:2 - nfs4 host:/x rw\n"
        "41 22 0:48 / /srv/c rw - cifs //host/x rw\n"
    )
    kinds = [file_system(os.makedev(*number), mounts) for number in ((8, 1), (0, 47), (0, 48), (0, 99))]
    assert kinds == ["ext4", "nfs4", "cifs", ""]
