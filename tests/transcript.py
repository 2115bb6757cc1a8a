"""Documents whose commands were run: every ```console block of a page is played, and compared with what it shows.

`python -m tests.transcript PAGE` plays the page and writes what comes out into it, where that differs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
_MARK = "== played =="
# Of tasks that work side by side any may be the first to end.
_TASKS = re.compile(r"(?:^ ✓ .*_stage_load .*\n)+", re.M)
# What may be otherwise each time: durations, memory, sizes, wall-clock instants (with fractions), widths of tables.
_VARYING = (
    (re.compile(r"\b[0-9.]+ (s|MB|GiB)\b"), r"N \1"),
    (re.compile(r"[0-9-]{10}T[0-9:]{8}\.[0-9]+Z"), "INSTANT"),
    (re.compile(r"(?<= at )[0-9-]{10} [0-9:]{5} UTC"), "INSTANT"),
    (re.compile(r"(?<=✓ versions: ).*"), "VERSIONS"),
    (re.compile(r"[━─]+"), "━"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" $", re.M), ""),
)


@dataclass(frozen=True)
class Played:
    """A command of a page, what the page shows and what came out."""

    command: str
    shown: str
    out: str

    @property
    def same(self) -> bool:
        return normal(self.shown) == normal(self.out)


def normal(text: str) -> str:
    """A text without what may be otherwise each time."""
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return _TASKS.sub(lambda run: "".join(sorted(run[0].splitlines(keepends=True))), text).strip()


def commands(page: str) -> list[tuple[str, str]]:
    """The commands of a page (`> ` begins a further line of one), each with the output that is written below it."""
    found = []
    for block in _BLOCK.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            lines = part.splitlines()
            more = next((i for i, line in enumerate(lines[1:], 1) if not line.startswith("> ")), len(lines))
            found.append(("\n".join(lines[:more]), "\n".join(lines[more:])))
    return found


def play(page: str, folder: Path) -> list[Played]:
    """Run all commands of a page in one shell, in an empty folder."""
    said = commands(page)
    plain = [command.replace("\n> ", "\n") for command, _ in said]
    script = "".join(f"{{ {command}\n}} 2>&1\necho '{_MARK}'\n" for command in plain)
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith(("ECOMM_", "PYTHONIO"))} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1",
    }  # fmt: skip
    shell = ["bash"]
    if os.geteuid() == 0:  # root may read and write everywhere, the page's reader may not
        less = "-dac_override,-dac_read_search"
        shell = ["setpriv", f"--inh-caps={less}", f"--bounding-set={less}", *shell]
    done = subprocess.run(
        shell, input=script, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=600, check=True
    )
    outs = done.stdout.split(f"{_MARK}\n")[:-1]
    return [Played(command, shown, out.rstrip("\n")) for (command, shown), out in zip(said, outs, strict=True)]


def written(page: str, played: list[Played]) -> str:
    """The page with what came out, where that differs from what it shows."""
    left = iter(played)

    def block(found: re.Match[str]) -> str:
        parts = []
        for _ in re.findall(r"^\$ ", found[1], re.M):
            one = next(left)
            out = one.shown if one.same else "\n".join(line.rstrip() for line in one.out.splitlines())
            parts.append(f"$ {one.command}\n" + (f"{out}\n" if out else ""))
        return f"```console\n{''.join(parts)}```"

    return _BLOCK.sub(block, page)


def main(path: Path) -> None:
    """Play a page and write it anew."""
    page = path.read_text(encoding="utf-8")
    folder = Path(tempfile.mkdtemp())
    try:
        played = play(page, folder)
    finally:
        shutil.rmtree(folder)
    path.write_text(written(page, played), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
