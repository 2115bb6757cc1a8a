"""What a FORGET has to do outside the tables, written down before it begins, so that any later run can finish it.

`landing/.ledger/<warehouse>/forget/<attempt>/` has `plan.json`, the copies that will take the place of archived files,
and the rows of stage and error tables without what told about the customers, for `ecomm restore`. When all is done
the plan becomes `receipt.json`, and the copies are gone.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from ecomm.batches import copies
from ecomm.batches.corrections import RAW, Correction
from ecomm.batches.landing import Landing
from ecomm.batches.log import Log
from ecomm.batches.reading.erase import masked
from ecomm.batches.trigger import folder_of, sha256
from ecomm.engines.deltafiles import fsync, write_whole
from ecomm.errors import StorageError
from ecomm.settings import Settings

_PLAN, _RECEIPT = "plan.json", "receipt.json"
_ROWS = "rows"


@dataclass(frozen=True)
class Copy:
    """An archived file, and the copy that takes its place.

    before: the SHA-256 of the archived file. archived: of the copy. records: number of a record -> name in the header
    -> what is written in its place; without names the record is malformed, and masked.
    """

    batch_id: str
    source: str
    name: str
    sha256: str
    before: str
    archived: str
    records: Mapping[int, Mapping[str, str]]


@dataclass(frozen=True)
class Plan:
    """What a FORGET does: for customers by their ids in the tables.

    tables: whose earlier versions are deleted. held: revisions whose rows that wait for a person are deleted. journals:
    copies of journal files in landing that are deleted. left: files that still hold something, for a person to look at.
    done: every file that was replaced or deleted.
    """

    opened: int
    customers: tuple[str, ...]
    copies: tuple[Copy, ...] = ()
    tables: tuple[str, ...] = ()
    held: tuple[int, ...] = ()
    journals: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    records: Mapping[str, int] = field(default_factory=dict)


_PLANS = TypeAdapter(Plan)


def folder(settings: Settings, log: Log, opened: int) -> Path:
    """Where a FORGET keeps what it needs."""
    return copies.folder_of(settings, log) / "forget" / str(opened)


def place_of(settings: Settings, log: Log, opened: int, number: int) -> Path:
    """Where the copy lies that takes the place of an archived file until it does. number: its place in the plan."""
    return folder(settings, log, opened) / f"{number}.copy"


def intend(settings: Settings, log: Log, plan: Plan) -> None:
    """Write a plan: its FORGET entry may follow."""
    write_whole(folder(settings, log, plan.opened) / _PLAN, _PLANS.dump_json(plan, indent=1))


def unfinished(settings: Settings, log: Log) -> list[Plan]:
    """The plans of FORGET entries that are not carried out to the end. Those without an entry are dropped."""
    if not log:
        return []
    published = {entry.revision for entry in log if entry.entry == "FORGET"}
    found = []
    for file in sorted((copies.folder_of(settings, log) / "forget").glob(f"*/{_PLAN}")):
        plan = _PLANS.validate_json(file.read_bytes())
        if plan.opened in published:
            found.append(plan)
        else:
            shutil.rmtree(file.parent)
    return found


def drop(settings: Settings, log: Log, opened: int) -> None:
    """Drop what a FORGET has prepared that was not published."""
    shutil.rmtree(folder(settings, log, opened), ignore_errors=True)


def end(settings: Settings, log: Log, plan: Plan) -> Plan:
    """Make the plan the receipt, and drop the copies."""
    place = folder(settings, log, plan.opened)
    write_whole(place / _RECEIPT, _PLANS.dump_json(plan, indent=1))
    for file in (*place.glob("*.copy"), place / _PLAN):
        file.unlink(missing_ok=True)
    return plan


def receipt(settings: Settings, log: Log, opened: int) -> Plan | None:
    """The receipt of a FORGET; None if it is not carried out to the end."""
    file = folder(settings, log, opened) / _RECEIPT
    return _PLANS.validate_json(file.read_bytes()) if file.is_file() else None


def receipt_file(settings: Settings, log: Log, opened: int) -> Path:
    """Where the receipt of a FORGET is."""
    return folder(settings, log, opened) / _RECEIPT


# --- carried out ----------------------------------------------------------------------------------------------------


def carry_out(landing: Landing, log: Log, plan: Plan) -> Plan:
    """Replace the archived files, the files that are offered, and the copies of corrections; the plan with these.

    Safe to repeat. Raises StorageError if an archived file is neither what it was nor what it should become.
    """
    done = list(plan.done)
    for number, copy in enumerate(plan.copies):
        place = place_of(landing.settings, log, plan.opened, number)
        done += _replace(landing, copy, place)
        done += _replace_offers(landing, copy, place)
    done += _correct(landing.settings, log, plan)
    for file in map(Path, plan.journals):
        file.unlink(missing_ok=True)
        done.append(str(file))
    return replace(plan, done=tuple(dict.fromkeys(done)))


def _replace(landing: Landing, copy: Copy, place: Path) -> list[str]:
    archive = landing.archive_of(copy.source, folder_of(copy.batch_id))
    there = [f for f in (archive / copy.name, archive / f"{copy.name}.{copy.sha256[:8]}") if f.exists()]
    hashes = {file: sha256(file) for file in there}
    if copy.archived in hashes.values():
        return []
    old = next((file for file, digest in hashes.items() if digest == copy.before), None)
    if old is None:
        raise StorageError(
            f"{archive / copy.name}: it has other bytes than the ledger says; bring it back from a backup."
        )
    part = old.with_name(old.name + ".part")
    shutil.copyfile(place, part)
    fsync(part)
    part.replace(old)
    fsync(archive)
    return [str(old)]


def _replace_offers(landing: Landing, copy: Copy, place: Path) -> list[str]:
    """The files of undone batches that are offered in landing."""
    done = []
    for file in (landing.settings.landing / "undone" / folder_of(copy.batch_id)).glob(f"*/{copy.source}/{copy.name}"):
        if sha256(file) in (copy.before, copy.sha256):
            shutil.copyfile(place, file)
            fsync(file)
            done.append(str(file))
    return done


def _correct(settings: Settings, log: Log, plan: Plan) -> list[str]:
    done = []
    for file, made in copies.corrections_in(settings, log).items():
        now = corrected(made, plan.copies)
        if now != made:
            copies.write_corrections(file, now)
            done.append(str(file))
    return done


def corrected(made: Sequence[Correction], among: Sequence[Copy]) -> list[Correction]:
    """Corrections without the cells of the records from which cells are taken."""
    cells = {(c.batch_id, c.source, c.sha256, n): names for c in among for n, names in c.records.items()}
    return [_without(one, cells.get((one.batch_id, one.source, one.file_sha256, one.source_line))) for one in made]


def _without(one: Correction, cells: Mapping[str, str] | None) -> Correction:
    if cells is None:
        return one
    return replace(one, original=cells_of(one.original, cells), fixed=cells_of(one.fixed, cells))


def cells_of(raw: Mapping[str, str | None], cells: Mapping[str, str]) -> dict[str, str | None]:
    """A record's cells by name, with the new ones. A line that could not be split is masked."""
    return {name: masked(cell or "") if name == RAW else cells.get(name, cell) for name, cell in raw.items()}


# --- rows for `ecomm restore` ---------------------------------------------------------------------------------------


def keep_rows(settings: Settings, log: Log, opened: int, table: str, rows: pa.Table) -> None:
    """Keep rows as a FORGET leaves them: the archive does not say any more what became of their records."""
    place = folder(settings, log, opened) / _ROWS / f"{table}.parquet"
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, place)
    fsync(place)


def kept_rows(settings: Settings, log: Log, table: str) -> list[dict[str, Any]]:
    """The rows of a stage or error table that FORGET entries left, each as the last one left it."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for entry in log:
        if entry.entry == "FORGET" and entry.revision is not None:
            place = folder(settings, log, entry.revision) / _ROWS / f"{table}.parquet"
            rows = pq.read_table(place).to_pylist() if place.is_file() else []
            found |= {(row["revision"], row["source_file"], row["source_line"]): row for row in rows}
    return [*found.values()]
