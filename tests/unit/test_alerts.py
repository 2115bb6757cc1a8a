"""Which batches are unusual, and that each alert begins and ends once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from ecomm import alerts
from ecomm.alerts import Alert, State, after, judge
from ecomm.alerts.unusual import Batch, batches_of, last_coming, lateness, unusual
from ecomm.batches.entry import Entry, FileEntry
from ecomm.batches.log import Log
from ecomm.settings import Alerts, Settings

MONDAY = datetime(2026, 1, 5, 6, tzinfo=UTC)


def batch(n: int, orders: int = 100, **said: object) -> Batch:
    """The batch of a day."""
    at = MONDAY + timedelta(days=n)
    usual = Batch(f"b{n:03}", at, at.weekday(), {"orders": orders, "customers": 20}, 0.01, 95.0, orders * 50.0, orders)
    return replace(usual, **said)  # type: ignore[arg-type]


def past(days: int = 60, weekend: int = 200, seed: int = 1) -> list[Batch]:
    """Days as they are: about a hundred orders, more at weekends, more or less by chance."""
    chance = random.Random(seed)
    return [
        batch(
            n,
            round(chance.gauss(weekend if n % 7 > 4 else 100, 8)),
            score=chance.gauss(95, 0.5),
            rejected=abs(chance.gauss(0.01, 0.003)),
        )
        for n in range(days)
    ]


def rules(last: Batch, before: Sequence[Batch]) -> list[str]:
    """The rules that a batch breaks."""
    return [f"{rule} {subject}".strip() for rule, subject, _ in unusual(last, before)]


@pytest.mark.parametrize("seed", range(20))
def test_chance_and_weekends_alarm_nobody(seed: int) -> None:
    days = past(120, seed=seed)
    told = [(b.batch_id, rule) for n, b in enumerate(days) for rule in rules(b, days[:n])]
    assert len(told) <= 1, told


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"rows": {"orders": 30, "customers": 20}}, ["rows orders"]),
        ({"rows": {"customers": 20}}, ["rows orders"]),
        ({"rows": {"orders": 100, "customers": 60}}, ["rows customers"]),
        ({"revenue": 15000.0}, ["revenue"]),
        ({"revenue": 0.0}, ["revenue"]),
        ({"revenue": None}, []),
        ({"score": 88.0}, ["score"]),
        ({"score": 99.9}, []),
        ({"rejected": 0.08}, ["rejects"]),
        ({"rejected": 0.0}, []),
        ({"rows": {"orders": 100, "customers": 20, "shipping": 500}}, []),  # a source that has begun
    ],
)
def test_what_is_odd_is_found(said: dict[str, object], wanted: list[str]) -> None:
    days = past(59)
    assert rules(batch(59, **said), days) == wanted  # type: ignore[arg-type]


def test_a_weekend_s_number_is_odd_on_a_weekday_alone() -> None:
    days = past(62)
    assert rules(batch(62, 200, revenue=10000.0), days[:62]) == []  # a Saturday
    assert rules(batch(64, 200, revenue=10000.0), days[:62]) == ["rows orders", "revenue"]


def test_a_few_odd_days_in_the_past_do_not_hide_the_next_one() -> None:
    days = past(59)
    for n in (40, 47, 54):
        days[n] = batch(n, 900)
    assert "rows orders" in rules(batch(59 + 2, 900), days)


def test_a_new_shop_alarms_nobody() -> None:
    days = past(7)
    assert not any(rules(batch(n, 1 + n * 1000), days[:n]) for n in range(8))


def test_a_shop_that_sends_now_and_then() -> None:
    """Each eleventh day: no weekday has five yet."""
    days = [batch(11 * n, 100 + n % 3) for n in range(9)]
    assert rules(batch(99, 100), days) == []
    assert rules(batch(99, 20, revenue=5000.0), days) == ["rows orders"]


def test_days_that_are_all_alike() -> None:
    days = [batch(n) for n in range(40)]
    assert rules(batch(40, 103, revenue=5200.0), days) == []
    assert rules(batch(40, 160), days) == ["rows orders", "revenue"]


def test_lateness() -> None:
    """A shop that sends nothing at weekends is not late on a Sunday, but on a Monday evening."""
    weekdays = [b for b in past(40) if b.weekday < 5]
    friday = weekdays[-1]
    assert friday.weekday == 4
    assert lateness(weekdays, friday.as_of + timedelta(days=2)) is None
    assert lateness(weekdays, friday.as_of + timedelta(days=4)) is None  # half as long again is allowed
    said = lateness(weekdays, friday.as_of + timedelta(days=5))
    last = f"the last is {friday.batch_id} (2026-02-13 06:00 UTC)"
    assert said == f"no batch has come for 5.0 days, 3.0 days is usual; {last}."
    much_later = friday.as_of + timedelta(days=300)
    assert lateness(weekdays, much_later, came=much_later - timedelta(days=4)) is None
    said = lateness(weekdays, much_later, came=much_later - timedelta(days=5))
    assert said == f"no batch has come for 5.0 days, 3.0 days is usual; {last}."
    assert lateness(weekdays[:3], friday.as_of + timedelta(days=300)) is None  # too few to know


def test_what_is_done_again_has_not_come_again() -> None:
    """A batch comes when it is published or held first; a replay of it is no new one."""
    entries = [entry(n, n, 100) for n in range(3)] + [entry(3, 3, 100, "HOLD"), entry(4, 9, 100, "ACCEPT")]
    again = replace(entries[1], seq=5, at=MONDAY + timedelta(days=20))
    assert last_coming([*entries, again]) == MONDAY + timedelta(days=3)
    assert last_coming([]) is None


# --- what begins and ends ----------------------------------------------------------------------------------------


def alert(rule: str, subject: str = "") -> Alert:
    return Alert(rule, subject, f"{rule} {subject}", MONDAY)


def test_each_begins_once_and_ends_once() -> None:
    state, told = State(), list[tuple[str, str]]()
    for hour, wrong in enumerate(["", "a", "a", "ab", "b", "b", "", "a"]):
        at = MONDAY + timedelta(hours=hour)
        state, events = after(state, [replace(alert(name), since=at) for name in wrong], at)
        told += [(e.event, e.alert.rule) for e in events]
    assert told == [
        *(("fired", "a"), ("fired", "b"), ("resolved", "a"), ("resolved", "b"), ("fired", "a")),
    ]
    assert [(a.rule, a.since.hour, a.until and a.until.hour) for a in state.ended] == [("b", 9, 12), ("a", 7, 10)]
    assert [(a.rule, a.since.hour) for a in state.firing] == [("a", 13)]


def entry(seq: int, n: int, orders: int, kind: str = "PUBLISH") -> Entry:
    """The entry about the batch of a day."""
    at = MONDAY + timedelta(days=n)
    file = FileEntry("orders", f"o{n}.csv", "0" * 64, 1, orders, orders)
    return Entry(kind, seq, at, f"b{n:03}", "run", at, revision=seq, files=(file,), score=Decimal("95.00"))


def test_a_batch_is_asked_about_once_when_it_is_published() -> None:
    """The first look tells what is wrong now. Later ones tell each batch's news, also of several at once."""
    orders = [100] * 40 + [300, 310, 100, 20]
    log = Log(tuple(entry(n, n, count) for n, count in enumerate(orders)))
    state, events = judge(State(), log.at(40), {}, "UTC")
    assert [(e.event, e.alert.key, e.alert.batch) for e in events] == [("fired", "rows orders", "b040")]
    assert judge(state, log.at(40), {}, "UTC") == (state, [])
    state, events = judge(state, log, {}, "UTC")
    assert [(e.event, e.alert.key, e.at.day) for e in events] == [
        ("resolved", "rows orders", 16),
        ("fired", "rows orders", 17),
    ]
    assert state.judged == 43
    state, events = judge(State(), log, {}, "UTC")
    assert [(e.event, e.alert.batch) for e in events] == [("fired", "b043")]


def test_a_late_batch_is_compared_with_those_before_its_instant() -> None:
    # Day 38 has none, and comes last.
    log = Log((*(entry(n, n if n < 38 else n + 1, 100) for n in range(44)), entry(44, 38, 300)))
    found = batches_of(log, {}, "UTC")
    assert [b.batch_id for b in found] == sorted(b.batch_id for b in found)
    _, events = judge(State(judged=43), log, {}, "UTC")
    assert [e.alert.batch for e in events] == ["b038"]


def test_every_rule_can_be_switched_off_and_means_something() -> None:
    (of,) = get_args(Alerts.model_fields["off"].annotation)
    assert set(get_args(of)) == alerts.RULES.keys()
    fires = State(firing=(Alert("score", "", "", datetime(2025, 3, 1, tzinfo=UTC)),))
    told = alerts.rules(Settings(alerts=Alerts(off=["late"])), fires)
    assert {rule["rule"]: rule["now"] for rule in told} == dict.fromkeys(alerts.RULES, "quiet") | {
        "late": "off",
        "score": "fires",
    }
