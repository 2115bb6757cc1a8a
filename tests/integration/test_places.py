"""Folders that cannot be used, and files about checkpoints that are of no use: named by `doctor`, and by the run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ecomm import doctor
from ecomm.batches import places
from ecomm.engines import deltafiles
from ecomm.errors import StorageError
from ecomm.maintain import maintain
from tests.shop import Shop

pytestmark = pytest.mark.usefixtures("shop")  # runs use the engine of the session
CUSTOMERS = {"customers": {"c.csv": "customer_id,city\nC1,Bern\n"}}
WAREHOUSE = [f"warehouse/{name}" for name in ("attempts", "held", "locks", "damaged", "customers_stage")]
LANDING = ["landing/customers_data/archive", "landing/trigger_data/archive", "landing/.ledger", "landing/undone"]


def faults(shop: Shop) -> list[tuple[str, str]]:
    return [(f.found, f.fix) for f in doctor.examine(shop.settings) if f.check == "folder"]


@pytest.mark.parametrize("kind", ["file", "link", "pipe"])
@pytest.mark.parametrize("place", WAREHOUSE + LANDING)
def test_what_lies_in_the_place_of_a_folder(place: str, kind: str, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        path.symlink_to("nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("")
    (found,) = places.unusable(shop.settings)
    assert (found.path, found.fix) == (path, "remove it" if kind == "link" else "move it away")
    shop.drop("b1", "2025-01-01T00:00:00Z", CUSTOMERS)
    with pytest.raises(StorageError, match=f"{place}: it is .*(nowhere|no folder).*; (remove it|move it away).$"):
        shop.run()
    assert len(shop.landed()) == 2


def test_doctor_names_them_and_what_mends_a_hint(shop: Shop) -> None:
    shop.drop("b1", "2025-01-01T00:00:00Z", CUSTOMERS)
    assert [o.status for o in shop.run()] == ["published"]
    assert faults(shop) == []
    folder = shop.settings.warehouse / "attempts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("")
    assert faults(shop) == [(f"{folder}: it is no folder, and one must be there", "move it away")]
    folder.unlink()
    hints = [
        shop.settings.warehouse / table / "_delta_log" / "_last_checkpoint"
        for table in ("customers_target", "batch_ledger")
    ]
    hints[0].write_text("garbage")
    hints[1].write_text('{"version": 999, "size": 1}')  # no reader finds that checkpoint
    named = {f.check: f.fix for f in doctor.examine(shop.settings) if f.fix}
    assert named.keys() == {"batch_ledger", "customers_target"}
    assert all("run `ecomm maintain`" in fix for fix in named.values())
    maintain(shop.settings)
    assert not any(deltafiles.has_bad_hint(hint.parent.parent) for hint in hints)
    assert not any(f.fix for f in doctor.examine(shop.settings))
