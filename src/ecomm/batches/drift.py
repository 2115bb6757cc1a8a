"""Columns that disappear: a header lacks what the settings name, or what the source's last batch had.

The last batch is the live one before this batch, by as-of and id, that has records of the source in files of the same
shape. A batch that arrives late is compared with its own neighbour; what was found before it came stays as it was.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ecomm.batches.entry import Entry, FileEntry
from ecomm.contract import Header, Severity, Source

NAME = "column_disappeared"
MEANING = "a header lacks a column that the last batch of the source had (MEDIUM), or that the settings name (HIGH)"
_LONGEST = 60  # characters of a header name that a sentence shows

Position = tuple[datetime, bytes]


@dataclass(frozen=True)
class Lost:
    """A column that a file's header lacks.

    batch: the file's. names: what the header may call it. before: the batch that had it; None if the settings name it.
    successor: the header name of the new column that probably took its place. remedy: how the settings say so, with
    `{}` for that name.
    """

    batch: str
    file: str
    column: str
    names: tuple[str, ...]
    before: str | None = None
    successor: str | None = None
    remedy: str = ""

    @property
    def severity(self) -> Severity:
        """How loud it is."""
        return Severity.HIGH if self.before is None else Severity.MEDIUM

    @property
    def sentence(self) -> str:
        """What is missing, what took its place, and how to say so."""
        names = " or ".join(map(_shown, self.names))
        called = names if self.names == (self.column,) else f"{names} (for {self.column})"
        known = f"batch {self.before} had" if self.before else "the settings name"
        said = f"{self.file} lacks the column {called}, which {known}"
        if self.successor is None:
            return f"{said}." if self.before else f"{said}; correct the settings, or take it out of them."
        said += f"; the new column {_shown(self.successor)} is probably its successor"
        remedy = self.remedy.replace("{}", _quoted(self.successor))
        again = f"`ecomm replay --from {shlex.quote(self.batch)} --settings now`"
        return f"{said}: {remedy}, then {again}." if remedy else f"{said}."


def columns_of(source: Source, header: Header) -> tuple[str, ...]:
    """The contract's columns that a header has, in the contract's order, then its extra ones."""
    return (*(c.name for c in source.columns if c.name not in header.absent), *sorted(header.extras))


def level(losses: Iterable[Lost]) -> Severity:
    """How loud the loudest of some losses is."""
    return Severity.HIGH if any(one.severity is Severity.HIGH for one in losses) else Severity.MEDIUM


def meaning(losses: Iterable[Lost]) -> str:
    """The sentences of some losses; what the check says where there are none."""
    together: dict[object, list[Lost]] = {}
    for one in losses:
        alone = one.successor or one.before is None
        together.setdefault(one if alone else (one.file, one.before), []).append(one)
    return " ".join(dict.fromkeys(map(_about, together.values()))) or MEANING


def _about(losses: Sequence[Lost]) -> str:
    """One sentence about the columns that a file lacks and that a batch had."""
    first = losses[0]
    if len(losses) == 1:
        return first.sentence
    names = ", ".join(_shown(name) for one in losses for name in one.names)
    return f"{first.file} lacks the columns {names}, which batch {first.before} had."


def lost(
    source: Source, files: Iterable[tuple[FileEntry, Header]], live: Mapping[str, Entry], position: Position
) -> list[Lost]:
    """The columns that the headers of a batch's files lack. live: the live log without this batch."""
    found: list[Lost] = []
    by_shape: dict[str, list[tuple[FileEntry, Header]]] = {}
    for file, header in files:
        by_shape.setdefault(_name_of(source, file.name), []).append((file, header))
    for name, ours in by_shape.items():
        last = _last(source, name, live, position)
        now = frozenset(column for _, header in ours for column in columns_of(source, header))
        for file, header in ours:
            found += _lost_of(source, name, file, header, last, now)
    return [replace(one, batch=position[1].decode()) for one in found]


def _lost_of(
    source: Source, shape_name: str, file: FileEntry, header: Header, last: _Last | None, now: frozenset[str]
) -> list[Lost]:
    """The columns that one header lacks. now: what any file of this shape in this batch has."""
    delete, place = source.delivery.delete_column, f"sources.{source.name}"
    of_shape = f"{place}.shapes.{shape_name}" if shape_name else place
    named = _named(header, of_shape)
    found = [
        Lost("", file.name, c, names, remedy=how) for c in header.absent if c in named for names, how in [named[c]]
    ]
    if delete is not None and header.deletes is None:
        remedy = f"set delete_column = {{}} in [{place}]"
        found.append(Lost("", file.name, "delete_column", (delete,), remedy=remedy))
    had = frozenset[str]() if last is None else (last.every - {*columns_of(source, header)}) | (last.any - now)
    for column in sorted(had - named.keys()):
        in_contract = any(c.name == column for c in source.columns)
        remedy = f"set {column} = [{json.dumps(column)}, {{}}] in [{of_shape}.columns]" if in_contract else ""
        found.append(Lost("", file.name, column, (column,), last.batch_id if last else None, remedy=remedy))
    known = frozenset[str]() if last is None else last.any
    new = [header.names[i] for name, i in header.extras.items() if name not in known and i != header.deletes]
    return _with_successors(source, found, new)


def _with_successors(source: Source, found: Sequence[Lost], new: Sequence[str]) -> list[Lost]:
    """Each loss with the new column that probably took its place.

    It has the same bare name; or it is the only new column that is left, and the loss the only one without a successor.
    """
    aliases = {c.name: c.aliases for c in source.columns}
    named: dict[Lost, str] = {}
    for one in found:
        wanted = {_bare(name) for name in (one.column, *one.names, *aliases.get(one.column, ()))}
        same = [name for name in new if _bare(name) in wanted]
        if same:
            named[one] = same[0]
    left = [name for name in new if name not in named.values()]
    without = [one for one in found if one not in named]
    if len(left) == len(without) == 1:
        named[without[0]] = left[0]
    return [replace(one, successor=named.get(one)) for one in found]


def _named(header: Header, place: str) -> dict[str, tuple[tuple[str, ...], str]]:
    """The contract columns that the settings take from every file: their header names and the remedy."""
    shape, named = header.shape, {}
    there = {_bare(name) for name in header.names}
    for column in (*shape.fill_down, *shape.columns):
        computed = shape.computed_of(column)
        names = (shape.headers_of(column) or (column,)) if computed is None else computed.headers
        if computed is not None:
            names = tuple(name for name in names if _bare(name) not in there)
        said = f"set {column} = [{', '.join(map(_quoted, names))}, {{}}]"
        if names and not shape.may_lack(column):
            remedy = f"{said} in [{place}.columns]" if computed is None else f"correct {column} in [{place}.columns]"
            named[column] = (names, remedy)
    return named


@dataclass(frozen=True)
class _Last:
    """The last batch of a source: which columns every file of it had, and which any had."""

    batch_id: str
    every: frozenset[str]
    any: frozenset[str]


def _last(source: Source, shape_name: str, live: Mapping[str, Entry], position: Position) -> _Last | None:
    earlier = []
    for batch, entry in live.items():
        files = [
            f
            for f in entry.files
            if f.source == source.name and f.rows_read and f.columns and _name_of(source, f.name) == shape_name
        ]
        if files and entry.as_of is not None and (entry.as_of, batch.encode()) < position:
            earlier.append(((entry.as_of, batch.encode()), batch, files))
    if not earlier:
        return None
    _, batch, files = max(earlier, key=lambda one: one[0])
    return _Last(batch, _common(files), _common(files, any_of=True))


def _common(files: Sequence[FileEntry], *, any_of: bool = False) -> frozenset[str]:
    sets = [frozenset(f.columns) for f in files]
    return frozenset[str]().union(*sets) if any_of else frozenset.intersection(*sets)


def _name_of(source: Source, file: str) -> str:
    """The name of a file's shape in the settings of now; empty for the source's own."""
    return next((name for name, shape in source.delivery.shapes.items() if shape.reads(file)), "")


def _bare(name: str) -> str:
    """A name without case, blanks and signs: `Order Status` and `order_status` are the same."""
    return re.sub(r"[\W_]+", "", name.casefold())


def _shown(name: str) -> str:
    short = " ".join(name.split())
    return short if len(short) <= _LONGEST else f"{short[:_LONGEST]}..."


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
