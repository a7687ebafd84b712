"""Places that cannot be written, from the beginning or all of a sudden."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.inside import write
from tests.cli_cast import Ran, Shell

LOCKS = """
from pathlib import Path
from galley import step


@step
def first(*, context):
    warehouse = Path({warehouse!r})
    for folder in [warehouse, *filter(Path.is_dir, warehouse.rglob("*"))]:
        folder.chmod(0o500)
    return [{{'a': 1}}]
"""


def powerless() -> list[str]:
    """What goes before a command so that a mode counts for it, for root as well."""
    if os.geteuid() != 0:
        return []
    tool = shutil.which("setpriv")
    if tool is None:
        pytest.skip("nothing is read-only for root without setpriv")
    return [tool, "--bounding-set", "-dac_override,-dac_read_search"]


def galley(folder: Path, *arguments: str, **environ: str) -> Ran:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GALLEY_")}
    home = str(folder / ".galley")
    done = subprocess.run(
        [*powerless(), sys.executable, "-m", "galley", *arguments],
        cwd=folder,
        env=kept | {"GALLEY_USER": "ana", "GALLEY_HOME": home, "COLUMNS": "200"} | environ,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    ran = Ran(done.returncode, done.stdout, done.stderr)
    for never in ("Traceback", "a defect of Galley"):
        assert never not in ran.out + ran.err, ran.err
    return ran


def heads(folder: Path) -> dict[str, str]:
    """Every ref with the commit it shows."""
    return {one["ref"]: one["head"] for one in galley(folder, "kitchen", "--json").json["refs"]}


def writable(folder: Path) -> None:
    for path in (folder / ".galley", *(folder / ".galley").rglob("*")):
        path.chmod(path.stat().st_mode | 0o700)


@pytest.fixture
def ana(tmp_path: Path) -> Path:
    """A project that has run once."""
    folder = write(tmp_path / "library", {"loans.sql": "SELECT 1 AS id"})
    Shell(folder).galley("run")
    return folder


def test_a_database_file_that_is_read_only(ana: Path) -> None:
    for path in (ana / ".galley").glob("galley.db*"):
        path.chmod(0o400)
    ran = galley(ana, "run")
    writable(ana)
    assert ran.status == 5, ran.err
    assert f"the state database {ana}/.galley/galley.db cannot be written" in ran.err
    assert "mend the permissions" in ran.err
    assert galley(ana, "run").status == 0


def test_a_folder_of_the_database_that_is_read_only(ana: Path) -> None:
    (ana / ".galley").chmod(0o500)
    ran = galley(ana, "run")
    writable(ana)
    assert ran.status == 5, ran.err
    assert "cannot be" in ran.err
    assert "hint:" in ran.err


def test_a_warehouse_that_becomes_read_only_in_mid_run(ana: Path) -> None:
    """The step that runs then fails and says so; what is published stays as it is."""
    before = heads(ana)
    write(
        ana,
        {
            "first.py": LOCKS.format(warehouse=f"{ana}/.galley/warehouse"),
            "second.sql": "SELECT a FROM first",
        },
    )
    ran = galley(ana, "run")
    writable(ana)
    assert ran.status in (1, 5), ran.err
    said = ran.out + ran.err
    assert "ermission denied" in said, said
    assert f"{ana}/.galley/warehouse" in said, said
    assert heads(ana) == before
    write(
        ana,
        {"first.py": "from galley import step\n\n\n@step\ndef first():\n    return [{'a': 1}]\n"},
    )
    assert galley(ana, "run").status == 0


def test_doctor_names_a_warehouse_that_is_read_only(ana: Path) -> None:
    (ana / ".galley" / "warehouse").chmod(0o500)
    ran = galley(ana, "doctor")
    writable(ana)
    assert ran.status == 5, ran.out
    assert f"{ana}/.galley/warehouse cannot be written" in ran.out
    assert "GALLEY_HOME" in ran.out
