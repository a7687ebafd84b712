"""The transition tables: which state may follow which. Pure, and the only place that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from galley.runs.model import RunState, StepState

_R = RunState
_S = StepState

RUN_MOVES: Final[Mapping[RunState, frozenset[RunState]]] = {
    _R.QUEUED: frozenset({_R.RUNNING, _R.FAILED, _R.CANCELLED}),
    _R.RUNNING: frozenset({_R.PAUSED, _R.PUBLISHING, _R.FAILED, _R.CANCELLED, _R.SUPERSEDED}),
    _R.PAUSED: frozenset({_R.RUNNING, _R.FAILED, _R.CANCELLED, _R.SUPERSEDED}),
    _R.PUBLISHING: frozenset({_R.SUCCEEDED, _R.FAILED, _R.CANCELLED, _R.SUPERSEDED}),
    _R.SUCCEEDED: frozenset(),
    _R.FAILED: frozenset(),
    _R.CANCELLED: frozenset(),
    _R.SUPERSEDED: frozenset(),
}

_ABORTED = frozenset({_S.CANCELLED, _S.UPSTREAM_FAILED, _S.SKIPPED})

STEP_MOVES: Final[Mapping[StepState, frozenset[StepState]]] = {
    _S.WAITING: frozenset({_S.READY}) | _ABORTED,
    _S.READY: frozenset({_S.CLAIMED}) | _ABORTED,
    _S.CLAIMED: frozenset(
        {_S.RUNNING, _S.READY, _S.STAGED, _S.SUCCEEDED, _S.REUSED, _S.SKIPPED}
        | {_S.FAILED, _S.RETRY_WAIT, _S.PARKED, _S.CANCELLED, _S.BLOCKED}
    ),
    _S.RUNNING: frozenset(
        {_S.STAGED, _S.SUCCEEDED, _S.FAILED, _S.RETRY_WAIT, _S.READY, _S.CANCELLED, _S.BLOCKED}
    ),
    _S.STAGED: frozenset({_S.SUCCEEDED, _S.REUSED, _S.BLOCKED, _S.FAILED, _S.CANCELLED}),
    _S.RETRY_WAIT: frozenset({_S.READY, _S.CANCELLED}),
    _S.PARKED: frozenset({_S.READY, _S.CANCELLED}),
    _S.SUCCEEDED: frozenset(),
    _S.REUSED: frozenset(),
    _S.SKIPPED: frozenset(),
    _S.BLOCKED: frozenset(),
    _S.FAILED: frozenset(),
    _S.UPSTREAM_FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}


def run_sources(to: RunState) -> tuple[RunState, ...]:
    """The states from which a run may move to ``to``."""
    return tuple(state for state, following in RUN_MOVES.items() if to in following)


def step_sources(to: StepState) -> tuple[StepState, ...]:
    """The states from which a step may move to ``to``."""
    return tuple(state for state, following in STEP_MOVES.items() if to in following)
