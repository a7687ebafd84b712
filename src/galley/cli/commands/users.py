"""``galley users``, for a server that others reach."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from galley.cli import options, screen
from galley.cli.lazy import new_app
from galley.cli.session import open_home_here
from galley.environments.inspect import Facts
from galley.environments.inspect_identity import user_facts
from galley.governance import accounts
from galley.governance.identity import checked_role

app = new_app(invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]
RoleText = Annotated[
    str, typer.Option("--role", help="viewer, engineer, operator, admin or worker.")
]


@app.callback()
def users(
    context: typer.Context, project: options.Project = None, as_json: options.Json = False
) -> None:
    """List the users of this home's servers. Servers that only this machine reaches need none."""
    if context.invoked_subcommand is not None:
        return
    home = open_home_here(project)
    with home.database.read() as connection:
        facts = [user_facts(one) for one in accounts.users(connection)]
    show(facts, as_json=as_json)


def show(facts: list[Facts], *, as_json: bool) -> None:
    """The users as JSON, or as a table."""
    if as_json:
        screen.print_json({"users": facts})
        return
    columns = ("user", "role", "state", "teams")
    rows = [(one["user"], one["role"], one["state"], ", ".join(one["teams"])) for one in facts]
    screen.table(columns, rows)


@app.command()
def add(
    name: Name,
    role: RoleText = "viewer",
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Add a user and print a one-time secret with which they choose a password."""
    home = open_home_here(project)
    with home.database.write() as connection:
        now = home.clock()
        made = accounts.add_user(connection, name, checked_role(role), by=home.actor, now=now)
        link = accounts.new_link(connection, name, by=home.actor, now=now)
    tell_link({**user_facts(made), "link": link}, as_json=as_json)


@app.command()
def link(name: Name, project: options.Project = None, as_json: options.Json = False) -> None:
    """Print a new one-time secret for a user who has no password, or forgot it."""
    home = open_home_here(project)
    with home.database.write() as connection:
        made = accounts.new_link(connection, name, by=home.actor, now=home.clock())
        found = accounts.find_user(connection, name)
    tell_link({**user_facts(found), "link": made}, as_json=as_json)


@app.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role from now on.")],
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Give a user another role. Their tokens may no more than it from now on."""
    _change(project, name, as_json=as_json, role=checked_role(role))


@app.command()
def disable(name: Name, project: options.Project = None, as_json: options.Json = False) -> None:
    """Shut a user out at once: their sessions, links and tokens end."""
    _change(project, name, as_json=as_json, disabled=True)


@app.command()
def enable(name: Name, project: options.Project = None, as_json: options.Json = False) -> None:
    """Let a user in again, with the password they had. Their tokens stay revoked."""
    _change(project, name, as_json=as_json, disabled=False)


def _change(project: options.Project, name: str, *, as_json: bool, **how: Any) -> None:
    home = open_home_here(project)
    with home.database.write() as connection:
        found = accounts.change_user(connection, name, by=home.actor, now=home.clock(), **how)
    tell_changed(user_facts(found), as_json=as_json)


def tell_changed(facts: Facts, *, as_json: bool) -> None:
    """A user as they are now."""
    if as_json:
        screen.print_json(facts)
        return
    text = f"✓ {facts['user']}: {facts['role']}, {facts['state']}"
    screen.out().print(text, style="green", markup=False)


def tell_link(facts: Facts, *, as_json: bool) -> None:
    """A user and their one-time secret."""
    if as_json:
        screen.print_json(facts)
        return
    user, link = facts["user"], facts["link"]
    screen.note(f"{user} opens SERVER/welcome#{link} and chooses a password; once, in 3 days")
    typer.echo(link)
