"""``galley resume``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.warming import warm_pool


def resume(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            autocompletion=complete.runs,
            help="A run that stopped or is paused. Default: the last one.",
            show_default=False,
        ),
    ] = None,
    same_code: Annotated[
        bool, typer.Option("--same-code", help="Run the code that it had, not the present one.")
    ] = False,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Go on with a run that stopped: what it staged and proved is taken over.

    Windows, variables and selection stay. In a kitchen the present code runs, so that a fix counts.
    """
    with warm_pool(project) as pool:
        # The workers load their libraries while these are imported.
        from galley.cli.driving import drive
        from galley.cli.session import open_session
        from galley.environments import resume as resuming
        from galley.environments.inspect_runs import find_run

        session = open_session(project)
        with session.home.database.read() as connection:
            found = (
                find_run(connection, session.project, run)
                if run
                else resuming.find_resumable(connection, session.project)
            )
        code = None if same_code else (session.manifest, session.checkout)
        with session.home.database.write() as connection:
            queued = (
                resuming.resume(connection, session.home, *code, found)
                if code
                else resuming.resume_same(connection, session.home, found)
            )
        screen.note(f"run {words.short(queued.id)} goes on where {words.short(found.id)} stopped")
        status = drive(session, pool, queued, as_json=as_json)
    raise typer.Exit(status)


app = app_of(resume)
