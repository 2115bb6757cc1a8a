"""Names of folders that an engine takes as they are."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from threading import Lock

_SAFE = re.compile(r"([A-Za-z0-9._/-]|(?<=/)[a-z_]+=(true|false)(?=/|\Z))+")


def is_safe(path: str) -> bool:
    """Engines take a path or a name as it stands: also that of a partition's folder, `is_current=true`."""
    return _SAFE.fullmatch(path) is not None


class Links:
    """Paths whose every character is safe: engines read some as patterns, and write some in another way than they read.

    A path with another character is reached through a link in a folder that lives as long as the engine.
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._making = Lock()

    def safe(self, path: Path) -> str:
        """The absolute path itself, or one through a link."""
        whole = path.absolute()
        if is_safe(str(whole)):
            return str(whole)
        # The longest safe tail stays; what stands before it is reached through the link.
        tail: list[str] = []
        head = whole
        while is_safe(f"/{head.name}") and not is_safe(str(head)):
            tail.insert(0, head.name)
            head = head.parent
        return str(self._link_to(head).joinpath(*tail))

    def _link_to(self, head: Path) -> Path:
        """The link to a folder. Stage loads ask side by side: only one of them makes it."""
        with self._making:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="ecomm-")
            link = Path(self._folder.name) / hashlib.sha256(str(head).encode()).hexdigest()[:16]
            if not link.is_symlink():
                link.symlink_to(head)
            return link

    def remove(self) -> None:
        """Remove all links."""
        if self._folder is not None:
            self._folder.cleanup()
