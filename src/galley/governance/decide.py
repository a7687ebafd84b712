"""The one decision point: every edge asks here before it acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from galley.errors import ProtectedRefError, RefusedError, UnauthorizedError
from galley.governance.model import Action, Actor, Decision, Resource, Role
from galley.governance.roles import MAY, helpers

_NO_CONTEXT: Mapping[str, object] = {}


def decide(
    actor: Actor, action: Action, resource: Resource, context: Mapping[str, object] = _NO_CONTEXT
) -> Decision:
    """Whether ``actor`` may do ``action`` to ``resource``.

    A protected ref is changed by a promotion, a rollback or a run of its activated version and by
    nothing else, whoever asks. Beyond that a role permits its actions (``roles.MAY``).
    """
    if actor.role is Role.NOBODY and action not in MAY[Role.NOBODY]:
        return Decision(False, "identity", "this server asks who calls", "log in, or send a token")
    if resource.protected and action is Action.RUN and not context.get("activated"):
        return Decision(
            allowed=False,
            rule="protected-ref",
            reason=f"{resource.name} is protected: only a promotion changes what runs there",
            who_can_help="promote your kitchen with `galley promote`",
        )
    if resource.protected and action is Action.DEPLOY:
        return Decision(
            allowed=False,
            rule="protected-ref",
            reason=f"{resource.name} is protected: only a promotion activates a version",
            who_can_help="deploy to a kitchen, then `galley promote --version VERSION`",
        )
    if not actor.name:
        return Decision(False, "named-actor", "an action needs a named actor", "set GALLEY_USER")
    if actor.role is Role.OWNER:
        return Decision(True, "laptop-owner", f"{actor.name} owns this home")
    if action in MAY[actor.role]:
        return Decision(True, f"role-{actor.role}", f"the role {actor.role} may {action}")
    able = listed(helpers(action))
    return Decision(
        allowed=False,
        rule="role",
        reason=f"the role {actor.role} may not {action}",
        who_can_help=f"it takes the role {able}; an admin can give it",
    )


def listed(roles: Sequence[Role]) -> str:
    """Roles as a sentence names them."""
    *before, last = map(str, roles)
    return f"{', '.join(before)} or {last}" if before else last


def demand(
    actor: Actor, action: Action, resource: Resource, context: Mapping[str, object] = _NO_CONTEXT
) -> Decision:
    """Like ``decide``, but a refusal is raised.

    Raises:
        ProtectedRefError: the ref is protected.
        UnauthorizedError: the caller has not said who they are.
        RefusedError: any other refusal.
    """
    decision = decide(actor, action, resource, context)
    if decision.allowed:
        return decision
    if decision.rule == "identity":
        raise UnauthorizedError(decision.reason, hint=decision.who_can_help)
    kind = ProtectedRefError if decision.rule == "protected-ref" else RefusedError
    raise kind(
        f"{actor.name or 'an unnamed actor'} may not {action} {resource.name}: {decision.reason}",
        hint=decision.who_can_help,
    )
