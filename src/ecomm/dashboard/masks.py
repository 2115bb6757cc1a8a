"""Values that tell about a person are not shown unless somebody asked for them at the start.

Which they are is the contract's word: a column marked `personal`. What no contract names could be anything, so it is
treated alike.
"""

from __future__ import annotations

from collections.abc import Mapping

from ecomm.contract import Source

MASK = "•••••"
# What this program adds to a row; it tells where the row is from.
_OWN = frozenset(
    "batch_id revision as_of source_file file_sha256 source_line row_hash op key absent_columns extra_columns "
    "quality_flags effective_date expiry_date is_current origin reasons severity".split()
)


def is_open(source: Source, column: str) -> bool:
    """A column of the source's tables tells nothing about a person."""
    known = {c.name for c in source.stored if not c.personal}
    known |= {f.name for f in (*source.derived_fields, *source.version_fields)}
    return column in known or column in _OWN


def masked(source: Source, row: Mapping[str, object], *, reveal: bool) -> dict[str, object]:
    """A row of stage or target; where nothing stands, nothing is hidden."""
    return {c: v if reveal or v is None or is_open(source, c) else MASK for c, v in row.items()}


def masked_cells(source: Source, raw: Mapping[str, str | None], *, reveal: bool) -> dict[str, str | None]:
    """A record as it stands in its file, by the file's own header names."""
    shown = {name.lower() for c in source.columns if not c.personal for name in (c.name, *c.aliases)}
    hidden = {name.lower() for c in source.columns if c.personal for name in (c.name, *c.aliases)}
    return {
        header: cell if reveal or not cell or header.strip().lower() in shown - hidden else MASK
        for header, cell in raw.items()
    }
