"""``galley plan``."""

from __future__ import annotations

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.cli.wishes import wish_for
from galley.environments.plan import Plan, plan_facts, plan_wish
from galley.lake.model import Span
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
    if as_json:
        screen.print_json(plan_facts(found))
        return
    _print(found)


def print_steps(found: Plan) -> None:
    """The steps as a table."""
    rows = [
        (
            f"{'▸' if step.move is Move.RUN else '='} {step.name}",
            "problem" if step.problem else step.move.value,
            windows_text(step.spans),
            step.why,
        )
        for step in found.steps
    ]
    screen.table(("step", "action", "windows", "why"), rows)


def windows_text(spans: tuple[Span, ...]) -> str:
    """How many windows, and which."""
    if not spans:
        return ""
    if len(spans) == 1:
        return spans[0].start
    return f"{len(spans)}: {spans[0].start}..{spans[-1].end}"


def _print(found: Plan) -> None:
    console = screen.out()
    request = found.launch.request
    screen.note(f"{found.ref.name} at {words.short(found.ref.head)}")
    print_steps(found)
    bound = {
        name: (pipeline, value)
        for pipeline, one in request.variables.items()
        for name, value in one.items()
    }
    if bound:
        console.print()
        screen.table(
            ("variable", "value", "set by"),
            [
                (name, words.value(value), request.origins[pipeline][name])
                for name, (pipeline, value) in bound.items()
            ],
        )
    runs = sum(step.move is Move.RUN for step in found.steps)
    console.print()
    console.print(f"{words.plural(runs, 'step')} to run, {len(found.steps) - runs} reused")
    for step in found.too_many:
        console.print(
            f"! {step.name}: {len(step.spans)} windows are more than {MOST_WINDOWS} to make "
            f"unasked: galley backfill {' '.join(request.pipelines)}",
            style="yellow",
            markup=False,
        )


app = app_of(plan)
