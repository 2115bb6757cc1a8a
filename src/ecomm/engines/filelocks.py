"""Who works on a warehouse in folders: file locks, which fall with their process, however it ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ecomm.errors import LockedError, StorageError

_PATIENCE = 0.5  # seconds; `held` takes a lock for a moment to ask for it


@contextmanager
def hold(warehouse: Path, names: Sequence[str]) -> Iterator[None]:
    """Hold these locks. Raises LockedError if another process holds one, StorageError if the folder is not writable."""
    folder = warehouse / "locks"
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                held.enter_context(FileLock(folder / name, timeout=_PATIENCE))
        except Timeout as error:
            raise LockedError(
                f"{warehouse}: another ecomm is working on this warehouse; wait for it to end, then run this again."
            ) from error
        except OSError as error:
            raise StorageError(f"{warehouse}: cannot be written ({error.strerror}); check its permissions.") from error
        yield


def held(warehouse: Path, names: Sequence[str]) -> list[str]:
    """Those of these locks that some process holds. Asks without the right to write, on a read-only disk too."""
    folder = warehouse / "locks"
    return [name for name in names if (folder / name).exists() and _held(folder / name)]


def _held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
