"""``galley deploy``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.inspect import Facts
from galley.environments.inspect_versions import deploy_facts
from galley.environments.versions import SHORT, parcel
from galley.environments.versions import deploy as register

LONGEST_MESSAGE = 2000


def deploy(
    ref: Annotated[
        str | None,
        typer.Option(
            "--in",
            metavar="KITCHEN",
            autocompletion=complete.refs,
            help="The kitchen that is to work with it. Default: GALLEY_REF, or your kitchen.",
        ),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", metavar="TEXT", help="What it is, in a few words."),
    ] = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Register these files as a version of the project, and give it to a kitchen.

    A version never changes; the same files again are the same version. Servers that have no folder
    of the project work with it in that kitchen. Only a promotion activates it elsewhere.
    """
    session = open_session(project)
    said = (message or "")[:LONGEST_MESSAGE] or None
    wanted = parcel(session.home, session.manifest, session.checkout, said)
    with session.home.database.write() as connection:
        done = register(connection, session.home, wanted, session.ref_name(ref))
        facts = deploy_facts(connection, session.home, session.project, done)
    if as_json:
        screen.print_json(facts)
        return
    print_deployed(facts)


def print_deployed(facts: Facts) -> None:
    """What a deploy did, for people."""
    for warning in facts["warnings"]:
        screen.note(f"! {warning}")
    console = screen.out()
    said = "is deployed to" if facts["new"] else "was registered already; it is deployed to"
    screen.say(console, f"✓ version {facts['short']} {said} {facts['ref']}", "green")
    made = f"{words.plural(facts['steps'], 'step')}, {words.plural(facts['files'], 'file')}"
    screen.say(console, f"  {made}{git_words(facts)}")
    if facts["before"] not in (None, facts["version"]):
        screen.say(console, f"  before it {facts['ref']} had {facts['before'][:SHORT]}")
    screen.say(console, f"  activate it: galley promote --version {facts['short']}", "cyan")


def git_words(facts: Facts) -> str:
    """The git commit of a version, as a line goes on."""
    commit = facts["git_commit"]
    if commit is None:
        return ""
    return f" · git {commit[:12]}{' with changes' if facts['dirty'] else ''}"


app = app_of(deploy)
