"""Rows of batches that wait for a person: `held/<revision>/` has the files that are prepared, and what they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from ecomm.engines import deltafiles
from ecomm.store.publication import Prepared

_SAID = "prepared.json"
_PREPARED = TypeAdapter(dict[str, Prepared])


def _folder(warehouse: Path, revision: int) -> Path:
    return warehouse / "held" / str(revision)


def put(warehouse: Path, revision: int, prepared: Mapping[str, Prepared]) -> None:
    """Move files that are prepared out of their tables' folders, and force that onto the disk."""
    folder = _folder(warehouse, revision)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, ahead in prepared.items():
        (folder / name).mkdir()
        for place in {file.path.partition("/")[0] for file in ahead.adds}:
            (warehouse / name / place).rename(folder / name / place)
    (folder / _SAID).write_bytes(_PREPARED.dump_json(dict(prepared)))
    for made in (*folder.rglob("*"), folder, folder.parent, warehouse):
        deltafiles.fsync(made)


def has(warehouse: Path, revision: int) -> bool:
    """There are rows of a revision."""
    return (_folder(warehouse, revision) / _SAID).is_file()


def take(warehouse: Path, revision: int, new_folder: Callable[[str], Path]) -> dict[str, Prepared]:
    """Copy the files of a revision back into their tables' folders; they stay aside until their batch is published.

    new_folder: gives a new folder of a table.
    """
    folder, taken = _folder(warehouse, revision), dict[str, Prepared]()
    for name, ahead in _PREPARED.validate_json((folder / _SAID).read_bytes()).items():
        adds = []
        for file in ahead.adds:
            place = new_folder(name)
            place.mkdir()
            copy = place / Path(file.path).name
            shutil.copy2(folder / name / file.path, copy)
            deltafiles.fsync(copy)
            adds.append(replace(file, path=f"{place.name}/{copy.name}"))
        taken[name] = replace(ahead, adds=tuple(adds))
    return taken


def keep(warehouse: Path, revisions: Collection[int]) -> None:
    """Delete what waits for nobody any more."""
    for folder in (warehouse / "held").glob("*"):
        if folder.name not in map(str, revisions):
            shutil.rmtree(folder, ignore_errors=True)
