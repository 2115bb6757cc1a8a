"""A Python process reads one module from another file: the one with the mistake. Processes that tests start do, too."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import CodeType


class _Changed(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        source = Path(os.environ["MUTANT_SOURCE"]).read_text(encoding="utf-8")
        code = compile(source, self.path, "exec")
        assert isinstance(code, CodeType)
        return code


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if name != os.environ["MUTANT_MODULE"]:
            return None
        place = os.environ["MUTANT_PLACE"]
        return importlib.util.spec_from_file_location(name, place, loader=_Changed(name, place))


if "MUTANT_MODULE" in os.environ:
    sys.meta_path.insert(0, _Finder())
