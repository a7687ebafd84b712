"""An archive from outside becomes a folder, or is refused: nothing of what it says is believed.

Sizes are counted as they are read, never taken from a header. Only plain files and folders with
plain names are made, each once, and only below the folder that is given.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import unicodedata
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from galley.errors import GalleyError, InvalidRequestError, TooLargeError
from galley.project.files import BIGGEST
from galley.project.find import PROJECT_FILE

LARGEST = 32 << 20
"""Bytes of a packed archive."""

CHUNK = 1 << 16
LONGEST_NAME, LONGEST_PATH, DEEPEST = 200, 400, 20
_ODD = frozenset('\\:*?"<>|')
_PACK = "tar -czf version.tar.gz galley.yaml pipelines tests"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold: bytes in all, bytes of one file, files and folders."""

    unpacked: int = 128 << 20
    file: int = BIGGEST
    entries: int = 20_000


@dataclass(slots=True)
class _Target:
    """The folder that is filled, and what is in it: a path without regard to case, as written."""

    folder: Path
    limits: Limits
    seen: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    bytes: int = 0


def unpack_upload(packed: Path, folder: Path, limits: Limits = Limits()) -> None:
    """Lay a tar archive that was compressed with gzip out below ``folder``, which is made.

    Raises:
        InvalidRequestError: it is no such archive, is cut short, or holds what has no place in a
            project: links, devices, names that lead elsewhere, the same name twice.
        TooLargeError: it holds more than it may.
    """
    plain = packed.with_name(f"{packed.name}.tar")
    _decompress(packed, plain, limits)
    folder.mkdir(mode=0o700)
    target = _Target(folder, limits)
    try:
        with tarfile.open(plain, mode="r:", encoding="utf-8", errors="strict") as archive:
            for member in archive:
                _place(archive, member, target)
    except (tarfile.TarError, UnicodeError, ValueError, EOFError, RecursionError) as error:
        raise _damaged("it is no tar archive, or a damaged one") from error
    plain.unlink()
    if PROJECT_FILE not in target.files:
        raise InvalidRequestError(
            f"the archive holds no {PROJECT_FILE} at its top",
            hint=f"pack what is in the project's folder, not the folder itself: {_PACK}",
        )


def _decompress(packed: Path, plain: Path, limits: Limits) -> None:
    """Tar's own padding comes on top of the files: half a block, and a header, for each."""
    most = limits.unpacked + limits.entries * 2 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE
    total = 0
    try:
        with gzip.open(packed, "rb") as source, plain.open("xb") as copy:
            while chunk := source.read(CHUNK):
                total += len(chunk)
                if total > most:
                    raise _too_large(f"more than {limits.unpacked >> 20} MiB")
                copy.write(chunk)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            raise
        raise _damaged("it is not compressed with gzip, or it is cut short") from error


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, target: _Target) -> None:
    name = member.name.removeprefix("./").rstrip("/")
    if member.isdir() and name in ("", ".") and member.name.startswith("."):
        return
    check_path(name)
    if member.isdir():
        _note(name, target, is_file=False)
        return
    content = archive.extractfile(member) if member.isreg() and not member.issparse() else None
    if content is None:
        raise _refused(name, "is no plain file: links, devices and the like are not taken")
    _note(name, target, is_file=True)
    path = target.folder / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _copy(content, path, name, member.size, target)


def _copy(content: IO[bytes], path: Path, name: str, told: int, target: _Target) -> None:
    limits, size = target.limits, 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        while chunk := content.read(CHUNK):
            size += len(chunk)
            target.bytes += len(chunk)
            if size > limits.file:
                raise _too_large(f"{name}, of more than {limits.file >> 20} MiB")
            if target.bytes > limits.unpacked:
                raise _too_large(f"more than {limits.unpacked >> 20} MiB")
            file.write(chunk)
    if size != told:
        raise _damaged(f"{name} is cut short")


def check_path(name: str) -> None:
    """Refuse a path that is not a plain one below its folder on every system.

    Raises:
        InvalidRequestError: it is absolute, leads elsewhere, or has signs that no file should.
    """
    parts = name.split("/")
    if len(name.encode("utf-8", "replace")) > LONGEST_PATH or len(parts) > DEEPEST:
        raise _refused(name, "has too long a path")
    for part in parts:
        if part in ("", ".", ".."):
            raise _refused(name, "is absolute or leads out of the project")
        if len(part.encode("utf-8", "replace")) > LONGEST_NAME:
            raise _refused(name, "has too long a name")
        if part != part.strip(" ") or part.endswith(".") or not _plain(part):
            raise _refused(name, "has signs that no file's name should have")


def _plain(part: str) -> bool:
    return not any(one in _ODD or unicodedata.category(one)[0] == "C" for one in part)


def _note(name: str, target: _Target, *, is_file: bool) -> None:
    """Remember a path with the folders above it; none may be there in another spelling."""
    parts = name.split("/")
    for length in range(1, len(parts) + 1):
        path = "/".join(parts[:length])
        known = target.seen.setdefault(_folded(path), path)
        if known != path:
            raise _refused(name, f"differs from {known} only in case")
        if path in target.files:
            raise _refused(name, f"comes after the file {path}")
    if len(target.seen) > target.limits.entries:
        raise _too_large(f"more than {target.limits.entries} files and folders")
    if is_file:
        if (target.folder / name).exists():
            raise _refused(name, "stands in it twice")
        target.files.add(name)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _shown(name: str) -> str:
    """A hostile name as a short text of plain signs."""
    return ascii(name if len(name) <= 80 else f"{name[:80]}…")[1:-1]


def _refused(name: str, why: str) -> GalleyError:
    return InvalidRequestError(
        f"the archive is refused: {_shown(name)} {why}",
        hint=f"pack the project's own files only: {_PACK}",
        details={"file": _shown(name)},
    )


def _damaged(why: str) -> GalleyError:
    return InvalidRequestError(
        f"the archive cannot be read: {why}", hint=f"send a tar archive with gzip: {_PACK}"
    )


def _too_large(what: str) -> GalleyError:
    return TooLargeError(
        f"the archive holds {what}",
        hint="a version holds definitions and code; keep data outside and read it with a load step",
    )
