"""06: what the checks across tables find in a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pyspark.sql import functions as F

from ecomm.batch import Batch
from ecomm.contract import Rule
from ecomm.delivery import POSITION
from ecomm.tables import stage_name
from ecomm.tasks.change_set import view
from ecomm.tasks.found import Loaded, changes_of
from ecomm.transforms import checks
from ecomm.transforms.enrich import Targets

Finding = tuple[str, Rule, int, int, list[str]]


def cross_checks(batch: Batch, loaded: Loaded) -> Iterator[Finding]:
    """A finding a check of each source in the batch: source, check, rows looked at, rows that fail it, their keys.

    A check whose parent source no live batch holds, this one included, is skipped: it looks at no row. A row that ends
    its key is looked at, but has nothing more to say.
    """
    attempt, sources = batch.attempt, batch.session.sources
    asked = [c for source in batch.delivered() for c in checks.in_force(source.name, batch.reading.shop)]
    others = [entry for name, entry in attempt.log.live.items() if name != batch.batch_id]
    there = {file.source for entry in others for file in entry.files}
    there |= {file.source for file in batch.files}
    rows = {name: batch.store.fresh(stage_name(name), batch.revision).filter(F.col("op") == "U") for name in sources}
    changes = changes_of(loaded)
    targets = Targets(**{name: view(attempt, source, changes) for name, source in sources.items()})
    possible = [c for c in asked if c.parent is None or c.parent in there]
    absent = _absent_of_all(batch)
    looking = [c for c in possible if (c.source, c.column) not in absent]
    whole = _has_whole_orders(batch)
    failing = checks.failures(looking, rows, targets, batch.reading, whole_orders=whole)
    found = {} if failing is None else {r["check"]: (r["failed_rows"], r["sample_keys"]) for r in failing.collect()}
    for one in asked:
        if one not in possible:
            why = f"skipped: there are no {one.parent} yet ({one.rule.meaning})"
            yield one.source, replace(one.rule, meaning=why), 0, 0, []
            continue
        accepted = sum(f.rows_accepted for f in loaded[one.source].files)
        yield one.source, one.rule, accepted, *found.get(one.name, (0, []))


def _absent_of_all(batch: Batch) -> set[tuple[str, str]]:
    """The contract columns (source, name) that the headers of all files lack."""
    absent: dict[str, set[str]] = {}
    for file in batch.files:
        lacked = absent.setdefault(file.source, set(file.header.absent))
        lacked &= set(file.header.absent)
    return {(source, name) for source, names in absent.items() for name in names}


def _has_whole_orders(batch: Batch) -> bool:
    """The shop's files of orders have whole orders."""
    orders = batch.contracts["orders"].delivery
    return orders.whole_orders or all(shape.line_id == POSITION for shape in orders.all_shapes)
