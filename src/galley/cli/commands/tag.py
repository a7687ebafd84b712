"""``galley tag``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.tagging import tag as give


def tag(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tag's name.")],
    at: options.At = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Give a state of the data a lasting name: read it with `--at tag/NAME` for ever."""
    session = open_session(project)
    target = session.target(at, quiet=as_json)
    with session.home.database.write() as connection:
        made = give(connection, session.home, session.project, name, target.commit)
    tell({"tag": made.name, "ref": target.ref, "commit": made.head}, as_json=as_json)


def tell(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """A state that has a name now."""
    if as_json:
        screen.print_json(facts)
        return
    text = f"✓ {facts['tag']} is commit {words.short(facts['commit'])}"
    screen.out().print(text, style="green", markup=False)


app = app_of(tag)
