"""``galley triggers``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import new_app
from galley.cli.session import Session, open_session
from galley.cli.warming import warm_pool
from galley.cli.wishes import parse_variables
from galley.errors import DefinitionError

if TYPE_CHECKING:
    from galley.environments.inspect import Facts
    from galley.project.model import Manifest

app = new_app(invoke_without_command=True)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A trigger, as PIPELINE.TRIGGER; its pipeline where it has but one."
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--in", metavar="ENV", autocompletion=complete.refs, help="Only of this environment."
    ),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; it is kept in the audit trail.")]
Count = Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")]


@app.callback()
def triggers(
    context: typer.Context,
    environment: Where = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """List the triggers that are active, with their next fires."""
    if context.invoked_subcommand is not None:
        return
    session = _session(project)
    from galley.environments.inspect_triggers import list_triggers

    found, following = [], None
    with session.home.database.read() as connection:
        while True:
            some, following = list_triggers(
                connection, session.project, environment=environment, after=following, limit=200
            )
            found += some
            if following is None:
                break
    waiting = _not_active(session, {one["trigger"] for one in found})
    tell(
        {"project": session.project, "triggers": found, "not_active": sorted(waiting)},
        as_json=as_json,
    )


def tell(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Triggers as JSON, or as a table."""
    if as_json:
        screen.print_json(facts)
        return
    found, waiting = facts["triggers"], facts["not_active"]
    if found:
        heads = ("trigger", "in", "fires", "next", "last", "state")
        screen.table(heads, [_line(one) for one in found])
    else:
        screen.out().print("no trigger is active")
    if waiting:
        several = words.plural(len(waiting), "trigger")
        screen.note(f"{several} of the working tree not active yet: galley promote")


@app.command("next")
def coming(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Only of this trigger.", show_default=False),
    ] = None,
    count: Count = 10,
    environment: Where = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Show what fires next, and when."""
    session = _session(project)
    from galley.environments import inspect_triggers, schedules

    now = session.now()
    with session.home.database.read() as connection:
        if name is None:
            found = inspect_triggers.coming(connection, session.project, now, count, environment)
        else:
            armed = schedules.find(connection, session.project, name, environment)
            found = inspect_triggers.next_facts(armed, now, count)
    tell_next(session.project, found, as_json=as_json)


def tell_next(project: str, found: list[Facts], *, as_json: bool) -> None:
    """What fires next, as JSON or as a table."""
    if as_json:
        screen.print_json({"project": project, "next": found})
    elif not found:
        screen.out().print("nothing fires by the clock")
    else:
        rows = [(words.when(one["at"]), one["trigger"], one["in"]) for one in found]
        screen.table(("when", "trigger", "in"), rows)


@app.command("fires")
def fires(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Only of this trigger.", show_default=False),
    ] = None,
    count: Count = 20,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Show what has fired, newest first, and what became of it."""
    session = _session(project)
    from galley.environments.inspect_triggers import list_fires

    with session.home.database.read() as connection:
        found, following = list_fires(connection, session.project, name=name, limit=count)
    tell_fires({"project": session.project, "fires": found, "next": following}, as_json=as_json)


def tell_fires(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """What has fired, as JSON or as a table."""
    found = facts["fires"]
    if as_json:
        screen.print_json(facts)
    elif not found:
        screen.out().print("nothing has fired yet")
    else:
        screen.table(
            ("due", "trigger", "in", "outcome", "run", "reason"),
            [
                (
                    words.when(one["at"]),
                    one["trigger"],
                    one["in"],
                    one["run_state"] or one["outcome"],
                    words.short(one["run"]),
                    one["reason"] or "",
                )
                for one in found
            ],
        )


@app.command("fire")
def fire(
    name: Name,
    var: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="NAME=VALUE", help="A parameter; may be repeated."),
    ] = None,
    environment: Where = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Fire a trigger now, whatever its schedule: run its pipeline in its environment."""
    with warm_pool(project) as pool:
        from galley.cli.driving import drive
        from galley.environments import schedules

        session = _session(project)
        with session.home.database.write() as connection:
            armed = schedules.find(connection, session.project, name, environment)
            given = parse_variables(var or ())
            fired = schedules.fire_now(connection, session.home, armed, given)
            queued = schedules.run_of(connection, fired)
        screen.note(f"{armed.name} fired in {armed.place[1]}")
        status = drive(session, pool, queued, as_json=as_json)
    raise typer.Exit(status)


@app.command("pause")
def pause(
    name: Name,
    reason: Reason = None,
    environment: Where = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Let a trigger fire no more until it is resumed; no promotion does that."""
    _switch(name, reason, environment, _session(project), as_json, paused=True)


@app.command("resume")
def resume(
    name: Name,
    reason: Reason = None,
    environment: Where = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Let a trigger fire again. What came due while it was paused is past."""
    _switch(name, reason, environment, _session(project), as_json, paused=False)


def _switch(
    name: str,
    reason: str | None,
    environment: str | None,
    session: Session,
    as_json: bool,
    *,
    paused: bool,
) -> None:
    from galley.environments import schedules
    from galley.environments.inspect_triggers import trigger_facts

    switch = schedules.pause if paused else schedules.resume
    with session.home.database.write() as connection:
        armed = schedules.find(connection, session.project, name, environment)
        switch(connection, session.home, armed, reason=reason)
        facts = trigger_facts(connection, armed)
    tell_switched(session.project, facts, paused=paused, as_json=as_json)


def tell_switched(project: str, facts: Facts, *, paused: bool, as_json: bool) -> None:
    """A trigger that was paused or goes on."""
    if as_json:
        screen.print_json({"project": project, "trigger": facts})
        return
    following = f"; next: {words.when(facts['next'])}" if facts["next"] else ""
    said = "is paused" if paused else f"fires again{following}"
    screen.out().print(f"{facts['trigger']} in {facts['in']} {said}", markup=False)


def _session(project: options.Project) -> Session:
    """The project, with the triggers of its activated versions in place."""
    from galley.environments.schedules import follow

    session = open_session(project)
    session.ensure()
    follow(session.home)
    return session


def _not_active(session: Session, active: set[str]) -> set[str]:
    """Triggers of the working tree that no activated version has."""
    try:
        return defined_in(session.manifest) - active
    except DefinitionError:
        return set()


def defined_in(manifest: Manifest) -> set[str]:
    """The names of all triggers of a project version."""
    pipelines = manifest.pipelines.values()
    return {one.full_name for pipeline in pipelines for one in pipeline.schedule.triggers}


def _line(one: dict[str, object]) -> tuple[str, ...]:
    state = "paused" if one["paused"] else str(one["last_state"] or "")
    return (
        str(one["trigger"]),
        str(one["in"]),
        _fires(one),
        words.when(one["next"]) if isinstance(one["next"], str) else "",
        words.when(one["last_fire"]) if isinstance(one["last_fire"], str) else "",
        str(one["problem"] or state),
    )


def _fires(one: dict[str, object]) -> str:
    """What fires a trigger, in a few words."""
    on = one["on"]
    said = dict(on) if isinstance(on, dict) else {}
    kind = str(one["kind"])
    if kind == "cron":
        return f"{said['expression']} {said.get('timezone', 'UTC')}"
    if kind == "every":
        return f"every {words.seconds(said['seconds'])}"
    if kind == "table":
        return f"when {', '.join(said['tables'])} changes"
    if kind == "run":
        return f"when {said['pipeline']} {said.get('outcome', 'succeeded')}"
    if kind == "file":
        return f"when {said['pattern']} arrives"
    return {"sql": "when a value changes", "webhook": "when called"}.get(kind, "by hand")
