"""``galley release``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.rollback import release_held
from galley.lake.model import PRODUCTION


def release(
    pipeline: Annotated[
        str,
        typer.Argument(
            metavar="PIPELINE", autocompletion=complete.pipelines, help="The pipeline that is held."
        ),
    ],
    ref: Annotated[
        str,
        typer.Option("--in", metavar="REF", autocompletion=complete.refs, help="Where it is held."),
    ] = PRODUCTION,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Let a pipeline publish again that a rollback holds."""
    session = open_session(project)
    with session.home.database.write() as connection:
        count = release_held(connection, session.home, session.project, ref, pipeline)
    tell({"ref": ref, "pipeline": pipeline, "released": count}, as_json=as_json)


def tell(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """A pipeline that may publish again."""
    if as_json:
        screen.print_json(facts)
        return
    lifted = f"{words.plural(facts['released'], 'hold')} lifted"
    text = f"✓ {facts['pipeline']} may publish to {facts['ref']} again ({lifted})"
    screen.out().print(text, style="green", markup=False)


app = app_of(release)
