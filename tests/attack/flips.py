"""Bits of live Parquet files, turned one at a time: `doctor --deep` sees each, and names the table."""

from __future__ import annotations

import json
import random
from pathlib import Path

from ecomm.batches.entry import NAME, Entry
from ecomm.doctor import examine
from ecomm.errors import EcommError
from tests.attack.plan import Plan, Tally, each
from tests.shop import DAYS, Shop

IN_CI, WHOLE = 60, 1_000


def flips(plan: Plan) -> Tally:
    """The sample days of a shop, one flipped bit at a time."""
    shop = Shop(plan.folder / "shop")
    shop.drop_sample(*DAYS)
    if [outcome.status for outcome in shop.run()] != ["published"] * len(DAYS):
        return Tally(1, ("the sample days are not published",))
    entries = tuple(shop.warehouse.log)
    rng = random.Random(plan.seed)
    files = sorted(_live(shop.settings.warehouse))
    chosen = [rng.choice(files) for _ in range(WHOLE if plan.whole else IN_CI)]

    def survives(file: Path) -> str | None:
        content = file.read_bytes()
        at, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
        file.write_bytes(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])
        table = file.relative_to(shop.settings.warehouse).parts[0]
        found = {one.check for one in examine(shop.settings, deep=True) if one.fix}
        same = table == NAME and _entries(shop) == entries
        file.write_bytes(content)
        if table in found or (table == NAME and ("warehouse" in found or same)):
            return None
        return f"{table}, byte {at}: nobody sees it"

    tally = each(plan, chosen, survives)
    left = [one for one in examine(shop.settings, deep=True) if one.fix]
    return tally if not left else Tally(tally.tried, (*tally.lost, f"{len(left)} findings where nothing is changed"))


def _entries(shop: Shop) -> tuple[Entry, ...]:
    """The ledger as it can be read: its files have no hash elsewhere, its entries have one each."""
    try:
        return tuple(shop.warehouse.log)
    except EcommError:
        return ()


def _live(warehouse: Path) -> set[Path]:
    """The files that the tables' logs name, by the logs' own lines."""
    live: set[Path] = set()
    for log in warehouse.glob("*/_delta_log"):
        for commit in sorted(log.glob("*.json")):
            for line in commit.read_text(encoding="utf-8").splitlines():
                said = json.loads(line)
                if "add" in said:
                    live.add(log.parent / said["add"]["path"])
                if "remove" in said:
                    live.discard(log.parent / said["remove"]["path"])
    return live
