"""An object while it is written: sent in parts as it comes, seen by nobody before it is whole."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from galley.lake.bucket import Bucket

PART_BYTES = 16 * 2**20
MOST_PARTS = 10_000
"""What S3 takes for one object."""

IN_FLIGHT = 3
"""Parts of one object that may be on their way; with the one being filled this bounds memory."""

TAIL_BYTES = 2**20
DIGEST_BYTES = 64 * 2**20
"""Larger objects are not digested while they are written."""


class Upload:
    """Takes the bytes of one object in order. Call ``complete`` or ``abort``; closing is neither.

    An engine closes what it writes also when it fails, so that closing says nothing.
    """

    def __init__(self, bucket: Bucket, key: str, senders: ThreadPoolExecutor) -> None:
        self._bucket = bucket
        self._key = key
        self._senders = senders
        self._lock = threading.Lock()
        self._buffer = bytearray()
        self._id: str | None = None
        self._sent: deque[Future[str]] = deque()
        self._tags: list[str] = []
        self._sha = hashlib.sha256()
        self.size = 0
        self.tail = b""

    @property
    def digest(self) -> str | None:
        """The SHA-256 of all bytes, unless there are many."""
        return self._sha.hexdigest() if self.size <= DIGEST_BYTES else None

    def write(self, data: bytes) -> int:
        """Take more bytes; waits while too many are on their way."""
        with self._lock:
            self._buffer += data
            self.size += len(data)
            if self.size <= DIGEST_BYTES:
                self._sha.update(data)
            self.tail = (self.tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
            while len(self._buffer) >= PART_BYTES:
                self._send(bytes(self._buffer[:PART_BYTES]))
                del self._buffer[:PART_BYTES]
        return len(data)

    def complete(self) -> None:
        """Make it an object. It is durable when this returns."""
        with self._lock:
            if self._id is None:
                self._bucket.put(self._key, bytes(self._buffer))
            else:
                if self._buffer:
                    self._send(bytes(self._buffer))
                self._await(0)
                self._bucket.complete(self._key, self._id, self._tags, self.size)
            self._buffer.clear()

    def abort(self) -> None:
        """Give it up, and take back what was sent; without a connection the parts stay hidden."""
        with self._lock:
            self._buffer.clear()
            for one in self._sent:
                one.cancel()
            while self._sent:
                with suppress(OSError, RuntimeError):
                    self._sent.popleft().exception()
            if self._id is not None:
                with suppress(OSError):  # a sweep finds unfinished uploads by their attempt
                    self._bucket.abort(self._key, self._id)
                self._id = None

    def flush(self) -> None:
        """Nothing: parts have the size that the store likes."""

    def close(self) -> None:
        """Nothing: it may have failed."""

    def _send(self, part: bytes) -> None:
        number = len(self._tags) + len(self._sent) + 1
        if number > MOST_PARTS:
            raise OSError(errno.EFBIG, "an object has at most 10,000 parts", self._key)
        if self._id is None:
            self._id = self._bucket.begin(self._key)
        self._await(IN_FLIGHT - 1)
        send = self._bucket.part
        self._sent.append(self._senders.submit(send, self._key, self._id, number, part))

    def _await(self, left: int) -> None:
        """Wait until at most ``left`` parts are on their way. Raises what one failed with."""
        while len(self._sent) > left:
            self._tags.append(self._sent.popleft().result())
