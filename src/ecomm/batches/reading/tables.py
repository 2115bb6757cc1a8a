"""The port: a file and its shape become the header's names, and its records as columns of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ecomm.batches import csvfile
from ecomm.batches.reading import columns, delimited, ids, kinds, objects, sheets
from ecomm.batches.reading.place import Table
from ecomm.delivery import Shape

_READERS = {
    "csv": delimited.table,
    "tsv": delimited.table,
    "xlsx": sheets.table,
    "json": objects.table,
    "ndjson": objects.table,
    "parquet": columns.table,
}


def open_table(path: Path, shape: Shape, where: Path | None = None) -> Table:
    """A file as a table: its header is read, its records are not yet.

    where: the landed file, if `path` is a copy of it: its name states the format, and messages name it.
    Raises HeaderError if there is no header, FileError if the file cannot be read as what it is, StorageError.
    """
    named = where or path
    kind = kinds.kind_of(path, named, shape)
    table = _READERS[kind.format](path, named, shape, kind)
    table.where = str(named)
    return table


def land(table: Table, into: Path, of_ids: Sequence[int] = ()) -> int:
    """Write a table's records as a Parquet file of text columns; give their number.

    of_ids: where ids are. Columns: source_line (1 = the first record after the header), raw_line (only of a malformed
    record), c0, c1, ... (NULL in a malformed record; an empty cell is empty text; ids as they are compared), and for
    each place of ids d<n>: the cell as delivered, if it is other. Raises FileError if the file is damaged further on.
    """
    pieces = (ids.as_compared(piece, of_ids) for piece in table.stretches())
    return csvfile.write(pieces, len(table.names), into, [ids.delivered_name(place) for place in of_ids])
