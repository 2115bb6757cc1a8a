"""Commands that show what is published, and change nothing."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecomm import settings as configuration
from ecomm.cli.door import (
    Config,
    EngineName,
    Json,
    Landing,
    Limit,
    Remote,
    Reveal,
    WarehouseDir,
    app,
    print_json,
    published,
    published_and_masks,
    say_if_hidden,
)
from ecomm.errors import EcommError, HeaderError, UsageError
from ecomm.keys import written

if TYPE_CHECKING:
    pass


@app.command(rich_help_panel="Look", epilog="Example: `ecomm show orders_target --limit 5`")
def show(
    table: Annotated[str, typer.Argument(help="The table, e.g. orders_target, analytics_summary, processing_log.")],
    warehouse: WarehouseDir = None,
    config: Config = None,
    limit: Limit = 20,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """The rows of a published table."""
    from ecomm import screens

    tables, masks = published_and_masks(config, warehouse, reveal=reveal)
    data = screens.ordered(tables.table(table))
    shown = masks.table(table, data.slice(0, limit))
    if as_json:
        print_json(shown.to_pylist())
    else:
        screens.rows(shown, data.num_rows, table)
    say_if_hidden(shown.to_pylist())


@app.command(
    rich_help_panel="Look",
    epilog='Example: `ecomm sql "select order_status, count(*) from orders_target where is_current group by 1"`',
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

    data = published(config, warehouse).sql(query)
    if as_json:
        print_json(data.to_pylist())
    else:
        screens.rows(data.slice(0, limit), data.num_rows, "result")


@app.command(
    rich_help_panel="Look", epilog="Examples: `ecomm history orders ORD000001`, `ecomm history inventory P001 Berlin`"
)
def history(
    source: Annotated[str, typer.Argument(help="orders, customers, products, inventory or shipping.")],
    key: Annotated[list[str], typer.Argument(help="The key's parts; those left out may be anything.")],
    warehouse: WarehouseDir = None,
    config: Config = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """The versions of one key as a timeline: what changed, when, and where it came from."""
    from ecomm import screens
    from ecomm.trace import real_key, versions_of

    tables, masks = published_and_masks(config, warehouse, reveal=reveal)
    found = versions_of(tables, source, real_key(tables, source, key, masks))
    if not found:
        raise EcommError(
            f"{source} has no version of {' '.join(masks.key(source, key))}; "
            f"`ecomm quarantine {source}` shows what was rejected."
        )
    keyed: list[dict[str, Any]] = []
    for parts, columns, versions in found:
        told = screens.told(versions, columns, lambda version: masks.version(source, version))
        shown = masks.shown(parts)
        keyed.append({"key": shown, "versions": told})
        if not as_json:
            screens.timeline(f"{source} {written([*shown.values()])}", told)
    if as_json:
        print_json([one | {"versions": [*map(screens.version_as_json, one["versions"])]} for one in keyed])
    say_if_hidden(keyed)


@app.command(
    rich_help_panel="Look",
    epilog="Examples: `ecomm asof customers --date 2025-01-15`, "
    "`ecomm asof orders --date 2025-01-16 --known-at batch_2025_01_15 --key ORD000001`",
)
def asof(
    source: Annotated[str, typer.Argument(help="orders, customers, products, inventory or shipping.")],
    at: Annotated[str, typer.Option("--date", help="A day, which means its end (UTC), or an instant, ISO.")],
    known_at: Annotated[
        str | None,
        typer.Option("--known-at", help="What was known after this batch, ledger entry, day or instant; else now."),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="A part of the key, in its order, each with a --key of its own.")
    ] = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    limit: Limit = 20,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """The state of a source on a date, as it is known now or was known then."""
    from ecomm import engines, screens
    from ecomm.batches import moments

    settings = configuration.load(config, warehouse=warehouse, engine=engine, remote=remote)
    tables, masks = published_and_masks(config, warehouse, reveal=reveal)
    day = configuration.day_or_instant(at, "--date")
    known = None if known_at is None else moments.known_at(tables.log, known_at, "--known-at")
    computing = engines.start(settings)
    try:
        data = tables.asof(source, day, known, key or [], computing)
    finally:
        computing.stop()
    shown = masks.table(f"{source}_target", data if as_json else data.slice(0, limit))
    if as_json:
        print_json(shown.to_pylist())
    else:
        screens.rows(shown, data.num_rows, f"{source} as of {at}" + (f", known at {known_at}" if known_at else ""))
    say_if_hidden(shown.to_pylist())


@app.command(
    rich_help_panel="Look",
    epilog="Examples: `ecomm diff orders_target --from batch_2025_01_15 --to batch_2025_01_16`, "
    "`ecomm diff analytics_summary --to batch_2025_01_16`",
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
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """What changed in a table between two publications; what one batch changed, if only --to is said."""
    from ecomm import diff as door
    from ecomm import screens
    from ecomm.batches import moments

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    tables, masks = published_and_masks(config, warehouse, reveal=reveal)
    log = tables.log
    after = log if until is None else log.at(moments.known_at(log, until, "--to"))
    before = after.before_last_attempt() if since is None else log.at(moments.known_at(log, since, "--from"))
    said = door.masked(door.diff(settings, table, before, after, limit), masks)
    if as_json:
        print_json(screens.diff_as_json(said))
    else:
        screens.diff(said)
    say_if_hidden(said)


@app.command(rich_help_panel="Look", epilog="Examples: `ecomm quality`, `ecomm quality batch_2025_01_16 --json`")
def quality(
    batch: Annotated[str | None, typer.Argument(help="The batch; default: the one that was judged last.")] = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """How good a batch's data is: its score, what was found and what to do about it, and the scores of all batches."""
    from ecomm import screens
    from ecomm.findings import quality_of

    tables, masks = published_and_masks(config, warehouse, reveal=reveal)
    said = quality_of(tables, batch, masks.key)
    if as_json:
        print_json(asdict(said))
    else:
        screens.quality(said)
    say_if_hidden(said)


@app.command(
    rich_help_panel="Look",
    epilog="Examples: `ecomm check orders.csv`, `ecomm check export.csv --source orders --as-of 2025-01-15`",
)
def check(
    file: Annotated[Path, typer.Argument(help="The file, in any folder.")],
    source: Annotated[
        str | None,
        typer.Option("--source", "-s", help="Which source it is; default: what its name or its header says."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Judge it as at this instant, ISO; default: now.")
    ] = None,
    config: Config = None,
    limit: Limit = 10,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Judge a file without a warehouse, and write nothing: its header, what would become of its rows, and why.

    Exit code 0 if no row would be rejected, 1 if some would, if the header lacks a required column, or if
    an amount would be lost to a later record of its order.
    """
    from ecomm import screens
    from ecomm.check import check as judged

    settings = configuration.load(config)
    with screens.progress(hidden=as_json) as told:
        try:
            said = judged(settings, file, source, configuration.instant(as_of, "--as-of"), limit, told, reveal=reveal)
        except HeaderError as error:
            if not as_json and reveal:
                screens.header(error.names)
            raise
    if as_json:
        print_json(asdict(said))
    else:
        screens.checked(said)
    say_if_hidden(said.rejected)
    raise typer.Exit(1 if said.rows["rejected"] or any(f.severity == "HIGH" for f in said.findings) else 0)


@app.command(rich_help_panel="Look", epilog="Example: `ecomm export orders_target --out orders.csv`")
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
        print_json(done.__dict__)
    else:
        said = f"Wrote {done.rows:,} rows of {table} to {out} ({done.bytes:,} bytes)."
        screens.out.print(said, markup=False, soft_wrap=True)


@app.command(rich_help_panel="Look", epilog="Example: `ecomm contract orders --out orders.odcs.yaml`")
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


@app.command(rich_help_panel="Look", epilog="Examples: `ecomm alerts`, `ecomm alerts --check --json`")
def alerts(
    check: Annotated[
        bool, typer.Option("--check", help="Look now, and tell whom the settings name, as `ecomm watch` does.")
    ] = False,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """What a person should look at, what was over lately, and the rules that tell."""
    from ecomm import alerts, screens

    settings = configuration.load(config, landing=landing, warehouse=warehouse)
    events = alerts.look(settings, datetime.now(UTC)) if check else []
    known = alerts.known(settings)
    rules = alerts.rules(settings, known)
    if as_json:
        said = {name: [asdict(alert) for alert in getattr(known, name)] for name in ("firing", "ended")}
        print_json(said | {"events": [event.summary() for event in events], "rules": rules})
        return
    screens.alerts(known, rules)
    if known.judged < 0 and not check and not known.firing:
        screens.out.print("Nobody has looked yet: `ecomm alerts --check` does, and `ecomm watch` each minute.")


@app.command(rich_help_panel="Look", epilog="Examples: `ecomm dashboard --open`, `ecomm dashboard --export shop-today`")
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
