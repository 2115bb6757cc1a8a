"""What tells about a person is shown to nobody who has not asked for it: one mask for the commands and the dashboard.

Which columns these are is declared in the contracts (`personal`). What no contract names could be anything, and so is
masked too, and so are the lines of records that could not be split into cells. Ids are shown, but one that is an e-mail
address or a telephone number, or a customer's name, gets another name: the same one in all of a warehouse, so that it
can be followed.
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
from ecomm.contract import ContractColumn, Source
from ecomm.engines import deltafiles
from ecomm.keys import parts_of, prefixed_parts, written
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
_CUSTOMER = "customer_id"
# A customer's id with a blank inside is rather a name.
_NAME = r"[^\s]\s+[^\s]"
_ANY_EMAIL, _WHOLE_PHONE, _ANY_NAME = re.compile(_EMAIL), re.compile(_PHONE), re.compile(_NAME)
# More letters than a sign of a currency, AM, or a short name of a month has.
_WORD = re.compile(r"[^\W\d_]{4}")
_RECORDS = ("original", "fixed")


def is_open(source: Source, column: str) -> bool:
    """A column of the source's tables tells nothing about a person."""
    return column in reserved(source.name) and not any(c.personal for c in source.stored if c.name == column)


def is_personal(column: str) -> str:
    """SQL that is true where an id is personal, as `Masks.id` sees it. column: an id's, the program's own text."""
    name = f" or regexp_matches({column}, '{_NAME}')" if column == _CUSTOMER else ""
    found = (f"regexp_matches({column}, '{_quoted(_EMAIL)}')", f"regexp_full_match({column}, '{_quoted(_PHONE)}')")
    return f"({' or '.join(found)}{name})"


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
        seen = {c: self.shown(v, c) if is_open(of, c) else self._hidden(v) for c, v in row.items()}
        if row.get("key"):  # stage's, which has the length of each part before it
            seen["key"] = "".join(f"{len(part)}:{part}" for part in self.key(source, prefixed_parts(row["key"])))
        return seen

    def version(self, source: str, version: Mapping[str, Any]) -> dict[str, Any]:
        """A version of a key as `trace` gives it, with the file and line that opened it."""
        return self.row(source, version) | {"origin": version["origin"]}

    def record(self, source: str, cells: Mapping[str, str | None]) -> dict[str, str | None]:
        """A record as it stands in its file, by the file's own header names.

        A word in a column of numbers or days is not shown: where it is, the record's cells may be in wrong places.
        """
        of = self.sources[source]
        personal = {n for c in of.columns if c.personal for n in _names(of, c)}
        known = {n: c for c in of.columns if not c.personal for n in _names(of, c) if n not in personal}
        return {h: self._standing(known.get(folded(h)), v) for h, v in cells.items()}

    def _standing(self, column: ContractColumn | None, cell: str | None) -> str | None:
        if column is None or (cell and column.type != "string" and _WORD.search(cell)):
            return self.line(cell)
        return None if cell is None else str(self.shown(cell, column.name))

    def line(self, line: str | None) -> str | None:
        """A record that could not be split into cells."""
        return MASK if line and not self.reveal else line

    def key(self, source: str, parts: Sequence[str]) -> list[str]:
        """The parts of a source's key, or the first of them."""
        return [str(self.shown(part, name)) for name, part in zip(self.sources[source].key, parts, strict=False)]

    def of_table(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of any table."""
        source, _, kind = table.rpartition("_")
        if source in self.sources and kind in ("stage", "target"):
            return self.row(source, row)
        if source in self.sources and kind == "errors":
            return {c: self._of_errors(source, c, row) for c in row}
        if table == "corrections":
            return {c: self.record(row["source"], dict(v)) if c in _RECORDS else self.shown(v) for c, v in row.items()}
        if table == "validation_results" and row.get("sample_keys") and row.get("table_name") in self.sources:
            keys = [self._written(row["table_name"], key) for key in row["sample_keys"]]
            return {**row, "sample_keys": keys}
        if table == LEDGER:  # a trigger may hold anything
            return {c: self.line(v) if c == "trigger" else self.shown(v) for c, v in row.items()}
        return {c: self.shown(v, c) for c, v in row.items()}

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

    def _of_errors(self, source: str, column: str, row: Mapping[str, Any]) -> Any:
        value = row[column]
        if value is None or column not in ("raw", "raw_line", "key", "key_parts"):
            return value
        if column == "raw":
            return self.record(source, dict(value))
        if column == "raw_line":
            return self.line(value)
        return self.key(source, value) if column == "key_parts" else self._written(source, value)

    def _written(self, source: str, key: str) -> str:
        return written(self.key(source, parts_of(key, len(self.sources[source].key))))

    def shown(self, value: Any, column: str = "") -> Any:
        """A value that tells nothing about a person, unless it is an id, or a text, that does. column: whose it is."""
        if self.reveal:
            return value
        if isinstance(value, str):
            return self._other_name(value, column)
        if isinstance(value, Mapping):
            return {name: self.shown(inner, name) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.shown(inner) for inner in value)
        return value

    def is_other_name(self, part: str) -> bool:
        """It is no id, but the name by which a personal one is shown."""
        return part.startswith(MASK)

    def id_of(self, part: str, column: str, among: Iterable[str]) -> str:
        """The one of some ids that is shown as this part of a key; itself if none is."""
        found = (one for one in among if self._other_name(one, column) == part) if self.is_other_name(part) else ()
        return next(iter(found), part)

    def _hidden(self, value: Any) -> Any:
        return value if self.reveal or value is None or value == "" else MASK

    def _other_name(self, text: str, column: str) -> str:
        if (column == _CUSTOMER and _ANY_NAME.search(text)) or _WHOLE_PHONE.fullmatch(text):
            return self._name_of(text)
        return _ANY_EMAIL.sub(lambda found: self._name_of(found[0]), text) if "@" in text else text

    def _name_of(self, personal: str) -> str:
        return MASK + hmac.new(self.secret, personal.encode(), hashlib.sha256).hexdigest()[:10]


def _names(source: Source, column: ContractColumn) -> set[str]:
    """What the headers of a contract column may be called, in the shop's shapes too."""
    theirs = (name for shape in source.delivery.all_shapes for name in shape.headers_of(column.name))
    return {folded(name) for name in (column.name, *column.aliases, *theirs)}
