"""Files that lie in landing and that no trigger lists: which they are, and what a person can do about each."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecomm.batches.reading.kinds import unread
from ecomm.batches.trigger import Candidate, can_be_listed
from ecomm.settings import Settings

_LEFT_ALONE = (".part", ".tmp", ".filepart", ".crdownload")
_SHOWN = 5  # names in one sentence
_BY_ITSELF = {"quiet": "it has stood still for quiet_seconds", "daily": "the day on which it came is over"}


@dataclass(frozen=True)
class Untriggered:
    """A file that no trigger lists. advice: what to do with it if nothing reads it as it is; None if it can be read.

    batches: the setting, by which it may become a batch without a trigger.
    """

    source: str
    path: Path
    advice: str | None = None
    batches: str = "triggers"

    @property
    def sentence(self) -> str:
        """What to do with it."""
        if self.advice is None and self.batches != "triggers":
            return f"it becomes a batch when {_BY_ITSELF[self.batches]}"
        return self.advice or f"no trigger lists it; {_announcing([self.path.name])} makes it a batch"


def untriggered(settings: Settings, candidates: Iterable[Candidate], sources: Sequence[str]) -> list[Untriggered]:
    """The files that no trigger in landing lists, by source and name. candidates: the triggers.

    Hidden files are left alone, and what is named as half of a file (`.part`, `.tmp`).
    """
    named, paths = set(), set()
    for candidate in candidates:
        paths |= {file.path for file in candidate.files}
        named |= {*candidate.trigger.expected} if candidate.trigger else set()
    found: dict[Path, Untriggered] = {}
    for source in sources:
        folder = settings.source_dir(source) / "source"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            listed = path in paths or (source, path.name) in named or (None, path.name) in named
            if not listed and path not in found and _is_file(path):
                found[path] = Untriggered(source, path, _advice(settings, source, path), settings.batches)
    return list(found.values())


def about(files: Sequence[Untriggered]) -> str:
    """One sentence about some files of a source: those that a trigger can list, then what to do with the others."""
    said = []
    if readable := [file.path.name for file in files if file.advice is None]:
        more = f" and {len(readable) - _SHOWN:,} more" if len(readable) > _SHOWN else ""
        them = "it" if len(readable) == 1 else "them"
        names = readable[:_SHOWN]
        said.append(f"no trigger lists {', '.join(names)}{more}; {_announcing(names)} makes {them} a batch")
    others = [f"{file.path.name}: {file.advice}" for file in files if file.advice is not None]
    said += others[:_SHOWN] + ([f"{len(others) - _SHOWN:,} more like it"] if len(others) > _SHOWN else [])
    return "; ".join(said) + "."


def _announcing(names: Iterable[str]) -> str:
    return f"`ecomm trigger {shlex.join(names)}`"


def _is_file(path: Path) -> bool:
    name = path.name
    return not name.startswith((".", "~$")) and not name.lower().endswith(_LEFT_ALONE) and path.is_file()


def _advice(settings: Settings, source: str, path: Path) -> str | None:
    if path.is_symlink():
        return "it is a link, which no trigger can list; put the file itself there"
    if not can_be_listed(path.name):
        return "no trigger can list a file of this name; rename it"
    found = unread(path, settings.shape_of(source, path.name))
    return None if found is None else found.rstrip(".")
