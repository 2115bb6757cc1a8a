"""Many small batches are published, killed, undone, replayed and maintained while readers poll; what they saw."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from statistics import median
from typing import Any

import duckdb
from deltalake import DeltaTable

from ecomm import rebuild
from ecomm.batches.entry import Entry
from ecomm.batches.ledger import Ledger
from ecomm.batches.log import NOTHING
from tests.polling.readers import TARGETS, broken_keys, one
from tests.shop import Shop

ROOT = Path(__file__).parents[2]
_LONG = 300.0  # seconds that a command may take


@dataclass
class Report:
    """What came of it. windows: seconds between the first and the last commit of a publication that was not killed."""

    batches: int = 0
    kills: int = 0
    undone: int = 0
    replayed: int = 0
    publications: int = 0
    versions: int = 0
    broken_versions: int = 0
    windows: list[float] = field(default_factory=list)
    killed_windows: list[float] = field(default_factory=list)
    changed_by_rebuild: int = -1
    readers: dict[str, dict[str, int]] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """For machines, with the windows' median and maximum."""
        found = {name: value for name, value in asdict(self).items() if not name.endswith("windows")}
        for name in ("windows", "killed_windows"):
            values = getattr(self, name)
            found[name] = {
                "number": len(values),
                "median_ms": round(1000 * median(values), 1) if values else None,
                "max_ms": round(1000 * max(values), 1) if values else None,
            }
        return found


class Worker:
    """The process that works on the shop; after a kill another one."""

    def __init__(self, shop: Shop) -> None:
        self._shop, self._answers = shop, Queue[str]()
        self._start()

    def _start(self) -> None:
        settings, self._answers = self._shop.settings, Queue()
        command = [sys.executable, "-m", "tests.polling.worker", settings.landing, settings.warehouse]
        self.process = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._listen, args=(self.process, self._answers), daemon=True).start()
        self._answers.get(timeout=_LONG)

    @staticmethod
    def _listen(process: subprocess.Popen[str], answers: Queue[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            answers.put(line)

    def tell(self, command: str, kill_after: float | None = None) -> dict[str, Any] | None:
        """Give a command; its answer, None if the process was killed before it could answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        try:
            found: dict[str, Any] = json.loads(self._answers.get(timeout=_LONG if kill_after is None else kill_after))
            return found
        except Empty:
            self.process.kill()
            self.process.wait()
            self._start()
            return None

    def end(self) -> None:
        """No more commands."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=_LONG)


class Versions:
    """Looks at every version of every target, and at the commits of every publication, as they come."""

    def __init__(self, warehouse: Path, report: Report) -> None:
        self._warehouse, self._report, self._log = warehouse, report, NOTHING
        self._seen = dict.fromkeys(TARGETS, -1)

    def look(self, *, killed: bool) -> None:
        """Take in what is new. killed: a process was killed while it was made."""
        for name, key in TARGETS.items():
            newest = DeltaTable(self._warehouse / name).version()
            for version in range(self._seen[name] + 1, newest + 1):
                self._report.versions += 1
                self._report.broken_versions += self._is_broken(name, key, version)
            self._seen[name] = newest
        known = self._log
        self._log = Ledger(self._warehouse, known=known).log
        for entry in self._log[max(len(known), 1) :]:
            self._window(self._log[entry.seq - 1], entry, killed=killed)

    def _is_broken(self, name: str, key: str, version: int) -> bool:
        with duckdb.connect() as connection:
            connection.register("target", DeltaTable(self._warehouse / name, version=version).to_pyarrow_table())
            return broken_keys(partial(one, connection), key, "target") > 0

    def _window(self, before: Entry, entry: Entry, *, killed: bool) -> None:
        changed = {n: v for n, (v, _) in entry.tables.items() if v != before.tables.get(n, (v, 0))[0]}
        if entry.entry == "MAINTAIN" or len(changed) < 2:
            return
        self._report.publications += 1
        logs = [self._warehouse / name / "_delta_log" / f"{version:020d}.json" for name, version in changed.items()]
        times = [file.stat().st_mtime for file in logs if file.exists()]
        windows = self._report.killed_windows if killed else self._report.windows
        windows.append(max(times) - min(times))


def play(shop: Shop, batches: int, kinds: Collection[str], seed: int, say: Callable[[str], None] = print) -> Report:
    """Publish so many batches while these kinds of readers poll; what came of it."""
    rng, report, warehouse = random.Random(seed), Report(), shop.settings.warehouse
    shop.drop("b0000", "2025-01-01T00:00:00Z", files(rng, 0))
    worker = Worker(shop)
    worker.tell("run")
    readers = {kind: _reader(shop, kind) for kind in kinds}
    versions, began = Versions(warehouse, report), time.monotonic()
    versions.look(killed=False)
    published, gone = ["b0000"], list[str]()
    for n in range(1, batches + 1):
        name = f"b{n:04d}"
        shop.drop(name, f"2025-01-01T00:{n // 60:02d}:{n % 60:02d}Z", files(rng, n))
        command = "run"
        if n % 20 == 7:
            gone.append(published.pop(-rng.randint(2, 4)) if len(published) > 4 else published[-1])
            command = f"undo {gone[-1]}"
        elif n % 20 == 13 and gone:
            command = f"replay {gone.pop()}"
        elif n % 25 == 24:
            command = f"replay {published[-1]}"
        elif n % 40 == 39:
            command = "maintain"
        report.undone += command.startswith("undo")
        report.replayed += command.startswith("replay")
        for verb in dict.fromkeys((command, "run")):
            killed = False
            if rng.random() < 0.03 or n % 9 == 4:
                killed = worker.tell(verb, kill_after=rng.uniform(0.02, 1.0)) is None
            report.kills += killed
            if killed:
                worker.tell(verb if not verb.startswith(("undo", "replay")) else "run")
            elif verb != "run" or command == "run":
                worker.tell(verb)
            versions.look(killed=killed)
        published.append(name)
        report.batches = n
        if n % 50 == 0:
            say(f"{n} batches, {report.kills} kills, {time.monotonic() - began:.0f} s")
    worker.tell("run")
    versions.look(killed=False)
    worker.end()
    (shop.root / "over").touch()
    for kind, (process, out) in readers.items():
        process.wait(timeout=_LONG)
        report.readers[kind] = seen(out, warehouse)
    report.changed_by_rebuild = sum(rebuild.rebuild(shop.settings).values())
    return report


def _reader(shop: Shop, kind: str) -> tuple[subprocess.Popen[bytes], Path]:
    out = shop.root / f"{kind}.jsonl"
    command = [sys.executable, "-m", "tests.polling.readers", kind, str(shop.settings.warehouse), str(out)]
    return subprocess.Popen(command, cwd=ROOT), out


def seen(out: Path, warehouse: Path) -> dict[str, int]:
    """What a reader saw in all its polls.

    between: polls in which tables were of different publications, which a plain reader may see while one is committed.
    """
    log = Ledger(warehouse).log
    named = {tuple(sorted((n, v) for n, (v, _) in e.tables.items() if n in TARGETS)) for e in log}
    found = dict.fromkeys(("polls", "moments", "broken", "mixed", "moved", "between", "errors"), 0)
    moments = set[str]()
    for line in out.read_text(encoding="utf-8").splitlines():
        sight: Mapping[str, Any] = json.loads(line)
        found["polls"] += 1
        found["errors"] += "error" in sight
        for name in ("broken", "mixed", "moved"):
            found[name] += bool(sight.get(name))
        if "versions" in sight:
            versions = tuple(sorted(sight["versions"].items()))
            found["between"] += versions not in named
            moments.add(str(versions))
        elif "seq" in sight:
            moments.add(str(sight["seq"]))
    found["moments"] = len(moments)
    return found


def files(rng: random.Random, n: int) -> dict[str, dict[str, str]]:
    """A small batch: some rows that are new, some that change what was stated before; orders, and now and then more."""
    ids = [rng.randint(0, 400) for _ in range(30)]
    stated = [
        f"O{i},C{i % 50},P{i % 20},2024-12-{1 + i % 28:02d},{rng.randint(1, 5)}.50,{rng.choice(_STATUS)}"
        for i in set(ids)
    ]
    customers = [f"C{i},c{i}@example.org,{rng.choice(_CITIES)}" for i in {rng.randint(0, 49) for _ in range(8)}]
    products = [
        f"P{i},{rng.randint(1, 3)}.00,{rng.choice(_CATEGORIES)}" for i in {rng.randint(0, 19) for _ in range(4)}
    ]
    stock = [f"P{i},W{i % 3},A,{rng.randint(0, 5)}" for i in {rng.randint(0, 19) for _ in range(6)}]
    shipped = [f"O{i},T{i},{rng.choice(('shipped', 'delivered'))},1.00" for i in set(ids[:10])]
    tables = {
        "orders": ("order_id,customer_id,product_id,order_date,order_amount,order_status", stated),
        "customers": ("customer_id,email,city", customers),
        "products": ("product_id,price,category", products),
        "inventory": ("product_id,warehouse_location,location,stock_quantity", stock),
        "shipping": ("order_id,tracking_number,shipping_status,shipping_cost", shipped),
    }
    come = [source for source in tables if n == 0 or source == "orders" or rng.random() < _OFTEN]
    return {
        source: {f"{source}_{n:04d}.csv": "\n".join([header, *rows]) + "\n"}
        for source, (header, rows) in tables.items()
        if source in come
    }


_OFTEN = 0.3
_STATUS = ("pending", "shipped", "delivered", "cancelled")
_CITIES = ("Rome", "Oslo", "Bern", "Graz")
_CATEGORIES = ("Games", "Books")
