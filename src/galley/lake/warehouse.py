"""Where the lake's files stand, and how they are made to stay there.

Versions, intents and the window ledger hold paths relative to the warehouse, with slashes;
Iceberg's own metadata needs absolute ones.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from galley.errors import StorageError
from galley.lake.bucket import SCHEME
from galley.lake.files import Access, Files, LocalFiles
from galley.lake.objects import ObjectFiles, open_objects

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


_STORE_REASONS = {
    errno.EACCES: (
        "the object store refuses",
        "check the key, and that it may list, read, write and delete below the warehouse",
    ),
    errno.ENOENT: ("an object is gone", "look at what else cleans up the bucket"),
    errno.ENXIO: ("there is no such bucket", "create it, or correct `warehouse:`"),
    errno.EXDEV: ("the bucket is in another region", "correct the connection's `region:`"),
    errno.EHOSTUNREACH: (
        "the object store does not answer",
        "check the connection's `endpoint:` and the network, then run again",
    ),
    errno.EBUSY: (
        "the object store asks to slow down",
        "run again later, or with fewer steps side by side (GALLEY_SLOTS)",
    ),
    errno.EINVAL: ("the object store cannot be used", "check the warehouse's connection"),
    errno.EFBIG: ("the file would be too large for the store", "cut the table into windows"),
    errno.EIO: ("the object store failed", "run again; if it stays, ask who runs the store"),
}
_STORE = re.compile(rf"\[Errno (\d+)\] ([^\n]*): '({SCHEME}[^'\n]*)'")
_LOCAL = LocalFiles()


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Where all tables' files stand: ``root`` is an absolute folder, or ``s3://bucket/prefix``.

    ``access`` says how to reach an object store; without it the environment does.
    """

    root: str
    access: Access | None = field(default=None, repr=False)

    @property
    def remote(self) -> bool:
        """Whether the files stand in an object store."""
        return self.root.startswith(SCHEME)

    @property
    def files(self) -> Files:
        """The files themselves."""
        return self.objects or _LOCAL

    @property
    def objects(self) -> ObjectFiles | None:
        """The files of a warehouse in an object store."""
        return open_objects(self.root, self.access) if self.remote else None

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
        if not self.remote:
            return _local_folders(self.absolute(project), project)
        depth = project.count("/") + 1
        begun = (path for path, _ in self.list_unfinished(project))
        paths = (*(path for path, _ in self.list_files(project)), *begun)
        parts = (path.split("/") for path in paths)
        return sorted({"/".join(part[: depth + 1]) for part in parts if len(part) > depth + 1})

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        """Every file below a folder, by its relative path, with its bytes; sorted.

        Files that vanish while this looks are left out. Raises OSError where it may not look.
        """
        found = self.files.listing(self.absolute(prefix))
        return sorted((self.relative(one.path), one.bytes) for one in found)

    def list_unfinished(self, prefix: str) -> list[tuple[str, int]]:
        """Files below a folder that somebody began to upload and has not ended."""
        found = self.files.unfinished(self.absolute(prefix))
        return sorted((self.relative(one.path), one.bytes) for one in found)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files by their relative paths, begun ones too; one that is not there is fine."""
        absolute = {self.absolute(path) for path in paths}
        self.files.remove(absolute)
        for folder in {path.rpartition("/")[0] for path in absolute}:
            for begun in self.files.unfinished(folder):
                if begun.path in absolute:
                    self.files.abandon(begun.path)


@contextmanager
def storage_errors(doing: str, *, kept: str = KEPT) -> Iterator[None]:
    """Turn what the operating system says about the disk into a ``StorageError``."""
    try:
        yield
    except OSError as error:
        raise storage_error(doing, error.errno, str(error), kept=kept) from error


def storage_error(doing: str, number: int | None, text: str, *, kept: str = KEPT) -> StorageError:
    """The error for a failed file operation, with what can be done about it.

    The message ends with what was ``kept``.
    """
    answer = store_answer(text)
    if answer:
        reason, hint = answer
    else:
        reason, hint = _REASONS.get(number or 0, (text, "look at the disk and its permissions"))
        place = _PLACE.search(text) if number in _OF_A_PLACE else None
        reason += f" at {place[1]}" if place else ""
    return StorageError(f"{doing}: {reason}{kept}", hint=hint, details={"os": text})


def store_answer(text: str) -> tuple[str, str] | None:
    """What an object store answered, and what can be done, if a text tells of that."""
    stored = _STORE.search(text)
    if stored is None:
        return None
    reason, hint = _STORE_REASONS.get(int(stored[1]), _STORE_REASONS[errno.EIO])
    return f"{reason} ({stored[2]}, at {stored[3]})", hint


def errno_in(text: str) -> int | None:
    """The error number whose text an engine's message contains."""
    stored = _STORE.search(text)
    if stored:
        return int(stored[1])
    for pattern, number in _TEXTS.items():
        if re.search(pattern, text):
            return number
    return None


def _local_folders(path: str, prefix: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(f"{prefix}/{entry.name}" for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return []
