"""Pages with transcripts: every command is run, and says what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import transcript

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("page", "commands"),
    [
        ("README.md", 2),
        pytest.param("docs/scd2.md", 20, marks=pytest.mark.long),
        pytest.param("docs/troubleshooting.md", 40, marks=pytest.mark.long),
    ],
)
def test_every_command_says_what_the_page_shows(page: str, commands: int, tmp_path: Path) -> None:
    played = transcript.play((ROOT / page).read_text(encoding="utf-8"), tmp_path)
    assert len(played) >= commands
    for one in played:
        assert transcript.normal(one.out) == transcript.normal(one.shown), f"{one.command}: run `make docs`"


def test_the_order_of_tasks_that_work_side_by_side_may_differ() -> None:
    shown = "  ✓ b  a_stage_load  1 s  2 read\n  ✓ b  b_stage_load  3 s  4 read\n  ✓ b  data_validation  5 s\n"
    other = "  ✓ b  b_stage_load  1 s  4 read\n  ✓ b  a_stage_load  3 s  2 read\n  ✓ b  data_validation  5 s\n"
    assert transcript.normal(shown) == transcript.normal(other)
    assert transcript.normal(shown) != transcript.normal(other.replace("4 read", "5 read"))


def test_what_is_otherwise_is_found_and_written(tmp_path: Path) -> None:
    """Only what differs is written anew; durations may differ, other numbers may not."""
    page = "a\n```console\n$ printf 'x\n> y'\nx\ny\n$ echo 1.5 s\n9.25 s\n$ echo 7\n8\n```\nb\n"
    played = transcript.play(page, tmp_path)
    assert [p.same for p in played] == [True, True, False]
    assert transcript.written(page, played) == page.replace("8", "7")
