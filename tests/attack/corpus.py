"""The corpus: so many hostile files of each source, made from a seed. Which kinds there are is in `kinds_*.py`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.attack.files import Cells, HostileFile, Record
from tests.attack.rows import SOURCES, Rows, rows

Encoded = tuple[bytes, Cells, tuple[Record, ...]]
"""A file's bytes, its header, and its records."""


@dataclass(frozen=True)
class Kind:
    """A way to make a file hostile. settings: the shape a user would set. plain: a reader must accept all of it."""

    name: str
    make: Callable[[random.Random, Rows], Encoded]
    settings: Mapping[str, Any]
    plain: bool
    suffix: str


KINDS: list[Kind] = []


def kind(
    name: str, *, plain: bool = False, suffix: str = ".csv", **settings: Any
) -> Callable[[Callable[[random.Random, Rows], Encoded]], Callable[[random.Random, Rows], Encoded]]:
    """Add a function as a kind of hostile file."""

    def add(make: Callable[[random.Random, Rows], Encoded]) -> Callable[[random.Random, Rows], Encoded]:
        KINDS.append(Kind(name, make, settings, plain, suffix))
        return make

    return add


def corpus(seed: int, files: int) -> Iterator[HostileFile]:
    """So many files of each source, of every kind in turn. The same seed gives the same bytes."""
    from tests.attack import kinds_around, kinds_broken, kinds_fine, kinds_set  # noqa: F401 - they add their kinds

    number = 0
    for nth, source in enumerate(SOURCES):
        for at in range(files):
            chosen = KINDS[(at + nth * len(KINDS) // len(SOURCES)) % len(KINDS)]  # a few files are of many kinds
            rng = random.Random(f"{seed} {source} {at}")
            made = rows(rng, source, number, rng.choice((1, 2, 3, 5, 8, 13, 21)))
            content, header, records = chosen.make(rng, made)
            yield HostileFile(
                number, chosen.name, source, content, header, records, chosen.settings, chosen.suffix, chosen.plain
            )
            number += 1


def exact(made: Rows) -> tuple[Record, ...]:
    """Rows as records of which each must come out as it is."""
    return tuple(Record(row[0], (row,)) for row in made.cells)


def line(cells: Cells, delimiter: str = ",", quote: str = '"', *, always: bool = False) -> str:
    """A record as RFC 4180 writes it."""
    special = (delimiter, quote, "\n", "\r") if quote else ()
    said = []
    for cell in cells:
        needs = always or any(s in cell for s in special)
        said.append(f"{quote}{cell.replace(quote, quote * 2)}{quote}" if needs and quote else cell)
    return delimiter.join(said)


def text(made: Rows, end: str = "\n", **how: Any) -> str:
    """Header and records as RFC 4180 writes them."""
    return "".join(line(cells, **how) + end for cells in (made.header, *made.cells))


def plain(made: Rows) -> Encoded:
    """Rows as an ordinary file."""
    return text(made).encode(), made.header, exact(made)
