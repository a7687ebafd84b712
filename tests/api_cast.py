"""A server's API as programs and browsers meet it: over a real socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from galley import bootstrap
from galley.environments.home import Home
from galley.server.api.app import api_app
from galley.server.api.call import Place
from galley.server.api.serving import ApiServer
from galley.server.door import Door


def home_at(folder: Path, url: str | None = None) -> Home:
    """A home; its state is in a file, or in the database of the URL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GALLEY_USER", "ana")
        if url is not None:
            patch.setenv("GALLEY_DATABASE", url)
        assert "GALLEY_HOME" not in os.environ
        return bootstrap.open_home(folder)


@contextmanager
def answering(home: Home, *, identity: bool = False) -> Iterator[httpx.Client]:
    """The API of a home; the client is a program that knows where it is."""
    place = Place(home, bootstrap.make_site(home, 1), {})
    app = api_app(place, Door(home, identity))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on")
        server = ApiServer(app, config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        try:
            transport = httpx.HTTPTransport(retries=8)
            base = f"http://127.0.0.1:{port}/api/v1"
            with httpx.Client(base_url=base, transport=transport, timeout=20) as client:
                while not server.started:
                    thread.join(0.01)
                yield client
        finally:
            server.should_exit = True
            thread.join(10)
