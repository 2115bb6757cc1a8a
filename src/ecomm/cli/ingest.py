"""Commands that bring batches in: run, watch, status, trigger."""

from __future__ import annotations

import json
import shlex
import signal
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ecomm import settings as configuration
from ecomm.cli.door import (
    Batch,
    Config,
    EngineName,
    Json,
    Landing,
    Remote,
    WarehouseDir,
    app,
    exit_code,
    listener_for,
    print_json,
    print_outcomes,
)
from ecomm.errors import UsageError
from ecomm.settings import Settings

if TYPE_CHECKING:
    from ecomm.progress import TaskResult
    from ecomm.transaction import Outcome


@app.command(
    rich_help_panel="Publish",
    epilog="Examples: `ecomm run --landing in --warehouse tables`, `ecomm run --task orders_stage_load --run-id 7`",
)
def run(
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    batch: Batch = None,
    replace: Annotated[
        str | None,
        typer.Option("--replace", help="This batch only: corrected files have come under the id of a published one."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    task: Annotated[
        str | None, typer.Option("--task", help="This task only, of the batch that its run works on.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run-id", help="Which tasks belong together: those with the same id.")
    ] = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Publish every complete pending batch, in the order of their time."""
    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    if batch is not None and replace is not None:
        raise UsageError("--replace names the batch already; leave out --batch.")
    if task is None and run_id is None:
        raise typer.Exit(publish_pending(settings, batch, replace, dry_run, as_json))
    if task is None or run_id is None:
        raise UsageError("--task and --run-id go together: which task, and which tasks it belongs to.")
    if batch is not None or replace is not None or dry_run:
        raise UsageError("--task works on the batch that its run opened; leave out --batch, --replace, --dry-run.")
    raise typer.Exit(_run_task(settings, task, run_id, as_json))


def _run_task(settings: Settings, task: str, run_id: str, as_json: bool) -> int:
    from ecomm import pipeline

    def notify(said: str) -> None:
        typer.echo(said, err=True)

    return print_outcomes(pipeline.run_task(settings, task, run_id, listener_for(as_json), notify), as_json)


def publish_pending(settings: Settings, batch: str | None, replace: str | None, dry_run: bool, as_json: bool) -> int:
    """Publish what is complete, or one batch of it, and say what became of it; the exit code."""
    from ecomm import pipeline

    outcomes = pipeline.run(settings, only=batch, replacing=replace, dry_run=dry_run, listener=listener_for(as_json))
    if (named := replace or batch) is not None and not outcomes:
        raise UsageError(_no_trigger(settings, named))
    code = print_outcomes(outcomes, as_json)
    if named is None:
        _name_untriggered(settings, as_json)
    return code


def _name_untriggered(settings: Settings, as_json: bool) -> None:
    """Name the files that no trigger lists; beside JSON on stderr."""
    from ecomm import screens
    from ecomm.batches import status as standing

    found = standing.of(settings, datetime.now(UTC)).unexpected
    if as_json:
        for file in found:
            typer.echo(f"ecomm: {file.path}: {file.sentence}.", err=True)
    else:
        screens.untriggered(found)


def _no_trigger(settings: Settings, batch: str) -> str:
    from ecomm.batches.ledger import Ledger

    if batch in Ledger.of(settings).log.held:
        name = shlex.quote(batch)
        return f"{batch} is held: `ecomm accept {name} --why ...` or `ecomm reject {name} --why ...` decides on it."
    return f"there is no trigger of a batch {batch} in {settings.source_dir('trigger') / 'source'}."


@app.command(
    rich_help_panel="Publish",
    epilog="Examples: `ecomm watch`, `ecomm watch --once`, `ecomm watch --json | tee batches.jsonl`",
)
def watch(
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    once: Annotated[
        bool, typer.Option("--once", help="Publish what is complete, when its files have stopped growing, and end.")
    ] = False,
    health: Annotated[
        int | None, typer.Option("--health", help="Answer /health and /metrics on this port of 127.0.0.1; 0: any.")
    ] = None,
    trust_local_users: Annotated[
        bool, typer.Option("--trust-local-users", help="Go on where others on this machine can reach the engine.")
    ] = False,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each batch.")] = False,
) -> None:
    """Publish each batch by itself, as soon as its trigger is complete, until a signal ends it.

    The first SIGTERM or Ctrl-C lets the batch at work end, a second one takes it back.
    """
    settings = configuration.load(
        config,
        landing=landing,
        warehouse=warehouse,
        engine=engine,
        remote=remote,
        trust_local_users=trust_local_users or None,
    )
    raise typer.Exit(_watch(settings, once, health, as_json))


def _watch(settings: Settings, once: bool, port: int | None, as_json: bool) -> int:
    from ecomm import alerts, screens
    from ecomm.health import Metrics, served
    from ecomm.watch import Watch, refuse_open_engine

    if not once:
        refuse_open_engine(settings)
    outcomes: list[Outcome] = []
    metrics, show = Metrics(), listener_for(as_json)

    def hear(batch: str, task: str, result: TaskResult | None) -> None:
        metrics.hear(batch, task, result)
        show(batch, task, result)

    def tell(outcome: Outcome, waited: float | None) -> None:
        metrics.tell(outcome, waited)
        look()
        if once:
            outcomes.append(outcome)
        if as_json:
            print(json.dumps(screens.plain(outcome.summary()), ensure_ascii=False), flush=True)
        else:
            screens.outcome(outcome)

    def say(sentence: str) -> None:
        typer.echo(f"ecomm: {sentence}", err=True)

    watching = Watch(settings, hear, tell, say)

    def on_signal(number: int, _: object) -> None:
        if watching.stopping:
            raise KeyboardInterrupt
        watching.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with ExitStack() as until:
        look = until.enter_context(alerts.looking(settings))
        if port is not None:
            found = until.enter_context(served("127.0.0.1", port, lambda: watching.report, metrics))
            say(f"http://127.0.0.1:{found}/health and /metrics tell how it stands.")
        if not once:
            say(f"watching {settings.landing.absolute()}; Ctrl-C ends it.")
        watching.run(once=once)
    if once and not outcomes and not as_json:
        screens.out.print("Nothing is pending.")
    if once:
        _name_untriggered(settings, as_json)
    return exit_code(outcomes)


@app.command(rich_help_panel="Publish", epilog="Example: `ecomm status`")
def status(
    landing: Landing = None, warehouse: WarehouseDir = None, config: Config = None, as_json: Json = False
) -> None:
    """What is published, pending, waiting (and for which file), failed (and why)."""
    from ecomm import screens
    from ecomm.batches import status as standing

    settings = configuration.load(config, landing=landing, warehouse=warehouse)
    now = standing.of(settings, datetime.now(UTC))
    if as_json:
        print_json(now.summary())
        return
    if now.trouble is not None:
        screens.trouble(now.trouble)
    if now.published:
        screens.published(now.published)
    for waiting in now.held:
        screens.held(waiting)
    for taken_back in now.undone:
        screens.undone(taken_back)
    for line in now.triggers:
        screens.line(line.batch_id, line.state, line.reason)
    screens.untriggered(now.unexpected)
    if now.running:
        screens.out.print("A run is under way.")
    if not (now.published or now.held or now.undone or now.triggers or now.unexpected):
        screens.out.print("Nothing is published and nothing is pending.")


@app.command(
    rich_help_panel="Publish",
    epilog="Example: `ecomm trigger orders_2025_01_17.csv customers_2025_01_17.csv --id batch_2025_01_17`",
)
def trigger(
    files: Annotated[list[str], typer.Argument(help="Names of files in landing.")],
    batch_id: Annotated[str | None, typer.Option("--id", help="The batch's name; default: its time.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="The batch's instant, ISO; default: now.")] = None,
    landing: Landing = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write a trigger for files in landing, so that the next run takes them as one batch."""
    from ecomm import screens
    from ecomm.batches import setup

    settings = configuration.load(config, landing=landing)
    path = setup.write_trigger(settings, files, batch_id, as_of, datetime.now(UTC))
    if as_json:
        print_json({"trigger": path})
    else:
        screens.out.print(f"Wrote {path}; `ecomm run` publishes the batch.", markup=False, soft_wrap=True)
