"""Settings: flag > environment (`ECOMM_*`) > `ecomm.toml` > default.

`ecomm.toml` is looked for in the current folder, or named by `--config`. Nested settings are tables there
(`[shop] reporting_currency = "EUR"`) and double underscores in the environment (`ECOMM_SHOP__REPORTING_CURRENCY`).
"""

from __future__ import annotations

import itertools
import os
import re
import tomllib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from babel import Locale
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ecomm import dayformats
from ecomm.contract import OFF, Bounds, Rate, Scale, Severity, Shop, Vocabularies
from ecomm.delivery import FORMATS, Computed, Delivery, Shape, codec_of
from ecomm.errors import UsageError
from ecomm.shop_settings import ShopSettings

CONFIG_NAME = "ecomm.toml"
SOURCE_NAMES = ("orders", "customers", "products", "inventory", "shipping")
_PLACES = (*SOURCE_NAMES, "trigger")
_LISTS = frozenset(f.name for t in (Vocabularies, Scale) for f in fields(t)) | {
    "premium_tiers",
    "non_revenue_statuses",
    "business_hours",
}


def _half_of_memory() -> int:
    """Half of the machine's memory in MiB, at least 1 GiB: a join that does not fit fails, it does not spill."""
    return max(1024, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 21)


def _list(text: str) -> list[Any]:
    parts = [part.strip().strip("\"'") for part in text.strip().removeprefix("[").removesuffix("]").split(",")]
    return [part for part in parts if part]


def _with_lists(said: object) -> object:
    """A source's or a shape's table with lists where a text stands for one."""
    if not isinstance(said, dict):
        return said
    lists = {f.name for f in fields(Delivery) if str(f.type).startswith("tuple[str")}
    listed = {n: [v] if n in lists and isinstance(v, str) else v for n, v in said.items()}
    if isinstance(only := said.get("only"), dict):
        listed["only"] = {n: [v] if isinstance(v, str) else v for n, v in only.items()}
    if isinstance(shapes := said.get("shapes"), dict):
        listed["shapes"] = {n: _with_lists(s) for n, s in shapes.items()}
    return listed


def _check_shape(where: str, shape: Shape) -> None:
    """Raises ValueError with what is wrong in a shape. where: the table of the settings that says it."""
    if len(shape.delimiter) != 1 or shape.delimiter in '"\r\n' or not shape.delimiter.isascii():
        raise ValueError(f"{where}.delimiter is {shape.delimiter!r}; use one character such as ; or \\t")
    _check_reading(where, shape)
    if shape.date_language not in dayformats.LANGUAGES:
        raise ValueError(
            f"{where}.date_language is {shape.date_language!r}; use one of {', '.join(dayformats.LANGUAGES)}"
        )
    for date_format in shape.date_formats:
        try:
            dayformats.check(date_format, shape.date_language)
        except ValueError as error:
            raise ValueError(f"{where}.date_format {error}") from None
    for name, value, allowed in (
        ("amounts", shape.amounts, ("plain", "written")),
        ("decimals", shape.decimals, ("reject", "round")),
        ("part", shape.part, ("", "heads", "lines")),
    ):
        if value not in allowed:
            raise ValueError(f"{where}.{name} is {value!r}; use {' or '.join(filter(None, allowed))}")
    for column in shape.columns:
        _check_computed(f"{where}.columns.{column}", shape.computed_of(column))
        if column in shape.fill_down and (way := shape.computed_of(column)) and (way.product or way.share_of):
            raise ValueError(f"{where}.fill_down names {column}, which is computed of every record; leave it out there")


def _check_computed(where: str, way: Computed | None) -> None:
    """Raises ValueError if it is not said in one way how a column is computed."""
    if way is None:
        return
    if way.ways != 1:
        raise ValueError(f"{where} says {way.ways} ways; use one of product, constant, joined, first, share_of")
    if way.product and len(way.product) != 2:
        raise ValueError(f"{where}.product has {len(way.product)} names; use two, such as quantity and price")
    if bool(way.share_of) != bool(way.by) or len(way.by) > 2:
        raise ValueError(f"{where}: share_of needs by, one or two names, such as quantity and price")


def _check_reading(where: str, shape: Shape) -> None:
    """Raises ValueError if the bytes of a file cannot be read so."""
    if shape.format not in ("", *FORMATS):
        raise ValueError(f"{where}.format is {shape.format!r}; use {', '.join(FORMATS)}, or leave it out")
    try:
        codec_of(shape.encoding)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"{where}.encoding is {shape.encoding!r}; use a name such as utf-8, utf-16, cp1252, latin-1 or gbk"
        ) from error
    for name, character in {"quote": shape.quote, "escape": shape.escape}.items():
        if len(character) > 1 or not character.isascii() or character.isspace():
            raise ValueError(f"{where}.{name} is {character!r}; use one character, or an empty text for none")
    marks = [mark for mark in (shape.delimiter, shape.quote, shape.escape) if mark]
    if len({*marks}) < len(marks):
        raise ValueError(f"{where} has one character as two of delimiter, quote and escape; use a different one each")
    if shape.skip_lines < 0:
        raise ValueError(f"{where}.skip_lines is {shape.skip_lines}; use the number of lines above the header")


def _with_lines(orders: Delivery) -> Delivery:
    """The old spelling of an order's lines, `key = ["order_id", "product_id"]`, as a line_id of the same columns.

    Raises ValueError if it says something else.
    """
    columns = tuple(name for name in orders.key if name != "order_id")
    if len(columns) == len(orders.key) or any(shape.line_id for shape in orders.all_shapes):
        raise ValueError(
            "sources.orders.key is the old spelling of line_id, and cannot be read as one; write "
            'line_id = "a header that tells the lines of an order apart", or line_id = "position", and no key'
        )

    def headers(shape: Shape) -> tuple[str, ...]:
        named = (shape.headers_of(column) for column in columns)
        return tuple(found[0] if len(found) == 1 else c for c, found in zip(columns, named, strict=True))

    shapes = {name: replace(shape, line_id=headers(shape)) for name, shape in orders.shapes.items()}
    return replace(orders, key=(), line_id=headers(orders), shapes=shapes)


_Alert = Literal["held", "failed", "late", "score", "rejects", "rows", "revenue", "columns", "untriggered"]


class Alerts(BaseModel):
    """Who is told when an alert begins or ends. What stands in the address of a webhook or of apprise is secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    off: list[Literal["held", "failed", "late", "score", "rejects", "rows", "revenue", "columns", "untriggered"]] = (
        Field(default_factory=list, description="Rules that nobody wants to hear of.")
    )
    command: str = Field("", description="A program that gets each event as JSON on its input.")
    webhook: str = Field(
        "", pattern=r"^(https?://.+)?$", description="An address that gets each event as JSON by POST."
    )
    apprise: list[str] = Field(
        default_factory=list, description="Addresses for mail and chat, as apprise writes them (`ecomm[alerts]`)."
    )


class Settings(BaseSettings):
    """Everything that a shop can set. Unknown names are refused, so that a typing error is found."""

    model_config = SettingsConfigDict(env_prefix="ECOMM_", env_nested_delimiter="__", extra="forbid", frozen=True)

    landing: Path = Field(Path("landing"), description="The folder where the shop drops its files.")
    warehouse: Path = Field(Path("warehouse"), description="The folder that holds the tables.")
    engine: Literal["sail", "spark", "databricks"] = Field(
        "sail",
        description="What computes: sail (in the process), spark (Apache Spark, a server of its own), or databricks "
        "(the session of a notebook there).",
    )
    catalog: str = Field("external-catalog", description="databricks: the catalog of the tables.")
    schema_name: str = Field("default", description="databricks: the schema of the tables.")
    remote: str | None = Field(
        None, description="A running Spark Connect server, sc://host:port; then it computes, and none is started."
    )
    engine_dir: Path = Field(
        Path("~/.local/share/ecomm"), description="Where `ecomm engine install spark` puts what a local server needs."
    )
    memory_mb: int = Field(
        default_factory=_half_of_memory,
        ge=256,
        description="How much the engine may hold (sail: sorts and joins; spark: heap); default half of the machine's.",
    )
    trust_local_users: bool = Field(
        False,
        description="`ecomm watch` goes on where the system cannot close the embedded engine's port to other users of "
        "the machine, who could run programs as this user.",
    )
    source_dirs: dict[str, str] = Field(
        default_factory=dict, description="The folder of a source below landing; default <source>_data."
    )
    rates_file: str = Field(
        "rates.csv", description="Exchange rates (currency, valid_from, rate); a relative path is below landing."
    )
    min_score: Decimal = Field(
        Decimal(0), ge=0, le=100, description="A batch with a lower score is held until someone accepts or rejects it."
    )
    quiet_seconds: float = Field(
        1.0,
        ge=0,
        le=3600,
        description="`ecomm watch`: a file that has changed within this time is still being written.",
    )
    batches: Literal["triggers", "quiet", "daily"] = Field(
        "triggers",
        description="What makes a batch: a trigger file; or, without one, files that have stood still (quiet), or "
        "those of a day that is over (daily).",
    )
    sources: dict[str, Delivery] = Field(default_factory=dict, description="How the files of a source are delivered.")
    severity: dict[str, str] = Field(default_factory=dict, description="Rule -> HIGH, MEDIUM, LOW, NONE or OFF.")
    bounds: Bounds = Field(default_factory=Bounds, description="Where rules begin to doubt a value.")
    vocabularies: Vocabularies = Field(default_factory=Vocabularies, description="The words that a shop uses.")
    scale: Scale = Field(default_factory=Scale, description="The bounds of segments, performance and RFM scores.")
    shop: Shop = Field(default_factory=Shop, description="How the shop counts.")
    alerts: Alerts = Field(default_factory=Alerts, description="Who is told when something is wrong.")

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
        for name, rate in {"margin_rate": shop.margin_rate, **shop.margin_rates}.items():
            if not re.fullmatch(r"0(\.[0-9]{1,4})?|1(\.0{1,4})?", rate):
                raise ValueError(f"{name} is {rate!r}; use a share from 0 to 1 such as 0.30")
        return shop

    @field_validator("shop", "vocabularies", "scale", mode="before")
    @classmethod
    def _lists(cls, said: object) -> object:
        """The environment has no lists: `gold,vip` or `["gold", "vip"]`. What has a table of its own stands there."""
        if not isinstance(said, dict):
            return said
        if odd := sorted({"bounds", "vocabularies", "scale", "severity", "rates"} & said.keys()):
            raise ValueError(f"{odd[0]} has a table of its own, [{odd[0]}]")
        return {n: _list(v) if isinstance(v, str) and n in _LISTS else v for n, v in said.items()}

    @field_validator("severity")
    @classmethod
    def _levels(cls, levels: dict[str, str]) -> dict[str, str]:
        for name, level in levels.items():
            if level not in (*Severity, OFF):
                raise ValueError(f"{name} is {level!r}; use {', '.join((*Severity, OFF))}")
        return levels

    @field_validator("vocabularies")
    @classmethod
    def _words(cls, said: Vocabularies) -> Vocabularies:
        """As words are stored: lower case, blanks and `-` as `_`."""
        words = {n: tuple(re.sub(r"[\s-]+", "_", w.strip().lower()) for w in ws) for n, ws in asdict(said).items()}
        return Vocabularies(**words)

    @field_validator("scale")
    @classmethod
    def _falling(cls, said: Scale) -> Scale:
        pairs = (
            (said.vip, said.high_value, said.medium_value),
            (said.star, said.high_performer, said.medium_performer),
        )
        for steps in pairs:
            for above, below in itertools.pairwise(steps):
                if above[0] < below[0] or above[1] < below[1]:
                    raise ValueError(
                        f"a step asks for {below[0]} and {below[1]} orders, the one above for {above[0]} and {above[1]}"
                    )
        for falling in (said.frequency_orders, said.monetary, said.recency_days[::-1]):
            if list(falling) != sorted(falling, reverse=True):
                raise ValueError(f"the bounds {', '.join(map(str, falling))} must run in one direction")
        return said

    @field_validator("sources", mode="before")
    @classmethod
    def _one_is_a_list(cls, said: object) -> object:
        """A list of one may be written as a text: `files = "pos*.csv"`."""
        return {n: _with_lists(d) for n, d in said.items()} if isinstance(said, dict) else said

    @field_validator("sources")
    @classmethod
    def _deliveries(cls, said: dict[str, Delivery]) -> dict[str, Delivery]:
        for name, delivery in said.items():
            if name not in SOURCE_NAMES:
                raise ValueError(f"sources has {name!r}; use {', '.join(SOURCE_NAMES)}")
            for place, shape in {"": delivery, **{f".shapes.{n}": s for n, s in delivery.shapes.items()}}.items():
                _check_shape(f"sources.{name}{place}", shape)
                if place and not shape.files:
                    raise ValueError(f'sources.{name}{place} reads no files; name them, such as files = "pos*.csv"')
                if shape.part and name != "orders":
                    raise ValueError(f"sources.{name}{place}.part is for orders alone; leave it out")
                if shape.nobody and name == "customers":
                    raise ValueError(f"sources.{name}{place}.nobody is for orders alone; leave it out")
            if delivery.absence not in ("keep", "close"):
                raise ValueError(f"sources.{name}.absence is {delivery.absence!r}; use keep or close")
            lends = delivery.read_from
            if lends and (lends == name or lends not in SOURCE_NAMES or (lends in said and said[lends].read_from)):
                raise ValueError(f"sources.{name}.read_from is {lends!r}; use another source, whose own files come")
            if delivery.refunds not in ("status", "rows"):
                raise ValueError(f"sources.{name}.refunds is {delivery.refunds!r}; use status or rows")
            lines = any(shape.line_id for shape in delivery.all_shapes)
            if name != "orders" and (lines or delivery.whole_orders or delivery.refunds != "status"):
                raise ValueError(
                    f"sources.{name} has line_id, whole_orders or refunds, which only [sources.orders] can have"
                )
        return {n: _with_lines(d) if n == "orders" and d.key else d for n, d in said.items()}

    def source_dir(self, name: str) -> Path:
        """The folder of a source (or of `trigger`) below landing."""
        return self.landing / self.source_dirs.get(name, f"{name}_data")

    def shape_of(self, source: str, name: str) -> Shape:
        """How a file of a source is read, by its name."""
        return self.sources.get(source, Delivery()).shape_of(name)

    def reads_too(self, source: str, of: str, name: str) -> bool:
        """A file of this name that comes for the source `of` is read for `source` too."""
        delivery = self.sources.get(source)
        return delivery is not None and delivery.read_from == of and delivery.borrows(name)

    @property
    def landing_folders(self) -> list[Path]:
        """The folders in which files and triggers arrive."""
        return [self.source_dir(name) / "source" for name in _PLACES]

    def counting(self, rates: tuple[Rate, ...] = ()) -> ShopSettings:
        """The settings that change what is in the tables. rates: what the shop's rates file says."""
        shop = replace(
            self.shop,
            bounds=self.bounds,
            vocabularies=self.vocabularies,
            scale=self.scale,
            severity=self.severity,
            rates=rates,
        )
        return ShopSettings(shop, self.sources)

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


def _wrong(place: Sequence[str], kind: str, message: str) -> str:
    """What is wrong with a setting, and what to do. place: its name, part by part; kind, message: pydantic's."""
    said = message.removeprefix("Value error, ")
    if said.startswith(f"{place[0]}."):
        return said
    if place[0] == "sources" and "columns" in place[:-1]:
        column = place[: place.index("columns") + 2]
        return (
            f"{'.'.join(column)}: use a header name, a list of them, or one of {{ product = [...] }}, "
            '{ constant = "..." }, { joined = [...] }, { first = [...] }, { share_of = "...", by = [...] }'
        )
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        known = [f.name for f in fields(Delivery)] if place[0] == "sources" else list(Settings.model_fields)
        near = get_close_matches(place[-1], known, 1)
        return f"{'.'.join(place)}: there is no such setting" + (f"; the nearest is {near[0]}" if near else "")
    if kind == "string_type":
        *name, of = place
        return f"{'.'.join(name)}: use a text or a list of texts" if of == "str" else f"{'.'.join(place)}: use a text"
    said = next((advice for start, advice in _ADVICE.items() if kind.startswith(start)), said)
    return f"{'.'.join(place)}: {said}"


_ADVICE = {
    "bool_": "use true or false",
    "int_": "use a whole number",
    "decimal_": "use a number",
    "float_": "use a number",
    "tuple_type": 'use a list of texts, as ["one", "other"]',
    "dict_type": "use a table of names and values",
    "mapping_type": "use a table of names and values",
    "dataclass_type": "use a table of settings",
}
"""What to do about a value of another type, by the start of pydantic's name for the error."""


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
        said_in = _said_in(str(first["loc"][0]) if first["loc"] else "", flags, file)
        place = [str(part) for part in first["loc"]] or ["settings"]
        raise UsageError(f"{said_in}: {_wrong(place, first['type'], first['msg'])}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: this is not valid TOML: not UTF-8; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: this is not valid TOML: {error}.") from error


def of_parameters(said: Mapping[str, str]) -> Settings:
    """The settings of a notebook's parameters: `config`, a settings file, and single ones; an empty text is none.

    `run_id` is none of them. Raises UsageError.
    """
    flags = {name: value for name, value in said.items() if value and name not in ("run_id", "config")}
    return load(Path(said["config"]) if said.get("config") else None, **flags)


def instant(text: str | None, flag: str) -> datetime:
    """The instant that a flag names, ISO, without an offset in UTC; now if it names none. Raises UsageError."""
    if text is None:
        return datetime.now(UTC)
    try:
        said = datetime.fromisoformat(text)
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{flag}: {text!r} is no instant; write it as 2025-01-15T06:00:00Z.") from error


def day(text: str, flag: str) -> date:
    """The day that a flag names. Raises UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {text!r} is no day; write it as 2025-01-31.") from error


def day_or_instant(text: str, flag: str) -> date | datetime:
    """The day, or the instant, that a flag names. Raises UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return instant(text, flag)


def _said_in(name: str, flags: Mapping[str, object], file: Path) -> str:
    """Where a setting was said: the flag, the environment or the file."""
    if flags.get(name) is not None:
        return f"--{name}"
    variables = [v for v in os.environ if v.upper().startswith(f"ECOMM_{name.upper()}")]
    return variables[0] if variables else str(file)
