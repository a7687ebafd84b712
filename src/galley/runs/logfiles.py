"""What a task printed: redacted, bounded, in one file per stream."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from galley.runs.redact import Redactor

LIMIT = 20 << 20
"""Bytes kept of one stream of one task."""


class LogFile:
    """One stream of one task. The file appears with the first byte; a full disk costs output only.

    ``lost`` counts the bytes that are not in the file.
    """

    def __init__(self, path: Path, secrets: Iterable[str], limit: int = LIMIT) -> None:
        self._path = path
        self._redactor = Redactor(secrets)
        self._room = limit
        self._limit = limit
        self._file: int | None = None
        self.lost = 0

    def write(self, data: bytes) -> None:
        """Append what was printed."""
        if self._room <= 0:
            self.lost += len(data)
            return
        self._keep(self._redactor.feed(data))

    def close(self) -> None:
        """Write what was held back and, if output is missing, one line that says how much."""
        if self._room > 0:
            self._keep(self._redactor.finish())
        if self.lost:
            self._put(
                f"\n[galley: {self.lost:,} further bytes were not kept; "
                f"the limit is {self._limit:,} bytes a stream]\n".encode()
            )
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _keep(self, data: bytes) -> None:
        kept = self._put(data[: self._room])
        self._room -= kept
        self.lost += len(data) - kept

    def _put(self, data: bytes) -> int:
        """How many bytes reached the file."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._open(), data[done:])
        except OSError:
            # A full disk or a removed folder: the task goes on, the missing bytes are counted.
            return done
        return done

    def _open(self) -> int:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._file = os.open(self._path, flags, 0o600)
        return self._file
