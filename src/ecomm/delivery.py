"""How a shop delivers the files of a source: the shapes that its files have, and what a file's rows mean.

Plain declarations, without PySpark. `settings` reads them from `[sources.<source>]` and
`[sources.<source>.shapes.<name>]`.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase

from pydantic import TypeAdapter

POSITION = "position"
"""The `line_id` of files in which an order is always whole: the record's number within its order."""

LINE_SEPARATOR = "|"
"""Stands between the cells of a `line_id` that is made of several headers."""

FORMATS = ("csv", "tsv", "xlsx", "ndjson", "json", "parquet")
_NOT_OF_FILES = ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7")


def codec_of(encoding: str) -> str:
    """Python's name of an encoding: `utf-8` for `UTF8` and `utf-8-sig`. Raises LookupError if it is none of a text."""
    try:
        found = codecs.lookup(encoding)
        "".encode(found.name)  # refuses what is no encoding of a text
    except ValueError as error:
        raise LookupError(encoding) from error
    if found.name in _NOT_OF_FILES:
        raise LookupError(encoding)
    return "utf-8" if found.name == "utf-8-sig" else found.name


@dataclass(frozen=True)
class Computed:
    """A contract column that is not one cell of the file. Exactly one of the ways is set; all name headers.

    product: the product of two numbers, such as quantity and unit price. constant: the same text in every record.
    joined: the texts of several cells with `separator` between those that are not empty. first: the first of several
    cells that is not empty. share_of: the record's part of a total that stands once or repeated for the whole order,
    in proportion to the product of the numbers in `by`; the parts of an order add up to its total exactly.
    """

    product: tuple[str, ...] = ()
    constant: str | None = None
    joined: tuple[str, ...] = ()
    separator: str = " "
    first: tuple[str, ...] = ()
    share_of: str | None = None
    by: tuple[str, ...] = ()

    @property
    def headers(self) -> tuple[str, ...]:
        """The header names that the column is made of."""
        total = () if self.share_of is None else (self.share_of,)
        return (*self.product, *self.joined, *self.first, *total, *self.by)

    @property
    def needs_all(self) -> bool:
        """It cannot be computed if one of its headers is missing; what is joined, or the first of several, can."""
        return not (self.joined or self.first)

    def can_do_with(self, found: Collection[str]) -> bool:
        """It can be computed from these of its headers."""
        return all(name in found for name in self.headers) if self.needs_all else bool(found)

    @property
    def ways(self) -> int:
        """How many ways are set; one is right."""
        return sum(map(bool, (self.product, self.joined, self.first, self.share_of))) + (self.constant is not None)


ColumnOf = str | tuple[str, ...] | Computed
"""Where a contract column comes from: a header name, several of which the first that is there counts, or computed.
An empty name among several says that a file may have none of them.
"""


@dataclass(frozen=True)
class Shape:
    """How one kind of file is read: which bytes are records, and which text of a cell is which value.

    files: patterns of file names (`pos*.csv`), in any case; the source's own shape, which has none, reads the others.

    Bytes to records. format: csv, tsv, xlsx, ndjson, json or parquet; empty: by the file's name. encoding: of text
    formats. delimiter, quote, escape: of csv. skip_lines: lines above the header. header_starts_with: the first cell of
    the header line. footers: patterns of first cells; the table ends above the first record that matches one.
    ignore_blank_rows: records of empty cells alone are none. ignore_surplus_cells: empty cells beyond the header's are
    none. sheet: of a workbook. only: header name -> the words of its cell with which a record is one of this source's,
    `*` for any; the others are left out, and counted.

    Records to columns. columns: contract column -> where it comes from. line_id: `position`, or the header, or headers,
    that tell the lines of an order apart. fill_down: contract columns that only the first record of an order states.
    without: required columns that the shop does not have. part: `heads` or `lines`, where orders and their lines come
    in two files of a batch.

    Texts to values. null_values: texts that mean an empty cell. nobody: texts of customer_id that mean nobody.
    text_markers: a leading apostrophe, or `="..."`, only says that the cell is a text. values: contract column -> a
    word of the shop -> the contract's word. date_format: how days are written besides ISO, one or several.
    date_language: of month names. decimal_comma: 12,50 is twelve and a half. amounts: `plain`, or `written`, with
    currency signs, thousands separators and negative amounts in parentheses or with a trailing minus. cents: columns
    that state hundredths. decimals: what becomes of an amount with more decimals than its currency has: `reject` or
    `round`.
    """

    files: tuple[str, ...] = ()
    format: str = ""
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    skip_lines: int = 0
    header_starts_with: str = ""
    footers: tuple[str, ...] = ()
    ignore_blank_rows: bool = False
    ignore_surplus_cells: bool = False
    sheet: str = ""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[str, ColumnOf] = field(default_factory=dict)
    line_id: str | tuple[str, ...] = ""
    fill_down: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    part: str = ""
    null_values: tuple[str, ...] = ()
    nobody: tuple[str, ...] = ()
    text_markers: bool = False
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    date_format: str | tuple[str, ...] = ()
    date_language: str = "en"
    decimal_comma: bool = False
    amounts: str = "plain"
    cents: tuple[str, ...] = ()
    decimals: str = "reject"

    @property
    def date_formats(self) -> tuple[str, ...]:
        """How days are written besides ISO."""
        return (self.date_format,) if isinstance(self.date_format, str) else self.date_format

    @property
    def line_headers(self) -> tuple[str, ...]:
        """The headers that tell the lines of an order apart; none if it is their position, or nothing does."""
        if isinstance(self.line_id, tuple):
            return self.line_id
        return () if self.line_id in ("", POSITION) else (self.line_id,)

    def headers_of(self, column: str) -> tuple[str, ...]:
        """The names that the shop's headers have for a contract column; none if it is computed or not named."""
        said = self.columns.get(column)
        if isinstance(said, str):
            return (said,)
        return tuple(name for name in said if name) if isinstance(said, tuple) else ()

    def may_lack(self, column: str) -> bool:
        """The settings say that a file need not have the column: an empty name stands in its list."""
        said = self.columns.get(column)
        return isinstance(said, tuple) and "" in said

    def computed_of(self, column: str) -> Computed | None:
        """How a contract column is computed, if it is."""
        said = self.columns.get(column)
        return said if isinstance(said, Computed) else None

    @property
    def contract_columns(self) -> tuple[str, ...]:
        """The contract columns that it names."""
        return (*self.columns, *self.fill_down, *self.without, *self.values, *self.cents)

    @property
    def plain_texts(self) -> bool:
        """Every cell has the contract's text as it is, and stands where its column is."""
        said = (self.fill_down, self.null_values, self.nobody, self.values, self.date_formats, self.cents)
        computed = any(isinstance(way, Computed) for way in self.columns.values())
        return not (any(said) or computed or self.text_markers or self.decimal_comma or self.notes)

    @property
    def notes(self) -> bool:
        """The reading of its cells finds what rules name: a sign of another currency, a rounded amount."""
        return self.amounts != "plain" or self.decimals != "reject"

    def reads(self, name: str) -> bool:
        """A file of this name has this shape, by its patterns."""
        return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in self.files)


_SHAPE = TypeAdapter(Shape)


def written(shape: Shape) -> str:
    """What a shape has that the default does not, as JSON text; empty if nothing. Without its file patterns.

    It is what the ledger keeps of a file's shape; of a source's own shape, only what is part of a shape.
    """
    alone = Shape(**{f.name: getattr(shape, f.name) for f in fields(Shape) if f.name != "files"})
    return "" if alone == Shape() else _SHAPE.dump_json(alone, exclude_defaults=True).decode()


def read(text: str) -> Shape:
    """The shape that a text of `written` describes."""
    return _SHAPE.validate_json(text or "{}")


@dataclass(frozen=True)
class Delivery(Shape):
    """How one shop delivers the files of one source: the shape of its files, and what their rows mean.

    shapes: further shapes, each for the files that its patterns name; a shape stands for itself and takes nothing from
    the source's own. key: the key columns, where they are not the contract's (not of orders).
    absence: `close` if a batch's files are a complete snapshot, so that a key which they do not mention ends;
    absence_scope: key columns whose values such a snapshot speaks of. whole_orders: a statement of an order lists all
    its lines, so a line that a later one lacks ends. refunds: `status` (a refund is a status, a negative amount is
    rejected) or `rows` (a row with a negative amount is a refund of its own). delete_column, delete_values: a row with
    such a value (as a word) under this header name ends its key. read_from: another source whose files are read for
    this one too, by this source's shapes; where the source's own shape has `files`, only those of such names. A record
    of them without a key states nothing of this source, and is left out.
    """

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    absence: str = "keep"
    absence_scope: tuple[str, ...] = ()
    whole_orders: bool = False
    refunds: str = "status"
    delete_column: str | None = None
    delete_values: tuple[str, ...] = ("true", "t", "yes", "y", "1")
    read_from: str = ""

    def borrows(self, name: str) -> bool:
        """A file of this name that comes for `read_from` is read for this source too."""
        return bool(self.read_from) and (not self.files or any(shape.reads(name) for shape in self.all_shapes))

    @property
    def silence(self) -> str:
        """What a file's silence about a key means, as the ledger keeps it: `keep`, or `close` and its scope.

        A whole order is a snapshot of that order's lines, and of no refund of it.
        """
        if self.absence == "close":
            return " ".join(("close", *self.absence_scope))
        return "close order_id refund_id" if self.whole_orders else "keep"

    @property
    def all_shapes(self) -> tuple[Shape, ...]:
        """The source's own shape, then the named ones."""
        return (self, *self.shapes.values())

    def shape_of(self, name: str) -> Shape:
        """The shape of a file by its name: the first named one that reads it, else the source's own."""
        return next((shape for shape in self.shapes.values() if shape.reads(name)), self)
