"""Inventory: one row says how much of a product lies in one bin of one warehouse."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm.contract import Before, ContractColumn, Field, Reading, Severity, Source, rule
from ecomm.sources.products import LOW_STOCK, stock_indicator
from ecomm.sources.rules import (
    created_timestamp_plausible,
    instant_not_future,
    intact,
    key_rules,
    known,
    not_negative,
    present,
    readable_rules,
    text_rules,
    within_bounds,
)

COLUMNS = (
    ContractColumn("product_id", "string", "What lies there.", required=True, key=True),
    ContractColumn(
        "warehouse_location",
        "string",
        "The warehouse; empty or never stated = UNKNOWN.",
        key=True,
        default="UNKNOWN",
        aliases=("warehouse_name",),
    ),
    ContractColumn("location", "string", "The bin; empty or never stated = empty text.", key=True, default=""),
    ContractColumn("stock_quantity", "bigint", "How many lie there.", required=True),
    ContractColumn("stock_status", "string", "The shop's own word for the stock.", word=True),
    ContractColumn("last_updated", "timestamp", "When it was counted.", tracked=False, aliases=("last_audit",)),
    ContractColumn("created_timestamp", "timestamp", "When the shop's system wrote the row.", tracked=False),
    ContractColumn("inventory_id", "string", "The shop's number of the row.", tracked=False),
    ContractColumn("warehouse_id", "string", "The shop's number of the warehouse."),
    ContractColumn("reserved_quantity", "bigint", "How many are promised."),
    ContractColumn("available_quantity", "bigint", "How many can be sold."),
    ContractColumn("reorder_level", "bigint", "Reorder at or below this quantity."),
    ContractColumn("last_restocked", "date", "The day of the last delivery.", tracked=False),
)

DERIVED = (Field("stock_indicator", "string", "Out of Stock (0), Low Stock (<= reorder_level, or 10) or In Stock."),)
VERSION_FIELDS = (
    Field("previous_quantity", "bigint", "stock_quantity of the key's version before; NULL for the first."),
    Field("quantity_change", "bigint", "stock_quantity - previous_quantity."),
    Field("movement", "string", "IN (more), OUT (less) or NONE, against the version before."),
)


def derived(_: Reading) -> dict[str, Column]:
    """DERIVED of a row."""
    level = F.coalesce(F.col("reorder_level"), F.lit(LOW_STOCK).cast("bigint"))
    return {"stock_indicator": stock_indicator(F.col("stock_quantity"), level)}


def version_values(before: Before) -> dict[str, Column]:
    """VERSION_FIELDS: the movement from the key's version before."""
    previous = before("stock_quantity")
    change = F.col("stock_quantity") - previous
    return {
        "previous_quantity": previous,
        "quantity_change": change.cast("bigint"),
        "movement": F.when(change > 0, "IN").when(change < 0, "OUT").when(change == 0, "NONE"),
    }


@rule(Severity.MEDIUM)
def stock_status_agrees(_: Reading) -> Column:
    """contradicts the quantity: in_stock or low_stock without stock, out_of_stock with some"""
    status, stock = F.col("stock_status"), F.col("stock_quantity")
    return (
        F.when(status.isin("in_stock", "low_stock"), stock > F.lit(0))
        .when(status == F.lit("out_of_stock"), stock <= F.lit(0))
        .otherwise(F.lit(True))
    )


@rule(Severity.LOW)
def available_agrees(_: Reading) -> Column:
    """<> stock - reserved"""
    return F.col("available_quantity") == F.col("stock_quantity") - F.col("reserved_quantity")


@rule(Severity.LOW)
def last_updated_plausible(reading: Reading) -> Column:
    """future"""
    return instant_not_future("last_updated", reading)


SOURCE = Source(
    name="inventory",
    columns=COLUMNS,
    rules=(
        *key_rules("product_id"),
        intact("product_id"),
        present("warehouse_location", Severity.MEDIUM, "empty: key part UNKNOWN"),
        *key_rules("warehouse_location", required=False, blanks=True),
        *key_rules("location", required=False, blanks=True),
        present("stock_quantity"),
        *text_rules(COLUMNS),
        *readable_rules(COLUMNS, high=("stock_quantity",)),
        created_timestamp_plausible,
        not_negative("stock_quantity", "back-orders are not stock"),
        within_bounds("stock_quantity"),
        known("stock_status"),
        stock_status_agrees,
        available_agrees,
        last_updated_plausible,
    ),
    derived_fields=DERIVED,
    derived=derived,
    version_values=version_values,
    version_fields=VERSION_FIELDS,
)
