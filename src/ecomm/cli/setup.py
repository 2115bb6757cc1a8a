"""Commands that set up, explain the installation, and play a shop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from ecomm import __version__, presets
from ecomm import settings as configuration
from ecomm.cli.door import Config, EngineName, Json, Landing, Remote, WarehouseDir, app, print_json
from ecomm.cli.ingest import publish_pending
from ecomm.errors import UsageError


@app.command(
    rich_help_panel="Set up",
    epilog="Examples: `ecomm init --preset shopify`, `ecomm init --preset list`, `ecomm init --from day.csv`",
)
def init(
    landing: Landing = None,
    config: Config = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="Propose from this file how files of its source are read, and try it.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", "-s", help="The source of the file of --from; default: as the file shows.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help=f"The settings for a platform's exports: {', '.join(presets.NAMES)}; or list."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="The instant for which the file of --from is judged, ISO; default: now."),
    ] = None,
) -> None:
    """Write a settings file and make the landing folders; what is there already stays."""
    from ecomm import screens
    from ecomm.batches import setup

    if preset == "list":
        for name in presets.NAMES:
            screens.line(name, presets.about(name), None)
        return
    block, below = "" if preset is None else presets.text(preset), []
    place = config or Path(configuration.CONFIG_NAME)
    if file is not None:
        from ecomm.proposal import propose
        from ecomm.proposal import text as written

        now = configuration.instant(as_of, "--as-of")
        in_force = configuration.load(config if place.is_file() else None)
        with screens.progress() as told:
            proposal = propose(in_force, file, source, now, preset, told)
        block, below = written.block(proposal, file), written.judgement(proposal)
    elif source is not None:
        raise UsageError("--source is that of the file of --from; add --from FILE.")
    for line in (*setup.prepare(place, landing, block), *([""] if below else []), *below):
        screens.out.print(line, markup=False, soft_wrap=True)


@app.command(rich_help_panel="Set up", epilog="Examples: `ecomm doctor`, `ecomm doctor --deep --json`")
def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every file of tables and archive, and compare its hash.")
    ] = False,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Look whether all is well: versions, engine, rights, disk, locks, every published table; nothing is changed."""
    from ecomm import screens
    from ecomm.doctor import examine

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    findings = examine(settings, deep=deep)
    if as_json:
        print_json({"healthy": not any(f.fix for f in findings), "findings": [f.__dict__ for f in findings]})
    else:
        for finding in findings:
            screens.finding(finding.check, finding.found, finding.fix)
    raise typer.Exit(1 if any(f.fix for f in findings) else 0)


engines = typer.Typer(no_args_is_help=True, help="What computes: sail comes with the program, spark is installed.")
app.add_typer(engines, rich_help_panel="Set up", name="engine")


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
        print_json({"engine": engine, "folder": place, "java": runtime})
    else:
        said = f"Spark {spark_home.SPARK} with Delta {spark_home.DELTA_VERSION} is in {place}, its Java is {runtime}."
        screens.out.print(f"{said}\n`ecomm run --engine spark` uses it.", markup=False, soft_wrap=True)


@app.command(rich_help_panel="Set up", epilog="Examples: `ecomm demo`, `ecomm demo --engine spark`")
def demo(
    into: Annotated[Path, typer.Option("--into", help="The folder that the demo makes anew.")] = Path("demo"),
    engine: EngineName = None,
    remote: Remote = None,
) -> None:
    """Run the two sample days in a folder of their own, and look at what came out."""
    from ecomm.demo import play

    raise typer.Exit(play(into, publish_pending, engine=engine, remote=remote))


@app.command(
    rich_help_panel="Set up",
    epilog="Examples: `ecomm simulate --days 90`, `ecomm simulate --days 30 --every 5` beside `ecomm watch`",
)
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


@app.command(rich_help_panel="Set up", epilog="Example: `ecomm version --json`")
def version(as_json: Json = False) -> None:
    """The version of this program, and of what it stands on."""
    from ecomm.doctor import versions

    if as_json:
        print_json(versions())
    else:
        print(f"ecomm {__version__}")
