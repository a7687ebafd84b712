"""The files that a load step names."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from galley.errors import InputDataError, Where
from galley.project.model import Step
from galley.project.names import nearest

_MAGIC = frozenset("*?[")
_MOST_NAMED = 8


def matching(step: Step, project_dir: str) -> tuple[str, ...]:
    """The absolute paths of the step's files, sorted. ``**`` in a pattern crosses folders.

    Raises:
        InputDataError: there is no such file, with the nearest names of its folder.
    """
    path = step.load.path if step.load is not None and step.load.path else ""
    whole = os.path.join(project_dir, os.path.expanduser(path))
    pattern = bool(_MAGIC & set(path)) and not os.path.exists(whole)
    names = glob.glob(whole, recursive=True) if pattern else [whole]
    files = tuple(sorted(os.path.abspath(name) for name in names if os.path.isfile(name)))
    if files:
        return files
    said = f"no file matches {path}" if pattern else f"there is no file {path}"
    if os.path.isdir(whole):
        said = f"{path} is a folder"
    raise InputDataError(
        said, where=Where(step.source.path, step.source.line), hint=_nearby(whole, project_dir)
    )


def shown(path: str, project_dir: str) -> str:
    """A path for people: relative to the project where it is inside."""
    inside = os.path.relpath(path, project_dir)
    return path if inside.startswith("..") else inside.replace(os.sep, "/")


def _nearby(whole: str, project_dir: str) -> str | None:
    """What the folder does hold, the nearest name first."""
    folder = whole if os.path.isdir(whole) else os.path.dirname(whole)
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    named = shown(folder, project_dir)
    try:
        present = sorted(entry.name for entry in Path(folder).iterdir())
    except OSError as error:
        return f"the folder {named} cannot be read: {error.strerror}"
    near = nearest(os.path.basename(whole), present)
    if near is not None:
        return f"did you mean {shown(os.path.join(folder, near), project_dir)}?"
    if not present:
        return f"the folder {named} is empty"
    return f"the folder {named} holds {', '.join(present[:_MOST_NAMED])}"
