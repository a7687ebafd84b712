"""Server-sent events, for as long as somebody wants them: whatever breaks is taken up again."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from galley.cli.remote.client import Client, ComeAgainError
from galley.server.link import CONNECT

SILENCE = 45.0
"""Seconds without a word, the server's heartbeats included, after which a connection is dead."""

AGAIN = 1.0
"""Seconds before a connection that broke is made anew, unless the server says otherwise."""

LONGEST = 120.0
"""Seconds for which a server that is away is waited for."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``kind`` is ``message`` where the server names none."""

    id: str | None
    kind: str
    data: Any


@dataclass
class Stream:
    """The events of a path. ``last`` is the one seen last: after a break they go on behind it."""

    client: Client
    path: str
    query: Mapping[str, Any]
    last: str | None = None
    again: float = AGAIN
    _stopped: threading.Event = field(default_factory=threading.Event)
    _connection: Any = None

    def __iter__(self) -> Iterator[Event]:
        """Events until the reader stops reading.

        Raises:
            UnavailableError: the server was away for too long.
            GalleyError: it refuses.
        """
        away: float | None = None
        while not self._stopped.is_set():
            try:
                for line in self._connected():
                    away = None
                    if line is not None:
                        yield line
            except ComeAgainError as error:
                if self._stopped.is_set():
                    return
                if away is None:
                    away = time.monotonic()
                    self.client.tell(f"{error.message}; waiting for it")
                if time.monotonic() - away > LONGEST:
                    raise error.final from error
            self._stopped.wait(self.again)

    def stop(self) -> None:
        """Let the reader, in whatever thread, come to its end at once."""
        self._stopped.set()
        if self._connection is not None:
            with suppress(OSError):
                self._connection.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _connected(self) -> Iterator[Event | None]:
        """The events of one connection; ``None`` for every other sign of life."""
        headers = {"accept": "text/event-stream"}
        if self.last is not None:
            headers["last-event-id"] = self.last
        http = self.client.http
        timeout = httpx.Timeout(SILENCE, connect=CONNECT)
        query = {key: value for key, value in self.query.items() if value is not None}
        try:
            with http.stream(
                "GET", self.path, params=query, headers=headers, timeout=timeout
            ) as answer:
                self.client.headers_of(answer)
                self._connection = answer.extensions.get("network_stream")
                kind = answer.headers.get("content-type", "")
                if answer.status_code != 200 or not kind.startswith("text/event-stream"):
                    answer.read()
                    raise self.client.refusal(answer)
                yield from self._events(answer.iter_lines())
        except httpx.TransportError as error:
            raise self.client.trouble(error, sent=True, twice=True) from error

    def _events(self, lines: Iterator[str]) -> Iterator[Event | None]:
        """As the standard has it: fields up to an empty line make an event."""
        fields: dict[str, list[str]] = {}
        for line in lines:
            if line:
                name, _, value = line.partition(":")
                fields.setdefault(name, []).append(value.removeprefix(" "))
                yield None
                continue
            if "retry" in fields and fields["retry"][-1].isdecimal():
                self.again = int(fields["retry"][-1]) / 1000
            if "data" in fields:
                self.last = fields["id"][-1] if "id" in fields else self.last
                kind = fields.get("event", ["message"])[-1]
                yield Event(self.last, kind, json.loads("\n".join(fields["data"])))
            fields = {}
