"""Compiling a project, at the price of reading its files when nothing changed.

The compiler and the parsers it needs are imported only when a file, an installed package or Galley
itself is not what it was at the last compilation.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.errors import DefinitionError, Where
from galley.ids import digest, new_id
from galley.project.codec import manifest_from_json, manifest_to_json
from galley.project.find import PROJECT_FILE
from galley.project.model import Manifest
from galley.project.names import hint_for
from galley.version import VERSION

if TYPE_CHECKING:
    from galley.project.build import Built

FORMAT = "3"
KEPT = "manifest.json"


def compile_project(
    folder: Path, *, cache: Path | None = None, environment: str | None = None
) -> Manifest:
    """The manifest of the project in ``folder``; no code of it is run.

    ``cache`` is a folder that remembers the last result. ``environment`` must be one of the
    project's. Raises DefinitionErrors with every problem and its place.
    """
    folder = folder.absolute()
    stamp = _stamp()
    manifest = _remembered(folder, cache, stamp) if cache else None
    if manifest is None:
        built = _build(folder, cache, stamp)
        manifest = built.manifest
        if cache is not None:
            _remember(folder, cache, stamp, built)
    if environment is not None and environment not in manifest.environments:
        raise DefinitionError(
            f"the project has no environment '{environment}'",
            where=Where(PROJECT_FILE),
            hint=hint_for(environment, manifest.environments, "environments"),
        )
    return manifest


def _build(folder: Path, cache: Path | None, stamp: str) -> Built:
    """Run the compiler, which loads YAML, pydantic and a SQL parser."""
    compiler: Any = importlib.import_module("galley.project.build")
    built: Built = compiler.build(folder, cache, stamp)
    return built


def _stamp() -> str:
    """The identity of everything outside of the project that a manifest rests on.

    A folder of installed packages changes its time whenever one comes, goes or changes version.
    """
    parts = [FORMAT, VERSION, sys.version, sys.prefix]
    for entry in sys.path:
        if entry.endswith(("site-packages", "dist-packages")) and Path(entry).is_dir():
            parts.append(f"{entry}:{Path(entry).stat().st_mtime_ns}")
    return digest(*parts)


def _candidates(folder: Path) -> Iterator[str]:
    """Every file whose appearing or vanishing could change the manifest."""
    for below in ("pipelines", "tests", "toolchains"):
        for root, folders, names in os.walk(folder / below):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
            relative = os.path.relpath(root, folder).replace(os.sep, "/")
            yield f"{relative}/"
            yield from (f"{relative}/{name}" for name in names if not name.startswith("."))
    for entry in os.scandir(folder):
        if entry.name == "uv.lock" or entry.name.startswith("requirements"):
            yield entry.name


def _remembered(folder: Path, cache: Path, stamp: str) -> Manifest | None:
    """The last manifest, if every file is what it was; anything unreadable counts as nothing."""
    try:
        head, _, body = (cache / KEPT).read_text("utf-8").partition("\n")
        kept = json.loads(head)
    except (OSError, ValueError):
        return None
    if not isinstance(kept, dict) or kept.get("stamp") != stamp or kept.get("body") != digest(body):
        return None
    if kept["listing"] != sorted(_candidates(folder)):
        return None
    if any((folder / path).is_file() for path in kept["absent"]):
        return None
    if any(_sha256(folder / path) != known for path, known in kept["files"].items()):
        return None
    return manifest_from_json(body)


def _remember(folder: Path, cache: Path, stamp: str, built: Built) -> None:
    body = manifest_to_json(built.manifest)
    head = {
        "stamp": stamp,
        "body": digest(body),
        "listing": sorted(_candidates(folder)),
        "absent": sorted(built.absent),
        "files": built.manifest.files,
    }
    cache.mkdir(parents=True, exist_ok=True)
    temporary = cache / f".{KEPT}.{new_id(8)}"
    temporary.write_text(f"{json.dumps(head)}\n{body}", "utf-8")
    temporary.replace(cache / KEPT)


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
