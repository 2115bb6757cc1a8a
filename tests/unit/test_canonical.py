"""Text to value and value to text: the same on every engine as in plain Python.

Each test evaluates all its texts in one frame. `drawn` lets Hypothesis think them up, near the form and far from it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Reading, Shop, text_name
from ecomm.engines import Engine
from ecomm.money import MONEY
from ecomm.sources import customers, orders, products, rules, shipping
from tests.oracle import sources
from tests.oracle import values as v
from tests.oracle.settings import Settings

pytestmark = pytest.mark.every_engine

T = TypeVar("T")
BERLIN = v.Zones(ZoneInfo("Europe/Berlin"), ZoneInfo("UTC"))
BLANKS = st.sampled_from(v.TRIM)
ODD = st.sampled_from(
    [*v.TRIM, *"\x7f\x80\x9f-_.,:+/'\"éßİΣ日😀\u0660\u00bd\u2212", *string.ascii_letters, *string.digits]
)


def drawn(strategy: st.SearchStrategy[T], count: int = 300) -> list[T]:
    """So many values of a strategy."""
    found: list[T] = []

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    collect()
    return found


def pieces(*parts: Iterable[str]) -> st.SearchStrategy[str]:
    """Texts made of one piece of each part."""
    return st.tuples(*[st.sampled_from(list(part)) for part in parts]).map("".join)


def near(fitting: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of a form, and such texts with one character too many, too few or another one."""
    where = st.integers(0, 30)
    spoilt = st.builds(lambda t, i, c, cut: t[:i] + c + t[i + cut :], fitting, where, ODD, st.integers(0, 1))
    return fitting | spoilt | st.text(ODD, max_size=6)


def evaluate(engine: Engine, texts: Sequence[str | None], function: Callable[[Column], Column]) -> list[Any]:
    """The function's value of each text."""
    frame = engine.spark.createDataFrame(list(enumerate(texts)), "n int, text string")
    rows = frame.select("n", function(F.col("text")).alias("value")).collect()
    return [row["value"] for row in sorted(rows, key=lambda row: row["n"])]


def instants(engine: Engine, texts: Sequence[str | None], zone: str) -> list[datetime | None]:
    """The canonical timestamps; as microseconds on the way, for `collect` shifts by the process's zone."""
    micros = evaluate(engine, texts, lambda text: F.unix_micros(canonical.timestamp(text, zone)))
    return [None if m is None else v.EPOCH + timedelta(microseconds=m) for m in micros]


def wrong(texts: Sequence[Any], got: Sequence[Any], wanted: Sequence[Any]) -> dict[Any, tuple[Any, Any]]:
    """Where they differ: text -> (here, by the oracle)."""
    assert len(texts) == len(got) == len(wanted)
    return {
        t: (g, w) for t, g, w in zip(texts, got, wanted, strict=True) if (g, type(g).__name__) != (w, type(w).__name__)
    }


def holds(engine: Engine, function: Callable[[Column], Column], cases: dict[str, Any]) -> None:
    """Each text has the value that is written beside it."""
    assert wrong(list(cases), evaluate(engine, list(cases), function), list(cases.values())) == {}


# -- text --------------------------------------------------------------------------------------------


def test_trimmed(engine: Engine) -> None:
    """Every kind of blank goes at both ends and stays inside; nothing left is NULL."""
    ends = {f"{blank}a{blank}b{blank}": f"a{blank}b" for blank in v.TRIM}
    empty = {blank * 3: None for blank in v.TRIM}
    stays = {"": None, "a": "a", "\x7fa\x7f": "\x7fa\x7f", "\u180ea": "\u180ea", " - ": "-"}
    holds(engine, canonical.trimmed, ends | empty | stays)
    texts = drawn(st.text(BLANKS | ODD, max_size=10))
    assert wrong(texts, evaluate(engine, texts, canonical.trimmed), [v.trimmed(t) for t in texts]) == {}


def test_word(engine: Engine) -> None:
    """A run of blanks and hyphens is one underline; letters of any script are lower-cased."""
    cases = {
        "Credit Card": "credit_card",
        "credit-card": "credit_card",
        "In - Transit": "in_transit",
        "two\tday": "two_day",
        "two\n\r\nday": "two_day",
        "two\u00a0\u2003day": "two_day",
        "two\u200bday": "two_day",
        "same--day": "same_day",
        "a_-_b": "a___b",
        "a_b": "a_b",
        "-a-": "_a_",
        "ÄÖÜ É": "äöü_é",
        "ΑΣ": "ας",
        "日 本": "日_本",
        "a.b/c": "a.b/c",
        "a\u2013b": "a\u2013b",
        "a\x7fb": "a\x7fb",
    }
    holds(engine, canonical.word, cases)
    texts = [t for t in drawn(st.text(ODD | BLANKS, max_size=12)) if v.trimmed(t) == t]
    assert wrong(texts, evaluate(engine, texts, canonical.word), [v.as_word(t) for t in texts]) == {}


# -- numbers -----------------------------------------------------------------------------------------

SIGNS = ["", "", "+", "-"]
DIGITS = ["0", "7", "12", "007", "0000", "123456", "9" * 14, "9" * 15, "9" * 16, "9" * 17]
ZEROS = ["", "", "0", "000", "0" * 30]


def test_decimal(engine: Engine) -> None:
    """A number that is written out and fits; nothing is rounded, nothing is guessed."""
    cases = {
        "12.50": Decimal("12.50"),
        "+15": Decimal("15.00"),
        "-0.01": Decimal("-0.01"),
        "12.500": Decimal("12.50"),
        "1.5" + "0" * 40: Decimal("1.50"),
        "007": Decimal("7.00"),
        "-0": Decimal("0.00"),
        "9999999999999999.99": Decimal("9999999999999999.99"),
        "-9999999999999999.99": Decimal("-9999999999999999.99"),
    }
    nothing = "12.999 12.505 1e3 1,234.50 1.234,50 12. .5 +.5 -- +-1 10000000000000000 0x1F 1_000 $5 5€ NaN inf ٣"
    holds(
        engine,
        lambda t: canonical.decimal(t, 18, 2),
        cases | dict.fromkeys([*nothing.split(), "1 0", "5\n", "\u22121"]),
    )
    holds(
        engine, lambda t: canonical.decimal(t, 18, 4), {"1.23450": Decimal("1.2345"), "1.23456": None, "1" * 15: None}
    )


@pytest.mark.parametrize("scale", [2, 4])
def test_any_decimal(engine: Engine, scale: int) -> None:
    """What the oracle reads is read, to the last digit; all else is NULL."""
    texts = drawn(
        near(pieces(SIGNS, DIGITS, ["", "", ".", ".5", ".05", ".00", ".99", ".125", ".1234", ".12345"], ZEROS))
    )
    wanted = [v.as_decimal(18, scale)(t) for t in texts]
    assert sum(w is not None for w in wanted) > 10, "too few numbers to mean anything"
    assert wrong(texts, evaluate(engine, texts, lambda t: canonical.decimal(t, 18, scale)), wanted) == {}


THREE_DECIMALS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]


def test_amount(engine: Engine) -> None:
    """Two decimals, and three where the row's currency has thousandths."""
    texts = drawn(
        near(
            pieces(
                SIGNS, [*DIGITS, "9" * 15, "9" * 16], ["", ".", ".5", ".05", ".125", ".120", ".1250", ".1255"], ZEROS
            )
        ),
        600,
    )
    pairs = [(t, c) for t in texts for c in ("USD", "JPY", *THREE_DECIMALS, None)]
    frame = engine.spark.createDataFrame(
        [(n, t, c) for n, (t, c) in enumerate(pairs)], "n int, order_amount__text string, currency__text string"
    )
    for own in ("USD", "KWD"):
        thousandths = orders.SOURCE.has_thousandths(Shop(reporting_currency=own))
        amount = canonical.typed(F.col("order_amount__text"), MONEY, "UTC", thousandths)
        got = {r["n"]: r["x"] for r in frame.select("n", amount.alias("x")).collect()}
        wanted = [v.as_money(t, c or own) for t, c in pairs]
        assert sum(w is not None and w != w.quantize(Decimal("0.01")) for w in wanted) > 50
        assert {pairs[n]: (got[n], w) for n, w in enumerate(wanted) if got[n] != w} == {}


def test_an_amount_without_a_currency_has_two_decimals(engine: Engine) -> None:
    """A shop of USD, and a source without a currency column."""
    cases = {"12.50": Decimal("12.500"), "12.500": Decimal("12.500"), "12.999": None, "1" * 16: None}
    holds(engine, canonical.amount, cases)


def test_integer(engine: Engine) -> None:
    """A whole number of at most 18 digits, also with zeros behind a point."""
    cases = {"12": 12, "12.": 12, "12.0": 12, "12.000": 12, "-5": -5, "+5": 5, "-0": 0, "007": 7, "9" * 18: 10**18 - 1}
    holds(engine, canonical.integer, cases | dict.fromkeys(["12.5", "9" * 19, "1e3", ".0", "1,000", "٣", "1 ", "five"]))
    texts = drawn(near(pieces(SIGNS, [*DIGITS, "9" * 18, "1" * 19], ["", "", ".", ".0", ".5"], ZEROS)))
    assert wrong(texts, evaluate(engine, texts, canonical.integer), [v.as_int(t) for t in texts]) == {}


def test_boolean(engine: Engine) -> None:
    """The ten words, in any case; no other."""
    yes, no = "true t yes y 1 TRUE Yes tRuE".split(), "false f no n 0 FALSE No".split()
    other = "on off tru 10 01 ja nein ✓ -1 1.0 oui".split()
    holds(engine, canonical.boolean, dict.fromkeys(yes, True) | dict.fromkeys(no, False) | dict.fromkeys(other))
    texts = drawn(st.sampled_from([*yes, *no, *other]) | st.text("truefalsyn01 ", max_size=5))
    assert wrong(texts, evaluate(engine, texts, canonical.boolean), [v.as_bool(t) for t in texts]) == {}


def test_half_up(engine: Engine) -> None:
    """Half goes away from zero, once; zero has no sign."""
    cases = {"0.125": "0.13", "-0.125": "-0.13", "0.1249": "0.12", "2.675": "2.68", "-0.004": "0.00", "0.995": "1.00"}
    frame = engine.spark.createDataFrame(
        [(k, Decimal(k).quantize(Decimal("0.0001"))) for k in cases], "k string, x decimal(18,4)"
    )
    got = {r["k"]: str(r["y"]) for r in frame.select("k", canonical.half_up(F.col("x"), 18, 2).alias("y")).collect()}
    assert got == cases


def test_what_does_not_fit_is_null(engine: Engine) -> None:
    """A result too large for its column is NULL; it must not end the batch of the row that it stands in."""
    frame = engine.spark.createDataFrame([(Decimal(10**13),), (Decimal(1),)], "x decimal(18,0)")
    huge = canonical.half_up(F.col("x") * F.col("x"), 18, 4)
    assert {r["y"] for r in frame.select(huge.alias("y")).collect()} == {None, Decimal("1.0000")}

    parcels = [
        (Decimal("999999999999999.99"), Decimal("0.0001"), "99999x99999x99999"),
        (Decimal("1.00"), Decimal("3.0000"), "1x2x3"),
    ]
    dated = [(None, None, None, *p) for p in parcels]
    schema = "actual_delivery date, estimated_delivery date, created_timestamp timestamp, shipping_cost decimal(18,3), "
    schema += "package_weight decimal(18,4), dimensions_cm string"
    derived = shipping.derived(Reading(datetime(2025, 1, 15, tzinfo=UTC), Shop()))
    rows = (
        engine.spark.createDataFrame(dated, schema)
        .select(*[derived[n].alias(n) for n in ("cost_per_kg", "volume_cm3")])
        .collect()
    )
    assert {tuple(r) for r in rows} == {(None, None), (Decimal("0.3333"), Decimal("6.0000"))}

    things = [(Decimal("999999999999999.99"), "USD", 10**18 - 1), (Decimal("2.50"), "USD", 3)]
    schema = "price decimal(18,3), currency string, stock_quantity bigint"
    columns = "launch_date date, discontinued boolean, dimensions_cm string"
    frame = engine.spark.createDataFrame([(*t, None, False, None) for t in things], f"{schema}, {columns}")
    value = products.derived(Reading(datetime(2025, 1, 15, tzinfo=UTC), Shop()))["stock_value"]
    assert {r["y"] for r in frame.select(value.alias("y")).collect()} == {None, Decimal("7.50")}


# -- days and instants -------------------------------------------------------------------------------

NO_DAYS = [
    "2025", "2025-02", "2025-02-30", "2025-02-29", "2025-13-01", "2025-00-10", "2025-1-5", "20250131", "31.01.2025",
    "31/01/2025", "2025/01/31", "2025-01-31T", "2025-01-31 10:30", "10:30:00", "2025-01-31x", "x2025-01-31", "today",
    "0000-01-01", "1699-12-31", "2201-01-01", "9999-12-31", "٢٠٢٥-01-31", "2025-01-31 00:00:00z", "2025-01-31 24:00:00",
]  # fmt: skip


def test_date(engine: Engine) -> None:
    """An ISO day, also with a midnight behind it; kept between 1700 and 2200."""
    days = {"2025-01-31": date(2025, 1, 31), "2024-02-29": date(2024, 2, 29)}
    days |= {"1700-01-01": date(1700, 1, 1), "2200-12-31": date(2200, 12, 31)}
    midnight = ["T00:00:00", " 00:00:00", "T00:00:00Z", " 00:00:00.0", " 00:00:00.000000000Z"]
    days |= {f"2025-01-31{m}": date(2025, 1, 31) for m in midnight}
    other = ["2025-01-31 00:00:01", "2025-01-31 00:00:00.0000000000", "2025-01-31T00:00:00+00:00", *NO_DAYS]
    holds(engine, canonical.date, days | dict.fromkeys(other))


ODD_DAYS = pieces(["0000", "1699", "1700", "2024", "2200", "2201"], ["-00", "-02", "-12", "-13"], ["-00", "-29", "-31"])
DAYS = st.dates(date(1690, 1, 1), date(2210, 12, 31)).map(str) | ODD_DAYS


def test_any_date(engine: Engine) -> None:
    """The oracle's days."""
    texts = drawn(
        near(
            st.tuples(DAYS, pieces(["", "", "T00:00:00", " 00:00:00"], ["", ".0", ".000000000"], ["", "Z"])).map(
                "".join
            )
        )
    )
    wanted = [v.as_date(t) for t in texts]
    assert sum(w is not None for w in wanted) > 10
    assert wrong(texts, evaluate(engine, texts, canonical.date), wanted) == {}


def test_timestamp(engine: Engine) -> None:
    """An ISO instant in UTC; a day is its midnight; fractions to the microsecond."""
    noon = datetime(2025, 1, 31, 12, tzinfo=UTC)
    cases: dict[str, datetime | None] = {
        "2025-01-31": datetime(2025, 1, 31, tzinfo=UTC),
        "2025-01-31T12:00:00": noon,
        "2025-01-31 12:00:00Z": noon,
        "2025-01-31T13:30:00+01:30": noon,
        "2025-01-31T06:00:00-06:00": noon,
        "2025-02-01T01:59:00+13:59": noon,
        "2025-01-31T12:00:00.5": noon + timedelta(milliseconds=500),
        "2025-01-31 12:00:00.000001Z": noon + timedelta(microseconds=1),
        "1700-01-01": datetime(1700, 1, 1, tzinfo=UTC),
        "2200-12-31 23:59:59.999999": datetime(2200, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        "2200-12-31 23:59:59-00:01": None,
        "1700-01-01 00:00:00+00:01": None,
        "2025-01-31 24:00:00": None,
        "2025-01-31 12:60:00": None,
        "2025-01-31 12:00:60": None,
        "2025-01-31 12:00:00.1234567": None,
        "2025-01-31 12:00:00+14:00": None,
        "2025-01-31 12:00:00 Z": None,
        "2025-01-31 12:00": None,
        "2025-01-31  12:00:00": None,
        **dict.fromkeys(NO_DAYS),
    }
    assert wrong(list(cases), instants(engine, list(cases), "UTC"), list(cases.values())) == {}


@cache
def moments() -> list[str]:
    """Texts near timestamps. Before 2100: how summer time goes on after that, the tables of zones do not say."""
    hours = [f"{sep}{hour:02}" for sep in "T " for hour in range(25)]
    minutes = [":00", ":30", ":59", ":60"]
    clock = pieces(
        hours, minutes, minutes, ["", "", ".5", ".123456", ".1234567"], ["", "", "Z", "+01:00", "-13:59", "+14:00"]
    )
    days = st.dates(date(1700, 1, 1), date(2099, 12, 31)).map(str) | ODD_DAYS
    texts = drawn(near(st.tuples(days, clock).map("".join)), 600)
    return [t for t in texts if not t.startswith(("21", "22"))]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_any_timestamp(engine: Engine, zone: str) -> None:
    """The oracle's instants; without an offset they are read in the source's zone."""
    texts = moments()
    wanted = [v.as_timestamp(t, v.Zones(ZoneInfo(zone), ZoneInfo("UTC"))) for t in texts]
    assert sum(w is not None for w in wanted) > 10
    assert wrong(texts, instants(engine, texts, zone), wanted) == {}


def test_hours_that_a_zone_skips_or_repeats(engine: Engine) -> None:
    """A skipped hour is read as if the clock had not been put forward; of a repeated one the first is meant."""

    def utc(*parts: int) -> datetime:
        return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]

    cases = {
        "2025-03-30 01:59:59": utc(2025, 3, 30, 0, 59, 59),
        "2025-03-30 02:00:00": utc(2025, 3, 30, 1),
        "2025-03-30 02:30:00": utc(2025, 3, 30, 1, 30),
        "2025-03-30T02:59:59.999999": utc(2025, 3, 30, 1, 59, 59, 999999),
        "2025-03-30 03:00:00": utc(2025, 3, 30, 1),
        "2025-10-26 01:59:59": utc(2025, 10, 25, 23, 59, 59),
        "2025-10-26 02:00:00": utc(2025, 10, 26, 0),
        "2025-10-26 02:30:00": utc(2025, 10, 26, 0, 30),
        "2025-10-26 02:59:59": utc(2025, 10, 26, 0, 59, 59),
        "2025-10-26 03:00:00": utc(2025, 10, 26, 2),
        "2025-10-26 02:30:00+01:00": utc(2025, 10, 26, 1, 30),
        "2025-10-26 02:30:00Z": utc(2025, 10, 26, 2, 30),
        "2025-07-01": utc(2025, 6, 30, 22),
        "2025-01-01": utc(2024, 12, 31, 23),
        "1945-05-24 02:30:00": v.as_timestamp("1945-05-24 02:30:00", BERLIN),  # summer time of two hours
        "1893-04-01 00:03:00": v.as_timestamp("1893-04-01 00:03:00", BERLIN),  # local mean time ends
        "1700-01-01 00:00:00": None,
        "2200-12-31 23:59:59Z": utc(2200, 12, 31, 23, 59, 59),
    }
    assert wrong(list(cases), instants(engine, list(cases), "Europe/Berlin"), list(cases.values())) == {}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Auckland", "America/St_Johns"])
def test_local_date(engine: Engine, zone: str) -> None:
    """An instant's day in the shop's zone, at the hours at which it changes too."""
    hours = drawn(st.integers(0, 24 * 366 * 4), 200)
    frame = engine.spark.createDataFrame(
        [(h, datetime(2023, 1, 1, tzinfo=UTC) + timedelta(hours=h)) for h in hours], "h int, t timestamp"
    )
    rows = frame.select("h", canonical.local_date(F.col("t"), zone).alias("d")).collect()
    wanted = {
        h: (datetime(2023, 1, 1, tzinfo=UTC) + timedelta(hours=h)).astimezone(ZoneInfo(zone)).date() for h in hours
    }
    assert {r["h"]: r["d"] for r in rows} == wanted


@pytest.mark.parametrize(("source_zone", "shop_zone"), [("UTC", "UTC"), ("Europe/Berlin", "America/New_York")])
def test_order_date(engine: Engine, source_zone: str, shop_zone: str) -> None:
    """An order's day and instant, from its order_date or else from when its row was written."""
    settings = Settings(source_timezone=source_zone, shop_timezone=shop_zone)
    days = ["2025-03-30", "2025-01-15", "2025-01-16", ""]
    clocks = [
        "",
        " 00:00:00",
        "T00:00:00Z",
        " 02:30:00",
        "T23:30:00Z",
        " 00:00:00+00:00",
        " 00:00:01",
        "T05:00:00.5-05:00",
    ]
    texts = [v.trimmed(d + c) for d in days for c in clocks]
    pairs = [(t, c) for t in texts for c in [*texts, None]] + [("2025-02-30", "2025-01-15"), ("2025", None)]
    frame = engine.spark.createDataFrame(
        [(n, t, c, "x") for n, (t, c) in enumerate(pairs)],
        "n int, " + ", ".join(f"{text_name(c)} string" for c in ("order_date", "created_timestamp", "order_status")),
    )
    shop = Shop(source_timezone=source_zone, shop_timezone=shop_zone)
    parsed = orders.parsed(Reading(datetime(2025, 2, 1, tzinfo=UTC), shop))
    rows = frame.select(
        "n", parsed["order_date"].alias("day"), F.unix_micros(parsed["ordered_at"]).alias("at")
    ).collect()
    got = {r["n"]: (r["day"], None if r["at"] is None else v.EPOCH + timedelta(microseconds=r["at"])) for r in rows}
    wanted = {}
    for n, (order_date, created) in enumerate(pairs):
        row = sources.cast(sources.ORDERS, {"order_date": order_date, "created_timestamp": created}, settings)
        wanted[n] = (row["order_date"], row["ordered_at"])
    assert {pairs[n]: (got[n], wanted[n]) for n in wanted if got[n] != wanted[n]} == {}


# -- identity ----------------------------------------------------------------------------------------

ROW = st.tuples(
    st.none() | st.text(max_size=8),
    st.none() | st.text(st.sampled_from("0123456789:~ab"), max_size=6),
    st.none() | st.decimals(-(10**9), 10**9, places=2, allow_nan=False),
    st.none() | st.dates(date(1700, 1, 1), date(2200, 12, 31)),
    st.none() | st.integers(-8_520_336 * 10**9, 7_289_654 * 10**9).map(lambda m: v.EPOCH + timedelta(microseconds=m)),
    st.none() | st.booleans(),
    st.none() | st.integers(-(2**62), 2**62),
)
COLUMNS = (
    ("a", "string"), ("b", "string"), ("c", "decimal(18,2)"), ("d", "date"), ("e", "timestamp"), ("f", "boolean"),
    ("g", "bigint"),
)  # fmt: skip


def test_row_hash(engine: Engine) -> None:
    """The hash of a row is the one that anybody can compute from the documents."""
    rows = [r for r in drawn(ROW, 300) if not any(isinstance(x, str) and "\ud800" <= x <= "\udfff" for x in r)]
    schema = ", ".join(f"{name} {type_name}" for name, type_name in COLUMNS)
    frame = engine.spark.createDataFrame([(n, *row) for n, row in enumerate(rows)], f"n int, {schema}")
    got = {r["n"]: r["hash"] for r in frame.select("n", canonical.row_hash(COLUMNS).alias("hash")).collect()}
    assert {rows[n]: got[n] for n in got if got[n] != v.row_hash(rows[n])} == {}


def test_no_two_rows_share_a_text(engine: Engine) -> None:
    """Lengths keep neighbours apart: no cell can be written so that it looks like two."""
    cells = ["", "a", "b", "ab", "1:a", "~", "1:a1:b", "1:", ":", "0:", "~~", None, "é", "é1:"]
    rows = [(n, a, b) for n, (a, b) in enumerate((a, b) for a in cells for b in cells)]
    frame = engine.spark.createDataFrame(rows, "n int, a string, b string")
    texts = frame.select(canonical.length_prefixed([("a", "string"), ("b", "string")]).alias("t")).collect()
    assert len({r["t"] for r in texts}) == len(rows)
    assert {r["t"] for r in texts} >= {"1:a2:ab", "~0:", "0:~", "1:é3:é1:"}


# -- people and things -------------------------------------------------------------------------------


def test_age(engine: Engine) -> None:
    """Full years, and their group; born on 29 February, a year is full on 1 March."""
    literal = {
        (date(2000, 2, 29), date(2025, 2, 28)): 24,
        (date(2000, 2, 29), date(2025, 3, 1)): 25,
        (date(2000, 2, 29), date(2024, 2, 29)): 24,
        (date(2007, 1, 15), date(2025, 1, 14)): 17,
        (date(2007, 1, 15), date(2025, 1, 15)): 18,
        (date(2025, 1, 15), date(2025, 1, 15)): 0,
        (date(2025, 1, 16), date(2025, 1, 15)): -1,
        (date(1900, 12, 31), date(2025, 12, 30)): 124,
    }
    days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
    near_birthday = st.builds(lambda d, n: (d, d + timedelta(days=n)), days, st.integers(0, 36_600))
    edges = [
        (date(2000, 5, 5), date(2000 + years, 5, 5) + timedelta(days=off))
        for years in (18, 25, 35, 45, 55, 65)
        for off in (-1, 0)
    ]
    pairs = [*literal, *edges, *drawn(st.tuples(days, days) | near_birthday, 300)]
    rows = [(n, birth, on) for n, (birth, on) in enumerate(pairs)]
    years = customers.age(F.col("b"), F.col("d"))
    frame = engine.spark.createDataFrame([*rows, (-1, None, date(2025, 1, 1))], "n int, b date, d date")
    got = {
        r["n"]: (r["y"], r["g"])
        for r in frame.select("n", years.alias("y"), customers.age_group(years).alias("g")).collect()
    }
    wanted = {n: (v.full_years(b, d), sources.age_group(b, d)) for n, b, d in rows}
    assert {pairs[n]: (got[n], wanted[n]) for n in wanted if got[n] != wanted[n]} == {}
    assert [wanted[n][0] for n in range(len(literal))] == list(literal.values())
    assert got[-1] == (None, None)


def sides(engine: Engine, texts: Sequence[str | None]) -> list[tuple[Decimal | None, ...]]:
    """Length, width, height, volume."""
    frame = engine.spark.createDataFrame(list(enumerate(texts)), "n int, text string")
    named = dict(zip("lwhv", rules.dimensions("text"), strict=True))
    rows = frame.select("n", *[column.alias(name) for name, column in named.items()]).collect()
    return [(r["l"], r["w"], r["h"], r["v"]) for r in sorted(rows, key=lambda r: r["n"])]


def measured(text: str | None) -> tuple[Decimal | None, ...]:
    """The same by the oracle."""
    found = v.as_dimensions(text)
    if found is None:
        return None, None, None, None
    return (*(v.published(side, 4) for side in found), v.published(v.product(*found), 4))


def test_dimensions(engine: Engine) -> None:
    """Three numbers with x, × or * between them, decimals and `cm` if you like; else nothing."""
    cases = {
        "30x20x5": (30, 20, 5, 3000),
        "30 x 20 x 5.5 cm": (30, 20, "5.5", 3300),
        "30X20X5CM": (30, 20, 5, 3000),
        "30×20×5": (30, 20, 5, 3000),
        "30*20*5": (30, 20, 5, 3000),
        "0.1x0.1x0.1": ("0.1", "0.1", "0.1", "0.001"),
        "0.01x0.05x0.1": ("0.01", "0.05", "0.1", "0.0001"),  # 0.00005 is half
        "0.01x0.04x0.1": ("0.01", "0.04", "0.1", "0"),
    }
    nothing = [
        "30x20",
        "30x20x5x1",
        "30x20x",
        "a x b x c",
        "30x20x5 mm",
        "-1x2x3",
        "30,5x2x3",
        "1e2x2x3",
        ".5x1x1",
        "5.x1x1",
    ]
    said = [tuple(Decimal(str(x)).quantize(Decimal("0.0001")) for x in numbers) for numbers in cases.values()]
    assert wrong(list(cases), sides(engine, list(cases)), said) == {}
    assert wrong(nothing, sides(engine, nothing), [(None,) * 4] * len(nothing)) == {}
    number = ["0", "5", "30", "99999", "0.5", "12.3456", "00.01"]
    by = ["x", "X", "×", "*", " x ", "  ×  "]
    texts = drawn(near(pieces(number, by, number, by, number, ["", "", " ", "cm", " CM"])))
    texts = [t for t in texts if v.trimmed(t) == t and not set(t) & set(v.TRIM) - {" "}]
    got = {t: (g, measured(t)) for t, g in zip(texts, sides(engine, texts), strict=True) if g != measured(t)}
    assert {t: said for t, said in got.items() if not LONG.search(t)} == {}


LONG = re.compile(r"[0-9]{6}|[0-9]\.[0-9]{5}")


def test_dimensions_of_other_hands(engine: Engine) -> None:
    """Other blanks, a fifth decimal: read as well, rounded half up."""
    texts = ["30\u00a0x\u00a020 x 5", "30\u2009×\u200920\u2009×\u20095", "1.00005x1x1"]
    assert wrong(texts, sides(engine, texts), [measured(t) for t in texts]) == {}


# -- as a shop writes it -----------------------------------------------------------------------------------


def test_decimal_comma(engine: Engine) -> None:
    """A comma is the point; a point, be it between thousands, makes the text no number."""
    texts = drawn(
        near(pieces(["", "-", "+"], ["0", "7", "12", "1.234", "1,234"], ["", ",", "."], ["", "5", "50", "500", "999"])),
        400,
    )
    wanted = [None if "." in t else v.as_decimal(18, 2)(t.replace(",", ".")) for t in texts]
    got = evaluate(engine, texts, lambda text: canonical.decimal(canonical.decimal_point(text), 18, 2))
    assert wrong(texts, got, wanted) == {}
    known = {
        "12,50": Decimal("12.50"),
        "1.234,50": None,
        "1,234.50": None,
        "12.50": None,
        "1.234": None,
        "+7": Decimal(7),
    }
    got = evaluate(engine, list(known), lambda text: canonical.decimal(canonical.decimal_point(text), 18, 2))
    assert dict(zip(known, got, strict=True)) == known
