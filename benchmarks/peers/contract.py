"""What the peers' programs know of the shop's files. They run without our package, so it is said here once more."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A file's columns with their types; the key; what no history is kept of; what must be there, and not negative."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    untracked: tuple[str, ...]
    required: tuple[str, ...]
    not_negative: str | None = None

    @property
    def tracked(self) -> list[str]:
        """The columns whose change opens a version."""
        return [c for c in self.columns if c not in self.untracked]


def _columns(text: str) -> dict[str, str]:
    """`name` is a string, `name:type` another type; m = money, n = measure."""
    short = {"": "string", "m": "decimal(18,2)", "n": "decimal(18,4)"}
    pairs = (word.partition(":") for word in text.split())
    return {name: short.get(type_, type_) for name, _, type_ in pairs}


SOURCES = (
    Source(
        "orders",
        _columns(
            "order_id customer_id product_id order_date:date order_amount:m currency payment_method shipping_address "
            "order_status created_timestamp:timestamp"
        ),
        key=("order_id",),
        untracked=("created_timestamp",),
        required=("order_id", "customer_id", "product_id", "order_date", "order_amount"),
        not_negative="order_amount",
    ),
    Source(
        "customers",
        _columns(
            "customer_id first_name last_name email phone date_of_birth:date registration_date:date address city state "
            "zip_code country customer_tier last_login:timestamp created_timestamp:timestamp"
        ),
        key=("customer_id",),
        untracked=("last_login", "created_timestamp"),
        required=("customer_id",),
    ),
    Source(
        "products",
        _columns(
            "product_id product_name category subcategory brand price:m currency stock_quantity:bigint weight_kg:n "
            "dimensions_cm color material description launch_date:date discontinued:boolean created_timestamp:timestamp"
        ),
        key=("product_id",),
        untracked=("stock_quantity", "created_timestamp"),
        required=("product_id", "price"),
        not_negative="price",
    ),
    Source(
        "inventory",
        _columns(
            "product_id stock_quantity:bigint stock_status warehouse_location last_updated:timestamp "
            "created_timestamp:timestamp"
        ),
        key=("product_id", "warehouse_location"),
        untracked=("last_updated", "created_timestamp"),
        required=("product_id", "warehouse_location", "stock_quantity"),
        not_negative="stock_quantity",
    ),
    Source(
        "shipping",
        _columns(
            "order_id shipping_method shipping_cost:m currency tracking_number package_weight:n dimensions_cm "
            "estimated_delivery:date actual_delivery:date created_timestamp:timestamp"
        ),
        key=("order_id", "tracking_number"),
        untracked=("created_timestamp",),
        required=("order_id", "tracking_number"),
        not_negative="shipping_cost",
    ),
)


@dataclass(frozen=True)
class Batch:
    """What a peer's program is started with: a day's files, where its tables are, and the batch's time."""

    data: Path
    day: str
    warehouse: Path

    @property
    def batch_id(self) -> str:
        """The batch's name."""
        return f"batch_{self.day}"

    @property
    def as_of(self) -> datetime:
        """The batch's time, as its trigger says it."""
        return datetime.strptime(self.day, "%Y_%m_%d").replace(hour=6, tzinfo=UTC)

    def file(self, source: str) -> str:
        """A source's file."""
        return str(self.data / f"{source}_{self.day}.csv")

    def table(self, name: str) -> str:
        """A table's folder."""
        return str(self.warehouse / name)


def batch_of_arguments() -> Batch:
    """DATA DAY WAREHOUSE, from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("day")
    parser.add_argument("warehouse", type=Path)
    said = parser.parse_args()
    return Batch(said.data, said.day, said.warehouse)
