"""Finding a project's folder and its home, without reading more than that needs."""

from __future__ import annotations

import re
from pathlib import Path

from galley.errors import NotFoundError

PROJECT_FILE = "galley.yaml"
_VALUE = r"""[ \t]*(?P<value>'[^']*'|"[^"]*"|[^#\n]*?)[ \t]*(\#.*)?$"""
_LAKE = re.compile(f"^lake:{_VALUE}", re.MULTILINE)
_WAREHOUSE = re.compile(f"^warehouse:{_VALUE}", re.MULTILINE)
_NAME = re.compile(r"^name:[ \t]*['\"]?(?P<name>[\w-]+)['\"]?[ \t]*(#.*)?$", re.MULTILINE)


def find_project(start: Path) -> Path:
    """The nearest folder at or above ``start`` with a galley.yaml; raises NotFoundError."""
    folder = start.absolute()
    for candidate in (folder, *folder.parents):
        if (candidate / PROJECT_FILE).is_file():
            return candidate
    raise NotFoundError(
        f"no {PROJECT_FILE} in {folder} or above it",
        hint="run `galley init NAME` to start a project, or change into one",
    )


def lake_setting(folder: Path) -> str | None:
    """What ``lake:`` says in galley.yaml, or ``None``; compilation checks the file itself."""
    return _setting(folder, _LAKE)


def warehouse_setting(folder: Path) -> str | None:
    """What ``warehouse:`` says in galley.yaml, or ``None``; compilation checks the file itself."""
    return _setting(folder, _WAREHOUSE)


def declared_name(folder: Path) -> str | None:
    """What ``name:`` says in galley.yaml, in lower case; the rest of the file may be broken."""
    try:
        text = (folder / PROJECT_FILE).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    match = _NAME.search(text)
    return match["name"].lower() if match else None


def _setting(folder: Path, pattern: re.Pattern[str]) -> str | None:
    try:
        text = (folder / PROJECT_FILE).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    match = pattern.search(text)
    return (match["value"].strip("'\"") or None) if match else None
