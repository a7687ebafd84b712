"""Files that steps make: a model, a report. They are versioned like tables."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from galley.errors import ResultError
from galley.ids import digest
from galley.lake.model import Change, Format, Intent, IntentKind, Version
from galley.lake.warehouse import Warehouse, make_folder, storage_errors, sync
from galley.runs.protocol import StepTask
from galley.runs.runner.results import described
from galley.sdk.authoring import File

_ANY = "application/octet-stream"
_BLOCK = 1 << 20


def file_change(task: StepTask, output: str, value: Any) -> Change:
    """Store what a step returned for an output that is a file.

    ``value`` is a ``File``, or its content: bytes, text (stored as UTF-8) or the path of a file.
    The same content as before keeps the version that is there.

    Raises:
        ResultError: it is none of these, or the path names no file.
        StorageError: the warehouse cannot be written.
    """
    file = value if isinstance(value, File) else _as_file(task, value)
    name = file.name or task.step.filename or output
    media = file.media_type or mimetypes.guess_type(name)[0] or _ANY
    base = task.bases.get(output)
    with storage_errors(f"writing the file {name}"):
        path, sha256, size = _store(task, output, file.content, Path(name).suffix)
        content = digest("file", sha256, name, media)
        if base is not None and base.content_id == content:
            os.unlink(path)
            return Change(output, base, expected=base.content_id, guarded=True)
        sync([path])
    location = Warehouse(task.warehouse).relative(path)
    version = _version(task, output, content, location, size, name, media)
    return Change(output, version, expected=base.content_id if base else None, guarded=True)
