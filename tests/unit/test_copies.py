"""Copies of ledger entries in landing: whole, without a gap, and the first thing that knows of a lost end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecomm.batches import copies
from ecomm.batches.entry import Entry
from ecomm.batches.ledger import Ledger
from ecomm.engines import deltafiles
from ecomm.errors import StorageError
from ecomm.settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made: Settings = load(landing=tmp_path / "landing", warehouse=tmp_path / "warehouse")
    made.landing.mkdir()
    return made


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    """A ledger of four entries."""
    made = Ledger.of(settings)
    made.create()
    for kind in ("GENESIS", "OPEN", "PUBLISH", "OPEN"):
        made.append(Entry(kind, batch_id=None if kind == "GENESIS" else "b"))
    return made


def test_a_writer_that_ends_anywhere_leaves_no_gap(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries are copied in their order, each whole or not at all; the next run writes those that are missing."""
    real = deltafiles.write_whole
    for allowed in range(4):
        left = [allowed]

        def ends(place: Path, content: bytes, left: list[int] = left) -> None:
            if not left[0]:
                raise OSError(5, "the process ended", str(place))
            left[0] -= 1
            real(place, content)

        with monkeypatch.context() as patch:
            patch.setattr("ecomm.batches.copies.write_whole", ends)
            with pytest.raises(StorageError):
                copies.complete(settings, ledger.log)
        assert copies.read(settings, ledger.log) == [*ledger.log[:allowed]]
        copies.check(settings, ledger.log)
        copies.complete(settings, ledger.log)
        assert copies.read(settings, ledger.log) == [*ledger.log]
        for file in copies.folder_of(settings, ledger.log).iterdir():
            file.unlink()


def test_a_ledger_that_lost_its_end_or_went_another_way(settings: Settings, ledger: Ledger) -> None:
    copies.complete(settings, ledger.log)
    with pytest.raises(StorageError, match="it lost its end, or an old copy"):
        copies.check(settings, ledger.log[:3])
    elsewhere = [*ledger.log[:3], Entry("RECOVER", 3, ledger.log[3].at)]
    with pytest.raises(StorageError, match="worked on in two places"):
        copies.check(settings, elsewhere)


def test_settings_come_back_as_they_were(settings: Settings, ledger: Ledger) -> None:
    counting = settings.counting()
    copies.keep(settings, ledger.log, counting)
    assert copies.settings_of(settings, ledger.log, counting.digest) == counting
    assert copies.settings_of(settings, ledger.log, counting.digest).text == counting.text
