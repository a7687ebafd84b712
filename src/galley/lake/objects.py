"""A warehouse's files in an object store, for the lake and for DuckDB.

An object is there, whole and durable, when the store has acknowledged it, so nothing is synced.
Objects never change: what is known of one stays true.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from galley.lake.bucket import SCHEME, Bucket
from galley.lake.files import Access, Found, Sink, attempt_names
from galley.lake.uploads import TAIL_BYTES, Upload

_SENDERS = 4
_KNOWN = 4096
_BLOCK = 16 * 2**20
_MAGIC = 8
"""Bytes behind a Parquet footer: its length and PAR1."""


def open_objects(root: str, access: Access | None) -> ObjectFiles:
    """The files below ``s3://bucket/prefix``; each process has a client of its own."""
    return _open(root, access or Access(), os.getpid())


@lru_cache(maxsize=8)
def _open(root: str, access: Access, _process: int) -> ObjectFiles:
    return ObjectFiles(root, access)


@lru_cache(maxsize=8)
def _bucket(name: str, access: Access, _process: int) -> Bucket:
    return Bucket(name, access)


class _Root:
    """Paths below ``s3://bucket/prefix`` as keys of the bucket."""

    def __init__(self, root: str, bucket: Bucket) -> None:
        self.root = root
        self.bucket = bucket

    def key(self, path: str) -> str:
        """The key of a path. Raises ``PermissionError`` for one that is not below the root."""
        if not path.startswith(f"{self.root}/"):
            raise OSError(errno.EACCES, f"it is not below {self.root}", path)
        return path.removeprefix(SCHEME).partition("/")[2]

    def path(self, key: str) -> str:
        """The path of a key."""
        return f"{SCHEME}{self.bucket.name}/{key}"

    def listed(self, prefix: str) -> Iterator[Found]:
        """Every object whose path begins so."""
        for one in self.bucket.listing(self.key(prefix)):
            yield replace(one, path=self.path(one.path))

    def abort(self, prefix: str) -> None:
        """Give up every upload under way to paths that begin so, whoever began it."""
        for key, upload, _ in list(self.bucket.uploads(self.key(prefix))):
            with suppress(FileNotFoundError):  # it has ended meanwhile
                self.bucket.abort(key, upload)


class _Known:
    """What is known of objects: sizes, and of those just written their digests and footers."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.digests: dict[str, str] = {}
        self.footers: dict[str, bytes] = {}

    def keep(self, path: str, size: int) -> None:
        """Remember a size; what was remembered long ago goes."""
        self.sizes[path] = size
        for known in (self.sizes, self.digests, self.footers):
            while len(known) > _KNOWN:
                known.pop(next(iter(known)))

    def forget(self, path: str) -> None:
        """The object is gone."""
        for known in (self.sizes, self.digests, self.footers):
            known.pop(path, None)


class ObjectFiles:
    """Files as objects of a bucket, all below ``root``."""

    def __init__(self, root: str, access: Access) -> None:
        name = root.removeprefix(SCHEME).partition("/")[0]
        self._bucket = _bucket(name, access, os.getpid())
        self._root = _Root(root, self._bucket)
        self._known = _Known()
        self._senders = ThreadPoolExecutor(_SENDERS, thread_name_prefix="upload")
        self._writing: dict[str, Upload] = {}

    def read(self, path: str) -> bytes:
        """All of a small object."""
        return self._bucket.read(self._root.key(path))

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """A piece of an object."""
        return self._bucket.read(self._root.key(path), start, length) if length > 0 else b""

    @contextmanager
    def ending(self, path: str) -> Iterator[tuple[BinaryIO, int]]:
        """The object's last bytes, at least its Parquet footer, and its size."""
        size = self.size(path)
        tail = self._known.footers.pop(path, None)
        if tail is None:
            tail = self.read_range(path, max(size - TAIL_BYTES, 0), TAIL_BYTES)
        footer = _footer_bytes(tail)
        if len(tail) < footer <= size:
            tail = self.read_range(path, size - footer, footer)
        yield io.BytesIO(tail), size

    def digest(self, path: str) -> str:
        """The SHA-256 of an object, known for one that was just written."""
        known = self._known.digests.get(path)
        return known or hashlib.sha256(self.read(path)).hexdigest()

    def size(self, path: str) -> int:
        """How many bytes an object has."""
        if path not in self._known.sizes:
            self._known.keep(path, self._bucket.size(self._root.key(path)))
        return self._known.sizes[path]

    def knows(self, path: str) -> bool:
        """Whether this process has written or read the object."""
        return path in self._known.sizes

    def write(self, path: str, content: bytes) -> None:
        """Write a small object."""
        self._bucket.put(self._root.key(path), content)
        self._known.keep(path, len(content))

    def begin(self, path: str) -> Upload:
        """Begin an object, for the engine; ``seal`` ends it."""
        upload = Upload(self._bucket, self._root.key(path), self._senders)
        self._writing[path] = upload
        return upload

    @contextmanager
    def create(self, path: str) -> Iterator[Sink]:
        """Write an object bit by bit; it is whole when the block ends, or not there."""
        upload = self.begin(path)
        try:
            yield upload
            self.seal([path])
        except BaseException:
            self.discard(path)
            raise

    def fetch(self, path: str, folder: str) -> str:
        """The path of a copy in ``folder``, which keeps the object's name."""
        target = Path(folder, path.rpartition("/")[2])
        target.parent.mkdir(parents=True, exist_ok=True)
        size = self.size(path)
        with target.open("wb") as copy:
            for start in range(0, size, _BLOCK):
                copy.write(self.read_range(path, start, min(_BLOCK, size - start)))
        return str(target)

    def make_folders(self, *paths: str) -> None:
        """Nothing: keys need no folders."""

    def seal(self, paths: Iterable[str]) -> None:
        """Complete what the engine has written."""
        for path in paths:
            upload = self._writing[path]
            upload.complete()
            del self._writing[path]
            self._known.footers[path] = upload.tail[-_footer_bytes(upload.tail) :]
            if upload.digest:
                self._known.digests[path] = upload.digest
            self._known.keep(path, upload.size)

    def discard(self, prefix: str) -> None:
        """Abort what the engine has begun under names that begin so."""
        for path in [one for one in self._writing if one.startswith(prefix)]:
            self._writing.pop(path).abort()

    def sync(self, paths: Iterable[str]) -> None:
        """Nothing: what the store has acknowledged is durable."""

    def remove(self, paths: Iterable[str]) -> None:
        """Remove objects, and what is begun under their names."""
        gone = list(paths)
        for path in gone:
            self.discard(path)
            self._known.forget(path)
        self._bucket.remove([self._root.key(path) for path in gone])

    def remove_attempt(self, folder: str, attempt: str) -> None:
        """Remove what an attempt wrote below a table's folder, and the parts it had sent."""
        for name in attempt_names(attempt):
            prefix = f"{folder}/{name}"
            self.discard(prefix)
            self.remove([one.path for one in self._root.listed(prefix)])
            self._root.abort(prefix)

    def listing(self, folder: str) -> Iterator[Found]:
        """Every object below a folder."""
        return self._root.listed(f"{folder}/")

    def unfinished(self, folder: str) -> Iterator[Found]:
        """Objects that somebody began to upload and has neither completed nor aborted."""
        for key, _, begun in self._bucket.uploads(f"{self._root.key(f'{folder}/')}"):
            yield Found(self._root.path(key), 0, begun)

    def abandon(self, path: str) -> None:
        """Give up every unfinished upload of one object, whoever began it."""
        self._root.abort(path)


def _footer_bytes(tail: bytes) -> int:
    """How long the Parquet footer is, with what stands behind it, that these bytes end with."""
    return int.from_bytes(tail[-_MAGIC:-4], "little") + _MAGIC
