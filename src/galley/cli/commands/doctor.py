"""``galley doctor``."""

from __future__ import annotations

import typer

from galley.cli import options, screen
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.environments.health import FAIL, OK, WARN, examine
from galley.errors import UnavailableError

SIGNS = {OK: ("✓", "green"), WARN: ("!", "yellow"), FAIL: ("✗", "red")}


def doctor(project: options.Project = None, as_json: options.Json = False) -> None:
    """Check libraries, home, database, clock, disk, warehouse, files, leftovers and refs."""
    session = open_session(project)
    checks = examine(session.home, session.project)
    failed = [check for check in checks if check.state == FAIL]
    if as_json:
        screen.print_json(
            {
                "ok": not failed,
                "checks": [
                    {
                        "name": check.name,
                        "state": check.state,
                        "message": check.message,
                        "hint": check.hint,
                    }
                    for check in checks
                ],
            }
        )
    else:
        console = screen.out()
        wide = max(len(check.name) for check in checks)
        for check in checks:
            sign, colour = SIGNS[check.state]
            console.print(f"{sign} ", style=colour, end="")
            console.print(
                f"{check.name.ljust(wide)}  {check.message}", markup=False, soft_wrap=True
            )
            if check.hint and check.state != OK:
                console.print(f"  {' ' * wide}  hint: {check.hint}", style="cyan", markup=False)
    if failed:
        raise typer.Exit(UnavailableError.exit_code)


app = app_of(doctor)
