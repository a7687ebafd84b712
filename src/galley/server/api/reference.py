"""The reference page of all calls, generated from the API's description.

``python -m galley.server.api.reference > docs/reference/api-calls.md``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from galley.server.api.app import PREFIX, ROUTES, described, router_of

HEAD = """\
# Calls of the REST API

All paths are below `/api/v1`; [REST API](api.md) says what holds for all of them, and
`/openapi.json` of a server has every parameter and answer with examples. *Action* is what is
decided about before a call begins.
"""


def reference() -> str:
    """The whole page as Markdown."""
    app = FastAPI()
    app.include_router(router_of())
    paths: Mapping[str, Mapping[str, Any]] = described(app)["paths"]
    parts = [HEAD]
    for tag in dict.fromkeys(routes.tag for routes in ROUTES):
        rows = list(_rows(paths, tag))
        parts += [f"## {tag}\n", "| call | does | action |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(parts)


def _rows(paths: Mapping[str, Mapping[str, Any]], tag: str) -> Iterator[str]:
    for path, methods in paths.items():
        for method, call in methods.items():
            if tag in call["tags"]:
                given = [f"`{one['name']}`" for one in call.get("parameters", ()) if _asked(one)]
                more = f" By {', '.join(given)}." if given else ""
                said = f"{call['summary']}.{more}".replace("|", "\\|")
                own = path.removeprefix(PREFIX)
                yield f"| `{method.upper()} {own}` | {said} | {call['x-galley-action']} |"


def _asked(parameter: Mapping[str, Any]) -> bool:
    """Whether a parameter says what is wanted; pages are the same everywhere."""
    return parameter["in"] == "query" and parameter["name"] not in ("limit", "cursor")


if __name__ == "__main__":
    sys.stdout.write(reference())
