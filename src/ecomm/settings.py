"""Settings: flag > environment (`ECOMM_*`) > `ecomm.toml` > default.

`ecomm.toml` is looked for in the current folder, or named by `--config`. Nested settings are tables there
(`[shop] reporting_currency = "EUR"`) and double underscores in the environment (`ECOMM_SHOP__REPORTING_CURRENCY`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from babel import Locale
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ecomm.contract import Shop
from ecomm.errors import UsageError

CONFIG_NAME = "ecomm.toml"
_PLACES = ("orders", "customers", "products", "inventory", "shipping", "trigger")


def _half_of_memory() -> int:
    """Half of the machine's memory in MiB, at least 1 GiB: a join that does not fit fails, it does not spill."""
    return max(1024, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 21)


def _list(text: str) -> list[Any]:
    parts = [part.strip().strip("\"'") for part in text.strip().removeprefix("[").removesuffix("]").split(",")]
    return [part for part in parts if part]


class Settings(BaseSettings):
    """Everything that a shop can set. Unknown names are refused, so that a typing error is found."""

    model_config = SettingsConfigDict(env_prefix="ECOMM_", env_nested_delimiter="__", extra="forbid", frozen=True)

    landing: Path = Field(Path("landing"), description="The folder where the shop drops its files.")
    warehouse: Path = Field(Path("warehouse"), description="The folder that holds the tables.")
    engine: Literal["sail"] = Field("sail", description="What computes: sail (embedded).")
    memory_mb: int = Field(
        default_factory=_half_of_memory,
        ge=256,
        description="How much the embedded engine's sorts and joins may hold at once; default half of the machine's.",
    )
    source_dirs: dict[str, str] = Field(
        default_factory=dict, description="The folder of a source below landing; default <source>_data."
    )
    shop: Shop = Field(default_factory=Shop, description="How the shop counts.")

    @field_validator("source_dirs")
    @classmethod
    def _inside(cls, dirs: dict[str, str]) -> dict[str, str]:
        for name, folder in dirs.items():
            if name not in _PLACES:
                raise ValueError(f"source_dirs has {name!r}; use {', '.join(_PLACES)}")
            path = PurePosixPath(folder)
            if path.is_absolute() or ".." in path.parts or not path.parts or "\x00" in folder:
                raise ValueError(f"source_dirs.{name} must be a folder inside landing, not {folder!r}")
        return dirs

    @field_validator("shop")
    @classmethod
    def _sensible(cls, shop: Shop) -> Shop:
        for zone in (shop.source_timezone, shop.shop_timezone):
            if zone != "UTC" and zone not in zoneinfo.available_timezones():
                raise ValueError(f"{zone!r} is no time zone; use a name such as Europe/Berlin")
        if shop.hemisphere not in ("north", "south"):
            raise ValueError(f"hemisphere is {shop.hemisphere!r}; use north or south")
        if shop.reporting_currency not in Locale("en").currencies:
            raise ValueError(f"reporting_currency is {shop.reporting_currency!r}; use an ISO 4217 code such as USD")
        opens, closes = shop.business_hours
        if not 0 <= opens < closes <= 24:
            raise ValueError(f"business_hours are {opens} to {closes}; use two hours of a day such as [9, 18]")
        if not re.fullmatch(r"0(\.[0-9]{1,4})?|1(\.0{1,4})?", shop.margin_rate):
            raise ValueError(f"margin_rate is {shop.margin_rate!r}; use a share from 0 to 1 such as 0.30")
        return shop

    @field_validator("shop", mode="before")
    @classmethod
    def _lists(cls, said: object) -> object:
        """The environment has no lists: `gold,vip` or `["gold", "vip"]`."""
        if not isinstance(said, dict):
            return said
        lists = ("premium_tiers", "non_revenue_statuses", "business_hours")
        return said | {n: _list(said[n]) for n in lists if isinstance(said.get(n), str)}

    def source_dir(self, name: str) -> Path:
        """The folder of a source (or of `trigger`) below landing."""
        return self.landing / self.source_dirs.get(name, f"{name}_data")

    @property
    def shop_hash(self) -> str:
        """A hash of the settings that change what is in the tables."""
        return hashlib.sha256(json.dumps(asdict(self.shop), sort_keys=True).encode()).hexdigest()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flag, then environment, then the file named in `toml_file`."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(config: Path | None = None, **flags: Any) -> Settings:
    """The settings in force. config: the settings file, which must exist if it is named.

    Raises UsageError with one sentence that names the setting.
    """
    if config is not None and not config.is_file():
        raise UsageError(f"{config}: there is no such settings file; `ecomm init` writes one.")
    file = config or Path(CONFIG_NAME)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return FromFile(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "settings"
        said_in = _said_in(str(first["loc"][0]) if first["loc"] else "", flags, file)
        raise UsageError(f"{said_in}: {where}: {first['msg'].removeprefix('Value error, ')}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: this is not valid TOML: not UTF-8; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: this is not valid TOML: {error}.") from error


def _said_in(name: str, flags: Mapping[str, object], file: Path) -> str:
    """Where a setting was said: the flag, the environment or the file."""
    if flags.get(name) is not None:
        return f"--{name}"
    variables = [v for v in os.environ if v.upper().startswith(f"ECOMM_{name.upper()}")]
    return variables[0] if variables else str(file)
