"""The project's own modules in a warm process: one private set for each step file.

Steps must not see each other's module state, and what a step loads has to be known for its reuse
key. So a step's modules are in ``sys.modules`` only while it runs; a second run of the same
unchanged files finds them loaded.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import sysconfig
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from galley.errors import StepError, Where
from galley.project.model import Source
from galley.project.names import hint_for

_MOST_KEPT = 64


@dataclass(slots=True)
class ProjectCode:
    """The modules that one step file has loaded. ``digests`` are those of their files."""

    folder: str
    path: str
    modules: dict[str, ModuleType] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def function(self, source: Source) -> Callable[..., Any]:
        """The step's function, its module imported if it is not yet.

        Raises:
            StepError: the file has no such function.
        """
        module = self.modules.get(_module_name(self.path)) or self._load()
        name = source.function or PurePosixPath(self.path).stem
        found = getattr(module, name, None)
        if not callable(found):
            names = [key for key, value in vars(module).items() if inspect.isfunction(value)]
            raise StepError(
                f"there is no function {name} in the file",
                where=Where(source.path, source.line),
                hint=hint_for(name, names, "it has"),
            )
        return found  # type: ignore[no-any-return]

    def loaded(self) -> tuple[str, ...]:
        """The project files whose modules were loaded, but for the step's own."""
        return tuple(sorted(self.digests.keys() - {self.path}))

    def unchanged(self) -> bool:
        """Whether every file is still what was loaded."""
        return all(_digest(self.folder, path) == digest for path, digest in self.digests.items())

    def note(self) -> None:
        """Take the project's modules out of ``sys.modules`` and remember them."""
        for name, path in _project_modules(self.folder).items():
            self.modules[name] = sys.modules.pop(name)
            if path is not None and path not in self.digests:
                self.digests[path] = _digest(self.folder, path)

    def _load(self) -> ModuleType:
        name = _module_name(self.path)
        file = Path(self.folder, self.path)
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None or not file.exists():
            raise StepError("the step's file is not in the project's code", where=Where(self.path))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module


_kept: OrderedDict[tuple[str, str], ProjectCode] = OrderedDict()


@contextmanager
def project_code(folder: str, path: str) -> Iterator[ProjectCode]:
    """The step file's modules, importable inside the block as from the project's folder.

    Modules are found from the step's own folder, then the project's, then among installed
    packages; Python's own modules come before all of them, whatever a step is called.
    """
    code = _kept.pop((folder, path), None)
    if code is None or not code.unchanged():
        code = ProjectCode(folder, path)
    before, writes_bytecode = list(sys.path), sys.dont_write_bytecode
    sys.path[:] = _with_roots(before, (str(Path(folder, path).parent), folder))
    sys.dont_write_bytecode = True
    sys.modules.update(code.modules)
    importlib.invalidate_caches()
    try:
        yield code
        code.note()
        _keep(folder, path, code)
    finally:
        code.note()
        sys.dont_write_bytecode = writes_bytecode
        sys.path[:] = before


def _with_roots(path: list[str], roots: tuple[str, ...]) -> list[str]:
    """The import path with ``roots`` after the standard library's folders."""
    rest = [entry for entry in path if entry not in roots]
    own = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    own |= {f"{entry}/lib-dynload" for entry in own}
    after = max((at for at, entry in enumerate(rest, start=1) if entry in own), default=0)
    return [*rest[:after], *dict.fromkeys(roots), *rest[after:]]


def _keep(folder: str, path: str, code: ProjectCode) -> None:
    _kept[folder, path] = code
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)


def _module_name(path: str) -> str:
    return ".".join(PurePosixPath(path).with_suffix("").parts)


def _project_modules(folder: str) -> dict[str, str | None]:
    """The loaded modules of the project; packages without a file have no path."""
    found: dict[str, str | None] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None:
            if _inside(file, folder):
                found[name] = os.path.relpath(file, folder).replace(os.sep, "/")
        elif any(_inside(entry, folder) for entry in _namespace_folders(module)):
            found[name] = None
    return found


def _namespace_folders(module: object) -> list[str]:
    try:
        return [str(entry) for entry in getattr(module, "__path__", ())]
    except (ImportError, KeyError, TypeError):
        # A namespace package asks its parent for its folders; the parent may be gone.
        return []


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _digest(folder: str, path: str) -> str:
    try:
        return hashlib.sha256(Path(folder, path).read_bytes()).hexdigest()
    except OSError:
        return ""
