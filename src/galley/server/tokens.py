"""Signed tokens: of a worker's session, and of each task that it is given (JWT, HS256).

Any controller that has the database's key can check them. They say who may speak of what; whether
it is still so is in the database alone, so they need no end of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from galley.errors import UnauthorizedError

_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class TaskClaim:
    """What a task's token says: the session it was given to, its attempt's ref, its log."""

    task: str
    session: str
    ref: str
    log: str


class Signer:
    """Makes and reads tokens with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = OctKey.import_key(key)

    def session_token(self, session: str) -> str:
        """The token of a session."""
        return jwt.encode({"alg": _ALGORITHM}, {"sub": session, "use": "session"}, self._key)

    def task_token(self, claim: TaskClaim) -> str:
        """The token of a task."""
        said = {"sub": claim.task, "use": "task", "ses": claim.session}
        more = {"ref": claim.ref, "log": claim.log}
        return jwt.encode({"alg": _ALGORITHM}, said | more, self._key)

    def session_of(self, token: str) -> str:
        """The session that a token is for. Raises UnauthorizedError."""
        return self._read(token, "session")["sub"]

    def task_of(self, token: str) -> TaskClaim:
        """The task that a token is for. Raises UnauthorizedError."""
        said = self._read(token, "task")
        return TaskClaim(said["sub"], said["ses"], said["ref"], said["log"])

    def _read(self, token: str, use: str) -> dict[str, str]:
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
