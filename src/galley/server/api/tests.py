"""Tests, and what they said last."""

from __future__ import annotations

from galley.environments.inspect import Facts
from galley.server.api.call import Calling, RefQuery
from galley.server.api.guard import Routes
from galley.server.api.paging import Page
from galley.server.api.tables import TESTS, tests_page

routes = Routes("tests")


@routes.get("/projects/{project}/tests", TESTS, errors=(410,))
def list_tests(call: Calling, project: str, page: Page, ref: RefQuery = None) -> Facts:
    """The tests of a project by table and name, each with what it said last in the ref."""
    return tests_page(call, project, page, ref, None)
