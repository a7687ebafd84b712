"""Where messages go in tests: a mail server and a web server of our own, and one that hangs."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from galley.db.engine import Database, open_database, sqlite_url
from galley.db.schema import prepare
from tests.schedule_cast import Works


@dataclass
class Sink:
    """What arrived, and where it arrives."""

    port: int = 0
    found: list[str] = field(default_factory=list)
    status: int = 200

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.found.append(envelope.content.decode())
        return "250 OK"


@pytest.fixture
def mail() -> Iterator[Sink]:
    """A mail server on this machine."""
    sink = Sink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        sink.port = probe.getsockname()[1]
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    yield sink
    controller.stop()


@pytest.fixture
def web() -> Iterator[Sink]:
    """A web server on this machine."""
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            sink.found.append(self.rfile.read(size).decode())
            self.send_response(sink.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield sink
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield listening.getsockname()[1]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(sqlite_url(tmp_path / "galley.db"))
    prepare(found)
    yield found
    found.close()


@pytest.fixture
def works(database: Database, tmp_path: Path) -> Works:
    return Works(database, tmp_path)
