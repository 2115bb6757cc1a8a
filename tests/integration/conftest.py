"""Shops that several tests start from: one in the middle of its work, one with three batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ecomm.engines import Engine
from tests.conftest import keep_running
from tests.shop import DAYS, Row, Shop, published

Tables = dict[str, list[Row]]
ORDERS = "order_id,customer_id,product_id,order_date,order_amount,currency,order_status\n"
FIRST = ORDERS + "O1,C1,P1,2025-01-01,10.00,USD,pending\nO2,C1,P1,2025-01-01,5,USD,pending\n"
SECOND = ORDERS + "O1,C1,P1,2025-01-01,10.00,USD,shipped\nO3,C1,P1,2025-01-01,7,USD,pending\n"
THIRD = ORDERS + "O1,C1,P1,2025-01-01,10.00,USD,delivered\n"
BATCHES = {"one": FIRST, "two": SECOND, "three": THIRD}


def drop(shop: Shop, name: str, text: str) -> None:
    shop.drop(name, f"2025-01-0{[*BATCHES].index(name) + 1}T12:00:00Z", {"orders": {f"{name}.csv": text}})


@dataclass(frozen=True)
class Days:
    """A shop in which day 1 is published and day 2 has landed, and what is to be read in it before and after."""

    shop: Shop
    one: Tables
    both: Tables
    archived: list[str]

    def copy(self, place: Path) -> Shop:
        return self.shop.copy(place)


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory, engine: Engine, sample: Shop) -> Iterator[Days]:
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        shop = Shop(tmp_path_factory.mktemp("days"))
        shop.drop_sample(DAYS[0])
        assert [o.status for o in shop.run()] == ["published"]
        shop.drop_sample(DAYS[1])
        yield Days(shop, published(shop), published(sample), sample.archived())


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Shop:
    """`three`, to copy."""
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        shop = Shop(tmp_path_factory.mktemp("three"))
        for name, text in BATCHES.items():
            drop(shop, name, text)
        assert [o.status for o in shop.run()] == ["published"] * 3
        return shop


@pytest.fixture
def three(once: Shop, shop: Shop) -> Shop:
    """A shop in which three batches are published."""
    return once.copy(shop.root / "three")
