"""Where an engine is known to differ: the only place in which tests know one engine from another.

A gap is ours (we mean to close it), upstream's (the engine's, reported or known there) or never (it is so by nature).
A test that meets one must fail with the error that is named here; if it passes, the gap is closed and leaves this list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pytest


@dataclass(frozen=True)
class Gap:
    """What does not hold on an engine: the beginning of the test's id, whose it is, the error, and why."""

    engine: str
    test: str
    whose: Literal["ours", "upstream", "never"]
    error: type[BaseException]
    reason: str


GAPS: tuple[Gap, ...] = ()


def mark(engine: str, items: Iterable[pytest.Item]) -> None:
    """Expect the gaps of an engine."""
    for item in items:
        for gap in GAPS:
            if gap.engine == engine and item.nodeid.startswith(gap.test):
                reason = f"{gap.whose}: {gap.reason}"
                item.add_marker(pytest.mark.xfail(raises=gap.error, reason=reason, strict=True))
