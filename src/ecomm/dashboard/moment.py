"""What is published by one ledger entry, and the answers that were computed from it."""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pyarrow as pa

from ecomm.batches.entry import CHANGES
from ecomm.batches.log import NOTHING, Log
from ecomm.contract import Source
from ecomm.masks import masks_of
from ecomm.money import shown
from ecomm.session import sources_of
from ecomm.settings import Settings
from ecomm.warehouse import Warehouse

Answer = dict[str, Any]
Args = Mapping[str, str]

_KEPT_ANSWERS = 500
_FRESH = timedelta(hours=36)
_WORD = re.compile(r"[a-z_]+")


class Moment:
    """The warehouse as one ledger entry says. Questions are asked one at a time, and each is computed once.

    known: see `Warehouse`. reveal: values that tell about a person are shown. Raises as `Warehouse`.
    """

    def __init__(self, settings: Settings, known: Log = NOTHING, *, reveal: bool = False) -> None:
        self.settings = settings
        self.warehouse = Warehouse(settings.warehouse, known)
        self.sources: Mapping[str, Source] = sources_of(settings)
        self.masks = masks_of(settings.warehouse, self.sources, reveal=reveal)
        self._connection = duckdb.connect(
            config={"python_enable_replacements": False, "autoinstall_known_extensions": False}
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        self._opened: set[str] = set()
        self._lock = threading.RLock()
        self._answers: OrderedDict[object, bytes] = OrderedDict()

    @property
    def entry(self) -> int:
        """The number of the ledger entry."""
        return self.warehouse.entry.seq

    def table(self, query: str, parameters: Sequence[object] = ()) -> pa.Table:
        """The result of a query over the published tables. The query is the program's own text, never a user's."""
        with self._lock:
            for name in set(_WORD.findall(query)) & set(self.warehouse.names) - self._opened:
                self._connection.register(name, self.warehouse.dataset(name))
                self._opened.add(name)
            return self._connection.sql(query, params=list(parameters)).to_arrow_table()

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[Answer]:
        """The same as rows."""
        found: list[Answer] = self.table(query, parameters).to_pylist()
        return found

    def answer(self, ask: Callable[[Moment, Args], Answer], args: Args) -> bytes:
        """What a question gives, with the stamp of this moment, as JSON. Asked again it costs nothing."""
        key = (ask, tuple(sorted(args.items())))
        with self._lock:
            if key not in self._answers:
                self._answers[key] = as_json({"stamp": self.stamp(), **ask(self, args)})
                while len(self._answers) > _KEPT_ANSWERS:
                    self._answers.popitem(last=False)
            self._answers.move_to_end(key)
            return self._answers[key]

    def stamp(self) -> Answer:
        """How fresh the moment is, and how its numbers are to be read.

        stale_after: seconds from published_at; twice the usual gap between batches, at least 36 hours.
        """
        log = self.warehouse.log
        alive = sorted(log.live.values(), key=lambda e: (e.as_of or datetime.min.replace(tzinfo=UTC), e.seq))
        instants = [e.as_of for e in alive if e.as_of]
        gaps = [(b - a).total_seconds() for a, b in pairwise(instants)]
        named = [e.client_name for e in alive if e.client_name]
        working = log.open_attempt
        return {
            "entry": self.entry,
            "published_at": max((e.at for e in log if e.entry in CHANGES and e.at), default=None),
            "as_of": instants[-1] if instants else None,
            "batch_id": alive[-1].batch_id if alive else None,
            "batches": len(alive),
            "stale_after": max(_FRESH.total_seconds(), 2 * median(gaps) if gaps else 0),
            "working_on": working.batch_id if working else None,
            "shop": named[-1] if named else None,
            "currency": self.settings.shop.reporting_currency,
            "time_zone": self.settings.shop.shop_timezone,
            "reveal": self.masks.reveal,
        }


def as_text(value: object) -> str | None:
    """A cell of a row: money without a third decimal that is 0, an instant with Z."""
    if isinstance(value, Decimal):
        return shown(value)
    return None if value is None else str(value).replace("+00:00", "Z")


def as_json(value: object) -> bytes:
    """JSON in which money is an exact text, an instant ends in Z, and what is no number is null."""
    return json.dumps(value, ensure_ascii=False, default=_plain, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return shown(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no place in an answer")
