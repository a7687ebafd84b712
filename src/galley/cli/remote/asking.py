"""From what was typed to the body of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from galley.cli.wishes import parse_variables


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to run, as typed."""

    pipeline: str | None
    ref: str
    select: list[str] | None = None
    window: str | None = None
    var: list[str] | None = None
    rebuild: list[str] | None = None
    priority: int = 0
    batch: int | None = None
    atomic: bool = False

    def body(self, version: str | None = None) -> dict[str, Any]:
        """The same as the API takes it, with a version of the project. Raises UsageError."""
        found: dict[str, Any] = {
            "pipeline": self.pipeline,
            "ref": self.ref,
            "select": self.select,
            "window": self.window,
            "variables": parse_variables(self.var or ()),
            "rebuild": self.rebuild,
            "priority": self.priority,
            "batch": self.batch,
            "atomic": self.atomic,
            "version": version,
        }
        return {name: value for name, value in found.items() if value is not None}
