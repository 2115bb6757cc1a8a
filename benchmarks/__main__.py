"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.engines import SIZES, engines
from benchmarks.formats import formats
from benchmarks.histories import histories
from benchmarks.load import load
from benchmarks.measure import BenchmarkError, Report
from benchmarks.peers.compete import peers
from benchmarks.sample import sample
from benchmarks.watching import watching


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        choices=["sample", "load", "peers", "engines", "histories", "watching", "formats"],
        default=["sample", "load"],
        help="sample: the two sample batches. load: many orders against the yardstick. peers: the same tables by plain "
        "PySpark, the same histories by Polars (sets up their environments, from the network). engines: sample, 1 M "
        "and 5 M orders on Sail and on Spark. histories: small batches on many versions, beside delta-rs's MERGE. "
        "watching: how soon a watcher has published a batch. formats: one file in several formats, landed. "
        "Default: sample load",
    )
    parser.add_argument("--orders", type=int, default=2_000_000, help="orders of the first day, for load and peers")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=SIZES, help="the same for engines (0 is the sample) and histories"
    )
    parser.add_argument("--records", type=int, default=200_000, help="records of a file, for formats")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each, of which the median counts")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "ecomm-bench",
        help="where data and environments are kept",
    )
    return parser.parse_args()


def main() -> int:
    """Run what was asked for; 0 also where an aim is not met, 1 if a program fails or outputs differ."""
    asked = _arguments()
    cache = asked.cache.absolute()
    reports: list[Report] = []
    try:
        for what in asked.what:
            match what:
                case "sample":
                    reports.append(sample(cache, asked.repeat))
                case "load":
                    reports.append(load(cache, asked.repeat, asked.orders))
                case "peers":
                    reports.append(peers(cache, asked.repeat, asked.orders))
                case "histories":
                    reports.append(histories(cache, asked.repeat, [n for n in asked.sizes if n]))
                case "watching":
                    reports.append(watching(cache, asked.repeat))
                case "formats":
                    reports.append(formats(cache, asked.repeat, asked.records))
                case "engines":
                    reports.append(engines(cache, asked.repeat, asked.sizes))
            reports[-1].show()
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if asked.json:
            asked.json.write_text(json.dumps([report.plain() for report in reports], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
