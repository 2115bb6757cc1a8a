"""Commands that decide, take back and mend, and the upkeep."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ecomm import settings as configuration
from ecomm.cli.door import (
    Batch,
    Config,
    EngineName,
    Json,
    Landing,
    Limit,
    Remote,
    Reveal,
    WarehouseDir,
    app,
    exit_code,
    listener_for,
    print_json,
    print_outcomes,
    published_and_masks,
    reason_in,
    say_if_hidden,
)
from ecomm.settings import Settings


class ReadBy(StrEnum):
    """By which settings archived files are read."""

    THEN = "then"
    NOW = "now"


Why = Annotated[str, typer.Option("--why", help="The reason, for those who come after you; kept in the ledger.")]
Held = Annotated[str, typer.Argument(help="The batch that is held.")]


@app.command(
    rich_help_panel="Mend",
    epilog='Example: `ecomm accept batch_2025_01_15 --why "the supplier confirmed the zero prices"`',
)
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


@app.command(
    rich_help_panel="Mend",
    epilog='Example: `ecomm reject batch_2025_01_15 --why "wrong file; the shop sends it again"`',
)
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

    outcome = revise.decide(settings, batch, verdict, reason_in(why), listener_for(as_json))
    if as_json:
        print_json(outcome.summary())
    else:
        screens.outcome(outcome)
    return outcome.exit_code


@app.command(
    rich_help_panel="Mend", epilog='Example: `ecomm undo batch_2025_01_15 --why "the shop sent the test data"`'
)
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
    raise typer.Exit(print_outcomes([revise.undo(settings, batch, reason_in(why), listener_for(as_json))], as_json))


@app.command(
    rich_help_panel="Mend",
    epilog="Examples: `ecomm replay --from batch_2025_01_15`, `ecomm replay --from 2025-01-15 --settings now`",
)
def replay(
    since: Annotated[str, typer.Option("--from", help="A batch, also an undone one, or a day: it and all behind it.")],
    by: Annotated[
        ReadBy | None,
        typer.Option(
            "--settings",
            help="By which settings: those that each batch was read by before (then), or the current ones (now). "
            "Needed if they differ.",
        ),
    ] = None,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Read the archived files of batches once more, and publish what comes out in place of what was published."""
    from ecomm import revise, screens

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    as_then = None if by is None else by is ReadBy.THEN
    outcomes = revise.replay(settings, since, listener_for(as_json), as_then=as_then)
    if not as_json:
        used = "the current settings" if by is ReadBy.NOW else "the settings by which it was read before"
        screens.out.print(f"Each batch was read by {used}.")
    raise typer.Exit(print_outcomes(outcomes, as_json))


class _WithDefault(TyperGroup):
    """A group of commands of which one is meant if none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if named else ["list", *args])


rejects = typer.Typer(
    cls=_WithDefault, help="Records that were rejected: `ecomm quarantine orders` lists them, a person mends them."
)
app.add_typer(rejects, rich_help_panel="Mend", name="quarantine")


@rejects.command("list", epilog="Example: `ecomm quarantine orders --limit 10`")
def quarantine(
    source: Annotated[str | None, typer.Argument(help="One source; default all.")] = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    batch: Batch = None,
    limit: Limit = 50,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Records that were rejected or superseded: the record, why, and its file and line."""
    from ecomm import screens
    from ecomm.tables import errors_name
    from ecomm.trace import quarantined

    tables, masks = published_and_masks(config, warehouse, reveal=reveal)
    found = quarantined(tables, source, batch)
    shown = [masks.of_table(errors_name(row["source"]), row) for row in found[:limit]]
    if as_json:
        print_json(shown)
    elif found:
        screens.rejects(shown, len(found))
    else:
        screens.out.print("Nothing was rejected.")
    say_if_hidden(shown)


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
        print_json({"file": out, "records": records})
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
    done = door.redrive(settings, file, reason_in(why), listener_for(as_json))
    if as_json:
        print_json({**asdict(done), "outcomes": [o.summary() for o in done.outcomes]})
    else:
        screens.redriven(done)
    raise typer.Exit(exit_code(done.outcomes) or int(bool(done.problems)))


@app.command(rich_help_panel="Mend", epilog="Example: `ecomm rebuild`")
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
        print_json({"changed_rows": changed})
    elif any(changed.values()):
        for name, rows in changed.items():
            if rows:
                screens.out.print(f"{name}: {rows:,} rows mended")
    else:
        screens.out.print("Rebuilt: every table is identical to the fold of its log.")


@app.command(rich_help_panel="Mend", epilog="Examples: `ecomm restore`, `ecomm restore orders_target`")
def restore(
    tables: Annotated[list[str] | None, typer.Argument(help="Tables to make again even if nothing is wrong.")] = None,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Make damaged tables again from landing: archive, triggers, corrections, ledger copies; also a whole warehouse."""
    from ecomm import restore as door
    from ecomm import screens

    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    with screens.progress(hidden=as_json) as told:
        done = door.restore(settings, tables or (), told)
    if as_json:
        print_json({"tables": [asdict(one) for one in done]})
        return
    for one in done:
        rows = "" if one.rows is None else f", {one.rows:,} rows"
        screens.out.print(f"{one.table}: {one.fault}; made again{rows}.", highlight=False)
    if not done:
        screens.out.print("Nothing is damaged: every table is what the ledger says.")


@app.command(rich_help_panel="Mend", epilog="Example: `ecomm maintain`")
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
        print_json({"tables": [asdict(one) for one in done]})
        return
    for one in done:
        if one.before != one.after or one.deleted:
            told_of = f"{one.table}: {one.before:,} files are {one.after:,}; {one.deleted:,} old ones deleted"
            screens.out.print(told_of, markup=False, soft_wrap=True)
    screens.out.print(f"Maintained {len(done)} tables.")
