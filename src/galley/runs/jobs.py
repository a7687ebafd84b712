"""Which task is at which worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from galley import faults
from galley.runs import messages, queue, testing
from galley.runs.attempts import Attempt
from galley.runs.live import LiveRun, Site
from galley.runs.model import StepRun, StepState
from galley.runs.pool import Pool
from galley.runs.protocol import StepTask, TestTask
from galley.runs.testing import TestWork

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

    def __init__(self, site: Site, pool: Pool, slots: int) -> None:
        self.site = site
        self.pool = pool
        self.slots = slots
        self._jobs: dict[str, Job] = {}

    @property
    def free(self) -> int:
        """How many more tasks would start at once."""
        return self.slots - len(self._jobs)

    def share(self, more: int) -> int:
        """Among how many tasks the machine is divided when ``more`` are added."""
        return max(1, min(self.slots, len(self._jobs) + more))

    def get(self, task_id: str) -> Job | None:
        """The job of a task, if it is still awaited."""
        return self._jobs.get(task_id)

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

    def submit_step(
        self, live: LiveRun, attempt: Attempt, task: StepTask, secrets: Sequence[str]
    ) -> None:
        """Hand an attempt to a worker."""
        faults.point("attempt.before_submit")
        limits = task.step.limits
        self.pool.submit(
            attempt.id,
            messages.encode(task),
            code_dir=task.code_dir,
            log_name=attempt.log_name,
            secrets=task.hidden,
            timeout=limits.timeout,
            memory=limits.memory,
        )
        self._jobs[attempt.id] = Job(live, attempt.step_run, attempt)

    def submit_tests(self, task_id: str, job: Job, task: TestTask, log_name: str) -> None:
        """Hand tests to a worker."""
        self.pool.submit(
            task_id,
            messages.encode(task),
            code_dir=task.code_dir,
            log_name=log_name,
            secrets=task.hidden,
            timeout=TEST_TIMEOUT,
            memory=None,
        )
        self._jobs[task_id] = job

    def evaluate(self, live: LiveRun, step_run: StepRun, work: TestWork) -> None:
        """Have the tests of a step (or of a node that is only tests) evaluated."""
        node = live.node(step_run.name)
        if node.step is None:
            with self.site.database.write(durable=False) as connection:
                queue.move_step(connection, step_run, StepState.RUNNING, self.site.clock())
        task = testing.task_for(self.site, live, node, work, self.share(1))
        name = f"{live.run.id}/{step_run.name.replace(':', '-')}.{step_run.epoch}.tests"
        self.submit_tests(f"{step_run.id}.tests", Job(live, step_run, None, work), task, name)
