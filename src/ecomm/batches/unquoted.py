"""A stretch of a CSV file without quotes: each line is a record; a malformed one has too many or few delimiters."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from ecomm.batches.dialect import Dialect

_UNUSED = (b"\x01", b"\x02", b"\x1e", b"\x1f")


def records(stretch: bytes, width: int, form: Dialect, longest: int) -> pa.Table | None:
    """The records as raw_line (only of a malformed record), c0, c1, ...; None if the stretch is not so simple.

    stretch: regular line ends, no quote, no escape. longest: bytes of the longest record.
    """
    delimiter = next((d for d in _UNUSED if d not in stretch), None)
    if delimiter is None or form.blank_rows or form.surplus:
        return None
    try:
        read = pcsv.read_csv(
            io.BytesIO(stretch),
            read_options=pcsv.ReadOptions(column_names=["line"], block_size=4 * longest),
            parse_options=pcsv.ParseOptions(delimiter=delimiter.decode(), quote_char=False, ignore_empty_lines=True),
            convert_options=pcsv.ConvertOptions(column_types={"line": pa.string()}, strings_can_be_null=False),
        )
    except pa.ArrowInvalid:  # not UTF-8
        return None
    lines = read["line"].combine_chunks()
    lines = lines.filter(pc.not_equal(pc.utf8_trim(lines, form.blank.decode()), ""))
    end = form.delimiter.decode()
    good = pc.equal(pc.count_substring(lines, end), width - 1)
    cells = pc.list_flatten(pc.split_pattern(lines.filter(good), end))
    # Where the cells of each record are among those of the good ones; nowhere for a malformed one.
    place = np.cumsum(good.to_numpy(zero_copy_only=False)) - 1
    first = pa.array(place * width, mask=~good.to_numpy(zero_copy_only=False))
    columns = {f"c{i}": cells.take(pc.add(first, i)) for i in range(width)}
    return pa.table({"raw_line": pc.if_else(good, pa.scalar(None, pa.string()), lines), **columns})
