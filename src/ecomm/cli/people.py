"""The command that forgets customers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ecomm import settings as configuration
from ecomm.cli.door import Config, EngineName, Json, Landing, Remote, WarehouseDir, app, print_json, reason_in
from ecomm.errors import UsageError
from ecomm.settings import Settings

group = typer.Typer(
    help="Erase what tells about a customer from tables, archive and what comes later: `ecomm forget customer ID`.",
    invoke_without_command=True,
    epilog="Examples: `ecomm forget customer C0042 --why 'request of 1 March'`, `ecomm forget --list`",
)
app.add_typer(group, rich_help_panel="Mend", name="forget")


@group.callback()
def listing(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--list", help="Who is forgotten, since when and why.")] = False,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Erase what tells about a customer from tables, archive and what comes later: `ecomm forget customer ID`."""
    if context.invoked_subcommand is not None:
        return
    if not show:
        raise UsageError(
            "say whom: `ecomm forget customer ID --why ...`; `ecomm forget --list` shows who is forgotten."
        )
    from ecomm import forget, screens

    found = forget.listed(configuration.load(config, landing=landing, warehouse=warehouse))
    if as_json:
        print_json({"forgotten": [asdict(one) for one in found]})
    else:
        screens.forgotten(found)


@group.command(
    epilog="Examples: `ecomm forget customer C0042 --why 'request of 1 March'`, "
    "`ecomm forget customer C0042 C0043 --why '...' --search ~/exports`"
)
def customer(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="The customers, by their ids.")],
    why: Annotated[str, typer.Option("--why", help="The reason, kept in the ledger; name no person in it.")],
    lift: Annotated[bool, typer.Option("--lift", help="Keep again what comes later of them.")] = False,
    replace_ids: Annotated[
        bool, typer.Option("--replace-id", help="Replace the ids too; e-mail addresses and the like always are.")
    ] = False,
    search: Annotated[
        list[Path] | None, typer.Option("--search", help="A further folder to look for files with something of them.")
    ] = None,
    landing: Landing = None,
    warehouse: WarehouseDir = None,
    config: Config = None,
    engine: EngineName = None,
    remote: Remote = None,
    as_json: Json = False,
) -> None:
    """Erase what tells about customers. It cannot be undone; ids stay, so that sums do, unless they are personal."""
    settings = configuration.load(config, landing=landing, warehouse=warehouse, engine=engine, remote=remote)
    reason = reason_in(why)
    for folder in search or ():
        if not folder.is_dir():
            raise UsageError(f"--search {folder}: there is no such folder.")
    if lift:
        _lift(settings, ids, reason, as_json)
        return
    from ecomm import forget, screens

    with screens.progress(hidden=as_json) as told:
        done = forget.forget(settings, ids, reason, replace_ids=replace_ids, search=search or (), listener=told)
    if as_json:
        said = asdict(done.done)
        print_json({"receipt": done.receipt, **{name: said[name] for name in ("customers", "records", "done", "left")}})
    else:
        screens.erased(done)


def _lift(settings: Settings, ids: list[str], reason: str, as_json: bool) -> None:
    from ecomm import forget, screens

    lifted = forget.lift(settings, ids, reason)
    if as_json:
        print_json({"lifted": lifted})
    else:
        screens.out.print(f"What comes later of {', '.join(lifted)} is kept again.", markup=False)
