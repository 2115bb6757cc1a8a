"""The corpus through `ecomm run`: files that are read in batches of many, those that are refused between them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from ecomm.sources import SOURCES as CONTRACTS
from ecomm.tables import stage_fields
from ecomm.warehouse import Warehouse
from tests.attack.corpus import KINDS, corpus
from tests.attack.files import CANARY, Cells, HostileFile, Read
from tests.attack.judge import judge
from tests.attack.plan import Plan, Tally
from tests.attack.readers import ours
from tests.attack.rows import AMOUNTS, HEADERS, SOURCES
from tests.attack.shops import Done, Folder
from tests.oracle.values import trimmed

TOGETHER = 200
"""Files of a batch."""
FIRST = datetime(2025, 3, 1, tzinfo=UTC)
COMMANDS = ("status", "quality", "alerts", "doctor", "history orders K00000R0000E")
"""What must not show a person's text either."""


@dataclass(frozen=True)
class Batch:
    """Files that one trigger lists. poison: the batch must fail, and say why."""

    name: str
    files: tuple[HostileFile, ...]
    poison: bool = False


def by_a_run(plan: Plan) -> Tally:
    """Every file that can be read is in the tables, record by record; no poison stops another batch."""
    shop = Folder(plan.folder / "shop")
    files = list(corpus(plan.seed, plan.files))
    batches = _batches(plan, files)
    shop.settings(_settings())
    for number, batch in enumerate(batches):
        instant = (FIRST + timedelta(hours=number)).isoformat()
        shop.drop(batch.name, instant, [(file.source, file.name, file.content) for file in batch.files])
    done = shop.ecomm("run", timeout=7200)
    lost = [*_of_output(shop, done), *_of_batches(batches, done)]
    read = _tables(shop.warehouse)
    for batch in batches:
        for file in batch.files if not batch.poison else ():
            lost += [f"{file.name}: {why}" for why in judge(_as_stored(file), read[file.name]).reasons[:1]]
    poison = sum(batch.poison for batch in batches)
    tried = sum(len(batch.files) for batch in batches)
    return Tally(tried, tuple(lost), f"{len(batches)} batches, {poison} of them with a file that is refused")


def _batches(plan: Plan, files: Sequence[HostileFile]) -> list[Batch]:
    """Each file that the reader refuses is a batch of its own, spread among those of the others."""
    fine, poison = list[HostileFile](), list[HostileFile]()
    for done, file in enumerate(files):
        plan.progress(done, len(files))
        path = plan.folder / file.name
        path.write_bytes(file.content)
        (fine if ours(file, path).refused is None else poison).append(file)
        path.unlink()
    if not plan.whole:
        poison = _one_of_each_kind(poison)
    by_source = {source: [file for file in fine if file.source == source] for source in SOURCES}
    mixed = [file for n in range(plan.files) for source in SOURCES for file in by_source[source][n : n + 1]]
    groups = [mixed[n : n + TOGETHER] for n in range(0, len(mixed), TOGETHER)]
    good = [Batch(f"good {n}", tuple(some)) for n, some in enumerate(groups)]
    bad = [Batch(f"poison {file.number}", (file,), poison=True) for file in poison]
    share = -(-len(bad) // max(1, len(good)))
    spread: list[Batch] = []
    for n, batch in enumerate(good):
        spread += [batch, *bad[n * share : (n + 1) * share]]
    return spread


def _one_of_each_kind(files: Sequence[HostileFile]) -> list[HostileFile]:
    """A batch that fails takes a second, as one that is published does."""
    return list({file.kind: file for file in files}.values())


def _settings() -> str:
    """Each kind's settings, as a shape for files of its name."""
    lines = []
    for source in SOURCES:
        for number, kind in enumerate(KINDS):
            if kind.settings:
                lines.append(f"[sources.{source}.shapes.k{number}]")
                lines.append(f"files = {json.dumps(kind.name.replace(' ', '-') + '_*')}")
                lines += [f"{name} = {json.dumps(value)}" for name, value in kind.settings.items()]
    return "\n".join(lines)


def _of_output(shop: Folder, done: Done) -> Iterable[str]:
    """No command shows a value of a record, or a traceback."""
    said = {"run": done, **{command: shop.ecomm(*command.split()) for command in COMMANDS}}
    for command, one in said.items():
        if "Traceback" in one.text:
            yield f"ecomm {command}: a traceback"
        if CANARY in one.text and not command.startswith("history"):
            yield f"ecomm {command}: it shows a value of a record"
    for place in (*shop.landing.glob("*.json"), *shop.landing.glob(".ledger/**/*.json")):
        if CANARY.encode() in place.read_bytes():
            yield f"{place.name}: it has a value of a record"
    if any(CANARY in str(entry.reason) for entry in shop.warehouse.log):
        yield "batch_ledger: a reason has a value of a record"


def _of_batches(batches: Sequence[Batch], done: Done) -> Iterable[str]:
    """Each batch is published, or fails with a sentence that names its file."""
    for batch in batches:
        line = next((one for one in done.text.splitlines() if re.match(rf"{re.escape(batch.name)}\b", one)), "")
        if batch.poison and not ("failed" in line and batch.files[0].name in line):
            yield f"{batch.files[0].name}: it is refused without a sentence that names it: {line[:200]}"
        if not batch.poison and "published" not in line:
            yield f"{batch.name}: it is not published: {line[:300]}"


def _tables(warehouse: Warehouse) -> dict[str, Read]:
    """What the tables have of each file."""
    accepted: dict[str, list[Cells]] = defaultdict(list)
    rejected: dict[str, list[str]] = defaultdict(list)
    for source in SOURCES:
        for row in warehouse.table(f"{source}_stage").to_pylist():
            accepted[row["source_file"]].append(_stored(source, row))
        for row in warehouse.table(f"{source}_errors").to_pylist():
            if row["reasons"] and row["source_line"] > 0:
                raw = " ".join(str(cell) for _, cell in row["raw"] or ())
                rejected[row["source_file"]].append(row["raw_line"] or raw)
    names = {*accepted, *rejected}
    found = {name: Read((), tuple(accepted[name]), tuple(rejected[name])) for name in names}
    return defaultdict(Read, found)


def _stored(source: str, row: dict[str, Any]) -> Cells:
    """A stage row: the columns of our headers, and behind them what no contract knows, in the order of the texts."""
    known = [_text(row[name]) for name in HEADERS[source]]
    contract = {field.name for field in stage_fields(CONTRACTS[source])}
    return (*known, *sorted(_text(value) for name, value in row.items() if name not in contract and value is not None))


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return "" if value is None else str(value)


def _as_stored(file: HostileFile) -> HostileFile:
    """A file as stage rows must have it."""
    names = [name.strip().lower() for name in file.header]
    records = [
        replace(record, readings=tuple(_expected(file.source, names, cells) for cells in record.readings))
        for record in file.records
    ]
    return replace(file, records=tuple(records))


def _expected(source: str, names: Sequence[str], cells: Cells) -> Cells:
    said = dict(zip(names, map(trimmed, cells), strict=True))
    known = [_value(name, said[name]) for name in HEADERS[source]]
    unknown = [trimmed(cell) for name, cell in zip(names, cells, strict=True) if name not in HEADERS[source]]
    return (*known, *sorted(cell for cell in unknown if cell))


def _value(name: str, cell: str | None) -> str:
    """The text of a value: what cannot be read as its type is none."""
    if cell is None:
        return ""
    try:
        if name in AMOUNTS.values():
            return _text(Decimal(cell))
        if name.endswith("_date"):
            return str(date.fromisoformat(cell))
        return str(int(cell)) if name.endswith("_quantity") else cell
    except (ValueError, InvalidOperation):
        return ""
