"""What the dashboard answers equals the tables, computed here once more in plain Python."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ecomm.batches import status
from ecomm.dashboard import listings
from ecomm.dashboard.moment import Moment
from ecomm.dashboard.operations import landing
from ecomm.dashboard.overview import KPIS
from ecomm.dashboard.static import asked, write
from ecomm.errors import UsageError
from ecomm.export import as_csv
from ecomm.money import shown
from ecomm.settings import load
from ecomm.transforms.checks import CHECKS
from tests.dashboard.conftest import drifted, eventful, of_lines, said
from tests.shop import SOURCES, Row, Shop, plain

LAST = "batch_2025_01_16"


@pytest.fixture(scope="module")
def moment(sample: Shop) -> Moment:
    return Moment(sample.settings)


def rows(moment: Moment, table: str) -> list[Row]:
    return [{k: plain(v) for k, v in r.items()} for r in moment.warehouse.table(table).to_pylist()]


def text(value: Any) -> Any:
    """A value as it stands in JSON."""
    if isinstance(value, Decimal):
        return shown(value)
    return value.isoformat() if isinstance(value, date) else value


def test_key_figures_are_those_of_the_last_batch_beside_the_one_before(moment: Moment) -> None:
    before, now = sorted(rows(moment, "analytics_summary"), key=lambda r: r["as_of"])
    answer = said(moment, "overview")
    for kpi, name in zip(answer["kpis"], KPIS, strict=True):
        assert kpi["name"] == name
        assert (kpi["value"], kpi["before"]) == (text(now[name]), text(before[name]))
        assert kpi["change"] == text(now[name] - before[name])
        share = (Decimal(now[name]) - Decimal(before[name])) / Decimal(before[name])
        assert abs(Decimal(kpi["share"]) - share) <= Decimal("0.00005")
        assert kpi["trend"] == [text(before[name]), text(now[name])]
    assert [r["revenue"] for r in answer["segments"]] == [
        text(r["revenue"]) for r in sorted(rows(moment, "segment_analysis"), key=lambda r: -r["revenue"])
    ]
    sold = sorted(rows(moment, "product_analytics"), key=lambda r: (-r["revenue"], r["product_id"]))[:8]
    assert [(r["product_id"], r["revenue"]) for r in answer["products"]] == [
        (r["product_id"], text(r["revenue"])) for r in sold
    ]
    categories = sorted(rows(moment, "category_analysis"), key=lambda r: (-r["revenue"], r["category"]))[:8]
    assert [r["category"] for r in answer["categories"]] == [r["category"] for r in categories]
    months = sorted(rows(moment, "seasonal_analysis"), key=lambda r: r["order_month"])
    assert [(r["order_month"], r["revenue"]) for r in answer["months"]] == [
        (text(r["order_month"]), text(r["revenue"])) for r in months
    ]


@pytest.mark.parametrize(("days", "length"), [("30", 30), ("90", 90), ("365", 365), ("all", None)])
def test_the_course_sums_up_what_was_ordered(moment: Moment, days: str, length: int | None) -> None:
    today = date(2025, 1, 16)
    first = today - timedelta(days=length - 1) if length else date.min
    first -= timedelta(days=first.weekday() if days == "365" else 0)
    wanted = [
        r
        for r in rows(moment, "enriched_orders")
        if r["order_date"] and (not length or first <= r["order_date"] <= today)
    ]

    def begin(day: date) -> date:
        steps = {"365": day - timedelta(days=day.weekday()), "all": day.replace(day=1)}
        return steps.get(days, day)

    orders = Counter(begin(r["order_date"]) for r in wanted)
    revenue: dict[date, Decimal] = dict.fromkeys(orders, Decimal(0))
    for r in wanted:
        if r["is_revenue"]:
            revenue[begin(r["order_date"])] += r["amount"]
    course = said(moment, "overview", days=days)["course"]
    assert {r["first_day"]: r["orders"] for r in course["rows"] if r["orders"]} == {
        text(day): n for day, n in orders.items()
    }
    assert {r["first_day"]: Decimal(r["revenue"]) for r in course["rows"] if r["orders"]} == {
        text(day): Decimal(revenue[day]) for day in orders
    }
    assert course["orders"] == len(wanted)
    assert Decimal(course["revenue"]) == sum(revenue.values(), Decimal(0))
    if length:
        gaps = {
            date.fromisoformat(b["first_day"]) - date.fromisoformat(a["first_day"])
            for a, b in zip(course["rows"], course["rows"][1:], strict=False)
        }
        assert gaps == {timedelta(days=7 if days == "365" else 1)}


@pytest.mark.long
@pytest.mark.parametrize("name", ["customers", "products"])
def test_a_listing_sorts_filters_and_pages_where_the_data_is(moment: Moment, name: str) -> None:
    listing = listings.LISTINGS[name]
    table = rows(moment, listing.table)
    for column in listing.columns:
        for sign in ("", "-"):
            there = sorted((r[column] for r in table if r[column] is not None), reverse=bool(sign))
            wanted = [text(v) for v in there] + [None] * (len(table) - len(there))
            got: list[Any] = []
            for page in range(1, said(moment, name, sort=sign + column)["pages"] + 1):
                got += [r[column] for r in said(moment, name, sort=sign + column, page=str(page))["rows"]]
            assert got == wanted, column
    for column in listing.filters:
        counted = Counter(r[column] for r in table if r[column] is not None)
        whole = said(moment, name)["filters"][column]
        assert {f["value"]: f["rows"] for f in whole} == dict(counted)
        value = whole[0]["value"]
        some = [r for r in table if r[column] == value]
        answer = said(moment, name, **{column: value})
        assert answer["total"] == len(some)
        assert answer["sums"] == {
            "money": text(sum((r[listing.money] for r in some), Decimal("0.00"))),
            "refunds": "0.00",
        }
        assert all(r[column] == value for r in answer["rows"])
        assert len(answer["filters"][column]) == len(whole)  # its own choice can be changed


def test_a_listing_is_searched_by_plain_text(moment: Moment) -> None:
    named = [
        r for r in rows(moment, "product_analytics") if "linen" in f"{r['product_id']} {r['product_name']}".lower()
    ]
    assert said(moment, "products", search="LINEN")["total"] == len(named) > 0
    assert said(moment, "products", search="%")["total"] == 0
    assert said(moment, "customers", search="' or 1=1 --")["total"] == 0


def test_csv_has_the_filtered_rows_and_no_formula(moment: Moment) -> None:
    listing = listings.LISTINGS["products"]
    args = {"category": "Clothing", "sort": "product_id"}
    lines = list(csv.DictReader(io.StringIO(b"".join(listings.csv_of(moment, listing, args)).decode())))
    wanted = sorted(
        (r for r in rows(moment, "product_analytics") if r["category"] == "Clothing"), key=lambda r: r["product_id"]
    )
    assert [r["product_id"] for r in lines] == [r["product_id"] for r in wanted]
    assert [r["revenue"] for r in lines] == [text(r["revenue"]) for r in wanted]
    evil = moment.table("select * replace ('=cmd()' as product_name) from product_analytics limit 1")
    assert "'=cmd()" in b"".join(as_csv(evil)).decode()


def test_quality_counts_what_was_not_accepted(moment: Moment) -> None:
    answer = said(moment, "quality")
    assert answer["batch"]["batch_id"] == LAST
    entry = next(e for e in reversed(moment.warehouse.log) if e.batch_id == LAST and e.files)
    assert answer["batch"]["score"] == text(entry.score)
    lost: Counter[tuple[str, str, str]] = Counter()
    for source in SOURCES:
        for row in rows(moment, f"{source}_errors"):
            if row["batch_id"] == LAST:
                lost.update((source, reason, row["severity"]) for reason in row["reasons"])
    assert {(r["source"], r["reason"], r["severity"]): r["records"] for r in answer["reasons"]} == dict(lost)
    assert [r["records"] for r in answer["rejects"]] == [
        sum(f.rows_rejected for f in e.files) for e in moment.warehouse.log if e.entry == "PUBLISH"
    ]
    said_of = [
        r for r in rows(moment, "validation_results") if r["batch_id"] == LAST and r["check_name"] != "batch_score"
    ]
    assert len(answer["checks"]) + len(answer["batch"]["findings"]) == len(said_of)
    commands = [c for step in answer["next"] for c in step["commands"]]
    assert f"ecomm quarantine export orders --batch {LAST} --out rejected_orders.csv" in commands


def test_each_finding_leads_to_its_rows(moment: Moment) -> None:
    across = {c.name for c in CHECKS}
    for finding in said(moment, "quality")["batch"]["findings"]:
        source, check = finding["source"], finding["check"]
        answer = said(moment, "rows", batch=LAST, source=source, check=check)
        if check in across:
            keys = {tuple(k) for k in finding["keys"]}
            assert {tuple(r["key"]) for r in answer["rows"]} <= keys
            continue
        flagged = [
            r for r in rows(moment, f"{source}_stage") if r["batch_id"] == LAST and check in r["quality_flags"]
        ] + [r for r in rows(moment, f"{source}_errors") if r["batch_id"] == LAST and check in r["reasons"]]
        assert answer["total"] == len(flagged)
        assert {(r["file"], r["line"]) for r in answer["rows"]} <= {
            (r["source_file"], r["source_line"]) for r in flagged
        }
        assert len(answer["rows"]) == min(50, len(flagged))


def test_a_lost_column_is_found_without_rows_and_files_without_a_trigger_with_advice(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moment = Moment(drifted(shop).settings)
    found = {f["check"]: f for f in said(moment, "quality")["batch"]["findings"]}
    assert found["column_disappeared"]["meaning"] == "day2.csv lacks the column till, which batch day 1 had."
    assert {check for check, f in found.items() if not f["has_rows"]} == {"column_disappeared"}
    (flagged,) = said(moment, "rows", batch="day 2", source="orders", check="order_status_known")["rows"]
    assert flagged["key"] == ["O2"]
    write(shop.settings, into := tmp_path_factory.mktemp("copy"))
    copy = json.loads((into / "assets" / "data.js").read_text()[len("window.ECOMM_COPY=") : -2])["answers"]
    assert {f["check"] for f in found.values() if f["has_rows"]} == {
        check for check in found if asked("rows", batch="day 2", source="orders", check=check) in copy
    }
    there = landing(moment, {})
    assert [(f["source"], f["name"]) for f in there["unexpected"]] == [("orders", "day 3.csv"), ("orders", "old.xls")]
    assert [f["advice"] for f in there["unexpected"]] == [
        f.sentence for f in status.of(shop.settings, datetime.now(UTC)).unexpected
    ]
    assert "`ecomm trigger 'day 3.csv'`" in there["unexpected"][0]["advice"]
    for n in range(30):
        (shop.root / "landing" / "orders_data" / "source" / f"more{n}.csv").write_text("order_id\n")
    there = landing(moment, {})
    assert (len(there["unexpected"]), there["more"]) == (20, 12)


def test_operations_tell_tasks_files_and_the_ledger(moment: Moment) -> None:
    answer = said(moment, "operations")
    assert [r["batch_id"] for r in answer["runs"]] == [LAST, "batch_2025_01_15"]
    run = answer["run"]
    tasks = [r for r in rows(moment, "processing_log") if r["revision"] == run["revision"]]
    assert {t["task"]: t["seconds"] for t in run["tasks"]} == {t["task"]: text(t["seconds"]) for t in tasks}
    for file in run["files"]:
        parts = ("accepted", "rejected", "duplicate", "superseded")
        assert file["rows_read"] == sum(file[f"rows_{p}"] for p in parts)
    told = said(moment, "ledger")
    assert [e["seq"] for e in told["rows"]] == [e.seq for e in reversed(moment.warehouse.log) if e.entry != "OPEN"]
    assert landing(moment, {})["triggers"] == []


def test_a_batch_that_was_read_once_more_or_undone_is_told_so(shop: Shop) -> None:
    moment = Moment(eventful(shop).settings)
    endings = [(run["batch_id"], run["ending"]) for run in said(moment, "operations")["runs"]]
    again = [("day 2", "undone"), ("day 2", "replayed"), ("day 1", "replayed")]
    assert endings == [*again, ("day 3", "held"), ("day 2", "published"), ("day 1", "published")]
    told = {(e["batch_id"], e["entry"]): e["again"] for e in reversed(said(moment, "ledger")["rows"])}
    assert told["day 1", "PUBLISH"] == "replayed"
    assert told["day 2", "UNDO"] is None


def test_history_tells_what_changed_and_where_it_came_from(moment: Moment) -> None:
    versions: dict[str, list[Row]] = {}
    for row in sorted(rows(moment, "orders_target"), key=lambda r: r["effective_date"]):
        versions.setdefault(row["order_id"], []).append(row)
    key = next(k for k, v in sorted(versions.items()) if len(v) == 2 and v[0]["order_status"] != v[1]["order_status"])
    before, now = versions[key]
    life = said(moment, "history", source="orders", key=key)["lives"][0]
    assert [v["batch_id"] for v in life["versions"]] == [before["batch_id"], now["batch_id"]]
    assert life["versions"][0]["changes"] == []
    changed = {c["column"]: (c["before"], c["after"]) for c in life["versions"][1]["changes"]}
    assert changed["order_status"] == (before["order_status"], now["order_status"])
    stage = next(r for r in rows(moment, "orders_stage") if r["order_id"] == key and r["batch_id"] == now["batch_id"])
    assert life["versions"][1]["origin"] == f"{stage['source_file']}:{stage['source_line']}"
    found = said(moment, "find", q=key)["matches"]
    assert (found[0]["key"], found[0]["exact"], found[0]["versions"]) == (key, True, 2)
    assert {m["source"] for m in said(moment, "find", q="p00")["matches"]} == {"products"}
    assert said(moment, "find", q="%")["matches"] == []
    assert said(moment, "history", source="orders", key="nobody")["lives"] == []


def test_every_answer_bears_the_stamp_of_its_entry(moment: Moment) -> None:
    stamp = said(moment, "overview")["stamp"]
    assert (stamp["entry"], stamp["batch_id"]) == (moment.warehouse.entry.seq, LAST)
    assert stamp["as_of"] == "2025-01-16T06:00:00Z"
    assert stamp["stale_after"] == timedelta(days=2).total_seconds()  # twice the usual day
    assert said(moment, "ledger")["stamp"] == stamp


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("customers", {"sort": "total_spent desc; drop table x"}),
        ("customers", {"sort": '"customer_id"'}),
        ("products", {"sort": "-(select 1)"}),
        ("overview", {"days": "31"}),
        ("rows", {"source": "orders_stage; --", "check": "x", "batch": LAST}),
        ("history", {"source": "orders_target", "key": "x"}),
        ("operations", {"run": "1 or 1=1"}),
        ("operations", {"run": "99"}),
        ("quality", {"batch": "' or true --"}),
    ],
)
def test_what_no_list_allows_is_refused(moment: Moment, name: str, args: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        said(moment, name, **args)


def test_an_empty_folder_is_said_in_a_sentence(shop: Shop) -> None:
    with pytest.raises(UsageError, match="there is no warehouse here"):
        Moment(shop.settings)


@pytest.mark.long
def test_a_copy_holds_the_same_answers(sample: Shop, moment: Moment, tmp_path_factory: pytest.TempPathFactory) -> None:
    into = tmp_path_factory.mktemp("copy")
    page = write(sample.settings, into)
    copy = json.loads((into / "assets" / "data.js").read_text()[len("window.ECOMM_COPY=") : -2])
    assert page.is_file()
    assert copy["answers"]["overview"] == said(moment, "overview")
    assert copy["answers"][asked("history", source="products", key="P003")] == said(
        moment, "history", source="products", key="P003"
    )
    assert len(copy["tables"]["customers"]["rows"]) == len(rows(moment, "customer_analytics"))
    write(sample.settings, into)  # anew
    with pytest.raises(UsageError, match="something else in this folder"):
        write(sample.settings, sample.settings.landing)
    with pytest.raises(UsageError, match="inside the warehouse"):
        write(sample.settings, sample.settings.warehouse / "copy")
    with pytest.raises(UsageError, match="there is no warehouse here"):
        write(load(warehouse=into / "nothing"), into)


def test_an_order_of_several_lines_is_one_order(tmp_path: Path) -> None:
    """Counted once in every answer; what was refunded is said; a key has its lines in order."""
    moment = Moment(of_lines(tmp_path).settings)
    overview = said(moment, "overview", days="30")
    kpis = {k["name"]: k["value"] for k in overview["kpis"]}
    assert (kpis["orders"], kpis["revenue"], kpis["aov"]) == (2, "90.50", "48.00")
    assert (overview["summary"]["gross_revenue"], overview["summary"]["refunds"]) == ("96.00", "5.50")
    course = overview["course"]
    assert [course[name] for name in ("orders", "revenue_orders", "revenue", "gross_revenue", "refunds")] == [
        2, 2, "90.50", "96.00", "5.50"
    ]  # fmt: skip
    days = {r["first_day"]: (r["orders"], r["revenue"], r["refunds"]) for r in course["rows"] if r["orders"]}
    assert days == {"2025-01-02": (1, "62.00", "4.00"), "2025-01-03": (1, "28.50", "1.50")}
    assert said(moment, "products")["sums"] == {"money": "90.50", "refunds": "5.50"}

    found = said(moment, "find", q="O1")["matches"]
    assert [(m["source"], m["key"], m["parts"], m["versions"]) for m in found] == [("orders", "O1", 12, 12)]
    lives = [life["key"] for life in said(moment, "history", source="orders", key="O1")["lives"]]
    assert [key["line_id"] for key in lives] == ["1", "2", "2", *map(str, range(3, 12))]
    assert [bool(key["refund_id"]) for key in lives[:4]] == [False, False, True, False]
    last = said(moment, "history", source="orders", key="O1")["lives"][2]["versions"][-1]["values"]
    assert (last["product_id"], last["order_amount"]) == ("P2", "-1.50")
    orders = said(moment, "history", source="customers", key="C1")["orders"]
    assert [(o["order_id"], o["lines"], o["amount"], o["product_name"], o["order_status"]) for o in orders] == [
        ("O2", 1, "30.00", "Lamp 1", "pending"),
        ("C9", 0, "-4.00", "Lamp 1", None),
        ("O1", 11, "64.50", "Lamp 1", "completed"),
    ]
