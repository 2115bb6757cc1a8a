"""The oracle's rules, scores and deliveries against literal cases, written out by hand from RULES.md."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle import Batch, Result, Row, Settings, rules, run
from tests.oracle.settings import Delivery, Rate, Vocabularies
from tests.oracle.sources import SOURCES, delivered

NOON = datetime(2025, 1, 10, 12, tzinfo=UTC)
MADE = "2025-01-09T08:00:00Z"
SOUND: dict[str, dict[str, str]] = {
    "orders": {
        **{"order_id": "o", "customer_id": "c", "product_id": "p", "order_date": "2025-01-09", "order_amount": "19.90"},
        **{"currency": "USD", "payment_method": "PayPal", "shipping_address": "1 Main St", "order_status": "Shipped"},
        "created_timestamp": MADE,
    },
    "customers": {
        **{"customer_id": "c", "first_name": "O", "last_name": "", "email": "a+b@sub.x.io", "phone": "555-0101"},
        **{"date_of_birth": "1990-02-28", "registration_date": "2024-01-01", "address": "1 Main St", "city": "Bonn"},
        **{"country": "UK", "customer_tier": "Gold", "last_login": "2025-01-09T00:00:00Z", "created_timestamp": MADE},
    },
    "products": {
        **{"product_id": "p", "product_name": "Cup", "category": "Kitchen", "price": "5", "currency": "USD"},
        **{"stock_quantity": "3", "weight_kg": "0.5", "dimensions_cm": "1x2x3 cm", "launch_date": "2024-01-01"},
        **{"discontinued": "no", "created_timestamp": MADE},
    },
    "inventory": {
        **{"product_id": "p", "warehouse_location": "East Hall", "location": "A 1", "stock_quantity": "5"},
        **{"stock_status": "In Stock", "last_updated": MADE, "reserved_quantity": "2", "available_quantity": "3"},
        **{"created_timestamp": MADE},
    },
    "shipping": {
        **{"order_id": "o", "tracking_number": "T1", "shipping_method": "Two-Day", "shipping_cost": "0"},
        **{"currency": "USD", "package_weight": "1", "dimensions_cm": "1*2*3", "carrier": "DHL"},
        **{"estimated_delivery": "2025-01-10", "actual_delivery": "2025-01-11", "destination_address": "x"},
        **{"shipping_status": "Delivered", "created_timestamp": MADE},
    },
}
"""A row of each source that fails nothing."""


def file(*rows: dict[str, str], delimiter: str = ",") -> bytes:
    lines = [list(rows[0]), *([row[name] for name in rows[0]] for row in rows)]
    return "\n".join(delimiter.join(line) for line in lines).encode()


def judged(source: str, *rows: dict[str, str], settings: Settings | None = None) -> Result:
    return run([Batch("b", NOON, {source: {f"{source}.csv": file(*rows)}})], settings or Settings())


def failed(source: str, said: dict[str, str], settings: Settings | None = None) -> list[str]:
    """What the sound row fails with these cells."""
    result = judged(source, SOUND[source] | said, settings=settings)
    row = (result.stage[source] or result.errors[source])[0]
    return sorted(row["quality_flags"] if "quality_flags" in row else row["reasons"])


def check(result: Result, name: str) -> Row:
    [row] = [row for row in result.validation if row["check_name"] == name]
    return row


@pytest.mark.parametrize("source", SOURCES)
def test_a_sound_row_fails_nothing(source: str) -> None:
    result = judged(source, SOUND[source])
    assert [row["quality_flags"] for row in result.stage[source]] == [[]]
    assert {row["severity"] for row in result.validation} == {"NONE"}
    assert check(result, "batch_score")["score"] == Decimal("100.00")


@pytest.mark.parametrize("source", SOURCES)
def test_a_column_that_the_header_lacks_passes(source: str) -> None:
    required = {name: SOUND[source][name] for name in SOURCES[source].required}
    flags = judged(source, required).stage[source][0]["quality_flags"]
    assert flags == (["currency_assumed"] if "currency" in SOURCES[source].contract else [])


@pytest.mark.parametrize("source", SOURCES)
def test_empty_cells(source: str) -> None:
    """NULL passes all but where the line says empty or missing."""
    optional = {name: "" for name in SOUND[source] if name not in SOURCES[source].required}
    common = ["created_timestamp_plausible"]
    assert failed(source, optional) == sorted(
        {
            "orders": [*common, "currency_assumed", "shipping_address_present"],
            "customers": [*common, "name_present", "email_present", "address_complete"],
            "products": [*common, "currency_assumed", "product_name_present", "category_present"],
            "inventory": [*common, "warehouse_location_present"],
            "shipping": [
                *(*common, "currency_assumed", "tracking_number_present", "shipping_cost_within_bounds"),
                "destination_address_present",
            ],
        }[source]
    )


@pytest.mark.parametrize(
    ("source", "said", "rule"),
    [
        ("orders", {"currency": "EUR"}, "currency_has_rate"),
        ("orders", {"created_timestamp": "1999-12-31T23:59:59Z"}, "created_timestamp_plausible"),
        ("orders", {"created_timestamp": "2025-01-13T00:00:00Z"}, "created_timestamp_plausible"),
        ("orders", {"created_timestamp": "soon"}, "created_timestamp_readable"),
        ("orders", {"customer_id": ""}, "customer_id_present"),
        ("orders", {"order_date": "2025-01-12"}, "order_date_plausible"),
        ("orders", {"order_date": "1999-12-31"}, "order_date_plausible"),
        ("orders", {"order_amount": "-0.01"}, "order_amount_not_negative"),
        ("orders", {"order_amount": "0.00"}, "order_amount_zero"),
        ("orders", {"order_amount": "100000.01"}, "order_amount_within_bounds"),
        ("orders", {"payment_method": "shells"}, "payment_method_known"),
        ("orders", {"order_status": "lost"}, "order_status_known"),
        ("customers", {"first_name": "", "last_name": ""}, "name_present"),
        ("customers", {"email": "a@b@x.io"}, "email_format"),
        ("customers", {"email": "a b@x.io"}, "email_format"),
        ("customers", {"email": "a@x"}, "email_format"),
        ("customers", {"email": "@x.io"}, "email_format"),
        ("customers", {"email": "a@x..io"}, "email_format"),
        ("customers", {"email": "a" * 250 + "@x.io"}, "email_format"),
        ("customers", {"phone": "1234"}, "phone_format"),
        ("customers", {"phone": "0123456789012345"}, "phone_format"),
        ("customers", {"phone": "5550101 ext 2"}, "phone_format"),
        ("customers", {"date_of_birth": "1904-01-10"}, "date_of_birth_plausible"),
        ("customers", {"registration_date": "2025-01-12", "last_login": ""}, "registration_date_plausible"),
        ("customers", {"registration_date": "1990-02-27"}, "registration_date_plausible"),
        ("customers", {"last_login": "2023-12-31T23:59:59Z"}, "last_login_plausible"),
        ("customers", {"customer_tier": "wood"}, "customer_tier_known"),
        ("customers", {"city": ""}, "address_complete"),
        ("customers", {"country": "Atlantis"}, "country_known"),
        ("customers", {"date_of_birth": "29.02.2025"}, "date_of_birth_readable"),
        ("products", {"price": "0"}, "price_zero"),
        ("products", {"price": "100000.01"}, "price_within_bounds"),
        ("products", {"stock_quantity": "-1"}, "stock_quantity_not_negative"),
        ("products", {"discontinued": "perhaps"}, "discontinued_readable"),
        ("products", {"discontinued": "yes"}, "discontinued_has_no_stock"),
        ("products", {"weight_kg": "0"}, "weight_positive"),
        ("products", {"dimensions_cm": "1x2"}, "dimensions_format"),
        ("products", {"launch_date": "1899-12-31"}, "launch_date_plausible"),
        ("products", {"launch_date": "2027-01-11"}, "launch_date_plausible"),
        (
            "inventory",
            {"stock_quantity": "-1", "stock_status": "", "reserved_quantity": ""},
            "stock_quantity_not_negative",
        ),
        ("inventory", {"stock_quantity": "10000001", "reserved_quantity": ""}, "stock_quantity_within_bounds"),
        ("inventory", {"stock_status": "plenty"}, "stock_status_known"),
        ("inventory", {"stock_status": "out_of_stock"}, "stock_status_agrees"),
        ("inventory", {"available_quantity": "4"}, "available_agrees"),
        ("inventory", {"last_updated": "2025-01-13T00:00:00Z"}, "last_updated_plausible"),
        ("shipping", {"shipping_cost": "10000.01"}, "shipping_cost_within_bounds"),
        ("shipping", {"shipping_method": "pigeon"}, "shipping_method_known"),
        ("shipping", {"carrier": "pigeon"}, "carrier_known"),
        ("shipping", {"shipping_status": "flying"}, "shipping_status_known"),
        ("shipping", {"package_weight": "0"}, "package_weight_plausible"),
        ("shipping", {"package_weight": "1000.0001"}, "package_weight_plausible"),
        ("shipping", {"actual_delivery": "2025-01-08"}, "delivery_dates_plausible"),
        ("shipping", {"actual_delivery": ""}, "delivery_dates_plausible"),
        ("shipping", {"actual_delivery": "2025-01-12"}, "delivery_dates_plausible"),
    ],
)
def test_fails_alone(source: str, said: dict[str, str], rule: str) -> None:
    assert failed(source, said) == [rule]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("orders", {"order_date": "2025-01-11", "created_timestamp": "2025-01-12T23:59:59Z"}),
        ("orders", {"order_amount": "100000", "order_status": "Canceled", "payment_method": "credit-card"}),
        ("customers", {"email": "ü@пример.рф", "phone": "+49 (0)30 / 123-45x12", "country": "Côte d\u2019Ivoire"}),
        ("customers", {"date_of_birth": "1904-01-11", "registration_date": "2025-01-11", "last_login": ""}),
        ("customers", {"country": "germany", "last_login": "2024-01-01T00:00:00Z"}),
        ("products", {"dimensions_cm": "1.5 × 2 X 3", "launch_date": "2027-01-10", "price": "100000"}),
        ("products", {"discontinued": "yes", "stock_quantity": "0"}),
        ("inventory", {"stock_quantity": "0", "reserved_quantity": "", "stock_status": "out-of-stock"}),
        ("shipping", {"shipping_status": "in transit", "actual_delivery": ""}),
    ],
)
def test_odd_and_passes(source: str, said: dict[str, str]) -> None:
    assert failed(source, said) == []


def test_a_rejected_row_lists_every_rule_that_it_failed() -> None:
    result = judged("orders", SOUND["orders"] | {"order_amount": "-1", "currency": "", "order_status": "lost"})
    [error] = result.errors["orders"]
    assert sorted(error["reasons"]) == ["currency_assumed", "order_amount_not_negative", "order_status_known"]
    assert error["severity"] == "HIGH"


def test_levels_are_overridden() -> None:
    guests = Settings(severity={"customer_id_present": "LOW", "email_present": "HIGH", "order_amount_zero": "OFF"})
    assert failed("orders", {"customer_id": "", "order_amount": "0"}, guests) == ["customer_id_present"]
    result = judged("orders", SOUND["orders"] | {"customer_id": ""}, settings=guests)
    assert result.stage["orders"][0]["customer_id"] is None
    assert check(result, "customer_id_present")["rule_severity"] == "LOW"
    result_of_nobody = judged("customers", SOUND["customers"] | {"customer_id": ""}, settings=guests)
    assert [row["reasons"] for row in result_of_nobody.errors["customers"]] == [["customer_id_present"]]
    assert "order_amount_zero" not in {row["check_name"] for row in result.validation}
    result = judged("customers", SOUND["customers"] | {"email": ""}, settings=guests)
    assert [row["reasons"] for row in result.errors["customers"]] == [["email_present"]]


def test_vocabularies_and_bounds_are_settings() -> None:
    said = Settings(vocabularies=Vocabularies(categories=("Home - Ware",)))
    assert failed("products", {}, said) == ["category_known"]
    assert failed("products", {"category": "home-ware"}, said) == []


def test_rates() -> None:
    """An order's day is its order_date, a shipment's its created day, a product's the batch's."""
    rates = (Rate("EUR", date(2025, 1, 9), Decimal("1.1")), Rate("EUR", date(2025, 1, 10), Decimal("1.25")))
    said = Settings(rates=rates)
    assert failed("orders", {"currency": "EUR", "order_date": "2025-01-09"}, said) == []
    assert failed("orders", {"currency": "EUR", "order_date": "2025-01-08"}, said) == ["currency_has_rate"]
    early = {"currency": "EUR", "created_timestamp": "2025-01-08T23:59:59Z"}
    assert failed("shipping", early, said) == ["currency_has_rate"]
    result = judged("products", SOUND["products"] | {"currency": "eur", "price": "99.99"}, settings=said)
    [row] = result.stage["products"]
    assert (row["price_reporting"], row["stock_value"]) == (Decimal("124.99"), Decimal("374.97"))  # 124.9875
    assert row["price_segment"] == "Premium"


def test_score_and_validation() -> None:
    """100 x (1 - (1 + 0.3 + 0.1) / 5): of 7 rows read a duplicate and a superseded one count in neither."""
    good = SOUND["products"]
    rows = [
        good,
        good,  # a duplicate
        good | {"created_timestamp": "2025-01-01T00:00:00Z"},  # superseded
        good | {"product_id": "q", "price": "-1", "category": ""},  # HIGH, and MEDIUM
        good | {"product_id": "r", "category": "", "weight_kg": "0"},  # MEDIUM, and LOW
        good | {"product_id": "s", "weight_kg": "0"},  # LOW
        good | {"product_id": "t"},
    ]
    result = judged("products", *rows)
    score = check(result, "batch_score")
    assert (score["score"], score["severity"], score["table_name"]) == (Decimal("72.00"), "HIGH", "batch")
    row = check(result, "category_present")
    assert row == {
        "batch_id": "b",
        "table_name": "products",
        "check_name": "category_present",
        "category": "completeness",
        "rule_severity": "MEDIUM",
        "severity": "MEDIUM",
        "rows_checked": 5,
        "failed_rows": 2,
        "failed_share": Decimal("0.4000"),
        "sample_keys": ["q", "r"],
        "score": None,
    }
    nothing = check(result, "price_zero")
    assert (nothing["severity"], nothing["failed_rows"], nothing["sample_keys"]) == ("NONE", 0, [])


def test_a_sequence_conflict_is_a_failed_row_of_the_winner() -> None:
    result = judged("products", SOUND["products"], SOUND["products"] | {"price": "6"})
    assert [row["quality_flags"] for row in result.stage["products"]] == [["sequence_conflict"]]
    row = check(result, "sequence_conflict")
    assert (row["failed_rows"], row["severity"], row["category"]) == (1, "MEDIUM", "consistency")
    assert check(result, "batch_score")["score"] == Decimal("70.00")


def test_no_rows_score_100() -> None:
    result = run([Batch("b", NOON, {"orders": {"o.csv": file(SOUND["orders"]).splitlines()[0]}})])
    assert check(result, "batch_score")["score"] == Decimal("100.00")
    assert check(result, "order_amount_zero")["failed_share"] is None


def test_a_held_batch_shows_its_errors_only() -> None:
    said = Settings(min_score=Decimal("50.01"))
    rows = [SOUND["products"], SOUND["products"] | {"product_id": "q", "price": ""}]
    result = judged("products", *rows, settings=said)
    assert result.held == {"b": Decimal("50.00")}
    assert (result.stage["products"], result.targets["products"], len(result.errors["products"])) == ([], [], 1)
    assert judged("products", *rows, settings=Settings(min_score=Decimal(50))).held == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("address_complete", "completeness"),
        ("currency_assumed", "completeness"),
        ("line_malformed", "format"),
        ("header_repeated", "format"),
        ("order_id_well_formed", "format"),
        ("dimensions_format", "format"),
        ("price_readable", "format"),
        ("order_customer_exists", "referential"),
        ("available_agrees", "consistency"),
        ("sequence_conflict", "consistency"),
        ("email_unique", "consistency"),
        ("price_zero", "business_rule"),
    ],
)
def test_category(name: str, kind: str) -> None:
    assert rules.category(name) == kind


@pytest.mark.parametrize("source", SOURCES)
def test_every_rule_in_force_is_asked_and_every_one_asked_has_a_level(source: str) -> None:
    """Rules that only files or several rows show are asked elsewhere."""
    shop = delivered(source, Settings())
    record = rules.Record(shop, dict.fromkeys(shop.in_header), {}, NOON, Settings())
    asked = {name for name, _ in record.checks(())}
    elsewhere = {"line_malformed", "header_repeated", "sequence_conflict"}
    if source == "orders":
        elsewhere |= {"order_lines_distinct", "superseded_amount_agrees"}
    assert asked | elsewhere == rules.in_force(shop, Settings()).keys()


# -- deliveries ------------------------------------------------------------------------------------


def delivering(source: str, **said: Any) -> Settings:
    return Settings(sources={source: Delivery(**said)})


def test_column_names_delimiter_decimal_comma_and_date_format() -> None:
    said = delivering(
        "orders",
        columns={"order_amount": "Total", "order_date": "Bought On"},
        delimiter=";",
        decimal_comma=True,
        date_format="d.MM.yyyy",
    )
    content = "order_id;customer_id;product_id;bought on;TOTAL;created_timestamp\n" + "\n".join(
        [
            "1;c;p;5.01.2025;1234,50;5.01.2025 10:00:00",
            "2;c;p;2025-01-05;12;",
            "3;c;p;05.01.2025T11:30:00Z;0,5;05.01.2025",
            "4;c;p;5/01/2025;12,999;",
        ]
    )
    result = run([Batch("b", NOON, {"orders": {"o.csv": content.encode()}})], said)
    five = date(2025, 1, 5)
    assert [(row["order_date"], row["order_amount"], row["ordered_at"]) for row in result.stage["orders"]] == [
        (five, Decimal("1234.50"), datetime(2025, 1, 5, 10, tzinfo=UTC)),
        (five, Decimal("12.00"), None),
        (five, Decimal("0.50"), datetime(2025, 1, 5, 11, 30, tzinfo=UTC)),
    ]
    [error] = result.errors["orders"]
    assert {"order_date_readable", "order_amount_readable"} <= set(error["reasons"])


def test_a_composite_key() -> None:
    said = delivering("orders", key=("order_id", "product_id"))
    rows = [SOUND["orders"], SOUND["orders"] | {"product_id": "q"}, SOUND["orders"] | {"product_id": "a b"}]
    result = judged("orders", *rows, settings=said)
    assert [row["key"] for row in result.stage["orders"]] == ["1:o1:p", "1:o1:q"]
    assert [row["reasons"] for row in result.errors["orders"]] == [["product_id_well_formed"]]
    assert len(result.targets["orders"]) == 2


def test_a_delete_is_judged_by_its_key_alone_and_beats_an_upsert_of_its_time() -> None:
    said = delivering("products", delete_column="Gone", delete_values=("X",))
    good = SOUND["products"] | {"Gone": ""}
    rows = [
        dict.fromkeys(good, "") | {"product_id": "a", "Gone": "x"},
        dict.fromkeys(good, "") | {"product_id": "a b", "Gone": "X"},
        good | {"product_id": "c"},
        good | {"product_id": "c", "Gone": "x", "price": "nothing"},
    ]
    result = judged("products", *rows, settings=said)
    stage = [(row["key"], row["op"], row["quality_flags"]) for row in result.stage["products"]]
    assert stage == [("1:a", "D", []), ("1:c", "D", ["sequence_conflict"])]
    reasons = [(row["key"], row["reasons"]) for row in result.errors["products"]]
    assert reasons == [("a b", ["product_id_well_formed"]), ("c", ["sequence_conflict"])]
    assert result.targets["products"] == []
