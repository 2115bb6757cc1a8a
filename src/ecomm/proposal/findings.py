"""What a look at one side of a file says: settings that it shows, and what only a person can decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """What one question about a file came to.

    settings: names and values of the source's table. columns: contract column -> where it comes from. asks: what the
    file leaves open, a sentence each; until it is answered, numbers may be wrong or records are not read. notes: what
    a person should know of the settings.
    """

    settings: Mapping[str, object] = field(default_factory=dict)
    columns: Mapping[str, object] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def together(findings: Iterable[Finding]) -> Finding:
    """All findings as one; what a later one says of a setting or a column counts."""
    settings: dict[str, object] = {}
    columns: dict[str, object] = {}
    asks: list[str] = []
    notes: list[str] = []
    for finding in findings:
        settings |= finding.settings
        columns |= finding.columns
        asks += finding.asks
        notes += finding.notes
    return Finding(settings, columns, tuple(asks), tuple(notes))
