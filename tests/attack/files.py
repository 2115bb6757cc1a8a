"""A hostile file, what it states, and what a reader made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CANARY = "Canary Lane"
"""In a text of every record; it may be in tables and nowhere else."""

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """A record of a file. mark: a text that no other record has.

    readings: the cells that a reader may find, one tuple for each right way to read it; none: it must be rejected.
    lenient: what a reader that repairs broken records may find as well; this program promises not to. anywhere: nobody
    can say what its cells are; its mark must be in a record or in a rejected line.
    """

    mark: str
    readings: tuple[Cells, ...] = ()
    lenient: tuple[Cells, ...] = ()
    anywhere: bool = False


@dataclass(frozen=True)
class HostileFile:
    """A file of the corpus. settings: the shape that a user would set for it. plain: a reader must accept all of it."""

    number: int
    kind: str
    source: str
    content: bytes
    header: Cells
    records: tuple[Record, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ".csv"
    plain: bool = False

    @property
    def name(self) -> str:
        """Its name in landing; the settings of a kind go by it."""
        return f"{self.kind.replace(' ', '-')}_{self.source}_{self.number:05}{self.suffix}"


@dataclass(frozen=True)
class Read:
    """What a reader made of a file. refused: its error, in which case there is nothing else.

    rejected: what it says of records that it could not read. crashed: the error was not one that is meant for a person.
    """

    header: Cells = ()
    accepted: tuple[Cells, ...] = ()
    rejected: tuple[str, ...] = ()
    refused: str | None = None
    crashed: bool = False
