"""The release before runs on the schema of this one, and what it left is migrated.

Before the first release the present code stands in for it, so that the harness itself is tried.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

import galley.bootstrap  # noqa: F401 - fills the metadata
from galley.db import schema
from galley.db.engine import open_database

ROOT = Path(__file__).parents[2]


def last_release() -> str | None:
    """The tag of the newest release, if there is one and git knows it."""
    command = ["git", "-C", str(ROOT), "tag", "--list", "v*", "--sort=-version:refname"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return next(iter(done.stdout.split()), None) if done.returncode == 0 else None


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source folder of the release before."""
    folder = tmp_path_factory.mktemp("previous")
    release = last_release()
    if release is None:
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    else:
        archive = ["git", "-C", str(ROOT), "archive", release, "src"]
        found = subprocess.run(archive, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", str(folder)], input=found.stdout, check=True)
    return folder / "src"


def run_previous(previous: Path, folder: Path, url: str) -> None:
    """Let the older code run a project against a database."""
    environ = {name: value for name, value in os.environ.items() if name[:7] != "GALLEY_"}
    environ |= {
        "PYTHONPATH": os.pathsep.join((str(previous), str(ROOT))),
        "GALLEY_DATABASE": url,
        "GALLEY_HOME": str(folder / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.migration.previous", str(folder / "project"), url],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(previous) in done.stdout


def runs(url: str) -> list[str]:
    database = open_database(url)
    with database.read() as connection:
        found = [row.state for row in connection.execute(text("SELECT state FROM run"))]
    database.close()
    return found


def test_the_release_before_runs_on_this_schema(
    previous: Path, tmp_path: Path, db_url: str
) -> None:
    database = open_database(db_url)
    schema.prepare(database)
    database.close()
    run_previous(previous, tmp_path, db_url)
    assert runs(db_url) == ["succeeded"]


def test_what_the_release_before_left_is_migrated(
    previous: Path, tmp_path: Path, db_url: str
) -> None:
    """Its own schema, made by its own code, with a run in it."""
    made = (
        "import galley.bootstrap; from galley.db import schema; "
        "from galley.db.engine import open_database; import sys; "
        "database = open_database(sys.argv[1]); schema.prepare(database); database.close()"
    )
    environ = {**os.environ, "PYTHONPATH": str(previous)}
    subprocess.run([sys.executable, "-c", made, db_url], env=environ, cwd=tmp_path, check=True)
    run_previous(previous, tmp_path, db_url)
    database = open_database(db_url)
    schema.prepare(database)
    with database.read() as connection:
        assert schema.revisions(connection) == set(schema.HEADS)
    database.close()
    assert runs(db_url) == ["succeeded"]
    run_previous(ROOT / "src", tmp_path, db_url)
    assert runs(db_url) == ["succeeded"] * 2
