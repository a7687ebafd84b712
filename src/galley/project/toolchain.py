"""The libraries that steps run with: their locks, and what is installed of them."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterable
from pathlib import Path

from galley.ids import digest
from galley.project.files import Files

LOCKS = ("toolchains/*.lock", "requirements*.lock", "requirements*.txt", "uv.lock")
ENGINE = ("duckdb", "pyarrow")
"""Distributions that take part in every step."""


def lock_files(folder: Path) -> tuple[str, ...]:
    """The lock files of a project, relative to its folder."""
    found = {path for pattern in LOCKS for path in folder.glob(pattern) if path.is_file()}
    return tuple(sorted(path.relative_to(folder).as_posix() for path in found))


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Versions of the distributions that provide top-level ``packages``, and of the engine's own.

    The standard library and what is not installed are left out.
    """
    names = {name for name in packages if name not in sys.stdlib_module_names and name != "galley"}
    by_module = importlib.metadata.packages_distributions() if names - _same_name(names) else {}
    wanted = {*ENGINE, *_same_name(names)}
    for name in names:
        wanted.update(by_module.get(name, ()))
    found = {name: version for name in wanted if (version := _version(name)) is not None}
    return dict(sorted(found.items()))


def toolchain_digest(files: Files, locks: Iterable[str], packages: dict[str, str]) -> str:
    """The identity of the libraries: lock files, installed versions and Python's minor version."""
    parts = [f"python={sys.version_info[0]}.{sys.version_info[1]}"]
    parts += [f"{name}=={version}" for name, version in packages.items()]
    for path in locks:
        files.raw(path)
        parts.append(f"{path}:{files.seen[path]}")
    return digest("toolchain", *parts)


def _same_name(names: set[str]) -> set[str]:
    """Those whose distribution is called like the module, as most are."""
    return {name for name in names if _version(name) is not None}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
