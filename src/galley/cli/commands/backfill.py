"""``galley backfill``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from galley.cli import options
from galley.cli.lazy import app_of
from galley.cli.warming import warm_pool

BATCH = 31


def backfill(
    pipeline: options.Pipeline = None,
    ref: options.In = None,
    window: options.Window = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="How many windows one run makes.")
    ] = BATCH,
    atomic: Annotated[
        bool, typer.Option("--atomic", help="Publish all windows at once, or none.")
    ] = False,
    select: options.Select = None,
    var: options.Var = None,
    rebuild: options.Rebuild = None,
    priority: options.Priority = 0,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Make every window that is missing or stale, in batches that are published one by one.

    Windows that are there stay; what fails can be asked for again, and only that is made. With
    --atomic nothing is to be seen before all of it is made and tested as a whole.
    """
    with warm_pool(project) as pool:
        # The workers load their libraries while these are imported.
        from galley.cli.driving import drive
        from galley.cli.session import open_session
        from galley.cli.wishes import wish_for
        from galley.environments.launch import launch, prepare
        from galley.runs.model import RunCause

        session = open_session(project)
        manifest = session.runnable(ref)
        wish = wish_for(session, manifest, pipeline, ref, select, window, var, rebuild, priority)
        wish = replace(wish, batch=batch, atomic=atomic, cause=RunCause.BACKFILL)
        with session.home.database.write() as connection:
            wanted = prepare(connection, session.home, manifest, session.checkout, wish)
            queued = launch(connection, session.home, wanted)
        session.tell(wanted.ref)
        status = drive(session, pool, queued, as_json=as_json)
    raise typer.Exit(status)


app = app_of(backfill)
