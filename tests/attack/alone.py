"""The corpus by readers alone: the program's own, and those of DuckDB and Arrow on the same files."""

from __future__ import annotations

from collections import Counter

from tests.attack.corpus import corpus
from tests.attack.files import HostileFile
from tests.attack.judge import Verdict, judge
from tests.attack.plan import Plan, Tally
from tests.attack.readers import OF_PEERS, READERS

OURS = "ecomm"


def by_the_reader(plan: Plan) -> Tally:
    """Every file by the program's reader."""
    files = list(corpus(plan.seed, plan.files))
    verdicts, lost = _read(plan, OURS, files)
    records = sum(len(file.records) for file in files)
    return Tally(len(files), tuple(lost), f"{records:,} records; {_in_words(verdicts)}")


def by_peers(plan: Plan) -> Tally:
    """The same files by every reader, of those that all have the settings for. Nothing of it is ours to survive."""
    files = [file for file in corpus(plan.seed, plan.files) if set(file.settings) <= OF_PEERS]
    figures = {}
    lost: list[str] = []
    for name in READERS:
        verdicts, wrong = _read(plan, name, files)
        figures[name] = {verdict.value: verdicts[verdict] for verdict in Verdict}
        lost += wrong if name == OURS else []
    return Tally(len(files), tuple(lost), figures=figures)


def _read(plan: Plan, name: str, files: list[HostileFile]) -> tuple[Counter[Verdict], list[str]]:
    verdicts: Counter[Verdict] = Counter()
    lost = []
    for done, file in enumerate(files):
        plan.progress(done, len(files))
        path = plan.folder / file.name
        path.write_bytes(file.content)
        found = judge(file, READERS[name](file, path), lenient=name != OURS)
        verdicts[found.verdict] += 1
        if found.reasons:
            lost.append(f"{file.name}: {found.reasons[0]}")
        path.unlink()
    return verdicts, lost


def _in_words(verdicts: Counter[Verdict]) -> str:
    return ", ".join(f"{verdicts[verdict]:,} {verdict.value}" for verdict in Verdict if verdicts[verdict])
