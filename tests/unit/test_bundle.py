"""The bundle and GitHub's files: every resource fits its model, and all that one names of another is there."""

from __future__ import annotations

import copy
import fnmatch
import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from databricks.bundles.jobs import Job
from databricks.bundles.schemas import Schema
from databricks.bundles.volumes import Volume

from ecomm.batches.locks import STAGE_LOADS, TASKS
from ecomm.settings import Settings

ROOT = Path(__file__).parents[2]
BUNDLE: dict[str, Any] = yaml.safe_load((ROOT / "databricks.yml").read_text())
TARGETS = list(BUNDLE["targets"])
MODELS = {"jobs": Job, "schemas": Schema, "volumes": Volume}
KEYS = {"tasks": "task_key", "job_clusters": "job_cluster_key", "environments": "environment_key"}


def merged(base: Any, over: Any, name: str = "") -> Any:
    """As a target's settings are laid over a resource: maps by key, tasks and what they run on by theirs."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {k: merged(base[k], v, k) if k in base else v for k, v in over.items()}
    if isinstance(base, list) and isinstance(over, list) and name in KEYS:
        known = {one[KEYS[name]]: one for one in base}
        assert all(one[KEYS[name]] in known for one in over), f"{name}: a target speaks of one that is not there"
        said = {one[KEYS[name]]: one for one in over}
        return [merged(one, said[key]) if key in said else one for key, one in known.items()]
    return over


def resources(target: str) -> dict[str, Any]:
    """All resources as a target has them."""
    found: dict[str, Any] = {}
    for pattern in BUNDLE["include"]:
        for path in sorted(ROOT.glob(pattern)):
            found = merged(found, yaml.safe_load(path.read_text())["resources"])
    return copy.deepcopy(merged(found, BUNDLE["targets"][target].get("resources", {})))


def texts(value: Any) -> list[str]:
    """All texts in it."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("target", TARGETS)
def test_every_resource_fits_its_model(target: str) -> None:
    there = resources(target)
    assert there.keys() == MODELS.keys()
    for kind, model in MODELS.items():
        for one in there[kind].values():
            model.from_dict(one)  # type: ignore[attr-defined]


@pytest.mark.parametrize("target", TARGETS)
def test_every_name_is_there(target: str) -> None:
    """Variables, resources, environments, clusters, tasks and notebooks that something refers to."""
    there, settings = resources(target), BUNDLE["targets"][target]
    for text in [*texts(there), *texts(settings)]:
        for name in re.findall(r"\$\{var\.([^}]+)\}", text):
            assert name in BUNDLE["variables"], text
        for kind, key in re.findall(r"\$\{resources\.([a-z]+)\.([a-z_]+)\.", text):
            assert key in there[kind], text
    assert settings.get("variables", {}).keys() <= BUNDLE["variables"].keys()
    for job in there["jobs"].values():
        tasks = {task["task_key"]: task for task in job["tasks"]}
        places = {e["environment_key"] for e in job.get("environments", [])}
        clusters = {c["job_cluster_key"] for c in job.get("job_clusters", [])}
        for key, task in tasks.items():
            assert {d["task_key"] for d in task.get("depends_on", [])} < tasks.keys(), key
            if "condition_task" in task:
                continue
            assert (ROOT / "resources" / task["notebook_task"]["notebook_path"]).resolve().is_file(), key
            if target == "clusters":
                assert task["job_cluster_key"] in clusters, key
                assert wheels(*(library["whl"] for library in task["libraries"])), key
            else:
                assert task["environment_key"] in places, key
        for environment in job.get("environments", []):
            assert wheels(*environment["spec"]["dependencies"])


def wheels(*patterns: str) -> bool:
    """Each pattern finds the wheel that the bundle builds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    built = f"dist/{project['name']}-{project['version']}-py3-none-any.whl"
    assert "--wheel-dir dist" in BUNDLE["artifacts"]["wheel"]["build"]
    return all(fnmatch.fnmatch(built, pattern.removeprefix("./")) for pattern in patterns)


@pytest.mark.parametrize("target", TARGETS)
def test_the_job_goes_the_way_of_a_batch(target: str) -> None:
    job = resources(target)["jobs"]["incremental_load"]
    tasks = {task["task_key"]: task for task in job["tasks"]}
    assert tasks.keys() == {*TASKS, "gate", "after_a_held_batch"}
    waits = {k: [(d["task_key"], d.get("outcome")) for d in t.get("depends_on", [])] for k, t in tasks.items()}
    assert not any(waits[task] for task in STAGE_LOADS)
    assert waits["data_validation"] == [(task, None) for task in STAGE_LOADS]
    assert waits["gate"] == [("data_validation", None)]
    assert waits["data_enrichment"] == [("gate", "true")]
    assert waits["final_merge_operation"] == [("data_enrichment", None)]
    assert waits["after_a_held_batch"] == [("gate", "false")]
    for n, task in enumerate(TASKS, 1):
        assert tasks[task]["notebook_task"]["notebook_path"] == f"../notebook/{n:02}_{task}.ipynb"
        assert tasks[task]["max_retries"] > 0
        assert 0 < tasks[task]["timeout_seconds"] < job["timeout_seconds"]
    last = tasks["final_merge_operation"]["notebook_task"]
    assert tasks["after_a_held_batch"]["notebook_task"] == last
    asked = tasks["gate"]["condition_task"]
    assert (asked["left"], asked["op"], asked["right"]) == (
        "{{tasks.data_validation.values.gate}}",
        "EQUAL_TO",
        "open",
    )
    tells = source("notebook/06_data_validation", "summary")
    assert 'taskValues.set(key="gate", value=gate)' in tells
    assert 'gate = "held" if' in tells
    assert 'else "open"' in tells


def source(notebook: str, cell: str) -> str:
    """A cell of a notebook."""
    cells = json.loads((ROOT / f"{notebook}.ipynb").read_text())["cells"]
    return next("".join(one["source"]) for one in cells if one["id"] == cell)


def test_it_starts_when_a_trigger_arrives_one_run_at_a_time() -> None:
    job = resources("prod")["jobs"]["incremental_load"]
    said = {p["name"]: p["default"] for p in job["parameters"]}
    arrival = job["trigger"]["file_arrival"]
    below = Settings(landing=Path("/")).source_dir("trigger") / "source"
    assert arrival["url"] == f"{said['landing']}{below}/"
    assert arrival["wait_after_last_change_seconds"] >= 60  # the least that is allowed
    assert arrival["min_time_between_triggers_seconds"] >= 60
    assert (job["max_concurrent_runs"], job["queue"]) == (1, {"enabled": True})
    assert job["health"]["rules"][0]["metric"] == "RUN_DURATION_SECONDS"
    heard = job["email_notifications"]
    assert heard["on_failure"] == heard["on_duration_warning_threshold_exceeded"] == ["${var.notify}"]


@pytest.mark.parametrize(
    ("job", "notebook"), [("incremental_load", "notebook/01_orders_stage_load"), ("maintain", "resources/maintain")]
)
def test_parameters_are_those_of_the_notebooks(job: str, notebook: str) -> None:
    said = {p["name"]: p["default"] for p in resources("prod")["jobs"][job]["parameters"]}
    declared: dict[str, str] = {}

    class Dbutils:
        class widgets:  # noqa: N801 - its name there
            text = staticmethod(declared.__setitem__)

    exec(source(notebook, "parameters"), {"dbutils": Dbutils})
    assert declared.keys() == said.keys()
    variables = {name: one["default"] for name, one in BUNDLE["variables"].items()}
    filled = {n: re.sub(r"\$\{var\.(\w+)\}", lambda m: variables[m[1]], text) for n, text in said.items()}
    assert {n: v for n, v in filled.items() if n != "run_id"} == {n: v for n, v in declared.items() if n != "run_id"}
    settings = {n for n in said if n not in ("run_id", "config")}
    assert settings <= Settings.model_fields.keys()


def test_the_setup_by_hand_makes_what_the_bundle_names() -> None:
    said = (ROOT / "resources" / "setup.sql").read_text()
    catalog, schema, volume = (f"`{BUNDLE['variables'][n]['default']}`" for n in ("catalog", "schema", "volume"))
    assert f"CREATE CATALOG IF NOT EXISTS {catalog}" in said
    assert f"CREATE SCHEMA IF NOT EXISTS {catalog}.{schema}" in said
    assert f"CREATE VOLUME IF NOT EXISTS {catalog}.{schema}.{volume}" in said


def test_targets() -> None:
    """Each developer has a schema of their own; what others use runs as a principal, and a group may manage it."""
    dev = BUNDLE["targets"]["dev"]
    assert (dev["mode"], dev["default"]) == ("development", True)
    assert dev["variables"]["schema"].startswith("dev_")
    for name in ("staging", "prod", "clusters"):
        target = BUNDLE["targets"][name]
        assert target["mode"] == "production"
        assert target["run_as"] == {"service_principal_name": "${var.principal}"}
        assert {p["level"] for p in target["permissions"]} == {"CAN_MANAGE", "CAN_VIEW"}
    cluster = resources("clusters")["jobs"]["incremental_load"]["job_clusters"][0]["new_cluster"]
    assert cluster["autoscale"]["min_workers"] < cluster["autoscale"]["max_workers"]


# What the published schema of a file of GitHub's is called.
GITHUB = {
    "workflows/*.yml": "github-workflows",
    "dependabot.yml": "dependabot",
    "ISSUE_TEMPLATE/*.yml": "github-issue-forms",
}


@pytest.mark.parametrize(
    ("path", "schema"),
    [(p, schema) for pattern, schema in GITHUB.items() for p in sorted((ROOT / ".github").glob(pattern))],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_files_of_github_fit_their_schemas(path: Path, schema: str) -> None:
    there = files("check_jsonschema.builtin_schemas.vendor") / f"{schema}.json"
    # YAML reads `on` as a boolean.
    said = {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}
    jsonschema.validate(said, json.loads(there.read_text()))


def test_workflows_call_what_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text()
        called = {word for line in re.findall(r"make ([a-z -]+)$", text, re.M) for word in line.split()}
        assert called <= targets, path.name
        assert set(re.findall(r"--target (\w+)", text)) <= set(TARGETS)
    deploy = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    assert deploy[True] == {"push": {"tags": ["v*"]}}
    assert deploy["jobs"]["prod"]["needs"] == "staging"
    assert deploy["jobs"]["prod"]["environment"] == "prod"


def test_only_its_engine_knows_databricks() -> None:
    """Elsewhere in src/ it is a name among the engines."""
    knowing = [
        (path.relative_to(ROOT / "src" / "ecomm").as_posix(), line.strip())
        for path in sorted((ROOT / "src").rglob("*.py"))
        for line in path.read_text().splitlines()
        if re.search("databricks|dbutils|unity.catalog|/Volumes", line, re.I) and path.name != "databricks.py"
    ]
    named = [
        ("engines/__init__.py", 'if settings.engine == "databricks":'),
        ("engines/__init__.py", "from ecomm.engines import databricks"),
    ]
    used = [
        ("engines/__init__.py", f"return {call}")
        for call in ("databricks.lake_of(settings)", "databricks.start(settings)")
    ]
    said = [one for one in knowing if one[0] != "settings.py" and "spark.databricks.delta" not in one[1]]
    assert said == [*named, used[0], *named, used[1]]
