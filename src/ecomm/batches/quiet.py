"""Batches without triggers: files that have come and stood still are a batch, as if a trigger had listed them.

    files that no trigger lists --> those that stand still --> a trigger is written for them --> all else as ever

`batches = "quiet"` takes whatever stands still; while other files still grow it waits for them, but not for ever.
`batches = "daily"` takes the files of each day of the shop that is over. A batch's instant is the time at which its
newest file was written, and its id says that time (or the day). So the same files make the same batch, whenever they
are found, and a program that is killed behind the trigger leaves a pending batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from ecomm.batches.entry import Entry
from ecomm.batches.setup import trigger_path, write_trigger
from ecomm.batches.trigger import Candidate
from ecomm.batches.untriggered import Untriggered, untriggered
from ecomm.settings import SOURCE_NAMES, Settings

PATIENCE = 10
"""A file that stands still waits this many times `quiet_seconds` at most for others that grow."""
_LONGEST_WAIT = 5.0  # seconds that a run waits for files that have just come


@dataclass(frozen=True)
class Planned:
    """A batch that is to get a trigger. files: source -> names, in the order in which they were written."""

    batch_id: str
    as_of: datetime
    files: Mapping[str, Sequence[str]]


def planned(
    settings: Settings,
    candidates: Sequence[Candidate],
    entries: Sequence[Entry],
    still_for: Mapping[Path, float],
    now: datetime,
) -> list[Planned]:
    """The batches that files without a trigger make now, in the order of their instants; none if triggers say so.

    still_for: file -> how many seconds it has stood still. now: UTC.
    """
    if settings.batches == "triggers":
        return []
    written = {f: w for f in readable(settings, candidates) if (w := _written(f.path, now)) is not None}
    still = [f for f in written if still_for.get(f.path, 0.0) >= settings.quiet_seconds]
    taken = {str(e.batch_id) for e in entries} | {c.name for c in candidates}
    found: list[Planned] = []
    for name, files in _groups(settings, written, still, still_for, now):
        ordered = sorted(files, key=lambda f: (written[f], f.path.name))
        as_of = written[ordered[-1]]
        batch_id = _free(settings, name or f"batch_{as_of:%Y%m%dT%H%M%SZ}", taken)
        taken.add(batch_id)
        names = {s: [f.path.name for f in ordered if f.source == s] for s in SOURCE_NAMES}
        found.append(Planned(batch_id, as_of, {s: of for s, of in names.items() if of}))
    return found


def readable(settings: Settings, candidates: Iterable[Candidate]) -> list[Untriggered]:
    """The files without a trigger that can be a batch."""
    return [file for file in untriggered(settings, candidates, SOURCE_NAMES) if file.advice is None]


def announce(settings: Settings, batches: Iterable[Planned], now: datetime) -> list[Path]:
    """Write the triggers of planned batches; their paths. The caller holds the locks. Raises StorageError."""
    return [write_trigger(settings, one.files, one.batch_id, f"{one.as_of:%Y-%m-%dT%H:%M:%SZ}", now) for one in batches]


def seconds_still(settings: Settings, paths: Sequence[Path]) -> dict[Path, float]:
    """How many seconds each file has stood still. If some have just come, it waits a moment and looks again."""
    before, pause = {path: _stamp(path) for path in paths}, 0.0
    if any(age < settings.quiet_seconds for age in _ages(before).values()):
        pause = min(settings.quiet_seconds, _LONGEST_WAIT)
        time.sleep(pause)
    after = {path: _stamp(path) for path in paths}
    # A file from the future has an age below zero: what counts is how long it was seen to stand still.
    return {p: max(age, pause) if before[p] == after[p] else 0.0 for p, age in _ages(after).items()}


def until_midnight(settings: Settings, now: datetime) -> float:
    """Seconds until the shop's day is over."""
    local = now.astimezone(ZoneInfo(settings.shop.shop_timezone))
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.timestamp() - now.timestamp()


Stamp = tuple[int, int, int]


def _stamp(path: Path) -> Stamp | None:
    try:
        said = path.stat()
    except OSError:  # it has gone meanwhile
        return None
    return said.st_size, said.st_mtime_ns, said.st_ino


def _ages(stamps: Mapping[Path, Stamp | None]) -> dict[Path, float]:
    now = time.time()
    return {path: now - stamp[1] / 1e9 for path, stamp in stamps.items() if stamp is not None}


def _written(path: Path, now: datetime) -> datetime | None:
    """When a file was written, in whole seconds, not after now; None if it has gone."""
    stamp = _stamp(path)
    if stamp is None:
        return None
    return min(datetime.fromtimestamp(stamp[1] // 10**9, UTC), now.replace(microsecond=0))


def _groups(
    settings: Settings,
    written: Mapping[Untriggered, datetime],
    still: Sequence[Untriggered],
    still_for: Mapping[Path, float],
    now: datetime,
) -> list[tuple[str, list[Untriggered]]]:
    """The files of each batch, with its id where that is not its instant's."""
    if settings.batches == "quiet":
        if len(still) < len(written):
            still = [f for f in still if still_for[f.path] >= PATIENCE * settings.quiet_seconds]
        return [("", list(still))] if still else []
    zone = ZoneInfo(settings.shop.shop_timezone)
    today, days = now.astimezone(zone).date(), dict[str, list[Untriggered]]()
    for file in sorted(still, key=lambda f: written[f]):
        day = written[file].astimezone(zone).date()
        if day < today:
            days.setdefault(f"batch_{day:%Y_%m_%d}", []).append(file)
    return list(days.items())


def _free(settings: Settings, name: str, taken: set[str]) -> str:
    """The name, or the first of `name_2`, `name_3` ... that no batch has or had."""
    names = (name if n == 1 else f"{name}_{n}" for n in count(1))
    return next(one for one in names if one not in taken and not trigger_path(settings, one).exists())
