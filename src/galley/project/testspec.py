"""Tests as they are written: one form in SQL headers, in ``@step`` and in ``tests/*.yaml``.

- unique: flight_id                                     # short: the parameter itself
- not_null: [carrier, origin]                           # one test for each column
- range: {column: delay, min: -120, severity: warn}     # long: parameters and options
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from galley.errors import DefinitionError, Where
from galley.ids import digest
from galley.project.document import Document
from galley.project.model import Json, Severity, Source, Stage, TestSpec
from galley.project.names import check_name, hint_for
from galley.project.problems import Problems
from galley.project.shapes import Many, Shape, keys_of, read
from galley.project.testtypes import ALIASES, CATALOGUE, Params


class OptionsShape(Shape):
    """What may stand beside the parameters of any test."""

    severity: Severity = Severity.FAIL
    blocking: bool | None = None
    where: str | None = None
    scope: str | None = None
    stage: Stage | None = None
    owner: str | None = None
    dimension: str | None = None
    tags: Many = ()
    name: str | None = None
    description: str | None = None
    table: str | None = None


OPTIONS = keys_of(OptionsShape)
SCOPES = ("window", "table")


class Reader(Protocol):
    """How a test's SQL and Python are looked at (``project.analysis`` does it, with a cache)."""

    def query(self, sql: str, where: Where) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tables and variables of a query; raises DefinitionError."""

    def function(self, reference: str, where: Where) -> tuple[tuple[str, ...], str]:
        """The tables that ``path.py:name`` takes and its code hash; raises DefinitionError."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where tests stand: the table they are about unless they say, and the choice they have."""

    table: str | None
    tables: tuple[str, ...] = ()
    stage: Stage = Stage.OUTPUT
    windowed: bool = False


def read_tests(
    document: Document, home: Home, reader: Reader, problems: Problems
) -> tuple[TestSpec, ...]:
    """The tests of a list; what is wrong with one is noted and the others are still read."""
    if not isinstance(document.value, list):
        problems.add("tests are a list", document.where(), "write each as `- unique: column`")
        return ()
    found: list[TestSpec] = []
    for at in range(len(document.value)):
        with problems.noted():
            found.extend(read_test(document.part(at), home, reader))
    return numbered(found)


def numbered(tests: list[TestSpec]) -> tuple[TestSpec, ...]:
    """The tests with names made different within each table: ``_2``, ``_3`` … are added."""
    seen: dict[tuple[str, str], int] = {}
    done: list[TestSpec] = []
    for test in tests:
        count = seen[test.table, test.name] = seen.get((test.table, test.name), 0) + 1
        done.append(renamed(test, f"{test.name}_{count}") if count > 1 else test)
    return tuple(done)


def named_columns(test: TestSpec) -> Iterator[tuple[str, str]]:
    """Each table and column that a test needs, as far as its parameters name them outright.

    A test that asserts which columns there are needs none.
    """
    if test.type == "columns":
        return
    own = [*test.params.get("columns", ()), test.params.get("column")]
    if test.type == "compare":
        own.append(test.params.get("other"))
    yield from ((test.table, str(name)) for name in own if name)
    target = test.params.get("to")
    if isinstance(target, dict):
        yield from ((target["table"], str(name)) for name in target.get("columns", ()))


def renamed(test: TestSpec, name: str) -> TestSpec:
    """The same test under another name."""
    return replace(test, name=name)


def read_test(document: Document, home: Home, reader: Reader) -> Iterator[TestSpec]:
    """One entry of a list as one test, or one for each of its columns."""
    kind, shape = _type(document)
    body = document.part(next(iter(document.value)))
    options, parameters = _split(body, shape, kind)
    table = _table(options, body, home)
    params = read(shape, parameters, f"the test '{kind}'")
    for one in _each(params):
        yield _spec(kind, one, options, body, _About(table, home, reader))


def hash_of(test: TestSpec, code: str = "") -> str:
    """The identity of everything that decides a verdict: not severity, owner or text."""
    params = json.dumps(test.params, sort_keys=True, separators=(",", ":"))
    return digest("test", test.type, test.table, params, test.where or "", test.scope, code)


def _type(document: Document) -> tuple[str, type[Params]]:
    value = document.value
    if not isinstance(value, dict) or not value:
        raise DefinitionError(
            "a test is a mapping with its type as the key",
            where=document.where(),
            hint="for example `- unique: flight_id`",
        )
    first, *others = value
    if others:
        raise DefinitionError(
            f"'{others[0]}' stands beside the test '{first}', not in it",
            where=document.where(others[0]),
            hint=f"options stand inside: `{first}: {{…, {others[0]}: …}}`",
        )
    kind = ALIASES.get(first, first)
    if kind not in CATALOGUE:
        raise DefinitionError(
            f"there is no test '{first}'",
            where=document.where(first),
            hint=hint_for(first, (*CATALOGUE, *ALIASES)),
        )
    return kind, CATALOGUE[kind]


def _split(body: Document, shape: type[Params], kind: str) -> tuple[OptionsShape, Document]:
    """The options and the parameters of a test, from a mapping or from a short form."""
    if not isinstance(body.value, dict):
        if shape.short is None or body.value is None:
            keys = ", ".join(keys_of(shape))
            raise DefinitionError(
                f"the test '{kind}' needs parameters",
                where=body.where(),
                hint=f"write `{kind}: {{…}}` with: {keys}",
            )
        return OptionsShape(), Document(body.path, {shape.short: body.value}, body.marks)
    own = set(keys_of(shape))
    given = {key: value for key, value in body.value.items() if key in OPTIONS and key not in own}
    rest = {key: value for key, value in body.value.items() if key not in given}
    options = read(OptionsShape, Document(body.path, given, body.marks), f"the test '{kind}'")
    _check_options(options, body)
    unknown = [key for key in rest if key not in own and key not in ("column", "columns")]
    if unknown:
        raise DefinitionError(
            f"the test '{kind}' has no parameter '{unknown[0]}'",
            where=body.where(unknown[0]),
            hint=hint_for(unknown[0], (*own, *OPTIONS)),
        )
    return options, Document(body.path, rest, body.marks)


def _check_options(options: OptionsShape, body: Document) -> None:
    if options.severity is Severity.WARN and options.blocking:
        raise DefinitionError(
            "a warning never blocks",
            where=body.where("blocking"),
            hint="leave 'blocking' out, or write `severity: fail`",
        )
    if options.scope is not None and options.scope not in SCOPES:
        raise DefinitionError(
            f"'{options.scope}' is no scope",
            where=body.where("scope"),
            hint="window (what was just made) or table (all of it)",
        )


def _table(options: OptionsShape, body: Document, home: Home) -> str:
    if options.table is not None:
        table = options.table.lower()
        if home.tables and table not in home.tables:
            raise DefinitionError(
                f"the step does not make the table '{options.table}'",
                where=body.where("table"),
                hint=hint_for(table, home.tables),
            )
        return table
    if home.table is None:
        raise DefinitionError(
            "the test does not say which table it is about",
            where=body.where(),
            hint=f"add `table: {home.tables[0] if home.tables else 'TABLE'}`",
        )
    return home.table


def _each(params: Params) -> Iterator[Params]:
    columns = params.subject()
    if not params.each or len(columns) < 2:
        yield params
        return
    for column in columns:
        yield params.model_copy(update={"columns": (column,)})


@dataclass(frozen=True, slots=True)
class _About:
    table: str
    home: Home
    reader: Reader


def _spec(
    kind: str, params: Params, options: OptionsShape, body: Document, about: _About
) -> TestSpec:
    where = body.where()
    name = check_name(_name(kind, params, options), "test", body.where("name"))
    if options.name and params.each and len(body.value.get("columns") or ()) > 1:
        name = f"{name}_{_plain(params.subject()[0])}"
    values = params.normal()
    tables, code = _reads(kind, values, options, body, about.reader)
    test = TestSpec(
        name=name,
        type=kind,
        table=about.table,
        stage=options.stage or about.home.stage,
        params=values,
        severity=options.severity,
        blocking=options.severity is Severity.FAIL and options.blocking is not False,
        where=options.where,
        scope=options.scope or ("window" if about.home.windowed else "table"),
        reads=tuple(sorted(tables - {about.table, "table"})),
        owner=options.owner,
        dimension=options.dimension or params.dimension,
        tags=options.tags,
        description=options.description,
        source=Source(where.path, where.line or 1),
    )
    return replace(test, hash=hash_of(test, code))


def _name(kind: str, params: Params, options: OptionsShape) -> str:
    if options.name:
        return options.name
    return "_".join([kind, *(_plain(column) for column in params.subject())])[:63]


def _plain(column: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in column)


def _reads(
    kind: str, params: dict[str, Json], options: OptionsShape, body: Document, reader: Reader
) -> tuple[set[str], str]:
    """Every table the test looks at, and the hash of code it runs."""
    tables: set[str] = set()
    code = ""
    if isinstance(target := params.get("to"), dict):
        target["table"] = str(target["table"]).lower()
        tables.add(target["table"])
    if kind == "python":
        found, code = reader.function(params["function"], body.where("function"))
        tables.update(found)
    for key, sql in _fragments(kind, params, options):
        found, _ = reader.query(sql, body.where(key))
        tables.update(found)
    return tables, code


def _fragments(
    kind: str, params: dict[str, Json], options: OptionsShape
) -> Iterator[tuple[str, str]]:
    """Each piece of SQL in a test, as a whole query, with the key it stands under."""
    if kind == "sql":
        yield "query", params["query"]
    if kind == "expression":
        yield "sql", f"SELECT 1 WHERE (\n{params['sql']}\n)"
    if kind == "reconcile":
        yield "expression", f"SELECT (\n{params['expression']}\n)"
        yield "to", f"SELECT (\n{params['to']['expression']}\n)"
    if options.where:
        yield "where", f"SELECT 1 WHERE (\n{options.where}\n)"
