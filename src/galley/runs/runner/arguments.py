"""What a Python step's keyword-only parameters are given."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from galley.clock import to_datetime
from galley.errors import VariableError, Where
from galley.lake.model import Span
from galley.project.model import WindowSpec, WindowUnit
from galley.project.names import hint_for
from galley.runs.protocol import StepTask
from galley.runs.runner.addresses import resolve
from galley.runs.runner.binding import moment


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open window ``[start, end)`` that a call shall make.

    ``start`` and ``end`` are dates for days and longer, datetimes for hours, and the key's text
    for key windows. ``name`` is the start as text, ``text`` both edges.
    """

    start: date | datetime | str
    end: date | datetime | str
    name: str
    text: str
    column: str
    timezone: str = "UTC"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Context:
    """Facts about the run. ``now`` is its instant in UTC, ``scratch`` a folder of its own."""

    run: str
    step: str
    project: str
    ref: str
    attempt: str
    now: datetime
    scratch: Path
    project_folder: Path

    def log(self, *words: object) -> None:
        """Write a line to the step's log."""
        sys.stdout.write(" ".join(map(str, words)) + "\n")
        sys.stdout.flush()


class Hidden(Mapping[str, str]):
    """Values by name that are never shown."""

    def __init__(self, values: Mapping[str, str], what: str) -> None:
        self._values = dict(values)
        self._what = what

    def __getitem__(self, name: str) -> str:
        if name not in self._values:
            known = hint_for(name, self._values, "the step has")
            raise KeyError(f"the step declares no {self._what} {name!r}; {known or ''}".strip("; "))
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}: ***" for name in self._values)
        return f"{{{shown}}}"


def window_of(span: Span | None, spec: WindowSpec | None) -> Window | None:
    """The window a call is for, if the step has windows."""
    if span is None or spec is None:
        return None
    if spec.by is WindowUnit.KEY:
        return Window(span.start, span.end, span.start, str(span), spec.column, spec.timezone)
    start, end = moment(span.start), moment(span.end)
    return Window(start, end, span.start, str(span), spec.column, spec.timezone)


def context_of(task: StepTask) -> Context:
    """The facts about the attempt."""
    return Context(
        run=task.run,
        step=task.step.name,
        project=task.project,
        ref=task.ref,
        attempt=task.attempt,
        now=to_datetime(task.now),
        scratch=Path(task.scratch),
        project_folder=Path(task.project_dir),
    )


def keyword(task: StepTask, name: str, span: Span | None) -> Any:
    """The value of one keyword-only parameter.

    Raises:
        VariableError: it is neither one of Galley's words nor a variable.
    """
    if name == "window":
        return window_of(span, task.step.window)
    if name == "context":
        return context_of(task)
    if name == "variables":
        return dict(task.variables)
    if name == "connections":
        resolved = {key: resolve(one.url, task.secrets) for key, one in task.connections.items()}
        return Hidden(resolved, "connection")
    if name == "secrets":
        return Hidden(task.secrets, "secret")
    return _variable(task, name)


def has_value(task: StepTask, name: str) -> bool:
    """Whether a keyword-only parameter with a default is given something else."""
    known = {key.lower() for key in task.variables}
    return name in _WORDS or name.lower() in known or name in task.secrets


_WORDS = frozenset({"window", "context", "variables", "connections", "secrets"})


def _variable(task: StepTask, name: str) -> Any:
    known = {key.lower(): value for key, value in task.variables.items()}
    if name.lower() in known:
        return known[name.lower()]
    if name in task.secrets:
        return task.secrets[name]
    raise VariableError(
        f"the step {task.step.name} asks for {name!r}, which is no variable of the project",
        where=Where(task.step.source.path, task.step.source.line),
        hint=hint_for(name, {*known, *_WORDS}, "there are"),
    )
