"""What a worker has to say: kept until a server has taken it, its output before its end."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from galley.errors import GalleyError, UnavailableError
from galley.server import wire
from galley.server.duties import Duty
from galley.server.link import Link, RefusedCallError

_log = logging.getLogger("galley.worker")

MOST = 64
MUCH = 8 << 20
"""Answers in one call, and characters beyond which no further one goes along."""

AGAIN = 0.2
"""Seconds before what was not taken is sent again."""

LAZY = 0.1
"""Seconds for which the news that a task has begun may wait for other news."""

FOLLOW = 1.0
"""Seconds between two looks at the output of what runs."""

_STREAMS = ("out", "err")
_OVER = frozenset({401, 410})


class Outbox:
    """Delivers answers, several in one call. ``over`` is called when the session has ended."""

    def __init__(
        self, link: Link, logs: Path, duties: dict[str, Duty], over: Callable[[str], None]
    ) -> None:
        self._link = link
        self._logs = logs
        self._duties = duties
        self._over = over
        self._waiting: list[tuple[Duty, wire.Answer]] = []
        self._news = threading.Condition()
        self._shipping = threading.Lock()
        self._closed = False

    def put(self, duty: Duty, answer: wire.Answer) -> None:
        """Have an answer delivered. An end makes earlier news of the same task needless."""
        ends = answer.kind != "started"
        with self._news:
            if ends:
                duty.answered = True
                self._waiting = [one for one in self._waiting if one[0] is not duty]
            self._waiting.append((duty, answer))
            if ends:
                self._news.notify_all()

    def close(self) -> None:
        """Deliver nothing more."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def deliver(self) -> None:
        """Deliver until closed."""
        while (batch := self._batch()) is not None:
            if not batch:
                continue
            try:
                for duty, answer in batch:
                    if answer.kind != "started":
                        self._ship(duty)
                told = wire.Answers(answers=tuple(answer for _, answer in batch))
                taken = self._link.call("/execution/answers", told, wire.Outcomes)
            except UnavailableError:
                self._put_back(batch)
                self._rest(AGAIN)
            except RefusedCallError as error:
                if error.status in _OVER:
                    self._over(str(error))
                    return
                self._refused(batch, error)
            else:
                self._note(batch, taken)

    def follow(self) -> None:
        """Send the output of what runs from time to time, until closed."""
        while not self._closed:
            self._rest(FOLLOW)
            for duty in list(self._duties.values()):
                if not duty.answered:
                    with contextlib.suppress(GalleyError):
                        self._ship(duty)

    def _batch(self) -> list[tuple[Duty, wire.Answer]] | None:
        """The next answers, as soon as there is one that is not lazy; ``None`` once closed."""
        with self._news:
            if not any(answer.kind != "started" for _, answer in self._waiting):
                self._news.wait(LAZY)
            if self._closed:
                return None
            most = self._fitting()
            batch, self._waiting = self._waiting[:most], self._waiting[most:]
            return batch

    def _fitting(self) -> int:
        """How many of those that wait go into one call. A large one goes alone."""
        size = 0
        for number, (_, answer) in enumerate(self._waiting[:MOST]):
            size += len(answer.payload)
            if size > MUCH and number:
                return number
        return MOST

    def _rest(self, seconds: float) -> None:
        """Wait, unless it is closed meanwhile."""
        with self._news:
            self._news.wait_for(lambda: self._closed, seconds)

    def _put_back(self, batch: list[tuple[Duty, wire.Answer]]) -> None:
        with self._news:
            kept = [one for one in batch if one[1].kind != "started" or not one[0].answered]
            self._waiting = kept + self._waiting

    def _note(self, batch: list[tuple[Duty, wire.Answer]], taken: wire.Outcomes) -> None:
        again = []
        for (duty, answer), outcome in zip(batch, taken.outcomes, strict=True):
            if outcome.status == 503:
                again.append((duty, answer))
            elif answer.kind != "started":
                if outcome.status != 200:
                    _log.warning("%s", outcome.message)
                self._forget(duty)
        if again:
            self._put_back(again)
            self._rest(AGAIN)

    def _refused(self, batch: list[tuple[Duty, wire.Answer]], error: RefusedCallError) -> None:
        """A server that cannot read an answer will not be able to later: say at least that."""
        _log.error("answers were refused: %s", error)
        for duty, answer in batch:
            if answer.kind == "final":
                said = f"its answer was refused: {error.message}"
                told = {"token": duty.task.token, "reason": "internal", "detail": said}
                self.put(duty, wire.Answer.model_validate({"kind": "exited", **told}))
            elif answer.kind != "started":
                self._forget(duty)

    def _forget(self, duty: Duty) -> None:
        self._duties.pop(duty.task.id, None)
        for stream in _STREAMS:
            self._log_file(duty, stream).unlink(missing_ok=True)

    # Output

    def _ship(self, duty: Duty) -> None:
        """Send what a task has printed and was not sent yet."""
        with self._shipping:
            for stream in _STREAMS:
                path = self._log_file(duty, stream)
                with contextlib.suppress(FileNotFoundError):
                    self._ship_file(duty, stream, path)

    def _ship_file(self, duty: Duty, stream: str, path: Path) -> None:
        size = path.stat().st_size
        while (at := duty.sent.get(stream, 0)) < size:
            with path.open("rb") as file:
                file.seek(at)
                data = file.read(wire.LOG_CHUNK)
            try:
                headers = {wire.TASK_TOKEN: duty.task.token}
                self._link.put(f"/execution/logs/{stream}?offset={at}", data, headers)
                duty.sent[stream] = at + len(data)
            except RefusedCallError as error:
                if error.status in _OVER:
                    raise
                known = error.details.get("size")
                if error.status != 409 or not isinstance(known, int):
                    _log.warning("output of %s is not kept: %s", duty.task.log, error.message)
                    known = size
                duty.sent[stream] = known

    def _log_file(self, duty: Duty, stream: str) -> Path:
        return self._logs / f"{duty.task.log}.{stream}"
