"""Runs a command for as long as its own standard input is open: a server that ends with the program that needs it.

`python watchdog.py FOLDER COMMAND ...` writes what the command says to FOLDER/server.log, and its process's number to
FOLDER/pid. When the other side of its input is closed, also because that program was killed, it ends the command and
removes the folder. It leaves with the command's exit code. It is run as a file, so it imports nothing of ours.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

_PATIENCE = 10
"""Seconds that a command gets to end by itself."""


def main(folder: Path, command: list[str]) -> int:
    """Run the command; its exit code."""
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    (folder / "pid").write_text(str(server.pid), encoding="ascii")
    asked = threading.Event()

    def end() -> None:
        while os.read(0, 1):
            pass
        asked.set()
        server.terminate()
        try:
            server.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            server.kill()

    threading.Thread(target=end, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    code = server.wait()
    if asked.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
