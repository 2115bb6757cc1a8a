"""Folders -> batches: the landing layout of DESIGN.md ("Trigger") and the flat layout of data/."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from .sources import SOURCES
from .values import UnspecifiedError


@dataclass(frozen=True)
class Batch:
    """One trigger with its files."""

    batch_id: str
    as_of: datetime
    """Aware, UTC."""
    files: dict[str, dict[str, bytes]]
    """source -> file name -> content"""


def read_landing(folder: Path) -> list[Batch]:
    """Every trigger JSON in LANDING/trigger_data/source with the files that it lists, from
    LANDING/<source>_data/source. A batch that waits (`data_files_ready: false`, a missing file) is left
    out."""

    def find(name: str, source: str | None) -> tuple[str, Path] | None:
        places = [(s, folder / f"{s}_data" / "source" / name) for s in ([source] if source else SOURCES)]
        found = [(s, path) for s, path in places if path.is_file()]
        if len(found) > 1:
            raise UnspecifiedError(f"{name} is in two folders")
        return found[0] if found else None

    return _batches(sorted((folder / "trigger_data" / "source").glob("*.json")), find)


def read_flat(folder: Path) -> list[Batch]:
    """One folder that holds trigger_*.json and <source>_*.csv; the source is the beginning of the file's
    name."""

    def find(name: str, source: str | None) -> tuple[str, Path] | None:
        owners = [source] if source else [s for s in SOURCES if name.startswith(s)]
        return (owners[0], folder / name) if owners and (folder / name).is_file() else None

    return _batches(sorted(folder.glob("trigger*.json")), find)


def _batches(triggers: list[Path], find: Callable[[str, str | None], tuple[str, Path] | None]) -> list[Batch]:
    batches: list[Batch] = []
    taken: dict[Path, Path] = {}
    for trigger in triggers:
        content: dict[str, Any] = json.loads(trigger.read_text(encoding="utf-8-sig"))
        wanted = _expected_files(content["expected_files"])
        found = [find(name, source) for source, name in wanted]
        if content.get("data_files_ready") is False or None in found:
            continue
        files: dict[str, dict[str, bytes]] = {}
        for source, path in (one for one in found if one is not None):
            if taken.setdefault(path, trigger) != trigger:
                raise UnspecifiedError(f"{trigger.name}: {path.name} is taken by {taken[path].name}")
            files.setdefault(source, {})[path.name] = path.read_bytes()
        batches.append(Batch(content["trigger_id"], _as_of(content), files))
    return batches


def _expected_files(expected: Any) -> list[tuple[str | None, str]]:
    """`expected_files` (bare names ... or a map source -> names)."""
    if not isinstance(expected, dict):
        return [(None, name) for name in expected]
    return [(source, name) for source, names in expected.items() for name in names]


def _as_of(content: dict[str, Any]) -> datetime:
    """`trigger_timestamp` or `batch_date` (then 00:00 UTC). No zone = UTC."""
    if content.get("trigger_timestamp"):
        instant = datetime.fromisoformat(content["trigger_timestamp"])
        return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    return datetime.combine(date.fromisoformat(content["batch_date"][:10]), time(), tzinfo=UTC)
