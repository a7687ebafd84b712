"""Values that remember where they were written: from YAML, or from literals in Python.

YAML is read as its version 1.2 means it: only ``true`` and ``false`` are booleans (``on`` and
``no`` are words), dates stay text, and a number is decimal.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from galley.errors import DefinitionError, Where
from galley.project.model import Json

Path = tuple[str | int, ...]

MOST_NODES = 50_000
DEEPEST = 100
SAFE_LENGTH = 20_000
"""Characters that cannot nest deeper than the parser's own stack carries."""
LONGEST_INTEGER = 38
"""Digits that a decimal column holds."""
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Document:
    """A value with the place of each of its parts.

    ``marks`` maps a key path to (line, column), both from one: of the key in a mapping, of the
    item in a list. The path ``()`` is the whole.
    """

    path: str
    value: Json = None
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def where(self, *path: str | int) -> Where:
        """The place of a part; of the nearest known part around it when it is not known."""
        for length in range(len(path), -1, -1):
            if (mark := self.marks.get(path[:length])) is not None:
                return Where(self.path, *mark)
        return Where(self.path)

    def part(self, *path: str | int) -> Document:
        """A part as a document of its own."""
        value = self.value
        for key in path:
            value = value[key]
        length = len(path)
        marks = {key[length:]: mark for key, mark in self.marks.items() if key[:length] == path}
        return Document(self.path, value, marks)

    def without(self, *keys: str) -> Document:
        """The mapping less some keys."""
        value = {key: item for key, item in self.value.items() if key not in keys}
        return Document(self.path, value, self.marks)


def read_yaml(text: str, path: str, *, lines_before: int = 0) -> Document:
    """Parse one YAML document. ``lines_before`` shifts the lines of a text inside another file.

    Raises DefinitionError with the place for invalid YAML, duplicate keys, tags, merge keys and
    documents that aliases blow up or that nest too deeply.
    """
    try:
        if len(text) > SAFE_LENGTH:
            _refuse_depth(text, path, lines_before)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise _invalid(error, text, path, lines_before) from None
    document = Document(path, marks={(): (lines_before + 1, 1)})
    if node is not None:
        document.value = _Reader(document, lines_before).value(node, ())
    return document


def mapping(document: Document, what: str) -> Document:
    """The document, which must be a mapping; an empty one is an empty mapping."""
    if document.value is None:
        document.value = {}
    if not isinstance(document.value, dict):
        raise DefinitionError(f"{what} must be a mapping of keys to values", where=document.where())
    return document


def _refuse_depth(text: str, path: str, lines_before: int) -> None:
    """Look at a long text's nesting, event by event: composing it would recurse."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            mark: Any = event.start_mark
            raise _too_deep(Where(path, mark.line + 1 + lines_before, mark.column + 1))


def _too_deep(where: Where) -> DefinitionError:
    return DefinitionError(f"the values are nested more than {DEEPEST} deep", where=where)


def _invalid(error: yaml.YAMLError, text: str, path: str, lines_before: int) -> DefinitionError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = Where(path, mark.line + 1 + lines_before, mark.column + 1) if mark else Where(path)
    hint = None
    if isinstance(error, yaml.reader.ReaderError):
        line = text.encode()[: error.position].count(b"\n") + 1 + lines_before
        where, problem = Where(path, line), "a control character"
    if any(sign in problem for sign in ("\\t", "tab character", "cannot start any token")):
        hint = "quote texts that start with a special character, and indent with spaces"
    elif "mapping values are not allowed" in problem:
        hint = "quote a text that holds ': '"
    return DefinitionError(f"invalid YAML: {problem}", where=where, hint=hint)


class _Reader:
    def __init__(self, document: Document, lines_before: int) -> None:
        self.document = document
        self.lines_before = lines_before
        self.count = 0
        self.open: set[int] = set()

    def mark(self, node: Any) -> tuple[int, int]:
        start = node.start_mark
        return start.line + 1 + self.lines_before, start.column + 1

    def refuse(self, node: Any, message: str, hint: str | None = None) -> DefinitionError:
        return DefinitionError(
            message, where=Where(self.document.path, *self.mark(node)), hint=hint
        )

    def value(self, node: Any, path: Path) -> Json:
        self.count += 1
        if self.count > MOST_NODES or id(node) in self.open:
            raise self.refuse(node, "the document is too large once its aliases are followed")
        if len(path) > DEEPEST:
            raise _too_deep(Where(self.document.path, *self.mark(node)))
        self.document.marks.setdefault(path, self.mark(node))
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, at)) for at, item in enumerate(node.value)]
            return dict(self.items(node, path))
        finally:
            self.open.discard(id(node))

    def items(self, node: Any, path: Path) -> Iterator[tuple[str, Json]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.refuse(key_node, "a key must be a plain word")
            key = key_node.value
            line = self.mark(key_node)[0]
            if key == "<<" and not key_node.style:
                raise self.refuse(key_node, "merge keys ('<<') are not supported")
            if key in seen:
                raise self.refuse(key_node, f"the key '{key}' stands here and on line {seen[key]}")
            seen[key] = line
            self.document.marks[(*path, key)] = self.mark(key_node)
            yield key, self.value(value_node, (*path, key))

    def scalar(self, node: Any) -> Json:
        text: str = node.value
        if node.style in ("'", '"', "|", ">"):
            return text
        # YAML 1.1, which the parser speaks, knows no exponent without a decimal point.
        if node.tag == "tag:yaml.org,2002:str" and not _EXPONENT.fullmatch(text):
            return text
        if not node.tag.startswith("tag:yaml.org,2002:"):
            raise self.refuse(node, f"the tag {node.tag} is not supported")
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if _INTEGER.fullmatch(text):
            if len(text) > LONGEST_INTEGER:
                raise self.refuse(node, f"{text[:20]}… is too large a number")
            return int(text)
        if _FLOAT.fullmatch(text) and not _LEADING_ZERO.fullmatch(text):
            number = float(text)
            if not math.isfinite(number):
                raise self.refuse(node, f"{text} is too large a number")
            return number
        if text.lower() in (".inf", "-.inf", "+.inf", ".nan"):
            raise self.refuse(node, f"{text} is no usable number", "leave an open bound out")
        return text


def read_literal(node: ast.expr, path: str) -> Document:
    """A Python literal with the places of its parts; raises DefinitionError for anything else."""
    document = Document(path)
    document.value = _literal(node, (), document)
    return document


def _literal(node: ast.expr, path: Path, document: Document) -> Json:
    document.marks.setdefault(path, (node.lineno, node.col_offset + 1))
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | None):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _literal(node.operand, path, document)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return -number
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item, (*path, at), document) for at, item in enumerate(node.elts)]
    if isinstance(node, ast.Dict):
        return dict(_entries(node, path, document))
    if isinstance(node, ast.BinOp) and (number := _product(node)) is not None:
        return number
    raise DefinitionError(
        f"'{ast.unparse(node)}' is not a literal; Galley reads a step's options without running "
        "the file",
        where=Where(document.path, node.lineno, node.col_offset + 1),
        hint="write the value itself: a text, a number, True, False, None, a list or a dict",
    )


def _product(node: ast.BinOp) -> int | None:
    """``24 * 3600`` and ``10 ** 6``, which people write for readability."""
    left, right = node.left, node.right
    if not (isinstance(left, ast.Constant) and isinstance(right, ast.Constant)):
        return None
    if type(left.value) is not int or type(right.value) is not int:
        return None
    if isinstance(node.op, ast.Mult):
        return left.value * right.value
    if isinstance(node.op, ast.Pow) and 0 <= right.value <= 18 and abs(left.value) <= 10:
        return int(left.value**right.value)
    return None


def _entries(node: ast.Dict, path: Path, document: Document) -> Iterator[tuple[str, Json]]:
    seen: set[str] = set()
    for key, value in zip(node.keys, node.values, strict=True):
        where = Where(document.path, value.lineno, value.col_offset + 1)
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise DefinitionError("a key must be a text", where=where)
        if key.value in seen:
            raise DefinitionError(f"the key '{key.value}' stands here twice", where=where)
        seen.add(key.value)
        document.marks[(*path, key.value)] = (key.lineno, key.col_offset + 1)
        yield key.value, _literal(value, (*path, key.value), document)
