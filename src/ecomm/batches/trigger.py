"""Triggers: the JSON files that say which CSV files make a batch, and when a batch can run."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import stat
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ecomm.batches import endings
from ecomm.batches.entry import Entry
from ecomm.batches.log import Log
from ecomm.batches.writers import is_being_written
from ecomm.errors import EcommError, FileError, RefusedError, StorageError, TriggerError, UsageError, described
from ecomm.settings import Settings

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_AHEAD = timedelta(days=1)
TRIGGER = "trigger"
_LONGEST_NAME = 240  # bytes; with `.part` and a hash behind it still a file name
_LONGEST_TRIGGER = 1 << 20  # bytes: each entry of the ledger keeps the trigger
_MOST_FILES = 1_000
_NAMED = 10
"""How many of the missing files are named."""


class State(StrEnum):
    """Where a trigger that lies in landing stands."""

    PENDING = "pending"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    FAILED = "failed"


@dataclass(frozen=True)
class Totals:
    """What a trigger says of a file, by which it is known to be whole: records below the header, bytes, SHA-256."""

    rows: int | None = None
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Trigger:
    """What a trigger file says. as_of: the batch's instant (UTC). expected: (source or None, bare file name).

    totals: file name -> what the sender says of the file, if anything.
    """

    path: Path
    text: str
    batch_id: str
    as_of: datetime
    batch_date: date | None
    client_name: str | None
    ready: bool
    expected: tuple[tuple[str | None, str], ...]
    totals: Mapping[str, Totals] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The batch's name as a folder."""
        return folder_of(self.batch_id)

    def totals_of(self, name: str) -> Totals:
        """What the trigger says of a file."""
        return self.totals.get(name, Totals())

    def says_of(self, name: str) -> bool:
        """The trigger says something of a file by which it is known to be whole."""
        return name in self.totals

    @property
    def position(self) -> tuple[datetime, bytes]:
        """Where the batch stands among all batches."""
        return self.as_of, self.batch_id.encode()


@dataclass(frozen=True)
class LandedFile:
    """A file of a batch that lies in landing."""

    source: str
    path: Path

    @property
    def name(self) -> str:
        """The bare file name."""
        return self.path.name


@dataclass(frozen=True)
class Candidate:
    """A trigger in landing, the files of it that are there, and what is to be done with it.

    trigger: None if the file cannot be read. reason: why it waits or failed, one sentence. growing: it waits for a file
    that somebody is still writing. unended: a file that has just come has no end of its last line, and its trigger says
    nothing of how large it is: more of it may come.
    """

    path: Path
    state: State
    trigger: Trigger | None = None
    files: tuple[LandedFile, ...] = ()
    reason: str | None = None
    error: EcommError | None = None
    growing: bool = False
    unended: str | None = None

    @property
    def name(self) -> str:
        """The batch id, or the file's name if that cannot be read."""
        return self.trigger.batch_id if self.trigger else self.path.name


def folder_of(batch_id: str) -> str:
    """A batch id as a folder name: itself if it is plain, else percent-encoded, shortened with a hash if long."""
    if _PLAIN_ID.fullmatch(batch_id):
        return batch_id
    encoded = quote(batch_id, safe="").replace("~", "%7E")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if len(encoded) > 200:
        encoded = f"{encoded[:180]}%{hashlib.sha256(batch_id.encode()).hexdigest()[:16]}"
    return encoded


def read_trigger(path: Path, sources: Sequence[str]) -> Trigger:
    """Read a trigger file. Raises TriggerError with one sentence that names the file and the fault."""
    try:
        text = _text(path)
    except UnicodeDecodeError as error:
        raise TriggerError(f"{path}: not UTF-8; save the trigger as UTF-8.") from error
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from error
    return parsed(path, text, sources)


def parsed(path: Path, text: str, sources: Sequence[str]) -> Trigger:
    """What the text of a trigger says. path: where it lies, for the sentence. Raises TriggerError."""
    try:
        said = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise TriggerError(
            f"{path}: not valid JSON (line {error.lineno}, column {error.colno}: {error.msg}); correct the file."
        ) from error
    except ValueError as error:
        raise TriggerError(f"{path}: not valid JSON ({str(error)[:100]}); correct the file.") from error
    except RecursionError as error:
        raise TriggerError(f"{path}: nested too deeply to be a trigger; correct the file.") from error
    if not isinstance(said, dict):
        raise TriggerError(f"{path}: the trigger must be a JSON object with trigger_id, expected_files and a time.")
    batch_id = said.get("trigger_id")
    batch_id = batch_id.strip() if isinstance(batch_id, str) else ""
    if not batch_id or not _is_text(batch_id):
        raise TriggerError(
            f"{path}: trigger_id is missing, empty, or holds a control character; give the batch a name of its own."
        )
    ready = said.get("data_files_ready", True)
    if not isinstance(ready, bool):
        raise TriggerError(f"{path}: data_files_ready is {described(ready)}; use true or false.")
    batch_date = _day(path, said.get("batch_date"))
    client = said.get("client_name")
    expected, totals = _expected(path, said.get("expected_files"), sources)
    return Trigger(
        path=path,
        text=text,
        batch_id=batch_id,
        as_of=_instant(path, said.get("trigger_timestamp"), batch_date),
        batch_date=batch_date,
        client_name=None if client is None else str(client)[:_LONGEST_NAME],
        ready=ready,
        expected=expected,
        totals=totals,
    )


def trigger_files(folder: Path) -> list[Path]:
    """The entries of a folder that are named as triggers are, links and folders too."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".json") if folder.is_dir() else []


def text_of(path: Path) -> str | None:
    """A trigger file's text; None if it is not there or cannot be read."""
    try:
        return _text(path)
    except (OSError, UnicodeDecodeError, TriggerError):
        return None


def _text(path: Path) -> str:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise TriggerError(f"{path}: not a regular file; put the trigger itself there, not a link or folder.")
    if path.stat().st_size > _LONGEST_TRIGGER:
        raise TriggerError(
            f"{path}: larger than {_LONGEST_TRIGGER >> 20} MiB, which no trigger is; put a trigger there."
        )
    return path.read_bytes().decode("utf-8-sig")


def _day(path: Path, said: object) -> date | None:
    if said is None or said == "":
        return None
    try:
        return date.fromisoformat(str(said))
    except ValueError as error:
        raise TriggerError(f"{path}: batch_date is {described(said)}, not a day; write it as 2025-01-31.") from error


def _instant(path: Path, said: object, batch_date: date | None) -> datetime:
    if said is None or said == "":
        if batch_date is None:
            raise TriggerError(f"{path}: neither trigger_timestamp nor batch_date is there; the batch needs a time.")
        return datetime.combine(batch_date, time(), UTC)
    try:
        instant = datetime.fromisoformat(str(said))
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise TriggerError(
            f"{path}: trigger_timestamp is {described(said)}, not an instant; write it as 2025-01-31T06:00:00Z."
        ) from error
    if not 1700 <= instant.year <= 2200:
        raise TriggerError(
            f"{path}: trigger_timestamp is in the year {instant.year}; the year must lie between 1700 and 2200."
        )
    return instant


def _expected(
    path: Path, said: object, sources: Sequence[str]
) -> tuple[tuple[tuple[str | None, str], ...], dict[str, Totals]]:
    """The files of a batch, and what is said of some of them. Raises TriggerError."""
    totals: dict[str, Totals] = {}
    if isinstance(said, Mapping):
        if any(source not in sources for source in said):
            raise TriggerError(f"{path}: expected_files names a source that is not there; use {', '.join(sources)}.")
        pairs = [(s, name) for s, names in said.items() for name in (names if isinstance(names, list) else [names])]
    elif isinstance(said, list):
        pairs = [(None, name) for name in said]
    else:
        pairs = []
    if not pairs:
        raise TriggerError(f"{path}: expected_files is missing or empty; list the batch's CSV files.")
    if len(pairs) > _MOST_FILES:
        raise TriggerError(f"{path}: expected_files lists {len(pairs):,} files; at most {_MOST_FILES:,} are a batch.")
    listed = [(source, _name(path, item, totals)) for source, item in pairs]
    for place, (_, name) in enumerate(listed, 1):
        where = f"{path}: name {place} of expected_files"
        if isinstance(name, str) and can_be_listed(name):
            continue
        if not isinstance(name, str) or not name or name in (".", "..") or any(c in name for c in "/\\\x00"):
            raise TriggerError(f"{where} is {described(name)}; list bare file names, without a folder.")
        if name.endswith(".part"):
            raise TriggerError(f"{where} ends in .part, which the archive uses itself; rename the file.")
        raise TriggerError(f"{where} is too long, or cannot be shown; rename the file.")
    return tuple(dict.fromkeys(listed)), totals


def _name(path: Path, item: Any, totals: dict[str, Totals]) -> Any:
    """The name of a file that a trigger lists; what it says of the file is added to `totals`. Raises TriggerError."""
    if not isinstance(item, Mapping):
        return item
    name, said = item.get("name"), {key: value for key, value in item.items() if key != "name"}
    for key, value in said.items():
        counts = key in ("rows", "bytes") and type(value) is int and value >= 0
        if not counts and not (key == "sha256" and isinstance(value, str) and _SHA256.fullmatch(value)):
            what = key if key in ("rows", "bytes", "sha256") else "something else"
            raise TriggerError(
                f"{path}: what expected_files says of a file is wrong ({what}); say rows and bytes, which are whole "
                "numbers, or sha256, which are 64 hexadecimal digits."
            )
    if isinstance(name, str) and said:
        totals[name] = Totals(said.get("rows"), said.get("bytes"), said.get("sha256", "").lower() or None)
    return name


def can_be_listed(name: str) -> bool:
    """A trigger can list a file of this name: a bare one, a text, not too long, and not `.part`, the archive's own."""
    bare = bool(name) and name not in (".", "..") and not any(c in name for c in "/\\\x00")
    return bare and not name.endswith(".part") and _is_text(name) and len(name.encode()) <= _LONGEST_NAME


def _is_text(said: str) -> bool:
    """It can be written and shown as it is: no half of a character, none that steers a terminal or hides others."""
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in said)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON. Raises ValueError if it states something twice: which counts?"""
    said = dict(pairs)
    if len(said) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return said


def scan(
    settings: Settings, log: Log, sources: Sequence[str], now: datetime, replacing: str | None = None
) -> list[Candidate]:
    """Every trigger in landing, in the order in which the batches are to run; unreadable ones first.

    replacing: the batch whose id may have come again with something else. Raises UsageError when the landing folder is
    not there.
    """
    folder = settings.source_dir(TRIGGER) / "source"
    if not settings.landing.is_dir():
        raise UsageError(
            f"{settings.landing}: there is no such landing folder; name it with --landing, or run `ecomm init`."
        )
    if not folder.is_dir():
        raise UsageError(
            f"{folder}: the landing folder has no place for triggers; run `ecomm init --landing {settings.landing}`."
        )
    known = {**log.live, **log.held}
    taken: dict[Path, str] = {}
    candidates: list[Candidate] = []
    triggers: list[Trigger] = []
    for path in trigger_files(folder):
        try:
            triggers.append(read_trigger(path, sources))
        except EcommError as error:
            candidates.append(Candidate(path, State.FAILED, reason=str(error), error=error))
    seen: dict[str, Path] = {}
    for trigger in sorted(triggers, key=lambda t: (t.position, t.path.name)):
        candidate = _candidate(trigger, settings, known, taken, sources, now)
        if trigger.batch_id == replacing and isinstance(candidate.error, RefusedError):
            others = {batch: entry for batch, entry in known.items() if batch != replacing}
            candidate = _candidate(trigger, settings, others, taken, sources, now)
        if trigger.batch_id in seen and candidate.state is State.PENDING:
            other = (
                f"{trigger.path}: {seen[trigger.batch_id].name} has the same trigger_id {trigger.batch_id}; rename one."
            )
            candidate = Candidate(trigger.path, State.FAILED, trigger, reason=other, error=TriggerError(other))
        seen.setdefault(trigger.batch_id, trigger.path)
        candidates.append(candidate)
    return candidates


def _candidate(
    trigger: Trigger,
    settings: Settings,
    known: Mapping[str, Entry],
    taken: dict[Path, str],
    sources: Sequence[str],
    now: datetime,
) -> Candidate:
    busy: list[str] = []
    try:
        files, missing = _find(trigger, settings, sources)
        busy = _unfinished(trigger, files)
        if trigger.batch_id in known:
            return _again(trigger, files, known[trigger.batch_id])
    except EcommError as error:
        return Candidate(trigger.path, State.FAILED, trigger, reason=str(error), error=error)
    found = tuple(files)
    reason = None
    if not trigger.ready:
        reason = "waits: its trigger says data_files_ready: false"
    elif missing:
        reason = f"waits for {_some(missing)}"
    elif busy:
        reason = f"waits until {_some(busy)} is written"
    elif trigger.as_of > now + _AHEAD:
        reason = f"waits: its time, {trigger.as_of:%Y-%m-%d %H:%M} UTC, is more than a day ahead"
    elif others := {taken[f.path] for f in files if f.path in taken}:
        reason = f"waits: {', '.join(sorted(others))} comes first and lists the same file"
    if reason is None:
        taken |= {file.path: trigger.batch_id for file in files}
    state = State.WAITING if reason else State.PENDING
    unended = None if reason else _unended(trigger, files, settings, now)
    return Candidate(trigger.path, state, trigger, found, reason, growing=bool(busy), unended=unended)


def _unended(trigger: Trigger, files: Sequence[LandedFile], settings: Settings, now: datetime) -> str | None:
    """The first file that has no end of its last line and has changed lately, if its trigger says no totals of it."""
    lately = now.timestamp() - endings.PATIENCE * settings.quiet_seconds
    for file in files:
        shape = settings.shape_of(file.source, file.name)
        if not trigger.says_of(file.name) and endings.may_go_on(file.path, shape, lately):
            return file.name
    return None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _unfinished(trigger: Trigger, files: Sequence[LandedFile]) -> list[str]:
    """The files that somebody is still writing, or that have fewer bytes than their trigger says.

    Raises FileError if one has more.
    """
    busy = []
    for file in files:
        whole = trigger.totals_of(file.name).bytes
        try:
            size = file.path.stat().st_size
        except FileNotFoundError:  # it has just gone
            busy.append(file.name)
            continue
        if whole is not None and size > whole:
            raise FileError(
                f"{file.path}: it has {size:,} bytes, and its trigger says {whole:,}; send the right ones again."
            )
        if whole is not None and size < whole:
            busy.append(f"{file.name} ({size:,} of {whole:,} bytes)")
        elif is_being_written(file.path):
            busy.append(file.name)
    return list(dict.fromkeys(busy))


def _find(trigger: Trigger, settings: Settings, sources: Sequence[str]) -> tuple[list[LandedFile], list[str]]:
    files, missing = [], []
    for wanted, name in trigger.expected:
        found = [(s, settings.source_dir(s) / "source" / name) for s in sources if wanted in (None, s)]
        found = [(s, path) for s, path in found if path.is_symlink() or path.exists()]
        if not found:
            missing.append(name)
        elif len(found) > 1:
            places = " and ".join(str(path.parent) for _, path in found)
            raise TriggerError(f"{trigger.path}: {name} lies in {places}; leave it in one of them.")
        else:
            source, path = found[0]
            if not stat.S_ISREG(path.lstat().st_mode):
                raise TriggerError(f"{path}: not a regular file; put the file itself there, not a link or folder.")
            files.append(LandedFile(source, path))
            files += [LandedFile(s, path) for s in sources if settings.reads_too(s, source, name)]
    return files, missing


def _again(trigger: Trigger, files: list[LandedFile], entry: Entry) -> Candidate:
    """The id was published or held before: the same again is a duplicate, anything else is refused."""
    before, name = "held" if entry.entry == "HOLD" else "published", shlex.quote(trigger.batch_id)
    if entry.trigger is not None and json.loads(entry.trigger) != json.loads(trigger.text):
        raise RefusedError(
            f"{trigger.path}: {trigger.batch_id} was {before} before with another trigger; give the new batch a "
            f"trigger_id of its own, or put it in the place of the other with `ecomm run --replace {name}`."
        )
    known = {(f.source, f.name): f.sha256 for f in entry.files}
    for file in files:
        if known.get((file.source, file.name)) != sha256(file.path):
            raise RefusedError(
                f"{file.path}: {trigger.batch_id} was {before} before with another content of this file; send the new "
                f"content under a trigger_id of its own, or put it in the place of the other with `ecomm run --replace "
                f"{name}`."
            )
    said = f"{before} before, with the same content"
    if before == "held":
        said += f"; `ecomm accept {name}` or `ecomm reject {name}` decides on it"
    return Candidate(trigger.path, State.DUPLICATE, trigger, tuple(files), said)


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from error
