"""The archive: what was ingested, byte for byte, beside the landing folders.

A file is claimed by copying it to `archive/<batch>/<name>.part` while it is hashed; the copy is what is read. After the
batch is published the copy gets its name and the landed file goes, if it still has the bytes that were read. The
trigger goes last: as long as it lies in landing, the next run finishes what a crash left undone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ecomm.batches.ledger import JUDGES, Entry, FileEntry, kept
from ecomm.batches.trigger import TRIGGER, LandedFile, Trigger, folder_of, read_trigger, sha256, text_of
from ecomm.delivery import Delivery
from ecomm.engines.deltafiles import fsync
from ecomm.errors import StorageError
from ecomm.settings import Settings

_PART = ".part"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Claimed:
    """A file of a batch as it was copied: the landed file, the copy that is read, its hash and size."""

    file: LandedFile
    copy: Path
    sha256: str
    bytes: int


def archive_dir(settings: Settings, source: str, folder: str) -> Path:
    """Where a batch's files of a source (or its trigger) are archived."""
    return settings.source_dir(source) / "archive" / folder


def claim(settings: Settings, trigger: Trigger, files: Iterable[LandedFile]) -> list[Claimed]:
    """Copy the files of a batch to the archive, hashing what is copied. Raises StorageError if one cannot be."""
    return [_copy(file, archive_dir(settings, file.source, trigger.folder)) for file in files]


def _copy(file: LandedFile, folder: Path) -> Claimed:
    copy = folder / (file.name + _PART)
    digest, size = hashlib.sha256(), 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(file.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb") as source, copy.open("wb") as target:
            while block := source.read(_BLOCK):
                digest.update(block)
                target.write(block)
                size += len(block)
            target.flush()
            os.fsync(target.fileno())
        fsync(folder)
    except OSError as error:
        raise StorageError(
            f"{file.path}: cannot be copied to {folder} ({error.strerror}); check permissions and disk space."
        ) from error
    return Claimed(file, copy, digest.hexdigest(), size)


def changed(claimed: Iterable[Claimed]) -> list[LandedFile]:
    """The landed files that no longer have the bytes that were copied; one that is gone has not changed."""
    return [c.file for c in claimed if c.file.path.exists() and sha256(c.file.path) != c.sha256]


def release(settings: Settings, trigger: Trigger, sources: Sequence[str]) -> None:
    """Drop the copies of an attempt that was not published."""
    for source in sources:
        folder = archive_dir(settings, source, trigger.folder)
        for part in folder.glob("*" + _PART):
            part.unlink()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def settle(settings: Settings, entry: Entry, trigger: Trigger | None) -> list[str]:
    """Give the copies of a published batch their names, and take what they hold out of landing.

    trigger: as it was read in landing, None if it lies there no more. Safe to repeat: a crash anywhere is finished by
    the next call. Gives the names of landed files that stay, which hold other bytes than those published.
    """
    assert entry.batch_id is not None
    folder, left = folder_of(entry.batch_id), []
    for file in entry.files:
        archive = archive_dir(settings, file.source, folder)
        _name_copy(archive, file.name, file.sha256)
        landed = settings.source_dir(file.source) / "source" / file.name
        if landed.exists() and _archived(archive, file.name, file.sha256):
            if _is_still(landed, file.sha256):
                landed.unlink()
            else:
                left.append(file.name)
    if trigger is not None:
        _move_trigger(settings, trigger, folder)
    return left


def _is_still(path: Path, digest: str) -> bool:
    """The file has these bytes, and nobody wrote to it while they were looked at."""
    before = path.stat()
    same, after = sha256(path) == digest, path.stat()
    return same and (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def _name_copy(archive: Path, name: str, digest: str) -> None:
    part = archive / (name + _PART)
    if not part.exists():
        return
    if sha256(part) != digest:
        part.unlink()  # of an attempt that was not published
    elif _archived(archive, name, digest):
        part.unlink()
    else:
        part.rename(_free(archive, name, digest))
        fsync(archive)


def _free(archive: Path, name: str, digest: str) -> Path:
    place = archive / name
    return archive / f"{name}.{digest[:8]}" if place.exists() else place


def _archived(archive: Path, name: str, digest: str) -> Path | None:
    """Where the archive has these bytes under this name."""
    places = (archive / name, archive / f"{name}.{digest[:8]}")
    return next((place for place in places if place.exists() and sha256(place) == digest), None)


def ingested(settings: Settings, entry: Entry) -> list[Claimed]:
    """The files of a batch, byte for byte as they were ingested. Raises StorageError if one is not there any more."""
    assert entry.batch_id is not None
    found = []
    for file in entry.files:
        copy = copy_of(settings, entry.batch_id, file)
        landed = LandedFile(file.source, copy.with_name(file.name))
        found.append(Claimed(landed, copy, file.sha256, file.bytes))
    return found


def copy_of(settings: Settings, batch_id: str, file: FileEntry) -> Path:
    """Where a file of a batch is archived. Raises StorageError if its bytes are not there any more."""
    folder = archive_dir(settings, file.source, folder_of(batch_id))
    copy = _archived(folder, file.name, file.sha256)
    if copy is None:
        raise StorageError(
            f"{folder / file.name}: it is gone, or has other bytes than those that were ingested; bring it back from a "
            "backup."
        )
    return copy


def _offers(settings: Settings) -> Path:
    return settings.landing / "undone"


def lay_out(settings: Settings, entry: Entry, deliveries: Mapping[str, Delivery]) -> None:
    """Copy the files and the trigger of a batch that is being undone to where they are offered after it is.

    deliveries: how its files came.
    """
    offered = offer(settings, entry)
    part = offered.with_name(offered.name + _PART)
    shutil.rmtree(part, ignore_errors=True)
    try:
        for file in ingested(settings, entry):
            lends = deliveries.get(file.file.source, Delivery()).read_from
            if any((f.source, f.name) == (lends, file.file.name) for f in entry.files):
                continue  # it comes again with the source that it came for
            place = part / file.file.source / file.file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.copy, place)
        trigger = part / TRIGGER / f"{offered.parent.name}.json"
        trigger.parent.mkdir(parents=True, exist_ok=True)
        trigger.write_text(entry.trigger or "", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{error.filename or part}: {error.strerror}; check permissions and disk space.") from error


def offer(settings: Settings, entry: Entry) -> Path:
    """Where the files of a batch that was undone are offered, now that it was."""
    assert entry.batch_id is not None
    return _offers(settings) / folder_of(entry.batch_id) / str(entry.revision)


def settle_offers(settings: Settings, entries: Sequence[Entry]) -> None:
    """Offer the files of batches that were undone; of those that were not, the copies go."""
    undone = {str(e.revision) for e in entries if e.entry == "UNDO"}
    for part in _offers(settings).glob("*/*" + _PART):
        place = part.with_name(part.name.removesuffix(_PART))
        if place.name in undone and not place.exists():
            part.rename(place)
            fsync(place.parent)
        else:
            shutil.rmtree(part)


def _move_trigger(settings: Settings, trigger: Trigger, folder: str) -> None:
    """Archive a trigger; if another one took its place in landing meanwhile, that one stays."""
    archive, path = archive_dir(settings, TRIGGER, folder), trigger.path
    archive.mkdir(parents=True, exist_ok=True)
    there = text_of(path) == trigger.text
    digest = sha256(path) if there else hashlib.sha256(trigger.text.encode()).hexdigest()
    if not _archived(archive, path.name, digest):
        place = _free(archive, path.name, digest)
        if there:
            path.rename(place)
        else:
            place.write_text(trigger.text, encoding="utf-8")
    elif there:
        path.unlink()
    fsync(archive)


def settle_all(settings: Settings, entries: Sequence[Entry], sources: Sequence[str]) -> None:
    """Finish what a crash left behind: copies and the trigger of a published batch get their names, others go."""
    settle_offers(settings, entries)
    parts = list(_parts(settings, entries, sources))
    for folder in {part.parent.name for part in parts}:
        if (entry := _of_last_attempt(entries, folder)) is not None:
            settle(settings, entry, None)
    for part in parts:
        if part.exists():
            part.unlink()
            if not any(part.parent.iterdir()):
                part.parent.rmdir()
    for last, trigger in _unmoved(settings, entries, sources):
        settle(settings, last, trigger)
    _settled_until(settings.landing, settings.warehouse)[:] = entries[-1:]


def _of_last_attempt(entries: Sequence[Entry], folder: str) -> Entry | None:
    """The entry that published or held the last attempt at a batch, whose copies are in its folder; None if none did.

    An earlier one may have a file with the same bytes; what lies in landing is not its own.
    """
    opens_or_judges = (e for e in entries if e.batch_id is not None and e.entry in ("OPEN", *JUDGES))
    mine = [e for e in opens_or_judges if folder_of(str(e.batch_id)) == folder]
    return mine[-1] if mine and mine[-1] in kept(entries) else None


def unsettled(settings: Settings, entries: Sequence[Entry], sources: Sequence[str]) -> bool:
    """Copies lie in the archive that have not got their names, or a published trigger lies in landing."""
    offers = any(_offers(settings).glob("*/*" + _PART))
    return offers or any(_parts(settings, entries, sources)) or any(_unmoved(settings, entries, sources))


def _unmoved(settings: Settings, entries: Sequence[Entry], sources: Sequence[str]) -> Iterator[tuple[Entry, Trigger]]:
    """The batch published or held last, if its very trigger still lies in landing and never reached the archive."""
    last = max(kept(entries), key=lambda e: e.seq, default=None)
    if last is None or last.batch_id is None:
        return
    archive = archive_dir(settings, TRIGGER, folder_of(last.batch_id))
    if archive.is_dir() and any(archive.iterdir()):
        return
    for path in sorted((settings.source_dir(TRIGGER) / "source").glob("*.json")):
        if text_of(path) == last.trigger:
            yield last, read_trigger(path, sources)


def _parts(settings: Settings, entries: Sequence[Entry], sources: Sequence[str]) -> Iterator[Path]:
    """The copies without their names. Files are claimed after OPEN: what this process has settled is not searched."""
    folders, settled = {"*"}, _settled_until(settings.landing, settings.warehouse)
    if settled and entries[(last := settled[0].seq) : last + 1] == settled:
        later = entries[last + 1 :]
        folders = {folder_of(e.batch_id) for e in later if e.batch_id is not None}
    for source in sources:
        for folder in folders:
            yield from (settings.source_dir(source) / "archive").glob(f"{folder}/*{_PART}")


@lru_cache(maxsize=8)
def _settled_until(_landing: Path, _warehouse: Path) -> list[Entry]:
    """The last entry up to which this process has settled all, if it has any."""
    return []
