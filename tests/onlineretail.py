"""A day in the shape of Online Retail (UCI): invented invoices of many lines, guests, and refunds as C-invoices.

Grain of a `Line`: one line of an invoice. What must come out of a day is added up here in plain Python.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

HEADER = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
COUNTRIES = ("United Kingdom",) * 18 + ("France", "EIRE")
THINGS = ("LANTERN", "CAKE TINS, SET OF 3", 'SIGN "HOME"', "JUMBO BAG", "CARD, HEART", "T-LIGHT HOLDER", "CLOCK", "MUG")


@dataclass(frozen=True)
class Line:
    """One line of an invoice. quantity: below 0 on a C-invoice. customer: empty for a guest."""

    invoice: str
    stock_code: str
    description: str
    quantity: int
    at: datetime
    price: Decimal
    customer: str
    country: str

    @property
    def amount(self) -> Decimal:
        """What the line adds to the invoice."""
        return self.quantity * self.price

    @property
    def is_refund(self) -> bool:
        """The line is of a C-invoice."""
        return self.invoice.startswith("C")


@dataclass(frozen=True)
class Figures:
    """A day in numbers. invoices: those that are no refund; sales: those of them that bring anything."""

    lines: int
    invoices: int
    sales: int
    gross: Decimal
    refunds: Decimal
    net: Decimal
    aov: Decimal


def a_day(seed: int = 1, on: date = date(2010, 12, 1), *, invoices: int = 900, lines: int = 20_000) -> list[Line]:
    """About so many lines in so many invoices, in the order in which a till writes them.

    One invoice in twelve is a refund of one to five lines. A guest makes one in eight. Now and then an invoice has a
    stock code twice, a line of the price 0, or such a line alone, which corrects the stock and may be below 0.
    """
    chance = random.Random(seed)
    stock = _stock(chance)
    at = datetime.combine(on, time(8, 26))
    written: list[Line] = []
    usual = round(lines / (invoices * 11 / 12)) * 2
    for number in range(536_365, 536_365 + invoices):
        at += timedelta(minutes=chance.choice((0, 0, 1, 1, 1)))
        customer = "" if chance.random() < 1 / 8 else str(12_346 + chance.randrange(2000))
        country = chance.choice(COUNTRIES)
        kind = chance.random()
        if kind < 1 / 12:
            bought = chance.sample(stock, chance.randint(1, 5))
            quantities = [-chance.randint(1, 12) for _ in bought]
        elif kind < 1 / 12 + 1 / 50:
            bought, quantities = [(*chance.choice(stock)[:2], Decimal("0.0"))], [chance.choice((-10, 56))]
            customer = ""
        else:
            bought = [chance.choice(stock) for _ in range(chance.randrange(1, usual))]
            quantities = [chance.choice((1, 1, 2, 3, 6, 6, 12, 24)) for _ in bought]
        invoice = f"C{number}" if kind < 1 / 12 else str(number)
        for (code, name, price), quantity in zip(bought, quantities, strict=True):
            written.append(Line(invoice, code, name, quantity, at, price, customer, country))
    return written


def _stock(chance: random.Random) -> list[tuple[str, str, Decimal]]:
    """Stock codes with a description and a price; some codes end in a letter."""
    return [
        (
            f"{20_000 + 7 * n}{chance.choice(('', '', 'A', 'B'))}",
            f"{chance.choice(('RED', 'BLUE', 'WHITE', 'VINTAGE'))} {chance.choice(THINGS)}",
            Decimal(chance.choice((42, 85, 125, 165, 210, 255, 339, 495, 795, 1275))) / 100,
        )
        for n in range(1500)
    ]


def as_csv(lines: Iterable[Line]) -> str:
    """The file as UCI's is written: days as 12/1/2010 8:26, prices as 2.55, cells in quotes where they must be."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    for one in lines:
        day = f"{one.at.month}/{one.at.day}/{one.at.year} {one.at.hour}:{one.at.minute:02}"
        price = f"{one.price.normalize():f}"
        writer.writerow(
            (one.invoice, one.stock_code, one.description, one.quantity, day, price, one.customer, one.country)
        )
    return text.getvalue()


def figures(lines: Sequence[Line]) -> Figures:
    """What a day's lines add up to."""
    sold = [one for one in lines if not one.is_refund]
    gross = sum((one.amount for one in sold if one.amount > 0), Decimal(0))
    refunds = -sum((one.amount for one in lines if one.is_refund), Decimal(0))
    sales = {one.invoice for one in sold if one.amount > 0}
    aov = (gross / len(sales)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Figures(len(lines), len({one.invoice for one in sold}), len(sales), gross, refunds, gross - refunds, aov)
