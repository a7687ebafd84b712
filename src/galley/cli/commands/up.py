"""``galley up``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley import settings
from galley.cli import options
from galley.cli.lazy import app_of
from galley.cli.service import check_server, stopping, tell_first_link, tell_what_happens
from galley.cli.session import find_folder, find_home
from galley.server.front import PORT, Address, Front


def up(
    host: Annotated[
        str,
        typer.Option("--host", help="The address to listen on. Others' machines need --identity."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes any.")
    ] = PORT,
    worker_port: Annotated[
        int, typer.Option("--worker-port", min=0, max=65535, help="For workers; 0 takes any.")
    ] = 0,
    slots: Annotated[
        int | None, typer.Option("--slots", min=0, help="Steps at once. Default: one a core.")
    ] = None,
    identity: Annotated[
        bool,
        typer.Option("--identity", help="People log in and programs show tokens, also from here."),
    ] = False,
    behind_tls: Annotated[
        bool, typer.Option("--behind-tls", help="A proxy before it speaks TLS with browsers.")
    ] = False,
    log_format: options.LogFormat = None,
    project: options.Project = None,
) -> None:
    """Serve this project on this machine: an engine with its workers, the API, the web interface.

    Commands in the project go on to work: they hand their runs to it. Ctrl-C stops it; what runs
    goes on with the next command.
    """
    folder, home = find_folder(project), find_home(project)
    check_server()
    address = Address(host, port, identity=identity, behind_tls=behind_tls)
    tell_what_happens(log_format)
    many = settings.slots() if slots is None else slots
    # It loads its libraries while these are imported.
    with Front(address, home, folder, many) as front:
        from galley import bootstrap
        from galley.server.host import Server, Serving

        opened = bootstrap.open_home(home, bootstrap.find_place(folder))
        found = Server(opened, Serving(port=worker_port, slots=many))
        with stopping() as stop:
            typer.echo(f"galley is up at {front.url}")
            tell_first_link(opened, front.url, identity=identity)
            typer.echo(f"workers join with: galley worker --server {found.url}")
            found.run(stop)


app = app_of(up)
