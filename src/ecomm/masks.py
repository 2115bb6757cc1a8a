"""What tells about a person is shown to nobody who has not asked for it: one mask for the commands and the dashboard.

Which columns these are is declared in the contracts (`personal`). What no contract names could be anything, and so is
masked too, and so are the lines of records that could not be split into cells. Ids are shown, but an id that is an
e-mail address or a telephone number gets another name: the same one in all of a warehouse, so that it can be followed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ecomm.batches.entry import NAME as LEDGER
from ecomm.column_names import folded
from ecomm.contract import Source
from ecomm.engines import deltafiles
from ecomm.keys import BETWEEN
from ecomm.tables import reserved

MASK = "•••••"
# Both are read by Python and by DuckDB.
_IN_NAME = r"[^\s@,;:<>()/\"']+"
_EMAIL = rf"{_IN_NAME}@{_IN_NAME}\.{_IN_NAME}"
# Digits alone are an id: a number of a person begins with +, or with 0 and has blanks, slashes or parentheses, or is
# of ten digits, as in North America (802-555-0148).
_PHONE = (
    r"(?:\+[0-9 ()./-]{6,20}|\(?0[0-9]{1,5}[ ()/][0-9 ()./-]{4,20}|[2-9][0-9]{2}[.-][2-9][0-9]{2}[.-][0-9]{3})[0-9]"
)
_ANY_EMAIL, _WHOLE_PHONE = re.compile(_EMAIL), re.compile(_PHONE)
# Cells by header name, as they stand in a file or as a person wrote them.
_RECORDS = ("raw", "original", "fixed")


def is_open(source: Source, column: str) -> bool:
    """A column of the source's tables tells nothing about a person."""
    return column in reserved(source.name) and not any(c.personal for c in source.stored if c.name == column)


def is_personal(column: str) -> str:
    """SQL that is true where an id is an e-mail address or a telephone number. column: the program's own text."""
    return f"(regexp_matches({column}, '{_quoted(_EMAIL)}') or regexp_full_match({column}, '{_quoted(_PHONE)}'))"


def masks_of(warehouse: Path, sources: Mapping[str, Source], *, reveal: bool) -> Masks:
    """How the values of a warehouse are shown: an id that is personal has one other name in all of it."""
    return Masks(sources, deltafiles.identity(warehouse / LEDGER).encode(), reveal)


def _quoted(pattern: str) -> str:
    return pattern.replace("'", "''")


@dataclass(frozen=True)
class Masks:
    """How the values of a warehouse are shown. reveal: as they are.

    secret: from which ids that are personal get their other name, so that nobody finds the id by trying.
    """

    sources: Mapping[str, Source]
    secret: bytes
    reveal: bool = False

    def row(self, source: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of a source's stage or target. Where nothing is, nothing is hidden."""
        of = self.sources[source]
        return {c: self.shown(v) if is_open(of, c) else self._hidden(v) for c, v in row.items()}

    def version(self, source: str, version: Mapping[str, Any]) -> dict[str, Any]:
        """A version of a key as `trace` gives it, with the file and line that opened it."""
        return self.row(source, version) | {"origin": version["origin"]}

    def record(self, source: str, cells: Mapping[str, str | None]) -> dict[str, str | None]:
        """A record as it stands in its file, by the file's own header names."""
        of = self.sources[source]
        personal = {n for c in of.columns if c.personal for n in _names(of, c.name, c.aliases)}
        known = {n for c in of.columns if not c.personal for n in _names(of, c.name, c.aliases)} - personal
        return {h: self.shown(v) if folded(h) in known else self._hidden(v) for h, v in cells.items()}

    def line(self, line: str | None) -> str | None:
        """A record that could not be split into cells."""
        return MASK if line and not self.reveal else line

    def key(self, parts: Iterable[str | None]) -> list[Any]:
        """The parts of a key."""
        return [self.shown(part) for part in parts]

    def of_table(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of any table."""
        source, _, kind = table.rpartition("_")
        if source in self.sources and kind in ("stage", "target"):
            return self.row(source, row)
        of = str(row["source"]) if table == "corrections" else source
        return {c: self._cell(table, of, c, v) for c, v in row.items()}

    def table(self, name: str, data: pa.Table) -> pa.Table:
        """The rows of any table; a column of which something is hidden holds texts."""
        if self.reveal:
            return data
        rows = [self.of_table(name, row) for row in data.to_pylist()]
        columns = [self._column([row[field.name] for row in rows], field) for field in data.schema]
        return pa.Table.from_arrays(columns, names=data.column_names)

    @staticmethod
    def _column(cells: Sequence[Any], field: pa.Field) -> pa.Array:
        return pa.array(cells, pa.string() if MASK in cells else field.type)

    def _cell(self, table: str, source: str, column: str, value: Any) -> Any:
        if column in _RECORDS and value is not None:
            return self.record(source, dict(value))
        if column == "raw_line" or (table == LEDGER and column == "trigger"):  # both may hold anything
            return self.line(value)
        return self.shown(value)

    def shown(self, value: Any) -> Any:
        """A value that tells nothing about a person, unless it is an id that does."""
        if self.reveal:
            return value
        if isinstance(value, str):
            return self._other_name(value)
        if isinstance(value, Mapping):
            return {name: self.shown(inner) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.shown(inner) for inner in value)
        return value

    def is_other_name(self, part: str) -> bool:
        """It is no id, but the name by which a personal one is shown."""
        return part.startswith(MASK)

    def id_of(self, part: str, among: Iterable[str]) -> str:
        """The one of some ids that is shown as this part of a key; itself if none is."""
        found = (one for one in among if self._other_name(one) == part) if self.is_other_name(part) else ()
        return next(iter(found), part)

    def _hidden(self, value: Any) -> Any:
        return value if self.reveal or value is None or value == "" else MASK

    def _other_name(self, text: str) -> str:
        if "@" in text:
            return _ANY_EMAIL.sub(lambda found: self._name_of(found[0]), text)
        if BETWEEN in text:
            return BETWEEN.join(map(self._other_name, text.split(BETWEEN)))
        return self._name_of(text) if _WHOLE_PHONE.fullmatch(text) else text

    def _name_of(self, personal: str) -> str:
        return MASK + hmac.new(self.secret, personal.encode(), hashlib.sha256).hexdigest()[:10]


def _names(source: Source, column: str, aliases: Sequence[str]) -> set[str]:
    """What the headers of a contract column may be called, in the shop's shapes too."""
    theirs = (name for shape in source.delivery.all_shapes for name in shape.headers_of(column))
    return {folded(name) for name in (column, *aliases, *theirs)}
