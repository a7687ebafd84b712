"""A project's files as they were compiled, kept for the workers that run them."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from galley.errors import ConflictError
from galley.ids import digest, new_id
from galley.project.codec import manifest_from_json, manifest_to_json
from galley.project.model import Manifest

MANIFEST_FILE = ".galley-manifest.json"


def save(manifest: Manifest, folder: Path, target: Path) -> None:
    """Copy the files that take part in ``manifest`` from ``folder`` to the new folder ``target``.

    ``target`` appears whole or not at all; one that is there already is left as it is, so its name
    should hold the manifest's hash. Raises ConflictError when a file changed since compilation.
    """
    with contextlib.suppress(FileNotFoundError):
        # Whoever removes what nobody uses sees that it is about to be.
        os.utime(target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{new_id(8)}")
    try:
        temporary.mkdir()
        for path, expected in sorted(manifest.files.items()):
            _copy(folder / path, temporary / path, expected)
        (temporary / MANIFEST_FILE).write_text(manifest_to_json(manifest), "utf-8")
        with contextlib.suppress(FileExistsError):
            _move(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _content(source: Path, expected: str) -> bytes:
    try:
        content = source.read_bytes()
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != expected:
        raise ConflictError(
            f"{source} changed since the project was checked", hint="run the command again"
        )
    return content


def _copy(source: Path, destination: Path, expected: str) -> None:
    content = _content(source, expected)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with destination.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not target.exists():
            raise
        raise FileExistsError(target) from None


def pack(folder: Path) -> bytes:
    """A saved project as one archive; the same files give the same bytes."""
    paths = sorted(found for found in folder.rglob("*") if found.is_file())
    return _packed((path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths)


def pack_files(manifest: Manifest, folder: Path) -> bytes:
    """The files of ``manifest`` from the project's folder as one archive, to be sent.

    Raises ConflictError when a file changed since compilation.
    """
    return _packed(
        (path, _content(folder / path, expected))
        for path, expected in sorted(manifest.files.items())
    )


def pack_version(manifest: Manifest, folder: Path) -> bytes:
    """What ``pack`` makes of a saved project, from the folder that the manifest is of.

    Raises ConflictError when a file changed since compilation.
    """
    files = {path: _content(folder / path, known) for path, known in manifest.files.items()}
    files[MANIFEST_FILE] = manifest_to_json(manifest).encode()
    return _packed(sorted(files.items()))


def _packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def unpack(data: bytes, target: Path) -> None:
    """Lay the files of an archive out as the new folder ``target``, whose name is their hash.

    ``target`` appears whole or not at all; one that is there already is left as it is.

    Raises:
        ConflictError: the files are not those of the project version ``target.name``.
    """
    if target.exists():
        return
    try:
        files = _members(data)
        manifest = manifest_from_json(files.pop(MANIFEST_FILE).decode())
    except (KeyError, TypeError, ValueError, OSError, tarfile.TarError, EOFError) as error:
        raise ConflictError(f"the archive of version {target.name[:12]} is damaged") from error
    found = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    true = digest(manifest_to_json(replace(manifest, hash="")))
    if found != dict(manifest.files) or true != manifest.hash or manifest.hash != target.name:
        raise ConflictError(f"the archive of version {target.name[:12]} holds other files")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{new_id(8)}")
    try:
        temporary.mkdir()
        for path, content in (*files.items(), (MANIFEST_FILE, manifest_to_json(manifest).encode())):
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_bytes(content)
        with contextlib.suppress(FileExistsError):
            _move(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _members(data: bytes) -> dict[str, bytes]:
    """The files of an archive by name; a name that leads out of it is an error."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            inside = PurePosixPath(member.name)
            if content is None or inside.is_absolute() or ".." in inside.parts:
                raise ValueError(member.name)
            files[member.name] = content.read()
    return files
