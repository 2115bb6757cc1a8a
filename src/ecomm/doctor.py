"""Is all well? One finding a question, each with what to do if the answer is no."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

from ecomm import __version__
from ecomm.batches import locks
from ecomm.batches.ledger import FORMAT_VERSION, Ledger, open_attempt
from ecomm.batches.trigger import TRIGGER
from ecomm.pipeline import Finding, scan_invariants, sentence
from ecomm.settings import Settings
from ecomm.sources import SOURCES

_PARTS = ("pysail", "pyspark-client", "deltalake", "duckdb", "pyarrow", "pandas")
_LOW_DISK = 1 << 30


def versions() -> dict[str, str]:
    """This program's version and those of what it stands on."""
    return {"ecomm": __version__, "python": platform.python_version(), **{p: installed(p) for p in _PARTS}}


def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order of the questions; the tables are looked through last."""
    return list(_examine(settings))


def _examine(settings: Settings) -> Iterator[Finding]:
    yield Finding("versions", ", ".join(f"{n} {v}" for n, v in versions().items()))
    yield _no_second_pyspark()
    yield from (_writable(path) for path in _folders(settings))
    yield _disk(settings.warehouse)
    if locks.held(settings.warehouse):
        yield Finding("lock", "a run is under way", "wait for it to end, then ask again for the tables")
        return
    yield Finding("lock", "nobody works on the warehouse")
    try:
        ledger = Ledger(settings.warehouse)
        if not ledger.entries:
            yield Finding("warehouse", f"{settings.warehouse}: none yet; the first run makes it")
            return
        yield Finding(
            "warehouse", f"{settings.warehouse}: format {FORMAT_VERSION}, {len(ledger.entries)} ledger entries"
        )
        if broken := open_attempt(ledger.entries):
            yield Finding("attempt", f"{broken.batch_id}: broken off; it is taken back now")
        found = scan_invariants(settings)
        yield Finding("engine", f"{settings.engine} starts and reads every table")
        yield from found
        if not found:
            yield Finding("tables", "rows agree with the ledger, files are conserved, histories hold together")
    except Exception as error:  # whatever a broken warehouse throws is what was asked for
        yield Finding("warehouse", sentence(error), "bring back what is missing from a backup, or run `ecomm rebuild`")


def _no_second_pyspark() -> Finding:
    try:
        found = installed("pyspark")
    except PackageNotFoundError:
        return Finding("environment", "pyspark-client alone owns the pyspark namespace")
    return Finding("environment", f"pyspark {found} is installed beside pyspark-client", "uninstall pyspark")


def _folders(settings: Settings) -> list[Path]:
    landing = [settings.source_dir(s) / "source" for s in (*SOURCES, TRIGGER)]
    return [*landing, settings.warehouse]


def _writable(path: Path) -> Finding:
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if path.name == "source" and not path.is_dir():
        return Finding("landing", f"{path} is not there", "run `ecomm init`")
    if not place.is_dir() or not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return Finding("permissions", f"{place} cannot be written", "give this user the right to read and write there")
    return Finding("permissions", f"{path} can be written")


def _disk(path: Path) -> Finding:
    while not path.exists() and path != path.parent:
        path = path.parent
    free = shutil.disk_usage(path).free
    said = f"{free / (1 << 30):.1f} GiB free"
    return Finding("disk", said, "free some space" if free < _LOW_DISK else "")
