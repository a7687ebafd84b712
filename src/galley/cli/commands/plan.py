"""``galley plan``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.cli.wishes import wish_for
from galley.environments.plan import plan_facts, plan_wish
from galley.runs.planning import MOST_WINDOWS, Move


def plan(
    pipeline: options.Pipeline = None,
    ref: options.In = None,
    select: options.Select = None,
    window: options.Window = None,
    var: options.Var = None,
    rebuild: options.Rebuild = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Show what `galley run` would do to each step, and why; nothing is run or written."""
    session = open_session(project)
    manifest = session.runnable(ref)
    wish = wish_for(session, manifest, pipeline, ref, select, window, var, rebuild)
    with session.home.database.write() as connection:
        found = plan_wish(
            connection, session.home, manifest, session.checkout, wish, session.site.probe
        )
    tell(plan_facts(found), as_json=as_json)


def print_steps(steps: Sequence[Mapping[str, Any]]) -> None:
    """The steps as a table."""
    rows = [
        (
            f"{'▸' if step['action'] == Move.RUN else '='} {step['name']}",
            "problem" if step["problem"] else step["action"],
            windows_text(step["windows"]),
            step["why"],
        )
        for step in steps
    ]
    screen.table(("step", "action", "windows", "why"), rows)


def windows_text(spans: Sequence[str]) -> str:
    """How many windows, and which."""
    if not spans:
        return ""
    first = spans[0].partition("..")[0]
    return first if len(spans) == 1 else f"{len(spans)}: {first}..{spans[-1].rpartition('..')[2]}"


def runs_among(steps: Sequence[Mapping[str, Any]]) -> int:
    """How many of the steps would run."""
    return sum(step["action"] == Move.RUN for step in steps)


def tell(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """A plan as JSON, or in words."""
    if as_json:
        screen.print_json(facts)
        return
    console = screen.out()
    screen.note(f"{facts['ref']} at {words.short(facts['base'])}")
    print_steps(facts["steps"])
    if facts["variables"]:
        console.print()
        bound = {one["name"]: one for one in facts["variables"]}
        rows = [(name, words.value(one["value"]), one["origin"]) for name, one in bound.items()]
        screen.table(("variable", "value", "set by"), rows)
    runs = runs_among(facts["steps"])
    console.print()
    console.print(f"{words.plural(runs, 'step')} to run, {len(facts['steps']) - runs} reused")
    for step in facts["steps"]:
        if step["name"] in facts["too_many"]:
            console.print(
                f"! {step['name']}: {len(step['windows'])} windows are more than {MOST_WINDOWS} to "
                f"make unasked: galley backfill {facts['pipeline']}",
                style="yellow",
                markup=False,
            )


app = app_of(plan)
