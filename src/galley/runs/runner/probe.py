"""What a load step would read, as a digest, so that unchanged files are not loaded again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from galley.errors import InputDataError, Where
from galley.ids import digest
from galley.project.model import Step, StepKind
from galley.runs.runner.files import matching, shown

_RACY = 2_000_000_000
"""A file changed within this many nanoseconds may change again without a new time stamp."""


def probe(step: Step, project_dir: str, cache: str | None = None) -> str | None:
    """The digest of the names and contents of the files that a load step reads.

    ``None`` for what cannot be known from outside: a database, or no load step. ``cache`` is a
    JSON file that keeps each file's SHA-256 by its path, size, times and inode.

    Raises:
        InputDataError: there are no such files, or one cannot be read.
    """
    if step.kind is not StepKind.LOAD or step.load is None or step.load.path is None:
        return None
    files = matching(step, project_dir)
    known = _read(cache)
    found = {path: _found(path, known, step, project_dir) for path in files}
    if cache is not None and any(known.get(path) != entry for path, entry in found.items()):
        _write(cache, {**known, **found})
    parts = [f"{shown(path, project_dir)}={entry['sha256']}" for path, entry in found.items()]
    return digest("files", *parts)


def _found(path: str, known: dict[str, Any], step: Step, project_dir: str) -> dict[str, Any]:
    try:
        return _content(path, known)
    except OSError as error:
        raise InputDataError(
            f"{shown(path, project_dir)} cannot be read: {error.strerror}",
            where=Where(step.source.path, step.source.line),
        ) from error


def _content(path: str, known: dict[str, Any]) -> dict[str, Any]:
    status = Path(path).stat()
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    entry = known.get(path)
    if isinstance(entry, dict) and entry.get("stamp") == stamp and entry.get("settled"):
        return entry
    with open(path, "rb") as file:  # noqa: PTH123
        found = hashlib.file_digest(file, "sha256").hexdigest()
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    settled = time.time_ns() - changed > _RACY
    return {"stamp": stamp, "sha256": found, "settled": settled}


def _read(cache: str | None) -> dict[str, Any]:
    if cache is None:
        return {}
    try:
        found = json.loads(Path(cache).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(cache: str, entries: dict[str, Any]) -> None:
    """Replace the cache; that it cannot be written costs only time."""
    temporary = f"{cache}.{os.getpid()}"
    with contextlib.suppress(OSError):
        Path(cache).parent.mkdir(parents=True, exist_ok=True)
        Path(temporary).write_text(json.dumps(entries), "utf-8")
        Path(temporary).replace(cache)
