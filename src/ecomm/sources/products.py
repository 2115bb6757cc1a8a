"""Products: one row says what a product is and costs."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import ContractColumn, Field, Reading, Severity, Shop, Source, rule
from ecomm.money import MONEY
from ecomm.sources.rules import (
    among,
    created_timestamp_plausible,
    currency_rules,
    day,
    dimensions,
    dimensions_format,
    intact,
    key_rules,
    not_negative,
    not_zero,
    present,
    readable_rules,
    text_rules,
    within_bounds,
)

LOW_STOCK = 10

COLUMNS = (
    ContractColumn("product_id", "string", "The shop's number of the product.", required=True, key=True),
    ContractColumn("product_name", "string", "Its name."),
    ContractColumn("category", "string", "Its category."),
    ContractColumn("subcategory", "string", "Its subcategory."),
    ContractColumn("brand", "string", "Its brand."),
    ContractColumn("price", MONEY, "Price of one, in its currency.", required=True),
    ContractColumn("currency", "string", "ISO 4217 code of price; empty = the reporting currency."),
    ContractColumn(
        "stock_quantity", "bigint", "Stock as the product file states it; inventory owns it.", tracked=False
    ),
    ContractColumn("weight_kg", "decimal(18,4)", "Weight in kilograms."),
    ContractColumn("dimensions_cm", "string", "Length x width x height in centimetres, as given."),
    ContractColumn("color", "string", "The colour as given."),
    ContractColumn("material", "string", "Material."),
    ContractColumn("description", "string", "Description."),
    ContractColumn("launch_date", "date", "The day it is first sold."),
    ContractColumn(
        "discontinued", "boolean", "No longer sold; empty = false, NULL if the text cannot be read.", default="false"
    ),
    ContractColumn("created_timestamp", "timestamp", "When the shop's system wrote the row.", tracked=False),
)

DERIVED = (
    Field("price_reporting", MONEY, "price in the reporting currency; NULL without a rate."),
    Field(
        "price_segment",
        "string",
        "Budget (price_reporting < 25), Standard (< 100), Premium (< 500) or Luxury.",
    ),
    Field("days_since_launch", "bigint", "Days from launch_date to the as-of day (shop_timezone)."),
    Field(
        "lifecycle_stage",
        "string",
        "Discontinued; Upcoming (< 0 days since launch), New (< 90), Growing (< 365) or Mature; NULL if discontinued "
        "is.",
    ),
    Field("length_cm", "decimal(18,4)", "Length from dimensions_cm, cm."),
    Field("width_cm", "decimal(18,4)", "Width from dimensions_cm, cm."),
    Field("height_cm", "decimal(18,4)", "Height from dimensions_cm, cm."),
    Field("volume_cm3", "decimal(18,4)", "length_cm x width_cm x height_cm, cm3."),
    Field("stock_indicator", "string", "Out of Stock, Low Stock (<= 10) or In Stock, by stock_quantity."),
    Field("is_sellable", "boolean", "Known to be not discontinued and in stock; else false."),
    Field("stock_value", MONEY, "price_reporting x stock_quantity."),
)


def price_segment(price_reporting: Column) -> Column:
    """Budget < 25, Standard < 100, Premium < 500, else Luxury; by the price in the reporting currency."""
    return (
        F.when(price_reporting < 25, "Budget")
        .when(price_reporting < 100, "Standard")
        .when(price_reporting < 500, "Premium")
        .when(price_reporting >= 500, "Luxury")
    )


def lifecycle_stage(discontinued: Column, days: Column) -> Column:
    """Discontinued; else by days since launch: Upcoming < 0, New < 90, Growing < 365, Mature; NULL if either is."""
    return (
        F.when(discontinued, "Discontinued")
        .when(discontinued.isNull(), F.lit(None).cast("string"))
        .when(days < 0, "Upcoming")
        .when(days < 90, "New")
        .when(days < 365, "Growing")
        .when(days >= 365, "Mature")
    )


def stock_indicator(quantity: Column, reorder_level: Column) -> Column:
    """Out of Stock at 0 (or less), Low Stock up to the level at which it is reordered, In Stock above."""
    return (
        F.when(quantity <= 0, "Out of Stock")
        .when(quantity <= reorder_level, "Low Stock")
        .when(quantity > reorder_level, "In Stock")
    )


def in_reporting_currency(money: Column, currency: Column, shop: Shop, on: date) -> Column:
    """The amount in the reporting currency at the rates of one day; NULL without a rate."""
    converted = F.when(currency == F.lit(shop.reporting_currency), money)
    for code, rate in shop.rates_on(on).items():
        worth = canonical.published(money * F.lit(str(rate)).cast("decimal(18,8)"), shop.places)
        converted = converted.when(currency == F.lit(code), worth)
    return converted


def derived(reading: Reading) -> dict[str, Column]:
    """DERIVED, as at the as-of day."""
    days = F.datediff(reading.today, F.col("launch_date")).cast("bigint")
    price = in_reporting_currency(F.col("price"), F.col("currency"), reading.shop, reading.day)
    stock = F.col("stock_quantity")
    length, width, height, volume = dimensions("dimensions_cm")
    return {
        "price_reporting": price,
        "price_segment": price_segment(price),
        "days_since_launch": days,
        "lifecycle_stage": lifecycle_stage(F.col("discontinued"), days),
        "length_cm": length,
        "width_cm": width,
        "height_cm": height,
        "volume_cm3": volume,
        "stock_indicator": stock_indicator(stock, F.lit(LOW_STOCK)),
        "is_sellable": F.coalesce(~F.col("discontinued") & (stock > 0), F.lit(False)),
        "stock_value": (price * stock.cast("decimal(19,0)")).try_cast(MONEY),
    }


def rate_day(reading: Reading) -> Column:
    """The day whose rate turns a price into the reporting currency: the as-of day."""
    return reading.today


@rule(Severity.MEDIUM)
def category_known(reading: Reading) -> Column:
    """not in the vocabulary categories (an empty list: off)"""
    categories = reading.shop.vocabularies.categories
    return among(canonical.word(F.col("category")), categories) if categories else F.lit(True)


@rule(Severity.LOW)
def weight_positive(_: Reading) -> Column:
    """<= 0"""
    return F.col("weight_kg") > F.lit(0)


@rule(Severity.LOW)
def launch_date_plausible(reading: Reading) -> Column:
    """before 1900, > 2 years ahead"""
    return F.col("launch_date").between(day(date(1900, 1, 1)), F.add_months(reading.today, 24))


@rule(Severity.LOW)
def discontinued_has_no_stock(_: Reading) -> Column:
    """discontinued, stock > 0"""
    return ~(F.col("discontinued") & (F.col("stock_quantity") > F.lit(0)))


SOURCE = Source(
    name="products",
    columns=COLUMNS,
    rules=(
        *key_rules("product_id"),
        intact("product_id"),
        present("price"),
        *text_rules(COLUMNS),
        *readable_rules(COLUMNS, high=("price",)),
        *currency_rules(rate_day),
        created_timestamp_plausible,
        not_negative("price", "nothing costs less than nothing"),
        not_zero("price", "sample"),
        within_bounds("price"),
        present("product_name", Severity.MEDIUM),
        present("category", Severity.MEDIUM),
        category_known,
        not_negative("stock_quantity", "inventory is the truth", Severity.MEDIUM),
        weight_positive,
        dimensions_format,
        launch_date_plausible,
        discontinued_has_no_stock,
    ),
    derived_fields=DERIVED,
    derived=derived,
)
