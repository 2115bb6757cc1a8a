"""The fold (DESIGN.md, "The fold"): the statements of a source -> the versions of its target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from . import sources, values
from .values import Row


class Statement(NamedTuple):
    """What one batch says about one key; one statement per key per batch."""

    batch_id: str
    as_of: datetime
    op: str
    """U (upsert) or D (delete)."""
    values: Row
    """Stated column -> typed value; a column that is not in it was absent from the header. Of orders
    `ordered_at` is the statement's own (stage's) value. A D needs the key columns only."""


class Mention(NamedTuple):
    """H: "mentioned, but rejected: the key is readable in the error table"."""

    batch_id: str
    key: tuple[str, ...]

    @classmethod
    def of(cls, batch_id: str, parts: Iterable[str]) -> Mention:
        """By the `key_parts` of an error row."""
        return cls(batch_id, tuple(parts))


class Snapshot(NamedTuple):
    """A batch whose files of the source are a complete snapshot."""

    batch_id: str
    as_of: datetime


class _Complete:
    """A key that a complete snapshot does not mention ends there, as if it said D; a rejected row's key is mentioned.
    With `absence_scope` "a snapshot speaks only of the partitions that it mentions"."""

    def __init__(self, snapshot: Snapshot, mentioned: set[tuple[str, ...]], scoped: list[int]) -> None:
        self.absence = Statement(snapshot.batch_id, snapshot.as_of, "D", {})
        self.mentioned = mentioned
        self.scoped = scoped
        self.partitions = {self._partition(key) for key in mentioned}

    def _partition(self, key: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(key[position] for position in self.scoped)

    def ends(self, key: tuple[str, ...]) -> bool:
        return key not in self.mentioned and self._partition(key) in self.partitions


@dataclass
class _Life:
    """What a key's life has said so far: from a U until a D."""

    state: Row = field(default_factory=dict)
    ordered_ats: list[tuple[Any, datetime]] = field(default_factory=list)
    """(order_date of the statement, its ordered_at)"""


@dataclass
class _Version:
    effective: datetime
    expiry: datetime | None
    state: Row
    batch_id: str


def fold(
    source: str,
    statements: Iterable[Statement],
    *,
    mentions: Iterable[Mention] = (),
    snapshots: Iterable[Snapshot] = (),
    scope: Sequence[str] = (),
    key: Sequence[str] = (),
    reporting_currency: str = "USD",
    extras: Iterable[str] = (),
) -> list[Row]:
    """The target's rows, ordered by key and effective_date. `scope` is `absence_scope`; `key` names the key columns
    where they are not the contract's; `extras` names extra columns that exist in the table although none of the
    statements states them."""
    contract = sources.SOURCES[source]
    key = key or contract.key
    by_key: dict[tuple[str, ...], list[Statement]] = {}
    said: dict[str, set[tuple[str, ...]]] = {}
    for batch_id, its_key in mentions:
        said.setdefault(batch_id, set()).add(its_key)
    extra_columns = set(extras)
    for statement in statements:
        stored = sources.with_defaults(contract, statement.values, reporting_currency)
        its_key = tuple(stored[name] for name in key)
        by_key.setdefault(its_key, []).append(statement)
        said.setdefault(statement.batch_id, set()).add(its_key)
        extra_columns |= statement.values.keys() - set(contract.contract)
    scoped = [list(key).index(name) for name in scope]
    complete = [_Complete(one, said[one.batch_id], scoped) for one in snapshots]
    rows: list[Row] = []
    for one in sorted(by_key):
        walk = by_key[one] + [c.absence for c in complete if c.ends(one)]
        versions = _versions(contract, key, walk, sorted(extra_columns), reporting_currency)
        rows += _target_rows(contract, versions)
    return rows


def _versions(
    source: sources.Source,
    key: Sequence[str],
    statements: list[Statement],
    extras: list[str],
    reporting_currency: str,
) -> list[_Version]:
    """Walk the positions = (as_of, trigger id bytewise): "D ends the life, U sets the state (columns not in
    the header carried over within the life) ... One state an instant: the last position's. Neighbours equal
    in the tracked columns and without a gap are one version." """
    walk = sorted(statements, key=lambda s: (s.as_of, s.batch_id.encode()))
    if len({(s.as_of, s.batch_id) for s in walk}) < len(walk):
        raise ValueError("one statement per key per batch")

    life: _Life | None = None
    at_instant: dict[datetime, tuple[Row, str] | None] = {}
    for statement in walk:
        if statement.op == "D":
            life = None
            at_instant[statement.as_of] = None
        else:
            life = life or _Life()
            _say(source, key, life, statement, extras, reporting_currency)
            at_instant[statement.as_of] = (dict(life.state), statement.batch_id)

    versions: list[_Version] = []
    for instant, said in at_instant.items():
        open_version = versions[-1] if versions and versions[-1].expiry is None else None
        if said is None:
            if open_version:
                open_version.expiry = instant
            continue
        state, batch_id = said
        if open_version and all(open_version.state[c] == state[c] for c in source.tracked):
            open_version.state = state  # untracked values are those of the last statement in its run
            continue
        if open_version:
            open_version.expiry = instant
        versions.append(_Version(instant, None, state, batch_id))
    return versions


def _say(
    source: sources.Source,
    key: Sequence[str],
    life: _Life,
    statement: Statement,
    extras: list[str],
    reporting_currency: str,
) -> None:
    """A U: the stated columns are set, the others carried over; "a key column that the header lacks is not
    carried"."""
    carried = {name: value for name, value in life.state.items() if name not in key}
    said = {**carried, **statement.values}
    state = sources.with_defaults(source, said, reporting_currency)
    state |= {name: said.get(name) for name in extras}
    if source is sources.ORDERS:
        # "the least one stated so far in the key's life that falls on the version's `order_date`" =
        # "running minimum in the key's life among statements with the same order_date"
        own = statement.values.get("ordered_at")
        if own is not None:
            life.ordered_ats.append((state["order_date"], own))
        stated = [at for day, at in life.ordered_ats if day == state["order_date"]]
        state["ordered_at"] = min(stated, default=None)
    life.state = state


def _target_rows(source: sources.Source, versions: list[_Version]) -> list[Row]:
    rows: list[Row] = []
    before: _Version | None = None
    for version in versions:
        row = {
            **version.state,
            "effective_date": version.effective,
            "expiry_date": version.expiry,
            "is_current": version.expiry is None,
            "row_hash": values.row_hash(version.state[name] for name in source.tracked),
            "batch_id": version.batch_id,
        }
        if source is sources.INVENTORY:
            row |= _movement(version, before)
        rows.append(row)
        before = version
    return rows


def _movement(version: _Version, before: _Version | None) -> Row:
    """previous_quantity, quantity_change, movement: from the key's version before (also across a gap). IN:
    change > 0, OUT: < 0, NONE: 0; first version: all three NULL."""
    previous = before.state["stock_quantity"] if before else None
    now = version.state["stock_quantity"]
    change = None if previous is None or now is None else now - previous
    movement = None if change is None else "IN" if change > 0 else "OUT" if change < 0 else "NONE"
    return {"previous_quantity": previous, "quantity_change": change, "movement": movement}
