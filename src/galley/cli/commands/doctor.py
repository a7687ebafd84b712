"""``galley doctor``."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import typer

from galley.cli import options, screen
from galley.cli.faultround import Round, fault_round
from galley.cli.lazy import app_of
from galley.cli.session import Session, open_session
from galley.environments.checking import FAIL, OK, WARN, Check
from galley.environments.health import examine
from galley.errors import UnavailableError

SIGNS = {OK: ("✓", "green"), WARN: ("!", "yellow"), FAIL: ("✗", "red")}
SECONDS = 30.0

Faults = Annotated[
    bool,
    typer.Option(
        "--faults",
        help="Kill engines and workers of a throw-away project, and look whether all is there.",
    ),
]
Seconds = Annotated[
    float, typer.Option("--seconds", min=0, max=86_400, help="How long to go on with that.")
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="Which points come when; to see a failure again.")
]


def doctor(
    project: options.Project = None,
    faults: Faults = False,
    seconds: Seconds = SECONDS,
    seed: Seed = None,
    as_json: options.Json = False,
) -> None:
    """Check libraries, database, clocks, disk, warehouse, tables' files, leftovers and refs.

    With --faults real commands are killed at named points, on this machine's disk and database,
    and every row, run, step and file is looked for afterwards. Your own tables are not touched.
    """
    session = open_session(project)
    checks = examine(session.home, session.project)
    if not as_json:
        _show(checks)
    told: dict[str, Any] | None = None
    if faults:
        told = _faults(session, seconds, secrets.randbelow(10_000) if seed is None else seed)
        checks += (_verdict(told),)
        if not as_json:
            _show(checks[-1:])
    failed = any(check.state == FAIL for check in checks)
    if as_json:
        screen.print_json(
            {"ok": not failed, "checks": [_facts(check) for check in checks], "faults": told}
        )
    if failed:
        raise typer.Exit(UnavailableError.exit_code)


def _faults(session: Session, seconds: float, seed: int) -> dict[str, Any]:
    screen.note(f"killing a throw-away project's engine and workers for {seconds:.0f} s …")

    def tell(one: Round) -> None:
        if one.wrong:
            screen.note(f"✗ killed at {one.point}: {one.wrong[0]}")
        elif one.killed:
            screen.note(f"✓ killed at {one.point}, whole again after {one.seconds:.1f} s")

    rounds, kept = fault_round(session.home, seconds, seed, tell)
    return {
        "seed": seed,
        "rounds": [
            {
                "point": one.point,
                "killed": one.killed,
                "seconds": one.seconds,
                "violations": list(one.wrong),
            }
            for one in rounds
        ],
        "kept": str(kept) if kept else None,
    }


def _verdict(told: dict[str, Any]) -> Check:
    rounds = told["rounds"]
    kills = sum(one["killed"] for one in rounds)
    wrong = [text for one in rounds for text in one["violations"]]
    if wrong:
        said = f"after {kills} kills (seed {told['seed']}): {'; '.join(wrong)}"
        return Check("faults", FAIL, said, f"the project is kept in {told['kept']}")
    points = len({one["point"] for one in rounds if one["killed"]})
    said = f"{kills} kills at {points} points: nothing was lost, doubled or half published"
    return Check("faults", OK, said)


def _facts(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "state": check.state,
        "message": check.message,
        "hint": check.hint,
    }


def _show(checks: tuple[Check, ...]) -> None:
    console = screen.out()
    wide = max(len("libraries"), *(len(check.name) for check in checks))
    for check in checks:
        sign, colour = SIGNS[check.state]
        console.print(f"{sign} ", style=colour, end="")
        console.print(f"{check.name.ljust(wide)}  {check.message}", markup=False, soft_wrap=True)
        if check.hint and check.state != OK:
            console.print(f"  {' ' * wide}  hint: {check.hint}", style="cyan", markup=False)


app = app_of(doctor)
