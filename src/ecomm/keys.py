"""A key as people write it: `O34`, or its parts with ` / ` between them. Inside it is a text without ambiguity.

An id is compared, and stored, in composed form (NFC) and without characters that show nothing, so that two ids that
look equal are one: `compared`. Blanks stay, also those without a width: a rule rejects an id that has one inside.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ecomm.canonical import BLANKS

BETWEEN = " / "
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point without blanks and joiners."""
_JOINERS = "\u200c\u200d"
"""They change how letters of some scripts and signs are joined; beside ASCII and blanks they show nothing."""
_PLAIN = f"\0-\x7f{BLANKS[33:]}"
INVISIBLE = f"[{_IGNORABLE}{_JOINERS}]"
"""What may be taken from an id, for a first look."""
_DROPPED = re.compile(f"[{_IGNORABLE}]+")
_LOOSE = re.compile(f"((?<=[{_PLAIN}])|^)[{_JOINERS}]+"), re.compile(f"[{_JOINERS}]+(?=[{_PLAIN}]|\\Z)")


def compared(text: str) -> str:
    """An id as it is compared and stored: composed, and without characters that show nothing."""
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFC", _DROPPED.sub("", unicodedata.normalize("NFC", text)))
    for joiners in _LOOSE:
        composed = joiners.sub("", composed)
    return unicodedata.normalize("NFC", composed)


def prefixed_parts(key: str) -> list[str]:
    """The parts of a key as stage writes it: `3:abc0:` is `abc` and an empty one."""
    found = []
    while key:
        length, _, rest = key.partition(":")
        found.append(rest[: int(length)])
        key = rest[int(length) :]
    return found


def without_empty_end(parts: Sequence[str]) -> list[str]:
    """The parts without the empty ones at the end: an order without lines is its number alone."""
    last = max((i for i, part in enumerate(parts) if part), default=-1)
    return list(parts[: last + 1])


def written(parts: Sequence[str]) -> str:
    """A key as people write it: its parts with ` / ` between them, without empty ones at the end."""
    return BETWEEN.join(without_empty_end(parts))


def parts_of(key: str, width: int) -> list[str]:
    """The parts of a written key of so many columns. A part other than the last that has ` / ` inside is split."""
    return key.split(BETWEEN, width - 1)
