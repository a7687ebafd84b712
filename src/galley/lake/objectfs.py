"""An object store as a file system that DuckDB reads from and writes to.

DuckDB has no client of its own here. It asks for pieces of Parquet files, as few as its filters
and columns allow, and keeps them in memory; what it writes goes to the store as it comes.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from galley.lake.bucket import SCHEME
from galley.lake.objects import ObjectFiles

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
"""When any object was modified last: they never are."""


class Reading:
    """An object open for reading. Each thread has a place of its own in it."""

    def __init__(self, files: ObjectFiles, path: str) -> None:
        self._files = files
        self._path = path
        self._size = files.size(path)
        self._place = threading.local()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place: from the beginning, from here (1) or from the end (2)."""
        start = {0: 0, 1: self.tell(), 2: self._size}[whence]
        self._place.at = start + offset
        return self.tell()

    def tell(self) -> int:
        """Where the thread is."""
        return int(getattr(self._place, "at", 0))

    def read(self, size: int = -1) -> bytes:
        """The next bytes, all that are left without a size."""
        at = self.tell()
        left = self._size - at
        data = self._files.read_range(self._path, at, left if size < 0 else min(size, left))
        self._place.at = at + len(data)
        return data

    def close(self) -> None:
        """Nothing is held."""


def file_system(files: ObjectFiles) -> AbstractFileSystem:
    """The file system to register with a database; it reaches nothing outside of the warehouse."""
    made: AbstractFileSystem = _kind()(files)
    return made


@cache
def _kind() -> Any:
    from fsspec import AbstractFileSystem

    class ObjectFileSystem(AbstractFileSystem):  # type: ignore[misc]
        protocol = SCHEME.removesuffix("://")
        cachable = False

        def __init__(self, files: ObjectFiles) -> None:
            super().__init__()
            self.files = files

        def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
            return self.files.begin(path) if "w" in mode else Reading(self.files, path)

        def glob(self, path: str, **_: Any) -> list[str]:
            return [path]

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"name": path, "size": self.files.size(path), "type": "file"}

        def exists(self, path: str, **_: Any) -> bool:
            return self.files.knows(path)

        def isfile(self, path: str) -> bool:
            return self.files.knows(path)

        def isdir(self, path: str) -> bool:
            return False

        def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
            return []

        def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
            """Keys need no folders."""

        def modified(self, path: str) -> datetime:
            return _ALWAYS

    return ObjectFileSystem
