"""The eight notebooks as eight processes: what they publish is what a run publishes."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from ecomm.batches.locks import STAGE_LOADS, TASKS
from ecomm.settings import load
from tests.cluster import connect_server
from tests.integration.test_histories import nothing_changes
from tests.integration.test_sample_days import comparable
from tests.oracle import read_flat
from tests.oracle import run as oracle_run
from tests.shop import DATA, DAYS, Shop, differences, expected, published

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {task: ROOT / "notebook" / f"{n:02}_{task}.ipynb" for n, task in enumerate(TASKS, 1)}


def read(path: Path) -> Any:
    """A notebook."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


class Job:
    """A run of the job: its notebooks, each in a kernel of its own."""

    def __init__(self, shop: Shop, run_id: str, **parameters: str) -> None:
        self.values = shop.root / f"values-{run_id}.json"
        here = {"run_id": run_id, "landing": str(shop.settings.landing), "warehouse": str(shop.settings.warehouse)}
        self.parameters = here | {"engine": "sail"} | parameters

    def execute(self, path: Path, before: str = "") -> str:
        """Execute a notebook; what its last cell shows. before: what is done first in its kernel."""
        notebook = read(path)
        stand_in = f"from tests.dbutils import stand_in\ndbutils = stand_in({self.parameters!r}, {str(self.values)!r})"
        notebook.cells.insert(0, nbformat.v4.new_code_cell(f"{stand_in}\n{before}"))  # type: ignore[no-untyped-call]
        client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}})
        client.execute()
        return str(notebook.cells[-1].outputs[-1]["data"]["text/plain"])

    def outcomes(self, task: str, before: str = "") -> list[dict[str, Any]]:
        """Execute a task's notebook; what became of the batches."""
        shown: list[dict[str, Any]] = ast.literal_eval(self.execute(NOTEBOOKS[task], before))
        return shown

    def task(self, task: str, before: str = "") -> str:
        """Execute a task's notebook; what became of the batch."""
        return str(self.outcomes(task, before)[0]["status"])

    def at_once(self, tasks: Sequence[str]) -> list[str]:
        """Execute these notebooks side by side."""
        with ThreadPoolExecutor(len(tasks)) as pool:
            return list(pool.map(self.task, tasks))

    @property
    def gate(self) -> str:
        """What 06 has told the job."""
        said: dict[str, str] = json.loads(self.values.read_text())
        return said["gate"]


@pytest.mark.long
def test_the_sample_days_by_notebooks(shop: Shop, sample: Shop) -> None:
    """01 to 05 at once, then one after the other, as the job does it."""
    for run_id, day in enumerate(DAYS):
        shop.drop_sample(day)
        job = Job(shop, str(run_id))
        assert job.at_once(STAGE_LOADS) == ["done"] * 5
        assert job.task("data_validation") == "done"
        assert job.gate == "open"
        assert [job.task(task) for task in TASKS[6:]] == ["done", "published"]
    assert not differences(published(shop), published(sample))
    nothing_changes(shop)


@pytest.mark.parametrize(
    "again", [pytest.param("the task", marks=pytest.mark.long), pytest.param("the job", marks=pytest.mark.soak)]
)
def test_any_notebook_may_be_killed(shop: Shop, sample: Shop, again: str) -> None:
    """Each dies once in its work and is run again; or the first or the last dies, and a whole job follows."""
    shop.drop_sample(DAYS[0])
    shop.run()
    shop.drop_sample(DAYS[1])
    die = (
        "import os, signal\nfrom ecomm.store.folders import FolderStore\n"
        "FolderStore._described = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"  # once a file of a table is there
    )
    for n, task in enumerate(TASKS):
        if again == "the job" and n not in (0, 7):
            continue
        job = Job(shop, "1" if again == "the task" else str(n))
        for earlier in TASKS[:n]:
            if again == "the job" or earlier == TASKS[n - 1]:
                assert job.task(earlier) in ("done", "done before")
        with pytest.raises(DeadKernelError):
            job.task(task, die)
    last = Job(shop, "1" if again == "the task" else "last")
    assert [last.task(task) for task in TASKS][-1] == "published"
    assert not differences(published(shop), published(sample))
    nothing_changes(shop)


@pytest.mark.long
def test_a_held_batch_and_the_others(shop: Shop) -> None:
    """06 closes the gate; then the job runs 08, which publishes what else is complete."""
    orders = "order_id,customer_id,product_id,order_date,order_amount,order_status\n"
    for day, amount in ((1, "-5"), (2, "5")):
        text = f"{orders}O{day},C1,P1,2025-01-01,{amount},pending\n"
        shop.drop(f"day {day}", f"2025-02-{day:02}T12:00:00Z", {"orders": {f"day{day}.csv": text}})
    config = shop.root / "ecomm.toml"
    config.write_text("min_score = 50\n")
    job = Job(shop, "1", config=str(config))
    assert job.at_once(STAGE_LOADS) == ["done", *["skipped"] * 4]
    assert (job.task("data_validation"), job.gate) == ("held", "held")
    said = job.outcomes(TASKS[-1])
    assert [(o["batch_id"], o["status"]) for o in said] == [("day 1", "held"), ("day 2", "published")]
    assert "Upkeep(table='orders_stage'" in job.execute(ROOT / "resources" / "maintain.ipynb")
    assert shop.warehouse.entry.entry == "MAINTAIN"


@pytest.mark.long
def test_a_notebook_fails_with_one_sentence(shop: Shop) -> None:
    shop.drop("day 1", "2025-02-01T12:00:00Z", {"orders": {"o.csv": "customer_id\nC1\n"}})
    with pytest.raises(CellExecutionError, match=r"day 1 failed: .*the header lacks order_id"):
        Job(shop, "1").task("orders_stage_load")
    with pytest.raises(CellExecutionError, match="run_id is empty: give all eight notebooks the same one"):
        Job(shop, "").task("orders_stage_load")


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Spark Connect server that nothing of ours has started."""
    with connect_server(load().engine_dir.expanduser()) as url:
        yield url


@pytest.mark.spark
@pytest.mark.parity
def test_in_sequence_against_a_server(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, one notebook after the other, on a Spark that runs already."""
    shop = Shop(tmp_path)
    monkeypatch.setenv("ECOMM_REMOTE", server)  # the notebooks' processes read it
    for run_id, day in enumerate(DAYS):
        shop.drop_sample(day)
        job = Job(shop, str(run_id), engine="spark")
        assert [job.task(task) for task in TASKS][-1] == "published"
    ours, theirs = comparable(published(shop)), comparable(expected(oracle_run(read_flat(DATA))))
    assert not differences(ours, theirs)


def test_they_are_thin_doors() -> None:
    """Each has a title that explains it, the same parameters, one call, and what came of it; no output is kept."""
    files = sorted((ROOT / "notebook").glob("*.ipynb"))
    assert files == sorted(NOTEBOOKS.values())
    first = read(NOTEBOOKS[TASKS[0]])
    for task, path in NOTEBOOKS.items():
        notebook = read(path)
        nbformat.validate(notebook)
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
        title, parameters, call, summary = (cell.source for cell in notebook.cells)
        words = title.splitlines()[0].removeprefix("# ").replace(":", "")
        assert words.replace(" ", "_").lower() == path.stem
        assert parameters == first.cells[1].source
        said = f'outcomes = pipeline.run_notebook("{task}", dbutils.widgets.getAll())'
        assert call == f"from ecomm import pipeline\n\n{said}"
        assert summary.splitlines()[-1] == "outcomes"
        assert len(summary.splitlines()) == (3 if task == "data_validation" else 1)
