"""What is proposed from a file: what its content decides, and a question for what it leaves open."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecomm.batches.proposal import _SYNONYMS, Proposal, propose
from ecomm.errors import HeaderError, UsageError
from ecomm.settings import Settings
from ecomm.sources import SOURCES

HEADER = "order_id,customer_id,product_id,order_date,order_amount"


def proposed(content: str, folder: Path, source: str = "orders") -> Proposal:
    path = folder / "file.csv"
    path.write_text(content, encoding="utf-8")
    return propose(path, source)


def days(texts: list[str], folder: Path) -> tuple[object, str]:
    """The date format for orders on such days, and what is asked."""
    rows = "".join(f"A{i},C1,P1,{text},5\n" for i, text in enumerate(texts))
    said = proposed(f"{HEADER}\n{rows}", folder)
    return said.settings.get("date_format"), " ".join(said.questions)


def amounts(texts: list[str], folder: Path) -> tuple[object, str]:
    """The decimal comma for such amounts, and what is asked."""
    rows = "".join(f"A{i};C1;P1;2025-01-02;{text}\n" for i, text in enumerate(texts))
    said = proposed(f"{HEADER.replace(',', ';')}\n{rows}", folder)
    return said.settings.get("decimal_comma"), " ".join(said.questions)


def test_a_file_as_the_contract_says(tmp_path: Path) -> None:
    """Nothing is to be set, and nothing is asked."""
    said = proposed(f"{HEADER}\nA1,C1,P1,2025-01-02,5.50\n", tmp_path)
    assert (said.settings, said.columns, said.questions) == ({}, {}, [])
    assert tomllib.loads(said.toml(tmp_path / "file.csv")) == {}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter(delimiter: str, tmp_path: Path) -> None:
    """The one by which the rows have as many cells as the header, though others stand in the cells."""
    cells = [["order_id", "customer_id", "product_id", "order_date", "order_amount"]]
    cells += [[f"A{i}", "C;1|x", '"P,1\t"', "2025-01-02", "1"] for i in range(5)]
    quoted = [[f'"{c}"' if delimiter in c and '"' not in c else c for c in row] for row in cells]
    said = proposed("\n".join(delimiter.join(row) for row in quoted), tmp_path)
    assert said.settings == ({} if delimiter == "," else {"delimiter": delimiter})
    assert said.questions == []


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
        ("Order date", "order_date"),
    ],
)
def test_names(name: str, column: str, tmp_path: Path) -> None:
    """The same name otherwise written, or a well-known one, is the column; the settings get it as it stands."""
    said = proposed(HEADER.replace(column, name) + "\n", tmp_path)
    assert said.columns == {column: name}
    assert said.questions == []


def test_names_of_customers(tmp_path: Path) -> None:
    """Whatever the file's case and signs are."""
    said = proposed("Client ID,Given name,Surname,Customer E-mail,Postcode,Shoe size\n", tmp_path, "customers")
    assert said.columns == {
        "customer_id": "Client ID",
        "first_name": "Given name",
        "last_name": "Surname",
        "email": "Customer E-mail",
        "zip_code": "Postcode",
    }
    assert said.questions == ["Kept as columns of the shop's own, unless you map them: Shoe size."]


def test_doubts(tmp_path: Path) -> None:
    """Two names for a column, or none for one that must be there: asked, with what could be meant."""
    said = proposed("order_id,customer_id,product_id,order_date,Total,Amount\n", tmp_path)
    assert said.columns == {}
    assert "Is order_amount 'Total' or 'Amount'? Set columns.order_amount." in said.questions
    said = proposed("order_id,customer_id,product_id,order_date,Brutto,Netto\n", tmp_path)
    assert said.columns == {}
    assert any("order_amount" in q and "Brutto, Netto" in q for q in said.questions)


def test_synonyms_are_of_the_contracts() -> None:
    """Each names a column that there is, in the form in which names are compared, and none means two columns."""
    for source, synonyms in _SYNONYMS.items():
        assert set(synonyms) <= {c.name for c in SOURCES[source].columns}
        known = [n for names in synonyms.values() for n in names.split()]
        assert all(n.isalnum() and n == n.lower() for n in known)
        assert len(known) == len(set(known)), source
        own = {n.replace("_", "") for c in SOURCES[source].columns for n in (c.name, *c.aliases)}
        assert not own & set(known), source


@pytest.mark.parametrize(
    ("texts", "comma", "asked"),
    [
        (["12,50", "7"], True, ""),
        (["12,5", "1.234,50"], True, "(1) have separators between thousands"),
        (["1234,567"], True, ""),
        (["0,125"], True, ""),
        (["12.50", "7"], None, ""),
        (["1,234.50"], None, "(1) have separators between thousands"),
        (["1,234", "5.50"], None, "(1) have separators between thousands"),
        (["1,234"], None, "decimal_comma = true"),
        (["1.234"], None, ""),
        (["12,50", "12.50"], None, "use one of them"),
        (["", "many"], None, ""),
    ],
)
def test_decimals(texts: list[str], comma: bool | None, asked: str, tmp_path: Path) -> None:
    """Only a comma that cannot stand between thousands decides."""
    got = amounts(texts, tmp_path)
    assert got[0] is comma
    assert asked in got[1]
    assert bool(asked) == bool(got[1])


@pytest.mark.parametrize(
    ("texts", "date_format", "asked"),
    [
        (["13/01/2025", "02/01/2025"], "dd/MM/yyyy", ""),
        (["01/13/2025", "02/01/2025"], "MM/dd/yyyy", ""),
        (["13.1.2025", "2.11.2025"], "d.M.yyyy", ""),
        (["13.01.2025", "2.01.2025 10:00"], "d.M.yyyy", ""),
        (["1/31/2025"], "M/d/yyyy", ""),
        (["31-01-2025 09:05:00"], "dd-MM-yyyy", ""),
        (["2025/01/02"], "yyyy/MM/dd", ""),
        (["2025/1/02", "2025-01-02"], "yyyy/M/d", ""),
        (["2025-1-2"], "yyyy-M-d", ""),
        (["2025-01-02"], None, ""),
        (["01/02/2025", "12/12/2025"], None, "No day after the 12th decides it"),
        (["13/01/2025", "01/13/2025"], None, "the file must use one way"),
        (["13/01/2025", "13.01.2025"], None, "several ways"),
        (["13/01/25", "Monday"], None, "(2) are not three numbers"),
        (["", ""], None, ""),
    ],
)
def test_dates(texts: list[str], date_format: str | None, asked: str, tmp_path: Path) -> None:
    """Only a day after the 12th says which part of a date is the day."""
    got = days(texts, tmp_path)
    assert got[0] == date_format
    assert asked in got[1]
    assert bool(asked) == bool(got[1])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offsets=st.lists(st.integers(0, 730), min_size=1, max_size=6), written=st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]))
def test_dates_are_never_guessed(offsets: list[int], written: str, tmp_path: Path) -> None:
    """What is proposed is how they were written; nothing is where the other way round would read them all too."""
    true = [date(2024, 1, 1) + timedelta(days=n) for n in offsets]
    got, asked = days([f"{d:{written}}" for d in true], tmp_path)
    decided = any(d.day > 12 for d in true)
    assert got == ({"%d/%m/%Y": "dd/MM/yyyy", "%m/%d/%Y": "MM/dd/yyyy"}[written] if decided else None)
    assert bool(asked) != decided


def test_key(tmp_path: Path) -> None:
    """An order beside two products needs both in the key; the same line twice does not."""
    assert "key" not in proposed(f"{HEADER}\nA1,C1,P1,2025-01-02,5\nA1,C1,P1,2025-01-03,5\n", tmp_path).settings
    said = proposed(f"{HEADER}\nA1,C1,P1,2025-01-02,5\nbroken\nA1,C1,P2,2025-01-02,5\n", tmp_path)
    assert said.settings == {"key": ["order_id", "product_id"]}


def test_the_block_is_one_of_the_settings(tmp_path: Path) -> None:
    """Whatever the names are, the block can be read and the settings accept it."""
    content = 'Order\\ "ID"\t;customer_id;product_id;"Date\né";"Total ]"\nA1;C1;P1;13.1.2025;1,5\n'
    said = proposed(content.replace('Order\\ "ID"\t', "Order-ID"), tmp_path)
    assert said.columns["order_id"] == "Order-ID"
    said.columns = {"order_id": 'a "b" \\ é ]', "order_date": "two\nlines"}
    read = tomllib.loads(said.toml(tmp_path / "x\ny.csv".replace("\n", " ")))
    assert read["sources"]["orders"]["columns"] == said.columns
    assert Settings(sources=read["sources"]).sources["orders"].decimal_comma is True


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """One sentence: which file, or which source."""
    with pytest.raises(UsageError, match=r"nowhere\.csv: there is no such file"):
        propose(tmp_path / "nowhere.csv", "orders")
    with pytest.raises(UsageError, match="there is no source trigger"):
        propose(tmp_path / "nowhere.csv", "trigger")
    with pytest.raises(HeaderError, match="is empty"):
        proposed("", tmp_path)
