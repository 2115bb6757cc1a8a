"""The archive: what was ingested, byte for byte, beside the landing folders.

A file is claimed by copying it to `archive/<batch>/<name>.part` while it is hashed; the copy is what is read. After the
batch is published the copy gets its name and the landed file goes, if it still has the bytes that were read. The
trigger goes last: as long as it lies in landing, the next run finishes what a crash left undone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecomm.batches.ledger import Entry, kept
from ecomm.batches.trigger import TRIGGER, LandedFile, Trigger, folder_of, read_trigger, sha256, text_of
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


def _archived(archive: Path, name: str, digest: str) -> bool:
    places = (archive / name, archive / f"{name}.{digest[:8]}")
    return any(place.exists() and sha256(place) == digest for place in places)


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
    published = {folder_of(batch): entry for batch, entry in kept(entries).items()}
    for part in _parts(settings, sources):
        entry = published.get(part.parent.name)
        if entry is None or part.name.removesuffix(_PART) not in {f.name for f in entry.files}:
            part.unlink()
            if not any(part.parent.iterdir()):
                part.parent.rmdir()
        else:
            settle(settings, entry, None)
    for last, trigger in _unmoved(settings, entries, sources):
        settle(settings, last, trigger)


def unsettled(settings: Settings, entries: Sequence[Entry], sources: Sequence[str]) -> bool:
    """Copies lie in the archive that have not got their names, or a published trigger lies in landing."""
    return any(_parts(settings, sources)) or any(_unmoved(settings, entries, sources))


def _unmoved(settings: Settings, entries: Sequence[Entry], sources: Sequence[str]) -> Iterator[tuple[Entry, Trigger]]:
    """The batch published or held last, if its very trigger still lies in landing and never reached the archive."""
    last = max(kept(entries).values(), key=lambda e: e.seq, default=None)
    if last is None or last.batch_id is None:
        return
    archive = archive_dir(settings, TRIGGER, folder_of(last.batch_id))
    if archive.is_dir() and any(archive.iterdir()):
        return
    for path in sorted((settings.source_dir(TRIGGER) / "source").glob("*.json")):
        if text_of(path) == last.trigger:
            yield last, read_trigger(path, sources)


def _parts(settings: Settings, sources: Sequence[str]) -> Iterator[Path]:
    for source in sources:
        yield from (settings.source_dir(source) / "archive").glob("*/*" + _PART)
