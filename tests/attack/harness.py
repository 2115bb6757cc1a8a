"""Faults that the tests know already: they are run as they are, and counted by what they report.

A test that tries several things says how many by the property `tried`; others try one.
"""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.attack.plan import Plan, Tally

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Tests:
    """Which tests: files or names, what they are chosen by, and of which marks."""

    places: tuple[str, ...]
    named: str = ""
    marks: str = "not soak and not spark and not browser"
    whole: str = "not spark"

    def command(self, plan: Plan) -> list[str]:
        """How they are run."""
        chosen = ["-k", self.named] if self.named else []
        marks = self.whole if plan.whole else self.marks
        report = ["-p", "no:cacheprovider", "-q", f"--junit-xml={plan.folder / 'tests.xml'}"]
        temporary = [f"--basetemp={plan.folder / 'tests'}"]
        return [sys.executable, "-m", "pytest", *report, *temporary, "-m", marks, *chosen, *self.places]


def counted(tests: Tests) -> Callable[[Plan], Tally]:
    """An attack that runs tests."""

    def run(plan: Plan) -> Tally:
        done = subprocess.run(tests.command(plan), cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            return Tally(0, (f"the tests did not run: {done.stdout[-500:]} {done.stderr[-500:]}",))
        return tally_of(ET.parse(plan.folder / "tests.xml").getroot())

    return run


def tally_of(report: ET.Element) -> Tally:
    """How much the tests of a report tried; what was skipped was not tried."""
    tried, lost, skipped = 0, [], 0
    for case in report.iter("testcase"):
        if case.find("skipped") is not None:
            skipped += 1
            continue
        said = [one for one in case.iter("property") if one.get("name") == "tried"]
        tried += int(said[0].get("value", "1")) if said else 1
        lost += [f"{case.get('name')}: {_why(bad)}" for bad in _failures(case)]
    return Tally(tried, tuple(lost), f"{skipped} skipped on this machine" if skipped else "")


def _failures(case: ET.Element) -> Sequence[ET.Element]:
    return [*case.iter("failure"), *case.iter("error")]


def _why(failure: ET.Element) -> str:
    return str(failure.get("message", "")).splitlines()[0][:300] if failure.get("message") else "failed"
