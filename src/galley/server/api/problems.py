"""Errors as ``application/problem+json``, all of them from the one error tree."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from galley.errors import (
    GalleyError,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    UsageError,
    WrongMethodError,
)
from galley.server.api.answers import encoded

_log = logging.getLogger("galley.api")

MEDIA = "application/problem+json"
RETRY = "2"
"""Seconds after which a server without its database may be asked again."""


def handle_problems(app: FastAPI) -> None:
    """Let every error of the application be told as a problem."""
    handlers: Mapping[Any, Any] = {
        GalleyError: _told,
        RequestValidationError: _invalid,
        HTTPException: _http,
        DBAPIError: _database_away,
        PoolTimeoutError: _database_away,
        Exception: _defect,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def problem_of(error: GalleyError, request_id: str) -> dict[str, Any]:
    """An error's body."""
    return {
        "type": f"urn:galley:error:{error.code}",
        "title": _title(error),
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "hint": error.hint,
        "where": str(error.where) if error.where else None,
        "details": error.details,
        "request_id": request_id,
    }


def response_to(error: GalleyError, request_id: str) -> Response:
    """An error as a response."""
    headers = {"retry-after": RETRY} if error.status == UnavailableError.status else {}
    if "retry_after" in error.details:
        headers["retry-after"] = str(error.details["retry_after"])
    if error.status == UnauthorizedError.status:
        headers["www-authenticate"] = "Bearer"
    allowed = error.details.get("allow")
    if allowed:
        headers["allow"] = ", ".join(allowed)
    return Response(encoded(problem_of(error, request_id)), error.status, headers, MEDIA)


def _title(error: GalleyError) -> str:
    return (type(error).__doc__ or error.code).strip().splitlines()[0].rstrip(".")


def _id(request: Request) -> str:
    return str(getattr(request.state, "id", ""))


async def _told(request: Request, error: GalleyError) -> Response:
    return response_to(error, _id(request))


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    fields = [{"field": _field(one["loc"]), "why": one["msg"]} for one in error.errors()]
    first = fields[0]
    told = InvalidRequestError(
        f"{first['field']}: {first['why']}",
        hint="see /openapi.json for what it takes",
        details={"fields": fields},
    )
    return response_to(told, _id(request))


def _field(place: Sequence[int | str]) -> str:
    """Where in the request: ``body.limit``, ``query.cursor``."""
    return ".".join(map(str, place))


async def _http(request: Request, error: HTTPException) -> Response:
    told: GalleyError
    path = f"{request.method} {request.url.path}"
    if error.status_code == TooLargeError.status:
        told = TooLargeError("the body of this call is larger than is taken")
    elif error.status_code == WrongMethodError.status:
        allowed = request.app.state.methods(request.url.path) or ["GET"]
        said = f"{path} is no call of this server"
        told = WrongMethodError(
            said, hint=f"use {' or '.join(allowed)}", details={"allow": allowed}
        )
    elif error.status_code == NotFoundError.status:
        told = NotFoundError(f"{path} is no call of this server", hint="see /openapi.json")
    else:
        told = UsageError(str(error.detail))
    return response_to(told, _id(request))


async def _database_away(request: Request, error: Exception) -> Response:
    said = "the state database does not answer; nothing was changed"
    return response_to(UnavailableError(said, hint="try again"), _id(request))


async def _defect(request: Request, error: Exception) -> Response:
    said = {"request": _id(request)}
    _log.error(
        "request %s of %s failed", *said.values(), request.url.path, exc_info=error, extra=said
    )
    told = InternalError(
        "a defect of Galley; the server's log has it under this request's id",
        hint="report it with that part of the log",
    )
    return response_to(told, _id(request))
