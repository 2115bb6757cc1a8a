"""Random lines of orders and refunds: every table that follows from orders equals the oracle's."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame

from ecomm.analytics import (
    analytics_summary,
    category_analysis,
    customer_analytics,
    product_analytics,
    seasonal_analysis,
    segment_analysis,
)
from ecomm.contract import Rate, Shop
from ecomm.engines import Engine
from ecomm.tables import CATALOGUE
from ecomm.transforms import enrich
from tests import oracle
from tests.oracle import analytics, enriched, settings, summary
from tests.shop import Row, differences, ordered

pytestmark = pytest.mark.every_engine

RATE = ("EUR", date(2024, 12, 1), Decimal("1.10"))
ZONE = "Pacific/Auckland"
SHOP = Shop(shop_timezone=ZONE, rates=(Rate(*RATE),), margin_rates={"Toys": "0.5"})
SETTINGS = oracle.Settings(shop_timezone=ZONE, rates=(settings.Rate(*RATE),), margin_rates={"Toys": "0.5"})
START = datetime(2025, 1, 10, 18, tzinfo=UTC)  # the morning of the 11th in Auckland
BATCHES = {f"b{n}": START + timedelta(days=20 * n) for n in range(3)}
TODAY = date(2025, 2, 20)
STATUSES = ("completed", "completed", "completed", "cancelled", "returned", "refunded", "failed", None)


def row_of(source: str, **said: Any) -> Row:
    """A version of a target: what is not said is NULL."""
    row: Row = dict.fromkeys(f.name for f in CATALOGUE[f"{source}_target"].fields)
    return row | {"effective_date": START, "is_current": True} | said


def orders_of(chance: random.Random) -> list[Row]:
    """Versions of lines and refunds of about thirty orders: an order's lines may differ in all that they say."""
    keys = {
        (f"O{chance.randrange(30)}", chance.choice(("", "1", "2", "10")), chance.choice(("", "", "", "r1", "r2")))
        for _ in range(90)
    }
    rows = []
    for order_id, line_id, refund_id in sorted(keys):
        begun = chance.choice(list(BATCHES.values()))
        ended = chance.choice((None, None, begun + timedelta(days=20)))
        day = date(2024, 11, 15) + timedelta(days=chance.randrange(90))
        cents = chance.choice((0, 1, chance.randrange(20_000), chance.randrange(20_000)))
        said = {
            "order_id": order_id,
            "line_id": line_id,
            "refund_id": refund_id,
            "customer_id": chance.choice((None, "A", "B", "C", "D")),
            "product_id": chance.choice((None, "P1", "P2", "P3", "P4")),
            "order_date": day,
            "ordered_at": chance.choice((None, datetime(day.year, day.month, day.day, 3, tzinfo=UTC))),
            "order_status": chance.choice(STATUSES),
            "quantity": chance.choice((None, Decimal("2.0000"))),
            "order_amount": Decimal(-cents - 1 if refund_id else cents) / 100,
            "currency": chance.choice(("USD", "USD", "EUR", "GBP")),
            "effective_date": begun,
        }
        rows.append(row_of("orders", **said, expiry_date=ended, is_current=ended is None))
    return rows


def targets_of(chance: random.Random) -> dict[str, list[Row]]:
    """Few customers, products and parcels beside the orders."""
    parcels = [
        row_of(
            "shipping",
            order_id=f"O{n}",
            tracking_number=number,
            shipping_method="ground",
            shipping_cost=Decimal(chance.randrange(1000)) / 100,
            currency="USD",
            created_timestamp=START - timedelta(days=5),
            estimated_delivery=date(2025, 1, 11),
            actual_delivery=chance.choice((None, date(2025, 1, 11), date(2025, 1, 12))),
        )
        for n in range(0, 30, 2)
        for number in ("", "t1", "t2")[: chance.randrange(1, 4)]
    ]
    products = [
        row_of("products", product_id=name, category=category, currency="USD", discontinued=False)
        for name, category in (("P1", "Toys"), ("P2", "Books"), ("P3", None))
    ]
    return {
        "orders": orders_of(chance),
        "customers": [row_of("customers", customer_id=name) for name in ("A", "B", "E")],
        "products": products,
        "inventory": [],
        "shipping": parcels,
    }


def frame(engine: Engine, source: str, rows: list[Row]) -> DataFrame:
    """A target as a frame."""
    fields = CATALOGUE[f"{source}_target"].fields
    schema = ", ".join(f"{f.name} {f.type}" for f in fields)
    return engine.spark.createDataFrame([tuple(row[f.name] for f in fields) for row in rows], schema)


@pytest.mark.parametrize("seed", range(2))
def test_every_table_equals_the_oracles(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)
    rows = targets_of(chance)
    keys = [tuple(row[name] for name in enrich.KEY) for row in rows["orders"]]
    stated = {batch: set(chance.sample(keys, 30)) for batch in BATCHES}

    orders = enriched.enriched_orders(rows, TODAY, SETTINGS)
    customers = analytics.customer_analytics(rows, orders, TODAY, SETTINGS)
    products = analytics.product_analytics(rows, orders, TODAY, SETTINGS)
    right = {
        "enriched_orders": orders,
        "customer_analytics": customers,
        "product_analytics": products,
        "seasonal_analysis": analytics.seasonal_analysis(orders, TODAY, SETTINGS),
        "segment_analysis": analytics.segment_analysis(customers, SETTINGS),
        "category_analysis": analytics.category_analysis(products, orders, SETTINGS),
        "analytics_summary": summary.analytics_summary(BATCHES, stated, rows, SETTINGS),
    }

    targets = enrich.Targets(**{source: frame(engine, source, found) for source, found in rows.items()})
    heads = {source: getattr(targets, source).filter("is_current") for source in ("customers", "products", "inventory")}
    found = enrich.enriched_orders(targets, SHOP, TODAY)
    bought = customer_analytics.customer_analytics(found, heads["customers"], SHOP, TODAY)
    sold = product_analytics.product_analytics(found, heads["products"], heads["inventory"], SHOP, TODAY)
    instants = [None, *BATCHES.values()]
    batches = engine.spark.createDataFrame(
        [(batch, at, before) for (batch, at), before in zip(BATCHES.items(), instants, strict=False)],
        "batch_id string, as_of timestamp, previous_as_of timestamp",
    )
    of_batches = engine.spark.createDataFrame(
        [(batch, *key) for batch, keys in stated.items() for key in sorted(keys)],
        "batch_id string, order_id string, line_id string, refund_id string",
    )
    ours = {
        "enriched_orders": found,
        "customer_analytics": bought,
        "product_analytics": sold,
        "seasonal_analysis": seasonal_analysis.seasonal_analysis(found, SHOP, TODAY),
        "segment_analysis": segment_analysis.segment_analysis(bought, SHOP),
        "category_analysis": category_analysis.category_analysis(found, sold, SHOP),
        "analytics_summary": analytics_summary.analytics_summary(batches, targets, of_batches, SHOP),
    }
    collected = {name: ordered(utc(table.toArrow().to_pylist())) for name, table in ours.items()}
    assert not differences(collected, {name: ordered(table) for name, table in right.items()})


def utc(rows: list[Row]) -> list[Row]:
    """Instants as the oracle has them."""
    return [{k: v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for k, v in row.items()} for row in rows]
