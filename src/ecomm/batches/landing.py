"""The landing folders of a shop with their archive: what has arrived, and what was ingested, byte for byte.

A file is claimed by copying it to `archive/<batch>/<name>.part` while it is hashed; the copy is what is read. After the
batch is published the copy gets its name and the landed file goes, if it still has the bytes that were read. The
trigger goes last: as long as it lies in landing, the next run finishes what a crash left undone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ecomm.batches import trigger as triggers
from ecomm.batches.entry import JUDGES, Entry, FileEntry
from ecomm.batches.log import Log
from ecomm.batches.trigger import (
    TRIGGER,
    Candidate,
    LandedFile,
    Trigger,
    folder_of,
    read_trigger,
    sha256,
    text_of,
    trigger_files,
)
from ecomm.batches.writers import is_being_written
from ecomm.delivery import Delivery
from ecomm.engines.deltafiles import fsync
from ecomm.errors import FileError, StorageError
from ecomm.settings import SOURCE_NAMES, Settings

_PART = ".part"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Claimed:
    """A file of a batch as it was copied: the landed file, the copy that is read, the landed file's hash and size.

    archived: the copy's hash, if people's cells were taken out of it. erased: the numbers of their records. unread: the
    numbers of records that are not read, for what became of them is known.
    """

    file: LandedFile
    copy: Path
    sha256: str
    bytes: int
    archived: str = ""
    erased: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()


class Landing:
    """The landing folders that the settings name, with their archive and the offers of undone batches."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._settled: Entry | None = None
        """The ledger entry up to which everything is known to be settled, so that it is not searched for again."""

    def scan(self, log: Log, now: datetime, replacing: str | None = None) -> list[Candidate]:
        """The triggers in landing, in the order in which their batches are to run: see `trigger.scan`."""
        return triggers.scan(self.settings, log, SOURCE_NAMES, now, replacing)

    def archive_of(self, source: str, folder: str) -> Path:
        """Where a batch's files of a source (or its trigger) are archived."""
        return self.settings.source_dir(source) / "archive" / folder

    # --- claim ---

    def claim(self, trigger: Trigger, files: Iterable[LandedFile]) -> list[Claimed]:
        """Copy the files of a batch to the archive, hashing what is copied.

        Raises StorageError if one cannot be, FileError if one is not what its trigger says.
        """
        claimed = [_copy(file, self.archive_of(file.source, trigger.folder)) for file in files]
        for one in claimed:
            said = trigger.totals_of(one.file.name)
            if said.sha256 not in (None, one.sha256) or said.bytes not in (None, one.bytes):
                raise FileError(
                    f"{one.file.path}: its bytes or its SHA-256 are not those that its trigger says; send it, or the "
                    "trigger, again."
                )
        return claimed

    def release(self, trigger: Trigger) -> None:
        """Drop the copies of an attempt that was not published."""
        for source in SOURCE_NAMES:
            folder = self.archive_of(source, trigger.folder)
            for part in folder.glob("*" + _PART):
                part.unlink()
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def ingested(self, log: Log, entry: Entry) -> list[Claimed]:
        """The files of a batch as they were ingested, but for the cells of people who are forgotten.

        Raises StorageError if one is gone.
        """
        assert entry.batch_id is not None
        return [self.ingested_file(entry.batch_id, log.as_archived(entry, file)) for file in entry.files]

    def ingested_file(self, batch_id: str, file: FileEntry) -> Claimed:
        """A file of a batch as it was ingested. file, Raises: as of `copy_of`."""
        copy = self.copy_of(batch_id, file)
        landed = LandedFile(file.source, copy.with_name(file.name))
        return Claimed(landed, copy, file.sha256, file.bytes, file.archived, file.erased)

    def copy_of(self, batch_id: str, file: FileEntry) -> Path:
        """Where a file of a batch is archived. Raises StorageError if its bytes are not there any more.

        file: as `Log.as_archived` gives it.
        """
        folder = self.archive_of(file.source, folder_of(batch_id))
        copy = archived(folder, file)
        if copy is None:
            raise StorageError(
                f"{folder / file.name}: it is gone, or has other bytes than those that were ingested; bring it back "
                "from a backup."
            )
        return copy

    # --- settle ---

    def settle(self, log: Log, entry: Entry, trigger: Trigger | None) -> list[str]:
        """Give the copies of a published batch their names, and take what they hold out of landing.

        trigger: as it was read in landing, None if it lies there no more. Safe to repeat: a crash anywhere is finished
        by the next call. Gives the names of landed files that stay: they hold other bytes than those published, or
        somebody has them open to write to them.
        """
        assert entry.batch_id is not None
        folder, left = folder_of(entry.batch_id), []
        files = [log.as_archived(entry, one) for one in entry.files]
        for file in files:
            archive = self.archive_of(file.source, folder)
            _name_copy(archive, file)
            if not any(place.exists() for place in places_of(archive, file.name, file.sha256)):
                self._copy_again(file, archive)
        for file in files:
            archive = self.archive_of(file.source, folder)
            landed = self.settings.source_dir(file.source) / "source" / file.name
            if landed.exists() and archived(archive, file):
                if _is_still(landed, file.sha256) and not is_being_written(landed):
                    landed.unlink()
                else:
                    left.append(file.name)
        if trigger is not None:
            _move_trigger(trigger, self.archive_of(TRIGGER, folder))
        return left

    def _copy_again(self, file: FileEntry, archive: Path) -> None:
        """Copy a published file whose copy is gone: a run that began at the same moment, without a lock that holds,
        takes it for one of an attempt that broke off.
        """
        for source in SOURCE_NAMES:
            landed = self.settings.source_dir(source) / "source" / file.name
            if landed.is_file() and sha256(landed) == file.sha256:
                _copy(LandedFile(file.source, landed), archive)
                _name_copy(archive, file)
                return

    def settle_all(self, log: Log) -> None:
        """Finish what a crash left behind: copies and the trigger of a published batch get their names, others go."""
        self.settle_offers(log)
        parts = list(self._parts(log))
        for folder in {part.parent.name for part in parts}:
            if (entry := _of_last_attempt(log, folder)) is not None:
                self.settle(log, entry, None)
        for part in parts:
            if part.exists():
                part.unlink()
                if not any(part.parent.iterdir()):
                    part.parent.rmdir()
        for last, trigger in self._unmoved(log):
            self.settle(log, last, trigger)
        self._settled = log.last if log else None

    def is_unsettled(self, log: Log) -> bool:
        """Copies lie in the archive that have not got their names, or a published trigger lies in landing."""
        offers = any(self._offers.glob("*/*" + _PART))
        return offers or any(self._parts(log)) or any(self._unmoved(log))

    def _unmoved(self, log: Log) -> Iterator[tuple[Entry, Trigger]]:
        """The batch published or held last, if its very trigger still lies in landing and never reached the archive."""
        last = max(log.kept, key=lambda e: e.seq, default=None)
        if last is None or last.batch_id is None:
            return
        archive = self.archive_of(TRIGGER, folder_of(last.batch_id))
        if archive.is_dir() and any(archive.iterdir()):
            return
        for path in trigger_files(self.settings.source_dir(TRIGGER) / "source"):
            if text_of(path) == last.trigger:
                yield last, read_trigger(path, SOURCE_NAMES)

    def _parts(self, log: Log) -> Iterator[Path]:
        """The copies without their names. Files are claimed after OPEN: what is settled is not searched again."""
        folders, settled = {"*"}, self._settled
        if settled is not None and log[settled.seq : settled.seq + 1] == (settled,):
            later = log[settled.seq + 1 :]
            folders = {folder_of(e.batch_id) for e in later if e.batch_id is not None}
        for source in SOURCE_NAMES:
            for folder in folders:
                yield from (self.settings.source_dir(source) / "archive").glob(f"{folder}/*{_PART}")

    # --- offers: the files of batches that were undone ---

    @property
    def _offers(self) -> Path:
        return self.settings.landing / "undone"

    def offer_of(self, entry: Entry) -> Path:
        """Where the files of a batch that was undone are offered. entry: the one that undid or had published it."""
        assert entry.batch_id is not None
        return self._offers / folder_of(entry.batch_id) / str(entry.revision)

    def lay_out(self, log: Log, entry: Entry, deliveries: Mapping[str, Delivery]) -> None:
        """Copy the files and the trigger of a batch that is being undone to where they are offered after it is.

        deliveries: how its files came. Raises StorageError.
        """
        offered = self.offer_of(entry)
        part = offered.with_name(offered.name + _PART)
        shutil.rmtree(part, ignore_errors=True)
        try:
            for file in self.ingested(log, entry):
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
            raise StorageError(
                f"{error.filename or part}: {error.strerror}; check permissions and disk space."
            ) from error

    def settle_offers(self, log: Log) -> None:
        """Offer the files of batches that were undone; of those that were not, the copies go."""
        undone = {str(e.revision) for e in log if e.entry == "UNDO"}
        for part in self._offers.glob("*/*" + _PART):
            place = part.with_name(part.name.removesuffix(_PART))
            if place.name in undone and not place.exists():
                part.rename(place)
                fsync(place.parent)
            else:
                shutil.rmtree(part)


def changed(claimed: Iterable[Claimed]) -> list[LandedFile]:
    """The landed files that no longer have the bytes that were copied; one that is gone has not changed."""
    return [c.file for c in claimed if c.file.path.exists() and sha256(c.file.path) != c.sha256]


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


def _is_still(path: Path, digest: str) -> bool:
    """The file has these bytes, and nobody wrote to it while they were looked at."""
    before = path.stat()
    same, after = sha256(path) == digest, path.stat()
    return same and (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def _name_copy(archive: Path, file: FileEntry) -> None:
    part = archive / (file.name + _PART)
    if not part.exists():
        return
    if sha256(part) != file.copy_sha256:
        part.unlink()  # of an attempt that was not published
    elif archived(archive, file):
        part.unlink()
    else:
        part.rename(_free(archive, file.name, file.sha256))
        fsync(archive)


def _free(archive: Path, name: str, digest: str) -> Path:
    place = archive / name
    return archive / f"{name}.{digest[:8]}" if place.exists() else place


def archived(archive: Path, file: FileEntry) -> Path | None:
    """Where a folder of the archive has a file's copy."""
    return holding(places_of(archive, file.name, file.sha256), file.copy_sha256)


def places_of(archive: Path, name: str, digest: str) -> tuple[Path, Path]:
    """Where a file with these bytes may be archived under its name."""
    return archive / name, archive / f"{name}.{digest[:8]}"


def holding(places: Iterable[Path], digest: str) -> Path | None:
    """The first of some places that has these bytes."""
    return next((place for place in places if place.exists() and sha256(place) == digest), None)


def _move_trigger(trigger: Trigger, archive: Path) -> None:
    """Archive a trigger; if another one took its place in landing meanwhile, that one stays."""
    path = trigger.path
    archive.mkdir(parents=True, exist_ok=True)
    there = text_of(path) == trigger.text
    digest = sha256(path) if there else hashlib.sha256(trigger.text.encode()).hexdigest()
    if not holding(places_of(archive, path.name, digest), digest):
        place = _free(archive, path.name, digest)
        if there:
            path.rename(place)
        else:
            place.write_text(trigger.text, encoding="utf-8")
    elif there:
        path.unlink()
    fsync(archive)


def _of_last_attempt(log: Log, folder: str) -> Entry | None:
    """The entry that published or held the last attempt at a batch, whose copies are in its folder; None if none did.

    An earlier one may have a file with the same bytes; what lies in landing is not its own.
    """
    opens_or_judges = (e for e in log if e.batch_id is not None and e.entry in ("OPEN", *JUDGES))
    mine = [e for e in opens_or_judges if folder_of(str(e.batch_id)) == folder]
    return mine[-1] if mine and mine[-1] in log.kept else None
