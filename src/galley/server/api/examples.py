"""An example for every schema: what a field is called says what to show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BY_NAME: Mapping[str, Any] = {
    "run": "3k9d0mzq7tx2c5vb",
    "resumes": None,
    "reused_from": None,
    "parent": None,
    "project": "shop",
    "projects": "shop",
    "pipeline": "shop",
    "ref": "kitchen/ana",
    "step": "orders",
    "table": "orders",
    "actor": "ana",
    "owner": "ana",
    "author": "ana",
    "by": "ana",
    "commit": "p4t6w8y0a2c4e6g8",
    "head": "p4t6w8y0a2c4e6g8",
    "base": "h1k3n5q7s9v1x3z5",
    "content_id": "9f86d081884c7d659a2feaa0c55ad015",
    "definition": "2c26b46b68ffc68ff99b453c1d304134",
    "created": "2026-01-05T08:00:00Z",
    "started": "2026-01-05T08:00:00.120000Z",
    "finished": "2026-01-05T08:00:01.480000Z",
    "at": "2026-01-05T08:00:01.480000Z",
    "seconds": 1.36,
    "rows": 1200,
    "bytes": 48123,
    "limit": 50,
    "next": None,
    "reason": None,
    "message": None,
    "hint": None,
    "where": None,
    "trace": None,
    "state": "succeeded",
    "verdict": "pass",
    "name": "orders",
    "git_commit": None,
    "folder": "/home/ana/shop",
}


def example(schema: Mapping[str, Any], known: Mapping[str, Any], name: str = "") -> Any:
    """A value that follows the schema."""
    if "$ref" in schema:
        return example(known[schema["$ref"].rpartition("/")[2]], known, name)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            real = [one for one in schema[several] if one.get("type") != "null"]
            return example(real[0], known, name)
    if "example" in schema:
        return schema["example"]
    if "enum" in schema:
        said = _BY_NAME.get(name)
        return said if said in schema["enum"] else schema["enum"][0]
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        return {
            key: example(value, known, key) for key, value in schema.get("properties", {}).items()
        }
    if kind == "array":
        most = schema.get("minItems", 1)
        return [example(schema.get("items", {}), known, name) for _ in range(most)]
    return _plain(kind, kinds, name, schema.get("format"))


def _plain(kind: str, kinds: Any, name: str, form: str | None) -> Any:
    said = _BY_NAME.get(name)
    if said is None and name in _BY_NAME and "null" in kinds:
        return None
    if kind == "boolean":
        return False
    if kind in ("integer", "number"):
        return said if isinstance(said, int | float) else 1
    if form == "date-time":
        return said if isinstance(said, str) else "2026-01-05T08:00:00Z"
    return said if isinstance(said, str) else "text"
