"""What a worker was given, and how much it asks for."""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from galley import settings
from galley.project.find import PROJECT_FILE
from galley.server import wire

AHEAD = 0.1
"""Seconds of work that a worker asks for beyond what it can start at once."""

_MOST_AHEAD = 8
_REMEMBERED = 50


@dataclass(slots=True, eq=False)
class Duty:
    """A task until its end is recorded. ``sent`` counts the bytes of each log that arrived."""

    task: wire.Task
    started: float = 0.0
    answered: bool = False
    sent: dict[str, int] = field(default_factory=dict)


class Pace:
    """How many tasks to ask for: those that start at once, and short ones ahead."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def capacity(self) -> int:
        """How many tasks to have here at once."""
        if len(self._seconds) < 2 * self._slots:
            return self._slots
        mean = sum(self._seconds) / len(self._seconds)
        return self._slots * (1 + min(_MOST_AHEAD, int(AHEAD / max(mean, 0.001))))

    def note(self, seconds: float) -> None:
        """A task took so long."""
        self._seconds.append(seconds)


def localized(task: wire.Task, folder: Path, scratch: str, slots: int) -> bytes:
    """The task with the paths, processors and memory of this machine.

    The project's folder stays what it is where this machine has it; else it is the kept code.
    """
    told = json.loads(task.payload)
    code = folder / "code" / task.code
    told["code_dir"] = str(code)
    told["scratch"] = f"{scratch}/{task.id}"
    told["threads"] = max(os.cpu_count() or 1, slots)
    told["memory"] = max(settings.memory() // slots, 256 << 20)
    if "project_dir" in told and not Path(told["project_dir"], PROJECT_FILE).is_file():
        told["project_dir"] = str(code)
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
