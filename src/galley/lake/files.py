"""What the lake asks of the place its files stand in; here a folder, in ``objects`` a bucket.

Paths are absolute: ``/srv/lake/…`` or ``s3://bucket/…``. Failures are ``OSError`` with an error
number, whatever the place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach an object store; what is ``None`` comes from the environment, as AWS has it."""

    endpoint: str | None = None
    region: str | None = None
    key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        return tuple(one for one in (self.secret, self.token) if one)


def no_access() -> Access | None:
    """What reaches a folder, or a store that the environment describes: nothing."""
    return None


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a listing; ``modified`` is in seconds since 1970."""

    path: str
    bytes: int
    modified: float


class Sink(Protocol):
    """Takes bytes in order."""

    def write(self, data: bytes, /) -> int:
        """Take more bytes."""


class Files(Protocol):
    """The files of a warehouse."""

    def read(self, path: str) -> bytes:
        """All of a small file."""

    def ending(self, path: str) -> AbstractContextManager[tuple[BinaryIO, int]]:
        """Something that ends as the file does, at least its Parquet footer, and its size."""

    def digest(self, path: str) -> str:
        """The SHA-256 of a file."""

    def size(self, path: str) -> int:
        """How many bytes a file has."""

    def write(self, path: str, content: bytes) -> None:
        """Write a small new file."""

    def create(self, path: str) -> AbstractContextManager[Sink]:
        """Write a new file bit by bit; it is whole when the block ends, gone if that fails."""

    def fetch(self, path: str, folder: str) -> str:
        """A local path of a file: its own, or that of a copy in ``folder``."""

    def make_folders(self, *paths: str) -> None:
        """Create folders and their parents, durably."""

    def seal(self, paths: Iterable[str]) -> None:
        """The engine has written these: from now on they can be read."""

    def discard(self, prefix: str) -> None:
        """The engine failed while it wrote files that begin so: forget what can be forgotten."""

    def sync(self, paths: Iterable[str]) -> None:
        """Make files survive a power cut."""

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files; one that is not there is fine."""

    def remove_attempt(self, folder: str, attempt: str) -> None:
        """Remove what an attempt wrote below a table's folder, finished or not."""

    def listing(self, folder: str) -> Iterator[Found]:
        """Every file below a folder."""

    def unfinished(self, folder: str) -> Iterator[Found]:
        """Files below a folder that somebody began and has not ended; they cannot be read."""

    def abandon(self, path: str) -> None:
        """Take back what is stored of an unfinished file."""


class LocalFiles:
    """Files in a folder of this machine."""

    def read(self, path: str) -> bytes:
        """All of a small file."""
        return Path(path).read_bytes()

    @contextmanager
    def ending(self, path: str) -> Iterator[tuple[BinaryIO, int]]:
        """The file itself, and its size."""
        with open(path, "rb") as source:  # noqa: PTH123
            yield source, os.fstat(source.fileno()).st_size

    def digest(self, path: str) -> str:
        """The SHA-256 of a file."""
        with open(path, "rb") as source:  # noqa: PTH123
            return hashlib.file_digest(source, "sha256").hexdigest()

    def size(self, path: str) -> int:
        """How many bytes a file has."""
        return Path(path).stat().st_size

    def write(self, path: str, content: bytes) -> None:
        """Write a small new file."""
        Path(path).write_bytes(content)

    @contextmanager
    def create(self, path: str) -> Iterator[Sink]:
        """Write a new file bit by bit."""
        try:
            with open(path, "wb") as target:  # noqa: PTH123
                yield target
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise

    def fetch(self, path: str, folder: str) -> str:
        """The path itself."""
        return path

    def make_folders(self, *paths: str) -> None:
        """Create folders and their parents, durably."""
        make_folders(*paths)

    def seal(self, paths: Iterable[str]) -> None:
        """Nothing: a file can be read once it is written."""

    def discard(self, prefix: str) -> None:
        """Nothing: the attempt's end removes what it wrote."""

    def sync(self, paths: Iterable[str]) -> None:
        """Make files, and the folders that name them, survive a power cut."""
        sync(paths)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files; one that is not there is fine."""
        remove(paths)

    def remove_attempt(self, folder: str, attempt: str) -> None:
        """Remove what an attempt wrote below a table's folder, finished or not."""
        for pattern in attempt_names(attempt):
            remove(str(path) for path in Path(folder).glob(f"{pattern}*"))

    def listing(self, folder: str) -> Iterator[Found]:
        """Every file below a folder. Raises OSError where it may not look."""
        for root, _, names in os.walk(folder, onerror=_raise_unless_gone):
            for name in names:
                path = Path(root) / name
                with suppress(FileNotFoundError):  # somebody removed it meanwhile
                    said = path.stat()
                    yield Found(str(path), said.st_size, said.st_mtime)

    def unfinished(self, folder: str) -> Iterator[Found]:
        """None: files of this machine are there while they are written."""
        return iter(())

    def abandon(self, path: str) -> None:
        """Nothing: there are none."""


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def attempt_names(attempt: str) -> tuple[str, ...]:
    """How the files of an attempt begin, below the table's folder."""
    return (
        f"data/{attempt}-",
        f"files/{attempt}-",
        f"metadata/{attempt}-",
        f"metadata/{attempt}.metadata.json",
        f"metadata/snap-{attempt}.avro",
    )


def sync(paths: Iterable[str]) -> None:
    """Make local files, and the folders that name them, survive a power cut."""
    files = list(paths)
    for path in files:
        _sync(path, os.O_RDONLY)
    for folder in sorted({Path(path).parent for path in files}):
        _sync(str(folder), os.O_RDONLY | os.O_DIRECTORY)


def make_folders(*paths: str) -> None:
    """Create local folders and their parents, durably."""
    missing: set[Path] = set()
    for folder in map(Path, paths):
        while folder not in missing and not folder.is_dir():
            missing.add(folder)
            folder = folder.parent
    for folder in sorted(missing):
        folder.mkdir(exist_ok=True)
    for parent in sorted({folder.parent for folder in missing}):
        _sync(str(parent), os.O_RDONLY | os.O_DIRECTORY)


def remove(paths: Iterable[str]) -> None:
    """Remove local files; one that is not there is fine."""
    for path in paths:
        Path(path).unlink(missing_ok=True)


def _sync(path: str, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
