"""The newest moment of a warehouse, kept at hand: the ledger's folder is looked at once a second."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from ecomm.batches.entry import NAME as LEDGER
from ecomm.batches.log import NOTHING
from ecomm.dashboard.moment import Args, Moment
from ecomm.dashboard.overview import overview
from ecomm.engines import deltafiles
from ecomm.errors import EcommError, sentence
from ecomm.settings import Settings

LOOK = 1.0
_KEPT_MOMENTS = 4
_FIRST: Args = {}
log = structlog.get_logger()


@dataclass(frozen=True)
class Now:
    """What the page must know to ask anew. landing: grows when something in landing has changed.

    entry: the ledger entry that answers are of, None if there is nothing to show; then `trouble` says why.
    """

    entry: int | None
    landing: int
    trouble: str | None


class Live:
    """The last moments of a warehouse: the newest one answers, those before it answer pages that are still at them."""

    def __init__(self, settings: Settings, *, reveal: bool = False) -> None:
        self._settings, self._reveal = settings, reveal
        self._moments: dict[int, Moment] = {}
        self._version: int | None = None
        self._seen: object = None
        self._changed = asyncio.Event()
        self.now = Now(None, 0, None)
        self.look()

    def look(self) -> None:
        """Look once, and compute what the first view needs before anybody is told."""
        entry, trouble = self.now.entry, self.now.trouble
        ledger = self._settings.warehouse / LEDGER
        try:
            version = deltafiles.version(ledger) if deltafiles.exists(ledger) else -1
            if version != self._version or trouble is not None:
                newest = self.moment(None)
                known = NOTHING if newest is None else newest.warehouse.log
                moment = Moment(self._settings, known, reveal=self._reveal)
                moment.answer(overview, _FIRST)
                self._moments[moment.entry] = moment
                for old in sorted(self._moments)[:-_KEPT_MOMENTS]:
                    del self._moments[old]
                entry, trouble, self._version = moment.entry, None, version
        except (EcommError, OSError) as error:
            entry, trouble = None, sentence(error, self._settings.warehouse)
            self._moments.clear()
        seen = _landed(self._settings)
        landing = self.now.landing + (seen != self._seen)
        self._seen = seen
        self.now = Now(entry, landing, trouble)

    def moment(self, entry: int | None) -> Moment | None:
        """The moment of an entry if it is still at hand; of the newest one if none is named."""
        wanted = self.now.entry if entry is None else entry
        return None if wanted is None else self._moments.get(wanted)

    async def watch(self) -> None:
        """Look again and again; who waits is woken when something has changed."""
        while True:
            await asyncio.sleep(LOOK)
            before = self.now
            try:
                await asyncio.to_thread(self.look)
            except Exception as error:  # a look that fails must not be the last one
                log.warning("dashboard_look", error=type(error).__name__)
            if self.now != before:
                self._changed.set()
                self._changed = asyncio.Event()

    async def changes(self) -> AsyncIterator[Now]:
        """What is now, and then what is after each change."""
        while True:
            changed = self._changed
            yield self.now
            await changed.wait()


def _landed(settings: Settings) -> object:
    """What tells that something in landing has changed: the times of its source folders and of the locks."""
    return tuple(_touched(f) for f in (*settings.landing_folders, settings.warehouse / "locks"))


def _touched(folder: Path) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116 - the cheapest look there is
    except OSError:
        return 0
