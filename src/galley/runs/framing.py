"""Frames on a stream socket: a magic word, two lengths, a small JSON header, an opaque payload.

Anything that does not begin with the magic word was not written by Galley. Strays from user code
are found at once and never taken for a length.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from galley.errors import InternalError

LIMIT = 64 << 20
"""The most bytes one frame may have, header and payload together."""

_MAGIC = b"GLY1"
_PREFIX = struct.Struct(">4sII")
_CHUNK = 1 << 18


class FramingError(InternalError):
    """The bytes on a channel are no frame, or a frame would be too large."""

    code = "framing"


class ChannelClosedError(InternalError):
    """The other end of a channel is gone."""

    code = "channel_closed"


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. ``header`` is a small JSON object; its ``k`` says what the message is."""

    header: dict[str, Any]
    payload: bytes

    @property
    def kind(self) -> str:
        """What the message is."""
        return str(self.header["k"])


def encode(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """One frame as bytes; ``FramingError`` above ``LIMIT``."""
    head = json.dumps(header, separators=(",", ":")).encode()
    if len(head) + len(payload) > LIMIT:
        raise FramingError(
            f"a message of {len(payload):,} bytes is too large; the limit is {LIMIT:,} bytes",
            hint="write large results to a table instead of passing them as values",
        )
    return b"".join((_PREFIX.pack(_MAGIC, len(head), len(payload)), head, payload))


class Parser:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what was read from the stream."""
        self._buffer += data

    def frames(self) -> Iterator[Frame]:
        """Every frame that is complete by now; ``FramingError`` at anything else."""
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        buffer = self._buffer
        if not _MAGIC.startswith(bytes(buffer[: len(_MAGIC)])):
            raise FramingError("something other than Galley wrote to the channel")
        if len(buffer) < _PREFIX.size:
            return None
        _, head, body = _PREFIX.unpack_from(buffer)
        if head + body > LIMIT:
            raise FramingError(f"a frame announces {head + body:,} bytes")
        start, end = _PREFIX.size + head, _PREFIX.size + head + body
        if len(buffer) < end:
            return None
        frame = Frame(_header(bytes(buffer[_PREFIX.size : start])), bytes(buffer[start:end]))
        del buffer[:end]
        return frame


def _header(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw)
    except ValueError as error:
        raise FramingError("a frame's header is not JSON") from error
    if not isinstance(header, dict) or not isinstance(header.get("k"), str):
        raise FramingError("a frame's header has no kind")
    return header


class Channel:
    """A socket that never blocks its owner: what cannot be sent yet waits in a buffer."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._parser = Parser()
        self._pending = bytearray()

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    @property
    def pending(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._pending)

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Send a frame now or with the next ``flush``; ``FramingError`` if it is too large."""
        self._pending += encode(header, payload)
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the other end takes it; nothing is raised at its death."""
        while self._pending:
            try:
                sent = self._socket.send(self._pending)
            except BlockingIOError:
                return
            except OSError:
                # Reading will meet the end of the stream, after what was sent before it.
                self._pending.clear()
                return
            del self._pending[:sent]

    def receive(self) -> Iterator[Frame]:
        """Frames that arrived. At the end of the stream raises ``ChannelClosedError``."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            raise ChannelClosedError(f"the channel broke: {error}") from error
        if not data:
            raise ChannelClosedError("the channel was closed")
        self._parser.feed(data)
        yield from self._parser.frames()

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


class BlockingChannel:
    """The worker's end: it waits for its next task."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._socket = sock
        self._parser = Parser()

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Send one frame."""
        self.send_encoded(encode(header, payload))

    def send_encoded(self, data: bytes) -> None:
        """Send a frame that was encoded before."""
        self._socket.sendall(data)

    def receive(self) -> Frame | None:
        """The next frame, ``None`` when the other end is gone."""
        while True:
            for frame in self._parser.frames():
                return frame
            try:
                data = self._socket.recv(_CHUNK)
            except ConnectionError:
                return None
            if not data:
                return None
            self._parser.feed(data)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
