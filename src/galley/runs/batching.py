"""Which windows a backfill makes, by which steps, and in which batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from galley.errors import UsageError
from galley.ids import new_id
from galley.lake.model import Span
from galley.project.model import Step, WindowUnit
from galley.runs.coverage import in_order
from galley.runs.graph import selected_steps
from galley.runs.live import LiveRun, Site, with_probes
from galley.runs.model import Part, Run, RunRequest, RunState
from galley.runs.planning import plan_step
from galley.runs.records import Alike
from galley.runs.scene import Scene


@dataclass(frozen=True, slots=True)
class Parts:
    """A backfill's steps: ``cut`` are made window by window from what ``before`` makes.

    ``after`` holds the rest: what is not windowed, and what is windowed but reads such a table that
    is itself made from windows, so that no window of it can be made before all of those.
    """

    before: tuple[Step, ...]
    cut: tuple[Step, ...]
    after: tuple[Step, ...]

    @property
    def keyed(self) -> tuple[str, ...]:
        """The steps whose windows are keys."""
        return tuple(s.name for s in self.cut if s.window and s.window.by is WindowUnit.KEY)

    @property
    def timed(self) -> tuple[str, ...]:
        """The steps whose windows are times."""
        return tuple(step.name for step in self.cut if step.name not in self.keyed)

    @property
    def unfinished(self) -> bool:
        """Whether something is left to do when all windows are there."""
        return bool(self.after or (self.keyed and self.timed))


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows that one run makes, by the named steps, from ``start`` to ``end``."""

    steps: tuple[str, ...]
    start: str
    end: str
    size: int


def parts_of(live: LiveRun) -> Parts:
    """The steps of a backfill.

    Raises:
        UsageError: none is windowed.
    """
    steps = selected_steps(live.manifest, live.run.request)
    windowed = [step for step in steps if step.window]
    if not windowed:
        raise UsageError(
            f"no step of {live.run.pipeline} is windowed, so there is nothing to backfill",
            hint=f"galley run {live.run.pipeline}",
        )
    above = {step.name: _above(step, steps) for step in steps}
    cuts = {step.name for step in windowed}
    mixed = {s.name for s in steps if s.window is None and above[s.name] & cuts}
    cut = tuple(step for step in windowed if not above[step.name] & mixed)
    needed = {name for step in cut for name in above[step.name]} - cuts
    before = tuple(step for step in steps if step.name in needed)
    done = {step.name for step in (*before, *cut)}
    return Parts(before, cut, tuple(step for step in steps if step.name not in done))


def _above(step: Step, steps: Sequence[Step]) -> set[str]:
    """The steps that a step reads from, directly or through others."""
    makers = {table: one for one in steps for table in one.outputs}
    found: set[str] = set()
    asked = [step]
    while asked:
        for table in asked.pop().inputs:
            maker = makers.get(table)
            if maker is not None and maker.name not in found and maker.name != step.name:
                found.add(maker.name)
                asked.append(maker)
    return found


def stale_windows(
    scene: Scene, site: Site, live: LiveRun, steps: Sequence[Step]
) -> tuple[list[Span], bool]:
    """The windows that are missing or stale in any step; a step follows its inputs.

    Also says whether they must be made together, because a table is cut otherwise by now.
    """
    found: set[Span] = set()
    together = False
    for step in steps:
        setting = with_probes(live, site, step)
        plan = plan_step(scene, step, replace(setting, unbounded=True))
        together = together or plan.recut
        # Windows that a run staged and never published are missing here; a child adopts them.
        spans = tuple(in_order((*plan.spans, *plan.taken)))
        found.update(spans)
        if spans:
            scene.pending.update(dict.fromkeys(step.outputs, spans))
    return in_order(found), together


def batches(live: LiveRun, parts: Parts, spans: Sequence[Span], *, together: bool) -> list[Batch]:
    """The windows in batches; a range of keys means nothing, so each is one of its own."""
    times = _joined([span for span in spans if span.start != span.end])
    size = max(len(times), 1) if together else _size(live, parts)
    cuts = [times[start : start + size] for start in range(0, len(times), size)]
    found = [Batch(parts.timed, cut[0].start, cut[-1].end, len(cut)) for cut in cuts]
    keys = [span for span in spans if span.start == span.end]
    return found + [Batch(parts.keyed, key.start, key.end, 1) for key in keys]


def _size(live: LiveRun, parts: Parts) -> int:
    """How many windows a run makes: a step that reads itself makes one after the other."""
    if any(step.reads_self for step in parts.cut):
        return 1
    return live.run.request.batch or 1


def window_run(parent: Run, place: int) -> Run:
    """What the runs that make the batches have in common."""
    return _child(parent, replace(parent.request, after=None), Part.WINDOWS, place)


def window_runs(model: Run, parts: Parts, wanted: Sequence[Batch]) -> Iterator[Alike]:
    """The runs that make the batches, one by one.

    Where each reads what the one before has published they go one after the other.
    """
    in_order = any(step.reads_self for step in parts.cut) or _looks_back(parts.cut)
    after: dict[str, str] = {}
    for at, batch in enumerate(wanted):
        id = new_id()
        request = {"select": batch.steps, "windows": (batch.start, batch.end), **after}
        yield Alike(id, model.created + at, batch.size, request)
        after = {"after": id} if in_order else {}


def first_run(parent: Run, parts: Parts) -> Run:
    """The run that makes what the windows are cut from."""
    names = tuple(step.name for step in parts.before)
    request = replace(parent.request, select=names, windows=None)
    return _child(parent, request, Part.FIRST, 0)


def last_run(parent: Run, parts: Parts, first: str | None, place: int) -> Run:
    """The run of what is left, over all windows of the backfill; it finds the others made.

    Of an atomic backfill it begins from the backfill's own ref, where the others have published,
    and is what publishes to the target.
    """
    left = {step.name for step in parts.after}
    rebuild = tuple(name for name in parent.request.rebuild if name in left)
    request = replace(parent.request, rebuild=rebuild)
    if not parent.request.atomic:
        return _child(parent, request, Part.LAST, place)
    request = replace(request, atomic=False, staged=parent.ref_name)
    made = _child(parent, request, Part.LAST, place)
    return replace(made, ref=parent.ref, request=replace(made.request, resumes=first))


def _child(parent: Run, request: RunRequest, part: Part, place: int) -> Run:
    request = replace(request, batch=None, parent=parent.id, resumes=None)
    return replace(
        parent,
        id=new_id(),
        ref=parent.ref_name if parent.request.atomic else parent.ref,
        state=RunState.QUEUED,
        request=request,
        part=part,
        size=0,
        created=parent.created + 1 + place,
    )


def _looks_back(steps: Sequence[Step]) -> bool:
    """Whether a step reads earlier windows of a table that the same run makes."""
    made = {table for step in steps for table in step.outputs}
    return any(step.window and step.window.lookback and made & {*step.inputs} for step in steps)


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Sorted windows with those that overlap (days, and the month they are in) as one."""
    found: list[Span] = []
    for span in spans:
        if found and span.start < found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found
