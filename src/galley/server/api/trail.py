"""Who did what."""

from __future__ import annotations

from galley.environments.inspect import Facts
from galley.environments.inspect_audit import entry_facts
from galley.governance.audit import entries
from galley.server.api import shapes as s
from galley.server.api.call import Calling
from galley.server.api.guard import Routes
from galley.server.api.paging import Page

routes = Routes("audit")

ENTRY = s.named("AuditEntry", s.cli("audit", "entries", "*"))


@routes.get("/projects/{project}/audit", s.page("AuditTrail", ENTRY))
def list_audit(call: Calling, project: str, page: Page) -> Facts:
    """Who did what, when, why, and by which rule: newest first."""
    (before,) = page.after(int) or (None,)
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found = entries(connection, project, before=before, limit=page.limit + 1)
    return page.page(
        found, lambda row: (row["id"],), lambda rows: [entry_facts(row) for row in rows]
    )
