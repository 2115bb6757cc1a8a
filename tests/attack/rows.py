"""Good rows of each source: what files are made of before anything is done to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.attack.files import CANARY, Cells

SOURCES = ("orders", "customers", "products", "inventory", "shipping")
HEADERS: dict[str, Cells] = {
    "orders": ("order_id", "customer_id", "product_id", "order_date", "order_amount", "shipping_address"),
    "customers": ("customer_id", "first_name", "email", "registration_date", "city", "address"),
    "products": ("product_id", "product_name", "category", "price", "brand", "description"),
    "inventory": (
        "product_id",
        "warehouse_location",
        "location",
        "stock_quantity",
        "reserved_quantity",
        "warehouse_id",
    ),
    "shipping": ("order_id", "tracking_number", "shipping_method", "shipping_cost", "carrier", "destination_address"),
}
"""Of each source the key's columns first, and last a text."""
REQUIRED: dict[str, Cells] = {
    "orders": ("order_id", "customer_id", "product_id", "order_date", "order_amount"),
    "customers": ("customer_id",),
    "products": ("product_id", "price"),
    "inventory": ("product_id", "stock_quantity"),
    "shipping": ("order_id",),
}
AMOUNTS = {"orders": "order_amount", "products": "price", "shipping": "shipping_cost"}

Made = Callable[[random.Random], Cells]
_MIDDLE: dict[str, Made] = {
    "orders": lambda r: (f"C{r.randrange(99)}", f"P{r.randrange(99)}", f"2025-01-{r.randrange(1, 28):02}", _amount(r)),
    "customers": lambda r: ("Ann", f"ann{r.randrange(999)}@example.com", f"2024-0{r.randrange(1, 9)}-11", "Oslo"),
    "products": lambda r: ("Lamp", "Lamps", _amount(r), "Acme"),
    "inventory": lambda r: ("Oslo", f"B{r.randrange(99)}", str(r.randrange(999)), str(r.randrange(9))),
    "shipping": lambda r: (f"T{r.randrange(10**9)}", "express", _amount(r), "dhl"),
}


def _amount(rng: random.Random) -> str:
    return f"{rng.randrange(1, 900)}.{rng.randrange(100):02}"


@dataclass(frozen=True)
class Rows:
    """Rows of a source: their header, their cells, and each one's mark, which is its first cell."""

    source: str
    header: Cells
    cells: tuple[Cells, ...]

    @property
    def marks(self) -> tuple[str, ...]:
        return tuple(row[0] for row in self.cells)

    def with_text(self, texts: tuple[str, ...]) -> Rows:
        """Rows whose last cells are these texts in turn, behind a canary."""
        said = [
            (*row[:-1], f"{texts[n % len(texts)]}{row[-1]}" if n % 2 else f"{row[-1]}{texts[n % len(texts)]}")
            for n, row in enumerate(self.cells)
        ]
        return Rows(self.source, self.header, tuple(said))


def rows(rng: random.Random, source: str, file: int, count: int) -> Rows:
    """So many good rows; no other file has their keys."""
    made = [(f"K{file:05}R{n:04}E", *_MIDDLE[source](rng), f"{CANARY} {file}-{n}") for n in range(count)]
    return Rows(source, HEADERS[source], tuple(made))
