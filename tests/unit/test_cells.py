"""What a shape makes of cells, against plain Python: days, amounts, shares, cells filled down, words, markers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import FINDINGS, Reading, Shop, text, text_name
from ecomm.delivery import Computed, Delivery
from ecomm.engines import Engine
from ecomm.headers import match_header
from ecomm.sources import SOURCES
from ecomm.tables import reserved
from ecomm.transforms import days
from ecomm.transforms.stage import as_text
from tests.oracle import shapes
from tests.oracle import values as v
from tests.unit.test_canonical import drawn, near, pieces

pytestmark = pytest.mark.every_engine
AS_OF = datetime(2026, 10, 1, tzinfo=UTC)


def read(
    engine: Engine,
    shape: dict[str, Any],
    header: Sequence[str],
    rows: Sequence[Sequence[str | None]],
    source: str = "orders",
    currency: str = "USD",
) -> list[dict[str, Any]]:
    """The texts of a file's records, by contract column."""
    of_shop = SOURCES[source].of_shop(Delivery(**shape), {})
    met = match_header(of_shop, of_shop.delivery, list(header), "x.csv", reserved(source))
    cells = ", ".join(f"c{i} string" for i in range(len(header)))
    landed = [(n, None, *row) for n, row in enumerate(rows, 1)]
    frame = engine.spark.createDataFrame(landed, f"source_line bigint, raw_line string, {cells}")
    texts = as_text(frame, of_shop, met, "x.csv", "0", Reading(AS_OF, Shop(reporting_currency=currency)))
    found = sorted(texts.collect(), key=lambda r: r["source_line"])
    return [{n.removesuffix(text_name("")): r[n] for n in texts.columns} for r in found]


REQUIRED = ("order_id", "customer_id", "product_id", "order_date", "order_amount")


def column(engine: Engine, shape: dict[str, Any], name: str, texts: Sequence[str], **said: Any) -> list[Any]:
    """What becomes of these texts in one of the required columns of orders."""
    rows = [[f"A{n}", "C", "P", "2026-01-01", "1.00"] for n in range(len(texts))]
    for row, cell in zip(rows, texts, strict=True):
        row[REQUIRED.index(name)] = cell
    return [r[name] for r in read(engine, shape, REQUIRED, rows, **said)]


# -- days ------------------------------------------------------------------------------------------

FORMATS = ["M/d/yyyy", "dd.MM.yyyy", "yyyy-MM-dd", "d-M-yy", "yyyyMMdd", "M/d/yy"]


def written_days(date_format: str) -> st.SearchStrategy[str]:
    """Days by a format, and near it, with all kinds of times behind."""
    fields = {
        "d": ["1", "9", "09", "31", "32", "0"], "dd": ["01", "30", "31", "1"], "M": ["1", "2", "12", "13", "02"],
        "MM": ["02", "12", "13", "1"], "yyyy": ["2024", "2025", "1699", "0020"], "yy": ["24", "46", "47", "99", "00"],
    }  # fmt: skip
    day = pieces(*[[p] if p in "./-" else fields[p] for p in re.findall("d+|M+|y+|[./-]", date_format)])
    behind = pieces(
        ["", " ", ", ", "T", " at ", "\u202f"], ["9:05", "09:05", "12:00", "0:30", "23:59", "24:00", "13:01"],
        ["", ":07", ":07.5", ":07.1234560", ":07.1234567", ":60"], ["", "", " AM", "pm", " p.m.", "\u202fPM", " A.M."],
        ["", "", "Z", " -0400", "-04:00", "+0530", " UTC", " GMT", " PDT", "+02", " GMT-04:00", "+14:00", " (UTC)"],
    )  # fmt: skip
    return near(st.builds(str.__add__, day, st.just("") | behind))


@pytest.mark.parametrize("date_format", FORMATS)
def test_days_and_times(engine: Engine, date_format: str) -> None:
    """Every text is the day or the instant of plain Python, or none."""
    texts = [t for t in dict.fromkeys(drawn(written_days(date_format), 500)) if v.trimmed(t) == t]
    iso = column(engine, {"date_format": date_format}, "order_date", texts)
    frame = engine.spark.createDataFrame(list(enumerate(iso)), "n int, iso string")
    micros = F.unix_micros(canonical.timestamp(F.col("iso"), "UTC"))
    rows = sorted(frame.select("n", canonical.date(F.col("iso")).alias("day"), micros.alias("at")).collect())
    wrong = {}
    for cell, written, row in zip(texts, iso, rows, strict=True):
        wanted = shapes.instant_of(cell, date_format, AS_OF)
        if wanted is None and v.as_timestamp(cell, v.UTC_ZONES) is not None:
            wanted = v.as_timestamp(cell, v.UTC_ZONES)  # ISO is always read
        at = None if row["at"] is None else v.EPOCH + timedelta(microseconds=row["at"])
        if isinstance(wanted, datetime) and not shapes.FIRST <= wanted.date() <= shapes.LAST:
            wanted = None
        got: Any = at if isinstance(wanted, datetime) else row["day"] or at
        if got != wanted:
            wrong[cell] = (written, got, wanted)
    assert wrong == {}
    assert any(row["at"] is not None for row in rows)


NAMED = {
    ("MMM d, yyyy", "en"): {"Sep 3, 2026": "2026-09-03", "sept. 3rd, 2026": "2026-09-03", "Sept 31, 2026": None},
    ("MMMM d, yyyy", "en"): {"September 3, 2026 at 1:05 PM": "2026-09-03 13:05:00", "Thu, Sep 3, 2026": "2026-09-03"},
    ("d. MMMM yyyy", "de"): {"3. März 2026": "2026-03-03", "3. Mrz. 2026": "2026-03-03", "3. March 2026": None},
    ("dd-MMM-yy", "en"): {"03-Sep-26": "2026-09-03", "03-SEP-99": "1999-09-03", "3-Sep-26": None},
    ("d MMMM yyyy", "fr"): {
        "1er août 2026": "2026-08-01",
        "3 juil. 2026": "2026-07-03",
        "3 fevrier 2026": "2026-02-03",
    },
    ("d 'de' MMMM 'de' yyyy", "es"): {"3 de septiembre de 2026": "2026-09-03", "3 septiembre 2026": None},
    ("d MMM yyyy", "it"): {"3 gen 2026": "2026-01-03", "3 Gennaio 2026": "2026-01-03"},
    ("d MMM yyyy", "nl"): {"3 mrt 2026": "2026-03-03", "3 mei 2026 14:00": "2026-05-03 14:00:00"},
    ("d MMM yyyy", "pt"): {"3 fev. 2026": "2026-02-03", "3 março 2026": "2026-03-03"},
}


@pytest.mark.parametrize(("said", "cases"), NAMED.items(), ids=[f"{f} {language}" for f, language in NAMED])
def test_months_by_name(engine: Engine, said: tuple[str, str], cases: dict[str, str | None]) -> None:
    shape = {"date_format": said[0], "date_language": said[1]}
    got = column(engine, shape, "order_date", list(cases))
    frame = engine.spark.createDataFrame([(i, g) for i, g in enumerate(got)], "n int, t string")
    there = frame.select("n", canonical.timestamp(F.col("t"), "UTC").isNotNull().alias("is")).collect()
    real = {r["n"]: r["is"] for r in there}
    assert {t: g if real[i] else None for i, (t, g) in enumerate(zip(cases, got, strict=True))} == cases


def test_a_day_that_two_formats_read_otherwise_is_not_read(engine: Engine) -> None:
    """3 April or 4 March: neither. Where one of them is no day, or both say the same, it is read."""
    shape = {"date_format": ("M/d/yyyy", "d/M/yyyy")}
    cases = {"3/4/2026": "3/4/2026", "13/4/2026": "2026-04-13", "4/13/2026": "2026-04-13", "5/5/2026": "2026-05-05"}
    assert column(engine, shape, "order_date", list(cases)) == list(cases.values())


def test_serial_days(engine: Engine) -> None:
    texts = drawn(near(pieces(["0", "1", "59", "60", "61", "25569", "45000", "109939", "109940"],
                              ["", ".0", ".5", ".25", ".35138888889", ".999999", ".99999421"])))  # fmt: skip
    # An apostrophe may be the export's, and goes.
    texts = [t for t in dict.fromkeys(texts) if v.trimmed(t) == t and not t.startswith("'")]
    got = column(engine, {"date_format": "excel"}, "order_date", texts)
    wanted = [shapes.serial(t) for t in texts]
    written = [w and (f"{w:%Y-%m-%d}" if w.time() == w.min.time() else f"{w:%Y-%m-%d %H:%M:%S}") for w in wanted]
    assert {t: (g, w) for t, g, w in zip(texts, got, written, strict=True) if g != (w or t)} == {}


def test_seconds_since_1970(engine: Engine) -> None:
    assert column(engine, {"date_format": "epoch"}, "order_date", ["1756894440", "0.5", "x"]) == [
        "2025-09-03 10:14:00+00:00", "1970-01-01 00:00:00.5+00:00", "x",
    ]  # fmt: skip
    assert column(engine, {"date_format": "epoch_ms"}, "order_date", ["1756894440123"]) == [
        "2025-09-03 10:14:00.123+00:00"
    ]


def test_a_year_of_two_digits_by_the_as_of(engine: Engine) -> None:
    frame = engine.spark.createDataFrame([("1/1/45",), ("1/1/46",), ("1/1/00",)], "t string")
    found = frame.select("t", days.split(F.col("t"), "M/d/yy", "en").alias("p"))
    for year, wanted in (
        (2025, ["2045", "1946", "2000"]),
        (2026, ["2045", "2046", "2000"]),
        (1980, ["1945", "1946", "2000"]),
    ):
        as_of = datetime(year, 6, 1, tzinfo=UTC)
        iso = days.reading(days.pieces(F.col("p"), "M/d/yy"), "M/d/yy", "en", as_of)
        assert [r[0][:4] for r in found.select(iso).collect()] == wanted


# -- amounts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("decimal_comma", [False, True])
def test_written_amounts(engine: Engine, decimal_comma: bool) -> None:
    """Every text has the value of plain Python, or is no amount."""
    figures = ["0", "7", "1234", "1,234", "1.234", "1 234", "1'234", "1,23,456", "12,34", "1,2345", "1\u202f234,567"]
    tails = ["", ".50", ",50", ".5", ",505"]
    before, behind = ["", "$", "€ ", "USD ", "eur", "R$ ", "XQQ "], ["", " €", " USD", "zł", " kr.", " kg", " US$"]
    texts = drawn(
        near(pieces(["", "-", "(", "+", "\u2212"], before, ["", "-"], figures, tails, behind, ["", "-", ")"])), 1500
    )
    # What a change of a letter makes of a sign may be the sign of another currency: those are in the cases below.
    known = {"$", "€", "USD", "EUR", "R$", "XQQ", "ZŁ", "KR", "KG", "US$"}
    signs = {t: {s.upper() for s in re.findall(r"[^-+0-9 .,'()\s\u2212]+", t)} for t in texts}
    texts = [t for t in dict.fromkeys(texts) if v.trimmed(t) == t and signs[t] <= known]
    shape = {"amounts": "written", "decimal_comma": decimal_comma}
    got = column(engine, shape, "order_amount", texts)
    wanted = [shapes.amount(t, decimal_comma) for t in texts]
    plain = v.as_decimal(18, 10)
    wrong = {t: (g, w) for t, g, w in zip(texts, got, wanted, strict=True) if plain(g) != (w and v.half_up(w, 10))}
    assert wrong == {}
    assert any(w is not None for w in wanted)


@pytest.mark.parametrize(
    ("cell", "currency", "reporting", "row_currency", "agrees"),
    [
        ("$5", "", "USD", "USD", True),
        ("$5", "", "CAD", "CAD", True),
        ("$5", "", "EUR", "USD", True),
        ("$5", "AUD", "USD", "AUD", True),
        ("$5", "EUR", "USD", "EUR", False),
        ("5 kr", "", "DKK", "DKK", True),
        ("5 EUR", "", "USD", "EUR", True),
        ("5 EUR", "USD", "USD", "USD", False),
        ("5", "chf", "USD", "CHF", True),
        ("5", "€", "USD", "EUR", True),
        ("5", "", "USD", None, True),
    ],
)
def test_what_a_sign_means(
    engine: Engine, cell: str, currency: str, reporting: str, row_currency: str | None, agrees: bool
) -> None:
    header = [*REQUIRED, "currency"]
    row = ["A", "C", "P", "2026-01-01", cell, currency]
    (found,) = read(engine, {"amounts": "written"}, header, [row], currency=reporting)
    assert (found["currency"] or "").upper() == (row_currency or "")
    assert ("currency_agrees" not in found["findings"]) is agrees
    assert found["order_amount"] == "5"


def test_more_decimals_than_a_currency_has(engine: Engine) -> None:
    header = [*REQUIRED, "currency"]
    cases = {("1.005", "USD"): "1.01", ("-1.005", "USD"): "-1.01", ("1.5", "JPY"): "2", ("1.2345", "KWD"): "1.235"}
    cases[("12.509", "RSD")] = "12.51"  # ISO 4217's minor unit, though dinars are mostly spent whole
    rows = [[f"A{n}", "C", "P", "2026-01-01", *cell] for n, cell in enumerate([*cases, ("1.500", "USD"), ("x", "USD")])]
    found = read(engine, {"decimals": "round"}, header, rows)
    assert [f["order_amount"] for f in found] == [*cases.values(), "1.50", "x"]
    assert [f["findings"] for f in found] == [["amount_rounded"]] * 5 + [[], []]


def test_hundredths(engine: Engine) -> None:
    texts = ["1000", "-1", "0.5", "x", "1001"]
    got = column(engine, {"cents": ("order_amount",)}, "order_amount", texts)
    assert [v.as_decimal(18, 4)(g) for g in got] == [Decimal(w) for w in ("10", "-0.01", "0.005")] + [
        None,
        Decimal("10.01"),
    ]


# -- computed columns ------------------------------------------------------------------------------


def test_products_constants_joined_and_first(engine: Engine) -> None:
    shape = {
        "columns": {
            "order_amount": Computed(product=("Qty", "Price")),
            "currency": Computed(constant="EUR"),
            "shipping_address": Computed(joined=("Street", "City", "Not there"), separator=", "),
            "customer_id": Computed(first=("Email", "Phone")),
            "product_id": ("SKU", "Item"),
            "unit_price": "Price",
        }
    }
    header = ["order_id", "Item", "order_date", "Qty", "Price", "Street", "City", "Email", "Phone"]
    rows = [
        ["A", "P", "2026-01-01", "6", "2.55", "Main St 1", "Bonn", "", "55"],
        ["B", "P", "2026-01-01", "x", "2.55", "", "Bonn", "a@b.c", "55"],
        ["C", "P", "2026-01-01", "", "2.55", "", "", "", ""],
    ]
    one, two, three = read(engine, shape, header, rows)
    assert v.as_decimal(18, 2)(one["order_amount"]) == Decimal("15.30")
    assert v.as_decimal(18, 2)(two["order_amount"]) is None
    assert two["order_amount"] is not None
    assert three["order_amount"] is None
    assert [r["shipping_address"] for r in (one, two, three)] == ["Main St 1, Bonn", "Bonn", None]
    assert [r["customer_id"] for r in (one, two, three)] == ["55", "a@b.c", None]
    assert {r["currency"] for r in (one, two, three)} == {"EUR"}
    assert (one["product_id"], one["unit_price"], one["qty"], one["email"]) == ("P", "2.55", "6", None)
    assert "street" not in one


def test_shares_add_up(engine: Engine) -> None:
    """Of any order: the parts are those of plain Python, and add up to its total."""
    weights = st.decimals("-5", "50", places=2) | st.just(Decimal(0))
    total = st.decimals("-1000", "1000", places=2)
    orders = drawn(st.tuples(total, st.lists(weights, min_size=1, max_size=6), st.booleans()), 120)
    rows, wanted = [], []
    for n, (whole, parts, repeated) in enumerate(orders):
        rows += [
            [f"A{n}", "C", "P", "2026-01-01", str(whole) if repeated or not i else "", "2", str(w)]
            for i, w in enumerate(parts)
        ]
        wanted += shapes.shares(whole, [2 * w for w in parts])
    shape = {"columns": {"order_amount": Computed(share_of="Total", by=("Qty", "Price"))}}
    header = ["order_id", "customer_id", "product_id", "order_date", "Total", "Qty", "Price"]
    found = [Decimal(r["order_amount"]) for r in read(engine, shape, header, rows)]
    assert [(row, f, w) for row, f, w in zip(rows, found, wanted, strict=True) if f != w] == []


def test_totals_that_cannot_be_shared(engine: Engine) -> None:
    """Two totals of one order, and one that is no amount: no line has an amount that can be read; no total: none."""
    shape = {"columns": {"order_amount": Computed(share_of="Total", by=("W",))}}
    header = ["order_id", "customer_id", "product_id", "order_date", "Total", "W"]
    rows = [
        [order, "C", "P", "2026-01-01", total, "1"]
        for order, total in (("A", "10.00"), ("A", "12.00"), ("B", "ten"), ("B", ""), ("C", ""), ("C", ""))
    ]
    found = [r["order_amount"] for r in read(engine, shape, header, rows)]
    assert [f is not None for f in found] == [True] * 4 + [False] * 2
    assert [v.as_decimal(18, 2)(f) for f in found] == [None] * 6


def test_cells_filled_down(engine: Engine) -> None:
    orders = st.sampled_from(["A", "B", "", "C"])
    cells = st.sampled_from(["2026-01-01", "x", "", "2026-01-02"])
    for records in drawn(st.lists(st.tuples(orders, cells), min_size=1, max_size=12), 12):
        rows = [[order, "C", "P", cell, "1"] for order, cell in records]
        found = read(engine, {"fill_down": ("order_date",)}, REQUIRED, rows)
        wanted = shapes.filled_down([o or None for o, _ in records], [c or None for _, c in records])
        assert [r["order_date"] for r in found] == wanted


def test_an_order_id_filled_down_stops_at_a_record_that_cannot_be_read(engine: Engine) -> None:
    of_shop = SOURCES["orders"].of_shop(Delivery(fill_down=("order_id", "customer_id")), {})
    met = match_header(of_shop, of_shop.delivery, list(REQUIRED), "x.csv", reserved("orders"))
    rows = [
        (1, None, "A", "C1"), (2, None, "", ""), (3, "broken", None, None), (4, None, "", "C2"), (5, None, "B", ""),
    ]  # fmt: skip
    frame = engine.spark.createDataFrame(
        [(n, raw, order, customer, "P", "2026-01-01", "1") for n, raw, order, customer in rows],
        "source_line bigint, raw_line string, c0 string, c1 string, c2 string, c3 string, c4 string",
    )
    found = as_text(frame, of_shop, met, "x.csv", "0", Reading(AS_OF, Shop())).orderBy("source_line")
    read_ids = [tuple(r) for r in found.select(text("order_id"), text("customer_id")).collect()]
    assert read_ids == [("A", "C1"), ("A", "C1"), (None, None), (None, "C2"), ("B", None)]


# -- words and markers -----------------------------------------------------------------------------


def test_empty_words_nobody_markers_and_words(engine: Engine) -> None:
    shape = {
        "null_values": ("null", " N/A "),
        "nobody": ("0", "Guest"),
        "text_markers": True,
        "values": {"order_status": {"Paid in full": "completed"}, "product_id": {"old": "NEW"}},
    }
    header = [*REQUIRED, "order_status", "note"]
    rows = [
        ["'007", "GUEST", "OLD", "2026-01-01", "1", "paid-in  full", "NULL"],
        ['="008"', "'0", '=("x")', "2026-01-01", "1", "n/a", "'s-Hertogenbosch"],
        ["009", "C1", "older", "2026-01-01", "NULL", "open", "'=1"],
    ]
    one, two, three = read(engine, shape, header, rows)
    assert [r["order_id"] for r in (one, two, three)] == ["007", "008", "009"]
    assert [r["customer_id"] for r in (one, two, three)] == ["", "", "C1"]
    assert [r["product_id"] for r in (one, two, three)] == ["NEW", "x", "older"]
    assert [r["order_status"] for r in (one, two, three)] == ["completed", None, "open"]
    assert [r["note"] for r in (one, two, three)] == [None, "'s-Hertogenbosch", "=1"]
    assert three["order_amount"] is None


def test_without_settings_nothing_is_added(engine: Engine) -> None:
    """A plain file has no columns but those of its cells, and no findings."""
    (row,) = read(engine, {}, REQUIRED, [["A", "C", "P", "2026-01-01", "1.00"]])
    assert FINDINGS.removesuffix(text_name("")) not in row
    assert row["order_date"] == "2026-01-01"
