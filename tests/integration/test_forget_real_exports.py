"""Customers of real exports are forgotten, where the e-mail address is often the id, and one file has it all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecomm import forget, rebuild, restore
from ecomm.batches.people import HASHED, is_personal
from tests import people
from tests.integration.test_presets import RIGHT, set_up
from tests.shop import Row, Shop, differences, published

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shop")]
KNOWN = ("first_name", "last_name", "email", "phone", "address", "shipping_address", "destination_address")


def of(rows: list[Row], customer: str) -> list[Row]:
    return [row for row in rows if row["customer_id"] == customer]


ALWAYS = {"shopify", "etsy", "olist"}
"""An e-mail address as the id, one file for several sources; a name as the id; orders and their lines in two files."""
PRESETS = [
    pytest.param(name, marks=() if name in ALWAYS else pytest.mark.soak) for name in sorted(set(RIGHT) - {"amazon"})
]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_customer_of_a_preset(preset: str, shop: Shop, tmp_path: Path) -> None:
    set_up(shop, preset, RIGHT[preset])
    assert {o.status for o in shop.run()} == {"published"}
    before = published(shop)
    customer = next(r["customer_id"] for r in before["orders_target"] if r["customer_id"])
    orders = {r["order_id"] for r in of(before["orders_target"], customer)}
    theirs = of(before["customers_target"], customer) + of(before["orders_target"], customer)
    theirs += [r for r in before["shipping_target"] if r["order_id"] in orders]
    others = [r for name in ("customers", "orders", "shipping") for r in before[f"{name}_target"] if r not in theirs]
    shared = {row.get(name) for row in others for name in KNOWN}
    texts = {
        str(row[n]): 1 for row in theirs for n in KNOWN if row.get(n) and row[n] not in shared and len(str(row[n])) > 5
    }
    if is_personal(customer):
        texts[customer] = 1
    assert not texts or people.left_of(shop.root / "landing", texts)
    done = forget.forget(shop.settings, [customer], "asked").done
    assert people.left_of(shop.root, texts) == []
    after = published(shop)
    (stored,) = done.customers
    assert stored.startswith(HASHED) == is_personal(customer)
    assert {r["order_id"] for r in of(after["orders_target"], stored)} == orders
    assert {r.get(n) for r in of(after["customers_target"], stored) for n in KNOWN} <= {None}
    for name in ("analytics_summary", "product_analytics", "seasonal_analysis", "category_analysis", "products_target"):
        assert before[name] == after[name], name
    assert set(rebuild.rebuild(shop.settings).values()) == {0}
    (shop.root / "warehouse").rename(tmp_path / "lost")
    restore.restore(shop.settings)
    assert not differences(published(shop), after)
    assert people.left_of(shop.root / "warehouse", texts) == []


def test_one_who_comes_back_is_the_same(shop: Shop, tmp_path: Path) -> None:
    """The next export has the order again, and one more: under the same id, without what tells about them."""
    set_up(shop, "shopify", RIGHT["shopify"])
    shop.run()
    (stored,) = forget.forget(shop.settings, ["ada@example.com"], "asked").done.customers
    text = (Path(__file__).parents[1] / "presets" / "shopify" / "orders_export_1.csv").read_text(encoding="utf-8")
    shop.drop("b2", "2026-10-02T00:00:00Z", {"orders": {"orders_export_2.csv": text.replace("#1001", "#2001")}})
    assert [o.status for o in shop.run()] == ["published"]
    assert people.left_of(shop.root, {"ada@example.com": 1}) == []
    again = {r["order_id"] for r in of(shop.rows("orders_target"), stored)}
    assert "#2001" in again
    assert len(of(shop.rows("customer_analytics"), stored)) == 1
