"""Play it, and print what every reader saw as JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from tests.polling.play import play
from tests.polling.readers import READERS
from tests.shop import Shop

arguments = argparse.ArgumentParser(prog="python -m tests.polling", description=__doc__)
arguments.add_argument("--batches", type=int, default=1000)
arguments.add_argument("--seed", type=int, default=0)
arguments.add_argument("--readers", nargs="*", default=list(READERS), choices=list(READERS))
said = arguments.parse_args()
with tempfile.TemporaryDirectory(prefix="ecomm-polling-") as folder:
    report = play(Shop(Path(folder)), said.batches, said.readers, said.seed)
print(json.dumps(report.summary(), indent=1))
