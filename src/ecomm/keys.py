"""A key as people write it: `O34`, or its parts with ` / ` between them. Inside it is a text without ambiguity."""

from __future__ import annotations

from collections.abc import Sequence

BETWEEN = " / "


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
