"""Batches that failed: how often, with which files, program and settings, and when a watcher tries them again.

Each attempt is two entries of the ledger, so what fails because of its files is not tried again and again: the pause
grows to a day, and no attempt is opened while a header is as wrong as before. What has another file, program or setting
by then is another thing, and is tried at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from ecomm.batches import rates
from ecomm.batches.trigger import Candidate
from ecomm.errors import Cause, EcommError
from ecomm.settings import Settings

STATE = "failures.json"
FIRST = {Cause.FILES: 600.0, Cause.OUTSIDE: 5.0, Cause.UNKNOWN: 5.0}
"""Seconds from the first failure to the next try; each further pause is twice the one before."""
LONGEST = {Cause.FILES: 86_400.0, Cause.OUTSIDE: 600.0, Cause.UNKNOWN: 86_400.0}

Stamp = tuple[int, int, int]
"""A file's size, time of change (ns) and inode: while it is the same, the file is."""
log = structlog.get_logger()


def pause(cause: Cause, tries: int) -> float:
    """Seconds until the next try, after a number of tries that failed."""
    return min(FIRST[cause] * 2.0 ** min(tries - 1, 30), LONGEST[cause])


@dataclass(frozen=True)
class Failed:
    """A batch that failed. tries: how often in a row, with the same files. at: when last. by: program and settings."""

    reason: str
    cause: Cause
    tries: int
    at: datetime
    by: str
    stamps: Mapping[str, Stamp]

    @property
    def again_at(self) -> datetime:
        """When a watcher tries it next."""
        return self.at + timedelta(seconds=pause(self.cause, self.tries))

    def is_of(self, by: str, stamps: Mapping[str, Stamp]) -> bool:
        """It would fail in the same way: nothing has changed since."""
        return (by, stamps) == (self.by, self.stamps)


def files_of(candidate: Candidate) -> list[Path]:
    """The trigger of a batch and its files."""
    return [candidate.path, *(file.path for file in candidate.files)]


def stamps_of(paths: Iterable[Path]) -> dict[str, Stamp]:
    """How these files are now, as far as they are there."""
    found = {}
    for path in paths:
        try:
            said = path.lstat()
        except FileNotFoundError:
            continue
        found[str(path)] = (said.st_size, said.st_mtime_ns, said.st_ino)
    return found


def by_of(settings_hash: str) -> str:
    """The program and the settings that count."""
    return f"{version('ecomm')} {settings_hash}"


def by_now(settings: Settings) -> str:
    """The same as they are now, rates included. Raises UsageError, StorageError."""
    return by_of(settings.counting(rates.read(settings)).digest)


def load(settings: Settings) -> dict[str, Failed]:
    """The batches that failed when they were tried last."""
    path = settings.warehouse / STATE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {name: _read(one) for name, one in said.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.info("failures_unreadable", path=str(path), error=type(error).__name__)  # then they are tried at once
        return {}


def _read(said: dict[str, Any]) -> Failed:
    stamps = {str(path): (int(size), int(at), int(inode)) for path, (size, at, inode) in said["stamps"].items()}
    at = datetime.fromisoformat(said["at"])
    return Failed(str(said["reason"]), Cause(said["cause"]), int(said["tries"]), at, str(said["by"]), stamps)


def advice(settings: Settings, candidate: Candidate, known: Mapping[str, Failed]) -> str:
    """When a batch that failed is tried next, as the end of a sentence."""
    one = known.get(candidate.name)
    try:
        same = one is not None and one.is_of(by_now(settings), stamps_of(files_of(candidate)))
    except EcommError:  # the rates cannot be read, which every run says
        same = False
    if one is None or not same:
        return "the next run tries it again"
    at = f"{one.again_at:%Y-%m-%d %H:%M} UTC"
    if one.cause is Cause.FILES:
        return f"`ecomm watch` tries it again when a file of it or the settings change, or at {at}; `ecomm run` now"
    return f"`ecomm watch` tries it again at {at}, `ecomm run` now"


def note(settings: Settings, batch: str, by: str, stamps: Mapping[str, Stamp], reason: str, cause: Cause) -> None:
    """Remember that a batch failed. stamps: its files before the attempt."""
    known = load(settings)
    before = known.get(batch)
    tries = before.tries + 1 if before and before.is_of(by, stamps) else 1
    _save(settings, known | {batch: Failed(reason, cause, tries, datetime.now(UTC), by, stamps)})


def forget(settings: Settings, batch: str) -> None:
    """Nothing is wrong with a batch any more."""
    known = load(settings)
    if known.pop(batch, None) is not None:
        _save(settings, known)


def _save(settings: Settings, known: Mapping[str, Failed]) -> None:
    """Write what still has a file; what cannot be written is only tried earlier."""
    said = {n: asdict(one) | {"at": one.at.isoformat()} for n, one in known.items() if stamps_of(map(Path, one.stamps))}
    path = settings.warehouse / STATE
    part = path.with_suffix(".part")
    try:
        part.write_text(json.dumps(said, indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        log.info("failures_not_written", path=str(path), error=error.strerror)
