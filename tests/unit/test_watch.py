"""What a look at landing leads to: who is ready, who waits, who is tried again when."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecomm.batches.failures import Failed
from ecomm.batches.trigger import Candidate, LandedFile, State
from ecomm.errors import Cause, FileError, HeaderError, LockedError, StorageError, cause_of
from ecomm.watch import RESCAN, Failure, Plan, Stillness, failed_again, plan, remembered

TRIGGER, ORDERS, MORE = Path("t.json"), Path("orders.csv"), Path("more.csv")
READY = Candidate(TRIGGER, State.PENDING, files=(LandedFile("orders", ORDERS), LandedFile("orders", MORE)))
LYING = {TRIGGER: (10, 1, 1), ORDERS: (20, 1, 2), MORE: (30, 1, 3)}


def still(*looks: tuple[dict[Path, tuple[int, int, int]], float]) -> Stillness:
    """Landing, as it was seen at some seconds."""
    seen = Stillness()
    for stamps, at in looks:
        seen.note(stamps, at)
    return seen


def planned(
    candidate: Candidate = READY, at: float = 100.0, seen: Stillness | None = None, failure: Failure | None = None
) -> Plan:
    """What is to be done with one trigger, at a second."""
    failures = {candidate.name: failure} if failure else {}
    return plan([candidate], [], seen or still((LYING, 0.0)), failures, 1.0, at)


def test_a_change_is_noticed_once() -> None:
    seen = Stillness()
    assert [seen.note(LYING, 1.0), seen.note(LYING, 2.0)] == [True, False]
    grown = LYING | {MORE: (31, 2, 3)}
    assert [seen.note(grown, 3.0), seen.note(grown, 4.0)] == [True, False]
    assert (seen.since([TRIGGER, ORDERS], 9.0), seen.since([TRIGGER, MORE], 9.0)) == (1.0, 3.0)
    assert seen.note({TRIGGER: LYING[TRIGGER]}, 5.0)  # files have gone
    assert seen.since([TRIGGER, ORDERS], 9.0) == 9.0


def test_what_has_come_since_the_files_were_listed_has_not_stood_still() -> None:
    seen = still(({TRIGGER: LYING[TRIGGER]}, 0.0))
    found = planned(seen=seen)
    assert (dict(found.complete_since), [*found.growing], found.due) == ({}, ["t.json"], 101.0)


@pytest.mark.parametrize("changed", [(31, 1, 3), (30, 2, 3), (30, 1, 4)], ids=["size", "time", "another file"])
def test_a_batch_waits_until_each_of_its_files_has_stood_still(changed: tuple[int, int, int]) -> None:
    seen = still((LYING, 0.0), (LYING | {MORE: changed}, 99.5))
    waits = planned(seen=seen, at=100.0)
    assert (dict(waits.complete_since), [*waits.growing], waits.due) == ({}, ["t.json"], 100.5)
    assert planned(seen=seen, at=100.5).complete_since == {"t.json": 99.5}


def test_also_a_trigger_that_cannot_be_read_may_still_grow() -> None:
    broken = Candidate(TRIGGER, State.FAILED, reason="not valid JSON")
    seen = still((LYING, 0.0), (LYING | {TRIGGER: (5, 2, 1)}, 99.5))
    assert not planned(broken, 100.0, seen).failed
    assert planned(broken, 101.0, seen).failed == {"t.json": "not valid JSON"}


def test_a_file_without_a_last_line_end_is_waited_for_longer() -> None:
    unended = replace(READY, unended="orders.csv")
    early = planned(unended, at=59.9)
    assert (dict(early.complete_since), early.due) == ({}, 59.9 + RESCAN)
    assert early.growing["t.json"].startswith("the last line of orders.csv has no end, so")
    assert planned(unended, at=60.0).complete_since == {"t.json": 0.0}
    assert planned(at=1.0).complete_since == {"t.json": 0.0}


def test_who_waits_says_for_what_and_nobody_looks_again_for_it() -> None:
    found = planned(Candidate(TRIGGER, State.WAITING, reason="waits for more.csv"))
    assert (found.waiting, found.due) == ({"t.json": "waits for more.csv"}, math.inf)


def test_what_failed_is_tried_again_after_a_while_or_when_its_files_change() -> None:
    seen = still((LYING, 0.0))
    failure = Failure("no space", 1, 105.0, seen.stamps([TRIGGER, ORDERS, MORE]))
    early = planned(failure=failure)
    assert (dict(early.complete_since), early.failed, early.due) == ({}, {"t.json": "no space"}, 105.0)
    assert planned(failure=failure, at=105.0).complete_since
    seen.note(LYING | {ORDERS: (21, 5, 2)}, 98.0)
    assert planned(failure=failure, seen=seen).complete_since == {"t.json": 98.0}


def test_each_pause_is_twice_the_one_before_up_to_ten_minutes() -> None:
    failure, pauses = None, []
    for _ in range(30):
        failure = failed_again(failure, "why", 1000.0)
        pauses.append(failure.again_at - 1000.0)
    assert pauses[:8] == [5, 10, 20, 40, 80, 160, 320, 600]
    assert (set(pauses[8:]), failure and failure.tries) == ({600.0}, 30)


def pauses_of(cause: Cause, times: int) -> list[float]:
    """How long is waited after each of so many failures with the same files."""
    failure, pauses = None, []
    for _ in range(times):
        failure = failed_again(failure, "why", 1000.0, (None,), cause, "by")
        pauses.append(failure.again_at - 1000.0)
    return pauses


def test_what_fails_by_its_files_is_tried_ever_more_rarely() -> None:
    assert pauses_of(Cause.FILES, 10) == [600, 1200, 2400, 4800, 9600, 19200, 38400, 76800, 86400, 86400]
    assert pauses_of(Cause.UNKNOWN, 3) == [5, 10, 20]
    assert pauses_of(Cause.UNKNOWN, 20)[-1] == 86400
    tried, at = 0, 0.0
    for pause in pauses_of(Cause.FILES, 20):
        tried, at = tried + (at < 86400), at + pause
    assert tried == 8, "in its first day, not every ten minutes"


def test_another_file_or_setting_begins_anew() -> None:
    failure = failed_again(None, "why", 0.0, ((1, 1, 1),), Cause.FILES, "by")
    assert failed_again(failure, "why", 0.0, ((1, 1, 1),), Cause.FILES, "by").tries == 2
    assert failed_again(failure, "why", 0.0, ((1, 2, 1),), Cause.FILES, "by").tries == 1
    assert failed_again(failure, "why", 0.0, ((1, 1, 1),), Cause.FILES, "others").tries == 1


def test_failures_of_an_earlier_process_are_known() -> None:
    """By the time that was kept with them, whatever the clock says now; not if the settings are others."""
    at = datetime(2025, 3, 1, 12, tzinfo=UTC)
    stamps = {str(path): stamp for path, stamp in LYING.items()}
    kept = {READY.name: Failed("a header", Cause.FILES, 2, at, "by", stamps)}
    for passed, again in ((0, 1200), (300, 900), (3600, -2400), (-7200, 1200)):
        found = remembered(kept, [READY], "by", 5000.0, at + timedelta(seconds=passed))
        assert found[READY.name].again_at == 5000.0 + again, passed
    early = planned(at=6000.0, failure=remembered(kept, [READY], "by", 5000.0, at)[READY.name])
    assert (dict(early.complete_since), early.failed) == ({}, {"t.json": "a header"})
    grown = still((LYING | {MORE: (31, 2, 3)}, 0.0))
    assert planned(
        seen=grown, at=5001.0, failure=remembered(kept, [READY], "by", 5000.0, at)[READY.name]
    ).complete_since
    assert not remembered(kept, [READY], "others", 5000.0, at)
    assert not remembered({}, [READY], "by", 5000.0, at)


def test_what_an_error_comes_from() -> None:
    for error in (HeaderError("x"), FileError("x")):
        assert cause_of(error) is Cause.FILES
    no_space = RuntimeError("No space left on device")
    for outside in (
        StorageError("x"),
        LockedError("x"),
        OSError(5, "x"),
        no_space,
        RuntimeError("StatusCode.UNAVAILABLE"),
    ):
        assert cause_of(outside) is Cause.OUTSIDE
    assert cause_of(ValueError("x")) is Cause.UNKNOWN


def test_an_accepted_batch_goes_on_and_waits_like_others_if_it_failed() -> None:
    failures = {"held": Failure("no space", 1, 105.0, ())}
    assert plan([], ["held"], Stillness(), {}, 1.0, 100.0).complete_since == {"held": 100.0}
    waits = plan([], ["held"], Stillness(), failures, 1.0, 100.0)
    assert (dict(waits.complete_since), waits.failed, waits.due) == ({}, {"held": "no space"}, 105.0)


def test_a_duplicate_is_archived() -> None:
    assert planned(Candidate(TRIGGER, State.DUPLICATE, reason=str(datetime.now(UTC)))).complete_since
