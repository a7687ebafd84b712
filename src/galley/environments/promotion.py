"""Promotion: the one road on which code and data reach an environment.

A promotion is a run of the whole project on a run ref of the target: what the kitchen proved under
equal keys is adopted, the rest runs again, the gate is held, everything is published together and
the code version is activated in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from galley.environments import versions
from galley.environments.home import Checkout, Home
from galley.environments.launch import Launch, Wish, queue_run, with_variables
from galley.errors import ConflictError, RefusedError, UsageError, WindowError
from galley.governance.model import Action
from galley.lake import commits, refs
from galley.lake.model import Ref, RefKind
from galley.project import windows as calendar
from galley.project.codec import manifest_from_json
from galley.project.model import Manifest, WindowUnit
from galley.runs import records
from galley.runs.finishing import refuse_held
from galley.runs.model import Run, RunCause, RunRequest


@dataclass(frozen=True, slots=True)
class CodeChange:
    """What a promotion does to one step's code."""

    step: str
    change: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion that can be shown before it is made."""

    launch: Launch
    source: Ref | None
    target: Ref
    present: str | None
    code: tuple[CodeChange, ...]
    left_over: tuple[str, ...]


def plan_promotion(
    connection: Connection,
    home: Home,
    manifest: Manifest,
    checkout: Checkout,
    *,
    source: str | None,
    target: str,
    since: str | None = None,
    forward_only: bool = False,
) -> Promotion:
    """What promoting the working tree would do; nothing is changed.

    Of windowed steps whose code changed all windows are made anew; ``since`` restricts that to
    those from a date on, and with ``forward_only`` only missing ones are made.

    Raises:
        ConflictError: the git work tree is not clean, so the code has no commit to point to.
        RefusedError: the target is no environment.
        UsageError: ``since`` or ``forward_only`` mean nothing here, or both are given.
        WindowError: ``since`` is no date.
    """
    _check_windows(manifest, since, forward_only=forward_only)
    if checkout.git_commit is not None and checkout.dirty:
        raise ConflictError(
            f"the work tree has changes that are not committed: {', '.join(checkout.dirty[:5])}",
            hint="commit them, so that what runs in production can always be found again",
        )
    now = home.clock()
    refs.ensure_project(connection, manifest.project, actor=home.actor.name, now=now)
    ref = refs.get_ref(connection, manifest.project, target)
    if ref.kind is not RefKind.ENVIRONMENT:
        raise RefusedError(
            f"{target} is no environment; only environments are promoted to",
            hint="--to production",
        )
    present = commits.get_commit(connection, ref.head).code_version
    before = _present(connection, present)
    pipelines = tuple(manifest.pipelines)
    refuse_held(connection, manifest, target, pipelines)
    found = refs.find_ref(connection, manifest.project, source) if source else None
    request = RunRequest(
        pipelines=pipelines,
        ref=target,
        activates=True,
        expected_code=present,
        source=found.head if found else None,
        since=since,
        forward_only=forward_only,
    )
    request = with_variables(manifest, request, Wish(pipelines, target))
    return Promotion(
        launch=Launch(manifest, checkout, ref, request, RunCause.PROMOTION),
        source=found,
        target=ref,
        present=present,
        code=code_changes(before, manifest),
        left_over=_left_over(before, manifest),
    )


def promote(connection: Connection, home: Home, promotion: Promotion) -> Run:
    """Queue the run that carries a promotion out; what it brings is a version from now on.

    Raises:
        RefusedError: the actor may not promote there.
    """
    wanted = promotion.launch
    run = queue_run(
        connection,
        home,
        wanted,
        Action.PROMOTE,
        before=promotion.present,
        after=wanted.manifest.hash,
        detail={
            "from": promotion.source.name if promotion.source else None,
            "git": wanted.checkout.git_commit,
            "since": wanted.request.since,
            "forward_only": wanted.request.forward_only,
        },
    )
    versions.register(connection, home, wanted.manifest, wanted.checkout)
    return run


def _check_windows(manifest: Manifest, since: str | None, *, forward_only: bool) -> None:
    if since is None and not forward_only:
        return
    if since is not None and forward_only:
        raise UsageError(
            "--since and --forward-only exclude each other",
            hint="--since DATE makes the windows from DATE on anew, --forward-only none",
        )
    specs = [step.window for step in manifest.steps.values() if step.window is not None]
    timed = [spec for spec in specs if spec.by is not WindowUnit.KEY]
    if not (timed if since is not None else specs):
        raise UsageError(
            f"no step is cut by {'time' if since is not None else 'windows'}, so there is nothing "
            "to keep",
            hint="galley promote",
        )
    if since is not None and ".." in since:
        raise WindowError(f"'{since}' is a range, not a date", hint="--since YYYY-MM-DD")
    for spec in timed if since is not None else ():
        calendar.parse_range(since or "", spec)


def _present(connection: Connection, version: str | None) -> Manifest | None:
    if version is None:
        return None
    return manifest_from_json(records.definition_row(connection, version)["body"])


def code_changes(before: Manifest | None, after: Manifest) -> tuple[CodeChange, ...]:
    """The steps whose code differs between two versions, or that only one of them has."""
    old = before.steps if before else {}
    changes = []
    for name, step in after.steps.items():
        if name not in old:
            changes.append(CodeChange(name, "added"))
        elif old[name].code_hash != step.code_hash:
            changes.append(CodeChange(name, "changed"))
    changes += [CodeChange(name, "removed") for name in old if name not in after.steps]
    return tuple(changes)


def _left_over(before: Manifest | None, after: Manifest) -> tuple[str, ...]:
    """Tables that production has and that no step makes any more; they are kept."""
    if before is None:
        return ()
    made = {table for step in after.steps.values() for table in step.outputs}
    return tuple(
        sorted({t for step in before.steps.values() for t in step.outputs if t not in made})
    )


def renewed(promotion: Promotion, request: RunRequest) -> Promotion:
    """The same promotion with another request (a resume of a failed one)."""
    return replace(promotion, launch=replace(promotion.launch, request=request))
