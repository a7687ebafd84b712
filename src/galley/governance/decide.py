"""The one decision point: every edge asks here before it acts."""

from __future__ import annotations

from collections.abc import Mapping

from galley.errors import ProtectedRefError, RefusedError
from galley.governance.model import Action, Actor, Decision, Resource

_NO_CONTEXT: Mapping[str, object] = {}


def decide(
    actor: Actor, action: Action, resource: Resource, context: Mapping[str, object] = _NO_CONTEXT
) -> Decision:
    """Whether ``actor`` may do ``action`` to ``resource``.

    On a laptop the home's owner may do everything but change a protected ref by other means than
    a promotion, a rollback or a run of its activated version.
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
    return Decision(True, "laptop-owner", f"{actor.name} owns this home")


def demand(
    actor: Actor, action: Action, resource: Resource, context: Mapping[str, object] = _NO_CONTEXT
) -> Decision:
    """Like ``decide``, but a refusal is raised.

    Raises:
        ProtectedRefError: the ref is protected.
        RefusedError: any other refusal.
    """
    decision = decide(actor, action, resource, context)
    if decision.allowed:
        return decision
    kind = ProtectedRefError if decision.rule == "protected-ref" else RefusedError
    raise kind(
        f"{actor.name or 'an unnamed actor'} may not {action} {resource.name}: {decision.reason}",
        hint=decision.who_can_help,
    )
