"""One run at a time: the locks of a warehouse's tasks.

A run holds all eight. Tasks in processes of their own hold one each, so those of one attempt work side by side, and no
other run begins as long as one of them works.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ecomm.errors import LockedError, StorageError

_PATIENCE = 0.5  # seconds; `held` takes a lock for a moment to ask for it
STAGE_LOADS = (
    "orders_stage_load",
    "customers_stage_load",
    "products_stage_load",
    "inventory_stage_load",
    "shipping_stage_load",
)
TASKS = (*STAGE_LOADS, "data_validation", "data_enrichment", "final_merge_operation")


@contextmanager
def of(warehouse: Path, tasks: Sequence[str] = TASKS) -> Iterator[None]:
    """Hold the locks of these tasks; they fall with the process, however it ends.

    Raises LockedError if another process holds one, StorageError if the folder cannot be written.
    """
    folder = warehouse / "locks"
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for task in tasks:
                held.enter_context(FileLock(folder / task, timeout=_PATIENCE))
        except Timeout as error:
            raise LockedError(
                f"{warehouse}: another ecomm is working on this warehouse; wait for it to end, then run this again."
            ) from error
        except OSError as error:
            raise StorageError(f"{warehouse}: cannot be written ({error.strerror}); check its permissions.") from error
        yield


def held(warehouse: Path, tasks: Sequence[str] = TASKS) -> list[str]:
    """Those of these tasks whose lock some process holds. Asks without the right to write, on a read-only disk too."""
    folder = warehouse / "locks"
    return [task for task in tasks if (folder / task).exists() and _held(folder / task)]


def _held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
