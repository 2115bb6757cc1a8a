"""The command line: one function a command, thin doors to the program behind it."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path

from ecomm.cli import ingest, look, mend, people, setup  # their order is that of the help
from ecomm.cli.door import app, flags
from ecomm.errors import EcommError, StorageError, sentence
from ecomm.logs import traceback_of

__all__ = ["app", "ingest", "look", "main", "mend", "people", "setup"]


def main() -> None:
    """Run a command and leave with its exit code; a user's mistake is one sentence, never a stack trace."""
    code = 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no reason to fail
    try:
        app()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    except KeyboardInterrupt:
        code = 130
        print("Stopped; what was not published is taken back by the next run.", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        code = _explain(error)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # Native threads of Arrow, Delta and the engine can abort an ordinary exit after all work is done.
        os._exit(code)


def _explain(error: Exception) -> int:
    if isinstance(error, OSError):
        said = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error.strerror or error)).split())
        error = StorageError(f"{error.filename or 'a file'}: {said}; check permissions and disk space.")
    if flags["verbose"]:
        print(traceback_of(error, whole=flags["verbose"] > 1), file=sys.stderr)
    text = sentence(error, Path.cwd())
    if "--json" in sys.argv:
        print(json.dumps({"error": text}, ensure_ascii=False))
    print(f"ecomm: {text}", file=sys.stderr)
    return error.exit_code if isinstance(error, EcommError) else 1
