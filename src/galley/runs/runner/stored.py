"""Files that steps make: a model, a report. They are versioned like tables."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import os
from pathlib import Path
from typing import Any, BinaryIO

from galley.errors import ResultError, Where
from galley.ids import digest
from galley.lake.files import Files
from galley.lake.model import Change, Format, Intent, IntentKind, Version, fingerprint
from galley.lake.warehouse import Warehouse, storage_errors
from galley.project.model import Materialize
from galley.runs.protocol import StepTask
from galley.runs.runner.results import described
from galley.sdk.authoring import File

_ANY = "application/octet-stream"
_BLOCK = 1 << 20


def file_change(task: StepTask, output: str, value: Any) -> Change:
    """Store what a step returned for an output that is a file.

    ``value`` is a ``File``, or its content: bytes, text (stored as UTF-8) or the path of a file
    (relative to the scratch folder or the project). The version's one schema entry holds the
    file's name and media type. The same content as before keeps the version that is there.

    Raises:
        ResultError: it is none of these, or the path names no file.
        StorageError: the warehouse cannot be written.
    """
    file = value if isinstance(value, File) else _as_file(task, value)
    name = task.step.filename or output
    media = file.media_type or mimetypes.guess_type(name)[0] or _ANY
    base = task.bases.get(output)
    expected = base.content_id if base else None
    warehouse = task.store
    target = _target(task, warehouse, output, name)
    with _opened(task, file) as source, storage_errors(f"writing the file {name}"):
        content = digest("file", _copy(source, warehouse.files, target), name, media)
        if base is not None and base.content_id == content:
            warehouse.files.remove([target])
            return Change(output, base, expected=expected, guarded=True)
        warehouse.files.sync([target])
        size = warehouse.files.size(target)
    schema = ({"id": 1, "name": name, "type": media},)
    location = warehouse.relative(target)
    version = Version(
        table=output,
        table_id=task.table_ids[output],
        format=Format.FILE,
        content_id=content,
        location=location,
        schema_fingerprint=fingerprint(schema),
        schema=schema,
        bytes=size,
        intent=Intent(IntentKind.REPLACE, files=(location,)),
        inputs={
            name: task.inputs[name].content_id for name in task.step.inputs if name in task.inputs
        },
        step=task.step.name,
    )
    return Change(output, version, expected=expected, guarded=True)


def remove_files(task: StepTask) -> None:
    """Remove the files that this attempt stored."""
    if task.step.materialize is not Materialize.FILE:
        return
    store = task.store
    for output in task.step.outputs:
        table = store.table_folder(task.project, output, task.table_ids[output])
        store.files.remove_attempt(store.absolute(table), task.attempt)


def _folder(task: StepTask, warehouse: Warehouse, output: str) -> str:
    table = warehouse.table_folder(task.project, output, task.table_ids[output])
    return warehouse.absolute(f"{table}/files")


def _target(task: StepTask, warehouse: Warehouse, output: str, name: str) -> str:
    return f"{_folder(task, warehouse, output)}/{task.attempt}-0{Path(name).suffix}"


def _as_file(task: StepTask, value: Any) -> File:
    if isinstance(value, bytes | bytearray | memoryview):
        return File(content=bytes(value))
    if isinstance(value, str):
        return File(content=value)
    if isinstance(value, os.PathLike):
        return File(path=os.fspath(value))
    raise ResultError(
        f"the step {task.step.name} returned {described(value)}, and a file was due",
        where=Where(task.step.source.path, task.step.source.line),
        hint="return bytes, text, a pathlib.Path, or galley.File(…)",
    )


def _opened(task: StepTask, file: File) -> BinaryIO:
    if file.path is None:
        content = file.content if file.content is not None else b""
        return io.BytesIO(content.encode() if isinstance(content, str) else content)
    for folder in (task.scratch, task.project_dir):
        path = Path(folder, file.path)
        if path.is_file():
            return path.open("rb")
    raise ResultError(
        f"the step {task.step.name} returned the path {file.path}, and there is no such file",
        where=Where(task.step.source.path, task.step.source.line),
        hint="write it into context.scratch, and return its path",
    )


def _copy(source: BinaryIO, files: Files, target: str) -> str:
    """Copy to the warehouse; returns the SHA-256 of what was copied."""
    files.make_folders(target.rpartition("/")[0])
    state = hashlib.sha256()
    with files.create(target) as copy:
        while block := source.read(_BLOCK):
            state.update(block)
            copy.write(block)
    return state.hexdigest()
