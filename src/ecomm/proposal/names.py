"""Which header is which column: by the settings' names, by the contract's, and by how columns are often called."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecomm.canonical import BLANKS
from ecomm.contract import ContractColumn, Source
from ecomm.delivery import Shape
from ecomm.proposal.findings import Finding
from ecomm.proposal.synonyms import LAST_RESORT, LATEST, LINES, SYNONYMS

_DISPENSABLE = ("customer_id", "product_id", "price")


@dataclass(frozen=True)
class Matched:
    """Where each contract column is in the header, and what the match proposes."""

    places: Mapping[str, int]
    finding: Finding


def bare(name: str) -> str:
    """A header name without case, accents, blanks and signs: `Customer E-mail` is `customeremail`."""
    plain = unicodedata.normalize("NFKD", name.strip(BLANKS).lower()).replace("ß", "ss")
    return re.sub(r"[^a-z0-9]", "", plain)


def matched(source: Source, names: Sequence[str], shape: Shape) -> Matched:
    """Where each contract column is; the shop's names of columns are proposed, doubts are asked.

    shape: as the settings in force have it; its names come first.
    """
    places = _known(source, names, shape)
    latest = _latest(source, names, shape)
    places |= latest
    open_ones = [c for c in source.columns if c.name not in places and c.name != "order_total"]  # `lines` decides on it
    candidates = {c.name: _candidates(source, c, names, places) for c in open_ones}
    claims = Counter(i for found in candidates.values() for i in found)
    columns = {column: names[place].strip(BLANKS) for column, place in latest.items()}
    asks = []
    for name, found in candidates.items():
        if len(found) == 1 and claims[found[0]] == 1:
            places[name] = found[0]
            columns[name] = names[found[0]].strip(BLANKS)
        elif found and _required(source, name):
            asks.append(f"Is {name} {' or '.join(repr(names[i]) for i in found)}? Set columns.{name}.")
    for column in source.columns:
        if column.required and column.name not in places and not candidates.get(column.name):
            place = _last_resort(source, column, names, places) if column.name not in shape.columns else None
            if place is not None:
                places[column.name] = place
                columns[column.name] = names[place].strip(BLANKS)
    for name, other in (("order_date", "created_timestamp"), ("order_amount", "order_total")):
        if name in _lacking(source, places, shape) and other in places:
            places[name] = places[other]
            columns[name] = names[places[other]].strip(BLANKS)
    ordered = {c.name: columns[c.name] for c in source.columns if c.name in columns}
    return Matched(places, Finding(columns=ordered, asks=tuple(asks)))


def missing(source: Source, names: Sequence[str], places: Mapping[str, int], columns: Mapping[str, object]) -> Finding:
    """What must be asked of required columns that nothing in the file is known to be, and which columns are left."""
    used = {*places.values()}
    unknown = [names[i].strip(BLANKS) for i in range(len(names)) if i not in used and names[i].strip(BLANKS)]
    asks = tuple(
        f"Which column is {c.name} ({c.comment.rstrip('.')})? It must be there; set columns.{c.name} to one of: "
        f"{', '.join(unknown) or 'none is left'}{_or_without(c.name)}."
        for c in source.columns
        if c.required and c.name not in places and c.name not in columns
    )
    notes = (f"Kept as columns of the shop's own, unless you map them: {', '.join(unknown)}.",) if unknown else ()
    return Finding(asks=asks, notes=notes)


def _or_without(column: str) -> str:
    """What a shop can say instead that does not have a column, where that makes sense."""
    return f', or without = ["{column}"] if the shop has none' if column in _DISPENSABLE else ""


def line_headers(names: Sequence[str]) -> list[int]:
    """Where headers are whose names say that they tell lines apart."""
    return [i for i, name in enumerate(names) if bare(name) in LINES.split()]


def _required(source: Source, name: str) -> bool:
    return any(c.name == name and c.required for c in source.columns)


def _lacking(source: Source, places: Mapping[str, int], shape: Shape) -> list[str]:
    return [c.name for c in source.columns if c.required and c.name not in places and c.name not in shape.columns]


def _known(source: Source, names: Sequence[str], shape: Shape) -> dict[str, int]:
    """The columns whose names the settings or the contract say."""
    plain = [name.strip(BLANKS).lower() for name in names]
    found = {}
    for column in source.columns:
        own = [name.strip(BLANKS).lower() for name in shape.headers_of(column.name)]
        known = next((n for n in (*own, column.name, *column.aliases) if plain.count(n) == 1), None)
        if known is not None and shape.computed_of(column.name) is None:
            found[column.name] = plain.index(known)
    return found


def _latest(source: Source, names: Sequence[str], shape: Shape) -> dict[str, int]:
    """Where the time of the last change is, by which statements are ordered; the settings' name counts before it."""
    found = [i for i, name in enumerate(names) if bare(name) in LATEST.get(source.name, "").split()]
    return {"created_timestamp": found[0]} if len(found) == 1 and "created_timestamp" not in shape.columns else {}


def _candidates(source: Source, column: ContractColumn, names: Sequence[str], found: Mapping[str, int]) -> list[int]:
    called = {bare(column.name), *map(bare, column.aliases), *SYNONYMS[source.name].get(column.name, "").split()}
    return [i for i, name in enumerate(names) if i not in found.values() and bare(name) in called]


def _last_resort(source: Source, column: ContractColumn, names: Sequence[str], found: Mapping[str, int]) -> int | None:
    for called in LAST_RESORT.get(source.name, {}).get(column.name, "").split():
        places = [i for i, name in enumerate(names) if i not in found.values() and bare(name) == called]
        if len(places) == 1:
            return places[0]
    return None
