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

from ecomm.batches.ledger import Entry, live
from ecomm.batches.trigger import TRIGGER, LandedFile, Trigger, folder_of, sha256
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


def settle(settings: Settings, entry: Entry, trigger_path: Path | None) -> list[str]:
    """Give the copies of a published batch their names, and take what they hold out of landing.

    Safe to repeat: a crash anywhere is finished by the next call. Gives the names of landed files that stay, since they
    hold other bytes than those that were published.
    """
    assert entry.batch_id is not None
    folder, left = folder_of(entry.batch_id), []
    for file in entry.files:
        archive = archive_dir(settings, file.source, folder)
        _name_copy(archive, file.name, file.sha256)
        landed = settings.source_dir(file.source) / "source" / file.name
        if landed.exists() and _archived(archive, file.name, file.sha256):
            if sha256(landed) == file.sha256:
                landed.unlink()
            else:
                left.append(file.name)
    if trigger_path is not None and trigger_path.exists():
        _move_trigger(settings, trigger_path, folder)
    return left


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


def _move_trigger(settings: Settings, path: Path, folder: str) -> None:
    archive = archive_dir(settings, TRIGGER, folder)
    archive.mkdir(parents=True, exist_ok=True)
    digest = sha256(path)
    if _archived(archive, path.name, digest):
        path.unlink()
    else:
        path.rename(_free(archive, path.name, digest))
    fsync(archive)


def settle_all(settings: Settings, entries: Sequence[Entry], sources: Sequence[str]) -> None:
    """Finish what a crash left behind: copies of published batches get their names, others go."""
    published = {folder_of(batch): entry for batch, entry in live(entries).items()}
    for part in _parts(settings, sources):
        entry = published.get(part.parent.name)
        if entry is None or part.name.removesuffix(_PART) not in {f.name for f in entry.files}:
            part.unlink()
            if not any(part.parent.iterdir()):
                part.parent.rmdir()
        else:
            settle(settings, entry, None)


def unsettled(settings: Settings, sources: Sequence[str]) -> bool:
    """Copies lie in the archive that have not got their names."""
    return next(_parts(settings, sources), None) is not None


def _parts(settings: Settings, sources: Sequence[str]) -> Iterator[Path]:
    for source in sources:
        yield from (settings.source_dir(source) / "archive").glob("*/*" + _PART)
