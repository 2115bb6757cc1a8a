"""Facts beside the version of their time: each once, whatever the versions are."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.engines import Engine
from ecomm.transforms import enrich
from ecomm.transforms.relations import as_of_join, timeline
from tests.shop import Shop

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return BEGINNING + timedelta(days=number)


@pytest.mark.every_engine
def test_each_fact_is_there_once_beside_the_version_of_its_time(engine: Engine) -> None:
    """The version valid then, else the nearest earlier one, else the first; of a key without versions none."""
    chance = random.Random(1)
    lives = {f"K{n}": sorted(chance.sample(range(8), chance.randint(0, 4))) for n in range(40)}
    facts = [
        (number, key, day(at)) for number, (key, at) in enumerate((k, a / 2) for k in lives for a in range(-1, 18))
    ]
    versions = [(key, day(at), at) for key, begun in lives.items() for at in begun]
    line = timeline(engine.spark.createDataFrame(versions, "key string, effective_date timestamp, version int"), "key")
    stated = engine.spark.createDataFrame(facts, "number int, id string, at timestamp")
    joined = as_of_join(stated.withColumnRenamed("id", "key"), line.drop("effective_date"), "key", F.col("at"))
    found = sorted(
        (r["number"], r["version"])
        for r in joined.select("number", F.coalesce("version", F.lit(-1)).alias("version")).collect()
    )

    def answers(key: str, at: datetime) -> int:
        begun = lives[key]
        return max((b for b in begun if day(b) <= at), default=min(begun, default=-1))

    assert found == [(number, answers(key, at)) for number, key, at in facts]


@pytest.mark.long
@pytest.mark.usefixtures("engine")
def test_a_join_that_doubles_a_row_publishes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def doubling(*arguments: object) -> DataFrame:
        joined = as_of_join(*arguments)  # type: ignore[arg-type]
        return joined.unionByName(joined.limit(1))

    monkeypatch.setattr(enrich, "as_of_join", doubling)
    orders = "order_id,customer_id,product_id,order_date,order_amount\nO1,C1,P1,2025-01-01,5\nO2,C1,P1,2025-01-01,7\n"
    shop.drop("one", "2025-01-02T00:00:00Z", {"orders": {"one.csv": orders}})
    (outcome,) = shop.run()
    assert outcome.status == "failed"
    assert "rows for 2 current orders; nothing was published" in str(outcome.reason)
    assert shop.rows("orders_target") == []
