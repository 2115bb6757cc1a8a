"""07: the tables that say more of each row, computed from the targets as they will be."""

from __future__ import annotations

from datetime import UTC, datetime

from ecomm.attempt import Attempt, TaskResult
from ecomm.tasks.change_set import view
from ecomm.transforms import enrich

_NO_DAY = datetime(1970, 1, 1, tzinfo=UTC)  # what "today" is for tables without a row


def data_enrichment(attempt: Attempt, result: TaskResult) -> None:
    """07: enriched_orders, computed from the targets with the change sets laid over them."""
    targets = enrich.Targets(**{name: view(attempt, source) for name, source in attempt.session.sources.items()})
    result.rows = write_enriched(attempt, targets)


def write_enriched(attempt: Attempt, targets: enrich.Targets) -> int:
    """Bring enriched_orders to what the targets say; how many rows it has, 0 if it had them all before."""
    today = max((as_of for as_of, _ in attempt.live().values()), default=_NO_DAY).date()
    new = enrich.enriched_orders(targets, attempt.session.shop, today)
    return attempt.write_whole("enriched_orders", new)
