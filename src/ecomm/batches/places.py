"""The folders that a run writes to: whether each can be used, or made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ecomm.batches import copies
from ecomm.engines import deltafiles, lake_of
from ecomm.settings import SOURCE_NAMES, Settings
from ecomm.tables import CATALOGUE

_OF_WAREHOUSE = ("attempts", "held", "locks", "damaged", "batch_ledger")
_OF_LANDING = (".ledger", "undone")


@dataclass(frozen=True)
class Unusable:
    """A place where a folder must be, why it cannot be used, and what to do about it."""

    path: Path
    fault: str
    fix: str


def unusable(settings: Settings) -> Iterator[Unusable]:
    """Those of the folders that cannot be used. One that is not there yet is made when it is needed."""
    folders = [settings.landing / name for name in _OF_LANDING]
    folders += [settings.source_dir(name) / "archive" for name in (*SOURCE_NAMES, "trigger")]
    folders += [known / name for known in (settings.landing / ".ledger").glob("*") for name in ("", *copies.FOLDERS)]
    if lake_of(settings) is deltafiles:
        folders += [settings.warehouse / name for name in ("", *_OF_WAREHOUSE, *CATALOGUE)]
    for folder in folders:
        if not os.path.lexists(folder):
            continue
        if not folder.exists():
            yield Unusable(folder, "it is a link that leads nowhere", "remove it")
        elif not folder.is_dir():
            yield Unusable(folder, "it is no folder, and one must be there", "move it away")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Unusable(folder, "it cannot be written", "check its permissions: this user must read and write there")
