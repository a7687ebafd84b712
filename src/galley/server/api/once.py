"""Doing what a request asks for once, however often it arrives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import Connection

from galley.ids import digest
from galley.runs import repeats
from galley.runs.repeats import Given
from galley.server.api.answers import Answer
from galley.server.api.call import Call

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=repeats.LONGEST,
        pattern=r"^[\x21-\x7e]+$",
        description="A new one for each thing that is asked for. The same request with the same "
        "key within 24 hours is answered with the first answer and does nothing.",
        examples=["b8f5c7d2-run-of-monday"],
    ),
]


def once(
    call: Call,
    key: str | None,
    asked: tuple[str, BaseModel | None],
    act: Callable[[Connection], Answer],
) -> Answer:
    """Do something in one transaction, or answer as before.

    ``asked`` is what is done to what, and the body.

    Raises:
        ReplayedKeyError: the key was used for something else.
    """
    what, body = asked
    with call.home.database.write() as connection:
        if key is None:
            return act(connection)
        said = json.dumps(body.model_dump(mode="json") if body else None, sort_keys=True)
        who = call.home.actor.name
        before = repeats.begin(connection, who, key, digest(what, said), call.now())
        if before is not None:
            return Answer(before.body, before.status, {"idempotency-replayed": "true"})
        answer = act(connection)
        repeats.finish(connection, who, key, Given(answer.status, answer.body))
        return answer
