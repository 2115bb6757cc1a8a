"""A second region: a copy of a warehouse at work is a whole moment, and can be worked on (docs/scale.md)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ecomm import restore
from ecomm.batches.entry import NAME as LEDGER
from tests.integration.test_reader import CHILD, one_moment, poll
from tests.shop import DAYS, Shop, differences, published


def passive(active: Path, to: Path) -> None:
    """Copy a shop as docs/scale.md says: note the ledger, copy all else, put the ledger there last."""
    noted = to / "ledger"
    added(active / "warehouse" / LEDGER, noted)
    for folder in sorted((active / "warehouse").iterdir()):
        if folder.is_dir() and folder.name not in (LEDGER, "attempts", "locks"):
            added(folder, to / "warehouse" / folder.name)
    added(active / "landing", to / "landing")
    added(noted, to / "warehouse" / LEDGER)


def added(folder: Path, to: Path) -> None:
    """Copy what is not there yet, or not whole. What vanishes meanwhile was nobody's yet."""
    for file in sorted(folder.rglob("*")):
        there = to / file.relative_to(folder)
        try:
            if file.is_file() and not (there.is_file() and there.stat().st_size == file.stat().st_size):
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, there)
        except FileNotFoundError:
            continue


@pytest.mark.long
def test_a_copy_of_a_warehouse_at_work_is_a_moment_and_goes_on(shop: Shop, tmp_path: Path) -> None:
    """Taken again and again while both days are published; the last one but not complete is made the active one."""
    shop.drop_sample(*DAYS)
    path, copy = shop.settings.warehouse, tmp_path / "other"
    command = [sys.executable, str(CHILD), str(shop.settings.landing), str(path)]
    seen: list[tuple[str, ...]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while process.poll() is None:
            if poll(path) is None:
                continue
            passive(shop.root, copy)
            there = poll(copy / "warehouse")
            assert there is not None
            seen.append(one_moment(there))
            if len(seen[-1]) == 1:  # the first day: from now on this one is the active one
                break
        said, _ = process.communicate()
        assert process.returncode == 0, said
    assert len(seen) >= 2
    other = Shop(copy)
    restore.restore(other.settings)
    assert {o.status for o in other.run()} <= {"published", "duplicate"}  # day 2, and perhaps day 1, sent again
    assert not differences(published(other), published(shop))
