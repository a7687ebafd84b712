"""Backfills: a parent run whose children each make and publish a batch of windows.

A first child, where it is needed, brings the tables up to date that the windows are cut from; then
the windows are planned. The children that make them run side by side where their windows differ,
unless making one reads what another makes: then each begins when the one before has published.
When all windows are there a last child makes what is left.

An atomic backfill has a ref of its own, forked from the target. The children publish there, and
the last one publishes all of it to the target at once, or nothing.

Nothing here looks at every child but when a part of the backfill is over: see ``children``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from galley.errors import RefNotFoundError, UnavailableError
from galley.lake import refs
from galley.lake.model import Ref
from galley.runs import batching, children, finishing, queue, records, takenback
from galley.runs.attempts import reused_changes
from galley.runs.batching import Batch, Parts
from galley.runs.graph import selected_steps
from galley.runs.live import LiveRun, Site, load_live, prime_probes, with_probes
from galley.runs.model import Intention, Part, Reason, Run, RunState
from galley.runs.planning import Move, plan_step
from galley.runs.reasons import end_of_run
from galley.runs.scene import Scene
from galley.runs.starting import open_ref, pins_of, root_pins


def start_backfill(site: Site, run: Run, engine: str, now: int) -> None:
    """Plan a backfill and queue its first children; with nothing to make it has succeeded.

    It is planned before the transaction that records it, so that nobody has to wait meanwhile.

    Raises:
        UsageError: no step of the pipeline is windowed.
        RefNotFoundError: the target is gone, or what an atomic one has staged before.
    """
    with site.database.read() as connection:
        live = load_live(connection, site, run)
    prime_probes(live, site)
    with site.database.read() as connection:
        head, base = _begins(connection, run)
        parts = batching.parts_of(live)
        pins = pins_of(connection, live.manifest, now)
        scene = _scene(connection, live, head, pins)
        first = _stale_tables(scene, site, live, parts)
        wanted = [] if first else _windows(scene, site, live, parts)
    with site.database.write() as connection:
        if not records.lock_run(connection, run.id, RunState.QUEUED):
            return
        part = Part.FIRST if first else Part.WINDOWS
        facts: dict[str, Any] = {"started": now, "engine": engine, "base": base, "part": part.value}
        if run.request.atomic:
            root_pins(connection, pins)
            facts["pins"] = pins
        queue.move_run(connection, run.id, RunState.RUNNING, now, **facts)
        if run.request.atomic:
            # The children publish to it.
            open_ref(connection, run, head, base, now)
        if first:
            records.insert_run(connection, batching.first_run(run, parts))
        else:
            _queue_windows(connection, run, parts, wanted, now)


def advance(site: Site, parents: Iterable[Run], now: int) -> None:
    """Pass wishes on to the children of backfills; go on, or end, when these have all ended."""
    for parent in parents:
        with site.database.read() as connection:
            told = parent.intention is Intention.CANCEL and children.untold(connection, parent.id)
            over = not children.unfinished(connection, parent.id)
        if told or _resting(parent) is not parent.state:
            with site.database.write() as connection:
                _pass_on(connection, parent, now)
        if over and parent.intention is not Intention.PAUSE:
            _go_on(site, parent, now)


def _scene(connection: Connection, live: LiveRun, head: str, pins: Mapping[str, str]) -> Scene:
    """The target as the children's steps will find it."""
    steps = selected_steps(live.manifest, live.run.request)
    aside = takenback.bases(connection, live.project, head, steps)
    return Scene(connection, live.project, head, pins, aside=aside)


def _begins(connection: Connection, run: Run) -> tuple[str, str]:
    """From which commit a backfill goes on, and at which its target was when it began."""
    target = refs.get_ref(connection, run.project, run.ref)
    if not run.request.atomic or run.request.resumes is None:
        return target.head, target.head
    earlier = records.get_run(connection, run.request.resumes)
    if not earlier.request.atomic or earlier.part is None:
        return target.head, target.head
    left = refs.find_ref(connection, run.project, earlier.ref_name)
    if left is None or left.fork_point is None:
        raise RefNotFoundError(
            f"run {earlier.id} can no longer be resumed: its staged tables have expired",
            hint=f"start again with `galley backfill {run.pipeline} --atomic`",
        )
    return left.head, left.fork_point


def _resting(parent: Run) -> RunState:
    """The state that a backfill under way is to be in."""
    return RunState.PAUSED if parent.intention is Intention.PAUSE else RunState.RUNNING


def _pass_on(connection: Connection, parent: Run, now: int) -> None:
    """Tell the children what the parent was told, once: each may also be told on its own."""
    if not records.lock_run(connection, parent.id, parent.state):
        return
    to = _resting(parent)
    if to is not parent.state:
        queue.move_run(connection, parent.id, to, now)
    children.ask(connection, parent.id, parent.intention, now)


def _stale_tables(scene: Scene, site: Site, live: LiveRun, parts: Parts) -> bool:
    """Whether a step before the windows would make something, or take over what is not there."""
    for step in parts.before:
        plan = plan_step(scene, step, with_probes(live, site, step))
        present = scene.versions(step.outputs)
        if plan.move is Move.RUN or reused_changes(present, plan):
            return True
    return False


def _windows(scene: Scene, site: Site, live: LiveRun, parts: Parts) -> list[Batch]:
    spans, together = batching.stale_windows(scene, site, live, parts.cut)
    return batching.batches(live, parts, spans, together=together)


def _queue_windows(
    connection: Connection, parent: Run, parts: Parts, wanted: list[Batch], now: int
) -> None:
    model = batching.window_run(parent, place=1)
    runs = batching.window_runs(model, parts, wanted)
    number = records.insert_alike(connection, model, runs)
    body = {"windows": sum(batch.size for batch in wanted), "runs": number}
    queue.emit(connection, parent.id, "backfill.planned", now, body=body)


def _go_on(site: Site, parent: Run, now: int) -> None:
    """All children have ended. One run's trouble must not stop the engine for all others."""
    try:
        if parent.part is Part.FIRST:
            _after_first(site, parent, now)
        else:
            _after_windows(site, parent, now)
    except (UnavailableError, DBAPIError):
        raise
    except Exception as error:  # noqa: BLE001 - kept with the run
        reason, said = end_of_run(error)
        with site.database.write() as connection:
            if _still(connection, parent):
                _end(connection, parent, RunState.FAILED, now, reason.value, said)


def _after_first(site: Site, parent: Run, now: int) -> None:
    """What the windows are cut from is there: plan them."""
    with site.database.read() as connection:
        bad = children.first_bad(connection, parent.id)
        live = load_live(connection, site, parent)
    if bad is not None or parent.intention is Intention.CANCEL:
        _conclude(site, parent, now)
        return
    prime_probes(live, site)
    parts = batching.parts_of(live)
    with site.database.read() as connection:
        head = refs.get_ref(connection, parent.project, _made_on(parent)).head
        pins = parent.pins or pins_of(connection, live.manifest, now)
        wanted = _windows(_scene(connection, live, head, pins), site, live, parts)
    with site.database.write() as connection:
        if _still(connection, parent):
            records.set_run(connection, parent.id, part=Part.WINDOWS.value)
            _queue_windows(connection, parent, parts, wanted, now)


def _after_windows(site: Site, parent: Run, now: int) -> None:
    """All windows are there, or not: make what is left, or end."""
    with site.database.read() as connection:
        counted = children.tally(connection, parent.id)
        parts = batching.parts_of(load_live(connection, site, parent))
        staged = parent.request.atomic and _moved(connection, parent)
        first = children.child(connection, parent.id, Part.FIRST)
    good = all(one.state is RunState.SUCCEEDED for one in counted)
    made = any(one.part is Part.WINDOWS for one in counted)
    left = staged if parent.request.atomic else made and parts.unfinished
    go = parent.intention is Intention.GO and parent.part is Part.WINDOWS
    if not (good and left and go):
        _conclude(site, parent, now)
        return
    place = sum(one.runs for one in counted) + 2
    with site.database.write() as connection:
        if _still(connection, parent):
            records.set_run(connection, parent.id, part=Part.LAST.value)
            records.insert_run(connection, batching.last_run(parent, parts, first, place))


def _moved(connection: Connection, parent: Run) -> bool:
    """Whether an atomic backfill's own ref shows anything that its target did not."""
    ref = _own_ref(connection, parent)
    return ref is not None and ref.head != ref.fork_point


def _own_ref(connection: Connection, parent: Run) -> Ref | None:
    return refs.find_ref(connection, parent.project, parent.ref_name)


def _made_on(parent: Run) -> str:
    """The name of the ref that the children publish to."""
    return parent.ref_name if parent.request.atomic else parent.ref


def _still(connection: Connection, parent: Run) -> bool:
    """Keep the parent to this transaction, if nobody has moved it on since it was read."""
    if not records.lock_run(connection, parent.id, parent.state):
        return False
    return records.get_run(connection, parent.id).part is parent.part


def _conclude(site: Site, parent: Run, now: int) -> None:
    with site.database.write() as connection:
        if not _still(connection, parent):
            return
        counted = children.tally(connection, parent.id)
        bad = sum(one.runs for one in counted if one.state is not RunState.SUCCEEDED)
        if _over(parent, bad):
            head = children.newest_commit(connection, parent.id) or parent.base
            queue.move_run(connection, parent.id, RunState.PUBLISHING, now)
            _end(connection, parent, RunState.SUCCEEDED, now, commit_id=head)
            return
        cancelled = parent.intention is Intention.CANCEL
        state = RunState.CANCELLED if cancelled else RunState.FAILED
        first = children.first_bad(connection, parent.id)
        own = first.reason if first and first.reason else Reason.UPSTREAM
        reason = Reason.CANCELLED if cancelled else own
        said = _said(parent, first, bad, sum(one.runs for one in counted))
        _end(connection, parent, state, now, reason.value, said)


def _over(parent: Run, bad: int) -> bool:
    """Whether a backfill whose children have all ended has done all it was asked for."""
    if bad:
        return False
    if parent.intention is not Intention.CANCEL:
        return True
    # All windows may have been there when the wish came, and what is left not yet begun.
    return parent.part is Part.LAST or (parent.part is Part.WINDOWS and not parent.request.atomic)


def _said(parent: Run, first: Run | None, bad: int, runs: int) -> str:
    if first is None or (parent.part is Part.FIRST and parent.intention is Intention.CANCEL):
        return "cancelled before any window was made"
    said = f"{bad} of {runs} runs did not publish; the first was {first.id}"
    return said + (f": {first.message}" if first.message else "")


def _end(
    connection: Connection,
    parent: Run,
    state: RunState,
    now: int,
    reason: str | None = None,
    message: str | None = None,
    commit_id: str | None = None,
) -> None:
    """End a backfill. What an atomic one has staged is kept for a day if it was not published."""
    given = {"reason": reason, "message": message, "commit_id": commit_id}
    values = {name: value for name, value in given.items() if value is not None}
    ref = _own_ref(connection, parent)
    if not queue.move_run(connection, parent.id, state, now, **values) or ref is None:
        return
    if state is RunState.SUCCEEDED:
        refs.delete_ref(connection, ref, who=parent.actor, why="published", now=now)
    else:
        refs.set_expiry(connection, ref, now + finishing.KEEP_FAILED)
