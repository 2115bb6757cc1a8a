"""06: what the checks across tables find in a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pyspark.sql import functions as F

from ecomm.attempt import Attempt
from ecomm.contract import Rule
from ecomm.tables import stage_name
from ecomm.tasks.change_set import view
from ecomm.transforms import checks
from ecomm.transforms.enrich import Targets

Finding = tuple[str, Rule, int, int, list[str]]


def cross_checks(attempt: Attempt) -> Iterator[Finding]:
    """A finding a check of each source in the batch: source, check, rows looked at, rows that fail it, their keys.

    A check whose parent source no live batch holds, this one included, is skipped: it looks at no row. A row that ends
    its key is looked at, but has nothing more to say.
    """
    store, sources = attempt.session.store, attempt.session.sources
    asked = [c for source in attempt.delivered() for c in checks.in_force(source.name, attempt.session.shop)]
    there = {name for name in sources if attempt.told(name)}
    rows = {
        name: store.read(stage_name(name)).filter((F.col("revision") == attempt.revision) & (F.col("op") == "U"))
        for name in sources
    }
    targets = Targets(**{name: view(attempt, source) for name, source in sources.items()})
    possible = [c for c in asked if c.parent is None or c.parent in there]
    failing = checks.failures(possible, rows, targets, attempt.reading)
    found = {} if failing is None else {r["check"]: (r["failed_rows"], r["sample_keys"]) for r in failing.collect()}
    for one in asked:
        if one not in possible:
            why = f"skipped: there are no {one.parent} yet ({one.rule.meaning})"
            yield one.source, replace(one.rule, meaning=why), 0, 0, []
            continue
        accepted = sum(f.rows_accepted for f in attempt.results[f"{one.source}_stage_load"].files)
        yield one.source, one.rule, accepted, *found.get(one.name, (0, []))
