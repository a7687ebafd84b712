"""``galley runs`` and its nouns."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.commands.show import show as show_run
from galley.cli.lazy import new_app
from galley.cli.session import Session, open_session
from galley.cli.warming import warm_pool
from galley.cli.wishes import known_name
from galley.environments import inspect_runs, resume
from galley.environments.inspect import Facts
from galley.errors import DefinitionError, UsageError
from galley.runs import records
from galley.runs.model import RunState

app = new_app(invoke_without_command=True)
app.command("show")(show_run)

ROOMY = 100
"""Columns from which there is room for what came of a run."""

DAY = 24 * 3600 * 1_000_000
_UNITS = {"m": 60 * 1_000_000, "h": 3600 * 1_000_000, "d": DAY, "w": 7 * DAY}


@app.callback()
def runs(
    context: typer.Context,
    ref: Annotated[
        str | None,
        typer.Option("--in", metavar="REF", autocompletion=complete.refs, help="Only of this ref."),
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option("--pipeline", autocompletion=complete.pipelines, help="Only this pipeline."),
    ] = None,
    state: Annotated[RunState | None, typer.Option("--state", help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """List the runs, newest first."""
    if context.invoked_subcommand is not None:
        return
    session = open_session(project)
    with session.home.database.read() as connection:
        found = records.list_runs(
            connection,
            session.project,
            ref=ref,
            pipeline=pipeline,
            states=(state,) if state else (),
            limit=limit,
        )
        facts = inspect_runs.list_facts(connection, found, session.now())
    if not facts:
        _check_filters(session, ref, pipeline)
    tell(session.project, facts, asked=bool(ref or pipeline or state), as_json=as_json)


def tell(project: str, facts: list[Facts], *, asked: bool, as_json: bool) -> None:
    """Runs as JSON, or as a table; ``asked``: only some of them."""
    if as_json:
        screen.print_json({"project": project, "runs": facts})
    elif not facts:
        screen.out().print("no such runs" if asked else "no runs yet: galley run")
    else:
        _print(facts)


@app.command()
def publish(
    run: options.Run,
    override: Annotated[
        list[str],
        typer.Option("--override", metavar="TEST", help="A test that may fail; may be repeated."),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is shown with the tables.")],
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="For how long: 12h, 7d, 2w.")
    ] = "7d",
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Publish a run over a blocking test, in your name.

    What is published is what the run has staged, whatever the files say now. The tables carry the
    mark until it expires, and the audit trail for ever.
    """
    length = parse_duration(expires)
    with warm_pool(project) as pool:
        from galley.cli.driving import drive

        session = open_session(project)
        with session.home.database.write() as connection:
            found = inspect_runs.find_run(connection, session.project, run)
            queued = resume.publish_over(
                connection,
                session.home,
                found,
                override,
                reason=reason,
                expires_at=session.now() + length,
            )
        status = drive(session, pool, queued, as_json=as_json)
    raise typer.Exit(status)


def parse_duration(text: str) -> int:
    """``7d`` in microseconds. Raises UsageError."""
    found = re.fullmatch(r"(\d+)\s*([mhdw])", text.strip())
    if found is None or int(found[1]) == 0:
        raise UsageError(f"{text!r} is no length of time", hint="30m, 12h, 7d or 2w")
    return int(found[1]) * _UNITS[found[2]]


def _check_filters(session: Session, ref: str | None, pipeline: str | None) -> None:
    """Raise NotFoundError for a pipeline or a ref that there is none of."""
    from galley.lake import refs

    session.ensure()
    with session.home.database.read() as connection:
        ran = inspect_runs.pipelines_run(connection, session.project)
        if ref is not None and ref != session.ref_name(None):
            refs.get_ref(connection, session.project, ref)
    if pipeline is None or pipeline in ran:
        return
    try:
        defined = tuple(session.manifest.pipelines)
    except DefinitionError:
        defined = ()
    known_name(pipeline, {*ran, *defined}, "pipeline")


def _about(run: Facts) -> str:
    """What a run waits for or why it was not published, else as which commit it was."""
    if run["waits"]:
        return str(run["waits"])
    if run["message"]:
        return str(run["message"]).splitlines()[0]
    return f"commit {words.short(run['commit'])}" if run["commit"] else ""


def _print(runs: list[Facts]) -> None:
    heads = ["run", "state", "pipeline", "ref", "when", "time"]
    rows = [
        [
            words.short(one["run"]),
            f"{words.glyph(one['state'])} {words.word(one['state'])}",
            one["pipeline"],
            one["ref"],
            words.when(one["created"]),
            words.seconds(one["seconds"]),
        ]
        for one in runs
    ]
    room = screen.width(sys.stdout)
    if room >= ROOMY:
        heads.append("what came of it")
        for row, one in zip(rows, runs, strict=True):
            row.append(words.cut(_about(one), max(30, room - 74)))
    screen.table(heads, rows, right=("time",))
