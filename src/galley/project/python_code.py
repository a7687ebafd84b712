"""What a Python step's result depends on in the project: its code and the modules it imports."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

from galley.ids import digest
from galley.project.files import Files

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class Modules:
    """Follows imports inside the project without running anything.

    A name is looked for from the project folder and then from the step's own, as a worker does.
    """

    files: Files
    packages: set[str] = field(default_factory=set)
    _imports: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def reached(self, path: str) -> tuple[str, ...]:
        """Every project module that a file imports, directly or not; not the file itself."""
        home = path.rpartition("/")[0]
        reached: set[str] = set()
        waiting = [path]
        while waiting:
            for module in self._direct(waiting.pop(), home):
                if module not in reached:
                    reached.add(module)
                    waiting.append(module)
        return tuple(sorted(reached - {path}))

    def digest_of(self, path: str) -> str:
        """A module's identity: comments and layout do not count."""
        return digest(path, source(self.files.syntax(path), path, self.files))

    def _direct(self, path: str, home: str) -> tuple[str, ...]:
        key = f"{home}:{path}"
        if key not in self._imports:
            found = dict.fromkeys(self._find(path, home))
            self._imports[key] = tuple(found)
        return self._imports[key]

    def _find(self, path: str, home: str) -> Iterator[str]:
        for node in ast.walk(self.files.syntax(path)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._absolute(alias.name, (), home)
            elif isinstance(node, ast.ImportFrom):
                names = tuple(alias.name for alias in node.names)
                if node.level:
                    folder = path.split("/")[: -node.level]
                    base = [*folder, *(node.module.split(".") if node.module else ())]
                    yield from self._below(base, len(folder), names)
                elif node.module:
                    yield from self._absolute(node.module, names, home)

    def _absolute(self, module: str, names: tuple[str, ...], home: str) -> Iterator[str]:
        found = False
        for root in dict.fromkeys(("", home)):
            folder = root.split("/") if root else []
            for path in self._below([*folder, *module.split(".")], len(folder), names):
                found = True
                yield path
            if found:
                return
        self.packages.add(module.partition(".")[0])

    def _below(self, parts: list[str], known: int, names: tuple[str, ...]) -> Iterator[str]:
        """The files of a dotted name: each package on the way, the module, and what is taken of it.

        ``known`` parts are the folder to start from.
        """
        for length in range(known + 1, len(parts) + 1):
            yield from self._module("/".join(parts[:length]))
        if parts and known == len(parts):
            yield from self._module("/".join(parts))
        if (self.files.folder / "/".join(parts)).is_dir():
            for name in names:
                yield from self._module("/".join([*parts, name]))

    def _module(self, base: str) -> Iterator[str]:
        for path in (f"{base}/__init__.py", f"{base}.py"):
            if self.files.exists(path):
                yield path
                return


def function_hash(
    path: str,
    name: str,
    modules: Modules,
    others: frozenset[str] = frozenset(),
    decorators: frozenset[str] = frozenset(),
) -> str:
    """The identity of one function of a file.

    It covers the whole file less the function's docstring and ``decorators`` (by name), less the
    step functions (``others``) that nothing kept refers to; and every project module the file
    imports.
    """
    tree = reduced(modules.files.syntax(path), name, others, decorators)
    return digest(
        name,
        source(tree, path, modules.files),
        *(modules.digest_of(module) for module in modules.reached(path)),
    )


def source(tree: ast.Module, path: str, files: Files) -> str:
    """The code of a tree without layout; the whole file where it nests too deeply to be walked."""
    try:
        return ast.unparse(tree)
    except RecursionError:
        return files.text(path)


def reduced(
    tree: ast.Module, name: str, others: frozenset[str], decorators: frozenset[str]
) -> ast.Module:
    """The part of a file that one of its step functions can use."""
    functions = {
        node.name: node for node in tree.body if isinstance(node, Function) and node.name in others
    }
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, Function) and node.name == name:
            body.append(_plain(node, decorators))
        elif not (isinstance(node, Function) and node.name in functions) and not _is_text(node):
            body.append(node)
    waiting = set(functions)
    new = body
    while called := waiting & _names(new):
        waiting -= called
        new = [_plain(functions[one], decorators) for one in sorted(called)]
        body = body + new
    return ast.Module(body=body, type_ignores=[])


def called_name(decorator: ast.expr) -> str:
    """The dotted name of a decorator, with or without arguments."""
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _plain(node: Function, decorators: frozenset[str]) -> Function:
    plain = copy.copy(node)
    plain.decorator_list = [
        one for one in node.decorator_list if called_name(one) not in decorators
    ]
    plain.body = [one for one in node.body if not _is_text(one)] or [ast.Pass()]
    return plain


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _names(body: list[ast.stmt]) -> set[str]:
    return {
        node.id for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name)
    }
