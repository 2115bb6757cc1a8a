"""The rules: each finds what its line in the catalogue says, alone, and lets odd rows pass.

All rows go through one batch; each test then looks up what became of its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from ecomm import canonical, contract, rulebook, session
from ecomm.engines import Engine
from ecomm.errors import UsageError
from ecomm.sources import SOURCES
from tests.oracle import Batch, Settings, run
from tests.oracle import settings as oracle
from tests.shop import Row, Shop, differences, expected, ordered, published

pytestmark = pytest.mark.every_engine

AS_OF = datetime(2025, 1, 15, 22, tzinfo=UTC)
BASE: dict[str, dict[str, str]] = {
    "orders": {
        "order_id": "{n}", "customer_id": "C1", "product_id": "P1", "order_date": "2025-01-14", "order_amount": "9.90",
        "currency": "USD", "payment_method": "paypal", "shipping_address": "Main St 1", "order_status": "pending",
        "created_timestamp": "2025-01-14T10:00:00Z", "line_id": "", "refund_id": "", "quantity": "2",
        "unit_price": "4.95", "discount": "0", "tax": "1.90", "order_total": "9.90",
        "updated_timestamp": "2025-01-14T11:00:00Z",
    },
    "customers": {
        "customer_id": "{n}", "first_name": "Ann", "last_name": "Lee", "email": "a@b.co", "phone": "555-0101",
        "date_of_birth": "1990-01-01", "registration_date": "2024-01-01", "address": "Main St 1", "city": "Bonn",
        "state": "NW", "zip_code": "53111", "country": "DE", "customer_tier": "gold", "last_login": "2025-01-14",
        "created_timestamp": "2025-01-14",
    },
    "products": {
        "product_id": "{n}", "product_name": "Lamp", "category": "Home", "price": "12.50", "currency": "USD",
        "stock_quantity": "5", "weight_kg": "1.5", "dimensions_cm": "1x2x3", "launch_date": "2024-01-01",
        "discontinued": "false", "created_timestamp": "2025-01-14",
    },
    "inventory": {
        "product_id": "{n}", "warehouse_location": "Berlin", "location": "A-1", "stock_quantity": "5",
        "stock_status": "discontinued", "last_updated": "2025-01-14", "created_timestamp": "2025-01-14",
        "reserved_quantity": "1", "available_quantity": "", "reorder_level": "2", "last_restocked": "2025-01-10",
    },
    "shipping": {
        "order_id": "{n}", "tracking_number": "T1", "shipping_method": "ground", "shipping_cost": "4.90",
        "currency": "USD", "package_weight": "1", "dimensions_cm": "1x2x3", "estimated_delivery": "2025-01-20",
        "actual_delivery": "", "created_timestamp": "2025-01-14", "carrier": "dhl",
        "destination_address": "Main St 1", "shipping_status": "pending", "insurance_value": "100",
    },
}  # fmt: skip
"""A good row of each source; `{n}` is the case's own number."""
CATEGORIES = ("home", "toys_&_games")
RATES = {"EUR": "2020-01-01", "JPY": "2020-01-01", "CHF": "2020-01-01", "XAU": "2020-01-01", "GBP": "2025-01-10"}
RATES["SEK"] = "2025-01-16"


@dataclass(frozen=True)
class Case:
    """A row that differs from the good one in some cells, or a line as it stands.

    rule: the one that it is about. breaks: that rule and `also`, which cannot hold where that one does not; or none.
    """

    source: str
    rule: str
    breaks: bool
    cells: Mapping[str, str] = field(default_factory=dict)
    also: Collection[str] = ()
    line: str | None = None
    file: str = "1"

    def __str__(self) -> str:
        said = self.line if self.line is not None else ",".join(f"{k}={x!r}" for k, x in self.cells.items())
        return f"{self.source}:{self.rule}:{said[:60]}"

    @property
    def said(self) -> set[str]:
        """What must be said of the row."""
        return {self.rule, *self.also} if self.breaks else set()


Cells = str | Mapping[str, str]


def about(
    source: str, rule: str, column: str, bad: Iterable[Cells], good: Iterable[Cells], also: Collection[str] = ()
) -> list[Case]:
    """What a rule says of a cell, or of some cells of a row."""

    def cells(said: Cells) -> Mapping[str, str]:
        return {column: said} if isinstance(said, str) else said

    broken = [Case(source, rule, True, cells(x), also) for x in bad]
    return broken + [Case(source, rule, False, cells(x)) for x in good]


def column(source: str, name: str, rule: str, bad: Iterable[Cells], good: Iterable[Cells]) -> list[Case]:
    """What a rule on one column says of its cell."""
    return about(source, f"{name}_{rule}", name, bad, good)


KEYS = {"orders": "order_id", "customers": "customer_id", "products": "product_id", "inventory": "product_id"}
KEYS["shipping"] = "order_id"
MISSING = ["", " ", "\t\u00a0", "\u200b\ufeff"]
BLANK_OR_CONTROL = ["A B{n}", "A\u00a0{n}", "A\u2003{n}", "A\u200b{n}", "A\ufeff{n}"]
CONTROL = ["A\tB{n}", "A\nB{n}", "A\x00{n}", "A\x7f{n}", "A\x85{n}", "A\x9f{n}"]
IDS = [
    "007{n}",
    "#{n}",
    " {n}\t",
    "日本-{n}",
    "a/b'{n}",
    "é_{n}.x",
    "{n}:~",
    "-{n}",
    "{n}" + "x" * 59,
    "{n}" + "日" * 59,
]
FIVE = "\u0665"  # an Arabic digit
NO_MONEY = ["12.999", "1e3", "1,234.50", "$5", "free", "NaN", ".5", "5.", "1 000", "29.02.2025", "10:30:00"]
NO_MONEY += ["10000000000000000", FIVE, "0x10", "--5"]
MONEY = ["+15", "12.500", " 7.5 ", "0010.00"]
NO_MEASURE = ["1.23456", "1e3", "1,5", "heavy", ".5", "NaN", "100000000000000"]
NO_COUNT = ["5.5", "1e3", "many", "9" * 19, "1,000", "0x10", FIVE]
NO_DAY = ["2025", "2025-02-30", "2023-02-29", "29.02.2025", "01/14/2025", "2025-1-4", "20250114", "yesterday"]
NO_DAY += ["10:30:00", "1e3", "1699-12-31", "2201-01-01", "2024-06-30T10"]
NO_INSTANT = [*NO_DAY, "2025-01-14 10:30", "2025-01-14T24:00:00Z", "2025-01-14T10:00:00+14:00", "1736850000"]
NO_INSTANT += ["2025-01-14T10:00:00.1234567Z", "2025-01-14T10:60:00"]


def identifier(source: str, name: str) -> list[Case]:
    """An id: there, short, without blanks and control characters inside; any script, `-`, `#`, leading zeros pass."""
    shape = column(source, name, "well_formed", [*BLANK_OR_CONTROL, *CONTROL, "{n}" + "x" * 61], IDS)
    return shape + column(source, name, "present", MISSING, ["-{n}", "#{n}", " {n}"])


RUINED = ["1.23457E+11", "1E+11", "1,23457E+11", "1.2e+05", "17850.0", "0.0", " 17850.0 ", "#N/A", "#REF!", "#VALUE!"]
RUINED += ["#NAME?", "#DIV/0!", "#NUM!", "#NULL!"]
WHOLE = [
    "1E5{n}",
    "1E5",
    "17850",
    "17850.00",
    "1.0.0",
    "v2.0",
    "#1001",
    "12.5E+3",
    "1E+1",
    "E+11",
    "0017",
    "1-E+11",
]


def intact(source: str, *names: str) -> list[Case]:
    """An id is not one that a spreadsheet has ruined; what only looks a little like it passes."""
    keys = {KEYS[source]}
    cases: list[Case] = []
    for name in names:
        many = {"{n}" + x for x in WHOLE} if name in keys else set(WHOLE)
        alone = [x for x in RUINED if x != "#N/A"]
        cases += column(source, name, "intact", alone, sorted(many))
        nobody = (source, name) == ("orders", "customer_id")
        also = "customer_id_names_somebody" if nobody else "null_word_as_text"
        cases += about(source, f"{name}_intact", name, ["#N/A"], [], also=[also])
    return cases


def place(name: str) -> list[Case]:
    """A part of the key that is a place: blanks pass, control characters do not."""
    good = ["New York {n}", "Berlin\u00a0{n}", "Köln-Süd {n}", "a" * 64]
    return column("inventory", name, "well_formed", [*CONTROL, "x" * 65], good)


def instants(source: str, name: str) -> list[Case]:
    """A column of instants, of which a day alone is one."""
    return column(
        source,
        name,
        "readable",
        NO_INSTANT,
        ["2025-01-14", " 2025-01-14 10:00:00.123456 ", "2025-01-14T10:00:00+05:30", "2025-01-15T00:00:00-13:59"],
    )


def days(source: str, name: str, *good: str) -> list[Case]:
    """A column of days; a midnight behind one is no more than the day."""
    bad = [*NO_DAY, "2025-01-14T10:00:00Z", "2025-01-14 00:00", "2025-01-14T00:00:00+00:00"]
    return column(source, name, "readable", bad, [*good, "1993-06-30T00:00:00Z", " 1992-02-29 ", ""])


def counts(source: str, name: str) -> list[Case]:
    """A column of whole numbers."""
    return column(source, name, "readable", NO_COUNT, ["5.0", " +5 ", "007"])


def created(source: str) -> list[Case]:
    """created_timestamp, in every source."""
    bad = ["", "1999-12-31T23:59:59.999999Z", "2025-01-18", "2199-01-01"]
    good = ["2000-01-01", "2025-01-17T23:59:59.999999Z", "2025-01-18T00:30:00+01:00"]
    return instants(source, "created_timestamp") + column(source, "created_timestamp", "plausible", bad, good)


def currency(source: str) -> list[Case]:
    """What is no currency has no rate either."""
    return [
        *about(
            source,
            "currency_known",
            "currency",
            ["XXQ", "EURO", "€", "US D", "12", "usdx", "E,E", "EUR,FJD"],
            ["eur", " Usd ", "JPY", "CHF", "XAU"],
            also=("currency_has_rate",),
        ),
        *about(source, "currency_assumed", "currency", MISSING, ["usd", " USD ", "eur"]),
    ]


def misleading(source: str, text: str, like_id: str) -> list[Case]:
    """Words for an empty cell in a text column, and a spreadsheet's mark before an id."""
    words = ["NULL", "n/a", " #N/A ", "nan", "None", "(null)", "\\N", "undefined", "nil"]
    good = ["Nullarbor", "N/A Street", "Nancy", "no one", "NULL NULL"]
    marked = ["'7{n}", '="7{n}"', '=("7{n}")', "''{n}"]
    unmarked = ["7'{n}", "'=7{n}", "'-{n}", "=7{n}", '"7{n}"']
    return about(source, "null_word_as_text", text, words, good) + about(
        source, "text_marker_as_text", like_id, marked, unmarked
    )


def dimensions(source: str) -> list[Case]:
    bad = ["big", "1x2", "1x2x3x4", "-1x2x3", "1x2x3 mm", "1.x2x3", "1,5x2x3", "x", "1e3x2x3"]
    return about(source, "dimensions_format", "dimensions_cm", bad, ["1 x 2 X 3 CM", "1.5×2×3", "1*2*3cm", "0x0x0", ""])


def malformed(source: str) -> list[Case]:
    width = len(BASE[source])
    lines = [
        "," * (width - 2) + "x", "," * width, '"x"y' + "," * (width - 1), '"never closed' + "," * (width - 1),
        "{n}" + "," * (width - 1) + ",",
    ]  # fmt: skip
    odd = [{}, dict.fromkeys(["created_timestamp"], "2025-01-13"), {"created_timestamp": "2025-01-12T01:02:03Z"}]
    good = about(source, "line_malformed", "", [], odd)
    return [Case(source, "line_malformed", True, line=line) for line in lines] + good


def astray(source: str) -> list[Case]:
    """The header once more; a line of totals, or a thing that is called so."""
    key, names, width = KEYS[source], list(BASE[source]), len(BASE[source])
    header = ",".join(names)
    quoted = ",".join(f'"{name}"' for name in names)
    repeated = [header, header.upper().replace(",", " ,"), f"\ufeff{quoted}"]
    # A cell that is its column's name: of a column in which any text may stand.
    column = {"orders": "shipping_address", "customers": "city", "products": "product_name", "inventory": "location"}
    name = column.get(source, "destination_address")
    cases = [Case(source, "header_repeated", True, line=line) for line in repeated]
    cases += about(source, "header_repeated", name, [], [name, name.upper(), f" {name} "])
    kept = [i for i in range(width) if i in (1, 2, 3, 4, 5, names.index("created_timestamp"))][: width // 2 - 1]
    kept = [*kept[:-1], names.index("created_timestamp")]
    for word in ("Total", "TOTAL:", " gesamtsumme ", "合計"):
        cells = [x if i in kept else "" for i, x in enumerate(BASE[source].values())]
        cells[0] = word
        cases.append(Case(source, "row_is_no_total", True, line=",".join(cells), also=THIN[source]))
    cases += about(source, "row_is_no_total", key, [], ["Total-{n}", "Totals{n}", "{n}Sum"])
    return cases + about(source, "id_names_no_total", key, ["totals", "Summe:", "Итого"], ["Sums{n}", "T{n}", "Totall"])


THIN = {
    "orders": ["shipping_address_present"],
    "customers": ["address_complete"],
    "products": ["currency_assumed"],
    "inventory": [],
    "shipping": ["destination_address_present"],
}
"""What else is said of a line of totals, by source."""


def ids(source: str) -> list[Case]:
    """Ids that are compared otherwise than they are written; composed ones, and joiners that show, pass."""
    odd = [
        "e\u0301{n}",
        "\u200f{n}",
        "{n}\u2060",
        "{n}\u00ad",
        "\u202a{n}\u202c",
        "{n}\u200d",
        "\u1112\u1161\u11ab{n}",
        "\u212b{n}",
    ]
    return about(source, "ids_plainly_written", KEYS[source], odd, ["é{n}", "日本{n}", "{n}ب\u200cب", "{n}ก็"])


def part_of_a_line(name: str) -> list[Case]:
    """A part of the key that may be empty: blanks pass in a line_id, which may be a product's name."""
    longest, blanks = (255, True) if name == "line_id" else (64, False)
    good = ["", "a" * longest, "日本", *(["Mug, large", "a | b"] if blanks else [])]
    bad = [*CONTROL, "x" * (longest + 1), *([] if blanks else BLANK_OR_CONTROL)]
    return column("orders", name, "well_formed", bad, good)


ORDERS = [
    *malformed("orders"),
    *astray("orders"),
    *ids("orders"),
    *identifier("orders", "order_id"),
    *created("orders"),
    *misleading("orders", "shipping_address", "product_id"),
    *currency("orders"),
    *about(
        "orders",
        "customer_id_names_somebody",
        "customer_id",
        ["0", "-1", "Guest", "NULL", "n/a", "unknown", " anonymous ", "None"],
        ["00", "guest1", "Null-1", "C0", "-10"],
    ),
    *about(
        "orders",
        "currency_has_rate",
        "currency",
        ["NOK", {"currency": "GBP", "order_date": "2025-01-09"}, {"currency": "sek"}],
        ["gbp", {"currency": "GBP", "order_date": "2025-01-10"}, {"order_date": "2000-01-01"}, {"currency": "EUR"}],
    ),
    *about(
        "orders",
        "order_date_readable",
        "order_date",
        [{"order_date": "never", "currency": "EUR"}],
        [],
        also=("currency_has_rate",),
    ),
    *column("orders", "customer_id", "present", MISSING, ["a b", "x" * 200, "C\u0000"]),
    *column("orders", "product_id", "present", MISSING, ["a b", "x" * 200, "-"]),
    *column("orders", "order_date", "present", MISSING, ["2024-02-29", "2025-01-16", " 2025-01-01 "]),
    *column(
        "orders",
        "order_date",
        "readable",
        [*NO_DAY, "2025-01-14 10:30", "2025-01-14T10:00:00+14:00"],
        ["2025-01-14T23:59:59.999999", "2025-01-14 00:00:00Z", "2025-01-14T10:00:00+05:30", " 2024-02-29 "],
    ),
    *column(
        "orders",
        "order_date",
        "plausible",
        ["1999-12-31", "2025-01-17", "2025-01-17T00:00:00Z", "2199-01-01", "2000-01-01T00:00:00+00:01"],
        ["2000-01-01", "2025-01-16", "2025-01-17T00:00:00+00:01", "2025-01-16T23:59:59Z"],
    ),
    *column("orders", "order_amount", "present", MISSING, ["0.01", "+15", " 7.5 "]),
    *column("orders", "order_amount", "readable", NO_MONEY, MONEY),
    *column("orders", "order_amount", "not_negative", ["-0.01", "-5", "-999999999999999.99"], ["0.01", "+1", "1.0"]),
    *column("orders", "order_amount", "zero", ["0", "0.00", "-0.00", "-0", "+0"], ["0.01", "00.10", "1"]),
    *column(
        "orders",
        "order_amount",
        "within_bounds",
        ["100000.01", "999999999999999.99"],
        ["100000", "100000.00", "+99999.99"],
    ),
    *column(
        "orders",
        "payment_method",
        "known",
        ["gold bars", "credit", "paypal2", "pay pal", "paypal klarna", "%"],
        ["Credit Card", "APPLE-PAY", "cash \u00a0on delivery", ""],
    ),
    *column("orders", "order_status", "known", ["gone", "ship", "pending,"], ["On Hold", "canceled", "CANCELLED", ""]),
    *column("orders", "shipping_address", "present", MISSING, ["?", 'Str. 5, "Hof"\n3. OG', "日本"]),
    *intact("orders", "order_id", "line_id", "refund_id", "customer_id", "product_id"),
    *part_of_a_line("line_id"),
    *part_of_a_line("refund_id"),
    *column("orders", "quantity", "readable", NO_MEASURE, ["2.5", " +1 ", "0.0001"]),
    *(
        case
        for name in ("unit_price", "discount", "tax", "order_total")
        for case in column("orders", name, "readable", NO_MONEY, MONEY)
    ),
    *instants("orders", "updated_timestamp"),
    *column(
        "orders",
        "updated_timestamp",
        "plausible",
        ["1999-12-31T23:59:59.999999Z", "2025-01-18", "2199-01-01"],
        ["", "2000-01-01", "2025-01-17T23:59:59.999999Z"],
    ),
    # Two products of one order without a line_id in one batch; the same product twice, or a line_id, is none.
    Case("orders", "order_has_one_product", True, {"order_id": "two", "product_id": "P1"}),
    Case("orders", "order_has_one_product", True, {"order_id": " two", "product_id": "P2"}),
    Case("orders", "order_has_one_product", True, {"order_id": "two ", "product_id": "P3"}, file="2"),
    Case("orders", "order_has_one_product", False, {"order_id": "Two", "product_id": "P3"}),
    Case("orders", "order_has_one_product", False, {"order_id": "2", "product_id": "P1"}),
    Case("orders", "order_has_one_product", False, {"order_id": "two", "product_id": "P4", "line_id": "1"}),
    Case("orders", "order_has_one_product", False, {"order_id": "two", "product_id": "P5", "line_id": "2"}),
    # The line is the product, and the product is there twice; not in two files, at another time, or by a number.
    Case("orders", "order_lines_distinct", True, {"order_id": "L", "product_id": "P1", "line_id": "P1"}),
    Case("orders", "order_lines_distinct", True, {"order_id": "L", "product_id": "P1", "line_id": "P1"}),
    Case("orders", "order_lines_distinct", True, {"order_id": "L", "product_id": "P2", "line_id": "P2|XL"}),
    Case("orders", "order_lines_distinct", True, {"order_id": "L", "product_id": "P2", "line_id": "P2|XL", "tax": "0"}),
    Case("orders", "order_lines_distinct", False, {"order_id": "L", "product_id": "P2", "line_id": "P2"}),
    Case("orders", "order_lines_distinct", False, {"order_id": "L", "product_id": "1", "line_id": "11"}),
    Case("orders", "order_lines_distinct", False, {"order_id": "L", "product_id": "1", "line_id": "1"}, file="3"),
    Case("orders", "order_lines_distinct", False, {"order_id": "L2", "product_id": "1", "line_id": "11"}),
]
CUSTOMERS = [
    *malformed("customers"),
    *astray("customers"),
    *ids("customers"),
    *identifier("customers", "customer_id"),
    *intact("customers", "customer_id"),
    *created("customers"),
    *misleading("customers", "city", "zip_code"),
    *days("customers", "date_of_birth"),
    *days("customers", "registration_date"),
    *instants("customers", "last_login"),
    *about(
        "customers",
        "name_present",
        "first_name",
        [{"first_name": "", "last_name": ""}, {"first_name": " ", "last_name": "\u00a0"}],
        [{"first_name": "O", "last_name": ""}, {"first_name": "", "last_name": "李"}, "O'Brien"],
    ),
    *column("customers", "email", "present", MISSING, ["a@b.co", "a+b@ü.de", "A@B.CO"]),
    *column(
        "customers",
        "email",
        "format",
        [
            "not an e-mail",
            "a@b",
            "a@@b.co",
            "@b.co",
            "a@.co",
            "a@b.",
            "a@b..co",
            "a..b@c.de",
            ".a@c.de",
            "a.@c.de",
            "a b@c.de",
            "a@b .co",
            "a\u00a0b@c.de",
            "a\u2003b@c.de",
            "a@b@c.de",
            "@",
            "a",
            "x" * 250 + "@b.co",
        ],
        ["a+b@ü.de", "o'brien@mail.example.co.uk", "用户@例え.テスト", "x" * 249 + "@b.co", " a@b.co ", "1@2.3"],
    ),
    *column(
        "customers",
        "phone",
        "format",
        [
            "call me",
            "1234",
            "1234567890123456",
            "555-0101 x",
            "++4922812345",
            "555_0101",
            FIVE * 7,
            "5+550101",
            "555-0101 ext 3",
            "x12",
            "+",
            "-",
        ],
        ["+4922812345", "(555) 555.0101 x12", "555/0101", "12345", "123456789012345", "(+49) 228-12345", ""],
    ),
    *about(
        "customers",
        "date_of_birth_plausible",
        "date_of_birth",
        [{"date_of_birth": "2025-01-17", "registration_date": ""}, "1904-01-15", "1800-01-01"],
        [{"date_of_birth": "2025-01-16", "registration_date": ""}, "1904-01-16", "", "2024-01-01"],
    ),
    *about(
        "customers",
        "registration_date_plausible",
        "registration_date",
        [{"registration_date": "2025-01-17", "last_login": ""}, "1989-12-31"],
        [
            {"registration_date": "2025-01-16", "last_login": ""},
            {"registration_date": "1950-01-01", "date_of_birth": ""},
            "1990-01-01",
        ],
    ),
    *column(
        "customers",
        "last_login",
        "plausible",
        ["2025-01-18", "2023-12-31T23:59:59Z", "2024-01-01T00:30:00+01:00"],
        ["2024-01-01", "2025-01-17T23:59:59Z", "", "2023-12-31T23:30:00-01:00"],
    ),
    *column("customers", "customer_tier", "known", ["diamond", "gold plus", "vip!"], ["VIP", " Basic ", ""]),
    *about(
        "customers",
        "address_complete",
        "address",
        [{"address": ""}, {"city": " "}, {"country": ""}],
        ["0", {"state": "", "zip_code": ""}, {"city": "Å"}],
    ),
    *column(
        "customers",
        "country",
        "known",
        ["Atlantis", "GermanyX", "D", "Deutschland", "DE DEU", "US|UK", "ZZ", "276", "many"],
        ["de", "DEU", " germany ", "USA", "U.K.", "Côte d\u2019Ivoire", "bosnia and herzegovina", "South-Korea", "Xk"],
    ),
]
PRODUCTS = [
    *malformed("products"),
    *astray("products"),
    *ids("products"),
    *identifier("products", "product_id"),
    *intact("products", "product_id"),
    *created("products"),
    *misleading("products", "product_name", "product_id"),
    *currency("products"),
    *about(
        "products",
        "currency_has_rate",
        "currency",
        ["NOK", "sek", {"currency": "SEK", "launch_date": "2026-01-01"}],
        ["gbp", {"currency": "GBP", "created_timestamp": "2025-01-09"}, "JPY"],
    ),
    *column("products", "price", "present", MISSING, ["0.01", "+15", " 7.5 "]),
    *column("products", "price", "readable", NO_MONEY, MONEY),
    *column("products", "price", "not_negative", ["-0.01", "-5"], ["0.01", "+1", "1.0"]),
    *column("products", "price", "zero", ["0", "-0", "0.000"], ["0.01", "00.10", "1"]),
    *column("products", "price", "within_bounds", ["100000.01", "9" * 15], ["100000", "100000.00", "+99999.99"]),
    *column("products", "product_name", "present", MISSING, ["-", "日本", "x" * 500]),
    *column("products", "category", "present", MISSING, ["home", " HOME ", "Toys & Games"]),
    *column("products", "category", "known", ["Garden", "hom", "toys"], ["Toys-&-Games", "HOME", "toys  & games"]),
    *counts("products", "stock_quantity"),
    *column("products", "stock_quantity", "not_negative", ["-1", "-1.0"], ["-0", "0", "9" * 18, ""]),
    *column("products", "weight_kg", "readable", NO_MEASURE, ["0.0001", "1.50000", " +2 ", ""]),
    *about("products", "weight_positive", "weight_kg", ["0", "-1", "-0.0001"], ["0.0001", "9" * 14 + ".9999", ""]),
    *dimensions("products"),
    *days("products", "launch_date"),
    *column(
        "products",
        "launch_date",
        "plausible",
        ["1899-12-31", "2027-01-16", "2200-01-01", "1750-01-01"],
        ["1900-01-01", "2027-01-15", ""],
    ),
    *about(
        "products",
        "discontinued_readable",
        "discontinued",
        ["perhaps", "2", "on", "tru", "ja", "-"],
        ["FALSE", " no ", "", {"discontinued": "Y", "stock_quantity": "0"}],
    ),
    *about(
        "products",
        "discontinued_has_no_stock",
        "discontinued",
        ["yes", {"discontinued": "1", "stock_quantity": "1.0"}],
        [{"discontinued": "yes", "stock_quantity": n} for n in ("0", "", "-0")],
    ),
]
INVENTORY = [
    *malformed("inventory"),
    *astray("inventory"),
    *ids("inventory"),
    *identifier("inventory", "product_id"),
    *intact("inventory", "product_id"),
    *created("inventory"),
    *misleading("inventory", "location", "product_id"),
    *place("warehouse_location"),
    *column("inventory", "warehouse_location", "present", MISSING, ["-", "0", "UNKNOWN"]),
    *place("location"),
    *about("inventory", "location_well_formed", "location", [], ["", "  "]),
    *column("inventory", "stock_quantity", "present", MISSING, ["0", "+5", "5.0"]),
    *counts("inventory", "stock_quantity"),
    *column("inventory", "stock_quantity", "not_negative", ["-1", "-1.0"], ["-0", "0", "10000000"]),
    *column("inventory", "stock_quantity", "within_bounds", ["10000001", "9" * 18], ["10000000", "9999999.0", "+1"]),
    *column(
        "inventory",
        "stock_status",
        "known",
        ["gone", "instock", "in stock?"],
        ["In Stock", {"stock_status": "OUT-OF-STOCK", "stock_quantity": "0"}, "", "back  ordered"],
    ),
    *about(
        "inventory",
        "stock_status_agrees",
        "stock_status",
        [
            {"stock_status": "in stock", "stock_quantity": "0"},
            {"stock_status": "Low-Stock", "stock_quantity": "0"},
            "out_of_stock",
        ],
        [{"stock_status": "out_of_stock", "stock_quantity": "0"}, "discontinued", "back_ordered", "low stock"],
    ),
    *about(
        "inventory",
        "available_agrees",
        "available_quantity",
        ["5", "3", {"reserved_quantity": "7", "available_quantity": "2"}],
        [
            "4",
            {"reserved_quantity": "7", "available_quantity": "-2"},
            {"reserved_quantity": "", "available_quantity": "99"},
        ],
    ),
    *instants("inventory", "last_updated"),
    *column(
        "inventory",
        "last_updated",
        "plausible",
        ["2025-01-18", "2199-01-01"],
        ["2025-01-17T23:59:59Z", "1900-01-01", ""],
    ),
    *counts("inventory", "reserved_quantity"),
    *column("inventory", "available_quantity", "readable", NO_COUNT, ["4.0", " +4 ", "004"]),
    *counts("inventory", "reorder_level"),
    *days("inventory", "last_restocked"),
]
SHIPPING = [
    *malformed("shipping"),
    *astray("shipping"),
    *ids("shipping"),
    *identifier("shipping", "order_id"),
    *intact("shipping", "order_id", "tracking_number"),
    *created("shipping"),
    *misleading("shipping", "destination_address", "tracking_number"),
    *currency("shipping"),
    *about(
        "shipping",
        "currency_has_rate",
        "currency",
        ["NOK", {"currency": "GBP", "created_timestamp": "2025-01-09T23:59:59Z"}, "sek"],
        ["gbp", {"currency": "GBP", "created_timestamp": "2025-01-10"}, {"created_timestamp": "2000-01-01"}],
    ),
    *about(
        "shipping",
        "created_timestamp_plausible",
        "created_timestamp",
        [{"created_timestamp": "", "currency": "EUR"}],
        [],
        also=("currency_has_rate",),
    ),
    *column("shipping", "tracking_number", "well_formed", [*BLANK_OR_CONTROL, *CONTROL, "{n}" + "x" * 61], IDS),
    *column("shipping", "tracking_number", "present", MISSING, ["-", "0", "日本"]),
    *column("shipping", "shipping_cost", "readable", NO_MONEY, [*MONEY, "0"]),
    *column("shipping", "shipping_cost", "not_negative", ["-0.01", "-5"], ["-0", "0", "0.00"]),
    *column("shipping", "shipping_cost", "within_bounds", ["10000.01", *MISSING], ["10000", "0", "+9999.99"]),
    *column("shipping", "shipping_method", "known", ["drone", "over night", "air"], ["Two-Day", "SAME DAY", ""]),
    *column(
        "shipping", "carrier", "known", ["pigeon", "dhl express", "u.p.s."], ["Royal Mail", "AMAZON-LOGISTICS", ""]
    ),
    *column(
        "shipping", "shipping_status", "known", ["lost?", "deliver", "in"], ["In Transit", "OUT FOR  DELIVERY", ""]
    ),
    *column("shipping", "package_weight", "readable", NO_MEASURE, ["0.0001", "1.50000", " +2 ", ""]),
    *column("shipping", "package_weight", "plausible", ["0", "-1", "1000.0001", "-0"], ["0.0001", "1000", ""]),
    *column("shipping", "destination_address", "present", MISSING, ["?", "日本", "Str. 5\n3. OG"]),
    *column("shipping", "insurance_value", "readable", NO_MONEY, [*MONEY, "-1", ""]),
    *dimensions("shipping"),
    *days("shipping", "estimated_delivery"),
    *column(
        "shipping",
        "actual_delivery",
        "readable",
        [*NO_DAY, "2025-01-14T10:00:00Z"],
        ["2025-01-15T00:00:00Z", " 2025-01-14 ", "", "2028-02-29"],
    ),
    *about(
        "shipping",
        "delivery_dates_plausible",
        "actual_delivery",
        [
            "2025-01-13",
            {"shipping_status": "Delivered", "actual_delivery": ""},
            {"shipping_status": "delivered", "actual_delivery": "2025-01-17"},
        ],
        [
            "2025-01-14",
            {"shipping_status": "delivered", "actual_delivery": "2025-01-16"},
            {"shipping_status": "in transit", "actual_delivery": "2199-01-01"},
        ],
    ),
]
CASES: list[Case] = [*ORDERS, *CUSTOMERS, *PRODUCTS, *INVENTORY, *SHIPPING]


def written(row: Iterable[str]) -> str:
    """A CSV line; every cell quoted, so that blanks stay."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(row)
    return text.getvalue()


def files(cases: Iterable[Case]) -> tuple[dict[str, dict[str, str]], dict[tuple[str, str, int], Case]]:
    """source -> file -> content; and which case stands where."""
    contents: dict[str, dict[str, str]] = {}
    places: dict[tuple[str, str, int], Case] = {}
    counts: dict[tuple[str, str], int] = {}
    for n, case in enumerate(cases):
        name = f"{case.source}_{case.file}.csv"
        of_source = contents.setdefault(case.source, {})
        text = of_source.setdefault(name, ",".join(BASE[case.source]) + "\n")
        mark = f"N{n:04}"
        if case.line is not None:
            of_source[name] = text + case.line.replace("{n}", mark) + "\n"
        else:
            of_source[name] = text + written(
                x.replace("{n}", mark) for x in (BASE[case.source] | dict(case.cells)).values()
            )
        counts[case.source, name] = counts.get((case.source, name), 0) + 1
        places[case.source, name, counts[case.source, name]] = case
    return contents, places


LEAST = "_least.csv"


def least(source: str) -> str:
    """A file that has only the columns that must be there, and one row."""
    names = [c.name for c in SOURCES[source].columns if c.required]
    return ",".join(names) + "\n" + ",".join(BASE[source][n].replace("{n}", "X1") for n in names) + "\n"


def with_rates(shop: Shop) -> Shop:
    lines = "".join(f"{currency},{since},0.5\n" for currency, since in RATES.items())
    (shop.root / "landing" / "rates.csv").write_text("currency,valid_from,rate\n" + lines, encoding="utf-8")
    return shop


OF_RATES = ("price_reporting", "price_segment", "stock_value")  # no rule looks at them
SAID = Settings(
    rates=tuple(oracle.Rate(c, date.fromisoformat(since), Decimal("0.5")) for c, since in RATES.items()),
    vocabularies=oracle.Vocabularies(categories=CATEGORIES),
)
"""The same for the oracle."""


class Judged:
    """A shop after one batch with all cases: what was said of each."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.contents, places = files(CASES)
        for source, of_source in self.contents.items():
            of_source[source + LEAST] = least(source)
        shop.drop("b", AS_OF, self.contents)
        assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
        self.said: dict[int, set[str]] = {}
        self.rejected: set[int] = set()
        number = {id(case): n for n, case in enumerate(CASES)}
        for source in BASE:
            for row in shop.rows(f"{source}_errors"):
                n = number[id(places[source, row["source_file"], row["source_line"]])]
                self.said[n] = set(row["reasons"])
                self.rejected.add(n)
            for row in shop.rows(f"{source}_stage"):
                if not row["source_file"].endswith(LEAST):
                    n = number[id(places[source, row["source_file"], row["source_line"]])]
                    self.said[n] = set(row["quality_flags"])


@pytest.fixture(scope="module")
def judged(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "stop", lambda: None)
        patch.setattr(session, "start_engine", lambda _: engine)
        shop = Shop(tmp_path_factory.mktemp("rules"), vocabularies={"categories": ["Home", "Toys & Games"]})
        yield Judged(with_rates(shop))


RULES = list(dict.fromkeys((case.source, case.rule) for case in CASES))


@pytest.mark.parametrize(("source", "rule"), RULES, ids=lambda said: said)
def test_rule(source: str, rule: str, judged: Judged) -> None:
    """Of a row that breaks one rule nothing else is said, and only HIGH rejects it; odd rows that break none pass."""
    wrong: dict[str, set[str]] = {}
    for n, case in enumerate(CASES):
        if (case.source, case.rule) == (source, rule):
            levels = [LEVELS[source][name] for name in case.said]
            if judged.said.get(n) != case.said or (n in judged.rejected) != ("HIGH" in levels):
                wrong[str(case)] = judged.said.get(n, {"nowhere"})
    assert wrong == {}


def test_the_oracle_agrees(judged: Judged) -> None:
    """All tables of the sources, and so every value and every reason; and what validation_results say."""
    compare(judged.shop, judged.contents, SAID)


def compare(shop: Shop, contents: Mapping[str, Mapping[str, str]], said: Settings) -> None:
    """The tables of a shop with one batch are the oracle's."""
    batch = Batch("b", AS_OF, {s: {name: text.encode() for name, text in each.items()} for s, each in contents.items()})
    result = run([batch], said)
    ours, theirs = published(shop), expected(result)
    for tables in (ours, theirs):
        for name in list(tables):
            if not name.endswith(("_stage", "_errors", "_target")):
                del tables[name]
        for row in (row for table in tables.values() for row in table):
            for name in ("extra_columns", *OF_RATES):
                row.pop(name, None)
            row |= {name: sorted(row[name]) for name in ("reasons", "quality_flags") if name in row}
    left_out = ("revision", "description", "sample_keys")
    names = {(r["table_name"], r["check_name"]) for r in result.validation}
    found = shop.warehouse.table("validation_results").to_pylist()
    ours["found"] = ordered([r for r in found if (r["table_name"], r["check_name"]) in names], left_out)
    theirs["found"] = ordered(result.validation, left_out)
    assert differences(ours, theirs) == []


def of_levels(**names: str) -> dict[str, str]:
    return {name: level for level, said in names.items() for name in said.split()}


MONEY_RULES = {"HIGH": "currency_known", "MEDIUM": "currency_has_rate", "LOW": "currency_assumed"}
LEVELS: dict[str, dict[str, str]] = {
    "orders": of_levels(
        HIGH="customer_id_present product_id_present order_date_present order_date_readable order_amount_present "
        "order_amount_readable order_date_plausible order_amount_not_negative order_has_one_product "
        "order_lines_distinct line_id_well_formed line_id_intact refund_id_well_formed refund_id_intact",
        MEDIUM="order_amount_within_bounds payment_method_known order_status_known customer_id_intact "
        "customer_id_names_somebody "
        "product_id_intact quantity_readable unit_price_readable discount_readable tax_readable order_total_readable "
        "updated_timestamp_readable",
        LOW="order_amount_zero shipping_address_present updated_timestamp_plausible",
    ),
    "customers": of_levels(
        MEDIUM="email_format date_of_birth_plausible registration_date_plausible customer_tier_known "
        "date_of_birth_readable registration_date_readable last_login_readable",
        LOW="name_present email_present phone_format last_login_plausible address_complete country_known",
    ),
    "products": of_levels(
        HIGH="price_present price_readable price_not_negative",
        MEDIUM="price_within_bounds product_name_present category_present category_known stock_quantity_not_negative "
        "discontinued_readable stock_quantity_readable weight_kg_readable launch_date_readable",
        LOW="price_zero weight_positive dimensions_format launch_date_plausible discontinued_has_no_stock",
    ),
    "inventory": of_levels(
        HIGH="warehouse_location_well_formed location_well_formed stock_quantity_present stock_quantity_readable "
        "stock_quantity_not_negative",
        MEDIUM="stock_quantity_within_bounds warehouse_location_present stock_status_known stock_status_agrees "
        "last_updated_readable reserved_quantity_readable available_quantity_readable reorder_level_readable "
        "last_restocked_readable",
        LOW="available_agrees last_updated_plausible",
    ),
    "shipping": of_levels(
        HIGH="tracking_number_well_formed tracking_number_intact shipping_cost_readable shipping_cost_not_negative",
        MEDIUM="shipping_cost_within_bounds shipping_method_known carrier_known shipping_status_known "
        "package_weight_plausible package_weight_readable estimated_delivery_readable actual_delivery_readable "
        "insurance_value_readable",
        LOW="tracking_number_present destination_address_present dimensions_format delivery_dates_plausible",
    ),
}
"""The catalogue (RULES.md), and what holds for all sources."""
for _source, _key in KEYS.items():
    LEVELS[_source] |= of_levels(
        HIGH=f"line_malformed header_repeated row_is_no_total {_key}_present {_key}_well_formed {_key}_intact",
        MEDIUM="created_timestamp_readable text_marker_as_text id_names_no_total",
        LOW="created_timestamp_plausible null_word_as_text ids_plainly_written",
    ) | (of_levels(**MONEY_RULES) if "currency" in BASE[_source] else {})


@pytest.mark.parametrize("source", BASE)
def test_the_rules_are_those_of_the_catalogue(source: str) -> None:
    """With the catalogue's levels; each has a row that breaks it, and three odd ones that do not."""
    rules = SOURCES[source].rules_in_force
    assert {r.name: str(r.severity) for r in rules} | dict.fromkeys(
        ("line_malformed", "header_repeated"), "HIGH"
    ) == LEVELS[source]
    assert len({r.name for r in rules}) == len(rules)
    assert all(r.meaning for r in rules)
    for name in LEVELS[source]:
        cases = [c for c in CASES if (c.source, c.rule) == (source, name)]
        assert [c for c in cases if c.breaks], name
        assert sum(not c.breaks for c in cases) >= 3, name


def test_the_page_of_rules_is_made_from_them() -> None:
    """`make docs` writes it."""
    page = Path(__file__).parents[2] / "docs" / "rules.md"
    assert page.read_text(encoding="utf-8") == rulebook.page()


def test_a_column_that_the_header_lacks_breaks_no_rule(judged: Judged) -> None:
    """A rule about an absent column passes, but currency_assumed; only required columns must be there."""
    for source, base in BASE.items():
        rows = [r for r in judged.shop.rows(f"{source}_stage") if r["source_file"].endswith(LEAST)]
        said = ["currency_assumed"] if "currency" in base else []
        assert [(r[KEYS[source]], r["quality_flags"]) for r in rows] == [("X1", said)]
        assert not [r for r in judged.shop.rows(f"{source}_errors") if r["source_file"].endswith(LEAST)]


# -- levels and score ----------------------------------------------------------------------------------------------


def orders(*rows: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """One file of orders; the rows are numbered."""
    lines = [
        written(x.replace("{n}", f"N{n}") for x in (BASE["orders"] | dict(row)).values()) for n, row in enumerate(rows)
    ]
    return {"orders": {"o.csv": ",".join(BASE["orders"]) + "\n" + "".join(lines)}}


def shop_with(shop: Shop, **levels: str) -> Shop:
    return Shop(shop.root, severity=levels)


RIVALS = [
    {"order_id": "two", "product_id": "P1"},
    {"order_id": "two", "product_id": "P2", "updated_timestamp": "2025-01-14T12:00:00Z"},
    {"order_id": "same", "order_amount": "1"},
    {"order_id": "same", "order_amount": "2", "shipping_address": ""},
    {"customer_id": "", "order_amount": "0", "payment_method": "gold"},
    {"customer_id": "", "order_amount": "0"},
    {},
    {"order_id": "later"},
    {"order_id": "later", "updated_timestamp": "2025-01-14T12:00:00Z"},
]


def checked(shop: Shop) -> dict[str, Row]:
    return {r["check_name"]: r for r in shop.warehouse.table("validation_results").to_pylist()}


def test_a_rejected_row_lists_all_that_it_breaks_and_a_row_counts_with_its_worst(shop: Shop) -> None:
    shop.drop("b", AS_OF, orders(*RIVALS))
    shop.run()
    reasons = {r["source_line"]: sorted(r["reasons"]) for r in shop.rows("orders_errors")}
    flags = {r["source_line"]: r["quality_flags"] for r in shop.rows("orders_stage")}
    assert reasons == {
        1: ["order_has_one_product"],
        2: ["order_has_one_product"],
        3: ["superseded_amount_agrees"],
        5: ["customer_id_present", "order_amount_zero", "payment_method_known"],
        6: ["customer_id_present", "order_amount_zero"],
        8: ["superseded"],
    }
    assert flags == {4: ["shipping_address_present", "sequence_conflict"], 7: [], 9: []}
    found = checked(shop)
    # Eight rows count: five rejected (of one the money would be lost), one in conflict, two good ones.
    assert found["batch_score"]["score"] == Decimal("33.75")
    assert (found["batch_score"]["failed_rows"], found["batch_score"]["severity"]) == (6, "HIGH")
    assert found["order_amount_zero"]["failed_rows"] == 2
    assert found["order_amount_zero"]["sample_keys"] == ["N4", "N5"]
    assert found["sequence_conflict"]["rows_checked"] == 8
    assert found["sequence_conflict"]["failed_share"] == Decimal("0.1250")
    assert found["order_status_known"]["severity"] == "NONE"


def test_a_shop_sets_levels(shop: Shop) -> None:
    """A lower level keeps the row, NONE only informs, OFF is not looked at; so too for rules that look at rivals."""
    changed = shop_with(
        shop,
        customer_id_present="LOW",
        order_amount_zero="NONE",
        payment_method_known="OFF",
        order_has_one_product="MEDIUM",
        sequence_conflict="OFF",
        superseded_amount_agrees="OFF",
    )
    changed.drop("b", AS_OF, orders(*RIVALS))
    changed.run()
    flags = {r["source_line"]: r["quality_flags"] for r in changed.rows("orders_stage")}
    reasons = {r["source_line"]: r["reasons"] for r in changed.rows("orders_errors")}
    assert reasons == {1: ["superseded"], 3: ["superseded"], 8: ["superseded"]}
    assert flags == {
        2: ["order_has_one_product"],
        4: ["shipping_address_present"],
        5: ["customer_id_present"],
        6: ["customer_id_present"],
        7: [],
        9: [],
    }
    found = checked(changed)
    assert {"payment_method_known", "sequence_conflict"}.isdisjoint(found)
    zero = found["order_amount_zero"]
    assert (zero["rule_severity"], zero["severity"], zero["failed_rows"]) == ("NONE", "NONE", 2)
    # 0.3 for two products, 0.1 twice for the customer, and for the address.
    assert found["batch_score"]["score"] == Decimal("90.00")


def test_bounds_and_words_are_the_shops(shop: Shop) -> None:
    other = Shop(shop.root, bounds={"order_amount": 5}, vocabularies={"payment_method": ["Gold Bars"]})
    rows = [{"order_amount": "5", "payment_method": "gold-bars"}, {"order_amount": "5.01"}]
    other.drop("b", AS_OF, orders(*rows))
    other.run()
    flags = {r["order_id"]: sorted(r["quality_flags"]) for r in other.rows("orders_stage")}
    assert flags == {"N0": [], "N1": ["order_amount_within_bounds", "payment_method_known"]}


@pytest.mark.parametrize("name", ["order_id_present", "tracking_number_well_formed", "line_malformed", "no_such_rule"])
def test_what_no_shop_can_set(shop: Shop, name: str) -> None:
    other = shop_with(shop, **{name: "LOW"})
    other.drop("b", AS_OF, orders({}))
    with pytest.raises(UsageError, match=name):
        other.run()


# -- anything ------------------------------------------------------------------------------------------------------

DIGITS = frozenset("0123456789")


def is_amount(text: str) -> bool:
    """A sign perhaps, 1 to 15 digits, and perhaps a point with cents; more decimals only if they are zeros."""
    whole, point, cents = text[text[:1] in ("+", "-") :].partition(".")
    if point and (not cents or set(cents[2:]) - {"0"}):
        return False
    return 1 <= len(whole) <= 15 and not set(whole + cents) - DIGITS


def is_day(text: str) -> bool:
    """A day of the calendar as yyyy-mm-dd from 1700 to 2200, and perhaps a midnight of no zone or of UTC."""
    day, rest = text[:10], text[10:]
    if rest:
        clock, point, part = rest[1:].removesuffix("Z").partition(".")
        if (
            rest[0] not in "T "
            or clock != "00:00:00"
            or (point and not (part.strip("0") == "" and 1 <= len(part) <= 9))
        ):
            return False
    if [len(p) for p in day.split("-")] != [4, 2, 2] or set(day) - DIGITS - {"-"}:
        return False
    try:
        return 1700 <= date.fromisoformat(day).year <= 2200
    except ValueError:
        return False


def is_email(text: str) -> bool:
    local, *domains = text.split("@")
    if len(domains) != 1 or len(text) > 254 or any(blank in text for blank in canonical.BLANKS):
        return False
    return all(local.split(".")) and all(domains[0].split(".")) and "." in domains[0]


def is_phone(text: str) -> bool:
    plain = "".join(c for c in text if c not in "().-/" and c not in canonical.BLANKS).removeprefix("+")
    number, extension, digits = plain.partition("x")
    return 5 <= len(number) <= 15 and not set(number + digits) - DIGITS and bool(digits) == bool(extension)


def mixed(*pieces: str) -> st.SearchStrategy[str]:
    """A few pieces one after the other."""
    return st.lists(st.sampled_from(pieces), max_size=6).map("".join)


YEARS, MONTHS = st.sampled_from(["1699", "1700", "2024", "2025", "2200", "2201", "24"]), st.integers(0, 13)
MIDNIGHTS = st.sampled_from(["", "", "T00:00:00", " 00:00:00Z", "T00:00:00.000", "T10:30:00", "Z", " ", "T00:00:00.1"])
DAYS = st.builds(lambda y, m, d, t: f"{y}-{m:02}-{d:02}{t}", YEARS, MONTHS, st.integers(0, 32), MIDNIGHTS)
AMOUNTS = st.decimals(allow_nan=False, places=None).map(str) | st.decimals(-9999, 9999, places=3).map(str)
PROPERTIES = {
    "order_amount_readable": (
        "orders",
        "order_amount",
        is_amount,
        AMOUNTS | mixed(*"0123456789", ".", "-", "+", "e3", ","),
    ),
    "launch_date_readable": (
        "products",
        "launch_date",
        is_day,
        DAYS | mixed("2025", "-", "01", "29", ".", "02", "T00"),
    ),
    "email_format": (
        "customers",
        "email",
        is_email,
        st.emails() | mixed("a", "@", ".", "é", "日", " ", "\u00a0", "+", "b.co", "x" * 84),
    ),
    "phone_format": (
        "customers",
        "phone",
        is_phone,
        mixed("+", "(", "555", ")", "-", "01", ".", "x12", "x", " ", "\u2003", "1" * 9, "a", FIVE),
    ),
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_any_text(name: str, engine: Engine) -> None:
    """A rule says of any text what plain Python says."""
    source, column_name, plain, strategy = PROPERTIES[name]
    texts: set[str] = set()

    @settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(text: str) -> None:
        if kept := text.strip(canonical.BLANKS):
            texts.add(kept)

    collect()
    rule = next(r for r in SOURCES[source].rules if r.name == name)
    kind = next(c.type for c in SOURCES[source].columns if c.name == column_name)
    reading = contract.Reading(AS_OF, contract.Shop())
    frame = engine.spark.createDataFrame([(t,) for t in sorted(texts)], f"{column_name}__text string")
    typed = frame.withColumn(column_name, canonical.typed(contract.text(column_name), kind, "UTC"))
    said = typed.select(f"{column_name}__text", F.coalesce(rule.holds(reading), F.lit(True))).collect()
    assert {text for text, holds in said if holds != plain(text)} == set()
    assert {holds for _, holds in said} == {True, False}


BLANKS = [" ", "\t", "\n", "\u00a0", "\u200b", "\ufeff", "\x00", "\x7f", "\x85", "\u3000"]
CELLS = ["", "", "A1", "A2", "A3", "0", "-1", "1.5", "12.50", "2025-01-14", "1999-12-31", "2025-01-17", "USD", "eur"]
CELLS += ["XXQ", "2025-01-14T10:00:00Z", "2025-01-14 00:00:00", "true", "1e3", "é", "日", "x" * 64, "y" * 65, "1,5"]
CELLS += ['5" x', "3x4x5", "canceled", "Credit-Card", "9" * 17, "99999999999999.99"]
CELL = st.sampled_from(CELLS)
SPOILT = st.builds(lambda a, b, c: a + b + c, CELL, st.sampled_from(BLANKS), CELL)
ODD = CELL | CELL | SPOILT
WRITTEN = st.sampled_from(["2025-01-14", "2025-01-13T10:00:00Z", "2025-01-13T10:00:00.000001Z", "", "never"])


def drawn_rows(base: Mapping[str, str]) -> list[list[str]]:
    """Rows of a source, many of them with the same keys, each with up to three odd cells."""
    rows: list[list[str]] = []

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.sampled_from(sorted(base)), ODD), max_size=3), st.integers(0, 25), WRITTEN)
    def collect(changes: list[tuple[str, str]], key: int, at: str) -> None:
        row = {**base, "created_timestamp": at} | dict(changes)
        rows.append([x.replace("{n}", f"K{key}") for x in row.values()])

    collect()
    return rows


SHOPS_OF_ORDERS: dict[str, dict[str, Any]] = {
    "one line an order": {},
    "a header": {"line_id": "shipping_address"},
    "headers": {"line_id": ("product_id", "Line_ID"), "refunds": "rows"},
    "the product": {"line_id": "product_id"},
    "position": {"line_id": "position", "refunds": "rows"},
    "whole orders": {"line_id": "line_id", "whole_orders": True},
}


@pytest.mark.parametrize("said", SHOPS_OF_ORDERS)
def test_any_rows(shop: Shop, said: str) -> None:
    """Rows of anything, in one batch: every one is judged and stored as the oracle does it."""
    delivery = SHOPS_OF_ORDERS[said]
    shop = Shop(shop.root, sources={"orders": delivery})
    contents: dict[str, dict[str, str]] = {}
    for source, base in BASE.items():
        rows = drawn_rows(base)
        for i in (0, 1):
            text = ",".join(base) + "\n" + "".join(map(written, rows[i::2]))
            contents.setdefault(source, {})[f"{source}_{i}.csv"] = text
    shop.drop("b", AS_OF, contents)
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    compare(shop, contents, Settings(sources={"orders": oracle.Delivery(**delivery)}))
