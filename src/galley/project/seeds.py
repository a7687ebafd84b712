"""Small files of data that go with a version: what its load steps name below the project's folder.

A version that is deployed runs where the folder is not. What a load step reads from beside the
definitions comes along, and counts as one of the version's files: other data, another version.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from galley.errors import InvalidRequestError
from galley.ids import digest
from galley.project.codec import manifest_to_json
from galley.project.files import BIGGEST
from galley.project.model import Manifest, Step
from galley.project.uploads import check_path

MOST = 1000
"""Files of one step."""


def with_seeds(manifest: Manifest, folder: Path) -> Manifest:
    """The manifest with what its load steps read from the folder, as far as it is there.

    Of a step whose files are too large, or too many, none is taken.
    """
    found: dict[str, str] = {}
    for step in manifest.steps.values():
        if (pattern := beside(step)) is not None:
            found |= _digests(folder, pattern)
    if not found:
        return manifest
    files = dict(sorted({**found, **manifest.files}.items()))
    bare = replace(manifest, hash="", files=files)
    return replace(bare, hash=digest(manifest_to_json(bare)))


def left_behind(manifest: Manifest) -> Iterator[tuple[Step, str]]:
    """The steps that read from the project's folder what the version does not bring."""
    for step in manifest.steps.values():
        pattern = beside(step)
        if pattern is not None and not _brought(pattern, manifest):
            yield step, pattern


def beside(step: Step) -> str | None:
    """What a step loads from the project's folder, as a path or pattern below it."""
    path = step.load.path if step.load is not None else None
    outside = path is None or path.startswith(("/", "~")) or "://" in path
    return None if outside else path


def _brought(pattern: str, manifest: Manifest) -> bool:
    if not glob.has_magic(pattern):
        return pattern.removeprefix("./") in manifest.files
    # Sources of steps are never data, whatever a pattern says.
    fixed = pattern.partition("*")[0].partition("?")[0].partition("[")[0].removeprefix("./")
    own = {step.source.path for step in manifest.steps.values()}
    return any(path.startswith(fixed) and path not in own for path in manifest.files)


def _digests(folder: Path, pattern: str) -> dict[str, str]:
    if ".." in pattern.split("/"):
        return {}
    names = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
    found: dict[str, str] = {}
    root = folder.resolve()
    for name in sorted(names):
        path = name.removeprefix("./")
        file = folder / path
        if not file.is_file():
            continue
        if len(found) == MOST or file.stat().st_size > BIGGEST or not _inside(path, file, root):
            return {}
        found[path] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def _inside(path: str, file: Path, root: Path) -> bool:
    """Whether it is a plain path, and no link leads out of the folder."""
    try:
        check_path(path)
    except InvalidRequestError:
        return False
    return file.resolve().is_relative_to(root)
