"""Ids as they are compared (`keys.compared`), where a file's records become text; what was delivered stands beside."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ecomm.keys import INVISIBLE, compared


def delivered_name(place: int) -> str:
    """The column that has a cell as it was delivered, where an id was written otherwise than it is compared."""
    return f"d{place}"


def as_compared(piece: pa.Table, places: Sequence[int]) -> pa.Table:
    """The records with the ids in these columns as they are compared; `d<n>`: the cell as delivered, where it is other.

    Records of ASCII alone cost no more than a look.
    """
    for place in places:
        cells, delivered = piece[f"c{place}"].combine_chunks(), pa.nulls(piece.num_rows, pa.string())
        if not pc.all(pc.string_is_ascii(cells)).as_py():
            likely = pc.or_(
                pc.not_equal(pc.utf8_normalize(cells, "NFC"), cells), pc.match_substring_regex(cells, INVISIBLE)
            )
            there = pc.indices_nonzero(pc.fill_null(likely, False)).to_pylist()
            told = {at: (was := cells[at].as_py(), compared(was)) for at in there}
            other = {at: both for at, both in told.items() if both[0] != both[1]}
            if other:
                mask = pa.array([at in other for at in range(len(cells))])
                delivered = pc.if_else(mask, cells, delivered)
                cells = pc.replace_with_mask(cells, mask, pa.array([new for _, new in other.values()], pa.string()))
        piece = piece.set_column(piece.schema.get_field_index(f"c{place}"), f"c{place}", cells)
        piece = piece.append_column(delivered_name(place), delivered)
    return piece


def is_as_compared(text: str) -> bool:
    """No id in a text would be written otherwise."""
    return text.isascii() or compared(text) == text
