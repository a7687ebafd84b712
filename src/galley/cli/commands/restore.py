"""``galley restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galley.cli import options, screen
from galley.cli.commands.backup import described, facts
from galley.cli.lazy import app_of
from galley.cli.transfer import transfer


def restore(
    backup: Annotated[Path, typer.Argument(help="What `galley backup` wrote.")],
    home: Annotated[Path, typer.Argument(help="The home's folder: new, or empty.")],
    as_json: options.Json = False,
) -> None:
    """Make a home from a backup; every file is checked first, and nothing is written over.

    GALLEY_DATABASE and GALLEY_WAREHOUSE (or `warehouse:` of the project here) say where its state
    and its tables go, if not into its folder; both must be empty. The database may be another one
    than before: SQLite or PostgreSQL.
    """
    from galley import bootstrap
    from galley.environments.packing import Unpack
    from galley.environments.restoring import restore as restored

    with transfer("restoring") as progress, Unpack(backup) as source:
        made = restored(source, bootstrap.empty_home(home.resolve()), progress)
    if as_json:
        screen.print_json(facts(made, home.absolute()))
    else:
        typer.echo(f"{home}: {described(made)}, as of {made.made}")


app = app_of(restore)
