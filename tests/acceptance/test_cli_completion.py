"""The shell's completion knows the project's names, and never complains."""

from pathlib import Path

import pytest

from tests.cli_cast import Shell, shop


def suggested(shell: Shell, line: str) -> list[str]:
    words = line.split(" ")
    ran = shell.galley(
        expect=None,
        _GALLEY_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1),
    )
    assert ran.err == ""
    return ran.out.split()


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Ana at a project that has run in her kitchen."""
    shell = shop(tmp_path_factory.mktemp("shop"))
    shell.galley("run")
    return shell


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("galley pro", ["promote"]),
        ("galley run sh", ["shop"]),
        ("galley run --select or", ["orders"]),
        ("galley tables --at ki", ["kitchen/ana"]),
        ("galley tables history raw", ["raw_orders"]),
        ("galley show la", ["last"]),
        ("galley --context lo", ["local"]),
        ("galley conte", ["context"]),
    ],
)
def test_names_are_completed(ana: Shell, line: str, names: list[str]) -> None:
    assert suggested(ana, line) == names


def test_without_a_project_nothing_is_suggested(tmp_path: Path) -> None:
    assert suggested(Shell(tmp_path), "galley run x") == []
