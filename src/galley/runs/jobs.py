"""Which task is at which worker.

A task that cannot be handed over ends like one that a worker failed at: the engine goes on.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from galley import faults
from galley.errors import GalleyError, InternalError, UnavailableError
from galley.ids import new_id
from galley.project.model import Step, StepKind
from galley.runs import messages, queue, testing
from galley.runs.attempts import Attempt
from galley.runs.live import LiveRun, Site
from galley.runs.model import Reason, StepRun, StepState
from galley.runs.pool import Submission
from galley.runs.protocol import StepTask, TaskFailed, TestTask
from galley.runs.reasons import reason_of
from galley.runs.testing import TestWork
from galley.runs.workforce import Workforce

TEST_TIMEOUT = 3600.0
"""Seconds after which the tests of one step are given up; a hanging test must not hang a run."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is busy with: an attempt of a step, tests of one, or tests of a publish."""

    live: LiveRun
    step_run: StepRun | None
    attempt: Attempt | None = None
    work: TestWork | None = None


class Jobs:
    """The tasks that were handed to the pool and have not come back."""

    def __init__(self, site: Site, pool: Workforce, slots: int) -> None:
        self.site = site
        self.pool = pool
        self.slots = slots
        self._jobs: dict[str, Job] = {}
        self._stillborn: list[tuple[Job, TaskFailed]] = []

    def share(self, more: int) -> int:
        """Among how many tasks the machine is divided when ``more`` are added."""
        return max(1, min(self.slots, len(self._jobs) + more))

    def get(self, task_id: str) -> Job | None:
        """The job of a task, if it is still awaited."""
        return self._jobs.get(task_id)

    def adopt(self, task_id: str, job: Job) -> None:
        """Await the answer to a task that another engine gave."""
        self._jobs[task_id] = job

    def keep_only(self, held: Collection[tuple[str, int]]) -> None:
        """Drop the jobs whose steps were given to somebody else meanwhile, and end their work."""
        for task_id, job in list(self._jobs.items()):
            step = job.step_run
            if step is not None and (step.id, step.epoch) not in held:
                del self._jobs[task_id]
                self.pool.cancel(task_id)

    def abandon(self) -> None:
        """Await no answer any more, and kill what only this engine could have taken in.

        Attempts at the workers of other sessions go on: whoever hears their answer finds in the
        database what it belongs to.
        """
        for task_id, job in self._jobs.items():
            if job.attempt is None or job.attempt.post is None:
                self.pool.cancel(task_id, grace=0.0)
        self._jobs.clear()

    def pop(self, task_id: str) -> Job:
        """Take a job out: its task has ended."""
        return self._jobs.pop(task_id)

    def busy(self, run_id: str) -> bool:
        """Whether a worker has anything of the run."""
        return any(job.live.run.id == run_id for job in self._jobs.values())

    def cancel(self, run_id: str) -> None:
        """Kill what a run has at workers; an event tells when it is done."""
        for task_id, job in self._jobs.items():
            if job.live.run.id == run_id:
                self.pool.cancel(task_id)

    def stillborn(self) -> list[tuple[Job, TaskFailed]]:
        """The jobs since the last call that could not be handed to a worker, and why."""
        found, self._stillborn = self._stillborn, []
        return found

    def submit_step(self, live: LiveRun, attempt: Attempt, task: StepTask) -> None:
        """Hand an attempt to a worker."""
        job = Job(live, attempt.step_run, attempt)
        with self._handing_over(job):
            faults.point("attempt.before_submit")
            limits = task.step.limits
            self.pool.submit(
                Submission(
                    attempt.id,
                    messages.encode(task),
                    task.code_dir,
                    attempt.log_name,
                    task.hidden,
                    limits.timeout,
                    limits.memory,
                    attempt.post,
                    task.scratch,
                )
            )
            self._jobs[attempt.id] = job

    def submit_tests(self, about: str, job: Job, task: TestTask, log_name: str) -> None:
        """Hand tests to a worker.

        Each time under another id: what an earlier worker says late is not about what the tests
        are to be evaluated on now.
        """
        id = f"{new_id()}.{about}"
        with self._handing_over(job):
            faults.point("tests.before_submit")
            self.pool.submit(
                Submission(
                    id, messages.encode(task), task.code_dir, log_name, task.hidden, TEST_TIMEOUT
                )
            )
            self._jobs[id] = job

    def evaluate(self, live: LiveRun, step_run: StepRun, work: TestWork) -> None:
        """Have the tests of a step (or of a node that is only tests) evaluated."""
        node = live.node(step_run.name)
        job = Job(live, step_run, None, work)
        if node.step is None:
            with self.site.database.write(durable=False) as connection:
                queue.move_step(connection, step_run, StepState.RUNNING, self.site.clock())
        with self._handing_over(job):
            task = testing.task_for(self.site, live, node, work, self.share(1))
            name = f"{live.run.id}/{step_run.name.replace(':', '-')}.{step_run.epoch}.tests"
            self.submit_tests("tests", job, task, name)

    @contextmanager
    def _handing_over(self, job: Job) -> Iterator[None]:
        """What goes wrong ends the job alone. What the machine did to it is tried again."""
        try:
            yield
        except (UnavailableError, DBAPIError):
            # The home itself is in trouble: nothing could be recorded.
            raise
        except Exception as error:  # noqa: BLE001 - kept with the step
            self._stillborn.append((job, _failure(error)))


def cut_short(job: Job, reason: Reason, said: str) -> TaskFailed:
    """The failure of a job whose process ended, or was ended, before it answered."""
    step = job.live.node(job.step_run.name).step if job.step_run else None
    if step is None or job.attempt is None:
        return TaskFailed("failed", reason.value, "", said)
    where = f"{step.source.path}:{step.source.line}"
    return TaskFailed("failed", reason.value, "", said, "", _advice(job, step, reason), where)


def _advice(job: Job, step: Step, reason: Reason) -> str:
    python = step.kind is StepKind.PYTHON
    logs = f"see what it printed: galley logs {job.live.run.id} {step.name}"
    if reason is Reason.TIMEOUT:
        limit = "`timeout=` in its @step" if python else "`timeout:`"
        return f"give it more time with {limit}, or {logs}"
    if reason is Reason.OUT_OF_MEMORY:
        limit = "`memory=` in its @step" if python else "`memory:`"
        return f"let it read less at once, give it more with {limit}, or {logs}"
    return logs


def _failure(error: Exception) -> TaskFailed:
    name, trace = type(error).__name__, traceback.format_exc()
    if isinstance(error, OSError):
        said = f"it could not be handed to a worker: {error}"
        return TaskFailed("failed", Reason.LOST_WORKER.value, name, said, trace)
    if isinstance(error, GalleyError) and not isinstance(error, InternalError):
        told = reason_of(error).value
        return TaskFailed("failed", told, name, error.message, trace, error.hint)
    said = f"a defect of Galley: {error!r}"
    return TaskFailed("failed", Reason.INTERNAL.value, name, said, trace)
