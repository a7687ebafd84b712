"""What changes a Python step's code hash, and what does not."""

from pathlib import Path

import pytest

from galley.project.compile import compile_project
from galley.project.model import Step

HEAD = "from galley import step\nimport own\nfrom . import near\nLIMIT = 3\n"
ONE = "@step(tests=[{'row_count': 1}])\ndef one():\n    '''First.'''\n    return helper(1)\n"
TWO = "@step\ndef two():\n    return 2\n"
HELPER = "def helper(x):\n    return x + LIMIT\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "galley.yaml", "name: shop\n")
    write(tmp_path, "own/__init__.py", "from own import deep\n")
    write(tmp_path, "own/deep.py", "X = 1\n")
    write(tmp_path, "pipelines/shop/near.py", "Y = 1\n")
    write(tmp_path, "pipelines/shop/steps.py", HEAD + HELPER + ONE + TWO)
    return tmp_path


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, "utf-8")


def hashes(folder: Path) -> tuple[str, str]:
    steps = compile_project(folder).steps
    return steps["one"].code_hash, steps["two"].code_hash


def one(folder: Path) -> Step:
    return compile_project(folder).steps["one"]


def test_imports_are_followed_inside_of_the_project(folder: Path) -> None:
    step = one(folder)
    assert step.modules == ("own/__init__.py", "own/deep.py", "pipelines/shop/near.py")
    assert step.description == "First."
    assert set(step.modules) <= set(compile_project(folder).files)


@pytest.mark.parametrize(
    "text",
    [
        "# c\n" + HEAD + "\n\n" + HELPER + ONE + TWO,
        HEAD + HELPER + ONE.replace("'row_count': 1", "'row_count': 5") + TWO,
        HEAD + HELPER + ONE.replace("First.", "Other words.") + TWO,
    ],
    ids=["layout", "tests", "docstring"],
)
def test_what_is_no_code_does_not_count(folder: Path, text: str) -> None:
    before = hashes(folder)
    write(folder, "pipelines/shop/steps.py", text)
    assert hashes(folder) == before


def test_another_step_of_the_file_does_not_count(folder: Path) -> None:
    before = hashes(folder)
    write(folder, "pipelines/shop/steps.py", HEAD + HELPER + ONE + TWO.replace("2", "3"))
    after = hashes(folder)
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_a_step_that_is_called_counts(folder: Path) -> None:
    calling = HELPER.replace("LIMIT", "two()")
    write(folder, "pipelines/shop/steps.py", HEAD + calling + ONE + TWO)
    before = hashes(folder)
    write(folder, "pipelines/shop/steps.py", HEAD + calling + ONE + TWO.replace("2", "3"))
    assert hashes(folder)[0] != before[0]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("own/deep.py", "X = 2\n"),
        ("pipelines/shop/near.py", "Y = 2\n"),
        ("pipelines/shop/steps.py", HEAD.replace("3", "4") + HELPER + ONE + TWO),
        ("pipelines/shop/steps.py", HEAD + HELPER.replace("+", "-") + ONE + TWO),
    ],
)
def test_code_that_is_used_counts(folder: Path, path: str, text: str) -> None:
    before = hashes(folder)[0]
    write(folder, path, text)
    assert hashes(folder)[0] != before


def test_modules_that_import_each_other_end(folder: Path) -> None:
    write(folder, "own/deep.py", "import own\n")
    assert "own/deep.py" in one(folder).modules


def test_the_decorator_may_have_another_name(folder: Path) -> None:
    text = "import galley as g\n@g.step(name='first')\ndef one(): ...\n"
    write(folder, "pipelines/shop/steps.py", text)
    step = compile_project(folder).steps["first"]
    assert step.source.function == "one"
    assert step.outputs == ("first",)


def test_packages_are_recorded(folder: Path) -> None:
    before = compile_project(folder).toolchain
    write(folder, "pipelines/shop/near.py", "import yaml, os, nothing_installed\n")
    manifest = compile_project(folder)
    assert "PyYAML" in manifest.packages or "pyyaml" in manifest.packages
    assert "os" not in manifest.packages
    assert manifest.toolchain != before
