"""The command line: one function a command, thin doors to the program behind it."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from ecomm import __version__
from ecomm import settings as configuration
from ecomm.errors import EcommError, StorageError, UsageError
from ecomm.settings import Settings

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


@app.command(epilog="Example: `ecomm run --landing landing --warehouse warehouse`")
def run(
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    batch: Batch = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Publish every complete pending batch, in the order of their time."""
    settings = configuration.load(config, landing=landing, warehouse=warehouse)
    raise typer.Exit(_run(settings, batch, dry_run, as_json))


def _run(settings: Settings, batch: str | None, dry_run: bool, as_json: bool) -> int:
    from ecomm import pipeline, screens
    from ecomm.attempt import silent

    outcomes = pipeline.run(settings, only=batch, dry_run=dry_run, listener=silent if as_json else screens.task)
    if batch is not None and not outcomes:
        raise UsageError(f"there is no trigger of a batch {batch} in {settings.source_dir('trigger') / 'source'}.")
    if as_json:
        _print_json({"batches": [o.summary() for o in outcomes]})
    else:
        for outcome in outcomes:
            screens.outcome(outcome)
        if not outcomes:
            screens.out.print("Nothing is pending.")
    codes = {o.exit_code for o in outcomes}
    return 1 if codes - {0, 3} else 3 if 3 in codes else 0


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
    for line in now.triggers:
        screens.line(line.batch_id, line.state, line.reason)
    for path in now.unexpected:
        screens.line("unexpected", str(path), "no trigger lists it; it is left unread")
    if now.running:
        screens.out.print("A run is under way.")
    if not (now.published or now.triggers or now.unexpected):
        screens.out.print("Nothing is published and nothing is pending.")


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


@app.command(epilog="Example: `ecomm quarantine orders --limit 10`")
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


@app.command(epilog="Example: `ecomm rebuild`")
def rebuild(warehouse: WarehouseDir = None, config: Config = None, as_json: Json = False) -> None:
    """Fold the whole log anew: the tables come out identical, or are mended."""
    from ecomm import rebuild as whole
    from ecomm import screens

    changed = whole.rebuild(configuration.load(config, warehouse=warehouse))
    if as_json:
        _print_json({"changed_rows": changed})
    elif any(changed.values()):
        for name, rows in changed.items():
            if rows:
                screens.out.print(f"{name}: {rows:,} rows mended")
    else:
        screens.out.print("Rebuilt: every table is identical to the fold of its log.")


@app.command(epilog="Example: `ecomm init --landing landing`")
def init(landing: Landing = None, config: Config = None) -> None:
    """Write a settings file and make the landing folders; what is there already stays."""
    from ecomm import screens
    from ecomm.batches import setup

    for line in setup.prepare(config or Path(configuration.CONFIG_NAME), landing):
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
    landing: Landing = None, warehouse: WarehouseDir = None, config: Config = None, as_json: Json = False
) -> None:
    """Look whether all is well: versions, engine, permissions, disk, locks, and every published table."""
    from ecomm import screens
    from ecomm.doctor import examine

    findings = examine(configuration.load(config, landing=landing, warehouse=warehouse))
    if as_json:
        _print_json({"healthy": not any(f.fix for f in findings), "findings": [f.__dict__ for f in findings]})
    else:
        for finding in findings:
            screens.finding(finding.check, finding.found, finding.fix)
    raise typer.Exit(1 if any(f.fix for f in findings) else 0)


@app.command(epilog="Example: `ecomm demo`")
def demo(
    into: Annotated[Path, typer.Option("--into", help="The folder that the demo makes anew.")] = Path("demo"),
) -> None:
    """Run the two sample days in a folder of their own, and look at what came out."""
    from ecomm.demo import play

    raise typer.Exit(play(into, _run))


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
    known = isinstance(error, EcommError)
    text = str(error) if known else f"{type(error).__name__}: {error}; run with --verbose for the whole story."
    if "--json" in sys.argv:
        print(json.dumps({"error": text}, ensure_ascii=False))
    print(f"ecomm: {text}", file=sys.stderr)
    return error.exit_code if isinstance(error, EcommError) else 1
