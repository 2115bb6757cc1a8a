"""Random small shops, each with settings of its own: every table and every finding equals the oracle's."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.scenarios import arrival, rates_csv, scenario, shop_options, sizes
from tests.integration.test_histories import agree, nothing_changes, oracle, publish, tables
from tests.oracle import Batch, Settings, checks_on_arrival
from tests.oracle import run as oracle_run
from tests.oracle.rules import worst
from tests.shop import SOURCES, Row, Shop, differences, ordered

QUICK, IN_EVERY_CHANGE = 1, 5
"""So many of the scenarios are no long test, and so many are tried in every change."""
_FINDING = (
    *("batch_id", "table_name", "check_name", "category", "rule_severity", "severity", "rows_checked", "failed_rows"),
    "failed_share",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test a seed: --scenarios."""

    def marks(seed: int) -> list[pytest.MarkDecorator]:
        return [pytest.mark.soak] if seed >= IN_EVERY_CHANGE else [pytest.mark.long] if seed >= QUICK else []

    if "seed" in metafunc.fixturenames:
        seeds = range(metafunc.config.getoption("--scenarios"))
        metafunc.parametrize("seed", [pytest.param(seed, marks=marks(seed)) for seed in seeds])


@pytest.mark.long
@pytest.mark.parity
@pytest.mark.usefixtures("shop")  # runs use the engine of the session
def test_a_random_shop_equals_the_oracle(seed: int, tmp_path: Path) -> None:
    made, settings = scenario(seed)
    shop = opened(tmp_path / "random", settings)
    order = arrival(seed, made)
    publish(shop, order)
    agree(seed, order, tables(shop), oracle(made, settings))
    (checks, scores), (wanted, wanted_scores) = findings(shop), expected_findings(order, settings)
    assert differences({"validation_results": checks}, {"validation_results": wanted}) == []
    assert (len(checks), scores) == (len(wanted), wanted_scores)
    if seed < QUICK:
        nothing_changes(shop)


def opened(root: Path, settings: Settings) -> Shop:
    """A shop with the settings of a scenario, and its rates."""
    shop = Shop(root, **shop_options(settings))
    (root / "landing" / "rates.csv").write_text(rates_csv(settings), encoding="utf-8")
    return shop


Scores = dict[str, tuple[Decimal, str]]
"""batch_id -> its score, and the worst level that was found in it."""


def findings(shop: Shop) -> tuple[list[Row], Scores]:
    """What `validation_results` says of each check, and of each batch."""
    rows = shop.warehouse.table("validation_results").to_pylist()
    scores = {row["batch_id"]: (row["score"], row["severity"]) for row in rows if row["check_name"] == "batch_score"}
    return _brief([row for row in rows if row["check_name"] != "batch_score"]), scores


def expected_findings(order: list[Batch], settings: Settings) -> tuple[list[Row], Scores]:
    """The same by the oracle."""
    rows = oracle_run(order, settings).validation
    checks = [row for row in rows if row["check_name"] != "batch_score"] + checks_on_arrival(order, settings)
    found = {row["batch_id"]: row["score"] for row in rows if row["check_name"] == "batch_score"}
    levels = {batch: worst(row["severity"] for row in checks if row["batch_id"] == batch) for batch in found}
    return _brief(checks), {batch: (score, levels[batch]) for batch, score in found.items()}


def _brief(rows: list[Row]) -> list[Row]:
    return ordered({name: row[name] for name in _FINDING} for row in rows)


def test_a_scenario_is_small_and_decided_by_its_seed() -> None:
    for seed in range(20):
        made, settings = scenario(seed)
        assert (made, settings) == scenario(seed)
        assert 60 <= sum(sizes(made).values()) <= 150


def test_twenty_scenarios_meet_everything() -> None:
    """By the oracle, so it says what the comparison above has compared."""
    met: Counter[Any] = Counter()
    for seed in range(20):
        made, settings = scenario(seed)
        result = oracle_run(made, settings)
        assert not result.failed
        met.update([settings.shop_timezone, settings.hemisphere, bool(settings.rates), bool(settings.margin_rates)])
        met.update(f"{name} {one.absence} {bool(one.absence_scope)}" for name, one in settings.sources.items())
        for source in SOURCES:
            met.update(name for row in result.stage[source] for name in (row["op"], *row["quality_flags"]))
            met.update(reason for row in result.errors[source] for reason in row["reasons"])
            met["gap"] += sum(not any(o["is_current"] for o in one) for one in _by_key(source, result.targets[source]))
        orders = settings.delivery("orders")
        if seed < IN_EVERY_CHANGE:
            found = checks_on_arrival(arrival(seed, made), settings)
            met.update((row["check_name"], row["severity"]) for row in found if row["failed_rows"])
        stated = [row for row in result.stage["orders"] if row["source_file"].startswith("counter")]
        met["two channels"] += 0 < len(stated) < len(result.stage["orders"])
        met["nobody at the counter"] += sum(row["customer_id"] is None for row in stated)
        met["whole orders"] += orders.whole_orders
        for order in result.enriched_orders:
            met["refund"] += order["refund_id"] != ""
            met["lines"] += order["line_id"] not in ("", "1")
            foreign = order["currency"] != settings.reporting_currency
            met.update([order["order_status"], order["delivery_status"], order["season"], order["time_of_day"]])
            met.update([("converted", foreign, order["rate"] is not None), ("guest", order["customer_id"] is None)])
            met.update([("shipments", order["shipments"]), ("business", order["is_business_hours"])])
            met.update([("no customer", order["customer_effective_date"] is None)])
            met.update([order["order_date"].strftime("%m-%d"), ("first", order["is_first_order"])])
        for one in result.customer_analytics:
            met.update([one["customer_segment"], ("one order", one["revenue_orders"] == 1)])
        for one in result.product_analytics:
            met.update([one["performance_category"], ("no orders", one["orders"] == 0)])
        met["same day"] += _ties(result.customer_analytics, "revenue_orders", "total_spent")
    wanted = ["Europe/Berlin", "America/New_York", "Australia/Sydney", "south", "north", False, True, "D", "gap"]
    wanted += ["inventory close False", "inventory close True", "products close False", "02-29", "12-31", "01-01"]
    wanted += ["cancelled", "refunded", "returned", "failed", "Late", "Overdue", "Pending", "On Time", "Winter"]
    wanted += ["VIP", "High Value", "Medium Value", "Low Value", "Star", "Low Performer", "sequence_conflict"]
    wanted += ["superseded", "line_malformed", "same day", "superseded_amount_agrees", "order_lines_distinct"]
    wanted += ["order_has_one_product", "whole orders", "refund", "lines", "two channels", "nobody at the counter"]
    wanted += ["currency_agrees", "amount_rounded"]
    expected_pairs: list[Any] = [("converted", True, True), ("converted", True, False), ("guest", True)]
    expected_pairs += [("no customer", True), ("shipments", 2), ("business", True), ("first", True)]
    expected_pairs += [("one order", True), ("no orders", True)]
    expected_pairs += [("column_disappeared", "MEDIUM"), ("column_disappeared", "HIGH")]
    assert [one for one in (*wanted, *expected_pairs) if not met[one]] == []


def _by_key(source: str, rows: list[Row]) -> list[list[Row]]:
    first = {"customers": "customer_id", "products": "product_id", "inventory": "product_id"}.get(source, "order_id")
    return [[row for row in rows if row[first] == key] for key in {row[first] for row in rows}]


def _ties(rows: list[Row], *columns: str) -> int:
    return len(rows) - len({tuple(row[name] for name in columns) for row in rows})
