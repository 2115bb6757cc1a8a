"""What a shop would set to have its files read: proposed from a file, and judged on it.

A guess that a person would have to undo is none: what the file leaves open is a question beside the proposal. One
module answers one question about the file, and gives a finding; here they are put together, and the file is checked
with them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ecomm import presets
from ecomm.check import Checked, Progress, check
from ecomm.contract import Source
from ecomm.delivery import Delivery, Shape
from ecomm.errors import FileError, HeaderError, UsageError
from ecomm.money import MONEY
from ecomm.proposal import amounts, days, known, lines, names, words
from ecomm.proposal.findings import Finding, together
from ecomm.proposal.sample import Sample, laid_out, read
from ecomm.settings import Settings
from ecomm.sources import SOURCES

_DELIVERY = TypeAdapter(Delivery)


@dataclass(frozen=True)
class Proposal:
    """The settings for a file like this, and how it is read with them.

    source: of the file. tables: what is proposed, as a settings file has it. asks: what a person must decide. notes:
    what to know of the settings. preset: the platform whose export the file is, if it is one. checked: what would
    become of the file's records; None if none can be read, and then problem says why.
    """

    source: str
    tables: dict[str, Any] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    preset: str = ""
    checked: Checked | None = None
    problem: str = ""


def propose(
    settings: Settings, file: Path, source: str | None, as_of: datetime, preset: str | None, told: Progress
) -> Proposal:
    """What to set so that a file like this is read, and what becomes of its records then.

    settings: those in force: the names of columns that they have are taken. source: None if the file shows it.
    preset: the platform that the file comes from, if a person named it.
    Raises UsageError, HeaderError, FileError if the file cannot be read at all.
    """
    if source is not None and source not in SOURCES:
        raise UsageError(f"there is no source {source}; use {', '.join(SOURCES)}.")
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file.")
    told(f"looking at {file.name}")
    own = _shape_in_force(settings, file, source)
    laid = laid_out(file, own, lambda row: _named(row, source, settings, file))
    header = read(file, _with(own, laid)).names
    among = presets.NAMES if preset is None else (preset,)
    export = known.recognised(header, among, source) if preset is not None or not own.columns else None
    if export is not None:
        proposal = _of_preset(export, laid)
    elif preset is not None:
        raise HeaderError(f"{file}: this is no export that the preset {preset} reads; its header is another one.")
    else:
        proposal = _of_file(settings, file, source or _guessed(settings, file, header), laid)
    return _judged(proposal, settings, file, as_of, told)


def _shape_in_force(settings: Settings, file: Path, source: str | None) -> Shape:
    delivery = settings.sources.get(source or "", Delivery())
    return delivery.shape_of(file.name)


def _named(row: Sequence[str], source: str | None, settings: Settings, file: Path) -> int:
    """How many columns a row would name if it were the header; as an export of a preset, if it is one."""
    of = [SOURCES[source]] if source else list(SOURCES.values())
    most = max(len(names.matched(s, row, _shape_in_force(settings, file, s.name)).places) for s in of)
    return most + (len(row) if most < len(row) and known.recognised(row, source=source) else 0)


def _guessed(settings: Settings, file: Path, header: Sequence[str]) -> str:
    """The source that a file's name names, else the one of whose columns the header has most. Raises UsageError."""
    named = [name for name in SOURCES if name in file.name.lower()]
    if len(named) == 1:
        return named[0]
    found = {n: names.matched(s, header, _shape_in_force(settings, file, n)).places for n, s in SOURCES.items()}
    best = [n for n in SOURCES if len(found[n]) == max(map(len, found.values()))]
    if len(best) != 1 or not found[best[0]]:
        raise UsageError(f"{file}: neither name nor header say which source it is; add --source {'|'.join(SOURCES)}.")
    return best[0]


def _with(shape: Shape, finding: Finding) -> Shape:
    return _DELIVERY.validate_python(_DELIVERY.dump_python(_as_delivery(shape)) | dict(finding.settings))


def _as_delivery(shape: Shape) -> Delivery:
    return shape if isinstance(shape, Delivery) else Delivery(**vars(shape))


def _of_preset(export: known.Export, laid: Finding) -> Proposal:
    """A preset's settings, with what this file has of its own."""
    tables = copy.deepcopy(dict(presets.settings(export.preset)))
    delivery = known.of_preset(export.preset).sources[export.source]
    shape = delivery.shapes[export.shape] if export.shape else delivery
    differs = {n: v for n, v in laid.settings.items() if n in ("encoding", "delimiter") and getattr(shape, n) != v}
    table = dict(tables["sources"][export.source])
    if not export.shape and differs:
        tables["sources"] = {**tables["sources"], export.source: {**differs, **table}}
    notes = [f"This is an export of the preset {export.preset} (source {export.source})."]
    notes += [f"This file has its own {n}." for n in differs]
    return Proposal(export.source, tables, (), tuple(notes), export.preset)


def _of_file(settings: Settings, file: Path, source: str, laid: Finding) -> Proposal:
    """What the file itself shows."""
    contract, shape = SOURCES[source], _shape_in_force(settings, file, source)
    sample = read(file, _with(shape, laid))
    match = names.matched(contract, sample.names, shape)
    found = together([laid, match.finding, *_looked_at(settings, contract, sample, match, shape)])
    rest = names.missing(contract, sample.names, match.places, {**shape.columns, **found.columns})
    found = together([found, rest])
    set_already = _DELIVERY.dump_python(settings.sources.get(source, Delivery()), exclude_defaults=True)
    table = {**set_already, **found.settings}
    columns = {**set_already.get("columns", {}), **found.columns}
    if columns:
        table["columns"] = {c.name: columns[c.name] for c in contract.columns if c.name in columns}
    tables: dict[str, Any] = {"sources": {source: table}} if table else {}
    notes = list(found.notes)
    if source == "orders" and (guests := words.guests(sample.cells(match.places))):
        tables = {"severity": {"customer_id_present": "LOW"}, **tables}
        notes.append(f"{guests:,} records name no customer; they are guests, and not rejected.")
    return Proposal(source, tables, found.asks, tuple(notes))


def _looked_at(
    settings: Settings, contract: Source, sample: Sample, match: names.Matched, shape: Shape
) -> list[Finding]:
    """What the cells show, question by question."""
    cells = sample.cells(match.places)
    types = {c.name: c.type for c in contract.columns}
    stated = {name: [text for text in texts if text] for name, texts in cells.items()}
    word = words.looked_at(cells, settings.vocabularies.order_status)
    none = {text.lower() for text in word.settings.get("null_values", ())}  # type: ignore[attr-defined]
    stated = {name: [text for text in texts if text.lower() not in none] for name, texts in stated.items()}
    dated = [text for n, texts in stated.items() if types[n] in ("date", "timestamp") for text in texts]
    numbers = {n: t for n, t in stated.items() if types[n] == "bigint" or types[n].startswith("decimal")}
    found = [word]
    if not shape.date_formats:
        found.append(days.looked_at(dated))
    number = amounts.looked_at([text for texts in numbers.values() for text in texts])
    if not (shape.decimal_comma or shape.amounts != "plain"):
        found.append(number)
    found.append(amounts.decimals({n: t for n, t in numbers.items() if types[n] == MONEY}))
    if contract.name == "orders":
        comma = shape.decimal_comma or bool(number.settings.get("decimal_comma"))
        found.append(amounts.cents(stated.get("order_amount", ())))
        if settings.sources.get("orders", Delivery()).refunds == "status":
            found.append(amounts.negative(stated.get("order_amount", ())))
        if not shape.line_id and "order_id" in cells:
            found.append(lines.looked_at(_orders(sample, match, comma)))
    return found


def _orders(sample: Sample, match: names.Matched, decimal_comma: bool) -> lines.Orders:
    cells = sample.cells(match.places)
    headers = {column: sample.names[place].strip() for column, place in match.places.items()}
    further = {sample.names[i].strip(): sample.columns[i] for i in names.line_headers(sample.names)}
    return lines.Orders(cells, headers, lines.grouped(cells["order_id"]), further, decimal_comma)


def _judged(proposal: Proposal, settings: Settings, file: Path, as_of: datetime, told: Progress) -> Proposal:
    """The proposal with what becomes of the file's records by it."""
    said = Settings(**proposal.tables) if proposal.tables else None
    merged = settings
    if said is not None:
        merged = settings.model_copy(
            update={
                "sources": {**settings.sources, **said.sources},
                "severity": {**settings.severity, **said.severity},
                **({"vocabularies": said.vocabularies} if "vocabularies" in proposal.tables else {}),
                **({"shop": said.shop} if "shop" in proposal.tables else {}),
            }
        )
    try:
        checked, problem = check(merged, file, proposal.source, as_of, 0, told), ""
    except (HeaderError, FileError) as error:
        checked, problem = None, str(error)
    return Proposal(proposal.source, proposal.tables, proposal.asks, proposal.notes, proposal.preset, checked, problem)
