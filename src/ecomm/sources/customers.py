"""Customers: one row says who a customer is."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import ContractColumn, Field, Reading, Severity, Shop, Source, rule
from ecomm.sources.rules import (
    TOTAL_RULES,
    among,
    countries,
    created_timestamp_plausible,
    empty,
    instant_not_future,
    intact,
    key_rules,
    known,
    not_future,
    present,
    readable_rules,
    text_rules,
)

COLUMNS = (
    ContractColumn("customer_id", "string", "The shop's number of the customer.", required=True, key=True),
    ContractColumn("first_name", "string", "First name.", personal=True),
    ContractColumn("last_name", "string", "Last name.", personal=True),
    ContractColumn("email", "string", "E-mail address.", personal=True),
    ContractColumn("phone", "string", "Telephone number as given.", personal=True),
    ContractColumn("date_of_birth", "date", "Day of birth.", personal=True),
    ContractColumn("registration_date", "date", "The day the customer registered."),
    ContractColumn("address", "string", "Street and number.", personal=True),
    ContractColumn("city", "string", "The city of the address."),
    ContractColumn("state", "string", "State or province."),
    ContractColumn("zip_code", "string", "Postal code.", personal=True),
    ContractColumn("country", "string", "Country as given."),
    ContractColumn("customer_tier", "string", "The shop's own tier of the customer.", word=True),
    ContractColumn("last_login", "timestamp", "Last login.", tracked=False),
    ContractColumn("created_timestamp", "timestamp", "When the shop's system wrote the row.", tracked=False),
)

DERIVED = (
    Field(
        "age", "bigint", "Full years on the as-of day (shop_timezone); born on 29 February, a year is full on 1 March."
    ),
    Field("age_group", "string", "<18, 18-24, 25-34, 35-44, 45-54, 55-64 or 65+, by age."),
    Field("days_since_registration", "bigint", "Days from registration_date to the as-of day (shop_timezone)."),
    Field("lifecycle_stage", "string", "New (< 30 days since registration), Active (< 365) or Established."),
    Field("is_premium", "boolean", "customer_tier is one of the setting premium_tiers."),
    Field("customer_group", "string", "lifecycle_stage / customer_tier."),
)


def age(date_of_birth: Column, on: Column) -> Column:
    """Full years between two days: a year is full once month and day have come round."""
    years = F.year(on) - F.year(date_of_birth)
    before_birthday = F.month(on) * 100 + F.day(on) < F.month(date_of_birth) * 100 + F.day(date_of_birth)
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


@rule(Severity.LOW)
def name_present(_: Reading) -> Column:
    """both names empty (one letter, one name, O'Brien, any script pass)"""
    return ~(empty("first_name") & empty("last_name"))


# Not one `@`, no blank, no empty part, a dot in the domain. Any script, and whatever else mail servers take.
_PART = f"[^@.{canonical.ALL_BLANKS}]+"
_EMAIL = rf"\A{_PART}(\.{_PART})*@{_PART}(\.{_PART})+\z"


@rule(Severity.MEDIUM)
def email_format(_: Reading) -> Column:
    """not one @, blank, empty part, no dot in domain, > 254 characters (plus, IDN, sub-domain pass)"""
    return F.col("email").rlike(_EMAIL) & (F.length("email") <= F.lit(254))


_BETWEEN = f"[{canonical.ALL_BLANKS}()./-]*"
_PHONE = rf"\A{_BETWEEN}\+?({_BETWEEN}[0-9]){{5,15}}({_BETWEEN}x({_BETWEEN}[0-9])+)?{_BETWEEN}\z"


@rule(Severity.LOW)
def phone_format(_: Reading) -> Column:
    """less blanks, ().-/ and x12: not 5-15 digits, with or without + (555-0101, E.164 pass)"""
    return F.col("phone").rlike(_PHONE)


@rule(Severity.MEDIUM)
def date_of_birth_plausible(reading: Reading) -> Column:
    """future, age > the bound age"""
    years = age(F.col("date_of_birth"), reading.today)
    return not_future("date_of_birth", reading) & (years <= F.lit(reading.shop.bounds.age))


@rule(Severity.MEDIUM)
def registration_date_plausible(reading: Reading) -> Column:
    """future, before birth"""
    return not_future("registration_date", reading) & (F.col("registration_date") >= F.col("date_of_birth"))


@rule(Severity.LOW)
def last_login_plausible(reading: Reading) -> Column:
    """future, before registration"""
    login = canonical.local_date(F.col("last_login"), reading.shop.shop_timezone)
    return instant_not_future("last_login", reading) & (login >= F.col("registration_date"))


@rule(Severity.LOW)
def address_complete(_: Reading) -> Column:
    """address, city or country empty"""
    return ~(empty("address") | empty("city") | empty("country"))


@rule(Severity.LOW)
def country_known(_: Reading) -> Column:
    """no ISO 3166 code (DE, DEU) or English name (also usual forms such as USA, UK)"""
    return among(canonical.word(F.col("country")), countries())


SOURCE = Source(
    name="customers",
    columns=COLUMNS,
    rules=(
        *key_rules("customer_id"),
        intact("customer_id"),
        *text_rules(COLUMNS),
        *readable_rules(COLUMNS),
        created_timestamp_plausible,
        name_present,
        present("email", Severity.LOW),
        email_format,
        phone_format,
        date_of_birth_plausible,
        registration_date_plausible,
        last_login_plausible,
        known("customer_tier"),
        address_complete,
        country_known,
    ),
    derived_fields=DERIVED,
    derived=derived,
    personal_derived=("age", "age_group"),
    about_people=(
        "name_present",
        "registration_date_plausible",
        "null_word_as_text",
        "text_marker_as_text",
        *TOTAL_RULES,
    ),
)
