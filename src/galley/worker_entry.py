"""What a worker process can do: run steps and evaluate tests.

Apart from ``bootstrap``, because workers hold no database and need none of its libraries.
"""

from __future__ import annotations

from galley.lake import spare
from galley.quality.handler import handle as evaluate_tests
from galley.runs.runner.handler import handle as run_step
from galley.runs.worker import IDLE, Handler


def handlers() -> dict[str, Handler]:
    """The handlers by kind of task."""
    return {"step": run_step, "test": evaluate_tests, IDLE: _prepare}


def _prepare(_payload: bytes, _ask: object) -> bytes:
    """Open a database for the next task while the engine takes in the last one's result."""
    spare.keep()
    return b""
