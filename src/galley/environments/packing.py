"""What a backup is written to and read from: a folder, or one tar file.

Both are made beside their place under another name and appear there whole. ``manifest.json`` is
written last and lists every other file with its SHA-256.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from galley.errors import StorageError, UsageError
from galley.ids import new_id
from galley.lake.files import sync
from galley.lake.warehouse import storage_errors

MANIFEST = "manifest.json"
PARTIAL = ".partial"
"""How the names of what is not whole end."""

GROWING = "logs/"
"""Files below are written to: they are copied as they are, never linked."""

BLOCK = 1 << 20

Read = Callable[[int], None]
"""Is told of so many bytes that were read."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of a backup."""

    path: str
    bytes: int
    sha256: str


@dataclass
class Measured:
    """A file that is read to its end, and what is learnt by that."""

    source: IO[bytes]
    told: Read
    size: int = 0
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def read(self, size: int = BLOCK) -> bytes:
        """The next bytes."""
        block = self.source.read(min(size, BLOCK) if size >= 0 else BLOCK)
        self._digest.update(block)
        self.size += len(block)
        self.told(len(block))
        return block

    def kept(self, path: str) -> Kept:
        """What was read so far."""
        return Kept(path, self.size, self._digest.hexdigest())


class Pack(Protocol):
    """Takes the files of a backup."""

    def add(self, path: str, source: Path, told: Read) -> Kept:
        """Take a file that nobody changes any more."""

    def finish(self, manifest: bytes) -> None:
        """Make it durable and let it appear."""


class FolderPack:
    """A folder; files are hard links where ``link`` says so and the file system can."""

    def __init__(self, target: Path, *, link: bool) -> None:
        self._target = target
        self._link = link
        self.place = partial(target)
        self.place.mkdir(mode=0o700)

    def add(self, path: str, source: Path, told: Read) -> Kept:
        """Take a file."""
        target = self.place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        linked = self._link and not path.startswith(GROWING) and _linked(source, target)
        with source.open("rb") as opened:
            measured = Measured(opened, told)
            if linked:
                while measured.read():
                    pass
            else:
                with target.open("wb") as copied:
                    shutil.copyfileobj(measured, copied, BLOCK)
                    copied.flush()
                    os.fsync(copied.fileno())
        return measured.kept(path)

    def finish(self, manifest: bytes) -> None:
        """Write the manifest, and let the folder appear."""
        path = self.place / MANIFEST
        sync_folders(self.place)
        path.write_bytes(manifest)
        sync([str(path)])
        self.place.rename(self._target)
        sync_folder(self._target.parent)


class TarPack:
    """One tar file, not compressed: what fills it is."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.place = partial(target)
        handle = os.open(self.place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._raw = os.fdopen(handle, "wb")
        self._tar = tarfile.TarFile(fileobj=self._raw, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, path: str, source: Path, told: Read) -> Kept:
        """Take a file."""
        with source.open("rb") as opened:
            member = tarfile.TarInfo(path)
            member.size = os.fstat(opened.fileno()).st_size
            member.mode = 0o600
            measured = Measured(opened, told)
            self._tar.addfile(member, measured)
        return measured.kept(path)

    def finish(self, manifest: bytes) -> None:
        """Write the manifest, and let the file appear."""
        member = tarfile.TarInfo(MANIFEST)
        member.size = len(manifest)
        member.mode = 0o600
        self._tar.addfile(member, io.BytesIO(manifest))
        self._tar.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        self.place.rename(self._target)
        sync_folder(self._target.parent)

    def abandon(self) -> None:
        """Close what was not finished."""
        with suppress(OSError):
            self._raw.close()


@contextmanager
def packing(target: Path, *, tar: bool, link: bool) -> Iterator[Pack]:
    """A pack for a new backup at ``target``; unless it is finished nothing of it stays.

    Raises:
        UsageError: there is something already.
        StorageError: it cannot be written; the disk may be full.
    """
    if os.path.lexists(target):
        raise UsageError(
            f"{target} is there already", hint="name a new one: a backup is never written over"
        )
    with storage_errors(f"writing the backup {target}", kept="; nothing of it was left behind"):
        target.parent.mkdir(parents=True, exist_ok=True)
        pack = TarPack(target) if tar else FolderPack(target, link=link)
        try:
            yield pack
        except BaseException:
            if isinstance(pack, TarPack):
                pack.abandon()
            discard(pack.place)
            raise


class Unpack:
    """A backup that is read. A context manager."""

    def __init__(self, source: Path) -> None:
        """Look what it is.

        Raises:
            UsageError: it is no backup, or one that was not finished.
        """
        self.source = source
        self._tar: tarfile.TarFile | None = None
        self._file: IO[bytes] | None = None
        if source.is_dir():
            whole = (source / MANIFEST).is_file()
        else:
            try:
                self._file = source.open("rb")
                self._tar = tarfile.TarFile(fileobj=self._file)
                whole = MANIFEST in self._tar.getnames()
            except (OSError, tarfile.TarError) as error:
                self.close()
                raise self._none(f": {error}") from error
        if not whole:
            self.close()
            raise self._none(", or one that was not finished")

    def __enter__(self) -> Unpack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def open(self, path: str) -> IO[bytes]:
        """A file of it. Raises StorageError where it is missing."""
        try:
            if self._tar is None:
                return (self.source / path).open("rb")
            found = self._tar.extractfile(path)
        except (KeyError, FileNotFoundError):
            found = None
        if found is None:
            raise StorageError(f"the backup {self.source} is damaged: {path} is missing")
        return found

    def copy(self, one: Kept, target: Path, told: Read) -> None:
        """Copy a file to where nothing is; it is not durable yet.

        Raises StorageError unless it is as it was packed.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.open(one.path) as opened, target.open("xb") as copied:
            measured = Measured(opened, told)
            shutil.copyfileobj(measured, copied, BLOCK)
        if measured.kept(one.path) != one:
            raise StorageError(
                f"the backup {self.source} is damaged: {one.path} is not as it was written",
                hint="nothing was restored; take another backup",
            )

    def _none(self, why: str) -> UsageError:
        return UsageError(
            f"{self.source} is no backup{why}",
            hint="galley restore BACKUP HOME, with what `galley backup` wrote",
        )


def _linked(source: Path, target: Path) -> bool:
    """Whether the file could be linked; otherwise it is copied."""
    try:
        os.link(source, target)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        return False
    return True


def partial(target: Path) -> Path:
    """Where something is made that is to appear at ``target``."""
    return target.with_name(f".{target.name}.{new_id(8)}{PARTIAL}")


def discard(place: Path) -> None:
    """Remove what was not finished."""
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def sync_folders(place: Path) -> None:
    """Make the names of all files below a folder durable."""
    for root, _, _ in os.walk(place):
        sync_folder(Path(root))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
