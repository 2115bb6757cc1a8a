"""What a batch costs by what it changes, beside a MERGE of the same rows by delta-rs.

Stocks are used, for they have no analytics of their own size: what is measured is stage, change set and merge.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Line, Report, Timing, as_json, module, ratio, run
from benchmarks.shop import HERE, PYTHON, Shop, place

SIZES = [1_000_000, 5_000_000]
SHARES = (0.001, 0.01, 0.1)
CLOSED, NOTHING, MANY = 1.3, 2.0, 1.2
"""Aims: with closed history against without; seconds of a batch that changes nothing; the last ten by the first."""


def histories(cache: Path, repeat: int, sizes: Sequence[int] = SIZES) -> Report:
    """Batches of some sizes on some warehouses, each `repeat` times on a fresh copy, in turns with the peer."""
    report = Report("histories", "ours / delta-rs MERGE; with closed rows: / without", {"repeat": repeat})
    for size in sizes:
        with place(cache) as folder:
            plain = _made(folder / "plain", size, rounds=1)
            for share in SHARES:
                _beside(report, folder, plain, size, share, repeat)
            name, small = f"{size / 1e6:g} M current", max(1, int(size * SHARES[0]))
            late = _timed(
                folder, plain, repeat, "late", _stocks(folder, "late", size, small, 9), "2025-01-01T06:00:00Z"
            )
            report.lines.append(Line(f"{name}, 0.1 % late", late))
            same = _timed(folder, plain, repeat, "same", _stocks(folder, "same", size, int(size * 0.01), 1), _at(9))
            report.lines.append(Line(f"{name}, 1 % again, nothing changed", same).at_most_seconds(NOTHING))
            if size == max(sizes):
                file = _stocks(folder, "closed", size, small, 9)
                without = _timed(folder, plain, repeat, "b9", file, _at(9))
                shutil.rmtree(plain)
                full = _made(folder / "full", size, rounds=2)
                closed = _timed(folder, full, repeat, "b9", file, _at(9))
                line = Line(f"{name}, 0.1 %, {size / 1e6:g} M closed", closed)
                line = line.times(ratio(closed, without), at_most=CLOSED)
                report.lines += [Line(f"{name}, 0.1 %, none closed", without), line]
    _many(cache, report)
    return report


def _beside(report: Report, folder: Path, base: Path, size: int, share: float, repeat: int) -> None:
    file = _stocks(folder, f"share{share}", size, int(size * share), 9)
    ours, theirs = list[Timing](), list[Timing]()
    for _ in range(repeat):
        ours += _timed(folder, base, 1, "b9", file, _at(9))
        with _copy(base / "peer", folder / "peer") as table:
            theirs.append(run(module(PYTHON, "benchmarks.scd2_merge", table, file, _at(9)), folder / "peer.log", HERE))
    name = f"{size / 1e6:g} M current, {share:.1%} changed"
    report.lines.append(Line(f"{name}, delta-rs MERGE", theirs))
    report.lines.append(Line(f"{name}, ours", ours).times(ratio(ours, theirs)))


def _timed(folder: Path, base: Path, repeat: int, batch: str, file: Path, at: str) -> list[Timing]:
    timings = []
    for _ in range(repeat):
        with _copy(base / "shop", folder / "copy") as copy:
            timings.append(_publish(Shop(copy), batch, file, at))
    return timings


def _made(folder: Path, size: int, rounds: int) -> Path:
    """A shop of so many stocks, all of them changed so many times less one; and the same for the peer."""
    shop = Shop(folder / "shop")
    for n in range(1, rounds + 1):
        file = _stocks(folder, f"all{n}", size, size, n)
        _publish(shop, f"b{n + 1}", file, _at(n + 1))
        run(module(PYTHON, "benchmarks.scd2_merge", folder / "peer", file, _at(n + 1)), folder / "peer.log", HERE)
    return folder


def _stocks(folder: Path, name: str, size: int, rows: int, quantity: int) -> Path:
    """A file in which so many of the stocks, spread evenly, are so large."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    step = size // rows
    with path.open("w", encoding="ascii") as out:
        out.write("product_id,stock_quantity,stock_status\n")
        for begin in range(0, rows, 100_000):
            numbers = range(begin * step, min(begin + 100_000, rows) * step, step)
            out.write("".join(f"P{n:08},{quantity},in_stock\n" for n in numbers))
    return path


def _at(day: int) -> str:
    return f"2025-01-{day:02}T06:00:00Z"


def _publish(shop: Shop, batch: str, file: Path, at: str) -> Timing:
    source, triggers = (shop.landing / f"{name}_data" / "source" for name in ("inventory", "trigger"))
    for folder in (source, triggers):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, source / f"{batch}.csv")
    trigger = {"trigger_id": batch, "trigger_timestamp": at, "expected_files": [f"{batch}.csv"]}
    (triggers / f"{batch}.json").write_text(json.dumps(trigger))
    return shop.publish()


class _copy:  # noqa: N801
    """A folder as hard links, for one run: what is in tables is never changed, only added to."""

    def __init__(self, base: Path, to: Path) -> None:
        self.base, self.to = base, to

    def __enter__(self) -> Path:
        subprocess.run(["cp", "-al", str(self.base), str(self.to)], check=True)
        return self.to

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.to)


def _many(cache: Path, report: Report) -> None:
    """Sixty small batches, one after the other in one process, upkeep by itself included."""
    with place(cache) as folder:
        spent = run(module(PYTHON, "benchmarks.sixty", folder, folder / "sixty.json"), folder / "sixty.log", HERE)
        seconds: list[float] = as_json(folder / "sixty.json")
    first, last = (Line(name, [Timing(s, s, spent.peak_mb) for s in part]) for name, part in (
        ("60 small batches: the first ten", seconds[:10]), ("60 small batches: the last ten", seconds[-10:])
    ))  # fmt: skip
    report.lines += [first, last.times(sum(seconds[-10:]) / sum(seconds[:10]), at_most=MANY)]
    report.facts["60 small batches"] = f"{sum(seconds):.1f} s, the longest {max(seconds):.2f} s"
