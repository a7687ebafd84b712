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
    whole = Path(project_dir, path)
    pattern = bool(_MAGIC & set(path)) and not whole.exists()
    # Path.glob would also find hidden files.
    names = glob.glob(str(whole), recursive=True) if pattern else [str(whole)]  # noqa: PTH207
    files = tuple(sorted(os.path.normpath(name) for name in names if Path(name).is_file()))
    if files:
        return files
    said = f"no file matches {path}" if pattern else f"there is no file {path}"
    if whole.is_dir():
        said = f"{path} is a folder"
    raise InputDataError(
        said, where=Where(step.source.path, step.source.line), hint=_nearby(whole, project_dir)
    )


def shown(path: str, project_dir: str) -> str:
    """A path for people: relative to the project where it is inside."""
    inside = os.path.relpath(path, project_dir)
    return path if inside.startswith("..") else inside.replace(os.sep, "/")


def _nearby(whole: Path, project_dir: str) -> str | None:
    """What the folder does hold, or the nearest name."""
    folder = next(one for one in (whole, *whole.parents) if one.is_dir())
    wanted = whole.relative_to(folder).parts
    named = shown(str(folder), project_dir).removesuffix(".") or "of the project"
    try:
        present = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    except OSError as error:
        return f"the folder {named} cannot be read: {error.strerror}"
    near = nearest(wanted[0], present) if wanted else None
    if near is not None:
        return f"did you mean {shown(str(folder / near), project_dir)}?"
    if not present:
        return f"the folder {named} is empty"
    return f"the folder {named} holds {', '.join(present[:_MOST_NAMED])}"
