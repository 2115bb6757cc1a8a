"""The order in which batches arrive does not show: not in targets, not in analytics, not in rows of earlier batches."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from tests.integration.scenarios import scenario, shop_options
from tests.integration.test_histories import agree, nothing_changes, oracle, publish, tables
from tests.integration.test_scenarios import opened
from tests.oracle import Batch
from tests.shop import Shop

SEED = 22
"""A shop with rates, deletes, lines, refunds, two channels, and snapshots: of warehouses, and of whole orders."""
PLACES = range(6)
BACKWARDS = tuple(reversed(PLACES))
OTHERS = random.Random(SEED).sample(sorted({*permutations(PLACES)} - {BACKWARDS}), 5)
SMALL = {"customers": (0, 2, 4), "products": (1, 3, 5), "inventory": (0, 3, 5), "shipping": (1, 2, 4)}
"""Which batches bring a source in the shop whose every order is tried; orders come with all of them."""


def small(made: list[Batch]) -> list[Batch]:
    """The batches with about half of their files."""
    return [
        replace(batch, files={s: files for s, files in batch.files.items() if place in SMALL.get(s, PLACES)})
        for place, batch in enumerate(made)
    ]


@pytest.mark.long
@pytest.mark.parity
@pytest.mark.usefixtures("shop")  # runs use the engine of the session
@pytest.mark.parametrize(
    "order",
    [
        BACKWARDS,
        *[pytest.param(order, marks=pytest.mark.soak) for order in OTHERS],
    ],
)
def test_an_order_of_arrival_does_not_show(order: tuple[int, ...], tmp_path: Path) -> None:
    made, settings = scenario(SEED, batches=6)
    arriving, shop = [made[place] for place in order], opened(tmp_path / "arrival", settings)
    publish(shop, arriving)
    agree(SEED, arriving, tables(shop), oracle(made, settings))
    if order == BACKWARDS:
        nothing_changes(shop)


@pytest.mark.long
@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("beginning", list(permutations(PLACES, 2)))
def test_no_order_of_arrival_shows(beginning: tuple[int, ...], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """All 720 orders; those that begin alike share what was published so far."""
    if not request.config.getoption("--all-arrivals"):
        pytest.skip("the 720 orders take an hour and more: --all-arrivals")
    made, settings = scenario(SEED, batches=6)
    made = small(made)
    theirs = oracle(made, settings)

    def walk(shop: Shop, so_far: list[Batch]) -> int:
        left = [batch for batch in made if batch not in so_far]
        if not left:
            agree(SEED, so_far, tables(shop), theirs)
        tried = 0 if left else 1
        for batch in left:
            branch = shop.root.with_name("-".join(str(made.index(b)) for b in (*so_far, batch)))
            shutil.copytree(shop.root, branch)
            further = Shop(branch, **shop_options(settings))
            publish(further, [batch])
            tried += walk(further, [*so_far, batch])
            shutil.rmtree(branch)
        return tried

    shop, arriving = opened(tmp_path / "begun", settings), [made[place] for place in beginning]
    publish(shop, arriving)
    assert walk(shop, arriving) == 24
