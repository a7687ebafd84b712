"""``galley rollback``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import Session, open_session
from galley.environments import rollback as rolling
from galley.environments.inspect import Facts, return_facts
from galley.environments.returning import lifted
from galley.errors import UsageError
from galley.lake.model import CommitKind
from galley.lake.rollback import RollbackPlan, plan_rollback


def rollback(
    ref: Annotated[
        str,
        typer.Argument(metavar="REF", autocompletion=complete.refs, help="The ref to take back."),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="COMMIT",
            help="The state to show again. Default: before the last publish.",
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            "--table",
            metavar="TABLE",
            autocompletion=complete.tables,
            help="Only this table; may be repeated.",
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="What was wrong.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would happen.")
    ] = False,
    yes: options.Yes = False,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Take a publish back: all its tables and the code that made them return together.

    What is taken back stays so: it is not reused, and its pipelines are held from publishing until
    their code changes or `galley release` lets them.
    """
    session = open_session(project)
    session.ensure()
    tables = tuple(name.lower() for name in table or ()) or None
    with session.home.database.read() as connection:
        plan = plan_rollback(
            connection, session.project, ref, now=session.now(), to=to, tables=tables
        )
        returns = return_facts(connection, plan)
        holds = sorted({name for name, _ in rolling.pipelines_concerned(connection, plan)})
        released = sorted({hold.pipeline for hold in lifted(connection, plan)})
    if not as_json:
        session.tell(plan.ref)
        _print(session, plan, returns, _notes(plan, holds, released))
    if dry_run:
        if as_json:
            screen.print_json(rolling.rollback_facts(plan, returns, holds, released, None))
        return
    why = reason or _asked(as_json)
    if not screen.confirmed("Roll back?", yes=yes or reason is not None, refusal=_unasked):
        screen.note("nothing was changed")
        raise typer.Exit(1)
    with session.home.database.write() as connection:
        commit = rolling.apply(connection, session.home, plan, reason=why)
    if as_json:
        screen.print_json(rolling.rollback_facts(plan, returns, holds, released, commit))
        return
    text = f"✓ {ref} shows {_shown(plan)} again, as commit {words.short(commit.id)}"
    screen.out().print(text, style="bold green", markup=False, soft_wrap=True)


def _shown(plan: RollbackPlan) -> str:
    """What is seen again: a commit, or some tables as they were there."""
    commit = f"commit {words.short(plan.to.id)}"
    return f"{', '.join(plan.tables)} of {commit}" if plan.tables else commit


def _print(session: Session, plan: RollbackPlan, returns: list[Facts], notes: list[str]) -> None:
    console = screen.out()
    made = words.ago(plan.to.created, session.now())
    console.print(
        f"{plan.ref.name} will show {_shown(plan)} ({made}) again:", markup=False, soft_wrap=True
    )
    if returns:
        heads = ("table", "rows now", "rows after")
        screen.table(heads, map(_return, returns), right=heads[1:])
        console.print()
    if plan.code_returns:
        before, after = (
            words.short(one) or "none" for one in (plan.code_before, plan.code_version)
        )
        stay = "" if returns else "; the tables stay as they are"
        console.print(f"code version: {before} → {after}{stay}", markup=False, soft_wrap=True)
        console.print()
    console.print("taken back:", style="bold")
    publishes = [one for one in plan.going if one.kind is not CommitKind.ROLLBACK]
    for one in publishes or plan.going:
        when = words.ago(one.created, session.now())
        text = f"  {words.short(one.id)} {one.kind.value} by {one.author}, {when}: {one.message}"
        console.print(text, markup=False, soft_wrap=True)
    if plan.others:
        who = ", ".join(sorted({one.author for one in plan.others}))
        console.print(
            f"! this takes back {words.plural(len(plan.others), 'later publish')} too, by {who}; "
            "--table restricts it",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    for text in notes:
        console.print(text, style="yellow", markup=False, soft_wrap=True)


def _notes(plan: RollbackPlan, holds: list[str], released: list[str]) -> list[str]:
    said = []
    if plan.downstream:
        said.append(f"! made from what goes, and staying: {', '.join(plan.downstream)}")
    if holds:
        said.append(f"  held from publishing until changed or released: {', '.join(holds)}")
    if released:
        said.append(f"  no longer held, since it comes back: {', '.join(released)}")
    said.append("  deliveries outside are not undone")
    return said


def _return(one: Facts) -> tuple[str, str, str]:
    before = "no table" if one["created"] else words.number(one["rows_before"])
    after = "no table" if one["dropped"] else words.number(one["rows_after"])
    return one["table"], before, after


def _asked(as_json: bool) -> str:
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("a rollback needs a reason", hint="--reason 'what was wrong'")
    sys.stderr.write("What was wrong? ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _unasked() -> UsageError:
    return UsageError("there is no terminal to ask on", hint="--yes --reason 'what was wrong'")


app = app_of(rollback)
