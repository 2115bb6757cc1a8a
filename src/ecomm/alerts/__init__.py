"""Alerts: what a person should look at, told once when it begins and once when it ends.

ledger, landing, analytics_summary --> the rules --> what is wrong now
    --> beside what was wrong before (alerts.json in the warehouse) --> events --> log, program, webhook, mail, chat
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
import structlog
from filelock import FileLock

from ecomm.alerts.channels import channels_of, tell
from ecomm.alerts.unusual import Batch, batches_of, last_coming, lateness, unusual
from ecomm.batches import drift, status
from ecomm.batches.entry import PUBLISHES, Entry
from ecomm.batches.ledger import Ledger
from ecomm.batches.log import NOTHING, Log
from ecomm.batches.untriggered import about
from ecomm.contract import Severity
from ecomm.errors import StorageError, sentence
from ecomm.settings import Settings
from ecomm.warehouse import Warehouse

log = structlog.get_logger()

RULES: Mapping[str, str] = {
    "held": "A batch waits for a person to accept or reject it.",
    "failed": "A batch failed when it was tried last.",
    "late": "No batch for longer than usual.",
    "score": "The score is unusually low.",
    "rejects": "Unusually many records were rejected.",
    "rows": "A source has unusually many or few records.",
    "revenue": "The revenue of the orders that a batch states is unusual.",
    "columns": "A source's files lack a column that the batch before had, or that the settings name.",
    "untriggered": "Landing has files that no trigger lists, or that nothing reads.",
}
"""Every rule, and what it means when it fires."""

STATE = "alerts.json"
_KEPT = 200  # ended alerts that are remembered


@dataclass(frozen=True)
class Alert:
    """Something that a person should look at.

    subject: a batch or a source, empty for the shop. batch: the one that is unusual. until: when it ended.
    """

    rule: str
    subject: str
    sentence: str
    since: datetime
    batch: str = ""
    until: datetime | None = None

    @property
    def key(self) -> str:
        """What it is about: two alerts with one key are one."""
        return f"{self.rule} {self.subject}".strip()


@dataclass(frozen=True)
class Event:
    """An alert began (`fired`) or ended (`resolved`)."""

    event: str
    alert: Alert
    at: datetime

    def summary(self) -> dict[str, Any]:
        """For machines."""
        said = {"event": self.event, "key": self.alert.key, **asdict(self.alert), "at": self.at}
        return {k: v.isoformat().replace("+00:00", "Z") if isinstance(v, datetime) else v for k, v in said.items()}


@dataclass(frozen=True)
class State:
    """What is known between two looks.

    judged: the last ledger entry whose batch was asked about. firing: what is wrong. ended: what was, the last first.
    """

    judged: int = -1
    firing: tuple[Alert, ...] = ()
    ended: tuple[Alert, ...] = ()


def after(state: State, wrong: Iterable[Alert], at: datetime) -> tuple[State, list[Event]]:
    """The state, and the events, when just this is wrong. What still is keeps its beginning."""
    before, now = {alert.key: alert for alert in state.firing}, {alert.key: alert for alert in wrong}
    fired = [alert for key, alert in now.items() if key not in before]
    ended = [replace(alert, until=at) for key, alert in before.items() if key not in now]
    events = [Event("resolved", alert, at) for alert in ended] + [Event("fired", alert, at) for alert in fired]
    firing = tuple(replace(a, since=before[key].since) if key in before else a for key, a in now.items())
    return replace(state, firing=firing, ended=(*ended, *state.ended)[:_KEPT]), events


_OF_BATCHES = ("rows", "revenue", "score", "rejects", "columns")
Losses = Callable[[Entry], Iterable[tuple[str, str]]]
"""The columns that a batch's files lack: (source, sentence) each."""


def judge(
    state: State,
    log: Log,
    stated: Mapping[str, tuple[int, Decimal]],
    zone: str,
    lost: Losses | None = None,
) -> tuple[State, list[Event]]:
    """Ask about each batch that was published since the last look, in the order of publication.

    stated: batch -> its batch_orders and batch_revenue.
    What was unusual is so until a batch is published that is not, in the same respect, or until it is undone; a column
    that is lost is so until its source has files again. The first look tells what is unusual now, not what has ever
    been.
    """
    events, first = list[Event](), state.judged < 0
    for entry in log:
        if entry.seq <= state.judged or entry.entry not in PUBLISHES:
            continue
        known = batches_of(log.at(entry.seq), stated, zone)
        (batch,) = (b for b in known if b.batch_id == entry.batch_id)
        found, at = [*unusual(batch, known[: known.index(batch)])], entry.at or batch.as_of
        found += [("columns", source, said) for source, said in (lost or _none)(entry)]
        wrong = [alert for alert in state.firing if _goes_on(alert, batch)]
        wrong += [Alert(rule, subject, said, at, batch.batch_id) for rule, subject, said in found]
        state, more = after(replace(state, judged=entry.seq), wrong, at)
        events += more
    of_batches = [alert for alert in state.firing if alert.rule in _OF_BATCHES]
    return state, [Event("fired", alert, alert.since) for alert in of_batches] if first else events


def _goes_on(alert: Alert, batch: Batch) -> bool:
    """An alert that this batch says nothing about."""
    return alert.rule not in _OF_BATCHES or (alert.rule == "columns" and alert.subject not in batch.rows)


def _none(_: Entry) -> Iterable[tuple[str, str]]:
    return ()


def losses(warehouse: Warehouse) -> Losses:
    """The columns that the files of a batch lack, as its findings say."""

    def of(entry: Entry) -> Iterator[tuple[str, str]]:
        journal = warehouse.dataset("validation_results")
        assert isinstance(journal, ds.Dataset)
        mine = (pc.field("batch_id") == entry.batch_id) & (pc.field("revision") == entry.revision)
        loud = (pc.field("check_name") == drift.NAME) & (pc.field("severity") != str(Severity.NONE))
        for row in journal.to_table(["table_name", "description"], filter=mine & loud).to_pylist():
            yield row["table_name"], row["description"]

    return of


def standing(settings: Settings, log: Log, now: datetime) -> list[Alert]:
    """What is wrong now with batches that are not published: held, failed, and the one that does not come."""
    found = []
    decided = {entry.batch_id for entry in log.accepted}
    for batch, entry in log.held.items():
        if batch not in decided:
            said = f"{batch} is held ({entry.reason}); `ecomm quality`, then `ecomm accept` or `ecomm reject`."
            found.append(Alert("held", batch, said, entry.at or now))
    there = status.of(settings, now, log)
    triggers = there.triggers
    failed = [line for line in triggers if line.state == "failed"]
    found += [Alert("failed", line.batch_id, f"{line.batch_id} failed: {line.reason}", now) for line in failed]
    found += [Alert("untriggered", source, said, now) for source, said in _untriggered(settings, there, now)]
    come = any(line.state == "pending" for line in triggers)  # a backlog of old days is no silence
    if not come:
        batches = batches_of(log, {}, settings.shop.shop_timezone)
        if late := lateness(batches, now, last_coming(log)):
            found.append(Alert("late", "", late, now))
    return found


def _untriggered(settings: Settings, there: status.Status, now: datetime) -> Iterator[tuple[str, str]]:
    """What to do with the files that no trigger lists: (source, sentence) each.

    A file that has just come is not told of, for its trigger may follow; nor is one that becomes a batch by itself.
    """
    by_itself = settings.batches != "triggers"
    old = [
        file
        for file in there.unexpected
        if (file.advice is not None or not by_itself) and _age(file.path, now) >= settings.quiet_seconds
    ]
    for source, files in groupby(old, lambda file: file.source):
        yield source, f"{source}: {about([*files])}"


def _age(path: Path, now: datetime) -> float:
    try:
        return now.timestamp() - path.stat().st_mtime
    except OSError:  # it has gone meanwhile
        return 0.0


def look(settings: Settings, now: datetime, known: Log = NOTHING) -> list[Event]:
    """See what has begun and ended since the last look, remember it, and tell it; gives the events.

    known: the ledger as it was read earlier. What could not be told is told with the next look. Raises UsageError if
    there is no landing folder, StorageError.
    """
    path, told = settings.warehouse / STATE, settings.alerts
    log = Ledger.of(settings, known).log
    stated: dict[str, tuple[int, Decimal]] = {}
    lost: Losses = _none
    if log:
        warehouse = Warehouse(settings.warehouse, log)
        columns = ["batch_id", "batch_orders", "batch_revenue"]
        summary = warehouse.table("analytics_summary").select(columns).to_pylist()
        stated = {row["batch_id"]: (row["batch_orders"], row["batch_revenue"]) for row in summary}
        lost = losses(warehouse)
    channels = channels_of(told)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        state, unsent = _load(path)
        state, events = judge(state, log, stated, settings.shop.shop_timezone, lost)
        published = log.live
        unusual_still = [a for a in state.firing if a.rule in _OF_BATCHES and a.batch in published]
        state, more = after(state, [*unusual_still, *standing(settings, log, now)], now)
        events = [event for event in (*events, *more) if event.alert.rule not in told.off]
        waiting = {name: [*unsent.get(name, []), *(event.summary() for event in events)] for name in channels}
        _save(path, state, waiting)  # before it is told: an event that is lost is worse than one that is told twice
        left = {name: tell(name, channel, waiting[name]) for name, channel in channels.items()}
        _save(path, state, left)
    return events


def rules(settings: Settings, state: State) -> list[dict[str, str]]:
    """Each rule, when it fires (`meaning`), and whether it does `now`: fires, quiet, or off."""
    firing = {alert.rule for alert in state.firing}
    stands = {rule: "off" if rule in settings.alerts.off else "fires" if rule in firing else "quiet" for rule in RULES}
    return [{"rule": rule, "now": stands[rule], "meaning": meaning} for rule, meaning in RULES.items()]


def known(settings: Settings) -> State:
    """What the last look has found; nothing if there was none. Raises StorageError."""
    return _load(settings.warehouse / STATE)[0]


@contextmanager
def looking(settings: Settings, every: float = 60.0) -> Iterator[Callable[[], None]]:
    """Look in a thread of its own until the end of the block; gives a function that asks for a look now."""
    asked, over = threading.Event(), threading.Event()

    def work() -> None:
        known = NOTHING
        while not over.is_set():
            try:
                known = Ledger.of(settings, known).log
                look(settings, datetime.now(UTC), known)
            except Exception as error:  # a warehouse that is not there yet, a disk that is full: it looks again
                log.info("no_alerts", reason=sentence(error, settings.warehouse))
            asked.wait(every)
            asked.clear()

    thread = threading.Thread(target=work, name="alerts", daemon=True)
    thread.start()
    try:
        yield asked.set
    finally:
        over.set()
        asked.set()
        thread.join()


def _load(path: Path) -> tuple[State, dict[str, list[dict[str, Any]]]]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        firing, ended = ([_alert(a) for a in said[name]] for name in ("firing", "ended"))
        return State(said["judged"], tuple(firing), tuple(ended)), said["unsent"]
    except FileNotFoundError:
        return State(), {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path}: cannot be read ({error}); remove it, and alerts begin anew.") from error


def _alert(said: Mapping[str, Any]) -> Alert:
    times = {name: datetime.fromisoformat(said[name]) if said[name] else None for name in ("since", "until")}
    return Alert(**{**said, **times})


def _save(path: Path, state: State, unsent: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    said = {"judged": state.judged, "firing": state.firing, "ended": state.ended, "unsent": unsent}
    part = path.with_suffix(".part")
    try:
        part.write_text(json.dumps(said, default=_plain, indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); check its permissions.") from error


def _plain(value: object) -> object:
    return (
        asdict(value) if isinstance(value, Alert) else value.isoformat() if isinstance(value, datetime) else str(value)
    )
