"""The REST API in a process of its own: whatever it is asked, no engine waits for it.

It is given a bound socket by the server that starts it, and ends with that server.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from galley import bootstrap, codec
from galley.runs import processes
from galley.server.api.app import api_app
from galley.server.api.call import Place
from galley.server.api.serving import ApiServer
from galley.server.api.task import Task
from galley.server.door import Door
from galley.server.logs import start_logging

GRACE = 2
"""Seconds that answers under way have when the process is told to stop."""


def main() -> None:
    """Serve until the server ends or says so."""
    processes.signal_on_parents_death(signal.SIGTERM)
    start_logging()
    serve(codec.from_plain(Task, json.loads(sys.argv[1])))


def serve(task: Task) -> None:
    """Answer calls on the socket."""
    folder, path = Path(task.folder) if task.folder else None, Path(task.home)
    home = bootstrap.open_home(path, bootstrap.find_place(folder) or bootstrap.kept_place(path))
    site = bootstrap.make_site(home, 1)
    folders = {name: Path(folder) for name, folder in task.folders.items()}
    door = Door(home, task.identity, task.secure)
    app = api_app(Place(home, site, folders, task.slots), door, names=task.names)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=task.certificate,
        ssl_keyfile=task.certificate_key,
        server_header=False,
    )
    with socket.socket(fileno=task.socket) as bound:
        ApiServer(app, config).run(sockets=[bound])
    home.database.close()


if __name__ == "__main__":
    main()
