"""Hostile files of other formats: packed ones, workbooks, JSON and Parquet, each read in a process of its own.

The process is measured: a file that takes more memory or time than any honest one of its size is lost too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.attack.files import HostileFile, Read
from tests.attack.formats_objects import OBJECTS
from tests.attack.formats_packed import PACKED, Made
from tests.attack.formats_sheets import SHEETS
from tests.attack.judge import judge
from tests.attack.plan import Plan, Tally, each

MOST_MIB, MOST_SECONDS = 2_000, 120
"""A packed file of 400 kB may unpack to 80 MB and be read; what takes more than this is an attack that succeeded."""
_CHILD = """
import json, resource, sys
from pathlib import Path
from tests.attack.files import HostileFile
from tests.attack.readers import ours
resource.setrlimit(resource.RLIMIT_DATA, (6 << 30, 6 << 30))
read = ours(HostileFile(0, "", "orders", b"", (), ()), Path(sys.argv[1]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
print(json.dumps([read.header, read.accepted, read.rejected, read.refused, read.crashed, peak]))
"""


def formats(plan: Plan) -> Tally:
    """Each is read whole, or refused with a sentence, within bounds; nothing is written beside it."""
    outside = {path.name for path in plan.folder.parent.iterdir()}

    def survives(numbered: tuple[int, Made]) -> str | None:
        file = numbered[1](numbered[0])
        (plan.folder / file.name).write_bytes(file.content)
        why = _measured(plan.folder, file)
        written = {path.name for path in plan.folder.iterdir()} - {file.name}
        if written or {path.name for path in plan.folder.parent.iterdir()} - outside:
            return f"{file.name}: it wrote files: {sorted(written)[:3]}"
        (plan.folder / file.name).unlink()
        return why

    return each(plan, [*enumerate((*PACKED, *SHEETS, *OBJECTS))], survives)


def _measured(folder: Path, file: HostileFile) -> str | None:
    began = time.monotonic()
    command = [sys.executable, "-c", _CHILD, str(folder / file.name)]
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{file.name}: it takes more than {MOST_SECONDS} s"
    if done.returncode != 0:
        return f"{file.name}: the process ended with {done.returncode}: {done.stderr.strip()[-200:]}"
    header, accepted, rejected, refused, crashed, peak = json.loads(done.stdout)
    read = Read(tuple(header), tuple(map(tuple, accepted)), tuple(rejected), refused, crashed)
    reasons = judge(file, read).reasons
    if reasons:
        return f"{file.name}: {reasons[0]}"
    if peak > MOST_MIB:
        return f"{file.name}: it takes {peak:,} MiB, in {time.monotonic() - began:.0f} s"
    return None
