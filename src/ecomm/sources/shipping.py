"""Shipping: one row says one parcel of one order."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import ContractColumn, Field, Reading, Severity, Source, rule
from ecomm.money import MONEY
from ecomm.sources.rules import (
    TOTAL_RULES,
    at_most,
    created_timestamp_plausible,
    currency_rules,
    dimensions,
    dimensions_format,
    empty,
    intact,
    key_rules,
    known,
    not_future,
    not_negative,
    present,
    readable_rules,
    text_rules,
)

COLUMNS = (
    ContractColumn("order_id", "string", "The order that is shipped.", required=True, key=True),
    ContractColumn("tracking_number", "string", "The parcel's number; none yet = empty text.", key=True, default=""),
    ContractColumn("shipping_method", "string", "How it is shipped.", word=True, aliases=("service_type",)),
    ContractColumn("shipping_cost", MONEY, "What shipping costs, in its currency."),
    ContractColumn("currency", "string", "ISO 4217 code of shipping_cost; empty = the reporting currency."),
    ContractColumn("package_weight", "decimal(18,4)", "Weight in kilograms."),
    ContractColumn(
        "dimensions_cm",
        "string",
        "Length x width x height in centimetres, as given.",
        aliases=("package_dimensions",),
    ),
    ContractColumn("estimated_delivery", "date", "The day it should arrive."),
    ContractColumn("actual_delivery", "date", "The day it arrived."),
    ContractColumn("created_timestamp", "timestamp", "When the shop's system wrote the row.", tracked=False),
    ContractColumn("shipping_id", "string", "The shop's number of the shipment.", tracked=False),
    ContractColumn("carrier", "string", "Who carries it.", word=True),
    ContractColumn("origin_warehouse", "string", "Where it starts."),
    ContractColumn("destination_address", "string", "Where it goes.", personal=True),
    ContractColumn("shipping_status", "string", "Where the parcel is.", word=True),
    ContractColumn("insurance_value", MONEY, "Insured value, in its currency."),
)

DERIVED = (
    Field("delivery_days", "bigint", "actual_delivery - the created day; NULL while not delivered."),
    Field("delay_days", "bigint", "actual_delivery - estimated_delivery; NULL while not delivered."),
    Field(
        "delivery_status",
        "string",
        "On Time, Late; while not delivered by the as-of day (shop_timezone): Overdue (estimate passed) or Pending.",
    ),
    Field("volume_cm3", "decimal(18,4)", "Product of the three dimensions, cm3."),
    Field("cost_per_kg", "decimal(18,4)", "shipping_cost / package_weight."),
)


def delivered_on(today: Column) -> Column:
    """actual_delivery, unless it lies after today: then it is a forecast, and says nothing."""
    return F.when(F.col("actual_delivery") <= today, F.col("actual_delivery"))


def delivery_days(today: Column, zone: str) -> Column:
    """Days from the created day (shop's time zone) to the delivery."""
    return F.datediff(delivered_on(today), canonical.local_date(F.col("created_timestamp"), zone)).cast("bigint")


def delivery_status(today: Column) -> Column:
    """On Time (also without an estimate) or Late; without a delivery Overdue after the estimate, else Pending."""
    actual, estimated = delivered_on(today), F.col("estimated_delivery")
    return (
        F.when(actual > estimated, "Late")
        .when(actual.isNotNull(), "On Time")
        .when(estimated < today, "Overdue")
        .otherwise("Pending")
    )


def derived(reading: Reading) -> dict[str, Column]:
    """DERIVED, as at the as-of day."""
    actual = delivered_on(reading.today)
    weight = F.col("package_weight")
    return {
        "delivery_days": delivery_days(reading.today, reading.shop.shop_timezone),
        "delay_days": F.datediff(actual, F.col("estimated_delivery")).cast("bigint"),
        "delivery_status": delivery_status(reading.today),
        "volume_cm3": dimensions("dimensions_cm")[3],
        "cost_per_kg": canonical.half_up(F.col("shipping_cost") / F.when(weight != 0, weight), 18, 4),
    }


def created_day(reading: Reading) -> Column:
    """The day on which the shipment was written, in the shop's time zone: also the day of its rate."""
    return canonical.local_date(F.col("created_timestamp"), reading.shop.shop_timezone)


@rule(Severity.MEDIUM)
def shipping_cost_within_bounds(reading: Reading) -> Column:
    """empty, > the bound shipping_cost"""
    return ~empty("shipping_cost") & at_most("shipping_cost", reading.shop.bounds.shipping_cost)


@rule(Severity.MEDIUM)
def package_weight_plausible(reading: Reading) -> Column:
    """<= 0, > the bound package_weight (kg)"""
    bound = reading.shop.bounds.package_weight
    return (F.col("package_weight") > F.lit(0)) & at_most("package_weight", bound)


@rule(Severity.LOW)
def delivery_dates_plausible(reading: Reading) -> Column:
    """delivered before the created day; status delivered and no date, or one after the as-of date + 1"""
    arrived = F.col("actual_delivery") >= created_day(reading)
    dated = ~empty("actual_delivery") & not_future("actual_delivery", reading)
    return arrived & F.when(F.col("shipping_status") == F.lit("delivered"), dated).otherwise(F.lit(True))


SOURCE = Source(
    name="shipping",
    columns=COLUMNS,
    rules=(
        *key_rules("order_id"),
        intact("order_id"),
        intact("tracking_number"),
        present("tracking_number", Severity.LOW, "empty: no label yet; key part empty text"),
        *key_rules("tracking_number", required=False),
        *text_rules(COLUMNS),
        *readable_rules(COLUMNS, high=("shipping_cost",)),
        *currency_rules(created_day),
        created_timestamp_plausible,
        not_negative("shipping_cost", "0 is free, and passes"),
        shipping_cost_within_bounds,
        known("shipping_method"),
        known("carrier"),
        known("shipping_status"),
        package_weight_plausible,
        present("destination_address", Severity.LOW),
        dimensions_format,
        delivery_dates_plausible,
    ),
    derived_fields=DERIVED,
    derived=derived,
    about_people=("null_word_as_text", "text_marker_as_text", *TOTAL_RULES),
)
