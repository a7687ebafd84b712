"""``galley kitchen`` and its nouns."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import new_app
from galley.cli.session import open_session
from galley.environments.inspect import ref_facts
from galley.environments.kitchens import PREFIX, open_ref
from galley.environments.kitchens import close as delete
from galley.errors import ConflictError, UsageError
from galley.lake import refs
from galley.lake.model import RefKind

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
    if as_json:
        screen.print_json({"project": session.project, "refs": facts})
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
    full = _full(name)
    with session.home.database.write() as connection:
        taken = refs.find_ref(connection, session.project, full)
        if taken is not None and taken.owner != session.home.actor.name:
            raise ConflictError(
                f"{full} is taken by {taken.owner}", hint="choose another name, or ask its owner"
            )
        ref = open_ref(connection, session.project, full, session.home.actor, session.now())
        facts = ref_facts(connection, ref)
    if as_json:
        screen.print_json({**facts, "created": taken is None})
        return
    said = "was open already" if taken else f"is open, from {facts['base'] and ref.fork_ref}"
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
    full = _full(name)
    with session.home.database.read() as connection:
        ref = refs.get_ref(connection, session.project, full)
    question = f"Close {full} of {ref.owner}?"
    if not screen.confirmed(question, yes=yes or as_json, refusal=_unasked):
        raise typer.Exit(1)
    with session.home.database.write() as connection:
        delete(connection, ref, session.home.actor, session.now())
    if as_json:
        screen.print_json({"ref": full, "closed": True})
        return
    screen.out().print(f"✓ {full} is closed", style="green", markup=False)


def _full(name: str) -> str:
    return name if name.startswith(PREFIX) else f"{PREFIX}{name}"


def _unasked() -> UsageError:
    return UsageError("there is no terminal to ask on; nothing was changed", hint="--yes")
