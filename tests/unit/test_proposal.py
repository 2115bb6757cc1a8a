"""What is proposed from a file: what its content decides, and a question for what it leaves open."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecomm.delivery import Delivery, Shape
from ecomm.proposal import Proposal, amounts, days, layout, lines, names, text, words
from ecomm.proposal.sample import laid_out, read
from ecomm.proposal.synonyms import SYNONYMS
from ecomm.settings import Settings
from ecomm.sources import SOURCES

CONTRACT = ["order_id", "customer_id", "product_id", "order_date", "order_amount"]


def known(row: Sequence[str]) -> int:
    return len(names.matched(SOURCES["orders"], row, Shape()).places)


# -- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Order ID", "order_id"),
        ("OrderNo", "order_id"),
        ("ORDER-NUMBER", "order_id"),
        ("Customer No.", "customer_id"),
        ("SKU", "product_id"),
        ("Total", "order_amount"),
        ("Grand total", "order_amount"),
        ("Order Total", "order_amount"),
        ("Order date", "order_date"),
        ("Bestellnr.", "order_id"),
        ("Kundennummer", "customer_id"),
        ("Artikel", "product_id"),
        ("Datum", "order_date"),
        ("Betrag", "order_amount"),
        ("N° commande", "order_id"),
        ("Numéro commande", "order_id"),
        ("Fecha", "order_date"),
        ("Montant", "order_amount"),
        ("Número pedido", "order_id"),
        ("Prodotto", "product_id"),
        ("Klantnummer", "customer_id"),
        ("Valor total", "order_amount"),
    ],
)
def test_names(name: str, column: str) -> None:
    """The same name otherwise written, or a well-known one, is the column; the settings get it as it stands."""
    header = [name if c == column else c for c in CONTRACT]
    match = names.matched(SOURCES["orders"], header, Shape())
    if name != "N° commande":
        assert match.finding.columns == {column: name}
    assert not match.finding.asks


def test_the_settings_names_come_first() -> None:
    shape = Delivery(columns={"order_id": "Beleg", "order_amount": "Wert"})
    match = names.matched(SOURCES["orders"], ["Beleg", "Kunde", "Artikel", "Datum", "Wert", "Total"], shape)
    assert (match.places["order_id"], match.places["order_amount"]) == (0, 4)
    assert not {"order_id", "order_amount"} & match.finding.columns.keys()


def test_doubts_are_asked() -> None:
    """Two names for a column, or none for one that must be there: asked, with what could be meant."""
    header = [*CONTRACT[:-1], "Total", "Amount"]
    match = names.matched(SOURCES["orders"], header, Shape())
    assert match.finding.columns == {}
    assert match.finding.asks == ("Is order_amount 'Total' or 'Amount'? Set columns.order_amount.",)
    header = ["order_id", "product_id", "order_date", "order_amount", "Brutto", "Netto"]
    match = names.matched(SOURCES["orders"], header, Shape())
    asked = names.missing(SOURCES["orders"], header, match.places, {})
    (ask,) = asked.asks
    assert "customer_id" in ask
    assert "Brutto, Netto" in ask
    assert 'without = ["customer_id"] if the shop has none' in ask


def test_when_an_order_was_made_and_changed() -> None:
    header = ["id", "customer_id", "product_id", "total_price", "financial_status", "created_at", "updated_at"]
    found = names.matched(SOURCES["orders"], header, Shape()).finding.columns
    assert found == {
        "order_id": "id",
        "order_date": "created_at",
        "order_amount": "total_price",
        "order_status": "financial_status",
        "created_timestamp": "created_at",
        "updated_timestamp": "updated_at",
    }


def test_synonyms_are_of_the_contracts() -> None:
    """Each names a column that there is, in the form in which names are compared, and none means two columns."""
    for source, synonyms in SYNONYMS.items():
        assert set(synonyms) <= {c.name for c in SOURCES[source].columns}
        called = [n for said in synonyms.values() for n in said.split()]
        assert all(n.isalnum() and n == n.lower() == names.bare(n) for n in called)
        assert sorted({n for n in called if called.count(n) > 1}) == [], source
        own = {n.replace("_", ""): c.name for c in SOURCES[source].columns for n in (c.name, *c.aliases)}
        own.pop("ordertotal", None)  # an order's total may be its amount: the lines decide
        for column, said in synonyms.items():
            assert {own.get(n, column) for n in said.split()} <= {column}, (source, column)


# -- amounts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "wanted", "asked"),
    [
        (["12,50", "7"], {"decimal_comma": True}, ""),
        (["12,5", "1.234,50"], {"decimal_comma": True, "amounts": "written"}, ""),
        (["1234,567"], {"decimal_comma": True}, ""),
        (["0,125"], {"decimal_comma": True}, ""),
        (["116,99 €", "1.234,50"], {"decimal_comma": True, "amounts": "written"}, ""),
        (["12.50", "7"], {}, ""),
        (["1,234.50"], {"amounts": "written"}, ""),
        (["1,234", "5.50"], {"amounts": "written"}, ""),
        (["$36.00"], {"amounts": "written"}, ""),
        (["12.50 EUR"], {"amounts": "written"}, ""),
        (["(5.00)", "5.00-", "-5.00"], {"amounts": "written"}, ""),
        (["-5.00", "+5.00"], {}, ""),
        (["1,234"], {}, "decimal_comma = true"),
        (["1.234"], {}, ""),
        (["12,50", "12.50"], {}, "use one of them"),
        (["many"], {}, ""),
    ],
)
def test_amounts(texts: list[str], wanted: dict[str, object], asked: str) -> None:
    """Only a comma that cannot stand between thousands decides."""
    found = amounts.looked_at(texts)
    assert dict(found.settings) == wanted
    assert bool(found.asks) == bool(asked)
    assert asked in " ".join(found.asks)


def test_decimals_cents_and_negative_amounts() -> None:
    assert amounts.decimals({"order_amount": ["957.5775", "5"]}).settings == {"decimals": "round"}
    assert not amounts.decimals({"order_amount": ["957.5700"]}).settings
    assert "cents" in amounts.cents(["1000", "2550"], "Amount").asks[0]
    assert not amounts.cents(["1000", "7"], "Amount").asks
    assert amounts.cents(["1000", "7"], "amount_cents").settings == {"cents": ["order_amount"]}
    assert not amounts.cents(["10.00", "7"], "amount_cents").settings
    assert 'refunds = "rows"' in amounts.negative(["(5.00)", "6"]).asks[0]
    assert not amounts.negative(["5.00"]).asks


# -- days ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "date_format"),
    [
        (["13/01/2025", "02/01/2025"], "dd/MM/yyyy"),
        (["01/13/2025", "02/01/2025"], "MM/dd/yyyy"),
        (["13.1.2025", "2.11.2025"], "d.M.yyyy"),
        (["1/31/2025"], "M/d/yyyy"),
        (["12/13/2010 8:26"], "MM/dd/yyyy"),
        (["31-01-2025 09:05:00"], "dd-MM-yyyy"),
        (["2025/01/02"], "yyyy/MM/dd"),
        (["2026-09-03 10:14:00 -0400"], "yyyy-MM-dd"),
        (["2026-09-03 10:14"], "yyyy-MM-dd"),
        (["Sep 3, 2026"], "MMM d, yyyy"),
        (["Sep 3, 2026 10:14:00 AM PDT"], "MMM d, yyyy"),
        (["Sep-25-26", "Oct-01-26"], "MMM-dd-yy"),
        (["10-Dec-25"], "dd-MMM-yy"),
        (["09/28/26"], "MM/dd/yy"),
        (["45384.34789351852"], "excel"),
        (["1790683800"], "epoch"),
        (["20260903", "20261231"], "yyyyMMdd"),
        (["2025-01-02", "2025-01-02T10:00:00Z"], None),
    ],
)
def test_days(texts: list[str], date_format: object) -> None:
    """A format that reads all texts is proposed; none where the contract reads them."""
    found = days.looked_at(texts)
    assert found.settings.get("date_format") == date_format
    assert not found.asks


def test_months_in_another_language() -> None:
    assert days.looked_at(["10-Dez-25", "3-Mai-26"]).settings["date_language"] == "de"


@pytest.mark.parametrize(
    ("texts", "asked"),
    [
        (["3/4/2026"], '"d/M/yyyy" (reads 1 of 1, loses 0) or "M/d/yyyy" (reads 1 of 1, loses 0)'),
        (["01/02/2025", "12/12/2025"], "loses 0"),
        (["13/01/2025", "01/13/2025"], "loses 1"),
        (["Monday"], "in a way that no format reads"),
    ],
)
def test_days_in_doubt_are_asked(texts: list[str], asked: str) -> None:
    """Two readings: both are shown, with what each would lose."""
    found = days.looked_at(texts)
    assert "date_format" not in found.settings
    assert asked in " ".join(found.asks)


@settings(max_examples=40, deadline=None)
@given(offsets=st.lists(st.integers(0, 730), min_size=1, max_size=6), written=st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]))
def test_days_are_never_guessed(offsets: list[int], written: str) -> None:
    """What is proposed is how they were written; nothing is where the other way round would read them all too."""
    true = [date(2024, 1, 1) + timedelta(days=n) for n in offsets]
    found = days.looked_at([f"{d:{written}}" for d in true])
    decided = any(d.day > 12 for d in true)
    wanted = {"%d/%m/%Y": "dd/MM/yyyy", "%m/%d/%Y": "MM/dd/yyyy"}[written] if decided else None
    assert found.settings.get("date_format") == wanted
    assert bool(found.asks) != decided


# -- layout ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ("a,ü".encode(), {}),
        ("a,Zürich;São".encode("cp1252"), {"encoding": "cp1252"}),
        ("\ufeffa;b".encode("utf-16-le"), {"encoding": "utf-16"}),
        ("a;b\n1;2".encode("utf-16-le"), {"encoding": "utf-16-le"}),
        ("a;b\n1;2".encode("utf-16-be"), {"encoding": "utf-16-be"}),
        (b"order_id;customer_id\n1;2\n3;4\0\n", {}),
    ],
)
def test_encodings(data: bytes, wanted: dict[str, object]) -> None:
    assert layout.encoding(data).settings == wanted


def test_an_encoding_that_bytes_do_not_decide_is_asked() -> None:
    found = layout.encoding("订单编号,客户\n1,2".encode("gbk"))
    assert found.settings == {"encoding": "gb18030"}
    assert "In which encoding is it?" in found.asks[0]


GOOD = "order_id,customer_id,product_id,order_date,order_amount\nA1,C1,P1,2026-09-01,5.00\nA2,C1,P1,2026-09-01,6.00\n"


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (GOOD, {}),
        (GOOD.replace(",", ";"), {"delimiter": ";"}),
        (GOOD.replace(",", "\t"), {"delimiter": "\t"}),
        (GOOD.replace(",", "|"), {"delimiter": "|"}),
        ("sep=;\n" + GOOD.replace(",", ";"), {"delimiter": ";"}),
        ('"Report"\n"Start","2026-09-01"\n\n' + GOOD, {"header_starts_with": "order_id"}),
        (GOOD + "Total,,,,11.00\n2 record(s) downloaded,,,,\n", {"footers": ["Total"]}),
        (GOOD + "Person,Region\nAnna,West\n", {"footers": ["Person"]}),
        (GOOD + "\nPeople\nPerson,Region\nAnna,West\n", {"footers": ["People"]}),
        (GOOD + "A3,C1,P1,2025-01-02,1,,\n", {"ignore_surplus_cells": True}),
        (GOOD + "2 record(s) downloaded\n", {"footers": ["* record(s) downloaded"]}),
        (GOOD + "A3,C1\n", {}),
        (f'{GOOD}A3,C1,"{"x" * 200_000}",2026-09-01,7.00\n'.replace(",", ";"), {"delimiter": ";"}),
    ],
)
def test_where_the_table_is(content: str, wanted: dict[str, object]) -> None:
    """A record that is cut off looks like the others, and is no footer."""
    assert layout.table(content, known, whole=True).settings == wanted


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter(delimiter: str, tmp_path: Path) -> None:
    """The one by which the rows have as many cells as the header, though others stand in the cells."""
    cells = [CONTRACT, *([f"A{i}", "C;1|x", '"P,1\t"', "2025-01-02", "1"] for i in range(5))]
    quoted = [[f'"{c}"' if delimiter in c and '"' not in c else c for c in row] for row in cells]
    file = tmp_path / "file.csv"
    file.write_text("\n".join(delimiter.join(row) for row in quoted))
    found = laid_out(file, Shape(), known)
    assert found.settings == ({} if delimiter == "," else {"delimiter": delimiter})
    assert read(file, Shape(delimiter=delimiter)).names == tuple(CONTRACT)


@pytest.mark.parametrize("source", ["customers", "products", "shipping"])
@pytest.mark.parametrize("created", ["created_at", "created_timestamp", "other"])
def test_the_last_change_orders_statements(source: str, created: str) -> None:
    """Sources with one column for times take the time of the last change for it, unless the settings name another."""
    header = [c.name for c in SOURCES[source].columns if c.required] + [created, "Updated At"]
    match = names.matched(SOURCES[source], header, Shape())
    assert match.finding.columns == {"created_timestamp": "Updated At"}
    assert header[match.places["created_timestamp"]] == "Updated At"
    if created != "other":
        own = names.matched(SOURCES[source], header, Shape(columns={"created_timestamp": created}))
        assert header[own.places["created_timestamp"]] == created


# -- lines -----------------------------------------------------------------------------------------------------


def looked_at(header: str, *rows: str) -> tuple[dict[str, object], dict[str, object], str]:
    """settings, columns and questions of orders whose records have such cells."""
    columns = header.split()
    cells = {c: [row.split(",")[i] for row in rows] for i, c in enumerate(columns)}
    own = {c: texts for c, texts in cells.items() if c in {x.name for x in SOURCES["orders"].columns}}
    further = {c: texts for c, texts in cells.items() if c not in own}
    orders = lines.Orders(own, {c: c.title() for c in own}, lines.grouped(lines.order_ids(cells)), further, False)
    found = lines.looked_at(orders)
    return dict(found.settings), dict(found.columns), " ".join(found.asks)


BY = ["Quantity", "Unit_Price"]


def test_one_record_an_order() -> None:
    assert looked_at("order_id product_id order_amount", "1,P1,5", "2,P2,6") == ({}, {}, "")


def test_lines_by_position_or_by_a_header() -> None:
    assert looked_at("order_id product_id order_amount", "1,P1,5", "1,P2,6")[0] == {"line_id": "position"}
    by_header = looked_at("order_id product_id order_amount item", "1,P1,5,1", "1,P2,6,2", "2,P2,6,1")
    assert by_header[0] == {"line_id": "item"}
    assert looked_at("order_id product_id order_amount item", "1,P1,5,1", "1,P2,6,1")[0] == {"line_id": "position"}


def test_a_total_on_each_line_is_never_doubled() -> None:
    """Product of quantity and price where they add up, else a share of the total; without them a question, no lines."""
    header = "order_id product_id quantity unit_price order_amount"
    found = looked_at(header, "1,P1,2,16.00,52.00", "1,P2,1,20.00,52.00", "2,P3,1,25.00,25.00")
    assert found[1] == {"order_amount": {"product": BY}, "order_total": "Order_Amount"}
    found = looked_at(header, "1,P1,2,16.00,58.00", "1,P2,1,20.00,58.00", "2,P3,1,25.00,25.00")
    assert found[1] == {"order_amount": {"share_of": "Order_Amount", "by": BY}, "order_total": "Order_Amount"}
    found = looked_at("order_id product_id order_amount", "1,P1,52.00", "1,P2,52.00", "2,P3,25.00")
    assert found[:2] == ({}, {})
    assert "129.00 in all" in found[2]
    assert "77.00 in all" in found[2]


def test_equal_lines_with_amounts_of_their_own() -> None:
    header = "order_id product_id quantity unit_price order_amount"
    assert looked_at(header, "1,P1,1,5.00,5.00", "1,P2,1,5.00,5.00") == ({"line_id": "position"}, {}, "")


def test_fields_of_the_first_record_alone() -> None:
    header = "order_id product_id order_date order_status quantity unit_price order_amount"
    found = looked_at(
        header, "1,P1,2026-01-01,paid,2,16.00,56.00", "1,P2,,,1,20.00,", "2,P1,2026-01-02,paid,1,16.00,16.00"
    )
    assert found[0] == {"line_id": "position", "fill_down": ["order_date", "order_status"]}
    assert found[1]["order_amount"] == {"share_of": "Order_Amount", "by": BY}


def test_lines_of_one_product_that_a_header_numbers() -> None:
    header = "order_id product_id order_amount item"
    assert looked_at(header, "1,P1,5,T1", "1,P1,6,T2", "2,P1,5,T3") == ({"line_id": "item"}, {}, "")
    assert "5.00 in all" in looked_at(header, "1,P1,5,T1", "1,P1,5,T2")[2]


def test_the_order_id_of_the_first_record_alone() -> None:
    """A record with a product but no id, day or customer is a further line; a total below the table is none."""
    header = "order_id customer_id product_id order_date order_amount"
    rows = ("1,C1,P1,2026-01-01,5", ",,P2,,6", "2,,P1,2026-01-02,7")
    filled = {"line_id": "position", "fill_down": ["order_id", "customer_id", "order_date"]}
    assert looked_at(header, *rows) == (filled, {}, "")
    assert looked_at(header, "1,C1,P1,2026-01-01,5", ",,,,5") == ({}, {}, "")
    assert looked_at(header, "1,C1,P1,2026-01-01,5", ",C2,P2,2026-01-01,5") == ({}, {}, "")


def test_statements_are_no_lines() -> None:
    header = "order_id product_id order_amount updated_timestamp"
    assert looked_at(header, "1,P1,5,2026-01-01", "1,P1,5,2026-01-02") == ({}, {}, "")
    assert 'line_id = "position"' in looked_at("order_id product_id order_amount", "1,P1,5", "1,P1,5")[2]


def test_quantity_and_price_without_an_amount() -> None:
    assert looked_at("order_id product_id quantity unit_price", "1,P1,6,2.55")[1] == {"order_amount": {"product": BY}}


# -- words -----------------------------------------------------------------------------------------------------


def test_words() -> None:
    cells = {
        "customer_id": ["0", "C1", "Guest", "", "N.N.", "-"],
        "order_status": ["paid", "storniert", "completed", "odd"],
        "shipping_address": ["NULL", "N/A", "'01234", "x"],
    }
    found = words.looked_at(cells, Settings().vocabularies.order_status)
    assert found.settings == {
        "null_values": ["N/A", "NULL"],
        "nobody": ["-", "0", "Guest", "N.N."],
        "text_markers": True,
        "values": {"order_status": {"paid": "completed", "storniert": "cancelled"}},
    }


# -- the text --------------------------------------------------------------------------------------------------


def test_the_block_is_one_of_the_settings() -> None:
    """Whatever the names are, the block can be read and the settings accept it."""
    table = {
        "delimiter": ";",
        "only": {'Kind "x"': ["sale"]},
        "values": {"order_status": {"bezahlt ]": "completed"}},
        "columns": {"order_id": 'a "b" \\ é ]', "order_date": "two\nlines", "order_amount": {"product": ["A b", "C"]}},
    }
    said = Proposal("orders", {"severity": {"customer_id_present": "LOW"}, "sources": {"orders": table}}, ("why\nso?",))
    block = tomllib.loads(text.block(said, Path("x\ny.csv")))
    assert block == said.tables
    assert Settings(**block).sources["orders"].only == {'Kind "x"': ("sale",)}
