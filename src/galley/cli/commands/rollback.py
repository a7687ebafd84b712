"""``galley rollback``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.clock import from_iso
from galley.environments import rollback as rolling
from galley.environments.inspect import Facts, return_facts
from galley.environments.returning import lifted
from galley.errors import UsageError
from galley.lake.model import CommitKind
from galley.lake.rollback import plan_rollback


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
    facts = rolling.rollback_facts(plan, returns, holds, released, None)
    if not as_json:
        session.tell(plan.ref)
        tell(facts, session.now())
    if dry_run:
        if as_json:
            screen.print_json(facts)
        return
    why = confirm(reason, yes=yes, as_json=as_json)
    with session.home.database.write() as connection:
        commit = rolling.apply(connection, session.home, plan, reason=why)
    done(rolling.rollback_facts(plan, returns, holds, released, commit), as_json=as_json)


def confirm(reason: str | None, *, yes: bool, as_json: bool) -> str:
    """Why, and whether at all. Raises UsageError where nobody can be asked."""
    why = reason or _asked(as_json)
    if not screen.confirmed("Roll back?", yes=yes or reason is not None, refusal=_unasked):
        screen.note("nothing was changed")
        raise typer.Exit(1)
    return why


def done(facts: Facts, *, as_json: bool) -> None:
    """A rollback that has happened."""
    if as_json:
        screen.print_json(facts)
        return
    text = f"✓ {facts['ref']} shows {_shown(facts)} again, as commit {words.short(facts['commit'])}"
    screen.out().print(text, style="bold green", markup=False, soft_wrap=True)


def _shown(facts: Facts) -> str:
    """What is seen again: a commit, or some tables as they were there."""
    commit = f"commit {words.short(facts['to'])}"
    return f"{', '.join(facts['only'])} of {commit}" if facts["only"] else commit


def tell(facts: Facts, now: int) -> None:
    """A rollback that is planned, in words."""
    console = screen.out()
    returns = facts["tables"]
    made = _ago(facts["to_created"], now)
    text = f"{facts['ref']} will show {_shown(facts)} ({made}) again:"
    console.print(text, markup=False, soft_wrap=True)
    if returns:
        heads = ("table", "rows now", "rows after")
        screen.table(heads, map(_return, returns), right=heads[1:])
        console.print()
    if facts["code_returns"]:
        before, after = (
            words.short(facts[name]) or "none" for name in ("code_before", "code_version")
        )
        stay = "" if returns else "; the tables stay as they are"
        console.print(f"code version: {before} → {after}{stay}", markup=False, soft_wrap=True)
        console.print()
    console.print("taken back:", style="bold")
    going = [one for one in facts["taken_back"] if one["shown"]]
    publishes = [one for one in going if one["kind"] != CommitKind.ROLLBACK]
    for one in publishes or going:
        said = f"{one['kind']} by {one['author']}, {_ago(one['created'], now)}: {one['message']}"
        console.print(f"  {words.short(one['commit'])} {said}", markup=False, soft_wrap=True)
    others = [one for one in going if one["publish"]][:-1]
    if others:
        who = ", ".join(sorted({one["author"] for one in others}))
        console.print(
            f"! this takes back {words.plural(len(others), 'later publish')} too, by {who}; "
            "--table restricts it",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    for text in _notes(facts):
        console.print(text, style="yellow", markup=False, soft_wrap=True)


def _ago(moment: str, now: int) -> str:
    return words.ago(from_iso(moment), now)


def _notes(facts: Facts) -> list[str]:
    said = []
    if facts["downstream"]:
        said.append(f"! made from what goes, and staying: {', '.join(facts['downstream'])}")
    if facts["held"]:
        held = ", ".join(facts["held"])
        said.append(f"  held from publishing until changed or released: {held}")
    if facts["released"]:
        said.append(f"  no longer held, since it comes back: {', '.join(facts['released'])}")
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
