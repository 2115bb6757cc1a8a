"""Names in a header that no contract knows: what they may be, and the column of a table that each becomes.

A table's column has the header's name in lower case, in any script; blanks and hyphens become `_`. Every other
character that a column's name cannot have is written as its code: `Price (EUR)` is `price__x28eur_x29`. So different
names are different columns in every batch, and the header's name can be read from the column's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence, Set

from ecomm import canonical

UNNAMED = "unnamed"
LONGEST = 128
_LIKE_WRITTEN = re.compile(r"[_\s-](?=x[0-9a-f]{2}|u[0-9a-f]{4}|w[0-9a-f]{6})")
LINE_ENDS = {
    "\r": "CR, as of old Macs",
    "\x85": "NEL, as of mainframes",
    "\u2028": "U+2028",
    "\u2029": "U+2029",
    "\x0b": "a vertical tab",
    "\x0c": "a form feed",
}
_E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NUMBERS = re.compile(r"(?=.*\d)[\d\s.,:/+()'%$€£¥TZ-]+")
"""Numbers, days, times, telephone numbers: nothing but digits and what stands between them."""


def folded(name: str) -> str:
    """A header's name as it is compared: without blanks around it, in lower case."""
    return name.strip(canonical.BLANKS).lower()


def column_name(header: str, taken: Set[str] = frozenset()) -> str:
    """The column of an unknown name. taken: names that have another meaning in the tables; another is never given."""
    plain = unicodedata.normalize("NFC", folded(header))
    # A `_` that only looks like the beginning of a code is written as a code itself.
    name = "_x5f".join("".join(map(_written, part)) for part in _LIKE_WRITTEN.split(plain))
    if name in taken or name == UNNAMED or not name[:1].isalpha() or name.startswith("extra_"):
        return f"extra_{name}" if name else UNNAMED
    return name


def _written(character: str) -> str:
    """A character of a header's name, in lower case, as a column's name has it."""
    kind = unicodedata.category(character)
    if character in "_-" or kind == "Zs":
        return "_"
    if kind[0] in "LMN":
        return character
    number = ord(character)
    return f"_x{number:02x}" if number < 0x100 else f"_u{number:04x}" if number < 0x10000 else f"_w{number:06x}"


def nth(name: str, number: int) -> str:
    """The column of the second, third ... occurrence of a name in one header: `notes_x02`."""
    return f"{name}{_written(chr(number))}" if number > 1 else name


def line_end_in(names: Sequence[str]) -> str | None:
    """The line end that a header's names hold, if one does: then records are taken for parts of names."""
    return next((said for end, said in LINE_ENDS.items() if any(end in name for name in names)), None)


def is_doubtful(name: str) -> bool:
    """A name of a header is rather the value of a record, or several records."""
    bare = name.strip(canonical.BLANKS)
    several = "\n" in bare and any(delimiter in bare for delimiter in ",;\t|")
    return several or len(bare) > LONGEST or bool(_E_MAIL.fullmatch(bare) or _NUMBERS.fullmatch(bare))


def is_glued(names: Sequence[str], unknown: Collection[int], vocabulary: Set[str]) -> bool:
    """The header contains the first record, because the line end between them is missing: `..., emailC3, Oslo, ...`.

    unknown: where no contract knows the name. vocabulary: all names that it would know, in lower case.
    """
    last, rest = divmod(len(names) - 1, 2)  # where the header's last name and the record's first value are one
    if rest or last < 1 or min(unknown, default=0) != last:
        return False
    glued = folded(names[last])
    return any(glued.startswith(word) and re.search(r"\d", glued.removeprefix(word)) for word in vocabulary)
