"""``galley preview``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley import bootstrap
from galley.cli import complete, options, screen, words
from galley.cli.driving import interrupts
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.cli.summary import fitting_table
from galley.cli.warming import warm_pool
from galley.cli.wishes import parse_variables
from galley.environments import preview as previewing
from galley.environments.inspect import Facts
from galley.environments.preview import Sample


def preview(
    step: Annotated[
        str,
        typer.Argument(metavar="STEP", autocompletion=complete.steps, help="A step or its table."),
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many rows.")] = 20,
    ref: options.In = None,
    window: options.Window = None,
    var: options.Var = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Show the first rows that a step makes of the tables that are there; nothing is written."""
    with warm_pool(project) as pool:
        session = open_session(project)
        sample = Sample(step, session.ref_name(ref), limit, window, parse_variables(var or ()))
        with session.home.database.write() as connection:
            wanted, found = previewing.prepare_sample(
                connection, session.home, session.manifest, session.checkout, sample
            )
            task = previewing.preview_task(
                connection,
                session.home,
                session.site,
                wanted,
                found,
                limit=limit,
                slots=bootstrap.slots(),
            )
        if not as_json:
            session.tell(wanted.ref)
        with interrupts() as interrupted:
            shown = previewing.preview(pool, task, interrupted)
    tell(previewing.preview_facts(shown, wanted.ref.name), limit, as_json=as_json)


def tell(facts: Facts, limit: int, *, as_json: bool) -> None:
    """The rows as JSON, or as tables."""
    if as_json:
        screen.print_json(facts)
        return
    console = screen.out()
    for name, table in facts["tables"].items():
        if len(facts["tables"]) > 1:
            console.print(name, style="bold", markup=False)
        names = [column["name"] for column in table["columns"]]
        rows = [[words.value(row[one]) for one in names] for row in table["rows"]]
        console.print(fitting_table(names, rows, console.width))
    for warning in facts["warnings"]:
        console.print(f"! {warning}", style="yellow", markup=False, soft_wrap=True)
    window = f" of window {facts['window']}" if facts["window"] else ""
    seconds = words.seconds(facts["seconds"])
    screen.note(f"at most {limit} rows{window}, in {seconds}; nothing written")


app = app_of(preview)
