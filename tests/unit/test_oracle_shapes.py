"""The oracle's reading of two channels and of columns that disappear, by small cases whose answer is seen at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from tests.oracle import Batch, Row, Settings, checks_on_arrival, run
from tests.oracle.settings import Delivery, Shape

HEADER = "order_id,customer_id,product_id,order_date,order_amount,payment_method\n"
COUNTER = Shape(
    files=("counter*.csv",),
    columns={"order_id": "Beleg", "order_amount": "Betrag", "order_date": "Datum", "payment_method": "Zahlart"},
    delimiter=";",
    decimal_comma=True,
    amounts="written",
    decimals="round",
    date_format="dd.MM.yyyy",
    null_values=("NULL",),
    nobody=("Gast",),
    values={"order_status": {"bezahlt": "completed"}},
)
SHOP = Settings(sources={"orders": Delivery(shapes={"counter": COUNTER})})


def batch(name: str, day: int, **files: str) -> Batch:
    contents = {f"{file}.csv": text.encode() for file, text in files.items()}
    return Batch(name, datetime(2025, 3, day, tzinfo=UTC), {"orders": contents})


def at_the_counter(*rows: str) -> str:
    return "\n".join(["Beleg;customer_id;product_id;Datum;Betrag;order_status;Zahlart", *rows]) + "\n"


def orders(*batches: Batch) -> dict[str, Row]:
    return {row["order_id"]: row for row in run(batches, SHOP).stage["orders"]}


def test_two_channels_of_a_batch_are_read_each_by_its_shape() -> None:
    web = HEADER + "W1,C1,P1,2025-03-01,12.50,paypal\n"
    till = at_the_counter("K1;Gast;P1;1.3.2025;5,00;;", "K2;C1;P1;01.03.2025;1\u202f234,505 \u20ac;Bezahlt;NULL")
    found = run([batch("b", 2, web=web, counter=till)], SHOP)
    rows = {row["order_id"]: row for row in found.stage["orders"]}
    assert (rows["W1"]["order_amount"], rows["W1"]["currency"]) == (Decimal("12.500"), "USD")
    assert (rows["K2"]["order_amount"], rows["K2"]["currency"]) == (Decimal("1234.510"), "EUR")
    assert (rows["K2"]["order_status"], rows["K2"]["payment_method"]) == ("completed", None)
    assert "amount_rounded" in rows["K2"]["quality_flags"]
    assert [(row["source_line"], row["reasons"][0]) for row in found.errors["orders"]] == [(1, "order_date_readable")]


def test_a_sign_is_read_in_the_rows_own_currency() -> None:
    header = HEADER.replace("\n", ",currency\n").replace(",", ";").replace("payment_method", "Zahlart")
    rows = "".join(
        f"{key};C1;P1;2025-03-01;{amount};;{currency}\n"
        for key, amount, currency in (
            ("A", "$5", "CAD"), ("B", "$5", ""), ("C", "\u20ac5", "USD"), ("D", "5 kr", ""), ("E", "5 EUR", "eur"),
        )
    )  # fmt: skip
    found = orders(batch("b", 2, counter=header + rows))
    assert {key: row["currency"] for key, row in found.items()} == {
        "A": "CAD", "B": "USD", "C": "USD", "D": "SEK", "E": "EUR",
    }  # fmt: skip
    assert [key for key, row in found.items() if "currency_agrees" in row["quality_flags"]] == ["C"]


def test_a_word_for_nobody_is_an_order_without_a_buyer() -> None:
    till = at_the_counter("K1;gast;P1;01.03.2025;5,00;;", "K2;NULL;P1;01.03.2025;5,00;;")
    found = run([batch("b", 2, counter=till)], SHOP)
    assert [(row["order_id"], row["customer_id"]) for row in found.enriched_orders] == [("K1", None)]
    assert [set(row["reasons"]) for row in found.errors["orders"]] == [{"customer_id_present", "currency_assumed"}]


def lost(*arrived: Batch, settings: Settings = SHOP) -> dict[str, tuple[str, int, int]]:
    rows = checks_on_arrival(arrived, settings)
    return {
        row["batch_id"]: (row["severity"], row["failed_rows"], row["rows_checked"])
        for row in rows
        if row["check_name"] == "column_disappeared"
    }


WEB = HEADER + "W1,C1,P1,2025-03-01,12.50,paypal\n"
RENAMED = WEB.replace("payment_method", "Paid By")
TILL = at_the_counter("K1;C1;P1;01.03.2025;5,00;;", "K2;C1;P1;01.03.2025;5,00;;")


def test_a_renamed_column_is_compared_with_the_last_batch_of_its_channel() -> None:
    first, other = batch("a", 2, web=WEB), batch("b", 3, counter=TILL)
    assert lost(first, other, batch("c", 4, web=RENAMED, counter=TILL)) == {
        "a": ("NONE", 0, 1),
        "b": ("NONE", 0, 2),
        "c": ("MEDIUM", 1, 3),
    }
    late = batch("c", 1, web=RENAMED)  # it has no batch before it
    assert lost(first, late)["c"] == ("NONE", 0, 1)


def test_a_column_that_a_shape_names_is_missed_in_the_first_batch_too() -> None:
    till = TILL.replace("Zahlart", "Wie")
    assert lost(batch("a", 2, web=WEB, counter=till)) == {"a": ("HIGH", 2, 3)}
    off = replace(SHOP, severity={"column_disappeared": "OFF"})
    assert lost(batch("a", 2, web=WEB, counter=till), settings=off) == {}
