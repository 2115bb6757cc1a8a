"""What notebooks use of `dbutils`, where there is no workspace: widgets from a job's parameters, and task values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace


class _Widgets:
    """As on a workspace: a default is declared, a parameter of its name stands in for it, and all are texts."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given, self._declared = dict(given), dict[str, str]()

    def text(self, name: str, default: str) -> None:
        self._declared[name] = self._given.get(name, default)

    def get(self, name: str) -> str:
        return self._declared[name]

    def getAll(self) -> dict[str, str]:  # noqa: N802 - its name there
        return dict(self._declared)


class _TaskValues:
    """What a task tells the tasks behind it, in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def set(self, key: str, value: str) -> None:
        said = json.loads(self._file.read_text()) if self._file.is_file() else {}
        self._file.write_text(json.dumps(said | {key: value}))


def stand_in(given: Mapping[str, str], values: str) -> SimpleNamespace:
    """A `dbutils`. given: a job's parameters. values: the file of its task values."""
    return SimpleNamespace(widgets=_Widgets(given), jobs=SimpleNamespace(taskValues=_TaskValues(Path(values))))
