"""``galley teams``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import typer

from galley.cli import options, screen
from galley.cli.lazy import new_app
from galley.cli.session import open_home_here
from galley.environments.inspect import Facts
from galley.governance import accounts

app = new_app(invoke_without_command=True)


@app.callback()
def teams(
    context: typer.Context, project: options.Project = None, as_json: options.Json = False
) -> None:
    """List the teams and who is in them."""
    if context.invoked_subcommand is not None:
        return
    home = open_home_here(project)
    with home.database.read() as connection:
        found = accounts.teams(connection)
    facts = [{"team": name, "members": list(members)} for name, members in found.items()]
    show(facts, as_json=as_json)


def show(facts: list[Facts], *, as_json: bool) -> None:
    """The teams as JSON, or as a table."""
    if as_json:
        screen.print_json({"teams": facts})
        return
    screen.table(("team", "members"), [(one["team"], ", ".join(one["members"])) for one in facts])


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(metavar="TEAM", help="The team's name.")],
    members: Annotated[
        list[str] | None, typer.Argument(metavar="[USER]...", help="All its members.")
    ] = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Make a team, or replace its members."""
    home = open_home_here(project)
    with home.database.write() as connection:
        now = home.clock()
        kept = accounts.set_team(connection, name, tuple(members or ()), by=home.actor, now=now)
    tell(name, kept, as_json=as_json)


def tell(name: str, kept: Collection[str], *, as_json: bool) -> None:
    """A team as it is now."""
    if as_json:
        screen.print_json({"team": name, "members": list(kept)})
        return
    text = f"✓ {name}: {', '.join(kept) or 'nobody'}"
    screen.out().print(text, style="green", markup=False)
