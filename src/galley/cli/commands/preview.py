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
from galley.environments.launch import Wish, prepare
from galley.environments.preview import Previewed


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
        manifest = session.manifest
        owner = manifest.steps.get(step) or manifest.maker(step.lower())
        pipelines = (owner.pipeline,) if owner else tuple(manifest.pipelines)
        wish = Wish(
            pipelines, session.ref_name(ref), window=window, variables=parse_variables(var or ())
        )
        with session.home.database.write() as connection:
            wanted = prepare(connection, session.home, manifest, session.checkout, wish)
            found = previewing.find_step(wanted, step)
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
    if as_json:
        _print_json(shown, wanted.ref.name)
    else:
        _print(shown, limit)


def _print_json(shown: Previewed, ref: str) -> None:
    names = [column["name"] for column in shown.columns]
    screen.print_json(
        {
            "step": shown.step,
            "ref": ref,
            "window": str(shown.span) if shown.span else None,
            "columns": list(shown.columns),
            "rows": [dict(zip(names, row, strict=True)) for row in shown.rows],
            "warnings": list(shown.warnings),
        }
    )


def _print(shown: Previewed, limit: int) -> None:
    console = screen.out()
    tables = shown.tables or {shown.step: {"columns": shown.columns, "rows": shown.rows}}
    for name, table in tables.items():
        if len(tables) > 1:
            console.print(name, style="bold", markup=False)
        names = [column["name"] for column in table["columns"]]
        rows = [[words.value(cell) for cell in row] for row in table["rows"]]
        console.print(fitting_table(names, rows, console.width))
    for warning in shown.warnings:
        console.print(f"! {warning}", style="yellow", markup=False, soft_wrap=True)
    window = f" of window {shown.span}" if shown.span else ""
    screen.note(f"at most {limit} rows{window}, in {words.seconds(shown.seconds)}; nothing written")


app = app_of(preview)
