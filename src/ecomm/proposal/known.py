"""Which preset's export a file is, by its header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecomm import presets
from ecomm.canonical import BLANKS
from ecomm.contract import Source
from ecomm.delivery import Delivery, Shape
from ecomm.settings import Settings
from ecomm.sources import SOURCES

_FEWEST = 4
"""So many of a shape's headers at least must be there."""


@dataclass(frozen=True)
class Export:
    """A kind of file of a preset. shape: its name among the source's shapes, empty for the source's own."""

    preset: str
    source: str
    shape: str


def recognised(names: Sequence[str], among: Sequence[str] = presets.NAMES, source: str | None = None) -> Export | None:
    """The preset's export that has most of these headers, and all that it must have; None if none has."""
    there = {name.strip(BLANKS).lower() for name in names}
    best, most = None, _FEWEST - 1
    for preset in among:
        for name, delivery in of_preset(preset).sources.items():
            if source not in (None, name):
                continue
            for shape_name, shape in {"": delivery, **delivery.shapes}.items():
                if delivery.read_from and not shape_name and source is None:
                    continue  # its files come for another source
                found = _found(SOURCES[name], delivery, shape, there)
                if found is not None and found > most:
                    best, most = Export(preset, name, shape_name), found
    return best


def of_preset(name: str) -> Settings:
    """The settings of a preset."""
    return Settings(**presets.settings(name))


def _found(source: Source, delivery: Delivery, shape: Shape, there: set[str]) -> int | None:
    """How many of a shape's headers are there; None if one is missing without which nothing is read."""
    demanded = tuple(shape.columns) if shape.part else source.of_shop(delivery, {}).demanded(shape)
    for column in demanded:
        if not _has(shape, column, there):
            return None
    needed = {*shape.only, *shape.line_headers}
    if any(name.lower() not in there for name in needed):
        return None
    names = {name.lower() for column in shape.columns for name in _headers(shape, column)} | {n.lower() for n in needed}
    own = {name for name in names & there if name not in {c.name for c in source.columns}}
    # A header of the contract's names is nobody's; of a file that is half of an order one name of its own will do.
    return len(names & there) if len(own) > (0 if shape.part else 1) else None


def _has(shape: Shape, column: str, there: set[str]) -> bool:
    """The headers are there that a column is made of."""
    computed = shape.computed_of(column)
    if computed is not None:
        names = [name.lower() for name in computed.headers]
        return any(name in there for name in names) if computed.first else all(name in there for name in names)
    return any(name.lower() in there for name in (*shape.headers_of(column), column))


def _headers(shape: Shape, column: str) -> tuple[str, ...]:
    computed = shape.computed_of(column)
    return shape.headers_of(column) if computed is None else computed.headers
