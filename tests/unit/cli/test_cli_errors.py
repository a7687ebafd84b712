"""Every error has one face, and its own exit status."""

import json
from pathlib import Path

import pytest

from galley.cli import main
from galley.cli.failures import report_defect, show
from galley.cli.wishes import parse_variables
from galley.errors import (
    ConflictError,
    DefinitionError,
    DefinitionErrors,
    GalleyError,
    RefusedError,
    UnavailableError,
    UsageError,
    Where,
)
from tests.cli_cast import validate

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("a"), 2),
        (DefinitionError("a"), 2),
        (RefusedError("a"), 3),
        (ConflictError("a"), 4),
        (UnavailableError("a"), 5),
    ],
)
def test_the_exit_status_is_the_errors(error: GalleyError, status: int, capsys: Captured) -> None:
    assert show(error, as_json=False) == status
    assert show(error, as_json=True) == status
    validate(json.loads(capsys.readouterr().out), "error")


def test_an_error_says_where_and_what_to_do(capsys: Captured) -> None:
    show(DefinitionError("no [such] thing", where=Where("a.sql", 3), hint="do [this]"), False)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "✗ a.sql:3: no [such] thing\n  hint: do [this]\n"


def test_several_problems_are_all_shown(capsys: Captured) -> None:
    show(DefinitionErrors((DefinitionError("one"), DefinitionError("two"))), False)
    assert capsys.readouterr().err == "✗ one\n✗ two\n2 problems\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plann"], "Did you mean 'plan'?"),
        (["run", "--no-such-flag"], "--no-such-flag"),
        (["runs", "shw"], "Did you mean 'show'?"),
        (["init"], "NAME"),
        (["sql", "SELECT 1", "--format", "xml"], "xml"),
        (["sql", "SELECT 1", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_use_ends_with_two(arguments: list[str], said: str, capsys: Captured) -> None:
    assert main.execute(arguments) == 2
    assert said in capsys.readouterr().err


def test_wrong_use_is_json_where_json_was_asked_for(capsys: Captured) -> None:
    assert main.execute(["plan", "--json", "--no-such-flag"]) == 2
    answer = json.loads(capsys.readouterr().out)
    validate(answer, "error")
    assert answer["error"]["code"] == "usage"


@pytest.mark.parametrize("command", ["check", "run", "runs", "tables", "doctor", "promote"])
def test_outside_of_a_project_each_command_says_so(command: str, capsys: Captured) -> None:
    assert main.execute([command]) == 2
    assert "galley init" in capsys.readouterr().err


def test_a_defect_is_reported_and_kept_below_the_home(capsys: Captured, tmp_path: Path) -> None:
    (tmp_path / "galley.yaml").write_text("name: shop\n")
    (tmp_path / ".galley").mkdir()
    assert report_defect(ZeroDivisionError("ups"), ["tables"], as_json=False) == 5
    said = capsys.readouterr().err
    (kept,) = (tmp_path / ".galley" / "logs").glob("defect-*.txt")
    assert "a defect of Galley: ZeroDivisionError: ups" in said
    assert "Traceback" not in said
    assert kept.read_text().startswith("galley tables\n")
    assert "ZeroDivisionError: ups" in kept.read_text()


def test_a_defect_without_a_project_is_kept_too(capsys: Captured) -> None:
    assert report_defect(ZeroDivisionError("ups"), ["--help"], as_json=True) == 5
    answer = json.loads(capsys.readouterr().out)
    validate(answer, "error")
    Path(answer["error"]["details"]["report"]).unlink()


@pytest.mark.parametrize("text", ["x", "=1", " =1"])
def test_a_variable_needs_a_name(text: str) -> None:
    with pytest.raises(UsageError, match="sets no variable"):
        parse_variables([text])


def test_a_value_may_hold_an_equals_sign() -> None:
    assert parse_variables(["a=b=c", "d="]) == {"a": "b=c", "d": ""}
