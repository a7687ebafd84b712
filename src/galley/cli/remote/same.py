"""Remote commands have the options and the help of the local ones: they are taken from there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

Command = Callable[..., None]


def as_locally(local: Command) -> Callable[[Command], Command]:
    """What asks a server, with the options and the help of a local command."""

    def note(function: Command) -> Command:
        theirs, own = (tuple(signature(one).parameters) for one in (local, function))
        if theirs != own:
            raise TypeError(f"{function.__module__} takes {own}, the local command {theirs}")

        @wraps(local)
        def call(**given: Any) -> None:
            function(**given)

        return call

    return note
