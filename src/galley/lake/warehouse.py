"""Where the lake's files stand, and how they are made to stay there.

Versions, intents and the window ledger hold paths relative to the warehouse, with slashes;
Iceberg's own metadata needs absolute ones.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from galley.errors import StorageError

KEPT = "; nothing was published"
"""How a message about a write ends."""

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space, or move the home with `lake:`"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or move the home with `lake:`"),
    errno.EFBIG: ("a file would be larger than is allowed", "raise the limit (`ulimit -f`)"),
    errno.EACCES: ("permission denied", "give this user the right to write the warehouse"),
    errno.EPERM: ("permission denied", "give this user the right to write the warehouse"),
    errno.EROFS: ("the file system is read-only", "move the home with `lake:` to another one"),
    errno.ENOENT: ("a file is gone", "`galley doctor` lists what is missing"),
    errno.EMFILE: ("too many files are open", "raise the limit (`ulimit -n`)"),
    errno.EIO: ("the disk reports an error", "look at the system's log, then run again"),
}
_OF_A_PLACE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""What goes wrong at one place and not at another, so that the place must be told."""

_PLACE = re.compile(r"""['"](/[^'"]+)['"]""")
_TEXTS = {
    re.escape(os.strerror(number)): number
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EMFILE)
}


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The folder that holds all tables' files. ``root`` is an absolute path."""

    root: str

    def absolute(self, relative: str) -> str:
        """The absolute path of a file of the warehouse."""
        return f"{self.root}/{relative}"

    def relative(self, absolute: str) -> str:
        """The path inside the warehouse; a path from outside stays as it is."""
        prefix = f"{self.root}/"
        return absolute.removeprefix("file://").removeprefix(prefix)

    def table_folder(self, project: str, table: str, table_id: str) -> str:
        """The relative folder of a table: data stands in ``data/``, the rest in ``metadata/``."""
        return f"{project}/{table}-{table_id[:8]}"

    def list_folders(self, project: str) -> list[str]:
        """The folders of a project's tables, relative, sorted; none if there is nothing."""
        try:
            with os.scandir(self.absolute(project)) as entries:
                return sorted(f"{project}/{entry.name}" for entry in entries if entry.is_dir())
        except FileNotFoundError:
            return []

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        """Every file below a folder, by its relative path, with its bytes; sorted.

        Files that vanish while this looks are left out. Raises OSError where it may not look.
        """
        found = []
        for root, _, names in os.walk(self.absolute(prefix), onerror=_raise_unless_gone):
            for name in names:
                with suppress(FileNotFoundError):
                    path = Path(root, name)
                    found.append((self.relative(str(path)), path.stat().st_size))
        return sorted(found)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files by their relative paths; one that is not there is fine."""
        remove(self.absolute(path) for path in paths)


def sync(paths: Iterable[str]) -> None:
    """Make files, and the folders that name them, survive a power cut."""
    files = list(paths)
    for path in files:
        _sync(path, os.O_RDONLY)
    for folder in sorted({Path(path).parent for path in files}):
        _sync(str(folder), os.O_RDONLY | os.O_DIRECTORY)


def make_folder(path: str) -> None:
    """Create a folder and its parents, durably."""
    missing: list[Path] = []
    folder = Path(path)
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        _sync(str(folder.parent), os.O_RDONLY | os.O_DIRECTORY)


def remove(paths: Iterable[str]) -> None:
    """Remove files; one that is not there is fine."""
    for path in paths:
        Path(path).unlink(missing_ok=True)


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn what the operating system says about the disk into a ``StorageError``."""
    try:
        yield
    except OSError as error:
        raise storage_error(doing, error.errno, str(error)) from error


def storage_error(doing: str, number: int | None, text: str) -> StorageError:
    """The error for a failed file operation, with what can be done about it."""
    reason, hint = _REASONS.get(number or 0, (text, "look at the disk and its permissions"))
    place = _PLACE.search(text) if number in _OF_A_PLACE else None
    at = f" at {place[1]}" if place else ""
    return StorageError(f"{doing}: {reason}{at}{KEPT}", hint=hint, details={"os": text})


def errno_in(text: str) -> int | None:
    """The error number whose text an engine's message contains."""
    for pattern, number in _TEXTS.items():
        if re.search(pattern, text):
            return number
    return None


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _sync(path: str, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
