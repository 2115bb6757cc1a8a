"""How a text file is laid out: its encoding, its delimiter, where its header is and where its table ends."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Sequence

from ecomm.batches import handwritten
from ecomm.canonical import BLANKS
from ecomm.proposal.findings import Finding

_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_DELIMITERS = ",;\t|"
_NULS = 20
"""UTF-16 has a NUL in more than one byte of so many: those of commas, digits and line ends at least."""
_SEARCHED = 40
"""Records at the beginning in which the header may be."""
_SEP = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
_MULTI_BYTE = ("gb18030", "shift_jis", "big5", "euc_kr")

Rows = Sequence[Sequence[str]]


def encoding(data: bytes) -> Finding:
    """The encoding of a file, by its mark or its bytes. data: its beginning, up to a whole record."""
    for mark, name in _BOMS.items():
        if data.startswith(mark):
            return Finding() if name == "utf-8" else Finding({"encoding": name})
    even, odd = data[:4096:2].count(0), data[1:4096:2].count(0)
    if (even + odd) * _NULS > len(data[:4096]):
        return Finding({"encoding": "utf-16-le" if odd > even else "utf-16-be"})
    try:
        data.decode("utf-8")
        return Finding()
    except UnicodeDecodeError:
        return _of_bytes(data)


def _of_bytes(data: bytes) -> Finding:
    """The encoding of a text whose bytes are not UTF-8: letters with accents stand alone, other scripts in runs."""
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", data)]
    if sum(n == 1 for n in runs) * 2 >= len(runs):
        return Finding(
            {"encoding": "cp1252"}, notes=("The file is not UTF-8; it is read as cp1252, as Excel saves it.",)
        )
    fitting = [name for name in _MULTI_BYTE if _decodes(data, name)]
    ways = ", ".join(f'"{name}"' for name in ["cp1251", *fitting])
    said = (
        f"The file is not UTF-8, and its script is not Latin. In which encoding is it? Set encoding to one of {ways}."
    )
    return Finding({"encoding": fitting[0]} if fitting else {"encoding": "cp1251"}, asks=(said,))


def _decodes(data: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def table(text: str, known: Callable[[Sequence[str]], int], *, whole: bool) -> Finding:
    """Delimiter, header line and footers of a delimited text.

    known: how many columns of the contract a header names. whole: the text is all of the file, so that its end shows.
    """
    said = _SEP.match(text)
    if said is not None:
        rows = _rows(text[said.end() :], said[1])
        return _place(rows, known, whole, {} if said[1] == "," else {"delimiter": said[1]})
    best, most = ",", (-1, 0.0, 0)
    for delimiter in _DELIMITERS:
        rows = _rows(text, delimiter)
        header = _header(rows, known)
        width = len(rows[header]) if rows else 0
        below = rows[header + 1 :]
        share = sum(len(row) == width for row in below) / len(below) if below else 1.0
        named = known(rows[header]) if rows else 0
        if width > 1 and (named, share, width) > most:
            best, most = delimiter, (named, share, width)
    settings: dict[str, object] = {} if best == "," else {"delimiter": best}
    rows = _rows(text, best)
    if rows and _begins_empty(text, best):
        settings["header_starts_with"] = rows[_header(rows, known)][0].strip(BLANKS)
    return _place(rows, known, whole, settings)


def _begins_empty(text: str, delimiter: str) -> bool:
    """The first record has cells, and all of them are empty: the header is further down."""
    first = next(handwritten.records(text, delimiter), (1, None))[1] or ()
    return len(first) > 1 and not any(cell.strip(BLANKS) for cell in first)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """The records that are not empty, without those with broken quotes."""
    return [row for _, row in handwritten.records(text, delimiter) if row and any(cell.strip(BLANKS) for cell in row)]


def _header(rows: Rows, known: Callable[[Sequence[str]], int]) -> int:
    """Which row is the header: the first one that names most columns; if none does, the first one if it is as wide as
    most, else the first that is.
    """
    named = [known(row) for row in rows[:_SEARCHED]]
    if named and max(named) > 1:
        return named.index(max(named))
    width = Counter(len(row) for row in rows).most_common(1)[0][0] if rows else 0
    return next((i for i, row in enumerate(rows[:_SEARCHED]) if len(row) == width), 0)


def _place(rows: Rows, known: Callable[[Sequence[str]], int], whole: bool, settings: dict[str, object]) -> Finding:
    notes: list[str] = []
    header = _header(rows, known)
    if header:
        first = rows[header][0].strip(BLANKS)
        if not first or any(row[0].strip(BLANKS).lower() == first.lower() for row in rows[:header]):
            settings["skip_lines"] = header
        else:
            settings["header_starts_with"] = first
        notes.append(f"The header is not the first line; what is above it is left out (records: {header}).")
    if rows and any(_has_surplus(row, len(rows[header])) for row in rows[header + 1 :]):
        settings["ignore_surplus_cells"] = True
    if rows and whole:
        footers, left = _footers(rows[header], rows[header + 1 :])
        if footers:
            settings["footers"] = footers
            notes.append(
                f"The table ends above the record that begins with {footers[0]!r}; from there on nothing is read "
                f"({left} record{'s' if left > 1 else ''})."
            )
    return Finding(settings, notes=tuple(notes))


def _has_surplus(row: Sequence[str], width: int) -> bool:
    """A record of the table has empty cells beyond the header, and no others."""
    return len(row) > width and bool(row[width - 1].strip(BLANKS)) and not any(c.strip(BLANKS) for c in row[width:])


def _footers(header: Sequence[str], rows: Rows) -> tuple[list[str], int]:
    """What the first cell begins with of records at the end that are none of the table, and how many they are.

    Such a record has another width, or most of its cells are empty, and its first cell looks like no other.
    """
    full = [sum(1 for cell in row if cell.strip(BLANKS)) for row in rows if len(row) == len(header)]
    least = max(full, default=0) / 2
    at = len(rows)
    while at > 1:
        row = rows[at - 1]
        thin = len(row) != len(header) or sum(1 for cell in row if cell.strip(BLANKS)) <= least
        if not thin:
            break
        at -= 1
    usual = {_look(row[0]) for row in rows[:at]}
    while at < len(rows) and (_look(rows[at][0]) in usual or not rows[at][0].strip(BLANKS)):
        at += 1
    if at == len(rows):
        return [], 0
    first = rows[at][0].strip(BLANKS)
    return [re.sub("[0-9]+", "*", first)], len(rows) - at


def _look(cell: str) -> str:
    """What kind of text a cell is: `A1` and `A27` look alike."""
    return re.sub("[A-Za-z]+", "a", re.sub("[0-9]+", "9", cell.strip(BLANKS)))
