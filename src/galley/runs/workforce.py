"""What an engine expects of those who work for it: own processes, workers elsewhere, or both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from galley.runs.hub import Hub
from galley.runs.pool import Opening, Pool, PoolEvent, Submission


class Workforce(Protocol):
    """Takes tasks and tells what became of them. ``runs.pool.Pool`` says what each call means."""

    @property
    def idle(self) -> int:
        """How many tasks submitted now would start at once."""

    @property
    def able(self) -> bool:
        """Whether anybody is there who could evaluate tests."""

    def start(self) -> None:
        """Get ready."""

    def seats(self, most: int) -> list[Opening]:
        """For whom up to ``most`` steps may be claimed now: sessions, or the caller itself."""

    def sessions(self) -> Collection[str]:
        """The sessions, other than the caller's, that hold steps."""

    def heard(self) -> Mapping[str, Collection[str]]:
        """Which steps those sessions were lately heard to work on."""

    def dismiss(self, sessions: Collection[str]) -> None:
        """Forget sessions that are over."""

    def submit(self, task: Submission) -> None:
        """Queue a task."""

    def reply(self, task_id: str, payload: bytes) -> None:
        """Answer the question that a task's worker waits for."""

    def cancel(self, task_id: str, *, grace: float = 5.0) -> None:
        """End a task; an event tells when it is done."""

    def poll(self, timeout: float) -> list[PoolEvent]:
        """What happened; waits up to ``timeout`` seconds while there is nothing."""

    def handled(self) -> None:
        """What the last ``poll`` told has been acted upon."""

    def close(self) -> None:
        """Stop taking tasks."""


class Joint:
    """An engine's own processes beside the workers of other sessions."""

    def __init__(self, own: Pool, hub: Hub) -> None:
        self._own = own
        self._hub = hub
        self._ours: set[str] = set()

    @property
    def idle(self) -> int:
        """How many tasks submitted now would start at once."""
        return self._own.idle + self._hub.idle

    @property
    def able(self) -> bool:
        """The own processes always are there."""
        return True

    def start(self) -> None:
        """Start the own processes; the others come by themselves."""
        self._own.start()

    def seats(self, most: int) -> list[Opening]:
        """The own first: nothing has to travel to them."""
        own = self._own.seats(most)
        return own + self._hub.seats(most - len(own))

    def sessions(self) -> Collection[str]:
        """The sessions of the other workers."""
        return self._hub.sessions()

    def heard(self) -> Mapping[str, Collection[str]]:
        """What the other workers were lately heard to work on."""
        return self._hub.heard()

    def dismiss(self, sessions: Collection[str]) -> None:
        """Forget sessions that are over."""
        self._hub.dismiss(sessions)

    def submit(self, task: Submission) -> None:
        """An attempt goes where it was claimed for; tests go to whoever is free."""
        elsewhere = task.post is not None or (self._own.idle <= 0 < self._hub.idle)
        if not elsewhere:
            self._ours.add(task.id)
        (self._hub if elsewhere else self._own).submit(task)

    def reply(self, task_id: str, payload: bytes) -> None:
        """Answer a question; those of the others are answered where they arrive."""
        self._own.reply(task_id, payload)

    def cancel(self, task_id: str, *, grace: float = 5.0) -> None:
        """End a task, wherever it is."""
        (self._own if task_id in self._ours else self._hub).cancel(task_id, grace=grace)

    def poll(self, timeout: float) -> list[PoolEvent]:
        """What happened at either.

        Tests that the others were to evaluate, and nobody has fetched, come back to the own that
        are free: the others may have gone.
        """
        while self._own.idle > 0 and (task := self._hub.recall()) is not None:
            self._ours.add(task.id)
            self._own.submit(task)
        events = self._own.poll(timeout, also=self._hub.fileno())
        self._ours.difference_update(event.task_id for event in events if event.ends)
        return events + self._hub.poll(0)

    def handled(self) -> None:
        """Tell the other workers that they were heard."""
        self._hub.handled()

    def close(self) -> None:
        """End the own processes, and take no more from the others."""
        self._own.close()
        self._hub.close()
