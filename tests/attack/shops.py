"""A shop that is worked on by the command line alone, each command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecomm.warehouse import Warehouse
from tests.attack.rows import SOURCES

ECOMM = Path(sys.executable).with_name("ecomm")


@dataclass(frozen=True)
class Done:
    """What a command left behind. text: all that it wrote."""

    code: int
    text: str


class Folder:
    """A folder with `ecomm.toml`, a landing folder and a warehouse."""

    def __init__(self, root: Path) -> None:
        self.root, self.landing = root, root / "landing"
        for source in (*SOURCES, "trigger"):
            (self.landing / f"{source}_data" / "source").mkdir(parents=True)

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.root / "warehouse")

    @property
    def triggers(self) -> Path:
        return self.landing / "trigger_data" / "source"

    def settings(self, text: str) -> None:
        (self.root / "ecomm.toml").write_text(text, encoding="utf-8")

    def land(self, source: str, name: str, content: bytes) -> Path:
        path = self.landing / f"{source}_data" / "source" / name
        path.write_bytes(content)
        return path

    def drop(self, batch: str, instant: str, files: Iterable[tuple[str, str, bytes]]) -> None:
        """Put files (source, name, content) and their trigger into landing."""
        listed: dict[str, list[str]] = {}
        for source, name, content in files:
            self.land(source, name, content)
            listed.setdefault(source, []).append(name)
        said: Mapping[str, Any] = {"trigger_id": batch, "trigger_timestamp": instant, "expected_files": listed}
        (self.triggers / f"{batch}.json").write_text(json.dumps(said), encoding="utf-8")

    def ecomm(self, *args: object, timeout: float = 600, **env: str) -> Done:
        """Run a command in this folder, with nothing of our own settings in the environment."""
        clean = {k: v for k, v in os.environ.items() if not k.upper().startswith("ECOMM_")}
        clean |= {"COLUMNS": "240", "NO_COLOR": "1", "TERM": "dumb"} | env
        done = subprocess.run(
            [ECOMM, *map(str, args)],
            cwd=self.root,
            env=clean,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode("utf-8", "backslashreplace"))
