"""Versions of a project: registered by a deploy or a promotion, immutable, found by their id.

A version's id is the hash of its manifest, which covers every file that takes part. A deploy gives
it to a kitchen, where it can be run and looked at. Only a promotion activates it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, tuple_

from galley import faults
from galley.environments import kitchens
from galley.environments.home import Checkout, Home
from galley.environments.launch import code_folder, keep_definition
from galley.errors import ConflictError, NotFoundError, RefusedError, UsageError
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Decision, Resource
from galley.lake import commits, refs
from galley.lake.model import PRODUCTION, Ref, RefKind
from galley.project.codec import manifest_to_json
from galley.project.model import Manifest
from galley.project.seeds import with_seeds
from galley.project.snapshot import pack_version
from galley.runs import records
from galley.runs.tables import definition
from galley.version import VERSION

LAST = "last"
SHORT = 12
"""Signs of an id that are shown."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A version to be: its manifest, where it comes from, and what is said of it.

    ``archive`` holds its files where they came from elsewhere; else they are in the checkout.
    """

    manifest: Manifest
    checkout: Checkout
    message: str | None = None
    archive: bytes | None = None


def parcel(home: Home, manifest: Manifest, checkout: Checkout, message: str | None) -> Parcel:
    """A version of a folder at hand.

    Whoever shares the home's database may not have the folder: what load steps read there comes
    along. Raises ConflictError when a file changed since compilation.
    """
    if home.database.is_sqlite:
        return Parcel(manifest, checkout, message)
    whole = with_seeds(manifest, checkout.folder)
    return Parcel(whole, checkout, message, pack_version(whole, checkout.folder))


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deploy did. ``new``: the version was not registered before."""

    version: str
    ref: Ref
    before: str | None
    new: bool


def deploy(connection: Connection, home: Home, parcel: Parcel, name: str) -> Deployed:
    """Register a version and give it to a kitchen, which is opened if it is new.

    The same files again are the same version. All of it is in the caller's transaction; nothing is
    written beside it but the files of the version, under its id.

    Raises:
        ProtectedRefError: it is an environment: only a promotion activates a version there.
        RefusedError: the actor may not deploy, or the ref is no kitchen.
        RefNotFoundError: no such ref, and the name is not a kitchen's.
    """
    manifest, now = parcel.manifest, home.clock()
    resource, decision = check_target(connection, home, manifest.project, name)
    refs.ensure_project(connection, manifest.project, actor=home.actor.name, now=now)
    ref = kitchens.open_ref(connection, manifest.project, name, home.actor, now)
    _keep(connection, home, parcel, now)
    new = register(connection, home, manifest, parcel.checkout, parcel.message)
    given = refs.set_code(connection, ref, manifest.hash)
    record(
        connection,
        actor=home.actor,
        action=Action.DEPLOY,
        resource=resource,
        decision=decision,
        now=now,
        reason=parcel.message,
        before=ref.code_version,
        after=manifest.hash,
        detail={
            "git": parcel.checkout.git_commit,
            "dirty": bool(parcel.checkout.dirty),
            "files": len(manifest.files),
            "new": new,
        },
    )
    faults.point("deploy.before_commit")
    return Deployed(manifest.hash, given, ref.code_version, new)


def check_target(
    connection: Connection, home: Home, project: str, name: str
) -> tuple[Resource, Decision]:
    """Whether the actor may deploy there. Raises as ``deploy`` does."""
    known = refs.find_ref(connection, project, name)
    protected = known.protected if known else name == PRODUCTION
    resource = Resource("ref", name, project, protected)
    decision = demand(home.actor, Action.DEPLOY, resource)
    if known is None and not name.startswith(kitchens.PREFIX):
        raise refs.missing_ref(connection, project, name)
    if known is not None and known.kind is not RefKind.KITCHEN:
        raise RefusedError(
            f"{name} is no kitchen; versions are deployed to kitchens", hint="--in kitchen/NAME"
        )
    return resource, decision


def register(
    connection: Connection,
    home: Home,
    manifest: Manifest,
    checkout: Checkout,
    message: str | None = None,
) -> bool:
    """List a kept definition as a version; whether it was none yet."""
    return records.register_definition(
        connection,
        manifest.hash,
        files=len(manifest.files),
        steps=len(manifest.steps),
        actor=home.actor.name,
        now=home.clock(),
        git_commit=checkout.git_commit,
        dirty=checkout.dirty,
        message=message,
    )


def _keep(connection: Connection, home: Home, parcel: Parcel, now: int) -> None:
    manifest, packed = parcel.manifest, parcel.archive
    if packed is None:
        keep_definition(connection, home, manifest, parcel.checkout, now)
        return
    records.save_definition(
        connection,
        id=manifest.hash,
        project=manifest.project,
        body=manifest_to_json(manifest),
        folder=str(code_folder(home, manifest.hash)),
        git_commit=parcel.checkout.git_commit,
        actor=home.actor.name,
        now=now,
        archive=lambda: packed,
        dirty=parcel.checkout.dirty,
    )


def check_expected(manifest: Manifest, expected: str | None) -> None:
    """Refuse a version that is not the one that its sender compiled.

    Raises:
        ConflictError: with what it was compiled with here.
    """
    if expected is None or expected == manifest.hash:
        return
    libraries = ", ".join(f"{name} {number}" for name, number in manifest.packages.items())
    raise ConflictError(
        f"these files are version {manifest.hash[:SHORT]} here, not {expected[:SHORT]}: a version "
        f"covers the libraries that steps run with, and here those are {libraries}, with Galley "
        f"{VERSION}; nothing was registered",
        hint="install the same libraries there, or leave out which version you expect",
        details={
            "expected": expected,
            "found": manifest.hash,
            "galley": VERSION,
            "packages": manifest.packages,
        },
    )


def find_version(connection: Connection, project: str, text: str) -> str:
    """The project version whose id begins so; ``last`` is the newest that was registered.

    Raises:
        NotFoundError: there is none.
        UsageError: there are several.
    """
    if text == LAST:
        found = [str(row["id"]) for row in page(connection, project, limit=1)]
    else:
        found = records.find_definitions(connection, project, text.lower()) if text else []
    if text in found:
        return text
    if len(found) > 1:
        raise UsageError(
            f"{text} begins several versions of {project}: "
            f"{', '.join(one[:SHORT] for one in found[:5])}",
            hint="give more of the id",
        )
    if not found:
        newest = [row["id"][:SHORT] for row in page(connection, project, limit=5)]
        raise NotFoundError(
            f"{project} has no version {text}",
            hint=f"the newest are: {', '.join(newest)}" if newest else "galley deploy",
        )
    return found[0]


def version_at(connection: Connection, project: str, text: str) -> str:
    """The version that a text means: its id's beginning, or the ref that works with it.

    Raises:
        NotFoundError: there is no such version or ref, or nothing is activated or deployed there.
        UsageError: there are several versions.
    """
    ref = refs.find_ref(connection, project, text)
    if ref is None:
        return find_version(connection, project, text)
    environment = ref.kind is RefKind.ENVIRONMENT
    found = commits.get_commit(connection, ref.head).code_version if environment else None
    found = found or ref.code_version
    if found is None:
        said = "promoted" if environment else "deployed"
        raise NotFoundError(f"no version of {project} was {said} to {text} yet")
    return found


def page(
    connection: Connection,
    project: str,
    *,
    after: tuple[int, str] | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """The registered versions of a project after one (its time and id), newest first."""
    d = definition.c
    columns = [column for column in definition.c if column.name not in ("archive", "body")]
    query = select(*columns).where(d.project == project, d.registered.is_not(None))
    if after is not None:
        query = query.where(tuple_(d.registered, d.id) < tuple_(*after))
    query = query.order_by(d.registered.desc(), d.id.desc()).limit(limit)
    return [dict(row._mapping) for row in connection.execute(query)]
