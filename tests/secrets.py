"""Looks for secrets in the files that git tracks or would track, and in their history: `python -m tests.secrets`.

It asks no network, and shows where a secret is, not the secret. Nothing is exempt but the word `password` in an
address, which documents use: a test that needs what looks like a secret makes it while it runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SCANNER = Path(sys.executable).with_name("kingfisher")
_RULES = ROOT / "requirements" / "secrets.toml"
_OFFLINE = ("--no-validate", "--no-update-check")
_EXEMPT = (":password@",)
"""What is no secret wherever it is: patterns of what was found."""
_NOTHING, _SOMETHING = 0, 200
"""What the scanner ends with."""


def found(root: Path) -> list[str]:
    """Where secrets are, each with its kind. Raises RuntimeError if the scanner does not work."""
    history = _git(root, "rev-parse", "--path-format=absolute", "--git-common-dir").strip()
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    files = sorted({name for name in listed if name and (root / name).is_file()})
    how = [*_OFFLINE, "--redact", "--quiet", "--format", "json", "--rules-path", str(_RULES)]
    how += [f"--skip-regex={pattern}" for pattern in _EXEMPT]
    done = subprocess.run(
        [_SCANNER, "scan", *how, "--", history, *files], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode not in (_NOTHING, _SOMETHING):
        raise RuntimeError(f"kingfisher ended with {done.returncode}: {done.stderr[-500:]}")
    return sorted(_said(one) for one in json.loads(done.stdout)["findings"]) if done.stdout.strip() else []


def _said(one: dict[str, dict[str, object]]) -> str:
    finding, commit = one["finding"], ""
    if isinstance(git := finding.get("git_metadata"), dict):
        commit = f" in commit {git['commit']['id'][:12]}"
    return f"{finding['path']}:{finding['line']}{commit}: {one['rule']['description']}"


def _git(root: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    if places := found(ROOT):
        print("\n".join(places), file=sys.stderr)
        sys.exit(
            "If that is a secret, make it worthless where it is used, then take it out. Test data is made while a test "
            "runs; what is in a commit already and is no secret goes into _EXEMPT of tests/secrets.py."
        )
    print("No secrets are in the files or in their history.")
