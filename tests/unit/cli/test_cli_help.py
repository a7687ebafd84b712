"""Help is at once there: it loads nothing that a command would need."""

import subprocess
import sys

import pytest

from galley.cli.lazy import COMMANDS, DAILY, PANELS, load

HEAVY = (
    "alembic",
    "duckdb",
    "numpy",
    "polars",
    "pyarrow",
    "pydantic",
    "pyiceberg",
    "rich",
    "sqlalchemy",
    "sqlglot",
    "yaml",
)
PROGRAM = """
import sys
from galley.cli.main import execute
status = execute(sys.argv[1:])
sys.stderr.write(",".join(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(status)
"""


def loaded(*arguments: str) -> tuple[str, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout, set(done.stderr.split(","))


@pytest.mark.parametrize("arguments", [("--help",), (), ("--version",)])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    _, modules = loaded(*arguments)
    assert modules & set(HEAVY) == set()


def test_help_names_every_command_once() -> None:
    text, _ = loaded("--help")
    lines = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    assert [name for name in lines if name in COMMANDS] == [
        name for panel in PANELS for name, one in COMMANDS.items() if one.panel == panel
    ]


def test_at_most_fifteen_daily_verbs() -> None:
    assert sum(entry.panel == DAILY for entry in COMMANDS.values()) <= 15


def test_help_fits_a_terminal() -> None:
    text, _ = loaded("--help")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded_and_says_what_it_does(name: str) -> None:
    command = load(name)
    assert command.help
    for parameter in command.params:
        assert parameter.param_type_name != "option" or parameter.help
