"""What a hub knows of one session: what it may take, what it was given, what it says it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from galley.runs.model import Reason
from galley.runs.pool import PoolEvent, Submission


@dataclass(frozen=True, slots=True)
class Orders:
    """What a session is told when it asks: new tasks, tasks to end, and whether to go away."""

    offers: tuple[Submission, ...] = ()
    cancels: tuple[str, ...] = ()
    closing: bool = False

    def __bool__(self) -> bool:
        return bool(self.offers or self.cancels or self.closing)


@dataclass(slots=True)
class Seat:
    """One session: what it may take, what it was given, what it says it has.

    ``offers`` are kept until they have ended, as an answer with them may be lost on its way;
    ``sent`` are those that went out with the last answer.
    """

    capacity: int = 0
    labels: tuple[str, ...] = ()
    offers: dict[str, Submission] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    has: set[str] = field(default_factory=set)
    cancels: set[str] = field(default_factory=set)
    bell: Callable[[], None] | None = None
    asked: float = 0.0
    steps: frozenset[str] = frozenset()
    beat: float = 0.0
    fresh: bool = False

    @property
    def room(self) -> int:
        """How many more tasks it may be given."""
        return self.capacity - len(self.offers.keys() | self.has)

    @property
    def unsent(self) -> list[str]:
        """The tasks that it does not know of yet."""
        return [task for task in self.offers if task not in self.sent | self.has]

    def news(self) -> tuple[Submission, ...]:
        """The tasks that it is told of now."""
        new = tuple(self.offers[task] for task in self.unsent)
        self.sent.update(offer.id for offer in new)
        return new

    def forget(self, task: str) -> None:
        """A task has ended."""
        self.offers.pop(task, None)
        for names in (self.sent, self.has, self.cancels):
            names.discard(task)

    def give_back(self) -> Iterator[Submission]:
        """Take away what it does not know of."""
        for task in self.unsent:
            yield self.offers.pop(task)

    def abandon_tests(self) -> None:
        """Nobody waits for tests any more: none is to begin, and those that have are to end."""
        for task in [task for task, offer in self.offers.items() if offer.post is None]:
            if task in self.has:
                self.cancels.add(task)
            else:
                self.forget(task)

    def lose_tests(self) -> Iterator[PoolEvent]:
        """Tests hold no lease, so nobody else would miss them."""
        for task in [task for task, offer in self.offers.items() if offer.post is None]:
            lost = "the worker that evaluated them was not heard of any more"
            self.forget(task)
            yield PoolEvent("lost", task, reason=Reason.LOST_WORKER, detail=lost)

    def ring(self) -> None:
        """Tell its caller that there is something for it."""
        if self.bell is not None:
            self.bell()
