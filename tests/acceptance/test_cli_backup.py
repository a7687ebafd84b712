"""A backup taken while a home is used becomes a home in which work goes on."""

import shutil
from pathlib import Path

import pytest

from tests.acceptance.inside import Inside, write
from tests.cli_cast import Shell

pytestmark = pytest.mark.timeout(400)

COUNT = "SELECT count(*) AS n, sum(ring) AS rings FROM birds"


def test_a_restored_home_is_read_run_and_rolled_back(tmp_path: Path) -> None:
    folder = write(tmp_path, {"birds.sql": "SELECT * FROM range(5) AS t(ring)"})
    ana = Inside(folder)
    Shell(folder).galley("run")
    ana.galley("promote", "--yes")
    before = ana.galley("sql", COUNT, "--json").json
    made = ana.galley("backup", "../kept.tar", "--json").follows("backup")
    assert (made["objects"], made["files"] > 40) == (0, True)
    assert "nothing is ever written over" in ana.galley("restore", "../kept.tar", ".galley").err
    shutil.rmtree(folder / ".galley")

    restored = ana.galley("restore", "../kept.tar", ".galley", "--json").follows("backup")
    assert restored["rows"] == made["rows"]
    assert ana.galley("sql", COUNT, "--json").json == before
    birds = next((folder / "pipelines").rglob("birds.sql"))
    birds.write_text("SELECT * FROM range(9) AS t(ring)")
    Shell(folder).galley("run")
    ana.galley("promote", "--yes")
    assert '"n": 9' in ana.galley("sql", COUNT, "--at", "production", "--json").out
    back = ana.galley("rollback", "production", "--yes", "--reason", "a drill")
    assert back.status == 0, back.err
    assert '"n": 5' in ana.galley("sql", COUNT, "--at", "production", "--json").out
    said = ana.galley("doctor", "--json").follows("doctor")["checks"]
    assert [one for one in said if one["state"] == "fail"] == []
