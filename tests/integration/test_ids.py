"""Ids that look equal are one thing in all tables, whichever file they came in, and however they were written there."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from ecomm import forget
from ecomm.redrive import export, redrive
from ecomm.trace import versions_of
from tests import people
from tests.shop import Shop

pytestmark = pytest.mark.usefixtures("shop")
PLAIN, OTHER, MARKED = "Zoë1", "Zoe\u03081", "\u200fZoë1\u200e"
ORDERS = "order_id,customer_id,product_id,order_date,order_amount,note\n"


@pytest.mark.every_engine
def test_one_customer(shop: Shop) -> None:
    customers = "".join(f"{key},{city}\n" for key, city in ((PLAIN, "Bern"), (MARKED, "Rome")))
    orders = f"{ORDERS}O1,{OTHER},P1,2025-01-10,5,{OTHER}\nO2,{MARKED},P1,2025-01-10,x,\n"
    shop.drop("b1", "2025-01-15T00:00:00Z", {"customers": {"a.csv": f"customer_id,city\n{OTHER},Kiel\n"}})
    shop.drop("b2", "2025-01-16T00:00:00Z", {"customers": {"b.csv": f"customer_id,city\n{customers}"}})
    shop.drop("b3", "2025-01-17T00:00:00Z", {"orders": {"o.csv": orders}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)] * 3
    versions = shop.rows("customers_target")
    assert {r["customer_id"] for r in versions} == {PLAIN}
    assert [r["city"] for r in sorted(versions, key=lambda r: r["effective_date"])] == ["Kiel", "Rome"]
    (order,) = shop.rows("orders_target")
    assert (order["customer_id"], order["note"]) == (PLAIN, OTHER)  # what is no id stays as it was delivered
    assert {"ids_plainly_written"} <= {flag for row in shop.rows("orders_stage") for flag in row["quality_flags"]}
    (rejected,) = shop.rows("orders_errors")
    assert (rejected["raw"]["customer_id"], "ids_plainly_written" in rejected["reasons"]) == (MARKED, True)
    assert len(versions_of(shop.warehouse, "customers", [OTHER])) == 1
    _mend(shop)
    (mended,) = [r for r in shop.rows("orders_target") if r["order_id"] == "O2"]
    assert mended["customer_id"] == PLAIN


@pytest.mark.every_engine
def test_they_are_forgotten_however_they_were_written(shop: Shop) -> None:
    customers = (
        f"customer_id,email\n{OTHER},canary-one@example.com\n{MARKED},canary-two@example.com\nC2,b@example.com\n"
    )
    header = "order_id,customer_id,product_id,order_date,order_amount,shipping_address\n"
    orders = f"O1,{MARKED},P1,2025-01-10,5,Canary Street 1\n\u200eO2,{OTHER},P1,2025-01-10,x,Canary Street 2\n"
    shipped = "order_id,destination_address\nO1\u2060,Canary Street 3\n"
    files = {"customers": {"c.csv": customers}, "orders": {"o.csv": header + orders}, "shipping": {"s.csv": shipped}}
    shop.drop("b1", "2025-01-15T00:00:00Z", files)
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    forget.forget(shop.settings, [f"{OTHER}\u200f"], "they asked us to")
    known = {"canary-one@example.com": 1, "canary-two@example.com": 1}
    known |= {f"Canary Street {n}": 1 for n in (1, 2, 3)}
    assert people.left_of(shop.root, known) == []
    assert {r["email"] for r in shop.rows("customers_target")} == {None, "b@example.com"}


def _mend(shop: Shop) -> None:
    """Mend the amount of the rejected order in a file that has the id as it was delivered."""
    path = shop.root / "rejected.csv"
    export(shop.settings, "orders", path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows: list[dict[str, Any]] = [row | {"order_amount": "7"} for row in csv.DictReader(file)]
    assert rows[0]["customer_id"] == MARKED
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, [*rows[0]])
        out.writeheader()
        out.writerows(rows)
    assert redrive(shop.settings, path, "typed wrong").corrected == 1
