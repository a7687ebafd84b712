"""What each role may do. Roles are no ladder: a worker reads nothing, an admin does no work."""

from __future__ import annotations

from collections.abc import Mapping

from galley.governance.model import Action, Role

_LOOKS = frozenset({Action.ENTER, Action.READ, Action.ACCOUNT})
_BUILDS = _LOOKS | {
    Action.RUN,
    Action.CANCEL,
    Action.OPEN_KITCHEN,
    Action.DEPLOY,
    Action.TAG,
    Action.PROMOTE,
}
_OPERATES = _BUILDS | {
    Action.ROLLBACK,
    Action.RELEASE,
    Action.OVERRIDE,
    Action.COLLECT,
    Action.FIRE,
    Action.PAUSE_TRIGGER,
    Action.COMPACT,
}

MAY: Mapping[Role, frozenset[Action]] = {
    Role.NOBODY: frozenset({Action.ENTER}),
    Role.VIEWER: _LOOKS,
    Role.ENGINEER: _BUILDS,
    Role.OPERATOR: _OPERATES,
    Role.ADMIN: _OPERATES | {Action.MANAGE, Action.BACK_UP},
    Role.WORKER: frozenset({Action.WORK}),
    Role.OWNER: frozenset(Action),
}
"""The actions that each role permits."""

GIVEN = (Role.VIEWER, Role.ENGINEER, Role.OPERATOR, Role.ADMIN, Role.WORKER)
"""The roles that a user or a token can be given, from the least on."""


def helpers(action: Action) -> tuple[Role, ...]:
    """The roles that may do an action, from the least on."""
    return tuple(role for role in GIVEN if action in MAY[role])


def narrowed(user: Role, token: Role) -> Role:
    """What a token may that a user made: its own role, but never more than the user's.

    A worker's role is given by admins only; of it nothing else follows.
    """
    if token is Role.WORKER:
        return token if user in (Role.ADMIN, Role.OWNER, Role.WORKER) else Role.VIEWER
    return token if MAY[token] <= MAY[user] else user
