"""How a file's header meets a source's contract: by name, in any case and order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecomm import canonical
from ecomm.column_names import column_name
from ecomm.contract import Header
from ecomm.delivery import Delivery
from ecomm.errors import HeaderError
from ecomm.headers import match_header
from ecomm.money import MONEY
from ecomm.sources import SOURCES
from ecomm.tables import reserved
from tests.oracle import sources as oracle
from tests.shop import Shop, differences, published

SHAPES = {
    "inventory": (
        "inventory_id product_id warehouse_id warehouse_name location stock_quantity reserved_quantity "
        "available_quantity reorder_level last_restocked last_audit created_timestamp"
    ),
    "shipping": (
        "shipping_id order_id tracking_number carrier service_type origin_warehouse destination_address shipping_cost "
        "currency estimated_delivery actual_delivery shipping_status package_weight package_dimensions insurance_value "
        "created_timestamp"
    ),
}
"""The other header shapes that occur."""
LEAST = ["customer_id"]


def match(source: str, names: Sequence[str], file: str = "in/x.csv") -> Header:
    return match_header(SOURCES[source], SOURCES[source].delivery, names, file, reserved(source))


def extras(*names: str) -> dict[str, int]:
    """The extra columns of a customers file whose header has these names besides the id: name -> place among them."""
    header = match("customers", [*LEAST, *names])
    assert len(set(header.extras.values())) == len(header.extras), "two names for one column"
    return {name: at - 1 for name, at in header.extras.items()}


@pytest.mark.parametrize("source", SOURCES)
def test_contracts_are_the_documents(source: str) -> None:
    """Columns, types, marks and aliases of each contract."""
    said = oracle.SOURCES[source]
    types = {
        "word": "string",
        "currency": "string",
        "order_status": "string",
        "money": MONEY,
        "int": "bigint",
    }
    types |= {"measure": "decimal(18,4)", "bool": "boolean", "order_date": "date"}
    ours = [(c.name, c.type, c.required, c.key, not c.tracked, c.personal) for c in SOURCES[source].stored]
    assert ours == [
        (c.name, types.get(c.type, c.type), c.required, c.key, c.untracked, c.personal) for c in said.columns
    ]
    assert {a: c.name for c in SOURCES[source].columns for a in c.aliases} == dict(said.aliases)


@pytest.mark.parametrize("source", SOURCES)
def test_any_case_and_order(source: str) -> None:
    """Names are found wherever and however they are written."""
    names = [c.name for c in SOURCES[source].columns]
    plain = match(source, names)
    assert (plain.positions, plain.extras, plain.absent) == ({n: i for i, n in enumerate(names)}, {}, ())
    turned = match(source, [f" {n.upper()}\t" for n in reversed(names)])
    assert turned.positions == {n: len(names) - 1 - i for n, i in plain.positions.items()}
    assert (turned.extras, turned.absent) == ({}, ())


@pytest.mark.parametrize("source", SHAPES)
def test_other_shapes(source: str) -> None:
    """The other spellings are contract columns, none is an extra one."""
    names = SHAPES[source].split()
    header = match(source, names)
    assert header.extras == {}
    aliases = {"warehouse_name": "warehouse_location", "last_audit": "last_updated", "service_type": "shipping_method"}
    aliases |= {"package_dimensions": "dimensions_cm"}
    assert header.positions == {aliases.get(n, n): i for i, n in enumerate(names)}
    assert set(header.absent) == {c.name for c in SOURCES[source].columns} - set(header.positions)


def test_alias_beside_its_column() -> None:
    """The contract's own name counts; the alias is one more column of the shop's."""
    for names in (["warehouse_name", "warehouse_location"], ["warehouse_location", "warehouse_name"]):
        header = match("inventory", ["product_id", "stock_quantity", *names])
        assert header.positions["warehouse_location"] == 2 + names.index("warehouse_location")
        assert header.extras == {"warehouse_name": 2 + names.index("warehouse_name")}


@pytest.mark.parametrize("source", SOURCES)
def test_missing_required_column(source: str) -> None:
    """The sentence names the file, every column that is missing, and what the header has."""
    names = [c.name for c in SOURCES[source].columns]
    required = [c.name for c in SOURCES[source].columns if c.required]
    for gone in required:
        with pytest.raises(HeaderError) as caught:
            match(source, [n for n in names if n != gone], "in/day.csv")
        said = str(caught.value)
        assert said.startswith("in/day.csv: ")
        assert gone in said
        assert source in said
        assert "\n" not in said
    with pytest.raises(HeaderError) as caught:
        match(source, ["first", "second"])
    assert all(n in str(caught.value) for n in [*required, "of its 2 columns 0 have a known name"])
    assert "first" not in str(caught.value), "it may be a record"
    assert caught.value.exit_code == 1
    if source == "orders":
        with pytest.raises(HeaderError, match=r"it has: .*, total"):
            match(source, ["total" if n == "order_amount" else n for n in names])


def test_absent_columns_are_in_the_contracts_order() -> None:
    assert match("products", ["price", "product_id", "brand"]).absent == tuple(
        c.name for c in SOURCES["products"].columns if c.name not in ("price", "product_id", "brand")
    )


@pytest.mark.parametrize("twice", [["city", "CITY"], ["city", " city "], ["customer_id", "Customer_ID"]])
def test_duplicate_column(twice: list[str]) -> None:
    """Which of the two is meant cannot be told."""
    with pytest.raises(HeaderError, match=rf"in/x\.csv.*{twice[0]}.*2 times"):
        match("customers", [*LEAST, *twice] if twice[0] != "customer_id" else twice)


def test_the_column_that_deletes() -> None:
    """It is found by its name in any case, be it a contract column or an extra one; it may be absent, but not twice."""

    def found(flag: str, *names: str) -> int | None:
        source = SOURCES["customers"].of_shop(Delivery(delete_column=flag), {})
        return match_header(source, source.delivery, names, "in/x.csv", reserved("customers")).deletes

    assert found(" is Gone", *LEAST, "city", "IS GONE ") == 2
    assert found("customer_tier", "Customer_Tier", *LEAST) == 0
    assert found("gone", *LEAST) is None
    assert match("customers", [*LEAST, "gone"]).deletes is None
    with pytest.raises(HeaderError, match=r"in/x\.csv: the column gone stands 2 times"):
        found("gone", *LEAST, "gone", "Gone")


def test_duplicate_alias() -> None:
    with pytest.raises(HeaderError, match="warehouse_name"):
        match("inventory", ["product_id", "stock_quantity", "warehouse_name", "Warehouse_Name"])


def test_blanks_around_a_name() -> None:
    """Every kind of blank that a cell may have around it, a name may have too."""
    for blank in (" ", "\t", "\u00a0", "\u200b", "\ufeff", "\u3000"):
        header = match("customers", [f"{blank}customer_id{blank}", f"{blank}city"])
        assert header.positions == {"customer_id": 0, "city": 1}, ascii(blank)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("loyalty_points", "loyalty_points"),
        ("Loyalty Points", "loyalty_points"),
        ("  loyalty-points ", "loyalty_points"),
        ("Price (EUR)", "price__x28eur_x29"),
        ("Größe", "größe"),
        ("価格", "価格"),
        ("Цвет", "цвет"),
        ("a`b;drop table x", "a_x60b_x3bdrop_table_x"),
        ("cost_x28", "cost_x5fx28"),
        ("Preis €", "preis__u20ac"),
        ("\U0001f600", "extra__w01f600"),
        ("__x__", "extra___x__"),
        ("2nd_phone", "extra_2nd_phone"),
        ("extra_note", "extra_extra_note"),
        ("Unnamed", "extra_unnamed"),
        ("", "unnamed"),
        ("\u200b", "unnamed"),
        ("x1", "x1"),
    ],
)
def test_extra_names(name: str, column: str) -> None:
    """An unknown column is kept under its own name, in any script, as far as every table can bear it."""
    assert extras(name) == {column: 0}
    assert extras("a", "b", name) == {"a": 0, "b": 1, column: 2}, "wherever it stands"


RESERVED_ONES = ["batch_id", "revision", "row_hash", "is_current", "effective_date", "key", "op", "change", "age"]


@pytest.mark.parametrize("name", [*RESERVED_ONES, "quality_flags", "source_line", "Row Hash"])
def test_reserved_names(name: str) -> None:
    """A column of the tables is never overwritten by one of a file."""
    assert extras(name) == {f"extra_{name.lower().replace(' ', '_')}": 0}


def test_an_extra_may_be_called_like_a_column_of_another_source() -> None:
    """Only the source's own tables count: a shop's `color` of a customer is `color`."""
    assert extras("color", "order_id", "carrier") == {"color": 0, "order_id": 1, "carrier": 2}


@pytest.mark.parametrize(
    "names",
    [
        ["x", "x"],
        ["x", "X", " x "],
        ["x", "x_4", "x"],
        ["x_x02", "x", "x"],
        ["x", "x!", "x?", "x_3", "x_4"],
        ["key", "extra_key"],
        ["key", "key", "extra_key"],
        ["extra_key", "key"],
        ["", "", "unnamed", "unnamed_x02"],
        ["価", "格"],
        ["größe", "gräße"],
    ],
    ids=ascii,
)
def test_no_column_is_lost_under_the_name_of_another(names: list[str]) -> None:
    """Each column of the header has a name of its own, in the tables and in the record as it stands."""
    assert sorted(extras(*names).values()) == list(range(len(names)))
    header = match("customers", [*LEAST, *names])
    assert len(header.names) == len(set(header.names)) == len(names) + 1


ODD_NAMES = ["x", "X!", "x_x02", "x_x21", "key", "extra_key", "", "unnamed", "日", "_x", "é", "e\u0301"]
LETTERS = st.characters(exclude_characters="\r\x85\u2028\u2029\x0b\x0c@", exclude_categories=("Cs", "Nd"))
NAME = st.sampled_from(ODD_NAMES) | st.text(LETTERS, max_size=6)


@given(st.lists(NAME, max_size=8))
def test_any_extra_names(names: list[str]) -> None:
    """Whatever a header says besides the contract: every column is kept, under a name of its own."""
    taken = {c.name for c in SOURCES["customers"].columns}
    names = [n for n in names if n.strip().lower() not in taken]
    found = extras(*names)
    assert sorted(found.values()) == list(range(len(names)))
    for name in found:
        assert not set(" ,;{}()\n\t=.`\"'") & set(name)
        assert name == name.lower()
        assert name[0].isalpha()
        assert name not in reserved("customers")
    assert len(set(match("customers", [*LEAST, *names]).names)) == len(names) + 1


def said(name: str) -> str:
    """What of a header's name counts: not its case, blanks around it, how its letters are composed, nor `-` for `_`."""
    plain = unicodedata.normalize("NFC", name.strip(canonical.BLANKS).lower())
    return "".join("_" if c == "-" or unicodedata.category(c) == "Zs" else c for c in plain)


def read_back(column: str) -> str:
    """The header's name that a column's name tells."""
    if column == "unnamed":
        return ""
    written = r"_(?:x([0-9a-f]{2})|u([0-9a-f]{4})|w([0-9a-f]{6}))"
    return re.sub(written, lambda m: chr(int(next(filter(None, m.groups())), 16)), column.removeprefix("extra_"))


@given(NAME)
def test_a_column_tells_its_header(name: str) -> None:
    """The rule can be turned round, so that two names are one column only if they say the same."""
    assert read_back(column_name(name, {"key"})) == said(name)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["customer_id", "city\rC1", "Bern\rC2", "Rome"], "CR"),
        (["customer_id", "city\x85C5", "Oslo\x85"], "NEL"),
        (["customer_id", "city\u2028C5", "Oslo"], "U+2028"),
        (["customer_id", "city", "emailC3", "Oslo", "cia@ex.com"], "column 5 "),
        (["customer_id", "cityC3", "Oslo"], "column 2 "),
        (["customer_id", "city", "2025-01-15"], "column 3 "),
        (["customer_id", "city", "+41 44 668 18 00"], "column 3 "),
        (["customer_id", "12.50"], "column 2 "),
        (["customer_id", "city\nC1,Oslo\nC2,Rome"], "column 2 "),
        (["customer_id", "x" * 129], "column 2 "),
    ],
    ids=ascii,
)
def test_records_in_a_header(names: list[str], told: str) -> None:
    """They are not lost: the file is refused, and the message names no value."""
    with pytest.raises(HeaderError, match=re.escape(told)) as error:
        match("customers", names)
    for value in ("Oslo", "cia", "Bern", "2025", "668", "12.5", "xxx"):
        assert value not in str(error.value)


def test_a_record_in_place_of_a_header() -> None:
    with pytest.raises(HeaderError, match="of its 4 columns 0 have a known name") as error:
        match("customers", ["C1", "Ann Lee", "ann@ex.com", "1990-01-31"])
    assert "Ann" not in str(error.value)
    assert error.value.names[1] == "Ann Lee", "for who looks at the file by hand"


def test_too_many_extras() -> None:
    """Two hundred unknown columns are kept; more are a sign of the wrong file."""
    assert len(extras(*[f"n{i}" for i in range(200)])) == 200
    with pytest.raises(HeaderError, match=r"in/x\.csv: 201 unknown columns"):
        extras(*[f"n{i}" for i in range(201)])


# -- extra columns through a whole batch ---------------------------------------------------------------

INNER = (
    "side place header opens closes copy rivals next_as_of opened_by malformed reasons verdict life change count "
    "winning_time at_the_top all_hash published_hash entering leaving closed end since key op raw severity order group "
    "rate amount is_revenue"
).split()
"""What the transforms call columns on the way, and words that SQL knows."""


@pytest.mark.long
@pytest.mark.parity
def test_an_extra_column_may_have_any_name(shop: Shop) -> None:
    """Rows, duplicates and versions are the same whatever the extra columns are called."""

    def tables(shop: Shop, names: list[str]) -> dict[str, list[dict[str, object]]]:
        header = ["order_id", "customer_id", "product_id", "order_date", "order_amount", "created_timestamp", *names]

        def row(order: str, amount: int, *last: str) -> str:
            values = [f"{last[0]}{i}" for i in range(len(names))]
            return ",".join([order, "C", "P", "2025-01-01", str(amount), "2025-01-01", *values]) + "\n"

        first = ",".join(header) + "\n" + row("O1", 5, "x") + row("O1", 5, "y") + row("O2", 5, "z") + row("O2", 5, "z")
        second = ",".join(header) + "\n" + row("O1", 6, "w")
        shop.drop("b1", "2025-01-15T06:00:00Z", {"orders": {"1.csv": first}})
        shop.drop("b2", "2025-01-16T06:00:00Z", {"orders": {"2.csv": second}})
        assert [(o.status, o.reason) for o in shop.run()] == [("published", None)] * 2
        extra = match("orders", header).extras
        plain = {name: f"n{at - 6}" for name, at in extra.items()}
        return {
            name: [
                {
                    (plain.get(k, k) if name.startswith("orders_") else k): x
                    for k, x in row.items()
                    if k not in ("raw", "file_sha256", "extra_columns")
                }
                for row in rows
            ]
            for name, rows in published(shop).items()
        }

    odd = tables(shop, INNER)
    (shop.root / "plain").mkdir()
    usual = tables(Shop(shop.root / "plain"), [f"n{i}" for i in range(len(INNER))])
    files = [f for e in shop.warehouse.log for f in e.files]
    assert [(f.rows_accepted, f.rows_duplicate, f.rows_superseded) for f in files] == [(2, 1, 1), (1, 0, 0)]
    assert differences(odd, usual) == []
