"""A shop in the middle of its work, to break it in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ecomm.engines import Engine
from tests.conftest import keep_running
from tests.shop import DAYS, Row, Shop, published

Tables = dict[str, list[Row]]


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
