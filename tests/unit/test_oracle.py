"""The oracle against literal cases: each expectation is written out by hand from the documents."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import (
    Batch,
    Result,
    Row,
    Settings,
    Statement,
    UnspecifiedError,
    fold,
    read_flat,
    read_landing,
    rules,
    run,
    sources,
    tables,
)
from tests.oracle import values as v
from tests.oracle.csvfile import CsvFile, HeaderError, parse
from tests.oracle.settings import Delivery
from tests.oracle.sources import SOURCES

MALFORMED = "malformed"
ISTANBUL = v.Zones(ZoneInfo("UTC"), ZoneInfo("Europe/Istanbul"))  # +03:00 all year


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of January 2025."""
    return datetime(2025, 1, day, hour, minute, tzinfo=UTC)


def batch(batch_id: str, as_of: datetime, **files: str | bytes) -> Batch:
    """One file a source: `orders="header\\nrow\\n"`."""
    contents = {s: c.encode() if isinstance(c, str) else c for s, c in files.items()}
    return Batch(batch_id, as_of, {s: {f"{s}_{batch_id}.csv": content} for s, content in contents.items()})


def pick(row: Row, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


# -- the parser ------------------------------------------------------------------------------------


def read(content: bytes) -> list[tuple[Any, ...]]:
    """(source_line, fields), a malformed record as (source_line, "malformed", raw_line)."""
    return [
        (r.source_line, MALFORMED, r.raw_line) if r.fields is None else (r.source_line, r.fields)
        for r in parse(content).records
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n3,4\n",
        b"a,b\r\n1,2\r\n3,4\r\n",
        b"\xef\xbb\xbfa,b\n1,2\n3,4",
        b"\n \t\na,b\n\n1,2\r\n  \r\n3,4\n\t",
    ],
    ids=["lf", "crlf", "bom and no last line end", "blank lines, mixed line ends"],
)
def test_plain_records(content: bytes) -> None:
    assert parse(content).header == ["a", "b"]
    assert read(content) == [(1, ["1", "2"]), (2, ["3", "4"])]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (b'"1","2"', ["1", "2"]),
        (b' \t"1" \t, "2"', ["1", "2"]),
        (b'"say ""hi""",2', ['say "hi"', "2"]),
        (b'"a,b","c\n\nd\r\ne"', ["a,b", "c\n\nd\r\ne"]),
        (b'5" screen,x"y"', ['5" screen', 'x"y"']),
        (b'"",', ["", ""]),
        (b" 1 ,\t2\t", [" 1 ", "\t2\t"]),
        (b"a\rb,c\r", ["a\rb", "c"]),  # a lone \r is a character, the last one belongs to \r\n
        ("ü,\u00a0".encode(), ["ü", "\u00a0"]),
        (b",", ["", ""]),
    ],
)
def test_fields(line: bytes, fields: list[str]) -> None:
    assert read(b"a,b\n" + line + b"\n") == [(1, fields)]


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (b"1\n3,4\n", [(1, MALFORMED, "1"), (2, ["3", "4"])]),
        (b"1,2,\r\n3,4\n", [(1, MALFORMED, "1,2,"), (2, ["3", "4"])]),
        (b'"x\ny",2,3\n3,4\n', [(1, MALFORMED, '"x\ny",2,3'), (2, ["3", "4"])]),
        (b'"x"y,2\n3,4\n', [(1, MALFORMED, '"x"y,2'), (2, ["3", "4"])]),
        (
            b'"x\n1,2\n"y,2\n3,4',
            [(1, MALFORMED, '"x'), (2, ["1", "2"]), (3, MALFORMED, '"y,2'), (4, ["3", "4"])],
        ),
        (b'1,"2\n\n3,4\n', [(1, MALFORMED, '1,"2'), (2, ["3", "4"])]),
        (b"caf\xe9,2\n3,4\n", [(1, MALFORMED, "caf\\xe9,2"), (2, ["3", "4"])]),
        (b'"\xff\n",\xc3\xbc\n3,4\n', [(1, MALFORMED, '"\\xff\n",ü'), (2, ["3", "4"])]),
        (
            b'"\xff\n"x,2\n3,4\n',  # the second line begins with a quote that is never closed
            [(1, MALFORMED, '"\\xff'), (2, MALFORMED, '"x,2'), (3, ["3", "4"])],
        ),
    ],
    ids=[
        "too few",
        "a trailing comma is one more field",
        "a wrong number of fields: the whole record",
        "text after a closing quote",
        "never closed: the first physical line only",
        "never closed, resynchronised behind a blank line",
        "not UTF-8",
        "not UTF-8, two physical lines: the whole record",
        "broken quote and not UTF-8: the first physical line only",
    ],
)
def test_malformed(body: bytes, records: list[Any]) -> None:
    assert read(b"a,b\n" + body) == records


def test_too_long() -> None:
    """A record of more than 1 MiB, line end not counted; first physical line only."""
    just = b"1," + b"x" * (1_048_576 - 2)
    assert read(b"a,b\n" + just + b"\r\n3,4\n")[0] == (1, ["1", "x" * (1_048_576 - 2)])
    (_, kind, raw), after = read(b"a,b\n" + just + b"x\n3,4\n")
    assert (kind, len(raw), after) == (MALFORMED, 1_048_577, (2, ["3", "4"]))
    quoted = b'1,"\n' + b"x" * 1_048_576 + b'"\n3,4\n'
    first, second, third = read(b"a,b\n" + quoted)
    assert first == (1, MALFORMED, '1,"')
    assert second[:2] == (2, MALFORMED)  # one field, not two
    assert third == (3, ["3", "4"])


def test_header() -> None:
    assert parse(b'"a ""x""", b\n') == CsvFile(['a "x"', " b"], [])
    for content in (b"", b"\n \n", b'"a,b\n', b"a,\xff\n1,2\n"):
        with pytest.raises(HeaderError):
            parse(content)


# -- casts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", "12.00"),
        ("+15.00", "15.00"),
        ("12.500", "12.50"),
        ("-0.00", "0.00"),
        ("0012.5", "12.50"),
        ("9999999999999999.99", "9999999999999999.99"),
        ("12.999", None),
        ("1e3", None),
        ("1,000.00", None),
        ("12.", None),
        (".5", None),
        ("12345678901234567", None),
        ("$5", None),
        ("١٢", None),
        (None, None),
    ],
)
def test_decimal(text: str | None, number: str | None) -> None:
    result = v.as_decimal(18, 2)(text)
    assert (result if result is None else str(result)) == number


def test_measure() -> None:
    assert str(v.as_decimal(18, 4)("1.2")) == "1.2000"
    assert v.as_decimal(18, 4)("1.23456") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("12.0", 12),
        ("12.", 12),
        ("-3", -3),
        ("+007", 7),
        ("12.5", None),
        ("1e3", None),
        ("1" * 19, None),
    ],
)
def test_int(text: str, number: int | None) -> None:
    assert v.as_int(text) == number


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-02-28", date(2025, 2, 28)),
        ("2025-02-28T00:00:00", date(2025, 2, 28)),
        ("2025-02-28 00:00:00.000000000Z", date(2025, 2, 28)),
        ("1700-01-01", date(1700, 1, 1)),
        ("2025", None),
        ("2025-2-8", None),
        ("29.02.2025", None),
        ("2025-02-29", None),
        ("2025-02-28T10:30:00", None),
        ("2025-02-28T00:00:00+00:00", None),
        ("1699-12-31", None),
        ("2201-01-01", None),
        ("0000-01-01", None),
        ("10:30:00", None),
    ],
)
def test_date(text: str, day: date | None) -> None:
    assert v.as_date(text) == day


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-01-02", at(2)),
        ("2025-01-02 10:30:00", at(2, 10, 30)),
        ("2025-01-02T10:30:00Z", at(2, 10, 30)),
        ("2025-01-02T10:30:00.5Z", at(2, 10, 30) + timedelta(milliseconds=500)),
        ("2025-01-02T01:30:00+02:00", at(1, 23, 30)),
        ("2025-01-01T23:30:00-05:30", at(2, 5, 0)),
        ("2025-01-02T10:30", None),
        ("2025-01-02T24:00:00", None),
        ("2025-01-02T10:30:00.1234567", None),
        ("2025-01-02T10:30:00+14:00", None),
        ("2025-02-30T10:30:00", None),
        ("1699-12-31T23:59:59Z", None),
        ("2200-12-31T23:59:59-01:00", None),
    ],
)
def test_timestamp(text: str, instant: datetime | None) -> None:
    assert v.as_timestamp(text, v.UTC_ZONES) == instant


def test_timestamp_in_source_timezone() -> None:
    new_york = v.Zones(ZoneInfo("America/New_York"), ZoneInfo("UTC"))
    assert v.as_timestamp("2025-01-02 10:30:00", new_york) == at(2, 15, 30)
    assert v.as_timestamp("2025-01-02", new_york) == at(2, 5)
    assert v.as_timestamp("2025-01-02T10:30:00Z", new_york) == at(2, 10, 30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-02", (date(2025, 1, 2), None)),
        ("2025-01-02T00:00:00Z", (date(2025, 1, 2), None)),
        ("2025-01-02T00:00:00+00:00", (date(2025, 1, 2), at(2))),
        ("2025-01-02T22:00:00", (date(2025, 1, 3), at(2, 22))),  # 01:00 of the 3rd in Istanbul
        ("2025-01-02T22:00:00+03:00", (date(2025, 1, 2), at(2, 19))),
        ("2025-02-30", (None, None)),
        ("soon", (None, None)),
        (None, (None, None)),
    ],
)
def test_order_date(text: str | None, expected: tuple[date | None, datetime | None]) -> None:
    assert v.as_order_date(text, ISTANBUL) == expected


def test_end_of_day() -> None:
    assert v.end_of_day(date(2025, 1, 2), v.UTC_ZONES) == at(3) - timedelta(microseconds=1)
    assert v.end_of_day(date(2025, 1, 2), ISTANBUL) == at(2, 21) - timedelta(microseconds=1)


def test_text() -> None:
    assert v.trimmed("\u00a0\ufeff a b\t\u200b\r") == "a b"
    assert v.trimmed("\u00a0 ") is None
    assert v.as_word("In - Transit") == "in_transit"
    assert v.as_word("Credit\u00a0-Card") == "credit_card"
    assert v.as_order_status("Canceled") == "cancelled"
    assert [v.as_bool(t) for t in ("YES", "t", "1", "No", "0", "on", "tru", None)] == [
        *(True, True, True, False, False, None, None, None)
    ]


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("10x20x30", ("10", "20", "30")),
        ("10.5 X 20 * 30 cm", ("10.5", "20", "30")),
        ("10\u00d720\u00d730cm", ("10", "20", "30")),
        ("10x20", None),
        ("10x20x30x40", None),
        ("-1x2x3", None),
        ("10x20x30 in", None),
    ],
)
def test_dimensions(text: str, sides: tuple[str, str, str] | None) -> None:
    assert v.as_dimensions(text) == (tuple(map(Decimal, sides)) if sides else None)


def test_rounding() -> None:
    assert str(v.published(Decimal("0.125"), 2)) == "0.13"
    assert str(v.published(Decimal("-0.125"), 2)) == "-0.13"
    assert v.published(Decimal(10) ** 16, 2) is None
    assert v.ratio(1, 0) is None
    assert v.ratio(None, 2) is None


def test_row_hash_and_key() -> None:
    cells = ["é", None, "", Decimal("12.50"), Decimal("1.2000"), date(2025, 1, 2), True, 7, at(1)]
    text = "1:é~0:5:12.506:1.200010:2025-01-024:true1:716:1735689600000000"
    assert v.row_hash(cells) == hashlib.sha256(text.encode()).hexdigest()
    assert v.key_text(["P1", "UNKNOWN", ""]) == "2:P17:UNKNOWN0:"


def test_well_formed() -> None:
    assert v.is_well_formed("Ö-1#007")
    assert v.is_well_formed("x" * 64)
    assert not v.is_well_formed("x" * 65)
    for bad in ("a b", "a\u00a0b", "a\tb", "a\x00b", "a\x7fb", "a\x85b"):
        assert not v.is_well_formed(bad)
    assert v.is_well_formed("a\u00a0b c", blanks_pass=True)
    assert not v.is_well_formed("a\tb", blanks_pass=True)


# -- judge, duplicates, winners --------------------------------------------------------------------

ORDERS = "order_id,customer_id,product_id,order_date,order_amount"


def one(source: str, content: str | bytes, **options: Any) -> tuple[list[Row], list[Row], dict[str, int]]:
    """One batch of one file on 10 January: stage, errors, counts."""
    result = run([batch("b", at(10), **{source: content})], **options)
    return result.stage[source], result.errors[source], result.counts["b", source, f"{source}_b.csv"]


@pytest.mark.parametrize(
    ("source", "header", "line", "reasons"),
    [
        ("orders", ORDERS, "1,c,p,2025-01-01,1", None),
        ("orders", ORDERS, "1,c,p,2025-01-01,0.00", None),
        ("orders", ORDERS, ",c,p,2025-01-01,1", {"order_id_present"}),
        ("orders", ORDERS, "1 2,c,p,2025-01-01,1", {"order_id_well_formed"}),
        ("orders", ORDERS, "1, ,,2025-01-01,1", {"customer_id_present", "product_id_present"}),
        ("orders", ORDERS, "1,c,p,,", {"order_date_present", "order_amount_present"}),
        ("orders", ORDERS, "1,c,p,29.02.2025,12.999", {"order_date_readable", "order_amount_readable"}),
        ("orders", ORDERS, "1,c,p,1999-12-31,-1", {"order_date_plausible", "order_amount_not_negative"}),
        ("orders", ORDERS, "1,c,p,2025-01-11,1", None),
        ("orders", ORDERS, "1,c,p,2025-01-12,1", {"order_date_plausible"}),
        ("orders", ORDERS + ",currency", "1,c,p,2025-01-01,1,eur", None),
        ("orders", ORDERS + ",currency", "1,c,p,2025-01-01,1,QQQ", {"currency_known"}),
        ("customers", "customer_id,last_login", "c,nonsense", None),
        ("customers", "customer_id", "a\u2003b", {"customer_id_well_formed"}),
        ("products", "product_id,price", "p,", {"price_present"}),
        ("products", "product_id,price", "p,1e3", {"price_readable"}),
        ("products", "product_id,price", "p,-0.01", {"price_not_negative"}),
        ("products", "product_id,price,discontinued", "p,1,perhaps", None),
        ("inventory", "product_id,stock_quantity", "p,12.5", {"stock_quantity_readable"}),
        ("inventory", "product_id,stock_quantity", "p,-1", {"stock_quantity_not_negative"}),
        ("inventory", "product_id,stock_quantity,location", "p,1,aisle 4", None),
        (
            "inventory",
            "product_id,stock_quantity,warehouse_name",
            "p,1,a\tb",
            {"warehouse_location_well_formed"},
        ),
        ("shipping", "order_id,tracking_number,shipping_cost", "o,,", None),
        (
            *("shipping", "order_id,tracking_number,shipping_cost", "o,a b,-1"),
            {"tracking_number_well_formed", "shipping_cost_not_negative"},
        ),
        ("shipping", "order_id,shipping_cost", "o,cheap", {"shipping_cost_readable"}),
    ],
)
def test_rules(source: str, header: str, line: str, reasons: set[str] | None) -> None:
    stage, errors, counts = one(source, f"{header}\n{line}\n")
    if reasons is None:
        assert (len(stage), errors, counts["accepted"]) == (1, [], 1)
    else:
        assert (stage, counts["rejected"]) == ([], 1)
        levels = rules.in_force(SOURCES[source], Settings())
        assert {name for name in errors[0]["reasons"] if levels[name] == "HIGH"} == reasons
        assert errors[0]["severity"] == "HIGH"


def test_error_rows() -> None:
    _, errors, _ = one("orders", b'Order_ID,customer_id,PRODUCT_ID,order_date,order_amount\n 7 ,c,," ",1\nx\xe9\n')
    raw = {"Order_ID": " 7 ", "customer_id": "c", "PRODUCT_ID": "", "order_date": " ", "order_amount": "1"}
    place = {"batch_id": "b", "as_of": at(10), "source_file": "orders_b.csv"}
    why = ["currency_assumed", "order_date_present", "product_id_present"]
    assert sorted(errors[0].pop("reasons")) == why
    assert errors[0] == place | {
        "source_line": 1,
        "raw": raw,
        "raw_line": None,
        "severity": "HIGH",
        "key": "7",
        "key_parts": ["7", "", ""],
    }
    assert errors[1] == place | {
        "source_line": 2,
        "raw": None,
        "raw_line": "x\\xe9",
        "reasons": ["line_malformed"],
        "severity": "HIGH",
        "key": None,
        "key_parts": None,
    }


def test_order_has_one_product() -> None:
    """Over the whole batch; also the record without a product, also a record rejected for another reason."""
    lines = [
        "1,c,p,2025-01-01,1",
        " 1,c,q,2025-01-01,-1",
        "1,c,,2025-01-01,1",
        "2,c,p,2025-01-01,1",
        "2,c,p,x,1",
        "3,c,p,2025-01-01,1",
        "3,c,p,2025-01-01,1",
    ]
    files = {
        "a.csv": "\n".join([ORDERS, *lines]).encode(),
        "b.csv": f"{ORDERS}\n2,c,q,2025-01-01,1\n".encode(),
    }
    result = run([Batch("b", at(10), {"orders": files})])
    split = [
        pick(e, "source_file", "source_line")
        for e in result.errors["orders"]
        if "order_has_one_product" in e["reasons"]
    ]
    assert split == [*(("a.csv", line) for line in (1, 2, 3, 4, 5)), ("b.csv", 1)]
    assert [pick(row, "order_id", "quality_flags") for row in result.stage["orders"]] == [("3", ["currency_assumed"])]


def test_duplicates_and_winner_by_time() -> None:
    header = "product_id,price,created_timestamp,note"
    rows = [
        "p,1.00,2025-01-01T10:00:00Z,x",  # 1 superseded: older
        "p,2.00,2025-01-02T10:00:00Z,x",  # 2 wins
        "p,2,2025-01-02 10:00:00, x ",  # 3 duplicate of 2: equal after the cast
        "p,3.00,,x",  # 4 superseded: no time
        "p,4.00,2025-01-01T10:00:00Z,x",  # 5 superseded
    ]
    stage, errors, counts = one("products", "\n".join([header, *rows]))
    assert [pick(row, "source_line", "price", "quality_flags") for row in stage] == [
        (2, Decimal("2.00"), ["currency_assumed"])
    ]
    assert [pick(e, "source_line", "reasons", "severity", "key") for e in errors] == [
        (1, ["superseded"], "NONE", "p"),
        (4, ["superseded"], "NONE", "p"),
        (5, ["superseded"], "NONE", "p"),
    ]
    assert counts == {"read": 5, "accepted": 1, "rejected": 0, "duplicate": 1, "superseded": 3}


def test_the_least_file_then_line_stays_of_duplicates() -> None:
    files = {"b.csv": b"customer_id\nc\n", "a.csv": b"customer_id\nother\nc\nc\n"}
    result = run([Batch("b", at(10), {"customers": files})])
    assert [pick(row, "key", "source_file", "source_line") for row in result.stage["customers"]] == [
        ("5:other", "a.csv", 1),
        ("1:c", "a.csv", 2),
    ]
    assert [result.counts["b", "customers", file]["duplicate"] for file in ("a.csv", "b.csv")] == [1, 1]


def test_the_later_record_wins() -> None:
    """Without times the later file of the batch, in the trigger's order, then the later record; at an equal stated time
    it is a conflict, decided so too."""
    stage, errors, _ = one("customers", "customer_id,city\nc,Cork\nc,Bonn\nc,Ankara\n")
    assert [pick(row, "city", "quality_flags") for row in stage] == [("Ankara", [])]
    assert [pick(e, "reasons", "severity") for e in errors] == [(["superseded"], "NONE")] * 2

    files = {"b.csv": b"customer_id,city\nc,Bonn\n", "a.csv": b"customer_id,city\nc,Cork\nc,Ankara\n"}
    for order, city in ((("b.csv", "a.csv"), "Ankara"), (("a.csv", "b.csv"), "Bonn")):
        result = run([Batch("b", at(10), {"customers": {name: files[name] for name in order}})])
        assert [row["city"] for row in result.stage["customers"]] == [city]

    rows = "".join(f"c,{city},2025-01-01\n" for city in ("Cork", "Ankara", "Bonn"))
    stage, errors, _ = one("customers", f"customer_id,city,created_timestamp\n{rows}")
    assert [pick(row, "city", "quality_flags") for row in stage] == [("Bonn", ["sequence_conflict"])]
    assert [pick(e, "reasons", "severity") for e in errors] == [(["sequence_conflict"], "MEDIUM")] * 2


def test_what_is_stated_once_more_is_stated_later() -> None:
    stage, errors, counts = one("customers", "customer_id,city\nc,Cork\nc,Bonn\nc,Cork\n")
    assert [pick(row, "city", "source_line") for row in stage] == [("Cork", 1)]
    assert [e["source_line"] for e in errors] == [2]
    assert (counts["duplicate"], counts["superseded"]) == (1, 1)


UPDATED = f"{ORDERS},created_timestamp,updated_timestamp"


def test_when_a_row_was_updated_decides() -> None:
    rows = ["1,c,p,2025-01-01,1,2025-01-02,2025-01-05", "1,c,p,2025-01-01,1,2025-01-04,"]
    stage, _, _ = one("orders", "\n".join([UPDATED, *rows, ""]))
    assert [row["source_line"] for row in stage] == [1]
    stage, _, _ = one("orders", "\n".join([UPDATED, rows[0].replace("-05", "-03"), rows[1], ""]))
    assert [row["source_line"] for row in stage] == [2]


@pytest.mark.parametrize("other", ["1,c,p,2025-01-01,2,2025-01-01", "1,c,q,2025-01-01,1,2025-01-01"])
def test_money_that_loses_is_loud(other: str) -> None:
    """Also a copy of it; a status update with the same amount and product is quiet."""
    last = "1,c,p,2025-01-01,1,2025-01-03"
    settings = Settings(sources={"orders": Delivery(line_id="order_id")})
    content = "\n".join([f"{ORDERS},created_timestamp", other, other, last.replace("-03", "-02"), last, ""])
    _, errors, counts = one("orders", content, settings=settings)
    assert [pick(e, "reasons", "severity") for e in errors] == [
        (["superseded_amount_agrees"], "HIGH"),
        (["superseded_amount_agrees"], "HIGH"),
        (["superseded"], "NONE"),
    ]
    assert counts == {"read": 4, "accepted": 1, "rejected": 2, "duplicate": 0, "superseded": 1}


@pytest.mark.parametrize(
    ("line_id", "lines"),
    [
        ("item", ["1", "2", "2"]),
        (("order_id", "item"), ["A|1", "A|2", "A|2"]),
        ("position", ["1", "2", "3"]),
        (("gift", "item"), ["\\\\\\||1", "|2", "|2"]),
    ],
)
def test_which_line_a_record_is(line_id: str | tuple[str, ...], lines: list[str]) -> None:
    header = f"{ORDERS},Item,Gift"
    rows = ["A,c,p,2025-01-01,1,1,\\|", "A,c,q,2025-01-01,1,2,", "A,c,q,2025-01-01,2,2,"]
    settings = Settings(sources={"orders": Delivery(line_id=line_id)})
    stage, errors, _ = one("orders", "\n".join([header, *rows, ""]), settings=settings)
    found = {row["source_line"]: row["line_id"] for row in stage}
    found |= {e["source_line"]: lines[e["source_line"] - 1] for e in errors}
    assert [found[n] for n in (1, 2, 3)] == lines
    assert len(errors) == len(lines) - len(set(lines))


def test_equal_lines_by_position_are_two_lines() -> None:
    settings = Settings(sources={"orders": Delivery(line_id="position")})
    stage, _, counts = one("orders", f"{ORDERS}\nA,c,p,2025-01-01,1\nA,c,p,2025-01-01,1\n", settings=settings)
    assert [row["line_id"] for row in stage] == ["1", "2"]
    assert counts["duplicate"] == 0


def test_lines_that_are_products_must_differ() -> None:
    settings = Settings(sources={"orders": Delivery(line_id="product_id")})
    rows = ["A,c,p,2025-01-01,1", "A,c,p,2025-01-01,1", "A,c,q,2025-01-01,1"]
    stage, errors, _ = one("orders", "\n".join([ORDERS, *rows, ""]), settings=settings)
    assert ["order_lines_distinct" in e["reasons"] for e in errors] == [True, True]
    assert [row["line_id"] for row in stage] == ["q"]


@pytest.mark.parametrize(
    ("cells", "refund"),
    [
        ("2025-01-05,-1,2025-01-06T10:00:00+01:00,", "2025-01-06T09:00:00Z"),
        ("2025-01-05T08:00:00.5Z,-1,,", "2025-01-05T08:00:00.5Z"),
        ("2025-01-05,-1,,", "2025-01-05#1"),
        ("2025-01-05,-1,2025-01-06,R7", "R7"),
        ("2025-01-05,1,2025-01-06,R7", ""),
        ("2025-01-05,0,,", ""),
    ],
)
def test_which_refund_a_record_is(cells: str, refund: str) -> None:
    settings = Settings(sources={"orders": Delivery(refunds="rows")})
    header = "order_id,customer_id,product_id,order_date,order_amount,created_timestamp,refund_id"
    stage, errors, _ = one("orders", f"{header}\nA,c,p,{cells}\n", settings=settings)
    assert [row["refund_id"] for row in stage] == [refund]
    assert not errors


def test_refunds_of_a_day_are_numbered_and_no_rivals_of_their_sale() -> None:
    settings = Settings(sources={"orders": Delivery(refunds="rows")})
    rows = ["A,c,p,2025-01-05,9", "A,c,p,2025-01-05,-1", "A,c,p,2025-01-05,-1"]
    stage, errors, _ = one("orders", "\n".join([ORDERS, *rows, ""]), settings=settings)
    assert [row["refund_id"] for row in stage] == ["", "2025-01-05#1", "2025-01-05#2"]
    assert not errors


def test_a_whole_order_ends_its_lines_and_no_refund() -> None:
    settings = Settings(sources={"orders": Delivery(line_id="product_id", whole_orders=True, refunds="rows")})
    rows = ["A,c,p,2025-01-01,1", "A,c,q,2025-01-01,1", "A,c,q,2025-01-01,-1", "B,c,p,2025-01-01,1"]
    first = "\n".join([ORDERS, *rows])
    later = "\n".join([ORDERS, "A,c,p,2025-01-01,1"])
    made = [
        Batch("a", at(10), {"orders": {"a.csv": first.encode()}}),
        Batch("b", at(11), {"orders": {"b.csv": later.encode()}}),
    ]
    current = [row for row in run(made, settings).targets["orders"] if row["is_current"]]
    assert [pick(row, "order_id", "line_id", "refund_id") for row in current] == [
        ("A", "p", ""),
        ("A", "q", "2025-01-01#1"),
        ("B", "p", ""),
    ]


def test_absent_is_not_empty_among_duplicates() -> None:
    files = {"b.csv": b"customer_id\nc\n", "a.csv": b"customer_id,city\nc,\nc,\n"}
    result = run([Batch("b", at(10), {"customers": files})])
    assert pick(result.stage["customers"][0], "source_file", "source_line") == ("a.csv", 1)
    assert result.counts["b", "customers", "a.csv"]["duplicate"] == 1
    assert result.counts["b", "customers", "b.csv"]["superseded"] == 1
    assert result.errors["customers"][0]["reasons"] == ["superseded"]


# -- stage -----------------------------------------------------------------------------------------


def test_stage_row() -> None:
    content = f"{ORDERS},Order-Status,Gift Wrap?\n 1001 ,c1,p1,2025-01-02T09:30:00,19.9,ignored, yes \n"
    with pytest.raises(UnspecifiedError):
        one("orders", content)  # `Order-Status` would become order_status
    content = content.replace("Order-Status", "order_status").replace("ignored", "CANCELED")
    stage, _, counts = one("orders", content)
    tracked = ["1001", "", "", "c1", "p1", date(2025, 1, 2), Decimal("19.900"), "USD", None, None, "cancelled"]
    assert stage == [
        {
            "order_id": "1001",
            "line_id": "",
            "refund_id": "",
            "customer_id": "c1",
            "product_id": "p1",
            "order_date": date(2025, 1, 2),
            "order_amount": Decimal("19.90"),
            "currency": "USD",
            "payment_method": None,
            "shipping_address": None,
            "order_status": "cancelled",
            "created_timestamp": None,
            "quantity": None,
            "unit_price": None,
            "discount": None,
            "tax": None,
            "order_total": None,
            "updated_timestamp": None,
            "ordered_at": at(2, 9, 30),
            "gift_wrap": "yes",
            "batch_id": "b",
            "as_of": at(10),
            "source_file": "orders_b.csv",
            "file_sha256": hashlib.sha256(content.encode()).hexdigest(),
            "source_line": 1,
            "row_hash": v.row_hash(tracked),
            "op": "U",
            "key": "4:10010:0:",
            "absent_columns": [
                *("line_id", "refund_id", "currency", "payment_method", "shipping_address", "created_timestamp"),
                *("quantity", "unit_price", "discount", "tax", "order_total", "updated_timestamp"),
            ],
            "quality_flags": ["currency_assumed"],
        }
    ]
    assert counts == {"read": 1, "accepted": 1, "rejected": 0, "duplicate": 0, "superseded": 0}


@pytest.mark.parametrize(
    ("order_date", "created", "expected"),
    [
        ("2025-01-02", "", None),
        ("2025-01-02", "2025-01-02T20:59:59Z", at(2, 20, 59) + timedelta(seconds=59)),
        ("2025-01-02", "2025-01-02T21:00:00Z", None),  # the 3rd in Istanbul
        ("2025-01-02", "2025-01-01T21:00:00Z", at(1, 21)),
        ("2025-01-02T10:00:00Z", "2025-01-02T11:00:00Z", at(2, 10)),
    ],
)
def test_ordered_at(order_date: str, created: str, expected: datetime | None) -> None:
    content = f"{ORDERS},created_timestamp\n1,c,p,{order_date},1,{created}\n"
    stage, _, _ = one("orders", content, shop_timezone="Europe/Istanbul")
    assert pick(stage[0], "order_date", "ordered_at") == (date(2025, 1, 2), expected)


def test_customer_stage() -> None:
    header = "customer_id,date_of_birth,registration_date,customer_tier"
    result = run(
        [
            batch(
                "b",
                datetime(2025, 2, 28, 23, 59, tzinfo=UTC),
                customers=f"{header}\nc,2000-02-29,2025-01-30, VIP\n",
            )
        ]
    )
    names = ["age", "age_group", "days_since_registration", "lifecycle_stage", "is_premium", "customer_group"]
    assert pick(result.stage["customers"][0], *names) == (24, "18-24", 29, "New", True, "New / vip")
    result = run([batch("b", datetime(2025, 3, 1, tzinfo=UTC), customers=f"{header}\nc,2000-02-29,2025-01-30,\n")])
    assert pick(result.stage["customers"][0], *names) == (25, "25-34", 30, "Active", False, None)
    stage, _, _ = one("customers", "customer_id\nc\n")
    assert pick(stage[0], *names) == (None, None, None, None, False, None)


def test_product_stage() -> None:
    header = "product_id,price,currency,stock_quantity,dimensions_cm,launch_date,discontinued"
    rows = [
        "a,24.99,USD,3,1.5 x 2 x 3.00005 cm,2024-10-13,no",
        "b,100,EUR,,10x20,,",
        "c,500.00,,0,,2025-01-11,Y",
    ]
    stage, _, _ = one("products", "\n".join([header, *rows]))
    names = [
        "price_reporting",
        "price_segment",
        "days_since_launch",
        "lifecycle_stage",
        "volume_cm3",
        "height_cm",
    ]
    names += ["stock_indicator", "is_sellable", "stock_value", "discontinued"]
    assert pick(stage[0], *names) == (
        *(Decimal("24.99"), "Budget", 89, "New", Decimal("9.0002"), Decimal("3.0001")),
        *("Low Stock", True, Decimal("74.97"), False),
    )
    assert pick(stage[1], *names) == (None, None, None, None, None, None, None, False, None, False)
    assert pick(stage[2], *names) == (
        *(Decimal("500.00"), "Luxury", -1, "Discontinued", None, None),
        *("Out of Stock", False, Decimal("0.00"), True),
    )


def test_bounds() -> None:
    """The word on each side of each bound."""
    assert [sources.stock_indicator(n, 10) for n in (-1, 0, 1, 10, 11, None)] == [
        *("Out of Stock", "Out of Stock", "Low Stock", "Low Stock", "In Stock", None)
    ]
    prices = ("24.99", "25.00", "99.99", "100.00", "499.99", "500.00")
    assert [sources.price_segment(Decimal(p)) for p in prices] == [
        *("Budget", "Standard", "Standard", "Premium", "Premium", "Luxury")
    ]
    ages = [(17, "<18"), (18, "18-24"), (24, "18-24"), (25, "25-34"), (34, "25-34"), (35, "35-44")]
    ages += [(44, "35-44"), (45, "45-54"), (54, "45-54"), (55, "55-64"), (64, "55-64"), (65, "65+")]
    for age, group in ages:
        assert sources.age_group(date(2025 - age, 1, 1), date(2025, 12, 31)) == group
    today = date(2025, 1, 1)
    stages = [(29, "New"), (30, "Active"), (364, "Active"), (365, "Established")]
    for days, stage in stages:
        assert sources.customer_lifecycle(today - timedelta(days=days), today) == stage
    header = "product_id,price,launch_date"
    launches = [(-1, "Upcoming"), (0, "New"), (89, "New"), (90, "Growing"), (364, "Growing"), (365, "Mature")]
    rows = [f"p{days},1,{at(10).date() - timedelta(days=days)}" for days, _ in launches]
    stage_rows, _, _ = one("products", "\n".join([header, *rows]))
    assert [row["lifecycle_stage"] for row in stage_rows] == [stage for _, stage in launches]


def test_inventory_stage_in_the_wild() -> None:
    header = "inventory_id,product_id,warehouse_name,location,stock_quantity,reorder_level,last_audit"
    rows = ["i1,p,East,A 1,5,4,2025-01-01", "i2,p,,,5,,", "i3,p,East,A 2,0,4,"]
    stage, _, _ = one("inventory", "\n".join([header, *rows]))
    assert [pick(row, "key", "stock_indicator", "last_updated") for row in stage] == [
        ("1:p4:East3:A 1", "In Stock", at(1)),
        ("1:p7:UNKNOWN0:", "Low Stock", None),
        ("1:p4:East3:A 2", "Out of Stock", None),
    ]
    assert stage[0]["absent_columns"] == [
        *("stock_status", "created_timestamp", "warehouse_id", "reserved_quantity"),
        *("available_quantity", "last_restocked"),
    ]


def test_shipping_stage() -> None:
    header = "order_id,created_timestamp,estimated_delivery,actual_delivery,shipping_cost,package_weight"
    created = "2025-01-01T10:00:00Z"
    rows = [
        f"a,{created},2025-01-05,2025-01-05,10,3",
        f"b,{created},2025-01-05,2025-01-06,10,0",
        f"c,{created},,2025-01-10,,1",
        f"d,{created},2025-01-09,2025-01-11,,",
        f"e,{created},2025-01-10,,,",
        "f,,2025-01-05,2025-01-04,,",
    ]
    stage, _, _ = one("shipping", "\n".join([header, *rows]))
    assert [pick(row, "delivery_days", "delay_days", "delivery_status", "cost_per_kg") for row in stage] == [
        (4, 0, "On Time", Decimal("3.3333")),
        (5, 1, "Late", None),
        (9, None, "On Time", None),
        (None, None, "Overdue", None),  # delivered tomorrow: a forecast
        (None, None, "Pending", None),
        (None, -1, "On Time", None),
    ]


def test_a_failing_batch_is_nowhere() -> None:
    good, bad = (
        batch("good", at(1), customers="customer_id\nc\n"),
        batch("bad", at(2), orders="order_id\n1\n"),
    )
    result = run([good, bad])
    assert list(result.failed) == ["bad"]
    assert "customer_id" in result.failed["bad"]
    assert [row["batch_id"] for row in result.analytics_summary] == ["good"]


# -- the fold --------------------------------------------------------------------------------------


def price(batch_id: str, day: int, amount: str, **more: Any) -> Statement:
    return Statement(batch_id, at(day), "U", {"product_id": "p", "price": Decimal(amount), **more})


def history(*statements: Statement, columns: tuple[str, ...] = ("price",)) -> list[tuple[Any, ...]]:
    """(from day, to day or None, lineage, columns ...) of the versions; the same for any order of arrival."""
    rows = fold("products", statements)
    shuffled = list(statements)
    random.Random(7).shuffle(shuffled)
    assert fold("products", shuffled) == rows
    assert all(row["is_current"] == (row["expiry_date"] is None) for row in rows)
    return [
        (
            row["effective_date"].day,
            row["expiry_date"] and row["expiry_date"].day,
            row["batch_id"],
            *pick(row, *columns),
        )
        for row in rows
    ]


ONE, TWO, THREE = Decimal("1.00"), Decimal("2.00"), Decimal("3.00")


def test_fold_first() -> None:
    [row] = fold("products", [price("a", 1, "1.00", stock_quantity=4, note="x")])
    contract = dict.fromkeys(SOURCES["products"].contract)
    contract |= {
        "product_id": "p",
        "price": ONE,
        "currency": "USD",
        "stock_quantity": 4,
        "discontinued": False,
    }
    tracked = [contract[name] for name in SOURCES["products"].tracked]
    assert row == contract | {
        "note": "x",
        "effective_date": at(1),
        "expiry_date": None,
        "is_current": True,
        "row_hash": v.row_hash(tracked),
        "batch_id": "a",
    }


def test_fold_unchanged_resend_changes_untracked_values_only() -> None:
    statements = [
        price("a", 1, "1.00", stock_quantity=4, note="x"),
        price("b", 2, "1.00", stock_quantity=5, note=None),
        price("c", 3, "2.00", stock_quantity=6),
    ]
    assert history(*statements[:2], columns=("price", "stock_quantity", "note")) == [(1, None, "a", ONE, 5, None)]
    assert history(*statements, columns=("price", "stock_quantity")) == [
        (1, 3, "a", ONE, 5),
        (3, None, "c", TWO, 6),
    ]


def test_fold_a_b_a() -> None:
    assert history(price("a", 1, "1"), price("b", 2, "2.00"), price("c", 3, "1.00")) == [
        (1, 2, "a", ONE),
        (2, 3, "b", TWO),
        (3, None, "c", ONE),
    ]


def test_fold_late_batch_bisects() -> None:
    early, late = price("a", 1, "1.00"), price("c", 5, "1.00")
    assert history(early, late) == [(1, None, "a", ONE)]
    assert history(early, late, price("b", 3, "2.00")) == [
        (1, 3, "a", ONE),
        (3, 5, "b", TWO),
        (5, None, "c", ONE),
    ]


def test_fold_late_equal_value_moves_the_start() -> None:
    assert history(price("a", 3, "1.00"), price("b", 5, "2.00")) == [(3, 5, "a", ONE), (5, None, "b", TWO)]
    assert history(price("a", 3, "1.00"), price("b", 5, "2.00"), price("z", 4, "2.00")) == [
        (3, 4, "a", ONE),
        (4, None, "z", TWO),
    ]


def test_fold_same_instant_the_last_position_wins() -> None:
    """Position = (as-of, trigger id bytewise): `Z` < `a` < `é`."""
    assert history(price("a", 1, "1.00"), price("Z", 1, "2.00")) == [(1, None, "a", ONE)]
    assert history(price("a", 1, "1.00"), price("\u00e9", 1, "2.00")) == [(1, None, "\u00e9", TWO)]
    # what the lesser position says is carried over all the same
    assert history(price("a", 1, "1", color="red"), price("b", 1, "2.00"), columns=("price", "color")) == [
        (1, None, "b", TWO, "red")
    ]
    # one state an instant: that b said otherwise in between opens nothing
    assert history(price("a", 1, "1.00"), price("b", 2, "2.00"), price("c", 2, "1.00")) == [(1, None, "a", ONE)]


def test_fold_carry_over() -> None:
    statements = [
        price("a", 1, "1.00", color="red", currency="EUR", discontinued=True, note="x"),
        price("b", 2, "2.00"),  # absent: the previous values stay
        price("c", 3, "2.00", color=None, currency="USD", discontinued=False, note=None),  # empty is a value
    ]
    columns = ("color", "currency", "discontinued", "note")
    assert history(*statements, columns=columns) == [
        (1, 2, "a", "red", "EUR", True, "x"),
        (2, 3, "b", "red", "EUR", True, "x"),
        (3, None, "c", None, "USD", False, None),
    ]
    rows = fold("products", statements)
    stated = price("x", 9, "2.00", color="red", currency="EUR", discontinued=True)
    assert rows[1]["row_hash"] == fold("products", [stated])[0]["row_hash"]  # computed after carry-over


def test_fold_late_statement_feeds_the_carry_over() -> None:
    assert history(price("a", 1, "1.00", color="red"), price("c", 3, "3.00"), columns=("color",)) == [
        (1, 3, "a", "red"),
        (3, None, "c", "red"),
    ]
    late = price("b", 2, "1.00", color="blue")
    assert history(price("a", 1, "1.00", color="red"), price("c", 3, "3.00"), late, columns=("color",)) == [
        (1, 2, "a", "red"),
        (2, 3, "b", "blue"),
        (3, None, "c", "blue"),
    ]


def test_fold_delete_ends_the_life() -> None:
    gone = Statement("b", at(2), "D", {"product_id": "p"})
    again = price("c", 3, "1.00")
    assert history(price("a", 1, "1.00", color="red"), gone) == [(1, 2, "a", ONE)]
    assert history(price("a", 1, "1.00", color="red"), gone, again, columns=("color",)) == [
        (1, 2, "a", "red"),
        (3, None, "c", None),  # a gap, and a new life carries nothing over
    ]
    assert history(price("a", 1, "1.00"), price("b2", 2, "1.00"), gone) == [(1, None, "a", ONE)]  # no gap: one version
    assert history(gone) == []


def test_fold_key_column_absent_is_not_carried() -> None:
    rows = fold(
        "inventory",
        [
            Statement(
                "a",
                at(1),
                "U",
                {"product_id": "p", "warehouse_location": "W", "location": "L", "stock_quantity": 5},
            ),
            Statement("b", at(2), "U", {"product_id": "p", "stock_quantity": 7}),
        ],
    )
    assert [pick(row, "warehouse_location", "location", "stock_quantity") for row in rows] == [
        ("UNKNOWN", "", 7),
        ("W", "L", 5),
    ]


def test_fold_inventory_movement() -> None:
    def stock(batch_id: str, day: int, quantity: int, status: str = "in_stock") -> Statement:
        return Statement(
            batch_id, at(day), "U", {"product_id": "p", "stock_quantity": quantity, "stock_status": status}
        )

    gone = Statement("d", at(4), "D", {"product_id": "p"})
    rows = fold(
        "inventory",
        [stock("a", 1, 5), stock("b", 2, 8), stock("c", 3, 8, "low_stock"), gone, stock("e", 5, 6)],
    )
    assert [pick(row, "previous_quantity", "quantity_change", "movement") for row in rows] == [
        (None, None, None),
        (5, 3, "IN"),
        (8, 0, "NONE"),
        (8, -2, "OUT"),  # also across a gap
    ]


def test_fold_ordered_at_running_minimum() -> None:
    def order(batch_id: str, as_of: int, day: int, ordered_at: datetime | None, status: str = "pending") -> Statement:
        said = {"order_id": "o", "customer_id": "c", "product_id": "p", "order_date": date(2025, 1, day)}
        said |= {"order_amount": ONE, "order_status": status, "ordered_at": ordered_at}
        return Statement(batch_id, at(as_of), "U", said)

    rows = fold(
        "orders",
        [
            order("a", 5, 2, at(2, 12)),
            order("b", 6, 2, at(2, 9), "shipped"),
            order("c", 7, 2, at(2, 11), "shipped"),  # greater: the least stays
            order("d", 8, 3, at(3, 15), "shipped"),  # another order_date
            order("e", 9, 3, None, "delivered"),
            order("f", 10, 2, None, "delivered"),  # back: the least of that day again
        ],
    )
    assert [pick(row, "batch_id", "ordered_at") for row in rows] == [
        ("a", at(2, 12)),
        ("b", at(2, 9)),
        ("d", at(3, 15)),
        ("e", at(3, 15)),
        ("f", at(2, 9)),
    ]


statements_of_a_key = st.lists(
    st.builds(
        lambda name, day, op, said: Statement(
            name, at(day), op, {"product_id": "p", **said} if op == "U" else {"product_id": "p"}
        ),
        st.sampled_from("abcdefghij"),
        st.integers(1, 5),
        st.sampled_from("UUUD"),
        st.fixed_dictionaries(
            {"price": st.sampled_from([ONE, TWO])},
            optional={"color": st.sampled_from(["red", None]), "stock_quantity": st.integers(0, 2)},
        ),
    ),
    max_size=8,
    unique_by=lambda statement: statement.batch_id,
)


@given(statements_of_a_key, st.randoms())
@settings(max_examples=200, deadline=None)
def test_fold_invariants(statements: list[Statement], shuffle: random.Random) -> None:
    rows = fold("products", statements)
    shuffle.shuffle(statements)
    extras = {name for s in statements for name in s.values} - set(SOURCES["products"].contract)
    assert fold("products", statements, extras=extras) == rows
    assert sum(row["is_current"] for row in rows) <= 1
    for before, after in itertools.pairwise(rows):
        assert before["effective_date"] < before["expiry_date"] <= after["effective_date"]
        assert before["expiry_date"] < after["effective_date"] or before["row_hash"] != after["row_hash"]


# -- enriched_orders -------------------------------------------------------------------------------


def enriched(*batches: Batch, **options: Any) -> dict[str, Row]:
    return {row["order_id"]: row for row in run(batches, **options).enriched_orders}


def test_enriched_as_of_joins() -> None:
    """The version valid at `ordered_at` (else end of `order_date`), else the first."""
    customers = [
        batch(f"c{day}", at(day, 12), customers=f"customer_id,city,customer_tier\nc,{said}\n")
        for day, said in [(3, "Ankara,gold"), (5, "Bonn,vip"), (7, "Cork,basic")]
    ]
    products = [
        batch(f"p{day}", at(day, 12), products=f"product_id,price,currency,discontinued\np,{said}\n")
        for day, said in [(3, "20,USD,"), (5, "99,USD,no"), (7, "100,EUR,yes")]
    ]
    lines = [
        "first,c,p,2025-01-01,10",  # before the first version: the first
        "valid,c,p,2025-01-05T11:59:59Z,10",
        "edge,c,p,2025-01-05T12:00:00Z,10",
        "day,c,p,2025-01-05,10",  # no time: the end of the day
        "last,c,p,2025-01-08,10",
        "none,x,y,2025-01-08,10",
    ]
    rows = enriched(*customers, *products, batch("o", at(9), orders="\n".join([ORDERS, *lines])))
    columns = ["customer_effective_date", "customer_city", "is_premium", "product_effective_date"]
    columns += ["product_price", "price_segment", "is_discontinued"]
    first = (at(3, 12), "Ankara", False, at(3, 12), Decimal("20.00"), "Budget", False)
    second = (at(5, 12), "Bonn", True, at(5, 12), Decimal("99.00"), "Standard", False)
    assert pick(rows["first"], *columns) == first
    assert pick(rows["valid"], *columns) == first
    assert pick(rows["edge"], *columns) == second
    assert pick(rows["day"], *columns) == second
    assert pick(rows["last"], *columns) == (
        at(7, 12),
        "Cork",
        False,
        at(7, 12),
        Decimal("100.00"),
        None,
        True,
    )
    assert pick(rows["none"], *columns) == (None, None, False, None, None, None, False)


def test_as_of_takes_the_nearest_earlier_version_in_a_gap() -> None:
    """No statement of this issue makes a gap, so the join itself is asked."""
    versions: list[Row] = [
        {"effective_date": at(2), "expiry_date": at(4), "is": "first"},
        {"effective_date": at(4), "expiry_date": at(5), "is": "second"},
        {"effective_date": at(7), "expiry_date": None, "is": "third"},
    ]
    found = {day: (tables.version_at(versions[::-1], at(day)) or {})["is"] for day in range(1, 9)}
    assert [found[day] for day in (1, 2, 3)] == ["first"] * 3
    assert [found[day] for day in (4, 5, 6)] == ["second"] * 3
    assert [found[day] for day in (7, 8)] == ["third"] * 2
    assert tables.version_at([], at(1)) is None


def test_enriched_stock_sums_the_bins() -> None:
    header = "product_id,warehouse_location,location,stock_quantity"
    rows = enriched(
        batch("i1", at(2), inventory=f"{header}\np,East,1,5\np,East,2,7\nq,East,1,100\n"),
        batch("i2", at(4), inventory=f"{header}\np,East,1,6\np,West,,1000\n"),
        batch("o", at(9), orders=f"{ORDERS}\na,c,p,2025-01-03,1\nb,c,p,2025-01-04,1\nc,c,r,2025-01-04,1\n"),
    )
    assert rows["a"]["stock_quantity"] == 5 + 7 + 1000  # West: not begun by then, so its first version
    assert rows["b"]["stock_quantity"] == 6 + 7 + 1000
    assert rows["c"]["stock_quantity"] is None


def test_enriched_customer_at_order_time() -> None:
    customers = "customer_id,date_of_birth,registration_date\nc,2000-01-05,2024-12-10\n"
    orders = f"{ORDERS}\na,c,p,2025-01-04,1\nb,c,p,2025-01-09,1\n"
    rows = enriched(batch("b", at(20), customers=customers, orders=orders))
    names = ("customer_age_group", "customer_lifecycle_stage")
    assert pick(rows["a"], *names) == ("18-24", "New")
    assert pick(rows["b"], *names) == ("25-34", "Active")


def test_enriched_money() -> None:
    lines = [
        "a,c,p,2025-01-03,0.05,USD,",
        "b,c,p,2025-01-03,0,USD,",
        "c,c,p,2025-01-03,5,EUR,",
        "d,c,p,2025-01-03,5,,Returned",
    ]
    rows = enriched(batch("o", at(9), orders="\n".join([ORDERS + ",currency,order_status", *lines])))
    names = ("rate", "amount", "is_revenue", "margin_rate", "margin_estimate", "currency")
    one, rate = Decimal(1), Decimal("0.30")
    assert pick(rows["a"], *names) == (one, Decimal("0.05"), True, rate, Decimal("0.02"), "USD")  # 0.015
    assert pick(rows["b"], *names) == (one, Decimal("0.00"), False, rate, Decimal("0.00"), "USD")
    assert pick(rows["c"], *names) == (None, None, False, rate, Decimal("0.00"), "EUR")
    assert pick(rows["d"], *names) == (one, Decimal("5.00"), False, rate, Decimal("0.00"), "USD")


def test_enriched_first_order() -> None:
    """Among revenue orders by order_date, ordered_at nulls last, order_id."""
    lines = [
        "a,c,p,2025-01-02,0",  # no revenue
        "b,c,p,2025-01-03,1",  # no time: last of its day
        "c,c,p,2025-01-03T10:00:00Z,1",
        "d,c,p,2025-01-03T09:00:00Z,1",
        "e,other,p,2025-01-05,1",
        "E,other,p,2025-01-05,1",
    ]
    rows = enriched(batch("o", at(9), orders="\n".join([ORDERS, *lines])))
    assert sorted(name for name, row in rows.items() if row["is_first_order"]) == ["E", "d"]


def test_enriched_shipments() -> None:
    header = "order_id,tracking_number,shipping_method,shipping_cost,currency,created_timestamp"
    header += ",estimated_delivery,actual_delivery"
    lines = [
        "a,,pickup,100,USD,2025-01-09T00:00:00Z,,",  # the order has others with a tracking number
        "a,t1,Ground,5.50,USD,2025-01-02T00:00:00Z,2025-01-05,2025-01-04",
        "a,t2,two-day,1.00,USD,2025-01-03T00:00:00Z,2025-01-05,",
        "a,t3,express,7.00,EUR,2025-01-03T00:00:00Z,2025-01-05,2025-01-05",
        "b,,freight,3,EUR,,2025-01-20,",
    ]
    orders = f"{ORDERS}\na,c,p,2025-01-02,1\nb,c,p,2025-01-02,1\nc,c,p,2025-01-02,1\n"
    shipping = "\n".join([header, *lines])
    names = ("shipments", "shipping_method", "shipping_cost_reporting", "delivery_status", "delivery_days")
    rows = enriched(batch("o", at(9), orders=orders, shipping=shipping))
    assert pick(rows["a"], *names) == (3, "express", Decimal("6.50"), "Overdue", 2)
    assert pick(rows["b"], *names) == (1, "freight", None, "Pending", None)
    assert pick(rows["c"], *names) == (0, None, None, None, None)
    # today = the greatest live as-of, whatever its batch says
    later = enriched(
        batch("o", at(9), orders=orders, shipping=shipping), batch("x", at(21), customers="customer_id\nc\n")
    )
    assert later["b"]["delivery_status"] == "Overdue"


def test_enriched_calendar() -> None:
    lines = [
        "a,c,p,2024-12-31T20:59:59Z,1",  # 23:59:59 in Istanbul, a Tuesday
        "b,c,p,2024-12-31T21:00:00Z,1",  # Wednesday, 1 January
        "c,c,p,2025-01-03T06:00:00Z,1",
        "d,c,p,2025-01-04T08:00:00Z,1",
        "e,c,p,2024-11-30,1",
    ]
    rows = enriched(batch("o", at(9), orders="\n".join([ORDERS, *lines])), shop_timezone="Europe/Istanbul")
    names = [
        "order_month",
        "weekday",
        "is_weekend",
        "hour",
        "time_of_day",
        "is_business_hours",
        "season",
        "season_year",
    ]
    december, january = date(2024, 12, 1), date(2025, 1, 1)
    assert pick(rows["a"], *names) == (december, 2, False, 23, "Evening", False, "Winter", 2025)
    assert pick(rows["b"], *names) == (january, 3, False, 0, "Night", False, "Winter", 2025)
    assert pick(rows["c"], *names) == (january, 5, False, 9, "Morning", True, "Winter", 2025)
    assert pick(rows["d"], *names) == (january, 6, True, 11, "Morning", False, "Winter", 2025)
    assert pick(rows["e"], *names) == (date(2024, 11, 1), 6, True, None, None, None, "Autumn", 2024)


# -- analytics_summary and the whole ---------------------------------------------------------------

STATUS = ORDERS + ",currency,order_status"
HISTORY = [
    batch(
        "a",
        at(2),
        orders=f"{STATUS}\n1,c,p,2025-01-01,10,,\n2,c,p,2025-01-01,5,EUR,\n",
        customers="customer_id\nc\n",
    ),
    batch("b", at(4), orders=f"{STATUS}\n1,c,p,2025-01-01,10,,canceled\n3,d,p,2025-01-03,0.05,USD,\n"),
    batch("c", at(4), orders=f"{STATUS}\n3,d,p,2025-01-03,20,USD,\n4,d,p,2025-01-03,10.01,USD,\n4,,p,x,1,,\n"),
    batch("late", at(3), orders=f"{STATUS}\n2,c,p,2025-01-01,5,USD,\n", products="product_id,price\np,1\nq,1\n"),
    batch("empty", at(1), shipping="order_id\n"),
]


def test_analytics_summary_at_each_as_of() -> None:
    result = run(HISTORY)
    names = ["batch_id", "orders", "revenue_orders", "revenue", "aov", "customers", "products"]
    names += ["cancelled_orders", "unconverted_orders", "batch_orders", "batch_revenue"]
    money = Decimal
    assert [pick(row, *names) for row in result.analytics_summary] == [
        ("empty", 0, 0, money("0.00"), None, 0, 0, 0, 0, 0, money("0.00")),
        ("a", 2, 1, money("10.00"), money("10.00"), 1, 0, 0, 1, 2, money("10.00")),
        ("late", 2, 2, money("15.00"), money("7.50"), 1, 2, 0, 0, 1, money("5.00")),
        # b and c share an instant, so each sees the last position's state of order 3
        ("b", 4, 3, money("35.01"), money("11.67"), 1, 2, 1, 0, 2, money("20.00")),
        ("c", 4, 3, money("35.01"), money("11.67"), 1, 2, 1, 0, 2, money("30.01")),
    ]
    assert [row["as_of"].day for row in result.analytics_summary] == [1, 2, 3, 4, 4]


def test_the_order_of_arrival_does_not_show() -> None:
    expected = run(HISTORY)
    for seed in range(20):
        arrived = HISTORY * 2  # the same trigger again is a duplicate
        random.Random(seed).shuffle(arrived)
        assert run(arrived) == expected


def test_rows_are_conserved() -> None:
    for counts in run(HISTORY).counts.values():
        assert counts["read"] == sum(counts[k] for k in ("accepted", "rejected", "duplicate", "superseded"))


def test_extra_columns_are_in_every_row_of_the_source() -> None:
    result = run(
        [
            batch("a", at(1), customers="customer_id,Loyalty Points!\nc,7\n"),
            batch("b", at(2), customers="customer_id,city\nc,Bonn\nd,\n"),
        ]
    )
    assert [row["loyalty_points"] for row in result.stage["customers"]] == ["7", None, None]
    targets = [pick(row, "customer_id", "city", "loyalty_points") for row in result.targets["customers"]]
    assert targets == [("c", None, "7"), ("c", "Bonn", "7"), ("d", None, None)]


def test_nothing() -> None:
    empty: dict[str, list[Row]] = {source: [] for source in SOURCES}
    assert run([]) == Result(empty, empty, empty, {})


# -- folders ---------------------------------------------------------------------------------------


def test_read_landing(tmp_path: Path) -> None:
    def put(path: str, content: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)

    put("orders_data/source/o.csv", "x")
    put("customers_data/source/c.csv", "y")
    triggers: dict[str, dict[str, Any]] = {
        "1": {
            "trigger_id": "t1",
            "expected_files": ["o.csv"],
            "trigger_timestamp": "2025-01-02T03:00:00+03:00",
        },
        "2": {"trigger_id": "t2", "expected_files": {"customers": ["c.csv"]}, "batch_date": "2025-01-03"},
        "3": {"trigger_id": "waits", "expected_files": ["o.csv", "missing.csv"], "batch_date": "2025-01-03"},
        "4": {
            "trigger_id": "waits",
            "expected_files": [],
            "batch_date": "2025-01-03",
            "data_files_ready": False,
        },
    }
    for name, trigger in triggers.items():
        put(f"trigger_data/source/{name}.json", json.dumps(trigger))
    assert read_landing(tmp_path) == [
        Batch("t1", at(2), {"orders": {"o.csv": b"x"}}),
        Batch("t2", at(3), {"customers": {"c.csv": b"y"}}),
    ]


def test_read_flat(tmp_path: Path) -> None:
    (tmp_path / "orders_2025.csv").write_text("x")
    trigger = {"trigger_id": "t", "expected_files": ["orders_2025.csv"], "trigger_timestamp": "2025-01-02"}
    (tmp_path / "trigger_1.json").write_text(json.dumps(trigger))
    assert read_flat(tmp_path) == [Batch("t", at(2), {"orders": {"orders_2025.csv": b"x"}})]
