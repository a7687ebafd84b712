"""A step's result on a sample: computed by a worker on the ref's tables, shown, never written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from galley.environments.home import Checkout, Home
from galley.environments.inspect import Facts
from galley.environments.launch import Launch, Wish, prepare
from galley.errors import (
    InterruptedRunError,
    NotFoundError,
    StepError,
    TableNotFoundError,
    UnavailableError,
    Where,
    WindowError,
)
from galley.ids import new_id
from galley.lake import refs
from galley.lake.model import Span, Version
from galley.project import snapshot, windows
from galley.project.model import Manifest, Step, WindowUnit
from galley.project.names import hint_for
from galley.runs import messages, scratch
from galley.runs.live import Site, memory_share, step_values, table_id
from galley.runs.pool import Pool, Submission
from galley.runs.protocol import StepDone, StepTask, TaskFailed
from galley.runs.scene import Scene

TICK = 0.1
"""Seconds between two looks at whether the user gave up."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """The first rows of a step. ``span`` is the window that was shown."""

    step: str
    span: Span | None
    seconds: float
    columns: tuple[dict[str, Any], ...]
    rows: tuple[tuple[Any, ...], ...]
    tables: dict[str, Any]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """What is to be shown: so many rows of a step, or of the step that makes a table."""

    step: str
    ref: str
    limit: int
    window: str | None
    variables: Mapping[str, str]


def prepare_sample(
    connection: Connection, home: Home, manifest: Manifest, checkout: Checkout, sample: Sample
) -> tuple[Launch, Step]:
    """Where the sample is computed, and the step. A kitchen that is new is opened.

    Raises:
        NotFoundError: there is no such step.
        WindowError: the window makes no sense for it.
    """
    owner = _step(manifest, sample.step)
    pipelines = (owner.pipeline,) if owner else tuple(manifest.pipelines)
    wish = Wish(pipelines, sample.ref, window=sample.window, variables=sample.variables)
    launch = prepare(connection, home, manifest, checkout, wish)
    step, steps = _step(launch.manifest, sample.step), launch.manifest.steps
    if step is None:
        hint = hint_for(sample.step, steps)
        raise NotFoundError(f"the project has no step '{sample.step}'", hint=hint)
    return launch, step


def _step(manifest: Manifest, name: str) -> Step | None:
    return manifest.steps.get(name) or manifest.maker(name.lower())


def preview_task(
    connection: Connection,
    home: Home,
    site: Site,
    launch: Launch,
    step: Step,
    *,
    limit: int,
    slots: int,
) -> StepTask:
    """What a worker is told, so that it shows ``limit`` rows of ``step`` on the ref's tables.

    Raises:
        TableNotFoundError: an input was not made yet.
        WindowError: nothing says which window to show.
    """
    manifest = launch.manifest
    code = home.path / "code" / manifest.hash[:32]
    snapshot.save(manifest, Path(launch.checkout.folder), code)
    scene = _scene(connection, home, launch)
    versions = scene.versions((*step.inputs, *step.outputs))
    _check_inputs(step, versions, launch.ref.name)
    wanted = tuple(step.secrets)
    values = launch.request.variables.get(step.pipeline, {})
    attempt = f"preview-{new_id()}"
    return StepTask(
        kind="step",
        attempt=attempt,
        epoch=0,
        run=attempt,
        project=manifest.project,
        step=step,
        code_dir=str(code),
        project_dir=str(launch.checkout.folder),
        warehouse=site.warehouse,
        scratch=scratch.own(site.scratch),
        inputs={n: v for n, v in versions.items() if n in step.inputs or n not in step.outputs},
        bases={},
        table_ids={name: table_id(manifest.project, name) for name in step.outputs},
        variables=step_values(values, step),
        now=home.clock(),
        spans=_spans(step, launch, home.clock()),
        secrets=site.secrets(manifest, wanted, launch.checkout.folder) if wanted else {},
        connections={n: manifest.connections[n] for n in step.connections},
        threads=site.threads,
        memory=memory_share(site, slots),
        ref=launch.ref.name,
        preview=limit,
        access=site.access(),
    )


def preview(pool: Pool, task: StepTask, interrupted: Callable[[], bool]) -> Previewed:
    """Let a worker compute the sample.

    Raises:
        StepError: the step failed; the message says where.
        UnavailableError: the worker was lost.
        InterruptedRunError: the user gave up.
    """
    pool.submit(
        Submission(
            task.attempt,
            messages.encode(task),
            task.code_dir,
            f"previews/{task.step.name}",
            task.hidden,
            task.step.limits.timeout,
            task.step.limits.memory,
            scratch=task.scratch,
        )
    )
    while not interrupted():
        for event in pool.poll(TICK):
            if event.kind in ("exited", "lost"):
                raise UnavailableError(f"the preview's worker ended: {event.detail}")
            if event.final and event.payload is not None:
                return _shown(task, messages.decode_answer(event.payload))
    raise InterruptedRunError("the preview was interrupted; nothing was written")


def preview_facts(shown: Previewed, ref: str) -> Facts:
    """The rows as ``galley preview --json`` prints them; ``tables`` where a step makes several."""
    tables = {name: _table(one["columns"], one["rows"]) for name, one in shown.tables.items()}
    return {
        "step": shown.step,
        "ref": ref,
        "window": str(shown.span) if shown.span else None,
        **_table(shown.columns, shown.rows),
        "tables": tables or {shown.step: _table(shown.columns, shown.rows)},
        "warnings": list(shown.warnings),
        "seconds": shown.seconds,
    }


def _table(columns: Sequence[Any], rows: Sequence[Sequence[Any]]) -> Facts:
    names = [column["name"] for column in columns]
    return {
        "columns": list(columns),
        "rows": [dict(zip(names, row, strict=True)) for row in rows],
    }


def _shown(task: StepTask, answer: object) -> Previewed:
    if isinstance(answer, TaskFailed):
        where = Where(answer.where) if answer.where else None
        raise StepError(
            f"{task.step.name}: {answer.message}",
            where=where,
            hint=answer.hint,
            details={"trace": answer.trace, "error": answer.error},
        )
    if not isinstance(answer, StepDone) or answer.preview is None:
        raise UnavailableError("the worker's answer was no preview")
    found = answer.preview
    return Previewed(
        step=task.step.name,
        span=task.spans[0] if task.spans else None,
        seconds=answer.seconds,
        columns=tuple(found["columns"]),
        rows=tuple(tuple(row) for row in found["rows"]),
        tables=found.get("tables", {}),
        warnings=answer.warnings,
    )


def _scene(connection: Connection, home: Home, launch: Launch) -> Scene:
    pins = {
        read.project: refs.resolve(connection, read.project, read.ref, home.clock()).commit
        for read in launch.manifest.reads
    }
    return Scene(connection, launch.manifest.project, launch.ref.head, pins)


def _check_inputs(step: Step, versions: dict[str, Version], ref: str) -> None:
    missing = [name for name in step.inputs if name not in versions and name not in step.outputs]
    if missing:
        raise TableNotFoundError(
            f"{step.name} reads {', '.join(missing)}, which {ref} does not have yet",
            hint=f"galley run {step.pipeline} --select {missing[0]}",
        )


def _spans(step: Step, launch: Launch, now: int) -> tuple[Span, ...]:
    """One window: the first of those asked for, else the newest that is complete."""
    window = step.window
    if window is None:
        return ()
    asked = launch.request.windows
    if asked is not None:
        return (Span(*windows.spans(window, *asked)[0]),)
    if window.by is WindowUnit.KEY:
        raise WindowError(f"nothing says which window of {step.name} to show", hint="--window KEY")
    end = windows.complete_until(window, now)
    return (Span(windows.shift(window, end, -1), end),)
