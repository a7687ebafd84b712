"""Who acts, on what, and what the rules answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """Everything that needs a decision."""

    RUN = "run"
    CANCEL = "cancel"
    READ = "read"
    OPEN_KITCHEN = "open_kitchen"
    DEPLOY = "deploy"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    RELEASE = "release"
    OVERRIDE = "override"
    TAG = "tag"
    COLLECT = "collect"
    COMPACT = "compact"
    BACK_UP = "back_up"
    FIRE = "fire"
    PAUSE_TRIGGER = "pause_trigger"
    ENTER = "enter"
    ACCOUNT = "account"
    MANAGE = "manage"
    WORK = "work"


class Role(StrEnum):
    """What a caller may do in all.

    ``OWNER`` is whoever the home's files belong to, ``NOBODY`` who has not said who they are.
    """

    NOBODY = "nobody"
    VIEWER = "viewer"
    ENGINEER = "engineer"
    OPERATOR = "operator"
    ADMIN = "admin"
    WORKER = "worker"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or a machine; ``on_behalf_of`` names whom a machine acts for."""

    name: str
    kind: str = "user"
    on_behalf_of: str | None = None
    role: Role = Role.OWNER


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action touches: ``kind`` is ref, run, table, home or user."""

    kind: str
    name: str
    project: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer of the rules; a refusal says why and who can help."""

    allowed: bool
    rule: str
    reason: str
    who_can_help: str | None = None
