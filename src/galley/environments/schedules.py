"""Triggers in the hands of people and of callers: fire one, pause it, let it go on."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select, update

from galley.clock import SECOND
from galley.environments import activation
from galley.environments.home import Home
from galley.errors import (
    ConflictError,
    HeldError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UsageError,
    VariableError,
)
from galley.governance.audit import record
from galley.governance.decide import demand
from galley.governance.model import Action, Actor, Resource
from galley.ids import digest, new_id
from galley.lake.model import PRODUCTION
from galley.project import forms
from galley.project.names import hint_for
from galley.project.schedule import Manual, Overlap, Webhook
from galley.project.variables import convert
from galley.runs import firing, records
from galley.runs.firing import Armed, Fire, Fired, Who, armed_of
from galley.runs.model import Run
from galley.runs.schedule_tables import fire, trigger

SIGNATURE = "X-Galley-Signature"
"""The header of a call's proof: ``t=SECONDS,v1=HEX``, the HMAC-SHA256 of ``SECONDS.BODY``."""

LONGEST_BODY = 1 << 20
_SIGNED = re.compile(r"t=(\d{1,12}),\s*v1=([0-9a-f]{64})")
_UNSAID = UnauthorizedError("the call is not signed as this trigger asks for")


def follow(home: Home) -> None:
    """Put the triggers of the activated versions in place, as a scheduler would."""
    now = home.clock()
    with home.database.read() as connection:
        found = activation.moved(connection)
    for one in found:
        with home.database.write() as connection:
            activation.look_at(connection, one, now)


def find(connection: Connection, project: str, text: str, environment: str | None = None) -> Armed:
    """The active trigger of that name: ``pipeline.trigger``, or as much of it as says which.

    Raises:
        NotFoundError: there is none; the nearest name is said.
        UsageError: there are several.
    """
    t = trigger.c
    here = select(trigger).where(t.project == project, t.active)
    if environment is not None:
        here = here.where(t.environment == environment)
    rows = connection.execute(here.order_by(t.name, t.environment)).all()
    named = [row for row in rows if row.name == text]
    named = named or [row for row in rows if text in (row.pipeline, row.name.partition(".")[2])]
    if not named:
        known = {row.name for row in rows}
        raise NotFoundError(
            f"no trigger {text} is active" + (f" in {environment}" if environment else ""),
            hint=hint_for(text, known, "triggers")
            or "triggers are active once the version that has them is promoted: galley promote",
        )
    if len(named) > 1:
        different = {row.name for row in named}
        hint = f"one of: {', '.join(sorted(different))}" if len(different) > 1 else "add --in"
        raise UsageError(f"{text} names {len(named)} triggers", hint=hint)
    return armed_of(named[0])


def fire_now(connection: Connection, home: Home, armed: Armed, given: Mapping[str, Any]) -> Fired:
    """Fire a trigger by hand: its run is queued behind what goes on already.

    Raises:
        VariableError: what was given is not what the trigger's form or its pipeline takes.
        HeldError: a rollback holds the pipeline.
        RefusedError: the actor may not run it there.
    """
    now = home.clock()
    values = _values(armed, given)
    by_hand = replace(armed, trigger=replace(armed.trigger, overlap=Overlap.QUEUE))
    wanted = Fire(by_hand, new_id(), now, {"by": home.actor.name}, values)
    (fired,) = firing.make(connection, Who(home.actor, home.origin), [wanted], now)
    _refuse(fired)
    return fired


def _refuse(fired: Fired) -> None:
    said = fired.reason or ""
    if fired.outcome == "held":
        raise HeldError(said, hint=f"galley release {fired.fire.armed.place[2]}")
    if fired.outcome == "refused":
        raise VariableError(said)
    if fired.outcome != "run":
        raise ConflictError(said)


def run_of(connection: Connection, fired: Fired) -> Run:
    """The run that a fire started."""
    return records.get_run(connection, fired.run or "")


def _values(armed: Armed, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, in the types of the pipeline's variables."""
    if isinstance(armed.trigger.on, Manual | Webhook):
        return forms.fill_in(armed.trigger.parameters, given)
    known: Mapping[str, Any] = armed.request.get("variables", {})
    for name in given:
        if name not in known:
            raise VariableError(
                f"the pipeline '{armed.place[2]}' has no variable '{name}'",
                hint=hint_for(name, known, "its variables"),
            )
    return {name: convert(name, value, known[name]) for name, value in given.items()}


def pause(connection: Connection, home: Home, armed: Armed, *, reason: str | None = None) -> None:
    """Let a trigger fire no more until somebody lets it go on; a new version does not.

    Raises:
        RefusedError: the actor may not pause it.
    """
    _set_paused(connection, home, armed, True, None, reason)


def resume(connection: Connection, home: Home, armed: Armed, *, reason: str | None = None) -> None:
    """Let a trigger fire again, from now on: what came due meanwhile is past.

    Raises:
        RefusedError: the actor may not do that.
    """
    now = home.clock()
    due = activation.first_due(armed.trigger.on, armed.anchor, max(now, armed.seen))
    _set_paused(connection, home, armed, False, due, reason)


def _set_paused(
    connection: Connection,
    home: Home,
    armed: Armed,
    paused: bool,
    due: int | None,
    reason: str | None,
) -> None:
    now = home.clock()
    resource = Resource("trigger", armed.name, armed.place[0])
    decision = demand(home.actor, Action.PAUSE_TRIGGER, resource)
    values: dict[str, Any] = {"paused": paused, "due": due}
    values |= {"told_by": home.actor.name, "told_at": now}
    if not paused:
        values["seen"] = max(now, armed.seen)
    connection.execute(update(trigger).where(trigger.c.id == armed.id).values(**values))
    record(
        connection,
        actor=home.actor,
        action=Action.PAUSE_TRIGGER,
        resource=resource,
        decision=decision,
        now=now,
        reason=reason,
        detail={"paused": paused, "in": armed.place[1]},
    )


# Calls


@dataclass(frozen=True, slots=True)
class Call:
    """A call to a webhook: its body as it came, and what stands in the header of its signature."""

    body: bytes
    signature: str | None


def sign(secret: str, body: bytes, now: int) -> str:
    """The signature of a body at an instant, as a caller makes it."""
    seconds = str(now // SECOND)
    found = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256)
    return f"t={seconds},v1={found.hexdigest()}"


def webhook_secret(
    connection: Connection, project: str, text: str, environment: str = PRODUCTION
) -> tuple[str, str]:
    """The secret that a webhook's calls are signed with, by name, and the version that says so.

    Raises:
        UnauthorizedError: there is no such webhook; who may not know is told no more.
    """
    try:
        armed = find(connection, project, text, environment)
    except (NotFoundError, UsageError):
        raise _UNSAID from None
    if not isinstance(armed.trigger.on, Webhook):
        raise _UNSAID
    return armed.trigger.on.secret, armed.definition


def receive(
    connection: Connection,
    home: Home,
    project: str,
    text: str,
    call: Call,
    secret: str,
    environment: str = PRODUCTION,
) -> Fired | None:
    """Fire a webhook; ``None`` for a call that came before, which changes nothing.

    Raises:
        UnauthorizedError: the signature is wrong, or older than the trigger allows.
        RefusedError: the trigger is paused.
        VariableError: the body is no object of the trigger's parameters.
    """
    now = home.clock()
    armed = _locked(connection, project, text, environment)
    on = armed.trigger.on
    if not isinstance(on, Webhook) or not _authentic(call, secret, on, now):
        raise _UNSAID
    if armed.paused:
        raise RefusedError(f"{armed.name} is paused")
    key = digest(call.signature or "")
    if _made(connection, armed, key):
        return None
    values = forms.fill_in(armed.trigger.parameters, _fields(call, armed))
    wanted = Fire(armed, key, now, {"webhook": True}, values)
    who = Who(Actor("webhook", kind="machine", on_behalf_of=armed.name), home.origin)
    (fired,) = firing.make(connection, who, [wanted], now)
    return fired


def _locked(connection: Connection, project: str, text: str, environment: str) -> Armed:
    """The trigger, kept to this transaction, so that the same call cannot fire it twice."""
    try:
        found = find(connection, project, text, environment)
    except (NotFoundError, UsageError):
        raise _UNSAID from None
    locked = firing.lock_triggers(connection, trigger.c.id == found.id)
    if not locked:
        raise _UNSAID
    return locked[0]


def _authentic(call: Call, secret: str, on: Webhook, now: int) -> bool:
    said = _SIGNED.fullmatch(call.signature or "")
    if said is None or not secret or len(call.body) > LONGEST_BODY:
        return False
    at = int(said[1]) * SECOND
    right = sign(secret, call.body, at)
    same = hmac.compare_digest(right.encode(), f"t={said[1]},v1={said[2]}".encode())
    return same and abs(now - at) <= on.replay * SECOND


def _made(connection: Connection, armed: Armed, key: str) -> bool:
    query = select(fire.c.id).where(fire.c.trigger_id == armed.id, fire.c.key == key)
    return connection.execute(query).first() is not None


def _fields(call: Call, armed: Armed) -> dict[str, Any]:
    """What the body says of the parameters; a body that no parameter is read from may be any."""
    if not armed.trigger.parameters:
        return {}
    try:
        found = json.loads(call.body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise VariableError("the body of the call is no JSON object")
    known = {one.name for one in armed.trigger.parameters}
    return {name: value for name, value in found.items() if name in known}
