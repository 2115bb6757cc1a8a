"""What a look over a CSV file's bytes says to a reader that is not exact: whether it may read the file, and how.

Spark's reader works on many machines at once, and guesses where a file is odd. It finds the records that the landing
finds if quotes stand only around whole fields, line ends are regular, the bytes are UTF-8 in composed form and both
take the same lines to be blank; records may have too few or too many fields. Any other file is the landing's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecomm.batches.csvfile import BOM, CHUNK, look
from ecomm.batches.dialect import Dialect
from ecomm.batches.reading.ids import is_as_compared

_UNSEEN = bytes(range(33))
"""A line of these bytes is blank to Spark, which drops it."""


@dataclass(frozen=True)
class Survey:
    """A file that Spark's reader may read.

    records: how many it must find. multiline: some hold a newline. longest: no record has more bytes, nor fields.
    """

    records: int
    multiline: bool
    longest: int


def survey(path: Path, width: int, offset: int, form: Dialect) -> Survey | None:
    """Look over a file with `width` fields whose data begins at `offset`; None if only the landing reads it right."""
    with path.open("rb") as file:
        head = file.read(offset).removeprefix(BOM)
        seen = look(head, True, form)
        # One line, for what Spark takes to be the header is the first that is not blank.
        if width < 2 or seen is None or seen.ends.tolist() != [len(head) - 1]:
            return None
        records, multiline, longest, only_empty = 0, seen.quoted, len(head), True
        returns = b"\r" in head
        rest, eof = b"", False
        while not eof:
            block = file.read(CHUNK)
            eof = len(block) < CHUNK
            data = rest + block
            if not data:
                break
            seen = look(data, eof, form)
            # Spark may drop a byte order mark wherever one of its parts begins.
            if seen is None or BOM in data or not _is_plain(stretch := data[: seen.end]):
                return None
            counted = _records(stretch, seen.ends, form)
            if counted is None:
                return None
            found, most, empty = counted
            records, longest, only_empty = records + found, max(longest, most), only_empty and empty
            multiline |= seen.quoted
            returns |= b"\r" in stretch
            rest = data[seen.end :]
    # Where newlines may stand within quotes, Spark changes "\r\n" into "\n" there, and takes "  " for a record.
    if multiline and (returns or not only_empty):
        return None
    return Survey(records, multiline, longest)


def _is_plain(data: bytes) -> bool:
    """It is UTF-8, and whatever cells of it are ids, they are written as they are compared."""
    try:
        return is_as_compared(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _records(data: bytes, ends: np.ndarray, form: Dialect) -> tuple[int, int, bool] | None:
    """How many records the lines are, the bytes of the longest, and whether those that are none are empty.

    None if Spark takes other lines to be blank.
    """
    stops = ends if data.endswith(b"\n") else np.append(ends, len(data))
    starts = np.concatenate(([0], stops[:-1] + 1))
    blank, only_empty = 0, True
    for at in np.flatnonzero(np.frombuffer(data, dtype=np.uint8)[starts] < len(_UNSEEN)):
        line = data[starts[at] : stops[at]].removesuffix(b"\r")
        if line.strip(_UNSEEN):
            continue
        if line.strip(form.blank):
            return None
        blank += 1
        only_empty &= not line
    return len(stops) - blank, int(np.max(stops - starts)), only_empty
