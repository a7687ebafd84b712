"""``galley backup``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_home_here
from galley.cli.transfer import transfer

if TYPE_CHECKING:
    from galley.environments.backup import Backup

TAR = ".tar"


def backup(
    target: Annotated[
        Path, typer.Argument(help="A new folder, or a new file whose name ends in .tar.")
    ],
    copy: Annotated[
        bool,
        typer.Option("--copy", help="Copy files into a folder where links would do."),
    ] = False,
    logs: Annotated[
        bool, typer.Option("--logs", help="Take along what the steps printed.")
    ] = False,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Write everything of a home, as of one moment, to a folder or a file; work goes on meanwhile.

    It holds the state, the code, and every file of the tables that the state refers to. Of tables
    in an object store it holds only the list. It holds what secrets the state has: keep it as safe
    as the home. Nothing is collected until it is done.
    """
    from galley.environments.backup import Wish, back_up

    home = open_home_here(project)
    wish = Wish(target.absolute(), tar=target.suffix == TAR, link=not copy, logs=logs)
    with transfer("backing up") as progress:
        made = back_up(home, wish, progress)
    if as_json:
        screen.print_json(facts(made, wish.target))
        return
    typer.echo(f"{target}: {described(made)}")
    if made.objects:
        count = words.plural(len(made.objects), "object")
        screen.note(
            f"{count} of tables stay in {made.warehouse} and are only listed: let the bucket keep "
            "old versions, or copy it too"
        )


def facts(made: Backup, place: Path) -> dict[str, Any]:
    """A backup for programs."""
    return {
        "path": str(place),
        "made": made.made,
        "galley": made.galley,
        "database": made.database,
        "warehouse": made.warehouse,
        "rows": sum(made.tables.values()),
        "files": len(made.files),
        "bytes": made.bytes,
        "objects": len(made.objects),
    }


def described(made: Backup) -> str:
    """A backup in one line."""
    rows = f"{sum(made.tables.values()):,} rows of state"
    return f"{rows}, {words.plural(len(made.files), 'file')}, {words.size(made.bytes)}"


app = app_of(backup)
