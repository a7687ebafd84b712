"""``galley check``."""

from __future__ import annotations

from typing import Any

import typer

from galley.cli import options, screen, words
from galley.cli.failures import show
from galley.cli.lazy import app_of
from galley.cli.session import find_folder, find_home
from galley.errors import DefinitionError, DefinitionErrors
from galley.project.compile import compile_project
from galley.project.model import Manifest


def check(project: options.Project = None, as_json: options.Json = False) -> None:
    """Check every definition of the project; nothing is run and nothing is written.

    Each problem comes with its file and line, and with what is nearest to right.
    """
    folder = find_folder(project)
    try:
        manifest = compile_project(folder, cache=find_home(project) / "cache")
    except DefinitionError as error:
        problems = error.problems if isinstance(error, DefinitionErrors) else (error,)
        if as_json:
            screen.print_json(_answer(folder.name, None, problems))
        else:
            show(error, as_json=False)
        raise typer.Exit(2) from error
    if as_json:
        screen.print_json(_answer(manifest.project, manifest, ()))
        return
    _print(manifest)


def _answer(
    project: str, manifest: Manifest | None, problems: tuple[DefinitionError, ...]
) -> dict[str, Any]:
    return {
        "project": project,
        "ok": not problems,
        "problems": [
            {
                "message": problem.message,
                "where": str(problem.where) if problem.where else None,
                "hint": problem.hint,
                "code": problem.code,
            }
            for problem in problems
        ],
        "warnings": list(manifest.warnings) if manifest else [],
        "pipelines": [
            {"name": name, "steps": list(pipeline.steps)}
            for name, pipeline in (manifest.pipelines.items() if manifest else ())
        ],
    }


def _print(manifest: Manifest) -> None:
    console = screen.out()
    for warning in manifest.warnings:
        console.print(f"! {warning}", style="yellow", markup=False, soft_wrap=True)
    tests = [test for step in manifest.steps.values() for test in step.tests]
    tests += manifest.spanning
    said = ", ".join(
        (
            words.plural(len(manifest.pipelines), "pipeline"),
            words.plural(len(manifest.steps), "step"),
            words.plural(len(tests), "test"),
        )
    )
    console.print(f"✓ {manifest.project}: {said}", style="green", markup=False, soft_wrap=True)
    for name, pipeline in manifest.pipelines.items():
        console.print(f"  {name}: {', '.join(pipeline.steps)}", markup=False)


app = app_of(check)
