"""A contract changes while a warehouse is in use: nothing is written before a rebuild, and then all is as if new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ecomm import pipeline, rebuild, revise, tables
from ecomm.contract import ContractColumn
from ecomm.errors import FormatError
from ecomm.sources import SOURCES
from tests.integration.test_cli import ecomm
from tests.integration.test_histories import nothing_changes
from tests.shop import ANALYTICS, Row, Shop, differences, published

pytestmark = pytest.mark.usefixtures("shop")  # runs use the engine of the session
# name -> day, columns besides the key and the date, rows; `late` comes when `two` is there already.
BATCHES = {
    "one": (1, "city,gift", ["C1,Rome,a", "C2,Oslo,b", "C3,Bern,"]),
    "two": (3, "city", ["C1,Paris", "C2,Oslo", "C3,Bern"]),
    "late": (2, "city,gift", ["C1,Paris,c", "C2,Turin,b"]),
    "four": (5, "city", ["C1,Paris", "C2,Oslo", "C4,Rome"]),
    "five": (6, "city,gift", ["C1,Paris,d", "C3,Bern,e", "C4,Rome,f"]),
    "six": (4, "city", ["C1,Rome", "C3,Wien"]),
}


def drop(shop: Shop, *names: str) -> Shop:
    for name in names:
        day, columns, rows = BATCHES[name]
        text = f"customer_id,{columns}\n" + "".join(f"{row}\n" for row in rows)
        shop.drop(name, f"2025-03-0{day}T12:00:00Z", {"customers": {f"{name}.csv": text}})
        assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    return shop


def contract(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[tuple[ContractColumn, ...]], list[ContractColumn]]
) -> None:
    """From now on customers have other columns."""
    source = replace(SOURCES["customers"], columns=tuple(change(SOURCES["customers"].columns)))
    monkeypatch.setitem(SOURCES, "customers", source)
    for name, table in tables.catalogue(SOURCES).items():
        monkeypatch.setitem(tables.CATALOGUE, name, table)


def untracked(name: str) -> Callable[[tuple[ContractColumn, ...]], list[ContractColumn]]:
    return lambda columns: [replace(c, tracked=c.tracked and c.name != name) for c in columns]


def with_gift(columns: tuple[ContractColumn, ...]) -> list[ContractColumn]:
    return [*columns, ContractColumn("gift", "string", "What the customer got.")]


def with_visits(columns: tuple[ContractColumn, ...]) -> list[ContractColumn]:
    return [*columns, ContractColumn("visits", "bigint", "How often the customer came.", tracked=False)]


def facts(shop: Shop) -> dict[str, list[Row]]:
    return {n: rows for n, rows in published(shop).items() if n.endswith("_target") or n in ANALYTICS}


@pytest.mark.long
@pytest.mark.parametrize("change", [untracked("city"), with_gift, with_visits], ids=["untracked", "known", "new"])
def test_a_rebuild_is_asked_for_and_then_all_is_as_if_it_had_always_been_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[tuple[ContractColumn, ...]], list[ContractColumn]],
) -> None:
    shop = drop(Shop(tmp_path / "old"), "one", "two", "late")
    versions = shop.versions()
    contract(monkeypatch, change)
    for work in (lambda: pipeline.run(shop.settings), lambda: revise.undo(shop.settings, "two", "why not")):
        shop.drop("more", "2025-04-01T12:00:00Z", {"customers": {"more.csv": "customer_id\nC9\n"}})
        with pytest.raises(FormatError, match="customers were made by another contract than that of now; run `ecomm r"):
            work()
    assert shop.versions() == versions
    for landed in (shop.root / "landing").glob("*/source/*"):
        landed.unlink()
    assert (rebuild.rebuild(shop.settings)["customers_target"] > 0) == (change is not with_visits)  # NULL so far
    fresh = drop(Shop(tmp_path / "new"), "one", "two", "late")
    assert not differences(facts(shop), facts(fresh))
    for name in ("four", "five", "six"):
        assert not differences(facts(drop(shop, name)), facts(drop(fresh, name))), name
    assert revise.undo(shop.settings, "five", "why not").status == "undone"
    assert revise.undo(fresh.settings, "five", "why not").status == "undone"
    assert not differences(facts(shop), facts(fresh))
    nothing_changes(shop)


def test_a_column_of_another_type_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = drop(Shop(tmp_path / "old"), "one")
    versions = shop.versions()
    contract(monkeypatch, lambda columns: [replace(c, type="bigint") if c.name == "city" else c for c in columns])
    for work in (lambda: drop(shop, "two"), lambda: rebuild.rebuild(shop.settings)):
        with pytest.raises(FormatError, match="customers_stage: city is string there, and bigint in the contract"):
            work()
    contract(monkeypatch, lambda columns: [c for c in columns if c.name != "city"])
    with pytest.raises(FormatError, match="customers_stage: city is no longer in the contract"):
        rebuild.rebuild(shop.settings)
    assert shop.versions() == versions


@pytest.mark.long
def test_a_batch_that_was_held_before_is_read_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = drop(Shop(tmp_path / "old", min_score="0"), "one")
    strict = Shop(tmp_path / "old", min_score="99.9")
    text = "customer_id,city,gift\nC1,Rome,z\n,Rome,\n"
    strict.drop("held", "2025-03-09T12:00:00Z", {"customers": {"held.csv": text}})
    assert [o.status for o in strict.run()] == ["held"]
    contract(monkeypatch, with_gift)
    rebuild.rebuild(strict.settings)
    outcome = revise.decide(strict.settings, "held", "ACCEPT", "all is well")
    assert (outcome.status, outcome.reason) == ("published", None)
    rows = [r for r in shop.rows("customers_target") if r["customer_id"] == "C1"]
    assert [r["gift"] for r in sorted(rows, key=lambda r: r["effective_date"])] == ["a", "z"]
    nothing_changes(shop)


@pytest.mark.long
def test_the_command_says_it_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger of this warehouse has the signature of another contract."""
    shop = drop(Shop(tmp_path / "old"), "one")
    contract(monkeypatch, untracked("city"))
    rebuild.rebuild(shop.settings)
    shop.drop("more", "2025-04-01T12:00:00Z", {"customers": {"more.csv": "customer_id\nC9\n"}})
    folders = ("--landing", shop.settings.landing, "--warehouse", shop.settings.warehouse)
    ecomm("run", *folders, cwd=tmp_path).fails(1, "run `ecomm rebuild`, which folds them anew.")
    assert "customers_target: " in ecomm("rebuild", *folders, cwd=tmp_path).ok().out
    assert "published" in ecomm("run", *folders, cwd=tmp_path).ok().out
