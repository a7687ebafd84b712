"""Handing claimed steps to workers and taking their answers in."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from galley.errors import GalleyError, StaleRefError
from galley.lake import field_ids
from galley.lake.model import Span
from galley.runs import adopting, attempts, messages, queue, records, recovery, testing
from galley.runs.attempts import Attempt
from galley.runs.live import LiveRun, Site, with_probes
from galley.runs.model import Intention, Reason, StepRun, StepState
from galley.runs.planning import Move, StepPlan, plan_step
from galley.runs.pool import Pool, PoolEvent
from galley.runs.protocol import (
    FieldsReply,
    FieldsRequest,
    StepDone,
    TaskFailed,
    TestDone,
    TestTask,
)
from galley.runs.testing import TestWork


@dataclass(slots=True)
class _Job:
    """What a worker is busy with: an attempt of a step, tests of one, or tests of a publish."""

    live: LiveRun
    step_run: StepRun | None
    attempt: Attempt | None = None
    work: TestWork | None = None


class Dispatcher:
    """Knows which task is at which worker, and what to do with the answer."""

    def __init__(self, site: Site, pool: Pool, owner: str, slots: int) -> None:
        self.site = site
        self.pool = pool
        self.owner = owner
        self.slots = slots
        self._jobs: dict[str, _Job] = {}
        self._answers: list[tuple[LiveRun, TestDone | TaskFailed]] = []

    def dispatch(self, running: Sequence[str], lives: Mapping[str, LiveRun]) -> set[str]:
        """Claim ready steps of the given runs; returns the runs whose steps changed."""
        now = self.site.clock()
        free = self.slots - len(self._jobs)
        if free <= 0 or not running:
            return set()
        with self.site.database.write(durable=False) as connection:
            claimed = queue.claim(
                connection, owner=self.owner, runs=running, limit=free, now=now, lease=20_000_000
            )
        share = max(1, min(self.slots, len(claimed) + len(self._jobs)))
        for step_run in claimed:
            self._begin(lives[step_run.run_id], step_run, share)
        return {step_run.run_id for step_run in claimed}

    def busy(self, run_id: str) -> bool:
        """Whether a worker has anything of the run."""
        return any(job.live.run.id == run_id for job in self._jobs.values())

    def handle(self, events: Iterable[PoolEvent]) -> set[str]:
        """Act on what workers said; returns the runs whose steps changed."""
        touched = set()
        started = []
        for event in events:
            job = self._jobs.get(event.task_id)
            if job is None:
                continue
            if event.kind == "started":
                started.append(event)
            elif event.kind == "message":
                self._message(event.task_id, job, event.payload or b"")
            elif event.kind in ("exited", "lost"):
                self._exited(event.task_id, job, event)
            touched.add(job.live.run.id)
        self._note_processes([event for event in started if event.task_id in self._jobs])
        return touched

    def cancel(self, run_id: str) -> None:
        """Kill what a run has at workers."""
        for task_id, job in self._jobs.items():
            if job.live.run.id == run_id:
                self.pool.cancel(task_id)

    def forget(self, run_id: str) -> None:
        """A run has ended: nothing of it may still be at a worker."""
        self.cancel(run_id)

    def resume_tests(self, live: LiveRun) -> None:
        """Evaluate the tests of staged steps that a dead engine left."""
        with self.site.database.read() as connection:
            steps = queue.steps_of(connection, live.run.id)
        for step_run in steps:
            if step_run.state is StepState.STAGED:
                step = live.node(step_run.name).step
                made = step.outputs if step and step_run.reused_from is None else ()
                self._test(live, step_run, made=made, spans=step_run.spans)

    def submit_publish_tests(self, live: LiveRun, task: TestTask) -> None:
        """Evaluate tests on merged versions before a publish."""
        self._submit(f"{live.run.id}.publish", _Job(live, None), task, f"{live.run.id}/publish")

    def publish_answers(self) -> list[tuple[LiveRun, TestDone | TaskFailed]]:
        """The answers to ``submit_publish_tests`` since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def _begin(self, live: LiveRun, step_run: StepRun, share: int) -> None:
        node = live.node(step_run.name)
        if node.step is None:
            self._test(live, step_run, made=(), spans=_requested_spans(live))
            return
        try:
            setting = with_probes(live, self.site, node.step)
            with self.site.database.read() as connection:
                plan = plan_step(live.scene(connection), node.step, setting)
            adopting.adopt(self.site, live, node.step, plan)
            if plan.move is Move.REUSE:
                self._reuse(live, step_run, plan)
            else:
                self._run(live, step_run, plan, share)
        except GalleyError as error:
            self._refuse(live, step_run, Reason.USER_ERROR, str(error), {})
        except Exception as error:  # noqa: BLE001
            # One run's trouble must not stop the engine for all others: it is kept with the step.
            trace = {"trace": traceback.format_exc()}
            self._refuse(live, step_run, Reason.INTERNAL, f"a defect of Galley: {error!r}", trace)

    def _reuse(self, live: LiveRun, step_run: StepRun, plan: StepPlan) -> None:
        node = live.node(step_run.name)
        now = self.site.clock()
        with self.site.database.write() as connection:
            if node.step is None:
                return
            present = live.scene(connection).versions(node.step.outputs)
            changes = attempts.reused_changes(present, plan)
            moved = attempts.take_over(connection, live, step_run, plan, changes, present, now)
        if moved:
            staged = replace(step_run, reused_from=plan.from_run or live.run.id)
            self._test(live, staged, made=(), spans=plan.kept)

    def _run(self, live: LiveRun, step_run: StepRun, plan: StepPlan, share: int) -> None:
        step = live.node(step_run.name).step
        if step is None:
            return
        wanted = tuple(step.secrets)
        secrets = self.site.secrets(live.manifest, wanted, live.folder) if wanted else {}
        with self.site.database.write(durable=False) as connection:
            scene = live.scene(connection)
            attempt = attempts.begin(connection, live, step_run, plan, scene, self.site.clock())
            if attempt is None:
                return
            task = attempts.task_for(self.site, live, attempt, scene, share, secrets)
        job = _Job(live, step_run, attempt)
        self.pool.submit(
            attempt.id,
            messages.encode(task),
            code_dir=task.code_dir,
            log_name=attempt.log_name,
            secrets=tuple(secrets.values()),
            timeout=step.limits.timeout,
            memory=step.limits.memory,
        )
        self._jobs[attempt.id] = job

    def _refuse(
        self,
        live: LiveRun,
        step_run: StepRun,
        reason: Reason,
        message: str,
        detail: dict[str, Any],
    ) -> None:
        """The step could not even begin: say why and fail it."""
        now = self.site.clock()
        values: dict[str, Any] = {"reason": reason.value, "message": message, "detail": detail}
        with self.site.database.write() as connection:
            if queue.move_step(connection, step_run, StepState.FAILED, now, **values):
                names = live.graph.downstream(step_run.name)
                queue.fail_downstream(connection, live.run.id, names, step_run.name, now)

    def _note_processes(self, started: Sequence[PoolEvent]) -> None:
        """Record which process has an attempt, so that the next engine can kill it."""
        if not started:
            return
        with self.site.database.write(durable=False) as connection:
            for event in started:
                records.set_attempt(
                    connection,
                    event.task_id,
                    pid=event.pid,
                    pid_started=event.pid_started,
                    boot_id=recovery.boot_id(),
                )

    def _message(self, task_id: str, job: _Job, payload: bytes) -> None:
        answer = messages.decode_answer(payload)
        if isinstance(answer, FieldsRequest):
            self._give_fields(task_id, answer)
            return
        del self._jobs[task_id]
        if job.step_run is None:
            if isinstance(answer, TestDone | TaskFailed):
                self._answers.append((job.live, answer))
        elif isinstance(answer, StepDone) and job.attempt is not None:
            self._finish(job.live, job.attempt, answer)
        elif isinstance(answer, TestDone) and job.work is not None:
            self._conclude(job.live, job.step_run, job.work, answer)
        elif isinstance(answer, TaskFailed):
            self._failed(job, answer)

    def _give_fields(self, task_id: str, asked: FieldsRequest) -> None:
        with self.site.database.write() as connection:
            ids = field_ids.allocate(connection, asked.table_id, asked.keys, asked.at_least)
        self.pool.reply(task_id, messages.encode(FieldsReply("fields", ids)))

    def _finish(self, live: LiveRun, attempt: Attempt, done: StepDone) -> None:
        """Take an attempt's work over; where nothing must be tested the step has succeeded."""
        node = live.node(attempt.step_run.name)
        step = node.step
        probe = None
        if step is not None and step.load is not None:
            probe = self.site.probe(step, str(live.folder))
        now = self.site.clock()
        try:
            with self.site.database.write() as connection:
                changes = attempts.finish(connection, live, attempt, done, probe=probe, now=now)
                if changes is None:
                    return
                made = tuple(change.table for change in changes)
                work = self._work(
                    connection, live, attempt.step_run, made=made, spans=attempt.plan.spans
                )
                if not work.needed:
                    testing.conclude(connection, live, attempt.step_run, work, (), (), now)
        except StaleRefError as error:
            self._failed(
                _Job(live, attempt.step_run, attempt),
                TaskFailed("failed", Reason.LOST_WORKER.value, "StaleRefError", str(error)),
            )
            return
        if work.needed:
            self._evaluate(live, attempt.step_run, work)

    def _test(
        self, live: LiveRun, step_run: StepRun, *, made: Sequence[str], spans: tuple[Span, ...]
    ) -> None:
        """Evaluate what has no verdict yet; conclude at once if there is nothing to evaluate."""
        with self.site.database.read() as connection:
            work = self._work(connection, live, step_run, made=made, spans=spans)
        if work.needed:
            self._evaluate(live, step_run, work)
        else:
            self._conclude(live, step_run, work, TestDone("test_done", (), (), 0.0))

    def _work(
        self,
        connection: Connection,
        live: LiveRun,
        step_run: StepRun,
        *,
        made: Sequence[str],
        spans: tuple[Span, ...],
    ) -> TestWork:
        node = live.node(step_run.name)
        scene = live.scene(connection)
        measure: list[str] = []
        if node.step is not None and made:
            measure = testing.to_measure(node.step, made, scene.versions(made))
        return testing.work_for(connection, live, node, scene, spans=spans, measure=measure)

    def _evaluate(self, live: LiveRun, step_run: StepRun, work: TestWork) -> None:
        node = live.node(step_run.name)
        if node.step is None:
            with self.site.database.write(durable=False) as connection:
                queue.move_step(connection, step_run, StepState.RUNNING, self.site.clock())
        task = testing.task_for(self.site, live, node, work, max(1, len(self._jobs) + 1))
        name = f"{live.run.id}/{step_run.name.replace(':', '-')}.{step_run.epoch}.tests"
        self._submit(f"{step_run.id}.tests", _Job(live, step_run, None, work), task, name)

    def _submit(self, task_id: str, job: _Job, task: TestTask, log_name: str) -> None:
        self.pool.submit(
            task_id,
            messages.encode(task),
            code_dir=task.code_dir,
            log_name=log_name,
            secrets=(),
            timeout=None,
            memory=None,
        )
        self._jobs[task_id] = job

    def _conclude(self, live: LiveRun, step_run: StepRun, work: TestWork, answer: TestDone) -> None:
        now = self.site.clock()
        with self.site.database.write() as connection:
            testing.conclude(connection, live, step_run, work, answer.verdicts, answer.metrics, now)

    def _exited(self, task_id: str, job: _Job, event: PoolEvent) -> None:
        del self._jobs[task_id]
        reason = event.reason or Reason.LOST_WORKER.value
        failure = TaskFailed("failed", reason, "", event.detail or "the worker was lost")
        if job.step_run is None:
            self._answers.append((job.live, failure))
        elif job.live.run.intention is Intention.CANCEL:
            self._cancelled(job)
        else:
            self._failed(job, failure)

    def _cancelled(self, job: _Job) -> None:
        now = self.site.clock()
        if job.step_run is None:
            return
        with self.site.database.write() as connection:
            if job.attempt is not None:
                attempts.drop_attempt(connection, job.live, job.attempt, "cancelled", now)
            queue.move_step(
                connection,
                job.step_run,
                StepState.CANCELLED,
                now,
                reason=Reason.CANCELLED.value,
            )

    def _failed(self, job: _Job, failure: TaskFailed) -> None:
        now = self.site.clock()
        if job.attempt is not None:
            with self.site.database.write() as connection:
                attempts.fail(connection, job.live, job.attempt, failure, now)
        elif job.step_run is not None:
            self._tests_lost(job.live, job.step_run, failure)

    def _tests_lost(self, live: LiveRun, step_run: StepRun, failure: TaskFailed) -> None:
        """The process that evaluated tests died: try again, a bounded number of times."""
        losses = live.test_losses.get(step_run.id, 0) + 1
        live.test_losses[step_run.id] = losses
        if losses < attempts.MOST_LOSSES and failure.reason == Reason.LOST_WORKER.value:
            self._test(live, step_run, made=(), spans=step_run.spans)
            return
        now = self.site.clock()
        with self.site.database.write() as connection:
            moved = queue.move_step(
                connection,
                step_run,
                StepState.FAILED,
                now,
                reason=failure.reason,
                message=f"its tests could not be run: {failure.message}",
            )
            if moved:
                names = live.graph.downstream(step_run.name)
                queue.fail_downstream(connection, live.run.id, names, step_run.name, now)


def _requested_spans(live: LiveRun) -> tuple[Span, ...]:
    asked = live.setting.windows
    return (Span(*asked),) if asked is not None else ()
