"""Every error's one face: message, place and hint for people; one object for programs."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from galley.cli import screen
from galley.errors import DefinitionErrors, GalleyError, InternalError


def show(error: GalleyError, as_json: bool) -> int:
    """Print an error; returns the exit status that it stands for."""
    if as_json:
        screen.print_json({"error": error.to_dict()})
    else:
        _print(error)
    return error.exit_code


def report_defect(error: Exception, arguments: list[str], as_json: bool) -> int:
    """Keep the traceback of an error that nobody expected in a file, and say where it is."""
    place = _keep(error, arguments)
    said = InternalError(
        f"a defect of Galley: {type(error).__name__}: {_first_line(error)}",
        hint=f"the report is kept in {place}; refs and published tables are as they were, "
        "and the same command may be run again",
        details={"report": str(place)},
    )
    return show(said, as_json)


def _print(error: GalleyError) -> None:
    console = screen.err()
    problems = error.problems if isinstance(error, DefinitionErrors) else (error,)
    for problem in problems:
        where = f"{problem.where}: " if problem.where else ""
        console.print("✗ ", style="bold red", end="", soft_wrap=True)
        console.print(where, style="bold", end="", markup=False, soft_wrap=True)
        console.print(problem.message, markup=False, soft_wrap=True)
        if problem.hint:
            console.print(f"  hint: {problem.hint}", style="cyan", markup=False, soft_wrap=True)
    trace = error.details.get("trace")
    if trace:
        console.print(str(trace).rstrip(), style="dim", markup=False, soft_wrap=True)
    if len(problems) > 1:
        console.print(f"{len(problems)} problems", style="bold", soft_wrap=True)


def _keep(error: Exception, arguments: list[str]) -> Path:
    """Write the report below the home's logs, or where temporary files go."""
    text = "".join(traceback.format_exception(error))
    command = " ".join(arguments)
    name = f"defect-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in (_logs(arguments), Path(tempfile.gettempdir())):
        if folder is None:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"galley {command}\n{sys.version}\n\n{text}", "utf-8")
        except OSError:
            continue
        return folder / name
    sys.stderr.write(text)
    return Path("stderr")


def _logs(arguments: list[str]) -> Path | None:
    from galley.cli.session import find_home

    project = None
    for at, argument in enumerate(arguments):
        if argument == "--project" and at + 1 < len(arguments):
            project = Path(arguments[at + 1])
    try:
        home = find_home(project)
    except GalleyError:
        return None
    return home / "logs" if home.is_dir() else None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
