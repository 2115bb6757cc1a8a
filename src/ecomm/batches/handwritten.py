"""Small CSV files that people write, or spreadsheets save: read as a whole, with cells of any length.

Python's own reader refuses a cell of more than 131,072 characters, and its limit is that of the whole process.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecomm.batches.csvfile import take
from ecomm.batches.dialect import dialect


def records(text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str] | None]]:
    """The records that are not blank: the number of the line where each begins, and its cells.

    None instead of the cells if the quotes of a record are broken; then the next line is read as a record.
    """
    form, data = dialect(delimiter), text.encode("utf-8", "surrogatepass")
    at, line = 0, 1
    while at < len(data):
        taken = take(data, at, True, form, len(data))
        assert taken is not None  # all of the data is there
        end, cells, raw = taken
        if raw.strip(form.blank):
            yield line, None if cells is None else [cell.decode("utf-8", "surrogatepass") for cell in cells]
        line += data.count(b"\n", at, end)
        at = end
