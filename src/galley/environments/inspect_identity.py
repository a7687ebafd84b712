"""Users, log-ins and tokens as plain values for every edge; never a secret among them."""

from __future__ import annotations

from galley.clock import iso
from galley.environments.inspect import Facts
from galley.governance.identity import Login, Token, User


def user_facts(user: User) -> Facts:
    """A user; ``state`` is active, invited (has chosen no password yet) or disabled."""
    state = "disabled" if user.disabled else "active" if user.active else "invited"
    return {
        "user": user.name,
        "display": user.display or None,
        "role": user.role.value,
        "state": state,
        "teams": list(user.teams),
    }


def token_facts(token: Token, now: int) -> Facts:
    """A token; ``state`` is active, expired or revoked."""
    state = "active"
    if token.revoked is not None:
        state = "revoked"
    elif token.expires <= now:
        state = "expired"
    return {
        "token": token.id,
        "name": token.name,
        "user": token.user,
        "role": token.role.value,
        "state": state,
        "created": iso(token.created),
        "expires": iso(token.expires),
        "used": iso(token.used),
    }


def login_facts(login: Login, current: str | None = None) -> Facts:
    """A session; ``current`` is the id of the one that asks."""
    return {
        "session": login.id,
        "created": iso(login.created),
        "expires": iso(login.expires),
        "seen": iso(login.seen),
        "address": login.address,
        "agent": login.agent,
        "current": login.id == current,
    }
