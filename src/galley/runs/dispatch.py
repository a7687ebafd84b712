"""Taking in what workers answer: finished attempts, verdicts, failures, lost processes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from galley import faults
from galley.db.contention import repeated
from galley.errors import (
    ContendedError,
    InputDataError,
    StaleRefError,
    StorageError,
    UnavailableError,
)
from galley.lake import field_ids, verifying
from galley.lake.model import Span
from galley.runs import attempts, messages, queue, records, testing
from galley.runs.attempts import Attempt
from galley.runs.begun import Begun
from galley.runs.jobs import Job, Jobs, cut_short
from galley.runs.live import LiveRun, Site
from galley.runs.model import Intention, Reason, StepRun, StepState
from galley.runs.plainly import finish_together
from galley.runs.pool import PoolEvent
from galley.runs.protocol import (
    FieldsReply,
    FieldsRequest,
    StepDone,
    TaskFailed,
    TestDone,
    TestTask,
)
from galley.runs.testing import TestWork


class Dispatcher:
    """Knows what to do with every answer."""

    def __init__(
        self, site: Site, jobs: Jobs, owner: str, find: Callable[[str], LiveRun | None]
    ) -> None:
        self.site = site
        self.jobs = jobs
        self.owner = owner
        self.find = find
        self._answers: list[tuple[LiveRun, TestDone | TaskFailed]] = []
        self._begun = Begun(site, jobs)

    def handle(self, events: Iterable[PoolEvent]) -> set[str]:
        """Act on what workers said; returns the runs whose steps changed."""
        events = list(events)
        touched = {
            job.live.run.id
            for event in events
            if event.final and (job := self.jobs.get(event.task_id)) is not None
        }
        finished = set(finish_together(self.site, self.owner, self.jobs, events))
        for event in events:
            if event.task_id in finished:
                continue
            job = self.jobs.get(event.task_id) or self._revived(event)
            if job is None:
                continue
            if event.kind == "started" and job.attempt is not None:
                self._begun.add(event)
            elif event.kind == "message":
                self._hear(event, job)
            elif event.kind in ("exited", "lost"):
                self._exited(event)
            elif event.kind == "returned":
                self._returned(job, event)
            if event.ends or event.kind == "returned":
                touched.add(job.live.run.id)
        self._begun.record()
        for job, failure in self.jobs.stillborn():
            self._ended(job, failure)
            touched.add(job.live.run.id)
        return touched

    def resume_tests(self, live: LiveRun) -> None:
        """Evaluate the tests of staged steps that a dead engine left."""
        with self.site.database.read() as connection:
            steps = queue.steps_of(connection, live.run.id)
        for step_run in steps:
            if step_run.state is StepState.STAGED:
                self.resume_test(live, step_run)

    def resume_test(self, live: LiveRun, step_run: StepRun) -> None:
        """Evaluate the tests of a staged step that is this engine's now."""
        self._test(live, step_run, step_run.spans)

    def _revived(self, event: PoolEvent) -> Job | None:
        """The job of an attempt that another engine began and whose worker came to this one."""
        if not event.task_id:
            return None
        with self.site.database.read() as connection:
            row = records.find_attempt(connection, event.task_id)
            live = self.find(row["run_id"]) if row is not None and row["end"] is None else None
            if row is None or live is None:
                return None
            step_run = queue.get_step(connection, row["step_run_id"])
        if step_run is None or step_run.epoch != row["epoch"]:
            return None
        job = Job(live, step_run, attempts.revive(row, step_run))
        self.jobs.adopt(event.task_id, job)
        return job

    def submit_publish_tests(self, live: LiveRun, task: TestTask) -> None:
        """Evaluate tests on merged versions before a publish."""
        name = f"{live.run.id}/publish"
        self.jobs.submit_tests("publish", Job(live, None), task, name)

    def publish_answers(self) -> list[tuple[LiveRun, TestDone | TaskFailed]]:
        """The answers to ``submit_publish_tests`` since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def _hear(self, event: PoolEvent, job: Job) -> None:
        """Act on one message. One run's trouble must not stop the engine for all others."""
        try:
            self._message(event.task_id, job, event.payload or b"")
        except (UnavailableError, DBAPIError):
            # The home itself is in trouble: nothing could be recorded.
            raise
        except Exception as error:  # noqa: BLE001 - kept with the step
            self._failed(job, _defect(error))

    def _message(self, task_id: str, job: Job, payload: bytes) -> None:
        answer = messages.decode_answer(payload)
        if isinstance(answer, FieldsRequest):
            _give_fields(self.site, self.jobs, task_id, answer, job.attempt)
            return
        self.jobs.pop(task_id)
        if job.step_run is None:
            if isinstance(answer, TestDone | TaskFailed):
                self._answers.append((job.live, answer))
        elif isinstance(answer, StepDone) and job.attempt is not None:
            self._finish(job.live, job.attempt, answer)
        elif isinstance(answer, TestDone) and job.work is not None:
            self._conclude(job.live, job.step_run, job.work, answer)
        elif isinstance(answer, TaskFailed):
            self._failed(job, answer)

    def _finish(self, live: LiveRun, attempt: Attempt, done: StepDone) -> None:
        """Take an attempt's work over; where nothing must be tested the step has succeeded."""
        node = live.node(attempt.step_run.name)
        probe = None
        if attempt.post is not None:
            # Nothing is taken on the word of a process that is not our own.
            try:
                verifying.verify(self.site.store, attempt.id, done.changes)
            except StorageError as error:
                unproved = TaskFailed("failed", Reason.STORAGE.value, "StorageError", error.message)
                self._failed(Job(live, attempt.step_run, attempt), unproved)
                return
        if node.step is not None and node.step.load is not None:
            # What is gone by now was loaded nevertheless; without a probe it is not used again.
            with suppress(InputDataError):
                probe = self.site.probe(node.step, str(live.folder))
        try:
            work = self._take(live, attempt, done, probe)
        except (StaleRefError, ContendedError) as error:
            # Others were always first: this piece of work is lost, and is tried again.
            lost = Reason.LOST_WORKER.value
            failure = TaskFailed("failed", lost, "StaleRefError", str(error))
            self._failed(Job(live, attempt.step_run, attempt), failure)
            return
        if work is not None:
            self.jobs.evaluate(live, attempt.step_run, work)

    @repeated
    def _take(
        self, live: LiveRun, attempt: Attempt, done: StepDone, probe: str | None
    ) -> TestWork | None:
        """The finish transaction; what must still be evaluated after it."""
        now = self.site.clock()
        step_run = attempt.step_run
        plain = not done.changes and not live.node(step_run.name).tests
        with self.site.database.write() as connection:
            changes = attempts.finish(
                connection,
                live,
                attempt,
                done,
                probe=probe,
                hold=self.site.hold(self.owner),
                now=now,
                plain=plain,
            )
            if changes is None or plain:
                return None
            work = self._work(connection, live, step_run, step_run.spans)
            if work.needed:
                return work
            testing.conclude(connection, live, step_run, work, (), now)
        return None

    def _test(self, live: LiveRun, step_run: StepRun, spans: tuple[Span, ...]) -> None:
        """Evaluate what has no verdict yet; conclude at once if there is nothing to evaluate."""
        try:
            with self.site.database.read() as connection:
                work = self._work(connection, live, step_run, spans)
            if work.needed:
                self.jobs.evaluate(live, step_run, work)
            else:
                self._conclude(live, step_run, work, TestDone("test_done", (), (), 0.0))
        except (UnavailableError, DBAPIError):
            raise
        except Exception as error:  # noqa: BLE001 - kept with the step
            self._tests_lost(live, step_run, _defect(error))

    def _work(
        self, connection: Connection, live: LiveRun, step_run: StepRun, spans: tuple[Span, ...]
    ) -> TestWork:
        node = live.node(step_run.name)
        return testing.work_for(connection, live, node, live.scene(connection), spans=spans)

    @repeated
    def _conclude(self, live: LiveRun, step_run: StepRun, work: TestWork, answer: TestDone) -> None:
        now = self.site.clock()
        faults.point("tests.before_conclude")
        with self.site.database.write() as connection:
            testing.conclude(connection, live, step_run, work, answer.verdicts, now)

    def _exited(self, event: PoolEvent) -> None:
        job = self.jobs.pop(event.task_id)
        reason = Reason(event.reason or Reason.LOST_WORKER)
        self._ended(job, cut_short(job, reason, event.detail or "the worker was lost"))

    def _ended(self, job: Job, failure: TaskFailed) -> None:
        """A job has ended without an answer."""
        if job.step_run is None:
            self._answers.append((job.live, failure))
        elif job.live.run.intention is Intention.CANCEL:
            _record_cancel(self.site, job)
        else:
            self._failed(job, failure)

    def _returned(self, job: Job, event: PoolEvent) -> None:
        """A worker gave a task back: nobody's loss, and no try either."""
        self.jobs.pop(event.task_id)
        step_run, attempt = job.step_run, job.attempt
        if step_run is None:
            lost = Reason.LOST_WORKER.value
            self._answers.append((job.live, TaskFailed("failed", lost, "", "it was given back")))
        elif attempt is None:
            self._test(job.live, step_run, step_run.spans)
        else:
            now, tries = self.site.clock(), step_run.attempts - 1
            with self.site.database.write() as connection:
                ready, mine = StepState.READY, attempt.id
                queue.move_step(connection, step_run, ready, now, attempt=mine, attempts=tries)
                attempts.drop_attempt(connection, job.live, attempt, "handed_over", now)

    def _failed(self, job: Job, failure: TaskFailed) -> None:
        if job.attempt is not None:
            self._record_failure(job.live, job.attempt, failure)
        elif job.step_run is not None:
            self._tests_lost(job.live, job.step_run, failure)

    @repeated
    def _record_failure(self, live: LiveRun, attempt: Attempt, failure: TaskFailed) -> None:
        with self.site.database.write() as connection:
            attempts.fail(connection, live, attempt, failure, self.site.clock())

    def _tests_lost(self, live: LiveRun, step_run: StepRun, failure: TaskFailed) -> None:
        """The process that evaluated tests died: try again, a bounded number of times."""
        losses = live.test_losses.get(step_run.id, 0) + 1
        live.test_losses[step_run.id] = losses
        if losses < attempts.MOST_LOSSES and failure.reason == Reason.LOST_WORKER.value:
            self._test(live, step_run, step_run.spans)
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


def _defect(error: Exception) -> TaskFailed:
    said = f"a defect of Galley: {error!r}"
    internal, name = Reason.INTERNAL.value, type(error).__name__
    return TaskFailed("failed", internal, name, said, traceback.format_exc())


@repeated
def _record_cancel(site: Site, job: Job) -> None:
    now = site.clock()
    if job.step_run is None:
        return
    mine = job.attempt.id if job.attempt is not None else None
    with site.database.write() as connection:
        reason, cancelled = Reason.CANCELLED.value, StepState.CANCELLED
        queue.move_step(connection, job.step_run, cancelled, now, attempt=mine, reason=reason)
        if job.attempt is not None:
            attempts.drop_attempt(connection, job.live, job.attempt, "cancelled", now)


@repeated
def _give_fields(
    site: Site, jobs: Jobs, task_id: str, asked: FieldsRequest, attempt: Attempt | None
) -> None:
    # Nobody may write ids that a crash of the database has forgotten. A home's own database goes
    # down with its machine, and so do the engine's processes there.
    lasting = site.shared or (attempt is not None and attempt.post is not None)
    with site.database.write(durable=lasting) as connection:
        ids = field_ids.allocate(connection, asked.table_id, asked.keys, asked.at_least)
    jobs.pool.reply(task_id, messages.encode(FieldsReply("fields", ids)))
