"""What a server answers instead of what was asked for, as an error of the one tree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from galley.errors import DefinitionError, DefinitionErrors, GalleyError, InternalError, Where

_WHERE = re.compile(r"(?P<path>.+?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?")
_EXIT = {401: 3, 403: 3, 404: 2, 409: 4, 410: 4, 412: 4, 400: 2, 422: 2}


class AnsweredError(GalleyError):
    """A server refused for a reason that this version has no name for."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message, **more)
        self.status = status
        self.code = code
        self.exit_code = _EXIT.get(status, 5)


def error_of(problem: Mapping[str, Any]) -> GalleyError:
    """A problem as the error that the server raised: its exit code is that of a local command."""
    message = str(problem.get("detail") or problem.get("title") or "no reason was given")
    details = problem.get("details")
    more: dict[str, Any] = {
        "where": _where(problem.get("where")),
        "hint": problem.get("hint"),
        "details": dict(details) if isinstance(details, dict) else {},
    }
    code, status = str(problem.get("code")), int(problem.get("status") or 500)
    kind = _KINDS.get(code)
    if kind is DefinitionErrors:
        return DefinitionErrors(tuple(_definitions(more["details"])))
    if kind is None:
        return AnsweredError(status, code, message, **more)
    if kind is InternalError and problem.get("request_id"):
        more["hint"] = f"{more['hint'] or 'look into its log'} (request {problem['request_id']})"
    return kind(message, **more)


def _definitions(details: Mapping[str, Any]) -> Iterator[DefinitionError]:
    for one in details.get("problems", ()):
        more = {"hint": one.get("hint"), "details": one.get("details") or {}}
        yield DefinitionError(str(one.get("message")), where=_where(one.get("where")), **more)


def _where(text: object) -> Where | None:
    found = _WHERE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    line, column = (int(one) if one else None for one in found.group("line", "column"))
    return Where(found["path"], line, column)


def _all(kind: type[GalleyError]) -> Iterator[type[GalleyError]]:
    yield kind
    for one in kind.__subclasses__():
        if one.__module__ == GalleyError.__module__:
            yield from _all(one)


_KINDS = {kind.code: kind for kind in _all(GalleyError)}
