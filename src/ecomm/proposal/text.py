"""A proposal as lines of a settings file, with its questions and what was judged beside them as comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ecomm import presets

if TYPE_CHECKING:
    from ecomm.proposal import Proposal

_BARE = re.compile("[A-Za-z0-9_-]+")
_SHOWN = 5
_OTHERS = {
    "rejected": "Rejected: {number:,}.",
    "duplicate": "The same as another record: {number:,}.",
    "superseded": "Superseded by a later record of the same key: {number:,}.",
    "left_out": "Left out, for they say nothing about {source}: {number:,}.",
}


def block(proposal: Proposal, file: Path) -> str:
    """A proposal as a block of a settings file, with its questions as comments."""
    lines = [f"# Proposed from {_one_line(file.name)}."]
    lines += [f"# {_one_line(note)}" for note in proposal.notes]
    lines += [f"# To be decided: {_one_line(ask)}" for ask in proposal.asks]
    if proposal.preset:
        return "\n".join([*lines, "", _of_preset(proposal)])
    for name, table in proposal.tables.items():
        if name != "sources":
            lines += ["", *_table((name,), table)]
    for source, table in proposal.tables.get("sources", {}).items():
        lines += ["", *_table(("sources", source), table)]
    return "\n".join(lines) + "\n"


def _of_preset(proposal: Proposal) -> str:
    """The preset's own text, with what this file has besides in the table of its source."""
    text = presets.text(proposal.preset)
    told = presets.settings(proposal.preset)["sources"][proposal.source]
    more = {n: v for n, v in proposal.tables["sources"][proposal.source].items() if n not in told or told[n] != v}
    head = f"[sources.{proposal.source}]\n"
    return text.replace(head, head + "".join(f"{n} = {_value(v)}\n" for n, v in more.items()), 1)


def judgement(proposal: Proposal) -> list[str]:
    """How many records are read with the proposal, which are not, and why."""
    checked = proposal.checked
    if checked is None:
        return [f"No record can be read with these settings yet: {proposal.problem}"]
    rows = checked.rows
    accepted = f"{rows['accepted']:,} of {rows['read']:,} records are accepted"
    said = [f"Judged with these settings as of {checked.as_of:%Y-%m-%d %H:%M} UTC: {accepted}."]
    for name, meaning in _OTHERS.items():
        if rows.get(name):
            said.append(meaning.format(source=checked.source, number=rows[name]))
    high = [finding for finding in checked.findings if finding.severity == "HIGH"]
    for finding in high[:_SHOWN]:
        places = ", ".join(map(str, finding.lines)) + (" ..." if finding.rows > len(finding.lines) else "")
        which = "record" if finding.rows == 1 else "records"
        said.append(f"{finding.rule} ({finding.meaning}): {which} {places}.")
    if rows["rejected"] or high:
        said.append(
            "Once the settings are in place, `ecomm check FILE` shows these records. --as-of judges as of another time."
        )
    elif not proposal.asks and not proposal.tables:
        said.append("Nothing else is to be set: the defaults fit.")
    return said


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _table(path: tuple[str, ...], table: Mapping[str, object]) -> list[str]:
    """A table of settings: its plain values first, then the tables in it."""
    plain = {name: value for name, value in table.items() if not _is_table(name, value)}
    lines = [f"[{'.'.join(map(_key, path))}]"] if plain or not table else []
    lines += [f"{_key(name)} = {_value(value)}" for name, value in plain.items()]
    for name, value in table.items():
        if _is_table(name, value) and isinstance(value, Mapping) and value:
            lines += ["", *_table((*path, name), value)] if lines else _table((*path, name), value)
    return lines


def _is_table(name: str, value: object) -> bool:
    """A mapping that has a table of its own; the ways of computing a column stand in one line."""
    return isinstance(value, Mapping) and not value.keys() & {"product", "share_of", "joined", "first", "constant"}


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(k))} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)
