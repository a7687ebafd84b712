"""``galley kitchen`` and its nouns."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import new_app
from galley.cli.session import open_session
from galley.environments.inspect import Facts, ref_facts
from galley.environments.kitchens import close as delete
from galley.environments.kitchens import full_name, open_own
from galley.errors import UsageError
from galley.lake import refs
from galley.lake.model import PRODUCTION, RefKind

app = new_app(invoke_without_command=True)

Name = Annotated[
    str, typer.Argument(metavar="NAME", autocompletion=complete.refs, help="The kitchen's name.")
]


@app.callback()
def kitchen(
    context: typer.Context, project: options.Project = None, as_json: options.Json = False
) -> None:
    """List the kitchens and environments. A kitchen is a branch of the data: it costs nothing."""
    if context.invoked_subcommand is not None:
        return
    session = open_session(project)
    session.ensure()
    kinds = (RefKind.ENVIRONMENT, RefKind.KITCHEN, RefKind.TAG)
    with session.home.database.read() as connection:
        found = refs.list_refs(connection, session.project, kinds)
        facts = [ref_facts(connection, ref) for ref in found]
    tell(session.project, facts, as_json=as_json)


def tell(project: str, facts: list[Facts], *, as_json: bool) -> None:
    """Refs as JSON, or as a table."""
    if as_json:
        screen.print_json({"project": project, "refs": facts})
        return
    rows = [
        (
            one["ref"],
            words.short(one["head"]),
            one["owner"],
            str(one["behind"]) if one["kind"] == "kitchen" else "",
            words.when(one["expires"]) or "never",
            f"held: {', '.join(one['held'])}" if one["held"] else "",
        )
        for one in facts
    ]
    screen.table(("ref", "commit", "owner", "behind", "expires", ""), rows, right=("behind",))


@app.command("open")
def open_(name: Name, project: options.Project = None, as_json: options.Json = False) -> None:
    """Open a kitchen: a branch of production's data, at once, whatever its size."""
    session = open_session(project)
    session.ensure()
    with session.home.database.write() as connection:
        actor, now = session.home.actor, session.now()
        ref, created = open_own(connection, session.project, name, actor, now)
        facts = {**ref_facts(connection, ref), "created": created}
    tell_opened(facts, as_json=as_json)


def tell_opened(facts: Facts, *, as_json: bool) -> None:
    """A kitchen that is open."""
    if as_json:
        screen.print_json(facts)
        return
    full, made = facts["ref"], facts["created"]
    said = f"is open, from {facts['base'] and PRODUCTION}" if made else "was open already"
    console = screen.out()
    console.print(f"✓ {full} {said}", style="green", markup=False)
    console.print(f"  work in it: export GALLEY_REF={full}", style="cyan", markup=False)


@app.command()
def close(
    name: Name,
    yes: options.Yes = False,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Close a kitchen; what was promoted from it stays."""
    session = open_session(project)
    full = full_name(name)
    with session.home.database.read() as connection:
        ref = refs.get_ref(connection, session.project, full)
    confirm(full, ref.owner, yes=yes or as_json)
    with session.home.database.write() as connection:
        delete(connection, ref, session.home.actor, session.now())
    tell_closed(full, as_json=as_json)


def confirm(full: str, owner: str, *, yes: bool) -> None:
    """Ask whether a kitchen is to be closed. Raises UsageError where nobody can be asked."""
    if not screen.confirmed(f"Close {full} of {owner}?", yes=yes, refusal=_unasked):
        raise typer.Exit(1)


def tell_closed(full: str, *, as_json: bool) -> None:
    """A kitchen that is closed."""
    if as_json:
        screen.print_json({"ref": full, "closed": True})
        return
    screen.out().print(f"✓ {full} is closed", style="green", markup=False)


def _unasked() -> UsageError:
    return UsageError("there is no terminal to ask on; nothing was changed", hint="--yes")
