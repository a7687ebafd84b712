"""``galley server``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from galley.cli import options, screen
from galley.cli.lazy import new_app
from galley.cli.service import needs_server, stopping, tell_what_happens
from galley.cli.session import open_home_here

app = new_app(invoke_without_command=True)


@app.callback()
def server(
    context: typer.Context,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on. Others need worker tokens.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes any.")
    ] = 7878,
    slots: Annotated[int, typer.Option("--slots", min=0, help="Worker processes of its own.")] = 0,
    certificate: Annotated[
        Path | None, typer.Option("--tls-cert", help="A certificate (PEM), for TLS.")
    ] = None,
    certificate_key: Annotated[
        Path | None, typer.Option("--tls-key", help="The certificate's key (PEM).")
    ] = None,
    lease: Annotated[
        float,
        typer.Option("--lease", min=1, help="Seconds for which a claim stands without heartbeat."),
    ] = 20.0,
    project: options.Project = None,
) -> None:
    """Work on the runs of a home or database, with workers that call over HTTP.

    With PostgreSQL (GALLEY_DATABASE) any number of servers share the work. SIGTERM stops it; what
    workers have under way goes on and is taken in by the next server.
    """
    if context.invoked_subcommand is not None:
        return
    with needs_server():
        from galley.server.host import Server, Serving

    serving = Serving(
        host=host,
        port=port,
        slots=slots,
        token=os.environ.get("GALLEY_WORKER_TOKEN") or None,
        certificate=str(certificate) if certificate else None,
        certificate_key=str(certificate_key) if certificate_key else None,
        lease=int(lease * 1_000_000),
    )
    tell_what_happens()
    found = Server(open_home_here(project), serving)
    with stopping() as stop:
        typer.echo(f"listening on {found.url}")
        found.run(stop)


@app.command()
def token(project: options.Project = None, as_json: options.Json = False) -> None:
    """Make a token with which workers may join. It is shown once; only its digest is kept."""
    from galley.runs.credentials import new_join_token

    home = open_home_here(project)
    with home.database.write() as connection:
        made = new_join_token(connection, home.actor.name, home.clock())
    if as_json:
        screen.print_json({"token": made})
    else:
        typer.echo(made)
