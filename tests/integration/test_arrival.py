"""The order in which batches arrive does not show: not in targets, not in analytics, not in rows of earlier batches."""

from __future__ import annotations

import random
from itertools import permutations
from pathlib import Path

import pytest

from tests.integration.scenarios import rates_csv, scenario, shop_options
from tests.integration.test_histories import agree, nothing_changes, publish, tables
from tests.integration.test_sample_days import comparable
from tests.oracle import run as oracle_run
from tests.shop import Shop, expected, ordered

SEED = 10
"""A shop with rates, deletes, and snapshots of two sources."""
QUICK = 1
"""So many of the orders are no long test."""
ORDERS = sorted(permutations(range(6)))
random.Random(SEED).shuffle(ORDERS)
ORDERS.remove((5, 4, 3, 2, 1, 0))
ORDERS.insert(0, (5, 4, 3, 2, 1, 0))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test an order of arrival: --arrivals, 720 are all."""
    if "nth" in metafunc.fixturenames:
        wanted = range(min(metafunc.config.getoption("--arrivals"), len(ORDERS)))
        marked = [pytest.param(nth, marks=[pytest.mark.long] if nth >= QUICK else []) for nth in wanted]
        metafunc.parametrize("nth", marked)


@pytest.mark.every_engine
@pytest.mark.usefixtures("shop")  # runs use the engine of the session
def test_every_order_of_arrival_gives_equal_tables(nth: int, tmp_path: Path) -> None:
    made, settings = scenario(SEED, batches=6)
    assert len(made) == 6
    order = [made[place] for place in ORDERS[nth]]
    shop = Shop(tmp_path / "arrival", **shop_options(settings))
    (shop.root / "landing" / "rates.csv").write_text(rates_csv(settings), encoding="utf-8")
    publish(shop, order)
    theirs = {name: ordered(rows) for name, rows in comparable(expected(oracle_run(made, settings))).items()}
    agree(SEED, order, tables(shop), theirs)
    if not nth:
        nothing_changes(shop)
