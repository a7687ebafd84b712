"""What answers look like, for ``/openapi.json``.

Where the command line prints the same thing its published JSON schema is the shape: there is one
vocabulary. Everything else is written down here in a few words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from galley.server.api import examples

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
YES_NO: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
ANY: Schema = {}
ID: Schema = {"type": "string"}

COMPONENTS: dict[str, Schema] = {}
"""The named shapes; ``/openapi.json`` lists them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An answer's schema and media type."""

    schema: Schema
    media: str = "application/json"


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": schema}


def mapping(schema: Schema) -> Schema:
    """Names to these."""
    return {"type": "object", "additionalProperties": schema}


def one_of(*values: str) -> Schema:
    """One of a few words."""
    return {"enum": list(values)}


def record(said: str = "", /, **fields: Schema) -> Schema:
    """An object that has all of these."""
    found: Schema = {"type": "object", "properties": fields, "required": list(fields)}
    return {"description": said, **found} if said else found


def extended(schema: Schema, **fields: Schema) -> Schema:
    """An object with more fields."""
    base = COMPONENTS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return {
        **base,
        "properties": {**base["properties"], **fields},
        "required": [*base["required"], *fields],
    }


def named(name: str, schema: Schema) -> Schema:
    """Give a schema its name in ``/openapi.json``; what to say instead of it from then on."""
    COMPONENTS[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


def shape(name: str, schema: Schema) -> Shape:
    """A named answer."""
    return Shape(named(name, schema))


def page(name: str, item: Schema, **more: Schema) -> Shape:
    """A page of a list."""
    cursor = {**maybe(TEXT), "description": "Give it as `cursor` for the next page."}
    return shape(name, record(items=many(item), next=cursor, **more))


@cache
def _published(command: str) -> str:
    return files("galley").joinpath(f"cli/schemas/{command}.json").read_text("utf-8")


def cli(command: str, *path: str) -> Schema:
    """The published schema of a command's ``--json``, or a part of it by property names."""
    found: Schema = json.loads(_published(command))
    for name in path:
        found = found["items"] if name == "*" else found["properties"][name]
    return {key: value for key, value in found.items() if key not in ("$schema", "$id", "title")}


PROBLEM = named(
    "Problem",
    record(
        "An error, as RFC 9457 has it; `code` is stable and meant for programs.",
        type=TEXT,
        title=TEXT,
        status=WHOLE,
        code=TEXT,
        detail=TEXT,
        hint=maybe(TEXT),
        where=maybe(TEXT),
        details={"type": "object"},
        request_id=TEXT,
    ),
)

_SAID: Mapping[int, tuple[str, str]] = {
    400: ("usage", "The request cannot be understood."),
    401: ("unauthorized", "Nobody is logged in."),
    403: ("refused", "A rule refuses it; `hint` says who can help."),
    404: ("not_found", "There is no such thing; `hint` names the nearest."),
    409: ("conflict", "Somebody else was first; nothing was changed."),
    410: ("collected", "It was there, and its files were collected."),
    412: ("stale_etag", "It is not what you saw; nothing was changed."),
    413: ("too_large", "The body is larger than is taken."),
    422: ("invalid_request", "A part has a wrong value; `details.fields` says which and why."),
    428: ("if_match_needed", "Say what you saw with If-Match."),
    429: ("too_many", "Too many tries; the next one counts after `Retry-After` seconds."),
    500: ("internal", "A defect; the server's log has it under the request's id."),
    503: ("unavailable", "The database is away; try again after `Retry-After` seconds."),
}
_ALWAYS = (400, 401, 403, 404, 422, 500, 503)


def responses(answer: Shape, status: int, errors: tuple[int, ...]) -> dict[int | str, Any]:
    """The responses of a route, each with an example."""
    found: dict[int | str, Any] = {status: _response("What was asked for.", answer)}
    for number in sorted({*_ALWAYS, *errors}):
        found[number] = _problem(number)
    return found


def _response(said: str, answer: Shape) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": answer.schema}
    if answer.media == "application/json":
        content["example"] = examples.example(answer.schema, COMPONENTS)
    elif answer.media == "application/octet-stream":
        content["example"] = "order_id,amount\n1,20\n"
    header = {"description": "Names this request in the server's log.", "schema": TEXT}
    return {
        "description": said,
        "content": {answer.media: content},
        "headers": {"X-Request-Id": header},
    }


def _problem(number: int) -> dict[str, Any]:
    code, said = _SAID[number]
    example = {
        "type": f"urn:galley:error:{code}",
        "title": said.partition(";")[0].rstrip("."),
        "status": number,
        "code": code,
        "detail": said,
        "hint": None,
        "where": None,
        "details": {},
        "request_id": "7m2k9q4d1x8z3c5v",
    }
    content = {"application/problem+json": {"schema": PROBLEM, "example": example}}
    return {"description": said, "content": content}
