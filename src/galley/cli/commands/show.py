"""``galley show``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.cli.summary import print_run
from galley.environments.inspect_runs import find_run, run_details

MOST_WAITS = 20


def show(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            autocompletion=complete.runs,
            help="A run, by the beginning of its id. Default: the last one.",
            show_default=False,
        ),
    ] = "last",
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Everything about a run: its steps, tests, attempts, variables, code, inputs and results."""
    session = open_session(project)
    with session.home.database.read() as connection:
        found = find_run(connection, session.project, run)
        facts = run_details(connection, session.home, found)
    tell(facts, as_json=as_json)


def tell(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Everything about a run, as JSON or in words."""
    if as_json:
        screen.print_json(facts)
        return
    console = screen.out()
    state = facts["state"]
    head = f"{words.glyph(state)} run {facts['run']} of {facts['pipeline']}: {words.word(state)}"
    console.print(head, style=words.colour(state), markup=False, soft_wrap=True)
    for line in _origin(facts):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    console.print()
    print_run(facts)
    _print_waits(facts)
    _print_attempts(facts)
    _print_variables(facts)
    _print_tables(facts)


def _origin(facts: Mapping[str, Any]) -> list[str]:
    said = [f"{facts['cause']} by {facts['actor']}, {words.when(facts['created'])}"]
    said.append(f"ref {facts['ref']}, based on commit {words.short(facts['base']) or '—'}")
    code = f"code {facts['definition'][:12]}"
    if facts["git_commit"]:
        code += f", git {facts['git_commit'][:12]}"
    said.append(f"{code}, {facts['folder']}")
    if facts["windows"]:
        said.append(f"windows {'..'.join(facts['windows'])}")
    if facts["resumes"]:
        said.append(f"resumes run {facts['resumes']}")
    if facts["backfill"]:
        number = sum(facts["backfill"]["runs"].values())
        how = ", published at once" if facts["backfill"]["atomic"] else ""
        said.append(f"{words.plural(number, 'child run')}{how}")
    return said


def _print_waits(facts: Mapping[str, Any]) -> None:
    if facts["waits"]:
        screen.out().print()
        rows = [(one["step"] or "the run", one["said"]) for one in facts["waits"][:MOST_WAITS]]
        screen.table(("waiting", "what for"), rows)


def _print_attempts(facts: Mapping[str, Any]) -> None:
    bad = [one for one in facts["attempts"] if one["end"] not in (None, "staged")]
    if not bad:
        return
    console = screen.out()
    console.print()
    rows = [
        (
            f"{one['step']} #{one['epoch']}",
            one["end"] or "running",
            words.seconds(one["seconds"]),
            words.cut(one["error"] or "", 200),
        )
        for one in bad
    ]
    screen.table(("attempt", "end", "time", "error"), rows, right=("time",))


def _print_variables(facts: Mapping[str, Any]) -> None:
    if facts["variables"]:
        screen.out().print()
        rows = [
            (one["name"], words.value(one["value"]), one["origin"]) for one in facts["variables"]
        ]
        screen.table(("variable", "value", "set by"), rows)


def _print_tables(facts: Mapping[str, Any]) -> None:
    if facts["tables"]:
        screen.out().print()
        rows = [
            (
                one["name"],
                words.number(one["rows"]),
                words.short(one["content_id"]),
                ", ".join(f"{name} {words.short(id)}" for name, id in one["inputs"].items()),
            )
            for one in facts["tables"]
        ]
        screen.table(("table", "rows", "content", "made from"), rows, right=("rows",))


app = app_of(show)
