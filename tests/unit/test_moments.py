"""A batch, a ledger entry, a day: what a word means, and that nothing is guessed where it means two."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ecomm.batches.entry import Entry
from ecomm.batches.log import Log
from ecomm.batches.moments import batch_or_day, known_at
from ecomm.errors import UsageError

DAY_END = datetime(2025, 1, 3, 23, 59, 59, 999999, UTC)
BATCHES = ["4", "2", "2025-01-03", "b1", "day:x", "entry:1"]
LOG = Log(
    (
        Entry("GENESIS", 0),
        *(Entry("PUBLISH", seq, batch_id=batch) for seq, batch in enumerate(BATCHES, 1)),
    )
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("b1", 4),
        ("batch:4", 1),
        ("entry:4", 4),
        ("2", 2),  # the batch 2 was published by the entry 2
        ("0", 0),
        ("entry:99", 99),
        ("batch:2025-01-03", 3),
        ("day:2025-01-03", DAY_END),
        ("2025-01-04", DAY_END.replace(day=4)),
        ("2025-01-04T06:00:00Z", datetime(2025, 1, 4, 6, tzinfo=UTC)),
        ("day:2025-01-04T06:00", datetime(2025, 1, 4, 6, tzinfo=UTC)),
        ("day:x", 5),
        ("batch:day:x", 5),
        ("batch:entry:1", 6),
        ("entry:1", 1),
    ],
)
def test_what_a_word_means(word: str, meant: object) -> None:
    assert known_at(LOG, word, "--from") == meant


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("4", "--from 4 names a batch and an entry; say which: batch:4 or entry:4."),
        ("2025-01-03", "names a batch and a day; say which: batch:2025-01-03 or day:2025-01-03."),
        ("b2", "'b2' is no batch that was published"),
        ("batch:b2", "is no batch that was published"),
        ("entry:x", "is no batch that was published"),
        ("day:tomorrow", "is no batch that was published"),
    ],
)
def test_what_is_refused(word: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        known_at(LOG, word, "--from")
    assert said in str(refused.value)


def test_a_batch_or_a_day() -> None:
    assert batch_or_day(BATCHES, "4", "--from") == "4"
    assert batch_or_day(BATCHES, "day:2025-01-03", "--from") == date(2025, 1, 3)
    assert batch_or_day(BATCHES, "batch:2025-01-03", "--from") == "2025-01-03"
    for word, said in (("2025-01-03", "say which"), ("b2", "no such batch"), ("2025-13-01", "no such day")):
        with pytest.raises(UsageError, match=said):
            batch_or_day(BATCHES, word, "--from")
