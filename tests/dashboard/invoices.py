"""A shop with invoices of several lines, and with refunds as rows: six weeks, invented from a seed.

In its last batch a column has another name, one is gone, and there are new words. Two files have no trigger.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from ecomm import pipeline
from ecomm.settings import load
from tests.shop import Shop

START, DAYS, EVERY = date(2026, 7, 20), 42, 3
SETTINGS = """\
[shop]
reporting_currency = "GBP"
source_timezone = "Europe/London"
shop_timezone = "Europe/London"

[sources.orders]
line_id = "Line"
refunds = "rows"

[sources.orders.columns]
order_id = "Invoice"
refund_id = "Refund"
customer_id = "Customer"
product_id = "StockCode"
order_date = "InvoiceDate"
order_amount = "Amount"
currency = { constant = "GBP" }
quantity = "Quantity"
unit_price = "UnitPrice"
payment_method = "Payment"
order_status = "Status"
"""
ORDERS = "Invoice,Line,Refund,Customer,StockCode,InvoiceDate,Quantity,UnitPrice,Amount,Payment,Status"
_KINDS = {
    "Kitchen": ("Enamel Mug", "Cake Stand", "Jam Jar Set", "Tea Towel", "Bread Bin", "Egg Cups"),
    "Home": ("Lantern", "Wall Clock", "Doormat", "Picture Frame", "Cushion", "Wicker Basket"),
    "Toys": ("Spinning Top", "Wooden Train", "Skittles", "Jigsaw"),
    "Garden": ("Bird House", "Watering Can", "Herb Planter", "Bunting"),
    "Cards": ("Gift Wrap", "Birthday Card", "Sticker Sheet", "Luggage Tag"),
}
PRODUCTS = [(name, kind) for kind, names in _KINDS.items() for name in names]
PRICES = {str(22000 + 37 * n): Decimal(95 + n * 173 % 1400) / 100 for n in range(len(PRODUCTS))}
GOODS = [f"{code},{name},{PRICES[code]},GBP,{kind}" for code, (name, kind) in zip(PRICES, PRODUCTS, strict=True)]
LONG = "537201"  # an invoice of seven lines


class _Till:
    """What was sold, so that some of it can be refunded."""

    def __init__(self) -> None:
        self.random = random.Random(24)
        self.number = 537_200
        self.refunds = 0
        self.sold: list[tuple[date, list[str]]] = []

    def day(self, day: date) -> Iterable[str]:
        """The rows of a day: its invoices, then what was refunded of earlier ones."""
        for _ in range(self.random.randint(7, 16) + 4 * (day.weekday() >= 5)):
            yield from self._invoice(day)
        for sold, row in [s for s in self.sold if timedelta(3) < day - s[0] < timedelta(17)]:
            if self.random.random() < 0.004 or (row[0], row[1], (day - sold).days) == (LONG, "3", 9):
                self.sold.remove((sold, row))
                yield self._refund(day, row)

    def _invoice(self, day: date) -> Iterable[str]:
        self.number += 1
        lines = 7 if str(self.number) == LONG else self.random.choice((1, 1, 2, 2, 3, 3, 4, 6, 9))
        customer, paid = (
            f"C{self.random.randint(1, 90):03}",
            self.random.choice(("credit_card", "credit_card", "paypal")),
        )
        at = f"{day}T{self.random.randint(8, 19):02}:{self.random.randint(0, 59):02}:00"
        for line, code in enumerate(self.random.sample(list(PRICES), lines), 1):
            quantity = self.random.choice((1, 1, 2, 3, 4, 6, 12))
            amount = quantity * PRICES[code]
            row = [str(self.number), str(line), "", customer, code, at, str(quantity), str(PRICES[code]), str(amount)]
            self.sold.append((day, row))
            yield ",".join([*row, paid, "completed"])

    def _refund(self, day: date, row: list[str]) -> str:
        self.refunds += 1
        number, line, _, customer, code, _, quantity, price, amount = row
        back = [f"R{self.refunds:04}", customer, code, f"{day}T16:00:00", f"-{quantity}", price, f"-{amount}"]
        return ",".join([number, line, *back, "", ""])


def _csv(head: str, rows: Iterable[str]) -> str:
    return "\n".join([head, *rows, ""])


def invoices(root: Path) -> tuple[Shop, Path]:
    """The shop, published, and the file of its settings."""
    shop, config = Shop(root), root / "ecomm.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    shop.settings = load(config, landing=root / "landing", warehouse=root / "warehouse")
    till = _Till()
    for first in range(0, DAYS, EVERY):
        days = [START + timedelta(first + n) for n in range(EVERY)]
        rows = [row for day in days for row in till.day(day)]
        head, country = ORDERS, ",country"
        if drifted := first + EVERY == DAYS:
            rows = [row.replace(",paypal,completed", ",pay_later,click_and_collect") for row in rows]
            head, country = ORDERS.replace("UnitPrice", "Price each"), ""
        files = {"orders": {f"invoices_{days[-1]}.csv": _csv(head, rows)}}
        if not first:
            files["products"] = {"products.csv": _csv("product_id,product_name,price,currency,category", GOODS)}
        if drifted or not first:
            people = [f"C{n:03},{START - timedelta(n * 9)}{country and ',United Kingdom'}" for n in range(1, 91)]
            files["customers"] = {f"customers_{days[-1]}.csv": _csv(f"customer_id,registration_date{country}", people)}
        shop.drop(f"till_{days[-1]}", f"{days[-1] + timedelta(1)}T06:00:00Z", files, client_name="Bell & Barrow")
    ended = pipeline.run(shop.settings)
    assert {o.status for o in ended} == {"published"}, ended
    place = root / "landing" / "orders_data" / "source"
    (place / f"invoices_{START + timedelta(DAYS)}.csv").write_text(f"{ORDERS}\n", encoding="utf-8")
    (place / "stocktake.xls").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(64))
    return shop, config
