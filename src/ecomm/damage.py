"""Tables that are not what the ledger says: a log or a file is gone, cut or changed, or another program wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ecomm.batches.log import Log
from ecomm.batches.trigger import sha256
from ecomm.engines import deltafiles
from ecomm.tables import Table


@dataclass(frozen=True)
class Damage:
    """A damaged table, and what is wrong with it."""

    table: str
    fault: str


def find(warehouse: Path, catalogue: Mapping[str, Table], log: Log, *, deep: bool) -> list[Damage]:
    """All damaged tables of a warehouse in folders. deep: every file is read, and its hash compared with the ledger."""
    digests = {place: digest for entry in log for place, digest in entry.digests.items()} if deep else {}
    found = []
    for name, table in catalogue.items():
        said = None if table.journal else log.last.tables.get(name, (0, 0))
        must = log.files_of(name, said[0]) if said is not None else set()
        if fault := _fault(warehouse / name, said, must, digests):
            found.append(Damage(name, fault))
    return found


def _fault(path: Path, said: tuple[int, int] | None, must: set[str], digests: Mapping[str, str]) -> str:
    """What is wrong with a table; empty if nothing is.

    said: its version and rows by the ledger, None of a journal. must: files that it must have.
    """
    try:
        return next(_faults(path, said, must, digests), "")
    except Exception as error:  # a log that is cut raises errors of many kinds
        return f"its log cannot be read ({type(error).__name__})"


def _faults(path: Path, said: tuple[int, int] | None, must: set[str], digests: Mapping[str, str]) -> Iterator[str]:
    if not (path / "_delta_log").is_dir():
        yield "it is gone"
        return
    newest = deltafiles.version(path)
    files = deltafiles.data_files(path)
    if said is not None:
        version, rows = said
        if newest < version:
            yield f"its newest version is {newest}, the ledger says {version}"
        for at in range(version + 1, newest + 1):
            if not deltafiles.changes_no_row(path, at):
                yield f"another program wrote version {at}, the ledger says {version}"
        if version == newest and must - {name for name, *_ in files}:
            yield "its log lacks files that were published"
        if (found := sum(count for _, _, count, _ in files)) != rows:
            yield f"it has {found} rows, the ledger says {rows}"
    for name, size, _, _ in files:
        if not (path / name).is_file():
            yield f"{name} is gone"
        elif (path / name).stat().st_size != size:
            yield f"{name} was cut, or another was put in its place"
        elif (digest := digests.get(f"{path.name}/{name}")) and sha256(path / name) != digest:
            yield f"{name} has other bytes than those that were published"
