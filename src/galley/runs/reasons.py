"""Under which reason, and in which words, an error is kept with the step or run that it ended."""

from __future__ import annotations

import traceback

from galley.errors import (
    ConflictError,
    GalleyError,
    GateError,
    InternalError,
    StorageError,
    SupersededError,
    UnavailableError,
    WithdrawnError,
)
from galley.runs.model import Reason

_REASONS: tuple[tuple[type[GalleyError], Reason], ...] = (
    (SupersededError, Reason.SUPERSEDED),
    (WithdrawnError, Reason.SUPERSEDED),
    (ConflictError, Reason.CONFLICT),
    (GateError, Reason.TEST_FAILED),
    (StorageError, Reason.STORAGE),
    (InternalError, Reason.INTERNAL),
)


def reason_of(error: Exception) -> Reason:
    """The reason that an error gives by its class; what is not ours is a defect."""
    if not isinstance(error, GalleyError):
        return Reason.INTERNAL
    return next((why for kind, why in _REASONS if isinstance(error, kind)), Reason.USER_ERROR)


def end_of_run(error: Exception) -> tuple[Reason, str]:
    """The reason and the words that a run keeps of what ended it; of a defect also where it was."""
    if isinstance(error, GalleyError):
        return reason_of(error), str(error)
    trace = "".join(traceback.format_exception(error))
    return Reason.INTERNAL, f"a defect of Galley: {error!r}\n{trace}"


def of_the_home(error: Exception) -> bool:
    """Whether the state database did not answer, so that nothing can be said about the work.

    A full disk is not among it: whether that can still be recorded turns out by doing so.
    """
    return isinstance(error, UnavailableError) and not isinstance(error, StorageError)
