"""The embedded engine: Sail, a Spark Connect server in a process of its own, without a JVM."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import structlog

from ecomm.engines import Lake, deltafiles, sail_server
from ecomm.engines.folders import Folders
from ecomm.engines.links import Links
from ecomm.engines.sessions import enter, peak_memory_mb
from ecomm.errors import EcommError

log = structlog.get_logger()

OPEN = (
    "Other users of this machine can reach the embedded engine and run programs as this user: the system has no way to "
    "close its port (docs/security.md)."
)


def give_memory_back() -> None:
    """Have the engine of a process that stays return what it frees; to be said before the engine is first started.

    Its allocator keeps it otherwise: half a gigabyte more after fifty batches. Who has set the variable is obeyed.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "0")


def can_be_closed() -> bool:
    """The system has a way to close the engine's port to other users."""
    state, _ = _start().communicate()
    return state.strip() == sail_server.CLOSED


class Sail:
    """A Sail server in a process that ends with this one, and its session.

    memory_mb: the memory pool that sorts and joins share; beyond it they spill to disk. Raises EcommError if it does
    not start, ModuleNotFoundError if it is not installed.
    """

    name = "sail"
    csv = None
    lake: Lake = deltafiles

    def __init__(self, memory_mb: int) -> None:
        if importlib.util.find_spec("pysail") is None:
            raise ModuleNotFoundError(name="pysail")
        self._links = Links()
        self._folder = Path(tempfile.mkdtemp(prefix="ecomm-"))
        self._server = _start(str(self._folder), memory_mb=memory_mb)
        try:
            import pyspark.sql.connect.session  # noqa: F401  this takes as long as the server does

            self._await()
            self.spark = enter(self._folder / sail_server.DOOR)
        except BaseException:
            self._end()
            raise
        self.rows = Folders(self.spark, self.uri)

    def _await(self) -> None:
        """Wait until the server can be asked."""
        said = _line(self._server)
        if said == sail_server.OPEN:
            log.warning(OPEN)
        elif said != sail_server.CLOSED:
            raise EcommError(f"the embedded engine did not start ({said or f'exit code {self._server.wait()}'}).")

    def uri(self, path: Path) -> str:
        """The path itself, or through a link if it holds a character that Sail reads as a pattern or encodes."""
        return self._links.safe(path)

    def expect(self, size: int) -> None:
        """It has a part for each core, whatever comes."""

    def peak_memory_mb(self) -> int:
        """Of this process and of the server, where the system tells about that one (Linux)."""
        return peak_memory_mb(self._server.pid)

    def stop(self) -> None:
        """End the session, then the server."""
        self.spark.stop()
        self._end()

    def _end(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        self._links.remove()
        shutil.rmtree(self._folder, ignore_errors=True)  # if the server had ended by itself


def _start(*arguments: str, memory_mb: int = 0) -> subprocess.Popen[str]:
    environment = {
        "RUST_LOG": "error",
        **os.environ,
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair",
        "SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": str(memory_mb << 20),
    }
    return subprocess.Popen(
        [sys.executable, "-P", sail_server.__file__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,  # an interrupt from the keyboard is for us: we still need the server to recover
    )


def _line(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    return server.stdout.readline().strip()
