"""The application, the options that many commands have, and how they answer."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecomm import logs
from ecomm import settings as configuration
from ecomm.errors import UsageError

if TYPE_CHECKING:
    from ecomm.masks import Masks
    from ecomm.progress import Listener
    from ecomm.transaction import Outcome
    from ecomm.warehouse import Warehouse

app = typer.Typer(
    name="ecomm",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A shop's files become trusted tables: validated, versioned, one transaction a batch.",
    epilog="Exit codes: 0 ok, 1 failed, 2 wrong use, 3 held, 4 locked by another run.",
)

Landing = Annotated[Path | None, typer.Option("--landing", "-l", help="The folder where files arrive.")]
WarehouseDir = Annotated[Path | None, typer.Option("--warehouse", "-w", help="The folder that holds the tables.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="The settings file; default ./ecomm.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many rows to show.")]
EngineName = Annotated[str | None, typer.Option("--engine", "-e", help="What computes: sail (default) or spark.")]
Remote = Annotated[str | None, typer.Option("--remote", help="A running Spark Connect server: sc://host:port.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show personal values.")]
Batch = Annotated[str | None, typer.Option("--batch", help="This batch only.")]

flags = {"verbose": 0}


@app.callback()
def _everywhere(
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            help="Log each step, and show where an error came up; -vv: with the words of libraries, which may hold "
            "values of records.",
        ),
    ] = 0,
) -> None:
    flags["verbose"] = verbose
    os.umask(0o077)  # what is made is for this user; an access control list on a folder opens it to others
    logs.configure(logging.DEBUG if verbose else logging.WARNING, whole=verbose > 1)


def published(config: Path | None, warehouse: Path | None) -> Warehouse:
    """The published tables that these options name."""
    from ecomm.warehouse import Warehouse

    return Warehouse(configuration.load(config, warehouse=warehouse).warehouse)


def published_and_masks(config: Path | None, warehouse: Path | None, *, reveal: bool) -> tuple[Warehouse, Masks]:
    """The published tables that these options name, and how their values are shown."""
    from ecomm.masks import masks_of
    from ecomm.session import sources_of
    from ecomm.warehouse import Warehouse

    settings = configuration.load(config, warehouse=warehouse)
    tables = Warehouse(settings.warehouse)
    return tables, masks_of(tables.path, sources_of(settings), reveal=reveal)


def say_if_hidden(shown: Any) -> None:
    """Say how to see what is masked, if anything is."""
    from ecomm.masks import MASK

    if MASK in str(shown):
        sys.stdout.flush()
        typer.echo("ecomm: personal values are masked; --reveal shows them.", err=True)


def print_json(value: Any) -> None:
    """Say it to a machine."""
    from ecomm import screens

    print(json.dumps(screens.plain(value), ensure_ascii=False, indent=2))


def listener_for(as_json: bool) -> Listener:
    """What a person sees while tasks end; machines wait for the end."""
    from ecomm import screens
    from ecomm.progress import silent

    return silent if as_json else screens.task


def print_outcomes(outcomes: Sequence[Outcome], as_json: bool) -> int:
    """Say what became of batches; the exit code of them all."""
    from ecomm import screens

    if as_json:
        print_json({"batches": [o.summary() for o in outcomes]})
    else:
        for outcome in outcomes:
            screens.outcome(outcome)
        if not outcomes:
            screens.out.print("Nothing is pending.")
    return exit_code(outcomes)


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """1 if one failed, else 3 if one is held, else 0."""
    codes = {o.exit_code for o in outcomes}
    return 1 if codes - {0, 3} else 3 if 3 in codes else 0


def reason_in(why: str) -> str:
    """What --why says. Raises UsageError if it says nothing."""
    if not why.strip():
        raise UsageError("--why is empty; say in a few words why, for those who come after you.")
    return why.strip()
