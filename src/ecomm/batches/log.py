"""What the entries of a ledger say together: which batches are live, held, undone, and what was known when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import overload
from zoneinfo import ZoneInfo

from ecomm.batches.entry import ENDS, JUDGES, PUBLISHES, Entry, FileEntry
from ecomm.errors import UsageError

Positions = Mapping[str, tuple[datetime, int]]
"""Live batches: batch -> its as-of and its revision."""


@dataclass(frozen=True)
class Log(Sequence[Entry]):
    """The entries of a ledger in their order, as they were when it was read."""

    entries: tuple[Entry, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, seq: int) -> Entry: ...

    @overload
    def __getitem__(self, seq: slice) -> tuple[Entry, ...]: ...

    def __getitem__(self, seq: int | slice) -> Entry | tuple[Entry, ...]:
        return self.entries[seq]

    @property
    def last(self) -> Entry:
        """The entry that says what readers read."""
        return self.entries[-1]

    def and_then(self, entry: Entry) -> Log:
        """The same with one more entry."""
        return Log((*self.entries, entry))

    # --- batches ---

    @cached_property
    def live(self) -> Mapping[str, Entry]:
        """For each batch the entry that published it last, unless it was undone since."""
        published: dict[str, Entry] = {}
        for entry in self.entries:
            if entry.batch_id is None:
                continue
            if entry.entry in PUBLISHES:
                published[entry.batch_id] = entry
            elif entry.entry == "UNDO":
                published.pop(entry.batch_id, None)
        return published

    @cached_property
    def positions(self) -> Positions:
        """The live batches: batch -> (as-of, revision)."""
        return {b: (e.as_of, e.revision) for b, e in self.live.items() if e.as_of and e.revision is not None}

    @cached_property
    def undone(self) -> Mapping[str, Entry]:
        """The batches that were undone and have not come again, each with the entry that did so."""
        last = {e.batch_id: e for e in self.entries if e.batch_id and e.entry in (*JUDGES, "UNDO")}
        return {batch: entry for batch, entry in last.items() if entry.entry == "UNDO"}

    @cached_property
    def held(self) -> Mapping[str, Entry]:
        """The batches that wait for a person, neither published nor rejected since, with the entry that held each."""
        waiting: dict[str, Entry] = {}
        for entry in self.entries:
            if entry.batch_id is None:
                continue
            if entry.entry == "HOLD":
                waiting[entry.batch_id] = entry
            elif entry.entry in (*PUBLISHES, "REJECT"):
                waiting.pop(entry.batch_id, None)
        return waiting

    @cached_property
    def accepted(self) -> tuple[Entry, ...]:
        """The held batches that a person has accepted and that are not published yet, in the order of positions."""
        agreed = {e.batch_id: e.seq for e in self.entries if e.entry == "ACCEPT" and e.batch_id}
        waiting = [entry for batch, entry in self.held.items() if agreed.get(batch, -1) > entry.seq]
        return tuple(sorted(waiting, key=lambda e: (e.as_of, str(e.batch_id).encode())))

    @cached_property
    def kept(self) -> tuple[Entry, ...]:
        """What the archive holds files of: live batches, and held ones, also another revision of a live one."""
        return (*self.live.values(), *self.held.values())

    def published_last(self, batch_id: str) -> Entry | None:
        """The entry that published a batch last, also if it was undone since; None if none did."""
        return next((e for e in reversed(self.entries) if e.batch_id == batch_id and e.entry in PUBLISHES), None)

    def dead_revisions(self, alive: Collection[int]) -> list[int]:
        """The revisions whose stage rows, if there are any, do not count if only those count that are alive."""
        return sorted(e.seq for e in self.entries if e.entry == "OPEN" and e.seq not in alive)

    @cached_property
    def open_attempt(self) -> Entry | None:
        """The attempt that is under way or was broken off: an OPEN that nothing has ended."""
        for entry in reversed(self.entries):
            if entry.entry == "OPEN":
                return entry
            if entry.entry in ENDS:
                return None
        return None

    # --- people who are forgotten ---

    @cached_property
    def forgotten(self) -> frozenset[str]:
        """The customers who are forgotten now, by the ids under which they stay in the tables."""
        found: set[str] = set()
        for entry in self.entries:
            found = found | set(entry.customers) if entry.entry == "FORGET" else found - set(entry.customers)
        return frozenset(found)

    @cached_property
    def _erased(self) -> Mapping[tuple[str, str, str, str], tuple[int, FileEntry]]:
        """The files from which FORGET entries took cells, as the last one left them in the archive, with its number."""
        forgetting = (e for e in self.entries if e.entry == "FORGET")
        return {(f.batch_id, f.source, f.name, f.sha256): (e.seq, f) for e in forgetting for f in e.files}

    def as_archived(self, entry: Entry, file: FileEntry) -> FileEntry:
        """A file of an entry about a batch, with what was taken out of its copy in the archive since."""
        since, now = self._erased.get((str(entry.batch_id), file.source, file.name, file.sha256), (-1, file))
        return file if since < entry.seq else replace(file, archived=now.archived, erased=now.erased)

    # --- tables ---

    def files_of(self, table: str, version: int) -> set[str]:
        """The files that a version of a table must have: those that the last entry which wrote it made visible.

        Empty if that version is of another program's maintenance, or came by an entry that added no file.
        """
        for entry in reversed(self.entries if version else ()):  # at first it has no file
            files = {place.partition("/")[2] for place in entry.digests if place.startswith(f"{table}/")}
            if files:
                return files if entry.tables.get(table, (-1, 0))[0] == version else set()
        return set()

    # --- other times ---

    def at(self, known_at: int | datetime) -> Log:
        """The entries up to one, by its number, or up to an instant. Raises UsageError if there was none yet."""
        if isinstance(known_at, int):
            number = known_at
        else:
            number = sum(e.at <= known_at for e in self.entries if e.at is not None) - 1
        if not 0 <= number < len(self.entries):
            first, last = self.entries[0], self.entries[-1]
            raise UsageError(
                f"nothing was known at {known_at}: the ledger's entries go from 0 ({first.at:%Y-%m-%dT%H:%M:%S}Z) to "
                f"{last.seq} ({last.at:%Y-%m-%dT%H:%M:%S}Z)."
            )
        return Log(self.entries[: number + 1])

    def before_last_attempt(self) -> Log:
        """The entries before the attempt that ends with the last of them. Raises UsageError if there are none."""
        opened = max((e.seq for e in self.entries if e.entry == "OPEN"), default=0)
        if not opened:
            raise UsageError("nothing was published by then; name a later batch or ledger entry.")
        return Log(self.entries[:opened])


NOTHING = Log()
"""No entry: of a warehouse that is not there yet, or not read."""


def today_of(alive: Positions, zone: str) -> date:
    """The day of the greatest live as-of in a time zone; without a live batch no table has a row that looks at it."""
    local = ZoneInfo(zone)
    return max((as_of.astimezone(local).date() for as_of, _ in alive.values()), default=date(1970, 1, 1))
