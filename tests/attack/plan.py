"""What an attack is, what it is run with, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """How an attack is run. files: hostile files of each source. whole: all there is, which takes hours.

    folder: where it may write. progress: hears how much of how much is done.
    """

    seed: int
    files: int
    whole: bool
    folder: Path
    progress: Callable[[int, int], None] = lambda _done, _of: None


@dataclass(frozen=True)
class Tally:
    """How much was tried, and one sentence for each that was not survived. note: what else the numbers say.

    figures: more than one row's worth of numbers, as a table: reader -> column -> number.
    """

    tried: int
    lost: tuple[str, ...] = ()
    note: str = ""
    figures: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def survived(self) -> int:
        return self.tried - len(self.lost)


@dataclass(frozen=True)
class Attack:
    """A kind of attack. what: what is tried, as the table says it. by_files: it runs on the corpus."""

    name: str
    what: str
    run: Callable[[Plan], Tally]
    by_files: bool = False


def listed(name: str) -> list[Any]:
    """A list of hostile things, a file of `lists`."""
    found = json.loads((Path(__file__).parent / "lists" / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(found, list)
    return found


def each(plan: Plan, all_of: Sequence[T], survives: Callable[[T], str | None]) -> Tally:
    """Try every one; what `survives` says, if anything, is why it did not."""
    lost = []
    for done, one in enumerate(all_of):
        plan.progress(done, len(all_of))
        if (why := survives(one)) is not None:
            lost.append(why)
    return Tally(len(all_of), tuple(lost))
