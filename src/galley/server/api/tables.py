"""Tables: what is there at a ref, its versions, rows, origin and measurements."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from galley.environments import inspect
from galley.environments.inspect import Facts
from galley.environments.inspect_tables import lineage_facts, metric_facts, table_details
from galley.environments.inspect_tests import all_tests, key, tests_facts
from galley.environments.reading import Reader, find_target, rows_facts
from galley.errors import NotFoundError
from galley.lake import refs, trees
from galley.lake.model import Target
from galley.project.model import Manifest
from galley.runs import findings
from galley.server.api import shapes as s
from galley.server.api.call import Call, Calling, RefQuery
from galley.server.api.guard import Routes
from galley.server.api.paging import Page
from galley.server.api.pipelines import TEST_DEFINITION

routes = Routes("tables")

TABLE_ROW = s.named("TableRow", s.cli("tables", "tables", "*"))
VERSION = s.named("TableVersion", s.cli("table_history", "versions", "*"))
VERDICT = s.named("LastVerdict", s.extended(s.cli("show", "tests", "*"), run=s.TEXT, at=s.TIME))
TEST = s.named("Test", s.extended(TEST_DEFINITION, last=s.maybe(VERDICT)))
TESTS = s.page("Tests", TEST, ref=s.TEXT)
_AT = {"ref": s.TEXT, "commit": s.TEXT}
TABLE = s.shape(
    "Table",
    s.extended(
        TABLE_ROW,
        project=s.TEXT,
        **_AT,
        changed=s.maybe(VERSION),
        inputs=s.mapping(s.TEXT),
        made=s.record(run=s.maybe(s.TEXT), code=s.maybe(s.TEXT), variables=s.ANY),
        view=s.maybe(s.TEXT),
        pipeline=s.maybe(s.TEXT),
        owner=s.maybe(s.TEXT),
        description=s.maybe(s.TEXT),
        described=s.mapping(s.TEXT),
        tests=s.many(TEST),
    ),
)
ROWS = s.shape("Rows", s.cli("sql"))
DIFF = s.shape("Diff", s.cli("diff"))
METRIC = s.named("Metric", s.cli("table_metrics", "metrics", "*"))
_NODE = s.record(
    name=s.TEXT,
    step=s.maybe(s.TEXT),
    pipeline=s.maybe(s.TEXT),
    rows=s.maybe(s.WHOLE),
    bytes=s.maybe(s.WHOLE),
    content_id=s.maybe(s.TEXT),
    untested=s.maybe(s.YES_NO),
    side=s.one_of("self", "above", "below"),
)
_EDGE = {
    "type": "object",
    "properties": {"from": s.TEXT, "to": s.TEXT, "step": s.TEXT},
    "required": ["from", "to", "step"],
}
LINEAGE = s.shape(
    "Lineage", s.record(table=s.TEXT, **_AT, tables=s.many(_NODE), edges=s.many(_EDGE))
)
_BASE = "/projects/{project}/tables"
_ONE = f"{_BASE}/{{table}}"
Until = Annotated[int, Query(ge=1, le=1000, description="Rows at most.")]
State = Annotated[str, Query(max_length=300, description="REF, REF@COMMIT, REF@TIME or tag/NAME.")]


@routes.get(_BASE, s.page("Tables", TABLE_ROW, **_AT), errors=(410,))
def list_tables(call: Calling, project: str, page: Page, ref: RefQuery = None) -> Facts:
    """The tables at a ref, by name, with their marks: untested, stale, overridden."""
    target = call.target(project, ref)
    (after,) = page.after(str) or ("",)
    with call.home.database.read() as connection:
        names = [name for name in trees.table_names(connection, target.commit) if name > after]
        answer = page.page(
            names[: page.limit + 1],
            lambda name: (name,),
            lambda some: inspect.some_tables(
                connection, call.home, project, target.ref, target.commit, some
            ),
        )
    return {**answer, "ref": target.ref, "commit": target.commit}


@routes.get(_ONE, TABLE, errors=(410,))
def get_table(call: Calling, project: str, table: str, ref: RefQuery = None) -> Facts:
    """A table at a ref: schema, version, rows, bytes, who made it from what, tests."""
    target = call.target(project, ref)
    with call.home.database.read() as connection:
        return table_details(
            connection,
            call.home,
            _manifest(call, project, target.ref),
            project,
            target,
            table.lower(),
        )


@routes.get(f"{_ONE}/versions", s.page("TableVersions", VERSION, **_AT), errors=(410,))
def list_table_versions(
    call: Calling, project: str, table: str, page: Page, ref: RefQuery = None
) -> Facts:
    """The commits of a ref that changed a table, newest first."""
    target = call.target(project, ref)
    (after,) = page.after(str) or (None,)
    with call.home.database.read() as connection:
        found = refs.get_ref(connection, project, target.ref)
        versions = inspect.table_history(
            connection, call.home, found, target.commit, table.lower(), page.limit + 1, after
        )
    answer = page.page(versions, lambda one: (one["commit"],), list)
    return {**answer, "ref": target.ref, "commit": target.commit}


@routes.get(f"{_ONE}/sample", ROWS, errors=(410,))
def sample_table(
    call: Calling, project: str, table: str, ref: RefQuery = None, limit: Until = 50
) -> Facts:
    """Some rows of a table at a ref."""
    target = call.target(project, ref)
    with Reader(call.home, call.small_site(), project, target) as reader:
        return rows_facts(reader, reader.table(table), limit)


@routes.get("/projects/{project}/diff", DIFF, errors=(410,))
def diff_tables(call: Calling, project: str, a: State, b: State) -> Facts:
    """What differs between two states of the data, table by table."""
    return _differences(call, call.target(project, a), call.target(project, b), None)


@routes.get(f"{_ONE}/diff", DIFF, errors=(410,))
def diff_table(call: Calling, project: str, table: str, a: State, b: State) -> Facts:
    """What differs in a table between two states of the data; no table: nothing does."""
    first = call.target(project, a)
    second = find_target(call.home, project, b)
    name = table.lower()
    with call.home.database.read() as connection:
        if not any(trees.lookup(connection, one.commit, [name]) for one in (first, second)):
            raise inspect.missing_table(connection, second.commit, second.ref, name)
    return _differences(call, first, second, (name,))


@routes.get(f"{_ONE}/metrics", s.page("Metrics", METRIC))
def list_metrics(
    call: Calling,
    project: str,
    table: str,
    page: Page,
    name: Annotated[str | None, Query(max_length=64, description="Only of this name.")] = None,
    column: Annotated[str | None, Query(max_length=256, description="Only of this one.")] = None,
) -> Facts:
    """What was measured of a table, newest first."""
    (before,) = page.after(int) or (None,)
    key_ = table.lower()
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found = findings.metrics_of(
            connection, project, key_, name=name, column=column, before=before, limit=page.limit + 1
        )
        if not found and before is None:
            inspect.check_table(connection, project, key_)
    return page.page(
        found, lambda row: (row["id"],), lambda rows: [metric_facts(row) for row in rows]
    )


@routes.get(f"{_ONE}/lineage", LINEAGE, errors=(410,))
def table_lineage(call: Calling, project: str, table: str, ref: RefQuery = None) -> Facts:
    """What a table is made from, and what is made from it, as the ref's definitions have it."""
    target = call.target(project, ref)
    with call.home.database.read() as connection:
        manifest = call.code(connection, project, target.ref).manifest
        return lineage_facts(connection, manifest, target, table.lower())


@routes.get(f"{_ONE}/tests", TESTS, errors=(410,))
def list_table_tests(
    call: Calling, project: str, table: str, page: Page, ref: RefQuery = None
) -> Facts:
    """The tests of a table, each with what it said last in the ref."""
    return tests_page(call, project, page, ref, table.lower())


def _differences(call: Call, a: Target, b: Target, tables: tuple[str, ...] | None) -> Facts:
    with call.home.database.read() as connection:
        found = inspect.diff_facts(connection, a.commit, b.commit, tables)
    return {
        "before": {"ref": a.ref, "commit": a.commit},
        "after": {"ref": b.ref, "commit": b.commit},
        "tables": found,
    }


def tests_page(call: Call, project: str, page: Page, ref: str | None, table: str | None) -> Facts:
    """The tests that the definitions of a ref have (of one table)."""
    target = call.target(project, ref)
    after = page.after(str, str, str) or ("", "", "")
    with call.home.database.read() as connection:
        defined = all_tests(call.code(connection, project, target.ref).manifest)
        if table is not None:
            defined = [one for one in defined if one[0].table == table]
            if not defined:
                inspect.check_table(connection, project, table)
        left = [one for one in defined if key(one) > after]
        answer = page.page(
            left[: page.limit + 1],
            key,
            lambda some: tests_facts(connection, project, some, target.ref),
        )
    return {**answer, "ref": target.ref}


def _manifest(call: Call, project: str, ref: str) -> Manifest | None:
    """The definitions of a ref; a table can be shown without any."""
    with call.home.database.read() as connection:
        try:
            return call.code(connection, project, ref).manifest
        except NotFoundError:
            return None
