"""One active engine per home: an advisory lock that the kernel drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from galley.errors import StorageError, UnavailableError


def home_gone(home: Path) -> UnavailableError:
    """The error for a home that was deleted while a command worked in it."""
    return UnavailableError(
        f"the home {home} was deleted or moved while this command worked in it",
        hint="put it back and run the same command again, or start anew with `galley run`",
    )


class EngineLock:
    """The lock of a home. The file holds the process id of whoever has it, for messages."""

    def __init__(self, home: Path) -> None:
        self._path = home / "engine.lock"
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object has the lock."""
        return self._file is not None

    @property
    def lost(self) -> bool:
        """Whether the file that this object locks is no longer the home's: the home was deleted."""
        if self._file is None:
            return False
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        return not os.path.samestat(there, os.fstat(self._file))

    def acquire(self) -> bool:
        """Take the lock if nobody has it.

        Raises:
            UnavailableError: the home is gone.
            StorageError: its lock cannot be written.
        """
        if self._file is not None:
            return True
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError as error:
            raise home_gone(self._path.parent) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError as error:
            os.close(handle)
            raise self._unwritable(error) from error
        self._file = handle
        return True

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError(
            f"{self._path} cannot be written: {error.strerror}",
            hint="free some space or mend the permissions, then run the same command again",
        )

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> EngineLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
