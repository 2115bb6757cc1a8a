"""A warehouse opened for work: its engine, ledger and tables under its locks, and what a run is told meanwhile.

`recover` takes back whatever broke off earlier.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from ecomm import __version__, logs
from ecomm.batches import copies, corrections, drift, erasures, leftovers, locks, rates
from ecomm.batches.corrections import Correction
from ecomm.batches.entry import CHANGES, Entry
from ecomm.batches.erasures import Plan
from ecomm.batches.landing import Landing
from ecomm.batches.ledger import Ledger
from ecomm.batches.log import NOTHING, Log
from ecomm.batches.trigger import Trigger
from ecomm.contract import Shop, Source
from ecomm.engines import Engine, deltafiles
from ecomm.engines import start as start_engine
from ecomm.errors import FormatError, sentence, taken_over
from ecomm.progress import Listener, silent
from ecomm.settings import Settings
from ecomm.shop_settings import ShopSettings
from ecomm.sources import of_shop
from ecomm.store import Store
from ecomm.store.catalog import CatalogStore
from ecomm.store.folders import FolderStore
from ecomm.tables import check_columns, check_keys, complete_journals, create_all, target_name
from ecomm.transforms import checks, quality

_ROW = 140
"""Bytes of a row in files: the mean of the generated shop's (benchmarks/generate.py)."""


_SEEN = ("GENESIS", *CHANGES, "HOLD", "MAINTAIN")
"""The entries after which other files are read than before."""
log = structlog.get_logger()
FAILURE = "failure.txt"
"""Where a task that failed says why: what its attempt is ended with if it is not done again."""


@dataclass
class Session:
    """A warehouse opened for work: its engine, ledger, landing folder and tables, under its locks.

    finished: the entry of a publication that an earlier run had begun, and this one has ended. shown: other programs
    see what was published last.
    """

    settings: Settings
    engine: Engine
    ledger: Ledger
    landing: Landing
    store: Store
    run_id: str
    counting: ShopSettings
    sources: Mapping[str, Source]
    listener: Listener = silent
    finished: Entry | None = None
    shown: bool = True

    @property
    def log(self) -> Log:
        """The ledger's entries as they were read last."""
        return self.ledger.log

    @property
    def shop(self) -> Shop:
        """How the shop counts."""
        return self.counting.shop

    @property
    def settings_hash(self) -> str:
        """A hash of the settings that change what is in the tables, rates included."""
        return self.counting.digest

    def expect(self, size: int = 0) -> None:
        """Tell the engine how much there is to do: bytes of files, and targets at what their rows are in files."""
        rows = sum(self.store.state[target_name(name)].rows for name in self.sources)
        self.engine.expect(size + rows * _ROW)

    def entry(self, kind: str, **said: object) -> Entry:
        """Append a ledger entry, and make visible with it what is prepared."""
        ours = " ".join(f"{name}:{source.signature}" for name, source in self.sources.items())
        entry = Entry(
            kind,
            run_id=self.run_id,
            engine=self.engine.name,
            program_version=__version__,
            contract_hash=ours if kind in ("GENESIS", "REBUILD") else self.log.last.contract_hash,
            settings_hash=self.settings_hash,
        )
        written = self.store.publish(replace(entry, **said), self.ledger)  # type: ignore[arg-type]
        copies.complete(self.settings, self.log)
        if kind in _SEEN:
            self.show()
        return written

    def show(self) -> None:
        """Let other programs see what is published; if that fails, the next entry or the next run does it."""
        try:
            self.store.show(self.ledger)
            self.shown = True
        except Exception as error:  # what was published stays published
            self.shown = False
            log.warning("catalog_failed", run_id=self.run_id, reason=sentence(error, self.settings.warehouse))

    def forget(self, attempt: Path) -> None:
        """Remove the folder of an attempt that has ended; while it is there, the next run comes by to show it."""
        if self.shown:
            shutil.rmtree(attempt, ignore_errors=True)

    def look(self) -> None:
        """Read the entries that have come. Raises LockedError if another run wrote one: then this session is over."""
        known = len(self.log)
        self.ledger.refresh()
        if any(entry.run_id != self.run_id for entry in self.log[known:]):
            raise taken_over(self.settings.warehouse)

    def entry_of(self, kind: str, trigger: Trigger, **said: object) -> Entry:
        """Append an entry about a batch, with what its trigger says."""
        return self.entry(
            kind,
            batch_id=trigger.batch_id,
            as_of=trigger.as_of,
            batch_date=trigger.batch_date,
            client_name=trigger.client_name,
            trigger=trigger.text,
            **said,
        )


def sources_of(settings: Settings | ShopSettings) -> Mapping[str, Source]:
    """The sources as the shop delivers and judges them. Raises UsageError."""
    counting = settings.counting() if isinstance(settings, Settings) else settings
    besides = [
        quality.SEQUENCE_CONFLICT,
        quality.UNPUBLISHED.name,
        drift.NAME,
        *(check.name for check in checks.CHECKS),
    ]
    return of_shop(counting.deliveries, counting.shop.severity, checks=besides)


def session_of(
    settings: Settings,
    engine: Engine,
    listener: Listener,
    run_id: str,
    *,
    known: Log = NOTHING,
    landing: Landing | None = None,
    damaged: bool = False,
) -> Session:
    """A run's session in a warehouse as it is. Raises FormatError, StorageError, UsageError.

    known, landing: the ledger's entries and the landing folder as this process knows them already, so that only what
    has come since is looked at. damaged: the tables may be, so that not even their keys are compared with the settings.
    """
    root, sources = settings.warehouse, sources_of(settings)
    ledger = Ledger.of(settings, known)
    if not damaged:
        check_keys(engine.lake, root, sources)
    counting = settings.counting(rates.read(settings))
    in_folders = engine.lake is deltafiles
    store: Store = FolderStore(engine, root, sources) if in_folders else CatalogStore(engine, root, sources)
    landing = landing or Landing(settings)
    return Session(settings, engine, ledger, landing, store, run_id, counting, sources, listener)


def open_warehouse(
    settings: Settings,
    engine: Engine,
    listener: Listener = silent,
    *,
    known: Log = NOTHING,
    landing: Landing | None = None,
    rebuilding: bool = False,
    run_id: str | None = None,
) -> Session:
    """Open a warehouse for work, set it up if it is new, and take back what a broken-off attempt left.

    rebuilding: the tables will be folded again by the current contracts; otherwise these must be those that the tables
    were made by. The caller holds the locks. Others as of `session_of`. Raises FormatError, StorageError, UsageError.
    """
    logs.configure_unless_done()
    session = session_of(settings, engine, listener, run_id or uuid.uuid4().hex, known=known, landing=landing)
    root, ledger, store = settings.warehouse, session.ledger, session.store
    if not ledger.log:
        store.assume(create_all(store.lake, root, store.catalogue))
        ledger.create()
        session.entry("GENESIS")
    else:
        copies.check(settings, ledger.log)
        _check_contracts(session, rebuilding=rebuilding)
        # A table that came with a newer program is made now; the ledger names it from its next entry on.
        create_all(store.lake, root, store.catalogue)
        complete_journals(store.lake, root, store.catalogue)
        session.finished = recover(session)
        finish_forgetting(session)
    session.landing.settle_all(ledger.log)
    return session


def _check_contracts(session: Session, *, rebuilding: bool) -> None:
    """Raises FormatError if the tables were made by other contracts than those of now, and what to do about it."""
    changed = [source for source in session.sources.values() if not session.log.last.is_by(source)]
    if changed:
        check_columns(session.store.lake, session.store.root, changed)
        if not rebuilding:
            names = ", ".join(source.name for source in changed)
            raise FormatError(
                f"{session.store.root}: the tables of {names} were made by another contract than that of now; run "
                "`ecomm rebuild`, which folds them anew."
            )


@contextmanager
def working(
    settings: Settings, listener: Listener = silent, *, known: Log = NOTHING, rebuilding: bool = False
) -> Iterator[Session]:
    """A warehouse opened for work under its locks, with an engine that ends with it. Others as of `open_warehouse`.

    Raises LockedError, FormatError, StorageError.
    """
    with locks.of(settings), running(settings) as engine:
        yield open_warehouse(settings, engine, listener, known=known, rebuilding=rebuilding)


@contextmanager
def running(settings: Settings) -> Iterator[Engine]:
    """The engine that the settings name, until the end."""
    engine = start_engine(settings)
    try:
        yield engine
    finally:
        engine.stop()


def recover(session: Session, reason: str | None = None) -> Entry | None:
    """Finish a publication that was broken off, and give its entry; or end the attempt that has not come so far.

    Raises StorageError if a table has rows that no ledger entry tells of.
    """
    broken = session.log.open_attempt
    if broken is not None and reason is None:
        reason = failure_of(session.settings, broken)
    before = len(session.log)
    taken_back = session.store.recover(session.ledger, attempts_dir(session.settings))
    finished = session.log.last if len(session.log) > before else None
    if finished is None and (broken is not None or taken_back):
        session.entry(
            "RECOVER",
            batch_id=broken.batch_id if broken else None,
            revision=broken.seq if broken else None,
            reason=reason or "broken off",
        )
    forget_attempts(session)
    return finished


def forget_attempts(session: Session) -> None:
    """Remove the folders of attempts that were ended, once other programs see what came of them.

    One may have ended between its entry and `catalog.duckdb`. As long as a folder is there, the next run comes by here.
    """
    if left_over(session.settings):
        session.show()
        for folder in attempts_dir(session.settings).iterdir():
            session.forget(folder)


def finish_forgetting(session: Session) -> list[Plan]:
    """Carry out what FORGET entries have to do outside the tables, each to its end; their receipts. Safe to repeat."""
    done = []
    for plan in erasures.unfinished(session.settings, session.log):
        ended = erasures.carry_out(session.landing, session.log, plan, published_corrections(session))
        deleted = leftovers.delete(session.settings.warehouse / "damaged")
        for revision in plan.held:
            deleted += leftovers.delete(session.settings.warehouse / "held" / str(revision))
        session.show()  # a catalogue that was not written names files that go now
        for name in plan.tables:
            at, _ = session.log.last.tables.get(name, (None, 0))
            deleted += session.store.purge(name, at)
        files = dict.fromkeys((*ended.done, *deleted))
        done.append(erasures.end(session.settings, session.log, replace(ended, done=tuple(files))))
    return done


def published_corrections(session: Session) -> list[Correction]:
    """All corrections that are published, in the order in which they were made."""
    version, rows = session.log.last.tables.get("corrections", (0, 0))
    store = session.store
    return corrections.of_table(store.lake, store.path("corrections"), version) if rows else []


def left_behind(landing: Landing, log: Log) -> bool:
    """A broken-off attempt, or one that was published but not archived, is to be finished."""
    if not log:
        return False
    if left_over(landing.settings) or log.open_attempt is not None or landing.is_unsettled(log):
        return True
    return erasures.is_unfinished(landing.settings, log)


def left_over(settings: Settings) -> bool:
    """Something lies where attempts work: one is at work, or was broken off."""
    return attempts_dir(settings).is_dir() and any(attempts_dir(settings).iterdir())


def attempts_dir(settings: Settings) -> Path:
    """Where attempts keep what they work with; empty between runs."""
    return settings.warehouse / "attempts"


def failure_of(settings: Settings, opened: Entry) -> str | None:
    """Why a task of an attempt failed that ran in a process of its own, if one did."""
    said = attempts_dir(settings) / str(opened.seq) / FAILURE
    return said.read_text(encoding="utf-8") if said.is_file() else None
