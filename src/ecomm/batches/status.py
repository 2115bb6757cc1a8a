"""Where every batch stands: published, pending, waiting, failed; and files that nobody announced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ecomm.batches import copies, endings, failures, locks
from ecomm.batches.entry import Entry
from ecomm.batches.landing import Landing
from ecomm.batches.ledger import Ledger
from ecomm.batches.log import Log
from ecomm.batches.trigger import State
from ecomm.batches.untriggered import Untriggered, untriggered
from ecomm.errors import StorageError
from ecomm.settings import SOURCE_NAMES, Settings


@dataclass(frozen=True)
class TriggerLine:
    """A trigger that lies in landing."""

    batch_id: str
    state: str
    reason: str | None


@dataclass(frozen=True)
class HeldLine:
    """A batch that waits for a person, or that a person has accepted and the next run publishes."""

    batch_id: str
    as_of: datetime | None
    score: object
    accepted: bool
    reason: str | None


@dataclass(frozen=True)
class UndoneLine:
    """A batch that was undone: why, and the folder in which its files are offered, None once that is gone."""

    batch_id: str
    as_of: datetime | None
    reason: str | None
    offered: Path | None


@dataclass(frozen=True)
class Status:
    """One look at a shop. trouble: what is wrong with the ledger, and what to do about it."""

    published: list[Entry]
    held: list[HeldLine]
    undone: list[UndoneLine]
    triggers: list[TriggerLine]
    unexpected: list[Untriggered]
    running: bool
    trouble: str | None = None

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "published": [
                {
                    "batch_id": e.batch_id,
                    "as_of": e.as_of,
                    "published_at": e.at,
                    "revision": e.revision,
                    "score": e.score,
                    "files": [f.__dict__ for f in e.files],
                }
                for e in self.published
            ],
            "held": [h.__dict__ for h in self.held],
            "undone": [u.__dict__ for u in self.undone],
            "triggers": [t.__dict__ for t in self.triggers],
            "unexpected_files": [file.path for file in self.unexpected],
            "unread_files": {str(file.path): file.advice for file in self.unexpected if file.advice is not None},
            "running": self.running,
            "trouble": self.trouble,
        }


def of(settings: Settings, now: datetime, log: Log | None = None) -> Status:
    """Look at landing and ledger. log: as the ledger was read before. Raises UsageError if there is no landing
    folder, FormatError.
    """
    log = Ledger.of(settings).log if log is None else log
    landing = Landing(settings)
    candidates = landing.scan(log, now)
    failed_before = _failures(log)
    remembered = failures.load(settings)
    lines = []
    for candidate in candidates:
        failed = failed_before.get(candidate.name)
        if candidate.state is State.PENDING and failed is not None:
            advice = failures.advice(settings, candidate, remembered)
            lines.append(TriggerLine(candidate.name, "failed", f"{failed} ({advice})"))
        else:
            reason = endings.about(candidate.unended) if candidate.unended else candidate.reason
            lines.append(TriggerLine(candidate.name, candidate.state.value, reason))
    unexpected = untriggered(settings, candidates, SOURCE_NAMES)
    agreed = {e.batch_id for e in log.accepted}
    waiting = [
        HeldLine(batch, e.as_of, e.score, batch in agreed, failed_before.get(batch) or e.reason)
        for batch, e in log.held.items()
    ]
    ended = [_undone(landing, entry) for entry in log.undone.values()]
    return Status(
        list(log.live.values()),
        waiting,
        ended,
        lines,
        unexpected,
        running=bool(locks.held(settings)),
        trouble=_trouble(settings, log),
    )


def _undone(landing: Landing, entry: Entry) -> UndoneLine:
    offered = landing.offer_of(entry)
    return UndoneLine(str(entry.batch_id), entry.as_of, entry.reason, offered if offered.is_dir() else None)


def _trouble(settings: Settings, log: Log) -> str | None:
    """Why the ledger is not the one of which landing has copies, and what to do about it; None if it is."""
    if not log:
        known = copies.warehouses(settings)
        said = "landing has the ledger of a warehouse that is not here; `ecomm restore` makes the warehouse again"
        return said if known else None
    try:
        copies.check(settings, log)
    except StorageError:
        try:
            copies.check(settings, Ledger.of(settings, log).log)  # a run may have written one more meanwhile
        except StorageError as error:
            return str(error)
    return None


def _failures(entries: Sequence[Entry]) -> dict[str, str]:
    """The batches whose last attempt failed, and why."""
    last: dict[str, str] = {}
    for entry in entries:
        if entry.batch_id is None or entry.entry == "OPEN":
            continue
        if entry.entry == "RECOVER":
            last[entry.batch_id] = entry.reason or "broken off"
        else:
            last.pop(entry.batch_id, None)
    return last
