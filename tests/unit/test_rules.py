"""The HIGH rules: each rejects what its line in the catalogue says, alone, and lets odd rows pass.

All rows go through one batch; each test then looks up what became of its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecomm import attempt
from ecomm.contract import Severity
from ecomm.engines import Engine
from ecomm.sources import SOURCES
from tests.oracle import Batch, run
from tests.oracle import sources as oracle
from tests.oracle import values as v
from tests.shop import Row, Shop, differences, expected, published

pytestmark = pytest.mark.every_engine

AS_OF = datetime(2025, 1, 15, 22, tzinfo=UTC)
BASE: dict[str, dict[str, str]] = {
    "orders": {
        "order_id": "{n}", "customer_id": "C1", "product_id": "P1", "order_date": "2025-01-14", "order_amount": "9.90",
        "currency": "USD", "payment_method": "paypal", "shipping_address": "Main St 1", "order_status": "pending",
        "created_timestamp": "2025-01-14T10:00:00Z",
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
        "stock_status": "in_stock", "last_updated": "2025-01-14", "created_timestamp": "2025-01-14",
    },
    "shipping": {
        "order_id": "{n}", "tracking_number": "T1", "shipping_method": "ground", "shipping_cost": "4.90",
        "currency": "USD", "package_weight": "1", "dimensions_cm": "1x2x3", "estimated_delivery": "2025-01-20",
        "actual_delivery": "", "created_timestamp": "2025-01-14",
    },
}  # fmt: skip
"""A good row of each source; `{n}` is the case's own number."""


@dataclass(frozen=True)
class Case:
    """A row that differs from the good one in some cells, or a line as it stands; and the rule that it breaks."""

    source: str
    rule: str | None
    cells: Mapping[str, str] = field(default_factory=dict)
    line: str | None = None
    file: str = "1"

    def __str__(self) -> str:
        said = self.line if self.line is not None else ",".join(f"{k}={x!r}" for k, x in self.cells.items())
        return f"{self.source}:{self.rule or 'passes'}:{said[:40]}"


def fails(source: str, rule: str, **cells: str) -> Case:
    return Case(source, rule, cells)


def passes(source: str, *rows: Mapping[str, str]) -> list[Case]:
    return [Case(source, None, cells) for cells in rows]


def column(source: str, name: str, rule: str, bad: Iterable[str], good: Iterable[str]) -> list[Case]:
    """What a rule says of one cell."""
    return [fails(source, f"{name}_{rule}", **{name: cell}) for cell in bad] + passes(
        source, *[{name: cell} for cell in good]
    )


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
MONEY = ["0", "0.00", "+15", "12.500", "-0.00", "9999999999999999.99", " 7.5 "]
NO_MONEY = ["12.999", "1e3", "1,234.50", "$5", "free", "NaN", ".5", "1 000", "10000000000000000"]


def identifier(source: str, name: str, *, required: bool = True) -> list[Case]:
    """An id: there, short, without blanks and control characters inside; any script, `-`, `#`, leading zeros pass."""
    shape = column(source, name, "well_formed", [*BLANK_OR_CONTROL, *CONTROL, "{n}" + "x" * 61], IDS)
    return shape + (column(source, name, "present", MISSING, []) if required else passes(source, {name: ""}))


def place(name: str) -> list[Case]:
    """A part of the key that is a place: blanks pass, control characters do not; nothing at all passes."""
    good = ["New York {n}", "Berlin\u00a0{n}", "", "  ", "Köln-Süd {n}", "a" * 64]
    return column("inventory", name, "well_formed", [*CONTROL, "x" * 65], good)


def currency(source: str) -> list[Case]:
    good = ["eur", " Usd ", "JPY", "CHF", "", "XAU"]
    return [fails(source, "currency_known", currency=c) for c in ("XXQ", "EURO", "€", "US D", "12", "usdx")] + passes(
        source, *[{"currency": c} for c in good]
    )


def malformed(source: str) -> list[Case]:
    width = len(BASE[source])
    lines = [
        "," * (width - 2) + "x", "," * width, '"x"y' + "," * (width - 1), '"never closed' + "," * (width - 1),
        "{n}" + "," * (width - 1) + ",",
    ]  # fmt: skip
    return [Case(source, "line_malformed", line=line) for line in lines]


ORDERS = [
    *malformed("orders"),
    *identifier("orders", "order_id"),
    *column("orders", "customer_id", "present", MISSING, ["a b", "x" * 200, "C\u0000"]),
    *column("orders", "product_id", "present", MISSING, ["a b", "x" * 200, "-"]),
    *column("orders", "order_date", "present", MISSING, []),
    *column(
        "orders",
        "order_date",
        "readable",
        ["2025", "2025-02-30", "14.01.2025", "01/14/2025", "2025-1-4", "yesterday", "2025-01-14 10:30"],
        ["2025-01-14T23:59:59.999999", "2025-01-14 00:00:00Z", "2025-01-14T10:00:00+05:30", " 2024-02-29 "],
    ),
    *column(
        "orders",
        "order_date",
        "plausible",
        ["1999-12-31", "2025-01-17", "2025-01-17T00:00:00Z", "2199-01-01", "2000-01-01T00:00:00+00:01"],
        ["2000-01-01", "2025-01-16", "2025-01-17T00:00:00+00:01", "2025-01-16T23:59:59Z"],
    ),
    *column("orders", "order_amount", "present", MISSING, []),
    *column("orders", "order_amount", "readable", NO_MONEY, [m for m in MONEY if len(m) < 9]),
    *column("orders", "order_amount", "not_negative", ["-0.01", "-5", "-9999999999999999.99"], ["-0"]),
    *currency("orders"),
    *passes(
        "orders",
        {"order_status": "", "payment_method": "", "shipping_address": "", "created_timestamp": ""},
        {"order_status": "no such word", "payment_method": "gold bars", "created_timestamp": "never"},
        {"order_amount": "9999999999999999.99", "currency": "EUR"},
        {"order_amount": "0.00", "order_status": "gift", "shipping_address": 'Str. 5, "Hof"\n3. OG'},
    ),
    # Two products under one order in one file; the same product twice, or in another file, is none.
    Case("orders", "order_has_one_product", {"order_id": "two", "product_id": "P1"}),
    Case("orders", "order_has_one_product", {"order_id": " two", "product_id": "P2", "currency": ""}),
    Case("orders", None, {"order_id": "files", "product_id": "P1", "created_timestamp": "2025-01-13"}, file="2"),
    Case("orders", None, {"order_id": "Two", "product_id": "P3"}),
    Case("orders", None, {"order_id": "two ", "product_id": "P3", "created_timestamp": "2025-01-13"}, file="2"),
]  # fmt: skip
CUSTOMERS = [
    *malformed("customers"),
    *identifier("customers", "customer_id"),
    *passes(
        "customers",
        dict.fromkeys([c for c in BASE["customers"] if c != "customer_id"], ""),
        {"email": "not an e-mail", "phone": "call me", "date_of_birth": "1800-01-01", "country": "Atlantis"},
        {"first_name": "O", "last_name": "", "email": "a+b@ü.de", "registration_date": "2199-01-01"},
    ),
]
PRODUCTS = [
    *malformed("products"),
    *identifier("products", "product_id"),
    *column("products", "price", "present", MISSING, []),
    *column("products", "price", "readable", NO_MONEY, MONEY),
    *column("products", "price", "not_negative", ["-0.01", "-5"], ["-0"]),
    *currency("products"),
    *passes(
        "products",
        {"stock_quantity": "-5", "weight_kg": "-1", "dimensions_cm": "big", "launch_date": "soon"},
        {"product_name": "", "category": "", "discontinued": "perhaps", "created_timestamp": ""},
        {"stock_quantity": "5.5", "weight_kg": "1.23456", "launch_date": "1750-01-01", "discontinued": "Y"},
    ),
]
INVENTORY = [
    *malformed("inventory"),
    *identifier("inventory", "product_id"),
    *place("warehouse_location"),
    *place("location"),
    *column("inventory", "stock_quantity", "present", MISSING, []),
    *column("inventory", "stock_quantity", "readable", ["5.5", "1e3", "many", "9" * 19], ["5.0", "+5", "9" * 18]),
    *column("inventory", "stock_quantity", "not_negative", ["-1", "-1.0"], ["-0"]),
    *passes(
        "inventory",
        {"stock_status": "", "last_updated": "", "created_timestamp": ""},
        {"stock_status": "out of stock", "last_updated": "2199-01-01"},
        {"stock_status": "gone", "created_timestamp": "x"},
    ),
]  # fmt: skip
SHIPPING = [
    *malformed("shipping"),
    *identifier("shipping", "order_id"),
    *identifier("shipping", "tracking_number", required=False),
    *column("shipping", "shipping_cost", "readable", NO_MONEY, ["", " ", *MONEY]),
    *column("shipping", "shipping_cost", "not_negative", ["-0.01", "-5"], ["-0"]),
    *currency("shipping"),
    *passes(
        "shipping",
        {
            "package_weight": "-1",
            "dimensions_cm": "tube",
            "estimated_delivery": "soon",
            "actual_delivery": "2024-01-01",
        },
        {"package_weight": "0", "shipping_method": "", "created_timestamp": ""},
        {"shipping_method": "drone", "actual_delivery": "2199-01-01", "tracking_number": ""},
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
        mark = f"N{n:03}"
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


class Judged:
    """A shop after one batch with all cases: what became of each."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.contents, places = files(CASES)
        for source, of_source in self.contents.items():
            of_source[source + LEAST] = least(source)
        shop.drop("b", AS_OF, self.contents)
        assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
        self.reasons: dict[int, set[str]] = {}
        self.staged: dict[int, Row] = {}
        number = {id(case): n for n, case in enumerate(CASES)}
        for source in BASE:
            for row in shop.rows(f"{source}_errors"):
                case = places[source, row["source_file"], row["source_line"]]
                self.reasons[number[id(case)]] = set(row["reasons"])
            for row in shop.rows(f"{source}_stage"):
                if not row["source_file"].endswith(LEAST):
                    self.staged[number[id(places[source, row["source_file"], row["source_line"]])]] = row


@pytest.fixture(scope="module")
def judged(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "stop", lambda: None)
        patch.setattr(attempt, "start_engine", lambda _: engine)
        yield Judged(Shop(tmp_path_factory.mktemp("rules")))


RULES = list(dict.fromkeys((case.source, case.rule or "passes") for case in CASES))


@pytest.mark.parametrize(("source", "rule"), RULES, ids=lambda said: said)
def test_rule(source: str, rule: str, judged: Judged) -> None:
    """A row that breaks one rule is rejected for it and for nothing else; an odd row that breaks none is accepted."""
    wrong: dict[str, set[str]] = {}
    for n, case in enumerate(CASES):
        if (case.source, case.rule or "passes") == (source, rule):
            found = judged.reasons.get(n, set()) - {"superseded"}
            if found != ({case.rule} if case.rule else set()) or (case.rule and n in judged.staged):
                wrong[str(case)] = found
    assert wrong == {}


def test_the_oracle_agrees(judged: Judged) -> None:
    """All tables of the batch, and so every value and every reason."""
    compare(judged.shop, judged.contents)


def compare(shop: Shop, contents: Mapping[str, Mapping[str, str]]) -> None:
    """The tables of a shop with one batch are the oracle's."""
    batch = Batch("b", AS_OF, {s: {name: text.encode() for name, text in each.items()} for s, each in contents.items()})
    ours, theirs = published(shop), expected(run([batch]))
    for table in (*ours.values(), *theirs.values()):
        for row in table:
            row.pop("extra_columns", None)
            if "reasons" in row:
                row["reasons"] = sorted(row["reasons"])
    assert differences(ours, theirs) == []


def test_every_high_rule_has_its_cases() -> None:
    """The rules in force are those of the catalogue; each has a row that breaks it, and three odd rows."""
    catalogue = {
        "orders": "order_id_present order_id_well_formed customer_id_present product_id_present order_date_present "
        "order_date_readable order_amount_present order_amount_readable order_date_plausible order_amount_not_negative "
        "order_has_one_product currency_known",
        "customers": "customer_id_present customer_id_well_formed",
        "products": "product_id_present product_id_well_formed price_present price_readable price_not_negative "
        "currency_known",
        "inventory": "product_id_present product_id_well_formed warehouse_location_well_formed location_well_formed "
        "stock_quantity_present stock_quantity_readable stock_quantity_not_negative",
        "shipping": "order_id_present order_id_well_formed tracking_number_well_formed shipping_cost_readable "
        "shipping_cost_not_negative currency_known",
    }
    for name, rules in catalogue.items():
        in_force = {r.name for r in SOURCES[name].rules if r.severity is Severity.HIGH}
        assert in_force == set(rules.split()), name
        cases = [c for c in CASES if c.source == name]
        assert {c.rule for c in cases} == {*in_force, "line_malformed", None}, name
        assert sum(c.rule is None for c in cases) >= 3 * len(in_force), name


def test_a_column_that_the_header_lacks_breaks_no_rule(judged: Judged) -> None:
    """A rule about an absent column passes: only required columns must be there."""
    for source in BASE:
        rows = [r for r in judged.shop.rows(f"{source}_stage") if r["source_file"].endswith(LEAST)]
        assert [r[SOURCES[source].key[0]] for r in rows] == ["X1"]
        assert not [r for r in judged.shop.rows(f"{source}_errors") if r["source_file"].endswith(LEAST)]


# -- anything ----------------------------------------------------------------------------------------

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


def test_any_rows(shop: Shop) -> None:
    """Rows of anything, in one batch: every one is judged and stored as the oracle does it."""
    contents: dict[str, dict[str, str]] = {}
    for source, base in BASE.items():
        rows = drawn_rows(base)
        for i in (0, 1):
            text = ",".join(base) + "\n" + "".join(map(written, rows[i::2]))
            contents.setdefault(source, {})[f"{source}_{i}.csv"] = text
    shop.drop("b", AS_OF, contents)
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    compare(shop, contents)


def test_well_formed_is_the_oracles() -> None:
    """The corpus above means what the oracle means by it."""
    for source, name in (("orders", "order_id"), ("shipping", "tracking_number")):
        for case in CASES:
            if case.source == source and name in case.cells and case.rule in (None, f"{name}_well_formed"):
                text = v.trimmed(case.cells[name].replace("{n}", "N000"))
                assert v.is_well_formed(text) == (case.rule is None), case
    assert set(oracle.SOURCES) == set(BASE)
