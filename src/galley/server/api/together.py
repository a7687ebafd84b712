"""What many ask at once is answered once: fifty browsers that watch the same run.

Whoever asks while an answer is being made gets the next one. So nobody is told anything that was
read before they asked, and a crowd costs two answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Round:
    """The answer that is being made, and the one after it, if somebody waits for that."""

    present: Future[bytes] = field(default_factory=Future)
    following: Future[bytes] | None = None


class Together:
    """Answers under way, by what was asked. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rounds: dict[str, _Round] = {}

    def answer(self, key: str, make: Callable[[], bytes]) -> bytes:
        """What ``make`` gives, begun after this call by one of those who ask."""
        with self._lock:
            found = self._rounds.get(key)
            if found is not None and found.following is not None:
                others = found.following
            else:
                others = None
                before = found.present if found else None
                found, mine = self._begun(key, found)
        if others is not None:
            return others.result()
        if before is not None:
            before.exception()
        self._make(key, found, mine, make)
        return mine.result()

    def _begun(self, key: str, found: _Round | None) -> tuple[_Round, Future[bytes]]:
        if found is None:
            found = self._rounds[key] = _Round()
            return found, found.present
        found.following = Future()
        return found, found.following

    def _make(
        self, key: str, found: _Round, mine: Future[bytes], make: Callable[[], bytes]
    ) -> None:
        try:
            made: bytes | BaseException = make()
        except BaseException as error:  # noqa: BLE001  whatever it is, others wait for an answer
            made = error
        with self._lock:
            if found.following is None:
                del self._rounds[key]
            else:
                found.present, found.following = found.following, None
        if isinstance(made, BaseException):
            mine.set_exception(made)
        else:
            mine.set_result(made)
