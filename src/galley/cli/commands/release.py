"""``galley release``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.rollback import release as lift
from galley.errors import NotFoundError
from galley.lake import refs, withdrawals
from galley.lake.model import PRODUCTION
from galley.lake.names import nearest


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
        refs.get_ref(connection, session.project, ref)
        held = [hold.pipeline for hold in withdrawals.holds(connection, session.project, ref)]
        if pipeline not in held:
            meant = nearest(pipeline, held)
            raise NotFoundError(
                f"{pipeline} is not held from publishing to {ref}",
                hint=f"did you mean {meant}?" if meant else None,
            )
        count = lift(connection, session.home, session.project, ref, pipeline)
    if as_json:
        screen.print_json({"ref": ref, "pipeline": pipeline, "released": count})
        return
    text = f"✓ {pipeline} may publish to {ref} again ({words.plural(count, 'hold')} lifted)"
    screen.out().print(text, style="green", markup=False)


app = app_of(release)
