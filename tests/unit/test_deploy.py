"""The files in `deploy/` name commands, options and variables that there are."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from galley.cli.main import app

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def accepted(arguments: list[str]) -> str | None:
    """The command that would take the arguments, which is not run. Raises what it refuses."""
    group: Any = get_command(app)
    with group.make_context("galley", list(arguments)) as context:
        command = group.get_command(context, arguments[0])
        found: str | None = command.make_context(arguments[0], arguments[1:]).info_name
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command(unit: Path) -> None:
    text = unit.read_text("utf-8")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, *arguments = shlex.split(line)
    assert program.endswith("/bin/galley")
    assert accepted(arguments) == arguments[0]
    assert {"NoNewPrivileges=yes", "KillMode=mixed", "User=galley"} <= set(text.splitlines())


@pytest.mark.parametrize("name", ["server", "worker"])
def test_a_service_starts_a_command(name: str) -> None:
    assert accepted(COMPOSE["services"][name]["command"]) == name


def test_workers_hold_no_database_credentials_and_all_variables_are_explained() -> None:
    worker = COMPOSE["services"]["worker"]["environment"]
    assert [one for one in worker if "DATABASE" in one or "POSTGRES" in one] == []
    assert "GALLEY_DATABASE" in COMPOSE["services"]["server"]["environment"]
    needed = set(re.findall(r"\$\{(\w+):\?\}", (DEPLOY / "compose.yaml").read_text("utf-8")))
    told = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text("utf-8"), re.MULTILINE))
    assert needed == told
    known = (DEPLOY.parent / "docs/reference/environment.md").read_text("utf-8")
    for service in COMPOSE["services"].values():
        for one in service.get("environment", {}):
            assert not one.startswith("GALLEY_") or f"`{one}`" in known, one


def test_nobody_is_let_in_without_a_name() -> None:
    server = COMPOSE["services"]["server"]
    assert "--identity" in server["command"]
    assert all(one.startswith("127.0.0.1:") for one in server["ports"])
    assert "USER galley" in (DEPLOY / "Containerfile").read_text("utf-8")
