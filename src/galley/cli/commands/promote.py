"""``galley promote``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from galley.cli import complete, options, screen, words
from galley.cli.commands.diff import print_diff
from galley.cli.commands.plan import print_steps, runs_among
from galley.cli.lazy import app_of
from galley.cli.session import Session, open_session
from galley.cli.warming import warm_pool
from galley.environments.home import Checkout
from galley.environments.inspect import Facts, diff_facts
from galley.environments.launch import at_hand, kept_code
from galley.environments.plan import plan_launch, promotion_facts
from galley.environments.promotion import Promotion, plan_promotion
from galley.environments.promotion import promote as queue_promotion
from galley.environments.versions import find_version
from galley.errors import UsageError
from galley.lake import refs
from galley.lake.model import PRODUCTION
from galley.project.model import Manifest


def promote(
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="REF",
            autocompletion=complete.refs,
            help="The kitchen whose work is brought over. Default: your kitchen.",
        ),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ENVIRONMENT",
            autocompletion=complete.refs,
            help="The environment to change.",
        ),
    ] = PRODUCTION,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DATE",
            help="Of windowed steps that changed make only the windows from DATE on anew.",
        ),
    ] = None,
    forward_only: Annotated[
        bool,
        typer.Option(
            "--forward-only",
            help="Of windowed steps that changed make no window anew, only missing ones.",
        ),
    ] = False,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            metavar="VERSION",
            help="Bring this version (the beginning of its id, or `last`), not the folder's files.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would happen.")
    ] = False,
    yes: options.Yes = False,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Bring this code, and the data it makes, to an environment.

    What the kitchen proved with the same code, settings and inputs is adopted; the rest runs again.
    Tests hold the gate, and code and tables change together. Where a windowed step changed, all
    its windows are made anew; with --since or --forward-only earlier ones stay as they are.
    """
    wanted = _Wanted(since, forward_only, version)
    if dry_run:
        session = open_session(project)
        _, facts = _planned(session, source, target, wanted, as_json)
        if as_json:
            screen.print_json(facts)
        return
    with warm_pool(project) as pool:
        from galley.cli.driving import drive

        session = open_session(project)
        promotion, _ = _planned(session, source, target, wanted, as_json)
        confirm(target, yes=yes)
        with session.home.database.write() as connection:
            run = queue_promotion(connection, session.home, promotion)
        status = drive(session, pool, run, as_json=as_json)
    raise typer.Exit(status)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which windows that other code made stay as they are; which version, if not the folder's."""

    since: str | None
    forward_only: bool
    version: str | None


def _code(session: Session, version: str | None) -> tuple[Manifest, Checkout]:
    """What is promoted: a version, or the folder's files."""
    if version is None:
        return session.manifest, session.checkout
    with session.home.database.read() as connection:
        found = find_version(connection, session.project, version)
        return at_hand(connection, session.home, *kept_code(connection, found))


def _planned(
    session: Session, source: str | None, target: str, wanted: _Wanted, as_json: bool
) -> tuple[Promotion, Facts]:
    manifest, checkout = _code(session, wanted.version)
    kitchen = session.ref_name(source)
    if source is not None:
        with session.home.database.read() as connection:
            refs.get_ref(connection, session.project, source)
    session.ensure()
    with session.home.database.write() as connection:
        promotion = plan_promotion(
            connection,
            session.home,
            manifest,
            checkout,
            source=kitchen,
            target=target,
            since=wanted.since,
            forward_only=wanted.forward_only,
        )
        plan = plan_launch(connection, session.home, promotion.launch, session.site.probe)
        differs = (
            diff_facts(connection, promotion.target.head, promotion.source.head)
            if promotion.source
            else []
        )
    facts = promotion_facts(promotion, plan, differs)
    if not as_json:
        session.tell(promotion.target)
        tell(facts)
    return promotion, facts


def tell(facts: Facts) -> None:
    """A promotion that is planned, in words."""
    source, target, steps = facts["from"] or "the work tree", facts["to"], facts["steps"]
    git = f" (git {facts['git_commit'][:12]})" if facts["git_commit"] else ""
    _say(f"{source}{git} → {target}", "bold")
    screen.out().print()
    if facts["code"]:
        signs = {"added": "+", "removed": "-", "changed": "~"}
        _say("code: " + ", ".join(f"{signs[one['change']]}{one['step']}" for one in facts["code"]))
    elif facts["present_code"] in (None, facts["code_version"]):
        _say("code: unchanged")
    else:
        _say("code: no step's own code changed; tests, options or settings did")
    if facts["left_over"]:
        _say(f"! no step makes these any more; they are kept: {', '.join(facts['left_over'])}")
    screen.out().print()
    print_steps(steps)
    runs = runs_among(steps)
    _say(f"{words.plural(runs, 'step')} to run, {len(steps) - runs} adopted or unchanged")
    _say_remade(facts)
    if facts["tables"]:
        screen.out().print()
        _say(f"{target} compared with {source}:", "bold")
        print_diff(facts["tables"])
    screen.out().print()


def _say_remade(facts: Facts) -> None:
    """Which windows that are there are made anew, and how to keep them."""
    remade = [(step["name"], step["remade"]) for step in facts["steps"] if step["remade"]]
    said = ", ".join(f"{name} ({number})" for name, number in remade)
    if facts["since"] is not None:
        _say(f"windows before {facts['since']} stay as earlier code made them (--since)")
    elif facts["forward_only"]:
        _say("windows that are there stay as earlier code made them (--forward-only)")
    elif said:
        _say(
            f"! windows that {facts['to']} has are made anew: {said}; to keep them: "
            "--since DATE or --forward-only",
            "yellow",
        )


def confirm(target: str, *, yes: bool) -> None:
    """Ask whether to promote. Raises UsageError where nobody can be asked."""
    if not screen.confirmed(f"Promote to {target}?", yes=yes, refusal=_unasked):
        screen.note(f"nothing was changed; {target} is untouched")
        raise typer.Exit(1)


def _say(text: str, style: str = "") -> None:
    screen.out().print(text, style=style or None, markup=False, soft_wrap=True)


def _unasked() -> Exception:
    return UsageError(
        "there is no terminal to ask on; nothing was changed", hint="galley promote --yes"
    )


app = app_of(promote)
