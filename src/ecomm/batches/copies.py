"""Copies of ledger entries in landing, beside the archive: by them a ledger that lost its end is known.

`landing/.ledger/<warehouse>/<seq>.json` is an entry as JSON; `<seq>.corrections.json` are the corrections that came
with it; `settings/<hash>.json.gz` are the settings by which files were read; `journals/` has the files of the journals,
which nothing else could make again. <warehouse> is the beginning of its first entry's hash: several warehouses may be
made from one landing.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from ecomm.batches.corrections import Correction
from ecomm.batches.entry import JUDGES, Entry, digest, of_text, text_of
from ecomm.batches.trigger import sha256
from ecomm.engines.deltafiles import write_whole
from ecomm.errors import StorageError, UsageError, sentence
from ecomm.settings import Settings
from ecomm.shop_settings import ShopSettings
from ecomm.shop_settings import of_text as of_settings_text
from ecomm.tables import CATALOGUE

_FOLDER = ".ledger"
_CORRECTIONS = ".corrections.json"
_JOURNALS, _SETTINGS, FORGET = "journals", "settings", "forget"
FOLDERS = (_JOURNALS, _SETTINGS, FORGET)
"""The folders beside the copies of entries."""
_MADE = TypeAdapter(list[Correction])


def folder_of(settings: Settings, entries: Sequence[Entry]) -> Path:
    """Where the copies of a ledger lie."""
    return settings.landing / _FOLDER / digest(entries[0])[:16]


def warehouses(settings: Settings) -> list[Path]:
    """The folders with the copies of a ledger each."""
    return sorted(f for f in (settings.landing / _FOLDER).glob("*") if f.is_dir())


def complete(settings: Settings, entries: Sequence[Entry]) -> None:
    """Write the copies that are missing: of the last entries, for each run writes those of its own.

    Raises StorageError if they cannot be written.
    """
    folder = folder_of(settings, entries)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = takewhile(lambda e: not _file(folder, e.seq).is_file(), reversed(entries))
        for entry in reversed([*missing]):  # the oldest first: a run that is killed leaves no gap
            _keep_journals(settings, folder, entry)
            write_whole(_file(folder, entry.seq), text_of(entry).encode())
    except OSError as error:
        raise StorageError(sentence(error, folder)) from error


def _file(folder: Path, seq: int) -> Path:
    """The copy of an entry."""
    return folder / f"{seq:08d}.json"


def _keep_journals(settings: Settings, folder: Path, entry: Entry) -> None:
    """Copy the files that an entry has made part of a journal."""
    for place in _journal_files(entry):
        if (file := settings.warehouse / place).is_file():
            copy = folder / _JOURNALS / place.replace("/", "__")
            copy.parent.mkdir(exist_ok=True)
            write_whole(copy, file.read_bytes())


def _journal_files(entry: Entry) -> dict[str, str]:
    """The files that an entry has made part of a journal, with their hashes: those that hold new rows."""
    if entry.entry in ("MAINTAIN", "REBUILD"):  # files put together, or made again from copies
        return {}
    journals = {table.name for table in CATALOGUE.values() if table.journal}
    return {place: sha for place, sha in entry.digests.items() if place.partition("/")[0] in journals}


def journal_rows(settings: Settings, entries: Sequence[Entry], journal: str) -> tuple[list[dict[str, Any]], int]:
    """The rows of a journal that landing has copies of, and of how many of its files it has none, or damaged ones."""
    folder, rows, missing = folder_of(settings, entries) / _JOURNALS, list[dict[str, Any]](), 0
    for entry in entries[_whole_since(entries, journal) :]:
        for place, sha in _journal_files(entry).items():
            if not place.startswith(f"{journal}/"):
                continue
            file = folder / place.replace("/", "__")
            if file.is_file() and sha256(file) == sha:
                rows += pq.read_table(file).to_pylist()
            else:
                missing += 1
    return rows, missing


def _whole_since(entries: Sequence[Entry], journal: str) -> int:
    """The last entry that wrote a journal again as a whole: a FORGET, with other ids in it."""
    wrote = (e.seq for e in entries if e.entry == "FORGET" and any(p.startswith(f"{journal}/") for p in e.digests))
    return max(wrote, default=0)


def journal_copies(settings: Settings, entries: Sequence[Entry], journal: str) -> list[Path]:
    """The copies of a journal's files."""
    return sorted((folder_of(settings, entries) / _JOURNALS).glob(f"{journal}__*"))


def note(settings: Settings, entries: Sequence[Entry], opened: int, made: Sequence[Correction]) -> None:
    """Write the corrections that come with an attempt. opened: the seq of its OPEN."""
    write_corrections(folder_of(settings, entries) / f"{opened:08d}{_CORRECTIONS}", made)


def keep(settings: Settings, entries: Sequence[Entry], counting: ShopSettings) -> None:
    """Keep the settings by which a batch is read, by their hash. Raises StorageError if they cannot be written."""
    file = _settings_file(settings, entries, counting.digest)
    if file.is_file():
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, gzip.compress(counting.text.encode(), mtime=0))
    except OSError as error:
        raise StorageError(sentence(error, file.parent)) from error


def settings_of(settings: Settings, entries: Sequence[Entry], digest: str) -> ShopSettings:
    """The settings that have a hash. Raises StorageError if they are gone or damaged."""
    file = _settings_file(settings, entries, digest)
    try:
        text = gzip.decompress(file.read_bytes())
        if hashlib.sha256(text).hexdigest() == digest:
            return of_settings_text(text.decode())
    except (OSError, EOFError, ValueError, zlib.error):
        pass
    raise StorageError(f"{file}: {_SETTINGS_GONE}")


_SETTINGS_GONE = (
    "the settings by which a batch was read are gone or damaged; bring the file back from a backup, or, in a warehouse "
    "that is whole, read the batch by the current ones: `ecomm replay --from BATCH --settings now`."
)


def _settings_file(settings: Settings, entries: Sequence[Entry], digest: str) -> Path:
    return folder_of(settings, entries) / _SETTINGS / f"{digest}.json.gz"


def corrections_of(settings: Settings, entries: Sequence[Entry]) -> list[Correction]:
    """All corrections that were published, in the order in which they were made."""
    published = {entry.revision for entry in entries if entry.entry in JUDGES}
    made = [one for of_file in corrections_in(settings, entries).values() for one in of_file]
    return [one for one in made if one.revision in published]


def corrections_in(settings: Settings, entries: Sequence[Entry]) -> dict[Path, list[Correction]]:
    """The files with corrections, in the order in which they were made, and what is in each."""
    files = sorted(folder_of(settings, entries).glob(f"*{_CORRECTIONS}"))
    return {file: _MADE.validate_json(file.read_bytes()) for file in files}


def write_corrections(file: Path, made: Sequence[Correction]) -> None:
    """Write a file with corrections."""
    write_whole(file, _MADE.dump_json(list(made)))


def read(settings: Settings, here: Sequence[Entry]) -> list[Entry]:
    """The entries of which landing has copies, from the first one on without a gap.

    here: the ledger's, as far as it can be read; without any, landing must know of one warehouse only. Raises
    UsageError, StorageError if the copies are damaged.
    """
    folders = warehouses(settings)
    if here:
        folders = [folder_of(settings, here)]
    if len(folders) > 1:
        raise UsageError(
            f"{settings.landing / _FOLDER} knows of {len(folders)} warehouses; move the folders of the others away."
        )
    entries: list[Entry] = []
    for folder in folders:
        while (file := _file(folder, len(entries))).is_file():
            try:
                entry = of_text(file.read_text(encoding="utf-8"))
            except (ValidationError, UnicodeDecodeError) as error:
                raise StorageError(f"{file}: this copy of a ledger entry is damaged.") from error
            if entries and entry.previous != digest(entries[-1]):
                raise StorageError(f"{file}: this copy does not follow the one before it.")
            entries.append(entry)
    return entries


def check(settings: Settings, entries: Sequence[Entry]) -> None:
    """Raises StorageError if a copy is there of an entry that the ledger does not have, or has otherwise."""
    folder = folder_of(settings, entries)
    there = [int(file.stem) for file in folder.glob("*.json") if file.stem.isdigit()]
    if not there:
        return
    newest = max(there)
    if newest >= len(entries):
        raise StorageError(
            f"{settings.warehouse}: the ledger ends with entry {len(entries) - 1}, and {folder} has entry {newest}: "
            f"it lost its end, or an old copy of the warehouse was brought back. Nothing was touched; {_WAY}"
        )
    if _file(folder, newest).read_bytes() != text_of(entries[newest]).encode():
        raise StorageError(
            f"{settings.warehouse}: entry {newest} of the ledger is another than the one in {folder}: the warehouse "
            f"was worked on in two places. Nothing was touched; {_WAY}"
        )


_WAY = "bring the newer warehouse back, or run `ecomm restore`, which makes it again from landing."
