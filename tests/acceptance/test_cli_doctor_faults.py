"""`galley doctor --faults` kills, looks, says what it found and takes everything away again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from galley.cli import faultround
from galley.cli.faultround import FaultRound
from galley.db.engine import open_database
from tests.acceptance.inside import Inside, write
from tests.cli_cast import Shell

SUMS: dict[str, str | bytes] = {"sums.sql": "SELECT 1 AS a"}


@pytest.fixture
def ana(tmp_path: Path) -> Inside:
    found = Inside(write(tmp_path / "library", SUMS))
    assert found.galley("run").status == 0
    return found


def scratch(ana: Inside) -> list[str]:
    found = (ana.folder / ".galley/scratch").glob("doctor-*")
    return [path.name for path in found]


def test_a_round_finds_everything_there(ana: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faultround, "POINTS", {"publish.before_commit": 1})
    before = ana.heads()
    ran = ana.galley("doctor", "--faults", "--seconds", "0", "--seed", "3", "--json")
    told = ran.follows("doctor")
    assert (ran.status, told["ok"]) == (0, True), told
    (one,) = told["faults"]["rounds"]
    assert (one["point"], one["killed"], one["violations"]) == ("publish.before_commit", True, [])
    assert told["faults"]["seed"] == 3
    assert told["checks"][-1]["message"].startswith("1 kills at 1 points: nothing was lost")
    assert ana.heads() == before
    assert scratch(ana) == []


def test_what_is_missing_is_found_and_kept(ana: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery that never arrives looks like rows that were lost."""
    monkeypatch.setattr(faultround, "POINTS", {"tests.before_conclude": 1})
    deliver = FaultRound._deliver

    def late(self: FaultRound) -> None:
        if self.batch:
            self.batch += 1
        else:
            deliver(self)

    monkeypatch.setattr(FaultRound, "_deliver", late)
    ran = ana.galley("doctor", "--faults", "--seconds", "0")
    assert ran.status == 5
    assert "✗ faults" in ran.out
    assert "table raw shows 50 rows, 50 of them different, of 1 deliveries" in ran.out
    (kept,) = scratch(ana)
    assert f"the project is kept in {ana.folder}/.galley/scratch/{kept}" in ran.out


def test_points_of_the_round_are_there() -> None:
    """Each is in the code: a renamed one would never fire."""
    source = "".join(p.read_text() for p in Path(faultround.__file__).parents[1].rglob("*.py"))
    for point in faultround.POINTS:
        assert f'faults.point("{point}")' in source, point


@pytest.mark.long
@pytest.mark.postgres
def test_a_shared_database_holds_nothing_of_it_afterwards(tmp_path: Path, pg_url: str) -> None:
    ana = Shell(write(tmp_path / "library", SUMS))
    ana.galley("run", GALLEY_DATABASE=pg_url)
    ran = ana.galley("doctor", "--faults", "--seconds", "0", "--json", GALLEY_DATABASE=pg_url)
    told = ran.follows("doctor")
    assert told["ok"], told
    checks = {check["name"]: check for check in told["checks"]}
    assert "ms there and back" in checks["database"]["message"]
    assert checks["clocks"]["state"] == "ok"
    assert checks["writing"]["state"] == "ok"
    assert [one["violations"] for one in told["faults"]["rounds"]] == [[]]
    database = open_database(pg_url)
    with database.read() as conn:
        for table in inspect(conn).get_table_names():
            for row in conn.execute(text(f'SELECT * FROM "{table}"')):
                assert "doctor_" not in str(row), table
        assert conn.execute(text("SELECT count(*) FROM run")).scalar_one() == 1
    database.close()
