"""Backfills: a parent run whose children each make and publish a batch of windows.

A first child, where it is needed, brings the tables up to date that the windows are cut from; then
the windows are planned. The children that make them run side by side where their windows differ,
unless making one reads what another makes: then each begins when the one before has published. A
last child, which waits for them because its windows are all of theirs, makes what is left.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from galley import codec
from galley.errors import UsageError
from galley.ids import new_id
from galley.lake import refs
from galley.lake.model import Span, WindowEntry
from galley.project.model import Step, WindowUnit
from galley.runs import queue, records, takenback
from galley.runs.attempts import reused_changes
from galley.runs.findings import Result
from galley.runs.graph import selected_steps
from galley.runs.live import LiveRun, Site, load_live, prime_probes, with_probes
from galley.runs.model import Intention, Reason, Run, RunRequest, RunState
from galley.runs.planning import Move, plan_step
from galley.runs.reasons import end_of_run
from galley.runs.scene import Scene


@dataclass(frozen=True, slots=True)
class _Parts:
    """A backfill's steps: ``cut`` are made window by window from what ``before`` makes.

    ``after`` holds the rest: what is not windowed, and what is windowed but reads such a table that
    is itself made from windows, so that no window of it can be made before all of those.
    """

    before: tuple[Step, ...]
    cut: tuple[Step, ...]
    after: tuple[Step, ...]


def start_backfill(site: Site, run: Run, engine: str, now: int) -> None:
    """Plan a backfill and queue its first children; with nothing to make it has succeeded.

    Raises:
        UsageError: no step of the pipeline is windowed.
    """
    with site.database.read() as connection:
        live = load_live(connection, site, run)
    # Looked at before any transaction that others have to wait for.
    prime_probes(live, site)
    parts = _parts(live)
    with site.database.write() as connection:
        head = refs.get_ref(connection, run.project, run.ref).head
        queue.move_run(
            connection, run.id, RunState.RUNNING, now, started=now, engine=engine, base=head
        )
        scene = _scene(connection, live, head)
        if _stale_tables(scene, site, live, parts.before):
            names = tuple(step.name for step in parts.before)
            records.insert_run(connection, _child(run, names, None, 0))
        else:
            _queue_windows(scene, site, live, 0, now)


def advance(connection: Connection, site: Site, now: int) -> None:
    """Pass wishes on to the children of backfills; go on, or end, when these have all ended."""
    states = (RunState.RUNNING, RunState.PAUSED)
    for parent in records.list_runs(connection, states=states, limit=records.MOST_LIVE):
        if parent.request.batch is None:
            continue
        children = records.list_runs(connection, parent=parent.id, limit=records.MOST_LIVE)
        _pass_on(connection, parent, children, now)
        if parent.intention is Intention.PAUSE or not all(one.state.terminal for one in children):
            continue
        unplanned = _unplanned(children) and children[0].state is RunState.SUCCEEDED
        if unplanned and parent.intention is Intention.GO:
            _go_on(connection, site, parent, now)
        else:
            _end(connection, parent, children, now, unplanned=unplanned)


def _pass_on(connection: Connection, parent: Run, children: Sequence[Run], now: int) -> None:
    """Tell the children what the parent was told, once: each may also be told on its own."""
    wish, to = parent.intention, None
    if wish is Intention.PAUSE and parent.state is RunState.RUNNING:
        to = RunState.PAUSED
    elif wish is not Intention.PAUSE and parent.state is RunState.PAUSED:
        to = RunState.RUNNING
    if to is not None:
        queue.move_run(connection, parent.id, to, now)
    if to is not None or wish is Intention.CANCEL:
        for child in children:
            if child.intention not in (wish, Intention.CANCEL):
                records.set_intention(connection, child.id, wish, now)


def _unplanned(children: Sequence[Run]) -> bool:
    """Whether there is only the child that makes what the windows are cut from."""
    return len(children) == 1 and children[0].request.windows is None


def _go_on(connection: Connection, site: Site, parent: Run, now: int) -> None:
    """What the windows are cut from is there: plan them."""
    try:
        live = load_live(connection, site, parent)
        head = refs.get_ref(connection, parent.project, parent.ref).head
        scene = _scene(connection, live, head)
        _queue_windows(scene, site, live, 1, now)
    except DBAPIError:
        raise
    except Exception as error:  # noqa: BLE001
        # One run's trouble must not stop the engine for all others: it is kept with it.
        reason, said = end_of_run(error)
        values = {"reason": reason.value, "message": said}
        queue.move_run(connection, parent.id, RunState.FAILED, now, **values)


def _scene(connection: Connection, live: LiveRun, head: str) -> Scene:
    """The target as the children's steps will find it."""
    steps = selected_steps(live.manifest, live.run.request)
    aside = takenback.bases(connection, live.project, head, steps)
    return Scene(connection, live.project, head, {}, aside=aside)


def _parts(live: LiveRun) -> _Parts:
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
    return _Parts(before, cut, tuple(step for step in steps if step.name not in done))


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


def _stale_tables(scene: Scene, site: Site, live: LiveRun, steps: Sequence[Step]) -> bool:
    """Whether one of these steps would make something, or take over what is not there yet."""
    for step in steps:
        plan = plan_step(scene, step, with_probes(live, site, step))
        present = scene.versions(step.outputs)
        if plan.move is Move.RUN or reused_changes(present, plan):
            return True
    return False


def _queue_windows(scene: Scene, site: Site, live: LiveRun, position: int, now: int) -> None:
    parts = _parts(live)
    spans, together = _stale(scene, site, live, parts.cut)
    children = _children(live, parts, spans, position, together=together)
    for child in children:
        records.insert_run(scene.connection, child)
    body = {"windows": len(spans), "runs": len(children)}
    queue.emit(scene.connection, live.run.id, "backfill.planned", now, body=body)


def _stale(
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
        spans = tuple(sorted({*plan.spans, *map(_span_of, plan.adopted)}))
        found.update(spans)
        if spans:
            scene.pending.update(dict.fromkeys(step.outputs, spans))
    return sorted(found), together


def _span_of(result: Result) -> Span:
    return codec.from_plain(WindowEntry, result.body["window"]).span


def _children(
    live: LiveRun, parts: _Parts, spans: Sequence[Span], position: int, *, together: bool
) -> list[Run]:
    run = live.run
    keyed = tuple(s.name for s in parts.cut if s.window and s.window.by is WindowUnit.KEY)
    timed = tuple(step.name for step in parts.cut if step.name not in keyed)
    keys = [span for span in spans if span.start == span.end]
    times = _joined([span for span in spans if span.start != span.end])
    single = any(step.reads_self for step in parts.cut)
    size = len(times) if together else 1 if single else run.request.batch or 1
    batches = [times[start : start + size] for start in range(0, len(times), max(size, 1))]
    # A range of keys means nothing: each is a run of its own.
    asked = [(timed, (batch[0].start, batch[-1].end)) for batch in batches]
    asked += [(keyed, (key.start, key.end)) for key in keys]
    children = [
        _child(run, names, window, position + place) for place, (names, window) in enumerate(asked)
    ]
    if single or _looks_back(parts.cut):
        children = _in_order(children)
    rest = parts.after or (keyed and timed)
    if children and rest:
        children.append(_last(run, parts, position + len(children)))
    return children


def _looks_back(steps: Sequence[Step]) -> bool:
    """Whether a step reads earlier windows of a table that the same run makes."""
    made = {table for step in steps for table in step.outputs}
    return any(step.window and step.window.lookback and made & {*step.inputs} for step in steps)


def _in_order(children: Sequence[Run]) -> list[Run]:
    """The runs one after the other: each reads what the one before has published."""
    found: list[Run] = []
    for child in children:
        after = found[-1].id if found else None
        found.append(replace(child, request=replace(child.request, after=after)))
    return found


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Sorted windows with those that overlap (days, and the month they are in) as one."""
    found: list[Span] = []
    for span in spans:
        if found and span.start < found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def _child(
    parent: Run, names: Collection[str], windows: tuple[str, str] | None, position: int
) -> Run:
    """A run of some of the steps."""
    request = replace(parent.request, select=tuple(names), windows=windows)
    return _queued(parent, request, position)


def _last(parent: Run, parts: _Parts, position: int) -> Run:
    """The run of what is left, over all windows of the backfill; it finds the others made."""
    left = {step.name for step in parts.after}
    rebuild = tuple(name for name in parent.request.rebuild if name in left)
    return _queued(parent, replace(parent.request, rebuild=rebuild), position)


def _queued(parent: Run, request: RunRequest, position: int) -> Run:
    request = replace(request, batch=None, parent=parent.id, resumes=None)
    return replace(
        parent,
        id=new_id(),
        state=RunState.QUEUED,
        request=request,
        created=parent.created + 1 + position,
    )


def _end(
    connection: Connection, parent: Run, children: Sequence[Run], now: int, *, unplanned: bool
) -> None:
    bad = [child for child in children if child.state is not RunState.SUCCEEDED]
    if unplanned:
        said = "cancelled before any window was made"
        values = {"reason": Reason.CANCELLED.value, "message": said}
        queue.move_run(connection, parent.id, RunState.CANCELLED, now, **values)
        return
    if not bad:
        head = children[0].commit if children else parent.base
        queue.move_run(connection, parent.id, RunState.PUBLISHING, now)
        queue.move_run(connection, parent.id, RunState.SUCCEEDED, now, commit_id=head)
        return
    cancelled = parent.intention is Intention.CANCEL
    first = bad[-1]
    queue.move_run(
        connection,
        parent.id,
        RunState.CANCELLED if cancelled else RunState.FAILED,
        now,
        reason=(Reason.CANCELLED if cancelled else first.reason or Reason.UPSTREAM).value,
        message=f"{len(bad)} of {len(children)} runs did not publish; the first was {first.id}"
        + (f": {first.message}" if first.message else ""),
    )
