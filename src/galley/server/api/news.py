"""One look at the database for everybody who listens.

Events are found by their ids, once for all listeners, every tenth of a second while there is
anybody. On a shared database an event may become visible after a younger one, so the last seconds
are looked at again. A listener that does not take what is sent to it is let go: it comes back and
says which event it saw last.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread

from galley.environments.home import Home
from galley.errors import UnavailableError
from galley.runs import outbox
from galley.runs.outbox import News as Event

_log = logging.getLogger("galley.api")

PACE = 0.1
"""Seconds between two looks."""

KEPT = 5000
"""Events that are remembered for listeners that come back."""

MOST = 2000
"""Events that wait for one listener before it is let go."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An event, written once for all who get it."""

    event: Event
    bytes: bytes


@dataclass(eq=False)
class Listener:
    """Somebody who listens to a project or a run. ``lost``: too much waits for them."""

    project: str | None
    run: str | None
    waiting: deque[Packed] = field(default_factory=deque)
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False

    def wants(self, event: Event) -> bool:
        """Whether an event is about what they listen to."""
        project = self.project is None or event.project == self.project
        return project and (self.run is None or event.run == self.run)

    def tell(self, packed: Packed) -> None:
        """Let an event wait for them."""
        if len(self.waiting) >= MOST:
            self.lost = True
        else:
            self.waiting.append(packed)
        self.rung.set()


class News:
    """The events of a home, and who listens. For one event loop."""

    def __init__(self, home: Home) -> None:
        self._reader = outbox.Reader(home.database)
        # A place of its own: it does not stand in line behind those who ask.
        self._place = CapacityLimiter(1)
        self._listeners: set[Listener] = set()
        self._kept: deque[Packed] = deque(maxlen=KEPT)
        self._looking: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()

    @property
    def looks(self) -> int:
        """How often the database was looked at."""
        return self._reader.looks

    @property
    def listeners(self) -> int:
        """How many hear of everything by now."""
        return len(self._listeners) if self._begun.is_set() else 0

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Hear what happens from now on."""
        self._listeners.add(listener)
        if self._looking is None or self._looking.done():
            self._begun = asyncio.Event()
            self._looking = asyncio.get_running_loop().create_task(self._look_again())
        try:
            yield
        finally:
            self._listeners.discard(listener)

    async def begun(self) -> None:
        """Wait until nothing that happens from now on is missed."""
        await self._begun.wait()

    def kept_since(self, id: int) -> list[Packed] | None:
        """What became visible after an event; ``None`` if that is not remembered."""
        found = list(self._kept)
        for number, packed in enumerate(found):
            if packed.event.id == id:
                return found[number + 1 :]
        return None

    async def _look_again(self) -> None:
        """Look while somebody listens. A database that is away is looked at again."""
        begun = False
        while self._listeners:
            try:
                if not begun:
                    await to_thread.run_sync(self._reader.start, limiter=self._place)
                    self._kept.clear()
                    begun = True
                    self._begun.set()
                for event in await to_thread.run_sync(self._reader.read, limiter=self._place):
                    packed = Packed(event, encoded(event))
                    self._kept.append(packed)
                    for listener in self._listeners:
                        if listener.wants(packed.event):
                            listener.tell(packed)
            except UnavailableError as error:
                _log.warning("no events: %s", error.message)
            await asyncio.sleep(PACE)
        self._looking = None


def encoded(event: Event) -> bytes:
    """An event as it is sent."""
    body = json.dumps(event.facts(), separators=(",", ":"), ensure_ascii=False)
    return f"id: {event.id}\ndata: {body}\n\n".encode()
