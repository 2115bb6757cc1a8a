"""Each small mistake in the fold, or in which keys are folded, makes some case fail."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from ecomm import batch, history, rebuild, revise
from ecomm.batches import log
from ecomm.engines import Engine
from ecomm.errors import InvariantError
from ecomm.tasks import change_set
from ecomm.transforms import absences, fold
from tests.conformance.test_scd2 import ALL, Results, evaluated, failures
from tests.shop import Shop

pytestmark = pytest.mark.soak


@dataclass(frozen=True)
class Mutant:
    """One place of a module, and what stands there instead."""

    module: types.ModuleType
    name: str
    old: str
    new: str

    def grow(self, patch: pytest.MonkeyPatch) -> None:
        """Put the module's functions as they would be with the mistake in place of its own."""
        source = inspect.getsource(self.module)
        assert source.count(self.old) == 1, f"{self.name}: {source.count(self.old)} places"
        changed = dict(self.module.__dict__)
        exec(compile(source.replace(self.old, self.new), f"<{self.name}>", "exec"), changed)
        for name, value in changed.items():
            mine = getattr(self.module, name, None)
            if inspect.isfunction(value) and inspect.isfunction(mine) and mine.__module__ == self.module.__name__:
                patch.setattr(self.module, name, value)
            if inspect.isclass(value) and inspect.isclass(mine) and mine.__module__ == self.module.__name__:
                for attribute, member in vars(value).items():
                    if inspect.isfunction(member) or isinstance(member, property | cached_property):
                        patch.setattr(mine, attribute, member)


FOLD = (
    Mutant(fold, "equal states open versions", '(~ended & (neighbour_hash != F.col("row_hash")))', "~ended"),
    Mutant(fold, "no state opens one", '(~ended & (neighbour_hash != F.col("row_hash")))', "F.lit(False)"),
    Mutant(fold, "several states an instant", '(F.col("next_as_of") != F.col("as_of"))', "F.lit(True)"),
    Mutant(fold, "by id, not by time", '.orderBy("as_of", "batch_id")', '.orderBy("batch_id", "as_of")'),
    Mutant(fold, "the first untracked value", '~ended & F.col("closes")', '~ended & F.col("opens")'),
    Mutant(fold, "versions never end", '"expiry_date": F.lead("as_of").over(of_key)', '"expiry_date": _NO_END'),
    Mutant(
        fold,
        "carried across a gap",
        "F.when(ended, F.array(value, value)).when(F.coalesce(stated, F.lit(True))",
        "F.when(F.coalesce(stated, F.lit(True)) & ~ended",
    ),
    Mutant(fold, "the hash before carry-over", "F.when(untouched, F.col", "F.when(F.lit(True), F.col"),
    Mutant(fold, "opened by the last", '"batch_id": F.col("opened_by")', '"batch_id": F.col("batch_id")'),
    Mutant(
        fold, "nothing is carried in order", "F.when(known & lacks, before(name))", "F.when(F.lit(False), before(name))"
    ),
    Mutant(fold, "untracked values stay in order", "differs = F.exists(", "differs = F.lit(False) & F.exists("),
    Mutant(fold, "equal rows close in order", 'same = before("row_hash") == F.col("row_hash")', "same = F.lit(False)"),
    Mutant(
        absences, "the snapshot before", "bisect_right(positions, batch)", "max(0, bisect_right(positions, batch) - 1)"
    ),
    Mutant(
        absences,
        "each line is a part",
        "for place in places])",
        "for place in range(max(places, default=-1) + 1)])",
    ),
    Mutant(absences, "what is mentioned ends too", 'F.col("mentioned") == 0', 'F.col("mentioned") >= 0'),
    Mutant(history, "rejected rows are no mention", ".unionByName(rejected.select(*place))", ""),
    Mutant(history, "an incomplete snapshot counts", "s.revision not in incomplete", "s.revision is not None"),
    Mutant(history, "the contract of then", "    if not older:", "    if older or not older:"),
    Mutant(history, "all that was written counts", "history.stage.filter(history.alive)", "history.stage"),
    Mutant(log, "an undo is forgotten", "published.pop(entry.batch_id, None)", "pass"),
)


@pytest.mark.parametrize("mutant", FOLD, ids=lambda mutant: mutant.name)
def test_a_mistake_in_the_fold_is_found(
    mutant: Mutant, engine: Engine, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant.grow(monkeypatch)
    results: Results = evaluated(engine, tmp_path_factory.mktemp)
    assert [case.name for case in ALL if failures(case, results)]


TOUCHED = (
    Mutant(change_set, "the old revision's keys", "(before,) if e is not None", "() if e is not None"),
    Mutant(change_set, "what an undone snapshot ended", "own) + histories.with_parts(history, ended)", "own)"),
    Mutant(change_set, "lives within an instant", "unionByName(at_once).unionByName(", "unionByName("),
    Mutant(change_set, "what a snapshot reaches", ".unionByName(absences.within_reach(target, snapshot, source))", ""),
    Mutant(absences, "what ends at its instant", '(F.col("expiry_date") >= at)', '(F.col("expiry_date") > at)'),
    Mutant(batch, "a tie is in order", "all(as_of < self.as_of for", "all(as_of <= self.as_of for"),
    Mutant(batch, "what is replaced is in order", "return self.replaces is None and all(", "return all("),
    Mutant(fold, "the version before a gap", "if ended and source.version_fields:", "if False:"),
)


def stock(root: Path, name: str, day: int, said: dict[str, int], *, closes: bool, replaces: bool = False) -> Shop:
    """Publish a batch of stocks, which is a snapshot or is not."""
    shop = Shop(root, sources={"inventory": {"absence": "close" if closes else "keep"}})
    text = "product_id,stock_quantity\n" + "".join(f"{product},{n}\n" for product, n in said.items())
    shop.drop(name, f"2025-01-0{day}T12:00:00Z", {"inventory": {f"{name}.csv": text}})
    outcomes = shop.run(replacing=name) if replaces else shop.run()
    if [o.status for o in outcomes] != ["published"]:
        raise InvariantError(str(outcomes[0].reason))
    return shop


def moments(root: Path) -> tuple[Callable[[], Shop], ...]:
    """A past in which each choice of keys matters at some step."""

    def undone(name: str) -> Shop:
        shop = Shop(root)
        assert revise.undo(shop.settings, name, "why not").status == "undone"
        return shop

    return (
        lambda: stock(root, "s1", 1, {"P1": 5, "P2": 5, "P3": 5}, closes=True),
        lambda: stock(root, "s5", 5, {"P1": 5}, closes=True),
        lambda: stock(root, "d3", 3, {"P4": 7, "P1": 4}, closes=False),
        lambda: stock(root, "s3", 3, {"P1": 5, "P2": 5}, closes=True),
        lambda: undone("s3"),
        lambda: stock(root, "s5", 6, {"P2": 1, "P9": 1}, closes=True, replaces=True),
        lambda: stock(root, "d7", 7, {"P3": 9}, closes=False),
        lambda: stock(root, "a7", 7, {"P3": 1, "P2": 3}, closes=False),
        lambda: stock(root, "d7", 8, {"P2": 2}, closes=False, replaces=True),
    )


def differing(root: Path) -> list[int]:
    """The steps after which the target is not the fold of its log, or which were not published for a contradiction."""
    found: list[int] = []
    for number, step in enumerate(moments(root)):
        try:
            shop = step()
        except InvariantError:
            return [*found, number]
        if rebuild.rebuild(shop.settings)["inventory_target"]:
            found.append(number)
    return found


@pytest.mark.usefixtures("shop")  # runs use the engine of the session
def test_without_a_mistake_the_target_is_the_fold(tmp_path: Path) -> None:
    assert differing(tmp_path) == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("mutant", TOUCHED, ids=lambda mutant: mutant.name)
def test_a_mistake_in_the_choice_of_keys_is_found(
    mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant.grow(monkeypatch)
    assert differing(tmp_path)
