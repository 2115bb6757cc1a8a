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

from ecomm import __version__, damage
from ecomm.batches import copies, locks, places
from ecomm.batches.entry import FORMAT_VERSION
from ecomm.batches.landing import Landing
from ecomm.batches.ledger import Ledger
from ecomm.batches.trigger import TRIGGER
from ecomm.engines import deltafiles, lake_of
from ecomm.errors import InvariantError, StorageError, UsageError, sentence
from ecomm.progress import silent
from ecomm.session import Session, running, session_of, sources_of
from ecomm.settings import Settings
from ecomm.sources import SOURCES
from ecomm.tables import State, catalogue, errors_name, stage_name, target_name
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


def examine(settings: Settings, *, deep: bool = False) -> list[Finding]:
    """All findings, in the order of the questions; the tables are looked through last. Nothing is written.

    deep: every file of a table and of the archive is read, and its hash compared with the ledger.
    """
    return list(_examine(settings, deep=deep))


def _examine(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    yield Finding("versions", ", ".join(f"{n} {v}" for n, v in versions().items()))
    yield _no_second_pyspark()
    yield from (_writable(path) for path in _folders(settings))
    for place in places.unusable(settings):
        yield Finding("folder", f"{place.path}: {place.fault}", place.fix)
    yield _disk(settings.warehouse)
    if locks.held(settings):
        yield Finding("lock", "a run is under way", "wait for it to end, then ask again for the tables")
        return
    yield Finding("lock", "nobody works on the warehouse")
    try:
        if bad := _bad_hints(settings):
            yield from (Finding(name, "its _delta_log/_last_checkpoint is damaged", _MAINTAIN) for name in bad)
            return
        ledger = Ledger.of(settings)
        if not ledger.log:
            yield Finding("warehouse", f"{settings.warehouse}: none yet; the first run makes it")
            return
        yield Finding("warehouse", f"{settings.warehouse}: format {FORMAT_VERSION}, {len(ledger.log)} ledger entries")
        copies.check(settings, ledger.log)
        if broken := ledger.log.open_attempt:
            yield Finding("attempt", f"{broken.batch_id}: broken off; the next run ends or finishes it")
        if deep:
            yield from _landing(settings, ledger)
        yield from _tables(settings, ledger, deep=deep)
    except Exception as error:  # whatever a broken warehouse throws is what was asked for
        fix = "correct the settings" if isinstance(error, UsageError) else _RESTORE
        yield Finding("warehouse", sentence(error, settings.warehouse), fix)


def _landing(settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    """What `restore` would lack: archived files and copies of ledger entries that are not what they were."""
    landing, found = Landing(settings), list[Finding]()
    for entry in ledger.log.kept:
        try:
            landing.ingested(ledger.log, entry)
        except StorageError as error:
            found.append(Finding("archive", str(error), "bring the file back from a backup"))
    try:
        copies.read(settings, ledger.log)
    except StorageError as error:
        found.append(Finding("copies", str(error), "bring the file back from a backup"))
    yield from found
    if not found:
        yield Finding("archive", "every archived file, and every copy of the ledger's entries, is as it was written")


_RESTORE = "run `ecomm restore`, which makes what is damaged again from landing"


_MAINTAIN = "run `ecomm maintain`, which writes it again (no row is lost), then ask again for the tables"


def _bad_hints(settings: Settings) -> list[str]:
    """The tables whose file about the last checkpoint is of no use."""
    logs = settings.warehouse.glob("*/_delta_log") if lake_of(settings) is deltafiles else ()
    return sorted(log.parent.name for log in logs if deltafiles.has_bad_hint(log.parent))


def _tables(settings: Settings, ledger: Ledger, *, deep: bool) -> Iterator[Finding]:
    """What is wrong with tables: first by their logs and files, and if these are well by their rows."""
    if lake_of(settings) is deltafiles:
        damaged = damage.find(settings.warehouse, catalogue(sources_of(settings)), ledger.log, deep=deep)
        yield from (Finding(one.table, one.fault, _RESTORE) for one in damaged)
        if damaged:
            return
    with running(settings) as engine:
        session = session_of(settings, engine, silent, "doctor")
        session.store.assume({name: State(*said) for name, said in ledger.log.last.tables.items()})
        found = list(_scan(session))
    yield Finding("engine", f"{settings.engine} starts and reads every table")
    yield from found
    if not found:
        said = "every file is what was published, " if deep else ""
        yield Finding("tables", f"{said}rows agree with the ledger, files are conserved, histories hold together")


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
    store, log = session.store, session.log
    again = "run `ecomm rebuild`; if it stays, keep the warehouse as it is and report it"
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
        for entry in log.live.values():
            for file in (f for f in entry.files if f.source == source.name):
                place = (entry.revision, file.name)
                accepted, lost = (counted[t].get(place, 0) for t in (stage_name(source.name), errors_name(source.name)))
                if accepted + lost + file.rows_duplicate != file.rows_read:
                    found = f"{accepted} + {lost} + {file.rows_duplicate} rows of {file.rows_read}"
                    yield Finding(f"{entry.batch_id}/{file.name}", found, again)
