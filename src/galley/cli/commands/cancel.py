"""``galley cancel``."""

from __future__ import annotations

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments import asking
from galley.environments.inspect_runs import find_run


def cancel(
    run: options.Run, project: options.Project = None, as_json: options.Json = False
) -> None:
    """Stop a run: what it does is ended, and nothing of it is published."""
    session = open_session(project)
    with session.home.database.write() as connection:
        found = find_run(connection, session.project, run)
        asked = asking.cancel(connection, session.home, found)
    tell(found.id, asked.state.value, as_json=as_json)


def tell(run: str, state: str, *, as_json: bool) -> None:
    """What was asked of a run, and the state that it is in."""
    if as_json:
        screen.print_json({"run": run, "asked": "cancel", "state": state})
        return
    screen.out().print(f"run {words.short(run)} is asked to stop; nothing of it is published")


app = app_of(cancel)
