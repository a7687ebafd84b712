"""Versions of a project: uploaded, listed, looked into. Only a promotion activates one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from galley import faults
from galley.environments import versions
from galley.environments.home import Checkout
from galley.environments.inspect import Facts
from galley.environments.inspect_versions import deploy_facts, version_facts, versions_facts
from galley.environments.launch import code_folder
from galley.environments.versions import Parcel
from galley.governance.model import Action
from galley.ids import digest
from galley.project import snapshot
from galley.server.api import shapes as s
from galley.server.api.answers import Answer
from galley.server.api.call import Call, Calling
from galley.server.api.guard import Routes
from galley.server.api.once import Key, once
from galley.server.api.paging import Page
from galley.server.api.sent import ARCHIVE, Sent, received

routes = Routes("versions")

ROW = s.named("Version", s.cli("versions", "versions", "*"))
DETAILS = s.shape("VersionDetails", s.cli("version"))
DEPLOYED = s.shape("Deployed", s.cli("deploy"))
_BASE = "/projects/{project}/versions"
_NO_NUL = r"^[^\x00]*$"


@routes.get(_BASE, s.page("Versions", ROW))
def list_versions(call: Calling, project: str, page: Page) -> Facts:
    """The versions that were deployed or promoted, newest first."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        found = versions.page(connection, project, after=page.after(int, str), limit=page.limit + 1)
        return page.page(
            found,
            lambda row: (row["registered"], row["id"]),
            lambda shown: versions_facts(connection, project, shown),
        )


@routes.get(f"{_BASE}/{{version}}", DETAILS)
def show_version(
    call: Calling,
    project: str,
    version: str,
    against: Annotated[
        str | None,
        Query(
            max_length=256,
            description="Another version, or the ref that works with it: what changed since.",
            examples=["production"],
        ),
    ] = None,
) -> Facts:
    """A version, by its id or how that begins: pipelines, files, and what it changed."""
    with call.home.database.read() as connection:
        call.check_project(connection, project)
        id = versions.find_version(connection, project, version)
        return version_facts(connection, call.home, project, id, against)


class Said:
    """What is told of an upload besides the archive."""

    def __init__(
        self,
        ref: Annotated[
            str | None,
            Query(
                alias="in",
                max_length=256,
                pattern=_NO_NUL,
                description="Default: the caller's kitchen.",
            ),
        ] = None,
        message: Annotated[
            str | None, Query(max_length=2000, pattern=_NO_NUL, description="What it is.")
        ] = None,
        commit: Annotated[
            str | None,
            Query(pattern="^[0-9a-f]{7,64}$", description="The git commit that has the files."),
        ] = None,
        dirty: Annotated[
            list[str] | None,
            Query(max_length=100, description="Files that the commit does not have so."),
        ] = None,
        expect: Annotated[
            str | None,
            Query(
                pattern="^[0-9a-f]{32}$",
                description="The version that the sender compiled; refused if it is another here.",
            ),
        ] = None,
    ) -> None:
        self.ref = ref
        self.message = message
        self.commit = commit
        self.dirty = tuple(sorted(one[:400] for one in dirty or ()))
        self.expect = expect

    def told(self) -> str:
        """All of it as one text."""
        return repr((self.ref, self.message, self.commit, self.dirty, self.expect))


@routes.post(_BASE, DEPLOYED, action=Action.DEPLOY, status=201, errors=(409, 413), upload=ARCHIVE)
async def deploy_version(
    request: Request,
    call: Calling,
    project: str,
    said: Annotated[Said, Depends()],
    key: Key = None,
) -> Answer:
    """Register a version and give it to a kitchen.

    The server compiles the files itself, in a process of its own, and runs none of them. The same
    files again are the same version. A project that is not here yet begins with this.
    """
    await run_in_threadpool(_check_target, call, project, call.ref_name(said.ref))
    async with received(request, call) as sent:
        return await run_in_threadpool(_deploy, call, project, said, key, sent)


def _check_target(call: Call, project: str, ref: str) -> None:
    """What will be refused is refused before it is read."""
    with call.home.database.read() as connection:
        versions.check_target(connection, call.home, project, ref)


def _deploy(call: Call, project: str, said: Said, key: str | None, sent: Sent) -> Answer:
    with sent.compiled(project) as (manifest, folder):
        versions.check_expected(manifest, said.expect)
        archive = snapshot.pack_version(manifest, folder)
        snapshot.unpack(archive, code_folder(call.home, manifest.hash))
        faults.point("deploy.unpacked")
    parcel = Parcel(manifest, Checkout(folder, said.commit, said.dirty), said.message, archive)
    ref = call.ref_name(said.ref)

    def act(connection: Connection) -> Answer:
        done = versions.deploy(connection, call.home, parcel, ref)
        facts = deploy_facts(connection, call.home, project, done)
        place = f"/api/v1/projects/{project}/versions/{done.version}"
        return Answer(facts, 201, {"location": place})

    return once(call, key, (f"deploy {project} {digest(sent.sha, said.told())}", None), act)
