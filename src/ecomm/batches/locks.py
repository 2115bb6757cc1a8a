"""One run at a time: the locks of a warehouse's tasks.

A run holds all eight. Tasks in processes of their own hold one each, so those of one attempt work side by side, and no
other run begins as long as one of them works.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from ecomm.batches import places
from ecomm.engines import lake_of
from ecomm.errors import StorageError
from ecomm.settings import Settings

STAGE_LOADS = (
    "orders_stage_load",
    "customers_stage_load",
    "products_stage_load",
    "inventory_stage_load",
    "shipping_stage_load",
)
VALIDATION, ENRICHMENT, FINAL_MERGE = "data_validation", "data_enrichment", "final_merge_operation"
TASKS = (*STAGE_LOADS, VALIDATION, ENRICHMENT, FINAL_MERGE)


def source_of(task: str) -> str:
    """The source that a stage load loads."""
    return task.removesuffix("_stage_load")


def of(settings: Settings, tasks: Sequence[str] = TASKS) -> AbstractContextManager[None]:
    """Hold the locks of these tasks; they fall with the process, however it ends.

    Raises LockedError if another process holds one, StorageError if warehouse or landing cannot be written.
    """
    if found := next(places.unusable(settings), None):
        raise StorageError(f"{found.path}: {found.fault}; {found.fix}.")
    return lake_of(settings).hold(settings.warehouse, tasks)


def held(settings: Settings, tasks: Sequence[str] = TASKS) -> list[str]:
    """Those of these tasks whose lock some process holds."""
    return lake_of(settings).held(settings.warehouse, tasks)
