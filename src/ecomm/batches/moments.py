"""Moments in a warehouse's life as people name them: a batch, a ledger entry, a day or an instant.

A word that can mean two of these is refused; `batch:4`, `entry:4`, `day:2025-01-31` say which is meant.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, date, datetime, time

from ecomm import settings
from ecomm.batches.entry import PUBLISHES
from ecomm.batches.log import Log
from ecomm.errors import UsageError

Meanings = dict[str, str | int | date | datetime]
"""What a word can mean: `batch`, `entry` or `day` -> the batch's id, the entry's number, the day or instant."""


def known_at(log: Log, word: str, flag: str) -> int | datetime:
    """The ledger entry or the instant that a word names: of a batch the entry that published it last.

    Raises UsageError if it names nothing, or two things.
    """
    batches = {e.batch_id for e in log if e.batch_id and e.entry in PUBLISHES}
    numbers: dict[str, int | datetime] = {}
    for kind, meant in _meanings(word, flag, batches, with_entries=True).items():
        if isinstance(meant, str):
            published = log.published_last(meant)
            assert published is not None
            numbers[kind] = published.seq
        else:
            numbers[kind] = end_of(meant) if isinstance(meant, date) else meant
    if not numbers:
        raise UsageError(
            f"{flag}: {word!r} is no batch that was published, and no entry, day or instant (2025-01-15T06:00:00Z)."
        )
    if len({*numbers.values()}) > 1:
        raise _ambiguous(word, flag, numbers)
    return next(iter(numbers.values()))


def batch_or_day(batches: Collection[str], word: str, flag: str) -> str | date | datetime:
    """The batch, the day or the instant that a word names. batches: those that can be named.

    Raises UsageError if it names nothing, or two things.
    """
    found = _meanings(word, flag, batches, with_entries=False)
    if not found:
        raise UsageError(
            f"{flag} {word}: there is no such batch, and no such day; name a batch of `ecomm status`, or a day as "
            "2025-01-31."
        )
    if len(found) > 1:
        raise _ambiguous(word, flag, found)
    (meant,) = found.values()
    assert not isinstance(meant, int)
    return meant


def _meanings(word: str, flag: str, batches: Collection[str], *, with_entries: bool) -> Meanings:
    """All that a word can mean; of one that begins with a kind and a colon only that, if it can mean that."""
    kind, colon, rest = word.partition(":")
    if colon and kind in ("batch", "entry", "day"):
        all_kinds = _plain_meanings(rest, flag, batches, with_entries=with_entries)
        if kind in all_kinds:
            return {kind: all_kinds[kind]}
    return _plain_meanings(word, flag, batches, with_entries=with_entries)


def _plain_meanings(word: str, flag: str, batches: Collection[str], *, with_entries: bool) -> Meanings:
    found: Meanings = {}
    if word in batches:
        found["batch"] = word
    if with_entries and word.isascii() and word.isdigit():
        found["entry"] = int(word)
    elif "-" in word:  # a day without them, 20250131, may be a number
        with suppress(UsageError):
            found["day"] = settings.day_or_instant(word, flag)
    return found


def _ambiguous(word: str, flag: str, kinds: Collection[str]) -> UsageError:
    ways = " or ".join(f"{kind}:{word}" for kind in kinds)
    names = " and ".join("a day" if kind == "day" else f"a {kind}".replace("a e", "an e") for kind in kinds)
    return UsageError(f"{flag} {word} names {names}; say which: {ways}.")


def end_of(at: date | datetime) -> datetime:
    """The instant that is meant: of a day its last microsecond, UTC."""
    return _utc(at if isinstance(at, datetime) else datetime.combine(at, time.max))


def start_of(at: date | datetime) -> datetime:
    """The instant that is meant: of a day its first, UTC."""
    return _utc(at if isinstance(at, datetime) else datetime.combine(at, time()))


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
