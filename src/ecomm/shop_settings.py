"""The settings that change what is in the tables: what is recorded of them, so that a batch can be read as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

from pydantic import TypeAdapter, ValidationError

from ecomm.contract import Shop
from ecomm.delivery import Delivery


@dataclass(frozen=True)
class ShopSettings:
    """How a shop counts, exchange rates and severities included, and how the files of each source come.

    deliveries: source -> how its files come; a source that is not in it has the defaults.
    """

    shop: Shop
    deliveries: Mapping[str, Delivery]

    @cached_property
    def text(self) -> str:
        """All of it as JSON with sorted keys, defaults included: a later program may have others."""
        return json.dumps(_SETTINGS.dump_python(self, mode="json"), sort_keys=True)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the JSON: settings that count alike have the same one."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def differing(self, other: ShopSettings) -> list[str]:
        """The names of the settings that differ, as the settings file has them; `rates` if the exchange rates do."""
        ours, theirs = _named(self), _named(other)
        return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def _named(settings: ShopSettings) -> dict[str, object]:
    """Every setting by its name in the settings file."""
    shop: dict[str, object] = asdict(settings.shop)
    tables = {table: shop.pop(table) for table in ("bounds", "vocabularies", "scale", "severity")}
    named = {"rates": shop.pop("rates")} | {f"shop.{name}": value for name, value in shop.items()}
    for table, values in tables.items():
        assert isinstance(values, dict)
        named |= {f"{table}.{name}": value for name, value in values.items()}
    for source, delivery in settings.deliveries.items():
        defaults = asdict(Delivery())
        changed = {name: value for name, value in asdict(delivery).items() if value != defaults[name]}
        named |= {f"sources.{source}.{name}": value for name, value in changed.items()}
    return named


_SETTINGS = TypeAdapter(ShopSettings)


def of_text(text: str) -> ShopSettings:
    """The settings that a text of `ShopSettings.text` holds. Raises ValueError if it holds none."""
    try:
        return _SETTINGS.validate_json(text)
    except ValidationError as error:
        raise ValueError("these are no settings") from error
