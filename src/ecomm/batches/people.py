"""Customers who are forgotten, and how their records are known.

A customer stays in the tables under the own id, or, where that is personal itself (an e-mail address), under a keyed
hash of it. `landing/.ledger/<warehouse>/forgotten.json` has the key, and keyed hashes of the addresses and numbers by
which a record without an id is known: what comes later is recognised, and no text that is kept says who it was.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from ecomm.batches import copies
from ecomm.batches.log import Log
from ecomm.engines.deltafiles import write_whole
from ecomm.errors import StorageError
from ecomm.keys import compared
from ecomm.settings import Settings

HASHED = "forgotten-"
_FILE = "forgotten.json"
_ADDRESS = re.compile(r".*@.*|[+(]?[0-9][0-9 ()./x-]{5,}")
"""What may be an e-mail address or a telephone number."""
_TELEPHONE = re.compile(r"\+[0-9][0-9 ()./-]{6,}")
_BETWEEN = re.compile(r"[\s,;|\"'<>()\[\]]+")
_SHORTEST = 6
"""Characters of a text that names nobody else."""


@dataclass(frozen=True)
class Known:
    """What is kept of forgotten customers. marks: id in the tables -> hashes of their addresses and numbers."""

    key: str
    marks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_KNOWN = TypeAdapter(Known)


@dataclass(frozen=True)
class People:
    """Customers whose records are looked for.

    stored: their ids in the tables. orders: the ids of their orders. values: texts that are known of them; marks:
    hashes of such. By these a record is known that does not say whose it is.
    """

    stored: frozenset[str]
    key: str = ""
    orders: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()

    def stored_as(self, customer: str) -> str | None:
        """The id in the tables of a customer by the id in a file; None if it is none of these people."""
        customer = compared(customer)
        if customer in self.stored:
            return customer
        by_hash = HASHED + hashed(self.key, customer)
        return by_hash if by_hash in self.stored else None

    def with_orders(self, orders: Iterable[str]) -> People:
        """The same with more orders of theirs."""
        return replace(self, orders=self.orders | frozenset(orders))

    def is_in(self, text: str) -> bool:
        """A cell or line of a record that does not say whose it is holds an id of theirs, or what is known of them."""
        words = {text.strip(), *_BETWEEN.split(text)} - {""}
        if words & self.orders or any(self.stored_as(word) for word in words):
            return True
        if any(value in text for value in self.values):
            return True
        return bool(self.marks) and any(hashed(self.key, w) in self.marks for w in words if _ADDRESS.fullmatch(w))


def forgotten(settings: Settings, log: Log) -> People:
    """The customers who are forgotten now. Raises StorageError if what is kept of them is gone."""
    stored = log.forgotten
    if not stored:
        return People(stored)
    file = _file(settings, log)
    try:
        known = _KNOWN.validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{file}: it cannot be read, and by it forgotten customers are recognised; bring it back from a backup."
        ) from error
    marks = frozenset(mark for customer in stored for mark in known.marks.get(customer, ()))
    return People(stored, known.key, marks=marks)


def remember(settings: Settings, log: Log, ids: Mapping[str, str], values: Mapping[str, Iterable[str]]) -> People:
    """Keep what is needed to recognise customers. ids: theirs -> those in the tables, empty if they are to be hashed.

    values: by the id, their addresses and numbers. Gives them as people to be looked for.
    """
    file = _file(settings, log)
    known = _KNOWN.validate_json(file.read_bytes()) if file.is_file() else Known(secrets.token_hex(32))
    stored = {customer: kept or HASHED + hashed(known.key, customer) for customer, kept in ids.items()}
    marks = {kept: tuple(sorted(hashed(known.key, v) for v in values.get(c, ()))) for c, kept in stored.items()}
    write_whole(file, _KNOWN.dump_json(replace(known, marks={**known.marks, **marks})))
    return People(frozenset(stored.values()), known.key)


def _file(settings: Settings, log: Log) -> Path:
    return copies.folder_of(settings, log) / _FILE


def hashed(key: str, text: str) -> str:
    """HMAC-SHA-256 of a text, 128 bits of it."""
    return hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()[:32]


def is_personal(text: str) -> bool:
    """A text tells who somebody is: an e-mail address, or a telephone number."""
    return "@" in text or bool(_TELEPHONE.fullmatch(text))


def searchable(texts: Iterable[str]) -> frozenset[str]:
    """Those of some personal values that are long enough to name nobody else."""
    return frozenset(text for text in texts if len(text) >= _SHORTEST)
