"""Settings for the exports of well-known platforms: one plain settings text each."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from ecomm.errors import UsageError

_TEXTS = resources.files("ecomm.presets")
NAMES = tuple(sorted(text.name.removesuffix(".toml") for text in _TEXTS.iterdir() if text.name.endswith(".toml")))


@cache
def text(name: str) -> str:
    """The settings text of a preset. Raises UsageError if there is none of this name."""
    if name not in NAMES:
        raise UsageError(f"there is no preset {name}; use {', '.join(NAMES)}.")
    return (_TEXTS / f"{name}.toml").read_text(encoding="utf-8")


@cache
def settings(name: str) -> dict[str, Any]:
    """The settings of a preset."""
    return tomllib.loads(text(name))


def about(name: str) -> str:
    """What a preset is for: the first sentences of its text, up to a full stop at the end of a line."""
    said = []
    for line in text(name).splitlines():
        if not line.startswith("#"):
            break
        said.append(line.removeprefix("#").strip())
        if line.endswith("."):
            break
    return " ".join(said)
