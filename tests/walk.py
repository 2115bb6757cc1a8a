"""Keys that end, in plain Python and from the documents alone (DESIGN.md, "The fold"): what a log makes of its keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Key = tuple[str, ...]
Said = Mapping[str, Any] | Literal["D", "H"]
"""U: the columns that are stated. D: the key is deleted. H: it is mentioned, but its row was rejected."""
Version = tuple[float, float | None, str, dict[str, Any]]
"""From (day), to (None: open), the batch that opened it, its state."""


@dataclass(frozen=True)
class Batch:
    """A batch of one source: what it says of each key; whether it is a snapshot, and of the values of which key parts.

    broken: it has a record whose key cannot be read.
    """

    batch_id: str
    day: float
    said: Mapping[Key, Said] = field(default_factory=dict)
    snapshot: bool = False
    scope: tuple[int, ...] = ()
    broken: bool = False

    @property
    def complete(self) -> bool:
        """ "a complete snapshot only if every record's key is readable and there is at least one" """
        return self.snapshot and not self.broken and bool(self.said)

    def parts(self) -> set[Key]:
        """ "then a snapshot speaks only of the partitions that it mentions" """
        return {part(key, self.scope) for key in self.said}


def part(key: Key, scope: tuple[int, ...]) -> Key:
    return tuple(key[i] for i in scope)


def walk(batches: Iterable[Batch], columns: Iterable[str]) -> dict[Key, list[Version]]:
    """The versions of every key. columns: all are tracked; what a U does not state is carried over in a life."""
    log = sorted(batches, key=lambda b: (b.day, b.batch_id.encode()))
    keys = {key for batch in log for key in batch.said}
    return {key: versions for key in keys if (versions := _versions(key, log, tuple(columns)))}


def _versions(key: Key, log: list[Batch], columns: tuple[str, ...]) -> list[Version]:
    state: dict[str, Any] | None = None
    instants: dict[float, tuple[dict[str, Any] | None, str]] = {}
    for batch in log:
        said = batch.said.get(key)
        if said == "H":
            continue
        if said is None:
            if not batch.complete or part(key, batch.scope) not in batch.parts():
                continue
            state = None  # "then a key that it does not mention ends there"
        elif said == "D":
            state = None
        else:
            state = {**(state or dict.fromkeys(columns)), **said}
        instants[batch.day] = (state, batch.batch_id)  # "One state an instant: the last position's"

    versions: list[Version] = []
    for day, (now, batch_id) in instants.items():
        last = versions[-1] if versions else None
        if last is not None and last[1] is None:
            if now == last[3]:
                continue
            versions[-1] = (last[0], day, *last[2:])
        if now is not None:
            versions.append((day, None, batch_id, now))
    return versions
