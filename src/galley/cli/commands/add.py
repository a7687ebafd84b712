"""``galley add``."""

from __future__ import annotations

from typing import Annotated

import typer

from galley.cli import complete, options, screen
from galley.cli.lazy import app_of
from galley.cli.session import find_folder
from galley.project.scaffold import add_source


def add(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file, a folder, a pattern ('data/*.csv') or postgres://…/table.",
        ),
    ],
    name: Annotated[str | None, typer.Option("--name", help="The table's name.")] = None,
    pipeline: Annotated[
        str | None,
        typer.Option("--pipeline", autocompletion=complete.pipelines, help="Where the step goes."),
    ] = None,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Write a load step for a source; it is a file of yours from then on.

    A password in an address never reaches a file: a secret takes its place.
    """
    folder = find_folder(project)
    written = add_source(folder, pipeline, source, name)
    shown = written.relative_to(folder) if written.is_relative_to(folder) else written
    if as_json:
        screen.print_json(
            {"step": written.stem, "pipeline": written.parent.name, "file": str(shown)}
        )
        return
    console = screen.out()
    console.print(f"✓ {shown}", style="green", markup=False, soft_wrap=True)
    console.print(f"next: galley preview {written.stem} · galley run", style="cyan", markup=False)


app = app_of(add)
