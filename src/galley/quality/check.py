"""Tests against the tables they are about, before anything runs.

What is known is the schema of a table's present version. A step whose code has just changed may
make other columns, so what is found here is a warning for ``galley check``, not an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from galley.clock import EPOCH
from galley.errors import DefinitionError, GalleyError, Where
from galley.lake import reading
from galley.lake.model import Version
from galley.lake.schema import columns_of as fields_of
from galley.lake.types import quote, to_duckdb
from galley.project.model import TestSpec
from galley.quality.checks.catalogue import CATALOGUE
from galley.quality.desk import trimmed
from galley.quality.literals import CheckError, parameters, table_name
from galley.quality.plan import alone
from galley.quality.scene import Scene, columns_of
from galley.quality.scope import Scope

if TYPE_CHECKING:
    import duckdb

_EDGES = {"now": EPOCH, "start": EPOCH, "end": EPOCH}
_MEMORY = 1 << 28


def check_tests(
    tests: Iterable[TestSpec], versions: Mapping[str, Version], variables: Mapping[str, Any]
) -> tuple[DefinitionError, ...]:
    """What is wrong with tests whose tables all have a version, each with its place.

    Their SQL is bound, but nothing is read: columns, functions, types and variables are checked.
    """
    known = [test for test in tests if {test.table, *test.reads} <= versions.keys()]
    if not known:
        return ()
    with reading.connect(threads=1, memory=_MEMORY, scratch=None) as con:
        _declare(con, versions)
        return tuple(
            problem for test in known for problem in _problems(con, test, versions, variables)
        )


def _declare(con: duckdb.DuckDBPyConnection, versions: Mapping[str, Version]) -> None:
    """An empty table for each version."""
    for key, version in versions.items():
        folder, _, _ = key.rpartition(".")
        if folder:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(folder)}")
        columns = [f"{quote(one.name)} {to_duckdb(one.type)}" for one in fields_of(version)]
        if columns:
            con.execute(f"CREATE TABLE {table_name(key)} ({', '.join(columns)})")


def _problems(
    con: duckdb.DuckDBPyConnection,
    test: TestSpec,
    versions: Mapping[str, Version],
    variables: Mapping[str, Any],
) -> Iterator[DefinitionError]:
    import duckdb

    where = Where(test.source.path, test.source.line)
    try:
        for sql in _statements(test, versions):
            bound = parameters(sql, {**_EDGES, **variables})
            con.execute(f"EXPLAIN {sql}", bound).fetchall()
    except GalleyError as error:
        yield DefinitionError(f"test {test.name}: {error.message}", where=where, hint=error.hint)
    except duckdb.Error as error:
        yield DefinitionError(f"test {test.name}: {trimmed(str(error))[0]}", where=where)


def _statements(test: TestSpec, versions: Mapping[str, Version]) -> list[str]:
    make = CATALOGUE.get(test.type)
    if make is None:
        raise CheckError(f"there is no test type {test.type!r}")
    columns = columns_of(versions[test.table])
    check = make(Scene(test, versions, columns, Scope(), EPOCH, lambda _, __: None))
    first = [alone(check)] if check.terms else []
    return [*first, *filter(None, (check.query, check.detail, check.sample))]
