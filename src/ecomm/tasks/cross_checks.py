"""06: what the checks across tables find in a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pyspark.sql import functions as F

from ecomm.attempt import Attempt
from ecomm.contract import Rule
from ecomm.delivery import POSITION
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
    asked = [c for source in attempt.delivered() for c in checks.in_force(source.name, attempt.reading.shop)]
    there = {name for name in sources if attempt.told(name)}
    rows = {name: store.fresh(stage_name(name), attempt.revision).filter(F.col("op") == "U") for name in sources}
    targets = Targets(**{name: view(attempt, source) for name, source in sources.items()})
    possible = [c for c in asked if c.parent is None or c.parent in there]
    absent = _absent_of_all(attempt)
    looking = [c for c in possible if (c.source, c.column) not in absent]
    whole = _has_whole_orders(attempt)
    failing = checks.failures(looking, rows, targets, attempt.reading, whole_orders=whole)
    found = {} if failing is None else {r["check"]: (r["failed_rows"], r["sample_keys"]) for r in failing.collect()}
    for one in asked:
        if one not in possible:
            why = f"skipped: there are no {one.parent} yet ({one.rule.meaning})"
            yield one.source, replace(one.rule, meaning=why), 0, 0, []
            continue
        accepted = sum(f.rows_accepted for f in attempt.results[f"{one.source}_stage_load"].files)
        yield one.source, one.rule, accepted, *found.get(one.name, (0, []))


def _absent_of_all(attempt: Attempt) -> set[tuple[str, str]]:
    """The contract columns (source, name) that the headers of all files lack."""
    absent: dict[str, set[str]] = {}
    for claimed in attempt.claimed:
        header, _ = attempt.headers[claimed.copy]
        lacked = absent.setdefault(claimed.file.source, set(header.absent))
        lacked &= set(header.absent)
    return {(source, name) for source, names in absent.items() for name in names}


def _has_whole_orders(attempt: Attempt) -> bool:
    """The shop's files of orders have whole orders."""
    orders = attempt.contracts["orders"].delivery
    return orders.whole_orders or all(shape.line_id == POSITION for shape in orders.all_shapes)
