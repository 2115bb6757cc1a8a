"""The command line: one function a command, thin doors to the program behind it."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import shlex
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
from typer.core import TyperGroup

from ecomm import __version__
from ecomm import settings as configuration
from ecomm.errors import EcommError, StorageError, UsageError, sentence
from ecomm.settings import Settings

if TYPE_CHECKING:
    from ecomm.batches.ledger import Entry
    from ecomm.session import Listener, TaskResult
    from ecomm.transaction import Outcome

app = typer.Typer(
    name="ecomm",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A shop's batches of CSV files become trusted tables: validated, versioned, one transaction a batch.",
    epilog="Exit codes: 0 ok, 1 failed, 2 wrong use, 3 held, 4 locked by another run.",
)

Landing = Annotated[Path | None, typer.Option("--landing", "-l", help="The folder where files arrive.")]
WarehouseDir = Annotated[Path | None, typer.Option("--warehouse", "-w", help="The folder that holds the tables.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="The settings file; default ./ecomm.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many rows to show.")]
EngineName = Annotated[str | None, typer.Option("--engine", "-e", help="What computes: sail (default) or spark.")]
Remote = Annotated[str | None, typer.Option("--remote", help="A running Spark Connect server: sc://host:port.")]
Batch = Annotated[str | None, typer.Option("--batch", help="This batch only.")]

_state = {"verbose": False}


@app.callback()
def _everywhere(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log each step, and show the whole error.")] = False,
) -> None:
    _state["verbose"] = verbose
    level = logging.DEBUG if verbose else logging.WARNING
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _print_json(value: Any) -> None:
    from ecomm import screens

    print(json.dumps(screens.plain(value), ensure_ascii=False, indent=2))


@app.command(
    epilog="Examples: `ecomm run --landing in --warehouse tables`, `ecomm run --task orders_stage_load --run-id 7`"
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
        raise typer.Exit(_run(settings, batch, replace, dry_run, as_json))
    if task is None or run_id is None:
        raise UsageError("--task and --run-id go together: which task, and which tasks it belongs to.")
    if batch is not None or replace is not None or dry_run:
        raise UsageError("--task works on the batch that its run opened; leave out --batch, --replace, --dry-run.")
    raise typer.Exit(_run_task(settings, task, run_id, as_json))


def _run_task(settings: Settings, task: str, run_id: str, as_json: bool) -> int:
    from ecomm import pipeline

    def notify(said: str) -> None:
        typer.echo(said, err=True)

    return _told(pipeline.run_task(settings, task, run_id, _listener(as_json), notify), as_json)


def _run(settings: Settings, batch: str | None, replace: str | None, dry_run: bool, as_json: bool) -> int:
    from ecomm import pipeline

    outcomes = pipeline.run(settings, only=batch, replacing=replace, dry_run=dry_run, listener=_listener(as_json))
    if (named := replace or batch) is not None and not outcomes:
        raise UsageError(_no_trigger(settings, named))
    return _told(outcomes, as_json)


def _listener(as_json: bool) -> Listener:
    """What a person sees while tasks end; machines wait for the end."""
    from ecomm import screens
    from ecomm.session import silent

    return silent if as_json else screens.task


def _told(outcomes: Sequence[Outcome], as_json: bool) -> int:
    """Say what became of batches; the exit code of them all."""
    from ecomm import screens

    if as_json:
        _print_json({"batches": [o.summary() for o in outcomes]})
    else:
        for outcome in outcomes:
            screens.outcome(outcome)
        if not outcomes:
            screens.out.print("Nothing is pending.")
    return _exit_code(outcomes)


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    codes = {o.exit_code for o in outcomes}
    return 1 if codes - {0, 3} else 3 if 3 in codes else 0


def _no_trigger(settings: Settings, batch: str) -> str:
    from ecomm.batches.ledger import Ledger, held

    if batch in held(Ledger.of(settings).entries):
        name = shlex.quote(batch)
        return f"{batch} is held: `ecomm accept {name} --why ...` or `ecomm reject {name} --why ...` decides on it."
    return f"there is no trigger of a batch {batch} in {settings.source_dir('trigger') / 'source'}."


@app.command(epilog="Examples: `ecomm watch`, `ecomm watch --once`, `ecomm watch --json | tee batches.jsonl`")
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
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each batch.")] = False,
) -> None:
    """Publish each batch by itself, as soon as its trigger is complete, until a signal ends it.

    The first SIGTERM or Ctrl-C lets the batch at work end, a second one takes it back.
    """
    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    raise typer.Exit(_watch(settings, once, health, as_json))


def _watch(settings: Settings, once: bool, port: int | None, as_json: bool) -> int:
    from ecomm import alerts, screens
    from ecomm.health import Metrics, served
    from ecomm.watch import Watch

    outcomes: list[Outcome] = []
    metrics, show = Metrics(), _listener(as_json)

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
            port = until.enter_context(served("127.0.0.1", port, lambda: watching.report, metrics))
            say(f"http://127.0.0.1:{port}/health and /metrics tell how it stands.")
        if not once:
            say(f"watching {settings.landing.absolute()}; Ctrl-C ends it.")
        watching.run(once=once)
    if once and not outcomes and not as_json:
        screens.out.print("Nothing is pending.")
    return _exit_code(outcomes)


@app.command(epilog="Examples: `ecomm alerts`, `ecomm alerts --check --json`")
def alerts(
    check: Annotated[
        bool, typer.Option("--check", help="Look now, and tell whom the settings name, as `ecomm watch` does.")
    ] = False,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """What a person should look at, and what was over lately."""
    from ecomm import alerts, screens

    settings = configuration.load(config, landing=landing, warehouse=warehouse)
    events = alerts.look(settings, datetime.now(UTC)) if check else []
    known = alerts.known(settings)
    if as_json:
        said = {name: [asdict(alert) for alert in getattr(known, name)] for name in ("firing", "ended")}
        _print_json(said | {"events": [event.summary() for event in events]})
        return
    screens.alerts(known)
    if known.judged < 0 and not check:
        screens.out.print("Nobody has looked yet: `ecomm alerts --check` does, and `ecomm watch` each minute.")


@app.command(epilog="Example: `ecomm status`")
def status(
    landing: Landing = None, warehouse: WarehouseDir = None, config: Config = None, as_json: Json = False
) -> None:
    """What is published, pending, waiting (and for which file), failed (and why)."""
    from ecomm import screens
    from ecomm.batches import status as standing

    settings = configuration.load(config, landing=landing, warehouse=warehouse)
    now = standing.of(settings, datetime.now(UTC))
    if as_json:
        _print_json(now.summary())
        return
    if now.published:
        screens.published(now.published)
    for waiting in now.held:
        screens.held(waiting)
    for taken_back in now.undone:
        screens.undone(taken_back)
    for line in now.triggers:
        screens.line(line.batch_id, line.state, line.reason)
    for path in now.unexpected:
        screens.line("unexpected", str(path), "no trigger lists it; it is left unread")
    if now.running:
        screens.out.print("A run is under way.")
    if not (now.published or now.held or now.undone or now.triggers or now.unexpected):
        screens.out.print("Nothing is published and nothing is pending.")


Why = Annotated[str, typer.Option("--why", help="The reason, for those who come after you; kept in the ledger.")]
Held = Annotated[str, typer.Argument(help="The batch that is held.")]


@app.command(epilog='Example: `ecomm accept batch_2025_01_15 --why "the supplier confirmed the zero prices"`')
def accept(
    batch: Held,
    why: Why,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Publish a batch that is held because of its score."""
    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    raise typer.Exit(_decide(settings, batch, "ACCEPT", why, as_json))


@app.command(epilog='Example: `ecomm reject batch_2025_01_15 --why "wrong file; the shop sends it again"`')
def reject(
    batch: Held,
    why: Why,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """End a batch that is held: nothing of it is published, and its id may come again."""
    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    raise typer.Exit(_decide(settings, batch, "REJECT", why, as_json))


def _decide(settings: Settings, batch: str, verdict: str, why: str, as_json: bool) -> int:
    from ecomm import revise, screens

    outcome = revise.decide(settings, batch, verdict, _reason(why), _listener(as_json))
    if as_json:
        _print_json(outcome.summary())
    else:
        screens.outcome(outcome)
    return outcome.exit_code


def _reason(why: str) -> str:
    if not why.strip():
        raise UsageError("--why is empty; say in a few words why, for those who come after you.")
    return why.strip()


@app.command(epilog='Example: `ecomm undo batch_2025_01_15 --why "the shop sent the test data"`')
def undo(
    batch: Annotated[str, typer.Argument(help="The published batch.")],
    why: Why,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Take a published batch out of all tables, as if it had never run; its files are offered in a folder."""
    from ecomm import revise

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    raise typer.Exit(_told([revise.undo(settings, batch, _reason(why), _listener(as_json))], as_json))


@app.command(epilog="Examples: `ecomm replay --from batch_2025_01_15`, `ecomm replay --from 2025-01-15`")
def replay(
    since: Annotated[str, typer.Option("--from", help="A batch, also an undone one, or a day: it and all behind it.")],
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Read the archived files of batches once more, with the rules and settings of now."""
    from ecomm import revise

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    raise typer.Exit(_told(revise.replay(settings, since, _listener(as_json)), as_json))


@app.command(epilog="Example: `ecomm show orders_target --limit 5`")
def show(
    table: Annotated[str, typer.Argument(help="The table, e.g. orders_target, analytics_summary, processing_log.")],
    warehouse: WarehouseDir = None,
    config: Config = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """The rows of a published table."""
    from ecomm import screens
    from ecomm.warehouse import Warehouse

    data = screens.ordered(Warehouse(configuration.load(config, warehouse=warehouse).warehouse).table(table))
    if as_json:
        _print_json(data.slice(0, limit).to_pylist())
    else:
        screens.rows(data, limit, table)


@app.command(
    epilog='Example: `ecomm sql "select order_status, count(*) from orders_target where is_current group by 1"`'
)
def sql(
    query: Annotated[str, typer.Argument(help="A DuckDB query over the published tables.")],
    warehouse: WarehouseDir = None,
    config: Config = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Ask the published tables with SQL (DuckDB)."""
    from ecomm import screens
    from ecomm.warehouse import Warehouse

    data = Warehouse(configuration.load(config, warehouse=warehouse).warehouse).sql(query)
    if as_json:
        _print_json(data.to_pylist())
    else:
        screens.rows(data, limit, "result")


@app.command(epilog="Examples: `ecomm history orders ORD000001`, `ecomm history inventory P001 Berlin`")
def history(
    source: Annotated[str, typer.Argument(help="orders, customers, products, inventory or shipping.")],
    key: Annotated[list[str], typer.Argument(help="The key's parts; those left out may be anything.")],
    warehouse: WarehouseDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """The versions of one key as a timeline: what changed, when, and where it came from."""
    from ecomm import screens
    from ecomm.trace import versions_of
    from ecomm.warehouse import Warehouse

    found = versions_of(Warehouse(configuration.load(config, warehouse=warehouse).warehouse), source, key)
    if not found:
        raise EcommError(
            f"{source} has no version of {' '.join(key)}; `ecomm quarantine {source}` shows what was rejected."
        )
    keyed: list[dict[str, Any]] = []
    for parts, columns, versions in found:
        told = screens.told(versions, columns)
        if as_json:
            keyed.append({"key": parts, "versions": [v | {"changes": screens.as_json(v["changes"])} for v in told]})
        else:
            screens.timeline(f"{source} {' / '.join(p for p in parts.values() if p)}", told)
    if as_json:
        _print_json(keyed)


@app.command(
    epilog="Examples: `ecomm asof customers --date 2025-01-15`, "
    "`ecomm asof orders --date 2025-01-16 --known-at batch_2025_01_15 --key ORD000001`"
)
def asof(
    source: Annotated[str, typer.Argument(help="orders, customers, products, inventory or shipping.")],
    at: Annotated[str, typer.Option("--date", help="A day, which means its end (UTC), or an instant, ISO.")],
    known_at: Annotated[
        str | None,
        typer.Option("--known-at", help="By what was known after this batch, ledger entry, day or instant; else now."),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="A part of the key, in its order, each with a --key of its own.")
    ] = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """The state of a source on a date, as it is known now or was known then."""
    from ecomm import engines, screens
    from ecomm.warehouse import Warehouse

    settings = configuration.load(config, warehouse=warehouse, engine=engine, remote=remote)
    tables = Warehouse(settings.warehouse)
    day = configuration.day_or_instant(at, "--date")
    known = None if known_at is None else _moment(tables.entries, known_at, "--known-at")
    computing = engines.start(settings)
    try:
        data = tables.asof(source, day, known, key or [], computing)
    finally:
        computing.stop()
    if as_json:
        _print_json(data.to_pylist())
    else:
        screens.rows(data, limit, f"{source} as of {at}" + (f", known at {known_at}" if known_at else ""))


@app.command(
    epilog="Examples: `ecomm diff orders_target --from batch_2025_01_15 --to batch_2025_01_16`, "
    "`ecomm diff analytics_summary --to batch_2025_01_16`"
)
def diff(
    table: Annotated[str, typer.Argument(help="The table, e.g. customers_target, product_analytics.")],
    since: Annotated[
        str | None, typer.Option("--from", help="After this batch, ledger entry, day or instant; else before --to.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="The same for the other side; else now.")] = None,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """What changed in a table between two publications; what one batch changed, if only --to is said."""
    from ecomm import diff as door
    from ecomm import screens
    from ecomm.batches import ledger
    from ecomm.warehouse import Warehouse

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    entries = Warehouse(settings.warehouse).entries
    after = entries if until is None else ledger.until(entries, _moment(entries, until, "--to"))
    if since is None:
        before = ledger.before_last_attempt(after)
    else:
        before = ledger.until(entries, _moment(entries, since, "--from"))
    said = door.diff(settings, table, before, after, limit)
    if as_json:
        _print_json(screens.diff_as_json(said))
    else:
        screens.diff(said)


def _moment(entries: Sequence[Entry], said: str, flag: str) -> int | datetime:
    """What is meant by a batch, an entry's number, a day or an instant."""
    from ecomm.batches.ledger import published_last
    from ecomm.history import end_of

    if (entry := published_last(entries, said)) is not None:
        return entry.seq
    if said.isdigit():
        return int(said)
    try:
        return end_of(configuration.day_or_instant(said, flag))
    except UsageError as error:
        raise UsageError(
            f"{flag}: {said!r} is no batch that was published, and no entry, day or instant (2025-01-15T06:00:00Z)."
        ) from error


class _WithDefault(TyperGroup):
    """A group of commands of which one is meant if none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if named else ["list", *args])


rejects = typer.Typer(
    cls=_WithDefault, help="Records that were rejected: `ecomm quarantine orders` lists them, a person mends them."
)
app.add_typer(rejects, name="quarantine")


@rejects.command("list", epilog="Example: `ecomm quarantine orders --limit 10`")
def quarantine(
    source: Annotated[str | None, typer.Argument(help="One source; default all.")] = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    batch: Batch = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Records that were rejected or superseded: the record, why, and its file and line."""
    from ecomm import screens
    from ecomm.trace import quarantined
    from ecomm.warehouse import Warehouse

    found = quarantined(Warehouse(configuration.load(config, warehouse=warehouse).warehouse), source, batch)
    if as_json:
        _print_json(found[:limit])
    elif found:
        screens.rejects(found[:limit], len(found))
    else:
        screens.out.print("Nothing was rejected.")


@rejects.command("export", epilog="Example: `ecomm quarantine export orders --out rejected.csv`")
def hand_out(
    source: Annotated[str, typer.Argument(help="The source.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The CSV file to write.")],
    batch: Batch = None,
    force: Annotated[bool, typer.Option("--force", help="Write a file anew that is there already.")] = False,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write the rejected records of a source as CSV, with the reasons, for a person to mend the cells."""
    from ecomm import redrive as door
    from ecomm import screens

    settings = configuration.load(config, landing=landing, warehouse=warehouse)
    records = door.export(settings, source, out, batch, force=force)
    if as_json:
        _print_json({"file": out, "records": records})
    else:
        wrote = f"Wrote {screens.counted(records, 'rejected record')} to {out}"
        said = f"{wrote}; mend their cells, then `ecomm quarantine redrive {out}`."
        screens.out.print(said, markup=False, soft_wrap=True)


@rejects.command(epilog='Example: `ecomm quarantine redrive rejected.csv --why "the supplier sent the prices"`')
def redrive(
    file: Annotated[Path, typer.Argument(help="A file of `quarantine export`, with mended cells.")],
    why: Why,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Bring mended records in, each at its own place in its batch, by the same rules; the others stay as they are."""
    from ecomm import redrive as door
    from ecomm import screens

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    done = door.redrive(settings, file, _reason(why), _listener(as_json))
    if as_json:
        _print_json({**asdict(done), "outcomes": [o.summary() for o in done.outcomes]})
    else:
        screens.redriven(done)
    raise typer.Exit(_exit_code(done.outcomes))


@app.command(epilog="Examples: `ecomm quality`, `ecomm quality batch_2025_01_16 --json`")
def quality(
    batch: Annotated[str | None, typer.Argument(help="The batch; default: the one that was judged last.")] = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """How good a batch's data is: its score, what was found and what to do about it, and the scores of all batches."""
    from ecomm import screens
    from ecomm.findings import quality_of
    from ecomm.warehouse import Warehouse

    said = quality_of(Warehouse(configuration.load(config, warehouse=warehouse).warehouse), batch)
    if as_json:
        _print_json(asdict(said))
    else:
        screens.quality(said)


@app.command(epilog="Examples: `ecomm check orders.csv`, `ecomm check export.csv --source orders --as-of 2025-01-15`")
def check(
    file: Annotated[Path, typer.Argument(help="A CSV file; it may lie anywhere.")],
    source: Annotated[
        str | None,
        typer.Option("--source", "-s", help="Which source it is; default: what its name or its header says."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Judge it as at this instant, ISO; default: now.")
    ] = None,
    config: Config = None,
    limit: Limit = 10,
    as_json: Json = False,
) -> None:
    """Judge a file without a warehouse, and write nothing: its header, what would become of its rows, and why.

    Exit code 0 if no row would be rejected, 1 if some would, or if the header lacks a required column.
    """
    from ecomm import screens
    from ecomm.check import check as judged

    settings = configuration.load(config)
    with screens.progress(hidden=as_json) as told:
        said = judged(settings, file, source, configuration.instant(as_of, "--as-of"), limit, told)
    if as_json:
        _print_json(asdict(said))
    else:
        screens.checked(said)
    raise typer.Exit(1 if said.rows["rejected"] else 0)


@app.command(epilog="Example: `ecomm export orders_target --out orders.csv`")
def export(
    table: Annotated[str, typer.Argument(help="The table, e.g. enriched_orders, orders_target.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; - is stdout.")],
    form: Annotated[str | None, typer.Option("--format", help="csv or parquet; default by the file's suffix.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write a file anew that is there already.")] = False,
    warehouse: WarehouseDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write a published table as a CSV or Parquet file; in CSV no cell is a spreadsheet's formula."""
    from ecomm import export as door
    from ecomm import screens
    from ecomm.session import sources_of
    from ecomm.tables import catalogue
    from ecomm.warehouse import Warehouse

    settings = configuration.load(config, warehouse=warehouse)
    published = Warehouse(settings.warehouse)
    tables = catalogue(sources_of(settings))
    if str(out) == "-":
        if as_json:
            raise UsageError("--out - and --json both write to stdout; choose one of them.")
        door.pour(published, tables, table, door.form_of(out, form or "csv"), sys.stdout.buffer)
        return
    with screens.counting(table) as listener:
        done = door.export(published, tables, table, out, form, force=force, listener=listener)
    if as_json:
        _print_json(done.__dict__)
    else:
        said = f"Wrote {done.rows:,} rows of {table} to {out} ({done.bytes:,} bytes)."
        screens.out.print(said, markup=False, soft_wrap=True)


@app.command(epilog="Examples: `ecomm dashboard --open`, `ecomm dashboard --export shop-today`")
def dashboard(
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="The port; 0 takes a free one.")] = 8050,
    token: Annotated[
        str | None,
        typer.Option("--token", envvar="ECOMM_DASHBOARD_TOKEN", help="The secret without which nobody sees the page."),
    ] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show personal values; on this machine alone.")] = False,
    into: Annotated[
        Path | None, typer.Option("--export", help="Write a copy that opens from disk into this folder, and end.")
    ] = None,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
) -> None:
    """Show what is published in a browser; the page follows each batch by itself, and changes nothing."""
    settings = configuration.load(config, landing=landing, warehouse=warehouse)
    if into is not None:
        if reveal:
            raise UsageError("--reveal shows personal values on this machine alone; a copy travels, so leave it out.")
        from ecomm.dashboard.static import write

        typer.echo(f"Wrote {write(settings, into)}; open it in a browser.")
        return
    try:
        from ecomm.dashboard.app import serve
    except ModuleNotFoundError as error:
        raise UsageError(f"the dashboard needs {error.name}: pip install 'ecomm[dashboard]'.") from error

    def ready(address: str) -> None:
        typer.echo(f"{address} shows {settings.warehouse.absolute()}; Ctrl-C ends it.")
        if browser:
            typer.launch(address)

    serve(settings, host, port, token=token, reveal=reveal, ready=ready)


@app.command(epilog="Example: `ecomm contract orders --out orders.odcs.yaml`")
def contract(
    source: Annotated[str, typer.Argument(help="orders, customers, products, inventory or shipping.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to write; default stdout.")] = None,
    config: Config = None,
) -> None:
    """A source's contract in the Open Data Contract Standard (YAML): columns, key, rules as this shop has them."""
    from ecomm import odcs, screens
    from ecomm.session import sources_of

    sources = sources_of(configuration.load(config))
    if source not in sources:
        raise UsageError(f"there is no source {source}; use {', '.join(sources)}.")
    text = odcs.contract(sources[source]).to_yaml()
    if out is None:
        print(text, end="")
        return
    out.write_text(text, encoding="utf-8")
    screens.out.print(f"Wrote the contract of {source} to {out}.", markup=False, soft_wrap=True)


@app.command(epilog="Example: `ecomm rebuild`")
def rebuild(
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Fold the whole log anew: the tables come out identical, or are mended."""
    from ecomm import rebuild as whole
    from ecomm import screens

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    changed = whole.rebuild(settings)
    if as_json:
        _print_json({"changed_rows": changed})
    elif any(changed.values()):
        for name, rows in changed.items():
            if rows:
                screens.out.print(f"{name}: {rows:,} rows mended")
    else:
        screens.out.print("Rebuilt: every table is identical to the fold of its log.")


@app.command(epilog="Example: `ecomm maintain`")
def maintain(
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Put small files together and delete old ones that no recent version needs; runs do it by themselves at times."""
    from ecomm import maintain as door
    from ecomm import screens

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    with screens.progress(hidden=as_json) as told:
        done = door.maintain(settings, told)
    if as_json:
        _print_json({"tables": [asdict(one) for one in done]})
        return
    for one in done:
        if one.before != one.after or one.deleted:
            told_of = f"{one.table}: {one.before:,} files are {one.after:,}; {one.deleted:,} old ones deleted"
            screens.out.print(told_of, markup=False, soft_wrap=True)
    screens.out.print(f"Maintained {len(done)} tables.")


@app.command(
    epilog="Examples: `ecomm init --landing landing`, `ecomm init --from day.csv --source orders`, then `ecomm check`"
)
def init(
    landing: Landing = None,
    config: Config = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="Propose from this CSV file how files of its source are read.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", "-s", help="The source of the file of --from.")] = None,
) -> None:
    """Write a settings file and make the landing folders; what is there already stays."""
    from ecomm import screens
    from ecomm.batches import setup

    block = ""
    if file is not None:
        from ecomm.batches.proposal import propose

        if source is None:
            raise UsageError("--from needs --source: orders, customers, products, inventory or shipping.")
        block = propose(file, source).toml(file)
    for line in setup.prepare(config or Path(configuration.CONFIG_NAME), landing, block):
        screens.out.print(line, markup=False, soft_wrap=True)


@app.command(epilog="Example: `ecomm trigger orders_2025_01_17.csv customers_2025_01_17.csv --id batch_2025_01_17`")
def trigger(
    files: Annotated[list[str], typer.Argument(help="Names of files that lie in landing.")],
    batch_id: Annotated[str | None, typer.Option("--id", help="The batch's name; default: its time.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="The batch's instant, ISO; default: now.")] = None,
    landing: Landing = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write a trigger for files that lie in landing, so that the next run takes them as one batch."""
    from ecomm import screens
    from ecomm.batches import setup

    settings = configuration.load(config, landing=landing)
    path = setup.write_trigger(settings, files, batch_id, as_of, datetime.now(UTC))
    if as_json:
        _print_json({"trigger": path})
    else:
        screens.out.print(f"Wrote {path}; `ecomm run` publishes the batch.", markup=False, soft_wrap=True)


@app.command(epilog="Example: `ecomm doctor --json`")
def doctor(
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Look whether all is well: versions, engine, permissions, disk, locks, and every published table."""
    from ecomm import screens
    from ecomm.doctor import examine

    findings = examine(configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote))
    if as_json:
        _print_json({"healthy": not any(f.fix for f in findings), "findings": [f.__dict__ for f in findings]})
    else:
        for finding in findings:
            screens.finding(finding.check, finding.found, finding.fix)
    raise typer.Exit(1 if any(f.fix for f in findings) else 0)


engines = typer.Typer(no_args_is_help=True, help="What computes: sail comes with the program, spark is installed.")
app.add_typer(engines, name="engine")


@engines.command(epilog="Example: `ecomm engine install spark`, then `ecomm run --engine spark`")
def install(
    engine: Annotated[str, typer.Argument(help="The engine: spark.")], config: Config = None, as_json: Json = False
) -> None:
    """Bring what a local Spark server needs (500 MB) into a folder of its own, without root; what is there stays."""
    from ecomm import screens
    from ecomm.engines import spark_home

    if engine != "spark":
        raise UsageError(f"there is nothing to install for {engine}; use spark. sail comes with the program.")
    with screens.progress(hidden=as_json) as told:
        place, runtime = spark_home.install(configuration.load(config).engine_dir, told)
    if as_json:
        _print_json({"engine": engine, "folder": place, "java": runtime})
    else:
        said = f"Spark {spark_home.SPARK} with Delta {spark_home.DELTA_VERSION} is in {place}, its Java is {runtime}."
        screens.out.print(f"{said}\n`ecomm run --engine spark` uses it.", markup=False, soft_wrap=True)


@app.command(epilog="Examples: `ecomm demo`, `ecomm demo --engine spark`")
def demo(
    into: Annotated[Path, typer.Option("--into", help="The folder that the demo makes anew.")] = Path("demo"),
    engine: EngineName = None,
    remote: Remote = None,
) -> None:
    """Run the two sample days in a folder of their own, and look at what came out."""
    from ecomm.demo import play

    raise typer.Exit(play(into, _run, engine=engine, remote=remote))


@app.command(epilog="Examples: `ecomm simulate --days 90`, `ecomm simulate --days 30 --every 5` beside `ecomm watch`")
def simulate(
    days: Annotated[int, typer.Option("--days", min=1, help="How many days to play; after those played before.")] = 30,
    start: Annotated[
        str | None, typer.Option("--start", help="The first day, if none was played; default: the last one is today.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed is another shop; default 1.")] = None,
    orders: Annotated[
        float | None, typer.Option("--orders", min=1, help="How many orders a day at the beginning; default 40.")
    ] = None,
    every: Annotated[float, typer.Option("--every", min=0, help="Seconds between two days.")] = 0.0,
    landing: Landing = None,
    config: Config = None,
) -> None:
    """Play an invented shop: its batches come to the landing folder, some of them late or broken."""
    from ecomm.simulate import simulate

    settings = configuration.load(config, landing=landing)
    begin = configuration.day(start, "--start") if start is not None else None

    def tell(day: date, files: Sequence[Path]) -> None:
        typer.echo(f"{day}: {', '.join(file.name for file in files) or 'nothing comes'}")

    simulate(settings, days, start=begin, seed=seed, orders_a_day=orders, every=every, tell=tell)


@app.command(epilog="Example: `ecomm version --json`")
def version(as_json: Json = False) -> None:
    """The version of this program, and of what it stands on."""
    from ecomm.doctor import versions

    if as_json:
        _print_json(versions())
    else:
        print(f"ecomm {__version__}")


def main() -> None:
    """Run a command and leave with its exit code; a user's mistake is one sentence, never a stack trace."""
    code = 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no reason to fail
    try:
        app()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    except KeyboardInterrupt:
        code = 130
        print("Stopped; what was not published is taken back by the next run.", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        code = _explain(error)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # Native threads of Arrow, Delta and the engine can abort an ordinary exit after all work is done.
        os._exit(code)


def _explain(error: Exception) -> int:
    if isinstance(error, OSError):
        said = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error.strerror or error)).split())
        error = StorageError(f"{error.filename or 'a file'}: {said}; check permissions and disk space.")
    if _state["verbose"]:
        traceback.print_exception(error)
    text = sentence(error, Path.cwd())
    if "--json" in sys.argv:
        print(json.dumps({"error": text}, ensure_ascii=False))
    print(f"ecomm: {text}", file=sys.stderr)
    return error.exit_code if isinstance(error, EcommError) else 1
