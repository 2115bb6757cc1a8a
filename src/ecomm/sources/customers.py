"""Customers: one row says who a customer is."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm.contract import ContractColumn, Field, Reading, Shop, Source
from ecomm.sources.rules import key_rules

COLUMNS = (
    ContractColumn("customer_id", "string", "The shop's number of the customer.", required=True, key=True),
    ContractColumn("first_name", "string", "First name.", personal=True),
    ContractColumn("last_name", "string", "Last name.", personal=True),
    ContractColumn("email", "string", "E-mail address.", personal=True),
    ContractColumn("phone", "string", "Telephone number as given.", personal=True),
    ContractColumn("date_of_birth", "date", "Day of birth.", personal=True),
    ContractColumn("registration_date", "date", "The day the customer registered."),
    ContractColumn("address", "string", "Street and number.", personal=True),
    ContractColumn("city", "string", "City."),
    ContractColumn("state", "string", "State or province."),
    ContractColumn("zip_code", "string", "Postal code.", personal=True),
    ContractColumn("country", "string", "Country as given."),
    ContractColumn("customer_tier", "string", "The shop's own tier of the customer.", word=True),
    ContractColumn("last_login", "timestamp", "Last login.", tracked=False),
    ContractColumn("created_timestamp", "timestamp", "When the shop's system wrote the row.", tracked=False),
)

DERIVED = (
    Field("age", "bigint", "Full years on the as-of day; born on 29 February, a year is full on 1 March."),
    Field("age_group", "string", "<18, 18-24, 25-34, 35-44, 45-54, 55-64 or 65+, by age."),
    Field("days_since_registration", "bigint", "Days from registration_date to the as-of day."),
    Field("lifecycle_stage", "string", "New (< 30 days since registration), Active (< 365) or Established."),
    Field("is_premium", "boolean", "customer_tier is one of the setting premium_tiers."),
    Field("customer_group", "string", "lifecycle_stage / customer_tier."),
)


def age(date_of_birth: Column, on: Column) -> Column:
    """Full years between two days: a year is full once month and day have come round."""
    years = F.year(on) - F.year(date_of_birth)
    before_birthday = F.date_format(on, "MMdd") < F.date_format(date_of_birth, "MMdd")
    return (years - F.when(before_birthday, F.lit(1)).otherwise(F.lit(0))).cast("bigint")


def age_group(years: Column) -> Column:
    """The seven groups of TABLES: <18, 18-24, 25-34, 35-44, 45-54, 55-64, 65+."""
    return (
        F.when(years < 18, "<18")
        .when(years < 25, "18-24")
        .when(years < 35, "25-34")
        .when(years < 45, "35-44")
        .when(years < 55, "45-54")
        .when(years < 65, "55-64")
        .when(years >= 65, "65+")
    )


def days_since_registration(registration_date: Column, on: Column) -> Column:
    """Days from the registration to a day; negative if registered later."""
    return F.datediff(on, registration_date).cast("bigint")


def lifecycle_stage(days: Column) -> Column:
    """New < 30 days since registration, Active < 365, else Established."""
    return F.when(days < 30, "New").when(days < 365, "Active").when(days >= 365, "Established")


def is_premium(customer_tier: Column, shop: Shop) -> Column:
    """The tier is one of the shop's premium tiers; an unknown tier is not."""
    return F.coalesce(customer_tier.isin(list(shop.premium_tiers)), F.lit(False))


def derived(reading: Reading) -> dict[str, Column]:
    """DERIVED, as at the as-of day."""
    years = age(F.col("date_of_birth"), reading.today)
    days = days_since_registration(F.col("registration_date"), reading.today)
    stage = lifecycle_stage(days)
    return {
        "age": years,
        "age_group": age_group(years),
        "days_since_registration": days,
        "lifecycle_stage": stage,
        "is_premium": is_premium(F.col("customer_tier"), reading.shop),
        "customer_group": F.concat(stage, F.lit(" / "), F.col("customer_tier")),
    }


SOURCE = Source(
    name="customers",
    columns=COLUMNS,
    rules=key_rules("customer_id"),
    derived_fields=DERIVED,
    derived=derived,
)
