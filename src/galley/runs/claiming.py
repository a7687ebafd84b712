"""Claiming ready steps and deciding for each: reuse what is there, or make an attempt.

Claim, decision and the record of the attempt are one transaction; what needs a worker or writes
files happens after it has committed.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from galley.db import deferred
from galley.db.contention import repeated
from galley.errors import ContendedError, GalleyError
from galley.lake import rooting
from galley.runs import adopting, attempts, claims, queue, sessions, testing
from galley.runs.claims import Outlook, Taker
from galley.runs.jobs import Jobs
from galley.runs.live import LiveRun, Site, with_probes
from galley.runs.model import Reason, StepRun, StepState
from galley.runs.planning import Move, StepPlan, plan_step
from galley.runs.pool import Opening
from galley.runs.reaping import drop
from galley.runs.reasons import of_the_home, reason_of
from galley.runs.scene import Scene

Afterwards = Callable[[], None]
Find = Callable[[Connection, str], LiveRun]
"""Finds a run that is under way, whoever started it."""

MOST = 64
"""How many steps are claimed in one transaction, at most."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a claimed step is given: one part of a machine, or the worker of the session ``seat``.

    The machine is divided ``among`` so many.
    """

    among: int
    seat: str | None = None


class Claimer:
    """Takes ready steps from the queue as long as a worker is free for them."""

    def __init__(self, site: Site, jobs: Jobs, owner: str, find: Find, origin: str | None) -> None:
        self.site = site
        self.jobs = jobs
        self.owner = owner
        self.find = find
        self.origin = origin
        self._outlook = Outlook()

    def dispatch(self) -> set[str]:
        """Claim ready steps; returns the runs whose steps changed."""
        openings = self.jobs.pool.seats(MOST)
        if not openings:
            return set()
        try:
            claimed, todo = self._take(openings)
        except ContendedError:
            # Nothing was claimed; the next round does.
            return set()
        for act in todo:
            act()
        return {step_run.run_id for step_run, _ in claimed}

    @repeated
    def _take(
        self, openings: Sequence[Opening]
    ) -> tuple[list[tuple[StepRun, Opening]], list[Afterwards]]:
        """Claim and decide; what is claimed, and what to do once that has committed."""
        # A claim that a crash of the database loses takes its attempt along, and whatever is
        # answered to that attempt is refused then (see ``attempts.finish``).
        with self.site.database.write(durable=False, share=rooting.LOCK) as connection:
            claimed = self._claim(connection, openings)
            among = self.jobs.share(len(claimed))
            scenes: dict[str, Scene] = {}
            todo = [
                self._decide(
                    connection,
                    self.find(connection, step_run.run_id),
                    step_run,
                    Share(among, opening.session),
                    scenes,
                )
                for step_run, opening in claimed
            ]
        return claimed, todo

    def _claim(
        self, connection: Connection, openings: Sequence[Opening]
    ) -> list[tuple[StepRun, Opening]]:
        """Ready steps for those who can take them: one statement for each set of labels."""
        alike: dict[tuple[str, ...] | None, list[Opening]] = {}
        for opening in openings:
            labels = self.site.labels if opening.session is None else opening.labels
            alike.setdefault(labels, []).append(opening)
        now = self.site.clock()
        found: list[tuple[StepRun, Opening]] = []
        afar = {opening.session for opening in openings if opening.session is not None}
        lasting = sessions.leases_of(connection, afar)
        for labels, group in alike.items():
            # A worker that came from another server beats by that one's lease.
            own = (lasting.get(opening.session or "", 0) for opening in group)
            until = now + max(self.site.lease, *own)
            taker = Taker(self.owner, len(group), until, labels, self.origin)
            found += zip(claims.claim(connection, taker, now, self._outlook), group, strict=False)
        return found

    def _decide(
        self,
        connection: Connection,
        live: LiveRun,
        step_run: StepRun,
        share: Share,
        scenes: dict[str, Scene],
    ) -> Afterwards:
        """``scenes`` are those of other steps in this unit of work, by run."""
        step = live.node(step_run.name).step

        def decide() -> Afterwards:
            scene = scenes.get(live.run.id) or live.scene(connection)
            scenes[live.run.id] = scene
            if step is None:
                return self._tests(connection, live, step_run, scene)
            plan = plan_step(scene, step, with_probes(live, self.site, step))
            if plan.move is Move.REUSE:
                # It may move the run's ref.
                del scenes[live.run.id]
            if plan.adopted or plan.accepted:
                found = [result.location for result in plan.adopted]
                rooting.root_versions(connection, live.project, found)
                return lambda: self._adopt(live, step_run, plan, share)
            return self._begin(connection, live, step_run, plan, scene, share)

        return self._guarded(connection, live, step_run, decide)

    def _guarded(
        self,
        connection: Connection,
        live: LiveRun,
        step_run: StepRun,
        decide: Callable[[], Afterwards],
    ) -> Afterwards:
        """Decide. One run's trouble must not stop the engine for all others."""
        try:
            return decide()
        except GalleyError as error:
            self._refuse(connection, live, step_run, reason_of(error), *_told(error))
        except DBAPIError:
            raise
        except Exception as error:  # noqa: BLE001 - kept with the step
            self._refuse(connection, live, step_run, *_defect(error))
        return _nothing

    def _begin(
        self,
        connection: Connection,
        live: LiveRun,
        step_run: StepRun,
        plan: StepPlan,
        scene: Scene,
        share: Share,
    ) -> Afterwards:
        if plan.move is Move.REUSE:
            return self._reuse(connection, live, step_run, plan, scene)
        step = live.manifest.steps[plan.step]
        secrets: dict[str, str] = {}
        if step.secrets:
            secrets = self.site.secrets(live.manifest, step.secrets, live.folder)
        # What can fail comes first: of an attempt that cannot begin nothing stays.
        attempt = attempts.draft(live, step_run, plan, scene, share.seat)
        task = attempts.task_for(self.site, live, attempt, scene, share.among, secrets)
        if not attempts.begin(connection, live, attempt, scene, self.site.clock()):
            return _nothing
        return lambda: self.jobs.submit_step(live, attempt, task)

    def _reuse(
        self,
        connection: Connection,
        live: LiveRun,
        step_run: StepRun,
        plan: StepPlan,
        scene: Scene,
    ) -> Afterwards:
        now = self.site.clock()
        present = scene.versions(live.manifest.steps[plan.step].outputs)
        changes = attempts.reused_changes(present, plan)
        if not attempts.take_over(connection, live, step_run, plan, changes, present, now):
            return _nothing
        staged = replace(step_run, reused_from=plan.from_run or live.run.id, spans=plan.tested)
        after = live.scene(connection) if changes else scene
        return self._tests(connection, live, staged, after)

    def _tests(
        self, connection: Connection, live: LiveRun, step_run: StepRun, scene: Scene
    ) -> Afterwards:
        """Conclude the step if its tests have verdicts on these contents; else evaluate them."""
        node = live.node(step_run.name)
        spans = step_run.spans if node.step else testing.requested_spans(live)
        work = testing.work_for(connection, live, node, scene, spans=spans)
        if work.needed:
            return lambda: self.jobs.evaluate(live, step_run, work)
        testing.conclude(connection, live, step_run, work, (), self.site.clock())
        return _nothing

    def _adopt(self, live: LiveRun, step_run: StepRun, plan: StepPlan, share: Share) -> None:
        """Take over windows proved elsewhere (which writes metadata), then go on as planned."""
        step = live.manifest.steps[plan.step]
        try:
            adopting.adopt(self.site, live, step_run, step, plan)
        except GalleyError as error:
            if of_the_home(error):
                raise
            with self.site.database.write() as connection:
                self._refuse(connection, live, step_run, reason_of(error), *_told(error))
            return
        except Exception as error:  # noqa: BLE001 - kept with the step
            with self.site.database.write() as connection:
                self._refuse(connection, live, step_run, *_defect(error))
            return
        with self.site.database.write(durable=False) as connection:
            scene = live.scene(connection)

            def begin() -> Afterwards:
                return self._begin(connection, live, step_run, plan, scene, share)

            after = self._guarded(connection, live, step_run, begin)
        after()

    def _refuse(
        self,
        connection: Connection,
        live: LiveRun,
        step_run: StepRun,
        reason: Reason,
        message: str,
        detail: dict[str, Any],
    ) -> None:
        """The step could not even begin: say why and fail it."""
        now = self.site.clock()
        values: dict[str, Any] = {"reason": reason.value, "message": message, "detail": detail}
        if queue.move_step(connection, step_run, StepState.FAILED, now, **values):
            # Of an attempt that could not begin nothing stays, and it may have begun just now.
            deferred.flush(connection)
            drop(connection, live.project, step_run, reason.value, now)
            names = live.graph.downstream(step_run.name)
            queue.fail_downstream(connection, live.run.id, names, step_run.name, now)


def _nothing() -> None:
    """The step needs nothing more."""


def _told(error: GalleyError) -> tuple[str, dict[str, Any]]:
    detail = {"hint": error.hint, "where": str(error.where) if error.where else None}
    return error.message, {key: value for key, value in detail.items() if value}


def _defect(error: Exception) -> tuple[Reason, str, dict[str, Any]]:
    trace = {"trace": traceback.format_exc()}
    return Reason.INTERNAL, f"a defect of Galley: {error!r}", trace
