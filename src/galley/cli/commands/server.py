"""``galley server``."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from galley.cli import options, screen
from galley.cli.lazy import new_app
from galley.cli.service import check_server, stopping, tell_first_link, tell_what_happens
from galley.cli.session import open_home_here
from galley.errors import UnavailableError
from galley.server.front import PORT, Address, Front

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
    api_host: Annotated[
        str, typer.Option("--api-host", help="Where the REST API listens. Others need --identity.")
    ] = "127.0.0.1",
    api_port: Annotated[
        int | None,
        typer.Option(
            "--api-port", min=0, max=65535, help="Its port. Default: 8642, or any if that is taken."
        ),
    ] = None,
    api: Annotated[
        bool, typer.Option("--api/--no-api", help="Whether to serve the REST API too.")
    ] = True,
    identity: Annotated[
        bool,
        typer.Option("--identity", help="The API's callers log in or show tokens, also from here."),
    ] = False,
    behind_tls: Annotated[
        bool, typer.Option("--behind-tls", help="A proxy before the API speaks TLS with browsers.")
    ] = False,
    log_format: options.LogFormat = None,
    project: options.Project = None,
) -> None:
    """Work on the runs of a home or database, with workers that call over HTTP.

    With PostgreSQL (GALLEY_DATABASE) any number of servers share the work. SIGTERM stops it; what
    workers have under way goes on and is taken in by the next server.
    """
    if context.invoked_subcommand is not None:
        return
    check_server()
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
    tell_what_happens(log_format)
    home = open_home_here(project)
    found = Server(home, serving)
    address = Address(
        api_host,
        PORT if api_port is None else api_port,
        serving.certificate,
        serving.certificate_key,
        identity,
        behind_tls,
    )
    make = partial(Front, home=home.path, folder=None, slots=slots)
    front = _front(make, address, any_port=api_port is None) if api else nullcontext()
    with stopping() as stop, front as served:
        if served is not None:
            typer.echo(f"API at {served.url}")
            tell_first_link(home, served.url, identity=identity)
        typer.echo(f"listening on {found.url}")
        found.run(stop)


def _front(make: Callable[[Address], Front], address: Address, *, any_port: bool) -> Front:
    """The REST API's process. Raises UsageError, UnavailableError."""
    try:
        return make(address)
    except UnavailableError:
        if not any_port:
            raise
        return make(replace(address, port=0))


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
