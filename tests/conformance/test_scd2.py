"""Every case of `scd2/` comes out as its file says: by the fold, and, step by step, by the fast path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ecomm.batches.log import Log
from ecomm.engines import Engine
from tests.conformance import runner
from tests.conformance.runner import CASES, Case, Prefix, place

pytestmark = pytest.mark.every_engine
ALL = runner.cases()
Versions = dict[str, list[dict[str, str | None]]]


@dataclass(frozen=True)
class Results:
    """What came out of all cases: after each step by the fold; after those that it takes by the fast path."""

    folded: Versions
    advanced: Versions
    compared: frozenset[str]


@pytest.fixture(scope="module")
def results(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Results:
    return evaluated(engine, tmp_path_factory.mktemp)


def evaluated(engine: Engine, folder: Callable[[str], Path]) -> Results:
    """What comes out of all cases. folder: makes one by a name."""
    numbers, by_fold, by_step, compared = runner.revisions(), Versions(), Versions(), set[str]()
    together = defaultdict[tuple[str, ...], list[Case]](list)
    for case in ALL:
        together[tuple(case.tracked)].append(case)
    for tracked, of_contract in together.items():
        source = runner.source_of(tracked)
        all_prefixes = [prefix for case in of_contract for prefix in runner.prefixes(case, source, numbers)]
        stage, versions = runner.folded(engine, source, all_prefixes, folder("scd2"))
        by_fold |= runner.by_case(versions)
        pairs = in_order(all_prefixes)
        if pairs:
            by_step |= runner.by_case(runner.advanced(source, stage, versions, pairs))
            compared |= {*pairs}
    return Results(by_fold, by_step, frozenset(compared))


def failures(case: Case, results: Results) -> list[str]:
    """Where a case does not come out as it says."""
    ours = results.folded.get(f"{case.name}@{len(case.steps)}", [])
    wanted = [sorted(versions, key=place) for versions in (case.versions, *case.alternatives)]
    said = [] if any(runner.shown(ours, each) == each for each in wanted) else [f"{case.says} But: {ours}"]
    mine = (name for name in sorted(results.compared) if name.startswith(f"{case.name}@"))
    return said + [f"in order: {n}" for n in mine if results.advanced.get(n) != results.folded.get(n)]


def in_order(all_prefixes: Sequence[Prefix]) -> dict[str, tuple[str, int]]:
    """Those prefixes whose last step lies after all others, with the one before and the revision that came."""
    found: dict[str, tuple[str, int]] = {}
    for before, prefix in pairwise(all_prefixes):
        if prefix.case is before.case and prefix.case.is_plain:
            last = prefix.written[-1]
            others = [e.as_of for e in Log(tuple(before.entries)).live.values() if e.as_of]
            if all(at < last.as_of for at in others):
                found[prefix.name] = (before.name, last.revision)
    return found


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_a_case(case: Case, results: Results) -> None:
    assert failures(case, results) == []


def test_no_version_is_empty_and_one_at_most_is_current(results: Results) -> None:
    """After every step of every case."""
    assert len(results.folded) > 200
    for name, versions in results.folded.items():
        for before, after in pairwise(versions):
            if place(before)[0] == place(after)[0]:
                assert before["to"] is not None, name
                assert datetime.fromisoformat(before["to"]) <= place(after)[1], name
        for version in versions:
            assert version["to"] is None or place(version)[1] < datetime.fromisoformat(version["to"]), name


def test_the_fast_path_is_taken_by_many(results: Results) -> None:
    assert len(results.compared) > 40


def test_the_suite_is_whole() -> None:
    assert len(ALL) >= 60
    assert len({case.says for case in ALL}) == len(ALL)
    assert [p.name for p in CASES.iterdir() if p.suffix != ".json"] == []
    columns: set[Any] = {name for case in ALL for b in case.batches.values() for name in b["header"]}
    keys = {"part", "id", "line_id", "refund_id"}
    assert columns <= keys | {"city", "tier", "amount", "day", "seen", "note", "deleted", "created_timestamp"}
    assert sum("line_id" in case.key for case in ALL) >= 9
