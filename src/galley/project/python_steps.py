"""Python steps: functions decorated with ``@step``, read without importing their file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from galley.errors import DefinitionError, Where
from galley.project.analysis import Analyses
from galley.project.document import Document, read_literal
from galley.project.drafts import Draft, Origin, Setting, draft_step, draft_tests
from galley.project.model import Materialize, Source, StepKind
from galley.project.names import WANTS, hint_for
from galley.project.python_code import Function, called_name, function_hash
from galley.project.shapes import PythonShape, keys_of, read

MODULES = ("galley", "galley.sdk", "galley.sdk.authoring")


def read_python_steps(path: str, analyses: Analyses, setting: Setting) -> Iterator[Draft]:
    """The steps of one ``.py`` file; a file without any is a module for others."""
    tree = analyses.files.syntax(path)
    known = _names_of_step(tree)
    marked = list(_marked(tree, known, path))
    names = frozenset(function.name for function, _ in marked)
    for function, decorator in marked:
        with setting.problems.noted():
            yield _draft(_Marked(path, function, decorator, names, known), analyses, setting)


@dataclass(frozen=True, slots=True)
class _Marked:
    path: str
    function: Function
    decorator: ast.expr
    steps: frozenset[str]
    decorators: frozenset[str]

    @property
    def where(self) -> Where:
        return Where(self.path, self.function.lineno)


@dataclass(frozen=True, slots=True)
class _Parameters:
    tables: tuple[str, ...]
    wants: tuple[str, ...]
    variables: tuple[str, ...]
    optional: tuple[str, ...]


def _names_of_step(tree: ast.Module) -> frozenset[str]:
    """What the file calls the decorator: ``step``, ``galley.step``, or another name given to it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in MODULES:
                    names.add(f"{alias.asname or alias.name}.step")
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES and not node.level:
            names.update(alias.asname or "step" for alias in node.names if alias.name == "step")
    return frozenset(names)


def _marked(
    tree: ast.Module, known: frozenset[str], path: str
) -> Iterator[tuple[Function, ast.expr]]:
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if not isinstance(node, Function | ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            if called_name(decorator) not in known:
                continue
            if id(node) not in top or not isinstance(node, ast.FunctionDef):
                raise DefinitionError(
                    f"'{node.name}' cannot be a step: a step is a plain function at the top of "
                    "its file",
                    where=Where(path, node.lineno),
                )
            yield node, decorator


def _draft(marked: _Marked, analyses: Analyses, setting: Setting) -> Draft:
    function, path = marked.function, marked.path
    document = _options(marked)
    shape = read(PythonShape, document, "@step")
    _check_file(shape, document)
    parameters = _parameters(marked)
    _check_window(shape, parameters, marked)
    inputs = _inputs(shape, parameters, document)
    source = Source(path, function.lineno, function.name)
    for option in ("connections", "secrets"):
        if option in parameters.wants and not getattr(shape, option):
            raise DefinitionError(
                f"the function asks for {option}, and @step names none",
                where=_argument(marked, option),
                hint=f'add `{option}=["NAME"]` to @step',
            )
    origin = Origin(StepKind.PYTHON, function.name, source, marked.where, shape.makes or None)
    step = draft_step(
        shape,
        document,
        origin,
        setting,
        inputs=inputs,
        code_hash=function_hash(
            path, function.name, analyses.modules, marked.steps, marked.decorators
        ),
        variables=parameters.variables,
        secrets=shape.secrets,
        connections=shape.connections,
        wants=parameters.wants,
        modules=analyses.modules.reached(path),
        filename=shape.filename,
        docstring=_summary(function),
    )
    return Draft(
        step,
        marked.where,
        lambda name: _place(marked, shape, document, name),
        optional=parameters.optional,
        all_variables="variables" in parameters.wants,
        tests=draft_tests(step, document, setting),
    )


def _options(marked: _Marked) -> Document:
    """The decorator's arguments as a document with places."""
    decorator, path = marked.decorator, marked.path
    document = Document(path, {}, {(): (decorator.lineno, decorator.col_offset + 1)})
    if not isinstance(decorator, ast.Call):
        return document
    where = document.where()
    if decorator.args:
        raise DefinitionError("@step takes named arguments only", where=where)
    for keyword in decorator.keywords:
        if keyword.arg is None:
            raise DefinitionError(
                "@step(**…) is not a literal; Galley reads a step's options without running "
                "the file",
                where=where,
                hint=f"name the arguments: {', '.join(keys_of(PythonShape))}",
            )
        inner = read_literal(keyword.value, path)
        document.value[keyword.arg] = inner.value
        marks = {(keyword.arg, *key): mark for key, mark in inner.marks.items()}
        document.marks.update(marks)
        document.marks[(keyword.arg,)] = (keyword.lineno, keyword.col_offset + 1)
    return document


def _parameters(marked: _Marked) -> _Parameters:
    arguments = marked.function.args
    where = marked.where
    for spread in (arguments.vararg, arguments.kwarg):
        if spread is not None:
            raise DefinitionError(
                f"'{spread.arg}' takes any arguments, so Galley cannot tell what the step reads",
                where=Where(marked.path, spread.lineno, spread.col_offset + 1),
                hint="name each table as a parameter; variables come after `*`",
            )
    if arguments.defaults:
        raise DefinitionError(
            "a table has no default value",
            where=where,
            hint="write variables after `*`: def step(table, *, variable=1)",
        )
    tables = tuple(one.arg for one in (*arguments.posonlyargs, *arguments.args))
    keywords = [one.arg for one in arguments.kwonlyargs]
    for name in tables:
        if name in WANTS:
            raise DefinitionError(
                f"'{name}' is filled by the engine and stands after `*`",
                where=_argument(marked, name),
                hint=f"def {marked.function.name}(…, *, {name})",
            )
    defaulted = tuple(
        one.arg
        for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    )
    return _Parameters(
        tables,
        tuple(name for name in keywords if name in WANTS),
        tuple(name for name in keywords if name not in WANTS),
        defaulted,
    )


def _inputs(shape: PythonShape, parameters: _Parameters, document: Document) -> tuple[str, ...]:
    """The table of each positional parameter, in their order."""
    for name in shape.reads:
        if name not in parameters.tables:
            raise DefinitionError(
                f"reads names '{name}', which is no positional parameter of the function",
                where=document.where("reads", name),
                hint=hint_for(name, parameters.tables),
            )
    return tuple(shape.reads.get(name, name).lower() for name in parameters.tables)


def _check_file(shape: PythonShape, document: Document) -> None:
    """``filename`` goes with ``materialize="file"``, and what makes no table names none."""
    how = shape.materialize
    if how is Materialize.FILE and not shape.filename:
        raise DefinitionError(
            'materialize="file" needs a filename',
            where=document.where("materialize"),
            hint='add `filename="report.html"`',
        )
    if shape.filename and how is not Materialize.FILE:
        raise DefinitionError(
            "'filename' has no effect without materialize=\"file\"",
            where=document.where("filename"),
        )
    if shape.filename and ("/" in shape.filename or shape.filename.startswith(".")):
        raise DefinitionError(
            f"'{shape.filename}' is no plain file name", where=document.where("filename")
        )
    if shape.makes and how in (Materialize.NONE, Materialize.FILE):
        raise DefinitionError(
            f'a step with materialize="{how.value}" makes no tables',
            where=document.where("makes"),
        )


def _check_window(shape: PythonShape, parameters: _Parameters, marked: _Marked) -> None:
    if "window" in parameters.wants and shape.window is None and shape.cursor is None:
        raise DefinitionError(
            "the function asks for a window, and @step has none",
            where=_argument(marked, "window"),
            hint='add `materialize="window", window={"column": …, "by": "day"}` to @step',
        )


def _argument(marked: _Marked, name: str) -> Where:
    arguments = marked.function.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if one.arg == name:
            return Where(marked.path, one.lineno, one.col_offset + 1)
    return marked.where


def _place(marked: _Marked, shape: PythonShape, document: Document, name: str) -> Where:
    bare = name.lstrip("$")
    for parameter, table in shape.reads.items():
        if table.lower() == bare:
            return document.where("reads", parameter)
    for option in ("secrets", "connections"):
        if bare in getattr(shape, option):
            return document.where(option, getattr(shape, option).index(bare))
    arguments = marked.function.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if one.arg.lower() == bare.lower():
            return Where(marked.path, one.lineno, one.col_offset + 1)
    return marked.where


def _summary(function: Function) -> str | None:
    """The first paragraph of the docstring on one line."""
    text = ast.get_docstring(function)
    return " ".join(text.partition("\n\n")[0].split()) if text else None
