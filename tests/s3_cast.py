"""A real object store over HTTP: moto's server as a process, and a proxy that can make trouble."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from botocore.session import Session

from galley.lake.files import Access
from galley.lake.warehouse import Warehouse

KEY, SECRET = "ana-key", "ana-secret-value"


@dataclass(frozen=True)
class Store:
    """A bucket of its own. ``raw`` is a client that is not ours, to look at what is there."""

    endpoint: str
    bucket: str
    prefix: str = "lake"

    @property
    def access(self) -> Access:
        return Access(self.endpoint, "us-east-1", KEY, SECRET)

    @property
    def root(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.root, self.access)

    @property
    def raw(self) -> Any:
        return _client(self.endpoint)

    @property
    def iceberg(self) -> dict[str, str]:
        """What pyiceberg is told."""
        return {
            "s3.endpoint": self.endpoint,
            "s3.region": "us-east-1",
            "s3.access-key-id": KEY,
            "s3.secret-access-key": SECRET,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The standard variables that say the same."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def create(self) -> "Store":
        self.raw.create_bucket(Bucket=self.bucket)
        return self

    def names(self) -> list[str]:
        found = self.raw.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix).get("Contents", [])
        return [one["Key"] for one in found]

    def uploads(self) -> list[str]:
        """Keys of uploads that were neither completed nor aborted."""
        found = self.raw.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix).get(
            "Uploads", []
        )
        return [one["Key"] for one in found]


@cache
def _client(endpoint: str) -> Any:
    return Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )


@contextmanager
def moto() -> Iterator[str]:
    """A server of our own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1"]
    server = subprocess.Popen(
        [*command, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _await(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("moto's server did not start")


Trouble = Callable[[str, str], str | None]
"""From a request's method and path: ``None`` to let it pass, or what goes wrong with it.

``cut`` closes the connection; ``half`` sends half of the answer; else an S3 error's code.
"""

STATUS = {"SlowDown": 503, "AccessDenied": 403, "InternalError": 500}


class Proxy:
    """Stands before the store and makes trouble when told to. ``seen`` holds what was asked."""

    def __init__(self, endpoint: str) -> None:
        self.target = urlsplit(endpoint)
        self.trouble: Trouble = lambda method, path: None
        self.seen: list[tuple[str, str]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *arguments: Any) -> None:
                """Quiet."""

            def _pass(self) -> None:
                proxy.answer(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.seen.append((request.command, request.path))
        trouble = self.trouble(request.command, request.path)
        if trouble == "cut":
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if trouble in STATUS:
            text = f"<Error><Code>{trouble}</Code><Message>so it is</Message></Error>"
            self._send(request, STATUS[trouble], {}, text.encode())
            return
        back = HTTPConnection(self.target.hostname or "", self.target.port)
        back.request(request.command, request.path, body, dict(request.headers))
        said = back.getresponse()
        self._send(request, said.status, dict(said.headers), said.read(), half=trouble == "half")

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        content: bytes,
        half: bool = False,
    ) -> None:
        request.send_response_only(status)
        head = request.command == "HEAD"
        length = headers.get("Content-Length") if head else str(len(content))
        for name, value in (headers | {"Content-Length": length or "0"}).items():
            if name.lower() not in ("transfer-encoding", "connection"):
                request.send_header(name, value)
        request.end_headers()
        if not head:
            request.wfile.write(content[: len(content) // 2] if half else content)
        if half:
            request.close_connection = True
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
