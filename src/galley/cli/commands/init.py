"""``galley init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galley.cli import options, screen
from galley.cli.lazy import app_of
from galley.project.scaffold import init_project


def init(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The folder to make; its last part names the project."),
    ],
    as_json: options.Json = False,
) -> None:
    """Start a project: a small pipeline that runs and passes its tests, to be changed at will."""
    folder = Path(name).absolute()
    files = init_project(folder, folder.name)
    shown = [str(path.relative_to(folder)) for path in files]
    if as_json:
        screen.print_json({"project": folder.name.lower(), "folder": str(folder), "files": shown})
        return
    console = screen.out()
    console.print(f"✓ {folder}", style="green", markup=False, soft_wrap=True)
    for path in shown:
        console.print(f"  {path}", markup=False)
    inside = folder == Path.cwd()
    enter = "" if inside else f"cd {name} && "
    console.print(f"next: {enter}galley run", style="cyan", markup=False, soft_wrap=True)


app = app_of(init)
