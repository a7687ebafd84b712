"""Signed tokens: of a worker's session, and of each task that it is given (JWT, HS256).

Any controller that has the database's key can check them. They say who may speak of what; whether
it is still so is in the database alone, so they need no end of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from galley.errors import UnauthorizedError

if TYPE_CHECKING:
    from joserfc.jwk import OctKey

_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class TaskClaim:
    """What a task's token says: the session it was given to, its attempt's ref, its log."""

    task: str
    session: str
    ref: str
    log: str


class Signer:
    """Makes and reads tokens with one key.

    A server that only its own processes work for never loads the library: it takes 10 MB.
    """

    def __init__(self, key: bytes) -> None:
        self._secret = key

    @cached_property
    def _key(self) -> OctKey:
        from joserfc.jwk import OctKey

        return OctKey.import_key(self._secret)

    def session_token(self, session: str) -> str:
        """The token of a session."""
        return self._written({"sub": session, "use": "session"})

    def task_token(self, claim: TaskClaim) -> str:
        """The token of a task."""
        said = {"sub": claim.task, "use": "task", "ses": claim.session}
        more = {"ref": claim.ref, "log": claim.log}
        return self._written(said | more)

    def session_of(self, token: str) -> str:
        """The session that a token is for. Raises UnauthorizedError."""
        return self._read(token, "session")["sub"]

    def task_of(self, token: str) -> TaskClaim:
        """The task that a token is for. Raises UnauthorizedError."""
        said = self._read(token, "task")
        return TaskClaim(said["sub"], said["ses"], said["ref"], said["log"])

    def _written(self, claims: dict[str, Any]) -> str:
        from joserfc import jwt

        return jwt.encode({"alg": _ALGORITHM}, claims, self._key)

    def _read(self, token: str, use: str) -> dict[str, str]:
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise _refused() from error
        if claims.get("use") != use:
            raise _refused()
        return claims


def _refused() -> UnauthorizedError:
    return UnauthorizedError(
        "the token is none of this installation", hint="register the worker anew"
    )
