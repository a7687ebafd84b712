"""The one decision point: every edge asks here before it acts."""

from __future__ import annotations

from collections.abc import Mapping

from galley.errors import GalleyError, ProtectedRefError, RefusedError, UnauthorizedError
from galley.governance.model import Action, Actor, Decision, Resource, Role
from galley.governance.roles import MAY, helpers

_NO_CONTEXT: Mapping[str, object] = {}
_KINDS: Mapping[str, type[GalleyError]] = {
    "protected-ref": ProtectedRefError,
    "identity": UnauthorizedError,
}


def decide(
    actor: Actor, action: Action, resource: Resource, context: Mapping[str, object] = _NO_CONTEXT
) -> Decision:
    """Whether ``actor`` may do ``action`` to ``resource``.

    A protected ref is changed by a promotion, a rollback or a run of its activated version and by
    nothing else, whoever asks. Beyond that a role permits its actions (``roles.MAY``).
    """
    if resource.protected and action is Action.RUN and not context.get("activated"):
        return Decision(
            allowed=False,
            rule="protected-ref",
            reason=f"{resource.name} is protected: only a promotion changes what runs there",
            who_can_help="promote your kitchen with `galley promote`",
        )
    if not actor.name:
        return Decision(False, "named-actor", "an action needs a named actor", "set GALLEY_USER")
    if actor.role is Role.OWNER:
        return Decision(True, "laptop-owner", f"{actor.name} owns this home")
    if action in MAY[actor.role]:
        return Decision(True, f"role-{actor.role}", f"the role {actor.role} may {action}")
    if actor.role is Role.NOBODY:
        return Decision(False, "identity", "nobody has said who calls", "log in, or send a token")
    able = " or ".join(helpers(action)) or "nobody"
    return Decision(
        allowed=False,
        rule="role",
        reason=f"the role {actor.role} may not {action}",
        who_can_help=f"it takes the role {able}; an admin can give it",
    )


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
    raise _KINDS.get(decision.rule, RefusedError)(
        f"{actor.name or 'an unnamed actor'} may not {action} {resource.name}: {decision.reason}",
        hint=decision.who_can_help,
    )
