"""What comes from outside: the actions of workflows, packages of a release, and secrets, which must not get out."""

from __future__ import annotations

import json
import random
import re
import string
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecomm.engines.spark_home import DELTA
from requirements import sbom
from tests.secrets import found

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github").glob("workflows/*.y*ml"))
PINNED = re.compile(r"\w[\w.-]*/[\w./-]+@[0-9a-f]{40}")
FORBIDDEN = {"pull_request_target", "workflow_run", "issue_comment"}
"""They run with this repository's rights on what somebody else wrote."""


# --- workflows ---


def faults(text: str) -> list[str]:
    """What is unsafe in a workflow."""
    workflow = yaml.safe_load(text)
    on = workflow[True]  # YAML reads `on` as a boolean
    wrong = [f"runs on {event}" for event in FORBIDDEN & set([on] if isinstance(on, str) else on)]
    for one in values("uses", workflow):
        version = re.search(rf"uses: {re.escape(one)} # v[0-9]+\.[0-9]+\.[0-9]+$", text, re.M)
        if not PINNED.fullmatch(one) or not version:
            wrong.append(f"{one} is not pinned, or its version is not named")
    for name, job in workflow["jobs"].items():
        if not isinstance(job.get("permissions"), dict):
            wrong.append(f"{name} has no permissions of its own")
        if "secrets." in json.dumps([job.get("env"), workflow.get("env")]):
            wrong.append(f"{name} shows secrets to all of its steps")
        for step in job.get("steps", []):
            if "${{" in step.get("run", ""):
                wrong.append(f"{name} puts an expression into a command")
            takes = step.get("uses", "").startswith("actions/checkout@")
            if takes and step.get("with", {}).get("persist-credentials") is not False:
                wrong.append(f"{name} leaves its token to later steps")
    return wrong


def values(key: str, node: Any) -> Iterator[str]:
    """What stands under a key, however deep."""
    if isinstance(node, dict):
        yield from [node[key]] if key in node else []
        node = list(node.values())
    for inner in node if isinstance(node, list) else []:
        yield from values(key, inner)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_takes_and_gives_no_more_than_it_must(path: Path) -> None:
    assert faults(path.read_text()) == []


HASH = "0123456789abcdef0123456789abcdef01234567"
SAFE = f"""
on: push
jobs:
  one:
    permissions: {{contents: read}}
    steps:
      - uses: actions/checkout@{HASH} # v5.1.0
        with: {{persist-credentials: false}}
      - run: make lint
"""


@pytest.mark.parametrize(
    ("safe", "unsafe"),
    [
        ("on: push", "on: pull_request_target"),
        ("on: push", "on: [push, pull_request_target]"),
        ("on: push", "on: {pull_request_target: {types: [opened]}}"),
        (f"{HASH} # v5.1.0", "v5"),
        (f"{HASH} # v5.1.0", "main"),
        (" # v5.1.0", ""),
        (" # v5.1.0", " # v5"),
        (HASH, HASH[:-1]),
        ("- uses: actions/", "- {uses: other/one@v1}\n      - uses: actions/"),
        ("actions/checkout", "./local"),
        ("permissions: {contents: read}", "timeout-minutes: 5"),
        ("permissions: {contents: read}", "permissions: write-all"),
        ("with: {persist-credentials: false}", "with: {fetch-depth: 0}"),
        ("make lint", "echo '${{ github.event.pull_request.title }}'"),
        ("steps:", "env: {TOKEN: '${{ secrets.TOKEN }}'}\n    steps:"),
    ],
)
def test_what_is_unsafe_in_a_workflow(safe: str, unsafe: str) -> None:
    assert faults(SAFE) == []
    assert SAFE.count(safe) == 1
    assert faults(SAFE.replace(safe, unsafe)) != []


def test_all_that_is_pinned_is_kept_up_to_date() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    assert {(one["package-ecosystem"], one["directory"]) for one in updates} == {
        ("github-actions", "/"),
        ("pip", "/"),
        ("npm", "/web"),
    }


# --- packages ---


def test_the_list_of_a_release_has_all_that_is_locked() -> None:
    written = sbom.text()
    assert written == sbom.text()
    made = json.loads(written)
    purls = {one["purl"]: one for one in made["components"]}
    lock = (ROOT / "requirements" / "run.txt").read_text()
    packages = re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.M)
    assert {f"pkg:pypi/{name}@{version}" for name, version in packages} <= set(purls)
    jars = {"pkg:maven/{}/{}@{}".format(*coordinates.split(":")): digest for coordinates, digest in DELTA.items()}
    assert {purl: purls[purl]["hashes"] for purl in jars} == {
        purl: [{"alg": "SHA-256", "content": digest}] for purl, digest in jars.items()
    }
    digests = {
        h["content"] for one in made["components"] for r in one.get("externalReferences", []) for h in r["hashes"]
    }
    assert set(re.findall("sha256:([0-9a-f]{64})", lock)) <= digests
    assert {purl.partition("@")[0] for purl in purls} > {"pkg:npm/preact", "pkg:npm/echarts", "pkg:pypi/pyspark"}
    assert all(one["properties"] for one in made["components"])


def test_the_list_of_a_release_says_what_brings_a_package() -> None:
    made = json.loads(sbom.text())
    by = {
        one["name"]: {p["value"] for p in one["properties"] if p["name"] == "ecomm:brought_by"}
        for one in made["components"]
    }
    assert by["duckdb"] == by["numpy"] == by["preact"] == {"ecomm"}
    assert by["pysail"] == by["grpcio"] == {"ecomm[embedded]"}
    assert by["uvicorn"] == {"ecomm[dashboard]"}
    assert by["apprise"] == {"ecomm[alerts]"}
    assert by["click"] == {"ecomm[dashboard]", "ecomm[alerts]"}
    assert by["pyspark"] == by["delta-storage"] == {"ecomm engine install spark"}
    needs = {one["ref"]: one.get("dependsOn", []) for one in made["dependencies"]}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    reached, ahead = set(), {f"pkg:pypi/ecomm@{version}"}
    while ahead:
        reached |= ahead
        ahead = {one for ref in ahead for one in needs[ref]} - reached
    assert reached - {f"pkg:pypi/ecomm@{version}"} == {one["bom-ref"] for one in made["components"]}


def test_a_lock_that_is_not_understood(tmp_path: Path) -> None:
    (tmp_path / "run.txt").write_text("duckdb==2.0.0\n")
    with pytest.raises(ValueError, match="make lock"):
        sbom.locked(tmp_path / "run.txt")


def test_what_users_get_is_audited() -> None:
    """`make audit` asks about dev.txt, which has each package of run.txt."""
    run, dev = (
        {(one.name, one.version) for one in sbom.locked(ROOT / f"requirements/{n}.txt")} for n in ("run", "dev")
    )
    assert run <= dev


# --- the threat model ---


@pytest.mark.parametrize("page", ["threat-model.md", "security.md"])
def test_each_test_that_a_page_names_is_there(page: str) -> None:
    """The page says which test holds a boundary, as file::function."""
    named = re.findall(r"`(test_\w+)::(test_\w+)`", (ROOT / "docs" / page).read_text())
    assert len(named) > 20
    for file, function in named:
        texts = [path.read_text() for path in (ROOT / "tests").rglob(f"{file}.py")]
        assert any(f"\ndef {function}(" in text for text in texts), (file, function)


# --- secrets ---


def made_up() -> dict[str, str]:
    """Lines that look like secrets, made here, since the files of this project may hold none."""
    some, every = random.Random(26), string.ascii_letters + string.digits

    def of(letters: str, length: int) -> str:
        return "".join(some.choices(letters, k=length))

    upper, hexadecimal = string.ascii_uppercase + "234567", "0123456789abcdef"
    key = "\n".join(of(every, 64) for _ in range(12))
    return {
        "aws": f"key = 'AKIA{of(upper, 16)}'",
        "key": "-----BEGIN RSA {}-----\n{}\n-----END RSA {}-----".format("PRIVATE KEY", key, "PRIVATE KEY"),
        "key-begun": "-----BEGIN {}-----".format("PRIVATE KEY"),
        "slack": f"webhook = 'https://hooks.slack.com/services/T{of(upper, 8)}/B{of(upper, 10)}/{of(every, 24)}'",
        "discord": f"webhook = 'https://discord.com/api/webhooks/{of('2468', 18)}/{of(every, 68)}'",
        "telegram": f"apprise = ['tgram://{of('2468', 9)}:AA{of(every, 33)}/42']",
        "mail": f"apprise = ['mailto://shop:{of(every, 12)}@example.com']",
        "databricks": f"token = dapi{of(hexadecimal, 32)}",
        "github": f"token = ghp_{of(every, 36)}",
    }


def test_secrets_are_found(tmp_path: Path) -> None:
    """In files that are to be added, and in commits whose files are gone; and never shown."""

    def git(*args: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *args], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / ".gitignore").write_text("ecomm.toml\n")
    (tmp_path / "harmless.py").write_text("apprise = ['mailto://user:password@example.com']\n")
    (tmp_path / "ecomm.toml").write_text(made_up()["slack"])  # a shop's own, which git does not take
    git("add", ".")
    git("commit", "--message", "harmless")
    assert found(tmp_path) == []

    for name, line in made_up().items():
        (tmp_path / name).write_text(line + "\n")
    new = found(tmp_path)
    assert {one.partition(":")[0] for one in new} == set(made_up())
    git("add", ".")
    git("commit", "--message", "leaked")
    git("rm", *made_up())
    git("commit", "--message", "gone")
    old = found(tmp_path)
    assert {one.partition(":")[0] for one in old} == set(made_up())
    assert all(" in commit " in one for one in old)
    for line in made_up().values():
        assert max(re.findall(r"\w+", line), key=len) not in "".join(new + old)
