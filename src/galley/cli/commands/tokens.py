"""``galley tokens``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import options, screen, words
from galley.cli.lazy import new_app
from galley.cli.session import open_home_here
from galley.environments.inspect import Facts
from galley.environments.inspect_identity import token_facts
from galley.governance import accounts, tokens
from galley.governance.identity import checked_role

app = new_app(invoke_without_command=True)


@app.callback()
def list_tokens(
    context: typer.Context, project: options.Project = None, as_json: options.Json = False
) -> None:
    """List the tokens of machines and command lines; their secrets are kept nowhere."""
    if context.invoked_subcommand is not None:
        return
    home = open_home_here(project)
    with home.database.read() as connection:
        facts = [token_facts(one, home.clock()) for one in tokens.tokens(connection)]
    show(facts, as_json=as_json)


def show(facts: list[Facts], *, as_json: bool) -> None:
    """The tokens as JSON, or as a table."""
    if as_json:
        screen.print_json({"tokens": facts})
        return
    columns = ("token", "name", "user", "role", "state", "expires", "last used")
    rows = [
        (
            one["token"],
            one["name"],
            one["user"],
            one["role"],
            one["state"],
            words.when(one["expires"]),
            words.when(one["used"]) or "never",
        )
        for one in facts
    ]
    screen.table(columns, rows)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    user: Annotated[
        str | None, typer.Option("--user", help="Whose it is. Default: the home's owner.")
    ] = None,
    role: Annotated[str, typer.Option("--role", help="The most that it may.")] = "viewer",
    days: Annotated[int, typer.Option("--days", help="How long it lives, at most 366.")] = 90,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Make a token. It is shown once; only its digest is kept."""
    home = open_home_here(project)
    with home.database.write() as connection:
        owner = accounts.find_user(connection, user).name if user else home.actor.name
        made, secret = tokens.new_token(
            connection, owner, name, checked_role(role), days, by=home.actor, now=home.clock()
        )
    tell_made({**token_facts(made, home.clock()), "secret": secret}, as_json=as_json)


def tell_made(facts: Facts, *, as_json: bool) -> None:
    """A new token: the one time that its secret is shown."""
    if as_json:
        screen.print_json(facts)
        return
    typer.echo(facts["secret"])


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id.")],
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """End a token at once."""
    home = open_home_here(project)
    with home.database.write() as connection:
        ended = tokens.revoke(connection, token, by=home.actor, now=home.clock())
    tell_revoked(token_facts(ended, home.clock()), as_json=as_json)


def tell_revoked(facts: Facts, *, as_json: bool) -> None:
    """A token that has ended."""
    if as_json:
        screen.print_json(facts)
        return
    screen.out().print(f"✓ {facts['name']} is revoked", style="green", markup=False)
