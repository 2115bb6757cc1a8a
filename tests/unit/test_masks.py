"""Masks: what is shown of a value, and under which name an id that is personal."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from ecomm.delivery import Delivery, Shape
from ecomm.masks import MASK, Masks, is_open, is_personal
from ecomm.sources import SOURCES, of_shop

MASKS = Masks(SOURCES, b"of this warehouse")
# Ids of people, and what is none.
PERSONAL = ["anna@example.com", "Ännä.Öl+1@exämple.co.uk", "a@b.c", "+49 30 1234567", "+4930123456", "030 1234567"]
PERSONAL += ["(030) 123-4567", "06 12 34 56 78", "0151/23456789", "+1 (555) 123-4567", "802-555-0148"]
PLAIN = [
    "C1",
    "0000012345",
    "2025-01-000123",
    "O-1 / 2",
    "@anna",
    "a @ b",
    "+",
    "12 34 56",
    "0 - 30",
    "00923624300",
    "111-1234567-1234567",
    "",
]


@pytest.mark.parametrize("text", PERSONAL)
def test_an_id_that_is_personal_has_another_name(text: str) -> None:
    """The same name each time, another in another warehouse; SQL sees it alike."""
    name = MASKS.shown(text)
    assert name == MASKS.shown(text)
    assert name.startswith(MASK)
    assert name != Masks(SOURCES, b"of another one").shown(text)
    assert MASKS.shown({"keys": [text, "C1"]}) == {"keys": [name, "C1"]}
    assert MASKS.key("shipping", ["O1", text]) == ["O1", name]
    assert MASKS.id_of(name, "customer_id", ["C1", text]) == text
    assert MASKS.id_of(text, "customer_id", ["C1"]) == text
    assert duckdb.execute(f"select {is_personal('id')} from (select ? as id)", [text]).fetchall() == [(True,)]
    assert Masks(SOURCES, b"", reveal=True).shown(text) == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_ids_are_shown(text: str) -> None:
    """Digits alone are no telephone number, for ids are so."""
    assert MASKS.shown(text) == text
    assert duckdb.execute(f"select {is_personal('id')} from (select ? as id)", [text]).fetchall() == [(False,)]


def test_a_customer_id_with_a_blank_is_rather_a_name() -> None:
    """The ids of other things are not: a warehouse, a product."""
    name = MASKS.key("customers", ["Anna Person"])
    assert name[0].startswith(MASK)
    assert MASKS.row("orders", {"customer_id": "Anna Person", "product_id": "Blue Shirt"}) == {
        "customer_id": name[0],
        "product_id": "Blue Shirt",
    }
    assert MASKS.id_of(name[0], "customer_id", ["C1", "Anna Person"]) == "Anna Person"
    sql = f"select {is_personal('customer_id')} from (select 'Anna Person' as customer_id)"
    assert duckdb.execute(sql).fetchall() == [(True,)]


@pytest.mark.parametrize("name", SOURCES)
def test_personal_columns_are_masked_in_every_table(name: str) -> None:
    """By the contract alone, and what no contract names; where nothing is, nothing is hidden."""
    source = SOURCES[name]
    personal = {c.name for c in source.columns if c.personal}
    row = {c.name: "x" for c in source.stored} | {"batch_id": "b", "origin": "x", "nickname": "x", "source": "x"}
    hidden = {c for c, v in MASKS.row(name, row).items() if v == MASK}
    assert hidden == personal | {"origin", "nickname", "source"}
    assert {c for c in row if not is_open(source, c)} == hidden
    assert MASKS.row(name, dict.fromkeys(row)) == dict.fromkeys(row)
    assert MASKS.row(name, dict.fromkeys(row, "")) == dict.fromkeys(row, "")


def test_cells_of_a_record_go_by_their_headers() -> None:
    """Also by those that the shop's settings name; a header that serves a personal column too is masked."""
    shapes = {"pos": Shape(("pos*",), columns={"city": "Stadt", "phone": "Tel"})}
    delivery = Delivery(columns={"customer_id": "Email", "country": "Tel", "state": ("Land", "")}, shapes=shapes)
    masks = Masks(of_shop({"customers": delivery}, {}), b"")
    raw = {"Email": "1", "Stadt": "2", "Tel": "3", "Land": "4", " CITY ": "5", "first_name": "6", "Note": "7", "": "8"}
    seen = {header for header, cell in masks.record("customers", raw).items() if cell != MASK}
    assert seen == {"Stadt", "Land", " CITY "}
    assert masks.record("customers", {"city": "anna@example.com"})["city"] != "anna@example.com", "a shifted record"
    days = ["2024-01-31", "31. Jan 2024", "01.01.24 10:00 PM", "N/A", "Anna", "77 Street", "Łódź", ""]
    told = [masks.record("customers", {"last_login": day})["last_login"] for day in days]
    assert told == [*days[:4], MASK, MASK, MASK, ""], "a word in the place of a day"
    assert MASKS.line("anything") == MASK
    assert (MASKS.line(None), MASKS.line("")) == (None, "")


def test_rows_of_other_tables() -> None:
    """Quarantine, corrections, ledger and journals."""
    cells = [("email", "anna@example.com"), ("city", "Berlin"), ("note", "x")]
    seen = {"email": MASK, "city": "Berlin", "note": MASK}
    row: dict[str, object] = {
        "raw": cells,
        "raw_line": None,
        "key": "anna@example.com",
        "reasons": ["email_well_formed"],
    }
    name = MASKS.shown("anna@example.com")
    assert MASKS.of_table("customers_errors", row) == row | {"raw": seen, "key": name}
    row = {"source": "customers", "original": cells, "fixed": [], "by": "me"}
    assert MASKS.of_table("corrections", row) == row | {"original": seen, "fixed": {}}
    row = {"trigger": '{"sent_by": "Anna"}', "reason": "asked by anna@example.com", "seq": 1}
    assert MASKS.of_table("batch_ledger", row) == {"trigger": MASK, "reason": f"asked by {name}", "seq": 1}
    row = {"sample_keys": ["C1", "anna@example.com"], "failed_rows": 2, "table_name": "customers"}
    assert MASKS.of_table("validation_results", row) == row | {"sample_keys": ["C1", name]}
    row |= {"table_name": "batch", "sample_keys": []}
    assert MASKS.of_table("validation_results", row) == row
    assert MASKS.of_table("customer_analytics", {"customer_id": "anna@example.com"}) == {"customer_id": name}


def test_a_table_keeps_its_columns() -> None:
    """Types change only where something is hidden."""
    data = pa.table({"customer_id": ["C1"], "date_of_birth": pa.array([1], pa.date32()), "age": [30]})
    seen = MASKS.table("customers_target", data)
    assert seen.column_names == data.column_names
    assert [str(field.type) for field in seen.schema] == ["string", "string", "int64"]
    assert seen.to_pylist() == [{"customer_id": "C1", "date_of_birth": MASK, "age": 30}]
    raw = pa.array([[("email", "x"), ("city", "y")], None], pa.map_(pa.string(), pa.string()))
    seen = MASKS.table("customers_errors", pa.table({"raw": raw}))
    assert seen.to_pylist() == [{"raw": [("email", MASK), ("city", "y")]}, {"raw": None}]
