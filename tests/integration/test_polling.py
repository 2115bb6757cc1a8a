"""Programs that are not ours read a warehouse while small batches are published, killed, undone and replayed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.polling.play import Report, play
from tests.shop import Shop

PLAIN = ("deltalake", "duckdb")
CATALOGUE = ("catalogue", "catalogue-open")


Note = Callable[[str, object], None]


def nothing_is_broken(report: Report, note: Note) -> None:
    """No version of a target breaks SCD Type 2, and who reads through the catalogue sees whole batches only."""
    note("tried", sum(found["polls"] for found in report.readers.values()))
    assert (report.broken_versions, report.changed_by_rebuild) == (0, 0)
    assert report.kills
    for kind, found in report.readers.items():
        assert found["moments"] > 1, kind
        assert (found["broken"], found["mixed"], found["moved"]) == (0, 0, 0), (kind, found)
        # A log may be shortened while a plain reader opens it; it opens it again.
        assert found["errors"] <= (0 if kind in CATALOGUE else 1), (kind, found)


@pytest.mark.long
def test_readers_that_poll_see_no_broken_table(tmp_path: Path, record_property: Note) -> None:
    nothing_is_broken(play(Shop(tmp_path), 14, (*PLAIN, *CATALOGUE), seed=2), record_property)


@pytest.mark.soak
def test_six_readers_and_a_thousand_batches(tmp_path: Path, record_property: Note) -> None:
    nothing_is_broken(play(Shop(tmp_path), 1000, (*PLAIN, *CATALOGUE, "sail", "spark"), seed=0), record_property)
