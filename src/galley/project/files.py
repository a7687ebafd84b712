"""The project's files as one compilation sees them: each read once, its digest kept."""

from __future__ import annotations

import ast
import hashlib
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from galley.errors import DefinitionError, Where

BIGGEST = 4 << 20
"""Bytes of a definition; data belongs elsewhere."""


@dataclass(slots=True)
class Files:
    """Reads below one folder. ``seen`` maps paths to SHA-256; ``absent`` were not there."""

    folder: Path
    seen: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    _raw: dict[str, bytes] = field(default_factory=dict)
    _trees: dict[str, ast.Module] = field(default_factory=dict)

    def exists(self, path: str) -> bool:
        """Whether the file is there; remembered when it is not."""
        found = (self.folder / path).is_file()
        if not found:
            self.absent.add(path)
        return found

    def raw(self, path: str) -> bytes:
        """The bytes of a file; it takes part in the project from now on."""
        if path not in self._raw:
            try:
                content = (self.folder / path).read_bytes()
            except OSError as error:
                raise DefinitionError(
                    f"the file cannot be read: {error.strerror}", where=Where(path)
                ) from None
            if len(content) > BIGGEST:
                raise DefinitionError(
                    f"the file is larger than {BIGGEST >> 20} MiB",
                    where=Where(path),
                    hint="keep data outside of the pipelines and read it with a load step",
                )
            self._raw[path] = content
            self.seen[path] = hashlib.sha256(content).hexdigest()
        return self._raw[path]

    def text(self, path: str) -> str:
        """The text of a file, UTF-8 with or without a mark, line ends as newlines."""
        try:
            text = self.raw(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.raw(path)[: error.start].count(b"\n") + 1
            raise DefinitionError(
                "the file is not UTF-8 text",
                where=Where(path, line),
                hint="save it with the encoding UTF-8",
            ) from None
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def syntax(self, path: str) -> ast.Module:
        """The syntax tree of a Python file, which is never run."""
        if path not in self._trees:
            try:
                # What Python warns of while parsing (an unknown escape) is for its own tools.
                with warnings.catch_warnings(action="ignore"):
                    self._trees[path] = ast.parse(self.text(path), filename=path)
            except (RecursionError, MemoryError):
                raise DefinitionError(
                    "Python that cannot be parsed: an expression is nested too deeply",
                    where=Where(path),
                    hint="split the longest expression, or move its data into a file",
                ) from None
            except (SyntaxError, ValueError) as error:
                line = getattr(error, "lineno", None)
                raise DefinitionError(
                    f"Python that cannot be parsed: {getattr(error, 'msg', error)}",
                    where=Where(path, line, getattr(error, "offset", None) if line else None),
                ) from None
        return self._trees[path]
