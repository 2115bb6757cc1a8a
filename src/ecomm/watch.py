"""Watching a landing folder: what becomes complete there is published without anyone doing anything.

    a hint (watchfiles) or the timer --> look: which triggers are complete, and do their files stand still?
        --> publish those, in the order of their as-of, under the locks, with an engine that stays
        --> what failed is tried again later, and at once when its files change (`failures`); the others go on

A look costs a listing of six folders as long as nothing has changed. It is taken every two seconds, for events are only
a hint: network folders give none.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread

import structlog
import watchfiles

from ecomm import pipeline
from ecomm.batches import endings, failures, locks, quiet
from ecomm.batches.failures import Failed, Stamp, files_of
from ecomm.batches.landing import Landing
from ecomm.batches.ledger import Ledger, version_of
from ecomm.batches.log import NOTHING, Log
from ecomm.batches.trigger import TRIGGER, Candidate, State
from ecomm.batches.untriggered import untriggered
from ecomm.engines import Engine, sail
from ecomm.errors import Cause, LockedError, UsageError, sentence
from ecomm.progress import Listener, TaskResult, silent
from ecomm.session import left_behind, open_warehouse, recover, running
from ecomm.settings import SOURCE_NAMES, Settings
from ecomm.transaction import Outcome

logger = structlog.get_logger()

RESCAN = 2.0
"""Seconds between two looks if nothing hints at an earlier one."""
RENEWED = 100
"""Batches that an embedded engine publishes before another replaces it: it never frees some 1 MB of each."""
_LEFT_BEHIND = 60.0  # seconds between two tries at what an earlier run left behind


class Stillness:
    """Since when each file in landing has stood still, by our own clock: that of a network folder may be wrong."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[Stamp, float]] = {}

    def note(self, stamps: Mapping[Path, Stamp], now: float) -> bool:
        """Take in how the files are now; whether any has come, changed or gone."""
        before = {path: stamp for path, (stamp, _) in self._seen.items()}
        if before == stamps:
            return False
        self._seen = {p: self._seen[p] if before.get(p) == stamp else (stamp, now) for p, stamp in stamps.items()}
        return True

    def since(self, paths: Iterable[Path], now: float) -> float:
        """Since when all of these have stood still; now, if one has come since they were noted."""
        return max(self._seen[path][1] if path in self._seen else now for path in paths)

    def stamps(self, paths: Iterable[Path]) -> tuple[Stamp | None, ...]:
        """How these files are."""
        return tuple(self._seen[path][0] if path in self._seen else None for path in paths)


def landed(settings: Settings) -> dict[Path, Stamp]:
    """The files in the shop's six folders, and how they are."""
    found = {}
    for folder in settings.landing_folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    said = entry.stat(follow_symlinks=False)
                    found[folder / entry.name] = (said.st_size, said.st_mtime_ns, said.st_ino)
        except FileNotFoundError:  # a folder that is not there yet, or a file that has gone meanwhile
            continue
    return found


@dataclass(frozen=True)
class Failure:
    """What failed: why, how often in a row, and when it is tried again (monotonic), unless its files change before.

    by: with which program and settings.
    """

    reason: str
    tries: int
    again_at: float
    stamps: tuple[Stamp | None, ...]
    by: str = ""


def failed_again(
    before: Failure | None,
    reason: str,
    now: float,
    stamps: tuple[Stamp | None, ...] = (),
    cause: Cause = Cause.OUTSIDE,
    by: str = "",
) -> Failure:
    """A failure after another one of the same files and settings: each pause is twice the one before."""
    same = before is not None and (before.stamps, before.by) == (stamps, by)
    tries = 1 + (before.tries if before and same else 0)
    return Failure(reason, tries, now + failures.pause(cause, tries), stamps, by)


def remembered(
    kept: Mapping[str, Failed], candidates: Sequence[Candidate], by: str, now: float, at: datetime
) -> dict[str, Failure]:
    """The failures of earlier processes that are still of these triggers and settings. now, at: the same moment."""
    found = {}
    for candidate in candidates:
        one = kept.get(candidate.name)
        if one is not None and one.by == by:
            longest = failures.pause(one.cause, one.tries)  # a clock that was put back is no reason to wait longer
            wait = min((one.again_at - at).total_seconds(), longest)
            stamps = tuple(one.stamps.get(str(path)) for path in files_of(candidate))
            found[candidate.name] = Failure(one.reason, one.tries, now + wait, stamps, by)
    return found


@dataclass(frozen=True)
class Report:
    """What the watcher saw when it looked last, and what it does.

    at: when it looked (UTC). working_on: the batch that is being published. waiting, failed: batch -> why. held_up_by:
    the other run that works on the warehouse, in a sentence. trouble: why nothing can be published at all. untriggered:
    file -> what to do with it, of files that no trigger lists.
    """

    at: datetime
    working_on: str | None = None
    waiting: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    held_up_by: str | None = None
    trouble: str | None = None
    untriggered: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What a look finds: batches that can be published, that are held up (and why), and that failed (and why).

    complete_since: since when (monotonic) the files of a ready batch have stood still. growing: batches a file of which
    is still being written. due: when to look again although nothing changes.
    """

    complete_since: Mapping[str, float]
    waiting: Mapping[str, str]
    failed: Mapping[str, str]
    growing: Mapping[str, str]
    due: float


def plan(
    candidates: Sequence[Candidate],
    agreed: Collection[str],
    still: Stillness,
    failures: Mapping[str, Failure],
    quiet: float,
    now: float,
) -> Plan:
    """What is to be done with the triggers in landing, and with the held batches that were accepted.

    quiet: a batch whose files have changed within so many seconds waits.
    """
    ready = {batch: now for batch in agreed if _may(failures.get(batch), now)}
    waiting, growing = dict[str, str](), dict[str, str]()
    failed = {batch: failure.reason for batch, failure in failures.items() if batch in agreed}
    due = min((f.again_at for f in failures.values() if f.again_at > now), default=math.inf)
    for candidate in candidates:
        name, paths = candidate.name, files_of(candidate)
        before, since = failures.get(name), still.since(paths, now)
        if candidate.growing:
            growing[name], due = candidate.reason or "", min(due, now + RESCAN)
        elif candidate.state is State.WAITING:
            waiting[name] = candidate.reason or ""
        elif since + quiet > now:
            growing[name], due = "waits until its files stand still", min(due, since + quiet)
        elif candidate.unended and since + quiet * endings.PATIENCE > now:
            growing[name], due = endings.about(candidate.unended), min(due, now + RESCAN)
        elif candidate.state is State.FAILED:
            failed[name] = candidate.reason or ""
        elif _may(before, now) or (before and before.stamps != still.stamps(paths)):
            ready[name] = since
        if before and name not in ready:
            failed[name] = before.reason
    return Plan(ready, waiting, failed, growing, due)


def _may(before: Failure | None, now: float) -> bool:
    return before is None or before.again_at <= now


def refuse_open_engine(settings: Settings) -> None:
    """Raise UsageError if others could reach the engine of a watcher that stays, and nobody has agreed to that."""
    if _is_embedded(settings) and not settings.trust_local_users and not sail.can_be_closed():
        raise UsageError(f"{sail.OPEN} If you trust them all, say so with --trust-local-users.")


def _is_embedded(settings: Settings) -> bool:
    return settings.engine == "sail" and settings.remote is None


class Watch:
    """A watcher of the landing folder that the settings name.

    listener: hears of each task. tell: hears what became of a batch, and how many seconds after its files stood still;
    of a batch that waits or cannot be read it hears when that begins, without seconds. say: hears a sentence when
    something begins to hold everything up.
    """

    def __init__(
        self,
        settings: Settings,
        listener: Listener = silent,
        tell: Callable[[Outcome, float | None], None] = lambda *_: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.settings, self.report = settings, Report(datetime.now(UTC))
        self._listener, self._tell, self._say = listener, tell, say
        self._still = Stillness()
        self._failures: dict[str, Failure] = {}
        self._trouble: Failure | None = None
        self._told: dict[str, str] = {}
        self._named: set[Path] = set()
        self._engine: Engine | None = None
        self._log = NOTHING
        self._landing = Landing(settings)
        self._until = ExitStack()
        self._version, self._due, self._tidied_at = -2, 0.0, -math.inf
        self._left = 0.0
        self.stopping = self._growing = self._once = False
        self._wake = SimpleQueue[None]()  # a signal's handler may put to it

    def stop(self) -> None:
        """End after the batch that is being published. A signal's handler or another thread may call it."""
        self.stopping = True
        self._wake.put(None)

    def run(self, *, once: bool = False) -> None:
        """Watch until `stop`. once: until all is published and no file grows any more.

        What goes wrong at the first look is raised (FormatError, StorageError, UsageError; with once LockedError too);
        later it is said, and tried again. A KeyboardInterrupt takes back what was written of the batch at work.
        """
        sail.give_memory_back()
        self._once = once
        try:
            with self._hints():
                while not self.stopping:
                    pause = self._try_to_look(once or self._version == -2, once)
                    if once and not self._growing:
                        break
                    self._pause(pause)
        finally:
            self._end_engine()

    def _try_to_look(self, first: bool, once: bool) -> float:
        """Look and publish; how many seconds there is nothing to do if nothing changes."""
        try:
            self._look()
        except LockedError as error:
            if once:
                raise
            self._stand(held_up_by=str(error))
            self._due = time.monotonic() + RESCAN
        except Exception as error:
            if first:
                raise
            logger.debug("look_failed", exc_info=True)
            self._end_engine()
            self._trouble = failed_again(self._trouble, sentence(error, self.settings.warehouse), time.monotonic())
            self._stand(trouble=self._trouble.reason)
            self._due = self._trouble.again_at
        return min(max(self._due - time.monotonic(), 0.0), RESCAN)

    def _stand(self, held_up_by: str | None = None, trouble: str | None = None) -> None:
        """Report that nothing can be published, and why; say so when it begins."""
        reason = held_up_by or trouble
        if reason is not None and reason not in (self.report.held_up_by, self.report.trouble):
            self._say(reason)
        now = datetime.now(UTC)
        self.report = replace(self.report, at=now, working_on=None, held_up_by=held_up_by, trouble=trouble)

    def _look(self) -> None:
        now = time.monotonic()
        changed = self._still.note(landed(self.settings), now)
        version = version_of(self.settings)
        if self._trouble is not None and now < self._trouble.again_at:
            return
        there = (self.settings.source_dir(TRIGGER) / "source").is_dir()  # if not, the look says so
        if there and not changed and version == self._version and now < self._due:
            self.report = replace(self.report, at=datetime.now(UTC))
            return
        log = self._log = Ledger.of(self.settings, self._log).log
        candidates = pipeline.look(self._landing, log)
        if self.settings.batches != "triggers" and self._took_quiet(log, candidates, now):
            now = time.monotonic()
            self._still.note(landed(self.settings), now)
            candidates = pipeline.look(self._landing, log)
        agreed = [str(e.batch_id) for e in log.accepted]
        known = {*agreed, *(c.name for c in candidates)}
        self._failures = {name: failure for name, failure in self._failures.items() if name in known}
        self._forget_what_changed(candidates, now)
        found = plan(candidates, agreed, self._still, self._failures, self.settings.quiet_seconds, now)
        self._growing, self._due, self._version = bool(found.growing), found.due, version
        self.report = Report(datetime.now(UTC), None, {**found.growing, **found.waiting}, found.failed)
        self._tell_new(found)
        self._name_untriggered(candidates, now)
        untidy = left_behind(self._landing, log)
        if found.complete_since or (untidy and now >= self._tidied_at + _LEFT_BEHIND):
            self._tidied_at = now
            self._publish(found, {c.name: self._still.stamps(files_of(c)) for c in candidates})
            self._due = 0.0  # other files may have come meanwhile
        elif untidy:
            self._due = min(self._due, self._tidied_at + _LEFT_BEHIND)
        self._trouble = None

    def _forget_what_changed(self, candidates: Sequence[Candidate], now: float) -> None:
        """Take in the failures of earlier processes; what failed by other settings or rates is no failure any more."""
        kept = failures.load(self.settings) if self._version == -2 else {}
        if kept or self._failures:
            by = failures.by_now(self.settings)
            earlier = remembered(kept, candidates, by, now, datetime.now(UTC))
            self._failures = earlier | {name: one for name, one in self._failures.items() if one.by in ("", by)}

    def _took_quiet(self, log: Log, candidates: Sequence[Candidate], now: float) -> bool:
        """Write triggers for what is a batch without one; whether there was any. What another run works on waits."""
        files = quiet.readable(self.settings, candidates)
        paths = [file.path for file in files]
        still_for = {path: now - self._still.since([path], now) for path in paths}
        lately = time.time() - endings.PATIENCE * self.settings.quiet_seconds
        for file in files:
            if endings.may_go_on(file.path, self.settings.shape_of(file.source, file.path.name), lately):
                still_for[file.path] /= endings.PATIENCE
        try:
            return bool(pipeline.take_quiet(self._landing, log, still_for))
        except LockedError:
            return False

    def _name_untriggered(self, candidates: Sequence[Candidate], now: float) -> None:
        """Say once of each file that no trigger lists what to do with it, when it has stood still."""
        settings, calm = self.settings, self.settings.quiet_seconds
        loose = untriggered(settings, candidates, SOURCE_NAMES)
        since = {file.path: self._still.since([file.path], now) for file in loose}
        by_itself = {file.path for file in loose if file.advice is None and settings.batches != "triggers"}
        named = [f for f in loose if f.path not in by_itself and since[f.path] + calm <= now]
        self.report = replace(self.report, untriggered={str(f.path): f.sentence for f in named})
        for file in named:
            if file.path not in self._named and not self._once:
                self._say(f"{file.path}: {file.sentence}.")
        self._named = {file.path for file in named}
        later = [
            at + calm * factor
            for at in since.values()
            for factor in (1, quiet.PATIENCE, endings.PATIENCE)
            if at + calm * factor > now
        ]
        if settings.batches == "daily" and by_itself:
            later.append(now + quiet.until_midnight(settings, datetime.now(UTC)))
        self._due = min([self._due, *later])
        self._growing |= settings.batches == "quiet" and bool(by_itself)

    def _tell_new(self, found: Plan) -> None:
        """Tell of each batch that waits or cannot be read, once."""
        now_told = {name: ("waiting", reason) for name, reason in found.waiting.items()}
        now_told |= {name: ("failed", reason) for name, reason in found.failed.items()}
        for name, (status, reason) in now_told.items():
            if self._told.get(name) != reason:
                self._tell(Outcome(name, status, reason, 1 if status == "failed" else 0), None)
        self._told = {name: reason for name, (_, reason) in now_told.items()}

    def _publish(self, found: Plan, stamps: Mapping[str, tuple[Stamp | None, ...]]) -> None:
        with locks.of(self.settings):
            if self._engine is None:
                self._engine = self._until.enter_context(running(self.settings))
                self._left = RENEWED if _is_embedded(self.settings) and not self._once else math.inf
            failed = False
            session = open_warehouse(self.settings, self._engine, self._hear, known=self._log, landing=self._landing)
            try:
                for outcome in pipeline.publish(
                    session, lambda name: not self.stopping and self._left > 0 and name in found.complete_since
                ):
                    self._left -= 1
                    now, name = time.monotonic(), outcome.batch_id
                    before = self._failures.pop(name, None)
                    if outcome.status == "failed":
                        failed = True
                        by, why = failures.by_of(session.settings_hash), outcome.reason or ""
                        self._failures[name] = failed_again(before, why, now, stamps.get(name, ()), outcome.cause, by)
                        self._told[name] = why  # now, and not with the next look
                    self._tell(outcome, now - found.complete_since.get(name, now))
            except KeyboardInterrupt:
                session.ledger.refresh()
                if session.log.open_attempt is not None:
                    recover(session, "stopped")
                raise
        self.report = replace(self.report, working_on=None)
        if failed or self._left <= 0:  # the engine may be what failed
            self._end_engine()

    def _hear(self, batch: str, task: str, result: TaskResult | None) -> None:
        self.report = replace(self.report, working_on=batch)
        self._listener(batch, task, result)

    def _end_engine(self) -> None:
        self._engine = None
        self._until.close()

    @contextmanager
    def _hints(self) -> Iterator[None]:
        """Be woken when something changes in landing, where the file system tells."""
        over = Event()

        def listen() -> None:
            try:
                there = [folder for folder in self.settings.landing_folders if folder.is_dir()]
                for _ in watchfiles.watch(
                    *there, watch_filter=None, debounce=50, step=10, stop_event=over, recursive=False
                ):
                    self._wake.put(None)
            except Exception as error:  # the timer is enough
                logger.info("no_hints", reason=sentence(error, self.settings.landing))

        listening = Thread(target=listen, name="hints", daemon=True)
        listening.start()
        try:
            yield
        finally:
            over.set()
            listening.join()

    def _pause(self, seconds: float) -> None:
        """Wait for a hint, `stop`, or the time."""
        try:
            self._wake.get(timeout=seconds)
            while True:
                self._wake.get_nowait()
        except Empty:
            return
