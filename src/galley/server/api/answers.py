"""Answers: plain values as JSON, with what the HTTP of an answer says besides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route gives where the body is not all."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def rendered(found: Any, status: int) -> Response:
    """What a route gave, as a response; facts are plain values already."""
    if isinstance(found, Response):
        return found
    if isinstance(found, Answer):
        return Response(encoded(found.body), found.status, found.headers, "application/json")
    return Response(encoded(found), status, media_type="application/json")


def encoded(body: Any) -> bytes:
    """JSON in UTF-8."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
