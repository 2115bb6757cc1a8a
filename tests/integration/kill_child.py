"""A process that runs what is pending in a shop and kills itself at a seam; tests start it as a file.

    kill_child.py LANDING WAREHOUSE [before|after SEAM[:OF][#NTH]]

SEAM is a name of `SEAMS`; OF says of which source, table, entry or folder; NTH which of several such calls (1: the
first). It prints `running` when it has claimed a batch's files. Its exit code is 9 if the seam was not reached.
KILL_CHILD_DOES says what it does instead: `undo BATCH`, `replay BATCH`, `replace BATCH`, `redrive FILE`,
`forget CUSTOMER` or `maintain`. With KILL_CHILD_STOPS it does not kill but stop itself, and goes on when it is told to.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from deltalake import DeltaTable

from ecomm import driver, forget, maintain, pipeline, redrive, revise, session, transaction
from ecomm.batches import erasures, landing
from ecomm.batches.entry import Entry
from ecomm.batches.ledger import Ledger
from ecomm.batches.reading import erase
from ecomm.contract import Source
from ecomm.engines import deltafiles
from ecomm.settings import Settings, load
from ecomm.store import publication
from ecomm.store.folders import FolderStore
from ecomm.tasks import data_enrichment, final_merge_operation, stage_load

NOT_REACHED = 9
_SIGNAL = signal.SIGSTOP if "KILL_CHILD_STOPS" in os.environ else signal.SIGKILL
Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Seam:
    """Where a function is looked up, as (owner, name); and what a call is about, None: it does not count."""

    places: tuple[tuple[Any, str], ...]
    about: Callable[[Arguments], str | None] = lambda _: ""


def _source(arguments: Arguments) -> str | None:
    return next((a.name for a in arguments if isinstance(a, Source)), None)


def _entry(arguments: Arguments) -> str | None:
    return next((a.entry for a in arguments if isinstance(a, Entry)), None)


def _table(arguments: Arguments) -> str | None:
    return next((a.name if isinstance(a, Path) else a for a in arguments if isinstance(a, Path | str)), None)


def _committed(arguments: Arguments) -> str | None:
    """The table that a Delta transaction is about."""
    return Path(arguments[0].table_uri).name


def _landed(arguments: Arguments) -> str | None:
    """The folder of a file in landing or in an archive: `source` or the batch."""
    path = arguments[0]
    return path.parent.name if path.parts[-3] == "archive" or path.parts[-2] == "source" else None


SEAMS: dict[str, Seam] = {
    "claim": Seam(((landing.Landing, "claim"),)),
    "copy": Seam(((landing, "_copy"),)),
    "land": Seam(((stage_load, "land"),), _source),
    "stage": Seam(((stage_load, "_write_stage"),), _source),
    "errors": Seam(((stage_load, "_write_errors"),), _source),
    "change_set": Seam(((stage_load, "change_set"),), _source),
    "validate": Seam(((driver, "data_validation"),)),
    "enrich": Seam(((data_enrichment, "write_enriched"),)),
    "merge": Seam(((final_merge_operation, "merge_target"),), _source),
    "analytics": Seam(((final_merge_operation, "summarise"),)),
    "check": Seam(((final_merge_operation, "check"),)),
    "prepare": Seam(((FolderStore, "_described"),), _table),
    "intend": Seam(((publication, "intend"),)),
    "widen": Seam(((deltafiles, "add_columns_at"),), _table),
    "ready": Seam(((deltafiles, "commit"),), _table),
    "commit": Seam(((DeltaTable, "create_write_transaction"),), _committed),
    "sync": Seam(((deltafiles, "sync"),), _table),
    "ledger": Seam(((Ledger, "write"),), _entry),
    "show": Seam(((FolderStore, "show"),)),
    "archive": Seam(((landing.Landing, "settle"),)),
    "move": Seam(((Path, "rename"), (Path, "unlink")), _landed),  # what `archive` does, one by one
    "record": Seam(((FolderStore, "record"),), _table),
    "compact": Seam(((FolderStore, "compact"),), _table),
    "vacuum": Seam(((deltafiles, "vacuum"),), _table),
    "lay_out": Seam(((landing.Landing, "lay_out"),)),
    "recover": Seam(((session, "recover"), (transaction, "recover"))),
    "discard": Seam(((FolderStore, "_discard"),), _table),
    "rewrite": Seam(((erase, "rewrite"),)),
    "exchange": Seam(((FolderStore, "exchange"),), _table),
    "plan": Seam(((erasures, "intend"),)),
    "replace": Seam(((erasures, "_replace"),)),
    "purge": Seam(((FolderStore, "purge"),), _table),
    "receipt": Seam(((erasures, "end"),)),
    "create": Seam(((deltafiles, "create"),), _table),
    "create_ledger": Seam(((Ledger, "create"),)),
}


def wrap(seam: Seam, around: Callable[[Callable[[], Any], Arguments], Any]) -> None:
    """Put something around every call of a seam's functions."""
    for owner, name in seam.places:
        function = getattr(owner, name)

        def wrapped(*args: Any, _function: Callable[..., Any] = function, **kwargs: Any) -> Any:
            return around(functools.partial(_function, *args, **kwargs), (*args, *kwargs.values()))

        setattr(owner, name, wrapped)


def kill_at(when: str, said: str) -> None:
    """Arrange that this process kills itself at a seam."""
    said, _, nth = said.partition("#")
    name, _, of = said.partition(":")
    seam, left, lock = SEAMS[name], [int(nth or 1)], threading.Lock()

    def around(call: Callable[[], Any], arguments: Arguments) -> Any:
        about = seam.about(arguments)
        if about is None or (of and about != of):
            return call()
        with lock:
            left[0] -= 1
            now = left[0] == 0
        if now and when == "before":
            os.kill(os.getpid(), _SIGNAL)
        result = call()
        if now and when == "after":
            os.kill(os.getpid(), _SIGNAL)
        return result

    wrap(seam, around)


def _say_running(call: Callable[[], Any], _: Arguments) -> Any:
    result = call()
    print("running", flush=True)
    return result


def main(landed: str, warehouse: str, *kill: str) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    settings: Settings = load(landing=Path(landed), warehouse=Path(warehouse))
    wrap(SEAMS["claim"], _say_running)
    if kill:
        kill_at(*kill)
    verb, _, batch = os.environ.get("KILL_CHILD_DOES", "run").partition(" ")
    if verb == "task":
        task, run_id = batch.split()
        outcomes = pipeline.run_task(settings, task, run_id)
    elif verb == "replace":
        outcomes = pipeline.run(settings, replacing=batch)
    elif verb == "undo":
        outcomes = [revise.undo(settings, batch, "why not")]
    elif verb == "maintain":
        outcomes = []
        maintain.maintain(settings)
    elif verb == "forget":
        outcomes = []
        forget.forget(settings, batch.split(), "why not")
    elif verb == "redrive":
        outcomes = list(redrive.redrive(settings, Path(batch), "why not").outcomes)
    else:
        outcomes = revise.replay(settings, batch, as_then=True) if verb == "replay" else pipeline.run(settings)
    for outcome in outcomes:
        print(outcome.batch_id, outcome.status, outcome.reason)
    if kill:
        return NOT_REACHED
    return 0 if all(o.status == "published" for o in outcomes) else 1


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # with pyarrow and deltalake a process sometimes aborts at its end
