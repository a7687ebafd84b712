"""What a run would do, and why, without doing it.

Steps are planned in order over the ref's head; a step that would run marks its tables as pending,
so that what reads them is planned to run as well. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from galley import codec
from galley.environments.home import Checkout, Home
from galley.environments.launch import Launch, Wish, prepare
from galley.environments.promotion import Promotion
from galley.errors import GalleyError
from galley.lake import refs
from galley.lake.model import Ref, Span, Version, WindowEntry, content_of
from galley.project.model import Manifest, Materialize, Step
from galley.runs import takenback
from galley.runs.graph import selected_steps
from galley.runs.live import Probe
from galley.runs.planning import MOST_WINDOWS, Move, Setting, StepPlan, plan_step
from galley.runs.scene import Scene
from galley.runs.takenback import TakenBack


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What would happen to one step. ``problem`` says why it could not even be planned.

    ``remade`` of its ``spans`` are windows that are there and would be made anew.
    """

    name: str
    move: Move
    why: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    spans: tuple[Span, ...] = ()
    remade: int = 0
    problem: GalleyError | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do on a ref that is at ``ref.head``."""

    launch: Launch
    ref: Ref
    steps: tuple[PlannedStep, ...]

    @property
    def too_many(self) -> tuple[PlannedStep, ...]:
        """The steps with more windows to make than a plain run makes unasked."""
        if self.launch.request.windows is not None:
            return ()
        return tuple(step for step in self.steps if len(step.spans) > MOST_WINDOWS)


def plan_wish(
    connection: Connection,
    home: Home,
    manifest: Manifest,
    checkout: Checkout,
    wish: Wish,
    probe: Probe,
) -> Plan:
    """Plan what ``galley run`` would do; a kitchen that is new is not opened for that.

    Raises what ``launch.prepare`` raises.
    """
    nested = connection.begin_nested()
    try:
        launch = prepare(connection, home, manifest, checkout, wish)
        return plan_launch(connection, home, launch, probe)
    finally:
        nested.rollback()


def plan_launch(connection: Connection, home: Home, launch: Launch, probe: Probe) -> Plan:
    """Plan a run whose request is complete."""
    manifest, request = launch.manifest, launch.request
    pins = {
        read.project: refs.resolve(connection, read.project, read.ref, home.clock()).commit
        for read in manifest.reads
    }
    todo = selected_steps(manifest, request)
    aside = takenback.bases(connection, manifest.project, launch.ref.head, todo)
    scene = _Foreseen(connection, manifest.project, launch.ref.head, pins, aside=aside)
    setting = Setting(
        project=manifest.project,
        variables=request.variables,
        toolchain=manifest.toolchain,
        now=home.clock(),
        windows=request.windows,
        source=request.source,
        rebuild=frozenset(request.rebuild),
        unbounded=True,
        since=request.since,
        forward_only=request.forward_only,
    )
    steps = [_plan(scene, step, setting, probe, str(launch.checkout.folder)) for step in todo]
    return Plan(launch, launch.ref, tuple(steps))


class _Foreseen(Scene):
    """The ref as it would be once the steps planned so far have taken over what they reuse."""

    def __init__(
        self,
        connection: Connection,
        project: str,
        head: str,
        pins: Mapping[str, str],
        *,
        aside: Mapping[str, TakenBack],
    ) -> None:
        super().__init__(connection, project, head, pins, aside=aside)
        self._taken: dict[str, Version] = {}
        self._windows: dict[str, dict[Span, WindowEntry]] = {}

    def ledger(
        self, table_id: str, starts: tuple[str, str] | None = None
    ) -> dict[Span, WindowEntry]:
        """The windows a table has, those taken over included."""
        return {**super().ledger(table_id, starts), **self._windows.get(table_id, {})}

    def take(self, found: StepPlan) -> None:
        """Remember what a step would take over."""
        for result in found.results:
            self._taken[result.table] = codec.from_plain(Version, result.body)
        for result in found.adopted:
            version = codec.from_plain(Version, result.body["version"])
            entry = codec.from_plain(WindowEntry, result.body["window"])
            self._windows.setdefault(version.table_id, {})[entry.span] = entry
            ledger = self.ledger(version.table_id)
            files = tuple(file for one in ledger.values() for file in one.files)
            content = content_of(version.schema_fingerprint, files)
            self._taken[result.table] = replace(version, content_id=content)
        self._seen |= self._taken

    def _look_up(self, names: Collection[str]) -> dict[str, Version]:
        taken = {name: self._taken[name] for name in names if name in self._taken}
        return super()._look_up(names) | taken


def _plan(scene: _Foreseen, step: Step, setting: Setting, probe: Probe, folder: str) -> PlannedStep:
    try:
        seen: Mapping[str, str | None] = {step.name: probe(step, folder)} if step.load else {}
        found = plan_step(scene, step, replace(setting, probes=seen))
    except GalleyError as error:
        _mark(scene, step, None)
        return PlannedStep(
            step.name, Move.RUN, error.message, step.inputs, step.outputs, (), 0, error
        )
    scene.take(found)
    if found.move is Move.RUN:
        _mark(scene, step, found.spans)
    move, spans = found.move, found.spans
    return PlannedStep(step.name, move, found.why, step.inputs, step.outputs, spans, found.remade)


def _mark(scene: Scene, step: Step, spans: tuple[Span, ...] | None) -> None:
    """The tables of a step that would run will hold something else."""
    windowed = step.window is not None and step.materialize in (
        Materialize.WINDOW,
        Materialize.APPEND,
    )
    for table in step.outputs:
        scene.pending[table] = spans if windowed and spans else None


def plan_facts(found: Plan) -> dict[str, Any]:
    """A plan as ``galley plan --json`` prints it."""
    request = found.launch.request
    return {
        "project": found.launch.manifest.project,
        "pipeline": " ".join(request.pipelines),
        "ref": found.ref.name,
        "base": found.ref.head,
        "steps": [
            {
                "name": step.name,
                "action": step.move.value,
                "why": step.why,
                "windows": [str(span) for span in step.spans],
                "inputs": list(step.inputs),
                "outputs": list(step.outputs),
                "problem": step.problem.to_dict() if step.problem else None,
            }
            for step in found.steps
        ],
        "variables": [
            {"name": name, "value": value, "origin": request.origins[pipeline][name]}
            for pipeline, bound in request.variables.items()
            for name, value in bound.items()
        ],
        "too_many": [step.name for step in found.too_many],
    }


def promotion_facts(promotion: Promotion, plan: Plan, differs: list[dict[str, Any]]) -> Any:
    """A promotion as ``galley promote --dry-run --json`` prints it."""
    launch = promotion.launch
    return {
        "from": promotion.source.name if promotion.source else None,
        "to": promotion.target.name,
        "base": promotion.target.head,
        "git_commit": launch.checkout.git_commit,
        "present_code": promotion.present,
        "code_version": launch.manifest.hash,
        "code": [{"step": one.step, "change": one.change} for one in promotion.code],
        "left_over": list(promotion.left_over),
        "since": launch.request.since,
        "forward_only": launch.request.forward_only,
        "steps": [
            {
                "name": step.name,
                "action": step.move.value,
                "why": step.why,
                "windows": [str(span) for span in step.spans],
                "remade": step.remade,
                "problem": step.problem.to_dict() if step.problem else None,
            }
            for step in plan.steps
        ],
        "tables": differs,
    }
