"""A worker's connection to its servers: one after the other until one answers."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from galley.errors import GalleyError, UnavailableError, UsageError
from galley.server import wire

Message = TypeVar("Message", bound=BaseModel)

CONNECT = 5.0
ANSWER = 30.0
"""Seconds to wait for a connection, and for an answer that was not asked to wait."""

_TRANSIENT = frozenset({502, 503, 504})


class RefusedCallError(GalleyError):
    """A server answered, and refused; ``status`` and ``code`` are those of its problem."""

    def __init__(self, problem: wire.Problem) -> None:
        super().__init__(problem.detail, hint=problem.hint, details=dict(problem.details))
        self.status = problem.status
        self.code = problem.code
        self.exit_code = {401: 3, 403: 3, 426: 5}.get(problem.status, 5)


class Link:
    """Calls the server that answered last; at trouble the next one. For several threads."""

    def __init__(self, urls: Sequence[str], *, certificates: str | bool = True) -> None:
        self._urls = tuple(url.rstrip("/") for url in urls)
        self._at = 0
        self._lock = threading.Lock()
        self._client = httpx.Client(
            verify=trusted(certificates),
            timeout=httpx.Timeout(ANSWER, connect=CONNECT),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
            trust_env=False,
        )
        self.token = ""

    @property
    def url(self) -> str:
        """The server that is called."""
        return self._urls[self._at % len(self._urls)]

    def call(
        self,
        path: str,
        message: BaseModel,
        answer: type[Message],
        *,
        wait: float = 0.0,
        token: str | None = None,
    ) -> Message:
        """Send a message; its answer.

        Raises:
            UnavailableError: the server did not answer; the next call goes to the next server.
            RefusedCallError: it refused.
        """
        headers = {"content-type": "application/json"}
        content = message.model_dump_json(exclude_defaults=True).encode()
        return self._read(self._send("POST", path, headers, content, wait, token), answer)

    def put(self, path: str, data: bytes, headers: Mapping[str, str]) -> wire.Kept:
        """Send bytes. Raises UnavailableError, RefusedCallError."""
        return self._read(self._send("PUT", path, headers, data), wire.Kept)

    def fetch(self, path: str) -> bytes:
        """Get bytes. Raises UnavailableError, RefusedCallError."""
        return self._send("GET", path, {}, b"").content

    def delete(self, path: str) -> None:
        """End what the path names. Raises UnavailableError, RefusedCallError."""
        self._send("DELETE", path, {}, b"")

    def move_on(self) -> None:
        """Let the next call go to the next server."""
        self._away(self._at, "stops")

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _read(self, response: httpx.Response, answer: type[Message]) -> Message:
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise UnavailableError(f"{response.url.netloc.decode()} is no Galley server") from error

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes,
        wait: float = 0.0,
        token: str | None = None,
    ) -> httpx.Response:
        at = self._at
        shown = {"authorization": f"Bearer {token or self.token}"} if token or self.token else {}
        try:
            response = self._client.request(
                method,
                self._urls[at % len(self._urls)] + path,
                headers={**headers, **shown},
                content=content,
                timeout=httpx.Timeout(ANSWER + wait, connect=CONNECT),
            )
        except (httpx.RequestError, RuntimeError) as error:
            raise self._away(at, f"does not answer: {error}") from error
        if response.status_code in _TRANSIENT:
            raise self._away(at, _problem(response).detail)
        if response.status_code >= 400:
            raise RefusedCallError(_problem(response))
        return response

    def _away(self, at: int, said: str) -> UnavailableError:
        """The next call goes elsewhere, unless another thread has moved on already."""
        with self._lock:
            if self._at == at:
                self._at += 1
        return UnavailableError(f"the server {self._urls[at % len(self._urls)]} {said}")


def trusted(certificates: str | bool) -> ssl.SSLContext | bool:
    """Whom to trust: those in a file or folder. Raises UsageError."""
    if isinstance(certificates, bool):
        return certificates
    path = Path(certificates)
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise UsageError(f"the certificates {path} cannot be used: {error.strerror}") from error


def _problem(response: httpx.Response) -> wire.Problem:
    try:
        return wire.Problem.model_validate_json(response.content)
    except ValidationError:
        said = f"answered {response.status_code}"
        return wire.Problem(status=response.status_code, detail=said)
