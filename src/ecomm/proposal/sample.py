"""The beginning of a file as cells: how it is laid out, its header, and its first records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ecomm.batches.reading import kinds
from ecomm.batches.reading.tables import open_table
from ecomm.canonical import BLANKS
from ecomm.delivery import Shape
from ecomm.proposal import layout
from ecomm.proposal.findings import Finding, together

_LOOKED_AT = 1 << 20
"""Bytes at the beginning by which the layout is found."""
_TEXTS = ("csv", "tsv")


@dataclass(frozen=True)
class Sample:
    """The first records of a file (16 MiB), as trimmed cells.

    names: of the header. columns: the cells of each column, one a record; malformed records are left out.
    """

    names: tuple[str, ...]
    columns: Sequence[Sequence[str]]

    def cells(self, places: Mapping[str, int]) -> dict[str, Sequence[str]]:
        """The cells of some columns, by the contract's names."""
        return {column: self.columns[place] for column, place in places.items()}


def laid_out(file: Path, shape: Shape, known: Callable[[Sequence[str]], int]) -> Finding:
    """How a file is laid out, as far as the shape does not say it. Raises FileError if it cannot be unpacked."""
    kind = kinds.kind_of(file, file, shape)
    if kind.format not in _TEXTS:
        return Finding()
    with kinds.content(file, file, kind) as opened:
        data = opened.read(_LOOKED_AT)
        whole = not opened.read(1)
    said = layout.encoding(data) if shape.encoding == "utf-8" else Finding()
    encoding = str(said.settings.get("encoding", shape.encoding))
    text = data.decode(encoding, "replace").removeprefix("\ufeff")
    found = layout.table(text, known, whole=whole)
    default = Shape()
    kept = {n: v for n, v in found.settings.items() if getattr(shape, n) == getattr(default, n)}
    if kind.format == "tsv" and kept.get("delimiter") == "\t":
        del kept["delimiter"]
    return together([said, replace(found, settings=kept)])


def read(file: Path, shape: Shape) -> Sample:
    """The first records of a file. Raises HeaderError, FileError."""
    table = open_table(file, shape)
    first = next(table.stretches(), None)
    if first is None:
        return Sample(tuple(table.names), [[] for _ in table.names])
    whole = first.filter(first["raw_line"].is_null())
    columns = [[cell.strip(BLANKS) for cell in whole[f"c{i}"].to_pylist()] for i in range(len(table.names))]
    return Sample(tuple(table.names), columns)
