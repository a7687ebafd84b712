"""Sending what waits in the outbox, each message by a process of its own with a time limit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from galley.clock import Clock
from galley.db.engine import Database
from galley.errors import UnavailableError
from galley.ids import new_id
from galley.notify import outbox
from galley.notify.children import Children, Said
from galley.notify.outbox import Post

LIMIT = 30.0
"""Seconds that sending one message may take."""

AT_ONCE = 4


REPEATED = "(This message may have reached you before.)"


@dataclass(frozen=True, slots=True)
class Result:
    """How a sending ended. ``uncertain``: the message may have arrived though it failed."""

    error: str | None = None
    uncertain: bool = False


Resolve = Callable[[str, Mapping[str, str], Path], tuple[str, tuple[str, ...]]]
"""An address with the values of its secrets, and these values; sources are as in galley.yaml."""


class Sender:
    """Sends the messages of a database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        resolve: Resolve,
        *,
        limit: float = LIMIT,
    ) -> None:
        self.id = new_id()
        self._database = database
        self._clock = clock
        self._resolve = resolve
        self._limit = limit
        self._children = Children()

    def close(self) -> None:
        """Send nothing more; what is being sent may arrive, and is sent again later."""
        self._children.close()

    def deliver(self) -> int:
        """Send what is due; how many messages that were.

        Raises:
            UnavailableError: the database does not answer. What was sent and could not be recorded
                is sent again later, marked as a possible repeat.
        """
        now = self._clock()
        with self._database.read() as connection:
            if not outbox.any_due(connection, now):
                return 0
        with self._database.write() as connection:
            posts = outbox.take(connection, self.id, now, AT_ONCE)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for post, result in zip(posts, threads.map(self._send, posts), strict=True):
                with self._database.write() as connection:
                    outbox.done(
                        connection,
                        post,
                        self.id,
                        self._clock(),
                        error=result.error,
                        uncertain=result.uncertain,
                    )
        return len(posts)

    def _send(self, post: Post) -> Result:
        letter = post.letter
        try:
            url, hidden = self._resolve(letter.recipient, letter.sources, Path(letter.folder))
        except UnavailableError as error:
            return Result(error.message)
        facts = {
            "message": post.id,
            "alert": letter.about,
            "kind": letter.kind,
            "project": letter.project,
            "title": letter.title,
            "text": f"{REPEATED}\n{letter.body}" if post.repeat else letter.body,
            "repeat": post.repeat,
        }
        command = [sys.executable, "-m", "galley.notify.courier"]
        told = {"url": url, "facts": facts}
        result = _result(self._children.ask(command, told, self._limit))
        if result.error is None:
            return result
        return Result(_blotted(result.error, hidden), result.uncertain)


def _result(said: Said) -> Result:
    if said.status is None:
        return Result(said.over, uncertain=not said.over.startswith("not asked"))
    try:
        answer = json.loads(said.out.splitlines()[-1])
    except (ValueError, IndexError):
        return Result(f"the sender ended with {said.status}", uncertain=True)
    if answer["sent"]:
        return Result()
    return Result(answer["error"], uncertain=not answer["certain"])


def _blotted(text: str, hidden: Iterable[str]) -> str:
    """A text without the values of secrets."""
    for value in hidden:
        if value:
            text = text.replace(value, "***")
    return text
