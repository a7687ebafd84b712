"""A small command loads little, and leaves a home that can be copied."""

from pathlib import Path

import pytest

from galley import settings
from tests.cli_cast import Shell

NEEDLESS = {
    "duckdb",
    "galley.cli.remote",
    "galley.project.shapes",
    "httpx",
    "pyarrow",
    "pyiceberg",
    "sqlglot",
    "yaml",
}


def test_a_kitchen_opens_with_few_libraries_and_leaves_one_database_file(tmp_path: Path) -> None:
    (tmp_path / "galley.yaml").write_text("name: birds\n")
    ran = Shell(tmp_path, cold=True).galley("kitchen", "open", "oven", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in ran.err.splitlines()}
    assert "sqlalchemy" in loaded
    assert loaded & NEEDLESS == set()
    state = (tmp_path / ".galley").glob("galley.db*")
    assert [path.name for path in state] == ["galley.db"]


def test_workers_of_a_home_with_a_bucket_load_what_reaches_it(tmp_path: Path) -> None:
    pytest.importorskip("botocore")
    kept = tmp_path / settings.KEPT_PLACE
    assert settings.preload(tmp_path) == settings.PRELOAD
    kept.write_text("/srv/tables\n")
    assert settings.preload(tmp_path) == settings.PRELOAD
    kept.write_text("s3://lake/tables\n")
    assert settings.preload(tmp_path) == settings.PRELOAD + settings.STORE_PRELOAD


def test_a_question_is_answered_and_nothing_else_is_said(tmp_path: Path) -> None:
    (tmp_path / "galley.yaml").write_text("name: birds\n")
    Shell(tmp_path, cold=True).galley("kitchen", "open", "oven")
    ran = Shell(tmp_path, cold=True).galley(
        "sql", "SELECT 1 AS a", "--at", "kitchen/oven", "--format", "csv"
    )
    assert ran.out.split() == ["a", "1"]
    assert all(line.startswith("kitchen/oven") for line in ran.err.splitlines()), ran.err
