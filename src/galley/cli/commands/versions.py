"""``galley versions``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import options, screen, words
from galley.cli.commands.deploy import git_words
from galley.cli.lazy import new_app
from galley.cli.session import open_session
from galley.environments.inspect import Facts
from galley.environments.inspect_versions import version_facts, versions_facts
from galley.environments.versions import find_version, page

app = new_app(invoke_without_command=True)
SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@app.callback()
def versions(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many.")] = 20,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """List the versions that were deployed or promoted, newest first."""
    if context.invoked_subcommand is not None:
        return
    session = open_session(project)
    with session.home.database.read() as connection:
        found = page(connection, session.project, limit=limit)
        facts = versions_facts(connection, session.project, found)
    if as_json:
        screen.print_json({"project": session.project, "versions": facts})
        return
    print_versions(facts)


@app.command()
def show(
    version: Annotated[
        str,
        typer.Argument(metavar="VERSION", help="A version, by the beginning of its id, or `last`."),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="VERSION|REF",
            help="Say what changed since another one, or since what works in a ref.",
        ),
    ] = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Show a version: its pipelines, its files, where it works."""
    session = open_session(project)
    with session.home.database.read() as connection:
        id = find_version(connection, session.project, version)
        facts = version_facts(connection, session.home, session.project, id, against)
    if as_json:
        screen.print_json(facts)
        return
    print_version(facts)


def print_versions(facts: list[Facts]) -> None:
    """Versions as a table."""
    rows = [
        (
            one["short"],
            words.when(one["created"]),
            one["actor"],
            git_words(one).removeprefix(" · git "),
            ", ".join([*(f"active in {name}" for name in one["active_in"]), *one["deployed_in"]]),
            one["message"] or "",
        )
        for one in facts
    ]
    screen.table(("version", "when", "who", "git", "where", "message"), rows, wrap=("where",))


def print_version(facts: Facts) -> None:
    """One version, for people."""
    console = screen.out()
    screen.say(console, f"{facts['project']} {facts['short']}{git_words(facts)}", "bold")
    screen.say(console, f"{facts['actor']}, {words.when(facts['created'])}")
    if facts["message"]:
        screen.say(console, facts["message"])
    for name in facts["active_in"]:
        screen.say(console, f"active in {name}", "green")
    if facts["deployed_in"]:
        screen.say(console, f"deployed to {', '.join(facts['deployed_in'])}")
    console.print()
    for one in facts["pipelines"]:
        screen.say(console, f"{one['name']}: {', '.join(one['steps'])}")
    if (changes := facts["changes"]) is not None:
        steps = ", ".join(f"{SIGNS[one['change']]}{one['step']}" for one in changes["steps"])
        console.print()
        screen.say(console, f"since {changes['against'][:12]}: {steps or 'no step changed'}")
    console.print()
    for one in facts["contents"]:
        screen.say(console, f"{one['sha256'][:12]}  {one['path']}")
