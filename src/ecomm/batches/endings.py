"""Whether the last line of a landed file has an end: without one, it may be the first half of an upload."""

from __future__ import annotations

import os
from pathlib import Path

from ecomm.batches.reading.kinds import kind_of
from ecomm.delivery import Shape
from ecomm.errors import EcommError

PATIENCE = 60
"""A watcher takes such a file once it has stood still this many times `quiet_seconds`."""
_LINES = ("csv", "tsv", "ndjson")
_TAIL = 64
_BEHIND = b"\0 \t\x1a"
"""What may stand behind the last line end: a blank, the end mark of DOS; NUL is a half of a character of UTF-16."""


def may_go_on(path: Path, shape: Shape, since: float) -> bool:
    """A file of lines has a last line without an end, or no line, and was written since a time (seconds since 1970).

    Many programs write no last line end, so it alone says nothing against a file. What packs or frames its content
    shows itself that it was cut.
    """
    try:
        if path.stat().st_mtime <= since:
            return False
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(-min(size, _TAIL), os.SEEK_END)
            tail = file.read().rstrip(_BEHIND)
        kind = kind_of(path, path, shape)
    except (OSError, EcommError):  # it has gone, or is of no such kind: the batch will say so
        return False
    return kind.format in _LINES and not kind.packed and not tail.endswith((b"\n", b"\r"))


def about(name: str) -> str:
    """What it means for a batch that the last line of a file has no end."""
    return f"the last line of {name} has no end, so `ecomm watch` waits a while for the rest; `ecomm run` takes it now"
