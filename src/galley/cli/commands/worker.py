"""``galley worker``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from galley import settings
from galley.cli import options
from galley.cli.lazy import app_of
from galley.cli.service import needs_server, stopping, tell_what_happens


def worker(
    server: Annotated[
        list[str],
        typer.Option("--server", metavar="URL", help="A server; several are tried in turn."),
    ],
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar="GALLEY_WORKER_TOKEN",
            show_envvar=False,
            help="The token to join with. Default: GALLEY_WORKER_TOKEN, which nobody sees in a "
            "list of processes.",
        ),
    ] = None,
    slots: Annotated[
        int | None, typer.Option("--slots", min=1, help="Steps side by side. Default: one a core.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="What this worker can do; may be repeated."),
    ] = None,
    drain_timeout: Annotated[
        float,
        typer.Option("--drain-timeout", min=0, help="Seconds that steps may go on after SIGTERM."),
    ] = 60.0,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="For code, logs and temporary files.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option("--tls-ca", help="Certificates to trust (PEM), for https.")
    ] = None,
    log_format: options.LogFormat = None,
) -> None:
    """Run steps for a server, on this machine or another.

    It holds no database credentials. SIGTERM lets it take nothing new, finish what it has within
    the drain timeout, and give back the rest.
    """
    with needs_server():
        from galley.server.link import Link
        from galley.server.worker import Posting, Worker

    posting = Posting(
        folder=(folder or _folder()).absolute(),
        slots=slots or settings.slots(),
        labels=tuple(label or settings.worker_labels() or ()),
        token=token,
        drain=drain_timeout,
    )
    tell_what_happens(log_format)
    with stopping() as stop:
        Worker(Link(server, certificates=str(ca) if ca else True), posting).run(stop)


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "galley" / "worker"


app = app_of(worker)
