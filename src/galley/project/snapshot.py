"""A project's files as they were compiled, kept for the workers that run them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

from galley.errors import ConflictError
from galley.ids import new_id
from galley.project.codec import manifest_to_json
from galley.project.model import Manifest

MANIFEST_FILE = ".galley-manifest.json"


def save(manifest: Manifest, folder: Path, target: Path) -> None:
    """Copy the files that take part in ``manifest`` from ``folder`` to the new folder ``target``.

    ``target`` appears whole or not at all; one that is there already is left as it is, so its name
    should hold the manifest's hash. Raises ConflictError when a file changed since compilation.
    """
    if target.exists():
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


def _copy(source: Path, destination: Path, expected: str) -> None:
    try:
        content = source.read_bytes()
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != expected:
        raise ConflictError(
            f"{source} changed since the project was checked", hint="run the command again"
        )
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
