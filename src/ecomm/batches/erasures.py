"""What a FORGET has to do outside the tables, written down before it begins, so that any later run can finish it.

`landing/.ledger/<warehouse>/forget/<attempt>/` has `plan.json`, the copies that will take the place of archived files,
and the rows of stage and error tables without what told about the customers, for `ecomm restore`. When all is done
the plan becomes `receipt.json`, and the copies are gone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from ecomm.batches import copies
from ecomm.batches.corrections import RAW, Correction
from ecomm.batches.landing import Landing, holding, places_of
from ecomm.batches.log import Log
from ecomm.batches.reading.erase import masked
from ecomm.batches.trigger import folder_of, sha256
from ecomm.engines.deltafiles import fsync, write_whole
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
    return copies.folder_of(settings, log) / copies.FORGET / str(opened)


def place_of(settings: Settings, log: Log, opened: int, number: int) -> Path:
    """Where the copy lies that takes the place of an archived file until it does. number: its place in the plan."""
    return folder(settings, log, opened) / f"{number}.copy"


def intend(settings: Settings, log: Log, plan: Plan) -> None:
    """Write a plan: its FORGET entry may follow."""
    write_whole(folder(settings, log, plan.opened) / _PLAN, _PLANS.dump_json(plan, indent=1))


def unfinished(settings: Settings, log: Log) -> list[Plan]:
    """The plans of FORGET entries that are not carried out to the end. What was prepared for no entry is dropped."""
    published = {str(entry.revision) for entry in log if entry.entry == "FORGET"}
    found = []
    for place in _begun(settings, log):
        if place.name in published:
            found.append(_PLANS.validate_json((place / _PLAN).read_bytes()))
        else:
            shutil.rmtree(place)
    return found


def is_unfinished(settings: Settings, log: Log) -> bool:
    """A FORGET was begun and not carried out to the end."""
    return bool(_begun(settings, log))


def _begun(settings: Settings, log: Log) -> list[Path]:
    if not log:
        return []
    places = (copies.folder_of(settings, log) / copies.FORGET).glob("*")
    return sorted(place for place in places if not (place / _RECEIPT).is_file() or (place / _PLAN).exists())


def end(settings: Settings, log: Log, plan: Plan) -> Plan:
    """Make the plan the receipt, and drop the copies."""
    place = folder(settings, log, plan.opened)
    write_whole(place / _RECEIPT, _PLANS.dump_json(plan, indent=1))
    for file in (*place.glob("*.copy"), place / _PLAN):  # the plan goes last
        file.unlink(missing_ok=True)
    return plan


def receipt_file(settings: Settings, log: Log, opened: int) -> Path:
    """Where the receipt of a FORGET is."""
    return folder(settings, log, opened) / _RECEIPT


# --- carried out ----------------------------------------------------------------------------------------------------


def carry_out(landing: Landing, log: Log, plan: Plan, corrections: Sequence[Correction]) -> Plan:
    """Replace the archived files, the files that are offered, and the copies of corrections; the plan with these.

    corrections: all of them as the tables have them now. Safe to repeat. An archived file that is gone, or has other
    bytes than the ledger says, is left to a person.
    """
    done, left = list(plan.done), list(plan.left)
    for number, copy in enumerate(plan.copies):
        place = place_of(landing.settings, log, plan.opened, number)
        archive = landing.archive_of(copy.source, folder_of(copy.batch_id))
        places = places_of(archive, copy.name, copy.sha256)
        if holding(places, copy.archived) is None:
            if (old := holding(places, copy.before)) is not None:
                done.append(_replace(old, place))
            else:
                left.append(str(archive / copy.name))
        done += _replace_offers(landing, copy, place)
    done += _correct(landing.settings, log, corrections)
    for file in map(Path, plan.journals):
        file.unlink(missing_ok=True)
        done.append(str(file))
    return replace(plan, done=tuple(dict.fromkeys(done)), left=tuple(dict.fromkeys(left)))


def _replace(file: Path, place: Path) -> str:
    """Put a copy in the place of a file, whole or not at all."""
    part = file.with_name(file.name + ".part")
    shutil.copyfile(place, part)
    fsync(part)
    part.replace(file)
    fsync(file.parent)
    return str(file)


def _replace_offers(landing: Landing, copy: Copy, place: Path) -> list[str]:
    """The files of undone batches that are offered in landing."""
    offers = (landing.settings.landing / "undone" / folder_of(copy.batch_id)).glob("*")
    files = [offer / copy.source / copy.name for offer in offers]
    old = (copy.before, copy.sha256)
    return [_replace(file, place) for file in files if file.is_file() and sha256(file) in old]


def _correct(settings: Settings, log: Log, corrections: Sequence[Correction]) -> list[str]:
    done, published = [], {(one.place, one.revision): one for one in corrections}
    for file, made in copies.corrections_in(settings, log).items():
        now = [published.get((one.place, one.revision), one) for one in made]
        if now != made:
            copies.write_corrections(file, now)
            done.append(str(file))
    return done


def corrected(made: Sequence[Correction], among: Sequence[Copy], texts: Iterable[str]) -> list[Correction]:
    """Corrections without the cells of records from which cells are taken, and without some texts in the reasons."""
    cells = {(c.batch_id, c.source, c.sha256, n): names for c in among for n, names in c.records.items()}
    of_people = re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))) or "(?!)")
    return [
        _without(one, cells.get((one.batch_id, one.source, one.file_sha256, one.source_line)), of_people)
        for one in made
    ]


def _without(one: Correction, cells: Mapping[str, str] | None, texts: re.Pattern[str]) -> Correction:
    reason = texts.sub(lambda found: masked(found[0]), one.reason)
    if cells is None:
        return replace(one, reason=reason)
    return replace(one, original=cells_of(one.original, cells), fixed=cells_of(one.fixed, cells), reason=reason)


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
