"""The one error tree. Every error can be rendered by the command line, the API and the interface.

A message says what happened and where, what was kept, and what to do next (the hint).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file of the project; lines and columns count from one."""

    path: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.path]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


class GalleyError(Exception):
    """Base of every error that Galley raises on purpose.

    ``code`` is stable and meant for programs, ``status`` is the HTTP status, ``exit_code`` the
    command's exit status. ``hint`` says what to do next.
    """

    code = "error"
    status = 500
    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        where: Where | None = None,
        hint: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.details = details or {}

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def to_dict(self) -> dict[str, Any]:
        """The error as plain values, the same for ``--json`` and ``application/problem+json``."""
        return {
            "code": self.code,
            "message": self.message,
            "where": str(self.where) if self.where else None,
            "hint": self.hint,
            "details": self.details,
        }


class UsageError(GalleyError):
    """The command or call was used wrongly."""

    code, status, exit_code = "usage", 400, 2


class DefinitionError(GalleyError):
    """A file of the project does not say what it should."""

    code, status, exit_code = "definition", 422, 2


class DefinitionErrors(DefinitionError):
    """Several definition errors, found in one pass."""

    code = "definitions"

    def __init__(self, problems: tuple[DefinitionError, ...]) -> None:
        self.problems = problems
        count = len(problems)
        super().__init__(
            f"{count} problem{'s' if count != 1 else ''} in the project's files",
            details={"problems": [problem.to_dict() for problem in problems]},
        )

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class VariableError(DefinitionError):
    """A variable is missing or has a value of the wrong type."""

    code = "variable"


class WindowError(UsageError):
    """A window makes no sense for the step it was given to."""

    code = "window"


class TooLargeError(UsageError):
    """What was sent is larger than is taken."""

    code, status = "too_large", 413


class InvalidRequestError(UsageError):
    """A part of the request is missing or has a value that it may not have."""

    code, status = "invalid_request", 422


class WrongMethodError(UsageError):
    """The path is there, but not for this method."""

    code, status = "wrong_method", 405


class NotFoundError(GalleyError):
    """The named thing does not exist."""

    code, status, exit_code = "not_found", 404, 2


class RefNotFoundError(NotFoundError):
    """No ref, commit or tag has that name."""

    code = "ref_not_found"


class CollectedError(NotFoundError):
    """It was there and nothing kept it, so its files were collected."""

    code, status = "collected", 410


class TableNotFoundError(NotFoundError):
    """The table does not exist at that ref."""

    code = "table_not_found"


class RefusedError(GalleyError):
    """A policy refused the action."""

    code, status, exit_code = "refused", 403, 3


class UnauthorizedError(GalleyError):
    """The caller did not show a token, or none that is valid here."""

    code, status, exit_code = "unauthorized", 401, 3


class TooManyError(GalleyError):
    """The caller tried too often; ``details["retry_after"]`` says when to try again, in seconds."""

    code, status, exit_code = "too_many", 429, 5


class ProtectedRefError(RefusedError):
    """The ref is protected: only a promotion changes it."""

    code = "protected_ref"


class ConflictError(GalleyError):
    """Someone else changed what this action was based on; nothing was changed."""

    code, status, exit_code = "conflict", 409, 4


class StaleRefError(ConflictError):
    """A ref is no longer at the commit the caller saw."""

    code = "stale_ref"


class PreconditionError(ConflictError):
    """What is there is not what the caller saw; nothing was changed."""

    code, status = "stale_etag", 412


class PreconditionNeededError(UsageError):
    """The call has to say what the caller saw."""

    code, status = "if_match_needed", 428


class ReplayedKeyError(ConflictError):
    """The idempotency key was used before, for another request."""

    code, status = "replayed_key", 422


class MergeConflictError(ConflictError):
    """Both sides changed the same data."""

    code = "merge_conflict"


class WithdrawnError(ConflictError):
    """The version was taken back by a rollback."""

    code = "withdrawn"


class HeldError(ConflictError):
    """The pipeline is held from publishing after a rollback."""

    code = "held"


class SupersededError(ConflictError):
    """The run was overtaken by newer code or by a rollback."""

    code = "superseded"


class LostLeaseError(ConflictError):
    """The attempt no longer owns its step; what it did does not count."""

    code = "lost_lease"


class GoneError(GalleyError):
    """What the caller speaks of is over: its session has ended, or the attempt has."""

    code, status, exit_code = "gone", 410, 4


class GateError(GalleyError):
    """A blocking test kept the publish back; the target is untouched."""

    code, status, exit_code = "gate", 409, 1


class StepError(GalleyError):
    """A step failed through its own doing."""

    code, status, exit_code = "step_failed", 422, 1


class DataTypeError(StepError):
    """A column has a type that a table cannot hold."""

    code = "data_type"


class SchemaChangeError(StepError):
    """The new columns do not fit the table that is there."""

    code = "schema_change"


class ResultError(StepError):
    """A step returned something that is not a table."""

    code = "step_result"


class InputDataError(StepError):
    """A file or table from outside could not be read."""

    code = "input_data"


class UnavailableError(GalleyError):
    """Something Galley needs is not there or does not answer."""

    code, status, exit_code = "unavailable", 503, 5


class ContendedError(UnavailableError):
    """The database ended a unit of work for another one's sake; done again it goes through."""

    code = "contended"


class HomeVersionError(UnavailableError):
    """The home was made by a newer version of Galley."""

    code = "home_version"


class VersionMismatchError(UnavailableError):
    """A worker and a server of different versions do not work together."""

    code, status = "version_mismatch", 426


class CorruptHomeError(UnavailableError):
    """The home's database cannot be read."""

    code = "corrupt_home"


class StorageError(UnavailableError):
    """The warehouse could not be written or read (disk full, permissions)."""

    code = "storage"


class MissingExtraError(UnavailableError):
    """An optional package is not installed."""

    code = "missing_extra"


class InterruptedRunError(GalleyError):
    """The user interrupted the command."""

    code, status, exit_code = "interrupted", 499, 130


class InternalError(GalleyError):
    """A defect of Galley; the report says what was kept."""

    code, status, exit_code = "internal", 500, 5
