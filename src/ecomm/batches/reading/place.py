"""Where the table is in a file: which record is the header, where the table ends, and how its records are numbered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from ecomm.batches import csvfile
from ecomm.canonical import BLANKS
from ecomm.delivery import Shape
from ecomm.errors import FileError, HeaderError

_FIRST = 3
"""A line below the table that is filled up with empty cells says what it is in its first ones."""


@dataclass
class Table:
    """A file as a header and its records.

    names: of the header. pieces: the records, stretch by stretch (raw_line, c0, ...), from the beginning each time.
    first_cell: of a malformed record, by its raw line. footers: of the shape. plain: where the data begins in a plain
    CSV file that any reader of CSV may read, and its delimiter; None of any other file. unread: how many records at the
    end are none of the table, once it is read. where: the file, for messages.
    """

    names: list[str]
    pieces: Callable[[], Iterator[pa.Table]]
    first_cell: Callable[[str], str] = str
    footers: tuple[str, ...] = ()
    plain: tuple[int, str] | None = None
    unread: int = 0
    where: str = ""

    def stretches(self) -> Iterator[pa.Table]:
        """The records of the table, with their numbers: 1 is the first one after the header.

        Raises FileError if one is another header: the records below it are of another table.
        """
        first, self.unread = 1, 0
        for piece in self.pieces():
            end = self._end_in(piece) if not self.unread else 0
            self.unread += piece.num_rows - end
            if end:
                self._refuse_other_header(piece.slice(0, end), first)
                yield csvfile.numbered(piece.slice(0, end), first)
                first += end

    def _refuse_other_header(self, piece: pa.Table, first: int) -> None:
        """Raise FileError if a record has the header's names in another order. first: the first record's number."""
        if len(self.names) < 2:
            return
        names = [bare(name) for name in self.names]
        stated = [name for name in self.names if bare(name)]
        said = pa.array([*stated, *(f"\ufeff{name}" for name in stated)], pa.string())
        likely = pc.and_(pc.is_in(piece["c0"], said), pc.is_in(piece["c1"], said))
        for at in pc.indices_nonzero(likely).to_pylist():
            cells = [bare(piece[f"c{i}"][at].as_py()) for i in range(len(names))]
            if sorted(cells) == sorted(names) and cells != names:
                raise FileError(
                    f"{self.where}: record {first + at} is another header, with the same names in another order, as in "
                    "exports put behind one another; deliver them as files of their own."
                )

    def _end_in(self, piece: pa.Table) -> int:
        """How many records of a stretch are above the first one whose first cell is a footer's."""
        if not self.footers:
            return int(piece.num_rows)
        pattern = _any_of(self.footers)
        cells = pc.fill_null(piece["c0"], "").to_pylist()
        for at in pc.indices_nonzero(pc.is_valid(piece["raw_line"])).to_pylist():
            raw = piece["raw_line"][at].as_py()
            # `4,record(s) downloaded,...`: what says that it is a footer may be further on in the line.
            cells[at] = raw if pattern.match(bare(raw)) else self.first_cell(raw)
        for at, text in _beginnings(piece):  # the same line, filled up with empty cells
            cells[at] = text if pattern.match(bare(text)) else cells[at]
        return next((n for n, cell in enumerate(cells) if pattern.match(bare(cell))), len(cells))


def _beginnings(piece: pa.Table) -> Iterator[tuple[int, str]]:
    """Records that have nothing behind their first three cells, though the table is twice as wide; these, joined."""
    columns = [piece[name] for name in piece.column_names if name.startswith("c") and name[1:].isdigit()]
    if len(columns) < 2 * _FIRST:
        return
    stated = [pc.not_equal(pc.fill_null(column, ""), "") for column in columns]
    empty = reduce(pc.and_, map(pc.invert, stated[_FIRST:]))
    for at in pc.indices_nonzero(pc.and_(stated[0], empty)).to_pylist():
        yield at, ",".join(column[at].as_py() or "" for column in columns[:_FIRST]).rstrip(",")


def bare(cell: str) -> str:
    """A cell as it is compared: without blanks at its ends, in any case."""
    return cell.strip(BLANKS).casefold()


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """What matches one of the patterns, in which `*` alone is special."""
    return re.compile("|".join(re.escape(bare(pattern)).replace(r"\*", r"[\s\S]*") + r"\Z" for pattern in patterns))


def header_of(rows: Iterator[Sequence[str]], shape: Shape, where: str) -> tuple[list[str], int]:
    """The header of rows of cells, and how many rows it and those above it are. Raises HeaderError if there is none.

    Empty cells at the end of a header are none.
    """
    for number, row in enumerate(rows, start=1):
        if number > shape.skip_lines and is_header(row, shape):
            return trimmed(row), number
    raise no_header(shape, where)


def is_header(cells: Sequence[str], shape: Shape) -> bool:
    """A record is the header: it begins as the shape says, or has any cell if that says nothing."""
    if shape.header_starts_with:
        return bool(cells) and bare(cells[0]) == bare(shape.header_starts_with)
    return any(cell.strip(BLANKS) for cell in cells)


def trimmed(cells: Sequence[str]) -> list[str]:
    """The cells up to the last one that is not empty."""
    last = max((n for n, cell in enumerate(cells, start=1) if cell.strip(BLANKS)), default=0)
    return list(cells[:last])


def no_header(shape: Shape, where: str) -> HeaderError:
    """Why no header was found."""
    if shape.header_starts_with:
        return HeaderError(
            f"{where}: no line begins with a cell {shape.header_starts_with!r}, which header_starts_with names as the "
            "first of the header; look at the file's first lines, and correct the setting."
        )
    if shape.skip_lines:
        return HeaderError(f"{where}: there is no header below the first {shape.skip_lines} lines, which are skipped.")
    return HeaderError(f"{where}: the file is empty; it needs at least a header line.")
