"""Settings: which one is in force, and what is said of a wrong one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecomm.delivery import Delivery
from ecomm.errors import UsageError
from ecomm.settings import Settings, load
from ecomm.sources import of_shop


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and no setting in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("ECOMM_"):
            monkeypatch.delenv(name)


def toml(text: str, name: str = "ecomm.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def refused(part: str, *others: str, config: Path | None = None) -> None:
    """Loading says one sentence, for wrong use, with all these parts."""
    with pytest.raises(UsageError) as caught:
        load(config)
    said = str(caught.value)
    assert "\n" not in said
    for each in (part, *others):
        assert each in said
    assert caught.value.exit_code == 2


def test_defaults() -> None:
    """Without any setting the folders are beside each other, and a shop counts in dollars and in UTC."""
    settings = load()
    assert (settings.landing, settings.warehouse, settings.engine) == (Path("landing"), Path("warehouse"), "sail")
    assert settings.shop.reporting_currency == "USD"
    assert {settings.shop.source_timezone, settings.shop.shop_timezone} == {"UTC"}
    assert settings.shop.premium_tiers == ("premium", "platinum", "vip")
    assert settings.shop.non_revenue_statuses == ("cancelled", "returned", "refunded", "failed")
    assert settings.source_dir("orders") == Path("landing/orders_data")
    assert settings.source_dir("trigger") == Path("landing/trigger_data")


def test_flag_beats_environment_beats_file_beats_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting comes from the nearest place that says it; another one of the same group may come from elsewhere."""
    toml('landing = "of_file"\nwarehouse = "of_file"\n[shop]\nreporting_currency = "EUR"\nhemisphere = "south"\n')
    settings = load()
    assert (settings.landing, settings.warehouse) == (Path("of_file"), Path("of_file"))
    assert settings.shop.reporting_currency == "EUR"

    monkeypatch.setenv("ECOMM_WAREHOUSE", "of_env")
    monkeypatch.setenv("ECOMM_SHOP__REPORTING_CURRENCY", "GBP")
    settings = load()
    assert (settings.landing, settings.warehouse) == (Path("of_file"), Path("of_env"))
    assert (settings.shop.reporting_currency, settings.shop.hemisphere) == ("GBP", "south")
    assert settings.shop.shop_timezone == "UTC"

    settings = load(warehouse=Path("of_flag"), landing=None)
    assert (settings.landing, settings.warehouse) == (Path("of_file"), Path("of_flag"))


def test_file_by_name(tmp_path: Path) -> None:
    """A file that is named is read, and the one in the current folder is not; if it is not there, that is said."""
    toml('landing = "here"')
    other = tmp_path / "other.toml"
    other.write_text('warehouse = "there"\n')
    settings = load(other)
    assert (settings.landing, settings.warehouse) == (Path("landing"), Path("there"))
    refused("nowhere.toml", "ecomm init", config=Path("nowhere.toml"))
    refused("no such settings file", config=tmp_path)


def test_environment_is_read_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ecomm_landing", "low")
    assert load().landing == Path("low")


def test_lists_and_tables_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is a list or a table in the file is JSON in the environment."""
    monkeypatch.setenv("ECOMM_SHOP__PREMIUM_TIERS", '["gold"]')
    monkeypatch.setenv("ECOMM_SOURCE_DIRS", '{"orders": "in/orders"}')
    settings = load()
    assert settings.shop.premium_tiers == ("gold",)
    assert settings.source_dir("orders") == Path("landing/in/orders")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('landng = "x"', "landng"),
        ('[shop]\nreporting_curency = "EUR"', "reporting_curency"),
        ('[shp]\nreporting_currency = "EUR"', "shp"),
        ('[source_dirs]\nordrs = "x"', "ordrs"),
        ('[severity]\ncustomer_id_present = "low"', "customer_id_present"),
        ("[shop.bounds]\nage = 3", "bounds"),
        ('[sources.orders]\ndelimiter = ";;"', "delimiter"),
        ('[sources.orders]\ndate_format = "dd-MM/yyyy"', "date_format"),
        ("[scale]\nvip = [1, 1]", "500 and 3 orders"),
    ],
)
def test_unknown_setting(text: str, name: str) -> None:
    """A typing error in the file is found, and named, wherever it is."""
    toml(text)
    refused(name, "ecomm.toml")


def test_unknown_setting_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of a variable whose group is a setting."""
    monkeypatch.setenv("ECOMM_SHOP__REPORTING_CURENCY", "EUR")
    refused("reporting_curency")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[shop]\nsource_timezone = "Berlin"', ["Berlin", "Europe/Berlin"]),
        ('[shop]\nshop_timezone = "+01:00"', ["+01:00"]),
        ('[shop]\nshop_timezone = ""', ["time zone"]),
        ('[shop]\nshop_timezone = "../../etc/passwd"', ["time zone"]),
        ('[shop]\nhemisphere = "east"', ["east", "north", "south"]),
        ('[shop]\nreporting_currency = "usd"', ["usd", "ISO 4217"]),
        ('[shop]\nreporting_currency = "XXQ"', ["XXQ", "ISO 4217"]),
        ('[shop]\nreporting_currency = "DOLLAR"', ["DOLLAR"]),
        ('[shop]\nbusiness_hours = [18, 9]', ["business_hours"]),
        ('[shop]\nbusiness_hours = [9, 25]', ["business_hours"]),
        ('[shop]\nbusiness_hours = [9]', ["business_hours"]),
        ('[shop]\nmargin_rate = "a third"', ["margin_rate"]),
        ('[shop]\nmargin_rate = "7"', ["margin_rate"]),
        ('engine = "duckdb"', ["engine", "sail"]),
        ("memory_mb = 1", ["memory_mb", "256"]),
        ("memory_mb = true\nlanding = 7", ["landing"]),
        ('shop = "USD"', ["shop"]),
    ],
)  # fmt: skip
def test_wrong_value(text: str, parts: list[str]) -> None:
    """A value that cannot be meant is refused, with the file, the setting and what may stand there."""
    toml(text)
    refused("ecomm.toml", *parts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('lineid = "a"', "sources.orders.lineid: there is no such setting; the nearest is line_id."),
        ("line_id = 3", "sources.orders.line_id: use a text or a list of texts."),
        ("sheet = 1", "sources.orders.sheet: use a text."),
        ('whole_orders = "perhaps"', "sources.orders.whole_orders: use true or false."),
        ('skip_lines = "three"', "sources.orders.skip_lines: use a whole number."),
        ("footers = 3", 'sources.orders.footers: use a list of texts, as ["one", "other"].'),
        ("values = 3", "sources.orders.values: use a table of names and values."),
        ("shapes = { pos = 3 }", "sources.orders.shapes.pos: use a table of settings."),
        ('columns = { discount = { produkt = ["a", "b"] } }', "sources.orders.columns.discount: use a header name"),
        ('shapes = { pos = { delimiter = ";" } }', 'shapes.pos reads no files; name them, such as files = "pos*.csv".'),
        ('read_from = "orders"', "ecomm.toml: sources.orders.read_from is 'orders'; use another source"),
    ],
)
def test_a_wrong_setting_of_a_source(text: str, said: str) -> None:
    """The sentence names the setting once, as the file writes it, and says what to write."""
    toml(f"[sources.orders]\n{text}\n")
    with pytest.raises(UsageError) as caught:
        load()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (Delivery(cents=("order_date",)), "cents of orders names order_date, which is no amount"),
        (Delivery(without=("order_id",)), "without of orders names order_id, which every record must have"),
    ],
)
def test_columns_for_which_a_setting_has_no_meaning(delivery: Delivery, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        of_shop({"orders": delivery}, {})


def test_wrong_value_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the setting, and no file that does not say it."""
    monkeypatch.setenv("ECOMM_MEMORY_MB", "much")
    with pytest.raises(UsageError, match="memory_mb") as caught:
        load()
    assert "ecomm.toml" not in str(caught.value)


@pytest.mark.parametrize("folder", ["../orders", "a/../../b", "/srv/orders", "..", ".", "", "a/..", "\\u0000"])
def test_source_dirs_stay_inside(folder: str) -> None:
    """The folder of a source lies below landing."""
    toml(f'[source_dirs]\norders = "{folder}"')
    refused("source_dirs", "orders")


def test_source_dirs() -> None:
    """A source's folder is a setting, the others keep theirs."""
    toml('landing = "in"\n[source_dirs]\norders = "shop/orders"\ntrigger = "signals"')
    settings = load()
    assert settings.source_dir("orders") == Path("in/shop/orders")
    assert settings.source_dir("trigger") == Path("in/signals")
    assert settings.source_dir("customers") == Path("in/customers_data")


@pytest.mark.parametrize(
    "content", [b"landing =", b"[shop", b"landing = 'a'\nlanding = 'b'", b"\xff\xfe", b"landing = '\xe9'"]
)
def test_not_toml(content: bytes) -> None:
    """A file that is no TOML, or not UTF-8: one sentence that names it."""
    Path("ecomm.toml").write_bytes(content)
    refused("ecomm.toml", "TOML")


def test_settings_hash_tells_what_counts() -> None:
    """It changes with what changes the tables, and with nothing else."""

    def hash_of(text: str) -> str:
        toml(text)
        return load().counting().digest

    plain = hash_of("")
    assert hash_of('landing = "x"\nmemory_mb = 2048') == plain
    assert hash_of('[shop]\nreporting_currency = "USD"') == plain
    others = ['reporting_currency = "EUR"', 'shop_timezone = "Europe/Berlin"', 'source_timezone = "Europe/Berlin"']
    others += ['margin_rate = "0.4"', 'hemisphere = "south"', 'premium_tiers = ["gold"]', "business_hours = [8, 18]"]
    hashes = {hash_of(f"[shop]\n{other}") for other in others}
    assert len(hashes) == len(others)
    assert plain not in hashes


def test_settings_do_not_change() -> None:
    settings = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.landing = Path("elsewhere")  # type: ignore[misc]
    assert isinstance(settings, Settings)
