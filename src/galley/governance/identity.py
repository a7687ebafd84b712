"""Who a caller is, as values; and what a name may look like."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from galley.errors import UsageError
from galley.governance.model import Role
from galley.governance.roles import GIVEN

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""In microseconds."""


@dataclass(frozen=True, slots=True)
class User:
    """One person. ``active``: has chosen a password and is not disabled."""

    name: str
    display: str
    mail: str | None
    role: Role
    active: bool
    disabled: bool
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """One log-in; ``id`` names it where its cookie must not be shown."""

    id: str
    user: str
    role: Role
    created: int
    expires: int
    seen: int
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Token:
    """A machine's token without its secret. ``role`` is the most that it may."""

    id: str
    name: str
    user: str
    role: Role
    created: int
    expires: int
    used: int | None
    revoked: int | None


def checked_name(name: str, what: str = "user") -> str:
    """The name of a user or team. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a {what}",
            hint="lower-case letters, digits and . _ @ - ; up to 64 of them",
        )
    return name


def checked_role(text: str) -> Role:
    """A role that can be given. Raises UsageError."""
    if text not in GIVEN:
        raise UsageError(f"{text!r} is no role", hint=f"one of {', '.join(GIVEN)}")
    return Role(text)


def new_secret(prefix: str) -> str:
    """256 random bits that say by their beginning what they are for."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest_of(secret: str) -> str:
    """What is kept of a secret: with 256 random bits it needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_of(cookie: str) -> str:
    """What a page must send back along with a cookie; the cookie does not follow from it."""
    return hashlib.sha256(b"csrf:" + cookie.encode()).hexdigest()
