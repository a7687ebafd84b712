"""What the files of a pipeline import: the ``step`` decorator and the ``File`` value.

Both do nothing by themselves: a decorated function stays an ordinary function that can be called
and tested without Galley. Galley reads the decorator's arguments from the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])

Materialize = Literal["table", "append", "window", "merge", "file", "none"]


@dataclass(frozen=True, slots=True)
class File:
    """A file as a step's result: its content, or the path of a file that was written.

    For steps with ``materialize="file"``. Exactly one of ``content`` and ``path`` is given;
    ``media_type`` tells a browser how to show it.
    """

    content: bytes | str | None = None
    path: str | None = None
    media_type: str | None = None

    def __post_init__(self) -> None:
        """Refuse a file that is both or neither."""
        if (self.content is None) == (self.path is None):
            raise ValueError("a File has either content or a path")


@overload
def step(function: F, /) -> F: ...
@overload
def step(
    *,
    name: str | None = ...,
    makes: Sequence[str] | str | None = ...,
    reads: Mapping[str, str] | None = ...,
    materialize: Materialize = ...,
    window: Mapping[str, Any] | None = ...,
    key: Sequence[str] | str | None = ...,
    cursor: str | None = ...,
    tests: Sequence[Mapping[str, Any]] | None = ...,
    retries: int | Mapping[str, Any] | None = ...,
    timeout: float | str | None = ...,
    memory: int | str | None = ...,
    secrets: Sequence[str] | str | None = ...,
    connections: Sequence[str] | str | None = ...,
    stable: bool = ...,
    filename: str | None = ...,
    description: str | None = ...,
    owner: str | None = ...,
    tags: Sequence[str] | str | None = ...,
    columns: Mapping[str, str] | None = ...,
) -> Callable[[F], F]: ...
def step(function: F | None = None, /, **options: Any) -> F | Callable[[F], F]:
    """Mark a function as a step of its pipeline; the function itself stays as it is.

    Positional parameters are the tables it reads. Keyword-only ones are ``window``, ``context``,
    ``variables``, ``connections``, ``secrets``, or the name of a variable. All options are
    literals:

    ``makes`` names several tables (the function then returns a mapping), ``reads`` maps parameters
    to tables with another name, ``materialize`` says how the result is stored, ``window``, ``key``
    and ``cursor`` how it grows, ``tests`` what must hold. ``timeout`` is in seconds or ``"5m"``,
    ``memory`` in bytes or ``"2GB"``.
    """
    if function is not None:
        return function

    def keep(decorated: F) -> F:
        return decorated

    return keep
