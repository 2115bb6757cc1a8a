"""A batch that is read once more is read and judged by the settings by which it was read before."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from ecomm import restore, revise
from ecomm.batches import copies
from ecomm.engines import Engine
from ecomm.errors import StorageError, UsageError
from ecomm.redrive import export, redrive
from tests.conftest import keep_running
from tests.integration.test_cli import ecomm
from tests.shop import SOURCES, Shop, differences, published

pytestmark = pytest.mark.usefixtures("shop")  # runs use the engine of the session
BEFORE: dict[str, Any] = {
    "sources": {
        "customers": {"delimiter": ";", "date_format": "dd.MM.yyyy", "delete_column": "gone"},
        "orders": {"decimal_comma": True, "delimiter": ";"},
    },
    "shop": {"source_timezone": "Europe/Berlin"},
}
CHANGED: dict[str, dict[str, Any]] = {
    "how bytes and columns are read": {
        "sources": {
            "customers": {"columns": {"city": "email"}, "date_format": "MM.dd.yyyy"},
            "orders": {"delimiter": "\t", "columns": {"order_id": "number"}},
        }
    },
    "what silence and deletes mean": {
        "sources": {**BEFORE["sources"], "customers": {"delimiter": ";", "absence": "close"}}
    },
    "severities, bounds and words": {
        **BEFORE,
        "severity": {"email_format": "HIGH", "currency_assumed": "OFF"},
        "bounds": {"order_amount": "1"},
        "vocabularies": {"order_status": ["sold"]},
    },
    "currency, zone and rates": {
        **BEFORE,
        "shop": {"reporting_currency": "EUR", "source_timezone": "Pacific/Auckland"},
    },
    "rates": BEFORE,
}
CUSTOMERS = "customer_id;email;city;registration_date;gone\n"
ORDERS = "order_id;customer_id;product_id;order_date;order_amount;created_timestamp\n"


def facts(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """What was read and judged, without what follows from targets by the current settings."""
    names = {f"{source}_{kind}" for source in SOURCES for kind in ("stage", "errors", "target")}
    return {name: rows for name, rows in published(shop).items() if name in names}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Shop:
    """Two batches with a record to mend in each source."""
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        shop = Shop(tmp_path_factory.mktemp("read"), **BEFORE)
        rows = "C0;a@x.org;Rome;03.04.2024;\nC1;none;Bern;05.04.2024;\nC2;b@x.org;Graz;06.04.2024;\n"
        shop.drop("b0", "2025-01-01T12:00:00Z", {"customers": {"c0.csv": CUSTOMERS + rows}})
        rows = "C1;none;Oslo;05.04.2024;\nC2;;;;true\n;c@x.org;Wien;07.04.2024;\n"
        orders = "O1;C1;P1;2025-01-02;12,50;2025-01-02 08:00:00\nO2;C1;P1;2025-01-02;x;2025-01-02 09:00:00\n"
        files = {"customers": {"c1.csv": CUSTOMERS + rows}, "orders": {"o1.csv": ORDERS + orders}}
        shop.drop("b1", "2025-01-02T12:00:00Z", files)
        assert [o.status for o in shop.run()] == ["published"] * 2
        return shop


def mended(shop: Shop) -> Shop:
    """The shop after one cell of each source was mended."""
    for source, column, cell in (("customers", "customer_id", "C9"), ("orders", "order_amount", "3,25")):
        file = shop.root / f"{source}.csv"
        assert export(shop.settings, source, file, force=True) == 1
        with file.open(encoding="utf-8-sig", newline="") as lines:
            (row,) = csv.DictReader(lines)
        with file.open("w", encoding="utf-8", newline="") as lines:
            out = csv.DictWriter(lines, row)
            out.writeheader()
            out.writerow(row | {column: cell})
        done = redrive(shop.settings, file, "one cell")
        assert ([o.status for o in done.outcomes], done.corrected) == (["published"], 1)
    return shop


def changed(shop: Shop, place: Path, what: str) -> Shop:
    """A copy of the shop, in which settings have changed since."""
    shop.copy(place)
    if what.endswith("rates"):
        (place / "landing" / "rates.csv").write_text("currency,valid_from,rate\nCHF,2020-01-01,1.1\n")
    return Shop(place, **CHANGED[what])


@pytest.fixture(scope="module")
def right(read: Shop, tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """What comes out where no setting has changed."""
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        place = tmp_path_factory.mktemp("right")
        read.copy(place)
        return facts(mended(Shop(place, **BEFORE)))


@pytest.mark.long
@pytest.mark.parametrize("what", [name for name in CHANGED if name != "rates"])
def test_a_mended_cell_changes_its_own_record_only(
    read: Shop, right: dict[str, list[dict[str, Any]]], tmp_path: Path, what: str
) -> None:
    shop = mended(changed(read, tmp_path / "copy", what))
    assert not differences(facts(shop), right)
    assert [o.status for o in revise.replay(shop.settings, "b0", as_then=True)] == ["published"] * 2
    assert not differences(facts(shop), right)
    revise.undo(shop.settings, "b1", "a test")
    assert [o.status for o in revise.replay(shop.settings, "b1", as_then=True)] == ["published"]
    assert not differences(facts(shop), right)


@pytest.mark.long
def test_restore_reads_by_the_settings_of_each_batch(
    read: Shop, right: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    shop = mended(changed(read, tmp_path / "copy", "severities, bounds and words"))
    shutil.rmtree(shop.settings.warehouse)
    restore.restore(shop.settings)
    assert not differences(facts(shop), right)


def test_an_accepted_batch_is_read_as_it_was_held(tmp_path: Path) -> None:
    """Its rows were put aside when it was held; without them it is read once more, by the settings of that time."""
    text = "customer_id,email\nC1,none\nC2,a@x.org\n"
    for name, gone in (("kept", False), ("gone", True)):
        shop = Shop(tmp_path / name, min_score=100)
        shop.drop("b1", "2025-01-01T12:00:00Z", {"customers": {"c.csv": text}})
        assert [o.status for o in shop.run()] == ["held"]
        if gone:
            shutil.rmtree(shop.settings.warehouse / "held")
        strict = Shop(tmp_path / name, severity={"email_format": "HIGH"})
        assert revise.decide(strict.settings, "b1", "ACCEPT", "fine").status == "published"
        assert [row["customer_id"] for row in strict.rows("customers_stage")] == ["C1", "C2"]


def test_replay_asks_by_which_settings(read: Shop, tmp_path: Path) -> None:
    shop = changed(read, tmp_path / "copy", "severities, bounds and words")
    before = shop.versions()
    said = "b0 was read by other settings; not the same now: bounds.order_amount, severity.currency_assumed, "
    said += "severity.email_format, vocabularies.order_status. Say --settings"
    with pytest.raises(UsageError, match=said):
        revise.replay(shop.settings, "b0")
    assert shop.versions() == before
    (*_, outcome) = revise.replay(shop.settings, "b1", as_then=False)
    assert outcome.status == "published"
    assert "C1" not in {row["customer_id"] for row in shop.rows("customers_stage") if row["batch_id"] == "b1"}
    assert revise.replay(shop.settings, "b1")[0].status == "published"  # it was read by the current ones
    rated = changed(read, tmp_path / "rates", "rates")
    assert [o.status for o in revise.replay(rated.settings, "b1")] == ["published"]


@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
def test_settings_that_are_gone_are_said(read: Shop, tmp_path: Path, damage: str) -> None:
    shop = changed(read, tmp_path / "copy", "what silence and deletes mean")
    (digest,) = {f.settings for e in shop.warehouse.log for f in e.files}
    file = copies.folder_of(shop.settings, shop.warehouse.log) / "settings" / f"{digest}.json.gz"
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-9] if damage == "cut" else content[:40] + b"\x00" + content[41:])
    (outcome,) = revise.replay(shop.settings, "b1", as_then=True)
    assert outcome.status == "failed"
    assert "are gone or damaged; bring the file back from a backup, or, in a" in str(outcome.reason)
    with pytest.raises(StorageError, match="are gone or damaged"):
        revise.replay(shop.settings, "b1")
    # What the sentence advises works.
    assert revise.replay(shop.settings, "b1", as_then=False)[0].status == "published"
    assert revise.replay(shop.settings, "b1", as_then=True)[0].status == "published"


@pytest.mark.long
def test_the_command_says_which(read: Shop, tmp_path: Path) -> None:
    read.copy(tmp_path / "copy")
    folders = ("--landing", "landing", "--warehouse", "warehouse")
    refused = ecomm("replay", "--from", "b1", *folders, cwd=tmp_path / "copy")
    refused.fails(2, "Say --settings then")
    said = ecomm("replay", "--from", "b1", "--settings", "then", *folders, cwd=tmp_path / "copy").ok().out
    assert "Each batch was read by the settings by which it was read before." in said
    now = ecomm("replay", "--from", "b1", "--settings", "now", *folders, cwd=tmp_path / "copy")
    assert "Each batch was read by the current settings." in now.out
