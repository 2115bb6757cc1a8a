"""Several runs at once on the same batches: with locks that hold, and on a disk on which they do not.

One publishes; the others end with 4, or with a sentence; after one more run all is as if there had been one.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ecomm.errors import EcommError
from tests.attack.plan import Plan, Tally
from tests.attack.shops import ECOMM
from tests.shop import DAYS, Shop, differences, published

WITHOUT_LOCKS = "import fcntl\n\nfcntl.flock = lambda *_: None\nfcntl.lockf = lambda *_: None\n"
"""A network disk whose locks reach nobody else."""
IN_CI = ((2, True), (4, True), (8, True), (2, False), (2, False), (4, False))


def rivals(plan: Plan) -> Tally:
    """Two, four and eight runs."""
    alone = _shop(plan.folder / "alone")
    _ended(_start(alone, 1, locks=True))
    right = published(alone)
    trials = IN_CI * (5 if plan.whole else 1)
    tried, lost = 0, list[str]()
    for done, (count, locks) in enumerate(trials):
        plan.progress(done, len(trials))
        shop = _shop(plan.folder / f"trial {done}")
        tried += count
        said = _ended(_start(shop, count, locks=locks))
        what = f"{count} runs{'' if locks else ' without locks'}"
        lost += [
            f"{what}: one ended with {code}: {text[-300:]}" for code, text in said if not _is_fine(code, text, locks)
        ]
        _ended(_start(shop, 1, locks=True))
        try:
            found = published(shop)
        except EcommError as error:
            lost.append(f"{what}: {error}")
            continue
        if differences(found, right):
            lost.append(f"{what}: {differences(found, right)[0]}")
        if [entry.seq for entry in shop.warehouse.log] != [*range(len(shop.warehouse.log))]:
            lost.append(f"{what}: the ledger has gaps")
        if left := shop.landed():
            lost.append(f"{what}: {len(left)} files stay in landing, such as {left[0]}")
    return Tally(tried, tuple(lost))


def _shop(place: Path) -> Shop:
    shop = Shop(place)
    shop.drop_sample(*DAYS)
    return shop


def _start(shop: Shop, count: int, *, locks: bool) -> list[subprocess.Popen[str]]:
    """So many runs at the same moment."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("ECOMM_")}
    if not locks:
        (shop.root / "sitecustomize.py").write_text(WITHOUT_LOCKS)
        env["PYTHONPATH"] = str(shop.root)
    command = [ECOMM, "run", "--landing", shop.settings.landing, "--warehouse", shop.settings.warehouse]
    said = subprocess.PIPE, subprocess.STDOUT
    return [
        subprocess.Popen([*map(str, command)], cwd=shop.root, env=env, stdout=said[0], stderr=said[1], text=True)
        for _ in range(count)
    ]


def _ended(runs: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    said = [run.communicate(timeout=600)[0] for run in runs]
    return [(run.returncode, text) for run, text in zip(runs, said, strict=True)]


def _is_fine(code: int, text: str, locks: bool) -> bool:
    """It published, or found a rival; without locks it may also fail, and say why."""
    return "Traceback" not in text and code in ((0, 4) if locks else (0, 1, 4))
