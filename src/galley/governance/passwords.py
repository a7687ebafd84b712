"""Passwords: Argon2id (RFC 9106), through argon2-cffi."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from galley.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 12
LONGEST = 1024
"""Characters. The upper end keeps a huge body from costing a huge hash."""


def hashed(password: str) -> str:
    """The hash to keep.

    Raises:
        UsageError: the password is too short or too long.
        MissingExtraError: the library is not installed.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(
            f"a password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}",
            hint="a sentence of four or five words is easy to keep and hard to guess",
        )
    return _hasher().hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether the password is the one that was kept.

    Where nothing is kept the same work is done, so that the time tells no names.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(kept or _nobodys(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@cache
def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "users with passwords need argon2-cffi, which is not installed",
            hint="pip install 'galley-dataops[server]'",
        ) from error
    return PasswordHasher()


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody has this password")
