"""Looking at SQL and Python with a memory: SQL that did not change is not parsed again."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from pathlib import Path

from galley.errors import DefinitionError, Where
from galley.ids import new_id
from galley.project.duck import Found
from galley.project.files import Files
from galley.project.names import hint_for
from galley.project.python_code import Modules, function_hash
from galley.project.sql_analysis import Analysis, analyse

MOST = 5000
"""Analyses kept; the oldest go first."""


@dataclass(slots=True)
class Analyses:
    """The memory of one compilation, kept in ``file`` between compilations.

    ``variables`` gathers every variable that a test names, with its place.
    """

    files: Files
    modules: Modules
    file: Path | None
    stamp: str
    variables: list[tuple[str, Where]] = field(default_factory=list)
    _known: dict[str, Found] = field(default_factory=dict)
    _loaded: frozenset[str] = frozenset()

    def load(self) -> None:
        """Read what an earlier compilation kept; anything unreadable counts as nothing."""
        if self.file is None:
            return
        try:
            kept = json.loads(self.file.read_text("utf-8"))
            if kept["stamp"] != self.stamp:
                return
            self._known = {
                key: Found([tuple(p) for p in tables], functions, set(reasons), columns=columns)
                for key, (tables, functions, reasons, columns) in kept["analyses"].items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return
        self._loaded = frozenset(self._known)

    def save(self) -> None:
        """Keep what was learnt."""
        if self.file is None or self._known.keys() == self._loaded:
            return
        newest = {
            key: (found.tables, found.functions, sorted(found.reasons), found.columns)
            for key, found in list(self._known.items())[-MOST:]
        }
        write_atomically(self.file, json.dumps({"stamp": self.stamp, "analyses": newest}))

    def select(self, text: str, path: str, first_line: int = 1) -> Analysis:
        """The analysis of a text that holds one SELECT; raises DefinitionError."""
        return analyse(text, path, first_line, self._known)

    def query(self, sql: str, where: Where) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tables and variables of a test's query."""
        try:
            found = self.select(sql, where.path)
        except DefinitionError as error:
            raise DefinitionError(error.message, where=where, hint=error.hint) from None
        self.variables.extend((name, where) for name in found.parameters)
        return found.tables, found.parameters

    def function(self, reference: str, where: Where) -> tuple[tuple[str, ...], str]:
        """The tables that a test's function takes, and its code hash."""
        path, _, name = reference.partition(":")
        if path.startswith("/") or ".." in path.split("/") or not self.files.exists(path):
            raise DefinitionError(
                f"there is no file {path} in the project",
                where=where,
                hint="the path counts from the project folder, as in tests/checks.py:function",
            )
        functions = {
            node.name: node
            for node in self.files.syntax(path).body
            if isinstance(node, ast.FunctionDef)
        }
        if name not in functions:
            raise DefinitionError(
                f"{path} has no function '{name}'", where=where, hint=hint_for(name, functions)
            )
        arguments = functions[name].args
        tables = tuple(one.arg.lower() for one in (*arguments.posonlyargs, *arguments.args))
        return tables, function_hash(path, name, self.modules)


def write_atomically(path: Path, text: str) -> None:
    """Write a cache file so that a reader sees the old or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{new_id(8)}")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
