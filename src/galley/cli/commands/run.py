"""``galley run``."""

from __future__ import annotations

import typer

from galley.cli import options
from galley.cli.lazy import app_of
from galley.cli.warming import warm_pool


def run(
    pipeline: options.Pipeline = None,
    ref: options.In = None,
    select: options.Select = None,
    window: options.Window = None,
    var: options.Var = None,
    rebuild: options.Rebuild = None,
    priority: options.Priority = 0,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Run a pipeline: its steps are staged, tested and published together, or not at all.

    A kitchen that is new is opened from production. Ctrl-C asks the run to stop; twice leaves at
    once.
    """
    with warm_pool(project) as pool:
        # The workers load their libraries while these are imported.
        from galley.cli.driving import drive
        from galley.cli.session import open_session
        from galley.cli.wishes import wish_for
        from galley.environments.launch import launch, prepare

        session = open_session(project)
        manifest = session.runnable(ref)
        wish = wish_for(session, manifest, pipeline, ref, select, window, var, rebuild, priority)
        with session.home.database.write() as connection:
            wanted = prepare(connection, session.home, manifest, session.checkout, wish)
            queued = launch(connection, session.home, wanted)
        session.tell(wanted.ref)
        status = drive(session, pool, queued, as_json=as_json)
    raise typer.Exit(status)


app = app_of(run)
