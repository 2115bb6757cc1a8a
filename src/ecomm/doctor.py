"""Is all well? One finding a question, each with what to do if the answer is no."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

from ecomm import __version__
from ecomm.batches import locks
from ecomm.batches.ledger import FORMAT_VERSION, Ledger, live, open_attempt
from ecomm.batches.trigger import TRIGGER
from ecomm.errors import InvariantError, UsageError, sentence
from ecomm.session import Session, working
from ecomm.settings import Settings
from ecomm.sources import SOURCES
from ecomm.tables import errors_name, stage_name, target_name
from ecomm.tasks.change_set import check_histories

_PARTS = ("pysail", "pyspark-client", "deltalake", "duckdb", "pyarrow", "pandas")
_LOW_DISK = 1 << 30


@dataclass(frozen=True)
class Finding:
    """What one of doctor's checks found; fix is empty where all is well."""

    check: str
    found: str
    fix: str = ""


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
    if locks.held(settings):
        yield Finding("lock", "a run is under way", "wait for it to end, then ask again for the tables")
        return
    yield Finding("lock", "nobody works on the warehouse")
    try:
        ledger = Ledger.of(settings)
        if not ledger.entries:
            yield Finding("warehouse", f"{settings.warehouse}: none yet; the first run makes it")
            return
        yield Finding(
            "warehouse", f"{settings.warehouse}: format {FORMAT_VERSION}, {len(ledger.entries)} ledger entries"
        )
        if broken := open_attempt(ledger.entries):
            yield Finding("attempt", f"{broken.batch_id}: broken off; it is taken back now")
        with working(settings) as session:
            found = list(_scan(session))
        yield Finding("engine", f"{settings.engine} starts and reads every table")
        yield from found
        if not found:
            yield Finding("tables", "rows agree with the ledger, files are conserved, histories hold together")
    except Exception as error:  # whatever a broken warehouse throws is what was asked for
        mend = "bring back what is missing from a backup, or run `ecomm rebuild`"
        fix = "correct the settings" if isinstance(error, UsageError) else mend
        yield Finding("warehouse", sentence(error, settings.warehouse), fix)


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


def _scan(session: Session) -> Iterator[Finding]:
    store, entries = session.store, session.ledger.entries
    again = "run `ecomm rebuild`; if it stays, keep the warehouse as it is and report it"
    restore = "bring it back from a backup"
    for name, state in store.state.items():
        (rows, _), gone = store.lake.extent(store.path(name)), store.lake.missing(store.path(name))
        if rows != state.rows:
            yield Finding(name, f"{rows} rows, the ledger says {state.rows}", again)
        if gone:
            yield Finding(name, f"{len(gone)} of its files are not there, {gone[0]} among them", restore)
            return
    for source in session.sources.values():
        try:
            check_histories(source, store.read(target_name(source.name)))
        except InvariantError as error:
            yield Finding(target_name(source.name), str(error), again)
        counted = {
            table: {
                (r["revision"], r["source_file"]): r["count"]
                for r in store.read(table).groupBy("revision", "source_file").count().collect()
            }
            for table in (stage_name(source.name), errors_name(source.name))
        }
        for entry in live(entries).values():
            for file in (f for f in entry.files if f.source == source.name):
                place = (entry.revision, file.name)
                accepted, lost = (counted[t].get(place, 0) for t in (stage_name(source.name), errors_name(source.name)))
                if accepted + lost + file.rows_duplicate != file.rows_read:
                    found = f"{accepted} + {lost} + {file.rows_duplicate} rows of {file.rows_read}"
                    yield Finding(f"{entry.batch_id}/{file.name}", found, again)
