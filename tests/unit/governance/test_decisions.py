"""Who may do what."""

import pytest

from galley.errors import ProtectedRefError, RefusedError, UnauthorizedError
from galley.governance.decide import decide, demand
from galley.governance.model import Action, Actor, Resource, Role
from galley.governance.roles import GIVEN, MAY, helpers, narrowed

REF = Resource("ref", "kitchen/ana", "demo")
PRODUCTION = Resource("ref", "production", "demo", protected=True)


def actor(role: Role) -> Actor:
    return Actor("ana", role=role)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_a_role_permits_its_actions_and_no_others(role: Role, action: Action) -> None:
    found = decide(actor(role), action, REF)
    assert found.allowed is (action in MAY[role])
    assert found.allowed or found.who_can_help


@pytest.mark.parametrize("role", [*GIVEN, Role.OWNER])
def test_nobody_runs_what_is_not_activated_in_production(role: Role) -> None:
    with pytest.raises(ProtectedRefError):
        demand(actor(role), Action.RUN, PRODUCTION)


def test_whoever_is_refused_is_told_who_can_help() -> None:
    with pytest.raises(RefusedError, match="the role viewer may not rollback") as told:
        demand(actor(Role.VIEWER), Action.ROLLBACK, PRODUCTION)
    assert told.value.hint == "it takes the role operator or admin; an admin can give it"


def test_nobody_is_asked_who_they_are() -> None:
    assert decide(actor(Role.NOBODY), Action.ENTER, REF).allowed
    with pytest.raises(UnauthorizedError, match="asks who calls"):
        demand(actor(Role.NOBODY), Action.READ, REF)


def test_only_admins_manage_and_only_workers_work() -> None:
    assert helpers(Action.MANAGE) == (Role.ADMIN,)
    assert helpers(Action.WORK) == (Role.WORKER,)


@pytest.mark.parametrize("user", [*GIVEN, Role.OWNER])
@pytest.mark.parametrize("token", GIVEN)
def test_a_token_never_may_more_than_its_user(user: Role, token: Role) -> None:
    may = MAY[narrowed(user, token)]
    assert may <= MAY[user] or (token is Role.WORKER and user is Role.ADMIN)
