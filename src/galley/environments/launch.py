"""Asking for a run: bind its variables, pin its code, decide, record, queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from galley.environments import kitchens
from galley.environments.home import Checkout, Home
from galley.errors import (
    NotFoundError,
    ProtectedRefError,
    RefNotFoundError,
    UsageError,
    WindowError,
)
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Resource
from galley.ids import new_id
from galley.lake import commits, refs
from galley.lake.model import Ref, RefKind
from galley.project import snapshot, windows
from galley.project.codec import manifest_from_json, manifest_to_json
from galley.project.model import Manifest, WindowSpec, WindowUnit
from galley.project.names import hint_for
from galley.project.variables import bind
from galley.runs import records
from galley.runs.finishing import refuse_held
from galley.runs.graph import selected_steps
from galley.runs.model import Intention, Run, RunCause, RunRequest, RunState

_FINEST = (WindowUnit.KEY, WindowUnit.HOUR, WindowUnit.DAY, WindowUnit.WEEK, WindowUnit.MONTH)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asked for, before anything is looked up. ``window`` is ``A..B`` as typed."""

    pipelines: tuple[str, ...]
    ref: str
    select: tuple[str, ...] = ()
    window: str | None = None
    variables: Mapping[str, str] | None = None
    rebuild: tuple[str, ...] = ()
    resumes: str | None = None
    batch: int | None = None
    atomic: bool = False
    priority: int = 0
    cause: RunCause = RunCause.MANUAL


@dataclass(frozen=True, slots=True)
class Launch:
    """A request that is complete: which definition runs where, with which values."""

    manifest: Manifest
    checkout: Checkout
    ref: Ref
    request: RunRequest
    cause: RunCause


def prepare(
    connection: Connection, home: Home, manifest: Manifest, checkout: Checkout, wish: Wish
) -> Launch:
    """Complete a wish. In an environment the activated version runs, never the working tree.

    Raises:
        RefNotFoundError: no such ref, or nothing is activated there yet.
        VariableError: a variable is missing or of the wrong type.
        WindowError: the window makes no sense for the pipeline.
        NotFoundError: no such pipeline or step.
    """
    now = home.clock()
    refs.ensure_project(connection, manifest.project, actor=home.actor.name, now=now)
    ref = kitchens.open_ref(connection, manifest.project, wish.ref, home.actor, now)
    if ref.kind is RefKind.ENVIRONMENT:
        manifest, checkout = at_hand(connection, home, *activated(connection, ref))
    request = RunRequest(
        pipelines=wish.pipelines,
        ref=ref.name,
        select=wish.select,
        rebuild=wish.rebuild,
        resumes=wish.resumes,
        batch=wish.batch,
        atomic=wish.atomic,
        priority=wish.priority,
    )
    selected_steps(manifest, request)
    _check_known(wish.rebuild, manifest)
    if wish.batch is not None and not any(s.window for s in selected_steps(manifest, request)):
        raise UsageError(
            f"no step of {', '.join(wish.pipelines)} is windowed: there is nothing to backfill",
            hint=f"galley run {wish.pipelines[0]}",
        )
    if wish.window is not None:
        request = replace(request, windows=_windows(manifest, request, wish.window))
    return Launch(manifest, checkout, ref, with_variables(manifest, request, wish), wish.cause)


def with_variables(manifest: Manifest, request: RunRequest, wish: Wish) -> RunRequest:
    """The request with the variables of each of its pipelines bound."""
    environment = request.ref if request.ref in manifest.environments else None
    bound = {
        pipeline: bind(manifest, pipeline, environment, wish.variables or {})
        for pipeline in request.pipelines
    }
    return replace(
        request,
        variables={p: {n: v.value for n, v in found.items()} for p, found in bound.items()},
        origins={p: {n: v.origin for n, v in found.items()} for p, found in bound.items()},
    )


def launch(connection: Connection, home: Home, wanted: Launch) -> Run:
    """Decide, keep the definition, and queue the run.

    Raises:
        RefusedError: the actor may not run there.
    """
    manifest, request = wanted.manifest, wanted.request
    refuse_held(connection, manifest, request.ref, request.pipelines)
    context = {"activated": wanted.ref.kind is RefKind.ENVIRONMENT}
    return queue_run(
        connection, home, wanted, Action.RUN, context, detail={"definition": manifest.hash}
    )


def queue_run(
    connection: Connection,
    home: Home,
    wanted: Launch,
    action: Action,
    context: Mapping[str, object] | None = None,
    *,
    before: str | None = None,
    after: str | None = None,
    detail: Mapping[str, object],
) -> Run:
    """Decide about ``action``, keep the definition, and queue the run, with its audit entry.

    Raises:
        RefusedError: the actor may not do that there.
    """
    now = home.clock()
    manifest, request = wanted.manifest, wanted.request
    resource = Resource("ref", request.ref, manifest.project, wanted.ref.protected)
    decision = demand(home.actor, action, resource, context or {})
    keep_definition(connection, home, manifest, wanted.checkout, now)
    run = Run(
        id=new_id(),
        project=manifest.project,
        pipeline=" ".join(request.pipelines),
        ref=request.ref,
        state=RunState.QUEUED,
        intention=Intention.GO,
        cause=wanted.cause,
        definition=manifest.hash,
        request=request,
        actor=home.actor.name,
        on_behalf_of=home.actor.on_behalf_of,
        origin=home.origin,
        created=now,
    )
    records.insert_run(connection, run)
    record(
        connection,
        actor=home.actor,
        action=action,
        resource=resource,
        decision=decision,
        now=now,
        before=before,
        after=after,
        detail={"run": run.id, **detail},
    )
    return run


def keep_definition(
    connection: Connection, home: Home, manifest: Manifest, checkout: Checkout, now: int
) -> None:
    """Keep the manifest and, content-addressed, the files that workers will import."""
    kept = code_folder(home, manifest.hash)
    packed = None if kept.exists() else records.find_archive(connection, manifest.hash)
    if packed is not None:
        # It was deployed, or used in another home: the folder it came from is of no matter.
        snapshot.unpack(packed, kept)
    snapshot.save(manifest, checkout.folder, kept)
    new = records.save_definition(
        connection,
        id=manifest.hash,
        project=manifest.project,
        body=manifest_to_json(manifest),
        folder=str(checkout.folder),
        git_commit=checkout.git_commit,
        actor=home.actor.name,
        now=now,
        archive=lambda: snapshot.pack(kept),
        dirty=checkout.dirty,
    )
    if not new and checkout.folder != kept:
        # A deployed version has no folder with data of its own; here is one.
        records.move_definition(connection, manifest.hash, str(kept), str(checkout.folder))


def code_folder(home: Home, version: str) -> Path:
    """Where a home keeps the files of a project version."""
    return home.path / "code" / version[:32]


def activated_in(connection: Connection, project: str, name: str) -> Manifest | None:
    """The activated version of an environment; ``None`` for another ref, or where there is none."""
    ref = refs.find_ref(connection, project, name)
    if ref is None or ref.kind is not RefKind.ENVIRONMENT:
        return None
    if commits.get_commit(connection, ref.head).code_version is None:
        return None
    return activated(connection, ref)[0]


def activated(connection: Connection, ref: Ref) -> tuple[Manifest, Checkout]:
    """The project version that runs in an environment.

    Raises:
        RefNotFoundError: nothing was promoted there yet.
    """
    version = commits.get_commit(connection, ref.head).code_version
    if version is None:
        raise RefNotFoundError(
            f"nothing runs in {ref.name} yet: no version of {ref.project} was promoted to it",
            hint="run the pipeline in your kitchen, then `galley promote`",
        )
    return kept_code(connection, version)


def refuse_environment(connection: Connection, project: str, name: str, version: str) -> None:
    """A version is run in kitchens. Raises ProtectedRefError for an environment."""
    ref = refs.find_ref(connection, project, name)
    if ref is not None and ref.kind is RefKind.ENVIRONMENT:
        raise ProtectedRefError(
            f"{name} runs what was promoted to it: only a promotion activates a version there",
            hint=f"galley promote --version {version}",
        )


def kept_code(connection: Connection, definition: str) -> tuple[Manifest, Checkout]:
    """A project version that the home keeps.

    Raises:
        NotFoundError: no such definition.
    """
    row = records.definition_row(connection, definition)
    dirty = tuple(row["dirty"] or ())
    return manifest_from_json(row["body"]), Checkout(Path(row["folder"]), row["git_commit"], dirty)


def at_hand(
    connection: Connection, home: Home, manifest: Manifest, checkout: Checkout
) -> tuple[Manifest, Checkout]:
    """A kept version with a folder that is here: its own, or else its kept files, laid out."""
    if checkout.folder.is_dir():
        return manifest, checkout
    kept = code_folder(home, manifest.hash)
    packed = None if kept.exists() else records.find_archive(connection, manifest.hash)
    if packed is not None:
        snapshot.unpack(packed, kept)
    return manifest, replace(checkout, folder=kept)


def _windows(manifest: Manifest, request: RunRequest, text: str) -> tuple[str, str]:
    specs = [step.window for step in selected_steps(manifest, request) if step.window]
    if not specs:
        raise WindowError(
            f"no step of {', '.join(request.pipelines)} is windowed, so --window means nothing",
            hint="leave --window out",
        )
    found = windows.parse_range(text, min(specs, key=lambda spec: _FINEST.index(spec.by)))
    if all(_outside(spec, found) for spec in specs):
        spec = specs[0]
        raise WindowError(
            f"{text} lies outside of every step's windows "
            f"({spec.start or 'the beginning'}..{spec.end or 'now'})",
            hint="choose windows between a step's `start` and `end`",
        )
    return found


def _outside(spec: WindowSpec, asked: tuple[str, str]) -> bool:
    """Whether no window of the step lies in the range that was asked for."""
    if spec.by is WindowUnit.KEY:
        return False
    before = spec.start is not None and asked[1] <= spec.start
    return before or (spec.end is not None and asked[0] >= spec.end)


def _check_known(names: tuple[str, ...], manifest: Manifest) -> None:
    for name in names:
        if name not in manifest.steps:
            raise NotFoundError(
                f"the project has no step {name!r} to rebuild",
                hint=hint_for(name, manifest.steps, "its steps"),
            )
