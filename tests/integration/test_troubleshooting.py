"""docs/troubleshooting.md: every command is run, and says what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import transcript

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


@pytest.mark.long
def test_every_command_says_what_the_page_shows(tmp_path: Path) -> None:
    played = transcript.play(PAGE.read_text(encoding="utf-8"), tmp_path)
    assert len(played) > 40
    for one in played:
        assert transcript.normal(one.out) == transcript.normal(one.shown), f"{one.command}: run `make docs`"


def test_what_is_otherwise_is_found_and_written(tmp_path: Path) -> None:
    """Only what differs is written anew; durations may differ, other numbers may not."""
    page = "a\n```console\n$ printf 'x\n> y'\nx\ny\n$ echo 1.5 s\n9.25 s\n$ echo 7\n8\n```\nb\n"
    played = transcript.play(page, tmp_path)
    assert [p.same for p in played] == [True, True, False]
    assert transcript.written(page, played) == page.replace("8", "7")
